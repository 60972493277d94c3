"""The mouth: lips, teeth and what is behind them."""

from __future__ import annotations

import numpy as np

from .canvas import Canvas
from .colour import Colour, mix, scaled, shaded
from .edges import clamp, coverage, either, ridge, smooth, within
from .factors import FaceFactors
from .noise import Noise
from .outline import lip_curves
from .plane import Plane, Window
from .view import View

_LIP_TINT: Colour = (0.86, 0.52, 0.52)
"""Lips against skin: the blood shines through."""
_LIPSTICKS: tuple[Colour, ...] = ((0.50, 0.03, 0.05), (0.42, 0.05, 0.12), (0.56, 0.10, 0.12), (0.30, 0.02, 0.05))
_INSIDE: Colour = (0.035, 0.010, 0.010)
_TONGUE: Colour = (0.22, 0.06, 0.06)
_TEETH: Colour = (0.76, 0.73, 0.66)
_CLOSED_BELOW = 0.012
"""Openings smaller than this, in face coordinates, show no teeth."""


def mouth_window(view: View) -> Window:
    """The pixels of the mouth and a little around it."""
    mouth = view.shape.mouth
    reach = mouth.half_width * 1.15
    lift = abs(mouth.corner) + 0.05
    top = mouth.v - mouth.open_up - mouth.upper - lift
    bottom = mouth.v + mouth.open_down + mouth.lower + lift
    return view.window(-reach, top, reach, bottom)


def lips_distance(view: View, window: Window) -> Plane:
    """Positive inside the mouth's outer contour: distance to it."""
    mouth = view.shape.mouth
    u, v = view.u[window], view.v[window]
    top, _, _, bottom = lip_curves(mouth, clamp(u * (1.0 / mouth.half_width), -1.0, 1.0))
    return within(v - top, bottom - v, mouth.half_width - np.abs(u))


def paint_mouth(canvas: Canvas, view: View, factors: FaceFactors, skin: Colour, noise: Noise) -> None:
    """Lips, the line or opening between them, teeth and tongue."""
    window = mouth_window(view)
    mouth = view.shape.mouth
    u, v = view.u[window], view.v[window]
    t = clamp(u * (1.0 / mouth.half_width), -1.0, 1.0)
    top, inner_top, inner_bottom, bottom = lip_curves(mouth, t)
    painted = "Wearing_Lipstick" in factors.present
    edge = view.pixel * (1.3 if painted else 2.2)
    lips = coverage(within(v - top, bottom - v, mouth.half_width - np.abs(u)), edge)
    upper = coverage((inner_top + inner_bottom) * 0.5 - v, 0.02)
    streaks = 1.0 + noise.strands(u * 30.0, 7) * 0.05
    shade = (1.0 - 0.28 * upper) * streaks
    colour = _lip_colour(factors, skin)
    canvas.blend(lips * (0.95 if painted else 0.72), shaded(colour, shade), window)
    canvas.gloss[window] += lips * (0.30 if painted else 0.10)
    _paint_opening(canvas, view, factors, window, (v, inner_top, inner_bottom), t)


def _lip_colour(factors: FaceFactors, skin: Colour) -> Colour:
    if "Wearing_Lipstick" in factors.present:
        return _LIPSTICKS[factors.scene.scene_seed % len(_LIPSTICKS)]
    red, green, blue = (s * tint for s, tint in zip(skin, _LIP_TINT, strict=True))
    return mix((red, green, blue), (0.36, 0.13, 0.12), 0.25)


def _paint_opening(
    canvas: Canvas,
    view: View,
    factors: FaceFactors,
    window: Window,
    curves: tuple[Plane, Plane, Plane],
    t: Plane,
) -> None:
    mouth = view.shape.mouth
    v, top, bottom = curves
    opening = mouth.open_up + mouth.open_down
    line = coverage(0.007 + within(v - top, bottom - v), view.pixel * 1.6) * coverage(0.95 - np.abs(t), 0.14)
    if opening < _CLOSED_BELOW:
        canvas.blend(line * 0.75, scaled(_lip_colour(factors, _INSIDE), 0.5), window)
        return
    inside = coverage(within(v - top, bottom - v), view.pixel * 1.3) * coverage(1.0 - np.abs(t), 0.08)
    canvas.blend(either(line * 0.6, inside), _INSIDE, window)
    tongue = smooth(v, mouth.v + mouth.open_down * 0.55, mouth.v + mouth.open_down * 1.1) * (1.0 - t * t)
    canvas.blend(inside * tongue * min(1.0, opening * 6.0), _TONGUE, window)
    smiling = "Smiling" in factors.present
    teeth_height = min(0.075, opening * (0.80 if smiling else 0.50))
    edge_v = top + teeth_height * (1.0 - 0.45 * t * t)
    gaps = 1.0 - 0.16 * ridge(np.abs(np.mod(t * 6.0 + 0.5, 1.0) - 0.5), 0.09)
    bright = (0.55 + 0.45 * smooth(v - top, -0.005, 0.03)) * (1.0 - 0.55 * t * t) * gaps
    teeth = inside * coverage(edge_v - v, view.pixel * 1.4) * coverage(0.86 - np.abs(t), 0.12)
    canvas.blend(teeth, shaded(_TEETH, bright), window)
    for plane in (canvas.slope_x, canvas.slope_y):
        plane[window] *= 1.0 - inside * 0.8
