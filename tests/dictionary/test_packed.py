"""Reading packed dictionaries: lazily, from several threads and processes, and never past damage."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from facedissect.dictionary import FaceDictionary, packed, packed_source
from facedissect.dictionary.demo import open_demo
from facedissect.dictionary.pack import pack
from facedissect.errors import DictionaryError, FaceReadError

COUNT = 300


@pytest.fixture(scope="module")
def source() -> FaceDictionary:
    """Faces of several row groups, of which three are drawn."""
    drawn = open_demo(count=3, size=32).faces
    faces = tuple(replace(drawn[n % 3], id=f"{n}", box=(0, 0, n + 1, 9.5)) for n in range(COUNT))
    return replace(open_demo(count=3, size=32), faces=faces)


@pytest.fixture(scope="module")
def pristine(source: FaceDictionary, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packed") / "faces"
    pack(source, folder, shard_megabytes=0.02)
    return folder


@pytest.fixture
def folder(pristine: Path, tmp_path: Path) -> Path:
    """A packed dictionary of several shards, to damage."""
    return Path(shutil.copytree(pristine, tmp_path / "faces"))


def first_shard(folder: Path) -> Path:
    return min((folder / "data").iterdir())


def test_the_fixture_has_several_shards_and_row_groups(pristine: Path) -> None:
    shards = sorted((pristine / "data").iterdir())
    assert len(shards) == 2
    assert [pq.ParquetFile(shard).num_row_groups for shard in shards] == [2, 1]


def test_a_packed_folder_is_recognised_and_no_other(pristine: Path, tmp_path: Path) -> None:
    assert packed.recognises(pristine)
    (tmp_path / "dictionary.json").write_text("{}")
    (tmp_path / "data").mkdir()
    for other in (tmp_path, tmp_path / "nowhere", tmp_path / "dictionary.json", pristine / "data"):
        assert not packed.recognises(other)
    assert packed.LOOKED_FOR == "dictionary.json beside a folder data of Parquet files"


def test_opening_reads_labels_and_no_pixels(
    pristine: Path, source: FaceDictionary, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[list[str]] = []
    real = pq.ParquetFile.read
    monkeypatch.setattr(pq.ParquetFile, "read", lambda self, columns: read.append(columns) or real(self, columns))
    monkeypatch.setattr(pq.ParquetFile, "read_row_group", None)
    dictionary = packed.read(str(pristine))
    assert (dictionary.format, dictionary.location, len(dictionary)) == ("packed", str(pristine), COUNT)
    assert [face.box for face in dictionary] == [face.box for face in source]
    assert dictionary.digest == source.digest  # fingerprints are stored
    assert {
        name for columns in read for name in columns if "image" in name or "runs" in name or name == "concepts"
    } == set()


def test_few_row_groups_are_read_in_order_and_any_face_at_random(
    folder: Path, source: FaceDictionary, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups: list[tuple[int, list[str]]] = []
    real = pq.ParquetFile.read_row_group

    def counted(self: pq.ParquetFile, group: int, columns: list[str], **options: bool) -> pa.Table:
        groups.append((group, columns))
        return real(self, group, columns, **options)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", counted)
    dictionary = packed.read(str(folder))
    for face in dictionary:
        face.image()
    assert len(groups) == 3  # each once, and without masks
    assert not any("concepts" in columns for _, columns in groups)
    for number in np.random.default_rng(0).permutation(COUNT)[:40].tolist():
        face, known = dictionary.faces[number], source.faces[number]
        assert face.image().tobytes() == known.image().tobytes()
        assert np.array_equal(face.mask("nose"), known.mask("nose"))
    assert len(groups) == 6


def test_several_threads_read_the_same(folder: Path, source: FaceDictionary) -> None:
    dictionary = packed.read(str(folder))
    with ThreadPoolExecutor(8) as pool:
        images = list(pool.map(lambda face: face.image().tobytes(), dictionary))
        masks = list(pool.map(lambda face: face.mask("mouth"), dictionary))
    assert images == [face.image().tobytes() for face in source]
    assert all(np.array_equal(mask, face.mask("mouth")) for mask, face in zip(masks, source, strict=True))


def test_a_pickled_face_reads_the_same(folder: Path, source: FaceDictionary) -> None:
    face = packed.read(str(folder)).faces[-1]
    content = pickle.dumps(face.source)
    assert len(content) < 500
    packed_source._read_images.cache_clear()
    again = pickle.loads(content)  # noqa: S301
    assert again == face.source
    assert again.image().tobytes() == source.faces[-1].image().tobytes()


def test_a_forked_process_does_not_wait_for_a_thread_it_does_not_have() -> None:
    lock = packed_source._reading
    with lock:
        packed_source._after_fork()
        assert not packed_source._reading.locked()
    assert packed_source._reading is not lock


def test_a_concept_that_is_not_there_is_refused(folder: Path) -> None:
    face = packed.read(str(folder)).faces[0]
    with pytest.raises(FaceReadError, match=r"expected a concept of the packed face \(.*nose.*\), got 'beard'"):
        face.source.mask("beard")


def test_a_folder_packed_anew_is_not_mistaken_for_the_old(folder: Path, source: FaceDictionary) -> None:
    old = packed.read(str(folder))
    old.faces[0].image()
    shutil.rmtree(folder)
    pack(replace(source, faces=source.faces[1:]), folder)
    new = packed.read(str(folder))
    assert new.faces[0].image().tobytes() == source.faces[1].image().tobytes()
    shard = folder / "data" / "train-00000-of-00001.parquet"
    stale = replace(new.faces[0].source, known=old.faces[0].source.fingerprint())
    with pytest.raises(FaceReadError, match=f"expected {shard} as it was when its dictionary was opened, got other"):
        stale.image()
    with pytest.raises(FaceReadError, match="open it again"):
        stale.mask("nose")
    with pytest.raises(
        FaceReadError, match=r"expected a shard that can be read, got .*: the file does not exist; restore"
    ):
        old.faces[0].image()


def header_with(**changes: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        header = json.loads((folder / "dictionary.json").read_text())
        (folder / "dictionary.json").write_text(json.dumps({**header, **changes}))

    return change


def cut_short(folder: Path) -> None:
    shard = first_shard(folder)
    shard.write_bytes(shard.read_bytes()[:-50])


def no_parquet(folder: Path) -> None:
    shard = first_shard(folder)
    shard.write_bytes(bytes(shard.stat().st_size))


def flipped_label(folder: Path) -> None:
    """One bit of the column of ids, with which a shard begins."""
    _flip(
        first_shard(folder), pq.ParquetFile(first_shard(folder)).metadata.row_group(0).column(0).data_page_offset + 40
    )


def _flip(shard: Path, place: int) -> None:
    content = bytearray(shard.read_bytes())
    content[place] ^= 1
    shard.write_bytes(content)


def fewer_faces(folder: Path) -> None:
    header = json.loads((folder / "dictionary.json").read_text())
    header["shards"][0]["faces"] += 1
    (folder / "dictionary.json").write_text(json.dumps(header))


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "no header": (
        lambda folder: (folder / "dictionary.json").unlink(),
        r"expected a packed dictionary, which has a dictionary.json, got .*faces without; check the path",
    ),
    "no JSON": (
        lambda folder: (folder / "dictionary.json").write_text("{"),
        r"expected the header of a packed dictionary, got .*dictionary.json: Expecting .*; restore it, or pack the",
    ),
    "another header": (
        header_with(format="other"),
        r'expected "format": "facedissect packed" in .*dictionary.json, got another file of this name; check the path',
    ),
    "a list": (
        lambda folder: (folder / "dictionary.json").write_text("[]"),
        r'expected "format": "facedissect packed" in .*dictionary.json, got another file of this name',
    ),
    "later version": (
        header_with(version=2),
        r"expected a packed dictionary of version 1, got 2 in .*; update facedissect, or pack the dictionary again",
    ),
    "no shards": (
        header_with(shards=None),
        r"expected the header of a packed dictionary, got .*dictionary.json: TypeError",
    ),
    "other vocabulary": (
        header_with(vocabulary={"concepts": [{"names": "nose"}]}),
        r"expected the header of a packed dictionary, got .*dictionary.json: TypeError",
    ),
    "outside": (
        header_with(shards=[{"file": "../secret.parquet", "faces": 1, "bytes": 1}]),
        r"got .*dictionary.json: it names the shard ../secret.parquet, which is not in data; restore it, or pack",
    ),
    "missing shard": (
        lambda folder: first_shard(folder).unlink(),
        r"expected a shard that can be read, got .*train-00000-of-00002.parquet: the file does not exist; restore it",
    ),
    "cut short": (
        cut_short,
        r"got .*train-00000-of-00002.parquet: it has \d+ bytes, not the \d+ that dictionary.json says; restore it",
    ),
    "no Parquet": (no_parquet, r"expected a shard that can be read, got .*train-00000-of-00002.parquet: Parquet magic"),
    "flipped label": (flipped_label, r"got .*train-00000-of-00002.parquet: .*CRC checksum verification failed"),
    "fewer faces": (fewer_faces, r"expected \d+ faces in .*train-00000-of-00002.parquet, as dictionary.json says, got"),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGE.values(), ids=DAMAGE)
def test_damage_is_named_on_opening(damage: Callable[[Path], object], message: str, folder: Path) -> None:
    damage(folder)
    with pytest.raises(DictionaryError, match=message) as caught:
        packed.read(str(folder))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("column", "others"), [("image.bytes", "mask"), ("concepts.list.element.runs.list.element", "image")]
)
def test_damaged_pixels_are_named_when_they_are_read(column: str, others: str, folder: Path) -> None:
    shard = first_shard(folder)
    group = pq.ParquetFile(shard).metadata.row_group(0)
    (place,) = (group.column(n) for n in range(group.num_columns) if group.column(n).path_in_schema == column)
    _flip(shard, place.data_page_offset + place.total_compressed_size // 2)
    face = packed.read(str(folder)).faces[0]
    reads = {"image": face.image, "mask": lambda: face.mask("nose")}
    assert np.asarray(reads.pop(others)()).any()
    (damaged,) = reads.values()
    with pytest.raises(FaceReadError, match=f"expected a shard that can be read, got {shard}: .*CRC checksum"):
        damaged()


def rewritten(folder: Path, change: Callable[[dict[str, list[object]]], None]) -> None:
    """A folder with one shard that another program has changed."""
    shard = first_shard(folder)
    table = pq.read_table(shard)
    columns = table.to_pydict()
    change(columns)
    pq.write_table(pa.table(columns, schema=table.schema), shard)
    header = json.loads((folder / "dictionary.json").read_text())
    header["shards"] = [{"file": f"data/{shard.name}", "faces": len(table), "bytes": shard.stat().st_size}]
    (folder / "dictionary.json").write_text(json.dumps(header))


def test_what_another_program_wrote_wrong_is_refused(folder: Path) -> None:
    def change(columns: dict[str, list[object]]) -> None:
        columns["image"][0] = {"bytes": b"no image", "path": None}
        columns["image"][1] = None
        columns["concepts"][0] = [{"concept": "nose", "runs": [1, 2, 3]}]

    rewritten(folder, change)
    first, second, third, *_ = packed.read(str(folder))
    row = f"expected a row that can be read, got row {{}} of group 0 in {first_shard(folder)}: "
    with pytest.raises(FaceReadError, match=row.format(0) + "its image: cannot identify image file"):
        first.image()
    with pytest.raises(FaceReadError, match=row.format(1) + "it has no image; pack the dictionary again"):
        second.image()
    with pytest.raises(
        FaceReadError, match=row.format(0) + "its mask of nose: expected runs of 32x32 = 1024 pixels, got 6"
    ):
        first.mask("nose")
    assert third.image().size == (32, 32)


def test_a_kind_that_is_none_is_refused(folder: Path) -> None:
    rewritten(folder, lambda columns: columns["kinds"].__setitem__(0, ["part", "whole"]))
    with pytest.raises(DictionaryError, match=r"expected the kinds action_unit, part, attribute of .*, got whole"):
        packed.read(str(folder))


def test_few_landmarks_are_refused(folder: Path) -> None:
    rewritten(folder, lambda columns: columns["landmarks"].__setitem__(1, [1.0, 2.0]))
    with pytest.raises(DictionaryError, match=r"expected 136 numbers x1, y1, ... as landmarks of 1, got 2"):
        packed.read(str(folder))


def test_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        DictionaryError, match=r"expected the folder of a Face Dictionary, got .*, which does not exist"
    ):
        packed.read(str(tmp_path / "nowhere"))
