"""Workspace: the folder in which a run keeps what it needs to go on, should it be stopped at any moment.

A state is a file that is replaced as a whole, now and then; files that grow beside it count as far as the state says. A workspace
bears the description of its run: another model, dictionary, layer or setting starts afresh and says why.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from .atomic import atomic
from .errors import OutputError

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None  # type: ignore[assignment]

SECONDS_BETWEEN_STATES = 5.0
SHARE_OF_TIME = 0.02
"""Of the time of a run, at most this much is spent on writing states."""
RUN, META = "run.json", "meta"

Tell = Callable[[str], None]
"""Told, in a sentence, that a run is gone on with, or why it starts afresh."""


class Workspace:
    """A folder of files and states.

    Attributes:
        folder: where they are.
        lasting: whether they are there for a run to come; if not, no state is written.
    """

    def __init__(self, folder: Path, *, lasting: bool) -> None:
        self.folder, self.lasting = folder, lasting
        self._last, self._cost = time.monotonic(), 0.0

    @classmethod
    @contextmanager
    def opened(cls, folder: Path | None, run: Mapping[str, Any], tell: Tell) -> Iterator[Workspace]:
        """The workspace of a run; a temporary one if `folder` is None.

        Args:
            folder: made if it is not there; emptied if it is of another run.
            run: what the run is, by names; values as JSON can hold them.
            tell: told what was found.

        Raises:
            OutputError: the folder cannot be written to, or another run is at work in it.
        """
        if folder is None:
            # On Windows the files of a result that is still in use cannot be deleted.
            with tempfile.TemporaryDirectory(prefix="facedissect-", ignore_cleanup_errors=True) as name:
                yield cls(Path(name), lasting=False)
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = (folder / "lock").open("wb")
        except OSError as error:
            raise OutputError(
                f"expected a folder that can be written to, got {folder} ({error.strerror}); choose another"
            ) from error
        with lock:
            _lock(lock, folder)
            workspace = cls(folder, lasting=True)
            workspace._begin(json.loads(json.dumps(run)), tell)
            try:
                yield workspace
            except BaseException:
                if not any(folder.glob("*.npz")):  # there is nothing to go on with
                    shutil.rmtree(folder, ignore_errors=True)
                raise

    def _begin(self, run: Mapping[str, Any], tell: Tell) -> None:
        """Empty the folder unless it is of the same run."""
        file = self.folder / RUN
        try:
            known = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            known = None
        if known == run:
            return
        if known is not None:
            tell(f"starting afresh: {_difference(known, run)}")
        for path in self.folder.iterdir():
            if path.name != "lock":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        with atomic(file) as scratch:
            scratch.write_text(json.dumps(run, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    def due(self) -> bool:
        """Whether it is time to write a state."""
        wait = max(SECONDS_BETWEEN_STATES, self._cost / SHARE_OF_TIME)
        return self.lasting and time.monotonic() - self._last >= wait

    def save(self, name: str, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Write a state in place of the last one of that name. Raises OutputError."""
        if self.lasting:
            start = time.monotonic()
            with atomic(self.folder / f"{name}.npz") as scratch:
                np.savez(scratch, allow_pickle=False, **{META: np.array(json.dumps(meta)), **arrays})
            self._last = time.monotonic()
            self._cost = self._last - start

    def load(self, name: str) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
        """The last state of that name; None if there is none."""
        path = self.folder / f"{name}.npz"
        if not (self.lasting and path.exists()):
            return None
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
        return json.loads(str(arrays.pop(META))), arrays


def _lock(file: BinaryIO, folder: Path) -> None:
    if fcntl is not None:
        try:
            # Not flock, which the workers that read would hold on to after the run was killed.
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise OutputError(
                f"expected no other run at work in {folder}, got one; wait for it or choose another folder"
            ) from error


def _difference(known: Mapping[str, Any], run: Mapping[str, Any], place: str = "") -> str:
    """What differs first, in words."""
    for name in [*run, *known]:
        before, now = known.get(name), run.get(name)
        if before != now:
            if isinstance(before, dict) and isinstance(now, dict):
                return _difference(before, now, f"{place}{name} ")
            return f"{place}{name} is not {_short(before)} any more but {_short(now)}"
    return "it is another run"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
