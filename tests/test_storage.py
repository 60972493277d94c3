from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from facedissect import Dissection, FaceModel, OutputError, dissect, load, peaks, storage
from facedissect.atomic import atomic
from facedissect.peaks import Peaks
from facedissect.storage import TABLES, check_output, layer_folder


@pytest.fixture(scope="module")
def result(planted: Any, lookup: Any) -> Dissection:
    dictionary, masks = planted
    return dissect(dictionary, FaceModel(lookup(masks.float()), size=16, name="planted net"), layers=["maps"])


def test_what_is_loaded_is_what_was_saved(result: Dissection, tmp_path: Path) -> None:
    result.save(tmp_path / "run")
    loaded = load(tmp_path / "run")
    assert loaded.settings == result.settings
    assert loaded.vocabulary == result.vocabulary
    assert loaded.provenance == result.provenance
    for table in TABLES:
        pd.testing.assert_frame_equal(getattr(loaded, table), getattr(result, table), check_exact=True)
    np.testing.assert_array_equal(loaded["maps"].top_maps, result["maps"].top_maps)
    np.testing.assert_array_equal(loaded["maps"].peaks.highest, result["maps"].peaks.highest)
    assert loaded["maps"].peaks.faces == result["maps"].peaks.faces


def test_the_files_are_those_of_the_contract(result: Dissection, tmp_path: Path) -> None:
    result.save(tmp_path)
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()} == {
        "dissection.json",
        "maps/peaks.npz",
        "maps/top_maps.npz",
        *(f"maps/{table}.parquet" for table in TABLES),
    }
    header = json.loads((tmp_path / "dissection.json").read_text())
    assert header["settings"]["quantile"] == 0.995
    assert header["provenance"]["model"]["name"] == "planted net"
    assert header["layers"][0] == {
        "name": "maps", "folder": "maps", "map_size": [16, 16], "units": 38, "interpretable": 38,
    }  # fmt: skip


def test_layer_folders_have_only_safe_characters() -> None:
    assert layer_folder("m/b/../Conv 1") == "m_b_.._Conv_1"
    assert layer_folder("layer4.2.conv1") == "layer4.2.conv1"


def test_a_layer_that_is_no_longer_in_the_result_takes_its_folder_along(result: Dissection, tmp_path: Path) -> None:
    old = replace(result, layers={"maps": result["maps"], "other": replace(result["maps"], layer="other")})
    (tmp_path / "notes").mkdir()
    old.save(tmp_path)
    assert list(load(tmp_path).layers) == ["maps", "other"]
    result.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dissection.json", "maps", "notes"]


def test_a_folder_that_is_no_layer_of_ours_is_not_replaced(result: Dissection, tmp_path: Path) -> None:
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match=r"expected a new folder or one of an earlier run, got .*maps"):
        result.save(tmp_path)
    assert (tmp_path / "maps" / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "dissection.json").unlink(), "expected the folder of a finished run"),
        (lambda folder: (folder / "dissection.json").write_text("{"), "expected a complete result, got a damaged one"),
        (
            lambda folder: (folder / "maps" / "peaks.npz").write_bytes(b"PK"),
            "expected a complete result, got a damaged",
        ),
        (
            lambda folder: (folder / "maps" / "units.parquet").write_bytes(b"x"),
            "expected a complete result, got a damaged",
        ),
        (
            lambda folder: (folder / "dissection.json").write_text('{"format": 99}'),
            "expected a result of format 2, got 99",
        ),
    ],
)
def test_a_damaged_result_is_refused(result: Dissection, tmp_path: Path, damage: Any, message: str) -> None:
    result.save(tmp_path)
    damage(tmp_path)
    with pytest.raises(OutputError, match=message):
        load(tmp_path)


def test_layers_that_would_share_a_folder_are_refused(result: Dissection, tmp_path: Path) -> None:
    double = replace(result, layers={"a/b": result["maps"], "a_b": result["maps"]})
    with pytest.raises(OutputError, match="expected layers with different folder names, got a/b, a_b"):
        storage.save(double, tmp_path)


def test_a_folder_that_cannot_be_written_to_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"expected a folder that can be written to, got .*file"):
        check_output(tmp_path / "file" / "out", ["maps"])


def test_an_atomic_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("old")

    def fail_halfway() -> None:
        with atomic(target) as scratch:
            scratch.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_halfway()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert target.read_text() == "old"


@pytest.mark.parametrize("block", [1, 7, 1 << 23])
def test_peaks_are_written_block_by_block_as_numpy_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(peaks, "BLOCK_VALUES", block)
    values = np.random.default_rng(0).standard_normal((2, 9, 4)).astype(np.float32)
    faces = tuple("äbcdefghi")
    storage._save_peaks(Peaks(faces=faces, highest=values[0], lowest=values[1]), tmp_path / "ours.npz")
    np.savez(tmp_path / "numpys.npz", faces=np.array(faces), highest=values[0], lowest=values[1])
    assert (tmp_path / "ours.npz").read_bytes() == (tmp_path / "numpys.npz").read_bytes()
