from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facedissect import peaks as module
from facedissect.peaks import PeakRecorder, Peaks

IDS = ["c", "a", "d", "b"]


def recorded(path: Path, order: list[int]) -> PeakRecorder:
    highest = np.arange(12, dtype=np.float32).reshape(4, 3)
    recorder = PeakRecorder(path, IDS, 3)
    for place in order:
        rows = recorder.order([IDS[place]])
        recorder.update(rows, highest[[place]], -highest[[place]])
    return recorder


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 1, 0, 2], [2, 2, 0, 1, 3, 0]])
def test_peaks_are_in_the_order_of_ids_whatever_the_order_seen(tmp_path: Path, order: list[int]) -> None:
    peaks = recorded(tmp_path / "peaks", order).result(())
    assert peaks.faces == ("a", "b", "c", "d")
    assert peaks.highest[:, 0].tolist() == [3, 9, 0, 6]
    assert peaks.lowest[:, 1].tolist() == [-4, -10, -1, -7]


def test_faces_that_were_left_out_have_no_row(tmp_path: Path) -> None:
    peaks = recorded(tmp_path / "peaks", [0, 1, 3]).result({"d"})
    assert peaks.faces == ("a", "b", "c")
    assert peaks.highest[:, 0].tolist() == [3, 9, 0]


def test_a_recorder_goes_on_with_its_file(tmp_path: Path) -> None:
    recorded(tmp_path / "peaks", [0, 1])
    peaks = recorded(tmp_path / "peaks", [2, 3]).result(())
    assert peaks.highest[:, 0].tolist() == [3, 9, 0, 6]


@pytest.mark.parametrize("block", [1, 7, 1 << 23])
def test_blocks_and_extremes_are_those_of_the_whole(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(module, "BLOCK_VALUES", block)
    values = np.random.default_rng(0).standard_normal((2, 11, 5)).astype(np.float32)
    values[:, 4, 2] = np.nan
    peaks = Peaks(faces=tuple(map(str, range(11))), highest=values[0], lowest=values[1])
    chosen = np.arange(11) != 7
    low, high = peaks.extremes(chosen)
    np.testing.assert_array_equal(low, values[1][chosen].min(0))
    np.testing.assert_array_equal(high, values[0][chosen].max(0))
    found = [part for _, part in peaks.unit_blocks()]
    np.testing.assert_array_equal(np.concatenate(found, axis=1), values[0])
    assert [units.start for units, _ in peaks.unit_blocks()][:2] == ([0, 1] if block < 1000 else [0])
