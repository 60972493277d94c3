"""The points of one image in a text file: x and y in each line, as in `.pts` files and many data sets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from ..errors import DictionaryError
from .located import POINTS


def read_points(
    path: Path, *, points: Sequence[int] = range(POINTS), first_pixel: float = 0.5
) -> Float[np.ndarray, "68 2"]:
    """68 points (x, y) in pixels, so that the centre of the first pixel is at 0.5, 0.5.

    A number of points that stands alone in the first line, and the words of a `.pts`, are passed over.

    Args:
        points: which of the file's points, from 0, are the 68 of iBUG.
        first_pixel: the file's coordinate of the centre of the first pixel: 1 in a `.pts`, whose pixels count from 1.

    Raises:
        DictionaryError: the file cannot be read, a line is no point, or there are not all points; names file and line.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DictionaryError(f"expected landmarks that can be read, got {path}: {reason}; restore the file") from error
    found: list[tuple[float, float]] = []
    count: int | None = None
    for number, line in enumerate(lines, start=1):
        cells = line.replace(",", " ").split()
        if not cells or cells in (["{"], ["}"]) or cells[0] == "version:":
            continue
        if cells[0] == "n_points:" or (len(cells) == 1 and not found and count is None):
            count = int(cells[-1]) if cells[-1].isdecimal() else -1
        else:
            count = count if _append(found, cells) else -1
        if count == -1:
            raise DictionaryError(
                f"{path}:{number}: expected x and y of a point, got {line.strip()!r}; restore the line"
            )
    if (count is not None and count != len(found)) or max(points) >= len(found):
        expected = max(points) + 1 if count is None else count
        raise DictionaryError(f"expected {expected} points in {path}, got {len(found)}; restore the file")
    return np.array(found)[list(points)] + (0.5 - first_pixel)


def _append(found: list[tuple[float, float]], cells: Sequence[str]) -> bool:
    """Whether the cells are a finite point, which is then added."""
    try:
        x, y = map(float, cells)
    except ValueError:
        return False
    found.append((x, y))
    return bool(np.isfinite((x, y)).all())
