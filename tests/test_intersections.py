from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from facedissect import cli, load
from facedissect.concepts import FACE_DICTIONARY
from facedissect.dictionary.faces import Face, FaceDictionary
from facedissect.errors import DictionaryError, SettingsError
from facedissect.intersections import components, intersected
from facedissect.settings import Settings

SUBGROUPS: tuple[dict[str, str], ...] = (
    {"gender": "Male", "ethnicity": "black", "age": "sixty_plus"},
    {"gender": "Female", "ethnicity": "white"},
    {"gender": "Female"},
    {},
)


@pytest.fixture
def dictionary() -> FaceDictionary:
    faces = tuple(
        Face(id=str(number), source=None, subgroups=subgroups)  # type: ignore[arg-type]
        for number, subgroups in enumerate(SUBGROUPS)
    )
    return FaceDictionary(location="planted", format="memory", vocabulary=FACE_DICTIONARY, faces=faces)


def test_combinations_are_global_concepts_of_their_own(dictionary: FaceDictionary) -> None:
    found = intersected(dictionary, ["gender,ethnicity", "gender, ethnicity ,age"])
    two, three = found.vocabulary.global_concepts[-2:]
    assert (two.name, three.name) == ("gender+ethnicity", "gender+ethnicity+age")
    assert two.subgroups[:5] == ("Male & white", "Male & black", "Male & asian", "Male & indian", "Female & white")
    assert len(three.subgroups) == 2 * 4 * 4
    assert [face.subgroups.get("gender+ethnicity") for face in found] == ["Male & black", "Female & white", None, None]
    assert found["0"].subgroups["gender+ethnicity+age"] == "Male & black & sixty_plus"
    assert "gender+ethnicity+age" not in found["1"].subgroups
    assert found["0"].subgroups["gender"] == "Male"  # what was there stays
    assert found.vocabulary.global_concepts[:-2] == FACE_DICTIONARY.global_concepts


def test_nothing_happens_without_combinations_or_the_second_time(dictionary: FaceDictionary) -> None:
    assert intersected(dictionary, []) is dictionary
    once = intersected(dictionary, ["gender,ethnicity"])
    assert intersected(once, ["gender,ethnicity"]) is once


def test_components_are_those_that_are_combined() -> None:
    assert components(["gender,ethnicity", "age,skin_tone"]) == {
        "gender+ethnicity": ("gender", "ethnicity"),
        "age+skin_tone": ("age", "skin_tone"),
    }


def test_an_unknown_concept_is_named_with_its_nearest(dictionary: FaceDictionary) -> None:
    with pytest.raises(DictionaryError) as caught:
        intersected(dictionary, ["gendr,age"])
    assert str(caught.value) == (
        "expected global concepts of the dictionary to intersect, got 'gendr'; nearest: gender, age"
    )
    without = replace(dictionary, vocabulary=replace(FACE_DICTIONARY, global_concepts=()))
    with pytest.raises(DictionaryError, match="got 'gender'; nearest: it has none"):
        intersected(without, ["gender,age"])


@pytest.mark.parametrize("text", ["gender", "gender,gender", "gender,", ""])
def test_fewer_than_two_concepts_are_refused(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings(intersect=(text,))
    assert str(caught.value) == (
        f"expected two or more global concepts to intersect, such as gender,ethnicity, got {text!r}"
    )


def test_settings_take_one_combination_or_several_and_survive_json() -> None:
    assert Settings(intersect="gender,age").intersect == ("gender,age",)  # type: ignore[arg-type]
    settings = Settings(intersect=("gender,age", "age,ethnicity"), min_subgroup=5)
    assert Settings(**settings.as_dict()) == settings
    with pytest.raises(SettingsError, match="expected min_subgroup to be at least 2, got 1"):
        Settings(min_subgroup=1)


def command(line: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["facedissect", *line.split()])
    try:
        cli.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_a_run_compares_combinations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(cli, "write_report", lambda *_: None)  # they take longer than the run
    (tmp_path / "intersections_network.py").write_text(
        "from torch import nn\ndef make():\n    return nn.Sequential(nn.Conv2d(3, 3, 5, stride=4))\n"
    )
    run = "run demo:count=40,size=64 --model python:intersections_network:make --size 64 --layer 0 --workers 0"
    more = "--intersect gender,ethnicity --intersect age,gender --min-subgroup 4 --out a"
    assert command(f"{run} {more}", monkeypatch) == 0
    result = load(tmp_path / "a")
    assert result.settings.intersect == ("gender,ethnicity", "age,gender")
    assert result.settings.min_subgroup == 4
    rows = result.bias[result.bias["global_concept"] == "age+gender"]
    assert rows["subgroup"].nunique() == 8
    assert rows.groupby("unit")["images"].sum().eq(40).all()
    assert {"supported_gender+ethnicity", "biased_age+gender"} <= set(result.units.columns)
    capsys.readouterr()
    assert command(f"{run} --intersect gender,agee --out b", monkeypatch) == 1
    error = "error: expected global concepts of the dictionary to intersect, got 'agee'; nearest: age"
    assert " ".join(capsys.readouterr().err.split()).startswith(error)
