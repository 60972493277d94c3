"""Every error that facedissect raises on purpose, as one tree.

    FacedissectError            catch this one to catch them all
    ├── DictionaryError         a Face Dictionary is missing, malformed or contradicts itself
    │   └── FaceReadError       one image or mask of it cannot be read, or does not fit its face
    ├── ModelError              a network cannot be built, loaded or run
    │   ├── WeightsError        a checkpoint is damaged, unsafe or of another architecture
    │   └── LayerError          a layer does not exist, or its output cannot be read
    ├── SettingsError           a setting has a value that makes no sense
    ├── OutputError             a result cannot be written, read back or merged
    └── MissingExtraError       an optional dependency is needed and not installed

A message says in one line what was expected, what came and what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class FacedissectError(Exception):
    """Base of all errors raised on purpose."""


class DictionaryError(FacedissectError):
    """A Face Dictionary is missing, malformed or contradicts itself."""


class FaceReadError(DictionaryError):
    """An image or a mask cannot be read, or a mask does not fit its image."""


class ModelError(FacedissectError):
    """A network cannot be built, loaded or run."""


class WeightsError(ModelError):
    """A checkpoint is damaged, unsafe to load or of another architecture."""


class LayerError(ModelError):
    """A layer does not exist, or its output cannot be read as maps, tokens or features."""


class SettingsError(FacedissectError):
    """A setting has a value that makes no sense."""


class OutputError(FacedissectError):
    """A result cannot be written, read back or merged."""


class MissingExtraError(FacedissectError):
    """An optional dependency is needed and not installed."""

    def __init__(self, need: str, extra: str) -> None:
        super().__init__(f"{need} needs the optional dependencies `{extra}`; run: pip install 'facedissect[{extra}]'")


def nearest_names(name: str, known: Iterable[str], count: int = 5) -> str:
    """The known names most like `name`, for the end of an error message."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=count, cutoff=0.3) or known[:count]
    return ", ".join(near)
