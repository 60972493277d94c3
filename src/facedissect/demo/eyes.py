"""Eyes and brows: eyeball, iris, lids, lashes, and the hairs of the brows."""

from __future__ import annotations

from math import copysign

import numpy as np

from .canvas import Canvas
from .colour import IRIS, Colour, linear, mix, scaled, shaded
from .edges import clamp, coverage, ridge, smooth, within
from .factors import FaceFactors
from .noise import Noise
from .outline import brow_half_thickness, brow_line, lower_lid, upper_lid
from .plane import Plane, Window
from .view import View

_SCLERA: Colour = (0.80, 0.77, 0.75)
_CARUNCLE: Colour = (0.62, 0.30, 0.27)
_LASH: Colour = (0.012, 0.009, 0.008)
_GLINT: Colour = (1.0, 1.0, 1.0)
_PUPIL_SHARE = 0.42
_GAZE_REACH = 0.035
SIDES: tuple[float, float] = (1.0, -1.0)
"""The image's right (the subject's left) and left."""


def eye_windows(view: View) -> list[Window]:
    """The pixels of both eyes with their lids, in the order of SIDES."""
    eye = view.shape.eye
    left, right = eye.u - eye.half_width - 0.06, eye.u + eye.half_width + 0.08
    top, bottom = eye.v - eye.upper - 0.14, eye.v + eye.lower + 0.10
    return [window for window, _ in view.mirrored_windows(left, top, right, bottom)]


def brow_windows(view: View) -> list[Window]:
    """The pixels of both brows, in the order of SIDES."""
    brow = view.shape.brow
    reach = brow.half_length * 1.25
    top, bottom = brow.v - brow.arch - 0.16, brow.v + 0.12
    return [window for window, _ in view.mirrored_windows(brow.u - reach, top, brow.u + reach, bottom)]


def eye_distance(view: View, window: Window, side: float) -> Plane:
    """Positive between the lids: distance to the nearer one."""
    eye = view.shape.eye
    along = view.u[window] * side - eye.u
    t = clamp(along * (1.0 / eye.half_width), -1.0, 1.0)
    below = view.v[window] - eye.v + along * eye.tilt
    return within(below - upper_lid(eye, t), lower_lid(eye, t) - below, eye.half_width - np.abs(along))


def brow_distance(view: View, window: Window, side: float) -> Plane:
    """Positive inside the brow: distance to its edge."""
    brow = view.shape.brow
    t = (view.u[window] * side - brow.u) * (1.0 / brow.half_length)
    on_brow = clamp(t, -1.15, 1.15)
    across = brow_half_thickness(brow, on_brow) - np.abs(view.v[window] - brow_line(brow, on_brow))
    return within(across, (1.02 - np.abs(t)) * brow.half_length)


def paint_eyes(canvas: Canvas, view: View, factors: FaceFactors, skin: Colour) -> None:
    """Both eyes with their lids and lashes."""
    for window, side in zip(eye_windows(view), SIDES, strict=True):
        _paint_lids(canvas, view, factors, window, side)
        _paint_eyeball(canvas, view, factors, window, side, skin)
        _paint_lashes(canvas, view, window, side)


def _paint_eyeball(canvas: Canvas, view: View, factors: FaceFactors, window: Window, side: float, skin: Colour) -> None:
    eye, scene = view.shape.eye, factors.scene
    open_at = eye_distance(view, window, side)
    alpha = coverage(open_at, view.pixel * 1.2)
    along, down = view.u[window] * side - eye.u, view.v[window] - eye.v
    under_lid = smooth(down + along * eye.tilt - upper_lid(eye, clamp(along / eye.half_width, -1.0, 1.0)), -0.01, 0.045)
    ball = (1.0 - (along / (eye.half_width * 1.25)) ** 2) * (0.42 + 0.58 * under_lid)
    sclera = mix(_SCLERA, (0.72, 0.62, 0.50), 0.35 * view.shape.old)
    canvas.blend(alpha, shaded(sclera, ball), window)
    inner = smooth(-along, eye.half_width * 0.72, eye.half_width * 0.95)
    canvas.blend(alpha * inner * 0.8, mix(_CARUNCLE, skin, 0.3), window)
    middle_x = _GAZE_REACH * scene.gaze_x * side
    middle_y = (eye.lower - eye.upper) * 0.28 + 0.4 * _GAZE_REACH * scene.gaze_y
    dx, dy = along - middle_x, down - middle_y
    radius = np.sqrt(dx * dx + dy * dy)
    _paint_iris(canvas, view, factors, window, alpha, under_lid, radius, dy)
    glint = coverage(
        0.017 - np.sqrt((dx * side - copysign(0.022, scene.light_azimuth)) ** 2 + (dy + 0.022) ** 2), view.pixel * 1.5
    )
    canvas.blend(alpha * glint * 0.9, _GLINT, window)
    _still(canvas, window, alpha)


