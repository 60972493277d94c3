"""What is typical of whom: appearance by age, gender and ethnicity; and how scenes vary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .draws import Draws
from .factors import DARK_BELOW_DEGREES

ADULT_FROM = 16.0
"""Age in years from which beards, lipstick and adult hair styles are sampled."""

SKIN_ANGLE: Mapping[str, tuple[float, float]] = {
    "white": (46.0, 8.0),
    "asian": (39.0, 8.0),
    "indian": (6.0, 15.0),
    "black": (-32.0, 15.0),
}
"""Individual typology angle of the skin by ethnicity: mean and standard deviation in degrees."""

_HAIR_STYLES: Mapping[str, Mapping[str, float]] = {
    "Male": {
        "bald": 0.10,
        "buzz": 0.20,
        "short": 0.27,
        "side_part": 0.20,
        "slick_back": 0.10,
        "curly": 0.10,
        "crop": 0.08,
    },
    "Female": {
        "short": 0.05,
        "curly": 0.06,
        "fringe": 0.16,
        "bob": 0.20,
        "long": 0.24,
        "long_waves": 0.18,
        "bun": 0.11,
    },
}
"""Hair styles by gender: probabilities of adults who are not black."""

_TEXTURED_STYLES: Mapping[str, Mapping[str, float]] = {
    "Male": {"bald": 0.18, "buzz": 0.42, "short": 0.12, "curly": 0.12, "afro": 0.16},
    "Female": {"curly": 0.20, "afro": 0.26, "bob": 0.10, "long": 0.12, "long_waves": 0.16, "bun": 0.16},
}
"""Hair styles of black people, whose hair is mostly coiled."""

_HAIR_COLOURS: Mapping[str, Mapping[str, float]] = {
    "white": {"black": 0.06, "dark_brown": 0.24, "brown": 0.25, "light_brown": 0.18, "blond": 0.20, "red": 0.07},
    "asian": {"black": 0.78, "dark_brown": 0.22},
    "indian": {"black": 0.70, "dark_brown": 0.30},
    "black": {"black": 0.85, "dark_brown": 0.15},
}
_IRIS_COLOURS: Mapping[str, Mapping[str, float]] = {
    "white": {"dark_brown": 0.10, "brown": 0.25, "hazel": 0.15, "green": 0.12, "blue": 0.28, "grey": 0.10},
    "asian": {"dark_brown": 0.85, "brown": 0.15},
    "indian": {"dark_brown": 0.75, "brown": 0.25},
    "black": {"dark_brown": 0.9, "brown": 0.1},
}

_SHAPES: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "white": {
        "nose_width": (-0.4, 0.30),
        "nose_bridge": (0.5, 0.3),
        "lip_fullness": (-0.3, 0.35),
        "eye_tilt": (0.0, 0.35),
    },
    "asian": {
        "nose_width": (0.1, 0.30),
        "nose_bridge": (-0.5, 0.25),
        "lip_fullness": (0.0, 0.35),
        "eye_tilt": (0.5, 0.25),
    },
    "indian": {
        "nose_width": (0.0, 0.30),
        "nose_bridge": (0.3, 0.3),
        "lip_fullness": (0.1, 0.35),
        "eye_tilt": (0.1, 0.30),
    },
    "black": {
        "nose_width": (0.7, 0.25),
        "nose_bridge": (-0.3, 0.3),
        "lip_fullness": (0.7, 0.25),
        "eye_tilt": (0.1, 0.30),
    },
}
"""Shape factors that differ between ethnicities: mean and standard deviation."""

_FREE_SHAPES: tuple[str, ...] = (
    "undertone",
    "face_width",
    "face_length",
    "jaw_width",
    "chin_width",
    "cheek_fullness",
    "forehead_height",
    "eye_size",
    "eye_spacing",
    "brow_height",
    "brow_thickness",
    "nose_length",
    "mouth_width",
    "ear_size",
)
"""Deviations sampled alike for everyone."""

_BACKGROUNDS: Mapping[str, float] = {"plain": 0.2, "gradient": 0.3, "blobs": 0.3, "bands": 0.1, "texture": 0.1}
_CLOTHING: Mapping[str, Mapping[str, float]] = {
    "Male": {"crew_neck": 0.35, "v_neck": 0.1, "collar": 0.3, "jacket": 0.25},
    "Female": {"crew_neck": 0.35, "v_neck": 0.35, "collar": 0.15, "jacket": 0.15},
}


def sample_appearance(draws: Draws, *, age: float, gender: str, ethnicity: str, skin_tone: str) -> dict[str, Any]:
    """All factors of an Identity except age, gender, ethnicity and traits."""
    look: dict[str, Any] = {name: draws.normal(name, 0.0, 0.45, -1.0, 1.0) for name in _FREE_SHAPES}
    for name, (mean, deviation) in _SHAPES[ethnicity].items():
        look[name] = draws.normal(name, mean, deviation, -1.0, 1.0)
    look["typology_angle"] = _typology_angle(draws, ethnicity, skin_tone)
    look["masculinity"] = _masculinity(draws, age, gender)
    look["hair_style"] = _pick(draws, "hair_style", hair_styles(age, gender, ethnicity))
    look["hair_colour"] = _pick(draws, "hair_colour", _HAIR_COLOURS[ethnicity])
    look["iris_colour"] = _pick(draws, "iris_colour", _IRIS_COLOURS[ethnicity])
    look["hair_grey"] = _greyness(draws, age)
    look["hair_recession"] = _recession(draws, age, gender)
    look["freckles"] = max(0.0, draws.normal("freckles", -0.4, 0.5, -1.0, 1.0)) if ethnicity == "white" else 0.0
    look["monolid"] = draws.normal("monolid", 0.75, 0.3, 0.0, 1.0) if ethnicity == "asian" else 0.0
    look["texture_seed"] = draws.integer("texture_seed")
    return look


def sample_view(draws: Draws, gender: str) -> dict[str, Any]:
    """All factors of a Scene except the concepts shown."""
    view: dict[str, Any] = {
        "yaw": draws.normal("yaw", 0.0, 7.5, -15.0, 15.0),
        "pitch": draws.normal("pitch", 0.0, 5.0, -15.0, 15.0),
        "roll": draws.normal("roll", 0.0, 4.5, -15.0, 15.0),
        "head_size": draws.normal("head_size", 0.355, 0.012, 0.325, 0.385),
        "shift_x": draws.normal("shift_x", 0.0, 0.015, -0.04, 0.04),
        "shift_y": draws.normal("shift_y", 0.0, 0.015, -0.04, 0.04),
        "light_azimuth": draws.uniform("light_azimuth", -65.0, 65.0),
        "light_elevation": draws.uniform("light_elevation", 15.0, 60.0),
        "light_strength": draws.normal("light_strength", 1.0, 0.13, 0.7, 1.35),
        "ambient": draws.normal("ambient", 0.38, 0.08, 0.22, 0.65),
        "light_warmth": draws.normal("light_warmth", 0.1, 0.4, -1.0, 1.0),
        "gaze_x": draws.normal("gaze_x", 0.0, 0.3, -1.0, 1.0),
        "gaze_y": draws.normal("gaze_y", 0.0, 0.2, -1.0, 1.0),
        "expressiveness": draws.uniform("expressiveness", 0.7, 1.0),
        "background": _pick(draws, "background", _BACKGROUNDS),
        "clothing": _pick(draws, "clothing", _CLOTHING[gender]),
        "noise": draws.uniform("noise", 0.4, 1.8),
        "scene_seed": draws.integer("scene_seed"),
    }
    for name in ("background_hue", "background_light", "clothing_hue", "clothing_light"):
        view[name] = draws.uniform(name, 0.0, 1.0)
    return view


def hair_styles(age: float, gender: str, ethnicity: str) -> dict[str, float]:
    """Hair style -> relative frequency."""
    styles = dict((_TEXTURED_STYLES if ethnicity == "black" else _HAIR_STYLES)[gender])
    if age < ADULT_FROM:
        styles["bald"] = 0.0
        styles["slick_back"] = 0.0
        if gender == "Male":
            styles["crop"] = 0.25
    if age > 50 and gender == "Female" and ethnicity != "black":
        styles["short"] = 0.3
        styles["long"] = 0.08
    if age > 50 and gender == "Male":
        styles["bald"] = 0.25
    return styles


def _pick(draws: Draws, name: str, weights: Mapping[str, float]) -> str:
    return draws.choice(name, list(weights), list(weights.values()))


def _typology_angle(draws: Draws, ethnicity: str, skin_tone: str) -> float:
    """Typical of the ethnicity, kept on the side of the border that the skin tone asks for."""
    mean, deviation = SKIN_ANGLE[ethnicity]
    margin = 1.0
    if skin_tone == "dark":
        return draws.normal("typology_angle", mean, deviation, -58.0, DARK_BELOW_DEGREES - margin)
    return draws.normal("typology_angle", mean, deviation, DARK_BELOW_DEGREES + margin, 63.0)


def _masculinity(draws: Draws, age: float, gender: str) -> float:
    """Bones differ less in children; the two distributions do not overlap, but single features do."""
    mean = 0.75 if age >= ADULT_FROM else 0.5
    value = draws.normal("masculinity", mean, 0.18, 0.2, 1.0)
    return value if gender == "Male" else -value


def _greyness(draws: Draws, age: float) -> float:
    """From the late twenties on, and nearly complete at 75."""
    return min(max(draws.normal("hair_grey", (age - 27.0) / 48.0, 0.06, -1.0, 1.1), 0.0), 1.0) if age > 24 else 0.0


def _recession(draws: Draws, age: float, gender: str) -> float:
    if gender == "Female" or age < 22:
        return 0.0
    return min(max(draws.normal("hair_recession", (age - 35.0) / 50.0, 0.3, -1.0, 1.0), 0.0), 1.0)
