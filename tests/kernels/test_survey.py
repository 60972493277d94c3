"""Extremes, largest values and top faces, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from facedissect.thresholds import TopValues
from facedissect.top_faces import TopFacesRecorder

AWKWARD = np.array([0.0, -0.0, 1e-45, -1e-45, np.inf, -np.inf, 1.5, -1.5, 3.4e38, -3.4e38], np.float32)


def test_extremes_are_those_of_numpy_and_nan_is_never_lost(threads: int) -> None:
    rng = np.random.default_rng(0)
    maps = rng.choice(AWKWARD, (40, 6, 3, 5))
    maps[3, 1, 0, 2] = np.nan
    maps[5, 2, 1, 1] = -np.float32(np.nan)
    highest, lowest = TopValues(6, 10).update(torch.from_numpy(maps))
    np.testing.assert_array_equal(highest, maps.max((2, 3)))
    np.testing.assert_array_equal(lowest, maps.min((2, 3)))
    assert np.isnan(highest).sum() == 2


@pytest.mark.parametrize("capacity", [1, 7, 2000])
def test_the_largest_values_are_kept_through_any_number_of_selections(capacity: int, threads: int) -> None:
    rng = np.random.default_rng(1)
    maps = np.concatenate(
        [
            rng.standard_normal((60, 3, 8, 8)).cumsum(0),  # ever larger and ever smaller units
            rng.integers(0, 3, (60, 2, 8, 8)),  # hardly anything but ties
            rng.standard_normal((60, 1, 8, 8)),
        ],
        axis=1,
    ).astype(np.float32)
    counted = rng.random(60) < 0.9
    values = TopValues(6, capacity)
    for start in range(0, 60, 7):
        values.update(torch.from_numpy(maps[start : start + 7]), counted[start : start + 7])
    kept = values.state()
    largest = np.sort(maps[counted].transpose(1, 0, 2, 3).reshape(6, -1), axis=1)[:, -capacity:]
    for unit in range(6):
        keys = kept["kept"][unit, : kept["filled"][unit]]
        floats = (keys ^ ((keys >> 31) & 0x7FFFFFFF)).view(np.float32)
        np.testing.assert_array_equal(np.sort(floats)[-capacity:], largest[unit])
        assert (values.bound[unit] <= largest[unit]).all()


def test_values_that_come_one_by_one_from_a_device_are_kept_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    maps = torch.from_numpy(rng.standard_normal((50, 4, 6, 6)).astype(np.float32))
    maps[7, 2, 3, 3] = torch.nan
    counted = rng.random(50) < 0.8
    here, there = TopValues(4, 90), TopValues(4, 90)
    for start in range(0, 50, 9):
        part = slice(start, start + 9)
        ours = here.update(maps[part], counted[part])
        theirs = there._update_on_device(maps[part].flatten(2), counted[part])
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(one, other)
    total = int(counted.sum()) * 36
    keep = [0, 1, 3]  # a unit with NaN has no threshold
    np.testing.assert_array_equal(
        here.result(total, 0.95, "linear").values[keep], there.result(total, 0.95, "linear").values[keep]
    )


@pytest.mark.parametrize("places", [1, 3, 20])
def test_top_faces_are_a_stable_sort_whatever_the_order_they_come_in(places: int) -> None:
    rng = np.random.default_rng(3)
    maps = rng.integers(-2, 3, (15, 4, 2, 3)).astype(np.float32)
    maps[4, 1, 0, 0] = np.nan
    peaks = maps.max((2, 3))
    ids = [f"{number:02}" for number in range(15)]
    for order in (np.arange(15), rng.permutation(15)):
        top = TopFacesRecorder(4, places, (2, 3))
        for start in range(0, 15, 4):
            part = order[start : start + 4]
            top.update(part, peaks[part], torch.from_numpy(maps[part]))
        found = top.result(ids)
        for unit in range(4):
            best = sorted(range(15), key=lambda face: (np.isnan(peaks[face, unit]), -peaks[face, unit], face))[:places]
            assert found.faces[unit] == tuple(ids[face] for face in best)
            np.testing.assert_array_equal(found.peaks[unit], peaks[best, unit])
            np.testing.assert_array_equal(found.maps[unit], maps[best, unit])
