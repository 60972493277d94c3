"""The face's own directions, its unit of length and how far it is turned, all from 68 landmarks in the iBUG order."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

_RIGHT_EYE, _LEFT_EYE = slice(36, 42), slice(42, 48)
_OUTER_CORNERS, _NOSE_TIP = (36, 45), 30
_NOSE_DEPTH = 0.94
"""How far the nose tip stands before the outer corners of the eyes, in halves of their distance: 43 mm of 46 mm in the mean
face of OpenFace's 3-D landmark model (Baltrušaitis et al., FG 2018)."""


@dataclass(frozen=True, kw_only=True)
class FaceFrame:
    """Directions as seen in the picture, tilted as the face is.

    Attributes:
        unit: inter-ocular distance, between the middles of the eyes, in pixels.
        right: unit vector along the line of the eyes, to the picture's right: to the person's left.
        down: unit vector from the brow to the chin, at a right angle to it.
    """

    unit: float
    right: Float[np.ndarray, " 2"]
    down: Float[np.ndarray, " 2"]

    @classmethod
    def of(cls, landmarks: Float[np.ndarray, "68 2"]) -> FaceFrame:
        """The frame of a face; where both eyes are in one point, its unit is 0 and it is upright."""
        between = landmarks[_LEFT_EYE].mean(0, dtype=np.float64) - landmarks[_RIGHT_EYE].mean(0, dtype=np.float64)
        unit = float(np.hypot(*between))
        right = between / unit if unit else np.array([1.0, 0.0])
        return cls(unit=unit, right=right, down=np.array([-right[1], right[0]]))


def turn_of(landmarks: Float[np.ndarray, "68 2"]) -> float:
    """How far a face is turned to a side (yaw), in degrees from -90 to 90; positive is to the picture's right.

    Along the line of the eyes, the nose tip of a frontal face is half-way between the outer corners. When the face turns, it
    leaves the middle by the tangent of the angle times its depth, in halves of the corners' distance as it is seen.
    """
    right = FaceFrame.of(landmarks).right
    one, other = (float(landmarks[corner] @ right) for corner in _OUTER_CORNERS)
    half = (other - one) / 2
    if half <= 0:
        return 90.0 if float(landmarks[_NOSE_TIP] @ right) > one else -90.0
    return math.degrees(math.atan((float(landmarks[_NOSE_TIP] @ right) - (one + other) / 2) / (half * _NOSE_DEPTH)))
