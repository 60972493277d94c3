"""The sentences of a comparison, for its page and the terminal."""

from __future__ import annotations

import math

import pandas as pd

from ..comparison import DICTIONARY, Comparison
from ..effects import FALSE_DISCOVERIES
from ..unit_counts import spoken
from .wording import NOT_MEASURED, counted, listed, number, percent

MOST_LISTED = 8
MOST_SIDES = 3
"""Of more sides than these, a sentence tells only how far they range."""


def title(comparison: Comparison) -> str:
    """The title of the page."""
    models = list(dict.fromkeys(side.model for side in comparison.sides))
    names = comparison.names
    shown = listed(names) if len(names) <= MOST_SIDES else f"{counted(len(names), 'result')}"
    # Names of layers alone would not say of what.
    return f"{shown} compared" if models[0] in names[0] else f"{shown} of {listed(models)} compared"


def warnings(comparison: Comparison) -> list[str]:
    """What forbids or hampers a comparison; empty where nothing does."""
    told = []
    if not comparison.same_dictionary:
        told.append(
            "They were dissected with different dictionaries, though of the same concepts: a difference between them may "
            "come from the faces and not from the networks."
        )
    others = [name for about, name in comparison.differences.index if about != DICTIONARY]
    if others:
        told.append(f"Their runs differ in {listed(others)}; numbers that rest on these cannot be compared.")
    return told


def summary(comparison: Comparison) -> list[str]:
    """What was found, a paragraph each; enough for someone who reads nothing else."""
    return [
        _opening(comparison),
        _interpretable(comparison),
        _found(comparison),
        *([_regions(comparison)] if comparison.regions["units"].any() else []),
        *_biased(comparison),
        *(development(comparison, rows) for rows in comparison.sequences),
    ]


def _opening(comparison: Comparison) -> str:
    units = comparison.totals["units"]
    sides = listed(
        f"{side.name} ({counted(int(units[side.name]), 'unit')}"
        f"{'' if any(layer in side.name for layer in side.layers) else ' of ' + listed(side.layers)})"
        for side in comparison.sides
    )
    if not comparison.same_dictionary:
        return f"Compared are {sides}."
    dictionary = comparison.sides[0].result.provenance.dictionary
    alike = "" if len(comparison.differences) else ", with the same settings, preprocessing and versions"
    return (
        f"Compared are {sides}. All were dissected with the same dictionary, "
        f"{dictionary['location']} ({counted(int(dictionary['faces']), 'image')}){alike}."
    )


def _interpretable(comparison: Comparison) -> str:
    totals, texts = comparison.totals, []
    if len(totals) > MOST_SIDES:
        return f"Interpretable units: {_range(totals['share'])}."
    for name, row in totals.iterrows():
        if not row["compared"]:
            texts.append(f"{name} gave no maps, so that only bias was measured")
            continue
        told = [f"mean IoU {number(row['mean_iou'])}"] if row["interpretable"] else []
        told += [f"{int(row['supported']):,} of the labels supported"] if row["judged"] else []
        mean = f" ({', '.join(told)})" if told else ""
        share = percent(row["interpretable"], row["compared"])
        texts.append(
            f"of {name}, {int(row['interpretable']):,} of {counted(int(row['compared']), 'unit')}, {share}{mean}"
        )
    return f"Interpretable units: {'; '.join(texts)}."


def _range(shares: pd.Series) -> str:
    """From the least to the greatest share of units, with the sides that have them."""
    known = shares.dropna()
    if known.empty:
        return "none could be measured"
    least, greatest = known.idxmin(), known.idxmax()
    return f"from {percent(known.min())} ({least}) to {percent(known.max())} ({greatest})"


def contrasts(comparison: Comparison) -> list[tuple[str, list[str], bool]]:
    """What is said of units; both shares, their difference with its interval, and q; whether the difference holds.

    Of more than two sides, it is also said which are compared.
    """
    rows = []
    for row in comparison.contrasts.to_dict("records"):
        told = f" ({row['first']} and {row['second']})" if len(comparison.sides) > 2 else ""
        q = float(row["q"])
        cells = [
            _share(row["units_first"], row["of_first"]),
            _share(row["units_second"], row["of_second"]),
            _points(row["difference"]),
            f"{_points(row['low'])} to {_points(row['high'])}",
            "below 0.001" if q < 0.001 else number(q),
        ]
        rows.append((f"{spoken(row['measure'])}{told}", cells, q < FALSE_DISCOVERIES))
    return rows


def contrast_sides(comparison: Comparison) -> list[str]:
    """Whose shares the first two cells of contrasts are."""
    return comparison.names if len(comparison.names) == 2 else ["First", "Second"]


CONTRAST_NOTE = (
    "Shares of units, and the first less the second in points of 100, with a 95 % interval (Newcombe) and the q-value of "
    "Fisher's exact test over all rows. The units of a network are no random sample and depend on each other, so that all of "
    "this is rather too sure."
)


