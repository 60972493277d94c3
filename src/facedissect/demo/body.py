"""Neck, ears and clothes."""

from __future__ import annotations

import numpy as np

from .canvas import Canvas
from .colour import Colour, of_hue, scaled, shaded
from .edges import clamp, coverage, ridge, smooth, spot, within
from .factors import FaceFactors
from .noise import Noise
from .plane import Plane, Window
from .view import View

_NECK_DEPTH = 0.40
_NECK_BEHIND = -0.18
"""Height of the neck's front relative to the middle of the head."""
_EAR_RADII = (0.095, 0.185)
_NECK_FROM = 0.3
_CLOTHES_FROM = 0.85
_ENDLESS = 9.0
"""Further than any image reaches."""
_HELIX = 0.74
"""Where the rim of the ear is highest, as a share of its radius."""
_SHOULDER_TOP = 1.16
_SHOULDER_FALL = 0.19


def paint_neck(canvas: Canvas, view: View, skin: Colour) -> None:
    """A column under the head, in its shade."""
    shape = view.shape
    width = 0.385 + 0.055 * shape.male - 0.09 * shape.child + 0.03 * shape.old
    window = view.head_window(-_ENDLESS, _NECK_FROM, _ENDLESS, _ENDLESS)
    x, y = _body_axes(view, window)
    widening = width + 0.55 * np.maximum(y - 1.08, 0.0) ** 1.5
    alpha = coverage(widening - np.abs(x), view.pixel * 1.4) * coverage(y - _NECK_FROM, 0.05)
    share = clamp(x / widening, -0.97, 0.97)
    slope_x = share * -_NECK_DEPTH / (np.sqrt(1.0 - share * share) + 0.25) / width
    slope_y = np.full_like(x, 0.12)
    height = np.sqrt(1.0 - share * share) * _NECK_DEPTH + _NECK_BEHIND
    canvas.paint(alpha, scaled(skin, 0.93), window)
    canvas.solid(alpha, slope_x, slope_y, height, 0.02, window)
    tendons = spot(np.abs(x), y, (0.13, 1.3), (0.05, 0.3)) * -0.10 + spot(x, y, (0.0, 1.3), (0.05, 0.2)) * 0.06
    canvas.scale(1.0 + tendons, window)
    chin = shape.skull.bottom
    shade = 1.0 - 0.62 * (1.0 - smooth(view.y[window], chin - 0.02, chin + 0.34))
    canvas.shade[window] *= 1.0 + alpha * (shade - 1.0)


def paint_ears(canvas: Canvas, view: View, factors: FaceFactors, skin: Colour) -> None:
    """Two ears behind the head's outline."""
    shape = view.shape
    size = 1.0 + 0.12 * factors.identity.ear_size + 0.10 * shape.old - 0.06 * shape.child
    half_width = shape.skull.widths[2] * 0.985
    middle_v = shape.eye.v + 0.13 - 0.175 * view.pitch_sine
    for side in (1.0, -1.0):
        middle_x = side * (half_width + 0.025) - 0.18 * view.yaw_sine
        reach_x, reach_y = _EAR_RADII[0] * 1.6 * size, _EAR_RADII[1] * 1.4 * size
        window = view.head_window(middle_x - reach_x, middle_v - reach_y, middle_x + reach_x, middle_v + reach_y)
        x, y = (view.x[window] - middle_x) * side, view.y[window] - middle_v
        du, dv = (x + y * 0.20) / (_EAR_RADII[0] * size), y / (_EAR_RADII[1] * size)
        radius = np.sqrt(du * du + dv * dv * (1.0 + 0.25 * clamp(dv, -1.5, 1.5)))
        alpha = coverage((1.0 - radius) * _EAR_RADII[0], view.pixel * 1.4)
        canvas.paint(alpha, (skin[0], skin[1] * 0.92, skin[2] * 0.90), window)
        fold = (radius - _HELIX) * ridge(radius - _HELIX, 0.22) * -7.0
        slope_x, slope_y = view.turn(side * (du * fold - 0.25), dv * fold)
        canvas.solid(alpha, slope_x, slope_y, np.full_like(x, -0.1), 0.03, window)
        hollow = spot(du, dv, (-0.25, 0.05), (0.42, 0.45))
        canvas.scale(1.0 - alpha * hollow * 0.50, window)


def paint_clothes(canvas: Canvas, view: View, factors: FaceFactors, noise: Noise) -> None:
    """Shoulders with a neckline."""
    scene = factors.scene
    window = view.head_window(-_ENDLESS, _CLOTHES_FROM, _ENDLESS, _ENDLESS)
    x, y = _body_axes(view, window)
    far = np.abs(x)
    neckline = {
        "crew_neck": 1.27 - 0.70 * x * x,
        "v_neck": 1.52 - 0.95 * far,
        "collar": 1.34 - 0.62 * far,
        "jacket": 1.40 - 0.75 * far,
    }[scene.clothing]
    over = within(y - neckline, y - _SHOULDER_TOP - _SHOULDER_FALL * x * x + 0.02)
    alpha = coverage(over, view.pixel * 1.5)
    colour = of_hue(scene.clothing_hue, 0.45 * (1.0 - 0.5 * scene.clothing_light), 0.16 + 0.7 * scene.clothing_light)
    weave = 1.0 + noise.image("fine", 6)[window] * 0.05
    canvas.paint(alpha, shaded(colour, weave), window)
    fold = noise.image("patches", 9)[window] * 0.08
    canvas.solid(alpha, x * -0.55 + fold, np.full_like(x, 0.25), np.full_like(x, -0.05), 0.0, window)
    hem = ridge(over - 0.035, 0.02)
    canvas.scale(1.0 + alpha * hem * (0.35 if scene.clothing in ("collar", "jacket") else -0.25), window)
    canvas.shade[window] *= 1.0 - alpha * 0.40 * (1.0 - smooth(over, 0.0, 0.10)) * (1.0 - smooth(far, 0.35, 0.6))
    if scene.clothing == "jacket":
        lapel = coverage(far - 0.12 - 0.55 * np.maximum(1.45 - y, 0.0), 0.02)
        canvas.scale(1.0 - alpha * lapel * 0.55, window)


def _body_axes(view: View, window: Window) -> tuple[Plane, Plane]:
    """Coordinates that follow the head at its height and stand upright at the shoulders."""
    x, y = view.x[window], view.y[window]
    upright_x, upright_y = view.turn(x, y)
    bent = clamp((1.5 - y) * (1.0 / 0.75), 0.0, 1.0)
    return upright_x + (x - upright_x) * bent, upright_y + (y - upright_y) * bent
