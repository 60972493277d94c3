from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.stats import brunnermunzel, kstest, mannwhitneyu, norm, permutation_test, rankdata, spearmanr

from facedissect.effects import Correlation, Effect, Measured, correlation, effect, weakest
from facedissect.ranking import RankedPeaks
from facedissect.strata import Strata


def compared(peaks: np.ndarray, group: np.ndarray, stratum: np.ndarray | None = None) -> Effect:
    """The effect of each group, from 0 on."""
    rows = np.zeros(len(group), np.int32) if stratum is None else stratum.astype(np.int32)
    ranked = RankedPeaks(peaks.astype(np.float32))
    return effect(ranked.placements(group.astype(np.int32), rows, int(group.max()) + 1, int(rows.max()) + 1))


def halves(members: int, others: int) -> np.ndarray:
    return np.repeat([0, 1], [members, others])


def superiority(peaks: np.ndarray, members: np.ndarray, others: np.ndarray) -> float:
    above = peaks[members][:, None] - peaks[others]
    return float(((above > 0) + (above == 0) / 2).mean())


@pytest.mark.parametrize("decimals", [6, 1, 0])
def test_superiority_and_p_equal_scipy_with_and_without_ties(decimals: int) -> None:
    rng = np.random.default_rng(0)
    peaks = (rng.standard_normal((90, 8)) + np.linspace(0, 0.8, 8) * (np.arange(90) < 40)[:, None]).round(decimals)
    found = compared(peaks, halves(40, 50))
    for unit in range(8):
        other = mannwhitneyu(peaks[:40, unit], peaks[40:, unit], use_continuity=False, method="asymptotic")
        np.testing.assert_allclose(found.superiority[unit, 0], other.statistic / (40 * 50), rtol=1e-6)
        # The tie-corrected variance is the same; ties also lean the distribution a little, which scipy leaves out.
        np.testing.assert_allclose(found.p[unit, 0], other.pvalue, rtol=1e-6 if decimals == 6 else 0.02)
    np.testing.assert_allclose(found.superiority.sum(axis=1), 1, rtol=1e-12)  # the other group, the other way round
    np.testing.assert_allclose(found.p[:, 0], found.p[:, 1], rtol=1e-9)
    np.testing.assert_allclose(found.delta_low[:, 0], -found.delta_high[:, 1], rtol=1e-9)


def test_each_of_several_groups_is_compared_with_all_others() -> None:
    peaks = np.random.default_rng(1).standard_normal((60, 2)).round(1)
    group = np.random.default_rng(2).integers(-1, 4, 60)
    found = compared(peaks, group)
    for own in range(4):
        expected = [superiority(peaks[:, unit], group == own, (group >= 0) & (group != own)) for unit in range(2)]
        np.testing.assert_allclose(found.superiority[:, own], expected, rtol=1e-6)
        assert (found.members[:, own] == (group == own).sum()).all()
        assert (found.others[:, own] == ((group >= 0) & (group != own)).sum()).all()
    assert (found.overlap == 1).all()


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "mostly 0"])
def test_p_equals_real_permutations(sparse: bool) -> None:
    rng = np.random.default_rng(3)
    peaks = rng.standard_normal((150, 4)) + np.array([0, 0.4, 0.8, -0.5]) * (np.arange(150) < 25)[:, None]
    if sparse:
        peaks = np.maximum(peaks - 1.3, 0)
    found = compared(peaks, halves(25, 125))

    def rank_sum(members: np.ndarray, _others: np.ndarray, axis: int = -1) -> np.ndarray:
        return members.sum(axis=axis)

    for unit in range(4):
        ranks = rankdata(peaks[:, unit].astype(np.float32))
        other = permutation_test(
            (ranks[:25], ranks[25:]),
            rank_sum,
            permutation_type="independent",
            n_resamples=20000,
            vectorized=True,
            rng=0,
        )
        # Mid-p: the sums that are equal to the observed one count half, as in a smooth distribution.
        null = np.round(other.null_distribution, 6)
        observed = np.round(other.statistic, 6)
        tails = [(null > observed).mean(), (null < observed).mean()]
        expected = min(1.0, 2 * (min(tails) + (null == observed).mean() / 2))
        if sparse:  # a few steps, which no smooth distribution follows
            assert expected / 2 < found.p[unit, 0] < expected * 2
        elif expected > 0.002:
            assert found.p[unit, 0] == pytest.approx(expected, rel=0.2, abs=0.01)
        else:
            assert found.p[unit, 0] < 0.003


