"""What a baseline says, in words and as the cells of a table, for someone who never saw the paper."""

from __future__ import annotations

import math

from ..baseline import Baseline
from ..unit_counts import spoken
from .evidence_wording import probability
from .wording import NOT_MEASURED, SPACE, counted

TITLE = "What would come out anyway"

HINT = (
    "No count was compared with random weights and permuted labels: “facedissect baseline DIR” does that, and "
    "“facedissect report DIR” then shows it here."
)
"""Where a result has no baseline."""

HEADINGS = ("Layer", "Units that", "Here", "Random weights", "Beyond", f"95{SPACE}% interval", "Permuted", "p")
NAMES = 2
"""Columns of the table, the first ones, that hold names; the others hold numbers."""

CAPTION = (
    f"All are counts of units. Permuted: with the labels of subgroups permuted, in the mean, and where 95{SPACE}% of the "
    "permutations lie; of interpretable units, with masks exchanged between images. p: how often permuted labels give at least "
    "as many. Intervals are rather too narrow, as units of one network depend on each other."
)


def meaning(baseline: Baseline) -> list[str]:
    """What the table is for, and how to read it."""
    return [
        "Units of a network that has learnt nothing can overlap a concept or lean towards a subgroup, too: they follow colours, "
        "edges and places, in which faces differ. So the same network was dissected with random weights "
        f"({counted(baseline.seeds, 'seed')}), and the labels of subgroups were permuted among the faces "
        f"({counted(baseline.permutations, 'time')}).",
        f"Beyond is how many more units are so than with random weights; surely more where its 95{SPACE}% interval is above "
        "0. Fewer than with random weights does not mean that the network is fairer or has learnt nothing: units that mean "
        "nothing may well be biased more often than those that do, and the bias may even be supported. So counts alone prove "
        "nothing; look at single units, and at what the network needs them for (“facedissect ablate”).",
    ]


def in_short(baseline: Baseline) -> str:
    """How many units are interpretable (of layers without maps: biased) here and with random weights, in one line."""
    first = baseline.table.groupby("layer", sort=False).head(1).to_dict("records")
    counts = (
        f"{row['observed']:,} of {counted(int(row['units']), 'unit')} of {row['layer']} {spoken(str(row['measure']))}, "
        f"{row['random_weights']:,.4g} with random weights"
        for row in first
    )
    return f"Baseline: {'; '.join(counts)}"


def rows(baseline: Baseline) -> list[tuple[str, ...]]:
    """The cells of each row under HEADINGS, as text."""
    digits = int(baseline.seeds > 1)  # of a mean over several networks
    return [
        (
            str(row["layer"]),
            spoken(row["measure"]),
            f"{row['observed']:,} of {row['units']:,}",
            _count(row["random_weights"], digits),
            _signed(row["excess"], digits),
            _between(_signed(row["low"], 1), _signed(row["high"], 1)),
            _permuted(row["permuted"], row["permuted_low"], row["permuted_high"]),
            probability(row["p"]),
        )
        for row in baseline.table.to_dict("records")
    ]


def _permuted(found: float, low: float, high: float) -> str:
    """A mean with its range, or a count, which has none."""
    return _count(found, 0) if math.isnan(low) else f"{_count(found, 1)} ({_between(_count(low, 1), _count(high, 1))})"


def _count(value: float, digits: int) -> str:
    return NOT_MEASURED if math.isnan(value) else f"{value:,.{digits}f}"


def _signed(value: float, digits: int) -> str:
    # Adding 0 takes the sign off a rounded -0.
    return NOT_MEASURED if math.isnan(value) else f"{round(value, digits) + 0:+,.{digits}f}".replace("-", "−")


def _between(low: str, high: str) -> str:
    return NOT_MEASURED if NOT_MEASURED in (low, high) else f"{low}{SPACE}to{SPACE}{high}"
