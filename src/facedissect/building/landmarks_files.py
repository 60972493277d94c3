"""Landmarks from the files of other programs: `.pts` of 300-W, tables of OpenFace, dlib and py-feat, our own `landmarks.csv`.

    version: 1              a .pts file, which has the name of its image
    n_points: 68
    {
    54.07 89.04             x and y of each point, where the centre of the first pixel is 1, 1
    ...
    }

In tables, the columns `x_0,...,x_67,y_0,...,y_67` count from 0, 0 in the centre of the first pixel.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

import numpy as np
from jaxtyping import Float

from ..dictionary.landmarks_file import read_landmarks
from ..dictionary.landmarks_rows import COLUMNS
from ..dictionary.located import POINTS, Located
from ..errors import DictionaryError
from .image_names import ImageNames
from .tool_tables import ToolRow, columns_of, read_tool_rows

_PTS_ORIGIN, _TABLE_ORIGIN = 0.5, -0.5
"""Where the left upper corner of the image is, in the coordinates of the files."""
_LEAST_CONFIDENCE = 0.5


def read_landmark_files(location: str | os.PathLike[str], ids: Collection[str]) -> dict[str, Located]:
    """Face -> its landmarks, from whatever is at a location; for `FaceDictionary.located`.

    Args:
        location: a folder of `.pts` files (that of the images, if they lie beside them) or of CSVs, one an image; or one CSV.
        ids: of the faces. Files of other images are passed over.

    Raises:
        DictionaryError: there is nothing of the kind, a file is malformed, or none is of a face of the dictionary.
    """
    path = Path(location)
    if not path.exists():
        raise DictionaryError(f"expected a file or folder of landmarks, got {location}, which does not exist")
    files = sorted(path.rglob("*.pts")) if path.is_dir() else [path] if path.suffix == ".pts" else []
    if files:
        return _read_pts_files(path, files, ids)
    if tuple(columns_of(path)[:5]) == COLUMNS[:5]:
        read = read_landmarks(path, ids)
        found = {face_id: located for face_id, located in read.items() if face_id in ids}
    else:
        found = {face_id: _located(row) for face_id, row in read_tool_rows(path, ids, _LEAST_CONFIDENCE).items()}
    return _expect_some(found, path, ids)


def read_pts(path: str | os.PathLike[str]) -> Float[np.ndarray, "68 2"]:
    """The 68 points (x, y) of a `.pts` file in pixels, pixel centres at half-integers.

    Raises:
        DictionaryError: the file cannot be read or is malformed; names the line.
    """
    try:
        lines = [line.strip() for line in Path(path).read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise DictionaryError(f"expected a .pts file that can be read, got {path}: {error}; restore it") from error
    try:
        first, last = lines.index("{"), lines.index("}")
    except ValueError:
        raise DictionaryError(f"expected points between {{ and }}, got {path} without them; restore it") from None
    points = [_point(line, path, number) for number, line in enumerate(lines[first + 1 : last], first + 2) if line]
    if len(points) != POINTS:
        raise DictionaryError(f"expected {POINTS} points in {path}, got {len(points)}; use landmarks in the iBUG order")
    for line in lines[:first]:
        key, _, value = line.partition(":")
        if key.strip() == "n_points" and value.strip() != str(POINTS):
            raise DictionaryError(f"expected n_points: {POINTS} in {path}, got {line!r}; correct it")
    return np.array(points) - _PTS_ORIGIN


def _read_pts_files(location: Path, files: list[Path], ids: Collection[str]) -> dict[str, Located]:
    names = ImageNames(ids)
    found: dict[str, Located] = {}
    for path in files:
        try:
            face_id = names.find((path.relative_to(location) if path != location else path).as_posix())
            if face_id is not None:
                found[face_id] = Located(landmarks=read_pts(path))
        except DictionaryError as error:
            raise error if str(path) in str(error) else DictionaryError(f"{path}: {error}") from error
    return _expect_some(found, location, ids)


def _point(line: str, path: str | os.PathLike[str], number: int) -> tuple[float, float]:
    try:
        x, y = map(float, line.split())
    except ValueError:
        raise DictionaryError(f"{path}:{number}: expected x and y of a point, got {line!r}; correct it") from None
    return x, y


def _located(row: ToolRow) -> Located:
    """The landmarks of a row; none where all of its cells are empty, since the program found no face."""
    columns = [f"{axis}_{point}" for point in range(POINTS) for axis in "xy"]
    values = [row.number(column) for column in columns]
    empty = [column for column, value in zip(columns, values, strict=True) if value is None]
    if empty and (len(empty) < len(columns) or columns[0] not in row.cells):
        raise DictionaryError(
            f"{row.place}: expected numbers in x_0,...,x_67,y_0,...,y_67, got none in {empty[0]}; "
            "run the program with 2-D landmarks on"
        )
    try:
        return (
            Located() if empty else Located(landmarks=np.array(values, np.float64).reshape(POINTS, 2) - _TABLE_ORIGIN)
        )
    except DictionaryError as error:
        raise DictionaryError(f"{row.place}: {error}") from error


def _expect_some(found: dict[str, Located], location: Path, ids: Collection[str]) -> dict[str, Located]:
    if not found:
        example = next(iter(ids), "none")
        raise DictionaryError(
            f"expected landmarks of images of the dictionary, such as {example}, in {location}, got those of others only"
        )
    return found
