"""Write a file or a folder so that it is there complete or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import OutputError


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the context ends well, and is removed otherwise.

    Raises:
        OutputError: nothing can be written there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as scratch:
            new = Path(scratch) / path.name
            yield new
            if new.is_dir() and path.is_dir():
                shutil.rmtree(path)
            new.replace(path)
    except OSError as error:
        raise OutputError(
            f"expected to write {path}, got: {error.strerror or error}; check the folder and the space"
        ) from error
