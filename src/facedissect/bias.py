"""Probabilities over the subgroups of each global concept, which no mask can show (DESIGN: "Bias")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from .concepts import GlobalConcept
from .ranking import RankedPeaks, normalised
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

    @classmethod
    def joined(cls, parts: Sequence[Bias]) -> Bias:
        """The units of one part after those of the other; at least one part, all of one concept over the same images."""
        return replace(
            parts[0],
            probability=np.concatenate([part.probability for part in parts]),
            biased=np.concatenate([part.biased for part in parts]),
        )


def bias(
    concept: GlobalConcept,
    ranked: RankedPeaks,
    within: Bool[np.ndarray, " image"],
    low: Float[np.ndarray, " unit"],
    high: Float[np.ndarray, " unit"],
    members: Bool[np.ndarray, "subgroup image"],
) -> Bias:
    """Compare the peaks of the subgroups of a global concept.

    Args:
        concept: the global concept.
        ranked: the peaks of some units, for all images of the run.
        within: which images are labelled for the concept; the others do not count.
        low, high: minimum and maximum of each unit's maps over the labelled images.
        members: which images each subgroup holds.

    Nothing is compared where fewer than two subgroups have images: all probabilities are NaN.
    """
    images = (members & within).sum(axis=1)
    groups = int((images > 0).sum())
    probability = np.full((len(low), len(members)), np.nan)
    if groups >= 2:
        probability = normalised(ranked.scores(within, low, high, members))
    cutoff = bias_cutoff(max(groups, 2))
    return Bias(concept=concept, probability=probability, images=images, cutoff=cutoff, biased=probability >= cutoff)
