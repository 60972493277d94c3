"""The page of a comparison: one self-contained file that opens from disk, in light and dark, without scripts or a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import pandas as pd

from ..atomic import atomic
from ..comparison import Comparison
from . import compare_wording, wording
from .templating import environment


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A count of one side: the count, its share of a whole that is the same for the column, and the length of its bar."""

    count: int
    share: float
    bar: float
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One thing that is counted, with a cell for each side."""

    name: str
    note: str
    cells: Sequence[Cell]


@dataclass(frozen=True, kw_only=True)
class Group:
    """Rows under a heading of their own."""

    heading: str
    rows: Sequence[Row]


def write(comparison: Comparison, path: str | PathLike[str]) -> None:
    """Write the page; it is complete or absent.

    Raises:
        OutputError: it cannot be written.
    """
    templates = environment({"number": wording.number, "thousands": "{:,}".format})
    page = templates.get_template("compare.html.j2")
    with atomic(Path(path)) as scratch:
        # A name that is no text, as of a file in another encoding, must not end the work.
        page.stream(**_context(comparison)).dump(str(scratch), encoding="utf-8", errors="xmlcharrefreplace")


def _context(comparison: Comparison) -> dict[str, object]:
    labelled = comparison.counts("regions").sum()
    kinds = comparison.counts("kinds").rename(index=wording.kind_name)
    return {
        "comparison": comparison,
        "title": compare_wording.title(comparison),
        "warnings": compare_wording.warnings(comparison),
        "summary": compare_wording.summary(comparison),
        "totals": list(comparison.totals.reset_index().itertuples()),
        "differences": _differences(comparison.differences),
        "contrasts": compare_wording.contrasts(comparison),
        "contrast_sides": compare_wording.contrast_sides(comparison),
        "contrast_note": compare_wording.CONTRAST_NOTE,
        "concepts": _concepts(comparison, labelled),
        "histograms": [
            ("Regions", "Region", _rows(comparison.counts("regions"), labelled)),
            ("Kinds of concepts", "Kind", _rows(kinds, labelled)),
        ],
        "bias": _bias(comparison),
        "sequences": [_sequence(comparison, rows) for rows in comparison.sequences],
        "wording": wording,
    }


def _differences(differences: pd.DataFrame) -> list[tuple[str, str, list[str]]]:
    """About, name and the values of the sides."""
    return [(about, name, values) for (about, name), *values in differences.itertuples(name=None)]


def _rows(
    counts: pd.DataFrame, wholes: pd.Series, notes: Sequence[str] = (), cell_notes: pd.DataFrame | None = None
) -> list[Row]:
    """The rows of a table of counts; bars are as long as shares, the greatest of the table as long as it gets."""
    shares = counts / wholes.where(wholes > 0)
    longest = float(shares.max().max())
    bars = (shares / longest if longest > 0 else shares).fillna(0)
    return [
        Row(
            name=str(name),
            note=notes[place] if notes else "",
            cells=[
                Cell(
                    count=int(counts.loc[name, side]),
                    share=float(shares.loc[name, side]),
                    bar=float(bars.loc[name, side]),
                    note="" if cell_notes is None else str(cell_notes.loc[name, side]),
                )
                for side in counts.columns
            ],
        )
        for place, name in enumerate(counts.index)
    ]


def _concepts(comparison: Comparison, labelled: pd.Series) -> list[Group]:
    """The concepts by who found them, the most common first; shares are of the labelled units of a side."""
    counts, detecting = comparison.counts("concepts"), comparison.counts("concepts", "detecting")
    supported, judged = comparison.counts("concepts", "supported"), comparison.totals["judged"]
    best = comparison.concepts.groupby(["concept", "side"])["best_iou"].max()
    notes = pd.DataFrame(
        {
            side: [
                (f"{supported.loc[name, side]:,} supported, " if judged[side] and counts.loc[name, side] else "")
                + f"{detecting.loc[name, side]:,} detect, IoU{wording.SPACE}{wording.number(best[name, side])}"
                for name in counts.index
            ]
            for side in counts.columns
        },
        index=counts.index,
    )
    abouts = [f"{concept.region}, {wording.kind_name(concept.kind)}" for concept in comparison.vocabulary.concepts]
    rows = {row.name: row for row in _rows(counts, labelled, abouts, notes)}
    return [
        Group(
            heading=f"{heading} ({len(names)})",
            rows=sorted((rows[name] for name in names), key=lambda row: -sum(cell.share for cell in row.cells)),
        )
        for heading, names in compare_wording.groups(comparison)
    ]


def _bias(comparison: Comparison) -> list[Group]:
    """The subgroups of each global concept; shares are of the units of a side that have a probability."""
    if comparison.bias.empty:
        return []
    towards, images = comparison.counts("bias"), comparison.counts("bias", "images")
    supported = comparison.counts("bias", "supported")
    layers = comparison.layers.groupby("side").size()
    biased, measured = comparison.counts("biased"), comparison.counts("biased", "measured")
    groups = []
    for concept in biased.index:
        own = images.loc[concept] // layers[images.columns]  # the same images, once a layer
        pictures = [wording.listed(dict.fromkeys(f"{n:,}" for n in row)) + " images" for row in own.to_numpy()]
        any_of_them = biased.loc[[concept]].rename(index={concept: "any of them"})
        counts = pd.concat([any_of_them, towards.loc[concept]])
        told = supported.loc[concept].map(lambda units: f"{units:,} supported").where(towards.loc[concept] > 0, "")
        notes = pd.concat([any_of_them.map(lambda _: ""), told])
        groups.append(Group(heading=str(concept), rows=_rows(counts, measured.loc[concept], ["", *pictures], notes)))
    return groups


def _sequence(comparison: Comparison, rows: pd.DataFrame) -> dict[str, object]:
    """The layers of one network in their order, with the regions of each."""
    regions = comparison.regions.set_index(["side", "layer", "region"])["units"]
    names = [region.name for region in comparison.vocabulary.regions]
    sides = {side.name: side for side in comparison.sides}
    bars = [(rows[column] / rows[column].max()).fillna(0) for column in ("share", "mean_iou")]
    layers = rows.to_dict("records")
    return {
        "model": sides[layers[0]["side"]].model,
        "sentence": compare_wording.development(comparison, rows),
        "layers": layers,
        "bars": list(zip(*bars, strict=True)),
        "regions": names,
        "counts": [[int(regions[row["side"], row["layer"], name]) for name in names] for row in layers],
    }
