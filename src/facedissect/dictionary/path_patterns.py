"""Patterns of paths with names in braces, such as `{split}/images/{name}.jpg`: which files there are, and where another lies."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from ..errors import DictionaryError

_FIELD = re.compile(r"\{(\w*)\}")


def fields_of(pattern: str) -> frozenset[str]:
    """The names in braces.

    Raises:
        DictionaryError: a brace is left over, or the pattern is no path relative to a root and inside it.
    """
    if set(_FIELD.sub("", pattern)) & set("{}\\") or "{}" in pattern:
        raise DictionaryError(f"expected a path with / and with names in braces, such as {{name}}, got {pattern!r}")
    if not pattern or pattern.startswith("/") or ".." in pattern.split("/"):
        raise DictionaryError(f"expected a path relative to the root and inside it, got {pattern!r}")
    return frozenset(_FIELD.findall(pattern))


def filled(pattern: str, values: Mapping[str, str]) -> str:
    """The path that a pattern gives with `values` in the place of the names."""
    return _FIELD.sub(lambda field: values[field[1]], pattern)


def regular_expression(pattern: str) -> re.Pattern[str]:
    """Matches the paths of a pattern. A name stands for one character or more, but no `/`; always for the same."""
    seen: set[str] = set()
    words = []
    for place, word in enumerate(_FIELD.split(pattern)):
        if place % 2 == 0:
            words.append(re.escape(word))
        elif word in seen:
            words.append(f"(?P={word})")
        else:
            seen.add(word)
            words.append(f"(?P<{word}>[^/]+)")
    return re.compile("".join(words))


def find(root: Path, pattern: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Path relative to `root`, and what each name stands for, of every file that matches; sorted. Hidden names do not match.

    Raises:
        DictionaryError: a folder cannot be listed.
    """
    expression = regular_expression(pattern)
    for path in _paths(root, "", pattern.split("/")):
        match = expression.fullmatch(path)
        if match:  # a name in several folders of the pattern may differ
            yield path, match.groupdict()


def _paths(root: Path, folder: str, segments: list[str]) -> Iterator[str]:
    """Paths in `folder` of which each segment matches, without regard to names that stand in several."""
    segment, *below = segments
    try:
        names = (
            [segment]
            if below and not _FIELD.search(segment)
            else sorted(entry.name for entry in os.scandir(root / folder))
        )
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise DictionaryError(f"expected a folder that can be listed, got {root / folder}: {error.strerror}") from error
    expression = regular_expression(segment)
    for name in names:
        if name.startswith(".") or not expression.fullmatch(name):
            continue
        path = f"{folder}/{name}" if folder else name
        if below:
            yield from _paths(root, path, below)
        else:
            yield path
