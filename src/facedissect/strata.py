"""Which images may be compared with which, so that a difference between subgroups is not that of another global concept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int, Int32

from .curation.association import association

MIN_OVERLAP = 0.8
"""Share of each subgroup that must still be comparable for another concept to be taken into the same strata."""


@dataclass(frozen=True, kw_only=True)
class Strata:
    """A division of images, within which they are compared.

    Attributes:
        codes: (image) the stratum of each, from 0; -1 for an image that does not count.
        count: how many there are.
    """

    codes: Int32[np.ndarray, " image"]
    count: int

    @classmethod
    def crossed(cls, within: Bool[np.ndarray, " image"], levels: Sequence[Int[np.ndarray, " image"]] = ()) -> Strata:
        """The cells of some divisions of the images of `within`; without any, one stratum."""
        codes, count = np.where(within, 0, -1).astype(np.int32), 1
        for level in levels:
            cells = codes[within].astype(np.int64) * (int(level.max(initial=0)) + 2) + level[within] + 1
            found, codes[within] = np.unique(cells, return_inverse=True)
            count = len(found)
        return cls(codes=codes, count=count)

    def sizes(self, members: Bool[np.ndarray, "group image"]) -> Int[np.ndarray, "stratum group"]:
        """How many images of each group lie in each stratum."""
        return np.stack(
            [np.bincount(self.codes[group & (self.codes >= 0)], minlength=self.count) for group in members], 1
        )


def confounders(
    members: Bool[np.ndarray, "group image"], others: Sequence[Int[np.ndarray, " image"]], smallest: int = 1
) -> tuple[Strata, ...]:
    """The strata within which groups are to be compared, one adjustment after the other; none if there is nothing to adjust for.

    If possible that is one adjustment: the cells of all other concepts together. Where these are too many for the images there
    are, so that in some group less than MIN_OVERLAP of the images have any counterpart, the concepts are shared out over several:
    in the order of their association with the groups (Cramér's V), each is added to every adjustment that still leaves enough
    overlap, and begins one of its own where there is none. An effect must then hold under all of them (`effects.weakest`). So
    every concept is adjusted for, and none is dropped for being too much like the groups. Peaks have no say in it.

    Args:
        members: which images each group holds; groups are disjoint, and images in none do not count.
        others: of each other concept, the level of each image; -1 where it is not known, which is a level too.
        smallest: groups with fewer images have no say.
    """
    within = np.asarray(members.any(axis=0))
    telling = [levels for levels in others if len(np.unique(levels[within])) > 1]
    if not telling:
        return ()
    judged = members[members.sum(axis=1) >= smallest]
    judged = judged if len(judged) else members
    sets: list[list[Int[np.ndarray, " image"]]] = []
    for place in np.argsort([-_association(members, within, levels) for levels in telling], kind="stable"):
        wider = [[*levels, telling[place]] for levels in sets]
        fits = [_overlap(Strata.crossed(within, levels), judged, members) >= MIN_OVERLAP for levels in wider]
        sets = [new if fit else old for old, new, fit in zip(sets, wider, fits, strict=True)]
        if not any(fits):
            sets.append([telling[place]])
    return tuple(Strata.crossed(within, levels) for levels in sets)


def _association(
    members: Bool[np.ndarray, "group image"], within: Bool[np.ndarray, " image"], levels: Int[np.ndarray, " image"]
) -> float:
    strength = association(Strata.crossed(within, [levels]).sizes(members)).corrected
    return 0.0 if np.isnan(strength) else strength


def _overlap(
    strata: Strata, judged: Bool[np.ndarray, "judged image"], members: Bool[np.ndarray, "group image"]
) -> float:
    """The least share of a group that lies in strata with images of other groups."""
    sizes, whole = strata.sizes(judged), strata.sizes(members).sum(axis=1, keepdims=True)
    comparable = np.where(whole > sizes, sizes, 0).sum(axis=0)
    total = sizes.sum(axis=0)
    return float((comparable[total > 0] / total[total > 0]).min(initial=1.0))