def test_a_unit_that_is_mostly_0_is_not_called_far_too_rare() -> None:
    peaks = np.zeros((4000, 1))
    peaks[:6, 0] = np.arange(6) * 37.0 + 20
    peaks[20:239, 0] = np.delete(np.arange(1.0, 226), np.arange(6) * 37 + 19)
    found = compared(peaks, halves(20, 3980))
    normal = mannwhitneyu(peaks[:20, 0], peaks[20:, 0], use_continuity=False, method="asymptotic").pvalue
    rng = np.random.default_rng(0)  # 6 of 20 lit, where 225 of 4,000 are
    lit = rng.hypergeometric(225, 3775, 20, 400_000)
    exact = 2 * ((lit > 6).mean() + (lit == 6).mean() / 2)
    assert normal < exact / 20
    assert exact / 3 < found.p[0, 0] < exact * 3


def test_strata_are_combined_as_van_elteren_does() -> None:
    rng = np.random.default_rng(4)
    stratum, group = rng.integers(0, 5, 200), rng.integers(0, 2, 200)
    peaks = (rng.standard_normal((200, 3)) + stratum[:, None] + 0.3 * group[:, None]).round(1)
    found = compared(peaks, group, stratum)
    for unit in range(3):
        statistic = variance = mean = weights = 0.0
        for row in range(5):
            members, others = (stratum == row) & (group == 0), (stratum == row) & (group == 1)
            m, n = int(members.sum()), int(others.sum())
            ranks = rankdata(peaks[members | others, unit].astype(np.float32))
            own = group[members | others] == 0
            statistic += (ranks[own].sum() - m * (m + n + 1) / 2) / (m + n + 1)
            variance += m * n / (m + n) * ranks.var(ddof=1) / (m + n + 1) ** 2
            mean += m * n / (m + n + 1) * superiority(peaks[:, unit].astype(np.float32), members, others)
            weights += m * n / (m + n + 1)
        z = abs(statistic) / np.sqrt(variance)
        np.testing.assert_allclose(found.superiority[unit, 0], mean / weights, rtol=1e-9)
        assert found.p[unit, 0] == pytest.approx(float(2 * (1 - _normal(z))), rel=0.02)


def _normal(z: float) -> float:
    return float(norm.cdf(z))


def test_the_interval_rests_on_delongs_variance() -> None:
    rng = np.random.default_rng(5)
    peaks = rng.standard_normal((600, 1)) + 0.4 * (np.arange(600) < 250)[:, None]
    found = compared(peaks, halves(250, 350))
    values = peaks[:, 0].astype(np.float32)
    above = (values[:250, None] > values[250:]).astype(float)
    variance = above.mean(axis=1).var(ddof=1) / 250 + above.mean(axis=0).var(ddof=1) / 350
    half = 1.96 * np.sqrt(variance)
    np.testing.assert_allclose(found.low[0, 0], above.mean() - half, atol=2e-3)
    np.testing.assert_allclose(found.high[0, 0], above.mean() + half, atol=2e-3)
    # An outside implementation of the same variance.
    other = brunnermunzel(values[:250], values[250:], distribution="normal")
    assert abs(other.statistic) == pytest.approx((above.mean() - 0.5) / np.sqrt(variance), rel=1e-3)


def test_strata_without_members_or_others_say_nothing() -> None:
    rng = np.random.default_rng(6)
    peaks, group = rng.standard_normal((90, 2)), np.repeat([0, 1, 0], [30, 30, 30])
    stratum = np.repeat([0, 0, 1], [30, 30, 30])
    found, alone = compared(peaks, group, stratum), compared(peaks[:60], group[:60])
    for name in ("superiority", "low", "high", "p"):
        np.testing.assert_array_equal(getattr(found, name), getattr(alone, name))
    np.testing.assert_array_equal(found.overlap, [[0.5, 1.0]] * 2)
    np.testing.assert_array_equal(found.members, [[30, 30]] * 2)


def test_groups_that_never_meet_are_not_separable() -> None:
    group = halves(30, 30)
    found = compared(np.random.default_rng(7).standard_normal((60, 2)), group, stratum=group)
    for values in (found.superiority, found.low, found.high, found.p, found.delta):
        assert np.isnan(values).all()
    assert (found.overlap == 0).all()


