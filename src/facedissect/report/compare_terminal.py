"""A comparison in a terminal: the sentences, what differs in red, and the counts side by side."""

from __future__ import annotations

from typing import Literal

import pandas as pd
from rich.console import Console
from rich.table import Table

from ..comparison import Comparison
from . import compare_wording, wording
from .terminal import heading, plain_table, plain_text, print_text


def show(comparison: Comparison, console: Console) -> None:
    """Print what several results found."""
    heading(compare_wording.title(comparison), console)
    for warning in compare_wording.warnings(comparison):
        console.print(plain_text(warning, style="bold red"))
    for paragraph in compare_wording.summary(comparison):
        console.print(plain_text(paragraph))
    if len(comparison.differences):
        _differences(comparison, console)
    _contrasts(comparison, console)
    _concepts(comparison, console)
    _counts("Interpretable units by region", "region", comparison.counts("regions"), console)
    kinds = comparison.counts("kinds").rename(index=wording.kind_name)
    _counts("Interpretable units by kind", "kind", kinds, console)
    if not comparison.bias.empty:
        towards = comparison.counts("bias")
        towards.index = pd.Index([f"{concept}: {subgroup}" for concept, subgroup in towards.index])
        _counts("Units biased towards each subgroup", "subgroup", towards, console)
    for rows in comparison.sequences:
        table = plain_table(
            "From layer to layer", "layer", ">units", ">interpretable", ">supported", ">share", ">mean IoU"
        )
        for row in rows.to_dict("records"):
            table.add_row(
                plain_text(row["layer"]),
                f"{row['units']:,}",
                f"{row['interpretable']:,}",
                f"{row['supported']:,}" if row["judged"] else wording.NOT_MEASURED,
                wording.percent(row["share"]),
                wording.number(row["mean_iou"]),
            )
        print_text(table, console)


def _differences(comparison: Comparison, console: Console) -> None:
    table = _side_by_side("Differences of the runs", ["name", "of"], comparison.names, justify="left")
    for (about, name), *values in comparison.differences.itertuples(name=None):
        cells = [plain_text(value, style="" if value == values[0] else "bold red") for value in values]
        table.add_row(plain_text(name), about, *cells)
    print_text(table, console)


def _contrasts(comparison: Comparison, console: Console) -> None:
    """Whether the sides differ in how many units are something; bold where they do."""
    rows = compare_wording.contrasts(comparison)
    if not rows:
        return
    table = plain_table("Differences", "units that")
    for name in (*compare_wording.contrast_sides(comparison), "difference", "95 % interval", "q"):
        table.add_column(plain_text(name), justify="right", overflow="fold")
    for measure, cells, holds in rows:
        style = "bold" if holds else ""
        table.add_row(plain_text(measure, style), *(plain_text(cell, style) for cell in cells))
    print_text(table, console)
    console.print(plain_text(compare_wording.CONTRAST_NOTE))


def _concepts(comparison: Comparison, console: Console) -> None:
    """The concepts that somebody found; the others are in the sentences."""
    labelled, detecting = comparison.counts("concepts"), comparison.counts("concepts", "detecting")
    cells = labelled.map("{:,}".format) + " / " + detecting.map("{:,}".format)
    for group, names in compare_wording.groups(comparison):
        if comparison.found.loc[names].any(axis=None):
            title = f"{group}: units whose label it is / that detect it"
            _counts(title, "concept", cells.loc[names], console)


def _counts(title: str, what: str, counts: pd.DataFrame, console: Console) -> None:
    table = _side_by_side(title, [what], list(counts.columns), justify="right")
    for name, row in counts.iterrows():
        table.add_row(plain_text(str(name)), *(cell if isinstance(cell, str) else f"{cell:,}" for cell in row))
    print_text(table, console)


def _side_by_side(title: str, first: list[str], names: list[str], justify: Literal["left", "right"]) -> Table:
    """A table with a column for each side, whose name is text from outside."""
    table = plain_table(title, *first)
    for name in names:
        table.add_column(plain_text(name), justify=justify, overflow="fold")
    return table
