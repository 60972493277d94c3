"""Shapes cover the pixels that a slow plain rewrite of their geometry covers, and move with the face."""

from __future__ import annotations

import math

import numpy as np
import pytest

from facedissect.building.shapes import Disc, Ellipse, Polygon, draw, mirrored

SIZE = (45, 48)


@pytest.fixture(scope="module")
def landmarks(landmarks: np.ndarray) -> np.ndarray:
    """In a small image, since the plain rewrites are slow."""
    return landmarks / 2


def plain_ellipse(x: float, y: float, points: np.ndarray, along: float, across: float, least: float) -> bool:
    """Whether a point is inside, by the angle of the principal direction in closed form."""
    sxx, syy, sxy = points[:, 0].var(), points[:, 1].var(), np.cov(points.T, bias=True)[0, 1]
    angle = 0.5 * math.atan2(2 * sxy, sxx - syy)
    total = 0.0
    for turn, stretch in ((angle, along), (angle + math.pi / 2, across)):
        c, s = math.cos(turn), math.sin(turn)
        spread = [c * px + s * py for px, py in points]
        middle, radius = (max(spread) + min(spread)) / 2, max((max(spread) - min(spread)) / 2 * stretch, least)
        total += ((c * x + s * y - middle) / radius) ** 2
    return total <= 1


def plain_polygon(x: float, y: float, corners: np.ndarray) -> bool:
    """Whether the outline winds around a point: the sum of the angles under which its edges are seen is not 0."""
    total = 0.0
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        turn = math.atan2(y1 - y, x1 - x) - math.atan2(y0 - y, x0 - x)
        total += (turn + math.pi) % (2 * math.pi) - math.pi
    return abs(total) > math.pi


def by_pixel(inside: object) -> np.ndarray:
    height, width = SIZE
    return np.array([[inside(x + 0.5, y + 0.5) for x in range(width)] for y in range(height)])  # type: ignore[operator]


@pytest.mark.parametrize(("along", "across", "least"), [(1.0, 1.0, 0.0), (1.25, 1.6, 0.0), (1.1, 0.2, 0.15)])
@pytest.mark.parametrize("points", [tuple(range(42, 48)), tuple(range(27, 36)), tuple(range(4, 13))], ids=str)
def test_an_ellipse(landmarks: np.ndarray, points: tuple[int, ...], along: float, across: float, least: float) -> None:
    drawn = draw((Ellipse(around=points, along=along, across=across, least=least),), landmarks, SIZE)
    unit = math.dist(landmarks[36:42].mean(0), landmarks[42:48].mean(0))
    expected = by_pixel(lambda x, y: plain_ellipse(x, y, landmarks[list(points)], along, across, least * unit))
    assert expected.sum() >= 4
    assert np.array_equal(drawn, expected)


def test_a_disc(landmarks: np.ndarray) -> None:
    tilted = rotated(landmarks, 25)
    drawn = draw((Disc(at=(30, 33), radius=0.5, height=0.2, moved=(0.1, -0.3)),), tilted, SIZE)
    dx, dy = tilted[42:48].mean(0) - tilted[36:42].mean(0)
    unit = math.hypot(dx, dy)
    right, down = (dx / unit, dy / unit), (-dy / unit, dx / unit)
    middle = (tilted[30] + tilted[33]) / 2
    cx, cy = (middle[axis] + unit * (0.1 * right[axis] - 0.3 * down[axis]) for axis in (0, 1))

    def inside(x: float, y: float) -> bool:
        u, v = ((x - cx) * way[0] + (y - cy) * way[1] for way in (right, down))
        return (u / (0.5 * unit)) ** 2 + (v / (0.2 * unit)) ** 2 <= 1

    assert np.array_equal(drawn, by_pixel(inside))
    assert drawn.sum() == pytest.approx(math.pi * 0.5 * 0.2 * unit**2, rel=0.1)


