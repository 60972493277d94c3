"""Shares of units with intervals, and the difference of two.

Units are taken as if each were drawn for itself. Those of one network are not: they see the same faces and share weights, so
intervals are rather too narrow (docs/method.md, "Model level").
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest, fisher_exact


@dataclass(frozen=True, kw_only=True)
class Difference:
    """The first share less the second.

    Attributes:
        value: the difference; NaN, as all else, where one share is of nothing.
        low, high: 95 % interval.
        p: two-sided, of both shares being the same.
    """

    value: float
    low: float
    high: float
    p: float


def interval(count: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson, JASA 22, 1927); NaN of nothing."""
    if of == 0:
        return math.nan, math.nan
    found = binomtest(count, of).proportion_ci(0.95, method="wilson")
    return float(found.low), float(found.high)


def difference(count: int, of: int, other_count: int, other_of: int) -> Difference:
    """How much two shares differ.

    The interval is made of Wilson's two (Newcombe, Statistics in Medicine 17, 1998, method 10); p is Fisher's exact one, which is
    rather too large where there are few units.

    Args:
        count, of: units that count, of how many.
        other_count, other_of: the same of the second.
    """
    if of == 0 or other_of == 0:
        return Difference(value=math.nan, low=math.nan, high=math.nan, p=math.nan)
    first, second = count / of, other_count / other_of
    (low, high), (other_low, other_high) = interval(count, of), interval(other_count, other_of)
    value = first - second
    return Difference(
        value=value,
        low=value - math.hypot(first - low, other_high - second),
        high=value + math.hypot(high - first, second - other_low),
        p=float(fisher_exact(np.array([[count, of - count], [other_count, other_of - other_count]])).pvalue),
    )
