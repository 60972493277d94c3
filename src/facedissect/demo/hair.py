"""Hair: the cut as a table of lengths and volumes, its outline, and strands that flow from the crown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .canvas import Canvas
from .colour import Colour, shaded
from .edges import clamp, coverage, smooth
from .factors import FaceFactors
from .noise import Noise
from .view import View

Image32 = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A hair style, in face coordinates.

    Attributes:
        top, side: volume over the skull and beside it.
        ends: height at which the hair beside the face ends.
        opening: half-width of the opening that the hair leaves for the face, as a share of the head's.
        fringe: 0 (hair starts at the hairline) to 1 (it falls down to the brows).
        sweep: slant of the hairline from a side part. part: where the hair parts, as u.
        curl: 0 (straight) to 1 (coiled). density: opacity.
        bun: whether it is tied up behind the head.
    """

    top: float = 0.06
    side: float = 0.03
    ends: float = 0.16
    opening: float = 0.945
    fringe: float = 0.0
    sweep: float = 0.0
    part: float = 0.0
    curl: float = 0.0
    density: float = 1.0
    bun: bool = False


CUTS: Mapping[str, Cut] = {
    "bald": Cut(top=0.0, side=0.0, density=0.0),
    "buzz": Cut(top=0.012, side=0.006, ends=0.10, opening=0.955, density=0.80, curl=0.3),
    "short": Cut(top=0.085, side=0.03, ends=0.16, fringe=0.18, curl=0.15),
    "side_part": Cut(top=0.10, side=0.04, ends=0.20, sweep=0.30, part=0.28, fringe=0.08),
    "slick_back": Cut(top=0.075, side=0.02, ends=0.16, part=0.0),
    "curly": Cut(top=0.15, side=0.12, ends=0.28, opening=0.88, fringe=0.25, curl=0.75),
    "afro": Cut(top=0.24, side=0.24, ends=0.38, opening=0.88, fringe=0.10, curl=1.0),
    "crop": Cut(top=0.085, side=0.03, ends=0.16, fringe=0.75),
    "fringe": Cut(top=0.085, side=0.09, ends=0.80, opening=0.835, fringe=0.95),
    "bob": Cut(top=0.09, side=0.12, ends=0.74, opening=0.83, sweep=0.16, part=-0.20),
    "long": Cut(top=0.085, side=0.11, ends=2.2, opening=0.83, sweep=0.12, part=0.05),
    "long_waves": Cut(top=0.11, side=0.19, ends=2.2, opening=0.835, sweep=0.22, part=0.22, curl=0.45),
    "bun": Cut(top=0.05, side=0.012, ends=0.12, opening=0.955, bun=True),
}

_HAIR_DEPTH = 0.85
_SHEEN = 0.022
"""Linear light that the sheen adds whatever the colour: it is what shows the form of black hair."""
_BEHIND_NECK_FROM = 0.3
"""Hair whose ends lie below this also hangs behind the neck."""
_CLOSED_FROM = 0.6
"""Hair at least this curly forms a ball that closes below."""
_SIDES_UNTIL = 0.40
"""Height down to which whatever is beside the head is hair."""
_FULLNESS = 0.28
"""How much fuller than an ellipse the top of the hair is."""
_SOURCE = 1.75
"""How far above the middle of the head the lines of the strands meet."""


@dataclass(frozen=True, kw_only=True)
class Hair:
    """The hair of one face, ready to be painted.

    Attributes:
        front: opacity of the hair in front of the face (size x size).
        back: opacity of the hair behind the neck, or None.
        strand, along: coordinates across and along the strands.
    """

    cut: Cut
    front: Image32
    back: Image32 | None
    shell: tuple[Image32, Image32]
    strand: Image32
    along: Image32
    edge: Image32


