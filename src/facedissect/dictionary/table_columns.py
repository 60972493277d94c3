"""The columns of a CSV or Parquet file, and the rows in which their cells stand."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from ..errors import DictionaryError
from .csv_rows import read_csv_rows
from .faces import Label
from .faults import Fault, Row

SUFFIXES = (".csv", ".parquet")
_TRUTH = {"true": True, "false": False}
# Narrower than what Python takes for a number: 007 and 2017_01 are names.
_NUMBER = re.compile(r"[+-]?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?|nan", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table by columns.

    Attributes:
        name: the file's name.
        columns: names of the columns.
        rows: where each row stands: the line of a CSV, the number of a row of Parquet, from 1.
        cells: gives the cells of a column, one a row; None where one is empty. Raises DictionaryError for cells that hold
            lists or bytes.
        typed: whether the file says of what type its cells are; else all are text.
    """

    name: str
    columns: Sequence[str]
    rows: Sequence[Row]
    cells: Callable[[str], Sequence[Any]]
    typed: bool

    def texts(self, column: str) -> list[str | None]:
        """The cells of a column as text; whole numbers without a point."""
        return [None if cell is None else _text(cell) for cell in self.cells(column)]

    def labels(self, column: str) -> Sequence[Label | None]:
        """The cells of a column as labels, all of one type; None where a cell is empty.

        Without types, a column has truth values if every cell is `true` or `false`, in any case; numbers if every one is;
        else text.
        """
        cells = self.cells(column)
        return [_label(cell) for cell in cells] if self.typed else _guessed(cells)


def read_table(path: Path, faults: list[Fault]) -> Table:
    """The table in a file, by its suffix; of a Parquet file, a column is read when it is asked for.

    Bad rows of a CSV, and one that cannot be read, are added to `faults`.

    Raises:
        DictionaryError: the file is no Parquet file, or two columns have the same name.
    """
    table = _read_parquet(path) if path.suffix.lower() == ".parquet" else _read_csv(path, faults)
    twice = sorted({name for name in table.columns if table.columns.count(name) > 1})
    if twice:
        raise DictionaryError(
            f"expected every column of {path} once, got {', '.join(twice)} more than once; rename one of them"
        )
    return table


def _read_csv(path: Path, faults: list[Fault]) -> Table:
    lines = read_csv_rows(path, path.name, faults)
    _, header = next(lines, (None, []))
    rows: list[Row] = []
    columns: list[list[str | None]] = [[] for _ in header]
    for place, cells in lines:
        rows.append(place)
        for column, cell in zip(columns, cells, strict=True):
            column.append(cell.strip() or None)
    by_name = dict(zip(header, columns, strict=True))
    names = [name for name in header if name]  # pandas writes its row numbers without a name
    return Table(name=path.name, columns=names, rows=rows, cells=by_name.__getitem__, typed=False)


def _read_parquet(path: Path) -> Table:
    arrow: Any = importlib.import_module("pyarrow")  # by name: it has no types to check
    parquet: Any = importlib.import_module("pyarrow.parquet")
    try:
        file = parquet.ParquetFile(path)
    except (OSError, arrow.ArrowException) as error:
        raise DictionaryError(f"expected a Parquet file, got {path}: {str(error).splitlines()[0]}") from error

    def cells(column: str) -> list[Any]:
        kind = file.schema_arrow.field(column).type
        if arrow.types.is_nested(kind) or "binary" in str(kind):
            raise DictionaryError(
                f"expected truth values, numbers or text in the column {column} of {path.name}, got {kind}; "
                "remove it, or name the columns of labels by labels=[NAME]"
            )
        return [None if _is_empty(cell) else cell for cell in file.read(columns=[column])[column].to_pylist()]

    rows = [Row(path.name, number) for number in range(1, file.metadata.num_rows + 1)]
    names = [name for name in file.schema_arrow.names if not name.startswith("__index_level_")]  # pandas' row names
    return Table(name=path.name, columns=names, rows=rows, cells=cells, typed=True)


def _is_empty(cell: Any) -> bool:
    return cell is None or cell != cell or (isinstance(cell, str) and not cell.strip())  # NaN is not itself


def _label(cell: Any) -> Label | None:
    if isinstance(cell, bool | float | str | None):
        return cell
    if isinstance(cell, int | Decimal):
        return float(cell)
    return str(cell)  # a date or a time


def _guessed(cells: Sequence[str | None]) -> Sequence[Label | None]:
    filled = [cell for cell in cells if cell is not None]
    if all(cell.lower() in _TRUTH for cell in filled):
        return [None if cell is None else _TRUTH[cell.lower()] for cell in cells]
    if all(map(_NUMBER.fullmatch, filled)):
        numbers = [None if cell is None else float(cell) for cell in cells]
        return [None if number != number else number for number in numbers]
    return cells


def _text(cell: Any) -> str:
    if isinstance(cell, float) and cell.is_integer():  # whole numbers among empty cells, as pandas stores them
        return str(int(cell))
    return str(cell).strip()
