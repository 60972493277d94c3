"""Cramér's V: how strongly two divisions into groups depend on each other."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Int
from scipy.special import gammaincc


class Association(NamedTuple):
    """How strongly rows and columns of a table of counts depend on each other; NaN where there is nothing to compare.

    Attributes:
        cramers_v: from 0 (independent) to 1 (one tells the other); too large by chance where counts are small.
        corrected: the same with the bias removed (Bergsma, Journal of the Korean Statistical Society 42, 2013).
        p_value: of the chi-squared test without continuity correction.
    """

    cramers_v: float
    corrected: float
    p_value: float


def association(counts: Int[np.ndarray, "row column"]) -> Association:
    """The association of a table of counts; rows and columns without counts are left out."""
    counts = counts[counts.any(axis=1)][:, counts.any(axis=0)]
    rows, columns = counts.shape
    if min(rows, columns) < 2:
        return Association(math.nan, math.nan, math.nan)
    total = int(counts.sum())
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / total
    chi_squared = float(((counts - expected) ** 2 / expected).sum())
    freedom = (rows - 1) * (columns - 1)
    phi_squared = chi_squared / total
    return Association(
        cramers_v=math.sqrt(phi_squared / (min(rows, columns) - 1)),
        corrected=_corrected(phi_squared, total, rows, columns),
        p_value=float(gammaincc(freedom / 2, chi_squared / 2)),
    )


def _corrected(phi_squared: float, total: int, rows: int, columns: int) -> float:
    fewer_rows, fewer_columns = (side - (side - 1) ** 2 / (total - 1) for side in (rows, columns))
    least = min(fewer_rows, fewer_columns) - 1
    if least <= 0:  # every count in a group of its own: nothing can be said
        return math.nan
    without_bias = max(0.0, phi_squared - (rows - 1) * (columns - 1) / (total - 1))
    return min(1.0, math.sqrt(without_bias / least))
