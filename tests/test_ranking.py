from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import rankdata

from facedissect.ranking import RankedPeaks, normalised


@pytest.fixture(autouse=True, params=[1, 2], ids=["one thread", "two threads"])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def slow_score(peaks: list[float], low: float, high: float, chosen: list[bool]) -> float:
    """The formula, one image at a time."""
    total = 0.0
    for peak, member in zip(peaks, chosen, strict=True):
        below = sum(other < peak for other in peaks)
        equal = sum(other == peak for other in peaks)
        rank = below + (equal + 1) / 2
        total += member * rank / len(peaks) * (peak - low) / (high - low)
    return total / sum(chosen)


def rank_peak_scores(peaks: np.ndarray, low: np.ndarray, high: np.ndarray, members: np.ndarray) -> np.ndarray:
    """The scores of the subsets of all images (image, unit), by SciPy's ranks."""
    peaks = peaks.astype(np.float64)
    low, high = low.astype(np.float64), high.astype(np.float64)
    alive = np.isfinite(peaks).all(axis=0) & np.isfinite(low) & np.isfinite(high) & (high > low)
    scores = np.full((peaks.shape[1], len(members)), np.nan)
    if not alive.any():
        return scores
    peaks, low, high = peaks[:, alive], low[alive], high[alive]
    weighted = rankdata(peaks, method="average", axis=0) / len(peaks) * ((peaks - low) / (high - low))
    for subset, chosen in enumerate(members):
        if chosen.any():
            scores[alive, subset] = weighted[chosen].mean(axis=0)
    return scores


def assert_equals_plain(
    peaks: np.ndarray, within: np.ndarray, members: np.ndarray, low: np.ndarray | None = None
) -> np.ndarray:
    """The scores, compared with the plain ones of only the images of X."""
    before = peaks.copy()
    low = peaks.min(0) - 1 if low is None else low
    high = np.maximum(peaks[within].max(0), low + 1) if within.any() else low + 1
    scores = RankedPeaks(peaks).scores(within, low, high, members)
    expected = rank_peak_scores(peaks[within], low, high, members[:, within])
    np.testing.assert_allclose(scores, expected, rtol=1e-12, atol=0, equal_nan=True)
    np.testing.assert_array_equal(peaks, before)
    return scores


def test_equals_the_formula_with_ties() -> None:
    rng = np.random.default_rng(0)
    peaks = rng.integers(0, 6, (25, 4)).astype(np.float32)
    members = rng.random((3, 25)) < 0.4
    low, high = peaks.min(0) - 1, peaks.max(0)
    scores = RankedPeaks(peaks).scores(np.ones(25, bool), low, high, members)
    for unit in range(4):
        for subset in range(3):
            expected = slow_score(
                peaks[:, unit].tolist(), float(low[unit]), float(high[unit]), members[subset].tolist()
            )
            assert abs(scores[unit, subset] - expected) < 1e-12


def test_equals_pandas_percentile_ranks() -> None:
    peaks = np.random.default_rng(1).integers(0, 9, (40, 2)).astype(np.float32)
    members = np.arange(40)[None] < 15
    scores = RankedPeaks(peaks).scores(np.ones(40, bool), peaks.min(0), peaks.max(0), members)
    frame = pd.DataFrame(peaks.astype(float))
    weighted = frame.rank(pct=True) * (frame - frame.min()) / (frame.max() - frame.min())
    np.testing.assert_allclose(scores[:, 0], weighted.iloc[:15].mean(), rtol=1e-12)


@pytest.mark.parametrize("images", [1, 2, 3, 300, 5000])
def test_equals_the_plain_scores_of_any_set_of_images(images: int) -> None:
    rng = np.random.default_rng(images)
    peaks = (rng.standard_normal((images, 7)) * 10.0 ** rng.integers(-20, 20, (images, 7))).astype(np.float32)
    peaks[:, 5] = np.maximum(peaks[:, 5], 0)
    peaks[:, 6] = rng.integers(-3, 3, images)
    for share in (0.0, 0.1, 0.6, 1.0):
        assert_equals_plain(peaks, rng.random(images) < share, rng.random((9, images)) < 0.4)


def test_more_subsets_than_bits_of_a_word() -> None:
    rng = np.random.default_rng(3)
    peaks = rng.standard_normal((200, 3)).astype(np.float32)
    assert_equals_plain(peaks, rng.random(200) < 0.5, rng.random((150, 200)) < 0.3)


def test_nested_and_equal_subsets_each_count_in_full() -> None:
    peaks = np.random.default_rng(4).standard_normal((20, 2)).astype(np.float32)
    members = np.array([np.arange(20) < 5, np.arange(20) < 12, np.arange(20) < 12, np.ones(20, bool)])
    scores = assert_equals_plain(peaks, np.ones(20, bool), members)
    np.testing.assert_array_equal(scores[:, 1], scores[:, 2])


