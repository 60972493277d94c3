"""The formats of dictionaries, and the functions that find out of which format a location is.

A new format is a module with a `read` and an entry of FORMATS.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..errors import DictionaryError, nearest_names
from . import published
from .check import check_published
from .faces import FaceDictionary
from .faults import Fault, Progress
from .files import expect_folder


@dataclass(frozen=True, kw_only=True)
class Format:
    """One format of dictionaries.

    Attributes:
        recognises: whether a location is of this format.
        looked_for: what `recognises` looks for, for error messages.
        read: the dictionary at a location; takes the format's options as keywords. Raises DictionaryError.
        check: all faults at a location. Without one, the only fault is the error of `read`.
    """

    recognises: Callable[[str], bool]
    looked_for: str
    read: Callable[..., FaceDictionary]
    check: Callable[[str, Progress | None], list[Fault]] | None = None


def _read_demo(location: str, **options: Any) -> FaceDictionary:
    from .demo import open_demo, parse_location  # draws faces, which a reader of files has no use for

    return open_demo(**{**parse_location(location), **options})


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "demo": Format(
            recognises=lambda location: location.split(":")[0] == "demo",
            looked_for='the word "demo" for embedded faces',
            read=_read_demo,
        ),
        "published": Format(
            recognises=lambda location: published.recognises(Path(location)),
            looked_for=published.LOOKED_FOR,
            read=published.read,
            check=check_published,
        ),
    }
)
"""Name -> format, in the order in which a location is tried."""


def open_dictionary(location: str | PathLike[str], *, format: str | None = None, **options: Any) -> FaceDictionary:  # noqa: A002
    """The Face Dictionary at `location`; images and masks are read when they are asked for.

    Args:
        location: a folder, or `demo` (`demo:count=400,seed=1,size=128`) for embedded faces.
        format: a name of FORMATS; recognised where it is None.
        options: options of the format's reader.

    Raises:
        DictionaryError: there is no dictionary, or it has a fault in its indexes or folders.
    """
    location = fspath(location)
    name = format or recognise(location)
    read = _format(name).read
    try:
        inspect.signature(read).bind(location, **options)
    except TypeError as error:
        raise DictionaryError(f"expected options of the format {name}, got {', '.join(options)}: {error}") from error
    return read(location, **options)


def check_dictionary(
    location: str | PathLike[str],
    *,
    format: str | None = None,  # noqa: A002
    progress: Progress | None = None,
) -> list[Fault]:
    """Every fault of the dictionary at `location`, also of one that cannot be opened, sorted by file and row.

    Args:
        location, format: as of `open_dictionary`.
        progress: told after each image how many are done, and how many there are.
    """
    location = fspath(location)
    try:
        found = _format(format or recognise(location))
        if found.check is not None:
            return found.check(location, progress)
        found.read(location)
    except DictionaryError as error:
        return [Fault(code="not-a-dictionary", file=".", message=str(error))]
    return []


def recognise(location: str) -> str:
    """The name of the format of a location.

    Raises:
        DictionaryError: it does not exist, or is of no known format.
    """
    for name, form in FORMATS.items():
        if form.recognises(location):
            return name
    expect_folder(location)
    looked_for = "; ".join(f"{form.looked_for} ({name})" for name, form in FORMATS.items())
    raise DictionaryError(f"expected a Face Dictionary, got the folder {location}; looked for {looked_for}")


def _format(name: str) -> Format:
    if name not in FORMATS:
        nearest = nearest_names(name, FORMATS)
        raise DictionaryError(f"expected a format of dictionaries, got {name!r}; nearest: {nearest}")
    return FORMATS[name]
