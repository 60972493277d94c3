"""The rank x peak score of a subset of images, shared by the hierarchy and the bias (docs/method.md, 2 and 3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int, Int32

from .kernels.compile import in_threads
from .kernels.placements import add_placements, add_products
from .kernels.ranking import add_scores, sort_peaks

_ROWS = 256
"""Images that are transposed at a time, few enough to stay in the cache."""


@dataclass(frozen=True, kw_only=True)
class Placements:
    """How the peaks of groups lie among those of the others of the same stratum.

    The placement of an image is the number of images of the other side that lie below it; one that is equal counts half.

    Attributes:
        sizes: (stratum, group) images.
        placements, squares: (unit, stratum, group) sums over the members, of their placements among the others and of the squares
            of those; NaN for a unit with peaks that are not finite.
        other_squares: (unit, stratum, group) sum over the others, of the squares of their placements among the members.
        second, third: (unit, stratum) sums of powers of the ranks within the stratum, ties averaged, less their mean.
    """

    sizes: Int[np.ndarray, "stratum group"]
    placements: Float[np.ndarray, "unit stratum group"]
    squares: Float[np.ndarray, "unit stratum group"]
    other_squares: Float[np.ndarray, "unit stratum group"]
    second: Float[np.ndarray, "unit stratum"]
    third: Float[np.ndarray, "unit stratum"]


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

    def placements(
        self, group: Int32[np.ndarray, " image"], stratum: Int32[np.ndarray, " image"], groups: int, strata: int
    ) -> Placements:
        """Compare each group with all others of its stratum.

        Args:
            group: which group holds each image, from 0; -1 for an image that does not count.
            stratum: which stratum holds each image, from 0.
            groups, strata: how many there are.

        Raises:
            ValueError: there are other images than peaks, or a group or a stratum that is none of those.
        """
        counted = self._counted(group, groups)
        if not self._counted(stratum, strata)[counted].all():
            raise ValueError("expected a stratum of every image that is in a group")
        sizes = np.zeros((strata, groups), np.int64)
        np.add.at(sizes, (stratum[counted], group[counted]), 1)
        units = len(self._peaks)
        sums = [np.zeros((units, strata, groups)) for _ in range(3)]
        moments = [np.zeros((units, strata)) for _ in range(2)]
        cell = np.where(counted, stratum * groups + group, -1).astype(np.int32)
        in_threads(add_placements, self._peaks, self._order, cell, sizes, *sums, *moments)
        return Placements(
            sizes=sizes,
            placements=sums[0],
            squares=sums[1],
            other_squares=sums[2],
            second=moments[0],
            third=moments[1],
        )

    def products(
        self,
        stratum: Int32[np.ndarray, " image"],
        weights: Float[np.ndarray, " stratum"],
        others: Float[np.ndarray, "image measure"],
    ) -> tuple[Float[np.ndarray, "unit measure"], Float[np.ndarray, " unit"]]:
        """Weighted sums over the images: of the ranks of peaks times `others`, and of the squares of those ranks.

        Ranks are within the stratum, ties averaged, less their mean.

        Args:
            stratum: which stratum holds each image, from 0; -1 for an image that does not count.
            weights: of the images of each stratum.
            others: what the ranks are multiplied with.

        Returns:
            The products, NaN for a unit with peaks that are not finite; the squares.

        Raises:
            ValueError: there are other images than peaks, or a stratum that has no weight.
        """
        counted = self._counted(stratum, len(weights))
        products, squares = np.zeros((len(self._peaks), others.shape[1])), np.zeros(len(self._peaks))
        sizes = np.bincount(stratum[counted], minlength=len(weights))
        in_threads(
            add_products,
            self._peaks,
            self._order,
            stratum.copy(),
            sizes,
            weights.astype(np.float64),
            np.ascontiguousarray(others, np.float64),
            products,
            squares,
        )
        return products, squares

    def _counted(self, codes: Int32[np.ndarray, " image"], limit: int) -> Bool[np.ndarray, " image"]:
        """Which images have a code from 0 on; refuses what a kernel would read elsewhere."""
        images = self._peaks.shape[1]
        if len(codes) != images:
            raise ValueError(f"expected codes of {images} images, got {len(codes)}")
        if images and codes.max() >= limit:
            raise ValueError(f"expected codes below {limit}, got {codes.max()}")
        return np.asarray(codes >= 0)


def normalised(scores: Float[np.ndarray, "unit subset"]) -> Float[np.ndarray, "unit subset"]:
    """Scores divided by their sum over the subsets that have one; NaN where that sum is not positive."""
    total = np.nansum(scores, axis=1, keepdims=True)
    shares = np.full_like(scores, np.nan)
    np.divide(scores, total, out=shares, where=total > 0)
    return shares
