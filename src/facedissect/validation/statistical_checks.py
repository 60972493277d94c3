"""Checks by simulation: are p-values uniform where nothing is to be found, do intervals cover, is supported what should be?

Seeds are fixed: an installation that works passes always, not 19 times of 20.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr
from scipy.stats import kstest

from ..dissection import dissect
from ..effects import effect
from ..ranking import RankedPeaks
from ..settings import Settings
from ..stability import replicated, stability, weights
from .aligned import VOCABULARY, aligned_faces, by_concept, dissected, fixed, following, wandering
from .check import check
from .confounded import SIZE, compared, confounded, confounded_faces, peaked
from .planted import LAYER, lookup_model

SEEDS = 20
UNIFORM = 19
"""Of so many seeds so many must be uniform: have a Kolmogorov-Smirnov p above 0.01."""
LEAST_P = 0.01
FALSE = 0.05
"""Share of labels of units that follow nothing which may be supported."""
COVERAGE = (0.92, 0.98)
"""Of a 95 % interval, in simulations."""
UNITS = 40


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _uniform(p: Float[np.ndarray, " test"]) -> bool:
    return bool(kstest(p[~np.isnan(p)], "uniform").pvalue > LEAST_P)


_CALIBRATED = f"uniform in at least {UNIFORM} of {SEEDS} seeds; at most {_percent(FALSE)} supported"


@check("p-values of labels", expected=_CALIBRATED)
def label_p_values() -> tuple[bool, str]:
    """Twenty dictionaries, each with units that wander as they like: what permuting the labels of images gives."""
    uniform = supported = labels = 0
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        faces, _ = aligned_faces(150, rng)
        result = dissected(faces, wandering(150, 50, rng), replicates=1, seed=seed)
        # One concept of each unit, since those of a unit depend on each other.
        uniform += _uniform(by_concept(result, "p")[:, seed % len(VOCABULARY)])
        supported += int(result.units["supported"].sum())
        labels += int(result.units["interpretable"].sum())
    share = supported / max(labels, 1)
    passed = uniform >= UNIFORM and labels > 400 and share <= FALSE
    return passed, f"uniform in {uniform} of {SEEDS} seeds; {_percent(share)} of {labels} labels supported"


@check("p-values of bias", expected=_CALIBRATED)
def bias_p_values() -> tuple[bool, str]:
    """Gender and age are given out anew in each of twenty seeds; the peaks know of neither."""
    uniform = adjusted = supported = tested = 0
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        levels = {
            name: rng.permutation(np.arange(300) % count).astype(np.int32)
            for name, count in (("gender", 2), ("age", 4))
        }
        found = compared(np.maximum(rng.standard_normal((300, 250)), 0).astype(np.float32), levels)
        uniform += _uniform(found["gender"].effect.p[:, 0])
        adjusted += _uniform(found["gender"].adjusted.p[:, 0])
        supported += sum(int(part.supported.sum()) for part in found.values())
        tested += sum(part.supported.size for part in found.values())
    share = supported / tested
    passed = min(uniform, adjusted) >= UNIFORM and share <= FALSE
    told = f"uniform in {uniform} of {SEEDS} seeds, adjusted in {adjusted}"
    return passed, f"{told}; {_percent(share)} of {tested:,} tests supported"


_COVERED = f"the truth in {_percent(COVERAGE[0])} to {_percent(COVERAGE[1])} of 95 % intervals"


@check("intervals of IoUs", expected=_COVERED)
def iou_intervals() -> tuple[bool, str]:
    """The IoU of a very large dictionary, and the intervals of small ones."""
    rng = np.random.default_rng(4)
    units, large, small, trials = 30, 20_000, 400, 30
    shared, union = _overlaps(large, units, rng)
    truth = shared.sum(0) / union.sum(0)
    covered = 0
    for trial in range(trials):
        shared, union = _overlaps(small, units, rng)
        sums = replicated(weights(small, 200, trial), np.concatenate([shared, union], axis=1))
        told = stability(sums[:, :units] / sums[:, units:], 0)
        covered += int(((told.low <= truth) & (truth <= told.high)).sum())
    share = covered / (trials * units)
    return COVERAGE[0] <= share <= COVERAGE[1], f"the truth in {_percent(share)} of {trials * units:,} intervals"


def _overlaps(
    count: int, units: int, rng: np.random.Generator
) -> tuple[Float[np.ndarray, "image unit"], Float[np.ndarray, "image unit"]]:
    """Pixels that units share with a mask, and those of the union, in images in which they fire."""
    size = rng.gamma(4, 10, (count, units)) + 1
    area = rng.gamma(4, 12, (count, units)) + 1
    shared = (np.minimum(size, area) * rng.beta(1, 3, (count, units))).round()
    return shared, area.round() + size.round() - shared


@check("intervals of Cliff's delta", expected=_COVERED)
def delta_intervals() -> tuple[bool, str]:
    """Subgroups that differ by a known amount, from not at all to a lot: shifted normal peaks, and skewed ones."""
    rng = np.random.default_rng(11)
    shares, trials = [], 1500
    for members, others in ((20, 200), (60, 90)):
        sizes = (members, trials), (others, trials)
        for shift in (0.0, 1.2):
            drawn = rng.standard_normal(sizes[0]) + shift, rng.standard_normal(sizes[1])
            shares.append(_covered(*drawn, float(2 * ndtr(shift / np.sqrt(2)) - 1)))
        # Of exponential peaks with means s and 1, the first exceeds the second with probability s / (s + 1).
        shares.append(_covered(rng.exponential(4.0, sizes[0]), rng.exponential(1.0, sizes[1]), 2 * 4 / 5 - 1))
    low, high = min(shares), max(shares)
    passed = COVERAGE[0] <= low and high <= COVERAGE[1]
    return passed, f"the truth in {_percent(low)} to {_percent(high)} of {trials:,} intervals, in {len(shares)} cases"


def _covered(
    members: Float[np.ndarray, "member trial"], others: Float[np.ndarray, "other trial"], delta: float
) -> float:
    """The share of trials in which the interval holds the truth."""
    peaks = np.concatenate([members, others]).astype(np.float32)
    group = np.repeat([0, 1], [len(members), len(others)]).astype(np.int32)
    found = effect(RankedPeaks(peaks).placements(group, np.zeros(len(group), np.int32), 2, 1))
    return float(((found.delta_low[:, 0] <= delta) & (delta <= found.delta_high[:, 0])).mean())


@check("units at fixed places", expected="most labelled by the published rule, none supported")
def fixed_units() -> tuple[bool, str]:
    """Units that fire at one place whatever the image look like detectors of what mostly lies there; they are none."""
    rng = np.random.default_rng(3)
    faces, _ = aligned_faces(250, rng)
    units = dissected(faces, fixed(250, UNITS, rng)).units
    labelled, supported = int(units["interpretable"].sum()), int(units["supported"].sum())
    return labelled > 0.9 * UNITS and supported == 0, f"{labelled} of {UNITS} labelled, {supported} supported"


@check("units that follow concepts", expected="all labelled with what they follow, all supported")
def following_units() -> tuple[bool, str]:
    """Units that go where a concept goes in each image."""
    rng = np.random.default_rng(3)
    faces, masks = aligned_faces(250, rng)
    units = dissected(faces, following(masks, UNITS, rng)).units
    own = [VOCABULARY.names[unit % len(VOCABULARY)] for unit in range(UNITS)]
    labelled, supported = int((units["concept"] == own).sum()), int(units["supported"].sum())
    told = f"{labelled} of {UNITS} labelled with what they follow, {supported} supported"
    return labelled == supported == UNITS, told


@check("confounded dictionary", expected="by gender: most biased as published, none supported; by age: all supported")
def confounded_dictionary() -> tuple[bool, str]:
    """Women are mostly young and men mostly old, and the network reads age only."""
    peaks, levels = confounded(400, UNITS)
    result = dissect(
        confounded_faces(levels),
        lookup_model(peaked(peaks), SIZE),
        layers=[LAYER],
        settings=Settings(replicates=0, sweep=(), workers=0),
    )
    bias = result.bias.groupby(["global_concept", "unit"])[["biased", "supported"]].any()
    gender, age = bias.loc["gender"], bias.loc["age"]
    published, adjusted, by_age = (
        int(part.sum()) for part in (gender["biased"], gender["supported"], age["supported"])
    )
    told = f"by gender: {published} of {UNITS} biased as published, {adjusted} supported; by age: {by_age} supported"
    return published > 0.9 * UNITS and adjusted == 0 and by_age == UNITS, told
