"""Where points of the face appear, and which point each pixel shows: two ways that must agree."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from facedissect.demo import sample_factors
from facedissect.demo.nose import nose_height
from facedissect.demo.pose import Pose
from facedissect.demo.shape import face_shape
from facedissect.demo.view import View

POSES = [(0.0, 0.0, 0.0), (15.0, 0.0, 0.0), (0.0, -15.0, 0.0), (-15.0, 15.0, 15.0), (10.0, -10.0, -15.0)]


def view_of(seed: int, yaw: float, pitch: float, roll: float, size: int = 224) -> View:
    factors = sample_factors(seed, yaw=yaw, pitch=pitch, roll=roll)
    return View(face_shape(factors), factors.scene, size)


@pytest.mark.parametrize(("yaw", "pitch", "roll"), POSES)
def test_the_pixel_where_a_point_appears_shows_that_point(yaw: float, pitch: float, roll: float) -> None:
    """Forward with `to_image`, backward by looking up u and v there. A few points are hidden behind the turned nose."""
    for seed in range(4):
        view = view_of(seed, yaw, pitch, roll)
        nose = view.shape.nose
        across, down = np.meshgrid(np.linspace(-0.38, 0.38, 25), np.linspace(-0.35, 0.65, 25))
        points = np.stack([across.ravel(), down.ravel()], axis=1)
        height = nose_height(nose, points[:, 0], points[:, 1])
        places = view.to_image(points, height)[:, ::-1].T - 0.5
        shown = np.stack([map_coordinates(plane, places, order=1) for plane in (view.u, view.v)], axis=1)
        error = np.abs(shown - points).max(1) * view.unit
        assert error[np.abs(points[:, 0]) > 2.2 * nose.wing_width].max() < 0.4
        assert np.mean(error > 0.4) < 0.04
        assert np.median(error) < 0.05


def slow_to_image(pose: Pose, u: float, v: float, angles: tuple[float, float, float], centre: np.ndarray) -> np.ndarray:
    """One point by rotation matrices: on the ellipsoid, turned, tilted, and rolled in the image."""
    yaw, pitch, roll = np.radians(angles)
    skull = pose.shape.skull
    heights = (-1.0, -0.45, 0.2, 0.68, 1.0)
    width = np.polynomial.Polynomial.fit(heights, skull.widths, 4)
    down = v / (skull.top if v < 0 else skull.bottom)
    across = u / width(down)
    point = np.array([across, down, np.sqrt(1 - across**2 - down**2)])
    turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    tilt = np.array([[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]])
    across, down, _ = tilt @ turn @ point
    swing = 0.16 * np.sin(yaw) * max(down, 0.0) ** 2
    head = np.array([across * width(down) + swing, down * (skull.top if down < 0 else skull.bottom)])
    rolled = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]]) @ head
    return rolled * pose.unit + centre


@pytest.mark.parametrize(("yaw", "pitch", "roll"), POSES)
def test_points_are_turned_tilted_and_rolled(yaw: float, pitch: float, roll: float) -> None:
    factors = sample_factors(6, yaw=yaw, pitch=pitch, roll=roll)
    pose = Pose(face_shape(factors), factors.scene, 128)
    centre = np.array([(0.5 + factors.scene.shift_x) * 128, (0.49 + factors.scene.shift_y) * 128])
    for u in (-0.5, -0.1, 0.0, 0.4):
        for v in (-0.6, -0.1, 0.0, 0.5):
            expected = slow_to_image(pose, u, v, (yaw, pitch, roll), centre)
            assert np.allclose(pose.to_image(np.array([[u, v]]))[0], expected, atol=1e-3)


@pytest.mark.parametrize(("yaw", "pitch", "roll"), POSES)
def test_the_window_of_a_box_holds_all_its_pixels(yaw: float, pitch: float, roll: float) -> None:
    view = view_of(2, yaw, pitch, roll, size=128)
    for box in ((-0.4, -0.3, 0.4, 0.3), (0.15, -0.1, 0.45, 0.12), (-0.3, 0.4, 0.3, 0.8), (-0.5, 0.0, -0.2, 0.5)):
        rows, columns = view.window(*box)
        inside = (view.u > box[0]) & (view.u < box[2]) & (view.v > box[1]) & (view.v < box[3]) & (view.inside > 0)
        assert inside.sum() == inside[rows, columns].sum()


def test_the_view_is_in_single_precision() -> None:
    view = view_of(1, 5.0, 5.0, 5.0)
    for plane in (view.x, view.y, view.across, view.down, view.inside, view.front, view.u, view.v, view.far):
        assert plane.dtype == np.float32
