"""The 68 landmarks lie on what is drawn, and move with the head."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import binary_dilation

from facedissect.demo import DrawnFace, FaceFactors, draw_face, locate_face, sample_factors

JAW, RIGHT_BROW, LEFT_BROW, NOSE = slice(0, 17), slice(17, 22), slice(22, 27), slice(27, 36)
RIGHT_EYE, LEFT_EYE, MOUTH = slice(36, 42), slice(42, 48), slice(48, 68)
PART_OF = {
    "right_brow": RIGHT_BROW,
    "left_brow": LEFT_BROW,
    "nose": NOSE,
    "right_eye": RIGHT_EYE,
    "left_eye": LEFT_EYE,
    "mouth": MOUTH,
}
NEAR = 3
"""Pixels at 224 within which a landmark on the edge of a part lies from its mask."""
INNER_FACE = slice(27, 68)


@pytest.mark.parametrize(("yaw", "pitch", "roll"), [(0, 0, 0), (15, 0, 0), (-15, 10, 15), (8, -15, -15), (-12, 15, 0)])
def test_landmarks_lie_in_or_beside_the_mask_of_their_part(yaw: float, pitch: float, roll: float) -> None:
    for seed in range(3):
        factors = sample_factors(seed, yaw=yaw, pitch=pitch, roll=roll, hair_style="buzz", Eyeglasses=False)
        face = draw_face(factors, 224)
        for part, points in PART_OF.items():
            near = binary_dilation(face.masks[part], iterations=NEAR)
            columns, rows = np.floor(face.landmarks[points]).astype(int).T
            assert near[rows, columns].all(), (part, seed)


def test_landmarks_come_in_the_ibug_order() -> None:
    points, _ = locate_face(sample_factors(1, yaw=0.0, pitch=0.0, roll=0.0, AU_26=False), 128)
    for part in (JAW, RIGHT_BROW, LEFT_BROW):
        assert (np.diff(points[part, 0]) > 0).all()
    assert points[8, 1] == points[:, 1].max()
    assert (np.diff(points[27:31, 1]) > 0).all()
    assert (np.diff(points[31:36, 0]) > 0).all()
    for corner, opposite, upper, lower in ((36, 39, (37, 38), (41, 40)), (42, 45, (43, 44), (47, 46))):
        assert points[corner, 0] < points[opposite, 0]
        for above, below in zip(upper, lower, strict=True):
            assert points[above, 1] < points[below, 1]
            assert points[above, 0] == pytest.approx(points[below, 0], abs=1.0)
    assert (np.diff(points[48:55, 0]) > 0).all()
    assert (np.diff(points[55:60, 0]) < 0).all()
    assert (np.diff(points[60:65, 0]) > 0).all()
    assert (points[[50, 51, 52], 1] < points[[58, 57, 56], 1]).all()


def test_a_frontal_face_is_symmetric() -> None:
    points, _ = locate_face(FaceFactors(), 200)
    mirror = [*range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1)]
    mirror += [45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40]
    mirror += [54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65]
    assert np.allclose(points[mirror] * (-1, 1) + (200, 0), points, atol=1e-3)


@pytest.mark.parametrize(("turn", "axis"), [("yaw", 0), ("pitch", 1)])
def test_turning_moves_all_inner_landmarks_the_same_way_and_the_nose_furthest(turn: str, axis: int) -> None:
    for seed in range(8):
        straight = {"yaw": 0.0, "pitch": 0.0, "roll": 0.0}
        before, after = (
            locate_face(sample_factors(seed, **{**straight, turn: angle}), 128)[0][INNER_FACE] for angle in (0.0, 12.0)
        )
        moved = (after - before)[:, axis]
        assert (moved > 1.0).all()
        assert np.argmax(moved) + INNER_FACE.start in range(29, 36)


def test_rolling_turns_the_landmarks_around_the_middle_of_the_head() -> None:
    straight = locate_face(sample_factors(3, yaw=5.0, roll=0.0), 128)[0]
    rolled = locate_face(sample_factors(3, yaw=5.0, roll=10.0), 128)[0]
    cos, sin = np.cos(np.radians(10.0)), np.sin(np.radians(10.0))
    spread, spread_rolled = straight - straight.mean(0), rolled - rolled.mean(0)
    assert np.allclose(spread @ np.array([[cos, sin], [-sin, cos]]), spread_rolled, atol=1e-3)


def test_expressions_move_their_landmarks() -> None:
    def points(**labels: bool) -> np.ndarray:
        neutral = dict.fromkeys(
            ("Smiling", "AU_12", "AU_15", "AU_20", "AU_25", "AU_26", "AU_17", "AU_1", "AU_4"), False
        )
        return locate_face(
            sample_factors(4, yaw=0.0, pitch=0.0, roll=0.0, Narrow_Eyes=False, **{**neutral, **labels}), 224
        )[0]

    rest = points()
    assert points(Smiling=True, AU_12=True)[[48, 54], 1].mean() < rest[[48, 54], 1].mean() - 3
    assert points(AU_15=True)[[48, 54], 1].mean() > rest[[48, 54], 1].mean() + 2
    opened = points(AU_25=True, AU_26=True)
    assert opened[66, 1] - opened[62, 1] > rest[66, 1] - rest[62, 1] + 5
    assert opened[8, 1] > rest[8, 1] + 3
    assert points(AU_1=True)[[21, 22], 1].mean() < rest[[21, 22], 1].mean() - 4
    assert points(AU_4=True)[[21, 22], 1].mean() > rest[[21, 22], 1].mean() + 3


def test_the_box_holds_the_landmarks_and_lies_in_the_image(turned: list[tuple[FaceFactors, DrawnFace]]) -> None:
    for _, face in turned:
        left, top, right, bottom = face.box
        size = face.image.shape[0]
        assert 0 <= left < right <= size
        assert 0 <= top < bottom <= size
        assert (face.landmarks >= (left, top)).all()
        assert (face.landmarks <= (right, bottom)).all()
