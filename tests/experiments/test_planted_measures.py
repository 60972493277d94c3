from __future__ import annotations

import numpy as np
import pytest

from facedissect.experiments.planted_measures import Response, false_alarms, peaks_of, response


def by_pairs(peaks: np.ndarray, having: np.ndarray, alike: np.ndarray) -> np.ndarray:
    """Cliff's delta within strata, pair by pair, each stratum weighted by n1 n0 / (n1 + n0 + 1)."""
    total = weight = 0.0
    for value in (False, True):
        one, other = peaks[having & (alike == value)], peaks[~having & (alike == value)]
        signs = np.sign(one[:, None] - other[None])
        share = len(one) * len(other) / (len(one) + len(other) + 1)
        total, weight = total + share * signs.mean(axis=(0, 1)), weight + share
    return total / weight


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(8)


def test_delta_is_that_of_all_pairs_of_faces_that_are_alike(rng: np.random.Generator) -> None:
    peaks = rng.integers(0, 6, (60, 5)).astype(np.float32)
    having, alike = rng.random((2, 60)) < 0.4
    peaks[having, 0] += 3
    found = response(peaks_of(peaks), having, alike)
    np.testing.assert_allclose(found.delta, by_pairs(peaks, having, alike), atol=1e-7)
    assert found.strength == pytest.approx(np.abs(by_pairs(peaks, having, alike)).mean())
    assert found.supported.tolist() == [True, False, False, False, False]


def test_a_difference_of_the_target_is_none_of_the_concept(rng: np.random.Generator) -> None:
    target = np.repeat([True, False], 200)
    concept = rng.random(400) < np.where(target, 0.9, 0.1)
    peaks = (rng.normal(size=(400, 1)) + 4 * target[:, None]).astype(np.float32)
    assert not response(peaks_of(peaks), concept, target).supported.any()
    assert response(peaks_of(peaks), target, concept).supported.all()


def test_a_unit_that_does_not_vary_does_not_respond() -> None:
    found = Response(delta=np.array([np.nan, -0.5]), q=np.array([np.nan, 0.001]))
    assert found.strength == 0.25
    assert found.supported.tolist() == [False, True]


def test_exchanged_labels_keep_their_number_in_each_half_and_are_no_finding(rng: np.random.Generator) -> None:
    target = np.repeat([True, False], 100)
    concept = np.tile([True, False], 100)
    peaks = (rng.normal(size=(200, 8)) + 3 * concept[:, None]).astype(np.float32)
    assert response(peaks_of(peaks), concept, target).supported.all()
    before = concept.copy()
    alarms = false_alarms(peaks_of(peaks), concept, target, 20, np.random.default_rng(1))
    np.testing.assert_array_equal(concept, before)
    assert alarms.units <= alarms.layers < 1
    assert alarms == false_alarms(peaks_of(peaks), concept, target, 20, np.random.default_rng(1))
