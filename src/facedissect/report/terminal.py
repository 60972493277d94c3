"""`facedissect show`: a result, or one unit of it, in a terminal of 80 columns or in a file."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from .. import ablation_storage, baseline_storage
from ..ablation import Ablation
from ..baseline import Baseline
from ..errors import SettingsError
from ..results import Dissection
from ..storage import layer_folder
from ..units import UnitSummary
from . import baseline_wording, evidence_wording, wording
from .beside import NOTHING, Beside
from .summary import BiasCount, LayerSummary, RunSummary, summarise

BEST_UNITS = 20
MOST_BIASED = 3
BAR = 20
"""Columns of a bar of probability 1."""
IN_REPORTS = "`facedissect report` puts it into the reports."


def show(
    result: Dissection,
    console: Console,
    unit: int | None = None,
    layer: str | None = None,
    *,
    beside: Beside = NOTHING,
) -> None:
    """Print what was found.

    Args:
        result: what a run found.
        console: where to print.
        unit: the unit to show; None shows the whole run. Without a layer, it is shown for every layer that has it.
        layer: the layer to show; None shows all.
        beside: what later commands left, which is mentioned where the whole run is shown.

    Raises:
        LayerError: the run has no such layer.
        SettingsError: no layer shown has such a unit.
    """
    run = summarise(result)
    layers = [entry for entry in run.layers if layer is None or entry.name == result[layer].layer]
    if unit is None:
        known = [_baseline(beside.baseline)] if beside.baseline else []
        _show_run(run, layers, console, [*map(_ablation, beside.ablations), *known])
        return
    holders = [entry for entry in layers if 0 <= unit < len(entry.units)]
    if not holders:
        ranges = wording.listed(f"0 to {len(entry.units) - 1} ({entry.name})" for entry in layers)
        raise SettingsError(f"expected a unit from {ranges}, got {unit}; choose another with --unit")
    for entry in holders:
        replicates = result.settings.replicates
        _show_unit(next(found for found in entry.units if found.unit == unit), entry, replicates, console)


def _show_run(run: RunSummary, layers: Iterable[LayerSummary], console: Console, beside: Sequence[str]) -> None:
    heading(wording.title(run.result), console)
    console.print(plain_text(wording.opening(run)))
    for layer in layers:
        heading(f"{layer.name}: {wording.counted(len(layer.units), 'unit')}", console)
        console.print(plain_text(wording.interpretable(layer, run.result.settings)))
        print_text(_outcomes(layer), console)
        if layer.interpretable:
            print_text(_best_units(layer), console)
            print_text(_concepts(layer), console)
        if layer.bias:
            print_text(_most_biased(layer), console)
    for title, notes in (("Measured afterwards", beside), ("How far to trust it", wording.trust(run))):
        if notes:
            heading(title, console)
        for note in notes:
            console.print(plain_text(f"- {note}"))


def _ablation(ablation: Ablation) -> str:
    """What was found by an ablation, and where in the folder of the run the rest is."""
    table = f"{layer_folder(ablation.layer)}/{ablation_storage.TABLE}"
    return f"{evidence_wording.ablation_in_short(ablation)}; table: {table}; {IN_REPORTS}"


def _baseline(baseline: Baseline) -> str:
    """What was found by a baseline, and where in the folder of the run the rest is."""
    told = baseline_wording.in_short(baseline)
    return f"{told}; table: {baseline_storage.TABLE}; {IN_REPORTS}"


def _outcomes(layer: LayerSummary) -> Table:
    table = plain_table("What became of the units", "outcome", ">units", ">share")
    for name, units in layer.outcomes.items():
        if units:
            table.add_row(name, f"{units:,}", wording.percent(units, len(layer.units)))
    return table


def _best_units(layer: LayerSummary) -> Table:
    shown = [unit for unit in layer.units if unit.interpretable][:BEST_UNITS]
    title = f"The {len(shown)} best of {wording.counted(layer.interpretable, 'interpretable unit')}"
    table = plain_table(title, ">unit", "concept", "region", ">IoU firing", ">labelled", ">coverage", "supported")
    for unit in shown:
        if unit.best:
            table.add_row(
                str(unit.unit),
                plain_text(unit.best.concept),
                plain_text(unit.region),
                wording.number(unit.best.iou_firing),
                wording.number(unit.best.iou_labelled),
                wording.percent(unit.best.coverage),
                _yes_no(unit.supported) if unit.judged else wording.NOT_MEASURED,
            )
    return table


def _yes_no(value: bool) -> str:
    return "yes" if value else "no"


def _concepts(layer: LayerSummary) -> Table:
    table = plain_table("Units per concept", "concept", "region", "kind", ">best for", ">supported", ">detected by")
    for count in layer.concepts:
        table.add_row(
            plain_text(count.concept.name),
            plain_text(count.concept.region),
            wording.kind_name(count.concept.kind),
            f"{count.labelled:,}",
            f"{count.supported:,}" if layer.judged else wording.NOT_MEASURED,
            f"{count.detecting:,}",
        )
    return table


def _most_biased(layer: LayerSummary) -> Table:
    table = plain_table(
        "Units biased towards each subgroup", "subgroup", ">images", ">units", ">supported", "most biased units"
    )
    for count in layer.bias:
        for position, group in enumerate(count.subgroups):
            biased = [(unit, unit.bias[count.global_concept][position]) for unit in layer.units]
            most = sorted((pair for pair in biased if pair[1].biased), key=lambda pair: -pair[1].probability)
            named = ", ".join(
                f"{unit.unit} ({wording.number(share.probability, 2)})" for unit, share in most[:MOST_BIASED]
            )
            few = " (few)" if group.few_images else ""
            table.add_row(
                plain_text(f"{count.global_concept}: {group.subgroup}"),
                f"{group.images:,}{few}",
                f"{group.units:,}",
                f"{group.both:,}" if count.tested else wording.NOT_MEASURED,
                named,
            )
    return table


def _show_unit(unit: UnitSummary, layer: LayerSummary, replicates: int, console: Console) -> None:
    heading(f"{layer.name}, unit {unit.unit}: {wording.label(unit)}", console)
    if unit.best:
        console.print(plain_text(f"{unit.best.concept}: {wording.scores(unit)}."))
        console.print(plain_text(f"{unit.region}, {wording.kind_name(unit.kind)}."))
        for told in (evidence_wording.belief(unit), evidence_wording.stability(unit, replicates)):
            if told:
                console.print(plain_text(told))
    else:
        console.print(plain_text(f"It {wording.scores(unit)}; its activation is {unit.state}."))
    fires = f"It fires above {wording.number(unit.threshold)}; its" if unit.has_map else "Its"
    console.print(f"{fires} responses go from {wording.number(unit.lowest)} to {wording.number(unit.highest)}.")
    if unit.concepts:
        table = plain_table(
            "Concepts with the highest IoU",
            "concept",
            ">IoU firing",
            ">labelled",
            ">exchanged",
            ">q",
            ">coverage",
            ">images",
        )
        for score in unit.concepts:
            table.add_row(
                plain_text(score.concept),
                wording.number(score.iou_firing),
                wording.number(score.iou_labelled),
                wording.number(score.iou_null),
                evidence_wording.probability(score.q),
                wording.percent(score.coverage),
                f"{score.images:,}",
            )
        print_text(table, console)
    if unit.sweep:
        table = plain_table("Its label at other thresholds", ">quantile", "concept", ">IoU", ">of the label above")
        for point in unit.sweep:
            table.add_row(
                f"{point.quantile:g}",
                plain_text(point.concept or wording.NOT_MEASURED),
                wording.number(point.iou),
                wording.number(point.iou_of_label),
            )
        print_text(table, console)
    if unit.hierarchy:
        table = plain_table(f"Probability of the concepts of {unit.region}", "concept", ">", "", "")
        for share in unit.hierarchy:
            _bar_row(table, share.concept, share.probability, "detected" if share.detected else "", console)
        print_text(table, console)
    for count in layer.bias:
        print_text(_bias(unit, count, console), console)
    table = plain_table("Top faces", ">place", ">peak", "face")
    for top in unit.faces:
        table.add_row(str(top.place), wording.number(top.peak), plain_text(top.face))
    print_text(table, console)


def _bias(unit: UnitSummary, count: BiasCount, console: Console) -> Table:
    """The probability of each subgroup, and the adjusted effect beside it."""
    table = plain_table(
        f"{count.global_concept} (biased from {count.cutoff:.2f})", "subgroup", ">", "", "", ">adjusted delta", ""
    )
    for group in unit.bias[count.global_concept]:
        remark = "biased" if group.biased else ""
        delta = wording.number(group.adjusted_delta, 2)
        _bar_row(table, group.subgroup, group.probability, remark, console, delta, evidence_wording.verdict(group))
    return table


def _bar_row(table: Table, name: str, probability: float, remark: str, console: Console, *more: str) -> None:
    block = "#" if console.options.ascii_only else "█"
    filled = 0 if math.isnan(probability) else round(BAR * probability)
    table.add_row(
        plain_text(name),
        wording.number(probability, 2),
        Text(block * filled, style="bold" if remark else "dim"),
        remark,
        *more,
    )


def print_text(table: Table, console: Console) -> None:
    """A table under its title, which unlike rich's own may be wider than the table."""
    console.print()
    console.print(plain_text(str(table.title), style="italic"))
    table.title = None
    console.print(table)


def heading(text: str, console: Console) -> None:
    console.print()
    console.print(plain_text(text, style="bold"))


def plain_table(title: str, *columns: str) -> Table:
    """A plain table; a column that starts with `>` is set to the right."""
    table = Table(title=title, box=None, pad_edge=False)
    for column in columns:
        table.add_column(
            column.removeprefix(">"), justify="right" if column.startswith(">") else "left", overflow="fold"
        )
    return table


def plain_text(text: str, style: str = "") -> Text:
    """Text from outside: never read as markup, and without characters that would steer the terminal."""
    return Text("".join(sign if sign.isprintable() or sign == wording.SPACE else "�" for sign in text), style=style)
