"""Run lengths of masks, as COCO counts them: down the columns, beginning outside, so that every second run lies inside.

They are short where masks are compact, and quick to read: decoding one is a single call of NumPy.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, UInt32


def encode_mask(mask: Bool[np.ndarray, "height width"]) -> UInt32[np.ndarray, " runs"]:
    """The lengths in pixels of the runs of a mask; the first is 0 where the left upper pixel lies inside."""
    pixels = mask.T.ravel()
    if not pixels.size:
        return np.zeros(0, np.uint32)
    changes = np.flatnonzero(pixels[1:] != pixels[:-1]) + 1
    begins = [0, 0] if pixels[0] else [0]
    return np.diff(np.concatenate((begins, changes, [pixels.size]))).astype(np.uint32)


def decode_mask(runs: UInt32[np.ndarray, " runs"], height: int, width: int) -> Bool[np.ndarray, "height width"]:
    """The mask of which `runs` are the lengths in pixels.

    Raises:
        ValueError: they do not add up to the pixels of such a mask.
    """
    total = int(runs.sum(dtype=np.int64))  # compared first, since wrong ones could ask for any amount of memory
    if total != height * width:
        raise ValueError(f"expected runs of {width}x{height} = {height * width} pixels, got {total}")
    inside = np.zeros(len(runs), bool)
    inside[1::2] = True
    return np.ascontiguousarray(np.repeat(inside, runs).reshape(width, height).T)
