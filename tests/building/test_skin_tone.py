"""Skin tone: the colours are those of other implementations, and the angles those of the definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image, ImageCms

from facedissect.building.skin_tone import SkinTone, SkinToneLimits, is_grey, measure_skin_tone, to_lab
from facedissect.dictionary import open_dictionary
from facedissect.errors import SettingsError

COLOURS = np.random.default_rng(0).integers(0, 256, (500, 3)).astype(np.uint8)
CORNERS = np.array([[r, g, b] for r in (0, 255) for g in (0, 255) for b in (0, 255)], np.uint8)


def plain_lab(red: int, green: int, blue: int) -> tuple[float, float, float]:
    """CIELAB as the standards write it, one colour at a time."""

    def linear(value: float) -> float:
        value /= 255
        return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4

    def root(share: float) -> float:
        return share ** (1 / 3) if share > 216 / 24389 else (24389 / 27 * share + 16) / 116

    r, g, b = linear(red), linear(green), linear(blue)
    x = root((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505)
    y = root(0.2126 * r + 0.7152 * g + 0.0722 * b)
    z = root((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def test_colours_are_those_of_the_standard() -> None:
    colours = np.concatenate([COLOURS, CORNERS])
    assert np.allclose(to_lab(colours), [plain_lab(*map(int, colour)) for colour in colours], atol=1e-9)


def test_known_colours() -> None:
    white, grey, red, black = to_lab(np.array([[255] * 3, [119] * 3, [255, 0, 0], [0] * 3], np.uint8))
    assert white == pytest.approx([100, 0, 0], abs=0.01)
    assert grey == pytest.approx([50.03, 0, 0], abs=0.01)
    assert red == pytest.approx([53.24, 80.09, 67.20], abs=0.03)
    assert black == pytest.approx([0, 0, 0], abs=0.01)


def test_lightness_is_that_of_littlecms() -> None:
    """Its white is D50, to which it adapts the colours; lightness stays, and hues hardly move."""
    profile = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    transform = ImageCms.buildTransform(profile[1], profile[0], "RGB", "LAB")
    skin = np.array([[224, 172, 140], [141, 85, 36], [255, 219, 172], [90, 56, 37], [198, 134, 66]], np.uint8)
    theirs = np.asarray(ImageCms.applyTransform(Image.fromarray(skin[None]), transform)).astype(float)[0]
    theirs[:, 0] *= 100 / 255
    theirs[:, 1:] = np.asarray(theirs[:, 1:], np.int64).astype(np.int8)
    ours = to_lab(skin)
    assert np.abs(ours[:, 0] - theirs[:, 0]).max() < 1.5
    assert np.abs(ours[:, 1:] - theirs[:, 1:]).max() < 4


def test_the_angles_of_an_even_skin(landmarks: np.ndarray) -> None:
    for colour in ((224, 172, 140), (90, 56, 37)):
        tone = measure_skin_tone(Image.new("RGB", (96, 96), colour), landmarks)
        lightness, a, b = plain_lab(*colour)
        assert tone is not None
        assert tone.typology_angle == pytest.approx(math.degrees(math.atan2(lightness - 50, b)))
        assert tone.hue_angle == pytest.approx(math.degrees(math.atan2(b, a)))


def test_highlights_shadows_and_a_covered_forehead_do_not_count(landmarks: np.ndarray) -> None:
    image = Image.new("RGB", (96, 96), (224, 172, 140))
    clean = measure_skin_tone(image, landmarks)
    pixels = np.asarray(image).copy()
    pixels[: int(landmarks[19:25, 1].min())] = (30, 20, 15)  # hair
    spots = np.random.default_rng(0).random((96, 96))
    pixels[spots < 0.04] = 255
    pixels[spots > 0.96] = 0
    assert measure_skin_tone(Image.fromarray(pixels), landmarks) == clean
    assert clean is not None


def test_grey_images_have_none(landmarks: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    grey = np.repeat(rng.integers(0, 240, (96, 96, 1)), 3, axis=2)
    compressed = (grey + rng.integers(0, 9, (96, 96, 3))).astype(np.uint8)
    assert is_grey(compressed)
    assert measure_skin_tone(Image.fromarray(compressed), landmarks) is None
    compressed[:9, :9] = (200, 150, 120)  # a small stamp in colour makes it no colour photograph, a larger one does
    assert is_grey(compressed)
    compressed[:12, :12] = (200, 150, 120)
    assert not is_grey(compressed)


def test_a_face_outside_the_image_has_none(landmarks: np.ndarray) -> None:
    assert measure_skin_tone(Image.new("RGB", (96, 96), (224, 172, 140)), landmarks + 300) is None


def test_the_skin_of_drawn_faces() -> None:
    """Light, shadow and white balance move the colour, but light skin is found lighter than dark skin."""
    faces = open_dictionary("demo:count=40,size=96")
    known = [face.source.factors.identity.typology_angle for face in faces]  # type: ignore[attr-defined]
    found = [measure_skin_tone(face.image(), face.landmarks) for face in faces]  # type: ignore[arg-type]
    angles = [tone.typology_angle for tone in found if tone is not None]
    assert len(angles) == len(known)
    assert np.corrcoef(known, angles)[0, 1] > 0.75


def test_limits() -> None:
    limits = SkinToneLimits(dark_below=10, bright_from=40)
    angles = (-50.0, 9.99, 10.0, 39.9, 40.0, 95.0)
    found = [limits.subgroup(SkinTone(typology_angle=angle, hue_angle=50)) for angle in angles]
    assert found == ["dark", "dark", None, None, "bright", "bright"]
    assert "dark below an individual typology angle of 10 degrees, bright from 40 on" in limits.method
    with pytest.raises(
        SettingsError, match=r"expected -90 <= dark_below <= bright_from <= 90 .*, got dark_below = 41 and"
    ):
        SkinToneLimits(dark_below=41, bright_from=40)
