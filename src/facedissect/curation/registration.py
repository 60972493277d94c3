"""How alike two thumbnails are once one is stretched and shifted onto the other.

Copies that were cropped a little are like the original only where they are laid over it, and faces aligned by their eyes
are like each other anyway. So each pair is registered first: by the scale and the shift along each axis, in a few steps of the
inverse compositional method (Baker and Matthews, IJCV 2004). What is compared is the correlation of the grey values, in
which brightness and contrast do not count, and that of their slopes, in which fine things do: an expression, glasses.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt8

from .signature import SIDE

_MARGIN = 3  # pixels of the first thumbnail that the second may lack
_STEPS = 8
_TRIAL_STEPS = 2
_TRIAL = 0.85  # copies are as alike as this after the trial steps
_FARTHEST_SCALE, _FARTHEST_SHIFT = 0.15, 3.0
_CHUNK = 512  # pairs registered at once: about 30 MB
_CENTRE = (SIDE - 1) / 2


class _Grid(NamedTuple):
    """The pixels of the first thumbnail that are compared: rows and columns, and places counted from the centre."""

    inner: slice
    x: Float[np.ndarray, " pixel"]
    y: Float[np.ndarray, " pixel"]

    def of(self, images: Float[np.ndarray, "pair 32 32"]) -> Float[np.ndarray, "pair pixel"]:
        """The values of these pixels."""
        return images[:, self.inner, self.inner].reshape(-1, len(self.x))


def _grid(step: int) -> _Grid:
    inner = slice(_MARGIN, SIDE - _MARGIN, step)
    y, x = (axis.ravel() - np.float32(_CENTRE) for axis in np.mgrid[inner, inner].astype(np.float32))
    return _Grid(inner, x, y)


_ALL, _SPARSE = _grid(1), _grid(2)


def likeness(
    thumbnails: UInt8[np.ndarray, "picture 32 32"], pairs: Int[np.ndarray, "pair 2"]
) -> Float[np.ndarray, "pair 2"]:
    """Correlation of the two thumbnails of each pair, laid one over the other: of their grey values, and of the slopes.

    Both are 0 where one thumbnail is a single grey, and where the pair remains unlike after a first trial.
    """
    found = np.zeros((len(pairs), 2))
    for start in range(0, len(pairs), _CHUNK):
        chunk = pairs[start : start + _CHUNK]
        again = np.flatnonzero(_correlation(*_register(thumbnails, chunk, _SPARSE, _TRIAL_STEPS)) >= _TRIAL)
        # Each onto the other: a crop lacks the margin of its original, not the other way round.
        for order in (chunk[again], chunk[again, ::-1]):
            target, seen = _register(thumbnails, order, _ALL, _STEPS)
            both = np.stack([_correlation(target, seen), _correlation(_edges(target), _edges(seen))], axis=1)
            best = start + again
            found[best] = np.where(both[:, :1] > found[best, :1], both, found[best])
    return found


def _register(
    thumbnails: UInt8[np.ndarray, "picture 32 32"], pairs: Int[np.ndarray, "pair 2"], grid: _Grid, steps: int
) -> tuple[Float[np.ndarray, "pair pixel"], Float[np.ndarray, "pair pixel"]]:
    """The first thumbnail of each pair, and the second as it is most like it on the way, both normalised."""
    fixed, moving = (thumbnails[pairs[:, side]].astype(np.float32) for side in (0, 1))
    target = _normalised(grid.of(fixed))
    slopes = _slopes(fixed, target, grid)
    transposed = slopes.transpose(0, 2, 1)
    inverse = np.linalg.inv(transposed @ slopes + 1e-6 * np.eye(4, dtype=np.float32))
    flat = moving.reshape(-1, SIDE * SIDE)
    scale, shift = np.ones((2, len(pairs), 1), np.float32), np.zeros((2, len(pairs), 1), np.float32)
    best, nearest = np.zeros(len(pairs), np.float32), np.zeros_like(target)
    for step in range(steps + 1):
        seen = _normalised(_sampled(flat, grid.x * scale[0] + shift[0], grid.y * scale[1] + shift[1]))
        correlation = _correlation(target, seen)
        nearest = np.where((correlation > best)[:, None], seen, nearest)
        best = np.maximum(best, correlation)
        if step < steps:
            change = (inverse @ (transposed @ (seen - target)[:, :, None])).transpose(1, 0, 2)
            stretched = np.clip(scale / (1 + change[0:2]), 1 - _FARTHEST_SCALE, 1 + _FARTHEST_SCALE)
            shift = np.clip(shift - stretched * change[2:4], -_FARTHEST_SHIFT, _FARTHEST_SHIFT)
            scale = stretched
    return target, nearest


def _correlation(
    first: Float[np.ndarray, "pair value"], second: Float[np.ndarray, "pair value"]
) -> Float[np.ndarray, " pair"]:
    """Of vectors that are normalised already."""
    correlation: Float[np.ndarray, " pair"] = (first * second).sum(axis=1)
    return correlation


def _edges(values: Float[np.ndarray, "pair pixel"]) -> Float[np.ndarray, "pair slope"]:
    """Differences between all neighbours along both axes, as one vector of length 1."""
    side = SIDE - 2 * _MARGIN
    square = values.reshape(-1, side, side)
    both = [np.diff(square, axis=axis).reshape(-1, side * (side - 1)) for axis in (1, 2)]
    edges = np.concatenate(both, axis=1)
    unit: Float[np.ndarray, "pair slope"] = edges / (np.linalg.norm(edges, axis=1, keepdims=True) + 1e-6)
    return unit


def _slopes(
    fixed: Float[np.ndarray, "pair 32 32"], target: Float[np.ndarray, "pair pixel"], grid: _Grid
) -> Float[np.ndarray, "pair pixel 4"]:
    """How the normalised target changes with scale and shift along x and y: (scale x, scale y, shift x, shift y)."""
    down, across = np.gradient(fixed, axis=(1, 2))
    inner = grid.of(fixed)
    contrast = np.linalg.norm(inner - inner.mean(axis=1, keepdims=True), axis=1)[:, None] + 1e-6
    x, y = (grid.of(slope) / contrast for slope in (across, down))
    slopes: Float[np.ndarray, "pair pixel 4"] = np.stack([x * grid.x, y * grid.y, x, y], axis=2)
    slopes -= slopes.mean(axis=1, keepdims=True)  # normalising takes away what brightness
    along = (slopes * target[:, :, None]).sum(axis=1, keepdims=True)
    slopes -= along * target[:, :, None]  # and contrast could explain
    return slopes


def _normalised(values: Float[np.ndarray, "pair pixel"]) -> Float[np.ndarray, "pair pixel"]:
    """Mean 0 and length 1; 0 throughout where all values are the same."""
    centred = values - values.mean(axis=1, keepdims=True)
    unit: Float[np.ndarray, "pair pixel"] = centred / (np.linalg.norm(centred, axis=1, keepdims=True) + 1e-6)
    return unit


def _sampled(
    flat: Float[np.ndarray, "pair all_pixels"], x: Float[np.ndarray, "pair pixel"], y: Float[np.ndarray, "pair pixel"]
) -> Float[np.ndarray, "pair pixel"]:
    """Values between the pixels, by bilinear interpolation; `x` and `y` are counted from the centre."""
    x, y = (np.clip(axis + np.float32(_CENTRE), 0, SIDE - 1.001) for axis in (x, y))
    column, row = x.astype(np.int32), y.astype(np.int32)
    x, y = x - column, y - row
    corner = row * SIDE + column
    upper_left, upper_right, lower_left, lower_right = (
        np.take_along_axis(flat, corner + offset, axis=1) for offset in (0, 1, SIDE, SIDE + 1)
    )
    upper = upper_left + (upper_right - upper_left) * x
    values: Float[np.ndarray, "pair pixel"] = upper + (lower_left + (lower_right - lower_left) * x - upper) * y
    return values
