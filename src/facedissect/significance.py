"""Nulls of labels: would a unit cover a concept as well if it did not follow it (docs/method.md, 4)?

The *position null* exchanges the masks of a concept between its images (`exchange.py`): what a unit covers that merely sits where
the concept mostly lies. The *chance IoU* lets firing masks and concept masks lie anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int

from .exchange import ExchangedMasks
from .kernels.compile import in_threads
from .kernels.exchange import tails
from .overlap_file import UnitOverlaps

SIGNIFICANCE = 0.05
"""The q-value below which a label is supported."""


@dataclass(frozen=True, kw_only=True)
class LabelAreas:
    """Pixels of masks, face by face; 0 where a face lacks a concept.

    Attributes:
        present: (face, concept) whether there is a mask.
        own: (face, concept) of the mask.
        exchanged: (face, concept) of those that come in its place, on average; of itself where nothing can.
    """

    present: Float64[np.ndarray, "face concept"]
    own: Float64[np.ndarray, "face concept"]
    exchanged: Float64[np.ndarray, "face concept"]

    @classmethod
    def of(cls, masks: ExchangedMasks, faces: int, concepts: int) -> LabelAreas:
        """Of a dictionary of so many faces and concepts."""
        present, own, exchanged = np.zeros((3, faces, concepts))
        where = masks.faces, masks.concepts
        others = masks.moved[:, 1:]
        count = (others >= 0).sum(axis=1)
        total = np.where(others >= 0, masks.masks.area[others], 0).sum(axis=1)
        present[where] = 1
        own[where] = masks.masks.area
        exchanged[where] = np.where(count > 0, total / np.maximum(count, 1), masks.masks.area)
        return cls(present=present, own=own, exchanged=exchanged)


@dataclass(frozen=True, kw_only=True)
class ExchangeTest:
    """Whether units share more pixels with a concept's masks than with the same masks exchanged between its images.

    Attributes:
        shared: (unit, concept) pixels shared after exchanging, on average over all other places that the masks can come to.
        p: (unit, concept) how likely so many are by chance: one-sided; NaN where a unit never met a mask of the concept.
    """

    shared: Float64[np.ndarray, "unit concept"]
    p: Float64[np.ndarray, "unit concept"]


def exchange_test(found: UnitOverlaps, units: slice, masks: ExchangedMasks, concepts: int) -> ExchangeTest:
    """The position null of some units.

    Within each group of images (`exchange.groups`) every shift of the masks is as likely as the true one, groups are independent:
    p is the share of all combinations of shifts that share at least as many pixels as the true masks do.

    Args:
        found: the overlaps of these units.
        units: which they are.
        masks: of all faces.
        concepts: how many there are.
    """
    count = units.stop - units.start
    shared, p = np.zeros((count, concepts)), np.full((count, concepts), np.nan)
    unit, group = found.met_unit.astype(np.int64) - units.start, masks.group[found.met_mask]
    order = np.lexsort((group, unit))
    unit, group = unit[order], group[order]
    begins = np.flatnonzero(np.diff(unit, prepend=-1) | np.diff(group, prepend=-1))
    if not begins.size:
        return ExchangeTest(shared=shared, p=p)
    sums = np.add.reduceat(found.shared[order].astype(np.int64), begins, axis=0)
    unit = unit[begins]
    concept = masks.concepts[found.met_mask[order[begins]]]
    size = (masks.moved >= 0).sum(axis=1)[found.met_mask[order[begins]]]
    others = sums[:, 1:].sum(axis=1) / np.maximum(size - 1, 1)
    np.add.at(shared, (unit, concept), np.where(size > 1, others, sums[:, 0]))
    # Groups are numbered concept by concept, so those of a unit and a concept follow each other.
    tests = np.flatnonzero(np.diff(unit, prepend=-1) | np.diff(concept, prepend=-1))
    probability = np.empty(len(tests))
    in_threads(tails, np.append(tests, len(unit)), sums.astype(np.float64), size, probability)
    p[unit[tests], concept[tests]] = probability
    return ExchangeTest(shared=shared, p=p)


def by_chance(
    face: Int[np.ndarray, " pair"], area: Int[np.ndarray, " pair"], areas: LabelAreas, pixels: int
) -> Float64[np.ndarray, " concept"]:
    """Pixels that a unit would share with the masks of a concept if both lay anywhere in the image.

    Args:
        face, area: where the unit fires, and on how many pixels.
        areas: of the masks.
        pixels: of an image.
    """
    expected: Float64[np.ndarray, " concept"] = area @ areas.own[face] / pixels
    return expected
