"""The head's pose: where a point of the face appears in the image.

The head is an ellipsoid whose half-width changes with height. Turning it moves the points over its surface, so the
silhouette stays that of the unturned head, sheared a little where the chin swings out; the nose stands out of the
surface and moves further than what is behind it. Head coordinates (x, y) are image coordinates, centred, upright and
in the unit of the face coordinates.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import cos, radians, sin, sqrt

import numpy as np
from numpy.typing import NDArray

from .factors import Scene
from .plane import Plane, Window
from .shape import FaceShape

FaceBox = tuple[float, float, float, float]
"""Left, top, right, bottom in face coordinates."""

_WIDTH_HEIGHTS = (-1.0, -0.45, 0.2, 0.68, 1.0)
"""Heights, as shares of the half-height, at which `Skull.widths` are given."""
_WIDTH_FIT = np.linalg.inv(np.vander(_WIDTH_HEIGHTS, increasing=True))
_CHIN_SWING = 0.16
"""How far the chin moves sideways beyond the ellipsoid's bottom, per sine of the yaw."""
_HEAD_CENTRE = (0.5, 0.49)
"""Usual place of the head's centre, as shares of the image's side."""


class Pose:
    """One head in one image, without its pixels.

    Attributes:
        size: side of the image in pixels.
        unit: pixels per unit of the face coordinates; `pixel` is its inverse.
    """

    def __init__(self, shape: FaceShape, scene: Scene, size: int) -> None:
        self.size = size
        self.shape = shape
        self.unit = scene.head_size * size
        self.pixel = 1.0 / self.unit
        self._yaw = (cos(radians(scene.yaw)), sin(radians(scene.yaw)))
        self._pitch = (cos(radians(scene.pitch)), sin(radians(scene.pitch)))
        self._roll = (cos(radians(scene.roll)), sin(radians(scene.roll)))
        self._centre = ((_HEAD_CENTRE[0] + scene.shift_x) * size, (_HEAD_CENTRE[1] + scene.shift_y) * size)
        self._windows: dict[FaceBox, Window] = {}
        self._half_width = [float(c) for c in _WIDTH_FIT @ np.asarray(shape.skull.widths)]

    @property
    def yaw_sine(self) -> float:
        """Sine of the yaw."""
        return self._yaw[1]

    @property
    def pitch_sine(self) -> float:
        """Sine of the pitch."""
        return self._pitch[1]

    def half_width(self, down: Plane) -> Plane:
        """The head's half-width before it is rounded off, at heights given as shares of the half-height."""
        a, b, c, d, e = self._half_width
        return (((down * e + d) * down + c) * down + b) * down + a

    def to_image(self, points: np.ndarray, height: float | np.ndarray = 0.0) -> NDArray[np.float64]:
        """Image pixels (n x 2) of points (n x 2) in face coordinates that stand `height` out of the surface."""
        u, v = points[:, 0], points[:, 1]
        half_height = np.where(v < 0, self.shape.skull.top, self.shape.skull.bottom)
        down = v / half_height
        across = u / self.half_width(np.clip(down, -1.0, 1.0))
        front = np.sqrt(np.maximum(1.0 - across**2 - down**2, 0.0))
        across, front = across * self._yaw[0] + front * self._yaw[1], front * self._yaw[0] - across * self._yaw[1]
        down = down * self._pitch[0] + front * self._pitch[1]
        x = across * self.half_width(np.clip(down, -1.0, 1.0)) + self._swing(down) + height * self._yaw[1]
        y = (
            down * np.where(down < 0, self.shape.skull.top, self.shape.skull.bottom)
            + height * self._yaw[0] * self._pitch[1]
        )
        return self.head_to_image(np.stack([x, y], axis=1))

    def head_to_image(self, points: np.ndarray) -> NDArray[np.float64]:
        """Image pixels (n x 2) of points (n x 2) in head coordinates."""
        x, y = points[:, 0], points[:, 1]
        right = x * self._roll[0] - y * self._roll[1]
        below = x * self._roll[1] + y * self._roll[0]
        return np.stack([right * self.unit + self._centre[0], below * self.unit + self._centre[1]], axis=1)

    def turn(self, along_x: Plane, along_y: Plane) -> tuple[Plane, Plane]:
        """Slopes along the head's axes to slopes along the image's."""
        return along_x * self._roll[0] - along_y * self._roll[1], along_x * self._roll[1] + along_y * self._roll[0]

    def silhouette(self, angles: np.ndarray) -> NDArray[np.float64]:
        """Image pixels (n x 2) of the head's outline at angles from its middle, clockwise from the image's right."""
        across, down = np.cos(angles), np.sin(angles)
        y = down * np.where(down < 0, self.shape.skull.top, self.shape.skull.bottom)
        return self.head_to_image(np.stack([across * self.half_width(down) + self._swing(down), y], axis=1))

    def windows(self, boxes: Iterable[FaceBox]) -> list[Window]:
        """The pixels in which boxes (left, top, right, bottom in face coordinates) may appear; generous by a few pixels."""
        return [self.window(*box) for box in boxes]

    def window(self, left: float, top: float, right: float, bottom: float) -> Window:
        """The pixels in which a box in face coordinates may appear; generous by a few pixels."""
        box = (left, top, right, bottom)
        if box not in self._windows:
            self._windows[box] = self._find_window(*box)
        return self._windows[box]

    def _find_window(self, left: float, top: float, right: float, bottom: float) -> Window:
        corners = [self._corner(u, v) for u in (left, right) for v in (top, bottom)]
        margin = 2.0 + self.unit * (0.02 + 0.05 * max(right - left, bottom - top))
        columns, rows = [x for x, _ in corners], [y for _, y in corners]
        return self._span(rows, margin), self._span(columns, margin)

    def mirrored_windows(
        self, left: float, top: float, right: float, bottom: float
    ) -> tuple[tuple[Window, float], tuple[Window, float]]:
        """The window of a box and 1, and the window of its mirror image and -1."""
        return (self.window(left, top, right, bottom), 1.0), (self.window(-right, top, -left, bottom), -1.0)

    def head_window(self, left: float, top: float, right: float, bottom: float) -> Window:
        """The pixels in which a box in head coordinates may appear."""
        (cos_roll, sin_roll), (middle_x, middle_y) = self._roll, self._centre
        corners = [(x, y) for x in (left, right) for y in (top, bottom)]
        columns = [(x * cos_roll - y * sin_roll) * self.unit + middle_x for x, y in corners]
        rows = [(x * sin_roll + y * cos_roll) * self.unit + middle_y for x, y in corners]
        return self._span(rows, 2.0), self._span(columns, 2.0)

    def _span(self, places: list[float], margin: float) -> slice:
        low, high = int(min(places) - margin), int(max(places) + margin) + 1
        return slice(min(max(low, 0), self.size), min(max(high, 0), self.size))

    def _corner(self, u: float, v: float) -> tuple[float, float]:
        """`to_image` for one point of the surface, with plain numbers because it is called often."""
        (cos_yaw, sin_yaw), (cos_pitch, sin_pitch), (cos_roll, sin_roll) = self._yaw, self._pitch, self._roll
        skull = self.shape.skull
        down = v / (skull.top if v < 0 else skull.bottom)
        across = u / self._scalar_width(down)
        rest = 1.0 - across * across - down * down
        front = sqrt(rest) if rest > 0.0 else 0.0
        across, front = across * cos_yaw + front * sin_yaw, front * cos_yaw - across * sin_yaw
        down = down * cos_pitch + front * sin_pitch
        x = across * self._scalar_width(down) + (down * down * (_CHIN_SWING * sin_yaw) if down > 0.0 else 0.0)
        y = down * (skull.top if down < 0 else skull.bottom)
        right, below = x * cos_roll - y * sin_roll, x * sin_roll + y * cos_roll
        return right * self.unit + self._centre[0], below * self.unit + self._centre[1]

    def _scalar_width(self, down: float) -> float:
        a, b, c, d, e = self._half_width
        down = 1.0 if down > 1.0 else -1.0 if down < -1.0 else down
        return (((down * e + d) * down + c) * down + b) * down + a

    def _swing(self, down: Plane) -> Plane:
        swing: Plane = np.maximum(down, 0.0) ** 2 * (_CHIN_SWING * self._yaw[1])
        return swing
