from __future__ import annotations

import numpy as np
import pandas as pd

from facedissect.ranking import normalised, rank_peak_scores


def slow_score(peaks: list[float], low: float, high: float, chosen: list[bool]) -> float:
    """The formula, one image at a time."""
    total = 0.0
    for peak, member in zip(peaks, chosen, strict=True):
        below = sum(other < peak for other in peaks)
        equal = sum(other == peak for other in peaks)
        rank = below + (equal + 1) / 2
        total += member * rank / len(peaks) * (peak - low) / (high - low)
    return total / sum(chosen)


def test_equals_the_formula_with_ties() -> None:
    rng = np.random.default_rng(0)
    peaks = rng.integers(0, 6, (25, 4)).astype(np.float32)
    members = rng.random((3, 25)) < 0.4
    low, high = peaks.min(0) - 1, peaks.max(0)
    scores = rank_peak_scores(peaks, low, high, members)
    for unit in range(4):
        for subset in range(3):
            expected = slow_score(
                peaks[:, unit].tolist(), float(low[unit]), float(high[unit]), members[subset].tolist()
            )
            assert abs(scores[unit, subset] - expected) < 1e-12


def test_equals_pandas_percentile_ranks() -> None:
    peaks = np.random.default_rng(1).integers(0, 9, (40, 2)).astype(np.float32)
    members = np.arange(40)[None] < 15
    scores = rank_peak_scores(peaks, peaks.min(0), peaks.max(0), members)
    frame = pd.DataFrame(peaks.astype(float))
    weighted = frame.rank(pct=True) * (frame - frame.min()) / (frame.max() - frame.min())
    np.testing.assert_allclose(scores[:, 0], weighted.iloc[:15].mean(), rtol=1e-12)


def test_dead_and_not_finite_units_have_no_score_and_leave_the_others_alone() -> None:
    peaks = np.random.default_rng(2).random((10, 4)).astype(np.float32)
    members = np.eye(2, 10, dtype=bool)
    clean = rank_peak_scores(peaks, peaks.min(0), peaks.max(0), members)
    peaks[:, 1] = 3
    peaks[4, 2] = np.nan
    scores = rank_peak_scores(peaks, peaks.min(0), peaks.max(0), members)
    assert np.isnan(scores[1:3]).all()
    np.testing.assert_array_equal(scores[[0, 3]], clean[[0, 3]])


def test_an_empty_subset_has_no_score() -> None:
    peaks = np.arange(6, dtype=np.float32)[:, None]
    members = np.array([[True] * 3 + [False] * 3, [False] * 6])
    scores = rank_peak_scores(peaks, peaks.min(0), peaks.max(0), members)
    assert np.isfinite(scores[0, 0])
    assert np.isnan(scores[0, 1])


def test_normalised_sums_to_one_over_subsets_with_a_score() -> None:
    shares = normalised(np.array([[1.0, 3.0, np.nan], [0.0, 0.0, 0.0]]))
    np.testing.assert_array_equal(shares[0, :2], [0.25, 0.75])
    assert np.isnan(shares[0, 2])
    assert np.isnan(shares[1]).all()
