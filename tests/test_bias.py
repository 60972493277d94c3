from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from facedissect.bias import Bias, bias
from facedissect.concepts import GlobalConcept
from facedissect.ranking import RankedPeaks

GENDER = GlobalConcept(name="gender", subgroups=("Male", "Female"))
AGE = GlobalConcept(name="age", subgroups=("child", "young", "old", "oldest"))


def extremes(images: int, units: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    lowest = rng.random((images, units)).astype(np.float32)
    return lowest + rng.random((images, units)).astype(np.float32), lowest


def compared(concept: GlobalConcept, highest: np.ndarray, lowest: np.ndarray, members: np.ndarray) -> Bias:
    """The bias where all images are labelled for the concept."""
    everywhere = np.ones(len(highest), bool)
    return bias(concept, RankedPeaks(highest), everywhere, lowest.min(axis=0), highest.max(axis=0), members)


def test_equals_the_formula_with_unequal_subgroups() -> None:
    highest, lowest = extremes(30, 3)
    members = np.array([np.arange(30) < 7, np.arange(30) >= 7])
    result = compared(GENDER, highest, lowest, members)
    for unit in range(3):
        peaks, low, high = highest[:, unit].astype(float), float(lowest[:, unit].min()), float(highest[:, unit].max())
        weighted = rankdata(peaks) / 30 * (peaks - low) / (high - low)
        scores = [weighted[group].mean() for group in members]
        np.testing.assert_allclose(result.probability[unit], np.array(scores) / sum(scores), rtol=1e-12)


def test_subgroups_of_unequal_size_without_a_difference_share_evenly() -> None:
    peaks = np.tile(np.arange(5, dtype=np.float32), 12)[:, None]
    members = np.array([np.arange(60) < 10, np.arange(60) >= 10])  # the same peaks five times as often
    result = compared(GENDER, peaks, peaks * 0, members)
    np.testing.assert_allclose(result.probability, [[0.5, 0.5]], rtol=1e-12)
    assert not result.biased.any()


def test_a_unit_that_fires_for_one_subgroup_is_biased_to_it() -> None:
    members = np.array([np.arange(40) < 20, np.arange(40) >= 20])
    peaks = (
        np.where(members[1], 5.0, 1.0).astype(np.float32)[:, None] + np.linspace(0, 0.1, 40, dtype=np.float32)[:, None]
    )
    result = compared(GENDER, peaks, peaks * 0, members)
    np.testing.assert_array_equal(result.biased, [[False, True]])


def test_cut_offs_are_the_published_ones_of_two_and_four_subgroups() -> None:
    highest, lowest = extremes(40, 2)
    assert compared(GENDER, highest, lowest, np.array([np.arange(40) < 20, np.arange(40) >= 20])).cutoff == 0.55
    quarters = np.array([np.arange(40) // 10 == group for group in range(4)])
    assert compared(AGE, highest, lowest, quarters).cutoff == 0.30


def test_an_empty_subgroup_has_no_probability_and_is_not_counted() -> None:
    highest, lowest = extremes(40, 2)
    members = np.array([np.arange(40) < 20, np.arange(40) >= 20, np.zeros(40, bool), np.zeros(40, bool)])
    result = compared(AGE, highest, lowest, members)
    assert np.isnan(result.probability[:, 2:]).all()
    np.testing.assert_allclose(result.probability[:, :2].sum(axis=1), 1)
    assert result.cutoff == 0.55


def test_one_subgroup_alone_is_compared_with_nothing() -> None:
    highest, lowest = extremes(10, 2)
    result = compared(GENDER, highest, lowest, np.array([np.ones(10, bool), np.zeros(10, bool)]))
    assert np.isnan(result.probability).all()
    assert not result.biased.any()


def test_a_dead_unit_gets_no_label() -> None:
    members = np.array([np.arange(10) < 5, np.arange(10) >= 5])
    result = compared(GENDER, np.zeros((10, 1), np.float32), np.zeros((10, 1), np.float32), members)
    assert np.isnan(result.probability).all()
    assert not result.biased.any()


def test_images_that_are_not_labelled_do_not_count() -> None:
    highest, lowest = extremes(30, 3)
    members = np.array([np.arange(30) < 7, np.arange(30) >= 7])
    expected = compared(GENDER, highest, lowest, members)
    within = np.random.default_rng(1).permutation(np.arange(45) < 30)
    every = np.full((45, 3), np.nan, np.float32)
    every[within] = highest
    groups = np.ones((2, 45), bool)
    groups[:, within] = members
    for others in (False, True):
        groups[:, ~within] = others
        result = bias(GENDER, RankedPeaks(every), within, lowest.min(axis=0), highest.max(axis=0), groups)
        np.testing.assert_array_equal(result.images, [7, 23])
        np.testing.assert_array_equal(result.probability, expected.probability)
        np.testing.assert_array_equal(result.biased, expected.biased)


def test_blocks_of_units_are_joined_in_order() -> None:
    highest, lowest = extremes(40, 5)
    members = np.array([np.arange(40) < 20, np.arange(40) >= 20])
    whole = compared(GENDER, highest, lowest, members)
    joined = Bias.joined(
        [compared(GENDER, highest[:, block], lowest[:, block], members) for block in (slice(0, 3), slice(3, 5))]
    )
    np.testing.assert_array_equal(joined.probability, whole.probability)
    np.testing.assert_array_equal(joined.biased, whole.biased)
    np.testing.assert_array_equal(joined.images, whole.images)
    assert (joined.concept, joined.cutoff) == (GENDER, 0.55)
