"""How much the peaks of one group differ from those of the others, and how surely (docs/method.md, 3).

The effect is the probability of superiority A = P(member > other) + P(member = other) / 2, the Mann-Whitney statistic as a share
of all pairs (Mann and Whitney 1947); as Cliff's delta (1993) it is 2 A - 1, from -1 to 1. Within strata it is the mean of the
strata's own, each weighted by n1 n0 / (n1 + n0 + 1), which is the test of van Elteren (1960). How peaks rise with a number, such
as age in years, is Spearman's correlation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Bool, Float, Int, Int32
from scipy.special import gammainc, gammaincc, ndtr, ndtri, stdtr, stdtrit
from scipy.stats import rankdata

from .ranking import Placements, RankedPeaks
from .strata import Strata

LEVEL = 0.95
"""Of all intervals."""
FALSE_DISCOVERIES = 0.05
"""Share of the supported findings of a layer that may be false: q lies below it."""

_SYMMETRIC = 1e-3
"""Skewness below which a distribution is taken as normal: the difference in p is far below any that is looked at."""


@dataclass(frozen=True, kw_only=True)
class Effect:
    """How the peaks of each group compare with those of the others.

    Attributes:
        superiority: (unit, group) probability that the peak of a random member exceeds that of a random other image, equal peaks
            counting half; NaN where there is nothing to compare, or the peaks do not vary or are not finite.
        low, high: (unit, group) its 95 % interval.
        p: (unit, group) two-sided p-value of the permutation test that labels have nothing to do with peaks.
        members, others: (unit, group) images that were compared.
        overlap: (unit, group) share of the members that were compared; NaN for a group without.
    """

    superiority: Float[np.ndarray, "unit group"]
    low: Float[np.ndarray, "unit group"]
    high: Float[np.ndarray, "unit group"]
    p: Float[np.ndarray, "unit group"]
    members: Int[np.ndarray, "unit group"]
    others: Int[np.ndarray, "unit group"]
    overlap: Float[np.ndarray, "unit group"]

    @property
    def delta(self) -> Float[np.ndarray, "unit group"]:
        """Cliff's delta: above 0 where the members' peaks are higher."""
        return 2 * self.superiority - 1

    @property
    def delta_low(self) -> Float[np.ndarray, "unit group"]:
        """Lower end of the interval of delta."""
        return 2 * self.low - 1

    @property
    def delta_high(self) -> Float[np.ndarray, "unit group"]:
        """Upper end of the interval of delta."""
        return 2 * self.high - 1

    @classmethod
    def joined(cls, parts: Sequence[Effect]) -> Effect:
        """The units of one part after those of the other; at least one part."""
        return cls(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)})

    def without(self, units: Bool[np.ndarray, " unit"]) -> Effect:
        """The same, where nothing is said of some units."""
        return replace(
            self,
            **{
                name: np.where(units[:, None], np.nan, getattr(self, name))
                for name in ("superiority", "low", "high", "p")
            },
        )


def effect(placed: Placements) -> Effect:
    """Compare each group with the others of its stratum, and combine the strata.

    A stratum without members or without others says nothing and does not count.

    The p-value is that of the distribution of the rank sums over all permutations of the labels within strata, of which mean,
    variance and skewness are exact, ties included; between them it is a Pearson III distribution, as Mielke and Berry (2007) use
    for permutation tests. Without ties that is the normal approximation; with many, as where a unit is mostly 0, the
    normal one would call rare events far too rare.

    The interval is that of Wilson (1927) with the variance of DeLong et al. (1988) in place of the binomial one, and quantiles of
    Student's t with the degrees of freedom of Brunner and Munzel (2000); it stays within 0 and 1. Where few images of the two
    sides overlap, that variance is an underestimate, 0 if none does; the fewer there are, the more it is held to at least three
    quarters of what the permutation variance without ties, (n + 1) / (12 n1 n0), becomes at that superiority.
    """
    sizes = placed.sizes.astype(np.float64)
    whole = sizes.sum(axis=1, keepdims=True)
    others = whole - sizes
    usable = (sizes > 0) & (others > 0)
    # Where nothing is compared, any numbers do that divide; they weigh 0.
    n1, n0 = np.where(usable, sizes, 1.0), np.where(usable, others, 1.0)
    n = n1 + n0
    weight = np.where(usable, n1 * n0 / (n + 1), 0.0)
    total = weight.sum(axis=0)
    comparable = total > 0
    weight = weight / np.where(comparable, total, 1.0)

    part = np.where(usable, placed.placements / (n1 * n0), 0.0)  # A of each stratum
    superiority = (weight * part).sum(axis=1)

    spread = placed.second[:, :, None] / (n * np.maximum(n - 1, 1) * n1 * n0)
    null = (weight**2 * spread).sum(axis=1)
    lean = placed.third[:, :, None] * (n0 - n1) / (n * np.maximum(n - 1, 1) * np.maximum(n - 2, 1) * (n1 * n0) ** 2)
    skewness = (weight**3 * lean).sum(axis=1)

    known = comparable & (null > 0) & np.isfinite(superiority)
    null = np.where(known, null, 1.0)
    z = np.where(known, (superiority - 0.5) / np.sqrt(null), np.nan)
    p = _two_sided(z, np.where(known, skewness / null**1.5, 0.0))

    bound = (superiority * (1 - superiority))[:, None] / np.where((n1 == 1) & (n0 == 1), 2, 1)
    of_members = _variance(placed.squares / n0**2, part, n1, usable, bound)
    of_others = _variance(placed.other_squares / n1**2, 1 - part, n0, usable, bound)
    variances = np.concatenate([weight**2 * of_members / n1, weight**2 * of_others / n0], axis=1)
    freedom = np.maximum(np.concatenate([n1, n0]) - 1, 1)
    variance = variances.sum(axis=1)
    scatter = (variances**2 / freedom).sum(axis=1)
    fewest = np.minimum(*(np.where(usable, side, 0).sum(axis=0) for side in (n1, n0))) - 1
    degrees = np.divide(variance**2, scatter, out=np.broadcast_to(fewest, scatter.shape).copy(), where=scatter > 0)
    shape = superiority.shape
    counts = [
        np.broadcast_to(np.where(usable, side, 0).sum(axis=0).astype(np.int64), shape) for side in (sizes, others)
    ]
    low, high = _interval(superiority, variance, degrees, *counts)
    members = placed.sizes.sum(axis=0)
    overlap = np.divide(counts[0], members, out=np.full(shape, np.nan), where=np.broadcast_to(members > 0, shape))
    for values in (superiority, low, high):
        values[~known] = np.nan
    return Effect(
        superiority=superiority, low=low, high=high, p=p, members=counts[0], others=counts[1], overlap=overlap
    )


def weakest(effects: Sequence[Found]) -> Found:
    """Of several adjustments, for each unit and group the one with the least evidence; what cannot be told by one is not told.

    Its p-value is that of the test that the effect is there under every adjustment (Berger 1982): no correction is due.
    """
    if len(effects) == 1:
        return effects[0]
    p = np.stack([found.p for found in effects])
    worst = np.where(np.isnan(p), np.inf, p).argmax(axis=0)[None]

    def chosen(name: str) -> Any:
        return np.take_along_axis(np.stack([getattr(found, name) for found in effects]), worst, axis=0)[0]

    return replace(effects[0], **{field.name: chosen(field.name) for field in fields(effects[0])})


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Numbers that some images are labelled with, ranked within strata, to be compared with peaks.

    Attributes:
        strata: (image) the stratum of each; -1 for an image without the number, or in a stratum where it does not vary.
        weights: (stratum) of the product of two ranks: 1 / (n (n + 1)), so that ranks of all strata count as shares.
        ranks: (image) rank within the stratum, ties averaged, less its mean; 0 for an image that does not count.
        images: how many are labelled.
    """

    strata: Int32[np.ndarray, " image"]
    weights: Float[np.ndarray, " stratum"]
    ranks: Float[np.ndarray, " image"]
    images: int

    @classmethod
    def of(cls, values: Float[np.ndarray, " image"], strata: Strata) -> Measured:
        """Rank numbers within strata; NaN is no number."""
        codes = np.where(np.isnan(values), -1, strata.codes).astype(np.int32)
        ranks, weights = np.zeros(len(values)), np.zeros(strata.count)
        labelled = int((codes >= 0).sum())
        for stratum in range(strata.count):
            (inside,) = np.nonzero(codes == stratum)
            rank = rankdata(values[inside])
            if len(inside) == 0 or rank.min() == rank.max():
                codes[inside] = -1
            else:
                ranks[inside] = rank - rank.mean()
                weights[stratum] = 1 / (len(inside) * (len(inside) + 1))
        return cls(strata=codes, weights=weights, ranks=ranks, images=labelled)


