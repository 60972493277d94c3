"""The curves of the features in face coordinates; the drawing, the masks and the landmarks all come from these.

`t` runs from -1 to 1 along a feature: from the inner to the outer end of an eye or brow, and of the mouth from the
image's left to its right.
"""

from __future__ import annotations

import numpy as np

from .edges import ridge
from .plane import Plane
from .shape import Brow, Eye, Mouth


def upper_lid(eye: Eye, t: Plane) -> Plane:
    """Height of the upper lid over the line of the corners (negative: above)."""
    return (t * t - 1.0) * (t * t * 0.35 - t * 0.12 + 1.0) * eye.upper


def lower_lid(eye: Eye, t: Plane) -> Plane:
    """Height of the lower lid under the line of the corners."""
    return (1.0 - t * t) * (t * 0.22 + 1.0) * eye.lower


def brow_line(brow: Brow, t: Plane) -> Plane:
    """Height of the brow's centre line, as v."""
    outer = (t + 1.0) * 0.5
    inner = 1.0 - outer
    peak = 1.0 - (t - 0.30) * (t - 0.30) * 0.62
    return inner * inner * (-brow.inner) + outer * outer * (-brow.outer) - peak * brow.arch + outer * 0.012 + brow.v


def brow_half_thickness(brow: Brow, t: Plane) -> Plane:
    """Half the brow's thickness: full at the inner third, tapering outwards."""
    outer = (t + 1.0) * 0.5
    return (1.0 - outer * outer * 0.72) * brow.thickness


def mouth_line(mouth: Mouth, t: Plane) -> Plane:
    """Height of the line between the closed lips, as v."""
    return t * t * mouth.corner + (1.0 - t * t) * mouth.bend + mouth.v


def lip_curves(mouth: Mouth, t: Plane) -> tuple[Plane, Plane, Plane, Plane]:
    """Heights, as v: top of the upper lip, its lower edge, upper edge of the lower lip, its bottom."""
    square = t * t
    hump = 1.0 - square
    full = hump * (square * 0.5 + 1.0)
    line = mouth_line(mouth, t)
    bow = ridge(t, 0.135) * -0.22 + ridge(np.abs(t) - 0.22, 0.18) * 0.16
    inner_top = line - full * mouth.open_up
    inner_bottom = line + full * mouth.open_down
    top = inner_top - (hump * 0.94 + bow * hump) * mouth.upper
    bottom = inner_bottom + full * mouth.lower
    return top, inner_top, inner_bottom, bottom
