"""The HTML report: one self-contained page that opens from disk, in light and dark, without scripts or a network."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from ..atomic import atomic
from ..dictionary.faces import FaceDictionary
from ..results import Dissection
from . import wording
from .charts import charts, svg
from .summary import LayerSummary, RunSummary, summarise
from .templating import environment
from .thumbnails import LitFaces, Tile
from .units import UnitSummary

SIDES = ((5000, 96), (math.inf, 64))
"""Longer side of a thumbnail in pixels by the most thumbnails that may have it, so that large runs stay under 30 MB."""

QUALITY = 70


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A thumbnail as the page holds it: a data URI, and in words what it shows."""

    uri: str
    alt: str
    face: str
    peak: float


def write(result: Dissection, dictionary: FaceDictionary, path: Path) -> None:
    """Write the page.

    Raises:
        OutputError: it cannot be written.
    """
    run = summarise(result)
    thumbnails = sum(len(unit.faces) for layer in run.layers for unit in layer.units)
    side = next(side for most, side in SIDES if thumbnails <= most)
    faces = LitFaces(result, dictionary, side)
    pictures = {layer.name: {unit.unit: _pictures(faces, layer, unit) for unit in layer.units} for layer in run.layers}
    templates = environment({"number": wording.number, "bounded": _bounded})
    page = templates.get_template("report.html.j2")
    with atomic(path) as scratch:
        page.stream(**_context(run, faces, pictures)).dump(str(scratch), encoding="utf-8")


def _bounded(share: float) -> float:
    """A share that a bar can show: 0 for NaN, at most 1."""
    return 0.0 if math.isnan(share) else min(share, 1.0)


def _context(
    run: RunSummary, faces: LitFaces, pictures: Mapping[str, Mapping[int, list[Picture]]]
) -> dict[str, object]:
    best = [unit.best for layer in run.layers for unit in layer.units if unit.best]
    highest = max(
        (iou for score in best for iou in (score.iou_firing, score.iou_labelled) if not math.isnan(iou)), default=1.0
    )
    return {
        "run": run,
        "result": run.result,
        "pictures": pictures,
        "tile": faces.size,
        "charts": {
            layer.name: [svg(chart, f"layer-{number}-chart-{index}") for index, chart in enumerate(charts(layer))]
            for number, layer in enumerate(run.layers)
        },
        "unread": wording.unread_faces(faces.unread) if faces.unread else "",
        "scale": highest,
        "wording": wording,
    }


def _pictures(faces: LitFaces, layer: LayerSummary, unit: UnitSummary) -> list[Picture]:
    return [
        Picture(uri=_data_uri(tile), alt=_alt(tile, unit), face=tile.top.face, peak=tile.top.peak)
        for tile in faces.tiles(layer.result, unit)
    ]


def _data_uri(tile: Tile) -> str:
    buffer = io.BytesIO()
    Image.fromarray(tile.pixels).save(buffer, "WEBP", quality=QUALITY, method=3)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _alt(tile: Tile, unit: UnitSummary) -> str:
    """What a thumbnail shows, for whoever cannot see it."""
    if not tile.readable:
        return f"Face {tile.top.place} of unit {unit.unit} could not be read."
    if math.isnan(tile.fires):
        return f"Face {tile.top.place}, the whole of it: the unit has no map."
    fires = f"the unit fires in {wording.percent(tile.fires)} of it" if tile.fires else "the unit does not fire"
    if unit.best is None:
        return f"Face {tile.top.place}: {fires}."
    labels = {
        "present": f"{unit.best.concept} is outlined" if tile.outlined else f"it has {unit.best.concept}",
        "absent": f"it does not have {unit.best.concept}",
        "unknown": f"it is not labelled for {unit.best.concept}",
    }
    return f"Face {tile.top.place}: {fires}; {labels[tile.state]}."
