"""The lit faces of a unit as a page holds them: data URIs, and in words what they show."""

from __future__ import annotations

import base64
import io
import math
from dataclasses import dataclass

from PIL import Image

from ..results import LayerResult
from ..units import UnitSummary
from . import wording
from .thumbnails import LitFaces, Tile

QUALITY = 70


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A thumbnail as a page holds it: a data URI, and in words what it shows."""

    uri: str
    alt: str
    face: str
    peak: float


def pictures(faces: LitFaces, layer: LayerResult, unit: UnitSummary) -> list[Picture]:
    """The unit's top faces, highest peak first."""
    return [
        Picture(uri=data_uri(tile), alt=alt(tile, unit), face=tile.top.face, peak=tile.top.peak)
        for tile in faces.tiles(layer, unit)
    ]


def data_uri(tile: Tile) -> str:
    """The tile as WebP."""
    buffer = io.BytesIO()
    Image.fromarray(tile.pixels).save(buffer, "WEBP", quality=QUALITY, method=3)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def alt(tile: Tile, unit: UnitSummary) -> str:
    """What a tile shows, for whoever cannot see it."""
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
