"""Packing loses nothing, leaves nothing half written, and gives files that other programs understand."""

from __future__ import annotations

import csv
import gc
import json
import tracemalloc
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image

from facedissect.concepts import FACE_DICTIONARY
from facedissect.dictionary import Face, FaceDictionary, FaceSource, Located, encoded, open_dictionary, packed
from facedissect.dictionary.demo import open_demo
from facedissect.dictionary.files import FileSource, read_image
from facedissect.dictionary.pack import pack
from facedissect.dictionary.published import INDEXES
from facedissect.dictionary.write import write_published
from facedissect.errors import DictionaryError, FaceReadError, OutputError, SettingsError

if TYPE_CHECKING:
    from conftest import DictionaryFolder

DRAWN = Image.fromarray(np.random.default_rng(3).integers(0, 256, (6, 8, 3), np.uint8))


def expect_equal(one: FaceDictionary, other: FaceDictionary) -> None:
    """All labels, places, pixels and masks are the same, in the same order."""
    assert one.vocabulary == other.vocabulary
    assert one.faces == tuple(replace(face, source=known.source) for face, known in zip(other, one, strict=True))
    for face, again in zip(one, other, strict=True):
        assert (face.landmarks is None) == (again.landmarks is None)
        assert face.landmarks is None or np.array_equal(face.landmarks, again.landmarks)
        assert np.array_equal(np.asarray(face.image()), np.asarray(again.image()))
        for concept in face.concepts:
            assert np.array_equal(face.mask(concept), again.mask(concept))
    assert one.digest == other.digest


def packed_again(dictionary: FaceDictionary, folder: Path, **options: Any) -> FaceDictionary:
    pack(dictionary, folder, **options)
    return packed.read(str(folder))


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def varied(folder: DictionaryFolder) -> DictionaryFolder:
    """Faces of several kinds and none, with copies, landmarks, concepts of their own, and images of several formats."""
    folder.text(
        "vocabulary.toml", 'extends = "published"\n[[concept]]\nname = "left_ear"\nkind = "part"\nregion = "Ear"\n'
    )
    plain, jpeg, grey = folder.image("a/original.png"), "b/original.jpg", "c/original.png"
    for path in (jpeg, grey):
        (folder.root / path).parent.mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side: 8x6 as stored is 6x8 upright
    DRAWN.save(folder.root / jpeg, exif=exif)
    Image.fromarray(np.arange(0, 48 * 1000, 1000, np.uint16).reshape(6, 8)).save(folder.root / grey)
    folder.index("Parts.csv", (plain, [folder.mask("a/left_ear.png"), folder.mask("a/nose.png")]), (grey, []))
    folder.index("Action_Units.csv", (jpeg, [folder.mask("b/AU_12.png", size=(6, 8))]), (plain, []))
    folder.image("non_localizable/Age/sixty_plus/0.png")
    folder.image("non_localizable/hats/cap/0.png")
    folder.image("non_localizable/hats/none/0.png")
    points = np.random.default_rng(0).random((68, 2)).round(2) * 5
    folder.landmarks({plain: Located(box=(0.25, 1, 7, 5.5), landmarks=points), jpeg: Located(landmarks=points + 1)})
    return folder


def test_published_layout_packed_and_written_again_is_the_same(varied: DictionaryFolder, tmp_path: Path) -> None:
    source = varied.open()
    again = packed_again(source, tmp_path / "packed")
    expect_equal(source, again)
    write_published(source, tmp_path / "directly")
    write_published(again, tmp_path / "by way of the pack")
    written = files_in(tmp_path / "directly")
    assert len(written) == 3 + 3 + 3 + 3 + 1  # images, masks, copies, indexes, vocabulary and landmarks less one index
    assert written == files_in(tmp_path / "by way of the pack")


