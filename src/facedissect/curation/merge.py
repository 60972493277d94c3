"""Several dictionaries as one: with one vocabulary, unique ids, and nothing known that was not known before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..concepts import Concept, GlobalConcept, Kind, Vocabulary
from ..dictionary import Face, FaceDictionary
from ..errors import DictionaryError, nearest_names
from .renamed_source import RenamedSource


@dataclass(frozen=True, kw_only=True)
class Part:
    """A dictionary to be merged, and what its names are called in the whole.

    Attributes:
        dictionary: the dictionary.
        prefix: put before the ids and identities of its faces, with a slash.
        rename: concept or global concept there -> its name in the whole. Of several concepts with one name, the masks are
            united.
        kinds, regions: kind or region of concepts there -> in the whole.
        subgroups: global concept there -> subgroup there -> subgroup in the whole; the empty name makes it unknown.
        drop: concepts and global concepts there that are left out.

    Raises:
        DictionaryError: a name is none of the dictionary's, or the prefix is empty.
    """

    dictionary: FaceDictionary
    prefix: str
    rename: Mapping[str, str] = field(default_factory=dict)
    kinds: Mapping[Kind, Kind] = field(default_factory=dict)
    regions: Mapping[str, str] = field(default_factory=dict)
    subgroups: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    drop: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not self.prefix.strip("/"):
            raise DictionaryError(f"expected a prefix for the faces of {self.dictionary.location}, got {self.prefix!r}")
        vocabulary = self.dictionary.vocabulary
        own = {concept.name: concept.subgroups for concept in vocabulary.global_concepts}
        self._expect_known("a concept", [*self.rename, *self.drop], [*vocabulary.names, *own])
        self._expect_known("a kind", self.kinds, [concept.kind for concept in vocabulary.concepts])
        self._expect_known("a region", self.regions, [region.name for region in vocabulary.regions])
        self._expect_known("a global concept", self.subgroups, own)
        for name, renamed in self.subgroups.items():
            self._expect_known(f"a subgroup of {name}", renamed, own[name])

    def _expect_known(self, what: str, names: Iterable[str], known: Iterable[str]) -> None:
        known = dict.fromkeys(known)
        for name in names:
            if name not in known:
                nearest = nearest_names(name, known)
                raise DictionaryError(
                    f"expected {what} of {self.dictionary.location}, got {name!r}; nearest: {nearest or 'there is none'}"
                )


def merge(
    parts: Sequence[Part],
    *,
    location: str = "merged",
    concepts: Mapping[str, Concept] | None = None,
    subgroups: Mapping[str, Sequence[str]] | None = None,
) -> FaceDictionary:
    """The faces of all parts, with one vocabulary: those annotated for local concepts first, then the others.

    What is known of a face stays as it was: a concept that its part does not have is unknown in it, even if the face is
    annotated for others of that kind.

    Args:
        parts: dictionaries with what their names become.
        location: location of the merged dictionary.
        concepts: kind and region of concepts, where those of the parts differ or others are wanted.
        subgroups: subgroups of global concepts in order, where those of the parts differ.

    Raises:
        DictionaryError: there are no parts, prefixes are not unique, or the parts disagree on a concept or its subgroups.
    """
    prefixes = [part.prefix for part in parts]
    if len({prefix.casefold() for prefix in prefixes}) < len(prefixes) or not prefixes:
        raise DictionaryError(
            f"expected dictionaries to merge, each with a prefix of its own, got the prefixes {', '.join(prefixes) or 'of none'}"
        )
    vocabulary = Vocabulary(
        concepts=_concepts(parts, concepts or {}), global_concepts=_global_concepts(parts, subgroups or {})
    )
    faces = [face for part in parts for face in _Renaming(part, vocabulary).faces()]
    return FaceDictionary(
        location=location,
        format="merged",
        vocabulary=vocabulary,
        faces=tuple(sorted(faces, key=lambda face: not face.kinds)),
    )


def _concepts(parts: Sequence[Part], wanted: Mapping[str, Concept]) -> tuple[Concept, ...]:
    found: dict[str, tuple[Concept, Part]] = {}
    for part in parts:
        for concept in part.dictionary.vocabulary.concepts:
            if concept.name in part.drop:
                continue
            name = part.rename.get(concept.name, concept.name)
            here = wanted.get(name) or Concept(
                name=name,
                kind=part.kinds.get(concept.kind, concept.kind),
                region=part.regions.get(concept.region, concept.region),
            )
            first, other = found.setdefault(name, (here, part))
            if here != first:
                raise DictionaryError(
                    f"expected one kind and region of {name}, got {first.kind} in {first.region} ({other.prefix}) and "
                    f"{here.kind} in {here.region} ({part.prefix}); set both in [concepts.{name}]"
                )
    _expect_used("concepts", wanted, found)
    return tuple(concept for concept, _ in found.values())


def _global_concepts(parts: Sequence[Part], wanted: Mapping[str, Sequence[str]]) -> tuple[GlobalConcept, ...]:
    found: dict[str, tuple[tuple[str, ...], Part]] = {}
    for part in parts:
        for concept in part.dictionary.vocabulary.global_concepts:
            if concept.name in part.drop:
                continue
            name = part.rename.get(concept.name, concept.name)
            renamed = part.subgroups.get(concept.name, {})
            here = tuple(filter(None, dict.fromkeys(renamed.get(subgroup, subgroup) for subgroup in concept.subgroups)))
            first, other = found.setdefault(name, (tuple(wanted.get(name, here)), part))
            if name in wanted and not set(here) <= set(first):
                raise DictionaryError(
                    f"expected subgroups of {name} among {', '.join(first)}, got {', '.join(here)} ({part.prefix}); "
                    f"rename them in [source.subgroups.{concept.name}]"
                )
            if name not in wanted and set(here) != set(first):
                raise DictionaryError(
                    f"expected the same subgroups of {name}, got {', '.join(first)} ({other.prefix}) and {', '.join(here)} "
                    f"({part.prefix}); rename them, or list all of them in [subgroups]"
                )
    _expect_used("subgroups", wanted, found)
    return tuple(GlobalConcept(name=name, subgroups=subgroups) for name, (subgroups, _) in found.items())


def _expect_used(table: str, wanted: Iterable[str], found: Iterable[str]) -> None:
    found = list(found)
    for name in wanted:
        if name not in found:
            nearest = nearest_names(name, found) or "there is none"
            raise DictionaryError(f"expected a merged name in [{table}], got {name!r}; nearest: {nearest}")


class _Renaming:
    """Gives the faces of one part the names of the whole."""

    def __init__(self, part: Part, vocabulary: Vocabulary) -> None:
        self._part = part
        self._vocabulary = vocabulary
        self._names = {  # concept there -> here
            name: part.rename.get(name, name) for name in part.dictionary.vocabulary.names if name not in part.drop
        }
        self._made_of: dict[str, list[Concept]] = {}
        for concept in part.dictionary.vocabulary.concepts:
            if concept.name in self._names:
                self._made_of.setdefault(self._names[concept.name], []).append(concept)

    def faces(self) -> Iterable[Face]:
        part = self._part
        plain = all(there == here for there, here in self._names.items())
        for face in part.dictionary:
            present: dict[str, tuple[str, ...]] = {}
            for there in face.concepts:
                if there in self._names:
                    here = self._names[there]
                    present[here] = (*present.get(here, ()), there)
            known = {
                name
                for name, made_of in self._made_of.items()
                if name in present or all(face.state(concept) == "absent" for concept in made_of)
            }
            kinds = frozenset(self._vocabulary[name].kind for name in known)
            unknown = frozenset(c.name for c in self._vocabulary.concepts if c.kind in kinds and c.name not in known)
            yield replace(
                face,
                id=f"{part.prefix}/{face.id}",
                source=face.source if plain else RenamedSource(source=face.source, concepts=present),
                concepts=tuple(present),
                kinds=kinds,
                unknown=unknown,
                subgroups=self._subgroups(face),
                identity=None if face.identity is None else f"{part.prefix}/{face.identity}",
            )

    def _subgroups(self, face: Face) -> dict[str, str]:
        part = self._part
        renamed = {
            part.rename.get(name, name): part.subgroups.get(name, {}).get(subgroup, subgroup)
            for name, subgroup in face.subgroups.items()
            if name not in part.drop
        }
        return {name: subgroup for name, subgroup in renamed.items() if subgroup}
