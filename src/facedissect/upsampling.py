"""Bilinear upsampling of maps to the size of the images (DESIGN: "Firing mask").

Written as `a + t (b - a)`, first along rows and then along columns, in float32: every kernel does these operations in this order,
so that all of them find the same pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor


@dataclass(frozen=True)
class Axis:
    """Where each pixel of an upsampled axis lies between two positions of a map: `a + weight (b - a)`.

    Attributes:
        low, high: (pixel) the positions before and after it.
        weight: (pixel) how far it is from the one to the other, float32.
    """

    low: Int64[np.ndarray, " pixel"]
    high: Int64[np.ndarray, " pixel"]
    weight: Float32[np.ndarray, " pixel"]

    @classmethod
    @cache
    def between(cls, source: int, target: int) -> Axis:
        """Half-pixel centres with the edge clamped, as `align_corners=False`."""
        position = ((np.arange(target) + 0.5) * source / target - 0.5).clip(0, source - 1)
        low = np.floor(position).astype(np.int64)
        return cls(low, np.minimum(low + 1, source - 1), (position - low).astype(np.float32))

    @cached_property
    def runs(self) -> tuple[Int64[np.ndarray, " run"], Int64[np.ndarray, " run"]]:
        """The first and the last pixel of each run of pixels between the same two positions."""
        first = np.flatnonzero(np.diff(self.low, prepend=-1))
        return first, np.append(first[1:], len(self.low)) - 1


def upsample(maps: Float[Tensor, "unit h w"], size: tuple[int, int]) -> Float[Tensor, "unit height width"]:
    """Bilinear upsampling with half-pixel centres and the edge clamped, as `align_corners=False`.

    Written as `a + t (b - a)`, so that a constant map stays exactly constant and never exceeds its own quantile by rounding.
    """
    for dim, target in ((1, size[0]), (2, size[1])):
        axis = Axis.between(maps.shape[dim], target)
        weight = torch.from_numpy(axis.weight).to(maps).reshape([-1 if d == dim else 1 for d in range(3)])
        a, b = (maps.index_select(dim, torch.from_numpy(index).to(maps.device)) for index in (axis.low, axis.high))
        maps = a + weight * (b - a)
    return maps
