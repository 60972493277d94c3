"""What is behind the head."""

from __future__ import annotations

from math import cos, sin

import numpy as np

from .colour import of_hue
from .edges import clamp
from .factors import Scene
from .noise import Noise
from .plane import Plane


def background(scene: Scene, size: int, noise: Noise) -> Plane:
    """Linear light (3 x size x size) of the scene's background."""
    one = of_hue(scene.background_hue, 0.26, 0.20 + 0.66 * scene.background_light)
    other = of_hue((scene.background_hue + 0.13) % 1.0, 0.24, 0.12 + 0.55 * scene.background_light)
    share = _pattern(scene, size, noise)
    dark = 1.0 - 0.25 * _corners(size)
    return np.stack([((b - a) * share + a) * dark for a, b in zip(one, other, strict=True)])


def _pattern(scene: Scene, size: int, noise: Noise) -> Plane:
    """How much of the second colour each pixel has, 0 to 1."""
    ramp = (np.arange(size, dtype=np.float32) + 0.5) * (1.0 / size)
    turn = scene.scene_seed % 628 * 0.01
    slanted = (ramp[None, :] - 0.5) * cos(turn) + (ramp[:, None] - 0.5) * sin(turn)
    patches = noise.image("patches", 13)
    pattern: Plane
    if scene.background == "plain":
        pattern = patches * 0.06 + 0.3
    elif scene.background == "gradient":
        pattern = slanted + 0.5 + patches * 0.05
    elif scene.background == "blobs":
        pattern = noise.image("clouds", 13) * 0.4 + 0.5
    elif scene.background == "bands":
        pattern = np.sin(slanted * (9.0 + scene.scene_seed % 7)) * 0.9 + 0.5
    else:
        pattern = noise.image("clouds", 13) * 0.25 + noise.image("mottled", 13) * 0.10 + 0.5
    return clamp(pattern, 0.0, 1.0)


def _corners(size: int) -> Plane:
    ramp = np.linspace(-1.0, 1.0, size, dtype=np.float32) ** 2
    return (ramp[:, None] + ramp[None, :]) * 0.5
