"""Doors out: one file per format of the report. A report never runs a model."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import MappingProxyType

from ..dictionary.faces import FaceDictionary
from ..errors import OutputError
from ..intersections import intersected
from ..results import Dissection
from .beside import NOTHING, Beside
from .terminal import show

WRITERS: Mapping[str, str] = MappingProxyType({".html": "html", ".pdf": "pdf"})
"""Suffix of the file -> module whose `write(result, dictionary, path, beside)` writes it."""

__all__ = ["WRITERS", "Beside", "show", "write_report"]


def write_report(
    result: Dissection,
    dictionary: FaceDictionary,
    path: str | os.PathLike[str],
    beside: Beside = NOTHING,
) -> None:
    """Write a report; the suffix of `path` chooses its format. The file is complete or absent.

    Faces that cannot be read any more are shown as crossed tiles, and the report says so.

    Args:
        result: what a run found.
        dictionary: the dictionary that was dissected; its images are shown.
        path: `.html` for a page that opens from disk, with `NAME_files/` beside it if it is large; `.pdf` for print.
        beside: what shall be shown too: ablations of its units, and its baseline (`Beside.read` finds them in its folder).

    Raises:
        OutputError: the suffix is of no known format, or the file cannot be written.
    """
    path = Path(path)
    name = WRITERS.get(path.suffix.lower())
    if name is None:
        raise OutputError(f"expected a report called *{' or *'.join(WRITERS)}, got {path.name!r}; change the suffix")
    # Only now, because matplotlib takes a second to import and most of what users type needs no report.
    faces = intersected(dictionary, result.settings.intersect)
    import_module(f".{name}", __name__).write(result, faces, path, beside)
