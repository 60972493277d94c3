"""What speaks for labels: nulls, intervals and stability against plain rewrites, and whether they tell the truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

import facedissect as fd
from facedissect import dissection
from facedissect.evidence import Evidence, LabelledFaces
from facedissect.overlap_file import OverlapFile
from facedissect.overlaps import Overlaps
from facedissect.stability import replicated, stability, weights
from facedissect.tally import Tally, firing_masks
from facedissect.validation.aligned import SIZE, VOCABULARY, aligned_faces, dissected, fixed, following, wandering
from facedissect.validation.aligned import by_concept as table


@pytest.fixture(scope="module")
def found() -> Any:
    """A small run, with everything that evidence was made from."""
    rng = np.random.default_rng(0)
    faces, masks = aligned_faces(70, rng)
    maps = wandering(70, 12, rng)
    maps[:, 10] = 0
    maps[:, 11] = np.nan
    seen: dict[str, Any] = {}
    real = dissection.evidence

    def spied(file: OverlapFile, labelled: LabelledFaces, tally: Tally, settings: fd.Settings) -> Evidence:
        seen.update(labelled=labelled, tally=tally, blocks=list(file.blocks()))
        return real(file, labelled, tally, settings)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dissection, "evidence", spied)
        result = dissected(faces, maps, replicates=50)
    fires = np.stack(
        [
            firing_masks(
                torch.from_numpy(np.nan_to_num(of_one)),
                torch.from_numpy(np.nan_to_num(result.units["threshold"].to_numpy(np.float32), nan=np.inf)),
                (SIZE, SIZE),
                "count",
            ).numpy()
            for of_one in maps
        ]
    )
    return result, faces, masks, fires, seen


def test_the_file_holds_every_overlap(found: Any) -> None:
    _, _, masks, fires, seen = found
    blocks = seen["blocks"]
    pairs = {(u, f): a for _, block in blocks for u, f, a in zip(block.unit, block.face, block.area, strict=True)}
    assert pairs == {
        (unit, face): fires[face, unit].sum() for face in range(70) for unit in range(12) if fires[face, unit].any()
    }
    exchanged = seen["labelled"].masks
    met = 0
    for _, block in blocks:
        for unit, face, mask, shared in zip(block.met_unit, block.met_face, block.met_mask, block.shared, strict=True):
            concept = exchanged.concepts[mask]
            assert exchanged.faces[mask] == face
            expected = [
                (fires[face, unit] & masks[exchanged.faces[there], concept]).sum() if there >= 0 else 0
                for there in exchanged.moved[mask]
            ]
            assert shared.tolist() == expected
            met += shared[0]
    assert met == seen["tally"].intersection.sum()


def test_exchanged_iou_and_p_are_those_of_all_shifts(found: Any) -> None:
    """The mean over shifts by hand; p by drawing shifts of each group."""
    result, _, masks, fires, seen = found
    exchanged = seen["labelled"].masks
    null, p = table(result, "iou_null"), table(result, "p")
    rng = np.random.default_rng(1)
    checked = 0
    for unit in range(10):
        for concept in range(len(VOCABULARY)):
            of_concept = np.flatnonzero(exchanged.concepts == concept)
            of_face = {int(exchanged.faces[mask]): mask for mask in of_concept}
            sums: dict[int, np.ndarray] = {}
            shared, union = 0.0, 0.0
            for face, mask in of_face.items():
                firing = fires[face, unit]
                if not firing.any():
                    continue
                there = [masks[exchanged.faces[t], concept] for t in exchanged.moved[mask] if t >= 0]
                overlap = np.array([(firing & other).sum() for other in there])
                group = int(exchanged.group[mask])
                sums[group] = sums.get(group, np.zeros(len(there))) + overlap
                shared += overlap[1:].mean()
                union += firing.sum() + np.mean([other.sum() for other in there[1:]])
            if not any(values.any() for values in sums.values()):
                assert np.isnan(p[unit, concept])
                continue
            np.testing.assert_allclose(null[unit, concept], shared / (union - shared))
            draws = sum(rng.choice(values, 20_000) for values in sums.values())
            share = (draws >= sum(values[0] for values in sums.values()) - 1e-9).mean()
            assert abs(share - p[unit, concept]) < 0.02
            checked += 1
    assert checked > 25


def test_chance_is_firing_rate_times_area(found: Any) -> None:
    result, _, masks, fires, seen = found
    chance = table(result, "iou_chance")
    for unit in range(10):
        for concept in range(len(VOCABULARY)):
            area, label = fires[:, unit].sum((1, 2)), masks[:, concept].sum((1, 2))
            both = (area > 0) & (label > 0)
            expected = (area * label)[both].sum() / SIZE**2
            np.testing.assert_allclose(chance[unit, concept], expected / ((area + label)[both].sum() - expected))
    assert np.isnan(chance[10:]).all()
    assert seen["tally"].intersection[10:].sum() == 0


@pytest.mark.parametrize("union", ["firing", "labelled"])
@pytest.mark.parametrize("negatives", ["ignore", "annotated"])
def test_intervals_are_those_of_resampled_tallies(
    found: Any, union: Any, negatives: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each replicate by `Tally.update`, an image as often as it counts."""
    _, faces, masks, fires, _ = found
    seen: dict[str, Any] = {}
    real = dissection.evidence

    def spied(file: OverlapFile, labelled: LabelledFaces, tally: Tally, settings: fd.Settings) -> Evidence:
        seen["labelled"] = labelled
        return real(file, labelled, tally, settings)

    monkeypatch.setattr(dissection, "evidence", spied)
    maps = np.where(np.arange(12)[None, :, None, None] < 10, fires[:, :, ::4, ::4], 0).astype(np.float32)
    result = dissected(faces, maps, replicates=9, union=union, negatives=negatives)
    counts = seen["labelled"].counts
    thresholds = torch.tensor(result.units["threshold"].to_numpy(np.float32))
    ious = []
    for replicate in range(9):
        tally = Tally.empty(12, len(VOCABULARY))
        for number, face in enumerate(faces):
            present = [VOCABULARY.position(name) for name in face.concepts]
            absent = [place for place, concept in enumerate(VOCABULARY.concepts) if face.state(concept) == "absent"]
            for _ in range(counts[number, replicate]):
                tally.update(
                    torch.from_numpy(maps[number]),
                    thresholds,
                    torch.from_numpy(masks[number, present]),
                    np.array(present),
                    np.array(absent, int),
                )
        ious.append(tally.iou(union, negatives))
    whole = np.array(ious)
    never = np.isnan(whole).any(axis=0)
    low, high = table(result, "iou_low"), table(result, "iou_high")
    np.testing.assert_allclose(low[~never], np.quantile(whole, 0.025, axis=0)[~never], atol=1e-12)
    np.testing.assert_allclose(high[~never], np.quantile(whole, 0.975, axis=0)[~never], atol=1e-12)
    names = [*VOCABULARY.names, ""]
    best = np.where(np.nan_to_num(whole).max(2) > 0, np.nan_to_num(whole, nan=-1).argmax(2), -1)
    for unit in range(12):
        label = result.units["concept"][unit]
        told = [names[place] for place in best[:, unit]]
        if isinstance(label, str):
            assert result.units["stability"][unit] == pytest.approx(told.count(label) / 9)
            kept = result.units["label_set"][unit].split(";")
            share = sum(told.count(name) for name in kept) / 9
            assert share >= 0.95
            assert share - told.count(kept[-1]) / 9 < 0.95
        else:
            assert np.isnan(result.units["stability"][unit])