def test_members_outside_the_set_do_not_count() -> None:
    peaks = np.random.default_rng(5).standard_normal((20, 2)).astype(np.float32)
    within = np.arange(20) % 2 == 0
    members = np.array([np.arange(20) < 9, ~within])
    low, high = peaks.min(0), peaks.max(0)
    scores = RankedPeaks(peaks).scores(within, low, high, members)
    np.testing.assert_array_equal(scores, RankedPeaks(peaks).scores(within, low, high, members & within))
    assert np.isnan(scores[:, 1]).all()


def test_peaks_that_are_all_equal_share_the_middle_rank() -> None:
    peaks = np.full((9, 1), 3, np.float32)
    scores = RankedPeaks(peaks).scores(np.ones(9, bool), peaks[0] - 1, peaks[0] + 1, np.eye(3, 9, dtype=bool))
    np.testing.assert_array_equal(scores, np.full((1, 3), 5 / 9 * 0.5))


def test_minus_zero_ties_with_zero() -> None:
    column = np.array([0.0, -0.0, 1.0, -0.0, 0.0, -1.0, np.float32(1e-45), np.float32(-1e-45)], np.float32)
    members = np.eye(8, dtype=bool)
    low, high = np.array([-2.0]), np.array([1.0])
    scores = RankedPeaks(column[:, None]).scores(np.ones(8, bool), low, high, members)
    assert len(set(scores[0, [0, 1, 3, 4]])) == 1
    assert_equals_plain(column[:, None], np.ones(8, bool), members)
    assert_equals_plain(column[:, None], np.arange(8) != 1, members)


def test_subnormals_are_ranked_apart() -> None:
    smallest = np.float32(1e-45)
    peaks = (np.array([3, -2, 0, 1, 2, -1, -3], np.float32) * smallest)[:, None]
    assert np.unique(peaks).size == 7
    low = np.array([np.float32(-4) * smallest])
    scores = RankedPeaks(peaks).scores(np.ones(7, bool), low, -low, np.eye(7, dtype=bool))
    np.testing.assert_allclose(scores, rank_peak_scores(peaks, low, -low, np.eye(7, dtype=bool)), rtol=1e-12)
    assert np.unique(scores).size == 7


def test_floats_at_the_edges_of_digits_are_in_order() -> None:
    rng = np.random.default_rng(6)
    edges = np.concatenate([(1 << np.arange(31)) + step for step in (-1, 0, 1)]).astype(np.uint32)
    bits = np.concatenate([edges, edges | np.uint32(1 << 31)])
    column = bits.view(np.float32)
    column = rng.permutation(column[np.isfinite(column)])[:, None]
    largest = float(np.finfo(np.float32).max)
    column = np.concatenate([column, np.array([[largest], [-largest]], np.float32)])
    images = len(column)
    low, high = np.array([-2.0 * largest]), np.array([2.0 * largest])
    scores = RankedPeaks(column).scores(np.ones(images, bool), low, high, np.eye(images, dtype=bool))
    expected = rank_peak_scores(column, low, high, np.eye(images, dtype=bool))
    np.testing.assert_allclose(scores, expected, rtol=1e-12)


def test_dead_and_not_finite_units_have_no_score_and_leave_the_others_alone() -> None:
    peaks = np.random.default_rng(2).random((10, 4)).astype(np.float32)
    members = np.eye(2, 10, dtype=bool)
    everywhere = np.ones(10, bool)
    clean = RankedPeaks(peaks).scores(everywhere, peaks.min(0), peaks.max(0), members)
    peaks[:, 1] = 3
    peaks[4, 2] = np.nan
    scores = RankedPeaks(peaks).scores(everywhere, peaks.min(0), peaks.max(0), members)
    assert np.isnan(scores[1:3]).all()
    np.testing.assert_array_equal(scores[[0, 3]], clean[[0, 3]])


@pytest.mark.parametrize(
    "bits", [0x7FC00000, 0xFFC00000, 0x7F800001, 0xFFFFFFFF, 0x7F800000, 0xFF800000], ids=lambda bits: f"{bits:08x}"
)
def test_a_value_that_is_not_finite_matters_only_within_the_set(bits: int) -> None:
    peaks = np.random.default_rng(7).standard_normal((30, 3)).astype(np.float32)
    low, high = peaks.min(0), peaks.max(0)
    members = np.array([np.arange(30) < 20, np.arange(30) >= 20])
    apart = np.arange(30) != 11
    clean = RankedPeaks(peaks).scores(apart, low, high, members)
    peaks.view(np.uint32)[11, 1] = bits
    assert not np.isfinite(peaks[11, 1])
    ranked = RankedPeaks(peaks)
    np.testing.assert_array_equal(ranked.scores(apart, low, high, members), clean)
    broken = ranked.scores(np.ones(30, bool), low, high, members)
    assert np.isnan(broken[1]).all()
    assert np.isfinite(broken[[0, 2]]).all()
    with np.errstate(invalid="ignore"):  # NumPy warns when it casts a NaN that signals
        expected = rank_peak_scores(peaks, low, high, members)
    np.testing.assert_allclose(broken, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("low", "high"), [(np.nan, 1), (0, np.nan), (-np.inf, 1), (0, np.inf), (1, 1), (1, 0)], ids=str
)
def test_ends_without_a_scale_give_no_score(low: float, high: float) -> None:
    peaks = np.random.default_rng(8).random((6, 2)).astype(np.float32)
    scores = RankedPeaks(peaks).scores(np.ones(6, bool), np.array([low, 0.0]), np.array([high, 1.0]), np.eye(2, 6) > 0)
    assert np.isnan(scores[0]).all()
    assert np.isfinite(scores[1]).all()


