"""Shapes as distances in face coordinates (positive inside), and from distances to opacities."""

from __future__ import annotations

from functools import reduce

import numpy as np

from .plane import Plane


def within(*distances: Plane) -> Plane:
    """Inside all of several shapes."""
    inside: Plane = reduce(np.minimum, distances)
    return inside


def either(*distances: Plane) -> Plane:
    """Inside any of several shapes."""
    inside: Plane = reduce(np.maximum, distances)
    return inside


def disc(u: Plane, v: Plane, middle: tuple[float, float], radii: tuple[float, float]) -> Plane:
    """Positive inside an ellipse: about the distance to its edge."""
    du, dv = (u - middle[0]) * (1.0 / radii[0]), (v - middle[1]) * (1.0 / radii[1])
    distance: Plane = (1.0 - np.sqrt(du * du + dv * dv)) * min(radii)
    return distance


def spot(u: Plane, v: Plane, middle: tuple[float, float], radii: tuple[float, float]) -> Plane:
    """A soft round spot: 1 in its middle, 1/e at its radii."""
    du, dv = (u - middle[0]) * (1.0 / radii[0]), (v - middle[1]) * (1.0 / radii[1])
    strength: Plane = np.exp(-(du * du) - dv * dv)
    return strength


def ridge(distance: Plane, width: float) -> Plane:
    """1 where `distance` is 0, 1/e at `width` on either side."""
    share = distance * (1.0 / width)
    strength: Plane = np.exp(-(share * share))
    return strength


def clamp(value: Plane, low: float, high: float) -> Plane:
    """`numpy.clip` without its overhead, which is half the time in small windows."""
    clamped: Plane = np.minimum(np.maximum(value, low), high)
    return clamped


def coverage(distance: Plane, softness: float) -> Plane:
    """Opacity of what lies at positive `distance` from its edge: 0.5 on the edge, 1 at half of `softness` inside."""
    return clamp(distance * (1.0 / softness) + 0.5, 0.0, 1.0)


def smooth(value: Plane, start: float, end: float) -> Plane:
    """0 before `start`, 1 after `end`, smooth between."""
    t = clamp((value - start) * (1.0 / (end - start)), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)
