"""The lit faces of units as a printer wants them: one JPEG a unit, made by several processes, ahead of the pages."""

from __future__ import annotations

import io
import multiprocessing
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from ..results import LayerResult
from ..units import UnitSummary
from .strips import strip
from .thumbnails import LitFaces

DPI = 300
FACES = 4
GAP, EDGE_LINE = 9, 2
"""Pixels between two faces, and of a line on a face."""

QUALITIES = (85, 75, 65, 55, 45, 35)
BYTES = 34_000
"""What the faces of a unit may take: the best of QUALITIES that fits is taken, so that 512 units stay under 20 MB."""

FEW_UNITS = 64
"""Fewer are made as they are asked for, since processes take a while to begin."""


@dataclass(frozen=True, kw_only=True)
class Strip:
    """The faces of a unit side by side.

    Attributes:
        data: a JPEG, RGB.
        size: height and width in pixels.
    """

    data: bytes
    size: tuple[int, int]


def strips(faces: LitFaces, layer: LayerResult, units: tuple[UnitSummary, ...]) -> Iterator[Strip | None]:
    """The strip of each unit, None for one without faces; `faces.unread` grows as they come."""
    if len(units) < FEW_UNITS or "fork" not in multiprocessing.get_all_start_methods():
        yield from (_strip(faces, layer, unit) for unit in units)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a fork beside threads that no process of ours uses
        pool = multiprocessing.get_context("fork").Pool(os.cpu_count(), _begin, (faces, layer, units))
    with pool:
        for made, unread in pool.imap(_make, range(len(units)), chunksize=8):
            faces.unread |= unread
            yield made


_work: list[tuple[LitFaces, LayerResult, tuple[UnitSummary, ...]]] = []
"""What a process works on, inherited and not copied."""


def _begin(faces: LitFaces, layer: LayerResult, units: tuple[UnitSummary, ...]) -> None:
    _work.append((faces, layer, units))


def _make(number: int) -> tuple[Strip | None, dict[str, str]]:
    faces, layer, units = _work[-1]
    made = _strip(faces, layer, units[number])
    return made, faces.unread


def _strip(faces: LitFaces, layer: LayerResult, unit: UnitSummary) -> Strip | None:
    tiles = faces.tiles(layer, unit, FACES)
    if not tiles:
        return None
    pixels = strip(tiles, gap=GAP, line=EDGE_LINE)
    return Strip(data=jpeg(pixels), size=(pixels.shape[0], pixels.shape[1]))


def jpeg(pixels: UInt8[np.ndarray, "height wide 3"]) -> bytes:
    """As good as fits BYTES."""
    image, made = Image.fromarray(pixels), b""
    for quality in QUALITIES:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality, optimize=True, dpi=(DPI, DPI))
        made = buffer.getvalue()
        if len(made) <= BYTES:
            break
    return made