@dataclass(frozen=True, kw_only=True)
class Correlation:
    """How the peaks of each unit rise with a number.

    Attributes:
        rho: (unit) Spearman's correlation; NaN where peaks or numbers do not vary or are not finite.
        low, high: (unit) its 95 % interval.
        p: (unit) two-sided p-value that peaks have nothing to do with the number.
        overlap: (unit) share of the labelled images that were compared.
    """

    rho: Float[np.ndarray, " unit"]
    low: Float[np.ndarray, " unit"]
    high: Float[np.ndarray, " unit"]
    p: Float[np.ndarray, " unit"]
    overlap: Float[np.ndarray, " unit"]

    @classmethod
    def joined(cls, parts: Sequence[Correlation]) -> Correlation:
        """The units of one part after those of the other; at least one part."""
        return cls(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)})


Found = TypeVar("Found", Effect, Correlation)


def correlation(ranked: RankedPeaks, measured: Measured) -> Correlation:
    """Spearman's correlation of peaks and a number, both ranked within strata.

    With one stratum that is Spearman's rho with the t test of n - 2 degrees of freedom, as scipy has it, and the interval of
    Fisher's z with the variance (1 + rho^2 / 2) / (n - 3) of Bonett and Wright (2000). Each further stratum costs one degree.
    """
    counted = measured.strata >= 0
    compared = int(counted.sum())
    products, peaks = ranked.products(measured.strata, measured.weights, measured.ranks[:, None])
    labels = float((measured.weights[measured.strata[counted]] * measured.ranks[counted] ** 2).sum())
    freedom = compared - int((measured.weights > 0).sum()) - 1
    known = (peaks > 0) & np.isfinite(products[:, 0]) & (labels > 0) & (freedom >= 2)
    rho = np.full(len(peaks), np.nan)
    rho[known] = np.clip(products[known, 0] / np.sqrt(peaks[known] * labels), -1, 1)
    with np.errstate(divide="ignore"):  # a correlation of 1 has an infinite t, and its p is 0
        p = 2 * stdtr(freedom, -np.abs(rho) * np.sqrt(freedom / (1 - rho**2)))
    half = float(ndtri((1 + LEVEL) / 2)) * np.sqrt((1 + rho**2 / 2) / max(freedom - 1, 1))
    z = np.arctanh(np.clip(rho, -1 + 1e-15, 1 - 1e-15))
    overlap = np.full(len(peaks), compared / measured.images if measured.images else np.nan)
    return Correlation(rho=rho, low=np.tanh(z - half), high=np.tanh(z + half), p=p, overlap=overlap)


