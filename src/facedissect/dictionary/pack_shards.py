"""Writes the rows of a packed dictionary into shards, one small row group after the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import UInt32

from .faces import Face
from .packed_schema import BOX_EDGES, repeated_columns, shard_name

_GROUP_FACES = 128
_GROUP_BYTES = 4 << 20
"""A row group ends at whichever comes first, since a face is read together with the others of its group."""


@dataclass(frozen=True, kw_only=True)
class PackedRow:
    """One face, ready to be written.

    Attributes:
        image: an image file.
        path: what the image file is called, relative to the dictionary.
        size: width and height of the upright image in pixels.
        runs: run lengths of the masks, one array for each of the face's concepts.
        fingerprint: that of the face's source.
    """

    face: Face
    image: bytes
    path: str
    size: tuple[int, int]
    runs: Sequence[UInt32[np.ndarray, " runs"]]
    fingerprint: str


class ShardWriter:
    """A context in which rows are added; when it ends well, the shards have their names.

    Attributes:
        shards: path relative to the folder -> number of faces, once the context has ended.
    """

    def __init__(self, folder: Path, columns: pa.Schema, shard_bytes: int) -> None:
        self.shards: dict[str, int] = {}
        self._folder = folder
        self._columns = columns
        self._shard_bytes = shard_bytes
        self._rows: list[PackedRow] = []
        self._row_bytes = 0
        self._written: list[tuple[Path, int]] = []  # shards begun, with their faces
        self._file: pa.NativeFile | None = None
        self._writer: pq.ParquetWriter | None = None

    def add(self, row: PackedRow) -> None:
        """Adds a face; what is full is written."""
        self._rows.append(row)
        self._row_bytes += len(row.image) + sum(runs.nbytes for runs in row.runs)
        if len(self._rows) >= _GROUP_FACES or self._row_bytes >= _GROUP_BYTES:
            self._flush()

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            with suppress(OSError):  # the folder is given up, and what failed is said already
                self._close()
            return
        self._flush()
        self._close()
        for number, (path, faces) in enumerate(self._written):
            name = shard_name(number, len(self._written))
            path.replace(self._folder / name)
            self.shards[name] = faces

    def _flush(self) -> None:
        """The rows that wait become a row group."""
        if not self._rows:
            return
        if self._writer is None:
            self._begin()
        assert self._writer is not None and self._file is not None  # noqa: S101, PT018
        table = _table(self._rows, self._columns)
        self._writer.write_table(table, row_group_size=len(self._rows))
        path, faces = self._written[-1]
        self._written[-1] = path, faces + len(self._rows)
        self._rows, self._row_bytes = [], 0
        if self._file.tell() >= self._shard_bytes:
            self._close()

    def _begin(self) -> None:
        # How many there will be, and so the name, is not known yet.
        path = self._folder / f"{len(self._written)}.parquet"
        self._written.append((path, 0))
        self._file = pa.OSFile(str(path), "wb")
        self._writer = pq.ParquetWriter(
            self._file,
            self._columns,
            compression="zstd",  # also of images: small JPEGs share their headers, and others are stored as they are
            use_dictionary=repeated_columns(self._columns),
            write_statistics=["id"],
            write_page_checksum=True,
        )

    def _close(self) -> None:
        if self._writer is not None and self._file is not None:
            writer, file, self._writer, self._file = self._writer, self._file, None, None
            with file:
                writer.close()


def _table(rows: Sequence[PackedRow], columns: pa.Schema) -> pa.Table:
    faces = [row.face for row in rows]
    values: dict[str, Iterable[Any]] = {
        "id": [face.id for face in faces],
        "image": [{"bytes": row.image, "path": row.path} for row in rows],
        "width": [row.size[0] for row in rows],
        "height": [row.size[1] for row in rows],
        "kinds": [sorted(face.kinds) for face in faces],
        "unknown": [sorted(face.unknown) for face in faces],
        "subgroups": [dict(face.subgroups) for face in faces],
        "box": [
            None if face.box is None else dict(zip(BOX_EDGES, map(float, face.box), strict=True)) for face in faces
        ],
        "landmarks": [None if face.landmarks is None else face.landmarks.astype(np.float64).ravel() for face in faces],
        "labels": [dict(face.labels) for face in faces],
        "identity": [face.identity for face in faces],
        "split": [face.split for face in faces],
        "fingerprint": [row.fingerprint for row in rows],
    }
    arrays = [
        _concepts(rows) if field.name == "concepts" else pa.array(values[field.name], field.type) for field in columns
    ]
    return pa.Table.from_arrays(arrays, schema=columns)


def _concepts(rows: Sequence[PackedRow]) -> pa.ListArray:
    """The column of concepts with their masks, from the arrays as they are: by way of Python lists it would take far longer."""
    runs = [runs for row in rows for runs in row.runs]
    names = pa.array([concept for row in rows for concept in row.face.concepts], pa.string())
    lengths = pa.array(np.concatenate([np.zeros(0, np.uint32), *runs]))
    masks = pa.ListArray.from_arrays(_offsets(map(len, runs)), lengths)
    members = pa.StructArray.from_arrays([names, masks], ["concept", "runs"])
    return pa.ListArray.from_arrays(_offsets(len(row.runs) for row in rows), members)


def _offsets(lengths: Iterable[int]) -> pa.Array:
    return pa.array(np.cumsum([0, *lengths], dtype=np.int32))
