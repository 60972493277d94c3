"""Whether masks lie on the face, where it is known where the face is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial import ConvexHull, QhullError

from ..dictionary import Face

_GROWN = 1.2
"""The box and the hull are stretched by this: brows, chin and cheeks reach beyond the outermost landmarks."""


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where a mask lies.

    Attributes:
        outside_box, outside_hull: shares of its pixels beyond the face's box and beyond the convex hull of its landmarks,
            both stretched by a fifth; NaN where there is none.
    """

    outside_box: float
    outside_hull: float

    @property
    def off_face(self) -> float:
        """The share that is off the face by all that is known of it; NaN where nothing is."""
        shares = [share for share in (self.outside_box, self.outside_hull) if not np.isnan(share)]
        return min(shares, default=np.nan)


class FaceOutline:
    """Box and hull of one face, made once for all of its masks."""

    def __init__(self, face: Face) -> None:
        self._box = None if face.box is None else np.reshape(face.box, (2, 2))
        self._hull = None if face.landmarks is None else _half_planes(face.landmarks)

    def place(self, mask: Bool[np.ndarray, "height width"]) -> Placement:
        """Where a mask lies that has at least one pixel."""
        rows, columns = np.nonzero(mask)
        points = np.stack([columns, rows], axis=1) + 0.5
        outside_box = outside_hull = np.nan
        if self._box is not None:
            centre, half = self._box.mean(axis=0), np.diff(self._box, axis=0)[0] / 2 * _GROWN
            outside_box = float((abs(points - centre) > half).any(axis=1).mean())
        if self._hull is not None:
            normals, offsets = self._hull
            outside_hull = float((points @ normals.T + offsets > 0).any(axis=1).mean())
        return Placement(outside_box=outside_box, outside_hull=outside_hull)


def _half_planes(
    landmarks: Float[np.ndarray, "68 2"],
) -> tuple[Float[np.ndarray, "side 2"], Float[np.ndarray, " side"]] | None:
    """Normals and offsets of the sides of the stretched hull, or None where all points lie on one line."""
    try:
        hull = ConvexHull(landmarks)
    except QhullError:
        return None
    corners = landmarks[hull.vertices]
    centre = (corners.min(axis=0) + corners.max(axis=0)) / 2
    normals, offsets = hull.equations[:, :2], hull.equations[:, 2]
    from_centre = normals @ centre + offsets  # negative: the distance of the side from the centre
    return normals, from_centre * _GROWN - normals @ centre
