"""The charts of the planted-bias experiment: each network as a point, the mean of each strength as a line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter

from ..experiments.planted_bias import Findings
from ..experiments.planted_faces import TIES
from ..experiments.planted_runs import CONTROL
from .charts import Chart
from .drawing import DASHES, GREY, palette
from .wording import counted, listed

STRENGTH = "strength"
MARKERS = ("o", "s", "^")
"""Series are told apart without colours, too."""


def figures(findings: Findings) -> dict[str, Chart]:
    """Name of the file, without suffix -> chart; three for each tie, and a fourth where the concept has masks."""
    drawn = {}
    for tie in findings.plan.ties:
        runs = findings.runs[findings.runs["tie"] == tie]
        place = [] if "=" in TIES[tie].concept else [overlap(tie, runs)]
        for chart in (measured(tie, runs), units(tie, runs), *place, answers(tie, runs)):
            drawn[f"{tie}-{chart.name}"] = chart
    return drawn


def measured(tie: str, runs: pd.DataFrame) -> Chart:
    """Measured bias against strength, with that of a concept that is tied to nothing."""
    bystander = _plain(TIES[tie].bystander)
    return _chart(
        "measured-bias",
        f"{_plain(TIES[tie].concept)}: measured bias against planted",
        runs,
        {
            f"{_plain(TIES[tie].concept)}, which is tied": "measured_bias",
            f"{bystander}, tied to nothing": "bystander_bias",
        },
        "mean |Cliff's delta| over units",
    )


def units(tie: str, runs: pd.DataFrame) -> Chart:
    """Units that respond to the concept, and that the method finds it in."""
    concept = _plain(TIES[tie].concept)
    found = "biased by the published rule" if "=" in TIES[tie].concept else "label or detected"
    return _chart(
        "units",
        f"Units that find {concept}, of {int(runs['units'].max())}",
        runs,
        {"respond (q < 0.05)": "responding", found: "finding"},
        "number of units",
    )


def overlap(tie: str, runs: pd.DataFrame) -> Chart:
    """How well the places where units fire cover those of the concept."""
    concept = _plain(TIES[tie].concept)
    series = {f"IoU with {concept}": "concept_iou"}
    return _chart("overlap", f"Where units fire, and where {concept} are", runs, series, "mean IoU over units")


def answers(tie: str, runs: pd.DataFrame) -> Chart:
    """How often the networks are right where the tie holds and where it does not."""
    return _chart(
        "accuracy",
        f"{_plain(TIES[tie].target)}: right answers",
        runs,
        {"congruent faces": "accuracy_congruent", "incongruent faces": "accuracy_incongruent"},
        "share of right answers",
        share=True,
    )


def _chart(
    name: str, title: str, runs: pd.DataFrame, series: Mapping[str, str], what: str, *, share: bool = False
) -> Chart:
    means = runs.groupby("strength")[list(series.values())].mean()
    told = listed(
        f"{label} " + ", ".join(f"{value:.3g} at {strength:g}" for strength, value in means[column].items())
        for label, column in series.items()
    )
    counts = runs.groupby("strength").size()
    same = counts.min() == counts.max()
    networks = counted(int(counts.max()), "network") if same else f"{counts.min()} to {counts.max()} networks"

    def draw(axes: Axes) -> None:
        for place, ((label, column), colour) in enumerate(zip(series.items(), palette(len(series)), strict=True)):
            _points(axes, runs, column, label, colour, place)
        axes.axvline(CONTROL, color=GREY, linewidth=0.8, zorder=0)
        # Where no point is: shares begin near the top, all else near the bottom.
        height, down, side = (0, 2, "bottom") if share else (1, -2, "top")
        mixed = axes.get_xaxis_transform()
        axes.annotate(
            "control",
            (CONTROL, height),
            (3, down),
            xycoords=mixed,
            textcoords="offset points",
            va=side,
            fontsize="small",
        )
        axes.set(ylabel=what, xlabel=f"strength of the tie ({networks} each; lines are means)")
        axes.set_xticks(sorted(runs["strength"].unique()))
        if share:
            axes.set_ylim(0, 1.03)
            axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        else:
            axes.set_ylim(bottom=0)
            axes.margins(y=0.15)
        if name == "units":
            axes.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
        axes.set_title(title[0].upper() + title[1:], loc="left", fontweight="bold")
        axes.legend(loc="upper center", bbox_to_anchor=(0.45, -0.2), ncols=2)

    return Chart(name=name, title=title, description=f"Means over networks: {told}.", height=2.9, draw=draw)


def _points(axes: Axes, runs: pd.DataFrame, column: str, label: str, colour: Any, place: int) -> None:
    marker = MARKERS[place]
    for at_control, some in runs.groupby(runs["strength"] == CONTROL):
        face = "none" if at_control else colour
        axes.scatter(some["strength"], some[column], s=16, marker=marker, facecolors=face, edgecolors=colour)
    mean = runs.groupby("strength")[column].mean()
    axes.plot(mean.index, mean, color=colour, linestyle=DASHES[place], linewidth=1.4, label=label)


def _plain(event: str) -> str:
    """`gender=Female` as `Female gender`; a local concept as it is."""
    concept, _, subgroup = event.partition("=")
    return f"{subgroup} {concept}".replace("_", " ") if subgroup else concept
