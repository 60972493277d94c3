"""TOML that a user writes: read whole, and refused in one line where it has a key that nobody knows."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..errors import DictionaryError, FacedissectError, nearest_names

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def read_toml(
    path: str | os.PathLike[str], *, what: str = "a TOML file", error: type[FacedissectError] = DictionaryError
) -> dict[str, Any]:
    """What a file says.

    Args:
        what: names the file in the error.
        error: what is raised where the file cannot be read or is no TOML in UTF-8.
    """
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as reason:
        raise error(f"expected {what} in UTF-8, got {os.fspath(path)}: {reason}") from reason


def expect_keys(
    table: Iterable[str], known: Iterable[str], where: str, *, error: type[FacedissectError] = DictionaryError
) -> None:
    """Raises `error`, naming the nearest, where a table has a key that is not known; `where` says which table."""
    known = tuple(known)
    for key in table:
        if key not in known:
            nearest = nearest_names(key, known, 1)
            raise error(f"expected the keys {', '.join(known)} {where}, got {key!r}; nearest: {nearest}")
