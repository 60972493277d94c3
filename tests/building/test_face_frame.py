"""Inter-ocular distance, directions and turn of a face."""

from __future__ import annotations

import math

import numpy as np
import pytest

from facedissect.building.face_frame import FaceFrame, turn_of
from facedissect.dictionary import open_dictionary


def test_the_frame_follows_the_eyes(landmarks: np.ndarray) -> None:
    c, s = math.cos(math.radians(30)), math.sin(math.radians(30))
    frame = FaceFrame.of(landmarks @ np.array([[c, s], [-s, c]]) * 2)
    upright = FaceFrame.of(landmarks)
    assert upright.right == pytest.approx([1, 0], abs=0.05)
    assert frame.unit == pytest.approx(2 * upright.unit)
    assert frame.right == pytest.approx([c, s], abs=0.05)
    assert frame.right @ frame.down == pytest.approx(0)
    assert frame.down @ (landmarks[8] - landmarks[27]) > 0


def test_eyes_in_one_point() -> None:
    frame = FaceFrame.of(np.zeros((68, 2)))
    assert frame.unit == 0
    assert (*frame.right, *frame.down) == (1, 0, 0, 1)


def test_a_face_that_looks_ahead_is_not_turned(landmarks: np.ndarray) -> None:
    assert abs(turn_of(landmarks)) < 1


def test_the_turn_is_that_of_the_drawn_heads() -> None:
    faces = open_dictionary("demo:count=200")
    known = np.array([face.source.factors.scene.yaw for face in faces])  # type: ignore[attr-defined]
    found = np.array([turn_of(face.landmarks) for face in faces])
    assert np.corrcoef(known, found)[0, 1] > 0.95
    assert np.abs(known - found).mean() < 2


def test_a_solid_head_is_found_turned_as_it_is() -> None:
    """Outer corners 90 mm apart, the nose tip before them as deep as the mean head's."""
    solid = np.zeros((68, 3))
    solid[36:42], solid[42:48] = (-30, 0, 0), (30, 0, 0)
    solid[36], solid[45], solid[30] = (-45, 0, 0), (45, 0, 0), (0, 40, 0.94 * 45)
    for degrees in (-60, -20, 0, 35, 80):
        c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        seen = np.stack([c * solid[:, 0] + s * solid[:, 2], solid[:, 1]], axis=1)
        assert turn_of(seen) == pytest.approx(degrees, abs=1e-6)


@pytest.mark.parametrize(("nose", "turn"), [(5.0, 90.0), (-5.0, -90.0)])
def test_corners_that_have_changed_places_are_a_profile(nose: float, turn: float) -> None:
    points = np.zeros((68, 2))
    points[36:42], points[42:48] = (-1, 0), (1, 0)
    points[36], points[45], points[30] = (2, 0), (-1, 0), (nose, 4)
    assert turn_of(points) == turn
