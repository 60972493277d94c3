"""The embedded dictionary: lazy, reproducible, and reopened from its location."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest

from facedissect.concepts import FACE_DICTIONARY, KINDS
from facedissect.demo import Correlation
from facedissect.dictionary import demo
from facedissect.dictionary.demo import DEFAULTS, DemoSource, open_demo, parse_location
from facedissect.errors import DictionaryError, FaceReadError, SettingsError


def test_faces_carry_every_kind_of_label() -> None:
    dictionary = open_demo(count=5)
    assert [face.id for face in dictionary] == [f"demo/00000{index}" for index in range(5)]
    assert dictionary.format == "demo"
    assert dictionary.vocabulary is FACE_DICTIONARY
    for face in dictionary:
        assert face.kinds == frozenset(KINDS)
        assert set(face.subgroups) == {"age", "gender", "ethnicity", "skin_tone"}
        assert {"nose", "mouth", "left_eye"} <= set(face.concepts)
        assert face.landmarks is not None
        assert face.box is not None


def test_labels_and_masks_agree() -> None:
    for face in open_demo(count=12, seed=3):
        source = face.source
        assert isinstance(source, DemoSource)
        assert face.concepts == source.factors.concepts
        assert face.image().size == (128, 128)
        for concept in face.concepts:
            mask = face.mask(concept)
            assert mask.shape == (128, 128)
            assert mask.dtype == bool
            assert mask.any()


def test_opening_draws_nothing_and_a_face_is_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    real = demo.draw_face
    monkeypatch.setattr(demo, "draw_face", lambda factors, size: drawn.append(size) or real(factors, size))
    demo._drawn.cache_clear()
    dictionary = open_demo(count=6, size=64)
    assert dictionary.digest
    assert drawn == []
    face = dictionary.faces[2]
    face.image()
    for concept in face.concepts:
        face.mask(concept)
    assert drawn == [64]


def test_a_face_does_not_depend_on_how_many_there_are() -> None:
    few, many = open_demo(count=3, seed=8), open_demo(count=7, seed=8)
    assert few.faces[2].source == many.faces[2].source
    assert few.faces[2].source != open_demo(count=3, seed=9).faces[2].source


def test_the_same_seed_gives_the_same_bytes() -> None:
    one, other = open_demo(count=4, seed=1), open_demo(count=4, seed=1)
    assert one.digest == other.digest
    for face, again in zip(one, other, strict=True):
        assert face.image().tobytes() == again.image().tobytes()
    assert one.digest != open_demo(count=4, seed=2).digest != open_demo(count=4, seed=1, size=64).digest


def test_a_fingerprint_changes_with_anything_that_changes_the_pixels() -> None:
    source = open_demo(count=1).faces[0].source
    assert isinstance(source, DemoSource)
    again = pickle.loads(pickle.dumps(source))  # noqa: S301
    assert again.fingerprint() == source.fingerprint()
    other = open_demo(count=1, yaw=3.0).faces[0].source
    assert other.fingerprint() != source.fingerprint()
    assert DemoSource(source.factors, 64).fingerprint() != source.fingerprint()


def test_a_pickled_face_draws_the_same() -> None:
    face = open_demo(count=1, seed=4).faces[0]
    again = pickle.loads(pickle.dumps(face))  # noqa: S301
    demo._drawn.cache_clear()
    assert again.image().tobytes() == face.image().tobytes()
    assert np.array_equal(again.mask("nose"), face.mask("nose"))


def test_a_mask_cannot_be_changed_by_mistake() -> None:
    with pytest.raises(ValueError, match="read-only"):
        open_demo(count=1).faces[0].mask("nose")[:] = False


def test_a_concept_that_is_not_there_is_refused() -> None:
    face = open_demo(count=1, Mustache=False).faces[0]
    with pytest.raises(FaceReadError, match="got 'Mustache'"):
        face.source.mask("Mustache")


def test_correlations_and_fixed_factors_reach_the_faces() -> None:
    planted = [Correlation(cause="gender=Male", effect="Eyeglasses", strength=1.0)]
    for face in open_demo(count=30, correlations=planted, age="sixty_plus"):
        assert ("Eyeglasses" in face.concepts) is (face.subgroups["gender"] == "Male")
        assert face.subgroups["age"] == "sixty_plus"


def test_people_are_seen_again_in_other_scenes() -> None:
    dictionary = open_demo(count=12, seed=3, identities=5)
    assert dictionary.location == "demo:count=12,seed=3,size=128,identities=5"
    assert open_demo(**parse_location(dictionary.location)).faces == dictionary.faces
    alone = open_demo(count=12, seed=3)
    assert [face.identity for face in alone] == [None] * 12
    scenes = set()
    for index, face in enumerate(dictionary):
        assert face.identity == f"person/{index % 5:06d}"
        factors, of_person = face.source.factors, alone.faces[index % 5].source.factors
        assert factors.identity == of_person.identity
        assert face.labels == {"age": factors.identity.age}
        assert face.subgroups == factors.subgroups
        assert face.concepts == factors.concepts
        # The scene does not depend on who it is, but for what fits the person.
        assert factors.scene.yaw == alone.faces[index].source.factors.scene.yaw
        scenes.add(factors.scene)
    assert len(scenes) == 12
    assert dictionary.faces[:5] == tuple(
        replace(face, identity=f"person/{i:06d}") for i, face in enumerate(alone.faces[:5])
    )
    assert open_demo(count=7, seed=3, identities=5).faces == dictionary.faces[:7]


def test_pictures_of_a_person_differ_in_more_than_noise() -> None:
    one, _, again = open_demo(count=3, size=64, identities=2)
    assert one.identity == again.identity
    assert np.abs(np.asarray(one.image(), int) - np.asarray(again.image(), int)).mean() > 5


def test_correlations_and_fixed_factors_reach_every_picture_of_a_person() -> None:
    planted = [Correlation(cause="skin_tone=dark", effect="Smiling", strength=1.0)]
    faces = open_demo(count=40, identities=10, correlations=planted, age="zero_to_twenty", Eyeglasses=True)
    tones = {face.subgroups["skin_tone"] for face in faces.faces[10:]}
    assert tones == {"bright", "dark"}
    for face in faces:
        assert ("Smiling" in face.concepts) is (face.subgroups["skin_tone"] == "dark")
        assert face.subgroups["age"] == "zero_to_twenty"
        assert "Eyeglasses" in face.concepts


def test_a_dictionary_is_reopened_from_its_location() -> None:
    dictionary = open_demo(count=4, seed=6, size=96)
    assert dictionary.location == "demo:count=4,seed=6,size=96"
    assert open_demo(**parse_location(dictionary.location)).digest == dictionary.digest
    assert parse_location("demo") == DEFAULTS == {"count": 600, "seed": 0, "size": 128, "identities": 0}
    assert parse_location("demo:seed=3") == {**DEFAULTS, "seed": 3}


def test_what_text_cannot_describe_is_not_reopened() -> None:
    planted = [Correlation(cause="gender=Male", effect="Eyeglasses", strength=1.0)]
    location = open_demo(count=2, correlations=planted, yaw=1.0).location
    assert location == "demo:count=2,seed=0,size=128,+correlations,+fixed"
    with pytest.raises(DictionaryError, match="call open_demo with their correlations again"):
        parse_location(location)


@pytest.mark.parametrize(
    "text", ["demos", "demo:faces=3", "demo:count=-1", "demo:count=two", "demo:count", "demo:count=3;seed=1"]
)
def test_a_location_that_makes_no_sense_is_named(text: str) -> None:
    with pytest.raises(DictionaryError, match="expected demo or demo:count=N,seed=N,size=N,identities=N"):
        parse_location(text)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"count": 0}, "expected count of the demo faces to be at least 1, got 0"),
        ({"seed": -1}, "expected seed of the demo faces to be at least 0, got -1"),
        ({"size": 16}, "expected size of the demo faces to be at least 32, got 16"),
        ({"identities": -1}, "expected identities of the demo faces to be at least 0, got -1"),
    ],
)
def test_numbers_that_make_no_sense_are_named(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(DictionaryError, match=message):
        open_demo(**arguments)


def test_an_unknown_factor_is_named() -> None:
    with pytest.raises(SettingsError, match="nearest: hair_style"):
        open_demo(count=1, hair_stile="bob")
