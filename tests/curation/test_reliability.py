"""Reliability: concepts that the literature warns of."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from facedissect.concepts import FACE_DICTIONARY, Concept, Vocabulary
from facedissect.curation import RELIABILITY, unreliable_concepts
from facedissect.dictionary import Face, FaceDictionary
from facedissect.dictionary.demo import open_demo

NewFace = Callable[..., Face]
MASK = np.ones((8, 8), bool)


def test_the_concepts_of_the_issue_are_known_and_named_after_their_source() -> None:
    assert {"High_Cheekbones", "Pointy_Nose", "No_Beard"} <= set(RELIABILITY)
    for name, entry in RELIABILITY.items():
        assert entry.concept == name
        assert "Wu et al." in entry.source
        assert entry.warning.startswith(f"Labels of {name} are unreliable if they come from CelebA: ")
        assert "\n" not in entry.warning


def test_attributes_that_have_images_are_warned_of(new_face: NewFace) -> None:
    face = new_face("a", masks={"Pointy_Nose": MASK, "Smiling": MASK}, kinds=frozenset({"attribute"}))
    dictionary = FaceDictionary(location="memory", format="memory", vocabulary=FACE_DICTIONARY, faces=(face,))
    assert [entry.concept for entry in unreliable_concepts(dictionary)] == ["Pointy_Nose"]


def test_another_kind_of_that_name_is_not(new_face: NewFace) -> None:
    vocabulary = Vocabulary(concepts=(Concept(name="Pointy_Nose", kind="part", region="Nose"),))
    face = new_face("a", masks={"Pointy_Nose": MASK}, kinds=frozenset({"part"}))
    dictionary = FaceDictionary(location="memory", format="memory", vocabulary=vocabulary, faces=(face,))
    assert unreliable_concepts(dictionary) == ()


def test_labels_of_drawn_faces_are_exact() -> None:
    dictionary = open_demo(count=40, size=32)
    assert any("No_Beard" in face.concepts for face in dictionary)
    assert unreliable_concepts(dictionary) == ()
