from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata

from facedissect.ranking import RankedPeaks

IMAGES, GROUPS, STRATA = 70, 3, 4


@pytest.fixture(params=["distinct", "ties", "few values"])
def peaks(request: pytest.FixtureRequest) -> np.ndarray:
    values = np.random.default_rng(0).standard_normal((IMAGES, 5))
    if request.param == "ties":
        values = np.maximum(values.round(1), -0.3)
    if request.param == "few values":
        values = values.round()
    return values.astype(np.float32)


def codes(seed: int, low: int, count: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(low, count, IMAGES).astype(np.int32)


def test_placements_equal_a_comparison_of_every_pair(peaks: np.ndarray) -> None:
    group, stratum = codes(1, -1, GROUPS), codes(2, 0, STRATA)
    placed = RankedPeaks(peaks).placements(group, stratum, GROUPS, STRATA)
    for unit, row, own in np.ndindex(placed.placements.shape):
        inside = (stratum == row) & (group >= 0)
        members, others = peaks[inside & (group == own), unit], peaks[inside & (group != own), unit]
        above = (members[:, None] > others) + (members[:, None] == others) / 2
        assert placed.sizes[row, own] == len(members)
        assert placed.placements[unit, row, own] == above.sum()
        assert placed.squares[unit, row, own] == (above.sum(axis=1) ** 2).sum()
        assert placed.other_squares[unit, row, own] == ((1 - above).sum(axis=0) ** 2).sum() * (len(members) > 0)
        ranks = rankdata(peaks[inside, unit])
        np.testing.assert_allclose(placed.second[unit, row], ((ranks - ranks.mean()) ** 2).sum(), rtol=1e-12)
        np.testing.assert_allclose(placed.third[unit, row], ((ranks - ranks.mean()) ** 3).sum(), atol=1e-9)


def test_placements_do_not_depend_on_the_order_of_the_images(peaks: np.ndarray) -> None:
    group, stratum = codes(1, -1, GROUPS), codes(2, 0, STRATA)
    order = np.random.default_rng(3).permutation(IMAGES)
    first = RankedPeaks(peaks).placements(group, stratum, GROUPS, STRATA)
    second = RankedPeaks(peaks[order]).placements(group[order], stratum[order], GROUPS, STRATA)
    for name in vars(first):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_products_equal_ranks_multiplied_one_by_one(peaks: np.ndarray) -> None:
    stratum, weights = codes(2, -1, STRATA), np.array([1.0, 0.5, 2.0, 0.25])
    others = np.random.default_rng(4).standard_normal((IMAGES, 2))
    products, squares = RankedPeaks(peaks).products(stratum, weights, others)
    for unit in range(peaks.shape[1]):
        expected, expected_squares = np.zeros(2), 0.0
        for row in range(STRATA):
            ranks = rankdata(peaks[stratum == row, unit])
            expected += weights[row] * ((ranks - ranks.mean())[:, None] * others[stratum == row]).sum(axis=0)
            expected_squares += weights[row] * ((ranks - ranks.mean()) ** 2).sum()
        np.testing.assert_allclose(products[unit], expected, rtol=1e-12)
        np.testing.assert_allclose(squares[unit], expected_squares, rtol=1e-12)


def test_a_peak_that_is_not_finite_spoils_its_unit_where_it_counts() -> None:
    peaks = np.arange(12, dtype=np.float32).reshape(6, 2)
    peaks[4, 1] = np.nan
    group, everywhere = np.array([0, 1, 0, 1, 1, 0], np.int32), np.zeros(6, np.int32)
    placed = RankedPeaks(peaks).placements(group, everywhere, 2, 1)
    np.testing.assert_array_equal(np.isnan(placed.placements).all(axis=(1, 2)), [False, True])
    group[4] = -1
    assert np.isfinite(RankedPeaks(peaks).placements(group, everywhere, 2, 1).placements).all()


def test_codes_that_a_kernel_would_read_elsewhere_are_refused() -> None:
    ranked, zero = RankedPeaks(np.zeros((5, 2), np.float32)), np.zeros(5, np.int32)
    with pytest.raises(ValueError, match="expected codes of 5 images, got 4"):
        ranked.placements(zero[:4], zero[:4], 1, 1)
    with pytest.raises(ValueError, match="expected codes below 1, got 1"):
        ranked.placements(zero, zero + 1, 1, 1)
    with pytest.raises(ValueError, match="expected a stratum of every image that is in a group"):
        ranked.placements(zero, zero - 1, 1, 1)
    with pytest.raises(ValueError, match="expected codes below 1, got 2"):
        ranked.products(zero + 2, np.ones(1), np.zeros((5, 1)))
