"""What may vary, and what may not go together."""

from __future__ import annotations

import pickle
from dataclasses import fields, replace

import numpy as np
import pytest

from facedissect.concepts import FACE_DICTIONARY
from facedissect.demo import EXCLUDES, IMPLIES, PARTS, PASSING, TRAITS, FaceFactors, Identity, Scene
from facedissect.errors import SettingsError


def test_traits_passing_concepts_and_parts_are_the_published_vocabulary() -> None:
    assert sorted((*TRAITS, *PASSING, *PARTS)) == sorted(FACE_DICTIONARY.names)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Identity(age=2.0), "expected age from 3 to 88, got 2.0"),
        (lambda: Scene(yaw=16.0), "expected yaw from -15 to 15, got 16.0"),
        (lambda: Scene(yaw=float("nan")), "expected yaw from -15 to 15, got nan"),
        (lambda: Scene(noise="loud"), "expected noise from 0 to 6, got 'loud'"),
        (lambda: Identity(gender="male"), "expected gender as one of Male, Female, got 'male'"),
        (
            lambda: Identity(traits=frozenset({"Goate"})),
            "expected traits out of 13 concepts, got 'Goate'; nearest: Goatee",
        ),
        (lambda: Scene(shown=frozenset({"No_Beard"})), "expected shown out of 17 concepts, got 'No_Beard'"),
    ],
)
def test_a_factor_out_of_its_range_is_named(make: object, message: str) -> None:
    with pytest.raises(SettingsError, match=f"^{message}"):
        make()  # type: ignore[operator]


@pytest.mark.parametrize(("concept", "implied"), IMPLIES)
def test_an_implied_concept_must_be_there(concept: str, implied: str) -> None:
    with pytest.raises(SettingsError, match=f"expected {implied} in a face with {concept}"):
        FaceFactors(scene=Scene(shown=frozenset({concept})))


@pytest.mark.parametrize(("one", "other"), EXCLUDES)
def test_concepts_that_exclude_each_other_do_not_meet(one: str, other: str) -> None:
    both = {one, other}.union(implied for concept, implied in IMPLIES if concept in (one, other))
    identity = Identity(traits=frozenset(both.intersection(TRAITS)))
    with pytest.raises(SettingsError, match=f"at most one of {one} and {other}"):
        FaceFactors(identity=identity, scene=Scene(shown=frozenset(both.intersection(PASSING))))


def test_concepts_come_in_the_order_of_the_vocabulary() -> None:
    factors = FaceFactors(scene=Scene(shown=frozenset({"Smiling", "AU_12", "Eyeglasses"})))
    assert factors.concepts == (
        "AU_12", "nose", "left_brow", "right_brow", "left_eye", "right_eye", "mouth", "left_cheek", "right_cheek",
        "No_Beard", "Eyeglasses", "Smiling",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("age", "subgroup"),
    [
        (3.0, "zero_to_twenty"),
        (19.99, "zero_to_twenty"),
        (20.0, "twenty_to_forty"),
        (40.0, "forty_to_sixty"),
        (59.9, "forty_to_sixty"),
        (60.0, "sixty_plus"),
        (88.0, "sixty_plus"),
    ],
)
def test_age_subgroups_begin_at_their_lowest_age(age: float, subgroup: str) -> None:
    assert FaceFactors(identity=Identity(age=age)).subgroups["age"] == subgroup


def test_skin_is_dark_below_28_degrees() -> None:
    assert Identity(typology_angle=28.0).skin_tone == "bright"
    assert Identity(typology_angle=27.9).skin_tone == "dark"


def test_numbers_of_numpy_and_lists_become_plain_values_so_that_the_pixels_do_not_depend_on_them() -> None:
    identity = Identity(age=np.float64(31.5), texture_seed=np.int64(7), traits=["No_Beard"])  # type: ignore[arg-type]
    assert identity == Identity(age=31.5, texture_seed=7)
    assert {type(identity.age), type(identity.texture_seed), type(identity.traits)} == {float, int, frozenset}


def test_factors_are_hashable_picklable_and_replaceable() -> None:
    factors = FaceFactors(identity=replace(Identity(), age=50.0))
    assert pickle.loads(pickle.dumps(factors)) == factors  # noqa: S301
    assert hash(factors) == hash(FaceFactors(identity=Identity(age=50.0)))


def test_every_factor_is_documented() -> None:
    for part in (Identity, Scene):
        text = part.__doc__ or ""
        first, last = (field.name for field in (fields(part)[0], fields(part)[-1]))
        assert first in text
        assert last in text
