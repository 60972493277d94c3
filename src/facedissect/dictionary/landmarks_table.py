"""The numbers of a `landmarks.csv` at once, where nothing is wrong with it: row by row takes three times as long."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np


def read_table(path: Path, columns: Sequence[str]) -> tuple[list[str], np.ndarray] | None:
    """The first column, and the numbers of the others (row, column) with NaN for empty cells.

    None for a file whose rows do not stand in consecutive lines, or with anything else out of the ordinary: a careful
    reader must say what and where.
    """
    # By name: they have no types to check, and a dictionary without such a file has no use for them.
    arrow: Any = importlib.import_module("pyarrow")
    csv: Any = importlib.import_module("pyarrow.csv")
    text, *numbers = columns
    types = {text: arrow.string(), **dict.fromkeys(numbers, arrow.float64())}
    try:
        data = path.read_bytes()
        # Without threads: this takes a fraction of a second, and starting them as much.
        table = csv.read_csv(
            BytesIO(data),
            read_options=csv.ReadOptions(use_threads=False),
            convert_options=csv.ConvertOptions(column_types=types, null_values=[""], strings_can_be_null=False),
        )
    except (OSError, arrow.ArrowInvalid):
        return None
    lines = data.count(b"\n") + (not data.endswith(b"\n"))
    if table.column_names != list(columns) or lines != 1 + len(table):
        return None
    values = np.column_stack([table[name].to_numpy() for name in numbers])
    empty = sum(table[name].null_count for name in numbers)
    # Else a cell says "nan" or "inf".
    return (table[text].to_pylist(), values) if np.isfinite(values).sum() + empty == values.size else None