def test_what_does_not_vary_or_is_not_finite_or_has_no_images_is_nan() -> None:
    peaks = np.random.default_rng(8).standard_normal((50, 4))
    peaks[:, 1], peaks[3, 2], peaks[4, 3] = 0.0, np.nan, np.inf
    group = np.where(np.arange(50) < 20, 0, 2)  # group 1 is empty
    found = compared(peaks, group)
    assert np.isnan(found.p[1:]).all()
    assert np.isnan(found.superiority[1:]).all()
    assert np.isnan(found.p[0, 1])
    assert np.isnan(found.overlap[:, 1]).all()
    assert np.isfinite(found.p[0, [0, 2]]).all()
    alone = compared(peaks, np.zeros(50, int))
    assert np.isnan(alone.superiority).all()


def test_complete_separation_has_an_interval() -> None:
    peaks = np.arange(60.0)[:, None]
    found = compared(peaks, halves(30, 30))
    assert found.superiority[0].tolist() == [0, 1]
    assert found.low[0, 0] == pytest.approx(0, abs=1e-12)
    assert 0.03 < found.high[0, 0] < 0.15
    assert found.p[0, 0] < 1e-10
    one = compared(peaks, halves(1, 59))
    assert 0 <= one.low[0, 0] <= one.superiority[0, 0] < one.high[0, 0] <= 1


def test_single_members_of_many_strata_have_a_variance() -> None:
    rng = np.random.default_rng(9)
    stratum, group = np.repeat(np.arange(200), 2), np.tile([0, 1], 200)
    peaks = rng.standard_normal((400, 50)) + 0.5 * (group == 0)[:, None]
    found = compared(peaks, group, stratum)  # a sign test
    truth = _normal(0.5 / np.sqrt(2))
    covered = (found.low[:, 0] <= truth) & (truth <= found.high[:, 0])
    assert covered.mean() > 0.85
    assert 0.1 < (found.high - found.low).mean() < 0.2


@pytest.mark.parametrize("stratified", [False, True])
@pytest.mark.parametrize("kind", ["dense", "ties", "sparse"])
def test_p_values_are_uniform_under_permuted_labels(kind: str, stratified: bool) -> None:
    passed, rejected = 0, []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        stratum = np.repeat([0, 1, 2], [150, 100, 50])
        # What units have in common would make their p-values depend on each other; labels permuted within strata leave it out.
        peaks = rng.standard_normal((300, 250)) + (stratum[:, None] if stratified else 0)
        if kind != "dense":
            peaks = np.maximum(peaks, 0) if kind == "ties" else np.maximum(peaks - 1, 0)
        group = np.zeros(300, int)
        for row in range(3):
            inside = stratum == row if stratified else np.ones(300, bool)
            group[inside] = rng.permutation(np.arange(inside.sum()) < inside.sum() * 0.3)
        found = compared(peaks, group, stratum if stratified else None)
        passed += kstest(found.p[:, 0], "uniform").pvalue > 0.01
        rejected.append((found.p[:, 0] < 0.05).mean())
    assert passed >= 19
    assert 0.03 < np.mean(rejected) < 0.07


Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]
CASES: dict[str, tuple[Draw, Draw]] = {
    "normal": (lambda g, s: g.standard_normal(s), lambda g, s: g.standard_normal(s)),
    "shifted": (lambda g, s: g.standard_normal(s) + 1.2, lambda g, s: g.standard_normal(s)),
    "far": (lambda g, s: g.standard_normal(s) + 2.3, lambda g, s: g.standard_normal(s)),
    "skewed": (lambda g, s: g.exponential(5.7, s), lambda g, s: g.exponential(1, s)),
    "rectified": (
        lambda g, s: np.maximum(g.standard_normal(s) + 0.7, 0),
        lambda g, s: np.maximum(g.standard_normal(s), 0),
    ),
}


@pytest.mark.parametrize("sizes", [(20, 20), (20, 200), (60, 90)])
@pytest.mark.parametrize("case", CASES)
def test_intervals_cover_the_truth(case: str, sizes: tuple[int, int]) -> None:
    draw_members, draw_others = CASES[case]
    rng = np.random.default_rng(11)
    others = np.sort(draw_others(rng, (400_000, 1))[:, 0])
    members = draw_members(rng, (400_000, 1))[:, 0]
    truth = (np.searchsorted(others, members) + np.searchsorted(others, members, "right")).mean() / 2 / len(others)
    m, n = sizes
    peaks = np.concatenate([draw_members(rng, (m, 1500)), draw_others(rng, (n, 1500))])
    found = compared(peaks, halves(m, n))
    covered = ((found.low[:, 0] <= truth) & (truth <= found.high[:, 0])).mean()
    assert 0.92 <= covered <= 0.985  # 98 % and its own error


