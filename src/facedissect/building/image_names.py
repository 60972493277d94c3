"""Which face a tool's output speaks of: other programs name images by their full path, their file name or its stem."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from ..dictionary.files import normalised
from ..errors import DictionaryError


class ImageNames:
    """The ids of a dictionary's faces, found by the end of a path, with or without the suffix of the file."""

    def __init__(self, ids: Iterable[str]) -> None:
        self._whole: dict[str, list[str]] = {}
        self._stems: dict[str, list[str]] = {}
        for face_id in ids:
            for end in _ends(face_id):
                self._whole.setdefault(end, []).append(face_id)
                self._stems.setdefault(_without_suffix(end), []).append(face_id)

    def find(self, name: str) -> str | None:
        """The id of the image that a path names; None where it is none of the dictionary's.

        The longest end of the path decides: of `x/a/1.jpg`, an id `b/a/1.jpg` is meant and not `b/c/1.jpg`.

        Raises:
            DictionaryError: several images are meant.
        """
        path = normalised(name)
        for ends, known in ((_ends(path), self._whole), (map(_without_suffix, _ends(path)), self._stems)):
            for end in ends:
                found = known.get(end, ())
                if path in found:
                    return path
                if len(found) > 1:
                    raise DictionaryError(
                        f"expected the path of one image, got {name!r}, which may be {found[0]} or {found[1]}; "
                        "give more of its path"
                    )
                if found:
                    return found[0]
        return None


def _ends(path: str) -> Iterator[str]:
    """The path, then without its first folder, and so on down to the file's name."""
    parts = PurePosixPath(path).parts
    return ("/".join(parts[first:]) for first in range(len(parts)))


def _without_suffix(path: str) -> str:
    return path[: len(path) - len(PurePosixPath(path).suffix)]
