"""Signature: pixels tell exact copies, and the perceptual hash is what its definition says."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image

from facedissect.curation.signature import SIDE, Signature, phash


def slow_phash(thumbnail: np.ndarray) -> int:
    """The definition, sum by sum."""
    frequencies = []
    for row in range(8):
        for column in range(8):
            total = 0.0
            for y in range(SIDE):
                for x in range(SIDE):
                    waves = math.cos(math.pi * (2 * y + 1) * row / (2 * SIDE)) * math.cos(
                        math.pi * (2 * x + 1) * column / (2 * SIDE)
                    )
                    total += float(thumbnail[y, x]) * waves
            # The orthonormal factors: frequency 0 counts by the square root of a half of the others.
            frequencies.append(total * (2**-0.5 if row == 0 else 1) * (2**-0.5 if column == 0 else 1))
    median = float(np.median(frequencies[1:]))
    bits = ["0", *("1" if value > median else "0" for value in frequencies[1:])]
    return int("".join(bits), 2)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_hash_is_that_of_its_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    smooth = Image.fromarray(rng.integers(0, 256, (5, 5), np.uint8)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    thumbnail = np.asarray(smooth)
    assert phash(thumbnail) == slow_phash(thumbnail)


def test_half_of_the_bits_are_one(pictures: list[Image.Image]) -> None:
    assert {Signature.of(image).phash.bit_count() for image in pictures[:20]} == {31}


def test_the_same_pixels_are_the_same_in_any_file(pictures: list[Image.Image], tmp_path) -> None:
    signatures = []
    for suffix in ("png", "bmp", "tiff"):
        pictures[0].save(tmp_path / f"face.{suffix}")
        signatures.append(Signature.of(Image.open(tmp_path / f"face.{suffix}").convert("RGB")))
    assert signatures == [Signature.of(pictures[0])] * 3


def test_one_pixel_or_the_shape_makes_another_digest(pictures: list[Image.Image]) -> None:
    other = pictures[0].copy()
    other.putpixel((3, 4), (1, 2, 3))
    assert Signature.of(other).digest != Signature.of(pictures[0]).digest
    flat, upright = Image.new("RGB", (8, 2)), Image.new("RGB", (2, 8))
    assert flat.tobytes() == upright.tobytes()
    assert Signature.of(flat).digest != Signature.of(upright).digest


def test_brightness_hardly_changes_the_hash_and_a_crop_is_near_the_inner_one(pictures: list[Image.Image]) -> None:
    for image in pictures[:20]:
        whole = Signature.of(image)
        darker = Signature.of(image.point(lambda value: value * 0.5))
        assert (whole.phash ^ darker.phash).bit_count() <= 4
        crop = Signature.of(image.crop((3, 3, 93, 93)))  # 3 of 96 pixels: about the margin
        assert (whole.inner_phash ^ crop.phash).bit_count() <= 4