def test_embedded_faces_and_any_other_source_become_pngs(
    planted: tuple[FaceDictionary, object], tmp_path: Path
) -> None:
    for name, source in {"demo": open_demo(count=5, size=48), "memory": planted[0]}.items():
        again = packed_again(source, tmp_path / name)
        expect_equal(source, again)
        files = [face.source.encoded_image() for face in again]
        assert all(file.startswith(b"\x89PNG") for file in files)


def test_image_files_keep_their_bytes_also_when_packed_again(varied: DictionaryFolder, tmp_path: Path) -> None:
    once = packed_again(varied.open(), tmp_path / "once")
    twice = packed_again(once, tmp_path / "twice")
    for face, again in zip(once, twice, strict=True):
        original = (varied.root / face.id).read_bytes()
        assert face.source.encoded_image() == original == again.source.encoded_image()
    assert files_in(tmp_path / "once" / "data") == files_in(tmp_path / "twice" / "data")


@dataclass(frozen=True)
class Wrapped:
    """A source that hands on what another has."""

    inner: FaceSource

    def image(self) -> Image.Image:
        return self.inner.image()

    def encoded_image(self) -> bytes | None:
        return encoded.encoded_image(self.inner)

    def mask(self, concept: str) -> np.ndarray:
        return self.inner.mask(concept)

    def fingerprint(self) -> str:
        return self.inner.fingerprint()


def test_a_source_around_another_hands_on_its_file_or_none(varied: DictionaryFolder, tmp_path: Path) -> None:
    files = packed_again(varied.open(), tmp_path / "files")
    for name, source in {"wrapped": files, "drawn": open_demo(count=2, size=32)}.items():
        wrapped = replace(source, faces=tuple(replace(face, source=Wrapped(face.source)) for face in source))
        expect_equal(wrapped, packed_again(wrapped, tmp_path / name))
    assert files_in(tmp_path / "wrapped" / "data") == files_in(tmp_path / "files" / "data")


def formats() -> dict[str, Callable[[Path], None]]:
    alpha = DRAWN.convert("RGBA")
    alpha.putalpha(100)
    palette = DRAWN.quantize(5)
    return {
        "palette.gif": palette.save,
        "alpha.png": alpha.save,
        "palette.png": lambda path: palette.save(path, transparency=1),
        "bits.png": DRAWN.convert("1").save,
        "cmyk.jpg": DRAWN.convert("CMYK").save,
        "grey.jpg": DRAWN.convert("L").save,
        "lossless.webp": lambda path: DRAWN.save(path, lossless=True),
        "deep.tiff": Image.fromarray(np.arange(48, dtype=np.uint16).reshape(6, 8) * 999).save,
        **{f"turned{turn}.jpg": lambda path, turn=turn: DRAWN.save(path, exif=_turned(turn)) for turn in range(1, 9)},
        "turned.png": lambda path: DRAWN.save(path, exif=_turned(8)),
    }


def _turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@pytest.mark.parametrize(("name", "save"), formats().items(), ids=formats())
def test_an_image_of_any_format_is_what_reading_its_file_gives(
    name: str, save: Callable[[Path], None], tmp_path: Path
) -> None:
    save(tmp_path / name)
    expected = read_image(tmp_path / name)
    face = Face(id=name, source=FileSource(root=tmp_path, image_path=name))
    dictionary = FaceDictionary(location="one", format="memory", vocabulary=FACE_DICTIONARY, faces=(face,))
    (again,) = packed_again(dictionary, tmp_path / "packed")
    assert (again.image().size, again.image().mode) == (expected.size, "RGB")
    assert again.image().tobytes() == expected.tobytes()
    row = pq.read_table(tmp_path / "packed" / "data", columns=["width", "height"]).to_pylist()
    assert row == [{"width": expected.width, "height": expected.height}]
    verified = encoded.as_rgb(encoded.decode((tmp_path / name).read_bytes()))
    assert verified.tobytes() == expected.tobytes()


