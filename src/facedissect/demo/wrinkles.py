"""Lines of age and of expression: forehead, glabella, crow's feet, folds beside nose and mouth, under the eyes, the chin."""

from __future__ import annotations

import numpy as np

from .canvas import Canvas
from .colour import Colour
from .edges import clamp, coverage, ridge, smooth, spot
from .factors import FaceFactors
from .noise import Noise
from .places import places
from .plane import Plane, Window
from .view import View

_CREASE: Colour = (0.36, 0.26, 0.25)
"""What is left of the light at the bottom of the deepest crease."""
_FOREHEAD_LINES = (0.62, 0.36, 0.88, 0.12)
"""Places from the hairline (0) to the brows (1), in the order in which age brings them."""
_BAG: Colour = (0.62, 0.50, 0.54)


def paint_wrinkles(canvas: Canvas, view: View, factors: FaceFactors, noise: Noise) -> None:
    """All lines that this age and this expression bring."""
    present, power = factors.present, factors.scene.expressiveness
    old = view.shape.old

    def active(*units: str) -> float:
        return max((power for unit in units if unit in present), default=0.0)

    raised = 0.65 * active("AU_1", "AU_2") * (1.0 - 0.6 * view.shape.child)
    if old > 0.0 or raised > 0.05:
        inner = 1.0 if "AU_1" in present and "AU_2" not in present else 0.0
        outer = 1.0 if "AU_2" in present and "AU_1" not in present else 0.0
        _forehead(canvas, view, raised, inner * (1.0 - old), outer * (1.0 - old), noise)
    frown = min(1.0, 0.50 * old + 0.95 * active("AU_4"))
    if frown > 0.05:
        _glabella(canvas, view, frown)
    feet = min(1.4, 1.25 * old + 0.85 * active("AU_6") * (1.0 - 0.4 * view.shape.child) + 0.15 * active("Smiling"))
    if feet > 0.05:
        _crows_feet(canvas, view, feet)
    fold = min(1.3, 1.05 * old + 0.45 * active("Smiling") + 0.35 * active("AU_12") + 0.55 * active("AU_9") + 0.06)
    _nasolabial(canvas, view, fold * (1.0 - 0.35 * view.shape.child))
    marionette = min(1.2, 0.85 * old + 0.70 * active("AU_15"))
    if marionette > 0.05:
        _marionette(canvas, view, marionette)
    if "AU_9" in present:
        _nose_wrinkles(canvas, view, power)
    if "AU_17" in present:
        _chin(canvas, view, power, noise)
    if "AU_20" in present:
        _stretch_lines(canvas, view, power)
    bags = 1.0 if "Bags_Under_Eyes" in present else 0.45 * old
    if bags > 0.02:
        _bags(canvas, view, bags)
    if "AU_6" in present:
        _lid_pouch(canvas, view, power)
    if "Double_Chin" in present:
        _double_chin(canvas, view)


def _line(
    canvas: Canvas, view: View, distance: Plane, fade: Plane | float, depth: float, width: float, window: Window
) -> None:
    """A crease, dark in its middle, with light on the bulge beside it."""
    width = max(width, view.pixel * 0.75)
    canvas.tint(ridge(distance, width) * fade * depth, _CREASE, window)
    canvas.scale(1.0 + ridge(distance - 1.9 * width, width / 0.7) * fade * (0.14 * depth), window)


def _forehead(canvas: Canvas, view: View, raised: float, inner: float, outer: float, noise: Noise) -> None:
    """Lines that come one after the other with the years, and all together when the brows are raised."""
    shape = view.shape
    top, bottom = shape.hairline + 0.06, shape.brow.v - 0.06
    window = view.window(-0.5, top - 0.05, 0.5, bottom + 0.1)
    u, v = view.u[window], view.v[window]
    wavy = v + noise.image("patches", 11)[window] * 0.010 - 0.10 * u * u
    where = coverage(0.42 - np.abs(u), 0.25)
    where = (
        where * (1.0 - inner * smooth(np.abs(u), 0.12, 0.26)) * (1.0 - outer * (1.0 - smooth(np.abs(u), 0.10, 0.24)))
    )
    for order, share in enumerate(_FOREHEAD_LINES):
        aged = min(max(len(_FOREHEAD_LINES) * 1.15 * shape.old - order, 0.0), 1.0)
        depth = min(1.3, 0.90 * aged + raised)
        if depth > 0.03:
            _line(canvas, view, wavy - (top + share * (bottom - top)), where, depth * 0.62, 0.014, window)


def _glabella(canvas: Canvas, view: View, depth: float) -> None:
    brow = view.shape.brow
    window = view.window(-0.14, brow.v - 0.14, 0.14, brow.v + 0.16)
    u, v = view.u[window], view.v[window]
    where = spot(u, v, (0.0, brow.v + 0.01), (0.16, 0.095))
    _line(canvas, view, 0.048 - np.abs(u) + (v - brow.v) * 0.12, where, depth * 0.85, 0.015, window)


def _crows_feet(canvas: Canvas, view: View, depth: float) -> None:
    eye = view.shape.eye
    corner = eye.u + eye.half_width
    window = view.window(-(corner + 0.20), eye.v - 0.14, corner + 0.20, eye.v + 0.16)
    along, down = view.far[window] - corner + 0.04, view.v[window] - eye.v + 0.01
    where = smooth(along, 0.055, 0.09) * (1.0 - smooth(along, 0.13, 0.20))
    for slant in (-0.45, 0.08, 0.55):
        _line(canvas, view, down - along * slant - along * along * 0.8 * slant, where, depth * 0.42, 0.010, window)


