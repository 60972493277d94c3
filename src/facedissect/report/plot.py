"""`facedissect.plot`: the charts of the report, drawn into axes of yours or of a new figure, which the functions return.

import facedissect as fd
result = fd.load("runs/smile")
fd.plot.concepts(result, layer="block5.relu")
fd.plot.regions([result, fd.load("runs/gender")], layer="block5.relu")   # side by side
"""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from ..dictionary.faces import FaceDictionary
from ..errors import SettingsError, nearest_names
from ..intersections import intersected
from ..results import Dissection
from . import charts, wording
from .charts import Chart
from .drawing import WIDTH, style
from .figures import Results, lined_up
from .peak_curves import members
from .strips import strip
from .summary import LayerSummary
from .thumbnails import LitFaces

SIDE, GAP, LINE = 256, 6, 2
"""Longer side of a face of `unit`, the space between two, and the width of its lines, in pixels."""

SHOWN = 4
FACE = 1.4
"""Inches."""

__all__ = ["bias", "biased_units", "concepts", "kinds", "peaks", "regions", "unit"]


def concepts(results: Results, layer: str | None = None, ax: Axes | None = None) -> Axes:
    """Units per concept: of one layer, whose best concept it is and which detect it; of several, the former side by side.

    Args:
        results: one result, or several of one dictionary; of a mapping, by the names that they shall have.
        layer: of each result, this layer only.
        ax: to draw into; a new figure if None.

    Raises:
        LayerError: a result has no such layer.
        SettingsError: no unit is interpretable, or the results are not of one dictionary.
    """
    return _drawn(charts.concepts(_interpretable(results, layer)), ax)


def regions(results: Results, layer: str | None = None, ax: Axes | None = None) -> Axes:
    """Interpretable units per region of the face, several layers side by side. Arguments and errors as of `concepts`."""
    return _drawn(charts.regions(_interpretable(results, layer)), ax)


def kinds(results: Results, layer: str | None = None, ax: Axes | None = None) -> Axes:
    """Interpretable units per kind of concept, several layers side by side. Arguments and errors as of `concepts`."""
    return _drawn(charts.kinds(_interpretable(results, layer)), ax)


def biased_units(results: Results, layer: str | None = None, ax: Axes | None = None) -> Axes:
    """Units biased towards each subgroup, several layers side by side. Arguments as of `concepts`.

    Raises:
        LayerError: a result has no such layer.
        SettingsError: no bias could be measured, or the results are not of one dictionary.
    """
    layers = _chosen(results, layer)
    if not any(count.measured for summary in layers.values() for count in summary.bias):
        raise SettingsError("expected a result with bias, got none measured; it takes images of two subgroups")
    return _drawn(charts.biased_units(layers), ax)


def bias(result: Dissection, global_concept: str, layer: str | None = None, ax: Axes | None = None) -> Axes:
    """The shares of the subgroups of a global concept in every unit of a layer, stacked.

    Args:
        result: of a run.
        global_concept: such as `age`.
        layer: may be None where the result has one.
        ax: to draw into; a new figure if None.

    Raises:
        LayerError: the result has no such layer.
        SettingsError: no such global concept was measured, or the layer must be named.
    """
    summary = _one(result, layer)
    measured = {count.global_concept: count for count in summary.bias if count.measured}
    if global_concept not in measured:
        raise SettingsError(
            f"expected a global concept whose bias was measured, got {global_concept!r}; there are: "
            f"{nearest_names(global_concept, measured) or 'none'}"
        )
    return _drawn(charts.subgroups(summary, measured[global_concept]), ax)


