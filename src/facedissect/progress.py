"""Progress of long work: a bar with rate and time left in a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

SECONDS_BETWEEN_LINES = 15.0


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.0f} faces/s" if task.speed else "", style="progress.data.speed")


class ProgressReport:
    """A context whose instance is called with the name of a stage, the faces done and the faces in all."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, tuple[int, float, int]] = {}
        self._last_line = time.monotonic()

    def __enter__(self) -> ProgressReport:
        self._bars.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._bars.stop()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show how far a stage is."""
        now = time.monotonic()
        if stage not in self._tasks:
            self._tasks[stage] = (int(self._bars.add_task(stage, total=total)), now, done)
        task, started, first = self._tasks[stage]
        if self._console.is_terminal:
            self._bars.update(self._bars.task_ids[task], completed=done)
        elif done >= total or now - self._last_line > SECONDS_BETWEEN_LINES:
            self._last_line = now
            # What a stopped run had done before says nothing about the time.
            rate = (done - first) / max(now - started, 1e-3)
            left = f", {(total - done) / rate:.0f} s left" if done < total and rate > 0 else ""
            self._console.print(f"{stage}: {done} of {total} faces{left}")
