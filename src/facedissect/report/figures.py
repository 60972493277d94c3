"""Figures for papers: every chart as SVG, whose text is text, and as PNG, in a folder that is complete or unchanged."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..atomic import atomic
from ..comparison import compare
from ..errors import OutputError, SettingsError
from ..results import Dissection
from ..storage import check_ours, layer_folder
from .charts import Chart, charts, compared
from .drawing import style
from .summary import LayerSummary, summarise

DPI = 300
BLACK = "#1A1A1A"
CAPTIONS = "captions.csv"
"""Says of each figure what it shows, with all its numbers: for captions and for whoever cannot see it."""

FORMATS: Mapping[str, Mapping[str, Any]] = {
    "svg": {"metadata": {"Date": None, "Creator": None}},
    "png": {"dpi": DPI, "metadata": {"Software": None}},
}
"""Suffix -> how it is written; nothing that changes from day to day."""

Results = Dissection | Sequence[Dissection] | Mapping[str, Dissection]


def write_figures(results: Results, folder: str | os.PathLike[str]) -> list[str]:
    """Write every chart of a result, or of several those that compare them, as SVG and PNG; gives the names of the figures.

    Of one result: `LAYER-CHART.svg` for each layer and, of several layers, `layers-CHART.svg` that compares them. Of several
    results: `compared-CHART.svg`. `captions.csv` lists them with what they say.

    Args:
        results: one or more; of a mapping, by the names that they shall have.
        folder: is made, or replaced if it holds figures of before.

    Raises:
        SettingsError: several results are not of one dictionary.
        OutputError: there is nothing to draw, or the folder cannot be written or is somebody else's.
    """
    folder = Path(folder)
    figures = _figures(results)
    if not figures:
        raise OutputError(
            "expected units with maps, or bias, to draw, got none; dissect a convolutional layer, or faces of two subgroups"
        )
    write_charts(figures, folder)
    return list(figures)


def write_charts(charts: Mapping[str, Chart], folder: Path) -> None:
    """Each chart as SVG and PNG, and a table of what they show, in place of an earlier folder of charts. Raises OutputError."""
    check_ours(folder, CAPTIONS)
    with atomic(folder) as scratch, style(ink=BLACK):
        scratch.mkdir()
        for name, chart in charts.items():
            drawn = chart.figure()
            for suffix, options in FORMATS.items():
                drawn.savefig(scratch / f"{name}.{suffix}", facecolor="white", **options)
        with (scratch / CAPTIONS).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["figure", "title", "description"])
            writer.writerows([name, chart.title, chart.description] for name, chart in charts.items())


def lined_up(results: Results) -> dict[str, LayerSummary]:
    """All layers of some results, under names that tell them apart: of one result, the layers' own.

    Raises:
        SettingsError: there is none, or several results are not of one dictionary.
    """
    given = _unnamed(results)
    parts = [run.only(layer) for run in given for layer in run.layers]
    if not parts:
        raise SettingsError("expected one or more results, got none")
    if len(given) == 1:
        names = list(given[0].layers)
    elif isinstance(results, Mapping):
        names = [
            name if len(run.layers) == 1 else f"{name} {layer}" for name, run in results.items() for layer in run.layers
        ]
    else:
        names = compare(parts).names
    named = dict(zip(names, parts, strict=True))
    _expect_one_dictionary(named)
    return {name: summarise(part).layers[0] for name, part in named.items()}


def _unnamed(results: Results) -> list[Dissection]:
    if isinstance(results, Dissection):
        return [results]
    return list(results.values() if isinstance(results, Mapping) else results)


def _expect_one_dictionary(parts: Mapping[str, Dissection]) -> None:
    """Counts over other faces or concepts would stand beside each other as if they could be compared."""
    (first, part), *others = parts.items()
    mine = part.provenance.dictionary
    for name, other in others:
        theirs = other.provenance.dictionary
        if theirs["digest"] != mine["digest"] or other.vocabulary != part.vocabulary:
            raise SettingsError(
                f"expected results of one dictionary, got {first} of {mine['location']} (digest {mine['digest'][:12]}) and "
                f"{name} of {theirs['location']} (digest {theirs['digest'][:12]}); dissect both with the same"
            )


def _figures(results: Results) -> dict[str, Chart]:
    """File name, without suffix -> chart."""
    layers = lined_up(results)
    one = len(_unnamed(results)) == 1
    found = [(name, chart) for name, layer in layers.items() for chart in charts(layer)] if one else []
    if len(layers) > 1:
        found += [("layers" if one else "compared", chart) for chart in compared(layers)]
    named: dict[str, Chart] = {}
    for prefix, chart in found:
        stem = name = layer_folder(f"{prefix}-{chart.name}")
        number = 1
        # Names that differ only in what a file name cannot have, or in case, must not replace each other.
        while name.lower() in {other.lower() for other in named}:
            number += 1
            name = f"{stem}-{number}"
        named[name] = chart
    return named
