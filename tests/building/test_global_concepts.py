"""Subgroups by limits and by renaming."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from facedissect.building.global_concepts import Grouping
from facedissect.concepts import GlobalConcept
from facedissect.dictionary import FaceDictionary
from facedissect.errors import DictionaryError, SettingsError

AGE = Grouping(concept="age", column="years", edges=(20, 40), subgroups=("young", "middle", "old"))


def subgroup(grouping: Grouping, make: Callable[..., FaceDictionary], label: object) -> str | None:
    (face,) = make({"labels": {grouping.column: label}})
    return grouping.subgroup(face)


@pytest.mark.parametrize(
    ("years", "expected"),
    [
        (-1, "young"),
        (19.9, "young"),
        (20, "middle"),
        (39.0, "middle"),
        (40, "old"),
        ("55", "old"),
        (float("nan"), None),
    ],
)
def test_a_limit_belongs_to_the_subgroup_above(
    make_dictionary: Callable[..., FaceDictionary], years: object, expected: str | None
) -> None:
    assert subgroup(AGE, make_dictionary, years) == expected


@pytest.mark.parametrize(
    ("label", "expected"),
    [(True, "a"), (False, "b"), (3.0, "a"), (2.5, "b"), (3, "a"), ("x", "b"), ("y", None), (0.0, None)],
)
def test_renaming(make_dictionary: Callable[..., FaceDictionary], label: object, expected: str | None) -> None:
    renames = {"true": "a", "false": "b", "3": "a", "2.5": "b", "x": "b"}
    assert subgroup(Grouping(concept="g", column="c", renames=renames), make_dictionary, label) == expected


def test_a_face_without_the_label_is_in_no_subgroup(make_dictionary: Callable[..., FaceDictionary]) -> None:
    (face,) = make_dictionary({})
    assert AGE.subgroup(face) is None


def test_the_order_of_subgroups() -> None:
    renames = {"1": "b", "2": "a", "3": "b"}
    assert Grouping(concept="g", column="c", renames=renames).defined == GlobalConcept(name="g", subgroups=("b", "a"))
    assert Grouping(concept="g", column="c", renames=renames, subgroups=("a", "b")).defined.subgroups == ("a", "b")
    assert AGE.defined == GlobalConcept(name="age", subgroups=("young", "middle", "old"))


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "neither": ({}, "expected either edges or rename for g, got neither"),
    "both": ({"edges": (1,), "renames": {"a": "b"}}, "expected either edges or rename for g, got both"),
    "count": ({"edges": (1, 2), "subgroups": ("a", "b")}, "expected one edge less than subgroups of g, got 2 edges and 2 sub"),
    "order": ({"edges": (2, 1), "subgroups": tuple("abc")}, r"expected the edges of g in ascending order, got \[2, 1\]"),
    "equal": ({"edges": (1, 1), "subgroups": tuple("abc")}, r"expected the edges of g in ascending order, got \[1, 1\]"),
    "twice": ({"edges": (1, 2), "subgroups": tuple("aba")}, "expected two or more subgroups of g, each once, got a, b, a"),
    "one": ({"renames": {"1": "a", "2": "a"}}, "expected two or more subgroups of g, each once, got a"),
    "others": ({"renames": {"1": "a", "2": "b"}, "subgroups": ("a", "c")}, "subgroups of g that rename names, a, b, got a, c"),
}  # fmt: skip


@pytest.mark.parametrize(("given", "message"), REFUSED.values(), ids=REFUSED)
def test_parts_that_do_not_fit_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Grouping(concept="g", column="c", **given)


def test_text_has_no_limits(make_dictionary: Callable[..., FaceDictionary]) -> None:
    with pytest.raises(
        DictionaryError, match=r"expected numbers in years, .* into age, got '20-29' for 0.png; use rename"
    ):
        subgroup(AGE, make_dictionary, "20-29")


def test_a_label_that_no_face_has_is_refused(make_dictionary: Callable[..., FaceDictionary]) -> None:
    faces = make_dictionary({"labels": {"year": 3.0}}, {})
    with pytest.raises(
        DictionaryError, match="for the global concept age, got 'years', which no face has; nearest: year"
    ):
        AGE.expect_column(faces.faces)
    with pytest.raises(DictionaryError, match="nearest: the faces have no labels"):
        AGE.expect_column(make_dictionary({}).faces)
