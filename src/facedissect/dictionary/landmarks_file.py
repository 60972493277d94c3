"""`landmarks.csv`: where the face of each image is.

    image,left,top,right,bottom,x1,y1,...,x68,y68

The box and the landmarks of an image are each given or empty. A row with neither says that a face was looked for and not
found; an image without a row was not looked at.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Container, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from ..errors import DictionaryError, OutputError
from .faults import Fault, first_and_count
from .landmarks_rows import COLUMNS, read_landmarks_rows
from .located import POINTS, Located

DECIMALS = 2
"""A hundredth of a pixel is far below what any detector or annotator tells apart."""


def read_landmarks(path: str | os.PathLike[str], ids: Container[str] = ()) -> dict[str, Located]:
    """Image -> where its face is.

    Args:
        ids: of faces. A path that is one of them is taken as it is written; any other is normalised as in an index.

    Raises:
        DictionaryError: the file cannot be read or has bad rows; names the first one and how many more there are.
    """
    faults: list[Fault] = []
    rows = read_landmarks_rows(Path(path), os.fspath(path), faults, ids)
    if faults:
        raise DictionaryError(first_and_count(faults))
    return {row.image: row.located for row in rows}


def write_landmarks(locations: Mapping[str, Located], path: str | os.PathLike[str]) -> None:
    """Write image -> where its face is, to a hundredth of a pixel; the file is replaced as a whole or not at all.

    Raises:
        OutputError: the file cannot be written, or a path is not text.
    """
    expect_text(locations)
    target = Path(path)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with partial.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows([image, *_cells(located)] for image, located in locations.items())
        partial.replace(target)
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(
            f"expected a file that can be written, got {target}: {reason}; choose another path"
        ) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def expect_text(images: Iterable[str]) -> None:
    """Raises OutputError where a path cannot be written, since its file system's name for it is not UTF-8."""
    for image in images:
        try:
            image.encode()
        except UnicodeEncodeError as error:
            raise OutputError(f"expected paths of images that are text, got {image!r}; rename the file") from error


def _cells(located: Located) -> list[str | float]:
    box: Sequence[str | float] = [""] * 4 if located.box is None else _rounded(np.array(located.box))
    landmarks = [""] * 2 * POINTS if located.landmarks is None else _rounded(located.landmarks)
    return [*box, *landmarks]


def _rounded(values: np.ndarray) -> list[float]:
    rounded: list[float] = values.astype(np.float64).round(DECIMALS).ravel().tolist()
    return rounded
