"""Any dictionary written in the published layout reads back as it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facedissect.concepts import Concept, GlobalConcept, Vocabulary
from facedissect.dictionary import published, write
from facedissect.dictionary.demo import open_demo
from facedissect.dictionary.faces import Face, FaceDictionary
from facedissect.dictionary.write import write_published
from facedissect.errors import FaceReadError, OutputError


def test_local_labels_images_and_masks_come_back(tmp_path: Path) -> None:
    dictionary = open_demo(count=6, size=48)
    write_published(dictionary, tmp_path / "out")
    again = published.read(str(tmp_path / "out"))
    assert again.vocabulary == dictionary.vocabulary
    assert len(again.local_faces) == 6
    for face, read in zip(dictionary, again.local_faces, strict=True):
        assert set(read.concepts) == set(face.concepts)
        assert read.kinds == face.kinds
        assert np.array_equal(np.asarray(read.image()), np.asarray(face.image()))
        for concept in face.concepts:
            assert np.array_equal(read.mask(concept), face.mask(concept))


def test_subgroups_come_back_in_the_published_folders(tmp_path: Path) -> None:
    dictionary = open_demo(count=8, size=32)
    write_published(dictionary, tmp_path / "out")
    folders = {path.name for path in (tmp_path / "out" / "non_localizable").iterdir()}
    assert folders == {"Age", "Gender", "Ethnicity", "skin_tone"}
    again = published.read(str(tmp_path / "out"))
    for concept in dictionary.vocabulary.global_concepts:
        for subgroup in concept.subgroups:
            assert len(again.faces_in(concept.name, subgroup)) == len(dictionary.faces_in(concept.name, subgroup))


def test_boxes_and_landmarks_come_back_also_those_of_copies(tmp_path: Path) -> None:
    dictionary = open_demo(count=4, size=32)
    lost, box_only, *others = dictionary.faces
    faces = (replace(lost, box=None, landmarks=None), replace(box_only, landmarks=None, kinds=frozenset(), concepts=()))
    write_published(replace(dictionary, faces=(*faces, *others)), tmp_path / "out")
    again = published.read(str(tmp_path / "out"))
    by_name = {face.id.replace("/", "_"): face for face in (*faces, *others)}
    assert len(again) == 3 + 4 * 4
    for read in again:
        face = by_name[next(name for name in by_name if name in read.id)]
        assert (read.box is None, read.landmarks is None) == (face.box is None, face.landmarks is None)
        if face.box is not None:
            assert read.box == pytest.approx(face.box, abs=0.005)
        if face.landmarks is not None:
            assert read.landmarks == pytest.approx(face.landmarks, abs=0.005001)
    copies = [face for face in again.faces if "demo_000003" in face.id]
    assert len({(face.box, face.landmarks.tobytes()) for face in copies if face.landmarks is not None}) == 1


def test_without_boxes_and_landmarks_there_is_no_file_of_them(tmp_path: Path) -> None:
    (face,) = open_demo(count=1, size=32)
    dictionary = replace(open_demo(count=1, size=32), faces=(replace(face, box=None, landmarks=None),))
    write_published(dictionary, tmp_path / "out")
    assert not (tmp_path / "out" / "landmarks.csv").exists()


def test_the_layout_is_the_published_one(tmp_path: Path) -> None:
    write_published(open_demo(count=1, size=32, Smiling=True), tmp_path / "out")
    first, second = (tmp_path / "out" / "Attributes.csv").read_text().splitlines()
    assert first == "image,labels"
    assert second.startswith("faces/demo_000000/original.png,faces/demo_000000/")
    assert "faces/demo_000000/Smiling.png" in second.split(",")[1].split(";")
    with Image.open(tmp_path / "out" / "faces/demo_000000/Smiling.png") as mask:
        assert mask.mode == "L"
        assert set(np.unique(np.asarray(mask))) == {0, 255}


def test_the_same_dictionary_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_published(open_demo(count=3, size=32), tmp_path / name)
    files = [path.relative_to(tmp_path / "one") for path in sorted((tmp_path / "one").rglob("*")) if path.is_file()]
    assert len(files) > 60
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_unknown_stays_unknown_and_other_concepts_get_a_vocabulary(tmp_path: Path) -> None:
    vocabulary = Vocabulary(
        concepts=(
            Concept(name="left_ear", kind="part", region="Ear"),
            Concept(name="scar", kind="attribute", region="Cheek"),
        ),
        global_concepts=(GlobalConcept(name="hair", subgroups=("dark", "fair")),),
    )
    nose = open_demo(count=2, size=32)

    class Ear:
        def __init__(self, face: Face) -> None:
            self._face = face

        def image(self) -> Image.Image:
            return self._face.image()

        def mask(self, concept: str) -> np.ndarray:
            assert concept == "left_ear"
            return self._face.mask("nose")

        def fingerprint(self) -> str:
            return self._face.source.fingerprint()

    faces = tuple(
        Face(
            id=f"a/{name}",
            source=Ear(face),
            concepts=("left_ear",),
            kinds=frozenset({"part"}),
            subgroups={"hair": hair},
        )
        for name, face, hair in zip(("x?", "x!"), nose, ("dark", "fair"), strict=True)
    )
    dictionary = FaceDictionary(location="", format="test", vocabulary=vocabulary, faces=faces)
    write_published(dictionary, tmp_path / "out")
    assert {path.name for path in (tmp_path / "out" / "faces").iterdir()} == {"a_x_", "a_x_-1"}
    again = published.read(str(tmp_path / "out"))
    assert again.vocabulary == vocabulary
    assert [face.state(vocabulary["scar"]) for face in again.local_faces] == ["unknown", "unknown"]
    assert [face.state(vocabulary["left_ear"]) for face in again.local_faces] == ["present", "present"]


def test_a_new_folder_is_made_with_those_above_it_and_an_empty_one_is_filled(tmp_path: Path) -> None:
    write_published(open_demo(count=1, size=32), tmp_path / "above" / "out")
    (tmp_path / "empty").mkdir()
    write_published(open_demo(count=1, size=32), tmp_path / "empty")
    assert (tmp_path / "above" / "out" / "Parts.csv").is_file()
    assert (tmp_path / "empty" / "Parts.csv").is_file()


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"expected a new or empty folder, got .*, which has something in it"):
        write_published(open_demo(count=1, size=32), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_file_in_place_of_the_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(OutputError, match="got the file"):
        write_published(open_demo(count=1, size=32), tmp_path / "out")
    with pytest.raises(OutputError, match="expected a folder that can be written"):
        write_published(open_demo(count=1, size=32), tmp_path / "out" / "below")


def test_a_face_that_cannot_be_read_leaves_nothing_behind(tmp_path: Path) -> None:
    dictionary = open_demo(count=2, size=32)
    broken = replace(dictionary.faces[1], concepts=(*dictionary.faces[1].concepts, "AU_0"))
    vocabulary = Vocabulary(
        concepts=(*dictionary.vocabulary.concepts, Concept(name="AU_0", kind="action_unit", region="Eye")),
        global_concepts=dictionary.vocabulary.global_concepts,
    )
    with pytest.raises(FaceReadError):
        write_published(
            replace(dictionary, vocabulary=vocabulary, faces=(dictionary.faces[0], broken)), tmp_path / "out"
        )
    assert list(tmp_path.iterdir()) == []


def test_the_folder_appears_only_when_it_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    real = write._write_index
    monkeypatch.setattr(write, "_write_index", lambda *a: seen.append((tmp_path / "out").exists()) or real(*a))
    write_published(open_demo(count=1, size=32), tmp_path / "out")
    assert seen == [False, False, False]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
