"""The fused tally adds up the very integers of the plain one, whatever comes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from facedissect.bitmasks import BitMasks, Labels
from facedissect.kept_maps import KeptMaps
from facedissect.overlaps import Overlaps
from facedissect.tally import Tally


def labels_of(masks: np.ndarray, concepts: int, rng: np.random.Generator) -> Labels:
    """The masks (mask, height, width) of one image as the labels of as many of the concepts, and some it lacks."""
    order = rng.permutation(concepts)
    present = np.sort(order[: len(masks)])
    absent = np.sort(order[len(masks) :][rng.random(concepts - len(masks)) < 0.5])
    return Labels.of_one(BitMasks.pack(masks), present.tolist(), absent.tolist())


def assert_equal(
    maps: np.ndarray,
    limits: np.ndarray,
    masks: Sequence[np.ndarray],
    size: tuple[int, int],
    zeros: str,
    concepts: int = 7,
) -> Tally:
    """Both ways over maps (image, unit, h, w) and the masks of each image; the tally."""
    rng = np.random.default_rng(0)
    labels = [labels_of(of_one, concepts, rng) for of_one in masks]
    plain, fused = Tally.empty(maps.shape[1], concepts), Tally.empty(maps.shape[1], concepts)
    for values, of_one, told in zip(maps, masks, labels, strict=True):
        plain.update(
            torch.from_numpy(values),
            torch.from_numpy(limits),
            torch.from_numpy(of_one),
            told.present,
            told.absent,
            zeros=zeros,
        )
    images, units = (axis.ravel() for axis in np.indices(maps.shape[:2]))
    flat = maps.reshape(-1, *maps.shape[2:])
    kept = KeptMaps(images=images, units=units, peaks=flat.max((1, 2)), maps=flat)
    told_all = Labels.joined(labels)
    found = Overlaps.of(kept, limits, told_all.masks, told_all.mask_of_image, size, zeros=zeros)
    fused.add(found, told_all)
    for name, values in vars(plain).items():
        np.testing.assert_array_equal(getattr(fused, name), values, err_msg=name)
    return fused


SIZES = [
    ((4, 4), (16, 16)),
    ((7, 7), (224, 224)),
    ((5, 7), (37, 129)),
    ((1, 1), (9, 70)),
    ((1, 6), (64, 64)),
    ((9, 3), (4, 2)),
]


@pytest.mark.parametrize(("source", "size"), SIZES, ids=str)
@pytest.mark.parametrize("zeros", ["count", "ignore"])
def test_random_maps(source: tuple[int, int], size: tuple[int, int], zeros: str, threads: int) -> None:
    rng = np.random.default_rng(1)
    maps = rng.standard_normal((4, 6, *source)).astype(np.float32)
    maps[:, 3] = np.maximum(maps[:, 3], 0)  # as after a ReLU
    limits = np.array([0.0, 0.8, -0.4, 0.0, 2.5, np.nan], np.float32)
    masks = [rng.random((count, *size)) < 0.3 for count in (0, 1, 5, 3)]
    assert_equal(maps, limits, masks, size, zeros)


@settings(deadline=None, max_examples=80)
@given(
    height=st.integers(1, 6),
    width=st.integers(1, 6),
    tall=st.integers(1, 40),
    wide=st.integers(1, 140),
    threshold=st.sampled_from([-1.0, -0.5, 0.0, 0.25, 1.0]),
    zeros=st.sampled_from(["count", "ignore"]),
    seed=st.integers(0, 10**6),
)
def test_maps_full_of_ties_with_the_threshold(
    height: int, width: int, tall: int, wide: int, threshold: float, zeros: str, seed: int
) -> None:
    """Quarters interpolate to exactly the threshold, to zeros of either sign, and to long runs of equal values."""
    rng = np.random.default_rng(seed)
    maps = (rng.integers(-4, 5, (3, 4, height, width)) / 4).astype(np.float32)
    maps[rng.random(maps.shape) < 0.1] = -0.0
    masks = [rng.random((count, tall, wide)) < 0.5 for count in (2, 0, 4)]
    assert_equal(maps, np.full(4, threshold, np.float32), masks, (tall, wide), zeros)


def test_all_firing_none_firing_and_one_pixel() -> None:
    maps = np.zeros((1, 4, 8, 8), np.float32)
    maps[0, 0] = 1
    maps[0, 2, 3, 4] = 1
    maps[0, 3] = np.nextafter(np.float32(0.5), np.float32(1))
    masks = np.zeros((3, 8, 8), bool)
    masks[0] = True
    masks[1, 3, 4] = True
    tally = assert_equal(maps, np.full(4, 0.5, np.float32), [masks], (8, 8), "count", concepts=3)
    assert tally.intersection.tolist() == [[64, 1, 0], [0, 0, 0], [1, 1, 0], [64, 1, 0]]
    assert tally.firing_images.tolist() == [[1, 1, 1], [0, 0, 0], [1, 1, 1], [1, 1, 1]]


def test_three_hundred_concepts_in_one_image(threads: int) -> None:
    rng = np.random.default_rng(2)
    maps = rng.standard_normal((2, 9, 6, 6)).astype(np.float32)
    masks = [rng.random((300, 40, 40)) < 0.05, rng.random((120, 40, 40)) < 0.9]
    assert_equal(maps, np.full(9, 0.7, np.float32), masks, (40, 40), "count", concepts=300)


@pytest.mark.parametrize("scale", [1e-42, 1e-30, 1e30])
def test_values_of_extreme_size(scale: float) -> None:
    rng = np.random.default_rng(3)
    maps = (rng.standard_normal((2, 5, 5, 5)) * scale).astype(np.float32)
    masks = [rng.random((2, 33, 47)) < 0.3] * 2
    assert_equal(maps, np.full(5, 0.3 * scale, np.float32), masks, (33, 47), "count")


def test_neighbours_of_the_threshold() -> None:
    """Values one bit above, at and one bit below it, next to far larger and smaller ones."""
    threshold = np.float32(0.1)
    near = [np.nextafter(threshold, np.float32(s)) for s in (-1, 1)]
    choices = np.array([threshold, *near, 1e4, -1e4, 0.3, 0.0], np.float32)
    maps = np.random.default_rng(4).choice(choices, (8, 20, 5, 4))
    masks = [np.random.default_rng(5).random((2, 61, 67)) < 0.4] * 8
    assert_equal(maps, np.full(20, threshold, np.float32), masks, (61, 67), "count")