def _share(units: int, of: int) -> str:
    return f"{units:,} of {of:,} ({percent(units, of)})" if of else NOT_MEASURED


def _points(value: float) -> str:
    return NOT_MEASURED if math.isnan(value) else f"{100 * value:+.1f}"


def groups(comparison: Comparison) -> list[tuple[str, list[str]]]:
    """The concepts by who found them: a heading and the names, for every group that is not empty."""
    found, names = comparison.found, comparison.names
    images = comparison.counts("concepts", "images").loc[found.index]
    searched = images.sum(axis=1) > 0
    total, both = found.sum(axis=1), len(names) == 2
    parts: list[tuple[str, pd.Series]] = [
        ("Found by both" if both else f"Found by all {len(names)}", total == len(names))
    ]
    if both:
        parts += [(f"Found by {name} only", (total == 1) & found[name]) for name in names]
    else:
        parts.append(("Found by some", (total > 0) & (total < len(names))))
    parts += [
        ("Found by neither" if both else "Found by none", searched & (total == 0)),
        ("Not searched, as no image has them", ~searched & (total == 0)),
    ]
    return [(heading, [str(name) for name in found.index[which]]) for heading, which in parts if which.any()]


def _found(comparison: Comparison) -> str:
    texts = []
    for place, (heading, names) in enumerate(groups(comparison)):
        shown = "" if place == 0 and len(names) > MOST_LISTED else f": {_first(names)}"
        texts.append(
            f"{heading[0].lower() if place else heading[0]}{heading[1:]} are {counted(len(names), 'concept')}{shown}"
        )
    return f"{'; '.join(texts)}."


def _first(names: list[str]) -> str:
    more = len(names) - MOST_LISTED
    return listed(names) if more <= 1 else f"{', '.join(names[:MOST_LISTED])} and {more} more"


def _regions(comparison: Comparison) -> str:
    counts = comparison.counts("regions")
    if len(comparison.sides) > MOST_SIDES:
        tops = counts.loc[:, counts.any()].idxmax().value_counts()
        shown = listed(f"{region} (of {many})" for region, many in tops.items())
        return f"The region that most interpretable units look at is {shown}."
    texts = []
    for name in comparison.names:
        if total := int(counts[name].sum()):
            most = counts[name].nlargest(2)
            shown = listed(f"{region} ({percent(units, total)})" for region, units in most.items() if units)
            texts.append(f"of {name}, most look at {shown}")
    return f"Of the interpretable units {'; '.join(texts)}."


def _biased(comparison: Comparison) -> list[str]:
    if comparison.biased.empty:
        return []
    biased, measured = comparison.counts("biased"), comparison.counts("biased", "measured")
    towards = comparison.counts("bias")
    told = []
    for concept in biased.index:
        if len(comparison.sides) > MOST_SIDES:
            of = measured.loc[concept]
            told.append(f"Biased by {concept}: {_range(biased.loc[concept] / of.where(of > 0))}.")
            continue
        texts = []
        for name in comparison.names:
            if not measured.loc[concept, name]:
                texts.append(f"no unit of {name} could be measured")
                continue
            most = towards.loc[concept][name]
            where = f", most often towards {most.idxmax()}" if most.max() else ""
            texts.append(
                f"{percent(biased.loc[concept, name], measured.loc[concept, name])} of the "
                f"{counted(int(measured.loc[concept, name]), 'unit')} of {name}{where}"
            )
        told.append(f"Biased by {concept}: {'; '.join(texts)}.")
    return told


def development(comparison: Comparison, rows: pd.DataFrame) -> str:
    """How a sequence of layers develops from its first to its last."""
    compared = rows[rows["compared"] > 0]
    model = next(side.model for side in comparison.sides if side.name == rows["side"].iloc[0])
    if len(compared) < 2:
        return f"The layers of {model} gave too few maps to say how they develop."
    first, last = compared.iloc[0], compared.iloc[-1]
    text = (
        f"From {first['layer']} to {last['layer']} of {model}, the share of interpretable units goes from "
        f"{percent(first['share'])} to {percent(last['share'])}"
    )
    if first["interpretable"] and last["interpretable"]:
        text += f" and their mean IoU from {number(first['mean_iou'])} to {number(last['mean_iou'])}"
        tops = [region for row in (first, last) if (region := _top_region(comparison, row))]
        text += f"; the region most looked at is {tops[0]}" + (
            " in both" if tops[0] == tops[1] else f" at first and {tops[1]} at last"
        )
    return text + "."


def _top_region(comparison: Comparison, row: pd.Series) -> str:
    regions = comparison.regions
    own = regions[(regions["side"] == row["side"]) & (regions["layer"] == row["layer"])]
    return str(own.loc[own["units"].idxmax(), "region"])
