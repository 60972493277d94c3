"""Colours: skin has the typology angle that was asked for."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from facedissect.demo import Identity
from facedissect.demo.colour import hair_colour, skin_colour


def lab_of(linear: tuple[float, float, float]) -> np.ndarray:
    """CIELAB (D65) of a linear colour as the drawing takes it: its root is the stored sRGB value."""
    stored = np.sqrt(np.array(linear))
    light = np.where(stored <= 0.04045, stored / 12.92, ((stored + 0.055) / 1.055) ** 2.4)
    matrix = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = matrix @ light / (0.9505, 1.0, 1.089)
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * (29 / 6) ** 2 / 3 + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("angle", [-50.0, -30.0, 0.0, 27.0, 29.0, 45.0, 60.0])
@pytest.mark.parametrize("undertone", [-1.0, 0.0, 1.0])
def test_skin_has_its_typology_angle(angle: float, undertone: float) -> None:
    lightness, _, b = lab_of(skin_colour(Identity(typology_angle=angle, undertone=undertone), old=0.0))
    assert np.degrees(np.arctan((lightness - 50.0) / b)) == pytest.approx(angle, abs=1.5)


def test_skin_gets_lighter_with_the_angle_and_keeps_a_warm_hue() -> None:
    colours = [lab_of(skin_colour(Identity(typology_angle=float(angle)), old=0.0)) for angle in range(-55, 66, 10)]
    assert all(a[0] < b[0] for a, b in pairwise(colours))
    assert all(5 < colour[1] < 18 and 8 < colour[2] < 24 for colour in colours)


def test_hair_turns_grey() -> None:
    red, green, blue = hair_colour(Identity(hair_colour="red"), grey=0.0)
    assert red > 2 * green > 2 * blue
    grey = hair_colour(Identity(hair_colour="red"), grey=1.0)
    assert max(grey) - min(grey) < 0.05
