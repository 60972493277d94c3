"""Light on the canvas, against plain loops."""

from __future__ import annotations

from math import cos, radians, sin

import numpy as np
import pytest

from facedissect.demo import Scene
from facedissect.demo.canvas import Canvas
from facedissect.demo.light import _cast_shadow, light_up

SIZE = 40
UNIT = 20.0
REACHES = (0.035, 0.07, 0.11, 0.16, 0.22, 0.30)


def direction(azimuth: float, elevation: float) -> tuple[float, float, float]:
    azimuth, elevation = radians(azimuth), radians(elevation)
    return sin(azimuth) * cos(elevation), -sin(elevation), cos(azimuth) * cos(elevation)


def slow_shadow(height: np.ndarray, to_light: tuple[float, float, float]) -> np.ndarray:
    """1, less 0.62 times how far something towards the light rises over the ray to it; then averaged with weights 1 2 1."""
    across = np.hypot(to_light[0], to_light[1])
    blocked = np.zeros_like(height, dtype=float)
    for row in range(SIZE):
        for column in range(SIZE):
            for reach in REACHES:
                dx = round(to_light[0] / across * reach * UNIT)
                dy = round(to_light[1] / across * reach * UNIT)
                if (dx, dy) == (0, 0) or not (0 <= row + dy < SIZE and 0 <= column + dx < SIZE):
                    continue
                rise = height[row + dy, column + dx] - height[row, column] - reach * to_light[2] / across
                blocked[row, column] = max(blocked[row, column], min(rise / (reach * 0.55), 1.0))
    for axis in (1, 0):
        before, after = np.roll(blocked, 1, axis), np.roll(blocked, -1, axis)
        soft = blocked / 2 + (before + after) / 4
        inner = [slice(None), slice(None)]
        inner[axis] = slice(1, -1)
        blocked[tuple(inner)] = soft[tuple(inner)]
    return 1.0 - 0.62 * blocked


@pytest.mark.parametrize(("azimuth", "elevation"), [(-60.0, 20.0), (40.0, 55.0), (0.0, 35.0)])
def test_cast_shadows_are_those_of_plain_loops(azimuth: float, elevation: float) -> None:
    rng = np.random.default_rng(0)
    height = np.zeros((SIZE, SIZE), np.float32)
    height[12:20, 15:22] = 0.3
    height += rng.random((SIZE, SIZE), dtype=np.float32) * 0.05
    to_light = direction(azimuth, elevation)
    shadow = _cast_shadow(height, to_light, UNIT)
    assert np.allclose(shadow, slow_shadow(height, to_light), atol=1e-5)
    assert shadow.min() < 0.5


def test_a_plane_is_lit_by_the_cosine_and_a_slope_towards_the_light_is_brighter() -> None:
    def lit(slope_x: float) -> np.ndarray:
        canvas = Canvas(SIZE)
        every = np.ones((SIZE, SIZE), np.float32)
        canvas.paint(every, (0.5, 0.5, 0.5))
        canvas.solid(every, every * slope_x, every * 0.0, every * 0.0, 0.0)
        return light_up(canvas, Scene(light_azimuth=-45.0, light_elevation=30.0, light_warmth=0.0), UNIT).mean((1, 2))

    assert (lit(0.8) > lit(0.0)).all()
    assert (lit(0.0) > lit(-0.8)).all()
    edge = lit(-1.3)
    assert edge[0] > edge[1] > edge[2], "light creeps round into the shadow furthest in red"


def test_paint_covers_and_blend_does_not() -> None:
    canvas = Canvas(SIZE)
    half = np.full((SIZE, SIZE), 0.5, np.float32)
    canvas.blend(half, (1.0, 1.0, 1.0))
    assert canvas.albedo.max() == 0.0
    canvas.paint(half, (1.0, 0.0, 0.0))
    canvas.paint(half, (0.0, 1.0, 0.0))
    assert canvas.albedo[:, 0, 0].tolist() == [0.25, 0.5, 0.0]
    assert canvas.cover[0, 0] == 0.75
    canvas.tint(half, (0.0, 1.0, 1.0))
    assert canvas.albedo[:, 0, 0].tolist() == [0.125, 0.5, 0.0]
