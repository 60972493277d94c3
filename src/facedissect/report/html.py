"""The HTML report: one self-contained page that opens from disk, in light and dark, without scripts or a network."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from ..atomic import atomic
from ..dictionary.faces import FaceDictionary
from ..results import Dissection
from . import wording
from .charts import charts, svg
from .pictures import Picture, pictures
from .summary import RunSummary, summarise
from .templating import environment
from .thumbnails import LitFaces

SIDES = ((5000, 96), (math.inf, 64))
"""Longer side of a thumbnail in pixels by the most thumbnails that may have it, so that large runs stay under 30 MB."""


def write(result: Dissection, dictionary: FaceDictionary, path: Path) -> None:
    """Write the page.

    Raises:
        OutputError: it cannot be written.
    """
    run = summarise(result)
    thumbnails = sum(len(unit.faces) for layer in run.layers for unit in layer.units)
    side = next(side for most, side in SIDES if thumbnails <= most)
    faces = LitFaces(result, dictionary, side)
    shown = {
        layer.name: {unit.unit: pictures(faces, layer.result, unit) for unit in layer.units} for layer in run.layers
    }
    templates = environment({"number": wording.number, "bounded": _bounded})
    page = templates.get_template("report.html.j2")
    with atomic(path) as scratch:
        page.stream(**_context(run, faces, shown)).dump(str(scratch), encoding="utf-8")


def _bounded(share: float) -> float:
    """A share that a bar can show: 0 for NaN, at most 1."""
    return 0.0 if math.isnan(share) else min(share, 1.0)


def _context(run: RunSummary, faces: LitFaces, shown: Mapping[str, Mapping[int, list[Picture]]]) -> dict[str, object]:
    best = [unit.best for layer in run.layers for unit in layer.units if unit.best]
    highest = max(
        (iou for score in best for iou in (score.iou_firing, score.iou_labelled) if not math.isnan(iou)), default=1.0
    )
    return {
        "run": run,
        "result": run.result,
        "pictures": shown,
        "tile": faces.size,
        "charts": {
            layer.name: [svg(chart, f"layer-{number}-chart-{index}") for index, chart in enumerate(charts(layer))]
            for number, layer in enumerate(run.layers)
        },
        "unread": wording.unread_faces(faces.unread) if faces.unread else "",
        "scale": highest,
        "wording": wording,
    }
