"""Probabilities over the subgroups of each global concept, which no mask can show (DESIGN: "Bias")."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from .concepts import GlobalConcept
from .ranking import normalised, rank_peak_scores
from .settings import bias_cutoff


@dataclass(frozen=True, kw_only=True)
class Bias:
    """How each unit's score divides among the subgroups of one global concept.

    Attributes:
        concept: the global concept.
        probability: (unit, subgroup); NaN for an empty subgroup and for a dead unit.
        images: (subgroup) labelled images.
        cutoff: probability from which a unit is biased.
        biased: (unit, subgroup) whether the probability reaches the cut-off.
    """

    concept: GlobalConcept
    probability: Float[np.ndarray, "unit subgroup"]
    images: Int[np.ndarray, " subgroup"]
    cutoff: float
    biased: Bool[np.ndarray, "unit subgroup"]


def bias(
    concept: GlobalConcept,
    highest: Float[np.ndarray, "image unit"],
    lowest: Float[np.ndarray, "image unit"],
    members: Bool[np.ndarray, "subgroup image"],
) -> Bias:
    """Compare the peaks of the subgroups of a global concept.

    Args:
        concept: the global concept.
        highest, lowest: maximum and minimum of each unit's map of each labelled image.
        members: which of those images each subgroup holds.

    Nothing is compared where fewer than two subgroups have images: all probabilities are NaN.
    """
    images = members.sum(axis=1)
    groups = int((images > 0).sum())
    probability = np.full((highest.shape[1], len(members)), np.nan)
    if groups >= 2:
        scores = rank_peak_scores(highest, lowest.min(axis=0), highest.max(axis=0), members)
        probability = normalised(scores)
    cutoff = bias_cutoff(max(groups, 2))
    return Bias(concept=concept, probability=probability, images=images, cutoff=cutoff, biased=probability >= cutoff)
