"""Sampling: equal numbers, whole identities, and choices that only the seed changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from facedissect.concepts import FACE_DICTIONARY
from facedissect.curation import balanced, hold_out
from facedissect.dictionary import Face, FaceDictionary
from facedissect.errors import DictionaryError, SettingsError

NewFace = Callable[..., Face]


@pytest.fixture(scope="module")
def faces(new_face: NewFace) -> tuple[Face, ...]:
    """400 faces in uneven subgroups, of which 30 are labelled for none and 20 for age only; 60 people with 1 to 8 faces."""
    rng = np.random.default_rng(4)
    people = np.repeat(np.arange(90), rng.integers(1, 9, 90))[:300]
    made = []
    for number in range(400):
        subgroups = {
            "age": ("zero_to_twenty", "twenty_to_forty", "forty_to_sixty", "sixty_plus")[
                rng.choice(4, p=[0.1, 0.5, 0.3, 0.1])
            ],
            "gender": ("Male", "Female")[rng.choice(2, p=[0.7, 0.3])],
        }
        if number < 30:
            subgroups = {}
        elif number < 50:
            del subgroups["gender"]
        made.append(
            new_face(
                f"{number:03}",
                subgroups=subgroups,
                identity=f"person {people[number]}" if number < len(people) else None,
            )
        )
    return tuple(made)


def dictionary_of(faces: tuple[Face, ...]) -> FaceDictionary:
    return FaceDictionary(location="memory", format="memory", vocabulary=FACE_DICTIONARY, faces=faces)


@pytest.mark.parametrize("by", [["gender"], ["age"], ["age", "gender"]])
def test_each_subgroup_has_as_many_faces_as_the_smallest(faces: tuple[Face, ...], by: list[str]) -> None:
    cells = Counter(
        tuple(face.subgroups[name] for name in by) for face in faces if all(name in face.subgroups for name in by)
    )
    chosen = balanced(dictionary_of(faces), by)
    found = Counter(
        tuple(face.subgroups[name] for name in by) for face in chosen if all(name in face.subgroups for name in by)
    )
    assert found == dict.fromkeys(cells, min(cells.values()))
    unlabelled = [face.id for face in faces if not any(name in face.subgroups for name in by)]
    assert [face.id for face in chosen if not any(name in face.subgroups for name in by)] == unlabelled
    assert len(chosen) == sum(found.values()) + len(unlabelled)
    assert [face.id for face in chosen] == sorted(face.id for face in chosen)


def test_the_seed_decides_and_the_order_does_not(faces: tuple[Face, ...]) -> None:
    chosen = {face.id for face in balanced(dictionary_of(faces), ["gender"], seed=1)}
    backwards = {face.id for face in balanced(dictionary_of(faces[::-1]), ["gender"], seed=1)}
    assert chosen == backwards
    assert chosen != {face.id for face in balanced(dictionary_of(faces), ["gender"], seed=2)}


def test_a_smaller_number_may_be_asked_for(faces: tuple[Face, ...]) -> None:
    chosen = balanced(dictionary_of(faces), ["gender"], count=7)
    assert Counter(face.subgroups.get("gender") for face in chosen) == {"Male": 7, "Female": 7, None: 50}


def test_what_cannot_be_balanced_is_refused(faces: tuple[Face, ...]) -> None:
    dictionary = dictionary_of(faces)
    with pytest.raises(DictionaryError, match=r"expected a global concept, got 'sex'; nearest: "):
        balanced(dictionary, ["sex"])
    with pytest.raises(DictionaryError, match="expected each global concept once, got age 2 times"):
        balanced(dictionary, ["age", "age"])
    with pytest.raises(DictionaryError, match=r"at least 1 faces with ethnicity white, got 0; balance by fewer"):
        balanced(dictionary, ["ethnicity"])
    with pytest.raises(DictionaryError, match=r"at least 200 faces with gender Female, got \d+; ask for fewer"):
        balanced(dictionary, ["gender"], count=200)
    for arguments in ({"by": []}, {"by": ["age"], "count": 0}):
        with pytest.raises(SettingsError, match="expected one global concept or more and a count of at least 1"):
            balanced(dictionary, **arguments)


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5])
def test_no_identity_is_on_both_sides(faces: tuple[Face, ...], share: float) -> None:
    kept, held = hold_out(dictionary_of(faces), share)
    assert not {face.identity for face in kept if face.identity} & {face.identity for face in held if face.identity}
    assert {face.identity for face in held if face.identity}
    assert sorted(face.id for part in (kept, held) for face in part) == [face.id for face in faces]
    assert share * 400 - 8 < len(held) <= share * 400
    assert [face.id for face in held] == sorted(face.id for face in held)


def test_the_seed_decides_who_is_held_out_and_the_order_does_not(faces: tuple[Face, ...]) -> None:
    held = {face.id for face in hold_out(dictionary_of(faces), seed=3)[1]}
    assert held == {face.id for face in hold_out(dictionary_of(faces[::-1]), seed=3)[1]}
    assert held != {face.id for face in hold_out(dictionary_of(faces), seed=4)[1]}


def test_copies_stay_together_with_all_of_their_people(faces: tuple[Face, ...]) -> None:
    together = [("000", "399", "150"), ("399", "398")]
    joined = {"000", "399", "150", "398"}
    joined |= {face.id for face in faces if face.identity in {faces[0].identity, faces[150].identity}}
    for seed in range(12):
        _, held = hold_out(dictionary_of(faces), seed=seed, together=together)
        assert len(joined & {face.id for face in held}) in (0, len(joined))


def test_a_split_with_an_empty_part_is_refused(faces: tuple[Face, ...]) -> None:
    with pytest.raises(SettingsError, match=r"expected a share between 0 and 1, got 1.5"):
        hold_out(dictionary_of(faces), 1.5)
    one_person = tuple(replace(face, identity="the only one") for face in faces[:9])
    with pytest.raises(
        DictionaryError, match=r"got 0 of 9 held out for a share of 0.2, where people have up to 9 faces"
    ):
        hold_out(dictionary_of(one_person))
    with pytest.raises(DictionaryError, match="expected faces of memory, got 'nobody'; leave it out"):
        hold_out(dictionary_of(faces), together=[("000", "nobody")])
