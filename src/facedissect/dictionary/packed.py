"""Packed dictionaries: one folder of Parquet shards, as `pack` writes them. No image and no mask is read here."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa

from ..concepts import KINDS, Concept, GlobalConcept, Kind, Vocabulary
from ..errors import DictionaryError
from .faces import Face, FaceDictionary
from .files import expect_folder
from .packed_columns import LABELS, boxes, landmarks, mappings, word_lists, words
from .packed_schema import DATA_FOLDER, HEADER, NAME, SIGN, VERSION
from .packed_source import PackedSource, open_shard, unreadable

LOOKED_FOR = f"{HEADER} beside a folder {DATA_FOLDER} of Parquet files"


def recognises(location: Path) -> bool:
    """Whether the folder has the header of a packed dictionary and the folder of its shards."""
    return (location / HEADER).is_file() and any((location / DATA_FOLDER).glob("*.parquet"))


def read(location: str) -> FaceDictionary:
    """The packed dictionary in the folder `location`. Images and masks are read when they are asked for.

    Raises:
        DictionaryError: there is no such folder, its header is damaged or of a later version, or a shard is missing or
            damaged.
    """
    expect_folder(location)
    root = Path(os.path.realpath(location))
    header = _header(root / HEADER)
    try:
        vocabulary = _vocabulary(header["vocabulary"])
        shards = [(str(shard["file"]), int(shard["faces"]), int(shard["bytes"])) for shard in header["shards"]]
    except (KeyError, TypeError, ValueError) as error:
        raise DictionaryError(_damaged(root / HEADER, repr(error))) from error
    for name, _, _ in shards:
        if PurePosixPath(name).parent != PurePosixPath(DATA_FOLDER) or "\\" in name:
            raise DictionaryError(_damaged(root / HEADER, f"it names the shard {name}, which is not in {DATA_FOLDER}"))
    faces = tuple(face for name, count, size in shards for face in _faces(root / name, count, size))
    return FaceDictionary(location=location, format=NAME, vocabulary=vocabulary, faces=faces)


def _header(path: Path) -> Mapping[str, Any]:
    try:
        header = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DictionaryError(
            f"expected a packed dictionary, which has a {HEADER}, got {path.parent} without; check the path"
        ) from error
    except (OSError, ValueError) as error:
        raise DictionaryError(_damaged(path, str(error))) from error
    if not isinstance(header, dict) or header.get("format") != SIGN:
        raise DictionaryError(f'expected "format": "{SIGN}" in {path}, got another file of this name; check the path')
    if header.get("version") != VERSION:
        raise DictionaryError(
            f"expected a packed dictionary of version {VERSION}, got {header.get('version')} in {path}; "
            "update facedissect, or pack the dictionary again"
        )
    return header


def _damaged(path: Path, reason: str) -> str:
    return f"expected the header of a packed dictionary, got {path}: {reason}; restore it, or pack the dictionary again"


def _vocabulary(content: Mapping[str, Any]) -> Vocabulary:
    return Vocabulary(
        concepts=tuple(Concept(**concept) for concept in content["concepts"]),
        global_concepts=tuple(
            GlobalConcept(name=concept["name"], subgroups=tuple(concept["subgroups"]))
            for concept in content["global_concepts"]
        ),
    )


def _faces(shard: Path, count: int, size: int) -> Iterator[Face]:
    """The faces of a shard, which has `count` of them in `size` bytes."""
    table, groups = _labels(shard, size)
    if len(table) != count:
        raise DictionaryError(
            f"expected {count} faces in {shard}, as {HEADER} says, got {len(table)}; restore it, or pack the dictionary again"
        )
    columns = zip(
        ((group, row) for group, rows in enumerate(groups) for row in range(rows)),
        words(table, "id"),
        words(table, "fingerprint"),
        word_lists(table, "concepts"),
        word_lists(table, "kinds"),
        word_lists(table, "unknown"),
        mappings(table, "subgroups"),
        boxes(table),
        landmarks(table),
        mappings(table, "labels"),
        words(table, "identity"),
        words(table, "split"),
        strict=True,
    )
    for (
        group,
        row,
    ), face_id, known, concepts, kinds, unknown, subgroups, box, points, labels, identity, split in columns:
        yield Face(
            id=str(face_id),
            source=PackedSource(shard=shard, group=group, row=row, known=str(known)),
            concepts=concepts,
            kinds=_kinds(kinds),
            unknown=frozenset(unknown),
            subgroups=subgroups,
            box=box,
            landmarks=points,
            labels=labels,
            identity=identity,
            split=split,
        )


def _labels(shard: Path, size: int) -> tuple[pa.Table, list[int]]:
    """The labels of a shard, and the number of faces of each of its row groups. Raises DictionaryError."""
    try:
        came = shard.stat().st_size
        if came != size:
            raise OSError(f"it has {came} bytes, not the {size} that {HEADER} says")
        with open_shard(shard) as file:
            groups = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
            return file.read(list(LABELS)), groups
    except (OSError, pa.ArrowException) as error:
        raise DictionaryError(unreadable(shard, error)) from error


@lru_cache
def _kinds(names: tuple[str, ...]) -> frozenset[Kind]:
    """Few sets, shared by many faces."""
    unknown = [name for name in names if name not in KINDS]
    if unknown:
        raise DictionaryError(f"expected the kinds {', '.join(KINDS)} of a packed face, got {', '.join(unknown)}")
    return frozenset(kind for kind in KINDS if kind in names)
