"""Conflicts: what faces with the same picture disagree about."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facedissect.concepts import FACE_DICTIONARY, GlobalConcept, Vocabulary
from facedissect.curation import Conflict, DuplicateGroup, Signature, find_conflicts, find_duplicates
from facedissect.dictionary import Face, FaceDictionary

MASK = np.ones((8, 8), bool)
NewFace = Callable[..., Face]


def found(*faces: Face, copies: list[tuple[str, ...]] | None = None) -> list[Conflict]:
    dictionary = FaceDictionary(location="memory", format="memory", vocabulary=FACE_DICTIONARY, faces=faces)
    group = DuplicateGroup(copies=tuple(copies or [tuple(face.id for face in faces)]))
    return list(find_conflicts(dictionary, [group]))


def test_two_subgroups(new_face: NewFace) -> None:
    faces = [
        new_face("a", subgroups={"age": "sixty_plus", "gender": "Male"}),
        new_face("b", subgroups={"gender": "Female"}),
    ]
    assert found(*faces) == [
        Conflict(what="subgroup", name="gender", values={"Male": ("a",), "Female": ("b",)}, exact=True)
    ]


def test_present_and_absent(new_face: NewFace) -> None:
    smiling = new_face("a", masks={"Smiling": MASK}, kinds=frozenset({"attribute"}))
    sober = new_face("b", kinds=frozenset({"attribute"}))
    unknown = new_face("c", kinds=frozenset({"part"}))
    (conflict,) = found(smiling, sober, unknown)
    assert conflict == Conflict(
        what="concept", name="Smiling", values={"present": ("a",), "absent": ("b",)}, exact=True
    )
    assert conflict.faces == ("a", "b")


def test_unknown_contradicts_nothing(new_face: NewFace) -> None:
    assert found(new_face("a", masks={"nose": MASK}, kinds=frozenset({"part"})), new_face("b"), new_face("c")) == []


def test_identities_and_raw_labels(new_face: NewFace) -> None:
    first = new_face(
        "a", identity="ada", labels={"Young": True, "emotion": "joy", "age": 30.0, "AU_12": 1.25, "Bald": False}
    )
    second = new_face(
        "b", identity="eve", labels={"Young": False, "emotion": "fear", "age": 31.0, "AU_12": 1.5, "Bald": False}
    )
    assert [(each.what, each.name, dict(each.values)) for each in found(first, second)] == [
        ("label", "Young", {"True": ("a",), "False": ("b",)}),
        ("label", "emotion", {"joy": ("a",), "fear": ("b",)}),
        ("label", "age", {"30": ("a",), "31": ("b",)}),
        ("identity", "identity", {"ada": ("a",), "eve": ("b",)}),
    ]


def test_a_label_that_became_a_concept_is_said_once(new_face: NewFace) -> None:
    kinds = frozenset({"attribute"})
    smiling = new_face("a", masks={"Smiling": MASK}, kinds=kinds, labels={"Smiling": True})
    sober = new_face("b", kinds=kinds, labels={"Smiling": False})
    assert [(each.what, each.name) for each in found(smiling, sober)] == [("concept", "Smiling")]


def test_exact_are_those_whose_exact_copies_disagree(new_face: NewFace) -> None:
    faces = [
        new_face(name, subgroups={"gender": gender})
        for name, gender in zip("abc", ("Male", "Male", "Female"), strict=True)
    ]
    near = [("a", "b"), ("c",)]
    exact = [("a",), ("b", "c")]
    assert [conflict.exact for conflict in found(*faces, copies=near)] == [False]
    assert [conflict.exact for conflict in found(*faces, copies=exact)] == [True]


@pytest.fixture(scope="module")
def utkface_pairs(shared: Path) -> dict[str, Path]:
    names = (
        "24_1_4_20170103224910931 26_1_4_20170103213122476 1_1_4_20161223225921227 2_1_4_20170103210946139 "
        "1_0_1_20161219160115237 1_0_3_20161219225012529 60_0_1_20170117175043836 69_0_1_20170113184901806"
    )
    return {name: shared / f"faces/utkface/{name}.jpg.chip.jpg" for name in names.split()}


def test_utkface_has_one_photograph_of_two_races(utkface_pairs: dict[str, Path], new_face: NewFace) -> None:
    ages = tuple(sorted({name.split("_")[0] for name in utkface_pairs}))
    vocabulary = Vocabulary(
        concepts=(),
        global_concepts=(
            GlobalConcept(name="age", subgroups=ages),
            GlobalConcept(name="race", subgroups=("0", "1", "2", "3", "4")),
        ),
    )
    faces = tuple(
        new_face(name, subgroups=dict(zip(("age", "gender", "race"), name.split("_"), strict=False)))
        for name in utkface_pairs
    )
    dictionary = FaceDictionary(location="utkface", format="memory", vocabulary=vocabulary, faces=faces)
    signatures = {name: Signature.of(Image.open(path).convert("RGB")) for name, path in utkface_pairs.items()}
    conflicts = find_conflicts(dictionary, find_duplicates(signatures))
    assert sorted((conflict.name, *conflict.values) for conflict in conflicts) == [
        ("age", "1", "2"),
        ("age", "24", "26"),
        ("age", "60", "69"),
        ("race", "1", "3"),
    ]
    assert not any(conflict.exact for conflict in conflicts)
