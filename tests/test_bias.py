from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from facedissect.bias import bias
from facedissect.concepts import GlobalConcept

GENDER = GlobalConcept(name="gender", subgroups=("Male", "Female"))
AGE = GlobalConcept(name="age", subgroups=("child", "young", "old", "oldest"))


def extremes(images: int, units: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    lowest = rng.random((images, units)).astype(np.float32)
    return lowest + rng.random((images, units)).astype(np.float32), lowest


def test_equals_the_formula_with_unequal_subgroups() -> None:
    highest, lowest = extremes(30, 3)
    members = np.array([np.arange(30) < 7, np.arange(30) >= 7])
    result = bias(GENDER, highest, lowest, members)
    for unit in range(3):
        peaks, low, high = highest[:, unit].astype(float), float(lowest[:, unit].min()), float(highest[:, unit].max())
        weighted = rankdata(peaks) / 30 * (peaks - low) / (high - low)
        scores = [weighted[group].mean() for group in members]
        np.testing.assert_allclose(result.probability[unit], np.array(scores) / sum(scores), rtol=1e-12)


def test_subgroups_of_unequal_size_without_a_difference_share_evenly() -> None:
    peaks = np.tile(np.arange(5, dtype=np.float32), 12)[:, None]
    members = np.array([np.arange(60) < 10, np.arange(60) >= 10])  # the same peaks five times as often
    result = bias(GENDER, peaks, peaks * 0, members)
    np.testing.assert_allclose(result.probability, [[0.5, 0.5]], rtol=1e-12)
    assert not result.biased.any()


def test_a_unit_that_fires_for_one_subgroup_is_biased_to_it() -> None:
    members = np.array([np.arange(40) < 20, np.arange(40) >= 20])
    peaks = (
        np.where(members[1], 5.0, 1.0).astype(np.float32)[:, None] + np.linspace(0, 0.1, 40, dtype=np.float32)[:, None]
    )
    result = bias(GENDER, peaks, peaks * 0, members)
    np.testing.assert_array_equal(result.biased, [[False, True]])


def test_cut_offs_are_the_published_ones_of_two_and_four_subgroups() -> None:
    highest, lowest = extremes(40, 2)
    assert bias(GENDER, highest, lowest, np.array([np.arange(40) < 20, np.arange(40) >= 20])).cutoff == 0.55
    quarters = np.array([np.arange(40) // 10 == group for group in range(4)])
    assert bias(AGE, highest, lowest, quarters).cutoff == 0.30


def test_an_empty_subgroup_has_no_probability_and_is_not_counted() -> None:
    highest, lowest = extremes(40, 2)
    members = np.array([np.arange(40) < 20, np.arange(40) >= 20, np.zeros(40, bool), np.zeros(40, bool)])
    result = bias(AGE, highest, lowest, members)
    assert np.isnan(result.probability[:, 2:]).all()
    np.testing.assert_allclose(result.probability[:, :2].sum(axis=1), 1)
    assert result.cutoff == 0.55


def test_one_subgroup_alone_is_compared_with_nothing() -> None:
    highest, lowest = extremes(10, 2)
    result = bias(GENDER, highest, lowest, np.array([np.ones(10, bool), np.zeros(10, bool)]))
    assert np.isnan(result.probability).all()
    assert not result.biased.any()


def test_a_dead_unit_gets_no_label() -> None:
    members = np.array([np.arange(10) < 5, np.arange(10) >= 5])
    result = bias(GENDER, np.zeros((10, 1), np.float32), np.zeros((10, 1), np.float32), members)
    assert np.isnan(result.probability).all()
    assert not result.biased.any()
