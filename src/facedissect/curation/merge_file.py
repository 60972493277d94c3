"""`merge.toml`: which dictionaries are merged, and what their names become.

[[source]]                          # any number
location = "celebamask"             # relative to the folder of this file, or demo:...
format = "celebamask"               # optional; recognised where it is left out
options = { size = 512 }            # optional, of the format's reader; a text that names a file beside this one is that file
prefix = "mask"                     # optional: before ids and identities; the last part of the location where left out
drop = ["cloth", "hat"]             # optional: concepts and global concepts that are left out
rename = { l_eye = "left_eye", u_lip = "mouth", l_lip = "mouth" }   # optional; masks with one name are united
kinds = { part = "attribute" }      # optional: kind there = kind here
regions = { Eyes = "Eye" }          # optional: region there = region here

[source.subgroups.race]             # optional: subgroup there = here; "" makes it unknown
White = "white"
Others = ""

[concepts.mouth]                    # optional: kind and region of a concept of the whole
kind = "part"
region = "Mouth"

[subgroups]                         # optional: all subgroups of a global concept of which sources have differing ones
race = ["white", "black"]
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..concepts import KINDS, Concept, Kind
from ..dictionary import FaceDictionary, open_dictionary
from ..dictionary.toml_file import expect_keys, read_toml
from ..errors import DictionaryError, SettingsError
from .merge import Part, merge

_KEYS = ("source", "concepts", "subgroups")
_SOURCE_KEYS = ("location", "format", "options", "prefix", "drop", "rename", "kinds", "regions", "subgroups")
_CONCEPT_KEYS = ("kind", "region")


def merge_file(path: str | os.PathLike[str]) -> FaceDictionary:
    """The dictionary that a merge file describes; its location is the file.

    Raises:
        DictionaryError: the file cannot be read or does not follow the format, a source cannot be opened, or the sources
            disagree.
    """
    path = Path(path)
    content = read_toml(path)
    try:
        expect_keys(content, _KEYS, "at the top")
        sources = content.get("source", [])
        if not isinstance(sources, list) or not sources or not all(isinstance(source, dict) for source in sources):
            raise DictionaryError("expected one [[source]] or more, got none")
        concepts = {name: _concept(name, table) for name, table in _table(content, "concepts", "at the top").items()}
        subgroups = {
            name: _names(names, f"in the subgroups of {name}")
            for name, names in _table(content, "subgroups", "at the top").items()
        }
        parts = [_part(source, path.parent, number) for number, source in enumerate(sources, start=1)]
        return merge(parts, location=os.fspath(path), concepts=concepts, subgroups=subgroups)
    except (DictionaryError, SettingsError) as error:
        raise DictionaryError(f"{path}: {error}") from error


def _part(source: Mapping[str, Any], folder: Path, number: int) -> Part:
    where = f"in [[source]] number {number}"
    expect_keys(source, _SOURCE_KEYS, where)
    if "location" not in source:
        raise DictionaryError(f"expected a location {where}, got none")
    for key in ("location", "format", "prefix"):
        if key in source:
            _expect_text(source[key], key, where)
    location: str = source["location"]
    kinds: dict[Kind, Kind] = {}
    for there, here in _table(source, "kinds", where).items():
        kinds[_kind(there, where)] = _kind(here, where)
    options = {name: _beside(value, folder) for name, value in _table(source, "options", where).items()}
    return Part(
        dictionary=open_dictionary(_located(location, folder), format=source.get("format"), **options),
        prefix=source.get("prefix", location.rstrip("/\\").replace("\\", "/").rpartition("/")[2]),
        rename=_texts(_table(source, "rename", where), where),
        kinds=kinds,
        regions=_texts(_table(source, "regions", where), where),
        subgroups={
            name: _texts(table, f"in the subgroups of {name} {where}", empty=True)
            for name, table in _table(source, "subgroups", where).items()
        },
        drop=frozenset(_names(source.get("drop", []), f"as drop {where}")),
    )


def _concept(name: str, table: Any) -> Concept:
    where = f"in [concepts.{name}]"
    if not isinstance(table, dict):
        raise DictionaryError(f"expected kind and region {where}, got {table!r}")
    expect_keys(table, _CONCEPT_KEYS, where)
    missing = [key for key in _CONCEPT_KEYS if key not in table]
    if missing:
        raise DictionaryError(f"expected kind and region {where}, got no {' and no '.join(missing)}")
    _expect_text(table["region"], "region", where)
    return Concept(name=name, kind=_kind(table["kind"], where), region=table["region"])


def _located(location: str, folder: Path) -> str:
    return location if location.split(":")[0] == "demo" else os.fspath(folder / location)


def _beside(value: Any, folder: Path) -> Any:
    """An option's value; the path of a file beside the merge file if it names one."""
    return os.fspath(folder / value) if isinstance(value, str) and value and (folder / value).exists() else value


def _table(content: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    table = content.get(key, {})
    if not isinstance(table, dict):
        raise DictionaryError(f"expected {key} as a table {where}, got {table!r}")
    return table


def _texts(table: Any, where: str, empty: bool = False) -> Mapping[str, Any]:
    if not isinstance(table, dict):
        raise DictionaryError(f'expected a table such as {{ there = "here" }} {where}, got {table!r}')
    for name, value in table.items():
        if not (empty and value == ""):
            _expect_text(value, name, where)
    return table


def _names(names: Any, where: str) -> tuple[str, ...]:
    if not isinstance(names, list):
        raise DictionaryError(f"expected a list of names {where}, got {names!r}")
    for name in names:
        _expect_text(name, "a name", where)
    return tuple(names)


def _expect_text(value: Any, key: str, where: str) -> None:
    if not isinstance(value, str) or not value.strip():
        raise DictionaryError(f"expected {key} as text {where}, got {value!r}")


def _kind(value: Any, where: str) -> Kind:
    for kind in KINDS:
        if kind == value:
            return kind
    raise DictionaryError(f"expected the kind {', '.join(KINDS)} {where}, got {value!r}")
