"""The height of the face over the head's ellipsoid: nose, sockets, cheeks, lips, chin."""

from __future__ import annotations

import numpy as np

from .edges import clamp, spot
from .nose import nose_height
from .outline import lip_curves
from .plane import Plane
from .shape import FaceShape
from .view import View

Bump = tuple[float, float, float, float, float]
"""Middle (u, v), widths along u and v, height; all in face coordinates. Mirrored unless the middle is at u = 0."""


def face_relief(view: View, present: frozenset[str], expressiveness: float) -> Plane:
    """Height over the ellipsoid at every pixel."""
    shape = view.shape
    bumps = _bumps(shape, present, expressiveness)
    windows = view.windows((-u - 2.4 * su, v - 2.4 * sv, u + 2.4 * su, v + 2.4 * sv) for u, v, su, sv, _ in bumps)
    height = np.zeros((view.size, view.size), np.float32)
    for (u, v, su, sv, rise), window in zip(bumps, windows, strict=True):
        height[window] += spot(view.far[window], view.v[window], (u, v), (su, sv)) * rise
    nose, mouth = shape.nose, shape.mouth
    reach = nose.wing_width * 2.2
    window = view.window(-reach, nose.root - 0.1, reach, nose.base + 0.15)
    height[window] += nose_height(nose, view.u[window], view.v[window])
    window = view.window(-mouth.half_width - 0.02, mouth.v - 0.2, mouth.half_width + 0.02, mouth.v + 0.3)
    height[window] += _lip_height(shape, view.u[window], view.v[window])
    return height


def _lip_height(shape: FaceShape, u: Plane, v: Plane) -> Plane:
    """Two rolls, one for each lip."""
    mouth = shape.mouth
    t = clamp(u * (1.0 / mouth.half_width), -1.0, 1.0)
    top, inner_top, inner_bottom, bottom = lip_curves(mouth, t)
    upper = clamp((v - top) / (inner_top - top + 1e-3), 0.0, 1.0)
    lower = clamp((bottom - v) / (bottom - inner_bottom + 1e-3), 0.0, 1.0)
    roll = _roll(upper) * (0.75 * mouth.upper) + _roll(lower) * (0.80 * mouth.lower)
    return roll * (1.0 - t * t)


def _roll(share: Plane) -> Plane:
    """0 at both edges, where it starts without a kink, and 1 in the middle."""
    hump = share * (1.0 - share)
    return hump * hump * 16.0


def _bumps(shape: FaceShape, present: frozenset[str], strength: float) -> list[Bump]:
    eye, brow, nose, mouth, skull = shape.eye, shape.brow, shape.nose, shape.mouth, shape.skull
    male, child, old = shape.male, shape.child, shape.old
    grown = 1.0 - child
    smile = strength * ("Smiling" in present) + 0.5 * strength * ("AU_12" in present)
    cheek_raise = strength * ("AU_6" in present)
    cheekbone = 1.0 if "High_Cheekbones" in present else 0.0
    cheek_v = (eye.v + mouth.v) * 0.5
    chin_v = skull.bottom - 0.13
    bumps: list[Bump] = [
        (eye.u * 0.92, eye.v - 0.015, 0.17, 0.105, -0.062 + 0.015 * child),  # socket
        (eye.u - 0.16, eye.v + 0.0, 0.07, 0.08, -0.03),  # its inner corner
        (eye.u, eye.v + 0.005, eye.half_width * 0.8, 0.062, 0.036),  # eyeball
        (eye.u - 0.02, brow.v + 0.03, 0.19, 0.06, 0.016 + 0.014 * male * grown),  # brow ridge
        (0.0, brow.v + 0.05, 0.10, 0.09, 0.02 + 0.008 * male),  # glabella
        (0.0, shape.hairline + 0.17, 0.38, 0.20, 0.02 + 0.02 * child),  # forehead
        (0.43, eye.v + 0.19, 0.15, 0.11, 0.022 + 0.055 * cheekbone + 0.030 * cheek_raise),  # cheekbone
        (
            0.44,
            cheek_v + 0.24,
            0.14,
            0.17,
            0.016 * child - 0.020 * grown - 0.075 * cheekbone - 0.022 * old,
        ),  # hollow of the cheek
        (0.27, cheek_v + 0.01, 0.14, 0.12, 0.020 + 0.035 * child + 0.045 * smile + 0.03 * cheek_raise),  # cheek
        (
            nose.wing_width + 0.10,
            nose.base + 0.09,
            0.045,
            0.13,
            -0.010 - 0.022 * smile - 0.030 * old,
        ),  # nasolabial fold
        (0.0, nose.base + 0.09, 0.035, 0.06, -0.012),  # philtrum
        (mouth.half_width + 0.025, mouth.v + mouth.corner, 0.04, 0.05, -0.020),  # corner of the mouth
        (0.0, mouth.v + mouth.open_down + mouth.lower + 0.055, 0.15, 0.045, -0.022),  # under the lower lip
        (0.0, chin_v, 0.17 + 0.03 * male, 0.10, 0.045 + 0.012 * male),  # chin
        (0.62, -0.28, 0.12, 0.22, -0.03),  # temple
        (0.36, chin_v - 0.04, 0.09, 0.12, 0.040 * old),  # jowl
    ]
    if "AU_17" in present:
        bumps.append((0.0, chin_v - 0.05, 0.13, 0.07, 0.05 * strength))
    if "Double_Chin" in present:
        bumps.append((0.0, skull.bottom - 0.02, 0.30, 0.035, -0.035))
    return bumps
