"""Skin tone as the individual typology angle and the hue angle, measured on the skin of cheeks and forehead.

The individual typology angle, ITA = atan2(L* - 50, b*) in degrees, runs from dark (below -30) to light (above 55): Chardon,
Cretois and Hourseau, Skin colour typology and suntanning pathways, International Journal of Cosmetic Science 13, 1991. The hue
angle, h = atan2(b*, a*) in degrees, runs from red to yellow and is independent of it: Thong, Joniak and Xiang, Beyond skin
tone: a multidimensional measure of apparent skin color, ICCV 2023. Both are of the skin as it appears in the picture: light,
exposure, white balance and make-up move them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from ..concepts import GlobalConcept
from ..errors import SettingsError
from .shapes import Disc, Landmarks, draw, mirrored

CONCEPT = "skin_tone"
_CHEEK = Disc(at=(13, 35, 45, 54), radius=0.2, moved=(0.0, -0.1))
_FOREHEAD = Disc(at=(20, 23), radius=0.3, height=0.15, moved=(0.0, -0.3))
_AREAS = (_CHEEK, mirrored(_CHEEK), _FOREHEAD)
_FEWEST_PIXELS = 12
"""Of an area; with less, noise and the edges of hair decide."""
_TRIMMED = 0.1
"""The darkest and the brightest tenth of an area are shadows, hairs and highlights."""
_GREY_LEVELS, _GREY_SHARE = 8, 0.99
"""An image is grey-scale where the channels of 99 % of its pixels lie within 8 of 255 levels: compression colours a grey
photograph that much; skin, even dark or in dim light, has 20 and more."""

# sRGB to CIE XYZ, and the white D65 of the CIE 1931 observer (IEC 61966-2-1).
_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_WHITE = _TO_XYZ.sum(1)


@dataclass(frozen=True, kw_only=True)
class SkinTone:
    """What was measured on the skin of a face, in degrees.

    Attributes:
        typology_angle: the individual typology angle; higher is lighter.
        hue_angle: 0 is red, 90 is yellow.
    """

    typology_angle: float
    hue_angle: float


@dataclass(frozen=True, kw_only=True)
class SkinToneLimits:
    """Which skin is dark and which is bright.

    Attributes:
        dark_below: typology angle in degrees; 28 is the border of `tan` and `intermediate` (Chardon et al., 1991).
        bright_from: likewise; faces between the two are in no subgroup, so that the subgroups stand apart.

    Raises:
        SettingsError: the limits overlap.
    """

    dark_below: float = 28.0
    bright_from: float = 28.0

    def __post_init__(self) -> None:
        if not -90 <= self.dark_below <= self.bright_from <= 90:
            raise SettingsError(
                "expected -90 <= dark_below <= bright_from <= 90 of the skin tone, "
                f"got dark_below = {self.dark_below} and bright_from = {self.bright_from}"
            )

    @property
    def defined(self) -> GlobalConcept:
        """The global concept, for a vocabulary."""
        return GlobalConcept(name=CONCEPT, subgroups=("bright", "dark"))

    def subgroup(self, tone: SkinTone) -> str | None:
        """`dark`, `bright`, or None between the two."""
        if tone.typology_angle < self.dark_below:
            return "dark"
        return "bright" if tone.typology_angle >= self.bright_from else None

    @property
    def method(self) -> str:
        """How it was measured, in words, for the record."""
        return (
            f"skin_tone: dark below an individual typology angle of {self.dark_below:g} degrees, bright from "
            f"{self.bright_from:g} on; ITA = atan2(L* - 50, b*) and hue angle = atan2(b*, a*) in CIELAB (sRGB, D65), of the "
            "median over both cheeks and the "
            f"forehead of the medians of their pixels without the darkest and brightest {_TRIMMED:.0%}; grey-scale images "
            f"(channels of {_GREY_SHARE:.0%} of the pixels within {_GREY_LEVELS} of 255 levels) have none"
        )


def measure_skin_tone(image: Image.Image, landmarks: Landmarks) -> SkinTone | None:
    """The skin tone of a face; None for a grey-scale image, or where cheeks and forehead have too few pixels.

    Each area counts as one, whatever its size, and the middle one of three decides: hair on the forehead or a cheek in
    the shadow moves it little.

    Args:
        image: RGB.
        landmarks: of the face in it.
    """
    pixels = np.asarray(image)
    if is_grey(pixels):
        return None
    colours = [_colour(pixels[draw((area,), landmarks, pixels.shape[:2])]) for area in _AREAS]
    seen = [colour for colour in colours if colour is not None]
    if not seen:
        return None
    lightness, a, b = np.median(seen, axis=0)
    return SkinTone(
        typology_angle=float(np.degrees(np.arctan2(lightness - 50, b))), hue_angle=float(np.degrees(np.arctan2(b, a)))
    )


def is_grey(pixels: UInt8[np.ndarray, "height width 3"]) -> bool:
    """Whether an image has no colours; a toned one, such as sepia, has."""
    spread = pixels.max(2) - pixels.min(2)
    return bool((spread <= _GREY_LEVELS).mean() >= _GREY_SHARE)


def to_lab(pixels: UInt8[np.ndarray, "*shape 3"]) -> Float[np.ndarray, "*shape 3"]:
    """sRGB from 0 to 255 as CIELAB under D65: L* from 0 to 100, a* and b*."""
    linear = _LINEAR[pixels] @ _TO_XYZ.T / _WHITE
    f = np.where(linear > (6 / 29) ** 3, np.cbrt(linear), linear * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = np.moveaxis(f, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def _colour(pixels: np.ndarray) -> np.ndarray | None:
    """L*, a* and b* of an area, each the median of its trimmed pixels; None where there are too few."""
    if len(pixels) < _FEWEST_PIXELS:
        return None
    lab = to_lab(pixels)
    low, high = np.quantile(lab[:, 0], [_TRIMMED, 1 - _TRIMMED])
    middle: np.ndarray = np.median(lab[(lab[:, 0] >= low) & (lab[:, 0] <= high)], axis=0)
    return middle


def _linear_values() -> np.ndarray:
    values = np.arange(256) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


_LINEAR = _linear_values()
"""sRGB value from 0 to 255 -> share of the light."""
