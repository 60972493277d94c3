"""The CSVs of OpenFace and py-feat: which row speaks of which face, and the one that is surest where there are several.

OpenFace writes one CSV an image, named as the image is (FaceLandmarkImg), or one of a sequence of images in the order of their
names (FeatureExtraction -fdir); py-feat writes one CSV with a column `input`. Any other CSV with a column of paths will do.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..dictionary.csv_rows import read_csv_rows
from ..dictionary.faults import Fault, Row, first_and_count
from ..errors import DictionaryError
from .image_names import ImageNames

NAME_COLUMNS = ("image", "input", "filename", "file", "path")
"""Columns that hold the path of an image; the first of them that there is."""
_CONFIDENCE_COLUMNS = ("confidence", "FaceScore")
_FRAME = "frame"


@dataclass(frozen=True, kw_only=True)
class ToolRow:
    """What a program found in an image.

    Attributes:
        place: file and line.
        cells: column -> text, stripped.
        confidence: how sure the program is of the face, from 0 to 1; 1 where it does not say.
    """

    place: Row
    cells: Mapping[str, str]
    confidence: float

    def number(self, column: str) -> float | None:
        """The number in a column; None where the column is missing or the cell is empty or NaN.

        Raises:
            DictionaryError: the cell says something else.
        """
        cell = self.cells.get(column, "")
        try:
            value = float(cell or "nan")
        except ValueError:
            raise DictionaryError(f"{self.place}: expected a number in {column}, got {cell!r}; correct it") from None
        return None if value != value else value


def read_tool_rows(location: Path, ids: Collection[str], least_confidence: float) -> dict[str, ToolRow]:
    """Face -> the row of its image that the program is surest of.

    Rows of images that are none of the dictionary's are passed over, as are those without success or confidence.

    Args:
        location: a CSV, or a folder with CSVs in it, at any depth.
        ids: of the faces.
        least_confidence: rows below it say nothing.

    Raises:
        DictionaryError: a file cannot be read, has bad rows or does not say which image is which, or no row is of a face.
    """
    files = sorted(location.rglob("*.csv")) if location.is_dir() else [location]
    names = ImageNames(ids)
    found: dict[str, ToolRow] = {}
    example = None
    for path in files:
        named = path.relative_to(location).as_posix() if location.is_dir() else None
        for name, row in _named_rows(path, named, ids):
            example = example or name
            face_id = _find(names, name, row.place)
            surer = face_id not in found or row.confidence > found[face_id].confidence
            if face_id is not None and surer and row.confidence >= least_confidence and row.cells.get("success") != "0":
                found[face_id] = row
    if not found:
        came = f"rows of others, such as {example}" if example else "no rows" if files else "no CSV"
        raise DictionaryError(f"expected rows about images of the dictionary in {location}, got {came}; check the path")
    return found


def _find(names: ImageNames, name: str, place: Row) -> str | None:
    try:
        return names.find(name)
    except DictionaryError as error:
        raise DictionaryError(f"{place}: {error}") from error


def _named_rows(path: Path, named: str | None, ids: Collection[str]) -> Iterator[tuple[str, ToolRow]]:
    """The path of an image and its row. `named`: what the file itself names, for those that are each of one image."""
    rows = _rows(path)
    if not rows:
        return
    column = next((name for name in NAME_COLUMNS if name in rows[0].cells), None)
    if column is not None:
        yield from ((row.cells[column], row) for row in rows)
    elif named is not None and len({row.cells.get(_FRAME) for row in rows}) == 1:
        yield from ((named, row) for row in rows)
    else:
        yield from _in_order(path, rows, ids)


def _in_order(path: Path, rows: Sequence[ToolRow], ids: Collection[str]) -> Iterator[tuple[str, ToolRow]]:
    """Frame n, counted from 1, is the n-th image by name."""
    by_name = sorted(ids)
    frames = [row.number(_FRAME) for row in rows]
    if {frame for frame in frames if frame is not None} != set(range(1, len(by_name) + 1)):
        raise DictionaryError(
            f"expected a column {', '.join(NAME_COLUMNS)} in {path}, or a column frame from 1 to {len(by_name)}, as many as "
            "the dictionary has images, got neither; add the path of each row's image"
        )
    yield from ((by_name[int(frame) - 1], row) for frame, row in zip(frames, rows, strict=True) if frame is not None)


def _rows(path: Path) -> list[ToolRow]:
    faults: list[Fault] = []
    lines = read_csv_rows(path, str(path), faults)
    _, header = next(lines, (None, []))
    rows = []
    for place, cells in lines:
        row = ToolRow(place=place, cells=dict(zip(header, map(str.strip, cells), strict=True)), confidence=1.0)
        known = [value for column in _CONFIDENCE_COLUMNS if (value := row.number(column)) is not None]
        rows.append(ToolRow(place=place, cells=row.cells, confidence=known[0]) if known else row)
    if faults:
        raise DictionaryError(first_and_count(faults))
    return rows


def columns_of(path: Path) -> list[str]:
    """The first line of a CSV, stripped; empty where it cannot be read."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return [cell.strip() for cell in next(csv.reader(file), [])]
    except (OSError, UnicodeDecodeError, csv.Error):
        return []
