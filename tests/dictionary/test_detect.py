"""Finding faces: what is looked at and stored, with a stand-in for dlib; and dlib itself on drawn and on real faces."""

from __future__ import annotations

import importlib.util
import itertools
import sys
import types
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from facedissect.concepts import FACE_DICTIONARY
from facedissect.dictionary import Face, FaceDictionary, Located, detect, detect_faces, open_dictionary, read_landmarks
from facedissect.dictionary.demo import open_demo
from facedissect.dictionary.detect import foremost, load_finder
from facedissect.dictionary.landmarks_file import write_landmarks
from facedissect.errors import DictionaryError, FaceReadError, MissingExtraError, OutputError

if TYPE_CHECKING:
    from conftest import DictionaryFolder

LANDMARKS = np.arange(136.0).reshape(68, 2)


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Stands in for dlib: finds a face in images whose red is even; gives the reds of the images looked at."""
    reds: list[int] = []

    def find(image: Image.Image) -> Located:
        reds.append(int(np.asarray(image)[0, 0, 0]))
        return Located() if reds[-1] % 2 else Located(box=(1.0, 2.0, 3.0 + reds[-1], 4.0), landmarks=LANDMARKS)

    monkeypatch.setattr(detect, "load_finder", lambda: find)
    return reds


@pytest.fixture
def photos(folder: DictionaryFolder) -> DictionaryFolder:
    """Five images whose reds are 1 to 5."""
    folder.index("Parts.csv", *((folder.image(f"{number}.png"), []) for number in range(1, 6)))
    return folder


def found(dictionary: FaceDictionary) -> list[str]:
    return [face.id for face in dictionary if face.box is not None and face.landmarks is not None]


def test_what_is_found_is_stored_with_the_dictionary(photos: DictionaryFolder, looked_at: list[int]) -> None:
    dictionary = detect_faces(photos.open())
    assert looked_at == [1, 2, 3, 4, 5]
    assert found(dictionary) == ["2.png", "4.png"]
    assert dictionary["4.png"].box == (1.0, 2.0, 7.0, 4.0)
    assert list(read_landmarks(photos.root / "landmarks.csv")) == [face.id for face in dictionary]
    assert photos.open().digest == dictionary.digest
    assert found(photos.open()) == ["2.png", "4.png"]


def test_an_image_is_looked_at_once(photos: DictionaryFolder, looked_at: list[int]) -> None:
    first = detect_faces(photos.open())
    assert detect_faces(photos.open()).digest == first.digest
    assert detect_faces(first).digest == first.digest
    assert looked_at == [1, 2, 3, 4, 5]
    photos.append("Parts.csv", f"{photos.image('6.png')},")
    assert found(detect_faces(photos.open())) == ["2.png", "4.png", "6.png"]
    assert looked_at == [1, 2, 3, 4, 5, 6]


def test_faces_with_a_box_or_landmarks_keep_them(
    photos: DictionaryFolder, looked_at: list[int], tmp_path: Path
) -> None:
    dictionary = photos.open().located({"1.png": Located(box=(0, 0, 2, 2)), "2.png": Located(landmarks=LANDMARKS + 1)})
    again = detect_faces(dictionary, path=tmp_path / "out.csv")
    assert looked_at == [3, 4, 5]
    assert again["1.png"] == dictionary["1.png"]
    assert again["2.png"].box is None
    assert not (photos.root / "landmarks.csv").exists()
    assert open_dictionary(photos.root, landmarks=tmp_path / "out.csv").digest == again.digest


def test_a_part_of_a_dictionary_leaves_the_rows_of_the_others(photos: DictionaryFolder, looked_at: list[int]) -> None:
    for index in range(2):
        shard = detect_faces(photos.open().shard(index, 2))
        assert len(shard) == 3 - index
    assert looked_at == [1, 3, 5, 2, 4]
    assert found(photos.open()) == ["2.png", "4.png"]


def test_what_the_file_knows_already_is_taken_from_it(photos: DictionaryFolder, looked_at: list[int]) -> None:
    dictionary = photos.open()
    write_landmarks({"3.png": Located(box=(0, 0, 2, 2)), "4.png": Located()}, photos.root / "landmarks.csv")
    again = detect_faces(dictionary)
    assert looked_at == [1, 2, 5]
    assert [face.id for face in again if face.box is not None] == ["2.png", "3.png"]


def test_an_image_that_cannot_be_read_is_left_for_later(photos: DictionaryFolder, looked_at: list[int]) -> None:
    content = (photos.root / "2.png").read_bytes()
    (photos.root / "2.png").write_bytes(content[:-20])
    dictionary = detect_faces(photos.open())
    assert (looked_at, found(dictionary)) == ([1, 3, 4, 5], ["4.png"])
    assert "2.png" not in read_landmarks(photos.root / "landmarks.csv")
    with pytest.raises(FaceReadError):
        dictionary["2.png"].image()
    (photos.root / "2.png").write_bytes(content)
    assert found(detect_faces(photos.open())) == ["2.png", "4.png"]
    assert looked_at == [1, 3, 4, 5, 2]


def test_progress_counts_the_images_to_look_at(photos: DictionaryFolder, looked_at: list[int]) -> None:
    seen: list[tuple[int, int]] = []
    write_landmarks({"3.png": Located()}, photos.root / "landmarks.csv")
    detect_faces(photos.open(), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_an_interrupt_keeps_what_was_found(photos: DictionaryFolder, looked_at: list[int]) -> None:
    def interrupt(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        detect_faces(photos.open(), progress=interrupt)
    assert list(read_landmarks(photos.root / "landmarks.csv")) == ["1.png", "2.png"]
    detect_faces(photos.open())
    assert looked_at == [1, 2, 3, 4, 5]


def test_long_work_is_written_in_between(
    photos: DictionaryFolder, looked_at: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: list[int] = []
    minutes = itertools.count(step=60)
    monkeypatch.setattr(detect, "time", types.SimpleNamespace(monotonic=lambda: next(minutes)))
    monkeypatch.setattr(detect, "write_landmarks", lambda locations, _: rows.append(len(locations)))
    detect_faces(photos.open())
    assert rows == [0, 1, 2, 3, 4, 5, 5]


def test_a_place_that_cannot_be_written_is_refused_first(
    photos: DictionaryFolder, looked_at: list[int], tmp_path: Path
) -> None:
    with pytest.raises(
        OutputError, match=r"expected a file that can be written, got .*gone/out.csv: .*; choose another"
    ):
        detect_faces(photos.open(), path=tmp_path / "gone" / "out.csv")
    bad = photos.open()
    bad = replace(bad, faces=(*bad.faces, Face(id="\udcff.png", source=bad.faces[0].source)))
    with pytest.raises(
        OutputError, match=r"expected paths of images that are text, got '\\udcff.png'; rename the file"
    ):
        detect_faces(bad)
    assert looked_at == []


def test_a_dictionary_that_is_no_folder_needs_a_path(
    array_source: Callable[..., object], looked_at: list[int], tmp_path: Path
) -> None:
    face = Face(id="one", source=array_source(np.full((9, 9, 3), 4, np.uint8), {}))  # type: ignore[arg-type]
    memory = FaceDictionary(location="here", format="memory", vocabulary=FACE_DICTIONARY, faces=(face,))
    with pytest.raises(
        OutputError,
        match="expected a path for the landmarks of here, which is no folder of files, got none; give the path",
    ):
        detect_faces(memory)
    assert found(detect_faces(memory, path=tmp_path / "out.csv")) == ["one"]


def test_demo_faces_need_no_looking_at(looked_at: list[int]) -> None:
    demo = open_demo(count=3, size=32)
    assert detect_faces(demo).digest == demo.digest
    assert looked_at == []


def test_a_bad_file_is_not_written_over(photos: DictionaryFolder, looked_at: list[int]) -> None:
    photos.text("landmarks.csv", "mine")
    with pytest.raises(
        DictionaryError, match=r"landmarks.csv:1: expected a first line with the 141 columns .*, got 1 col"
    ):
        detect_faces(photos.open().located({}), path=photos.root / "landmarks.csv")
    assert (photos.root / "landmarks.csv").read_text() == "mine"


def test_without_the_extra_it_says_what_to_install(photos: DictionaryFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    message = r"finding faces needs the optional dependencies `landmarks`; run: pip install 'facedissect\[landmarks\]'"
    dictionary = photos.open()
    monkeypatch.setitem(sys.modules, "dlib", None)
    with pytest.raises(MissingExtraError, match=message):
        detect_faces(dictionary)
    monkeypatch.setitem(sys.modules, "dlib", types.ModuleType("dlib"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=message):
        detect_faces(dictionary)
    assert not (photos.root / "landmarks.csv").exists()


def test_the_foremost_of_several_faces() -> None:
    centre, larger, corner = (40.0, 40.0, 60.0, 60.0), (30.0, 20.0, 70.0, 60.0), (0.0, 0.0, 48.0, 48.0)
    assert foremost([centre, larger], 100, 100) == larger
    assert foremost([corner, larger], 100, 100) == larger
    assert foremost([corner, centre], 100, 100) == corner
    assert foremost([(-9.0, -9.0, 20.0, 20.0), centre], 100, 100) == centre
    assert foremost([(10.0, 40.0, 30.0, 60.0), (70.0, 40.0, 90.0, 60.0)], 100, 100)[0] == 10


class Rectangle:
    """Of dlib: left, top, right and bottom are the outermost pixels inside."""

    def __init__(self, *edges: int) -> None:
        self.edges = edges

    left, top, right, bottom = (lambda self, n=n: self.edges[n] for n in range(4))


class FakeDlib(types.SimpleNamespace):
    """Finds the white rectangle in images of `smallest` pixels and more; its points are the centre of its first pixel."""

    def __init__(self, smallest: int) -> None:
        super().__init__(rectangle=Rectangle, sizes=[], smallest=smallest)

    def get_frontal_face_detector(self) -> Callable[[np.ndarray], list[Rectangle]]:
        def detector(pixels: np.ndarray) -> list[Rectangle]:
            self.sizes.append(pixels.shape[1::-1])
            rows, columns = np.nonzero(pixels[..., 0] > 127)
            if min(pixels.shape[:2]) < self.smallest or not len(rows):
                return []
            return [Rectangle(columns.min(), rows.min(), columns.max(), rows.max())]

        return detector

    def shape_predictor(self, _: str) -> Callable[[np.ndarray, Rectangle], object]:
        def predictor(pixels: np.ndarray, box: Rectangle) -> object:
            self.sizes.append(pixels.shape[1::-1])
            left, top, right, bottom = (int(edge) for edge in box.edges)
            assert pixels[top : bottom + 1, left : right + 1].min() > 60 > pixels[:, left - 9].max()
            corners = [(left, top), (right, bottom)] * 34
            return types.SimpleNamespace(parts=lambda: [types.SimpleNamespace(x=x, y=y) for x, y in corners])

        return predictor


@pytest.mark.parametrize(
    ("size", "smallest", "looked", "precision"),
    [
        ((400, 300), 1, [(400, 300), (400, 300)], 0),
        ((200, 150), 1, [(200, 150), (400, 300)], 0.5),
        ((200, 150), 300, [(200, 150), (400, 300), (400, 300)], 0.5),
        ((101, 77), 300, [(101, 77), (394, 300), (394, 300)], 0.5),
        ((200, 30), 1, [(200, 30), (1600, 240)], 0.5),
        ((200, 150), 999, [(200, 150), (400, 300)], None),
        ((400, 300), 999, [(400, 300)], None),
    ],
)
def test_dlib_is_asked_in_its_own_coordinates(
    size: tuple[int, int], smallest: int, looked: list[tuple[int, int]], precision: float | None
) -> None:
    fake = FakeDlib(smallest)
    image = Image.new("RGB", size)
    image.paste((255, 255, 255), (30, 8, 70, 25))
    located = detect._DlibFinder(fake, Path())(image)
    assert fake.sizes == looked
    assert located.found == (precision is not None)
    if located.box is not None and located.landmarks is not None and precision is not None:
        assert located.box == pytest.approx((30, 8, 70, 25), abs=precision)
        # Half a pixel too much or too little would show here, since both corners would move the same way.
        centres = np.reshape(located.box, (2, 2)).mean(0), located.landmarks.mean(0)
        assert np.ravel(centres) == pytest.approx([50, 16.5, 50, 16.5], abs=0.15)
        # Corners of the first and the last pixel, or of what became of them when enlarged.
        assert located.landmarks[:2].ravel() == pytest.approx([30.5, 8.5, 69.5, 24.5], abs=precision)
        assert np.array_equal(located.landmarks, located.landmarks.round(2))


@pytest.fixture(scope="session")
def finder() -> detect.Finder:
    pytest.importorskip("dlib", reason="needs the extra `landmarks`", exc_type=ImportError)
    return load_finder()


def test_dlib_finds_drawn_faces(finder: detect.Finder) -> None:
    demo = open_demo(count=12, size=128)
    places = [(face, finder(face.image())) for face in demo]
    errors = [
        np.linalg.norm(located.landmarks - face.landmarks, axis=1)[36:48].mean()
        for face, located in places
        if located.landmarks is not None and face.landmarks is not None
    ]
    assert len(errors) >= 10
    assert np.median(errors) < 128 * 0.03
    assert finder(demo.faces[0].image()).box == finder(demo.faces[0].image()).box
    assert finder(Image.new("RGB", (200, 200), (90, 90, 90))) == Located()
    assert finder(Image.new("RGB", (1, 1))) == Located()


def test_dlib_agrees_with_points_set_by_hand(shared: Path, finder: detect.Finder) -> None:
    errors = []
    for path in sorted((shared / "faces/landmarks68").glob("*.jpg"))[::60]:
        with Image.open(path) as image:
            located = finder(image.convert("RGB"))
        text = path.with_suffix(".pts").read_text().split("{")[1].split("}")[0]
        truth = np.array(text.split(), float).reshape(68, 2) - 0.5  # written with the first pixel's centre at 1
        if located.landmarks is not None:
            between_eyes = np.linalg.norm(truth[36] - truth[45])
            errors.append(np.linalg.norm(located.landmarks - truth, axis=1).mean() / between_eyes)
    assert len(errors) >= 16
    assert np.mean(errors) < 0.05
