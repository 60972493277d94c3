"""The head as seen: which point of the face each pixel shows."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from .edges import clamp
from .factors import Scene
from .nose import nose_height
from .plane import Plane
from .pose import Pose
from .shape import FaceShape

_MIDLINE_BLUNTNESS = 0.03**2
"""Added to u * u before the root is taken."""
_PARALLAX_STEPS = 4
"""Rounds to find the point of the nose that a pixel shows; at 15 degrees each leaves about a third of the error."""


class View(Pose):
    """One head in one image, pixel by pixel; all arrays are size x size.

    Attributes:
        x, y: head coordinates of each pixel.
        across, down: head coordinates as shares of the half-width and half-height there; on the head, the sum of their
            squares is less than 1.
        inside: positive on the head: about the distance to its silhouette in face coordinates.
        front: depth of the ellipsoid as a share of its greatest: 1 in the middle of the head, 0 at its silhouette.
        u, v: face coordinates of what each pixel shows; outside the head they go on smoothly.
        far: |u|, blunted at the middle line so that mirrored features meet there without an edge.
    """

    def __init__(self, shape: FaceShape, scene: Scene, size: int) -> None:
        super().__init__(shape, scene, size)
        columns, rows = _pixel_centres(size)
        right, below = (columns - self._centre[0]) * self.pixel, (rows - self._centre[1]) * self.pixel
        self.x: Plane = right * self._roll[0] + below * self._roll[1]
        self.y: Plane = below * self._roll[0] - right * self._roll[1]
        self.across, self.down = self._normalised(self.x, self.y)
        squares = self.across * self.across + self.down * self.down
        self.inside: Plane = (1.0 - np.sqrt(squares)) * 0.75
        self.front: Plane = np.sqrt(np.maximum(1.0 - squares, 0.0))
        self.u, self.v = self._surface(self.across, self.down, self.front)
        self._move_nose()
        self.far: Plane = np.sqrt(self.u * self.u + _MIDLINE_BLUNTNESS)

    def _normalised(self, x: Plane, y: Plane) -> tuple[Plane, Plane]:
        skull = self.shape.skull
        down = y * np.where(y < 0, np.float32(1 / skull.top), np.float32(1 / skull.bottom))
        within = clamp(down, -1.0, 1.0)
        return (x - self._swing(within)) / self.half_width(within), down

    def _surface(self, across: Plane, down: Plane, front: Plane) -> tuple[Plane, Plane]:
        """Face coordinates of points of the ellipsoid as seen: pitch undone, then yaw."""
        (cos_yaw, sin_yaw), (cos_pitch, sin_pitch) = self._yaw, self._pitch
        face_down = down * cos_pitch - front * sin_pitch
        front = down * sin_pitch + front * cos_pitch
        face_across = across * cos_yaw - front * sin_yaw
        behind = np.minimum(across * sin_yaw + front * cos_yaw, 0.0)
        stretch = 1.0 - behind
        face_across *= stretch
        face_down *= stretch
        skull = self.shape.skull
        half_height = np.where(face_down < 0, np.float32(skull.top), np.float32(skull.bottom))
        return face_across * self.half_width(clamp(face_down, -1.0, 1.0)), face_down * half_height

    def _move_nose(self) -> None:
        """Let the nose stand out: find the point of the face whose height moves it into each pixel."""
        nose = self.shape.nose
        reach = nose.wing_width * 2.0
        window = self.window(-reach, nose.root - 0.1, reach, nose.base + 0.15)
        x, y = self.x[window], self.y[window]
        u, v = self.u[window], self.v[window]
        for _ in range(_PARALLAX_STEPS):
            height = nose_height(nose, u, v)
            across, down = self._normalised(x - height * self._yaw[1], y - height * (self._yaw[0] * self._pitch[1]))
            front = np.sqrt(np.maximum(1.0 - across**2 - down**2, 0.0))
            u, v = self._surface(across, down, front)
        self.u[window], self.v[window] = u, v


@lru_cache(maxsize=4)
def _pixel_centres(size: int) -> tuple[Plane, Plane]:
    centres = np.arange(size, dtype=np.float32) + np.float32(0.5)
    columns, rows = np.meshgrid(centres, centres)
    columns.flags.writeable = rows.flags.writeable = False
    return columns, rows
