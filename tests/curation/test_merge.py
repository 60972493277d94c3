"""Merging: one vocabulary, unique ids, masks united, and nothing known that was not known before."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import numpy as np
import pytest

from facedissect.concepts import FACE_DICTIONARY, Concept, GlobalConcept, Vocabulary
from facedissect.curation import Part, merge
from facedissect.dictionary import Face, FaceDictionary
from facedissect.dictionary.demo import open_demo
from facedissect.errors import DictionaryError

NewFace = Callable[..., Face]
UPPER, LOWER = np.zeros((2, 8, 8), bool)
UPPER[2:4, 2:6] = True
LOWER[4:6, 2:6] = True


def vocabulary_of(concepts: str, **global_concepts: str) -> Vocabulary:
    """From `name kind region, ...` and `age="young old"`."""
    return Vocabulary(
        concepts=tuple(
            Concept(name=name, kind=kind, region=region)  # type: ignore[arg-type]
            for name, kind, region in (words.split() for words in concepts.split(",") if words.strip())
        ),
        global_concepts=tuple(
            GlobalConcept(name=name, subgroups=tuple(subgroups.split())) for name, subgroups in global_concepts.items()
        ),
    )


def dictionary_of(vocabulary: Vocabulary, *faces: Face, location: str = "memory") -> FaceDictionary:
    return FaceDictionary(location=location, format="memory", vocabulary=vocabulary, faces=faces)


@pytest.fixture
def masks(new_face: NewFace) -> FaceDictionary:
    """Parts as of a label map: lips apart, and eyes."""
    part = frozenset({"part"})
    return dictionary_of(
        vocabulary_of("u_lip part Lips, l_lip part Lips, eye part Eyes, hat part Hat", sex="M F"),
        new_face(
            "1", masks={"u_lip": UPPER, "l_lip": LOWER, "hat": UPPER}, kinds=part, subgroups={"sex": "M"}, identity="7"
        ),
        new_face("2", masks={"l_lip": LOWER}, kinds=part, subgroups={"sex": "F"}, split="test", labels={"Young": True}),
        new_face("3", subgroups={"sex": "F"}, box=(1, 1, 5, 5), landmarks=np.ones((68, 2)) * np.arange(68)[:, None]),
    )


@pytest.fixture
def others(new_face: NewFace) -> FaceDictionary:
    """Attributes and parts of another source, which knows noses and no eyes."""
    return dictionary_of(
        vocabulary_of("nose part Nose, mouth part Mouth, Smiling attribute Mouth", gender="Male Female"),
        new_face("1", masks={"mouth": LOWER}, kinds=frozenset({"part"}), subgroups={"gender": "Male"}, identity="7"),
        new_face("2", masks={"Smiling": LOWER}, kinds=frozenset({"attribute"})),
    )


@pytest.fixture
def merged(masks: FaceDictionary, others: FaceDictionary) -> FaceDictionary:
    return merge(
        [
            Part(
                dictionary=masks,
                prefix="masks",
                rename={"u_lip": "mouth", "l_lip": "mouth", "sex": "gender"},
                regions={"Lips": "Mouth", "Eyes": "Eye"},
                subgroups={"sex": {"M": "Male", "F": "Female"}},
                drop=frozenset({"hat"}),
            ),
            Part(dictionary=others, prefix="others"),
        ],
        location="merge.toml",
    )


def test_the_vocabulary_is_united(merged: FaceDictionary) -> None:
    assert merged.vocabulary == vocabulary_of(
        "mouth part Mouth, eye part Eye, nose part Nose, Smiling attribute Mouth", gender="Male Female"
    )
    assert (merged.location, merged.format) == ("merge.toml", "merged")


def test_ids_and_identities_carry_their_prefix_and_local_faces_come_first(merged: FaceDictionary) -> None:
    assert [face.id for face in merged] == ["masks/1", "masks/2", "others/1", "others/2", "masks/3"]
    assert [face.identity for face in merged] == ["masks/7", None, "others/7", None, None]


def test_masks_with_one_name_are_united(merged: FaceDictionary) -> None:
    np.testing.assert_array_equal(merged["masks/1"].mask("mouth"), UPPER | LOWER)
    np.testing.assert_array_equal(merged["masks/2"].mask("mouth"), LOWER)
    assert merged["masks/1"].concepts == ("mouth",)


def test_states_are_as_they_were(merged: FaceDictionary) -> None:
    states = {face.id: [face.state(concept) for concept in merged.vocabulary.concepts] for face in merged}
    assert states == {  # mouth, eye, nose, Smiling
        "masks/1": ["present", "absent", "unknown", "unknown"],
        "masks/2": ["present", "absent", "unknown", "unknown"],
        "others/1": ["present", "unknown", "absent", "unknown"],
        "others/2": ["unknown", "unknown", "unknown", "present"],
        "masks/3": ["unknown"] * 4,
    }


def test_all_else_of_a_face_is_as_it_was(merged: FaceDictionary, masks: FaceDictionary) -> None:
    assert merged["masks/1"].subgroups == {"gender": "Male"}
    assert (merged["masks/2"].split, merged["masks/2"].labels) == ("test", {"Young": True})
    assert merged["masks/3"].box == (1, 1, 5, 5)
    np.testing.assert_array_equal(merged["masks/3"].landmarks, masks["3"].landmarks)
    assert merged["masks/1"].image().tobytes() == masks["1"].image().tobytes()


def test_faces_can_be_pickled_and_a_changed_name_changes_the_digest(merged: FaceDictionary) -> None:
    again = pickle.loads(pickle.dumps(merged))  # noqa: S301
    assert again.digest == merged.digest
    face = again["masks/1"]
    assert face.state(again.vocabulary["nose"]) == "unknown"
    renamed = pickle.loads(pickle.dumps(face.source))  # noqa: S301
    assert renamed.fingerprint() == merged["masks/1"].source.fingerprint()
    assert renamed.fingerprint() != renamed.source.fingerprint()


def test_a_concept_made_of_two_is_absent_only_if_both_are(new_face: NewFace) -> None:
    source = dictionary_of(
        vocabulary_of("goatee attribute Chin, beard part Chin"),
        new_face("half known", kinds=frozenset({"part"})),
        new_face("known", kinds=frozenset({"part", "attribute"})),
    )
    whole = merge(
        [Part(dictionary=source, prefix="a", rename={"goatee": "hair", "beard": "hair"}, kinds={"attribute": "part"})]
    )
    assert [face.state(whole.vocabulary["hair"]) for face in whole] == ["absent", "unknown"]
    assert [face.id for face in whole] == ["a/known", "a/half known"]  # of which nothing local is known


def test_merging_a_merged_one_keeps_what_is_unknown(merged: FaceDictionary) -> None:
    again = merge([Part(dictionary=merged, prefix="again")])
    for face in merged:
        there = again[f"again/{face.id}"]
        assert [there.state(c) for c in again.vocabulary.concepts] == [
            face.state(c) for c in merged.vocabulary.concepts
        ]


def test_dictionaries_of_one_vocabulary_are_simply_joined() -> None:
    first, second = open_demo(count=5, size=32), open_demo(count=4, size=32, seed=1)
    whole = merge([Part(dictionary=first, prefix="a"), Part(dictionary=second, prefix="b")])
    assert whole.vocabulary == FACE_DICTIONARY
    assert [face.id for face in whole] == [f"a/{face.id}" for face in first] + [f"b/{face.id}" for face in second]
    for face in first:
        there = whole[f"a/{face.id}"]
        assert type(there) is Face
        assert there.source is face.source
        assert (there.concepts, there.kinds, there.subgroups) == (face.concepts, face.kinds, dict(face.subgroups))


def test_an_empty_name_makes_a_subgroup_unknown(new_face: NewFace) -> None:
    source = dictionary_of(
        vocabulary_of("", race="White Others"),
        new_face("1", subgroups={"race": "Others"}),
        new_face("2", subgroups={"race": "White"}),
    )
    whole = merge([Part(dictionary=source, prefix="a", subgroups={"race": {"Others": ""}})])
    assert whole.vocabulary.global_concepts == (GlobalConcept(name="race", subgroups=("White",)),)
    assert [dict(face.subgroups) for face in whole] == [{}, {"race": "White"}]


def test_differing_subgroups_need_a_list_of_all(new_face: NewFace) -> None:
    first = Part(dictionary=dictionary_of(vocabulary_of("", race="white black"), new_face("1")), prefix="a")
    second = Part(dictionary=dictionary_of(vocabulary_of("", race="asian white"), new_face("1")), prefix="b")
    with pytest.raises(
        DictionaryError, match=r"the same subgroups of race, got white, black \(a\) and asian, white \(b\)"
    ):
        merge([first, second])
    whole = merge([first, second], subgroups={"race": ("black", "white", "asian")})
    assert whole.vocabulary.global_concepts[0].subgroups == ("black", "white", "asian")
    with pytest.raises(
        DictionaryError, match=r"subgroups of race among black, white, got asian, white \(b\); rename them in"
    ):
        merge([first, second], subgroups={"race": ("black", "white")})


def test_differing_kinds_or_regions_need_a_word(new_face: NewFace) -> None:
    first = Part(dictionary=dictionary_of(vocabulary_of("mouth part Mouth"), new_face("1")), prefix="a")
    second = Part(dictionary=dictionary_of(vocabulary_of("mouth attribute Lips"), new_face("1")), prefix="b")
    message = r"one kind and region of mouth, got part in Mouth \(a\) and attribute in Lips \(b\); set both in \[concepts.mouth\]"
    with pytest.raises(DictionaryError, match=message):
        merge([first, second])
    wanted = Concept(name="mouth", kind="attribute", region="Mouth")
    assert merge([first, second], concepts={"mouth": wanted}).vocabulary.concepts == (wanted,)


def test_what_names_nothing_is_refused(masks: FaceDictionary) -> None:
    for changes, message in (
        ({"rename": {"upper_lip": "mouth"}}, r"expected a concept of memory, got 'upper_lip'; nearest: u_lip"),
        ({"drop": frozenset({"cap"})}, r"expected a concept of memory, got 'cap'; nearest: "),
        ({"kinds": {"attribute": "part"}}, r"expected a kind of memory, got 'attribute'; nearest: part"),
        ({"regions": {"Eye": "Eyes"}}, r"expected a region of memory, got 'Eye'; nearest: Eyes"),
        ({"subgroups": {"gender": {}}}, r"expected a global concept of memory, got 'gender'; nearest: sex"),
        ({"subgroups": {"sex": {"Male": "M"}}}, r"expected a subgroup of sex of memory, got 'Male'; nearest: M"),
        ({"prefix": "/"}, r"expected a prefix for the faces of memory, got '/'"),
    ):
        with pytest.raises(DictionaryError, match=message):
            Part(**{"dictionary": masks, "prefix": "a", **changes})
    part = Part(dictionary=masks, prefix="a")
    with pytest.raises(DictionaryError, match=r"a merged name in \[concepts\], got 'ear'; nearest: "):
        merge([part], concepts={"ear": Concept(name="ear", kind="part", region="Ear")})
    with pytest.raises(DictionaryError, match=r"a merged name in \[subgroups\], got 'age'; nearest: "):
        merge([part], subgroups={"age": ("young",)})


def test_prefixes_are_unique(masks: FaceDictionary) -> None:
    part = Part(dictionary=masks, prefix="a")
    with pytest.raises(DictionaryError, match="each with a prefix of its own, got the prefixes a, a"):
        merge([part, part])
    with pytest.raises(DictionaryError, match=r"expected dictionaries to merge, .* got the prefixes of none"):
        merge([])