def hair_of(view: View, factors: FaceFactors, noise: Noise) -> Hair | None:
    """The hair's outline and strands, or None for a bald head."""
    who = factors.identity
    cut = CUTS[who.hair_style]
    bald_crown = who.hair_style == "bald" and who.hair_recession > 0.45 and who.gender == "Male"
    if cut.density == 0.0 and not bald_crown:
        return None
    if bald_crown:
        cut = Cut(top=0.0, side=0.025, ends=0.22, opening=0.955, density=0.9)
    mirror = -1.0 if who.texture_seed % 2 else 1.0
    strand, along = _flow(view, cut, mirror, noise)
    wobble = noise.strands(strand, 1)
    outside, shell = _outline(view, cut, noise, wobble)
    opening = _opening(view, factors, cut, mirror, bald_crown)
    ends = cut.ends - view.y + wobble * 0.02 + 0.06 * (np.abs(view.x) > 10.0)
    edge = opening + wobble * (0.008 + 0.012 * cut.fringe) + noise.image("mottled", 3) * 0.014 * cut.curl
    softness = max(view.pixel * 2.0, 0.02 + (0.05 if cut.density < 0.9 else 0.0))
    shape = coverage(outside, view.pixel * 1.6) * coverage(ends, max(0.05, view.pixel * 2))
    front = coverage(edge, softness) * shape * cut.density
    if cut.bun:
        front = np.maximum(front, _bun(view))
    back = None
    if cut.ends > _BEHIND_NECK_FROM:
        back = shape
    return Hair(cut=cut, front=front, back=back, shell=shell, strand=strand, along=along, edge=edge)


def _flow(view: View, cut: Cut, mirror: float, noise: Noise) -> tuple[Image32, Image32]:
    """Strands run outwards from the part: across them an angle, along them the distance."""
    dx = view.x - cut.part * mirror
    dy = view.y + _SOURCE
    along = np.sqrt(dx * dx + dy * dy)
    angle = np.arctan2(dx, dy)
    if cut.curl > 0.3:
        wave = np.sin(along * (9.0 + 6.0 * cut.curl) + noise.image("patches", 5) * 1.5)
        angle = angle + wave * (0.05 * cut.curl)
    return angle * 52.0, along


def _outline(view: View, cut: Cut, noise: Noise, wobble: Image32) -> tuple[Image32, tuple[Image32, Image32]]:
    """Distance inside the hair's outer contour, and where on its ellipsoid each pixel lies."""
    skull = view.shape.skull
    half_width = max(skull.widths[1:3]) + cut.side
    top = skull.top + cut.top
    across = np.abs(view.x) * (1.0 / half_width)
    long_hair = cut.ends > _BEHIND_NECK_FROM
    spread = 1.0 + 0.16 * smooth(view.y, 0.0, 1.1) if long_hair else 1.0
    taper = 0.0 if long_hair and cut.curl < _CLOSED_FROM else 0.55 if cut.curl < _CLOSED_FROM else 0.85 / cut.ends
    down = np.where(view.y < 0, view.y * (1.0 / top), view.y * taper)
    across = across / spread
    squares = across * across, down * down
    radius = np.sqrt(squares[0] + squares[1] - np.minimum(squares[0] * squares[1], 1.0) * _FULLNESS)
    rough = wobble * 0.008 + noise.image("mottled", 7) * (0.010 + 0.022 * cut.curl)
    if cut.density < 0.9:
        rough = 0.0
    return (1.0 - radius) * 0.8 + rough, (across * np.sign(view.x), clamp(down, -1.0, 1.0))


