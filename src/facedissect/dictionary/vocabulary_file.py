"""`vocabulary.toml`: the concepts, regions and subgroups of a user's own dictionary.

extends = "published"           # optional: start from the 38 local and 4 global concepts of the Face Dictionary

[[concept]]                     # any number, in the order of the unit x concept arrays
name = "left_ear"               # the file stem of its masks
kind = "part"                   # action_unit, part or attribute
region = "Ear"

[subgroups]                     # global concept = its subgroups
hair_colour = ["dark", "fair", "grey"]
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..concepts import FACE_DICTIONARY, KINDS, Concept, GlobalConcept, Vocabulary
from ..errors import DictionaryError
from .toml_file import expect_keys, read_toml

FILE_NAME = "vocabulary.toml"
_KEYS = ("extends", "concept", "subgroups")
_CONCEPT_KEYS = ("name", "kind", "region")


def read_vocabulary(root: Path) -> Vocabulary:
    """The vocabulary of the dictionary in `root`: that of its `vocabulary.toml`, or the published one where it has none.

    Raises:
        DictionaryError: the file cannot be read, or does not follow the format.
    """
    path = root / FILE_NAME
    if not path.exists():
        return FACE_DICTIONARY
    content = read_toml(path)
    try:
        return _vocabulary(content)
    except DictionaryError as error:
        raise DictionaryError(f"{path}: {error}") from error


def _vocabulary(content: Mapping[str, Any]) -> Vocabulary:
    expect_keys(content, _KEYS, "at the top")
    if content.get("extends", "published") != "published":
        raise DictionaryError(f'expected extends = "published", got {content["extends"]!r}')
    base = FACE_DICTIONARY if "extends" in content else Vocabulary(concepts=())
    local = _local_concepts(content.get("concept", []))
    own = _global_concepts(content.get("subgroups", {}))
    replaced = {concept.name.casefold() for concept in own}
    kept = tuple(concept for concept in base.global_concepts if concept.name.casefold() not in replaced)
    vocabulary = Vocabulary(concepts=base.concepts + local, global_concepts=kept + own)
    if not vocabulary.concepts and not vocabulary.global_concepts:
        raise DictionaryError(
            'expected a [[concept]], an entry of [subgroups] or extends = "published", got none of them'
        )
    return vocabulary


def _local_concepts(entries: Any) -> tuple[Concept, ...]:
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise DictionaryError(f"expected concepts as [[concept]] tables, got concept = {entries!r}")
    return tuple(local_concept(entry, number) for number, entry in enumerate(entries, start=1))


def local_concept(entry: Mapping[str, Any], number: int) -> Concept:
    """The concept of a [[concept]] table, the `number`-th of its file. Raises DictionaryError."""
    where = f"in [[concept]] number {number}"
    expect_keys(entry, _CONCEPT_KEYS, where)
    missing = [key for key in _CONCEPT_KEYS if key not in entry]
    if missing:
        raise DictionaryError(f"expected name, kind and region {where}, got no {' and no '.join(missing)}")
    if entry["kind"] not in KINDS:
        raise DictionaryError(f"expected the kind {', '.join(KINDS)} {where}, got {entry['kind']!r}")
    return Concept(name=_name(entry["name"], where), kind=entry["kind"], region=_name(entry["region"], where))


def _global_concepts(entries: Any) -> tuple[GlobalConcept, ...]:
    if not isinstance(entries, dict):
        raise DictionaryError(f'expected [subgroups] with lines such as age = ["young", "old"], got {entries!r}')
    _expect_distinct(entries, "in [subgroups]")
    return tuple(_global_concept(name, subgroups) for name, subgroups in entries.items())


def _global_concept(name: str, subgroups: Any) -> GlobalConcept:
    where = f"in the subgroups of {name}"
    if not isinstance(subgroups, list) or len(subgroups) < 2:
        raise DictionaryError(f"expected a list of two or more names {where}, got {subgroups!r}")
    names = tuple(_name(subgroup, where) for subgroup in subgroups)
    _expect_distinct(names, where)
    return GlobalConcept(name=_name(name, "in [subgroups]"), subgroups=names)


def _name(value: Any, where: str) -> str:
    # Names become file stems, folder names and cells of a `;`-separated list.
    if not isinstance(value, str) or not value.strip() or set(value) & set("/\\;"):
        raise DictionaryError(f"expected a name without / \\ and ; {where}, got {value!r}")
    return value


def _expect_distinct(names: Iterable[str], where: str) -> None:
    """Folders are matched to names without regard to case, so names that differ in case only would be one."""
    seen: dict[str, str] = {}
    for name in names:
        if name.casefold() in seen:
            raise DictionaryError(
                f"expected names that differ in more than case {where}, got {seen[name.casefold()]} and {name}"
            )
        seen[name.casefold()] = name
