"""Ellipses, discs and polygons over landmarks, and the pixels that they cover.

Points are numbers of landmarks in the iBUG order, from 0. Lengths are in inter-ocular distances or in the extent of the
points, so that a shape has no scale. Directions are those of the face as it is tilted in the picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from .face_frame import FaceFrame

GEOMETRY = 1
"""Number of the way in which shapes are laid over landmarks and drawn; another one means other pixels."""

Points = tuple[int, ...]
Landmarks = Float[np.ndarray, "68 2"]


class Oval(NamedTuple):
    """An ellipse in the picture.

    Attributes:
        centre: x, y in pixels.
        axes: a unit vector a row: the direction of the first radius, and that of the second.
        radii: in pixels.
    """

    centre: Float[np.ndarray, " 2"]
    axes: Float[np.ndarray, "2 2"]
    radii: Float[np.ndarray, " 2"]


@dataclass(frozen=True, kw_only=True)
class Ellipse:
    """The ellipse around some points, in their principal direction.

    Attributes:
        around: the points.
        along: its radius in the principal direction, in halves of the extent of the points in that direction.
        across: likewise, at a right angle.
        least: no radius is shorter than this many inter-ocular distances.
    """

    around: Points
    along: float = 1.0
    across: float = 1.0
    least: float = 0.0

    def laid(self, landmarks: Landmarks) -> Oval:
        """The shape over the landmarks of a face."""
        points = landmarks[list(self.around)].astype(np.float64)
        offsets = points - points.mean(0)
        x, y = np.linalg.eigh(offsets.T @ offsets)[1][:, 1]
        axes = np.array([[x, y], [-y, x]])
        spread = points @ axes.T
        low, high = spread.min(0), spread.max(0)
        radii = (high - low) / 2 * (self.along, self.across)
        return Oval((low + high) / 2 @ axes, axes, np.maximum(radii, self.least * FaceFrame.of(landmarks).unit))


@dataclass(frozen=True, kw_only=True)
class Disc:
    """A disc, or an ellipse along the line of the eyes, at some points.

    Attributes:
        at: the points in whose mean its centre lies.
        radius: in inter-ocular distances; along the line of the eyes, if the height is another.
        height: the radius at a right angle to the line of the eyes; None for a disc.
        moved: how far the centre lies from the mean of the points, to the picture's right and down.
    """

    at: Points
    radius: float
    height: float | None = None
    moved: tuple[float, float] = (0.0, 0.0)

    def laid(self, landmarks: Landmarks) -> Oval:
        """The shape over the landmarks of a face."""
        frame = FaceFrame.of(landmarks)
        axes = np.array([frame.right, frame.down])
        height = self.radius if self.height is None else self.height
        centre = landmarks[list(self.at)].mean(0, dtype=np.float64) + frame.unit * (np.array(self.moved) @ axes)
        return Oval(centre, axes, frame.unit * np.array([self.radius, height]))


@dataclass(frozen=True, kw_only=True)
class Polygon:
    """The polygon with its corners at some points, in their order.

    Attributes:
        corners: the points, three or more.
    """

    corners: Points

    def laid(self, landmarks: Landmarks) -> Float[np.ndarray, "corner 2"]:
        """The corners in the picture, in pixels."""
        return landmarks[list(self.corners)].astype(np.float64)


Shape = Ellipse | Disc | Polygon
Region = tuple[Shape, ...]
"""A region is all that its shapes cover."""


def mirrored(shape: Shape) -> Shape:
    """The same on the other side of the face."""
    if isinstance(shape, Ellipse):
        return replace(shape, around=_mirrored(shape.around))
    if isinstance(shape, Polygon):
        return replace(shape, corners=_mirrored(shape.corners))
    return replace(shape, at=_mirrored(shape.at), moved=(-shape.moved[0], shape.moved[1]))


def draw(region: Region, landmarks: Landmarks, size: tuple[int, int]) -> Bool[np.ndarray, "height width"]:
    """The pixels of an image of `size` (height, width) whose centres a region covers.

    Args:
        region: the shapes.
        landmarks: x, y in pixels, pixel centres at half-integers.
    """
    mask = np.zeros(size, bool)
    for shape in region:
        laid = shape.laid(landmarks)
        if isinstance(laid, Oval):
            _draw_oval(laid, mask)
        else:
            _draw_polygon(laid, mask)
    return mask


def _draw_oval(oval: Oval, mask: np.ndarray) -> None:
    reach = np.hypot(*(oval.axes * oval.radii[:, None]))  # half the extent in x and in y
    window, x, y = _window(oval.centre - reach, oval.centre + reach, mask)
    if not oval.radii.all():
        return
    (ax, ay), (bx, by) = oval.axes / oval.radii[:, None]
    x, y = x - oval.centre[0], y - oval.centre[1]
    mask[window] |= (ax * x + ay * y) ** 2 + (bx * x + by * y) ** 2 <= 1


def _draw_polygon(corners: np.ndarray, mask: np.ndarray) -> None:
    """A pixel is inside where a line from its centre to the left crosses the outline an odd number of times."""
    window, x, y = _window(corners.min(0), corners.max(0), mask)
    odd = np.zeros(np.broadcast_shapes(x.shape, y.shape), bool)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if y0 != y1:
            odd ^= ((y0 <= y) != (y1 <= y)) & (x0 + (y - y0) * ((x1 - x0) / (y1 - y0)) < x)
    mask[window] |= odd


def _window(low: np.ndarray, high: np.ndarray, mask: np.ndarray) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray]:
    """The part of the mask between two corners (x, y); x of its columns (1, width) and y of its rows (height, 1)."""
    limits = mask.shape[::-1]
    left, top = np.clip(np.floor(low), 0, limits).astype(int)
    right, bottom = np.clip(np.ceil(high), 0, limits).astype(int)
    x, y = np.arange(left, right) + 0.5, np.arange(top, bottom) + 0.5
    return (slice(top, bottom), slice(left, right)), x[None, :], y[:, None]


def _mirrored(points: Iterable[int]) -> Points:
    return tuple(_OTHER_SIDE[point] for point in points)


def _other_side() -> Sequence[int]:
    """Landmark -> the one in its place on the other side of the face."""
    # First, last and the sum of both sides' numbers, of each run that is its own mirror image read backwards.
    runs = [(0, 16, 16), (17, 26, 43), (31, 35, 66), (36, 39, 81), (42, 45, 81), (40, 41, 87), (46, 47, 87)]
    runs += [(48, 54, 102), (55, 59, 114), (60, 64, 124), (65, 67, 132)]
    other = list(range(68))
    for first, last, both in runs:
        other[first : last + 1] = [both - point for point in range(first, last + 1)]
    return other


_OTHER_SIDE = _other_side()
