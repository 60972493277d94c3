"""Concept masks as bits: what the tally compares with, packed once, at the network's input size.

A mask is kept from its first row that holds a pixel to its last one, in words of 64 pixels; pixel x is bit `x % 64` of word
`x // 64`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64, UInt64

WORD = 64


@dataclass(frozen=True, kw_only=True)
class BitMasks:
    """Masks of one size.

    Attributes:
        width: in pixels.
        first: (mask) the row of the image in which a mask starts.
        start: mask m has the rows start[m] to start[m + 1] of `words`.
        words: (row, word) the pixels.
        area: (mask) pixels in all.
    """

    width: int
    first: Int64[np.ndarray, " mask"]
    start: Int64[np.ndarray, " mask+1"]
    words: UInt64[np.ndarray, "row word"]
    area: Int64[np.ndarray, " mask"]

    def __len__(self) -> int:
        return len(self.first)

    @classmethod
    def pack(cls, masks: Bool[np.ndarray, "mask height width"]) -> BitMasks:
        """The masks as bits."""
        count, height, width = masks.shape
        filled = np.logical_or.reduce(masks, axis=2)
        some = np.logical_or.reduce(filled, axis=1)
        first = np.where(some, filled.argmax(axis=1), 0)
        end = np.where(some, height - filled[:, ::-1].argmax(axis=1), 0)
        rows = [masks[mask, first[mask] : end[mask]] for mask in range(count)]
        held = np.concatenate(rows) if rows else np.zeros((0, width), bool)
        padded = np.zeros((len(held), -(-width // WORD) * WORD), bool)
        padded[:, :width] = held
        return cls(
            width=width,
            first=first.astype(np.int64),
            start=_starts(end - first),
            words=np.packbits(padded, axis=1, bitorder="little").view("<u8").astype(np.uint64, copy=False),
            area=masks.sum(axis=(1, 2), dtype=np.int64),
        )

    def unpack(self, height: int) -> Bool[np.ndarray, "mask height width"]:
        """The masks of images that are `height` pixels high."""
        pixels = np.unpackbits(self.words.astype("<u8", copy=False).view(np.uint8), axis=1, bitorder="little")
        masks = np.zeros((len(self), height, self.width), bool)
        for mask, (top, begin, end) in enumerate(zip(self.first, self.start[:-1], self.start[1:], strict=True)):
            masks[mask, top : top + end - begin] = pixels[begin:end, : self.width]
        return masks

    def take(self, chosen: Int64[np.ndarray, " chosen"]) -> BitMasks:
        """Some of the masks, by number and in that order; -1 gives an empty one."""
        some = chosen >= 0
        lengths = np.where(some, self.start[chosen + 1] - self.start[chosen], 0)
        start = _starts(lengths)
        rows = np.arange(start[-1]) + np.repeat(self.start[chosen] - start[:-1], lengths)
        return BitMasks(
            width=self.width,
            first=np.where(some, self.first[chosen], 0),
            start=start,
            words=np.asarray(self.words[rows]),
            area=np.where(some, self.area[chosen], 0),
        )

    @classmethod
    def joined(cls, parts: Sequence[BitMasks]) -> BitMasks:
        """All masks of several, which must be of one size; at least one of them."""
        return cls(
            width=parts[0].width,
            first=np.concatenate([part.first for part in parts]),
            start=_starts(np.concatenate([np.diff(part.start) for part in parts])),
            words=np.concatenate([part.words for part in parts]),
            area=np.concatenate([part.area for part in parts]),
        )


@dataclass(frozen=True, kw_only=True)
class Labels:
    """The local labels of some images.

    Attributes:
        masks: L_c of the concepts that are present, image by image.
        present: (mask) the position of each mask's concept in the vocabulary.
        mask_of_image: image i has the masks mask_of_image[i] to mask_of_image[i + 1].
        absent: positions of the concepts for whose kind an image is annotated and which it lacks, image by image.
        absent_of_image: image i lacks absent[absent_of_image[i]] to absent[absent_of_image[i + 1]].
    """

    masks: BitMasks
    present: Int64[np.ndarray, " mask"]
    mask_of_image: Int64[np.ndarray, " image+1"]
    absent: Int64[np.ndarray, " lacking"]
    absent_of_image: Int64[np.ndarray, " image+1"]

    def __len__(self) -> int:
        """The number of images."""
        return len(self.mask_of_image) - 1

    @classmethod
    def of_one(cls, masks: BitMasks, present: Sequence[int], absent: Sequence[int]) -> Labels:
        """The labels of one image."""
        return cls(
            masks=masks,
            present=np.array(present, np.int64),
            mask_of_image=np.array([0, len(present)], np.int64),
            absent=np.array(absent, np.int64),
            absent_of_image=np.array([0, len(absent)], np.int64),
        )

    @classmethod
    def joined(cls, parts: Sequence[Labels]) -> Labels:
        """The labels of all images of several; at least one of them."""
        return cls(
            masks=BitMasks.joined([part.masks for part in parts]),
            present=np.concatenate([part.present for part in parts]),
            mask_of_image=_starts(np.concatenate([np.diff(part.mask_of_image) for part in parts])),
            absent=np.concatenate([part.absent for part in parts]),
            absent_of_image=_starts(np.concatenate([np.diff(part.absent_of_image) for part in parts])),
        )

    def arrays(self) -> list[np.ndarray]:
        """Everything but the width, to be written; `from_arrays` takes it back."""
        masks = self.masks
        own = [self.present, self.mask_of_image, self.absent, self.absent_of_image]
        return [masks.first, masks.start, masks.words, masks.area, *own]

    @classmethod
    def from_arrays(cls, width: int, arrays: Sequence[np.ndarray]) -> Labels:
        """Back from `arrays`."""
        first, start, words, area, present, mask_of_image, absent, absent_of_image = arrays
        return cls(
            masks=BitMasks(width=width, first=first, start=start, words=words, area=area),
            present=present,
            mask_of_image=mask_of_image,
            absent=absent,
            absent_of_image=absent_of_image,
        )


def _starts(lengths: np.ndarray) -> Int64[np.ndarray, " length+1"]:
    """Where pieces of some lengths start in a row of them, and where the last one ends."""
    starts: Int64[np.ndarray, " length+1"] = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return starts
