"""Intersectional subgroups: the products of global concepts, such as gender and ethnicity, as global concepts of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product

from .concepts import GlobalConcept
from .dictionary.faces import Face, FaceDictionary
from .errors import DictionaryError, nearest_names
from .settings import crossed_names

BETWEEN_CONCEPTS, BETWEEN_SUBGROUPS = "+", " & "


def intersected(dictionary: FaceDictionary, intersect: Sequence[str]) -> FaceDictionary:
    """The same faces with further global concepts, whose subgroups are the combinations of those of others.

    `gender,ethnicity` makes `gender+ethnicity` with `Male & white`, `Male & black`, ... A face is in one if it is labelled for
    all of its parts. A concept that is there already is not made again, so that nothing happens the second time.

    Args:
        dictionary: whose global concepts are combined.
        intersect: names of two or more of them, separated by commas, for each further concept.

    Raises:
        DictionaryError: there is no such global concept.
    """
    known = {concept.name: concept for concept in dictionary.vocabulary.global_concepts}
    parts = {name: names for name, names in components(intersect).items() if name not in known}
    if not parts:
        return dictionary
    new = tuple(_combined(name, names, known) for name, names in parts.items())
    vocabulary = dictionary.vocabulary
    return replace(
        dictionary,
        vocabulary=replace(vocabulary, global_concepts=(*vocabulary.global_concepts, *new)),
        faces=tuple(_with(face, parts) for face in dictionary.faces),
    )


def components(intersect: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Name of each further global concept -> the names of those that it combines."""
    return {BETWEEN_CONCEPTS.join(names): names for names in map(crossed_names, intersect)}


def _combined(name: str, parts: Sequence[str], known: Mapping[str, GlobalConcept]) -> GlobalConcept:
    for part in parts:
        if part not in known:
            raise DictionaryError(
                f"expected global concepts of the dictionary to intersect, got {part!r}; "
                f"nearest: {nearest_names(part, known) or 'it has none'}"
            )
    subgroups = product(*(known[part].subgroups for part in parts))
    return GlobalConcept(name=name, subgroups=tuple(map(BETWEEN_SUBGROUPS.join, subgroups)))


def _with(face: Face, combined: Mapping[str, Sequence[str]]) -> Face:
    own = face.subgroups
    added = {
        name: BETWEEN_SUBGROUPS.join(own[part] for part in parts)
        for name, parts in combined.items()
        if all(part in own for part in parts)
    }
    return replace(face, subgroups={**own, **added}) if added else face
