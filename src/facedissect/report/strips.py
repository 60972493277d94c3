"""The lit faces of a unit side by side, with lines of a width that stays visible in print."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8
from scipy.ndimage import binary_dilation, binary_erosion

from .thumbnails import EDGE, OUTLINE, Tile

WHITE = 255


def strip(tiles: Sequence[Tile], *, gap: int, line: int = 1) -> UInt8[np.ndarray, "height wide 3"]:
    """At least one tile on white, `gap` pixels apart, the edge of the lit area and the outline `line` pixels wide."""
    between = np.full((tiles[0].pixels.shape[0], gap, 3), WHITE, np.uint8)
    return np.hstack([part for tile in tiles for part in (_widened(tile, line), between)][:-1])


def _widened(tile: Tile, line: int) -> UInt8[np.ndarray, "height wide 3"]:
    """A tile whose lines, drawn one pixel wide, are `line` wide; the outline goes over the edge, as in the tile."""
    if line <= 1 or not tile.readable:
        return tile.pixels
    pixels = tile.pixels.copy()
    if not tile.lights.all():
        pixels[tile.lights & ~binary_erosion(tile.lights, iterations=line, border_value=1)] = EDGE
    outline = (tile.pixels == OUTLINE).all(axis=2)
    if outline.any():
        pixels[binary_dilation(outline, iterations=line - 1)] = OUTLINE
    return pixels
