from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from facedissect.multiplicity import q_values


def plain(p: np.ndarray) -> np.ndarray:
    """The step-up procedure, written out."""
    order = np.argsort(p)
    q, least = np.empty(len(p)), 1.0
    for rank in range(len(p), 0, -1):
        least = min(least, p[order[rank - 1]] * len(p) / rank)
        q[order[rank - 1]] = least
    return q


def test_equals_the_procedure_and_scipy() -> None:
    p = np.random.default_rng(0).random(200) ** 2
    np.testing.assert_allclose(q_values(p), plain(p), rtol=1e-12)
    np.testing.assert_allclose(q_values(p), false_discovery_control(p), rtol=1e-12)


def test_nan_stays_and_counts_as_no_test_in_any_shape() -> None:
    p = np.random.default_rng(1).random((6, 5, 2))
    p[::2, 1] = np.nan
    tested = ~np.isnan(p)
    q = q_values(p)
    assert q.shape == p.shape
    np.testing.assert_array_equal(np.isnan(q), ~tested)
    np.testing.assert_allclose(q[tested], plain(p[tested]), rtol=1e-12)
    assert np.isnan(q_values(np.full((2, 3), np.nan))).all()
    assert q_values(np.empty((0, 3))).shape == (0, 3)


@pytest.mark.parametrize("wrong", [-0.1, 1.5])
def test_what_is_no_probability_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match=r"expected p-values between 0 and 1, got"):
        q_values(np.array([0.5, wrong]))
