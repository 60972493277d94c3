"""How much of a label rests on which images happened to be there: the Poisson bootstrap (docs/method.md, 4).

A replicate counts each image as often as a Poisson variable of mean 1 says, which is how often a sample with replacement of many
images would hold it (Hanley and MacGibbon, 2006). All sums are integers below 2**53, so their order does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int, UInt8

from .hierarchy import best_concepts

CONFIDENCE = 0.95
"""Of intervals and label sets."""


def weights(faces: int, replicates: int, seed: int) -> UInt8[np.ndarray, "face replicate"]:
    """How often each replicate counts each face."""
    drawn = np.random.default_rng([seed, replicates]).poisson(1.0, (faces, replicates))
    counts: UInt8[np.ndarray, "face replicate"] = drawn.astype(np.uint8)
    return counts


@dataclass(frozen=True, kw_only=True)
class Stability:
    """How firm a unit's IoUs and label are.

    Attributes:
        low, high: (concept) the interval of each IoU: the percentiles of its replicates; NaN where it is never defined.
        same: share of the replicates in which the unit has the label that it has by all images; NaN without a label.
        labels: the fewest concepts, most frequent first, that hold 95 % of the replicates' labels, by position; -1 for none.
    """

    low: Float64[np.ndarray, " concept"]
    high: Float64[np.ndarray, " concept"]
    same: float
    labels: tuple[int, ...]


def stability(iou: Float64[np.ndarray, "replicate concept"], label: int) -> Stability:
    """What the replicates of a unit's IoUs say.

    Args:
        iou: of each replicate; NaN for 0/0.
        label: the concept that the unit has by all images; -1 for none.
    """
    edges = [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]
    missing = np.isnan(iou)
    whole, some = ~missing.any(axis=0), ~missing.all(axis=0)
    interval = np.full((2, iou.shape[1]), np.nan)
    interval[:, whole] = np.quantile(iou[:, whole], edges, axis=0)
    for concept in np.flatnonzero(some & ~whole):
        interval[:, concept] = np.quantile(iou[~missing[:, concept], concept], edges)
    low, high = interval
    best = best_concepts(iou)
    names, counts = np.unique(best, return_counts=True)
    order = np.lexsort((names, -counts))
    needed = int(np.searchsorted(np.cumsum(counts[order]), CONFIDENCE * len(best))) + 1
    return Stability(
        low=low,
        high=high,
        same=float((best == label).mean()) if label >= 0 else np.nan,
        labels=tuple(names[order[:needed]].tolist()),
    )


def replicated(
    counts: Int[np.ndarray, "face replicate"], values: Float64[np.ndarray, "face value"]
) -> Float64[np.ndarray, "replicate value"]:
    """Sums of values over faces, each face as often as the replicate counts it."""
    sums: Float64[np.ndarray, "replicate value"] = counts.T.astype(np.float64) @ values
    return sums
