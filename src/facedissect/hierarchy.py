"""Probabilities over the concepts that share a unit's region of the face (DESIGN: "Hierarchy")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, Float, Int

from .concepts import Vocabulary
from .ranking import RankedPeaks, normalised
from .settings import HierarchyWeight


@dataclass(frozen=True, kw_only=True)
class Hierarchy:
    """What each unit detects in the region of its best concept.

    Attributes:
        best: (unit) position of the concept with the highest IoU; -1 where no IoU is positive.
        interpretable: (unit) whether that IoU exceeds the cut-off.
        probability: (unit, concept) P_u(c); NaN outside the unit's region, for concepts without images and for units that
            are not interpretable.
        detected: (unit, concept) whether P_u(c) exceeds `detection_ratio` times the even probability.
    """

    best: Int[np.ndarray, " unit"]
    interpretable: Bool[np.ndarray, " unit"]
    probability: Float[np.ndarray, "unit concept"]
    detected: Bool[np.ndarray, "unit concept"]

    @classmethod
    def joined(cls, parts: Sequence[Hierarchy]) -> Hierarchy:
        """The units of one part after those of the other; at least one part, all of the same concepts."""
        return cls(
            **{field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)}
        )


def best_concepts(iou: Float[np.ndarray, "unit concept"]) -> Int[np.ndarray, " unit"]:
    """Position of each unit's highest IoU (the first of equals); -1 where none is positive. NaN is never the best."""
    known = np.nan_to_num(iou, nan=-1.0)
    return np.where(known.max(axis=1) > 0, known.argmax(axis=1), -1)


def hierarchy(
    iou: Float[np.ndarray, "unit concept"],
    ranked: RankedPeaks,
    local: Bool[np.ndarray, " image"],
    low: Float[np.ndarray, " unit"],
    high: Float[np.ndarray, " unit"],
    present: Bool[np.ndarray, "image concept"],
    vocabulary: Vocabulary,
    *,
    min_iou: float,
    weight: HierarchyWeight,
    detection_ratio: float,
) -> Hierarchy:
    """Rank the concepts of each interpretable unit's region.

    Args:
        iou: IoU_{u,c}.
        ranked: the peaks of those units, for all images of the run.
        local: which images have local labels; the others do not count.
        low, high: minimum and maximum of each unit's maps over all positions of the images with local labels.
        present: which concepts each image has.
        vocabulary: the concepts, in the order of `iou` and `present`.
        min_iou: a unit is interpretable if its best IoU is larger.
        weight: multiply scores by IoU, or not.
        detection_ratio: times the even probability 1/|R| that counts as detected; |R| counts concepts that have images.
    """
    present = present & local[:, None]
    best = best_concepts(iou)
    units = np.arange(len(best))
    interpretable = (best >= 0) & (iou[units, best] > min_iou)
    probability = np.full(iou.shape, np.nan)
    detected = np.zeros(iou.shape, bool)
    for region in vocabulary.regions:
        concepts = np.array([vocabulary.position(concept.name) for concept in region.concepts])
        concepts = concepts[present[:, concepts].any(axis=0)]
        chosen = np.flatnonzero(interpretable & np.isin(best, concepts))
        if not chosen.size:
            continue
        members = present[:, concepts].T
        scores = ranked.scores(np.any(members, axis=0), low, high, members, chosen)
        if weight == "iou":
            scores = scores * np.nan_to_num(iou[np.ix_(chosen, concepts)])
        share = normalised(scores)
        probability[np.ix_(chosen, concepts)] = share
        detected[np.ix_(chosen, concepts)] = share > detection_ratio / len(concepts)
    return Hierarchy(best=best, interpretable=interpretable, probability=probability, detected=detected)
