"""Run lengths as COCO writes them: as numbers, or packed into text, five bits of a number to a letter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, UInt32

_FIRST, _BITS, _MORE, _SIGN = ord("0"), 5, 32, 16


@dataclass(frozen=True, kw_only=True)
class RunLengths:
    """A mask, down the columns; every second run lies inside.

    Attributes:
        size: height and width in pixels.
        counts: the lengths in pixels, or the text.
    """

    size: tuple[int, int]
    counts: tuple[int, ...] | str

    def lengths(self) -> UInt32[np.ndarray, " runs"]:
        """The lengths in pixels.

        Raises:
            ValueError, TypeError, OverflowError: they are no numbers of pixels, or the text is damaged.
        """
        if isinstance(self.counts, str):
            counts = _unpacked(self.counts)
        else:
            if not all(type(count) is int for count in self.counts):
                raise TypeError(f"expected whole numbers, got {self.counts!r}")
            counts = np.array(self.counts, np.int64)
        if ((counts < 0) | (counts > np.iinfo(np.uint32).max)).any():
            raise ValueError("expected lengths of 0 or more pixels, got others")
        return counts.astype(np.uint32)


def _unpacked(text: str) -> Int64[np.ndarray, " runs"]:
    """The numbers in a text: all at once, since a loop over the letters would take as long as decoding an image."""
    letters = np.frombuffer(text.encode("ascii"), np.uint8).astype(np.int64) - _FIRST
    last = (letters & _MORE) == 0
    if not letters.size or not last[-1] or ((letters < 0) | (letters >= 2 * _MORE)).any():
        raise ValueError("expected letters from 0 to o, the last one of which ends a number")
    begins = np.concatenate(([0], np.flatnonzero(last)[:-1] + 1))
    lengths = np.diff(np.concatenate((begins, [letters.size])))
    if lengths.max() > 7:  # more bits than the pixels of any image could need
        raise ValueError("expected numbers of 35 bits at most")
    shifts = _BITS * (np.arange(letters.size) - np.repeat(begins, lengths))
    numbers = np.add.reduceat((letters & (_MORE - 1)) << shifts, begins)
    numbers -= ((letters[last] & _SIGN) != 0) * (1 << _BITS * lengths)
    # From the fourth on, each is the difference to the one before the last.
    for first in (1, 2):
        numbers[first::2] = np.cumsum(numbers[first::2])
    return numbers
