"""Hair: its outline, its strands, and how it is painted behind and before the face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .canvas import Canvas
from .colour import Colour, shaded
from .cuts import Cut, cut_of
from .edges import clamp, coverage, either, ridge, smooth, within
from .factors import FaceFactors
from .noise import Noise
from .plane import Plane, Window
from .shape import FaceShape
from .view import View

_HAIR_DEPTH = 0.85
_SHEEN = 0.022
"""Linear light that the sheen adds whatever the colour: it is what shows the form of black hair."""
_BEHIND_NECK_FROM = 0.3
"""Hair whose ends lie below this also hangs behind the neck."""
_CLOSED_FROM = 0.6
"""Hair at least this curly forms a ball that closes below."""
_SIDES_UNTIL = 0.40
"""Height down to which whatever is beside the head is hair."""
_FRINGE_OVER_EYES = 0.37
_FULLNESS = 0.28
"""How much fuller than an ellipse the top of the hair is."""
_SOURCE = 1.75
"""How far above the middle of the head the lines of the strands meet."""

_TRANSLUCENT_BELOW = 0.95
"""Density below which hair is so short that the skin shines through and its outline is even."""
_STRANDS_PER_RADIAN = 52.0
_REACH = 1.25
"""Half-width, in face coordinates, of the pixels in which hair is looked for."""


@dataclass(frozen=True, kw_only=True)
class Hair:
    """The hair of one face, ready to be painted; all arrays have the shape of `window`.

    Attributes:
        cut: the style.
        window: the pixels in which there may be hair.
        front: opacity of the hair in front of the face.
        back: opacity of the hair behind the neck, or None.
        edge: positive where there is hair: distance from the opening left for the face.
        shell: where on its own ellipsoid each pixel lies, across and down.
        fine: noise from strand to strand.
        texture: factor to the hair's colour. sheen: the bright band across smooth hair where it bends towards the light.
    """

    cut: Cut
    window: Window
    front: Plane
    back: Plane | None
    edge: Plane
    shell: tuple[Plane, Plane]
    fine: Plane
    texture: Plane
    sheen: Plane


def hair_of(view: View, factors: FaceFactors, noise: Noise) -> Hair | None:
    """The hair's outline and strands, or None for a shaven head."""
    cut = cut_of(factors.identity)
    if cut is None:
        return None
    window = view.head_window(-_REACH, -_REACH * 2.0, _REACH, cut.ends + 0.1)
    mirror = -1.0 if factors.identity.texture_seed % 2 else 1.0
    strand, along = _flow(view, cut, mirror, noise, window)
    wobble = noise.strands(strand, 1)
    outside, shell = _outline(view, cut, noise, wobble, window)
    ends = cut.ends - view.y[window] + wobble * 0.02
    shape = coverage(outside, view.pixel * 1.6) * coverage(ends, max(0.05, view.pixel * 2))
    edge = _opening(view, factors, cut, mirror, window)
    edge += wobble * (0.008 + 0.012 * cut.fringe) + noise.image("mottled", 3)[window] * 0.014 * cut.curl
    softness = max(view.pixel * 2.0, 0.02 if cut.density > _TRANSLUCENT_BELOW else 0.07)
    front: Plane = coverage(edge, softness) * shape * cut.density
    if cut.bun:
        front = either(front, _bun(view, window))
    fine, texture, sheen = _texture(cut, strand, along, noise, window)
    return Hair(
        cut=cut,
        window=window,
        front=front,
        back=shape if cut.ends > _BEHIND_NECK_FROM else None,
        edge=edge,
        shell=shell,
        fine=fine,
        texture=texture,
        sheen=sheen,
    )


def _flow(view: View, cut: Cut, mirror: float, noise: Noise, window: Window) -> tuple[Plane, Plane]:
    """Strands run outwards from above the part: across them an angle, along them the distance."""
    dx = view.x[window] - cut.part * mirror
    dy = view.y[window] + _SOURCE
    along = np.sqrt(dx * dx + dy * dy)
    angle = np.arctan2(dx, dy)
    if cut.curl > 0.3:
        wave = np.sin(along * (9.0 + 6.0 * cut.curl) + noise.image("patches", 5)[window] * 1.5)
        angle += wave * (0.05 * cut.curl)
    return angle * _STRANDS_PER_RADIAN, along


def _outline(view: View, cut: Cut, noise: Noise, wobble: Plane, window: Window) -> tuple[Plane, tuple[Plane, Plane]]:
    """Distance inside the hair's outer contour, and where on its ellipsoid each pixel lies."""
    skull, y = view.shape.skull, view.y[window]
    across = view.x[window] * (1.0 / (max(skull.widths[1:3]) + cut.side))
    long_hair = cut.ends > _BEHIND_NECK_FROM
    if long_hair:
        across /= 1.0 + 0.16 * smooth(y, 0.0, 1.1)
    ball = cut.curl > _CLOSED_FROM
    taper = 0.85 / cut.ends if ball else 0.0 if long_hair else 0.55
    down = np.where(y < 0, y * (1.0 / (skull.top + cut.top)), y * taper)
    across_square, down_square = across * across, down * down
    radius = np.sqrt(across_square + down_square - np.minimum(across_square * down_square, 1.0) * _FULLNESS)
    inside = (1.0 - radius) * 0.8
    if cut.density > _TRANSLUCENT_BELOW:
        inside += wobble * 0.008 + noise.image("mottled", 7)[window] * (0.010 + 0.022 * cut.curl)
    return inside, (across, clamp(down, -1.0, 1.0))


