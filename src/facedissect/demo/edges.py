"""Soft edges: distances in face coordinates to opacities, and the windows of curves and spots."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Image32 = NDArray[np.float32]


def clamp(value: Image32, low: float, high: float) -> Image32:
    """`numpy.clip` without its overhead, which is half the time in small windows."""
    return np.minimum(np.maximum(value, low), high)


def coverage(distance: Image32, softness: float) -> Image32:
    """Opacity of what lies at positive `distance` from its edge: 0.5 on the edge, 1 at half of `softness` inside."""
    return clamp(distance * (1.0 / softness) + 0.5, 0.0, 1.0)


def smooth(value: Image32, start: float, end: float) -> Image32:
    """0 before `start`, 1 after `end`, smooth between."""
    t = clamp((value - start) * (1.0 / (end - start)), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def spot(u: Image32, v: Image32, middle: tuple[float, float], radii: tuple[float, float]) -> Image32:
    """A soft round spot: 1 in its middle, 1/e at its radii."""
    du, dv = (u - middle[0]) * (1.0 / radii[0]), (v - middle[1]) * (1.0 / radii[1])
    return np.exp(-(du * du) - dv * dv)


def disc(u: Image32, v: Image32, middle: tuple[float, float], radii: tuple[float, float]) -> Image32:
    """Positive inside an ellipse: about the distance to its edge."""
    du, dv = (u - middle[0]) * (1.0 / radii[0]), (v - middle[1]) * (1.0 / radii[1])
    return (1.0 - np.sqrt(du * du + dv * dv)) * min(radii)
