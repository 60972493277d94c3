"""The skin of the head: its form, its colour, and what age, sun and blushing do to it."""

from __future__ import annotations

import numpy as np

from .canvas import Canvas
from .colour import Colour, scaled
from .edges import clamp, coverage, smooth, spot
from .factors import FaceFactors
from .noise import Noise
from .places import places
from .plane import Plane, Window
from .relief import face_relief
from .view import View

HEAD_DEPTH = 0.78
"""Depth of the head's front half in face coordinates."""
_FLATTENING = 0.20
"""Keeps the slope finite at the silhouette and the front of the face flat."""
BLUSH: Colour = (1.10, 0.72, 0.70)
"""Light that blood under the skin lets through, against bare skin."""
_ROUGE: Colour = (1.22, 0.60, 0.62)
_SHADOWED: Colour = (0.80, 0.72, 0.74)
_LIGHTENED: Colour = (1.16, 1.14, 1.12)
_FRECKLE: Colour = (0.72, 0.56, 0.46)
_GLOSS = 0.10
_ROUNDING = 0.45
_MARGIN = 0.06
"""Around the head, in face coordinates, so that its soft edge lies in the window."""
_SPOTS_FROM = 0.5
"""Ageing from which brown spots appear."""


def paint_skin(canvas: Canvas, view: View, factors: FaceFactors, colour: Colour, noise: Noise) -> Plane:
    """Paint the head; returns its opacity (size x size)."""
    skull = view.shape.skull
    reach = max(skull.widths[1:4]) + _MARGIN
    window = view.head_window(-reach, -skull.top - _MARGIN, reach, skull.bottom + _MARGIN)
    alpha = coverage(view.inside[window], view.pixel * 1.3)
    canvas.paint(alpha, colour, window)
    canvas.solid(alpha, *_form(view, factors, window), _GLOSS, window)
    _colour_zones(canvas, view, factors)
    mottling = noise.image("mottled", 2)[window] * (0.012 + 0.075 * view.shape.old)
    lines = noise.image("fine", 2)[window] * (0.055 * view.shape.old)
    canvas.scale(1.0 + (noise.image("pores")[window] * 0.018 + lines + mottling) * alpha, window)
    if view.shape.old > _SPOTS_FROM:
        spots = smooth(noise.image("mottled", 8)[window], 2.4 - 0.7 * view.shape.old, 3.0)
        canvas.tint(spots * (0.55 * alpha), _FRECKLE, window)
    if factors.identity.freckles > 0.05:
        _freckles(canvas, view, factors.identity.freckles, noise)
    head = np.zeros_like(canvas.cover)
    head[window] = alpha
    return head


def _form(view: View, factors: FaceFactors, window: Window) -> tuple[Plane, Plane, Plane]:
    """Slopes along the image's axes, and height, of ellipsoid and relief."""
    relief = face_relief(view, factors.present, factors.scene.expressiveness)[window]
    front, down = view.front[window], view.down[window]
    steep = HEAD_DEPTH / (front + _FLATTENING)
    half_width = view.half_width(clamp(down, -1.0, 1.0))
    slope_x, slope_y = view.turn(view.across[window] * steep / -half_width, down * -steep)
    rise = view.unit * 0.5
    slope_x[:, 1:-1] += _bounded((relief[:, 2:] - relief[:, :-2]) * rise)
    slope_y[1:-1] += _bounded((relief[2:] - relief[:-2]) * rise)
    return slope_x, slope_y, front * HEAD_DEPTH + relief


def _bounded(slope: Plane) -> Plane:
    """Slopes up to 1 nearly as they are, steeper ones flattened: the underside of the nose is round, not a step."""
    return slope / np.sqrt(1.0 + slope * slope * _ROUNDING)


def _colour_zones(canvas: Canvas, view: View, factors: FaceFactors) -> None:
    """Redder cheeks, nose and chin; darker sockets; the shadow of the nose's wings, the lips and the folds."""
    shape = view.shape
    eye, nose, mouth = shape.eye, shape.nose, shape.mouth
    place = places(shape)
    cheek_u, cheek_v, _, _ = place["cheek"][0]
    zones: list[tuple[tuple[float, float], tuple[float, float], Colour, float]] = [
        ((cheek_u, cheek_v), (0.20, 0.17), BLUSH, 0.22 + 0.15 * shape.child),
        ((eye.u, eye.v + 0.005), (0.19, 0.10), _SHADOWED, 0.34 + 0.46 * shape.old),
        ((eye.u - 0.155, eye.v), (0.06, 0.06), _SHADOWED, 0.45),
        ((nose.wing_width + 0.02, nose.base - 0.03), (0.03, 0.06), _SHADOWED, 0.55),
        ((0.0, nose.base - 0.06), (0.10, 0.09), BLUSH, 0.14),
        ((0.0, nose.base + 0.035), (0.14, 0.035), _SHADOWED, 0.18),
        ((0.0, mouth.v + mouth.open_down + mouth.lower + 0.035), (0.13, 0.035), _SHADOWED, 0.45),
        ((mouth.half_width + 0.012, mouth.v + mouth.corner), (0.028, 0.028), _SHADOWED, 0.6),
        ((0.0, shape.skull.bottom - 0.14), (0.14, 0.10), BLUSH, 0.15),
    ]
    if "High_Cheekbones" in factors.present:
        u, v, ru, rv = place["High_Cheekbones"][0]
        zones.append(((u + 0.02, v + rv + 0.08), (0.12, 0.13), _SHADOWED, 0.75))
        zones.append(((u, v - 0.03), (ru * 0.8, rv * 0.5), _LIGHTENED, 0.9))
    if "Double_Chin" in factors.present:
        zones.append(((0.0, shape.skull.bottom - 0.03), (0.33, 0.06), _SHADOWED, 1.0))
    if "Rosy_Cheeks" in factors.present:
        u, v, ru, rv = place["Rosy_Cheeks"][0]
        zones.append(((u, v), (ru, rv), _ROUGE, 0.80))
    boxes = [(-u - 2 * ru, v - 2 * rv, u + 2 * ru, v + 2 * rv) for (u, v), (ru, rv), _, _ in zones]
    for (middle, radii, tint, amount), window in zip(zones, view.windows(boxes), strict=True):
        canvas.tint(spot(view.far[window], view.v[window], middle, radii) * amount, tint, window)


def _freckles(canvas: Canvas, view: View, density: float, noise: Noise) -> None:
    """Small brown spots over nose and cheeks."""
    middle_v = view.shape.eye.v + 0.22
    window = view.window(-0.7, middle_v - 0.45, 0.7, middle_v + 0.45)
    where = spot(view.u[window], view.v[window], (0.0, middle_v), (0.5, 0.26))
    spots = smooth(noise.image("fine", 4)[window], 1.5 - 0.4 * density, 2.4)
    canvas.tint(spots * where * (0.9 * density + 0.1), _FRECKLE, window)


def paint_nostrils(canvas: Canvas, view: View, colour: Colour) -> None:
    """Two dark openings under the tip."""
    nose = view.shape.nose
    dark = scaled(colour, 0.13)
    middle = (nose.wing_width * 0.46, nose.base - 0.012)
    radii = (nose.wing_width * 0.22, 0.019)
    for window, side in view.mirrored_windows(middle[0] - 0.08, middle[1] - 0.06, middle[0] + 0.08, middle[1] + 0.06):
        u, v = view.u[window] * side, view.v[window]
        opening = spot(u, v + (u - middle[0]) * 0.25, middle, radii)
        canvas.blend(np.minimum(opening * 0.95, 1.0), dark, window)
