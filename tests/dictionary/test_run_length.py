"""Run lengths: any mask comes back, and they are those that COCO counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from facedissect.dictionary.run_length import decode_mask, encode_mask

masks = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=12))


@given(masks)
def test_any_mask_comes_back(mask: np.ndarray) -> None:
    runs = encode_mask(mask)
    again = decode_mask(runs, *mask.shape)
    assert np.array_equal(again, mask)
    assert (again.dtype, again.flags.c_contiguous, again.flags.writeable) == (np.dtype(bool), True, True)


@given(masks)
def test_runs_are_those_of_coco(mask: np.ndarray) -> None:
    """Counted pixel by pixel down the columns, as the reference implementation does."""
    counts, last, length = [], False, 0
    for pixel in mask.flatten(order="F").tolist():
        if pixel != last:
            counts.append(length)
            last, length = pixel, 0
        length += 1
    counts.append(length)
    runs = encode_mask(mask)
    assert runs.tolist() == counts
    assert runs.dtype == np.uint32
    assert runs[1::2].sum() == mask.sum()


@given(st.sampled_from([(1, 1), (3, 5), (200, 300)]))
def test_empty_and_full_masks_are_one_run(shape: tuple[int, int]) -> None:
    pixels = shape[0] * shape[1]
    assert encode_mask(np.zeros(shape, bool)).tolist() == [pixels]
    assert encode_mask(np.ones(shape, bool)).tolist() == [0, pixels]


def test_a_mask_in_any_layout_of_memory_is_the_same() -> None:
    mask = np.random.default_rng(0).random((9, 14)) < 0.5
    for laid_out in (np.asfortranarray(mask), np.repeat(mask, 2, axis=1)[:, ::2]):
        assert encode_mask(laid_out).tolist() == encode_mask(mask).tolist()


def test_a_mask_without_pixels_has_no_runs() -> None:
    assert decode_mask(encode_mask(np.zeros((0, 4), bool)), 0, 4).shape == (0, 4)


@pytest.mark.parametrize("runs", [[], [11], [13], [4, 4, 5], [2**32 - 1, 2**32 - 1]])
def test_runs_of_another_size_are_refused(runs: list[int]) -> None:
    with pytest.raises(ValueError, match=f"expected runs of 4x3 = 12 pixels, got {sum(runs)}"):
        decode_mask(np.array(runs, np.uint32), 3, 4)
