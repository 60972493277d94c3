"""Charts: the data of the tables, drawn and in words."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure

from facedissect.dictionary.faces import FaceDictionary
from facedissect.report.charts import SUBGROUPS, Chart, charts, style, svg
from facedissect.report.summary import BiasCount, ConceptCount, RunSummary, SubgroupCount, summarise
from facedissect.report.units import SubgroupShare
from facedissect.report.wording import listed
from facedissect.results import Dissection

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
    assert "Mean probability over 9 units: pale 0." in chart.description


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
            ConceptCount(concept=replace(concept, name=f"鼻 {n} {'long ' * 20}"), labelled=1, detecting=2)
            for n in range(60)
        ),
        bias=(
            BiasCount(
                global_concept="tone",
                cutoff=0.2,
                subgroups=tuple(SubgroupCount(subgroup=name, units=n, images=100) for n, name in enumerate(names)),
                measured=9,
                biased=9,
            ),
        ),
    )
    found = charts(layer)
    concepts, biased, stacked = titled(found, "Units per concept"), titled(found, "Biased units"), found[-1]
    assert "(the 38 most common of 60)" in concepts.title
    assert "鼻 3" in svg(concepts, "a")
    assert listed(f"tone: group {n} {n}" for n in range(9)) in biased.description
    assert len(SUBGROUPS) < 9
    with style():
        axes = Figure().add_subplot()
        stacked.draw(axes)
        assert len({tuple(part.get_facecolor()[0]) for part in axes.collections}) == 9
