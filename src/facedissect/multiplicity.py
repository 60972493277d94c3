"""Q-values: p-values of many tests, turned so that a cut-off bounds the share of false findings among all that pass it."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.stats import false_discovery_control


def q_values(p: Float[np.ndarray, "*tests"]) -> Float[np.ndarray, "*tests"]:
    """The least false discovery rate at which each test counts (Benjamini and Hochberg, JRSS B 57, 1995).

    Args:
        p: p-values of all tests of one family, in any shape; NaN for what was not tested.

    Returns:
        As many q-values; NaN stays NaN and counts as no test.

    Raises:
        ValueError: a p-value does not lie between 0 and 1.
    """
    tested = ~np.isnan(p)
    if ((p[tested] < 0) | (p[tested] > 1)).any():
        raise ValueError(f"expected p-values between 0 and 1, got {p[tested].min()} to {p[tested].max()}")
    q = np.full(p.shape, np.nan)
    if tested.any():
        q[tested] = false_discovery_control(p[tested], method="bh")
    return q