def _paint_iris(
    canvas: Canvas,
    view: View,
    factors: FaceFactors,
    window: Window,
    alpha: Plane,
    lit: Plane,
    radius: Plane,
    dy: Plane,
) -> None:
    """Dark rim, lighter below the middle (light falls in from above and comes out below), dark pupil."""
    size = view.shape.eye.iris
    colour = linear(IRIS[factors.identity.iris_colour])
    glow = (
        (0.72 + 0.9 * smooth(dy, -0.02, 0.05))
        * (1.0 - 0.75 * smooth(radius, size * 0.72, size * 1.02))
        * (0.5 + 0.5 * lit)
    )
    canvas.blend(alpha * coverage(size - radius, view.pixel * 1.4), shaded(colour, glow), window)
    canvas.blend(alpha * coverage(size * _PUPIL_SHARE - radius, view.pixel * 1.4), _LASH, window)


def _still(canvas: Canvas, window: Window, alpha: Plane) -> None:
    """The eyeball is lit evenly: its shading is in its colours."""
    for plane in (canvas.slope_x, canvas.slope_y):
        plane[window] *= 1.0 - alpha * 0.75


def _paint_lids(canvas: Canvas, view: View, factors: FaceFactors, window: Window, side: float) -> None:
    """The crease over the upper lid, eye shadow, and the fold under the eye."""
    eye, who = view.shape.eye, factors.identity
    along = view.u[window] * side - eye.u
    t = along * (1.0 / eye.half_width)
    on_eye = clamp(t, -1.0, 1.0)
    below = view.v[window] - eye.v + along * eye.tilt
    fade = clamp(1.35 - np.abs(t), 0.0, 1.0)
    above_lid = below - upper_lid(eye, on_eye)
    if eye.crease > 0.006:
        crease = ridge(above_lid + eye.crease + 0.012, 0.014)
        canvas.tint(crease * fade * 0.55, (0.45, 0.34, 0.33), window)
    hood = smooth(-above_lid, 0.0, 0.01) * (1.0 - smooth(-above_lid, 0.03, 0.07)) * fade
    if who.gender == "Female" and view.shape.child < 0.2:
        canvas.tint(hood * 0.45, (0.62, 0.50, 0.55), window)
    else:
        canvas.tint(hood * 0.15, (0.7, 0.6, 0.6), window)
    under = below - lower_lid(eye, on_eye)
    rim = ridge(under - 0.006, 0.010) * fade
    canvas.tint(rim * 0.35, (0.70, 0.48, 0.46), window)


def _paint_lashes(canvas: Canvas, view: View, window: Window, side: float) -> None:
    """A dark line along the upper lid, thicker outwards, and a faint one along the lower."""
    eye, feminine = view.shape.eye, 0.5 - 0.5 * view.shape.male
    along = view.u[window] * side - eye.u
    t = along * (1.0 / eye.half_width)
    on_eye = clamp(t, -1.0, 1.0)
    below = view.v[window] - eye.v + along * eye.tilt
    ends = coverage(1.06 - np.abs(t), 0.2)
    thickness = 0.009 + 0.010 * feminine * (1.0 + 0.35 * on_eye)
    upper = coverage(thickness - np.abs(below - upper_lid(eye, on_eye) + thickness * 0.4), view.pixel * 1.5)
    canvas.blend(upper * ends * (0.62 + 0.33 * feminine), _LASH, window)
    lower = coverage(0.005 + 0.003 * feminine - np.abs(below - lower_lid(eye, on_eye)), view.pixel * 1.6)
    canvas.blend(lower * ends * (0.22 + 0.32 * feminine), scaled(_LASH, 1.5), window)


def paint_brows(canvas: Canvas, view: View, factors: FaceFactors, hair: Colour, noise: Noise) -> None:
    """Both brows: hairs that lean outwards, denser in the middle."""
    brow = view.shape.brow
    bushy = "Bushy_Eyebrows" in factors.present
    strength = 0.88 if bushy else 0.60 + 0.12 * view.shape.male - 0.12 * view.shape.child
    softness = max(view.pixel * 2.0, brow.thickness * 0.9)
    for window, side in zip(brow_windows(view), SIDES, strict=True):
        distance = brow_distance(view, window, side)
        along = view.u[window] * side * 1.0 + view.v[window] * 0.55
        hairs = noise.strands(along * 105.0, 5)
        alpha = coverage(distance + hairs * brow.thickness * 0.16, softness) * clamp(strength + hairs * 0.10, 0.0, 1.0)
        canvas.blend(alpha, hair, window)
