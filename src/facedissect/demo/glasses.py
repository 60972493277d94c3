"""Eyeglasses: rims, bridge, temples, and what the lenses do to the light."""

from __future__ import annotations

import numpy as np

from .canvas import Canvas
from .colour import Colour
from .edges import coverage, either, ridge, within
from .factors import FaceFactors
from .plane import Plane, Window
from .view import View

_FRAMES: tuple[tuple[Colour, float, float], ...] = (
    ((0.010, 0.010, 0.012), 0.024, 4.0),
    ((0.10, 0.045, 0.020), 0.026, 3.2),
    ((0.14, 0.10, 0.05), 0.014, 2.2),
    ((0.07, 0.07, 0.08), 0.013, 2.6),
    ((0.14, 0.015, 0.02), 0.022, 3.0),
)
"""Frames to choose from: colour (linear light), half the thickness of the rim, and squareness (2: round)."""
_LENS_TINT: Colour = (0.90, 0.93, 0.95)
_RIM_DEPTH = 0.12


def glasses_window(view: View) -> Window:
    """The pixels of the glasses."""
    eye = view.shape.eye
    reach = view.shape.skull.widths[2] * 0.96
    return view.window(-reach, eye.v - 0.22, reach, eye.v + 0.30)


def lens_distance(view: View, factors: FaceFactors, window: Window) -> Plane:
    """Positive inside the lenses' outer rim: distance to it."""
    eye = view.shape.eye
    _, thickness, square = _frame(factors)
    across = (np.abs(view.u[window]) - eye.u - 0.004) * (1.0 / 0.232)
    down = (view.v[window] - eye.v - 0.048) * (1.0 / (0.155 if square > 2.5 else 0.175))
    radius: Plane = (np.abs(across) ** square + np.abs(down) ** square) ** (1.0 / square)
    return (1.0 - radius) * 0.18 + thickness


def frame_distance(view: View, factors: FaceFactors, window: Window) -> Plane:
    """Positive inside rims, bridge and temples: distance to their edge."""
    eye = view.shape.eye
    _, thickness, _ = _frame(factors)
    lens = lens_distance(view, factors, window)
    rim = thickness - np.abs(lens - thickness)
    far, v = np.abs(view.u[window]), view.v[window]
    bridge = within(thickness * 0.9 - np.abs(v - eye.v + 0.03 - far * far * 3.0), eye.u - 0.20 - far)
    temple = within(thickness * 0.9 - np.abs(v - eye.v + 0.045), far - eye.u - 0.21)
    return either(rim, bridge, temple)


def glasses_distance(view: View, factors: FaceFactors, window: Window) -> Plane:
    """Positive inside lenses and frame."""
    return either(lens_distance(view, factors, window), frame_distance(view, factors, window))


def paint_glasses(canvas: Canvas, view: View, factors: FaceFactors) -> None:
    """Lenses first (a tint, a shadow, a reflection), then the frame."""
    window = glasses_window(view)
    colour, _, _ = _frame(factors)
    lens = lens_distance(view, factors, window)
    glass = coverage(lens, view.pixel * 1.5)
    canvas.tint(glass, _LENS_TINT, window)
    u, v = view.u[window], view.v[window]
    far = np.abs(u)
    stripe = far - view.shape.eye.u + (v - view.shape.eye.v) * 0.8
    reflection = ridge(stripe + 0.10, 0.045) + 0.5 * ridge(stripe + 0.01, 0.018)
    canvas.blend(glass * reflection * 0.22, (0.9, 0.95, 1.0), window)
    frame = frame_distance(view, factors, window)
    below = ridge(frame + 0.03, 0.03) * (v > view.shape.eye.v - 0.1)
    canvas.shade[window] *= 1.0 - 0.22 * below
    alpha = coverage(frame, view.pixel * 1.4)
    canvas.blend(alpha, colour, window)
    canvas.gloss[window] += alpha * 0.12
    canvas.slope_y[window] += alpha * ((lens < 0.02) * _RIM_DEPTH)


def _frame(factors: FaceFactors) -> tuple[Colour, float, float]:
    return _FRAMES[factors.identity.texture_seed // 2 % len(_FRAMES)]
