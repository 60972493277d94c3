"""The random-weights null of labels: against a slow plain rewrite, and of units that have learnt nothing."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from facedissect.random_null import random_null


def by_hand(unit: list[float], random: list[list[float]]) -> tuple[float, float]:
    """Mean of the null and p of one unit, in fractions and loops."""
    pool = [[Fraction(0 if value != value else value) for value in row] for row in [unit, *random]]
    means = [sum(column) / len(pool) for column in zip(*pool, strict=True)]

    def label(row: list[Fraction]) -> int | None:
        return row.index(max(row)) if max(row) > 0 else None

    def excess(row: list[Fraction], concept: int) -> Fraction:
        return row[concept] - means[concept]

    own, *others = [(row, label(row)) for row in pool]
    if own[1] is None:
        return np.nan, 1
    mine = excess(own[0], own[1])
    reached = [concept is not None and excess(row, concept) >= mine for row, concept in others]
    mean = sum(row[own[1]] for row, _ in others) / len(others)
    return float(mean), (1 + sum(reached)) / (1 + len(random))


def made_up(rng: np.random.Generator, units: int) -> np.ndarray:
    """IoUs of units that are all alike with concepts of all sizes; one in ten never fires."""
    iou = np.geomspace(0.01, 0.1, 15) * rng.gamma(1, 1, (units, 15))
    return np.where(rng.random((units, 1)) < 0.1, 0, np.minimum(iou, 1))


def test_it_is_what_a_slow_rewrite_gives() -> None:
    rng = np.random.default_rng(0)
    iou, random = made_up(rng, 30), made_up(rng, 57)
    iou[:10] *= 3
    iou[4] = 0
    iou[5, 3], random[7, 2] = np.nan, np.nan
    iou[:, 6] = random[:, 6] = np.nan  # a concept without images
    random[9] = np.nan  # a unit that never fires
    told = random_null(iou, random)
    expected = [by_hand(unit, random.tolist()) for unit in iou.tolist()]
    np.testing.assert_allclose(told.mean, [mean for mean, _ in expected], rtol=1e-12)
    np.testing.assert_array_equal(told.p, [p for _, p in expected])
    assert (np.isnan(told.mean[4]), told.p[4]) == (True, 1)
    assert told.p.min() < 0.1 < 0.5 < np.sort(told.p[told.p < 1])[-1]


def test_a_random_unit_that_is_the_same_reaches_it() -> None:
    rng = np.random.default_rng(1)
    for _ in range(100):
        iou = made_up(rng, 1)
        told = random_null(iou, np.concatenate([iou, made_up(rng, 29) / 1e3]))
        assert told.p[0] == (2 / 31 if iou.any() else 1)


def test_p_is_valid_for_units_that_are_as_random_as_the_others() -> None:
    """Which it is not by their IoUs with the concept of the label alone, as that is the best of many."""
    rng = np.random.default_rng(2)
    p, of_concept = [], []
    for _ in range(3000):
        iou, *random = made_up(rng, 100)
        p.extend(random_null(iou[None], np.array(random)).p)
        of_concept.append((1 + (np.array(random)[:, iou.argmax()] >= iou.max()).sum()) / 100)
    tests = len(p)
    for level in (0.05, 0.1, 0.5):
        share = np.mean(np.array(p) <= level)
        assert 0.7 * level < share <= stats.binom.ppf(0.999, tests, level) / tests
    assert np.mean(np.array(of_concept) <= 0.05) > 0.1


def test_a_small_concept_is_not_measured_by_how_a_large_one_is_covered() -> None:
    rng = np.random.default_rng(3)
    random = np.stack([rng.uniform(0.001, 0.003, 50), rng.uniform(0.15, 0.17, 50)], axis=1)
    told = random_null(np.array([[0.1, 0.0], [0.002, 0.16]]), random)
    assert told.p[0] == 1 / 51
    assert told.p[1] > 0.1
    assert told.mean == pytest.approx([random[:, 0].mean(), random[:, 1].mean()])


def test_random_units_that_never_fire_reach_no_label() -> None:
    told = random_null(np.array([[0.5, 0.1], [0, 0]]), np.full((40, 2), np.nan))
    np.testing.assert_array_equal(told.p, [1 / 41, 1])
    np.testing.assert_array_equal(told.mean, [0, np.nan])
