"""The folder beside the page of a large run: which files it holds, whether it is ours, and its end when no page needs it."""

from __future__ import annotations

import re
import tempfile
from contextlib import suppress
from pathlib import Path

from ..errors import OutputError

INDEX = "index.js"
"""The file that every such folder has."""

PIECE = re.compile(r"(index|layer-\d+|units-\d+-\d+|outlines-\d+)\.js")
PICTURE = re.compile(r"\d{6,}\.webp")
OF_SYSTEMS = {".DS_Store", "Thumbs.db", "desktop.ini"}
"""What operating systems leave in a folder that somebody looks into."""


def beside(page: Path) -> Path:
    """Where the folder of a page is."""
    return page.with_name(f"{page.stem}_files")


def piece_script(key: str, text: str) -> str:
    """What the file of a piece, `KEY.js`, holds."""
    return f'{_call(key)}"{text}");\n'


def picture_name(number: int) -> str:
    """The file of a picture, by its number from 0."""
    return f"{number:06}.webp"


def is_ours(folder: Path) -> bool:
    """Whether a folder, and no link to one, holds only what a report wrote, by the names and beginnings of its files."""
    if folder.is_symlink() or not (folder / INDEX).is_file():
        return False
    return all(_written(path) for path in folder.iterdir())


def check_free(folder: Path) -> None:
    """Refuse to replace a folder that no report has written; an empty one may be replaced.

    Raises:
        OutputError: it is somebody else's.
    """
    if folder.is_dir() and (folder.is_symlink() or any(folder.iterdir())) and not is_ours(folder):
        raise OutputError(
            f"expected a new folder or one of an earlier report, got {folder}, which holds other files; write the report "
            "elsewhere or move them away"
        )


def remove_stale(page: Path) -> None:
    """Remove the folder of an earlier, larger report of the same name; anything that a report did not write stays.

    A folder that cannot be removed stays too: the page is whole without it.
    """
    folder = beside(page)
    with suppress(OSError):
        if not is_ours(folder):
            return
        # It is gone under its name at once, and looked at again before its files are deleted.
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
            moved = folder.replace(Path(scratch) / folder.name)
            if not is_ours(moved):
                moved.replace(folder)


def _call(key: str) -> str:
    return f'facedissect.receive("{key}",'


def _written(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    if path.name in OF_SYSTEMS:
        return True
    if PIECE.fullmatch(path.name):
        start = f'{_call(path.stem)}"'.encode()
        return _start(path, len(start)) == start
    found = _start(path, 12)
    return bool(PICTURE.fullmatch(path.name)) and found[:4] == b"RIFF" and found[8:] == b"WEBP"


def _start(path: Path, size: int) -> bytes:
    with path.open("rb") as file:
        return file.read(size)
