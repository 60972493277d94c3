"""The masks of a concept, exchanged between its images: what the position null compares units with (docs/method.md, 4).

The images of a concept are put into groups of up to eight, at random. Within a group its masks are moved on from image to image,
one place after the other: eight ways to give each image a mask of the concept, of which one is the truth. If where a unit fires
in an image has nothing to do with where the concept lies in it, all eight are as likely as each other, in each group for itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from .bitmasks import BitMasks, Labels
from .mapped import mapped, release

GROUP = 8
"""Images of a concept between which its masks are exchanged, at most."""


@dataclass(frozen=True, kw_only=True)
class ExchangedMasks:
    """The masks of all faces, in groups between whose images they are exchanged.

    Attributes:
        faces: the face of each mask, by its number; the masks of a face follow each other.
        concepts: of each mask, by position in the vocabulary.
        masks: the pixels.
        moved: (mask, shift) the masks that come in place of each mask, itself first; -1 beyond the size of its group.
        group: of each mask; groups are numbered over all concepts.
    """

    faces: Int64[np.ndarray, " mask"]
    concepts: Int64[np.ndarray, " mask"]
    masks: BitMasks
    moved: Int64[np.ndarray, "mask shift"]
    group: Int64[np.ndarray, " mask"]

    @classmethod
    def gathered(
        cls, batches: Iterable[tuple[Int64[np.ndarray, " image"], Labels]], path: Path, width: int, *, seed: int
    ) -> ExchangedMasks:
        """The masks of all batches.

        Args:
            batches: numbers of faces, and their labels; the order of the batches does not matter.
            path: a file for the pixels.
            width: of the masks, in pixels.
            seed: decides the groups.
        """
        faces: list[np.ndarray] = []
        labels: list[Labels] = []
        with path.open("wb") as file:
            for numbers, told in batches:
                faces.append(np.repeat(numbers, np.diff(told.mask_of_image)))
                file.write(np.ascontiguousarray(told.masks.words).data)
                labels.append(_without_pixels(told))
        if not labels:
            empty = np.zeros(0, np.int64)
            masks = BitMasks.pack(np.zeros((0, 1, width), bool))
            return cls(faces=empty, concepts=empty, masks=masks, moved=empty.reshape(0, GROUP), group=empty)
        whole = Labels.joined(labels)
        of_face = np.concatenate(faces)
        rows = int(whole.masks.start[-1])
        words = mapped(path, np.uint64, (rows, -(-width // 64)))
        moved, group = groups(of_face, whole.present, seed)
        return cls(
            faces=of_face,
            concepts=whole.present,
            masks=BitMasks(
                width=width, first=whole.masks.first, start=whole.masks.start, words=words, area=whole.masks.area
            ),
            moved=moved,
            group=group,
        )

    def of(
        self, faces: Int64[np.ndarray, " image"]
    ) -> tuple[BitMasks, Int64[np.ndarray, " image+1"], Int64[np.ndarray, " mask"]]:
        """All masks that come to some faces: of each face its masks in their order, of each mask all that come in its place.

        Args:
            faces: their numbers.

        Returns:
            The masks, `GROUP` for each of the faces' own; where those of each face begin, and end; the own masks' numbers.
        """
        first = np.searchsorted(self._sorted, faces)
        count = np.searchsorted(self._sorted, faces, side="right") - first
        own = np.concatenate([self._order[a : a + n] for a, n in zip(first, count, strict=True)] or [self.group[:0]])
        masks = self.masks.take(self.moved[own].ravel())
        release(self.masks.words)
        return masks, GROUP * np.concatenate([[0], np.cumsum(count)]), own

    @cached_property
    def _order(self) -> Int64[np.ndarray, " mask"]:
        """The masks by face; those of a face in their own order."""
        return np.argsort(self.faces, kind="stable")

    @cached_property
    def _sorted(self) -> Int64[np.ndarray, " mask"]:
        faces: Int64[np.ndarray, " mask"] = self.faces[self._order]
        return faces


def groups(
    faces: Int64[np.ndarray, " mask"], concepts: Int64[np.ndarray, " mask"], seed: int
) -> tuple[Int64[np.ndarray, "mask shift"], Int64[np.ndarray, " mask"]]:
    """Groups of masks of one concept, as even in size as may be, at random; they do not depend on the order of the masks.

    Returns:
        The masks that come in place of each mask, itself first, -1 beyond the size of its group; the number of its group.
    """
    moved, group = np.full((len(faces), GROUP), -1, np.int64), np.zeros(len(faces), np.int64)
    made = 0
    for concept in np.unique(concepts):
        masks = np.flatnonzero(concepts == concept)
        masks = masks[np.argsort(faces[masks])]
        shuffled = np.random.default_rng([seed, int(concept)]).permutation(masks)
        for members in np.array_split(shuffled, -(-len(masks) // GROUP)):
            size = len(members)
            places = (np.arange(size)[:, None] + np.arange(size)) % size
            moved[members[:, None], np.arange(size)] = members[places]
            group[members] = made
            made += 1
    return moved, group


def _without_pixels(labels: Labels) -> Labels:
    masks = labels.masks
    return replace(labels, masks=replace(masks, words=masks.words[:0]))
