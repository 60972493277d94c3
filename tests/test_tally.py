from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import jaccard_score

from facedissect.errors import OutputError
from facedissect.tally import Tally, firing_masks
from facedissect.upsampling import upsample


def slow_upsample(grid: np.ndarray, height: int, width: int) -> np.ndarray:
    """Bilinear with half-pixel centres and clamped edges, pixel by pixel."""
    result = np.empty((height, width))
    for i in range(height):
        for j in range(width):
            y = min(max((i + 0.5) * grid.shape[0] / height - 0.5, 0), grid.shape[0] - 1)
            x = min(max((j + 0.5) * grid.shape[1] / width - 0.5, 0), grid.shape[1] - 1)
            y0, x0 = math.floor(y), math.floor(x)
            y1, x1 = min(y0 + 1, grid.shape[0] - 1), min(x0 + 1, grid.shape[1] - 1)
            above = grid[y0, x0] * (1 - (x - x0)) + grid[y0, x1] * (x - x0)
            below = grid[y1, x0] * (1 - (x - x0)) + grid[y1, x1] * (x - x0)
            result[i, j] = above * (1 - (y - y0)) + below * (y - y0)
    return result


@pytest.mark.parametrize(
    ("source", "target"), [((4, 4), (16, 16)), ((3, 5), (17, 11)), ((1, 2), (7, 7)), ((8, 8), (8, 8))]
)
def test_upsample_equals_the_formula_and_torch(source: tuple[int, int], target: tuple[int, int]) -> None:
    maps = torch.randn(3, *source, generator=torch.Generator().manual_seed(0))
    ours = upsample(maps, target)
    outside = torch.nn.functional.interpolate(maps[None], size=target, mode="bilinear", align_corners=False)[0]
    torch.testing.assert_close(ours, outside, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ours[1], slow_upsample(maps[1].numpy().astype(float), *target), rtol=1e-5, atol=1e-6)


def test_a_constant_map_stays_exactly_constant() -> None:
    value = torch.tensor(0.1, dtype=torch.float32)
    assert torch.equal(upsample(value.expand(1, 5, 3), (31, 29)), value.expand(1, 31, 29))


def random_faces(rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """(maps, masks, present, absent) of 12 images with 4 units and 5 concepts."""
    faces = []
    for _ in range(12):
        present = np.flatnonzero(rng.random(5) < 0.5)
        absent = np.setdiff1d(np.flatnonzero(rng.random(5) < 0.7), present)
        faces.append(
            (
                rng.standard_normal((4, 3, 3)).astype(np.float32),
                rng.random((len(present), 9, 12)) < 0.3,
                present,
                absent,
            )
        )
    return faces


def tallied(
    faces: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]], limits: np.ndarray, zeros: str = "count"
) -> Tally:
    tally = Tally.empty(4, 5)
    for maps, masks, present, absent in faces:
        tally.update(
            torch.from_numpy(maps), torch.from_numpy(limits), torch.from_numpy(masks), present, absent, zeros=zeros
        )
    return tally


@pytest.mark.parametrize("union", ["firing", "labelled"])
@pytest.mark.parametrize("negatives", ["ignore", "annotated"])
def test_equals_triple_loops(union: str, negatives: str) -> None:
    rng = np.random.default_rng(3)
    faces, limits = random_faces(rng), np.array([0.8, 1.5, -0.2, 5.0], np.float32)
    tally = tallied(faces, limits)
    for unit in range(4):
        for concept in range(5):
            intersection = total = 0
            for maps, masks, present, absent in faces:
                fires = slow_upsample(maps[unit].astype(float), 9, 12) > limits[unit]
                if concept in present:
                    mask = masks[list(present).index(concept)]
                    if union == "labelled" or fires.any():
                        intersection += int((fires & mask).sum())
                        total += int((fires | mask).sum())
                elif concept in absent and negatives == "annotated":
                    total += int(fires.sum())
            assert tally.intersection[unit, concept] == intersection
            assert tally.union(union, negatives)[unit, concept] == total
            iou = tally.iou(union, negatives)[unit, concept]
            assert iou == intersection / total if total else np.isnan(iou)


def test_labelled_iou_equals_scikit_learn() -> None:
    rng = np.random.default_rng(4)
    faces, limits = random_faces(rng), np.array([0.8, 0.3, -0.2, 0.0], np.float32)
    tally = tallied(faces, limits)
    for concept in range(5):
        chosen = [
            (maps, masks[list(present).index(concept)]) for maps, masks, present, _ in faces if concept in present
        ]
        fires = torch.stack(
            [firing_masks(torch.from_numpy(maps), torch.from_numpy(limits), (9, 12), "count") for maps, _ in chosen]
        )
        labels = np.stack([mask for _, mask in chosen]).ravel()
        for unit in range(4):
            expected = jaccard_score(labels, fires[:, unit].numpy().ravel())
            assert tally.iou("labelled")[unit, concept] == pytest.approx(expected, rel=1e-12)


def test_coverage_is_the_share_of_labelled_images_in_which_the_unit_fires() -> None:
    maps = np.zeros((2, 4, 2, 2), np.float32)
    maps[0, 0] = 1
    faces = [(m, np.ones((1, 4, 4), bool), np.array([2]), np.array([], int)) for m in maps]
    coverage = tallied(faces, np.full(4, 0.5, np.float32)).coverage()
    assert coverage[0, 2] == 0.5
    assert coverage[1, 2] == 0
    assert np.isnan(coverage[0, 0])


def test_zeros_can_be_kept_from_firing() -> None:
    faces = [(np.zeros((4, 2, 2), np.float32), np.ones((1, 4, 4), bool), np.array([0]), np.array([], int))]
    limits = np.full(4, -1, np.float32)
    assert tallied(faces, limits).intersection[0, 0] == 16
    assert tallied(faces, limits, zeros="ignore").intersection[0, 0] == 0


def test_a_unit_without_threshold_never_fires() -> None:
    faces = random_faces(np.random.default_rng(5))
    tally = tallied(faces, np.array([0.5, np.nan, 0.5, 0.5], np.float32))
    assert not tally.unit_area[1].any()
    assert tally.unit_area[0].any()


def test_nothing_over_nothing_is_nan() -> None:
    assert np.isnan(Tally.empty(2, 3).iou("labelled")).all()


def test_shards_merge_to_the_same_integers() -> None:
    faces, limits = random_faces(np.random.default_rng(6)), np.array([0.8, 0.3, -0.2, 0.0], np.float32)
    merged = Tally.empty(4, 5)
    for shard in range(7):
        merged.merge(tallied(faces[shard::7], limits))
    whole = tallied(faces, limits)
    for field, values in vars(whole).items():
        np.testing.assert_array_equal(getattr(merged, field), values, err_msg=field)


def test_merging_other_concepts_is_refused() -> None:
    with pytest.raises(OutputError, match=r"expected a tally of \(2, 3\) units x concepts to merge, got \(2, 4\)"):
        Tally.empty(2, 3).merge(Tally.empty(2, 4))
