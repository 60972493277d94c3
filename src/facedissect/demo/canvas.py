"""The canvas: for each pixel the colour, slope, height and gloss of what is nearest, before any light falls on it."""

from __future__ import annotations

import numpy as np

from .colour import Colour
from .plane import EVERYWHERE, Plane, Window


class Canvas:
    """Layers are painted from back to front.

    Attributes:
        albedo: linear colour times coverage (3 x size x size).
        cover: how much of each pixel is covered, 0 to 1.
        slope_x, slope_y: change of height per unit of the face coordinates, to the right and down.
        height: towards the viewer, in face coordinates; for cast shadows.
        gloss: strength of the mirror reflection. shade: share of the light that arrives (ambient occlusion).
    """

    def __init__(self, size: int) -> None:
        shape = (size, size)
        self.albedo = np.zeros((3, size, size), np.float32)
        self.cover = np.zeros(shape, np.float32)
        self.slope_x = np.zeros(shape, np.float32)
        self.slope_y = np.zeros(shape, np.float32)
        self.height = np.full(shape, -1.0, np.float32)
        self.gloss = np.zeros(shape, np.float32)
        self.shade = np.ones(shape, np.float32)

    def paint(self, alpha: Plane, colour: Colour | Plane, window: Window = EVERYWHERE) -> None:
        """Lay a colour (a triple, or 3 x window) over what is there, with opacity `alpha` of the window's shape."""
        self._lay(alpha, colour, window)
        cover = self.cover[window]
        cover += alpha * (1.0 - cover)

    def blend(self, alpha: Plane, colour: Colour | Plane, window: Window = EVERYWHERE) -> None:
        """Paint on what is there, inside its coverage."""
        self._lay(alpha * self.cover[window], colour, window)

    def tint(self, amount: Plane, colour: Colour, window: Window = EVERYWHERE) -> None:
        """Multiply what is there by a colour where `amount` is 1, leave it where 0."""
        part = self.albedo[:, window[0], window[1]]
        part *= amount * (_planes(colour) - 1.0) + 1.0

    def scale(self, factor: Plane, window: Window = EVERYWHERE) -> None:
        """Make what is there lighter or darker."""
        part = self.albedo[:, window[0], window[1]]
        part *= factor

    def solid(
        self, alpha: Plane, slope_x: Plane, slope_y: Plane, height: Plane, gloss: float, window: Window = EVERYWHERE
    ) -> None:
        """Give the painted layer a form of its own where `alpha` is not 0; what it hides no longer shades it."""
        planes = (
            (self.slope_x, slope_x),
            (self.slope_y, slope_y),
            (self.height, height),
            (self.gloss, gloss),
            (self.shade, 1.0),
        )
        for plane, value in planes:
            part = plane[window]
            part += alpha * (value - part)

    def _lay(self, alpha: Plane, colour: Colour | Plane, window: Window) -> None:
        part = self.albedo[:, window[0], window[1]]
        part += alpha * (_planes(colour) - part)


def _planes(colour: Colour | Plane) -> Plane:
    """A triple as 3 x 1 x 1, so that it spreads over a window."""
    return np.array(colour, np.float32).reshape(3, 1, 1) if isinstance(colour, tuple) else colour
