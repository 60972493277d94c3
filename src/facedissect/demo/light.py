"""Light: a key light with soft cast shadows and light from all around, on the slopes of the canvas."""

from __future__ import annotations

from math import cos, radians, sin

import numpy as np

from .canvas import Canvas
from .colour import Colour
from .factors import Scene
from .plane import Plane

_WRAP: Colour = (0.34, 0.20, 0.14)
"""How far light creeps round into the shadow, for red, green and blue: skin scatters red furthest (warm shadow edges)."""
_KEY_STRENGTH = 1.45
_SHADOW_DEPTH = 0.62
"""Share of the key light that a full cast shadow takes away."""
_SHADOW_REACHES: tuple[float, ...] = (0.035, 0.07, 0.11, 0.16, 0.22, 0.30)
"""Distances towards the light, in face coordinates, at which something higher is looked for."""
_SOFTNESS = 0.55
_SHINE_POWER = 5
"""The mirror reflection is cos(angle) ** (2 ** _SHINE_POWER)."""
_MAX_SHIFT_SHARE = 0.25


def light_up(canvas: Canvas, scene: Scene, unit: float) -> Plane:
    """Linear light of the canvas (3 x size x size), times coverage. `unit` is pixels per unit of the face coordinates."""
    azimuth, elevation = radians(scene.light_azimuth), radians(scene.light_elevation)
    to_light = (sin(azimuth) * cos(elevation), -sin(elevation), cos(azimuth) * cos(elevation))
    normal_z = 1.0 / np.sqrt(canvas.slope_x * canvas.slope_x + canvas.slope_y * canvas.slope_y + 1.0)
    normal_x, normal_y = canvas.slope_x * -normal_z, canvas.slope_y * -normal_z
    facing = normal_x * to_light[0] + normal_y * to_light[1] + normal_z * to_light[2]
    shadow = _cast_shadow(canvas.height, to_light, unit)
    key = scene.light_strength * _KEY_STRENGTH
    sky = (0.84 - 0.16 * normal_y) * (0.35 + 0.65 * normal_z) * (scene.ambient * 1.05) * canvas.shade
    warmth = 0.07 * scene.light_warmth
    key_colour = (1.0 + warmth, 1.0, 1.0 - 1.5 * warmth)
    lit = np.empty_like(canvas.albedo)
    shine = _shine(normal_x, normal_y, normal_z, to_light) * canvas.gloss * shadow * (key * canvas.cover)
    direct = shadow * canvas.shade * key
    for channel, wrap in enumerate(_WRAP):
        diffuse = np.maximum((facing + wrap) * (1.0 / (1.0 + wrap)), 0.0)
        lit[channel] = canvas.albedo[channel] * (diffuse * direct * key_colour[channel] + sky) + shine
    return lit


def _shine(x: Plane, y: Plane, z: Plane, to_light: Colour) -> Plane:
    """Blinn's reflection: the normal against the direction half-way between viewer and light."""
    half = np.array([to_light[0], to_light[1], to_light[2] + 1.0])
    half /= np.linalg.norm(half)
    shine: Plane = np.maximum(x * float(half[0]) + y * float(half[1]) + z * float(half[2]), 0.0)
    for _ in range(_SHINE_POWER):
        shine *= shine
    return shine


def _cast_shadow(height: Plane, to_light: Colour, unit: float) -> Plane:
    """1 where the key light arrives, down to 1 - _SHADOW_DEPTH behind something higher; softer the further it is."""
    size = height.shape[0]
    across = (to_light[0] ** 2 + to_light[1] ** 2) ** 0.5
    climb = to_light[2] / across
    blocked = np.zeros_like(height)
    limit = int(size * _MAX_SHIFT_SHARE)
    for reach in _SHADOW_REACHES:
        dx, dy = round(to_light[0] / across * reach * unit), round(to_light[1] / across * reach * unit)
        if (dx == 0 and dy == 0) or max(abs(dx), abs(dy)) > limit:
            continue
        here, there = _shifted(dx, dy, size)
        rise = (height[there] - height[here] - reach * climb) * (1.0 / (reach * _SOFTNESS))
        np.maximum(blocked[here], rise, out=blocked[here])
    np.minimum(blocked, 1.0, out=blocked)
    for _ in range(max(1, size // 128)):
        blocked = _softened(blocked)
    return 1.0 - blocked * _SHADOW_DEPTH


def _softened(plane: Plane) -> Plane:
    """Averaged over 3 x 3 pixels with weights 1, 2, 1, except at the image's edge."""
    soft = plane.copy()
    soft[:, 1:-1] = plane[:, 1:-1] * 0.5 + (plane[:, :-2] + plane[:, 2:]) * 0.25
    across = soft.copy()
    soft[1:-1] = across[1:-1] * 0.5 + (across[:-2] + across[2:]) * 0.25
    return soft


def _shifted(dx: int, dy: int, size: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Windows `here` and `there`, where `there` lies (dx, dy) pixels further."""

    def spans(d: int) -> tuple[slice, slice]:
        return (slice(0, size - d), slice(d, size)) if d >= 0 else (slice(-d, size), slice(0, size + d))

    (here_x, there_x), (here_y, there_y) = spans(dx), spans(dy)
    return (here_y, here_x), (there_y, there_x)