def _variance(
    total_squares: Float[np.ndarray, "unit stratum group"],
    mean: Float[np.ndarray, "unit stratum group"],
    size: Float[np.ndarray, "stratum group"],
    usable: Bool[np.ndarray, "stratum group"],
    bound: Float[np.ndarray, "unit stratum group"],
) -> Float[np.ndarray, "unit stratum group"]:
    """Variance of the placements, as shares, on one side of each stratum.

    Args:
        total_squares: the sum of their squares.
        mean: theirs.
        size: images on that side.
        usable: whether there is anything to compare.
        bound: the variance where images are single in every stratum; a single one has that of the other strata's images.
    """
    several = usable & (size > 1)
    scatter = np.where(several, np.maximum(total_squares - size * mean**2, 0.0), 0.0)
    freedom = np.where(several, size - 1, 0.0)
    pooled = scatter.sum(axis=1) / np.maximum(freedom.sum(axis=0), 1)
    alone = np.where((freedom.sum(axis=0) > 0)[None, None], pooled[:, None], bound)
    return np.where(several, scatter / np.maximum(freedom, 1), alone)


def _two_sided(z: Float[np.ndarray, "*test"], skewness: Float[np.ndarray, "*test"]) -> Float[np.ndarray, "*test"]:
    """Twice the smaller tail of a distribution of mean 0, variance 1 and some skewness; NaN stays."""
    skewed = np.abs(skewness) > _SYMMETRIC
    lean = np.where(skewed, skewness, 1.0)
    shape = 4 / lean**2
    # A gamma distribution that leans to the right, mirrored where the skewness is negative.
    at = np.maximum(shape + np.sqrt(shape) * z * np.sign(lean), 0.0)
    tail = np.where(skewed, np.minimum(gammainc(shape, at), gammaincc(shape, at)), ndtr(-np.abs(z)))
    return np.where(np.isnan(z), np.nan, np.minimum(2 * tail, 1.0))


_FLOOR = 0.75
_FEW = 8.0
"""Images of the smaller side that overlap with the other one (all of them at A = 1/2, none at 0 and 1), with which the variance
that is observed can be relied on."""


def _interval(
    superiority: Float[np.ndarray, "unit group"],
    variance: Float[np.ndarray, "unit group"],
    degrees: Float[np.ndarray, "unit group"],
    members: Int[np.ndarray, "unit group"],
    others: Int[np.ndarray, "unit group"],
) -> tuple[Float[np.ndarray, "unit group"], Float[np.ndarray, "unit group"]]:
    room = superiority * (1 - superiority)
    # V / (A (1 - A)) stands for 1 / n of a binomial share.
    share = np.divide(variance, room, out=np.zeros_like(variance), where=room > 0)
    overlapping = 4 * room * np.minimum(members, others)
    untied = (members + others + 1) / (12 * np.maximum(members * others, 1))
    share = np.maximum(share, _FLOOR * 4 * untied / (1 + (overlapping / _FEW) ** 2))
    t2 = stdtrit(np.maximum(degrees, 1.0), (1 + LEVEL) / 2) ** 2 * share
    middle = (superiority + t2 / 2) / (1 + t2)
    half = np.sqrt(t2 * room + t2**2 / 4) / (1 + t2)
    return middle - half, middle + half