def test_labels_identity_and_split_come_back(tmp_path: Path) -> None:
    first, second, third = open_demo(count=3, size=32)
    faces = (
        replace(first, labels={"Smiling": True, "age": 31.5, "note": "glasses, \u00e9"}, identity="7", split="train"),
        replace(
            second,
            unknown=frozenset({"nose", "AU_1"}),
            labels={"Smiling": False, "age": np.float64(4)},
            subgroups={"gender": "Male", "hat": "cap"},
        ),
        third,
    )
    again = packed_again(replace(open_demo(count=3, size=32), faces=faces), tmp_path / "packed")
    assert [face.labels for face in again] == [dict(face.labels) for face in faces]
    assert [type(value) for value in again.faces[0].labels.values()] == [bool, float, str]
    assert [(face.identity, face.split) for face in again] == [("7", "train"), (None, None), (None, None)]
    assert [face.subgroups for face in again] == [face.subgroups for face in faces]
    assert [face.unknown for face in again] == [face.unknown for face in faces]


@pytest.mark.parametrize(("megabytes", "least"), [(500.0, 1), (0.03, 4)])
def test_shards_hold_all_faces_in_order(megabytes: float, least: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = replace(open_demo(count=1, size=32).faces[0], kinds=frozenset(), concepts=())
    faces = tuple(replace(noise, id=f"{n}", source=Noise(rng.bytes(300))) for n in range(600))
    source = replace(open_demo(count=1, size=32), faces=faces)
    again = packed_again(source, tmp_path / "packed", shard_megabytes=megabytes)
    names = sorted(path.name for path in (tmp_path / "packed" / "data").iterdir())
    assert len(names) >= least
    assert names == [f"train-{n:05}-of-{len(names):05}.parquet" for n in range(len(names))]
    expect_equal(source, again)


@dataclass(frozen=True)
class Noise:
    """An image that cannot be compressed."""

    pixels: bytes

    def image(self) -> Image.Image:
        return Image.frombytes("RGB", (10, len(self.pixels) // 30), self.pixels)

    def mask(self, concept: str) -> np.ndarray:  # noqa: ARG002
        return np.ones((3, 3), bool)

    def fingerprint(self) -> str:
        return self.pixels[:9].hex()


@dataclass(frozen=True)
class ManyMegabytes(Noise):
    """Noise that is made when it is asked for."""

    def image(self) -> Image.Image:
        seed = int.from_bytes(self.pixels, "big")
        return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (150, 200, 3), np.uint8))


def test_memory_is_bounded(tmp_path: Path) -> None:
    (face,) = open_demo(count=1, size=32)
    faces = tuple(replace(face, id=f"{n}", source=ManyMegabytes(bytes([n])), concepts=()) for n in range(250))
    dictionary = replace(open_demo(count=1, size=32), faces=faces)
    gc.collect()
    tracemalloc.start()
    try:
        pack(dictionary, tmp_path / "packed")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    written = sum(map(len, files_in(tmp_path / "packed").values()))
    assert written > 250 * 150 * 200 * 3
    assert peak < written / 2


def test_the_same_dictionary_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "other"):
        pack(open_demo(count=4, size=32), tmp_path / name)
    assert files_in(tmp_path / "one") == files_in(tmp_path / "other")


def test_the_header_says_what_is_packed(varied: DictionaryFolder, tmp_path: Path) -> None:
    source = varied.open()
    pack(source, tmp_path / "packed")
    header = json.loads((tmp_path / "packed" / "dictionary.json").read_text())
    (shard,) = header["shards"]
    assert (header["format"], header["version"], header["faces"]) == ("facedissect packed", 1, 6)
    assert header["digest"] == source.digest
    assert {name: count for name, count in header["concept_images"].items() if count} == dict.fromkeys(
        ["AU_12", "nose", "left_ear"], 1
    )
    assert header["subgroup_images"]["hats"] == {"cap": 1, "none": 1}
    assert shard["file"] == "data/train-00000-of-00001.parquet"
    assert (shard["faces"], shard["bytes"]) == (6, (tmp_path / "packed" / shard["file"]).stat().st_size)


