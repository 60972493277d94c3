"""Noise of several grains, made once per image size; each face looks at another corner of it."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
from scipy.ndimage import gaussian_filter, zoom

from .plane import Plane

Grain = Literal["pores", "fine", "mottled", "patches", "clouds", "curls"]

_GRAINS: dict[Grain, float] = {
    "pores": 0.0,
    "fine": 0.007,
    "mottled": 0.02,
    "patches": 0.07,
    "clouds": 0.16,
    "curls": 0.0075,
}
"""Standard deviation of the blur, as a share of the image's side."""
_COARSE_FROM = 0.02
_COARSE_SIDE = 128
"""Side in pixels at which the grains from _COARSE_FROM on are drawn, before they are brought to size."""
_SEED = 20220501
STRANDS = 4096
"""Length of the strand table; a power of two, so that an index can be wrapped by a bit mask."""


class Noise:
    """The chance patterns of one face: zero mean, unit standard deviation."""

    def __init__(self, size: int, seed: int) -> None:
        self._size = size
        self._seed = seed

    def image(self, grain: Grain, salt: int = 0) -> Plane:
        """A size x size cutting of one grain; another `salt` gives another cutting."""
        tile = _tile(self._size, grain)
        row, column = (int(self._share(salt, axis) * self._size) for axis in (0, 1))
        return tile[row : row + self._size, column : column + self._size]

    def strands(self, position: Plane, salt: int = 0) -> Plane:
        """Noise along one dimension, sampled at any positions; neighbours one unit apart are nearly independent."""
        index = (position * 4.0 + float(int(self._share(salt, 0) * STRANDS))).astype(np.int32)
        index &= STRANDS - 1
        return _strand_table().take(index)

    def _share(self, salt: int, axis: int) -> float:
        """From 0 to 1, at random in seed, salt and axis: a multiplicative hash (Knuth), of which the upper bits are used."""
        mixed = (self._seed * 2 + axis + salt * 0x85EBCA6B) * 0x9E3779B1 & 0xFFFFFFFF
        return ((mixed ^ mixed >> 15) * 0x2C1B3C6D >> 8 & 0xFFFFF) / 0x100000


@lru_cache(maxsize=32)
def _tile(size: int, grain: Grain) -> Plane:
    """Twice the image's side, continuing over its edges. Coarse grains show the same pattern at every size."""
    blur = _GRAINS[grain]
    coarse = blur >= _COARSE_FROM
    drawn_at = _COARSE_SIDE if coarse else size
    rng = np.random.default_rng([_SEED, list(_GRAINS).index(grain)])
    tile = rng.standard_normal((2 * drawn_at, 2 * drawn_at), dtype=np.float32)
    if blur > 0:
        tile = gaussian_filter(tile, max(blur * drawn_at, 0.5), mode="wrap")
    tile /= tile.std()
    if coarse:
        tile = zoom(tile, size / drawn_at, order=1, mode="grid-wrap", grid_mode=True)
    if grain == "curls":
        tile = np.cos(tile * 2.2) + rng.standard_normal(tile.shape, dtype=np.float32) * 0.5
        tile = (tile - tile.mean()) / tile.std()
    tile.flags.writeable = False
    return tile


@lru_cache(maxsize=1)
def _strand_table() -> Plane:
    rng = np.random.default_rng(_SEED)
    coarse = gaussian_filter(rng.standard_normal(STRANDS), 10.0, mode="wrap")
    fine = gaussian_filter(rng.standard_normal(STRANDS), 2.0, mode="wrap")
    table: Plane = (coarse / coarse.std() * 0.7 + fine / fine.std() * 0.7).astype(np.float32)
    return table
