"""The formats of dictionaries, and the functions that find out of which format a location is.

A new format is a module with a `read` and an entry of FORMATS.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from os import PathLike, fspath
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..errors import DictionaryError, nearest_names
from . import celeba, celebamask, coco, fairface, images, label_map, packed, published, table, utkface
from .check import check_published
from .faces import FaceDictionary
from .faults import Fault, Progress
from .files import expect_folder
from .landmarks_file import read_landmarks


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


def _files(reader: Any, check: Callable[[str, Progress | None], list[Fault]] | None = None) -> Format:
    return Format(
        recognises=lambda location: reader.recognises(Path(location)),
        looked_for=reader.LOOKED_FOR,
        read=reader.read,
        check=check,
    )


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "demo": Format(
            recognises=lambda location: location.split(":")[0] == "demo",
            looked_for='the word "demo" for embedded faces',
            read=_read_demo,
        ),
        "published": _files(published, check_published),
        "packed": _files(packed),
        "celebamask": _files(celebamask),
        "celeba": _files(celeba),
        "fairface": _files(fairface),
        "utkface": _files(utkface),
        "label_map": _files(label_map),
        "coco": _files(coco),
        "table": _files(table),
        "images": _files(images),
    }
)
"""Name -> format, in the order in which a location is tried."""


def open_dictionary(location: str | PathLike[str], *, format: str | None = None, **options: Any) -> FaceDictionary:  # noqa: A002
    """The Face Dictionary at `location`; images and masks are read when they are asked for.

    Args:
        location: a folder, or `demo` (`demo:count=400,seed=1,size=128`) for embedded faces.
        format: a name of FORMATS; recognised where it is None.
        options: of the format's reader; and `landmarks`, a file of boxes and landmarks (`landmarks.csv`), of any format.

    Raises:
        DictionaryError: there is no dictionary, or it has a fault in its indexes or folders.
    """
    location = fspath(location)
    name = format or recognise(location)
    read = _format(name).read
    told = {key: fspath(value) if isinstance(value, PathLike) else value for key, value in options.items()}
    landmarks = None if "landmarks" in inspect.signature(read).parameters else options.pop("landmarks", None)
    try:
        inspect.signature(read).bind(location, **options)
    except TypeError as error:
        raise DictionaryError(f"expected options of the format {name}, got {', '.join(options)}: {error}") from error
    dictionary = read(location, **options)
    if landmarks is not None:
        dictionary = dictionary.located(read_landmarks(landmarks, dictionary))
    # The location of embedded faces tells all that text can tell.
    return dictionary if name == "demo" else replace(dictionary, options=told)


def reopen(known: Mapping[str, Any], location: str | PathLike[str] | None = None, **options: Any) -> FaceDictionary:
    """The dictionary that a result was made with, opened as the run opened it.

    Args:
        known: `location`, `format` and `options`, as the provenance of a result tells them.
        location: where it is now, if it is no longer there.
        options: take the place of those of the run.

    Raises:
        DictionaryError: it is not there any more, or has a fault.
    """
    told = {**known.get("options", {}), **options}
    return open_dictionary(location or str(known["location"]), format=str(known["format"]), **told)


def check_dictionary(
    location: str | PathLike[str],
    *,
    format: str | None = None,  # noqa: A002
    progress: Progress | None = None,
    **options: Any,
) -> list[Fault]:
    """Every fault of the dictionary at `location`, also of one that cannot be opened, sorted by file and row.

    Args:
        location, format, options: as of `open_dictionary`. A format with a check of its own takes no options.
        progress: told after each image how many are done, and how many there are.
    """
    location = fspath(location)
    try:
        name = format or recognise(location)
        check = _format(name).check
        if check is not None and not options:
            return check(location, progress)
        open_dictionary(location, format=name, **options)
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
