"""The tree of errors, and the names that messages offer."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedissect import errors
from facedissect.errors import FacedissectError, MissingExtraError, nearest_names

CLASSES = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]


def test_every_error_is_one_of_ours() -> None:
    assert all(issubclass(error, FacedissectError) for error in CLASSES)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"( +(?:│|├──|└──|\s)*)(\w+Error)\b", line)
        if found:
            depth, name = len(found[1]), found[2]
            above = [(other, parent) for other, parent in above if other < depth]
            drawn[name] = above[-1][1] if above else "Exception"
            above.append((depth, name))
    assert drawn == {error.__name__: error.__base__.__name__ for error in CLASSES if error.__base__}


def test_a_missing_extra_says_what_to_install() -> None:
    message = "reading ONNX files needs the optional dependencies `onnx`; run: pip install 'facedissect[onnx]'"
    with pytest.raises(MissingExtraError, match=re.escape(message)):
        raise MissingExtraError("reading ONNX files", "onnx")


def test_the_nearest_name_comes_first() -> None:
    assert nearest_names("layer4.2.conv", ["layer1", "layer4.2.conv1", "fc"]).split(", ")[0] == "layer4.2.conv1"
    assert nearest_names("zzz", ["a", "b", "c"], count=2) == "a, b"
    assert nearest_names("a", []) == ""


@given(st.text(), st.lists(st.text(st.characters(categories=["L"]), min_size=1), unique=True), st.integers(1, 8))
def test_nearest_names_are_known_names(name: str, known: list[str], count: int) -> None:
    offered = [one for one in nearest_names(name, known, count).split(", ") if one]
    assert set(offered) <= set(known)
    assert len(offered) <= count
    assert offered or not known
