"""What is said of how far a unit's label and its biases can be believed, in words for someone who never saw the paper.

Nothing is said of what was not tested: a run without replicates tests no label.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from ..ablation import Ablation
from ..significance import SIGNIFICANCE
from ..units import SubgroupShare, UnitSummary
from .wording import NOT_MEASURED, SPACE, counted, listed, number, percent

SMALLEST = 0.001
"""Probabilities below this are told as being below."""


def probability(value: float) -> str:
    """A p- or q-value; a dash for NaN."""
    return f"< {SMALLEST}" if value < SMALLEST else number(value)


def interval(low: float, high: float, digits: int = 3) -> str:
    """`0.21 to 0.30`; a dash where there is none."""
    if math.isnan(low) or math.isnan(high):
        return NOT_MEASURED
    return f"{number(low, digits)}{SPACE}to{SPACE}{number(high, digits)}"


def support(unit: UnitSummary) -> str:
    """`supported (q 0.003)` or `not supported (q 0.210)`; nothing for a label that was not tested, or none."""
    if not unit.judged or unit.best is None:
        return ""
    return f"{'supported' if unit.supported else 'not supported'} (q{SPACE}{probability(unit.best.q)})"


def belief(unit: UnitSummary) -> str:
    """Whether a label can be believed, and why; nothing for a label that was not tested, or none."""
    if not unit.judged or unit.best is None:
        return ""
    best = unit.best
    against = (
        f"its IoU is {number(unit.iou)} (95{SPACE}% interval {interval(best.iou_low, best.iou_high)}), and "
        f"{number(best.iou_null)} on average with the masks exchanged between the images that have {best.concept} "
        f"(p{SPACE}{probability(best.p)}, q{SPACE}{probability(best.q)})"
    )
    if unit.supported:
        return (
            f"The label is supported: {against}. So the unit follows {best.concept} itself, not only its usual place."
        )
    return (
        f"The label is not supported: {against}. So the unit may just fire where {best.concept} mostly lies; q would have to be "
        f"below {SIGNIFICANCE:g}."
    )


def stability(unit: UnitSummary, replicates: int) -> str:
    """How often a label stays the same when images are drawn anew; nothing where none were."""
    if not unit.interpretable or math.isnan(unit.stability):
        return ""
    text = f"The label stays the same in {percent(unit.stability)} of {replicates:,} resamplings of the images"
    if len(unit.label_set) < 2:
        return f"{text}."
    names = [name or "no label" for name in unit.label_set]
    return f"{text}; 95{SPACE}% of them give {_either(names)}."


def _either(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


def verdict(share: SubgroupShare) -> str:
    """What the statistics say of a subgroup: `supported`, `supported: lower`, `not supported`, or `not tested`."""
    if not share.tested:
        return "not tested" if share.measured else ""
    if not share.supported:
        return "not supported"
    return "supported" if share.adjusted_delta > 0 else "supported: lower"


def supported_biases(unit: UnitSummary) -> str:
    """Which of the subgroups that a unit is biased towards are supported; nothing where it is biased to none."""
    found = [share for _, share in unit.biased]
    if not found:
        return ""
    held = [share.subgroup for share in found if share.higher]
    if len(held) == len(found):
        return "supported"
    if held:
        return f"supported: {listed(held)}"
    return "not supported" if any(share.tested for share in found) else "not tested"


def ablation_sentences(ablations: Iterable[Ablation]) -> list[str]:
    """What each set of units does that somebody replaced."""
    return [ablation.sentence(name) for ablation in ablations for name in ablation.sets]


def ablation_in_short(ablation: Ablation) -> str:
    """How the metric changes without each set of units, in one line."""
    changes = (f"{row['change']:+.3f} ({row['set']})" for row in ablation.overall.to_dict("records"))
    return (
        f"Ablation of {ablation.layer}: the {ablation.metric} on {counted(ablation.faces, 'face')} changes by "
        f"{listed(changes)}"
    )
