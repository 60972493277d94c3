"""The rank x peak score of a subset of images, shared by the hierarchy and the bias (docs/method.md, 2 and 3)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from .kernels.compile import in_threads
from .kernels.ranking import add_scores, sort_peaks

_ROWS = 256
"""Images that are transposed at a time, few enough to stay in the cache."""


class RankedPeaks:
    """The peaks of some units, sorted once, so that any set of images can be ranked by a walk.

    Holds eight bytes for each image and unit; where there are many units, take them a block at a time.

    Args:
        highest: p_u(x), the maximum of each unit's map of each image; it is left as it is.
    """

    def __init__(self, highest: Float32[np.ndarray, "image unit"]) -> None:
        images, units = highest.shape
        self._peaks = np.empty((units, images), np.float32)
        for start in range(0, images, _ROWS):
            self._peaks[:, start : start + _ROWS] = highest[start : start + _ROWS].T
        self._order = np.empty((units, images), np.uint32)
        in_threads(sort_peaks, self._peaks, self._order)

    def scores(
        self,
        within: Bool[np.ndarray, " image"],
        low: Float[np.ndarray, " unit"],
        high: Float[np.ndarray, " unit"],
        members: Bool[np.ndarray, "subset image"],
        units: Int[np.ndarray, " chosen"] | None = None,
    ) -> Float[np.ndarray, "chosen subset"]:
        """The mean of `rank_u(x)/|X| * a_u(x)` over each subset of the images X.

        Args:
            within: which images X holds; peaks are ranked among those, ties averaged.
            low, high: the ends to which peaks are scaled: `a_u(x) = (p_u(x) - low) / (high - low)`.
            members: which images each subset holds; those outside X do not count. Subsets may overlap.
            units: positions of the units to score, a row for each; all if None.

        Returns:
            Scores of each unit; NaN for an empty subset, for a unit with low = high and for one with peaks over X that are
            not finite. They do not depend on the order of the images, not in the last bit.

        Raises:
            ValueError: there are other units or images than peaks.
        """
        expected, given = self._peaks.shape, (len(low), len(within))
        if given != expected or len(high) != len(low):  # the kernel would read elsewhere
            raise ValueError(f"expected {expected} units x images, got {given}")
        members = members & within
        # The subsets of each image, one image after the other.
        first = np.concatenate([[0], members.sum(axis=0).cumsum()])
        subsets = members.T.nonzero()[1].astype(np.int32)
        chosen = np.arange(len(low)) if units is None else units.astype(np.int64)
        sums = np.zeros((len(chosen), len(members)))
        in_threads(
            add_scores,
            self._peaks,
            self._order,
            chosen,
            low[chosen].astype(np.float64),
            high[chosen].astype(np.float64),
            within.copy(),  # in one piece and writeable, so that the kernel is compiled once
            first,
            subsets,
            sums,
        )
        sizes = members.sum(axis=1)
        sums[:, sizes == 0] = np.nan
        sums /= np.maximum(sizes, 1)
        return sums


def normalised(scores: Float[np.ndarray, "unit subset"]) -> Float[np.ndarray, "unit subset"]:
    """Scores divided by their sum over the subsets that have one; NaN where that sum is not positive."""
    total = np.nansum(scores, axis=1, keepdims=True)
    shares = np.full_like(scores, np.nan)
    np.divide(scores, total, out=shares, where=total > 0)
    return shares