def test_pandas_decodes_images_and_masks_in_the_documented_lines(tmp_path: Path) -> None:
    source = open_demo(count=3, size=40)
    pack(source, tmp_path / "packed")
    table = pd.read_parquet(tmp_path / "packed" / "data")
    for face, row in zip(source, table.itertuples(), strict=True):
        assert Image.open(BytesIO(row.image["bytes"])).tobytes() == face.image().tobytes()
        assert row.image["path"] == f"{face.id}.png"
        assert [entry["concept"] for entry in row.concepts] == list(face.concepts)
        for entry in row.concepts:
            inside = np.arange(len(entry["runs"])) % 2 == 1
            mask = np.repeat(inside, entry["runs"]).reshape(row.width, row.height).T
            assert np.array_equal(mask, face.mask(entry["concept"]))
        assert np.array_equal(np.reshape(row.landmarks, (68, 2)), face.landmarks)
        assert tuple(row.box.values()) == face.box


def test_datasets_is_told_which_column_is_an_image(tmp_path: Path) -> None:
    """The key and the type of the column are those that `datasets` (2.x to 5.x) looks for."""
    pack(open_demo(count=1, size=32), tmp_path / "packed")
    schema = pq.read_schema(next((tmp_path / "packed" / "data").iterdir()))
    assert json.loads(schema.metadata[b"huggingface"])["info"]["features"]["image"] == {"_type": "Image"}
    assert str(schema.field("image").type) == "struct<bytes: binary, path: string>"


def test_datasets_opens_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    (face,) = open_demo(count=1, size=32)
    pack(open_demo(count=1, size=32), tmp_path / "packed")
    (row,) = datasets.load_dataset(str(tmp_path / "packed"), split="train", cache_dir=str(tmp_path / "cache"))
    assert row["image"].tobytes() == face.image().tobytes()
    assert row["subgroups"] == face.subgroups


