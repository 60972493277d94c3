"""Preprocess: exact nearest masks, one geometry for image and mask, and values that make no sense."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.ndimage import binary_dilation

from facedissect.errors import FaceReadError, SettingsError
from facedissect.model.alignment import ARCFACE_TEMPLATE, five_points, similarity_to_template
from facedissect.model.preprocess import ChannelOrder, Preprocess, ValueRange


def landmarks_of(five: np.ndarray) -> np.ndarray:
    """68 landmarks whose eye centres, nose tip and mouth corners are the five points."""
    points = np.zeros((68, 2))
    points[36:42], points[42:48] = five[0], five[1]
    points[30], points[48], points[54] = five[2:]
    return points


def face_at(x: float, y: float, width: float, turn: float) -> np.ndarray:
    """The template as landmarks of a face of some width around (x, y), turned by radians."""
    z = ((ARCFACE_TEMPLATE - 56) @ [1, 1j]) * width / 112 * np.exp(1j * turn)
    return landmarks_of(np.stack([z.real + x, z.imag + y], axis=1))


def test_image_is_pillows_resize_scaled_and_normalised() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    image = Image.fromarray(pixels)
    preprocess = Preprocess(size=(16, 24), mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7), interpolation="bicubic")
    expected = np.array(image.resize((24, 16), Image.Resampling.BICUBIC), np.float64) / 255
    expected = (expected - [0.1, 0.2, 0.3]) / [0.5, 0.6, 0.7]
    got = preprocess.image(image)
    assert got.shape == (3, 16, 24)
    assert got.dtype == torch.float32
    np.testing.assert_allclose(got.permute(1, 2, 0).numpy(), expected, atol=1e-6)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("order", ["rgb", "bgr"])
@pytest.mark.parametrize("value_range", ["0-1", "0-255"])
def test_a_cuda_device_scales_to_the_same_bits(order: ChannelOrder, value_range: ValueRange) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 40, 60, 3), np.uint8)
    preprocess = Preprocess(
        size=(40, 60), mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7), channel_order=order, value_range=value_range
    )
    there = preprocess.scaled(pixels, torch.device("cuda"))
    assert there.is_cuda
    np.testing.assert_array_equal(there.cpu().numpy(), preprocess.scaled(pixels).numpy())


@pytest.mark.parametrize("mode", ["L", "RGBA", "P"])
def test_image_of_any_mode_becomes_rgb(mode: str) -> None:
    assert Preprocess(size=(8, 8)).image(Image.new(mode, (9, 9))).shape == (3, 8, 8)


@given(
    source=st.tuples(st.integers(1, 40), st.integers(1, 40)), target=st.tuples(st.integers(1, 40), st.integers(1, 40))
)
def test_mask_takes_the_nearest_source_pixel(source: tuple[int, int], target: tuple[int, int]) -> None:
    mask = np.random.default_rng(1).random(source) < 0.5
    got = Preprocess(size=target).mask(mask)
    for i in range(target[0]):
        for j in range(target[1]):
            row, column = (2 * i + 1) * source[0] // (2 * target[0]), (2 * j + 1) * source[1] // (2 * target[1])
            assert got[i, j] == mask[row, column]


def centre(weights: np.ndarray) -> np.ndarray:
    """The centre of mass (x, y), pixel centres at half-integers."""
    y, x = np.mgrid[0 : weights.shape[0], 0 : weights.shape[1]] + 0.5
    return np.array([(x * weights).sum(), (y * weights).sum()]) / weights.sum()


def painted(width: int, height: int, x: float, y: float, radius: float) -> tuple[Image.Image, np.ndarray]:
    """A black image with a white disc, and the disc as a mask."""
    rows, columns = np.mgrid[0:height, 0:width] + 0.5
    mask = (columns - x) ** 2 + (rows - y) ** 2 <= radius**2
    return Image.fromarray(np.repeat((mask * 255).astype(np.uint8)[..., None], 3, axis=2)), mask


@settings(max_examples=60, deadline=None)
@given(
    crop=st.sampled_from(["none", "box", "align"]),
    size=st.tuples(st.integers(48, 130), st.integers(48, 130)),
    image_size=st.tuples(st.integers(90, 300), st.integers(90, 300)),
    place=st.tuples(st.floats(0.3, 0.7), st.floats(0.3, 0.7)),
    width=st.floats(0.5, 1.2),
    turn=st.floats(-0.5, 0.5),
    margin=st.floats(0, 0.5),
)
def test_a_mask_drawn_on_the_image_stays_on_its_pixels(
    crop: str,
    size: tuple[int, int],
    image_size: tuple[int, int],
    place: tuple[float, float],
    width: float,
    turn: float,
    margin: float,
) -> None:
    image_width, image_height = image_size
    x, y = place[0] * image_width, place[1] * image_height
    face = width * min(image_size)
    image, mask = painted(image_width, image_height, x, y, radius=0.15 * face)
    box = (x - face / 2, y - face / 2, x + face / 2, y + face / 2)
    landmarks = face_at(x, y, face, turn)
    preprocess = Preprocess(size=size, crop=crop, margin=margin)  # type: ignore[arg-type]
    moved_image = preprocess.image(image, box=box, landmarks=landmarks)[0].numpy()
    moved_mask = preprocess.mask(mask, box=box, landmarks=landmarks)
    assert moved_mask.any()
    distance = np.abs(centre(moved_image) - centre(moved_mask))
    assert distance.max() < 1, distance
    bright, around = moved_image > 0.5, np.ones((3, 3), bool)
    assert not (bright & ~binary_dilation(moved_mask, around)).any()
    assert not (moved_mask & ~binary_dilation(bright, around)).any()


def test_box_crop_widens_to_the_aspect_ratio_and_pads_with_black() -> None:
    image = Image.new("RGB", (100, 100), (255, 255, 255))
    preprocess = Preprocess(size=(20, 20), crop="box")
    # 20 wide and 40 high at the left edge: widened to 40 x 40, of which the left 10 columns lie outside.
    box = (0.0, 30.0, 20.0, 70.0)
    pixels = preprocess.image(image, box=box)[0]
    assert (pixels[:, :4] == 0).all()
    assert (pixels[:, 6:] == 1).all()
    mask = preprocess.mask(np.ones((100, 100), bool), box=box)
    np.testing.assert_array_equal(mask, np.arange(20)[None, :].repeat(20, 0) >= 5)


def test_margin_is_a_share_of_the_box_on_every_side() -> None:
    mask = np.zeros((100, 100), bool)
    mask[40:60, 40:60] = True
    moved = Preprocess(size=(40, 40), crop="box", margin=0.5).mask(mask, box=(40, 40, 60, 60))
    expected = np.zeros((40, 40), bool)
    expected[10:30, 10:30] = True
    np.testing.assert_array_equal(moved, expected)


@pytest.mark.parametrize("size", [(112, 112), (224, 224), (96, 128)])
def test_alignment_takes_the_five_points_to_the_template(size: tuple[int, int]) -> None:
    landmarks = face_at(140.0, 90.0, 70.0, 0.3)
    got = similarity_to_template(landmarks, size)(five_points(landmarks))
    scale = min(size) / 112
    np.testing.assert_allclose(got, (ARCFACE_TEMPLATE - 56) * scale + [size[1] / 2, size[0] / 2], atol=1e-9)


def test_alignment_is_a_similarity_even_where_the_face_is_not_the_template() -> None:
    landmarks = landmarks_of(np.random.default_rng(2).random((5, 2)) * 100)
    matrix = similarity_to_template(landmarks, (112, 112)).matrix[:, :2]
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(2) * np.linalg.det(matrix), atol=1e-9)
    assert np.linalg.det(matrix) > 0


def test_align_antialiases_a_large_image() -> None:
    stripes = np.zeros((800, 800, 3), np.uint8)
    stripes[:, ::2] = 255
    landmarks = face_at(400, 400, 600, 0)
    got = Preprocess(size=(56, 56), crop="align").image(Image.fromarray(stripes), landmarks=landmarks)
    assert (got[:, 10:-10, 10:-10] - 0.5).abs().max() < 0.05


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"size": 0}, "expected size as one positive whole number or"),
        ({"size": (1, 2, 3)}, "expected size as"),
        ({"size": 1.5}, "expected size as"),
        ({"size": 8, "std": (1.0, 0.0, 1.0)}, "expected std other than 0"),
        ({"size": 8, "mean": (1.0, 2.0)}, "expected mean as three finite numbers"),
        ({"size": 8, "mean": (1.0, 2.0, float("nan"))}, "expected mean as three finite numbers"),
        (
            {"size": 8, "interpolation": "area"},
            "expected interpolation to be one of nearest, bilinear, bicubic, lanczos, got 'area'",
        ),
        ({"size": 8, "channel_order": "grb"}, "expected channel_order to be one of rgb, bgr, got 'grb'"),
        ({"size": 8, "value_range": "1"}, "expected value_range to be one of 0-1, 0-255, got '1'"),
        ({"size": 8, "crop": "face"}, "expected crop to be one of none, box, align, got 'face'"),
        ({"size": 8, "margin": -1.0}, "expected a margin of 0 or more"),
    ],
)
def test_values_that_make_no_sense(values: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Preprocess(**values)  # type: ignore[arg-type]


def test_a_crop_that_makes_no_sense() -> None:
    mask = np.ones((40, 50), bool)
    box, align = Preprocess(size=(8, 8), crop="box"), Preprocess(size=(8, 8), crop="align")
    with pytest.raises(FaceReadError, match=r"with an area"):
        box.mask(mask, box=(10, 10, 10, 20))
    with pytest.raises(FaceReadError, match=r"inside the 50 x 40 image"):
        box.mask(mask, box=(60, 10, 70, 20))
    with pytest.raises(FaceReadError, match=r"68 finite landmarks"):
        align.mask(mask, landmarks=np.full((68, 2), np.nan))
    with pytest.raises(FaceReadError, match=r"all of them in one point"):
        align.mask(mask, landmarks=np.ones((68, 2)))


@pytest.mark.parametrize(
    ("crop", "box", "landmarks", "whole"),
    [
        ("none", (1.0, 2.0, 9.0, 9.0), face_at(20, 20, 10, 0), True),
        ("box", None, face_at(20, 20, 10, 0), True),
        ("box", (1.0, 2.0, 9.0, 9.0), None, False),
        ("align", (1.0, 2.0, 9.0, 9.0), None, True),
        ("align", None, face_at(20, 20, 10, 0), False),
    ],
)
def test_a_face_without_what_its_crop_needs_is_shown_whole(
    crop: str, box: Any, landmarks: np.ndarray | None, whole: bool
) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (40, 50, 3), np.uint8)
    mask = pixels[..., 0] > 127
    plain, cropped = Preprocess(size=(16, 16)), Preprocess(size=(16, 16), crop=crop)  # type: ignore[arg-type]
    assert cropped.shows_whole(box=box, landmarks=landmarks) == whole
    images = [p.image(Image.fromarray(pixels), box=box, landmarks=landmarks) for p in (plain, cropped)]
    masks = [p.mask(mask, box=box, landmarks=landmarks) for p in (plain, cropped)]
    assert torch.equal(*images) == whole
    assert np.array_equal(*masks) == whole


def test_channels_may_be_turned_round_and_run_to_255() -> None:
    image = Image.new("RGB", (4, 4), (10, 20, 30))
    preprocess = Preprocess(
        size=(2, 2), mean=(1.0, 2.0, 3.0), std=(2.0, 4.0, 8.0), channel_order="bgr", value_range="0-255"
    )
    assert preprocess.image(image)[:, 0, 0].tolist() == [(30 - 1) / 2, (20 - 2) / 4, (10 - 3) / 8]
    seen = preprocess.geometry.image(image)[:, 0, 0]
    torch.testing.assert_close(seen, torch.tensor([10.0, 20.0, 30.0]) / 255)


def test_a_margin_makes_the_aligned_face_smaller_around_the_same_centre() -> None:
    landmarks = face_at(140.0, 90.0, 70.0, 0.3)
    close, wide = (similarity_to_template(landmarks, (112, 112), margin)(five_points(landmarks)) for margin in (0, 0.5))
    np.testing.assert_allclose(wide - 56, (close - 56) / 2, atol=1e-9)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("crop", ["none", "align"])
def test_every_interpolation_resizes_and_turns(interpolation: str, crop: str) -> None:
    image = Image.new("RGB", (300, 300), (51, 102, 153))
    preprocess = Preprocess(size=(32, 32), interpolation=interpolation, crop=crop)  # type: ignore[arg-type]
    got = preprocess.image(image, landmarks=face_at(150, 150, 90, 0.2))
    torch.testing.assert_close(got.mean((1, 2)), torch.tensor([0.2, 0.4, 0.6]), atol=0.01, rtol=0)


def test_an_int_is_a_square_and_values_survive_json() -> None:
    preprocess = Preprocess(size=112, mean=(0.5, 0.5, 0.5), crop="box", margin=0.25)  # type: ignore[arg-type]
    assert preprocess.size == (112, 112)
    assert Preprocess.from_dict(json.loads(json.dumps(preprocess.as_dict()))) == preprocess
    with pytest.raises(SettingsError, match=r"expected preprocessing values named .*got colour"):
        Preprocess.from_dict({"colour": 1})
