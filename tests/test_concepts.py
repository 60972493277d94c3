"""The vocabulary, against the tables of the paper as they stand in the design."""

from __future__ import annotations

import pytest

from facedissect.concepts import FACE_DICTIONARY, KINDS, Concept, GlobalConcept, Vocabulary
from facedissect.errors import DictionaryError

ACTION_UNITS = ["AU_1", "AU_2", "AU_4", "AU_5", "AU_6", "AU_9", "AU_12", "AU_15", "AU_17", "AU_20", "AU_25", "AU_26"]


def test_the_published_vocabulary_has_38_concepts_in_the_published_order() -> None:
    assert len(FACE_DICTIONARY) == len(FACE_DICTIONARY.names) == 38
    assert list(FACE_DICTIONARY.names[:12]) == ACTION_UNITS
    assert FACE_DICTIONARY.names[12] == "nose"
    assert FACE_DICTIONARY.names[19:21] == ("right_cheek", "5_o_Clock_Shadow")
    assert FACE_DICTIONARY.names[-1] == "Wearing_Lipstick"
    assert [len(FACE_DICTIONARY.of_kind(kind)) for kind in KINDS] == [12, 8, 18]


def test_the_published_regions_have_the_published_sizes() -> None:
    sizes = {region.name: len(region.concepts) for region in FACE_DICTIONARY.regions}
    assert sizes == {"Eye": 12, "Cheek": 8, "Nose": 4, "Mouth": 10, "Chin": 4}
    regions = {region.name: {concept.name for concept in region.concepts} for region in FACE_DICTIONARY.regions}
    assert regions["Nose"] == {"AU_9", "nose", "Big_Nose", "Pointy_Nose"}
    assert regions["Chin"] == {"AU_17", "AU_26", "Double_Chin", "Goatee"}


def test_the_published_global_concepts() -> None:
    assert [(concept.name, len(concept.subgroups)) for concept in FACE_DICTIONARY.global_concepts] == [
        ("age", 4), ("gender", 2), ("ethnicity", 4), ("skin_tone", 2),
    ]  # fmt: skip


def test_positions_follow_the_order() -> None:
    assert [FACE_DICTIONARY.position(name) for name in FACE_DICTIONARY.names] == list(range(38))
    assert FACE_DICTIONARY["AU_9"] == Concept(name="AU_9", kind="action_unit", region="Nose")


def test_names_match_exactly() -> None:
    assert "AU_1" in FACE_DICTIONARY
    assert "AU_" not in FACE_DICTIONARY
    assert "NOSE" not in FACE_DICTIONARY
    with pytest.raises(DictionaryError, match="expected a concept of the vocabulary, got 'Nose'; nearest: nose"):
        FACE_DICTIONARY.position("Nose")


def test_regions_come_in_the_order_in_which_concepts_name_them() -> None:
    concepts = [Concept(name=name, kind="part", region=region) for name, region in zip("abc", "YXY", strict=True)]
    first, second = Vocabulary(concepts=tuple(concepts)).regions
    assert (first.name, [concept.name for concept in first.concepts]) == ("Y", ["a", "c"])
    assert (second.name, [concept.name for concept in second.concepts]) == ("X", ["b"])


def test_a_name_may_not_occur_twice() -> None:
    ear = Concept(name="ear", kind="part", region="Ear")
    with pytest.raises(DictionaryError, match="expected every concept once in the vocabulary, got ear more than once"):
        Vocabulary(concepts=(ear, ear))
    age = GlobalConcept(name="age", subgroups=("young", "old"))
    with pytest.raises(
        DictionaryError, match="expected every global concept once in the vocabulary, got age more than"
    ):
        Vocabulary(concepts=(), global_concepts=(age, age))
