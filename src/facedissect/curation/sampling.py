"""Choose faces of a dictionary: as many of each subgroup, or a part held out by identity. The seed decides, not the order.

Every choice goes by a hash of the seed and the face's id, so that it is the same on every machine and whatever the order of
the faces.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from itertools import product

import numpy as np

from ..dictionary import Face, FaceDictionary
from ..errors import DictionaryError, SettingsError, nearest_names
from .duplicates import linked


def balanced(
    dictionary: FaceDictionary, by: Sequence[str], *, count: int | None = None, seed: int = 0
) -> FaceDictionary:
    """The dictionary with equally many faces in each subgroup of a global concept, or of several that are crossed.

    Crossing removes confounding: balanced by age and gender, each age has as many men as women. Faces that are
    labelled for none of the global concepts remain, since they are in no subgroup; those that are labelled for some of them
    only are left out. The order of the faces remains.

    Args:
        by: names of global concepts.
        count: faces in each (crossed) subgroup; as many as the smallest has where it is None.
        seed: another seed chooses other faces.

    Raises:
        DictionaryError: there is no such global concept, or a subgroup has no face or less than `count`.
        SettingsError: `by` is empty or `count` is below 1.
    """
    if not by or (count is not None and count < 1):
        raise SettingsError(
            f"expected one global concept or more and a count of at least 1, got {list(by)} and {count}"
        )
    cells: dict[tuple[str, ...], list[str]] = {cell: [] for cell in product(*_subgroups(dictionary, by))}
    kept: set[str] = set()
    for face in dictionary:
        labelled = [name for name in by if name in face.subgroups]
        if len(labelled) == len(by):
            cells[tuple(face.subgroups[name] for name in by)].append(face.id)
        elif not labelled:
            kept.add(face.id)
    smallest = min(cells, key=lambda cell: len(cells[cell]))
    size = count or len(cells[smallest])
    if len(cells[smallest]) < max(size, 1):
        named = " and ".join(f"{name} {subgroup}" for name, subgroup in zip(by, smallest, strict=True))
        raise DictionaryError(
            f"expected at least {max(size, 1)} faces with {named}, got {len(cells[smallest])}; "
            f"{'ask for fewer' if cells[smallest] else 'balance by fewer global concepts'}"
        )
    for faces in cells.values():
        kept.update(sorted(faces, key=lambda face: _draw(seed, face))[:size])
    return replace(dictionary, faces=tuple(face for face in dictionary if face.id in kept))


def hold_out(
    dictionary: FaceDictionary, share: float = 0.2, *, seed: int = 0, together: Iterable[Collection[str]] = ()
) -> tuple[FaceDictionary, FaceDictionary]:
    """The dictionary in two parts of which no identity has faces in both: to work with, and held out.

    Faces of unknown identity count as people of their own.

    Args:
        share: of all faces, held out; reached as nearly as whole identities allow, and not exceeded.
        seed: another seed holds out others.
        together: ids of faces that belong in one part, such as `DuplicateGroup.faces`.

    Raises:
        SettingsError: the share is not between 0 and 1.
        DictionaryError: one of the parts would be empty, or a face of `together` does not exist.
    """
    if not 0 < share < 1:
        raise SettingsError(f"expected a share between 0 and 1, got {share}")
    people = _people(dictionary, together)
    wanted = round(share * len(dictionary))
    held: set[str] = set()
    for person in sorted(people, key=lambda faces: _draw(seed, min(face.id for face in faces))):
        if len(held) + len(person) <= wanted:
            held.update(face.id for face in person)
    if not 0 < len(held) < len(dictionary):
        largest = max(map(len, people), default=0)
        raise DictionaryError(
            f"expected faces in both parts, got {len(held)} of {len(dictionary)} held out for a share of {share}, where "
            f"people have up to {largest} faces; choose another share"
        )
    parts = ([face for face in dictionary if (face.id in held) is out] for out in (False, True))
    rest, out = (replace(dictionary, faces=tuple(part)) for part in parts)
    return rest, out


def _subgroups(dictionary: FaceDictionary, by: Sequence[str]) -> list[tuple[str, ...]]:
    known = {concept.name: concept.subgroups for concept in dictionary.vocabulary.global_concepts}
    for name, times in Counter(by).items():
        if name not in known:
            raise DictionaryError(f"expected a global concept, got {name!r}; nearest: {nearest_names(name, known)}")
        if times > 1:
            raise DictionaryError(f"expected each global concept once, got {name} {times} times")
    return [known[name] for name in by]


def _people(dictionary: FaceDictionary, together: Iterable[Collection[str]]) -> list[list[Face]]:
    """Faces that must not be parted: of one identity, or said to belong together."""
    places = {face.id: place for place, face in enumerate(dictionary)}
    groups: dict[str, list[int]] = defaultdict(list)
    for place, face in enumerate(dictionary):
        if face.identity is not None:
            groups[face.identity].append(place)
    bonds = list(groups.values())
    for faces in together:
        unknown = next((face for face in faces if face not in places), None)
        if unknown is not None:
            raise DictionaryError(f"expected faces of {dictionary.location}, got {unknown!r}; leave it out")
        bonds.append([places[face] for face in faces])
    pairs = [(bond[0], other) for bond in bonds for other in bond[1:]]
    people: dict[int, list[Face]] = defaultdict(list)
    for face, person in zip(dictionary, linked(len(places), np.reshape(pairs, (-1, 2)).astype(np.int64)), strict=True):
        people[int(person)].append(face)
    return list(people.values())


def _draw(seed: int, face_id: str) -> bytes:
    return hashlib.sha256(f"{seed} {face_id}".encode()).digest()
