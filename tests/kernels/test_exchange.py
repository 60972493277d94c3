"""Tail probabilities of sums of independent draws: by counting all combinations, and by drawing many."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from facedissect.kernels.compile import in_threads
from facedissect.kernels.exchange import HALF, tails


def found(tests: list[list[list[float]]]) -> np.ndarray:
    """The probability of each test, given the values of its groups, the observed one first."""
    groups = [group for test in tests for group in test]
    sums = np.zeros((len(groups), 8))
    for row, group in enumerate(groups):
        sums[row, : len(group)] = group
    start = np.concatenate([[0], np.cumsum([len(test) for test in tests])])
    p = np.full(len(tests), np.nan)
    in_threads(tails, start, sums, np.array([len(group) for group in groups], np.int64), p)
    return p


def counted(groups: list[list[float]]) -> float:
    """The share of all combinations whose sum is at least that of the first values."""
    sums = np.zeros(1)
    for group in groups:
        sums = (sums[:, None] + np.array(group)).ravel()
    return float((sums >= sum(group[0] for group in groups) - 1e-9).mean())


def test_few_groups_are_counted_exactly(threads: int) -> None:
    rng = np.random.default_rng(0)
    tests = [
        [rng.integers(0, 6, size).astype(float).tolist() for size in rng.integers(1, 9, rng.integers(1, 5))]
        for _ in range(60)
    ]
    expected = [
        np.mean([sum(values) >= sum(group[0] for group in test) for values in product(*test)]) for test in tests
    ]
    np.testing.assert_allclose(found(tests), expected, atol=1e-12)


@pytest.mark.parametrize("lift", [-1.0, 0.0, 0.5, 1.0, 2.0, 3.0])
@pytest.mark.parametrize(("size", "count"), [(8, 6), (3, 15)])
def test_more_groups_are_counted_half_by_half_or_approximated(lift: float, size: int, count: int) -> None:
    """Values as skewed as overlaps are: most 0, some large. 3^15 is more than is counted, 8^6 is not."""
    rng = np.random.default_rng(1)
    tests = []
    for _ in range(3):
        groups = np.where(rng.random((count, size)) < 0.5, 0, rng.gamma(0.7, 100, (count, size)))
        groups[:, 0] = groups.mean(1) + lift * groups.std(1) * rng.random(count)
        tests.append(groups.tolist())
    expected = np.array([counted(test) for test in tests])
    assert (expected > 0).all()
    exact = size ** (count // 2 + count % 2) <= HALF
    np.testing.assert_allclose(found(tests), expected, rtol=1e-9 if exact else 0.2, atol=0 if exact else 1e-6)


def test_the_largest_sum_there_is_counts_its_ties() -> None:
    groups = [[5.0, 1, 5, 0], [9.0, 0, 0], *([[1.0, 0, 0, 0, 0, 0, 0, 0]] * 6)]
    np.testing.assert_allclose(found([groups]), (2 / 4) * (1 / 3) * 8.0**-6)


def test_what_cannot_vary_says_nothing() -> None:
    np.testing.assert_array_equal(found([[[3.0] * 8] * 9, [[7.0]], [[0.0, 0.0]]]), 1)


def test_thirty_groups_as_by_drawing() -> None:
    rng = np.random.default_rng(2)
    groups = np.where(rng.random((30, 8)) < 0.6, 0, rng.gamma(1, 50, (30, 8)))
    draws = sum(rng.choice(group, 400_000) for group in groups)
    for quantile in (0.01, 0.2, 0.5, 0.8, 0.99, 0.999):
        wanted = np.quantile(draws, quantile)
        groups[0, 0] += wanted - groups[:, 0].sum()
        # Against draws of the very groups that are asked about, which the line above has changed.
        again = sum(rng.choice(group, 400_000) for group in groups)
        share = (again >= groups[:, 0].sum() - 1e-9).mean()
        np.testing.assert_allclose(found([groups.tolist()])[0], share, rtol=0.06, atol=3e-4)
