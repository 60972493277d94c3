"""What becomes of each face of a dictionary that is built: which concepts are drawn, which it has, and whether it is fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..concepts import FACE_DICTIONARY, KINDS, Concept, Kind
from ..dictionary.faces import Face, FaceDictionary, FaceSource, Label
from ..dictionary.files import FileSource, image_size, inside
from ..errors import DictionaryError, FaceReadError
from .action_units import is_present
from .built_source import BuiltSource
from .fitness import reason_against
from .recipe import Recipe
from .skin_tone import CONCEPT, measure_skin_tone

_LABELS: Mapping[Kind, str] = {"action_unit": "action units (AU_1, ...)", "attribute": "attributes (Smiling, ...)"}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is done to every face.

    Attributes:
        recipe: the user's wishes.
        drawn: kind -> the concepts whose masks are drawn.
        kept: the concepts of other kinds, which stay as the source has them.
    """

    recipe: Recipe
    drawn: Mapping[Kind, tuple[str, ...]]
    kept: tuple[Concept, ...]

    @classmethod
    def of(cls, dictionary: FaceDictionary, recipe: Recipe) -> Plan:
        """The plan for a dictionary.

        Raises:
            DictionaryError: there are no labels of a kind that the recipe names, or a concept that is kept and one that is
                drawn have the same name.
        """
        drawn = _drawn_concepts(dictionary, recipe)
        names = {name for members in drawn.values() for name in members}
        kept = tuple(concept for concept in dictionary.vocabulary.concepts if concept.kind not in drawn)
        for concept in kept:
            if concept.name in names:
                raise DictionaryError(
                    "expected other names of the source's own concepts than of those drawn, "
                    f"got {concept.name} as {concept.kind}; rename it"
                )
        return cls(recipe=recipe, drawn=drawn, kept=kept)

    def build(self, face: Face) -> Face | str:
        """The face as it is built, or why it is left out, in a few words.

        Raises:
            DictionaryError: a label makes no sense.
        """
        try:
            if self.drawn:
                if face.landmarks is None:
                    return "no landmarks"
                size, (concepts, kinds) = _size_of(face.source), self._drawn_on(face)
                if (reason := reason_against(face.landmarks, size, self.recipe, concepts)) is not None:
                    return reason
                source = BuiltSource(source=face.source, drawn=concepts, landmarks=face.landmarks, size=size)
                kept = tuple(concept.name for concept in self.kept if concept.name in face.concepts)
                face = replace(face, source=source, concepts=kept + concepts, kinds=kinds)
            return self._with_subgroups(face)
        except FaceReadError as error:
            return str(error)

    def vocabulary(self, faces: Sequence[Face]) -> tuple[Concept, ...]:
        """The concepts of all kinds that some face is annotated for: the published ones in their order, then the others."""
        kinds = {kind for face in faces for kind in face.kinds}
        names = {name for members in self.drawn.values() for name in members}
        drawn = [concept for concept in FACE_DICTIONARY.concepts if concept.name in names]
        every = [concept for concept in (*drawn, *self.kept) if concept.kind in kinds]
        order = {name: place for place, name in enumerate(FACE_DICTIONARY.names)}
        return tuple(sorted(every, key=lambda concept: order.get(concept.name, len(order))))

    def _drawn_on(self, face: Face) -> tuple[tuple[str, ...], frozenset[Kind]]:
        """The concepts that are drawn on a face, and all kinds that it is annotated for."""
        kinds = {kind for kind in face.kinds if kind not in self.drawn}
        concepts: tuple[str, ...] = ()
        for kind, members in self.drawn.items():
            present = self._present(face, kind, members)
            if present is not None:
                concepts += present
                kinds.add(kind)
        return concepts, frozenset(kinds)

    def _present(self, face: Face, kind: Kind, members: tuple[str, ...]) -> tuple[str, ...] | None:
        """The concepts of a kind that the face has; None where it does not say of all."""
        if kind == "part":
            return members
        labels: dict[str, Label] = {}
        for name in members:
            label = face.labels.get(name, name in face.concepts if kind in face.kinds else None)
            if label is None:
                return None
            labels[name] = label
        if kind == "action_unit":
            return tuple(name for name in members if is_present(name, labels[name], self.recipe.intensity))
        for name, label in labels.items():
            if not isinstance(label, bool):
                raise DictionaryError(
                    f"expected True or False for {name} of {face.id}, got {label!r}; correct the label"
                )
        return tuple(name for name in members if labels[name])

    def _with_subgroups(self, face: Face) -> Face:
        """The recipe's word counts more than the source's, also where it is that there is no subgroup."""
        recipe, labels = self.recipe, face.labels
        found = {grouping.concept: grouping.subgroup(face) for grouping in recipe.groupings}
        if recipe.skin_tone is not None:
            tone = None if face.landmarks is None else measure_skin_tone(face.image(), face.landmarks)
            found[CONCEPT] = None if tone is None else recipe.skin_tone.subgroup(tone)
            if tone is not None:
                labels = {**labels, "typology_angle": tone.typology_angle, "hue_angle": tone.hue_angle}
        if not found:
            return face
        every = {**{name: subgroup for name, subgroup in face.subgroups.items() if name not in found}, **found}
        subgroups = {name: subgroup for name, subgroup in every.items() if subgroup is not None}
        return replace(face, subgroups=subgroups, labels=labels)


def _drawn_concepts(dictionary: FaceDictionary, recipe: Recipe) -> dict[Kind, tuple[str, ...]]:
    """Kind -> the concepts to draw. Raises DictionaryError where the recipe names a kind without labels."""
    annotated = {kind for face in dictionary for kind in face.kinds}
    wanted = [kind for kind in KINDS if kind not in annotated] if recipe.kinds is None else recipe.kinds
    drawn: dict[Kind, tuple[str, ...]] = {}
    for kind in wanted:
        names = [
            concept.name
            for concept in FACE_DICTIONARY.of_kind(kind)
            if kind == "part"
            or (kind in annotated and concept.name in dictionary.vocabulary)
            or any(concept.name in face.labels for face in dictionary)
        ]
        if names:
            drawn[kind] = tuple(names)
        elif recipe.kinds is not None:
            raise DictionaryError(
                f"expected labels of {_LABELS[kind]} in {dictionary.location}, got none; "
                f"add them, or leave {kind!r} out of kinds"
            )
    return drawn


def _size_of(source: FaceSource) -> tuple[int, int]:
    """Height and width of an image; of a file, its pixels are not decoded. Raises FaceReadError."""
    if isinstance(source, FileSource):
        width, height = image_size(inside(source.root, source.image_path))
    else:
        width, height = source.image().size
    return height, width