def _nasolabial(canvas: Canvas, view: View, depth: float) -> None:
    nose, mouth = view.shape.nose, view.shape.mouth
    top, bottom = nose.base - 0.05, mouth.v + 0.02
    right = mouth.half_width + 0.16
    window = view.window(-right, top - 0.08, right, bottom + 0.1)
    far, v = view.far[window], view.v[window]
    share = clamp((v - top) * (1.0 / (bottom - top)), 0.0, 1.0)
    reach = nose.wing_width + 0.03 + (mouth.half_width + 0.055 - nose.wing_width - 0.03) * share**0.8
    where = smooth(v, top - 0.03, top + 0.05) * (1.0 - smooth(v, bottom - 0.03, bottom + 0.07))
    _line(canvas, view, far - reach, where, depth * 0.55, 0.028, window)


def _marionette(canvas: Canvas, view: View, depth: float) -> None:
    mouth = view.shape.mouth
    corner_v = mouth.v + mouth.corner
    window = view.window(-(mouth.half_width + 0.12), corner_v - 0.03, mouth.half_width + 0.12, corner_v + 0.22)
    far, v = view.far[window], view.v[window]
    where = smooth(v, corner_v, corner_v + 0.03) * (1.0 - smooth(v, corner_v + 0.08, corner_v + 0.18))
    _line(canvas, view, far - mouth.half_width - 0.015 - (v - corner_v) * 0.22, where, depth * 0.65, 0.022, window)


def _nose_wrinkles(canvas: Canvas, view: View, depth: float) -> None:
    nose = view.shape.nose
    window = view.window(-0.2, nose.root - 0.08, 0.2, nose.base)
    u, v = view.u[window], view.v[window]
    far = np.abs(u)
    for share in (0.02, 0.20, 0.38):
        height = nose.root + share * (nose.base - nose.root)
        where = smooth(far, 0.0, 0.03) * (1.0 - smooth(far, 0.08, 0.15)) + 0.5 * (1.0 - smooth(far, 0.02, 0.05))
        _line(canvas, view, v - height + far * 0.55, where, depth * 0.85, 0.018, window)


def _chin(canvas: Canvas, view: View, depth: float, noise: Noise) -> None:
    """The raised chin is dimpled, with a deep fold over it."""
    shape = view.shape
    mouth = shape.mouth
    fold = mouth.v + mouth.lower + 0.055
    chin_v = shape.skull.bottom - 0.14
    window = view.window(-0.3, fold - 0.08, 0.3, shape.skull.bottom)
    u, v = view.u[window], view.v[window]
    where = coverage(0.17 - np.abs(u), 0.14)
    _line(canvas, view, v - fold - u * u * 1.4, where, depth, 0.020, window)
    dimples = noise.image("mottled", 12)[window] * spot(u, v, (0.0, chin_v), (0.15, 0.10))
    canvas.scale(1.0 + clamp(dimples * (0.16 * depth), -0.4, 0.3), window)


def _stretch_lines(canvas: Canvas, view: View, depth: float) -> None:
    """Two short arcs beside the stretched mouth."""
    mouth = view.shape.mouth
    window = view.window(-(mouth.half_width + 0.16), mouth.v - 0.14, mouth.half_width + 0.16, mouth.v + 0.16)
    far, v = view.far[window] - mouth.half_width, view.v[window] - mouth.v
    where = coverage(0.10 - np.abs(v), 0.06)
    for reach in (0.035, 0.085):
        _line(canvas, view, far - reach + v * v * 3.0, where, depth * 0.50, 0.022, window)


def _bags(canvas: Canvas, view: View, depth: float) -> None:
    """A dark, swollen half-moon under each eye."""
    eye = view.shape.eye
    window = view.window(-(eye.u + eye.half_width + 0.04), eye.v, eye.u + eye.half_width + 0.04, eye.v + 0.22)
    along, v = view.far[window] - eye.u, view.v[window]
    t = clamp(along * (1.0 / eye.half_width), -1.2, 1.2)
    where = clamp(1.1 - t * t * 0.8, 0.0, 1.0)
    rim = v - eye.v - eye.lower - 0.085 * where
    middle_u, middle_v, radius_u, radius_v = places(view.shape)["Bags_Under_Eyes"][0]
    swollen = spot(view.far[window], v, (middle_u, middle_v), (radius_u, radius_v * 0.8))
    canvas.tint(swollen * (0.75 * depth), _BAG, window)
    _line(canvas, view, rim, where, depth * 0.75, 0.015, window)


def _lid_pouch(canvas: Canvas, view: View, depth: float) -> None:
    """The raised cheek pushes a fold up under the lower lid."""
    eye = view.shape.eye
    bottom = eye.v + eye.lower + 0.12
    window = view.window(-eye.u - 0.24, eye.v, eye.u + 0.24, bottom)
    along, v = view.far[window] - eye.u, view.v[window]
    where = coverage(0.17 - np.abs(along - 0.02), 0.10)
    _line(canvas, view, v - eye.v - eye.lower - 0.050 + along * along * 1.2, where, depth * 0.60, 0.017, window)


def _double_chin(canvas: Canvas, view: View) -> None:
    """A second fold under the chin's own edge, drawn on the head's lowest part."""
    bottom = view.shape.skull.bottom
    window = view.window(-0.5, bottom - 0.3, 0.5, bottom)
    u, v = view.u[window], view.v[window]
    where = coverage(0.30 - np.abs(u), 0.16)
    _line(canvas, view, bottom - 0.105 - u * u * 0.8 - v, where, 1.0, 0.020, window)
