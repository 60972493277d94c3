"""PackedSource: reads the image and the masks of one face from a shard, when asked.

A face is read with the others of its row group, and the last few groups are kept, since the next face asked for is mostly
the next of the dictionary. Images and masks are kept apart, so that asking for one does not read the other.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Bool, Int32, UInt32
from PIL import Image

from ..errors import FaceReadError
from .encoded import as_rgb, decode
from .run_length import decode_mask

_KEPT_GROUPS = 8  # of a few MiB each
_KEPT_FOOTERS = 64

_Stamp = tuple[int, int]
"""Size and time of a shard: what was kept of it holds no more when they change."""


@dataclass(frozen=True, kw_only=True)
class PackedSource:
    """Where one face is in a packed dictionary.

    Attributes:
        shard: the Parquet file.
        group: its row group.
        row: the row of the group.
        known: the fingerprint of the source from which the face was packed.
    """

    shard: Path
    group: int
    row: int
    known: str = field(repr=False)

    def image(self) -> Image.Image:
        """The image, RGB and upright. Raises FaceReadError."""
        data = self.encoded_image()
        try:
            return as_rgb(decode(data, verify=False))  # the checksum of the page was compared
        except Exception as error:  # decoders raise errors of all types
            raise self._damaged(f"its image: {error}") from error

    def encoded_image(self) -> bytes:
        """The image file as it was packed. Raises FaceReadError."""
        images = _images(self.shard, self.group)
        self._expect_unchanged(images.fingerprints)
        data: bytes | None = images.files[self.row].as_py()
        if data is None:
            raise self._damaged("it has no image")
        return data

    def mask(self, concept: str) -> Bool[np.ndarray, "height width"]:
        """The mask of a concept that the face has. Raises FaceReadError."""
        masks = _masks(self.shard, self.group)
        self._expect_unchanged(masks.fingerprints)
        first, end = masks.faces[self.row], masks.faces[self.row + 1]
        names = masks.concepts[first:end]
        if concept not in names:
            raise FaceReadError(
                f"expected a concept of the packed face ({', '.join(names) or 'it has none'}), got {concept!r}"
            )
        place = first + names.index(concept)
        runs = masks.runs[masks.bounds[place] : masks.bounds[place + 1]]
        try:
            return decode_mask(runs, masks.heights[self.row], masks.widths[self.row])
        except ValueError as error:
            raise self._damaged(f"its mask of {concept}: {error}") from error

    def fingerprint(self) -> str:
        """The fingerprint of the source from which the face was packed; nothing is read."""
        return self.known

    def _expect_unchanged(self, fingerprints: Sequence[str]) -> None:
        if self.row >= len(fingerprints) or fingerprints[self.row] != self.known:
            raise FaceReadError(
                f"expected {self.shard} as it was when its dictionary was opened, got other faces in it; open it again"
            )

    def _damaged(self, reason: str) -> FaceReadError:
        return FaceReadError(
            f"expected a row that can be read, got row {self.row} of group {self.group} in {self.shard}: {reason}; "
            "pack the dictionary again"
        )


@dataclass(frozen=True, kw_only=True)
class _Images:
    """The image files of a row group."""

    fingerprints: Sequence[str]
    files: pa.BinaryArray


@dataclass(frozen=True, kw_only=True)
class _Masks:
    """The masks of a row group, flat.

    Attributes:
        heights, widths: of the images, in pixels.
        faces: face f has the masks faces[f] to faces[f + 1].
        concepts: the concept of each mask.
        bounds: mask m has the runs bounds[m] to bounds[m + 1].
        runs: the run lengths of all masks.
    """

    fingerprints: Sequence[str]
    heights: Sequence[int]
    widths: Sequence[int]
    faces: Sequence[int]
    concepts: Sequence[str]
    bounds: Int32[np.ndarray, " masks+1"]
    runs: UInt32[np.ndarray, " runs"]


def open_shard(shard: Path, metadata: pq.FileMetaData | None = None) -> pq.ParquetFile:
    """A shard, mapped into memory; its checksums are compared when it is read. Raises errors of Arrow.

    Args:
        metadata: the footer, if it was read before.
    """
    return pq.ParquetFile(shard, metadata=metadata, memory_map=True, page_checksum_verification=True)


def unreadable(shard: Path, error: Exception) -> str:
    """What to say of a shard that cannot be read."""
    if isinstance(error, FileNotFoundError):
        reason = "the file does not exist"
    elif isinstance(error, OSError) and error.strerror:
        reason = error.strerror.lower()
    else:
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
    return f"expected a shard that can be read, got {shard}: {reason}; restore it, or pack the dictionary again"


# One thread reads a group while others wait for it: read by each of them, it would take as many times as long.
_reading = threading.Lock()


def _after_fork() -> None:
    """A thread that the child does not have could hold the lock forever."""
    global _reading
    _reading = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _images(shard: Path, group: int) -> _Images:
    with _reading:
        return _read_images(shard, _stamp_of(shard), group)


def _masks(shard: Path, group: int) -> _Masks:
    with _reading:
        return _read_masks(shard, _stamp_of(shard), group)


def _stamp_of(shard: Path) -> _Stamp:
    try:
        status = shard.stat()
    except OSError as error:
        raise FaceReadError(unreadable(shard, error)) from error
    return status.st_size, status.st_mtime_ns


@lru_cache(maxsize=_KEPT_FOOTERS)
def _footer(shard: Path, _stamp: _Stamp) -> pq.FileMetaData:
    return open_shard(shard).metadata


@lru_cache(maxsize=_KEPT_GROUPS)
def _read_images(shard: Path, stamp: _Stamp, group: int) -> _Images:
    table = _read(shard, stamp, group, ["fingerprint", "image.bytes"])
    return _Images(fingerprints=table["fingerprint"].to_pylist(), files=_array(table, "image").field("bytes"))


@lru_cache(maxsize=_KEPT_GROUPS)
def _read_masks(shard: Path, stamp: _Stamp, group: int) -> _Masks:
    table = _read(shard, stamp, group, ["fingerprint", "height", "width", "concepts"])
    concepts = _array(table, "concepts")
    masks = concepts.values.field("runs")
    return _Masks(
        fingerprints=table["fingerprint"].to_pylist(),
        heights=table["height"].to_pylist(),
        widths=table["width"].to_pylist(),
        faces=concepts.offsets.to_pylist(),
        concepts=concepts.values.field("concept").to_pylist(),
        bounds=masks.offsets.to_numpy(),
        runs=masks.values.to_numpy(),
    )


def _read(shard: Path, stamp: _Stamp, group: int, columns: list[str]) -> pa.Table:
    try:
        # A file of its own for each group, since Arrow does not promise that one may be read by several threads.
        with open_shard(shard, _footer(shard, stamp)) as file:
            return file.read_row_group(group, columns, use_threads=False)
    except (OSError, pa.ArrowException, IndexError) as error:
        raise FaceReadError(unreadable(shard, error)) from error


def _array(table: pa.Table, name: str) -> Any:
    """A column as one array."""
    return table[name].combine_chunks()
