from __future__ import annotations

import io

import pytest
from rich.console import Console

from facedissect import progress
from facedissect.progress import ProgressReport


def test_outside_a_terminal_a_stage_prints_its_end_and_not_every_step() -> None:
    output = io.StringIO()
    with ProgressReport(Console(file=output)) as report:
        for done in range(1, 101):
            report("peaks", done, 100)
        report("masks", 3, 3)
    assert output.getvalue().splitlines() == ["peaks: 100 of 100 faces", "masks: 3 of 3 faces"]


def test_in_a_terminal_there_is_a_bar_with_rate_and_time_left() -> None:
    output = io.StringIO()
    with ProgressReport(Console(file=output, force_terminal=True, width=100)) as report:
        report("peaks", 50, 100)
        report("peaks", 100, 100)
    assert "peaks" in output.getvalue()
    assert "100/100" in output.getvalue()


def test_time_left_follows_from_what_this_run_did(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    output = io.StringIO()
    with ProgressReport(Console(file=output)) as report:
        for seconds, done in ((0, 600), (10, 610), (20, 620)):  # 600 were done by a run that was stopped
            clock[0] = seconds
            report("peaks", done, 1000)
    assert output.getvalue().splitlines() == ["peaks: 620 of 1000 faces, 380 s left"]
