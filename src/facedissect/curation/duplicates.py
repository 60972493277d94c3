"""Groups of faces that show the same picture, exactly or nearly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from .hash_search import near_hashes
from .registration import likeness
from .signature import Signature

_LEAST_CONTRAST = 2.0  # standard deviation of the grey values from 0 to 255: below it, there is no picture to compare


Likeness = tuple[float, float]
"""Correlation of the grey values of two pictures, and of the slopes of the grey values."""


@dataclass(frozen=True, kw_only=True)
class DuplicateGroup:
    """Faces that show the same picture.

    Attributes:
        copies: ids of the faces; those whose pixels are exactly the same stand together.
        likeness: the least correlation of grey values by which a near copy belongs to the group; 1 if all copies are exact.
    """

    copies: tuple[tuple[str, ...], ...]
    likeness: float = 1.0

    @property
    def faces(self) -> tuple[str, ...]:
        """Ids of all faces of the group."""
        return tuple(face for same in self.copies for face in same)

    @property
    def exact(self) -> bool:
        """Whether all of its faces have the same pixels."""
        return len(self.copies) == 1


def find_duplicates(
    signatures: Mapping[str, Signature], *, distance: int = 10, least_likeness: Likeness = (0.965, 0.88)
) -> tuple[DuplicateGroup, ...]:
    """Groups of two or more faces with the same picture, in the order of `signatures`.

    Exact copies have the same pixels. Near ones have perceptual hashes that differ in few bits, and are alike when laid one
    over the other: saved again with loss, in another size, brighter or darker, or cropped by up to about 3 % on each side.
    A group holds all that are linked by such pairs. Pictures of a single grey are compared exactly only.

    Args:
        signatures: face id -> signature of its image.
        distance: bits in which the hashes of near copies differ at most, of 64.
        least_likeness: correlations, of grey values and of their slopes, that near copies reach at least.
    """
    same: dict[str, list[str]] = defaultdict(list)
    for face, signature in signatures.items():
        same[signature.digest].append(face)
    copies = [tuple(faces) for faces in same.values()]
    pictures = [signatures[faces[0]] for faces in copies]
    pairs, scores = _near_pairs(pictures, distance, least_likeness)
    groups = linked(len(copies), pairs)
    worst = np.ones(len(copies))
    np.minimum.at(worst, groups[pairs[:, 0]], scores)
    members: dict[int, list[tuple[str, ...]]] = defaultdict(list)
    for faces, group in zip(copies, groups, strict=True):
        members[int(group)].append(faces)
    return tuple(
        DuplicateGroup(copies=tuple(together), likeness=float(worst[group]))
        for group, together in members.items()
        if sum(map(len, together)) > 1
    )


def linked(count: int, pairs: Int[np.ndarray, "pair 2"]) -> Int[np.ndarray, " item"]:
    """The number of the group of each of `count` items, of which those in a pair are in one group."""
    graph = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    groups: Int[np.ndarray, " item"] = connected_components(graph, directed=False)[1]
    return groups


def _near_pairs(
    pictures: Sequence[Signature], distance: int, least_likeness: Likeness
) -> tuple[Int[np.ndarray, "pair 2"], Float[np.ndarray, " pair"]]:
    """Places of near copies among pictures of which no two are the same, and how alike they are."""
    if not pictures:
        return np.zeros((0, 2), np.int64), np.zeros(0)
    thumbnails = np.stack([picture.thumbnail for picture in pictures])
    rich = np.flatnonzero(thumbnails.std(axis=(1, 2)) >= _LEAST_CONTRAST)
    whole, inner = (
        np.array([getattr(pictures[int(place)], name) for place in rich], np.uint64)
        for name in ("phash", "inner_phash")
    )
    pairs = near_hashes(whole, np.concatenate([whole, inner]), distance)
    pairs[:, 1] %= max(len(rich), 1)
    pairs.sort(axis=1)
    pairs = rich[np.unique(pairs[pairs[:, 0] < pairs[:, 1]], axis=0)]
    scores = likeness(thumbnails, pairs)
    near = (scores >= least_likeness).all(axis=1)
    return pairs[near], scores[near, 0]