def test_p_is_uniform_where_units_do_not_follow() -> None:
    """Twenty dictionaries, each with units that wander as they like: what permuting the labels of images gives."""
    uniform, supported, labels = 0, 0, 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        faces, _ = aligned_faces(150, rng)
        result = dissected(faces, wandering(150, 50, rng), replicates=1, seed=seed)
        # One concept of each unit, since those of a unit depend on each other.
        p = table(result, "p")
        chosen = p[np.arange(50), seed % len(VOCABULARY)]
        uniform += stats.kstest(chosen[~np.isnan(chosen)], "uniform").pvalue > 0.01
        supported += int(result.units["supported"].sum())
        labels += int(result.units["interpretable"].sum())
    assert uniform >= 19
    assert labels > 400
    assert supported / labels <= 0.05


def test_units_at_fixed_places_are_labelled_and_not_supported() -> None:
    rng = np.random.default_rng(3)
    faces, masks = aligned_faces(250, rng)
    result = dissected(faces, fixed(250, 40, rng))
    assert result.units["interpretable"].mean() > 0.9
    assert result.units["supported"].sum() == 0
    follows = dissected(faces, following(masks, 40, rng))
    assert follows.units["concept"].tolist() == list(VOCABULARY.names) * 10
    assert follows.units["supported"].all()
    assert (follows.units["iou"] - follows.units["iou_null"] > 0.05).all()


