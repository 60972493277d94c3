from __future__ import annotations

import multiprocessing
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facedissect import workspace
from facedissect.errors import OutputError
from facedissect.workspace import Workspace

RUN = {"model": {"digest": "abc", "name": "m"}, "layers": ["a"], "setting": {"quantile": 0.995, "zeros": "count"}}


def opened(folder: Path, run: dict[str, Any] = RUN) -> tuple[list[str], set[str]]:
    """What is told, and the files that are there."""
    told: list[str] = []
    with Workspace.opened(folder, run, told.append):
        return told, {path.name for path in folder.iterdir()} - {"lock"}


def test_a_state_is_there_for_the_same_run(tmp_path: Path) -> None:
    with Workspace.opened(tmp_path, RUN, print) as space:
        assert space.load("survey") is None
        space.save("survey", {"batches": 3}, {"0/kept": np.arange(4)})
        space.save("survey", {"batches": 4}, {"0/kept": np.arange(5)})
        assert space.load("tally") is None
    with Workspace.opened(tmp_path, RUN, print) as space:
        state = space.load("survey")
        assert state is not None
        meta, arrays = state
        assert meta == {"batches": 4}
        assert arrays["0/kept"].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"model": {"digest": "abd", "name": "m"}}, 'model digest is not "abc" any more but "abd"'),
        ({"layers": ["a", "b"]}, 'layers is not ["a"] any more but ["a", "b"]'),
        ({"setting": {"quantile": 0.9, "zeros": "count"}}, "setting quantile is not 0.995 any more but 0.9"),
    ],
)
def test_another_run_starts_afresh_and_says_why(tmp_path: Path, change: dict[str, Any], why: str) -> None:
    assert opened(tmp_path) == ([], {"run.json"})
    (tmp_path / "survey.npz").touch()
    assert opened(tmp_path) == ([], {"run.json", "survey.npz"})
    assert opened(tmp_path, RUN | change) == ([f"starting afresh: {why}"], {"run.json"})


def hold(folder: Path, held: Any) -> None:
    with Workspace.opened(folder, RUN, print):
        held.set()
        time.sleep(60)


def test_two_runs_cannot_work_in_one_folder_until_the_first_is_gone(tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    held = fork.Event()
    other = fork.Process(target=hold, args=(tmp_path, held))
    other.start()
    assert held.wait(30)
    with pytest.raises(OutputError, match=r"expected no other run at work in .*, got one; wait for it"):
        opened(tmp_path)
    other.kill()
    other.join()
    assert opened(tmp_path)[0] == []


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(OutputError, match=r"expected a folder that can be written to, got .*file/folder"),
        Workspace.opened(tmp_path / "file/folder", RUN, print),
    ):
        pass


def test_a_temporary_workspace_keeps_no_states_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workspace, "SECONDS_BETWEEN_STATES", 0)
    with Workspace.opened(None, RUN, print) as space:
        assert space.folder.is_dir()
        assert not space.due()
        space.save("survey", {}, {})
        assert space.load("survey") is None
    assert not space.folder.exists()


@pytest.mark.parametrize("states", [0, 1])
def test_a_run_that_fails_leaves_only_what_can_be_gone_on_with(tmp_path: Path, states: int) -> None:
    folder = tmp_path / "unfinished"

    def fail() -> None:
        with Workspace.opened(folder, RUN, print) as space:
            (folder / "kept").touch()
            if states:
                space.save("survey", {}, {})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert folder.exists() == bool(states)
