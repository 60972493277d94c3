"""Probabilities over the subgroups of each global concept, which no mask can show, and how sure a difference between them is.

docs/method.md, 3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from .concepts import GlobalConcept
from .effects import FALSE_DISCOVERIES, Effect, effect, weakest
from .multiplicity import q_values
from .ranking import RankedPeaks, normalised
from .settings import bias_cutoff
from .strata import Strata, confounders


@dataclass(frozen=True, kw_only=True)
class Division:
    """How a global concept divides the images of a run.

    Attributes:
        concept: the global concept.
        members: (subgroup, image) which images each subgroup holds.
        adjust: strata within which its subgroups are compared, so that they do not differ by other global concepts; empty where
            there is nothing to adjust for.
    """

    concept: GlobalConcept
    members: Bool[np.ndarray, "subgroup image"]
    adjust: tuple[Strata, ...] = ()

    @property
    def within(self) -> Bool[np.ndarray, " image"]:
        """Which images are labelled for the concept."""
        return np.asarray(self.members.any(axis=0))


def levels_of(concept: GlobalConcept, labels: Sequence[str | None]) -> Int[np.ndarray, " image"]:
    """The subgroup of each image, by its place in the concept; -1 where it has none."""
    place = {subgroup: number for number, subgroup in enumerate(concept.subgroups)}
    return np.array([-1 if label is None else place.get(label, -1) for label in labels], np.int32)


def divisions(
    concepts: Sequence[GlobalConcept],
    levels: Mapping[str, Int[np.ndarray, " image"]],
    components: Mapping[str, tuple[str, ...]],
    min_subgroup: int,
) -> tuple[Division, ...]:
    """The global concepts that some image is labelled for, each to be adjusted for the others.

    Args:
        concepts: the global concepts.
        levels: the subgroup of each image, for each concept (`levels_of`).
        components: of a concept that combines others, their names. It is not adjusted for those, and nothing is for it.
        min_subgroup: smaller subgroups have no say in how strata are formed.
    """
    found = []
    for concept in concepts:
        members = np.stack([levels[concept.name] == number for number in range(len(concept.subgroups))])
        if members.any():
            own = (concept.name, *components.get(concept.name, ()))
            others = [levels[o.name] for o in concepts if o.name not in own and o.name not in components]
            adjust = confounders(members, others, min_subgroup)
            found.append(Division(concept=concept, members=members, adjust=adjust))
    return tuple(found)


@dataclass(frozen=True, kw_only=True)
class Bias:
    """How each unit's score divides among the subgroups of one global concept.

    Attributes:
        concept: the global concept.
        probability: (unit, subgroup); NaN for an empty subgroup and for a dead unit.
        images: (subgroup) labelled images.
        cutoff: probability from which a unit is biased.
        biased: (unit, subgroup) whether the probability reaches the cut-off, as published.
        effect: how the peaks of each subgroup compare with those of the other labelled images.
        adjusted: the same among images that are alike in the other global concepts; `effect` where there is nothing to adjust
            for.
        q, adjusted_q: (unit, subgroup) q-values of both; NaN until `judged`, and for what is not tested.
        supported: (unit, subgroup) whether the adjusted effect, of either sign, holds; False until `judged`.
    """

    concept: GlobalConcept
    probability: Float[np.ndarray, "unit subgroup"]
    images: Int[np.ndarray, " subgroup"]
    cutoff: float
    biased: Bool[np.ndarray, "unit subgroup"]
    effect: Effect
    adjusted: Effect
    q: Float[np.ndarray, "unit subgroup"] = field(repr=False)
    adjusted_q: Float[np.ndarray, "unit subgroup"] = field(repr=False)
    supported: Bool[np.ndarray, "unit subgroup"]

    @classmethod
    def joined(cls, parts: Sequence[Bias]) -> Bias:
        """The units of one part after those of the other; at least one part, all of one concept over the same images."""
        return replace(
            parts[0],
            probability=np.concatenate([part.probability for part in parts]),
            biased=np.concatenate([part.biased for part in parts]),
            q=np.concatenate([part.q for part in parts]),
            adjusted_q=np.concatenate([part.adjusted_q for part in parts]),
            supported=np.concatenate([part.supported for part in parts]),
            effect=Effect.joined([part.effect for part in parts]),
            adjusted=Effect.joined([part.adjusted for part in parts]),
        )


def bias(
    concept: GlobalConcept,
    ranked: RankedPeaks,
    within: Bool[np.ndarray, " image"],
    low: Float[np.ndarray, " unit"],
    high: Float[np.ndarray, " unit"],
    members: Bool[np.ndarray, "subgroup image"],
    adjust: Sequence[Strata] = (),
) -> Bias:
    """Compare the peaks of the subgroups of a global concept.

    Args:
        concept: the global concept.
        ranked: the peaks of some units, for all images of the run.
        within: which images are labelled for the concept; the others do not count.
        low, high: minimum and maximum of each unit's maps over the labelled images.
        members: which images each subgroup holds; of those that count, each is in one.
        adjust: strata within which subgroups are compared too (`strata.confounders`).

    Nothing is compared where fewer than two subgroups have images: all probabilities and effects are NaN.
    """
    members = members & within
    images = members.sum(axis=1)
    groups = int((images > 0).sum())
    probability = np.full((len(low), len(members)), np.nan)
    if groups >= 2:
        probability = normalised(ranked.scores(within, low, high, members))
    cutoff = bias_cutoff(max(groups, 2))
    without = np.isnan(probability).all(axis=1)
    group = np.where(members.any(axis=0), members.argmax(axis=0), -1).astype(np.int32)

    def compared(strata: Strata) -> Effect:
        return effect(ranked.placements(group, strata.codes, len(members), strata.count)).without(without)

    raw = compared(Strata.crossed(np.asarray(group >= 0)))
    adjusted = weakest([compared(strata) for strata in adjust]) if adjust else raw
    untested = np.full(probability.shape, np.nan)
    return Bias(
        concept=concept,
        probability=probability,
        images=images,
        cutoff=cutoff,
        biased=probability >= cutoff,
        effect=raw,
        adjusted=adjusted,
        q=untested,
        adjusted_q=untested,
        supported=np.zeros(probability.shape, bool),
    )


def judged(biases: Mapping[str, Bias], min_subgroup: int) -> dict[str, Bias]:
    """The biases of all units of a layer with q-values, and whether each is supported.

    The units and subgroups of all global concepts are one family of tests. A subgroup is tested if at least `min_subgroup` of its
    images, and as many others, are compared. It is supported if the q-value of its adjusted effect is below FALSE_DISCOVERIES.
    """
    raw = _q_values([found.effect for found in biases.values()], min_subgroup)
    adjusted = _q_values([found.adjusted for found in biases.values()], min_subgroup)
    return {
        name: replace(found, q=q, adjusted_q=adjusted_q, supported=adjusted_q < FALSE_DISCOVERIES)
        for (name, found), q, adjusted_q in zip(biases.items(), raw, adjusted, strict=True)
    }


def _q_values(effects: Sequence[Effect], min_subgroup: int) -> list[Float[np.ndarray, "unit subgroup"]]:
    enough = [np.minimum(found.members, found.others) >= min_subgroup for found in effects]
    p = [np.where(large, found.p, np.nan) for large, found in zip(enough, effects, strict=True)]
    if not p:
        return []
    q = q_values(np.concatenate([values.ravel() for values in p]))
    ends = np.cumsum([values.size for values in p])[:-1]
    return [part.reshape(values.shape) for part, values in zip(np.split(q, ends), p, strict=True)]
