"""Located: where the face of an image is. Coordinates are in pixels, and pixel centres lie at half-integers."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from ..errors import DictionaryError

Box = tuple[float, float, float, float]
"""Left, top, right, bottom; may reach beyond the image."""
POINTS = 68


@dataclass(frozen=True, kw_only=True)
class Located:
    """Where a face is; without box and landmarks, a face was looked for and not found.

    Attributes:
        box: left, top, right, bottom of the face.
        landmarks: 68 points (x, y) in the iBUG order.

    Raises:
        DictionaryError: the box has no area, or the landmarks are not 68 finite points, or all of them one.
    """

    box: Box | None = None
    landmarks: Float[np.ndarray, "68 2"] | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.box is not None:
            left, top, right, bottom = self.box
            if not (all(map(math.isfinite, self.box)) and left < right and top < bottom):
                raise DictionaryError(f"expected a box (left, top, right, bottom) with an area, got {self.box}")
        if self.landmarks is not None:
            if self.landmarks.shape != (POINTS, 2) or not np.isfinite(self.landmarks).all():
                # The shape alone, since so many numbers do not fit into a line.
                shape = self.landmarks.shape
                raise DictionaryError(f"expected {POINTS} finite landmarks (x, y), got others, of shape {shape}")
            if (self.landmarks == self.landmarks[0]).all():
                raise DictionaryError("expected landmarks of a face, got all of them in one point")

    @property
    def found(self) -> bool:
        """Whether there is a face."""
        return self.box is not None or self.landmarks is not None