def test_intervals_cover() -> None:
    """The IoU of a very large dictionary lies in the interval of a small one, about 95 times of 100."""
    rng = np.random.default_rng(4)
    units, large, small = 30, 20_000, 400
    covered, asked = 0, 0

    def drawn(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Pixels shared, pixels fired and pixels of the mask of units in images in which they fire."""
        size = rng.gamma(4, 10, (count, units)) + 1
        area = rng.gamma(4, 12, (count, units)) + 1
        shared = np.minimum(size, area) * rng.beta(1, 3, (count, units))
        return shared.round(), area.round(), size.round()

    shared, area, size = drawn(large)
    truth = shared.sum(0) / (area + size - shared).sum(0)
    for trial in range(30):
        shared, area, size = drawn(small)
        counts = weights(small, 200, trial)
        sums = replicated(counts, np.concatenate([shared, area + size - shared], axis=1))
        told = stability(sums[:, :units] / sums[:, units:], 0)
        covered += int(((told.low <= truth) & (truth <= told.high)).sum())
        asked += units
    assert 0.92 <= covered / asked <= 0.98


def test_poisson_intervals_are_those_of_scipy() -> None:
    rng = np.random.default_rng(5)
    shared = rng.gamma(2, 10, 300).round()
    union = shared + rng.gamma(3, 20, 300).round()
    sums = replicated(weights(300, 2000, 0), np.stack([shared, union], 1))
    told = stability(sums[:, :1] / sums[:, 1:], 0)
    outside = stats.bootstrap(
        (shared, union), lambda a, b, axis=-1: a.sum(axis) / b.sum(axis), paired=True, method="percentile", rng=0
    ).confidence_interval
    np.testing.assert_allclose([told.low[0], told.high[0]], outside, rtol=0.02)


def test_without_replicates_nothing_is_known() -> None:
    rng = np.random.default_rng(6)
    faces, _ = aligned_faces(30, rng)
    maps = wandering(30, 5, rng)
    bare = dissected(faces, maps, replicates=0)
    assert bare.concepts[["p", "q", "iou_null", "iou_chance", "iou_low", "iou_high"]].isna().all(axis=None)
    assert not bare.units["supported"].any()
    assert (bare.units["label_set"] == "").all()
    full = dissected(faces, maps)
    np.testing.assert_array_equal(table(full, "iou"), table(bare, "iou"))


def test_a_file_of_overlaps_goes_on_from_a_length(tmp_path: Path) -> None:
    def batch(area: int) -> Overlaps:
        return Overlaps(
            units=np.array([1]),
            images=np.array([0]),
            area=np.array([area]),
            shared=np.array([[3, 0, 0, 0, 0, 0, 0, 0]], np.int32),
        )

    def where(face: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return np.array([face]), np.array([face]), np.array([0, 1])

    file = OverlapFile(tmp_path / "overlaps", 2)
    file.add(batch(7), *where(5))
    length = file.length
    file.add(batch(8), *where(6))
    again = OverlapFile(tmp_path / "overlaps", 2, length)
    again.add(batch(9), *where(2))
    ((_, found),) = again.blocks()
    assert found.face.tolist() == [2, 5]
    assert found.area.tolist() == [9, 7]
    assert found.shared[:, 0].tolist() == [3, 3]
