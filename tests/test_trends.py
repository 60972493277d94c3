from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import spearmanr

from facedissect.dictionary.faces import Face
from facedissect.ranking import RankedPeaks
from facedissect.trends import Trend, judged_trends, measures, numbers, trend


def face(number: int, **labels: Any) -> Face:
    return Face(id=str(number), source=None, labels=labels)  # type: ignore[arg-type]


def test_numbers_are_labels_with_several_values_and_nothing_else() -> None:
    faces = [
        face(0, age=20.0, smiling=True, race="white", level=1.0, name=3.0),
        face(1, age=30, smiling=False, race="black", level=0.0, name="x"),
        face(2, age=float("nan"), level=1.0),
        face(3, age=40.5, name=float("inf")),
    ]
    found = numbers(faces)
    assert list(found) == ["age"]
    np.testing.assert_array_equal(found["age"], [20, 30, np.nan, 40.5])


def planted() -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Ages in years that differ by gender; units of noise, of age, and of gender alone."""
    rng = np.random.default_rng(0)
    gender = rng.integers(0, 2, 400)
    age = rng.uniform(0, 50, 400) + 20 * gender
    peaks = np.stack([rng.standard_normal(400), 0.1 * age + rng.standard_normal(400), 3 * gender + rng.random(400)], 1)
    return peaks.astype(np.float32), age, {"age": np.searchsorted([20, 40, 60], age), "gender": gender}


def test_a_trend_is_supported_only_if_it_holds_among_faces_that_are_alike() -> None:
    peaks, age, levels = planted()
    (measure,) = measures({"age": age}, levels, 20)
    (found,) = judged_trends([trend(RankedPeaks(peaks), measure)])
    np.testing.assert_allclose(found.raw.rho, [spearmanr(unit, age).statistic for unit in peaks.T], rtol=1e-9)
    assert (found.q < 0.05).tolist() == [False, True, True]
    assert found.supported.tolist() == [False, True, False]
    assert found.images == 400


def test_the_subgroups_of_a_number_are_no_strata_of_it() -> None:
    _, age, levels = planted()
    (measure,) = measures({"age": age}, {"age": levels["age"]}, 20)
    assert measure.adjust == ()
    (other,) = measures({"age": age}, {"gender": levels["gender"]}, 20)
    assert len(other.adjust) == 1


def test_numbers_of_few_images_are_left_out() -> None:
    age = np.full(100, np.nan)
    age[:19] = np.arange(19)
    assert measures({"age": age}, {}, 20) == ()
    assert judged_trends([]) == ()


def test_blocks_of_units_are_joined_in_order() -> None:
    peaks, age, levels = planted()
    (measure,) = measures({"age": age}, levels, 20)
    whole = trend(RankedPeaks(peaks), measure)
    joined = Trend.joined([trend(RankedPeaks(peaks[:, block]), measure) for block in (slice(0, 1), slice(1, 3))])
    np.testing.assert_array_equal(joined.adjusted.rho, whole.adjusted.rho)
    np.testing.assert_array_equal(joined.raw.low, whole.raw.low)


def test_three_images_are_too_few_for_a_p_value() -> None:
    age = np.full(30, np.nan)
    age[:3] = np.arange(3)
    (measure,) = measures({"age": age}, {}, 0)
    peaks = np.random.default_rng(1).random((30, 2)).astype(np.float32)
    assert np.isnan(trend(RankedPeaks(peaks), measure).raw.p).all()
