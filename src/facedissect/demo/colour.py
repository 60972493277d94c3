"""Colours of skin, hair, eyes and cloth, as linear light (a triple of red, green, blue from 0 to 1).

Linear light is taken as the square of the stored value, which is near enough to sRGB and much cheaper.
"""

from __future__ import annotations

import colorsys
from collections.abc import Mapping
from math import radians, tan

import numpy as np

from .factors import Identity
from .plane import Plane

Colour = tuple[float, float, float]

_SKIN_LAB: tuple[tuple[float, float, float], ...] = (
    (-60.0, 9.0, 9.5),
    (-30.0, 12.0, 15.0),
    (0.0, 13.5, 19.5),
    (28.0, 12.0, 19.0),
    (45.0, 10.5, 16.0),
    (65.0, 9.5, 10.5),
)
"""Individual typology angle in degrees, and CIELAB a* and b* typical of it; L* follows from the angle and b*."""

HAIR: Mapping[str, Colour] = {
    "black": (0.105, 0.09, 0.088),
    "dark_brown": (0.17, 0.115, 0.085),
    "brown": (0.31, 0.20, 0.13),
    "light_brown": (0.46, 0.33, 0.21),
    "blond": (0.76, 0.62, 0.40),
    "red": (0.52, 0.24, 0.11),
}
"""Stored values (not linear) from 0 to 1."""
GREY_HAIR: Colour = (0.66, 0.65, 0.64)
IRIS: Mapping[str, Colour] = {
    "dark_brown": (0.20, 0.11, 0.07),
    "brown": (0.36, 0.20, 0.10),
    "hazel": (0.46, 0.34, 0.16),
    "green": (0.36, 0.45, 0.27),
    "blue": (0.34, 0.50, 0.66),
    "grey": (0.48, 0.54, 0.57),
}


def linear(stored: Colour) -> Colour:
    """Stored values to linear light."""
    return stored[0] ** 2, stored[1] ** 2, stored[2] ** 2


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """`share` of the other colour in the one."""
    r, g, b = (a + (b - a) * share for a, b in zip(one, other, strict=True))
    return r, g, b


def scaled(colour: Colour, factor: float) -> Colour:
    """A colour made lighter or darker."""
    return colour[0] * factor, colour[1] * factor, colour[2] * factor


def shaded(colour: Colour, factor: Plane) -> Plane:
    """A colour times a factor that differs from pixel to pixel: 3 x the factor's shape."""
    return np.array(colour, np.float32).reshape(3, 1, 1) * factor


def of_hue(hue: float, saturation: float, value: float) -> Colour:
    """Linear light of a hue, saturation and value from 0 to 1."""
    return linear(colorsys.hsv_to_rgb(hue, saturation, value))


def skin_colour(who: Identity, old: float) -> Colour:
    """Linear light of the skin, from its individual typology angle and undertone; old skin is a little paler and yellower."""
    angle = who.typology_angle
    table = np.asarray(_SKIN_LAB)
    a = float(np.interp(angle, table[:, 0], table[:, 1])) - 1.8 * who.undertone
    b = float(np.interp(angle, table[:, 0], table[:, 2])) + 1.2 * who.undertone + 0.8 * old
    lightness = 50.0 + b * tan(radians(angle))
    return linear(_lab_to_stored(min(max(lightness, 27.0), 76.0), a, b))


def hair_colour(who: Identity, grey: float) -> Colour:
    """Linear light of hair of which a share is grey."""
    return linear(mix(HAIR[who.hair_colour], GREY_HAIR, grey))


def _lab_to_stored(lightness: float, a: float, b: float) -> Colour:
    """CIELAB (D65) to sRGB."""
    fy = (lightness + 16.0) / 116.0
    x, y, z = (
        _lab_inverse(f) * white
        for f, white in zip((fy + a / 500.0, fy, fy - b / 200.0), (0.9505, 1.0, 1.089), strict=True)
    )
    rgb = (
        3.2406 * x - 1.5372 * y - 0.4986 * z,
        -0.9689 * x + 1.8758 * y + 0.0415 * z,
        0.0557 * x - 0.2040 * y + 1.0570 * z,
    )
    red, green, blue = (
        12.92 * c if c <= 0.0031308 else 1.055 * c ** (1 / 2.4) - 0.055 for c in (max(c, 0.0) for c in rgb)
    )
    return min(red, 1.0), min(green, 1.0), min(blue, 1.0)


def _lab_inverse(f: float) -> float:
    return f**3 if f > 6 / 29 else 3 * (6 / 29) ** 2 * (f - 4 / 29)
