"""Counts of concepts, subgroups and pairs of subgroups, each against a count by hand."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from facedissect.concepts import FACE_DICTIONARY, Concept, GlobalConcept, Vocabulary
from facedissect.curation.balance import concept_images, confounding, subgroup_images, subgroup_labels
from facedissect.dictionary import Face, FaceDictionary
from facedissect.dictionary.demo import open_demo

VOCABULARY = Vocabulary(
    concepts=(
        Concept(name="nose", kind="part", region="Nose"),
        Concept(name="Smiling", kind="attribute", region="Mouth"),
    ),
    global_concepts=(
        GlobalConcept(name="age", subgroups=("young", "old")),
        GlobalConcept(name="hair", subgroups=("dark", "fair", "grey")),
    ),
)
NewFace = Callable[..., Face]


def dictionary_of(*faces: Face) -> FaceDictionary:
    return FaceDictionary(location="memory", format="memory", vocabulary=VOCABULARY, faces=faces)


def test_states_are_counted(new_face: NewFace) -> None:
    mask = {"nose": np.ones((8, 8), bool)}
    table = concept_images(
        dictionary_of(
            new_face("a", masks=mask, kinds=frozenset({"part"})),
            new_face("b", masks=mask, kinds=frozenset({"part", "attribute"})),
            new_face("c", kinds=frozenset({"part"})),
            new_face("d"),
        )
    )
    assert table.to_dict("list") == {
        "concept": ["nose", "Smiling"],
        "region": ["Nose", "Mouth"],
        "kind": ["part", "attribute"],
        "present": [2, 0],
        "absent": [1, 1],
        "unknown": [1, 3],
    }


def test_the_embedded_faces_are_counted_as_by_hand() -> None:
    dictionary = open_demo(count=60, size=32)
    table = concept_images(dictionary).set_index("concept")
    for concept in FACE_DICTIONARY.concepts:
        present = sum(concept.name in face.concepts for face in dictionary)
        assert tuple(table.loc[concept.name, ["present", "absent", "unknown"]]) == (present, 60 - present, 0)


def test_a_picture_in_several_folders_is_counted_once(new_face: NewFace) -> None:
    faces = [
        new_face("age/old/1", subgroups={"age": "old"}),
        new_face("hair/grey/1", subgroups={"hair": "grey"}),
        new_face("age/old/2", subgroups={"age": "old"}),
        new_face("age/young/3", subgroups={"age": "young"}),
        new_face("age/old/3", subgroups={"age": "old"}),  # contradicts the one above, so that its age is unknown
    ]
    dictionary = dictionary_of(*faces)
    labels = subgroup_labels(VOCABULARY, [faces[:2], faces[2:3], faces[3:]])
    assert labels.tolist() == [[1, 2], [1, -1], [-1, -1]]
    table = subgroup_images(dictionary, labels)
    assert table[["subgroup", "faces", "pictures"]].to_numpy().tolist() == [
        ["young", 1, 0],
        ["old", 3, 2],
        ["dark", 0, 0],
        ["fair", 0, 0],
        ["grey", 1, 1],
    ]
    assert table.share.tolist() == [0, 1, 0, 0, 1]


def test_without_pictures_there_is_no_share(new_face: NewFace) -> None:
    table = subgroup_images(dictionary_of(new_face("a")), subgroup_labels(VOCABULARY, [[new_face("a")]]))
    assert table.pictures.tolist() == [0] * 5
    assert table.share.isna().all()


def test_planted_dependence_shows_with_its_counts() -> None:
    rng = np.random.default_rng(0)
    age = rng.integers(0, 2, 300)
    hair = np.where(rng.random(300) < 0.8, age * 2, 1)
    labels = np.stack([age, hair], axis=1)
    labels[:10, 0] = -1
    pairs, crossed = confounding(VOCABULARY, labels)
    assert pairs[["first", "second", "pictures"]].to_numpy().tolist() == [["age", "hair", 290]]
    assert pairs.cramers_v[0] > 0.8
    assert pairs.corrected[0] == pytest.approx(pairs.cramers_v[0], abs=0.02)
    assert pairs.p_value[0] < 1e-9
    for row in crossed.to_dict("records"):
        by_hand = sum(
            young_or_old == ("young", "old").index(row["first_subgroup"])
            and colour == ("dark", "fair", "grey").index(row["second_subgroup"])
            for young_or_old, colour in labels.tolist()
        )
        assert row["pictures"] == by_hand
    assert len(crossed) == 6


def test_a_dictionary_without_labels_has_rows_without_numbers() -> None:
    pairs, crossed = confounding(VOCABULARY, np.zeros((0, 2), np.int64))
    assert pairs.pictures.tolist() == [0]
    assert all(math.isnan(pairs[column][0]) for column in ("cramers_v", "corrected", "p_value"))
    assert crossed.pictures.tolist() == [0] * 6
    assert subgroup_labels(VOCABULARY, []).shape == (0, 2)
