"""The charts of a layer, or of several side by side: HTML embeds them as SVG, PDF and notebooks draw them as they are."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..concepts import Concept
from .drawing import (
    GAP,
    GREY,
    INK,
    LIGHT,
    MAIN,
    MOST_BARS,
    WIDTH,
    bars,
    bars_height,
    curves,
    legend_height,
    palette,
    stack,
    style,
)
from .summary import INTERPRETABLE, BiasCount, LayerSummary
from .wording import counted, kind_name, listed

MOST_CONCEPTS = 38
PEAK_BINS = (8, 30)
"""Least and most."""


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart that can draw itself.

    Attributes:
        name: a word or two for the file that it becomes.
        title: what it shows.
        description: its data in words, for whoever cannot see it.
        height: inches, at a width of WIDTH.
        draw: draws it into axes.
    """

    name: str
    title: str
    description: str
    height: float
    draw: Callable[[Axes], None]

    def figure(self) -> Figure:
        """A figure with nothing but the chart; drawn inside `style`."""
        figure = Figure(figsize=(WIDTH, self.height), layout="constrained")
        self.draw(figure.add_subplot())
        return figure


def charts(layer: LayerSummary) -> list[Chart]:
    """The charts of a layer in the order of the published report: concepts, regions, kinds, then bias."""
    one = {layer.name: layer}
    drawn = [outcomes(layer)] if layer.has_maps else []
    if layer.interpretable:
        drawn += [concepts(one), regions(one), kinds(one)]
    measured = [count for count in layer.bias if count.measured]
    if measured:
        drawn.append(biased_units(one))
    return drawn + [subgroups(layer, count) for count in measured]


def compared(layers: Mapping[str, LayerSummary]) -> list[Chart]:
    """The charts that set layers, by name, side by side: concepts, regions, kinds, biased units."""
    labelled = any(layer.interpretable for layer in layers.values())
    measured = any(count.measured for layer in layers.values() for count in layer.bias)
    return [
        *([concepts(layers), regions(layers), kinds(layers)] if labelled else []),
        *([biased_units(layers)] if measured else []),
    ]


def svg(chart: Chart, ident: str) -> str:
    """The chart as an SVG element for a page, with ids that start with `ident`, its own title and description."""
    buffer = io.StringIO()
    with style():
        chart.figure().savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    drawing = buffer.getvalue()
    view_box = re.search(r'viewBox="([^"]*)"', drawing)
    body = drawing[
        drawing.index("</defs>") + len("</defs>") :
    ]  # what stands before is metadata and a rule for the whole page
    body = re.sub(r'\bid="', f'id="{ident}-', body)
    body = body.replace("url(#", f"url(#{ident}-").replace('href="#', f'href="#{ident}-')
    body = re.sub(INK, "currentColor", body, flags=re.IGNORECASE)
    body = re.sub(r"font-family: [^;\"]*", "font-family: inherit", body)
    body = re.sub(r' d="[^"]*"', lambda path: re.sub(r"(\.\d\d)\d+", r"\1", path[0]), body)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{view_box[1] if view_box else ""}" '
        f'role="img" aria-labelledby="{ident}-title {ident}-desc">'
        f'<title id="{ident}-title">{escape(chart.title)}</title>'
        f'<desc id="{ident}-desc">{escape(chart.description)}</desc>{body.strip()}'
    )


def outcomes(layer: LayerSummary) -> Chart:
    """What became of the units of a layer."""
    units = {name: n for name, n in layer.outcomes.items() if n or name == INTERPRETABLE}
    colours = [MAIN if name == INTERPRETABLE else GREY for name in units]
    title = f"What became of the {len(layer.units):,} units"
    return _histogram("outcomes", title, "outcome", {layer.name: units}, {layer.name: layer}, [colours])