def test_a_polygon(landmarks: np.ndarray) -> None:
    corners = (*range(5, 12), *range(55, 60))
    drawn = draw((Polygon(corners=corners),), landmarks, SIZE)
    assert np.array_equal(drawn, by_pixel(lambda x, y: plain_polygon(x, y, landmarks[list(corners)])))
    assert drawn.sum() > 20


def test_a_square_covers_the_pixels_whose_centres_it_holds() -> None:
    points = np.zeros((68, 2))
    points[:4] = [[2, 1], [5, 1], [5, 4], [2, 4]]
    drawn = draw((Polygon(corners=(0, 1, 2, 3)),), points, (6, 7))
    expected = np.zeros((6, 7), bool)
    expected[1:4, 2:5] = True
    assert np.array_equal(drawn, expected)


def test_a_region_is_all_that_its_shapes_cover(landmarks: np.ndarray) -> None:
    one, other = Disc(at=(36,), radius=0.2), Disc(at=(45,), radius=0.2)
    both = draw((one, other), landmarks, SIZE)
    assert np.array_equal(both, draw((one,), landmarks, SIZE) | draw((other,), landmarks, SIZE))
    assert both.sum() > draw((one,), landmarks, SIZE).sum() > 0


def test_what_lies_outside_the_image_is_cut_off(landmarks: np.ndarray) -> None:
    shape = (Disc(at=(30,), radius=1.0),)
    whole = draw(shape, landmarks, SIZE)
    moved = draw(shape, landmarks - [20, 15], SIZE)
    assert np.array_equal(moved[: 45 - 15, : 48 - 20], whole[15:, 20:])
    assert not draw(shape, landmarks + 500, SIZE).any()
    assert not draw(shape, landmarks - 500, SIZE).any()


@pytest.mark.parametrize(
    "shape",
    [
        Ellipse(around=(22, 23, 24, 25, 26), along=1.2, across=1.4, least=0.1),
        Disc(at=(45, 54), radius=0.3, height=0.2, moved=(0.1, 0.05)),
        Polygon(corners=(12, 13, 54, 35)),
    ],
    ids=lambda shape: type(shape).__name__,
)
def test_the_mirrored_shape_on_the_mirrored_face_is_the_mirror_image(
    landmarks: np.ndarray, shape: Ellipse | Disc | Polygon
) -> None:
    width = 48
    points = landmarks + np.random.default_rng(0).normal(0, 0.7, landmarks.shape)
    flipped = np.array([points[mirrored(Polygon(corners=(point,))).corners[0]] for point in range(68)])  # type: ignore[union-attr]
    flipped[:, 0] = width - flipped[:, 0]
    one = draw((shape,), points, (45, width))
    other = draw((mirrored(shape),), flipped, (45, width))
    assert np.array_equal(other, one[:, ::-1])
    assert one.any()
    assert mirrored(mirrored(shape)) == shape


def test_every_landmark_has_one_on_the_other_side(landmarks: np.ndarray) -> None:
    """On an upright face that looks ahead, and twice is the same again."""
    partner = mirrored(Polygon(corners=tuple(range(68)))).corners  # type: ignore[union-attr]
    assert sorted(partner) == list(range(68))
    assert [partner[other] for other in partner] == list(range(68))
    middle = landmarks[27, 0]
    across = landmarks[list(partner)] * [-1, 1] + [2 * middle, 0]
    assert np.abs(across - landmarks).max() < 2.0


def test_shapes_have_no_scale(landmarks: np.ndarray) -> None:
    region = (Ellipse(around=tuple(range(48, 68)), along=1.1, across=1.25, least=0.12), Disc(at=(8,), radius=0.3))
    small = draw(region, landmarks, SIZE).sum()
    large = draw(region, landmarks * 6, (SIZE[0] * 6, SIZE[1] * 6)).sum()
    assert large / 36 == pytest.approx(small, rel=0.1)


def rotated(points: np.ndarray, degrees: float) -> np.ndarray:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    centre = points.mean(0)
    turned: np.ndarray = (points - centre) @ np.array([[c, s], [-s, c]]) + centre
    return turned