def _opening(view: View, factors: FaceFactors, cut: Cut, mirror: float, window: Window) -> Plane:
    """Positive where there is hair: distance from the opening that is left for the face."""
    shape, who = view.shape, factors.identity
    u, v, beside = view.u[window], view.v[window], -view.inside[window]
    far = np.abs(u)
    half_width = max(shape.skull.widths[1:3])
    if not cut.crown:
        return within(either(far - cut.opening * half_width, beside), v + 0.50)
    top = _hairline(shape, cut, far) - v
    if cut.sweep:
        top += np.abs(u - cut.part * mirror) * cut.sweep - 0.06
    if who.hair_recession > 0.05:
        top -= who.hair_recession * (0.20 * ridge(far - 0.38, 0.21) + 0.10)
    sides = cut.opening * half_width - 0.10 * smooth(-v, 0.10, 0.62) + 0.05 * smooth(v, 0.25, 0.9)
    beside = within(beside, _SIDES_UNTIL - view.y[window])
    return either(top, (far - sides) * 0.9, beside)


def _hairline(shape: FaceShape, cut: Cut, far: Plane) -> Plane:
    """Height down to which the hair reaches over the forehead; a fringe ends over the brows, even if they are raised."""
    floor = shape.eye.v - _FRINGE_OVER_EYES
    rounding: Plane = np.maximum(far - 0.30, 0.0)
    return (
        shape.hairline
        + (floor - shape.hairline) * cut.fringe
        + rounding * rounding * (0.6 if cut.fringe > 0.8 else 2.2)
    )


def _bun(view: View, window: Window) -> Plane:
    dx, dy = view.x[window], view.y[window] + view.shape.skull.top + 0.12
    return coverage((1.0 - np.sqrt((dx / 0.24) ** 2 + (dy / 0.19) ** 2)) * 0.19, view.pixel * 1.6)


def _texture(cut: Cut, strand: Plane, along: Plane, noise: Noise, window: Window) -> tuple[Plane, Plane, Plane]:
    """Noise from strand to strand, the factor to the hair's colour, and the sheen."""
    fine, coarse = noise.strands(strand, 2), noise.strands(strand * 0.3, 4)
    sheen = ridge(along - 1.13 + coarse * 0.06, 0.15) * (1.0 - 0.8 * cut.curl) * (0.75 + 0.25 * fine)
    texture = 0.92 + fine * (0.15 * (1.0 - 0.6 * cut.curl)) + coarse * 0.15 + sheen * 0.4
    if cut.curl > 0.0:
        texture += noise.image("curls", 1)[window] * (0.17 * cut.curl)
    return fine, np.maximum(texture, 0.15), sheen


def paint_back(canvas: Canvas, view: View, hair: Hair, colour: Colour) -> None:
    """The hair behind neck and ears, in shade."""
    if hair.back is not None:
        canvas.paint(hair.back, shaded(colour, hair.texture * 0.55), hair.window)
        across = hair.shell[0] * -0.6
        slope_x, slope_y = view.turn(across, np.zeros_like(across))
        canvas.solid(hair.back, slope_x, slope_y, np.full_like(across, -0.5), 0.0, hair.window)


def paint_front(canvas: Canvas, view: View, hair: Hair, colour: Colour, noise: Noise) -> None:
    """The hair on and beside the face, and its shadow on the skin."""
    cut, window = hair.cut, hair.window
    thick = min(1.0, cut.density * (1.2 if cut.top > 0.03 else 0.4))
    canvas.shade[window] *= 1.0 - (0.34 * thick) * (1.0 - smooth(-hair.edge, -0.02, 0.13))
    canvas.paint(hair.front, shaded(colour, hair.texture) + hair.sheen * _SHEEN, window)
    across, down = hair.shell
    depth = np.sqrt(np.maximum(1.0 - across * across - down * down, 0.0))
    steep = _HAIR_DEPTH / (depth + 0.35)
    ruffle = noise.image("curls", 2)[window] * (0.30 * cut.curl) + hair.fine * 0.16
    slope_x, slope_y = view.turn(across * -steep + ruffle, down * -steep)
    canvas.solid(hair.front, slope_x, slope_y, depth * _HAIR_DEPTH + 0.06 + cut.top * 0.5, 0.015, window)
    canvas.shade[window] *= 1.0 + hair.front * (0.22 * smooth(hair.edge, 0.0, 0.14) - 0.22)
