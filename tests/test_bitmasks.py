from __future__ import annotations

import numpy as np
import pytest

from facedissect.bitmasks import BitMasks, Labels


@pytest.mark.parametrize("size", [(1, 1), (5, 64), (7, 65), (224, 224), (3, 129)])
def test_masks_survive_being_packed(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    masks = rng.random((6, *size)) < np.array([0, 0.01, 0.3, 0.9, 1, 0.5])[:, None, None]
    packed = BitMasks.pack(masks)
    np.testing.assert_array_equal(packed.unpack(size[0]), masks)
    np.testing.assert_array_equal(packed.area, masks.sum((1, 2)))


def test_only_rows_that_hold_a_pixel_are_kept() -> None:
    masks = np.zeros((2, 100, 10), bool)
    masks[0, [40, 44], 3] = True
    packed = BitMasks.pack(masks)
    assert packed.first.tolist() == [40, 0]
    assert packed.start.tolist() == [0, 5, 5]
    assert packed.words[:, 0].tolist() == [8, 0, 0, 0, 8]


def test_no_masks_at_all() -> None:
    packed = BitMasks.pack(np.zeros((0, 8, 8), bool))
    assert (len(packed), packed.words.shape) == (0, (0, 1))
    assert packed.unpack(8).shape == (0, 8, 8)


def test_labels_of_several_images_are_joined_and_survive_being_written() -> None:
    rng = np.random.default_rng(1)
    masks = [rng.random((count, 9, 70)) < 0.2 for count in (2, 0, 3)]
    present, absent = [[1, 4], [], [0, 2, 5]], [[0], [3, 4], []]
    parts = [Labels.of_one(BitMasks.pack(m), p, a) for m, p, a in zip(masks, present, absent, strict=True)]
    joined = Labels.joined(parts)
    read = Labels.from_arrays(70, joined.arrays())
    for labels in (joined, read):
        assert len(labels) == 3
        assert labels.present.tolist() == [1, 4, 0, 2, 5]
        assert labels.mask_of_image.tolist() == [0, 2, 2, 5]
        assert labels.absent.tolist() == [0, 3, 4]
        assert labels.absent_of_image.tolist() == [0, 1, 3, 3]
        np.testing.assert_array_equal(labels.masks.unpack(9), np.concatenate(masks))
