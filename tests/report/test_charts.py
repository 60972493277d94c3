"""Charts: the data of the tables, drawn and in words."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure

from facedissect.dictionary.faces import FaceDictionary
from facedissect.report import write_report
from facedissect.report.charts import MOST_CONCEPTS, Chart, biased_units, charts, compared, concepts, peaks, svg
from facedissect.report.drawing import COLOURS, TALLEST, style
from facedissect.report.summary import (
    INTERPRETABLE,
    NO_MAP,
    BiasCount,
    ConceptCount,
    RunSummary,
    SubgroupCount,
    summarise,
)
from facedissect.report.wording import listed
from facedissect.results import Dissection
from facedissect.units import SubgroupShare

from .conftest import HOSTILE, VOCABULARY


@pytest.fixture(scope="module")
def summary(result: Dissection) -> RunSummary:
    return summarise(result)


def titled(found: list[Chart], start: str) -> Chart:
    return next(chart for chart in found if chart.title.startswith(start))


def test_the_order_is_the_published_one(summary: RunSummary) -> None:
    assert [chart.title for chart in charts(summary.layers[0])] == [
        "What became of the 12 units",
        "Units per concept",
        "Interpretable units per region",
        "Interpretable units per kind of concept",
        "Biased units per subgroup",
        "tone: share of each subgroup in every unit",
        "era: share of each subgroup in every unit",
    ]


def test_bars_are_as_long_as_the_counts(summary: RunSummary) -> None:
    chart = titled(charts(summary.layers[0]), "Interpretable units per region")
    with style():
        axes = Figure().add_subplot()
        chart.draw(axes)
        assert [bar.get_width() for bar in axes.patches] == [6, 3]
        assert [label.get_text() for label in axes.get_yticklabels()] == ["Top", "Bottom & more"]
    assert chart.description == "Units: Top 6 and Bottom & more 3."


def test_stacked_shares_reach_one_and_leave_out_dead_units(summary: RunSummary) -> None:
    chart = titled(charts(summary.layers[0]), "tone")
    with style():
        axes = Figure().add_subplot()
        chart.draw(axes)
        assert axes.get_xlabel() == "9 units, by falling share of pale (3 without a probability left out)"
        assert len(axes.collections) == 2
        heights = axes.collections[-1].get_paths()[0].vertices[:, 1]
        assert np.isclose(heights.max(), 1)
        assert {tuple(line.get_ydata()) for line in axes.lines} == {(0.55, 0.55)}, "the cut-off of the lowest band"
        assert [text.get_text() for text in axes.texts] == ["biased to pale from 0.55"]
    assert "Mean probability over 9 units: pale 0." in chart.description


def test_axes_say_what_they_count(summary: RunSummary) -> None:
    labels = {}
    for chart in charts(summary.layers[0]):
        with style():
            axes = chart.figure().axes[0]
        labels[chart.name] = axes.get_xlabel(), axes.get_ylabel()
    assert labels["concepts"] == ("number of units", "concept")
    assert labels["regions"] == ("number of units", "region of the face")
    assert labels["kinds"] == ("number of units", "kind")
    assert labels["biased-units"] == ("number of units", "subgroup")
    assert labels["bias-era"][1] == "probability"
    assert len(labels) == len(charts(summary.layers[0])), "no two charts have one name"


def test_a_legend_tells_how_many_images_a_subgroup_has(summary: RunSummary, result: Dissection) -> None:
    chart = titled(charts(summary.layers[0]), "tone")
    with style():
        texts = [text.get_text() for text in chart.figure().axes[0].get_legend().get_texts()]
    images = result.provenance.subgroup_images["tone"]
    assert texts == [f"{name} ({images[name]}\u00a0images)" for name in ("pale", "<b>deep</b>")]


def test_side_by_side_bars_are_the_counts_of_each_layer(summary: RunSummary, result: Dissection) -> None:
    layers = {layer.name: layer for layer in summary.layers}
    found = compared(layers)
    assert [chart.name for chart in found] == ["concepts", "regions", "kinds", "biased-units"]
    for chart, column in zip(found[:3], ("concept", "region", "kind"), strict=True):
        with style():
            axes = chart.figure().axes[0]
        rows = [label.get_text().replace(" ", "_") for label in axes.get_yticklabels()]
        rows = [label.get_text() for label in axes.get_yticklabels()] if column != "kind" else rows
        hatched = axes.containers[len(layers) :]
        assert len(hatched) == (len(layers) if column == "concept" else 0)
        for bars, name in zip(axes.containers, layers, strict=False):
            units = result[name].units
            counts = units[units["interpretable"]][column].value_counts()
            assert [bar.get_width() for bar in bars] == [counts.get(row, 0) for row in rows]
        legend = [text.get_text() for text in axes.get_legend().get_texts()]
        assert legend == [f"{name} (9 of 12 units)" for name in layers] + ["not supported"] * bool(hatched)
    assert found[1].description == "Units of first<1>: Top 6 and Bottom & more 3; of act: Top 6 and Bottom & more 3."


def test_what_is_not_supported_is_hatched_in_every_layer(result: Dissection) -> None:
    tables = {name: layer.units for name, layer in result.layers.items()}
    some = {
        name: units.assign(supported=units["supported"] & (units["unit"] % 3 < 2 + place) & (units["unit"] > 0))
        for place, (name, units) in enumerate(tables.items())
    }
    changed = {name: replace(layer, units=some[name]) for name, layer in result.layers.items()}
    layers = {layer.name: layer for layer in summarise(replace(result, layers=changed)).layers}
    chart = compared(layers)[0]
    with style():
        axes = chart.figure().axes[0]
    rows = [label.get_text() for label in axes.get_yticklabels()]
    told = []
    for bars, hatched, name in zip(axes.containers[:2], axes.containers[2:], layers, strict=True):
        held = some[name][some[name]["supported"]]["concept"].value_counts()
        assert 0 < held.sum() < 9
        for row, bar, part in zip(rows, bars, hatched, strict=True):
            assert part.get_x() == held.get(row, 0)
            assert part.get_x() + part.get_width() == bar.get_width()
            assert (part.get_y(), part.get_height()) == (bar.get_y(), bar.get_height())
            assert part.get_hatch()
            assert part.get_facecolor() == bar.get_facecolor()
        told.append(f"{name}: {listed(f'{row} {held[row]}' for row in rows if row in held)}")
    assert chart.description.endswith(f" Supported labels of {'; of '.join(told)}; others are hatched.")
    key = axes.get_legend().get_patches()[-1]
    assert key.get_hatch()
    assert key.get_facecolor() not in {bars[0].get_facecolor() for bars in axes.containers}, "the colour of no layer"


def test_layers_that_were_not_tested_are_not_hatched(summary: RunSummary, unjudged: Dissection) -> None:
    tested, untested = summary.layers[1], summarise(unjudged).layers[0]
    none = compared({"a": untested, "b": untested})[0]
    with style():
        axes = none.figure().axes[0]
    assert len(axes.containers) == len(axes.get_legend().get_texts()) == 2
    assert "hatched" not in none.description
    some = compared({"a": untested, "b": tested})[0]
    with style():
        axes = some.figure().axes[0]
    assert len(axes.containers) == 3
    assert axes.get_legend().get_patches()[-1].get_facecolor() == axes.containers[1][0].get_facecolor()
    assert "Supported labels of b: " in some.description


def test_biased_units_side_by_side(summary: RunSummary, result: Dissection) -> None:
    layers = {layer.name: layer for layer in summary.layers}
    with style():
        axes = biased_units(layers).figure().axes[0]
    rows = [label.get_text().removesuffix(" (few images)") for label in axes.get_yticklabels()]
    for bars, name in zip(axes.containers, layers, strict=True):
        table = result[name].bias
        counts = table[table["biased"]].groupby(["global_concept", "subgroup"]).size()
        expected = [counts.get(tuple(row.split(": ")), 0) for row in rows]
        assert [bar.get_width() for bar in bars] == expected


def test_a_layer_without_maps_is_no_layer_without_interpretable_units(summary: RunSummary) -> None:
    whole = summary.layers[0]
    without = replace(
        whole,
        result=replace(whole.result, map_size=None),
        concepts=(),
        outcomes={**whole.outcomes, INTERPRETABLE: 0, NO_MAP: 9},
    )
    found = compared({"maps": whole, "more": whole, "none": without})
    assert [len(chart.figure().axes[0].containers) for chart in found] == [4, 2, 2, 3], "the first with hatched parts"


def test_many_layers_and_concepts_still_fit_a_page(summary: RunSummary) -> None:
    layer = replace(
        summary.layers[0],
        concepts=tuple(
            ConceptCount(
                concept=replace(VOCABULARY.concepts[0], name=f"c{n}"), labelled=n + 1, supported=0, detecting=0
            )
            for n in range(60)
        ),
    )
    chart = compared({f"model {n} {'long ' * 20}": layer for n in range(9)})[0]
    assert chart.title == f"Units per concept (the {MOST_CONCEPTS} most common of 60)"
    assert chart.height < TALLEST + 2.5
    with style():
        figure = chart.figure()
        figure.draw_without_rendering()
        axes = figure.axes[0]
        assert axes.get_position().width > 0.4, "no legend takes the room of the bars"
        assert next(label.get_text() for label in axes.get_yticklabels()) == "c59"
        assert axes.get_legend() is None, "columns carry the names"
        assert {text.get_text() for text in axes.texts} == {str(n) for n in range(23, 61)}
        assert len(axes.texts) == 9 * MOST_CONCEPTS
    with style():
        (crowd, *_) = compared({f"layer {n}": layer for n in range(90)})
        axes = crowd.figure().axes[0]
        assert not axes.texts, "cells are too thin for counts"
        assert 10 < len(axes.get_xticklabels()) < 30


def test_peaks_are_shares_of_each_subgroup() -> None:
    rng = np.random.default_rng(0)
    groups = {"few": rng.normal(size=30), "many": rng.normal(1, 1, size=1000), "none": np.empty(0)}
    chart = peaks("peaks", groups, 0.5)
    with style():
        axes = chart.figure().axes[0]
    curves = [line for line in axes.lines if len(line.get_xdata()) > 2]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "few (30\u00a0images)",
        "many (1,000\u00a0images)",
    ]
    assert all(np.isclose(curve.get_ydata().sum(), 1) for curve in curves)
    step = np.diff(curves[0].get_xdata())[0]
    centre = curves[0].get_xdata()[3]
    inside = (groups["few"] >= centre - step / 2) & (groups["few"] < centre + step / 2)
    assert np.isclose(curves[0].get_ydata()[3], inside.mean())
    assert len({curve.get_linestyle() for curve in curves}) == 2, "told apart in grey"
    assert f"few {np.median(groups['few']):.3g}" in chart.description


def test_svg_is_well_formed_follows_the_text_colour_and_escapes(summary: RunSummary) -> None:
    text = svg(titled(charts(summary.layers[0]), "Units per concept"), "c")
    root = ElementTree.fromstring(text.replace("<svg ", '<svg xmlns:xlink="http://www.w3.org/1999/xlink" ', 1))  # noqa: S314
    names = {"".join(node.itertext()).strip() for node in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {HOSTILE, "a$b$_c", "green"} <= names
    assert HOSTILE not in text
    assert "currentColor" in text
    assert "DejaVu" not in text
    assert "<style" not in text
    assert all(ident.startswith("c-") for ident in re.findall(r'\bid="([^"]*)"', text))


def supporting(result: Dissection, every: int) -> Dissection:
    """The layer `act`, in which every label was tested and those of every so manyth unit are supported."""
    layer = result["act"]
    held = layer.units["interpretable"] & (layer.units["unit"] % every == 0)
    judged = replace(layer, units=layer.units.assign(q=0.5, supported=held), concepts=layer.concepts.assign(q=0.5))
    return replace(result, layers={"act": judged})


def test_the_unsupported_part_of_a_bar_is_hatched(result: Dissection) -> None:
    (layer,) = summarise(supporting(result, 2)).layers
    units = layer.result.units[layer.result.units["interpretable"]]
    chart = concepts({"act": layer})
    with style():
        axes = Figure().add_subplot()
        chart.draw(axes)
        hatched = [bar for bar in axes.patches if bar.get_hatch()]
        rows = [label.get_text() for label in axes.get_yticklabels()]
        legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert "not supported" in legend
    assert 0 < units["supported"].sum() < len(units)
    for name, bar in zip(rows, hatched, strict=True):
        own = units[units["concept"] == name]
        assert bar.get_width() == (~own["supported"]).sum()
        assert bar.get_x() == own["supported"].sum(), "it is the end of the bar"
    held = int(units.loc[units["concept"] == "green", "supported"].sum())
    assert f"green {held:,}" in chart.description.partition("labels that are supported: ")[2]
    assert "<pattern" in svg(chart, "c")


def test_nothing_is_hatched_where_all_labels_are_supported_or_none_was_tested(
    result: Dissection, unjudged: Dissection
) -> None:
    supported = concepts({"act": summarise(supporting(result, 1)).layers[0]})
    assert supported.description.endswith("The labels of the first are all supported.")
    untested = concepts({"act": summarise(unjudged).layers[0]})
    assert "supported" not in untested.description
    for chart in (supported, untested):
        drawn = svg(chart, "c")
        assert "<pattern" not in drawn
        assert "not supported" not in drawn


def test_the_summary_of_the_page_hatches_unsupported_labels(
    result: Dissection, dictionary: FaceDictionary, tmp_path: Path
) -> None:
    drawn = []
    for every in (2, 1):
        write_report(supporting(result, every), dictionary, tmp_path / "report.html")
        text = (tmp_path / "report.html").read_text(encoding="utf-8")
        (chart,) = (part for part in re.findall(r"<svg .*?</svg>", text, re.DOTALL) if ">Units per concept<" in part)
        drawn.append(chart)
    some, none = drawn
    (pattern,) = set(re.findall(r'<pattern id="([^"]+)"', some))
    assert f"url(#{pattern})" in some
    assert "not supported" in some
    assert "<pattern" not in none
    assert "not supported" not in none


def test_no_chart_is_empty_without_bias_or_labels(bare_run: tuple[Dissection, FaceDictionary]) -> None:
    found = charts(summarise(bare_run[0]).layers[0])
    assert [chart.title for chart in found] == ["What became of the 6 units"]


def test_many_concepts_and_subgroups_and_foreign_scripts(summary: RunSummary) -> None:
    names = [f"group {n}" for n in range(9)]
    shares = tuple(SubgroupShare(subgroup=name, probability=1 / 9, images=100, biased=False) for name in names)
    concept = VOCABULARY.concepts[0]
    layer = replace(
        summary.layers[0],
        units=tuple(replace(unit, bias={"tone": shares}) for unit in summary.layers[0].units),
        concepts=tuple(
            ConceptCount(concept=replace(concept, name=f"鼻 {n} {'long ' * 20}"), labelled=1, supported=0, detecting=2)
            for n in range(60)
        ),
        bias=(
            BiasCount(
                global_concept="tone",
                cutoff=0.2,
                subgroups=tuple(
                    SubgroupCount(subgroup=name, units=n, supported=0, both=0, images=100)
                    for n, name in enumerate(names)
                ),
                measured=9,
                biased=9,
                supported=0,
                tested=True,
            ),
        ),
    )
    found = charts(layer)
    concepts, biased, stacked = titled(found, "Units per concept"), titled(found, "Biased units"), found[-1]
    assert "(the 38 most common of 60)" in concepts.title
    assert "鼻 3" in svg(concepts, "a")
    assert listed(f"tone: group {n} {n}" for n in range(9)) in biased.description
    assert len(COLOURS) < 9
    with style():
        axes = Figure().add_subplot()
        stacked.draw(axes)
        assert len({tuple(part.get_facecolor()[0]) for part in axes.collections}) == 9
