"""Facial hair: where it grows, and stubble, moustache, goatee and full beard."""

from __future__ import annotations

import numpy as np

from .canvas import Canvas
from .colour import Colour, shaded
from .edges import clamp, coverage, disc, either, within
from .factors import FaceFactors
from .mouth import lips_distance
from .noise import Noise
from .plane import Plane, Window
from .view import View

_STUBBLE: Colour = (0.42, 0.42, 0.47)
_LIP_MARGIN = 0.012
_MUSTACHE_OVERHANG = 0.008
_BEYOND_CHIN = 0.03
"""How far hair reaches over the head's outline."""


def beard_window(view: View) -> Window:
    """The pixels of the lower face."""
    shape = view.shape
    reach = shape.skull.widths[2] * 0.98
    return view.window(-reach, shape.eye.v + 0.18, reach, shape.skull.bottom)


def beard_distance(view: View, window: Window) -> Plane:
    """Positive on cheeks and chin where a beard grows: distance to its edge. The lips are left out."""
    shape = view.shape
    far, v = np.abs(view.u[window]), view.v[window]
    mouth, nose = shape.mouth, shape.nose
    outer = shape.skull.widths[2] * 0.97
    share = clamp((far - 0.24) * (1.0 / (outer - 0.24)), 0.0, 1.0)
    edge = mouth.v - 0.01 + (shape.eye.v + 0.20 - mouth.v) * share * share
    near_mouth = np.maximum(0.24 - far, 0.0)
    cheeks = v - edge - near_mouth * 0.25
    skin = within(view.inside[window] + _BEYOND_CHIN, -lips_distance(view, window) - _LIP_MARGIN)
    return within(cheeks, v - nose.base - 0.05, skin)


def mustache_distance(view: View, window: Window) -> Plane:
    """Positive between nose and upper lip: distance to the edge of the moustache."""
    shape = view.shape
    mouth, nose = shape.mouth, shape.nose
    far, v = np.abs(view.u[window]), view.v[window]
    reach = mouth.half_width * 1.08
    share = far * (1.0 / reach)
    top = nose.base + 0.038 + share * share * (mouth.v + mouth.corner - nose.base - 0.04)
    bottom = mouth.v - mouth.open_up + mouth.corner * share * share + 0.035 * share
    return within(v - top, bottom - v, reach - far, -lips_distance(view, window))


def goatee_distance(view: View, window: Window) -> Plane:
    """Positive on the chin: distance to the edge of the goatee."""
    shape = view.shape
    mouth = shape.mouth
    top = mouth.v + mouth.open_down + mouth.lower + 0.03
    bottom = shape.skull.bottom + 0.05
    middle = (top + bottom) * 0.5
    u, v = view.u[window], view.v[window]
    chin = disc(u, v, (0.0, middle + 0.01), (0.19 + 0.03 * shape.male, (bottom - top) * 0.5 + 0.015))
    skin = within(view.inside[window] + _BEYOND_CHIN, -lips_distance(view, window) - _LIP_MARGIN)
    return within(chin, skin)


def paint_beard(canvas: Canvas, view: View, factors: FaceFactors, hair: Colour, noise: Noise) -> None:
    """Whatever facial hair the face has, and the bluish shade of a shaven man's chin."""
    present = factors.present
    window = beard_window(view)
    grain = noise.image("pores", 6)[window]
    clumps = noise.image("fine", 8)[window]
    beard = beard_distance(view, window)
    if "5_o_Clock_Shadow" in present:
        area = either(beard, mustache_distance(view, window))
        strength = coverage(area, 0.10) * clamp(0.62 + 0.22 * grain + 0.12 * clumps, 0.0, 1.0)
        canvas.tint(strength, _STUBBLE, window)
    elif "No_Beard" in present:
        if view.shape.male > 0.4 and view.shape.child < 0.1:
            canvas.tint(coverage(beard, 0.14) * 0.16, (0.72, 0.78, 0.88), window)
    elif "Goatee" in present:
        _paint_hair(canvas, view, goatee_distance(view, window), hair, noise, window)
    else:
        _paint_hair(canvas, view, either(beard, mustache_distance(view, window)), hair, noise, window)
    if "Mustache" in present:
        _paint_hair(canvas, view, mustache_distance(view, window) + _MUSTACHE_OVERHANG, hair, noise, window)


def _paint_hair(canvas: Canvas, view: View, distance: Plane, hair: Colour, noise: Noise, window: Window) -> None:
    """Short hairs that hang down, thinner at the edge."""
    strands = noise.strands(view.u[window] * 80.0 + noise.image("fine", 10)[window] * 0.8, 9)
    clumps = noise.image("fine", 8)[window]
    alpha = coverage(distance + clumps * 0.010, max(0.05, view.pixel * 2.5))
    texture = np.maximum(0.95 + strands * 0.17 + clumps * 0.16, 0.2)
    canvas.blend(alpha * clamp(0.90 + strands * 0.08, 0.0, 1.0), shaded(hair, texture), window)
    canvas.slope_x[window] += alpha * strands * 0.12
    canvas.gloss[window] *= 1.0 - alpha * 0.8
