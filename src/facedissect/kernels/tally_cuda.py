"""The fused tally for CUDA, in Triton: upsample, compare and intersect in registers; no upsampled map is ever held.

A program takes one pair of an image and a unit, and blocks of 32 rows of the image one after the other. Each of its lanes holds
pixels of all rows in some columns, so that what fires in a column of a block is one word of 32 bits, of which one `and` with the
mask's word, turned the same way, tells the intersection. Between two neighbouring rows of the map, a *band*, four values of
the map serve all rows of a column; a band in which neither row of the map exceeds the threshold is passed over.

The arithmetic is that of `upsampling.upsample` in IEEE float32, operation by operation: nothing may be contracted to a fused
multiply-add, as Triton does by default, so each launch takes `EXACT`.

Import this file only where it is used: Triton comes with the CUDA builds of torch alone.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
import triton
import triton.language as tl
from jaxtyping import Float32, Int32, Int64
from torch import Tensor

from ..bitmasks import BitMasks
from ..upsampling import Axis

BLOCK = 32  # rows of an image in a word
EXACT = {"enable_fp_fusion": False}
"""Options of each compilation: no contraction, neither by LLVM nor by ptxas."""


class Geometry(NamedTuple):
    """Where the pixels of an upsampled map lie between the positions of a map.

    Attributes:
        band: (row) the map's row before each row of pixels; the one after it is the next, or itself at the end.
        band_start: rows band_start[i] to band_start[i + 1] have the band i; as long as the map has rows, and one more.
        row_weight: (row) how far it is from the one row of the map to the other.
        column_low, column_high, column_weight: (column) the same for columns.
    """

    band: Int32[Tensor, " row"]
    band_start: Int32[Tensor, " band+1"]
    row_weight: Float32[Tensor, " row"]
    column_low: Int32[Tensor, " column"]
    column_high: Int32[Tensor, " column"]
    column_weight: Float32[Tensor, " column"]

    @classmethod
    def between(cls, rows: Axis, columns: Axis, map_height: int, device: torch.device) -> Geometry:
        """From the axes, for maps that are `map_height` high."""
        starts = np.searchsorted(rows.low, np.arange(map_height + 1))
        tables = [rows.low, starts, rows.weight, columns.low, columns.high, columns.weight]
        kinds = [np.int32, np.int32, np.float32, np.int32, np.int32, np.float32]
        return cls(*(_moved(table.astype(kind), device) for table, kind in zip(tables, kinds, strict=True)))


class MasksOnGpu(NamedTuple):
    """The masks of some images (`bitmasks.BitMasks`), as words of rows instead of columns.

    Attributes:
        mask_of_image: image i has the masks mask_of_image[i] to mask_of_image[i + 1].
        first: (mask) the row of the image in which a mask starts.
        start: mask m has start[m + 1] - start[m] rows.
        columns: (mask, block, column) bit y of a word is the pixel in row 32 * block + y; columns up to a power of 2.
        most: the most masks of an image.
    """

    mask_of_image: Int64[Tensor, " image+1"]
    first: Int64[Tensor, " mask"]
    start: Int64[Tensor, " mask+1"]
    columns: Int32[Tensor, "mask block column"]
    most: int

    @classmethod
    def of(cls, masks: BitMasks, mask_of_image: np.ndarray, height: int, device: torch.device) -> MasksOnGpu:
        """Masks of images that are `height` pixels high, moved; they serve all layers of a network."""
        first, start = _moved(masks.first, device), _moved(masks.start, device)
        return cls(
            mask_of_image=_moved(mask_of_image, device),
            first=first,
            start=start,
            columns=_columns(_moved(masks.words.view(np.int64), device), first, start, (height, masks.width)),
            most=int(np.diff(mask_of_image).max(initial=0)),
        )


def overlaps_on_gpu(
    maps: Float32[Tensor, "map h w"],
    rows_of_maps: Int64[Tensor, " pair"],
    units: Int64[Tensor, " pair"],
    images: Int64[Tensor, " pair"],
    thresholds: Float32[Tensor, " unit"],
    masks: MasksOnGpu,
    geometry: Geometry,
    *,
    ignore_zeros: bool,
) -> tuple[Int64[Tensor, " pair"], Int32[Tensor, "pair most"]]:
    """Areas of firing masks, and what they share with the masks of their images.

    Args:
        maps: raw activation maps.
        rows_of_maps: (pair) where its map is.
        units: (pair) its unit.
        images: (pair) its image. Pairs of one image had better be neighbours, since they read the same masks.
        thresholds: T_u; NaN for a unit that never fires.
        masks: of the images.
        geometry: of these maps and the images.
        ignore_zeros: whether an upsampled value of exactly 0 never fires.

    Returns:
        Pixels of M_u of each pair, and those in each mask of its image; 0 beyond the image's last mask.
    """
    pairs, device = len(units), maps.device
    area = torch.empty(pairs, dtype=torch.int64, device=device)
    shared = torch.empty((pairs, masks.most), dtype=torch.int32, device=device)
    if not pairs:
        return area, shared
    map_height, map_width = maps.shape[1:]
    height, width = len(geometry.row_weight), len(geometry.column_weight)
    with torch.cuda.device_of(maps):
        tally_pairs[(pairs,)](
            *(given.contiguous() for given in (maps, rows_of_maps, units, images, thresholds)),
            *geometry,
            masks.mask_of_image, masks.first, masks.start, masks.columns,
            area, shared,
            map_height, map_width, height, width, masks.most,
            **constants(map_width, width, masks.most, ignore_zeros=ignore_zeros),
            num_warps=warps(width), **EXACT,
        )  # fmt: skip
    return area, shared


def constants(map_width: int, width: int, most: int, *, ignore_zeros: bool) -> dict[str, Any]:
    """What `tally_pairs` is compiled for; lengths of vectors are powers of 2."""
    return {
        "ignore_zeros": ignore_zeros,
        "map_lanes": triton.next_power_of_2(map_width),
        "lanes": _lanes(width),
        "mask_lanes": triton.next_power_of_2(max(1, most)),
    }


def warps(width: int) -> int:
    """Warps of a program: one of them, in which nothing waits for another, holds 256 columns."""
    return max(1, min(8, _lanes(width) // 256))


def _lanes(width: int) -> int:
    return max(32, int(triton.next_power_of_2(width)))


def _columns(
    words: Int64[Tensor, "row word"],
    first: Int64[Tensor, " mask"],
    start: Int64[Tensor, " mask+1"],
    size: tuple[int, int],
) -> Int32[Tensor, "mask block column"]:
    """Masks with a word for 32 rows of a column, made of those with a word for 64 columns of a row."""
    shape = (len(first), -(-size[0] // BLOCK), _lanes(size[1]))
    columns = torch.empty(shape, dtype=torch.int32, device=words.device)
    if columns.numel():
        with torch.cuda.device_of(words):
            turn_masks[shape[:2]](
                words,
                first,
                start,
                columns,
                words.shape[1],
                shape[1],
                size[1],
                lanes=shape[2],
                num_warps=warps(size[1]),
            )
    return columns


def _moved(array: np.ndarray, device: torch.device) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array)).to(device)


# Numbers of rows, columns, pixels of one image or map, words of a row and blocks are below 2**31 and stay int32. What is
# multiplied by the number of a map, a mask, a row of masks or a pair is int64.


@triton.jit  # type: ignore[untyped-decorator]
def tally_pairs(  # type: ignore[no-untyped-def]
    maps, rows_of_maps, units, images, thresholds,
    band_of_row, band_start, row_weight, column_low, column_high, column_weight,
    mask_of_image, mask_first, mask_start, mask_columns,
    area, shared,
    map_height, map_width, height, width, most,
    ignore_zeros: tl.constexpr, map_lanes: tl.constexpr, lanes: tl.constexpr, mask_lanes: tl.constexpr,
):  # fmt: skip
    """One program for each pair: `overlaps_on_gpu`."""
    pair = tl.program_id(0).to(tl.int64)
    threshold = tl.load(thresholds + tl.load(units + pair))
    image = tl.load(images + pair)
    values = maps + tl.load(rows_of_maps + pair) * (map_height * map_width)
    begin, end = tl.load(mask_of_image + image), tl.load(mask_of_image + image + 1)
    x = tl.arange(0, lanes)
    inside = x < width
    low = tl.load(column_low + x, mask=inside, other=0)
    high = tl.load(column_high + x, mask=inside, other=0)
    weight = tl.load(column_weight + x, mask=inside, other=0.0)
    j = tl.arange(0, map_lanes)
    place = tl.arange(0, mask_lanes)
    blocks = tl.cdiv(height, 32)
    pixels = tl.zeros([lanes], tl.int32)
    together = tl.zeros([mask_lanes], tl.int32)
    for block in range(blocks):
        top = block * 32
        bottom = tl.minimum(top + 32, height)
        lit = tl.zeros([lanes], tl.int32)
        for band in range(tl.load(band_of_row + top), tl.load(band_of_row + bottom - 1) + 1):
            above = values + band * map_width
            below = values + tl.minimum(band + 1, map_height - 1) * map_width
            hot = tl.load(above + j, mask=j < map_width, other=float("-inf")) > threshold
            hot |= tl.load(below + j, mask=j < map_width, other=float("-inf")) > threshold
            if tl.max(hot.to(tl.int32), axis=0) != 0:
                a, b = tl.load(above + low), tl.load(above + high)
                a_step, b_step = tl.load(below + low) - a, tl.load(below + high) - b
                first_row = tl.maximum(top, tl.load(band_start + band))
                end_row = tl.minimum(bottom, tl.load(band_start + band + 1))
                for y in range(first_row, end_row):
                    t = tl.load(row_weight + y)
                    left = a + t * a_step
                    value = left + weight * ((b + t * b_step) - left)
                    fires = value > threshold
                    if ignore_zeros:
                        fires &= value != 0
                    lit |= fires.to(tl.int32) << (y - top)
        lit = tl.where(inside, lit, 0)
        if tl.max((lit != 0).to(tl.int32), axis=0) != 0:
            pixels += popcount(lit)
            for mask in range(begin, end):
                mask_top = tl.load(mask_first + mask)
                mask_bottom = mask_top + tl.load(mask_start + mask + 1) - tl.load(mask_start + mask)
                if (mask_top < bottom) & (mask_bottom > top):
                    word = tl.load(mask_columns + (mask * blocks + block) * lanes + x)
                    together += tl.where(place == mask - begin, tl.sum(popcount(lit & word), axis=0), 0)
    tl.store(area + pair, tl.sum(pixels, axis=0).to(tl.int64))
    tl.store(shared + pair * most + place, together, mask=place < most)


@triton.jit  # type: ignore[untyped-decorator]
def turn_masks(  # type: ignore[no-untyped-def]
    words, first, start, columns,
    words_of_row, blocks, width,
    lanes: tl.constexpr,
):  # fmt: skip
    """One program for 32 rows of a mask: `_columns`."""
    mask = tl.program_id(0).to(tl.int64)
    block = tl.program_id(1)
    x = tl.arange(0, lanes)
    begin = tl.load(start + mask)
    rows = tl.load(start + mask + 1) - begin
    lit = tl.zeros([lanes], tl.int32)
    for y in range(32):
        row = block * 32 + y - tl.load(first + mask)
        held = (row >= 0) & (row < rows) & (x < width)
        word = tl.load(words + (begin + row) * words_of_row + (x >> 6), mask=held, other=0)
        lit |= ((word >> (x & 63)) & 1).to(tl.int32) << y
    tl.store(columns + (mask * blocks + block) * lanes + x, lit)


@triton.jit
def popcount(word):
    """The number of set bits of each 32-bit word."""
    bits = word.to(tl.uint32, bitcast=True)
    bits -= (bits >> 1) & 0x55555555
    bits = (bits & 0x33333333) + ((bits >> 2) & 0x33333333)
    bits = (bits + (bits >> 4)) & 0x0F0F0F0F
    return ((bits * 0x01010101) >> 24).to(tl.int32)
