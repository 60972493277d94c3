"""What the labels of a dictionary say, counted for its pages; no image is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Int, Int8

from ..dictionary.faces import FaceDictionary, State
from .browse_pictures import Picture

STATES: Mapping[State, int] = {"present": 1, "absent": 0, "unknown": -1}


@dataclass(frozen=True, kw_only=True)
class Share:
    """How many of `of` faces have something, and the share that `all_of` the faces to compare with have, `all_have`."""

    name: str
    have: int
    of: int
    all_have: int
    all_of: int
    file: str = ""
    pictures: Sequence[Picture] = ()


@dataclass(frozen=True, eq=False)
class Labels:
    """Who has what: all that can be counted without reading an image.

    Attributes:
        dictionary: the faces.
        states: 1 where a face has a concept, 0 where it is known to lack it, else -1.
        both: faces that have the row's concept and the column's.
        comparable: faces that have the row's concept and are annotated for the column's.
        groups: for each global concept, the place of each face's subgroup in it, or -1.
    """

    dictionary: FaceDictionary
    states: Int8[np.ndarray, "face concept"] = field(init=False)
    both: Int[np.ndarray, "concept concept"] = field(init=False)
    comparable: Int[np.ndarray, "concept concept"] = field(init=False)
    groups: tuple[Int[np.ndarray, " face"], ...] = field(init=False)

    def __post_init__(self) -> None:
        faces, vocabulary = self.dictionary.faces, self.dictionary.vocabulary
        states = [[STATES[face.state(concept)] for concept in vocabulary.concepts] for face in faces]
        table = np.array(states, np.int8).reshape(len(faces), len(vocabulary))
        has, known = (table == 1).astype(np.float64), (table >= 0).astype(np.float64)  # floats: BLAS multiplies them
        places = [{name: place for place, name in enumerate(c.subgroups)} for c in vocabulary.global_concepts]
        groups = tuple(
            np.array([place.get(face.subgroups.get(concept.name, ""), -1) for face in faces], np.int64)
            for concept, place in zip(vocabulary.global_concepts, places, strict=True)
        )
        for name, value in (
            ("states", table),
            ("both", (has.T @ has).astype(np.int64)),
            ("comparable", (has.T @ known).astype(np.int64)),
            ("groups", groups),
        ):
            object.__setattr__(self, name, value)

    def count(self, number: int, state: State) -> int:
        """In how many faces a concept is present, absent or unknown."""
        return int((self.states[:, number] == STATES[state]).sum())

    def together(self, number: int, other: int) -> Share:
        """Of the faces with one concept that are annotated for another, how many have that one, too."""
        known = self.states[:, other] >= 0
        return Share(
            name=self.dictionary.vocabulary.names[other],
            have=int(self.both[number, other]),
            of=int(self.comparable[number, other]),
            all_have=int((self.states[known, other] == 1).sum()),
            all_of=int(known.sum()),
        )

    def subgroup(self, group: int, place: int, among: Bool[np.ndarray, " face"]) -> Share:
        """How many of some faces belong to a subgroup, of those of which the subgroup is known."""
        groups, concept = self.groups[group], self.dictionary.vocabulary.global_concepts[group]
        return Share(
            name=concept.subgroups[place],
            have=int((groups[among] == place).sum()),
            of=int((groups[among] >= 0).sum()),
            all_have=int((groups == place).sum()),
            all_of=int((groups >= 0).sum()),
        )
