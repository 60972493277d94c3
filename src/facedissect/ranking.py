"""The rank x peak score of a subset of images, shared by the hierarchy and the bias (DESIGN: "Peak and score")."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import rankdata


def rank_peak_scores(
    peaks: Float[np.ndarray, "image unit"],
    low: Float[np.ndarray, " unit"],
    high: Float[np.ndarray, " unit"],
    members: Bool[np.ndarray, "subset image"],
) -> Float[np.ndarray, "unit subset"]:
    """The mean of `rank_u(x)/|X| * a_u(x)` over each subset of the images X.

    Args:
        peaks: p_u(x), the maximum of each unit's map of each image of X.
        low, high: the ends to which peaks are scaled: `a_u(x) = (p_u(x) - low) / (high - low)`.
        members: which images of X each subset holds.

    Returns:
        Scores of each unit; NaN for an empty subset, for a unit with low = high and for one with peaks that are not finite.
    """
    peaks = peaks.astype(np.float64)
    low, high = low.astype(np.float64), high.astype(np.float64)
    alive = np.isfinite(peaks).all(axis=0) & np.isfinite(low) & np.isfinite(high) & (high > low)
    scores = np.full((peaks.shape[1], len(members)), np.nan)
    if not alive.any():
        return scores
    peaks, low, high = peaks[:, alive], low[alive], high[alive]
    weighted = rankdata(peaks, method="average", axis=0) / len(peaks) * ((peaks - low) / (high - low))
    for subset, chosen in enumerate(members):
        if chosen.any():
            scores[alive, subset] = weighted[chosen].mean(axis=0)
    return scores


def normalised(scores: Float[np.ndarray, "unit subset"]) -> Float[np.ndarray, "unit subset"]:
    """Scores divided by their sum over the subsets that have one; NaN where that sum is not positive."""
    total = np.nansum(scores, axis=1, keepdims=True)
    shares = np.full_like(scores, np.nan)
    np.divide(scores, total, out=shares, where=total > 0)
    return shares
