"""The same picture under labels that contradict each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ..concepts import Vocabulary
from ..dictionary import Face, FaceDictionary
from .duplicates import DuplicateGroup

What = Literal["subgroup", "concept", "label", "identity"]


@dataclass(frozen=True, kw_only=True)
class Conflict:
    """One thing that faces with the same picture disagree about.

    Attributes:
        what: `subgroup` of a global concept, `concept` that is present in one and absent in another, raw `label` that is
            true or false, a word or a whole number, or `identity`.
        name: the global concept, concept or label; `identity` of an identity.
        values: what is said of it -> ids of the faces that say so.
        exact: whether faces with exactly the same pixels disagree; else they are near copies.
    """

    what: What
    name: str
    values: Mapping[str, tuple[str, ...]]
    exact: bool

    @property
    def faces(self) -> tuple[str, ...]:
        """Ids of the faces that disagree."""
        return tuple(face for faces in self.values.values() for face in faces)


def find_conflicts(dictionary: FaceDictionary, groups: Iterable[DuplicateGroup]) -> tuple[Conflict, ...]:
    """All that faces of a group of duplicates disagree about, group by group.

    What is unknown contradicts nothing. Of numbers among the raw labels, whole ones are compared, as ages are; others, such
    as intensities, are measured, and two measurements hardly ever agree.
    """
    return tuple(conflict for group in groups for conflict in _conflicts(dictionary, group))


def _conflicts(dictionary: FaceDictionary, group: DuplicateGroup) -> Iterator[Conflict]:
    faces = [dictionary[face] for face in group.faces]
    said: dict[tuple[What, str], dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    present = [name for name in dictionary.vocabulary.names if any(name in face.concepts for face in faces)]
    for face in faces:
        for what, name, value in _statements(face, present, dictionary.vocabulary):
            said[what, name][value].append(face.id)
    contradicted: set[str] = set()
    for (what, name), values in said.items():
        # An attribute that became a concept is also among the raw labels; said once is enough.
        if len(values) > 1 and not (what == "label" and name in contradicted):
            contradicted.add(name)
            yield Conflict(
                what=what,
                name=name,
                values={value: tuple(ids) for value, ids in values.items()},
                exact=any(_contradict(same, values) for same in group.copies),
            )


def _statements(face: Face, present: Sequence[str], vocabulary: Vocabulary) -> Iterator[tuple[What, str, str]]:
    for name, subgroup in face.subgroups.items():
        yield "subgroup", name, subgroup
    for name in present:
        state = face.state(vocabulary[name])
        if state != "unknown":
            yield "concept", name, state
    for name, label in face.labels.items():
        if isinstance(label, bool | str):
            yield "label", name, str(label)
        elif float(label).is_integer():
            yield "label", name, f"{label:.0f}"
    if face.identity is not None:
        yield "identity", "identity", face.identity


def _contradict(same: Sequence[str], values: Mapping[str, Sequence[str]]) -> bool:
    """Whether faces with exactly the same pixels stand under more than one value."""
    return sum(not set(same).isdisjoint(ids) for ids in values.values()) > 1
