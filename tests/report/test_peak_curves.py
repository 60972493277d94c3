"""Curves of peaks: the counts of numpy.histogram, for each subgroup."""

from __future__ import annotations

import numpy as np
import pytest

from facedissect import peaks as peaks_module
from facedissect.dictionary.faces import FaceDictionary
from facedissect.peaks import Peaks
from facedissect.report.peak_curves import BINS, histograms, members
from facedissect.results import Dissection


def peaks_of(values: np.ndarray) -> Peaks:
    faces = tuple(f"{number:04}" for number in range(len(values)))
    return Peaks(faces=faces, highest=values.astype(np.float32), lowest=values.astype(np.float32))


@pytest.mark.parametrize("block_values", [1 << 23, 150])
def test_counts_are_those_of_numpy(block_values: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peaks_module, "BLOCK_VALUES", block_values)
    rng = np.random.default_rng(0)
    values = rng.normal(size=(300, 7)).astype(np.float32)
    values[:, 1] = rng.integers(0, 9, 300)  # many on the edges of bins
    values[:, 2] = np.linspace(0, 1, 300)
    values[:, 3] = np.linspace(-1e-30, 1e-30, 300)
    values[:, 4] = 1e30 * values[:, 4]
    of = rng.random((3, 300)) < 0.4
    counts, ranges = histograms(peaks_of(values), of)
    assert counts.shape == (7, 3, BINS)
    for unit in range(7):
        low, high = values[:, unit].min(), values[:, unit].max()
        assert tuple(ranges[unit]) == (low, high)
        for group in range(3):
            expected, _ = np.histogram(values[of[group], unit].astype(np.float64), BINS, (float(low), float(high)))
            np.testing.assert_array_equal(counts[unit, group], expected)


def test_a_constant_unit_has_half_a_unit_on_either_side() -> None:
    counts, ranges = histograms(peaks_of(np.full((4, 1), 3.0)), np.ones((1, 4), bool))
    assert tuple(ranges[0]) == (2.5, 3.5)
    np.testing.assert_array_equal(counts[0, 0], np.histogram(np.full(4, 3.0), BINS)[0])


def test_what_is_not_finite_is_not_counted() -> None:
    values = np.array([[np.nan, np.nan], [0, np.nan], [1, np.inf], [np.inf, np.nan], [1, -np.inf]])
    counts, ranges = histograms(peaks_of(values), np.ones((1, 5), bool))
    assert tuple(ranges[0]) == (0, 1)
    assert counts[0, 0].sum() == 3
    assert (counts[0, 0, 0], counts[0, 0, -1]) == (1, 2)
    assert counts[1].sum() == 0
    assert np.isnan(ranges[1]).all()


def test_no_subgroups() -> None:
    counts, _ = histograms(peaks_of(np.zeros((3, 2))), np.zeros((0, 3), bool))
    assert counts.shape == (2, 0, BINS)


def test_members_are_those_of_the_dictionary(result: Dissection, dictionary: FaceDictionary) -> None:
    faces = (*result["act"].peaks.faces, "one that is gone")
    of = members(dictionary, result.vocabulary.global_concepts, faces)
    row = 0
    for concept in dictionary.vocabulary.global_concepts:
        for subgroup in concept.subgroups:
            expected = {face.id for face in dictionary.faces_in(concept.name, subgroup)}
            assert {face for face, found in zip(faces, of[row], strict=True) if found} == expected
            row += 1
    assert row == len(of)
