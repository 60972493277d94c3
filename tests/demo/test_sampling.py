"""Sampled faces: reproducible, balanced, with sensible base rates, and with the correlations that were planted."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from math import sqrt

import numpy as np
import pytest

from facedissect.concepts import FACE_DICTIONARY
from facedissect.demo import (
    EXCLUDES,
    PASSING,
    TRAITS,
    Correlation,
    FaceFactors,
    Identity,
    sample_factors,
    sample_identity,
    sample_scene,
)
from facedissect.errors import SettingsError

MANY = 2000
LEAST_RATE = 0.08


@pytest.fixture(scope="module")
def faces() -> list[FaceFactors]:
    return [sample_factors(np.random.default_rng([9, index])) for index in range(MANY)]


def test_the_same_seed_gives_the_same_face() -> None:
    assert sample_factors(5) == sample_factors(5) == sample_factors(np.random.default_rng(5))
    assert sample_factors(5) != sample_factors(6)


def test_every_concept_is_present_in_at_least_eight_percent_and_only_parts_in_all(faces: list[FaceFactors]) -> None:
    counts = Counter(concept for face in faces for concept in face.concepts)
    for concept in FACE_DICTIONARY.concepts:
        rate = counts[concept.name] / MANY
        assert rate == 1.0 if concept.kind == "part" else LEAST_RATE <= rate <= 0.85, concept.name


def test_subgroups_are_balanced(faces: list[FaceFactors]) -> None:
    for concept in FACE_DICTIONARY.global_concepts:
        even = 1.0 / len(concept.subgroups)
        for subgroup in concept.subgroups:
            rate = sum(face.subgroups[concept.name] == subgroup for face in faces) / MANY
            assert abs(rate - even) < 0.15 * even + 0.01, (concept.name, subgroup, rate)


def test_age_gender_and_ethnicity_are_independent(faces: list[FaceFactors]) -> None:
    for one, other in (("age", "gender"), ("age", "ethnicity"), ("gender", "ethnicity")):
        pairs = Counter((face.subgroups[one], face.subgroups[other]) for face in faces)
        expected = MANY / len(pairs)
        spread = sum((count - expected) ** 2 / expected for count in pairs.values())
        assert spread < 4 * len(pairs), (one, other, pairs)


def test_children_and_women_have_no_beards_and_lipstick_is_mostly_for_women(faces: list[FaceFactors]) -> None:
    beardless = [face for face in faces if face.identity.gender == "Female" or face.identity.age < 16]
    assert all("No_Beard" in face.present and "Mustache" not in face.present for face in beardless)
    painted = [face for face in faces if "Wearing_Lipstick" in face.present]
    assert sum(face.identity.gender == "Female" for face in painted) > 0.95 * len(painted)


def test_appearance_goes_with_age_and_ethnicity(faces: list[FaceFactors]) -> None:
    people = [face.identity for face in faces]

    def mean(name: str, *, where: dict[str, str]) -> float:
        chosen = [face for face in people if all(getattr(face, key) == value for key, value in where.items())]
        return float(np.mean([getattr(face, name) for face in chosen]))

    angles = [mean("typology_angle", where={"ethnicity": name}) for name in ("white", "asian", "indian", "black")]
    assert angles == sorted(angles, reverse=True)
    assert mean("nose_width", where={"ethnicity": "black"}) > mean("nose_width", where={"ethnicity": "white"}) + 0.5
    assert mean("masculinity", where={"gender": "Male"}) > 0.4 > -0.4 > mean("masculinity", where={"gender": "Female"})
    assert max(face.hair_grey for face in people if face.age < 24) == 0.0
    assert np.mean([face.hair_grey for face in people if face.age > 70]) > 0.7
    decades = [[face.hair_grey for face in people if low <= face.age < low + 10] for low in range(20, 80, 10)]
    assert all(np.mean(later) > np.mean(earlier) + 0.05 for earlier, later in pairwise(decades))
    assert all(face.hair_recession == 0.0 for face in people if face.gender == "Female")


def test_fixing_one_factor_leaves_the_chances_of_the_others_alone() -> None:
    face = sample_factors(3, Eyeglasses=False)
    other = sample_factors(3, Eyeglasses=True)
    assert other.identity == face.identity
    assert other.scene == replace(face.scene, shown=face.scene.shown | {"Eyeglasses"})


def test_every_factor_can_be_fixed() -> None:
    face = sample_factors(
        1, age=70.5, gender="Male", ethnicity="asian", skin_tone="dark", yaw=-12.0, hair_style="afro", Smiling=True,
        AU_25=False, **{"5_o_Clock_Shadow": True},
    )  # fmt: skip
    assert face.subgroups == {"age": "sixty_plus", "gender": "Male", "ethnicity": "asian", "skin_tone": "dark"}
    assert (face.identity.age, face.scene.yaw, face.identity.hair_style) == (70.5, -12.0, "afro")
    assert face.present >= {"Smiling", "AU_12", "5_o_Clock_Shadow"}
    assert not face.present & {"AU_25", "No_Beard", "Mouth_Slightly_Open"}
    assert 40.0 <= sample_factors(1, age="forty_to_sixty").identity.age < 60.0
    assert sample_factors(1, traits={"Goatee"}, shown=set()).present == {"Goatee"}


def test_an_identity_can_be_seen_again_and_again() -> None:
    who = sample_identity(4)
    assert who == sample_factors(4).identity
    scenes = [sample_scene(seed, who) for seed in range(20)]
    assert len({scene.yaw for scene in scenes}) == 20
    for scene in scenes:
        FaceFactors(identity=who, scene=scene)
    assert sample_scene(1, who, yaw=3.0).yaw == 3.0
    assert sample_scene(1, who, age=5.0, gender="Male", ethnicity="asian") == sample_scene(1, who)


def test_scenes_fit_the_identity() -> None:
    narrow = Identity(traits=frozenset({"No_Beard", "Narrow_Eyes"}))
    assert not any("AU_5" in sample_scene(seed, narrow).shown for seed in range(60))


@pytest.mark.parametrize(
    ("fixed", "message"),
    [
        ({"hair_stile": "bob"}, "expected a factor of a face, got 'hair_stile'; nearest: hair_style"),
        ({"age": "old"}, "expected age as one of zero_to_twenty, .*, got 'old'"),
        ({"age": 120.0}, "expected age from 3 to 88, got 120.0"),
        ({"traits": {"Goate"}}, "got 'Goate'"),
        ({"Smiling": True, "AU_12": False}, "expected labels that agree, got AU_12|Smiling both present and absent"),
        ({"Goatee": True, "No_Beard": True}, "expected labels that agree"),
    ],
)
def test_a_fixed_factor_that_makes_no_sense_is_named(fixed: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        sample_factors(0, **fixed)


def holds(face: FaceFactors, event: str) -> bool:
    concept, _, subgroup = event.partition("=")
    return face.subgroups[concept] == subgroup if subgroup else concept in face.present


@pytest.mark.parametrize("strength", [0.0, 0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize(
    ("cause", "effect"),
    [
        ("gender=Male", "Eyeglasses"),
        ("skin_tone=dark", "Smiling"),
        ("Smiling", "skin_tone=dark"),
        ("gender=Female", "age=sixty_plus"),
        ("Eyeglasses", "Wearing_Lipstick"),
        ("Narrow_Eyes", "gender=Male"),
    ],
)
def test_planted_correlations_are_recovered(cause: str, effect: str, strength: float) -> None:
    planted = [Correlation(cause=cause, effect=effect, strength=strength)]
    faces = [sample_factors(np.random.default_rng([1, index]), correlations=planted) for index in range(400)]
    for present, wanted in ((True, strength), (False, 1.0 - strength)):
        group = [face for face in faces if holds(face, cause) is present]
        assert len(group) > 30
        rate = sum(holds(face, effect) for face in group) / len(group)
        assert abs(rate - wanted) <= 4.0 * sqrt(wanted * (1.0 - wanted) / len(group)), (present, rate)


def test_planted_skin_tone_keeps_ethnicities_plausible() -> None:
    planted = [Correlation(cause="gender=Male", effect="skin_tone=dark", strength=1.0)]
    faces = [sample_factors(seed, correlations=planted) for seed in range(300)]
    of_men = Counter(face.identity.ethnicity for face in faces if face.identity.gender == "Male")
    assert of_men["black"] + of_men["indian"] > 0.8 * of_men.total()
    assert all(face.identity.skin_tone == "dark" for face in faces if face.identity.gender == "Male")


def test_correlations_may_be_chained() -> None:
    planted = [
        Correlation(cause="Eyeglasses", effect="Smiling", strength=1.0),
        Correlation(cause="gender=Male", effect="Eyeglasses", strength=1.0),
    ]
    for seed in range(60):
        face = sample_factors(seed, correlations=planted)
        assert ("Smiling" in face.present) is (face.identity.gender == "Male")


def test_fixed_labels_win_over_correlations() -> None:
    planted = [Correlation(cause="gender=Male", effect="Eyeglasses", strength=1.0)]
    assert "Eyeglasses" not in sample_factors(0, correlations=planted, gender="Male", Eyeglasses=False).present


def test_planted_labels_never_contradict_each_other() -> None:
    for one, other in EXCLUDES:
        planted = [Correlation(cause=one, effect="gender=Male", strength=0.9)]
        for seed in range(20):
            present = sample_factors(seed, correlations=planted).present
            assert not {one, other} <= present


@pytest.mark.parametrize(
    ("planted", "message"),
    [
        ([("Smilling", "Eyeglasses", 0.9)], "got 'Smilling'; nearest: Smiling"),
        ([("gender=male", "Eyeglasses", 0.9)], "got 'gender=male'; nearest: .*gender=Male"),
        ([("Smiling", "Eyeglasses", 1.5)], "expected the strength of a correlation from 0 to 1, got 1.5"),
        ([("gender=Male", "gender=Female", 0.5)], "expected cause and effect of two concepts"),
        ([("Smiling", "Eyeglasses", 0.9), ("AU_1", "Eyeglasses", 0.9)], "at most one correlation with the effect Eye"),
        ([("Smiling", "Eyeglasses", 0.9), ("Eyeglasses", "Smiling", 0.9)], "got a circle: Eyeglasses, Smiling"),
        ([("Smiling", "AU_15", 0.9)], "got AU_15 and Smiling; one implies or excludes the other"),
        ([("gender=Male", "Goatee", 0.9), ("age=sixty_plus", "No_Beard", 0.9)], "got Goatee and No_Beard"),
    ],
)
def test_a_correlation_that_makes_no_sense_is_named(planted: list[tuple[str, str, float]], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        sample_factors(0, correlations=[Correlation(cause=c, effect=e, strength=s) for c, e, s in planted])


def test_traits_and_passing_concepts_stay_in_their_half(faces: list[FaceFactors]) -> None:
    assert all(face.identity.traits <= set(TRAITS) and face.scene.shown <= set(PASSING) for face in faces)
