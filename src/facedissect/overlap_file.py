"""What a run writes down of its second pass: in which images each unit fires, and what it shares with their masks there.

From it follow, unit by unit and after the passes, the statistics that need images one by one (`significance.py`, `stability.py`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from jaxtyping import Int32

from .exchange import GROUP
from .overlaps import Overlaps

BLOCK_VALUES = 1 << 23
"""Values of a block of units that are held at once, about: 32 MiB."""


@dataclass(frozen=True, kw_only=True)
class UnitOverlaps:
    """Of some units, the faces in which they fire, and the masks that they meet there.

    Attributes:
        unit, face, area: (pair) a unit fires in a face on so many pixels; faces are numbered as in `ExchangedMasks`.
        met_unit, met_face, met_mask: (meeting) a unit shares pixels with a mask of a face, or with one that comes in its place.
        shared: (meeting, shift) how many pixels it shares with the mask, and with those that come in its place.
    """

    unit: Int32[np.ndarray, " pair"]
    face: Int32[np.ndarray, " pair"]
    area: Int32[np.ndarray, " pair"]
    met_unit: Int32[np.ndarray, " meeting"]
    met_face: Int32[np.ndarray, " meeting"]
    met_mask: Int32[np.ndarray, " meeting"]
    shared: Int32[np.ndarray, "meeting shift"]

    def of(self, units: slice) -> UnitOverlaps:
        """Those of some units."""
        pairs = (self.unit >= units.start) & (self.unit < units.stop)
        meetings = (self.met_unit >= units.start) & (self.met_unit < units.stop)
        chosen = {"unit": pairs, "face": pairs, "area": pairs}
        return UnitOverlaps(
            **{field.name: getattr(self, field.name)[chosen.get(field.name, meetings)] for field in fields(self)}
        )


class OverlapFile:
    """A file of overlaps that can only grow.

    Args:
        path: made if it is not there.
        units: of the layer.
        length: bytes that count; what is behind them is dropped.

    Attributes:
        length: bytes that count.
    """

    def __init__(self, path: Path, units: int, length: int = 0) -> None:
        self._path, self._units, self.length = path, units, length
        path.touch()
        os.truncate(path, length)

    def add(self, found: Overlaps, faces: np.ndarray, masks: np.ndarray, mask_of_image: np.ndarray) -> None:
        """Write what was found in a batch.

        Args:
            found: with masks as `ExchangedMasks.of` gives them.
            faces: (image) their numbers.
            masks: (mask) numbers of the images' own masks.
            mask_of_image: image i has the masks mask_of_image[i] to mask_of_image[i + 1].
        """
        shared = found.shared.reshape(len(found.units), found.shared.shape[1] // GROUP, GROUP)
        pairs, places = np.nonzero(shared.any(axis=2))
        images = found.images[pairs]
        arrays = [
            found.units,
            faces[found.images],
            found.area,
            found.units[pairs],
            faces[images],
            masks[mask_of_image[images] + places],
            shared[pairs, places],
        ]
        with self._path.open("r+b") as file:
            file.seek(self.length)
            for array in arrays:
                np.lib.format.write_array(file, array.astype(np.int32), allow_pickle=False)
            self.length = file.tell()

    def blocks(self) -> Iterator[tuple[slice, UnitOverlaps]]:
        """All that was written, some units at a time, sorted by unit and face."""
        width = max(1, min(self._units, self._units * BLOCK_VALUES // max(1, self.length // 4)))
        for start in range(0, self._units, width):
            units = slice(start, min(self._units, start + width))
            parts = [batch.of(units) for batch in self._batches()]
            if parts:
                yield units, _sorted(parts)

    def _batches(self) -> Iterator[UnitOverlaps]:
        names = [field.name for field in fields(UnitOverlaps)]
        with self._path.open("rb") as file:
            while file.tell() < self.length:
                yield UnitOverlaps(**{name: np.lib.format.read_array(file, allow_pickle=False) for name in names})


def _sorted(parts: list[UnitOverlaps]) -> UnitOverlaps:
    """All parts as one, by unit, face and mask: the order of the batches is lost."""
    whole = {
        field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(UnitOverlaps)
    }
    pairs = np.lexsort((whole["face"], whole["unit"]))
    meetings = np.lexsort((whole["met_mask"], whole["met_face"], whole["met_unit"]))
    chosen = dict.fromkeys(("unit", "face", "area"), pairs)
    return UnitOverlaps(**{name: array[chosen.get(name, meetings)] for name, array in whole.items()})
