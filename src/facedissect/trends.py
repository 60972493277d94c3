"""How the peaks of each unit rise or fall with a number that faces are labelled with, such as age in years."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float, Int

from .dictionary.faces import Face
from .effects import FALSE_DISCOVERIES, Correlation, Measured, correlation, weakest
from .multiplicity import q_values
from .ranking import RankedPeaks
from .strata import Strata, confounders

FEWEST_VALUES = 3
"""Different values of a label that is a number to be ranked; of two, it is a division like any other."""
PARTS = 4
"""Into which a number is divided, to see whether faces that are alike otherwise differ in it."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A number that some images are labelled with, ranked among all of them and among those that are alike otherwise."""

    name: str
    raw: Measured
    adjust: tuple[Measured, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Trend:
    """How the peaks of each unit rise with a number.

    Attributes:
        name: of the label.
        images: how many are labelled.
        raw: Spearman's correlation over all of them.
        adjusted: the same within strata of global concepts; `raw` where there is nothing to adjust for.
        q, adjusted_q: (unit) q-values of both; NaN until `judged_trends`, and for what is not tested.
        supported: (unit) whether the adjusted correlation, of either sign, holds; False until `judged_trends`.
    """

    name: str
    images: int
    raw: Correlation
    adjusted: Correlation
    q: Float[np.ndarray, " unit"] = field(repr=False)
    adjusted_q: Float[np.ndarray, " unit"] = field(repr=False)
    supported: Bool[np.ndarray, " unit"]

    @classmethod
    def joined(cls, parts: Sequence[Trend]) -> Trend:
        """The units of one part after those of the other; at least one part, all of one label over the same images."""
        return replace(
            parts[0],
            q=np.concatenate([part.q for part in parts]),
            adjusted_q=np.concatenate([part.adjusted_q for part in parts]),
            supported=np.concatenate([part.supported for part in parts]),
            raw=Correlation.joined([part.raw for part in parts]),
            adjusted=Correlation.joined([part.adjusted for part in parts]),
        )


def numbers(faces: Sequence[Face]) -> dict[str, Float[np.ndarray, " image"]]:
    """The labels that are numbers, with FEWEST_VALUES different ones or more.

    Returns:
        Name of the label -> the number of each face, NaN where it has none.
    """
    names = dict.fromkeys(name for face in faces for name, label in face.labels.items() if _is_number(label))
    found = {}
    for name in sorted(names):
        labels = [face.labels.get(name) for face in faces]
        values = np.array([float(label) if _is_number(label) else np.nan for label in labels])  # type: ignore[arg-type]
        values[~np.isfinite(values)] = np.nan
        if len(np.unique(values[~np.isnan(values)])) >= FEWEST_VALUES:
            found[name] = values
    return found


def _is_number(label: object) -> bool:
    return isinstance(label, int | float) and not isinstance(label, bool)


def measures(
    values: Mapping[str, Float[np.ndarray, " image"]],
    levels: Mapping[str, Int[np.ndarray, " image"]],
    min_images: int,
) -> tuple[Measure, ...]:
    """Rank the numbers, each also within strata of the global concepts.

    A global concept that is the number itself, divided by limits (as age subgroups are of an age in years), is left out of its
    strata.

    Args:
        values: the number of each image; NaN where it has none.
        levels: the subgroup of each image, for each global concept to adjust for; -1 where it is not known.
        min_images: numbers of fewer images are not looked at.
    """
    found = []
    for name, numbers_of in values.items():
        within = ~np.isnan(numbers_of)
        if within.sum() < min_images:
            continue
        others = [level for level in levels.values() if not divided_by_limits(numbers_of, level)]
        limits = np.quantile(numbers_of[within], np.arange(1, PARTS) / PARTS)
        parts = np.where(within, np.searchsorted(limits, numbers_of, side="left"), -1)
        members = np.stack([parts == part for part in range(PARTS)])
        adjust = confounders(members[members.any(axis=1)], others, min_images)
        found.append(
            Measure(
                name=name,
                raw=Measured.of(numbers_of, Strata.crossed(within)),
                adjust=tuple(Measured.of(numbers_of, strata) for strata in adjust),
            )
        )
    return tuple(found)


def divided_by_limits(values: Float[np.ndarray, " image"], levels: Int[np.ndarray, " image"]) -> bool:
    """Whether the subgroups' ranges of values do not overlap."""
    known = ~np.isnan(values) & (levels >= 0)
    groups = [values[known & (levels == level)] for level in np.unique(levels[known])]
    ranges = sorted((group.min(), group.max()) for group in groups)
    return len(ranges) > 1 and all(lower[1] <= upper[0] for lower, upper in pairwise(ranges))


def trend(ranked: RankedPeaks, measure: Measure) -> Trend:
    """Correlate the peaks of some units with a number."""
    raw = correlation(ranked, measure.raw)
    adjusted = weakest([correlation(ranked, ranks) for ranks in measure.adjust]) if measure.adjust else raw
    untested = np.full(len(raw.rho), np.nan)
    return Trend(
        name=measure.name,
        images=measure.raw.images,
        raw=raw,
        adjusted=adjusted,
        q=untested,
        adjusted_q=untested,
        supported=np.zeros(len(raw.rho), bool),
    )


def judged_trends(trends: Sequence[Trend]) -> tuple[Trend, ...]:
    """The trends of all units of a layer with q-values, and whether each is supported; all units and numbers are one family."""
    if not trends:
        return ()
    q = q_values(np.stack([found.raw.p for found in trends]))
    adjusted = q_values(np.stack([found.adjusted.p for found in trends]))
    return tuple(
        replace(found, q=q[row], adjusted_q=adjusted[row], supported=adjusted[row] < FALSE_DISCOVERIES)
        for row, found in enumerate(trends)
    )