def test_of_several_adjustments_the_weakest_counts() -> None:
    rng = np.random.default_rng(12)
    peaks, group = rng.standard_normal((80, 3)), halves(40, 40)
    first = compared(peaks, group)
    second = compared(peaks, group, np.arange(80) % 2)
    found = weakest([first, second])
    np.testing.assert_array_equal(found.p, np.maximum(first.p, second.p))
    chosen = np.where(first.p >= second.p, first.superiority, second.superiority)
    np.testing.assert_array_equal(found.superiority, chosen)
    assert weakest([first]) is first
    never = compared(peaks, group, group)
    assert np.isnan(weakest([first, never]).p).all()
    assert (weakest([first, never]).overlap == 0).all()


def measured(values: np.ndarray, stratum: np.ndarray | None = None) -> Measured:
    rows = np.zeros(len(values), np.int32) if stratum is None else stratum.astype(np.int32)
    return Measured.of(values, Strata(codes=rows, count=int(rows.max()) + 1))


def correlated(peaks: np.ndarray, ranks: Measured) -> Correlation:
    return correlation(RankedPeaks(peaks.astype(np.float32)), ranks)


def test_correlation_equals_scipy_with_ties_and_missing_numbers() -> None:
    rng = np.random.default_rng(13)
    age = rng.integers(1, 80, 120).astype(float)
    age[::7] = np.nan
    peaks = np.maximum(rng.standard_normal((120, 6)) + np.linspace(-0.05, 0.05, 6) * np.nan_to_num(age)[:, None], 0)
    found, known = correlated(peaks, measured(age)), ~np.isnan(age)
    for unit in range(6):
        other = spearmanr(peaks[known, unit].astype(np.float32), age[known])
        assert found.rho[unit] == pytest.approx(other.statistic, rel=1e-9)
        assert found.p[unit] == pytest.approx(other.pvalue, rel=1e-6)
    assert measured(age).images == known.sum()


def test_correlation_within_strata_leaves_out_what_differs_between_them() -> None:
    rng = np.random.default_rng(14)
    stratum = rng.integers(0, 3, 300)
    age = rng.uniform(0, 10, 300) + 20 * stratum
    peaks = np.stack([rng.standard_normal(300) + 2 * stratum, rng.standard_normal(300) + 0.3 * age], axis=1)
    raw, adjusted = correlated(peaks, measured(age)), correlated(peaks, measured(age, stratum))
    assert raw.p[0] < 1e-6
    assert adjusted.p[0] > 0.05
    assert adjusted.p[1] < 1e-6
    # Ranks as shares of their stratum, less the mean, correlated over all of them.
    ranks = np.zeros((2, 300))
    for row in range(3):
        inside = stratum == row
        for place, values in enumerate((peaks[:, 0].astype(np.float32), age)):
            rank = rankdata(values[inside])
            ranks[place, inside] = (rank - rank.mean()) / np.sqrt(len(rank) * (len(rank) + 1))
    assert adjusted.rho[0] == pytest.approx(np.corrcoef(ranks)[0, 1], rel=1e-9)


def test_correlations_cover_the_truth_and_are_uniform() -> None:
    rng = np.random.default_rng(15)
    for rho in (0.0, 0.5, 0.9):
        age = rng.standard_normal(60)
        covered, truth = [], 6 / np.pi * np.arcsin(rho / 2)
        for _ in range(40):
            age = rng.standard_normal(60)
            peaks = rho * age[:, None] + np.sqrt(1 - rho**2) * rng.standard_normal((60, 1))
            found = correlated(np.repeat(peaks, 1, axis=1), measured(age))
            covered.append((found.low <= truth) & (truth <= found.high))
        assert np.mean(covered) >= 0.85
    passed = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        stratum = np.repeat([0, 1, 2], [100, 30, 10])
        found = correlated(rng.standard_normal((140, 300)), measured(rng.uniform(0, 90, 140), stratum))
        passed += kstest(found.p, "uniform").pvalue > 0.01
    assert passed >= 19


def test_correlations_of_nothing_are_nan() -> None:
    peaks = np.random.default_rng(16).standard_normal((30, 3))
    peaks[:, 1], peaks[5, 2] = 1.0, np.nan
    found: Any = correlated(peaks, measured(np.arange(30.0)))
    np.testing.assert_array_equal(np.isnan(found.p), [False, True, True])
    assert np.isnan(correlated(peaks, measured(np.ones(30))).rho).all()
    assert np.isnan(correlated(peaks, measured(np.arange(30.0), np.arange(30))).rho).all()
    same = correlated(np.arange(30.0)[:, None], measured(np.arange(30.0)))
    assert same.rho[0] == pytest.approx(1)
    assert 0.9 < same.low[0] < same.high[0] <= 1
