"""Intervals and tests of shares, against the formulas written out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from facedissect.proportions import difference, interval


def wilson(count: int, of: int) -> tuple[float, float]:
    """Wilson, 1927, as written."""
    z, p = stats.norm.ppf(0.975), count / of
    middle = (p + z * z / (2 * of)) / (1 + z * z / of)
    half = z * math.sqrt(p * (1 - p) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return middle - half, middle + half


@pytest.mark.parametrize(("count", "of"), [(0, 10), (10, 10), (3, 10), (70, 512), (1, 1)])
def test_the_interval_is_wilsons(count: int, of: int) -> None:
    assert interval(count, of) == pytest.approx(wilson(count, of), abs=1e-12)


def test_the_interval_of_a_difference_is_newcombes() -> None:
    # Newcombe 1998, table II, method 10, (a) and (h).
    first = difference(56, 70, 48, 80)
    assert (first.low, first.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    last = difference(10, 10, 0, 10)
    assert (last.low, last.high) == pytest.approx((0.6075, 1.0), abs=5e-5)
    (l1, u1), (l2, u2) = wilson(5, 56), wilson(0, 29)
    found = difference(5, 56, 0, 29)
    p1, p2 = 5 / 56, 0.0
    low = (p1 - p2) - math.sqrt((p1 - l1) ** 2 + (u2 - p2) ** 2)
    high = (p1 - p2) + math.sqrt((u1 - p1) ** 2 + (p2 - l2) ** 2)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-12)
    assert found.p == pytest.approx(stats.fisher_exact([[5, 51], [0, 29]]).pvalue)


def test_swapping_sides_turns_the_difference() -> None:
    one, other = difference(7, 30, 12, 25), difference(12, 25, 7, 30)
    assert (one.value, one.low, one.high, one.p) == pytest.approx((-other.value, -other.high, -other.low, other.p))


def test_a_share_of_nothing_says_nothing() -> None:
    assert all(map(math.isnan, interval(0, 0)))
    assert all(map(math.isnan, vars(difference(0, 0, 1, 3)).values()))


def test_intervals_of_independent_units_cover_the_truth() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.binomial(64, 0.3, 500), rng.binomial(64, 0.1, 500)
    covered = [
        found.low <= 0.2 <= found.high
        for found in (difference(int(a), 64, int(b), 64) for a, b in zip(first, second, strict=True))
    ]
    assert 0.92 < np.mean(covered) < 0.99
