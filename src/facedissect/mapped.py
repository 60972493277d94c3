"""Arrays that live in files, mapped into memory."""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import Any

import numpy as np

from .errors import OutputError


def mapped(path: Path, dtype: Any, shape: tuple[int, ...]) -> np.ndarray:
    """An array in a file, to be written to; an existing file is gone on with.

    Raises:
        OutputError: there is no room for it.
    """
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if not size:
        return np.empty(shape, dtype)
    try:
        with path.open("ab") as file:
            if hasattr(os, "posix_fallocate"):
                # A mapped page for which the disk turns out to have no room kills the process.
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                file.truncate(size)
    except OSError as error:
        raise OutputError(
            f"expected room for {size / 1e9:.1f} GB in {path.parent}, got: {error.strerror or error}; "
            "free some, or use another folder"
        ) from error
    return np.memmap(path, dtype, mode="r+", shape=shape)


def release(*arrays: np.ndarray) -> None:
    """Let the system take back the memory of arrays that are mapped; they are read again when they are used."""
    for array in arrays:
        mapping = getattr(array, "_mmap", None)
        if mapping is not None and hasattr(mmap, "MADV_DONTNEED"):
            mapping.madvise(mmap.MADV_DONTNEED)
