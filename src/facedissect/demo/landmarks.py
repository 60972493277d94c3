"""The 68 landmarks in the iBUG order, from the same curves that are drawn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .nose import nose_height
from .outline import brow_line, lip_curves, lower_lid, upper_lid
from .pose import Pose
from .shape import Brow, Eye, Mouth, Nose

_JAW_ANGLES = np.radians(np.linspace(176.0, 4.0, 17))
"""Angles of the jaw's points from the head's middle: from the image's left over the chin to its right."""
_LID_AT = 0.38
"""Where along the eye, from its middle, the two points of each lid lie."""


def landmarks(pose: Pose) -> NDArray[np.float32]:
    """68 points (x, y) in pixels, pixel centres at half-integers; the jaw's follow the visible outline of the head."""
    shape = pose.shape
    features = np.concatenate(
        [_brows(shape.brow), _nose(shape.nose), _eyes(shape.eye), _mouth(shape.mouth)],
    )
    heights = nose_height(shape.nose, features[:, 0], features[:, 1])
    inner = pose.to_image(features, heights)
    return np.concatenate([pose.silhouette(_JAW_ANGLES), inner]).astype(np.float32)


def face_box(points: np.ndarray, pose: Pose) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of the face in pixels: jaw to jaw and hairline to chin, cut off at the image."""
    top = pose.to_image(np.array([[u, pose.shape.hairline] for u in (-0.45, 0.0, 0.45)]))
    every = np.concatenate([points, top])
    margin = 0.04 * pose.unit
    low, high = every.min(0) - margin, every.max(0) + margin
    low, high = np.clip(low, 0.0, pose.size), np.clip(high, 0.0, pose.size)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _brows(brow: Brow) -> np.ndarray:
    t = np.linspace(1.0, -1.0, 5)
    right_of_subject = np.stack([-(brow.u + t * brow.half_length), brow_line(brow, t)], axis=1)
    return np.concatenate([right_of_subject, right_of_subject[::-1] * (-1.0, 1.0)])


def _nose(nose: Nose) -> np.ndarray:
    bridge = np.linspace(nose.root + 0.03, nose.base - 0.07, 4)
    base = np.linspace(-0.72, 0.72, 5) * nose.wing_width
    sag = np.array([-0.02, 0.0, 0.012, 0.0, -0.02])
    return np.concatenate(
        [np.stack([np.zeros(4), bridge], axis=1), np.stack([base, nose.base + sag], axis=1)],
    )


def _eyes(eye: Eye) -> np.ndarray:
    """Image left: outer corner, upper lid twice, inner corner, lower lid twice; image right: the same from the inner corner."""
    t = np.array([1.0, _LID_AT, -_LID_AT, -1.0, -_LID_AT, _LID_AT])
    lids = np.concatenate([upper_lid(eye, t[:3]), upper_lid(eye, t[3:4]), lower_lid(eye, t[4:])])
    along = t * eye.half_width
    left = np.stack([-(eye.u + along), eye.v + lids - eye.tilt * along], axis=1)
    return np.concatenate([left, left[[3, 2, 1, 0, 5, 4]] * (-1.0, 1.0)])


def _mouth(mouth: Mouth) -> np.ndarray:
    """Outer contour clockwise from the image-left corner, then the inner one."""
    top_t, inner_t = np.array([-1.0, -0.6, -0.22, 0.0, 0.22, 0.6, 1.0]), np.array([-0.88, -0.4, 0.0, 0.4, 0.88])
    low_t = np.array([0.6, 0.25, 0.0, -0.25, -0.6])
    top, _, _, _ = lip_curves(mouth, top_t)
    _, _, _, bottom = lip_curves(mouth, low_t)
    _, inner_top, _, _ = lip_curves(mouth, inner_t)
    _, _, inner_bottom, _ = lip_curves(mouth, inner_t[3:0:-1])
    t = np.concatenate([top_t, low_t, inner_t, inner_t[3:0:-1]])
    return np.stack([t * mouth.half_width, np.concatenate([top, bottom, inner_top, inner_bottom])], axis=1)
