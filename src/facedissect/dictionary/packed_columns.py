"""The labels of a shard as Python values, column by column: row by row it would take many times as long."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float

from ..errors import DictionaryError
from .located import POINTS, Box
from .packed_schema import BOX_EDGES

LABELS = (
    "id",
    "kinds",
    "unknown",
    "concepts.list.element.concept",
    "subgroups",
    "box",
    "landmarks",
    "labels",
    "identity",
    "split",
    "fingerprint",
)
"""What opening reads; image files and run lengths stay where they are."""


def words(table: pa.Table, name: str) -> list[str | None]:
    """A column of text."""
    column: list[str | None] = table[name].to_pylist()
    return column


def word_lists(table: pa.Table, name: str) -> Iterator[tuple[str, ...]]:
    """A column of lists of text, or of structs of which one field of text was read; equal ones are one object."""
    column = _array(table, name)
    members = column.values
    if pa.types.is_struct(members.type):
        members = members.field(0)
    flat, offsets = members.to_pylist(), column.offsets.to_pylist()
    seen: dict[tuple[str, ...], tuple[str, ...]] = {}
    for first, end in pairwise(offsets):
        row = tuple(flat[first:end])
        yield seen.setdefault(row, row)


def mappings(table: pa.Table, name: str) -> Iterator[Mapping[str, Any]]:
    """A column of structs, without the fields that have no value; empty where there is no such column."""
    if name not in table.column_names:
        yield from ({} for _ in range(len(table)))
        return
    column = _array(table, name)
    names = [field.name for field in column.type]
    for row in zip(*(field.to_pylist() for field in column.flatten()), strict=True):
        yield {key: value for key, value in zip(names, row, strict=True) if value is not None}


def boxes(table: pa.Table) -> Iterator[Box | None]:
    """The column of boxes."""
    column = dict(
        zip((field.name for field in table.schema.field("box").type), _array(table, "box").flatten(), strict=True)
    )
    for left, top, right, bottom in zip(*(column[edge].to_pylist() for edge in BOX_EDGES), strict=True):
        yield None if left is None else (left, top, right, bottom)


def landmarks(table: pa.Table) -> Iterator[Float[np.ndarray, "68 2"] | None]:
    """The column of landmarks. Raises DictionaryError."""
    column = _array(table, "landmarks")
    for face_id, length in zip(words(table, "id"), column.value_lengths().to_pylist(), strict=True):
        if length not in (None, 2 * POINTS):
            raise DictionaryError(f"expected {2 * POINTS} numbers x1, y1, ... as landmarks of {face_id}, got {length}")
    points = iter(column.flatten().to_numpy().reshape(-1, POINTS, 2).copy())  # Arrow's own memory is read-only
    for known in column.is_valid().to_pylist():
        yield next(points) if known else None


def _array(table: pa.Table, name: str) -> Any:
    return table[name].combine_chunks()