def _opening(view: View, factors: FaceFactors, cut: Cut, mirror: float, bald_crown: bool) -> Image32:
    """Positive where there is hair: distance from the opening that is left for the face."""
    shape, who = view.shape, factors.identity
    u, v = view.u, view.v
    far = np.abs(u)
    half_width = max(shape.skull.widths[1:3])
    if bald_crown:
        return np.minimum(np.maximum(far - cut.opening * half_width, -view.inside), v + 0.50)
    floor = shape.brow.v - shape.brow.thickness - 0.035
    line = shape.hairline + (floor - shape.hairline) * cut.fringe
    rounding = np.maximum(far - 0.30, 0.0)
    top = line + rounding * rounding * (0.6 if cut.fringe > 0.8 else 2.2)
    if cut.sweep:
        top = top - 0.06 + np.abs(u - cut.part * mirror) * cut.sweep
    recession = who.hair_recession
    if recession > 0.05:
        corner = (far - 0.38) * (1.0 / 0.21)
        top = top - recession * (0.20 * np.exp(-(corner * corner)) + 0.10)
    sides = cut.opening * half_width - 0.10 * smooth(-v, 0.10, 0.62) + 0.05 * smooth(v, 0.25, 0.9)
    beside = np.minimum(-view.inside, _SIDES_UNTIL - view.y)
    return np.maximum(np.maximum(top - v, (far - sides) * 0.9), beside)


def _bun(view: View) -> Image32:
    dx, dy = view.x, view.y + view.shape.skull.top + 0.12
    return coverage((1.0 - np.sqrt((dx / 0.24) ** 2 + (dy / 0.19) ** 2)) * 0.19, view.pixel * 1.6)


def paint_back(canvas: Canvas, view: View, hair: Hair, colour: Colour, noise: Noise) -> None:
    """The hair behind neck and ears, in shade."""
    if hair.back is not None:
        texture = _texture(hair, noise) * 0.55
        canvas.paint(hair.back, shaded(colour, texture))
        canvas.solid(hair.back, *view.turn(hair.shell[0] * -0.6, hair.shell[1] * 0.0), np.full_like(texture, -0.5), 0.0)


def paint_front(canvas: Canvas, view: View, hair: Hair, colour: Colour, noise: Noise) -> None:
    """The hair on and beside the face, and its shadow on the skin."""
    shadow = 1.0 - 0.34 * (1.0 - smooth(-hair.edge, -0.02, 0.13)) * min(
        1.0, hair.cut.density * (1.2 if hair.cut.top > 0.03 else 0.4)
    )
    canvas.shade *= shadow
    texture = _texture(hair, noise)
    canvas.paint(hair.front, shaded(colour, texture) + _sheen(hair, noise) * _SHEEN)
    across, down = hair.shell
    depth = np.sqrt(np.maximum(1.0 - across * across - down * down, 0.0))
    steep = _HAIR_DEPTH / (depth + 0.35)
    ruffle = noise.image("curls", 2) * (0.30 * hair.cut.curl) + noise.strands(hair.strand, 3) * 0.16
    slope_x, slope_y = view.turn(across * -steep + ruffle, down * -steep)
    canvas.solid(hair.front, slope_x, slope_y, depth * _HAIR_DEPTH + 0.06 + hair.cut.top * 0.5, 0.015)
    root = 0.78 + 0.22 * smooth(hair.edge, 0.0, 0.14)
    canvas.shade *= 1.0 + hair.front * (root - 1.0)


def _texture(hair: Hair, noise: Noise) -> Image32:
    """Strands, curls and sheen, as a factor to the hair's colour."""
    fine, coarse = noise.strands(hair.strand, 2), noise.strands(hair.strand * 0.3, 4)
    curl = hair.cut.curl
    strands = fine * (0.15 * (1.0 - 0.6 * curl)) + coarse * 0.15
    curls = noise.image("curls", 1) * (0.25 * curl)
    return np.maximum(0.92 + strands + curls + _sheen(hair, noise) * 0.4, 0.15)


def _sheen(hair: Hair, noise: Noise) -> Image32:
    """The bright band across smooth hair where it bends towards the light."""
    band = (hair.along - 1.13 + noise.strands(hair.strand * 0.3, 4) * 0.06) * (1.0 / 0.15)
    return np.exp(-(band * band)) * (1.0 - 0.8 * hair.cut.curl) * (0.75 + 0.25 * noise.strands(hair.strand, 2))