def concepts(layers: Mapping[str, LayerSummary]) -> Chart:
    """Units per concept: whose best concept it is and, of one layer, also those that detect it."""
    layers = _with_maps(layers)
    labelled = {name: {c.concept: c.labelled for c in layer.concepts if c.labelled} for name, layer in layers.items()}
    if len(layers) > 1:
        # The order of the first layer that has a concept, by falling sum over all.
        total: dict[Concept, int] = {}
        for counts in labelled.values():
            for concept, units in counts.items():
                total[concept] = total.get(concept, 0) + units
        order = sorted(total, key=lambda concept: -total[concept])
        shown = [concept.name for concept in order[:MOST_CONCEPTS]]
        rows = {
            name: {concept.name: counts.get(concept, 0) for concept in order[: len(shown)]}
            for name, counts in labelled.items()
        }
        supported = {
            name: {count.concept.name: count.supported for count in layer.concepts}
            for name, layer in layers.items()
            if layer.judged
        }
        title = _concepts_title(len(shown), len(order))
        return _histogram("concepts", title, "best concept", rows, layers, supported=supported)
    (layer,) = layers.values()
    found = layer.concepts[:MOST_CONCEPTS]
    title = _concepts_title(len(found), len(layer.concepts))
    names = [count.concept.name for count in found]
    best = "it is the best concept"
    series = {best: [c.labelled for c in found], "it is detected": [c.detecting for c in found]}
    described = listed(f"{c.concept.name} {c.labelled:,} and {c.detecting:,}" for c in found)
    about = f"Units of which a concept is the best, and units that detect it: {described}."
    doubtful = {best: [c.labelled - c.supported for c in found]} if layer.supported < layer.judged else {}
    if doubtful:
        held = listed(f"{c.concept.name} {c.supported:,}" for c in found if c.supported)
        about += f" Of the first, labels that are supported: {held}; the others are hatched."
    elif layer.judged:
        about += " The labels of the first are all supported."
    return Chart(
        name="concepts",
        title=title,
        description=about,
        height=bars_height(len(names), list(series), hatched=bool(doubtful)),
        draw=lambda axes: bars(
            axes, names, series, title=title, what="concept", colours=[MAIN, LIGHT], doubtful=doubtful
        ),
    )


def _concepts_title(shown: int, known: int) -> str:
    return "Units per concept" + (f" (the {shown} most common of {known})" if shown < known else "")


def regions(layers: Mapping[str, LayerSummary]) -> Chart:
    """Interpretable units per region of the face."""
    layers = _with_maps(layers)
    rows = {name: layer.regions for name, layer in layers.items()}
    return _histogram("regions", "Interpretable units per region", "region of the face", rows, layers)


def kinds(layers: Mapping[str, LayerSummary]) -> Chart:
    """Interpretable units per kind of concept."""
    layers = _with_maps(layers)
    rows = {name: {kind_name(kind): units for kind, units in layer.kinds.items()} for name, layer in layers.items()}
    return _histogram("kinds", "Interpretable units per kind of concept", "kind", rows, layers)


def _with_maps(layers: Mapping[str, LayerSummary]) -> Mapping[str, LayerSummary]:
    """The layers that were compared with concepts, at least one: none of the others' units means nothing."""
    return {name: layer for name, layer in layers.items() if layer.has_maps}


def _histogram(
    name: str,
    title: str,
    what: str,
    units: Mapping[str, Mapping[str, int]],
    layers: Mapping[str, LayerSummary],
    colours: Sequence[Any] | None = None,
    supported: Mapping[str, Mapping[str, int]] | None = None,
) -> Chart:
    """Bars of layer -> row -> units; all layers have the same rows. `supported` has those of layers that were tested."""
    rows = list(next(iter(units.values())))
    legend = _legend(layers)
    series = {legend[layer]: list(counts.values()) for layer, counts in units.items()}
    told = {layer: listed(f"{row} {n:,}" for row, n in counts.items()) for layer, counts in units.items()}
    about = _told("Units", told)
    doubtful: dict[str, list[int]] = {}
    if supported and len(series) <= MOST_BARS:  # cells have no room for two kinds of units
        for layer, counts in supported.items():
            doubtful[legend[layer]] = [units[layer][row] - counts.get(row, 0) for row in rows]
        held = (
            f"{layer}: {listed(f'{row} {counts[row]:,}' for row in rows if counts.get(row))}"
            for layer, counts in supported.items()
        )
        about += f" Supported labels of {'; of '.join(held)}; others are hatched."
    return Chart(
        name=name,
        title=title,
        description=about,
        height=bars_height(len(rows), list(series), hatched=bool(doubtful)),
        draw=lambda axes: bars(
            axes, rows, series, title=title, what=what, colours=colours or palette(len(series)), doubtful=doubtful
        ),
    )


def _legend(layers: Mapping[str, LayerSummary]) -> dict[str, str]:
    """Layer -> how a legend names it: with how many of its units are interpretable."""
    return {name: f"{name} ({layer.interpretable:,} of {len(layer.units):,} units)" for name, layer in layers.items()}


def _told(what: str, parts: Mapping[str, str]) -> str:
    if len(parts) == 1:
        return f"{what}: {next(iter(parts.values()))}."
    return f"{what} of {'; of '.join(f'{name}: {part}' for name, part in parts.items())}."


