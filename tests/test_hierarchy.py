from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata

from facedissect.concepts import Concept, Vocabulary
from facedissect.hierarchy import Hierarchy, best_concepts, hierarchy
from facedissect.ranking import RankedPeaks

VOCABULARY = Vocabulary(
    concepts=tuple(
        Concept(name=name, kind="part", region=region)
        for name, region in (("lid", "Eye"), ("lash", "Eye"), ("tip", "Nose"), ("iris", "Eye"), ("never", "Eye"))
    )
)


def ranked(weight: str = "iou", min_iou: float = 0.04) -> tuple[Hierarchy, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    iou = np.array([[0.3, 0.1, 0.2, 0.05, np.nan], [0.01, 0.0, 0.03, 0.0, np.nan], [0.1, 0.2, 0.5, 0.1, np.nan]])
    peaks = rng.random((30, 3)).astype(np.float32)
    present = rng.random((30, 5)) < 0.3
    present[:, 4] = False
    result = hierarchy(
        iou,
        RankedPeaks(peaks),
        np.ones(30, bool),
        peaks.min(0) - 1,
        peaks.max(0),
        present,
        VOCABULARY,
        min_iou=min_iou,
        weight=weight,
        detection_ratio=1.5,
    )
    return result, iou, peaks.astype(np.float64), present


@pytest.mark.parametrize("weight", ["iou", "none"])
def test_equals_the_formula(weight: str) -> None:
    result, iou, peaks, present = ranked(weight)
    eye = [0, 1, 3]
    images = present[:, eye].any(axis=1)
    ranks = rankdata(peaks[images, 0]) / images.sum()
    # low and high are those of all images, not of the region's
    low, high = peaks[:, 0].min() - 1, peaks[:, 0].max()
    scores = []
    for concept in eye:
        members = present[images, concept]
        mean = (ranks * (peaks[images, 0] - low) / (high - low))[members].mean()
        scores.append(mean * iou[0, concept] if weight == "iou" else mean)
    np.testing.assert_allclose(result.probability[0, eye], np.array(scores) / sum(scores), rtol=1e-6)
    assert np.isnan(result.probability[0, [2, 4]]).all()


def test_concepts_without_images_do_not_count_among_the_regions() -> None:
    result, *_ = ranked()
    np.testing.assert_array_equal(result.detected[0], np.nan_to_num(result.probability[0]) > 1.5 / 3)
    assert result.detected[0, 0]


def test_a_lone_concept_of_a_region_is_certain_and_detected_never() -> None:
    result, *_ = ranked()
    assert result.probability[2, 2] == 1.0
    assert not result.detected[2].any()  # 1 is not above 1.5 / 1


def test_a_unit_at_or_below_the_cut_off_is_not_interpretable() -> None:
    result, *_ = ranked()
    np.testing.assert_array_equal(result.interpretable, [True, False, True])
    assert np.isnan(result.probability[1]).all()
    assert not ranked(min_iou=0.3)[0].interpretable[0]


def test_best_is_never_nan_and_the_first_of_equals() -> None:
    iou = np.array([[np.nan, 0.2, 0.2], [np.nan, np.nan, np.nan], [0.0, 0.0, np.nan]])
    np.testing.assert_array_equal(best_concepts(iou), [1, -1, -1])


def test_images_without_local_labels_do_not_count() -> None:
    expected, iou, peaks, present = ranked()
    peaks = peaks.astype(np.float32)
    rng = np.random.default_rng(1)
    local = rng.permutation(np.arange(50) < 30)
    every = np.full((50, 3), np.nan, np.float32)
    every[local] = peaks
    every[~local, :2] = rng.random((20, 2)) * 9
    labels = np.zeros((50, 5), bool)
    labels[local] = present
    for others in (False, True):
        labels[~local] = others
        result = hierarchy(
            iou,
            RankedPeaks(every),
            local,
            peaks.min(0) - 1,
            peaks.max(0),
            labels,
            VOCABULARY,
            min_iou=0.04,
            weight="iou",
            detection_ratio=1.5,
        )
        np.testing.assert_array_equal(result.probability, expected.probability)
        np.testing.assert_array_equal(result.detected, expected.detected)


def test_blocks_of_units_are_joined_in_order() -> None:
    whole, iou, peaks, present = ranked()
    peaks = peaks.astype(np.float32)
    parts = [
        hierarchy(
            iou[block],
            RankedPeaks(peaks[:, block]),
            np.ones(30, bool),
            peaks[:, block].min(0) - 1,
            peaks[:, block].max(0),
            present,
            VOCABULARY,
            min_iou=0.04,
            weight="iou",
            detection_ratio=1.5,
        )
        for block in (slice(0, 2), slice(2, 3))
    ]
    joined = Hierarchy.joined(parts)
    for name in ("best", "interpretable", "probability", "detected"):
        np.testing.assert_array_equal(getattr(joined, name), getattr(whole, name))
