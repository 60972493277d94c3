"""A folder that is complete or absent."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import OutputError


@contextmanager
def new_folder(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """A folder beside the one asked for, that takes its place when the context ends well, and is removed otherwise.

    Args:
        folder: new or empty.

    Raises:
        OutputError: the folder has something in it, is a file, or cannot be written.
    """
    target = Path(folder)
    _expect_empty(target)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        partial.mkdir(parents=True)
        yield partial
        partial.replace(target)
    except OSError as error:
        raise OutputError(f"expected a folder that can be written, got {target}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _expect_empty(target: Path) -> None:
    if target.exists() and not target.is_dir():
        raise OutputError(f"expected a new or empty folder, got the file {target}")
    if target.is_dir() and any(target.iterdir()):
        raise OutputError(
            f"expected a new or empty folder, got {target}, which has something in it; choose another or empty it"
        )
