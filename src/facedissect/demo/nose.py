"""The nose: how far it stands out of the face, and its outline."""

from __future__ import annotations

import numpy as np

from .edges import clamp, ridge, spot, within
from .plane import Plane
from .shape import Nose


def nose_height(nose: Nose, u: Plane, v: Plane) -> Plane:
    """How far the nose stands out: a ridge from the root to the tip, falling steeply to the base, and two wings."""
    length = nose.base - nose.root
    along = (v - nose.root) / length + (u / nose.wing_width) ** 2 * 0.05
    rise = clamp(along * 1.25 + 0.12, 0.0, 1.0)
    rise = rise * rise * (3.0 - 2.0 * rise)
    fall = clamp((1.17 - along) / 0.24, 0.0, 1.0)
    fall = fall * fall * (3.0 - 2.0 * fall)
    tip = ridge(along - 0.86, 0.17)
    downwards = clamp(along, 0.0, 1.0)
    bridge_width = nose.bridge_width + (nose.tip_width - nose.bridge_width) * downwards**2
    bridge = ridge(u / bridge_width, 1.0) * (nose.bridge + (nose.tip - nose.bridge) * 0.62 * downwards**2)
    ball = tip * ridge(u, nose.tip_width) * (nose.tip * 0.38)
    side = np.abs(u) - nose.wing_width * 0.66
    wings = spot(side, along, (0.0, 0.89), (nose.wing_width * 0.38, 0.13)) * (nose.tip * 0.46)
    height: Plane = (bridge * rise + ball + wings) * fall
    return height


def nose_outline(nose: Nose, u: Plane, v: Plane) -> Plane:
    """Positive inside the nose: distance in face coordinates to the outline of ridge, tip and wings as drawn."""
    along = clamp((v - nose.root) / (nose.base - nose.root), -0.5, 1.5)
    spread = clamp((along - 0.35) / 0.5, 0.0, 1.0)
    half_width = nose.bridge_width * 0.85 + (nose.wing_width - nose.bridge_width * 0.85) * spread * spread * (
        3.0 - 2.0 * spread
    )
    below = nose.base + 0.035 - v - (u / nose.wing_width) ** 2 * 0.045
    return within(half_width - np.abs(u), v - nose.root, below)