def test_duckdb_opens_the_shards(tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    (face,) = open_demo(count=1, size=32)
    pack(open_demo(count=1, size=32), tmp_path / "packed")
    query = f"select id, subgroups.gender, list_sum(concepts[1].runs[2:-:2]) from '{tmp_path}/packed/data/*.parquet'"  # noqa: S608
    (row,) = duckdb.sql(query).fetchall()
    assert row == (face.id, face.subgroups["gender"], face.mask(face.concepts[0]).sum())


def test_progress_is_told_after_each_face(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    pack(open_demo(count=3, size=32), tmp_path / "packed", progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_an_interrupt_leaves_nothing(tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        if done == 150:  # the first row group is written
            assert [path.name for path in tmp_path.rglob("*.parquet")] == ["0.parquet"]
            raise KeyboardInterrupt

    (face,) = open_demo(count=1, size=32)
    faces = tuple(replace(face, id=f"{n}") for n in range(200))
    with pytest.raises(KeyboardInterrupt):
        pack(replace(open_demo(count=1, size=32), faces=faces), tmp_path / "packed", progress=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_image_is_not_packed(varied: DictionaryFolder, tmp_path: Path) -> None:
    path = varied.root / "a/original.png"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(FaceReadError, match=r"expected an image that can be read, got .*a/original.png"):
        pack(varied.open(), tmp_path / "packed")
    assert not (tmp_path / "packed").exists()


def demo_with(**changes: Any) -> FaceDictionary:
    first, second = open_demo(count=2, size=32)
    return replace(open_demo(count=2, size=32), faces=(first, replace(second, **changes)))


def bare(source: FaceDictionary, labels: Mapping[str, object]) -> FaceDictionary:
    first, second = source
    return replace(source, faces=(replace(first, labels={"age": 3.0}), replace(second, labels=labels)))


REFUSED: dict[str, tuple[Callable[[], FaceDictionary], type[Exception], str]] = {
    "no faces": (
        lambda: replace(open_demo(count=1), faces=()),
        OutputError,
        "expected a dictionary with faces, got demo:count=1,seed=0,size=128, which has none",
    ),
    "label of two types": (
        lambda: bare(open_demo(count=2, size=32), {"age": True}),
        OutputError,
        "expected the label age to be double in all faces, got True, a bool, in demo/000001; give it one type",
    ),
    "mask of another size": (
        lambda: demo_with(source=Noise(bytes(300)), concepts=("nose",)),
        FaceReadError,
        "expected a mask of 10x10, as the image of demo/000001 is, got 3x3 of nose",
    ),
    "box without area": (
        lambda: demo_with(box=(3, 3, 3, 5)),
        DictionaryError,
        r"demo/000001: expected a box \(left, top, right, bottom\) with an area, got \(3, 3, 3, 5\)",
    ),
    "few landmarks": (
        lambda: demo_with(landmarks=np.ones((5, 2))),
        DictionaryError,
        r"demo/000001: expected 68 finite landmarks \(x, y\), got others, of shape \(5, 2\)",
    ),
    "no text": (
        lambda: demo_with(id="\udcff.png"),
        OutputError,
        r"expected paths of images that are text, got '\\udcff.png'; rename the file",
    ),
}


@pytest.mark.parametrize(("make", "error", "message"), REFUSED.values(), ids=REFUSED)
def test_what_makes_no_sense_is_refused(
    make: Callable[[], FaceDictionary], error: type[Exception], message: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message) as caught:
        pack(make(), tmp_path / "packed")
    assert type(caught.value) is error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [0, -1.0, float("nan")])
def test_a_shard_has_a_size(size: float, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=f"expected shards of more than 0 megabytes, got {size}"):
        pack(open_demo(count=1), tmp_path / "packed", shard_megabytes=size)


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"expected a new or empty folder, got .*, which has something in it"):
        pack(open_demo(count=1, size=32), tmp_path)
    with pytest.raises(OutputError, match=r"expected a new or empty folder, got the file .*notes.txt"):
        pack(open_demo(count=1, size=32), tmp_path / "notes.txt")
    with pytest.raises(OutputError, match=r"expected a folder that can be written, got .*notes.txt.deeper: "):
        pack(open_demo(count=1, size=32), tmp_path / "notes.txt" / "deeper")
    assert files_in(tmp_path) == {"notes.txt": b"mine"}


def test_rows_of_the_published_indexes(shared: Path, tmp_path: Path) -> None:
    """Every eighth row, with the smallest of images; `benchmarks/pack.py --indexes` packs them all."""
    faces = []
    for name, kind in INDEXES.items():
        with (shared / "reference" / "face_dictionary_index" / name).open(newline="") as file:
            for row in list(csv.DictReader(file))[::8]:
                concepts = tuple(PurePosixPath(path).stem for path in row["labels"].split(";") if path)
                faces.append(
                    Face(id=row["image"], source=Tiny(row["image"]), concepts=concepts, kinds=frozenset({kind}))
                )
    source = FaceDictionary(location="rows", format="memory", vocabulary=FACE_DICTIONARY, faces=tuple(faces))
    again = packed_again(source, tmp_path / "packed")
    assert len(again) == len(faces) > 3000
    counted = Counter(concept for face in faces for concept in face.concepts)
    header = json.loads((tmp_path / "packed" / "dictionary.json").read_text())
    assert {name: count for name, count in header["concept_images"].items() if count} == counted
    assert {name: len(again.faces_with(name)) for name in counted} == counted
    assert again.digest == source.digest


@dataclass(frozen=True)
class Tiny:
    """Nine pixels of one colour."""

    name: str

    def image(self) -> Image.Image:
        return Image.new("RGB", (3, 3), (len(self.name), 2, 3))

    def mask(self, concept: str) -> np.ndarray:  # noqa: ARG002
        return np.eye(3, dtype=bool)

    def fingerprint(self) -> str:
        return self.name


def test_real_faces_come_back(shared: Path, tmp_path: Path) -> None:
    source = open_dictionary(shared / "face-dictionary-mini").shard(3, 40)
    again = packed_again(source, tmp_path / "packed")
    assert len(again) > 60
    expect_equal(source, again)