def unit(result: Dissection, layer: str, unit: int, dictionary: FaceDictionary, ax: Axes | None = None) -> Axes:
    """The faces on which a unit peaks highest, lit where it fires, with its label and IoU above.

    Args:
        result: of a run.
        layer: of the unit.
        unit: its number, from 0.
        dictionary: whose faces are shown; one that cannot be read is a crossed tile.
        ax: to draw into; a new figure if None.

    Raises:
        LayerError: the result has no such layer.
        SettingsError: the layer has no such unit.
    """
    found = result.unit(layer, unit)
    faces = LitFaces(result, dictionary, SIDE)
    tiles = faces.tiles(result[layer], found, SHOWN)
    height, width = faces.size
    with style():
        if ax is None:
            ax = _new(FACE * SHOWN * width / max(height, width), FACE * height / max(height, width) + 0.5)
        if tiles:
            ax.imshow(strip(tiles, gap=GAP, line=LINE))
        ax.set_axis_off()
        ax.set_title(f"{wording.label(found)}\n{layer}, unit {unit}: {wording.scores(found)}", loc="left")
    return ax


def peaks(
    result: Dissection,
    layer: str,
    unit: int,
    global_concept: str,
    dictionary: FaceDictionary,
    ax: Axes | None = None,
) -> Axes:
    """How the peaks of a unit are distributed over the images of each subgroup of a global concept.

    Args:
        result: of a run.
        layer: of the unit.
        unit: its number, from 0.
        global_concept: such as `age`.
        dictionary: that was dissected; it knows the subgroup of each face.
        ax: to draw into; a new figure if None.

    Raises:
        LayerError: the result has no such layer.
        SettingsError: no such unit or global concept, no face of the dictionary was dissected, or no peak is finite.
    """
    found = result.unit(layer, unit)
    known = {concept.name: concept for concept in result.vocabulary.global_concepts}
    if global_concept not in known:
        raise SettingsError(
            f"expected a global concept of the run, got {global_concept!r}; it has: "
            f"{nearest_names(global_concept, known) or 'none'}"
        )
    dictionary = intersected(dictionary, result.settings.intersect)
    recorded = result[layer].peaks
    values = np.asarray(recorded.highest[:, unit], float)
    concept = known[global_concept]
    of = members(dictionary, [concept], recorded.faces) & np.isfinite(values)
    groups = {subgroup: values[own] for subgroup, own in zip(concept.subgroups, of, strict=True)}
    if not any(len(group) for group in groups.values()):
        raise SettingsError(
            f"expected finite peaks of unit {unit} for faces with a subgroup of {global_concept}, got none in "
            f"{dictionary.location}; give the dictionary that was dissected"
        )
    title = f"{layer}, unit {unit}: peaks by {global_concept}"
    return _drawn(charts.peaks(title, groups, found.threshold), ax)


def _chosen(results: Results, layer: str | None) -> Mapping[str, LayerSummary]:
    if layer is None:
        return lined_up(results)
    if isinstance(results, Dissection):
        return lined_up(results.only(layer))
    if isinstance(results, Mapping):
        return lined_up({name: result.only(layer) for name, result in results.items()})
    return lined_up([result.only(layer) for result in results])


def _interpretable(results: Results, layer: str | None) -> Mapping[str, LayerSummary]:
    layers = _chosen(results, layer)
    if not any(summary.interpretable for summary in layers.values()):
        raise SettingsError(f"expected interpretable units to draw, got none in {wording.listed(layers)}")
    return layers


def _one(result: Dissection, layer: str | None) -> LayerSummary:
    layers = _chosen(result, layer)
    if len(layers) > 1:
        raise SettingsError(
            f"expected the name of a layer, as the result has several, got none; name one of: {', '.join(layers)}"
        )
    return next(iter(layers.values()))


def _drawn(chart: Chart, ax: Axes | None) -> Axes:
    with style():
        if ax is None:
            ax = _new(WIDTH, chart.height)
        chart.draw(ax)
    return ax


def _new(width: float, height: float) -> Axes:
    """Axes of a figure that a notebook shows by itself."""
    _, ax = plt.subplots(figsize=(width, height), layout="constrained")
    return ax
