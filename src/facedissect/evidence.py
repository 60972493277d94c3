"""How far each label of a layer can be believed: nulls, intervals and stability of its units, from what the passes wrote down."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int, UInt8

from .exchange import ExchangedMasks
from .hierarchy import best_concepts
from .multiplicity import q_values
from .overlap_file import OverlapFile, UnitOverlaps
from .settings import Settings
from .significance import LabelAreas, by_chance, exchange_test
from .stability import replicated, stability
from .tally import Tally, ratio


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What speaks for the labels of a layer.

    Attributes:
        null: (unit, concept) IoU with the concept's masks exchanged between its images, in the mean.
        chance: (unit, concept) IoU if firing masks and concept masks lay anywhere in the image.
        p: (unit, concept) of the position null; NaN where the unit never met a mask of the concept.
        q: (unit, concept) Benjamini and Hochberg's, over all units and concepts of the layer that were tested.
        low, high: (unit, concept) interval of the IoU.
        same: (unit) share of the replicates in which the label stays the same; NaN without a label.
        labels: (unit) the concepts that hold 95 % of the replicates, by position, the most frequent first; -1 for none.
    """

    null: Float64[np.ndarray, "unit concept"]
    chance: Float64[np.ndarray, "unit concept"]
    p: Float64[np.ndarray, "unit concept"]
    q: Float64[np.ndarray, "unit concept"]
    low: Float64[np.ndarray, "unit concept"]
    high: Float64[np.ndarray, "unit concept"]
    same: Float64[np.ndarray, " unit"]
    labels: tuple[tuple[int, ...], ...]

    @classmethod
    def none(cls, units: int, concepts: int) -> Evidence:
        """Where nothing was compared."""
        unknown = np.full((units, concepts), np.nan)
        return cls(
            null=unknown,
            chance=unknown,
            p=unknown,
            q=unknown,
            low=unknown,
            high=unknown,
            same=np.full(units, np.nan),
            labels=((),) * units,
        )


@dataclass(frozen=True, kw_only=True)
class LabelledFaces:
    """What all layers share.

    Attributes:
        masks: of all faces.
        areas: of those masks, by face and concept.
        absent: (face, concept) whether the face is annotated for the concept's kind and lacks it.
        counts: how often each replicate counts each face.
        pixels: of the network's input.
    """

    masks: ExchangedMasks
    areas: LabelAreas
    absent: Bool[np.ndarray, "face concept"]
    counts: UInt8[np.ndarray, "face replicate"]
    pixels: int


def evidence(file: OverlapFile, faces: LabelledFaces, tally: Tally, settings: Settings) -> Evidence:
    """The nulls, intervals and stability of all units of a layer.

    Args:
        file: what the second pass wrote down.
        faces: all faces.
        tally: of the layer.
        settings: which images enter the union.
    """
    units, concepts = tally.intersection.shape
    union, iou = tally.union(settings.union, settings.negatives), tally.iou(settings.union, settings.negatives)
    best = best_concepts(iou)
    null, chance, p = np.full((3, units, concepts), np.nan)
    low = np.where(union > 0, 0.0, np.nan)
    high = low.copy()
    same = np.full(units, np.nan)
    labels: list[tuple[int, ...]] = [()] * units
    of_all = replicated(faces.counts, faces.areas.own)
    for block, found in file.blocks():
        test = exchange_test(found, block, faces.masks, concepts)
        p[block] = test.p
        pairs, meetings = (
            np.searchsorted(of, np.arange(block.start, block.stop + 1)) for of in (found.unit, found.met_unit)
        )
        for row, unit in enumerate(range(block.start, block.stop)):
            fires = slice(pairs[row], pairs[row + 1])
            if fires.start == fires.stop:
                continue
            met = slice(meetings[row], meetings[row + 1])
            face, area = found.face[fires], found.area[fires].astype(np.float64)
            null[unit] = ratio(
                test.shared[row], _exchanged_union(face, faces, tally, unit, settings) - test.shared[row]
            )
            expected = by_chance(face, area, faces.areas, faces.pixels)
            chance[unit] = ratio(expected, union[unit] + tally.intersection[unit] - expected)
            shared = _by_face(found, met, face, faces.masks, concepts)
            some = np.flatnonzero(shared.any(axis=0))
            if not some.size:
                continue
            replicates = _replicates(face, area, shared[:, some], some, faces, of_all, settings)
            told = stability(replicates, int(np.flatnonzero(some == best[unit])[0]) if best[unit] >= 0 else -1)
            low[unit, some], high[unit, some], same[unit] = told.low, told.high, told.same
            labels[unit] = tuple(int(some[label]) if label >= 0 else -1 for label in told.labels)
    return Evidence(null=null, chance=chance, p=p, q=q_values(p), low=low, high=high, same=same, labels=tuple(labels))


def _by_face(
    found: UnitOverlaps, met: slice, face: Int[np.ndarray, " pair"], masks: ExchangedMasks, concepts: int
) -> Float64[np.ndarray, "pair concept"]:
    """Pixels that a unit shares with the masks of each face in which it fires."""
    shared = np.zeros((len(face), concepts))
    rows = np.searchsorted(face, found.met_face[met])
    shared[rows, masks.concepts[found.met_mask[met]]] = found.shared[met, 0]
    return shared


def _replicates(
    face: Int[np.ndarray, " pair"],
    area: Float64[np.ndarray, " pair"],
    shared: Float64[np.ndarray, "pair some"],
    some: Int[np.ndarray, " some"],
    faces: LabelledFaces,
    of_all: Float64[np.ndarray, "replicate concept"],
    settings: Settings,
) -> Float64[np.ndarray, "replicate some"]:
    """The IoUs of a unit with some concepts in each replicate: what `Tally.iou` is for the whole."""
    rows = np.ix_(face, some)
    fired = area[:, None] * faces.areas.present[rows]
    if settings.negatives == "annotated":
        fired += area[:, None] * faces.absent[rows]
    if settings.union == "firing":
        fired += faces.areas.own[rows]
    sums = replicated(faces.counts[face], np.concatenate([shared, fired], axis=1))
    intersection, union = sums[:, : len(some)], sums[:, len(some) :] - sums[:, : len(some)]
    if settings.union == "labelled":
        union += of_all[:, some]
    return ratio(intersection, union)


def _exchanged_union(
    face: Int[np.ndarray, " pair"], faces: LabelledFaces, tally: Tally, unit: int, settings: Settings
) -> Float64[np.ndarray, " concept"]:
    """Pixels of a unit's firing masks and of the masks that come in their place, added up."""
    label_area = tally.label_area if settings.union == "labelled" else faces.areas.exchanged[face].sum(axis=0)
    pixels: Float64[np.ndarray, " concept"] = tally.unit_area[unit] + label_area
    return pixels + tally.absent_area[unit] if settings.negatives == "annotated" else pixels