def biased_units(layers: Mapping[str, LayerSummary]) -> Chart:
    """Units that are biased towards each subgroup."""
    # (global concept, subgroup) -> layer -> units; a layer may lack a global concept that another has.
    found: dict[tuple[str, str], dict[str, int]] = {}
    few: set[tuple[str, str]] = set()
    position: dict[tuple[str, str], int] = {}
    cutoffs: dict[str, str] = {}
    for name, layer in layers.items():
        for count in layer.bias:
            if not count.measured:
                continue
            cutoffs.setdefault(count.global_concept, f"{count.global_concept} {count.cutoff:.2f} among {count.groups}")
            for place, group in enumerate(count.subgroups):
                row = (count.global_concept, group.subgroup)
                found.setdefault(row, {})[name] = group.units
                position.setdefault(row, place)
                if group.few_images:
                    few.add(row)
    rows = [f"{concept}: {group}{' (few images)' if (concept, group) in few else ''}" for concept, group in found]
    starts = [row for row, key in enumerate(found) if position[key] == 0]
    one = len(layers) == 1
    shades = palette(max(position.values(), default=0) + 1)
    colours: list[Any] = [[shades[position[key]] for key in found]] if one else palette(len(layers))
    legend = {name: f"{name} ({counted(_measured(layer), 'unit')})" for name, layer in layers.items()}
    series = {legend[name]: [counts.get(name, 0) for counts in found.values()] for name in layers}
    title = "Biased units per subgroup"
    told = {
        name: listed(f"{row} {units:,}" for row, units in zip(rows, series[legend[name]], strict=True))
        for name in layers
    }
    return Chart(
        name="biased-units",
        title=title,
        description=f"{_told('Units', told)} Cut-offs: {listed(cutoffs.values())}.",
        height=bars_height(len(rows) + GAP * (len(starts) - 1), list(series)),
        draw=lambda axes: bars(axes, rows, series, title=title, what="subgroup", colours=colours, groups=starts),
    )


def _measured(layer: LayerSummary) -> int:
    """Units of a layer that could be biased."""
    return max((count.measured for count in layer.bias), default=0)


def subgroups(layer: LayerSummary, count: BiasCount) -> Chart:
    """The shares of the subgroups of a global concept in every unit, stacked."""
    title = f"{count.global_concept}: share of each subgroup in every unit"
    names = [group.subgroup for group in count.subgroups]
    legend = [f"{group.subgroup} ({counted(group.images, 'image')})" for group in count.subgroups]
    shares = np.array([[share.probability for share in unit.bias[count.global_concept]] for unit in layer.units])
    shares = np.nan_to_num(shares[~np.isnan(shares).all(axis=1)])
    shares = shares[np.argsort(-shares[:, 0], kind="stable")]
    unmeasured = len(layer.units) - len(shares)
    left_out = f" ({unmeasured:,} without a probability left out)" if unmeasured else ""
    about = f"{len(shares):,} units, by falling share of {names[0]}{left_out}"
    means = listed(f"{name} {mean:.2f}" for name, mean in zip(names, shares.mean(axis=0), strict=True))
    return Chart(
        name=f"bias-{count.global_concept}",
        title=title,
        description=f"Mean probability over {len(shares):,} units: {means}. Biased from {count.cutoff:.2f}.",
        height=2.4 + legend_height(legend),
        draw=lambda axes: stack(
            axes,
            shares,
            legend,
            title=title,
            about=about,
            mark=(f"biased to {names[0]} from {count.cutoff:.2f}", count.cutoff),
        ),
    )


def peaks(title: str, groups: Mapping[str, Float[np.ndarray, " image"]], threshold: float) -> Chart:
    """How the peaks of a unit are distributed over the images of each subgroup.

    Args:
        title: of the chart.
        groups: subgroup -> the peak of each of its images, all finite; at least one image in one of them.
        threshold: the unit's, which is marked.
    """
    everything = np.concatenate(list(groups.values()))
    sizes = [len(values) for values in groups.values() if len(values)]
    # Rice's rule for the smallest subgroup, so that its curve is not made of single images.
    edges = np.histogram_bin_edges(everything, bins=int(np.clip(2 * np.cbrt(min(sizes)), *PEAK_BINS)))
    series = {
        f"{name} ({counted(len(values), 'image')})": np.histogram(values, edges)[0] / len(values)
        for name, values in groups.items()
        if len(values)
    }
    medians = listed(f"{name} {np.median(values):.3g}" for name, values in groups.items() if len(values))
    return Chart(
        name="peaks",
        title=title,
        description=f"Median peak: {medians}. The unit fires above {threshold:.3g}.",
        height=2.4 + legend_height(list(series)),
        draw=lambda axes: curves(
            axes,
            (edges[:-1] + edges[1:]) / 2,
            series,
            title=title,
            labels=("peak of the unit's map in an image", "share of the subgroup's images"),
            mark=("fires above", threshold),
        ),
    )
