"""The rows of a `landmarks.csv`, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import DictionaryError
from .csv_rows import read_csv_rows
from .faults import Fault, Row
from .files import normalised
from .landmarks_table import read_table
from .located import POINTS, Located

FILE_NAME = "landmarks.csv"
COLUMNS = (
    "image", "left", "top", "right", "bottom", *(f"{axis}{point}" for point in range(1, POINTS + 1) for axis in "xy"),
)  # fmt: skip
_BOX, _LANDMARKS = slice(1, 5), slice(5, None)


@dataclass(frozen=True, kw_only=True)
class LandmarksRow:
    """One image: where it stands in the file, its path as a face's id, and where its face is."""

    row: Row
    image: str
    located: Located


def read_landmarks_rows(path: Path, name: str, faults: list[Fault], ids: Container[str] = ()) -> list[LandmarksRow]:
    """The good rows of a file, each image once; what is wrong is added to `faults`.

    Args:
        name: what the file is called in faults.
        ids: of faces. A path that is one of them is taken as it is written; any other is normalised as in an index.
    """
    rows = _quick_rows(path, name, ids)
    return _careful_rows(path, name, faults, ids) if rows is None else rows


def _quick_rows(path: Path, name: str, ids: Container[str]) -> list[LandmarksRow] | None:
    """All rows of a file without faults; None for any other."""
    table = read_table(path, COLUMNS)
    if table is None:
        return None
    images = [_face_id(cell, ids) for cell in table[0]]
    if "" in images or len(set(images)) < len(images):
        return None
    boxes, points = table[1][:, :4], table[1][:, 4:].reshape(-1, POINTS, 2)
    no_box, no_points = np.isnan(boxes).all(1).tolist(), np.isnan(points).all((1, 2)).tolist()
    try:  # a box or points of which some cells are empty are refused, since NaN is not finite
        return [
            LandmarksRow(
                row=Row(name, number + 2),
                image=image,
                located=Located(
                    box=None if no_box[number] else (box[0], box[1], box[2], box[3]),
                    landmarks=None if no_points[number] else points[number],
                ),
            )
            for number, (image, box) in enumerate(zip(images, boxes.tolist(), strict=True))
        ]
    except DictionaryError:
        return None


def _careful_rows(path: Path, name: str, faults: list[Fault], ids: Container[str]) -> list[LandmarksRow]:
    """The good rows of any file; what is wrong is added to `faults`."""
    lines = read_csv_rows(path, name, faults)
    place, header = next(lines, (None, []))
    if place is None:
        return []
    if tuple(header) != COLUMNS:
        expected = f"the {len(COLUMNS)} columns image,left,top,right,bottom,x1,y1,...,x{POINTS},y{POINTS}"
        message = f"expected a first line with {expected} in {name}, got {_came(header)}"
        faults.append(Fault(code="wrong-columns", file=name, row=place, message=message))
        return []
    rows: list[LandmarksRow] = []
    first: dict[str, Row] = {}
    for place, cells in lines:
        image = _face_id(cells[0], ids)
        if not image:
            message = "expected the path of an image, got an empty cell"
            faults.append(Fault(code="malformed-row", file=name, row=place, message=message))
        elif image in first:
            both = f"{first[image].line} and {place.line}"
            message = f"expected {image} once in {name}, got it in lines {both}; keep one of them"
            faults.append(Fault(code="duplicate-landmarks", file=image, row=place, message=message))
        else:
            first[image] = place
            try:
                rows.append(LandmarksRow(row=place, image=image, located=_located(cells)))
            except DictionaryError as error:
                message = f"{error}; correct it, or leave the cells empty"
                faults.append(Fault(code="invalid-landmarks", file=image, row=place, message=message))
    return rows


def _face_id(cell: str, ids: Container[str]) -> str:
    """The path in a cell; empty where there is none."""
    if cell in ids:
        return cell
    return normalised(cell) if cell.strip() else ""


def _located(cells: Sequence[str]) -> Located:
    """Raises DictionaryError."""
    box, landmarks = _numbers(cells, _BOX), _numbers(cells, _LANDMARKS)
    return Located(
        box=None if box is None else (box[0], box[1], box[2], box[3]),
        landmarks=None if landmarks is None else np.array(landmarks).reshape(POINTS, 2),
    )


def _numbers(cells: Sequence[str], columns: slice) -> list[float] | None:
    """The numbers in some of the columns; None where all are empty. Raises DictionaryError."""
    names, chosen = COLUMNS[columns], cells[columns]
    try:
        return list(map(float, chosen))
    except ValueError:
        if not any(map(str.strip, chosen)):
            return None
        wrong = next(f"{name} = {cell!r}" for name, cell in zip(names, chosen, strict=True) if not _is_number(cell))
        raise DictionaryError(f"expected numbers from {names[0]} to {names[-1]}, got {wrong}") from None


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _came(header: Sequence[str]) -> str:
    """What a wrong first line has, in few words."""
    if not header:
        return "an empty line"
    if len(header) != len(COLUMNS):
        return f"{len(header)} columns"
    number = next(number for number, (name, came) in enumerate(zip(COLUMNS, header, strict=True)) if name != came)
    return f"{header[number]} in the place of {COLUMNS[number]}"
