"""merge.toml: sources opened and joined as it says, and every line that makes no sense refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from facedissect.curation import merge_file
from facedissect.dictionary import open_dictionary
from facedissect.dictionary.demo import open_demo
from facedissect.dictionary.write import write_published
from facedissect.errors import DictionaryError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_published(open_demo(count=3, size=32), tmp_path / "written")
    return tmp_path


def write(folder: Path, text: str) -> Path:
    path = folder / "merge.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_sources_are_opened_beside_the_file_and_joined(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(
        folder,
        """
        [[source]]
        location = "written"
        drop = ["skin_tone"]
        rename = { left_eye = "eye", right_eye = "eye" }

        [[source]]
        location = "demo:count=4,size=32"
        format = "demo"
        options = { seed = 7 }
        prefix = "drawn"
        drop = ["age", "skin_tone"]
        rename = { left_eye = "eye", right_eye = "eye", gender = "sex" }
        regions = { Chin = "Jaw" }
        [source.subgroups.gender]
        Male = "M"
        Female = "F"

        [concepts]
        AU_17 = { kind = "action_unit", region = "Chin" }
        AU_26 = { kind = "action_unit", region = "Chin" }
        Double_Chin = { kind = "attribute", region = "Chin" }
        Goatee = { kind = "part", region = "Beard" }
        """,
    )
    monkeypatch.chdir("/")
    merged = merge_file(path)
    written = open_dictionary(folder / "written")
    drawn = open_demo(count=4, size=32, seed=7)
    assert merged.location == str(path)
    assert {face.id for face in merged} == {f"written/{face.id}" for face in written} | {
        f"drawn/{face.id}" for face in drawn
    }
    assert [concept.name for concept in merged.vocabulary.global_concepts] == ["age", "gender", "ethnicity", "sex"]
    assert merged.vocabulary.names.count("eye") == 1
    assert len(merged.vocabulary) == 37
    assert merged.vocabulary["Goatee"].kind == "part"
    assert merged.vocabulary["Goatee"].region == "Beard"
    assert {face.subgroups["sex"] for face in merged if face.id.startswith("drawn")} <= {"M", "F"}
    first = drawn.faces[0]
    both = first.mask("left_eye") | first.mask("right_eye")
    assert (merged[f"drawn/{first.id}"].mask("eye") == both).all()


def test_an_option_that_names_a_file_beside_it_is_that_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "written/landmarks.csv").rename(folder / "points.csv")
    path = write(folder, '[[source]]\nlocation = "written"\noptions = { landmarks = "points.csv" }')
    monkeypatch.chdir("/")
    assert all(face.landmarks is not None for face in merge_file(path).local_faces)


SOURCE = '[[source]]\nlocation = "demo:count=2,size=32"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[source", "expected a TOML file in UTF-8, got "),
        ("", r"expected one \[\[source\]\] or more, got none"),
        ("source = 3", r"expected one \[\[source\]\] or more, got none"),
        ("sources = []", r"the keys source, concepts, subgroups at the top, got 'sources'; nearest: source"),
        ('[[source]]\nprefix = "a"', r"expected a location in \[\[source\]\] number 1, got none"),
        ("[[source]]\nlocation = 3", r"expected location as text in \[\[source\]\] number 1, got 3"),
        ('[[source]]\nlocation = "gone"', r"got .*gone, which does not exist"),
        (SOURCE + 'fromat = "demo"', r"got 'fromat'; nearest: format"),
        (SOURCE + "options = 3", r"expected options as a table in \[\[source\]\] number 1, got 3"),
        (SOURCE + "options = { sise = 3 }", r"expected a factor of a face, got 'sise'; nearest: "),
        (SOURCE + 'drop = "age"', r"expected a list of names as drop in \[\[source\]\] number 1, got 'age'"),
        (SOURCE + "drop = [1]", r"expected a name as text as drop in \[\[source\]\] number 1, got 1"),
        (SOURCE + 'rename = { nose = "" }', r"expected nose as text in \[\[source\]\] number 1, got ''"),
        (
            SOURCE + 'rename = { noes = "nose" }',
            r"expected a concept of demo:count=2,seed=0,size=32, got 'noes'; nearest: nose",
        ),
        (
            SOURCE + 'kinds = { part = "whole" }',
            r"the kind action_unit, part, attribute in \[\[source\]\] number 1, got 'whole'",
        ),
        (SOURCE + "subgroups = { age = 3 }", r'a table such as \{ there = "here" \} in the subgroups of age .*, got 3'),
        (SOURCE + "[concepts]\nnose = 3", r"expected kind and region in \[concepts.nose\], got 3"),
        (SOURCE + '[concepts.nose]\nkind = "part"', r"expected kind and region in \[concepts.nose\], got no region"),
        (SOURCE + '[concepts.nose]\nkind = "nose"\nregion = "Nose"', r"in \[concepts.nose\], got 'nose'"),
        (
            SOURCE + '[concepts.nose]\nkind = "part"\nregion = " "',
            r"expected region as text in \[concepts.nose\], got ' '",
        ),
        (SOURCE + "[subgroups]\nage = 3", r"expected a list of names in the subgroups of age, got 3"),
        (SOURCE + SOURCE, r"each with a prefix of its own, got the prefixes "),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_file(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(DictionaryError, match=message) as caught:
        merge_file(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DictionaryError, match=r"expected a TOML file in UTF-8, got .*no\.toml"):
        merge_file(tmp_path / "no.toml")
