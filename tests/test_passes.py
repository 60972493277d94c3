"""Whatever is kept, run again, split or stopped: the same bytes."""

from __future__ import annotations

import itertools
import json
import multiprocessing
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import facedissect as fd
from facedissect import passes, workspace
from facedissect.storage import TABLES

FACES = 90
LAYERS = ["early", "late", "head"]


class Slow(nn.Module):
    """A small network with layers of several kinds, which takes its time."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.early, self.relu = nn.Conv2d(3, 12, 5, stride=4), nn.ReLU(inplace=True)
        self.late, self.head = nn.Conv2d(12, 20, 3), nn.Linear(20, 3)
        self.seconds = 0.0

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        time.sleep(self.seconds)
        maps = self.late(self.relu(self.early(images)))
        answer: torch.Tensor = self.head(maps.mean((2, 3)))
        return answer


@pytest.fixture(scope="module")
def faces() -> fd.FaceDictionary:
    """Faces with local labels, and some without."""
    drawn = fd.open_dictionary(f"demo:count={FACES},size=32")
    without = [
        replace(face, concepts=(), kinds=frozenset()) if number % 5 == 4 else face for number, face in enumerate(drawn)
    ]
    return replace(drawn, faces=tuple(without))


def run(
    faces: fd.FaceDictionary, out: Path, *, resume: Path | None = None, seconds: float = 0, **settings: Any
) -> None:
    network = Slow()
    network.seconds = seconds
    model = fd.FaceModel(network, size=32, name="slow")
    chosen = fd.Settings(**{"batch_size": 8, "quantile": 0.97, **settings})
    fd.dissect(faces, model, layers=LAYERS, settings=chosen, resume=resume).save(out)


def numbers(folder: Path) -> dict[str, bytes]:
    """Every file but the header, which tells time and settings."""
    names = [*(f"{table}.parquet" for table in TABLES), "peaks.npz", "top_maps.npz"]
    return {f"{layer}/{name}": (folder / layer / name).read_bytes() for layer in LAYERS for name in names}


@pytest.fixture(scope="module")
def uninterrupted(faces: fd.FaceDictionary, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("whole")
    run(faces, out)
    return numbers(out)


@pytest.mark.parametrize(
    "settings",
    [
        {"cache_gb": 0},
        {"cache_gb": 100e-6},
        {"memory_gb": 0},
        {"workers": 0},
        {"workers": 3},
        {"device": "cpu,cpu"},
        {"device": "cpu,cpu", "cache_gb": 0, "workers": 2},
    ],
    ids=str,
)
def test_no_way_to_run_changes_a_number(
    faces: fd.FaceDictionary, uninterrupted: dict[str, bytes], settings: dict[str, Any], tmp_path: Path
) -> None:
    run(faces, tmp_path, **settings)
    assert numbers(tmp_path) == uninterrupted


@pytest.mark.parametrize(
    ("waits", "kept"),
    [([0.0], False), ([1.0, *[0.0] * 7], False), ([50.0, *[0.0] * 7], True)],
    ids=["nothing", "little", "much, in bursts"],
)
def test_what_is_dear_to_keep_is_run_again(
    faces: fd.FaceDictionary,
    uninterrupted: dict[str, bytes],
    waits: list[float],
    kept: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A batch costs 0.2 s to write and as much to read, and the network takes what is given, read ahead in bursts."""
    ran: list[int] = []
    add, took, burst = passes.KeptFile.add, passes._Keeping.network_took, itertools.cycle(waits)

    def slow(self: passes.KeptFile, faces: Any, labels: Any, layers: Any) -> None:
        if self._path.name != "sample":
            ran.append(len(layers))
            time.sleep(0.2 if layers else 0)
        add(self, faces, labels, layers)

    monkeypatch.setattr(passes.KeptFile, "add", slow)
    monkeypatch.setattr(passes._Keeping, "network_took", lambda self, _seconds: took(self, next(burst)))
    run(faces, tmp_path)
    assert ran[:3] == [2, 2, 2]
    assert set(ran[3:]) == {2 if kept else 0}
    assert numbers(tmp_path) == uninterrupted


def test_a_full_disk_costs_time_and_no_number(
    faces: fd.FaceDictionary, uninterrupted: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = passes.KeptFile.add
    written: list[bool] = []

    def full(self: passes.KeptFile, faces: Any, labels: Any, layers: Any) -> None:
        if self._path.name != "sample":
            written.append(bool(layers))
        if layers and len(written) > 4:
            length = self.length
            add(self, faces, labels, layers)
            self.length = length  # what was written counts only when all of it is there
            raise OSError(28, "No space left on device")
        add(self, faces, labels, layers)

    monkeypatch.setattr(passes.KeptFile, "add", full)
    run(faces, tmp_path)
    assert written == [True] * 5 + [False] * 8
    assert numbers(tmp_path) == uninterrupted


def test_a_run_that_is_killed_ten_times_ends_with_the_same_bytes(
    faces: fd.FaceDictionary, uninterrupted: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspace, "SECONDS_BETWEEN_STATES", 0)
    monkeypatch.setattr(workspace, "SHARE_OF_TIME", 1)
    fork = multiprocessing.get_context("fork")
    moments = np.random.default_rng(0).uniform(0.05, 0.9, 10)
    reached: list[int] = []
    for place, moment in enumerate(moments):
        # Every third one runs its maps again, so that the second pass is stopped as well.
        resume = tmp_path / f"resume-{place % 3}"
        settings = {"cache_gb": 0 if place % 3 == 2 else 8, "workers": 0 if place % 2 else 2}
        process = fork.Process(
            target=run, args=(faces, tmp_path / "out"), kwargs={"resume": resume, "seconds": 0.03, **settings}
        )
        process.start()
        time.sleep(moment)
        process.kill()
        process.join()
        state = resume / "survey.npz"
        if state.exists():
            with np.load(state) as file:
                reached.append(json.loads(str(file["meta"]))["batches"])
    assert reached
    for place in range(3):
        out = tmp_path / f"out-{place}"
        run(faces, out, resume=tmp_path / f"resume-{place}", cache_gb=0 if place == 2 else 8)
        assert numbers(out) == uninterrupted


def test_what_was_done_is_not_done_again(faces: fd.FaceDictionary, tmp_path: Path) -> None:
    model = fd.FaceModel(Slow(), size=32, name="slow")
    settings = fd.Settings(batch_size=8, quantile=0.97)
    told: list[str] = []

    class StoppedError(Exception):
        pass

    def stop(_stage: str, done: int, _total: int) -> None:
        if done >= 40:
            raise StoppedError

    def go(progress: Any = None, **changes: Any) -> list[int]:
        passed: list[int] = []
        hook = model.module.late.register_forward_hook(lambda *_: passed.append(1))
        try:
            fd.dissect(
                faces, model, layers=LAYERS, settings=replace(settings, **changes), resume=tmp_path, tell=told.append,
                progress=progress,
            )  # fmt: skip
        finally:
            hook.remove()
        return passed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workspace, "SECONDS_BETWEEN_STATES", 0)
        patch.setattr(workspace, "SHARE_OF_TIME", 1)
        with pytest.raises(StoppedError):
            go(stop)
    assert told == []
    assert len(go()) == 1 + 7  # the dry run, and 7 of 12 batches
    assert told.pop() == "going on with a run that was stopped, after 40 of 90 faces"
    assert len(go(workers=0)) == 1
    assert told.pop() == "going on with a run that was stopped, after 90 of 90 faces"
    assert len(go(quantile=0.9)) == 1 + 12
    assert told == ["starting afresh: setting quantile is not 0.97 any more but 0.9"]
