"""Concepts, the regions of the face they lie in, and the vocabulary of a Face Dictionary.

A *local* concept (a part, an attribute or an action unit) has a mask and lies in one region of the face. A *global* concept
(age, gender, ethnicity, skin tone) belongs to the whole face and divides images into subgroups.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, get_args

from .errors import DictionaryError, nearest_names

Kind = Literal["action_unit", "part", "attribute"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, kw_only=True)
class Concept:
    """A local concept: `name` is the exact file stem of its masks."""

    name: str
    kind: Kind
    region: str


@dataclass(frozen=True, kw_only=True)
class Region:
    """A region of the face and the concepts that share it."""

    name: str
    concepts: tuple[Concept, ...]


@dataclass(frozen=True, kw_only=True)
class GlobalConcept:
    """A concept of the whole face, and the subgroups into which it divides images."""

    name: str
    subgroups: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """The local concepts of a dictionary, in the order of every unit x concept array, and its global concepts.

    Raises:
        DictionaryError: a name occurs twice.
    """

    concepts: tuple[Concept, ...]
    global_concepts: tuple[GlobalConcept, ...] = field(default=())

    def __post_init__(self) -> None:
        for what, names in (
            ("concept", [c.name for c in self.concepts]),
            ("global concept", [g.name for g in self.global_concepts]),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise DictionaryError(
                    f"expected every {what} once in the vocabulary, got {', '.join(twice)} more than once"
                )

    def __len__(self) -> int:
        return len(self.concepts)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the local concepts, in order."""
        return tuple(concept.name for concept in self.concepts)

    @cached_property
    def _positions(self) -> Mapping[str, int]:
        return {name: position for position, name in enumerate(self.names)}

    @cached_property
    def regions(self) -> tuple[Region, ...]:
        """The regions, in the order in which the concepts first name them."""
        members: dict[str, list[Concept]] = {}
        for concept in self.concepts:
            members.setdefault(concept.region, []).append(concept)
        return tuple(Region(name=name, concepts=tuple(concepts)) for name, concepts in members.items())

    def __contains__(self, name: object) -> bool:
        return name in self._positions

    def __getitem__(self, name: str) -> Concept:
        return self.concepts[self.position(name)]

    def position(self, name: str) -> int:
        """Where the local concept `name` stands in every unit x concept array.

        Raises:
            DictionaryError: there is no such concept.
        """
        try:
            return self._positions[name]
        except KeyError:
            raise DictionaryError(
                f"expected a concept of the vocabulary, got {name!r}; nearest: {nearest_names(name, self.names)}"
            ) from None

    def of_kind(self, kind: Kind) -> tuple[Concept, ...]:
        """The local concepts of one kind."""
        return tuple(concept for concept in self.concepts if concept.kind == kind)


def _published_vocabulary() -> Vocabulary:
    action_units = "AU_1 AU_2 AU_4 AU_5 AU_6 AU_9 AU_12 AU_15 AU_17 AU_20 AU_25 AU_26"
    parts = "nose left_brow right_brow left_eye right_eye mouth left_cheek right_cheek"
    attributes = (
        "5_o_Clock_Shadow Arched_Eyebrows Bushy_Eyebrows No_Beard Bags_Under_Eyes Big_Lips Big_Nose Double_Chin "
        "Eyeglasses Goatee High_Cheekbones Rosy_Cheeks Mouth_Slightly_Open Mustache Narrow_Eyes Pointy_Nose Smiling "
        "Wearing_Lipstick"
    )
    members = {
        "Eye": "AU_1 AU_2 AU_4 AU_5 left_brow right_brow left_eye right_eye "
        "Arched_Eyebrows Bushy_Eyebrows Eyeglasses Narrow_Eyes",
        "Cheek": "AU_6 left_cheek right_cheek Bags_Under_Eyes High_Cheekbones Rosy_Cheeks No_Beard 5_o_Clock_Shadow",
        "Nose": "AU_9 nose Big_Nose Pointy_Nose",
        "Mouth": "AU_12 AU_15 AU_20 AU_25 mouth Big_Lips Mouth_Slightly_Open Mustache Smiling Wearing_Lipstick",
        "Chin": "AU_17 AU_26 Double_Chin Goatee",
    }
    region_of = {name: region for region, names in members.items() for name in names.split()}
    kinds: dict[Kind, str] = {"action_unit": action_units, "part": parts, "attribute": attributes}
    return Vocabulary(
        concepts=tuple(
            Concept(name=name, kind=kind, region=region_of[name])
            for kind, names in kinds.items()
            for name in names.split()
        ),
        global_concepts=(
            GlobalConcept(name="age", subgroups=("zero_to_twenty", "twenty_to_forty", "forty_to_sixty", "sixty_plus")),
            GlobalConcept(name="gender", subgroups=("Male", "Female")),
            GlobalConcept(name="ethnicity", subgroups=("white", "black", "asian", "indian")),
            GlobalConcept(name="skin_tone", subgroups=("bright", "dark")),
        ),
    )


FACE_DICTIONARY = _published_vocabulary()
"""The published vocabulary: 38 local concepts in five regions, four global concepts (Teotia et al., IJCV 2022)."""
