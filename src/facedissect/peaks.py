"""Peaks: the extremes of each unit's map of each face (p_u(x) of the method), on disk while they are gathered.

There are as many as faces times units, so they are written to a file as they come and mapped into memory, never held whole.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int64

from .mapped import mapped, release

BLOCK_VALUES = 1 << 23  # of 4 bytes: what is read at once


@dataclass(frozen=True, kw_only=True)
class Peaks:
    """Extremes of each unit's map of each face.

    Attributes:
        faces: ids, sorted, so that no result depends on the order in which faces were seen.
        highest, lowest: maximum (p_u(x)) and minimum over the map's positions, float32; may be mapped from a file.
    """

    faces: tuple[str, ...]
    highest: Float[np.ndarray, "image unit"]
    lowest: Float[np.ndarray, "image unit"]

    def of(self, chosen: Bool[np.ndarray, " image"]) -> Peaks:
        """The peaks of some of the faces."""
        faces = tuple(face for face, keep in zip(self.faces, chosen, strict=True) if keep)
        return Peaks(faces=faces, highest=self.highest[chosen], lowest=self.lowest[chosen])

    def extremes(
        self, chosen: Bool[np.ndarray, " image"]
    ) -> tuple[Float[np.ndarray, " unit"], Float[np.ndarray, " unit"]]:
        """Lowest and highest value of each unit over some of the faces; NaN where one has NaN, infinite over none."""
        units = self.highest.shape[1]
        low, high = np.full(units, np.inf, np.float32), np.full(units, -np.inf, np.float32)
        for rows in row_blocks(self.highest):
            if chosen[rows].any():
                low = np.minimum(low, self.lowest[rows][chosen[rows]].min(axis=0))
                high = np.maximum(high, self.highest[rows][chosen[rows]].max(axis=0))
            release(self.lowest, self.highest)
        return low, high

    def unit_blocks(self) -> Iterator[tuple[slice, Float[np.ndarray, "image block"]]]:
        """The peaks p_u(x) of all faces, some units at a time."""
        images, units = self.highest.shape
        width = max(1, BLOCK_VALUES // max(1, images))
        for start in range(0, units, width):
            block = slice(start, min(units, start + width))
            gathered = np.empty((images, block.stop - block.start), np.float32)
            for rows in row_blocks(self.highest):
                gathered[rows] = self.highest[rows, block]
                release(self.highest)
            yield block, gathered


def row_blocks(values: np.ndarray) -> Iterator[slice]:
    """Rows of an array, as many at a time as may be held in memory."""
    step = max(1, BLOCK_VALUES // max(1, values[:1].size))
    return (slice(start, min(len(values), start + step)) for start in range(0, len(values), step))


class PeakRecorder:
    """Gathers peaks in a file, one row a face in the order of the ids, so that a row may be written in any order, and again.

    Args:
        path: the file; made if it is not there, else gone on with.
        faces: ids of all faces that may come.
        units: of the layer.
    """

    def __init__(self, path: Path, faces: Sequence[str], units: int) -> None:
        self.faces = tuple(sorted(faces))
        self._row = {face: row for row, face in enumerate(self.faces)}
        self._values = mapped(path, np.float32, (2, len(self.faces), units))

    def order(self, faces: Sequence[str]) -> Int64[np.ndarray, " image"]:
        """The place of each face in the order of the ids."""
        return np.array([self._row[face] for face in faces], np.int64)

    def update(
        self,
        order: Int64[np.ndarray, " image"],
        highest: Float[np.ndarray, "image unit"],
        lowest: Float[np.ndarray, "image unit"],
    ) -> None:
        """Write down the peaks of some faces, told by their places in the order of the ids."""
        self._values[0, order], self._values[1, order] = highest, lowest
        release(self._values)

    def result(self, left_out: Collection[str]) -> Peaks:
        """The peaks of all faces but those that were left out."""
        peaks = Peaks(faces=self.faces, highest=self._values[0], lowest=self._values[1])
        return peaks.of(np.array([face not in left_out for face in self.faces])) if left_out else peaks
