"""`vocabulary.toml`, good and bad, and a dictionary that has one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from facedissect.concepts import FACE_DICTIONARY, Concept, GlobalConcept
from facedissect.dictionary.vocabulary_file import read_vocabulary
from facedissect.errors import DictionaryError

if TYPE_CHECKING:
    from conftest import DictionaryFolder

EAR = '[[concept]]\nname = "left_ear"\nkind = "part"\nregion = "Ear"\n'
LEFT_EAR = Concept(name="left_ear", kind="part", region="Ear")


def write(root: Path, content: str) -> Path:
    (root / "vocabulary.toml").write_text(content, encoding="utf-8")
    return root


def test_without_a_file_it_is_the_published_one(tmp_path: Path) -> None:
    assert read_vocabulary(tmp_path) is FACE_DICTIONARY


def test_concepts_come_in_the_order_of_the_file(tmp_path: Path) -> None:
    content = EAR + EAR.replace("left", "a") + '[subgroups]\nhair = ["fair", "dark", "grey"]\n'
    vocabulary = read_vocabulary(write(tmp_path, content))
    assert vocabulary.names == ("left_ear", "a_ear")
    assert vocabulary.concepts[0] == LEFT_EAR
    assert [region.name for region in vocabulary.regions] == ["Ear"]
    assert vocabulary.global_concepts == (GlobalConcept(name="hair", subgroups=("fair", "dark", "grey")),)


def test_the_published_one_can_be_extended(tmp_path: Path) -> None:
    content = 'extends = "published"\n' + EAR + '[subgroups]\nAge = ["young", "old"]\n'
    vocabulary = read_vocabulary(write(tmp_path, content))
    assert vocabulary.concepts == (*FACE_DICTIONARY.concepts, LEFT_EAR)
    assert [concept.name for concept in vocabulary.global_concepts] == ["gender", "ethnicity", "skin_tone", "Age"]


BAD = {
    "syntax": ("concept = [", r"expected a TOML file in UTF-8, got .*vocabulary.toml: "),
    "empty": ("", r'expected a \[\[concept\]\], an entry of \[subgroups\] or extends = "published", got none of them'),
    "key": (
        "concepts = []",
        "expected the keys extends, concept, subgroups at the top, got 'concepts'; nearest: concept",
    ),
    "extends": ('extends = "other"', "expected extends = \"published\", got 'other'"),
    "one table": (
        '[concept]\nname = "ear"',
        r"expected concepts as \[\[concept\]\] tables, got concept = \{'name': 'ear'\}",
    ),
    "missing": (
        '[[concept]]\nname = "ear"',
        r"expected name, kind and region in \[\[concept\]\] number 1, got no kind and no region",
    ),
    "extra": (
        EAR + 'colour = "red"',
        r"expected the keys name, kind, region in \[\[concept\]\] number 1, got 'colour'",
    ),
    "kind": (EAR.replace('"part"', '"parts"'), "expected the kind action_unit, part, attribute .*, got 'parts'"),
    "name": (EAR.replace("left_ear", "a/b"), "expected a name without / .*, got 'a/b'"),
    "blank": (EAR.replace("left_ear", " "), "expected a name without / .*, got ' '"),
    "number": (EAR.replace('"left_ear"', "7"), "expected a name without / .*, got 7"),
    "twice": (EAR + EAR, "expected every concept once in the vocabulary, got left_ear more than once"),
    "published twice": (
        'extends = "published"\n' + EAR.replace("left_ear", "nose"),
        "expected every concept once in the vocabulary, got nose more than once",
    ),
    "subgroups": ("subgroups = 7", r"expected \[subgroups\] with lines such as age = \[\"young\", \"old\"\], got 7"),
    "one subgroup": (
        '[subgroups]\nage = ["old"]',
        r"expected a list of two or more names in the subgroups of age, got \['old'\]",
    ),
    "text": ('[subgroups]\nage = "old"', "expected a list of two or more names in the subgroups of age, got 'old'"),
    "case": ('[subgroups]\nage = ["old", "Old"]', "expected names that differ in more than case .*, got old and Old"),
    "same": ('[subgroups]\nage = ["old", "old"]', "expected names that differ in more than case .*, got old and old"),
    "global case": (
        '[subgroups]\nage = ["a", "b"]\nAge = ["c", "d"]',
        r"expected names that differ in more than case in \[subgroups\], got age and Age",
    ),
}


@pytest.mark.parametrize(("content", "message"), BAD.values(), ids=BAD)
def test_a_bad_file_is_refused_in_one_line(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(DictionaryError, match=message) as caught:
        read_vocabulary(write(tmp_path, content))
    assert str(tmp_path / "vocabulary.toml") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "vocabulary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(DictionaryError, match="expected a TOML file in UTF-8, got"):
        read_vocabulary(tmp_path)


def test_a_dictionary_speaks_of_its_own_concepts(folder: DictionaryFolder) -> None:
    folder.text("vocabulary.toml", EAR + '[subgroups]\nhair = ["fair", "dark"]\n')
    folder.index("Parts.csv", (folder.image("a/original.png"), [folder.mask("a/left_ear.png")]))
    folder.image("non_localizable/Hair/DARK/0.png")
    dictionary = folder.open()
    assert dictionary.vocabulary.names == ("left_ear",)
    assert len(dictionary.faces_with("left_ear")) == 1
    assert len(dictionary.faces_in("hair", "dark")) == 1


def test_published_concepts_are_unknown_to_a_dictionary_with_its_own(folder: DictionaryFolder) -> None:
    folder.text("vocabulary.toml", EAR)
    folder.index("Parts.csv", ("a.png", ["a/nose.png"]))
    with pytest.raises(
        DictionaryError, match=r"got a/nose.png; nearest: left_ear; define other concepts in vocabulary.toml"
    ):
        folder.open()


def test_a_bad_file_hides_no_other_fault_and_invents_none(folder: DictionaryFolder) -> None:
    folder.text("vocabulary.toml", "nonsense")
    folder.index("Parts.csv", ("a.png", ["a/left_ear.png"]), ("../b.png", []))
    with pytest.raises(DictionaryError, match=r"vocabulary.toml: .*; and 1 more fault; run `facedissect check"):
        folder.open()
