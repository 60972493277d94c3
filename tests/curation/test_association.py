"""Cramér's V against scipy, and its correction against a slow rewrite of Bergsma's formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency
from scipy.stats import contingency as scipy_contingency

from facedissect.curation.association import association

TABLES = st.integers(2, 5).flatmap(
    lambda columns: st.lists(st.lists(st.integers(0, 40), min_size=columns, max_size=columns), min_size=2, max_size=5)
)


def slow_corrected(table: list[list[int]]) -> float:
    """Bergsma (2013), sum by sum."""
    table = [row for row in table if any(row)]
    columns = [column for column in zip(*table, strict=True) if any(column)]
    total = sum(map(sum, table))
    chi_squared = 0.0
    for row in table:
        for column in columns:
            expected = sum(row) * sum(column) / total
            cell = row[list(zip(*table, strict=True)).index(column)]
            chi_squared += (cell - expected) ** 2 / expected
    r, k = len(table), len(columns)
    phi = max(0.0, chi_squared / total - (k - 1) * (r - 1) / (total - 1))
    r_fewer, k_fewer = r - (r - 1) ** 2 / (total - 1), k - (k - 1) ** 2 / (total - 1)
    return math.sqrt(phi / min(k_fewer - 1, r_fewer - 1))


@given(TABLES)
def test_the_plain_one_and_its_p_value_are_those_of_scipy(table: list[list[int]]) -> None:
    counts = np.array(table)
    counts = counts[counts.any(axis=1)][:, counts.any(axis=0)]
    if min(counts.shape) < 2:
        assert all(math.isnan(value) for value in association(np.array(table)))
        return
    found = association(np.array(table))
    assert found.cramers_v == pytest.approx(scipy_contingency.association(counts, method="cramer"), abs=1e-9)
    assert found.p_value == pytest.approx(chi2_contingency(counts, correction=False).pvalue, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("seed", range(30))
def test_the_corrected_one_is_that_of_a_slow_rewrite(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = rng.integers(0, 60, rng.integers(2, 6, 2))
    if seed % 3 == 0:
        table[0] = 0
    if len(table) > 2:
        assert association(table).corrected == pytest.approx(min(1.0, slow_corrected(table.tolist())), abs=1e-9)
    assert 0 <= association(rng.integers(1, 60, (3, 4))).corrected <= 1


def test_the_extremes() -> None:
    told = association(np.diag([50, 50, 50]))
    assert told.cramers_v == pytest.approx(1)
    assert told.corrected == pytest.approx(1)
    assert told.p_value < 1e-12
    independent = association(np.full((2, 4), 25))
    assert independent == pytest.approx((0, 0, 1))


def test_chance_is_corrected() -> None:
    """Over many tables of independent labels, the plain value is far from 0 and the corrected one near it."""
    rng = np.random.default_rng(0)
    found = [
        association(
            np.histogram2d(rng.integers(0, 4, 40), rng.integers(0, 4, 40), [4, 4], [[0, 4], [0, 4]])[0].astype(int)
        )
        for _ in range(200)
    ]
    assert np.mean([each.cramers_v for each in found]) > 0.2
    assert np.mean([each.corrected for each in found]) < 0.1


@pytest.mark.parametrize("table", [[[0, 0], [0, 0]], [[5, 0], [3, 0]], [[5, 4], [0, 0]]])
def test_with_nothing_to_compare_all_is_missing(table: list[list[int]]) -> None:
    assert all(math.isnan(value) for value in association(np.array(table)))


def test_two_pictures_say_nothing() -> None:
    assert math.isnan(association(np.eye(2, dtype=int)).corrected)
