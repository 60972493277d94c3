"""How many images each concept and subgroup has, and how far global concepts depend on each other.

A *picture* is counted once, however many faces show it: the published layout keeps a copy of an image for each of its
subgroups, and only together they tell that the images of an age are those of a gender. Of a picture whose copies contradict each
other, the subgroup is unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from jaxtyping import Int

from ..concepts import GlobalConcept, Vocabulary
from ..dictionary import Face, FaceDictionary
from .association import association

Picture = Sequence[Face]
"""The faces that show exactly the same picture."""
UNKNOWN = -1


def concept_images(dictionary: FaceDictionary) -> pd.DataFrame:
    """One row a local concept: `concept`, `region`, `kind`, and the faces in which it is `present`, `absent`, `unknown`."""
    concepts = dictionary.vocabulary.concepts
    states = Counter((concept.name, face.state(concept)) for face in dictionary for concept in concepts)
    table = pd.DataFrame(
        {
            "concept": dictionary.vocabulary.names,
            "region": [concept.region for concept in concepts],
            "kind": [concept.kind for concept in concepts],
        },
        dtype="str",
    )
    for state in ("present", "absent", "unknown"):
        table[state] = np.array([states[name, state] for name in dictionary.vocabulary.names], np.int64)
    return table


def subgroup_images(dictionary: FaceDictionary, labels: Int[np.ndarray, "picture global_concept"]) -> pd.DataFrame:
    """One row a subgroup: `global_concept`, `subgroup`, `faces`, `pictures`, and the `share` of the concept's pictures."""
    faces = Counter(item for face in dictionary for item in face.subgroups.items())
    rows = []
    for place, concept in enumerate(dictionary.vocabulary.global_concepts):
        pictures = np.bincount(labels[:, place] + 1, minlength=len(concept.subgroups) + 1)[1:]
        for subgroup, count in zip(concept.subgroups, pictures, strict=True):
            share = count / pictures.sum() if pictures.any() else np.nan
            rows.append((concept.name, subgroup, faces[concept.name, subgroup], int(count), share))
    return pd.DataFrame(rows, columns=["global_concept", "subgroup", "faces", "pictures", "share"])


def confounding(
    vocabulary: Vocabulary, labels: Int[np.ndarray, "picture global_concept"]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """How far each pair of global concepts depends on each other, and the counts that tell.

    Returns:
        One row a pair: `first`, `second`, `pictures` labelled for both, and `cramers_v`, `corrected`, `p_value` as in
        `Association`.
        One row for each two subgroups of a pair: `first`, `first_subgroup`, `second`, `second_subgroup`, `pictures`.
    """
    pairs, cells = [], []
    for (i, first), (j, second) in combinations(enumerate(vocabulary.global_concepts), 2):
        counts = _crossed(labels[:, i], labels[:, j], first, second)
        pairs.append((first.name, second.name, int(counts.sum()), *association(counts)))
        cells += [
            (first.name, here, second.name, there, int(counts[row, column]))
            for row, here in enumerate(first.subgroups)
            for column, there in enumerate(second.subgroups)
        ]
    return (
        pd.DataFrame(pairs, columns=["first", "second", "pictures", "cramers_v", "corrected", "p_value"]),
        pd.DataFrame(cells, columns=["first", "first_subgroup", "second", "second_subgroup", "pictures"]),
    )


def subgroup_labels(vocabulary: Vocabulary, pictures: Iterable[Picture]) -> Int[np.ndarray, "picture global_concept"]:
    """The place of each picture's subgroup in its global concept, or UNKNOWN."""
    places = {
        concept.name: {subgroup: place for place, subgroup in enumerate(concept.subgroups)}
        for concept in vocabulary.global_concepts
    }
    rows = [
        [
            _agreed({known[face.subgroups[name]] for face in picture if name in face.subgroups})
            for name, known in places.items()
        ]
        for picture in pictures
    ]
    return np.array(rows, np.int64).reshape(len(rows), len(places))


def _agreed(said: set[int]) -> int:
    return said.pop() if len(said) == 1 else UNKNOWN


def _crossed(
    first: Int[np.ndarray, " picture"], second: Int[np.ndarray, " picture"], rows: GlobalConcept, columns: GlobalConcept
) -> Int[np.ndarray, "row column"]:
    known = (first != UNKNOWN) & (second != UNKNOWN)
    counts = np.zeros((len(rows.subgroups), len(columns.subgroups)), np.int64)
    np.add.at(counts, (first[known], second[known]), 1)
    return counts