def test_an_empty_subset_has_no_score() -> None:
    peaks = np.arange(6, dtype=np.float32)[:, None]
    members = np.array([[True] * 3 + [False] * 3, [False] * 6])
    scores = RankedPeaks(peaks).scores(np.ones(6, bool), peaks.min(0), peaks.max(0), members)
    assert np.isfinite(scores[0, 0])
    assert np.isnan(scores[0, 1])


def test_an_empty_set_has_no_scores() -> None:
    peaks = np.arange(6, dtype=np.float32)[:, None]
    scores = RankedPeaks(peaks).scores(np.zeros(6, bool), peaks.min(0), peaks.max(0), np.ones((2, 6), bool))
    assert scores.shape == (1, 2)
    assert np.isnan(scores).all()


def test_chosen_units_have_a_row_each() -> None:
    rng = np.random.default_rng(9)
    peaks = rng.standard_normal((50, 6)).astype(np.float32)
    within, members = rng.random(50) < 0.7, rng.random((3, 50)) < 0.5
    ranked, low, high = RankedPeaks(peaks), peaks.min(0), peaks.max(0)
    every = ranked.scores(within, low, high, members)
    for units in ([4, 1, 1], [5], []):
        chosen = ranked.scores(within, low, high, members, np.array(units, np.int64))
        np.testing.assert_array_equal(chosen, every[units])


def test_other_units_or_images_than_peaks_are_refused() -> None:
    ranked, ends, members = RankedPeaks(np.zeros((6, 2), np.float32)), np.zeros(2), np.ones((1, 6), bool)
    for units in (1, 3):
        with pytest.raises(ValueError, match="expected \\(2, 6\\) units x images, got "):
            ranked.scores(np.ones(6, bool), np.zeros(units), np.zeros(units), members)
    for images in (5, 7):
        with pytest.raises(ValueError, match="expected \\(2, 6\\) units x images, got "):
            ranked.scores(np.ones(images, bool), ends, ends, np.ones((1, images), bool))
    with pytest.raises(IndexError):
        ranked.scores(np.ones(6, bool), ends, ends, members, np.array([2]))


def test_the_layout_of_arrays_does_not_matter() -> None:
    rng = np.random.default_rng(10)
    peaks = rng.standard_normal((700, 6)).astype(np.float32)
    within, members = rng.random(700) < 0.7, rng.random((4, 700)) < 0.5
    low, high = peaks.min(0), peaks.max(0)
    expected = RankedPeaks(peaks).scores(within, low, high, members)
    fixed = peaks.copy()
    fixed.flags.writeable = False
    wide = np.zeros((1400, 12), np.float32)
    wide[::2, 1::2] = peaks
    for same in (np.asfortranarray(peaks), fixed, wide[::2, 1::2], peaks[::-1].copy()[::-1]):
        frozen = within.copy()
        frozen.flags.writeable = False
        scores = RankedPeaks(same).scores(frozen, low[::-1].copy()[::-1], high, np.asfortranarray(members))
        np.testing.assert_array_equal(scores, expected)
    np.testing.assert_array_equal(wide[::2, 1::2], peaks)


def test_the_order_of_images_does_not_change_a_bit() -> None:
    rng = np.random.default_rng(11)
    peaks = np.maximum(rng.standard_normal((500, 3)), -0.5).astype(np.float32)
    within, members = rng.random(500) < 0.7, rng.random((4, 500)) < 0.5
    low, high = peaks.min(0) - 1, peaks.max(0)
    mixed = rng.permutation(500)
    np.testing.assert_array_equal(
        RankedPeaks(peaks[mixed]).scores(within[mixed], low, high, members[:, mixed]),
        RankedPeaks(peaks).scores(within, low, high, members),
    )


def test_normalised_sums_to_one_over_subsets_with_a_score() -> None:
    shares = normalised(np.array([[1.0, 3.0, np.nan], [0.0, 0.0, 0.0]]))
    np.testing.assert_array_equal(shares[0, :2], [0.25, 0.75])
    assert np.isnan(shares[0, 2])
    assert np.isnan(shares[1]).all()
