"""The faces that a list of images names: each once, and with its image in place."""

from __future__ import annotations

import gc
import os
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Literal, get_args

from ..errors import DictionaryError, FaceReadError
from .faces import Face
from .faults import Fault, Row, first_and_count
from .files import leads_out, normalised

Missing = Literal["stop", "skip"]
"""What to do about a row whose image is not there: refuse the list, or leave out the row."""


@contextmanager
def many_made() -> Iterator[None]:
    """Pauses the garbage collector while rows become faces, none of which is garbage: a third of the time for 200,000."""
    paused = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if paused:
            gc.enable()


def listed_path(root: Path, cell: str) -> str:
    """The path in a cell of a list, normalised; an absolute one inside the resolved `root` becomes relative to it.

    Raises:
        FaceReadError: it leads out of the root, as it is written or through symbolic links of folders.
        DictionaryError: there is none.
    """
    path = normalised(cell)
    if not cell.strip() or "\0" in path:
        raise DictionaryError(f"expected a path, got {cell!r}")
    folder, name = posixpath.split(path)
    if leads_out(root, folder):  # links of files themselves show when they are read
        raise FaceReadError(f"expected a path inside {root}, got {path}, which leads out of it")
    if path.startswith("/") or path[1:2] == ":":
        return posixpath.join(_from_root(root, folder), name)
    return path


def listed_faces(
    root: Path, named: Sequence[tuple[Row, Face]], faults: Sequence[Fault], missing: Missing
) -> tuple[Face, ...]:
    """The faces of a list in its order.

    Folders are listed once and no image is opened, so that a wrong folder shows now and not in the middle of a run.

    Args:
        root: what the ids of the faces are relative to.
        named: where each face is named; its id is the path of its image.
        faults: what is wrong with the list already.
        missing: `skip` leaves out the rows whose image is not there, since a sample of the images often comes with the
            list of all.

    Raises:
        DictionaryError: there are faults, an image is named twice or is not there, or none is left.
    """
    if missing not in get_args(Missing):
        raise DictionaryError(f"expected missing to be {' or '.join(get_args(Missing))}, got {missing!r}")
    faults = [*faults, *_named_twice(named)]
    there = _files_in(root, {posixpath.dirname(face.id) for _, face in named})
    if missing == "stop":
        faults += [
            Fault(
                code="missing-image",
                file=face.id,
                row=place,
                message=f"expected the image {face.id}, got no such file in {root}; restore it, or give missing='skip'",
            )
            for place, face in named
            if face.id not in there
        ]
    if faults:
        raise DictionaryError(first_and_count(faults))
    faces = tuple(face for _, face in named if face.id in there)
    if not faces:
        looked_for = f"; looked for {named[0][1].id} and {len(named) - 1} others" if named else ""
        raise DictionaryError(f"expected at least one image that is named and is there, got none in {root}{looked_for}")
    return faces


@lru_cache(maxsize=4096)
def _from_root(root: Path, folder: str) -> str:
    """An absolute folder in the resolved `root` as a path relative to it; empty for the root itself."""
    relative = Path(os.path.realpath(folder)).relative_to(root).as_posix()
    return "" if relative == "." else relative


def _named_twice(named: Iterable[tuple[Row, Face]]) -> list[Fault]:
    first: dict[str, Row] = {}
    faults = []
    for place, face in named:
        before = first.setdefault(face.id, place)
        if before is not place:
            message = f"expected {face.id} once, got it in {before} and {place}; keep one of them"
            faults.append(Fault(code="conflicting-rows", file=face.id, row=place, message=message))
    return faults


def _files_in(root: Path, folders: Iterable[str]) -> set[str]:
    """Paths of what lies in some folders; a folder that cannot be listed has nothing."""
    paths: set[str] = set()
    for folder in folders:
        try:
            with os.scandir(root / folder) as entries:
                paths.update(posixpath.join(folder, entry.name) for entry in entries)
        except OSError:
            continue
    return paths
