"""Which format a location is of, and what is said where it is of none."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import facedissect.dictionary
from facedissect.concepts import FACE_DICTIONARY
from facedissect.dictionary import (
    FORMATS,
    FaceDictionary,
    Located,
    check_dictionary,
    open_dictionary,
    write_landmarks,
)
from facedissect.dictionary.open import recognise, reopen
from facedissect.errors import DictionaryError

if TYPE_CHECKING:
    from conftest import DictionaryFolder


@pytest.fixture
def fake_demo(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """Stands in for the embedded faces; gives the options with which they were opened."""
    opened: list[dict[str, object]] = []

    def open_demo(**options: object) -> FaceDictionary:
        opened.append(options)
        return FaceDictionary(location="demo", format="demo", vocabulary=FACE_DICTIONARY, faces=())

    def parse_location(location: str) -> dict[str, int]:
        if location == "demo:bad":
            raise DictionaryError("expected demo:count=400, got demo:bad")
        return {key: int(value) for key, value in (part.split("=") for part in location.split(":")[1:])}

    demo = types.ModuleType("facedissect.dictionary.demo")
    demo.__dict__.update(open_demo=open_demo, parse_location=parse_location)
    monkeypatch.setitem(sys.modules, demo.__name__, demo)
    monkeypatch.setattr(facedissect.dictionary, "demo", demo, raising=False)
    return opened


def test_a_folder_in_the_published_layout_is_recognised(complete: DictionaryFolder) -> None:
    dictionary = open_dictionary(str(complete.root))
    assert (dictionary.format, dictionary.location) == ("published", str(complete.root))
    assert dictionary.digest == open_dictionary(complete.root, format="published").digest


@pytest.mark.parametrize("name", ["Action_Units.csv", "Attributes.csv", "Parts.csv"])
def test_any_one_index_is_enough(folder: DictionaryFolder, name: str) -> None:
    folder.index(name, ("a.png", []))
    assert len(folder.open()) == 1


def test_embedded_faces_are_opened_by_name(fake_demo: list[dict[str, object]]) -> None:
    open_dictionary("demo")
    open_dictionary("demo:count=7", seed=3)
    open_dictionary("demo", format="demo")
    assert fake_demo == [{}, {"count": 7, "seed": 3}, {}]


def test_the_check_of_embedded_faces_is_opening_them(fake_demo: list[dict[str, object]]) -> None:
    assert check_dictionary("demo") == []
    (fault,) = check_dictionary("demo:bad")
    assert (fault.code, fault.message) == ("not-a-dictionary", "expected demo:count=400, got demo:bad")


def test_a_folder_called_demo_is_opened_by_its_path(
    folder: DictionaryFolder, monkeypatch: pytest.MonkeyPatch, fake_demo: list[dict[str, object]]
) -> None:
    folder.index("Parts.csv", ("a.png", []))
    monkeypatch.chdir(folder.root.parent)
    folder.root.rename("demo")
    assert open_dictionary("./demo").format == "published"


@pytest.mark.parametrize("form", [None, "published"])
def test_no_folder(tmp_path: Path, form: str | None) -> None:
    with pytest.raises(
        DictionaryError, match=r"expected the folder of a Face Dictionary, got .*/gone, which does not exist"
    ):
        open_dictionary(tmp_path / "gone", format=form)
    (tmp_path / "file").touch()
    with pytest.raises(
        DictionaryError, match=r"expected the folder of a Face Dictionary, got the file .*/file; give its folder"
    ):
        open_dictionary(tmp_path / "file", format=form)
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        DictionaryError, match=r"expected the folder of a Face Dictionary, got .*/empty, which is empty"
    ):
        open_dictionary(tmp_path / "empty", format=form)


def test_a_folder_of_no_format_says_what_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(DictionaryError, match=r"expected a Face Dictionary, got the folder") as caught:
        open_dictionary(tmp_path)
    for form in FORMATS.values():
        assert form.looked_for in str(caught.value)
    assert "Action_Units.csv, Attributes.csv, Parts.csv or a folder non_localizable" in str(caught.value)


def test_an_unknown_format_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(DictionaryError, match=r"expected a format of dictionaries, got 'publish'; nearest: published"):
        open_dictionary(tmp_path, format="publish")
    (fault,) = check_dictionary(tmp_path, format="publish")
    assert "got 'publish'" in fault.message


def test_options_that_a_format_does_not_have(complete: DictionaryFolder) -> None:
    with pytest.raises(
        DictionaryError, match=r"expected options of the format published, got seed: .*unexpected keyword"
    ):
        open_dictionary(complete.root, seed=1)


def signs_of(root: Path) -> dict[str, str]:
    """For each format of files, a location with no more than what it is known by."""
    files = {
        "celeba/list_attr_celeba.txt": "0\nMale\n",
        "celebamask/CelebA-HQ-img/0.jpg": "",
        "celebamask/CelebAMask-HQ-mask-anno/0/00000_skin.png": "",
        "fairface/fairface_label_val.csv": "file,age,gender,race,service_test\n",
        "utkface/26_0_1_20170116231255555.jpg.chip.jpg": "",
        "label_map/label_map.toml": "[[files]]\n",
        "coco/annotations/instances_default.json": '{"images": [], "annotations": [], "categories": []}',
        "packed/dictionary.json": "{}",
        "packed/data/train-00000-of-00001.parquet": "",
        "table.csv": "image\n",
        "images/a.jpg": "",
        "images/a.pts": "",
    }
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return {path.split("/")[0].removesuffix(".csv"): str(root / path.split("/")[0]) for path in files}


def test_every_format_can_be_told_from_the_others(complete: DictionaryFolder, tmp_path: Path) -> None:
    locations = {"demo": "demo:seed=1", "published": str(complete.root), **signs_of(tmp_path / "signs")}
    assert set(locations) == set(FORMATS)
    for name, location in locations.items():
        assert [other for other, form in FORMATS.items() if form.recognises(location)] == [name]
        assert recognise(location) == name


def test_options_and_landmarks_of_any_format_are_kept(tmp_path: Path) -> None:
    root = Path(signs_of(tmp_path)["utkface"])
    (root / "holiday.jpg").touch()
    (root / "31_1_2_20170116231255555.jpg").touch()
    landmarks = tmp_path / "places.csv"
    face_id = "26_0_1_20170116231255555.jpg.chip.jpg"
    write_landmarks({face_id: Located(box=(1.0, 2.0, 3.0, 4.0))}, landmarks)
    dictionary = open_dictionary(root, landmarks=landmarks, malformed="skip")
    assert dictionary[face_id].box == (1.0, 2.0, 3.0, 4.0)
    assert dictionary.options == {"landmarks": str(landmarks), "malformed": "skip"}
    known: dict[str, Any] = {
        "location": dictionary.location,
        "format": dictionary.format,
        "options": dictionary.options,
    }
    assert reopen(known).digest == dictionary.digest
    with pytest.raises(DictionaryError, match="nowhere"):
        reopen(known, tmp_path / "nowhere")
    del known["options"]
    with pytest.raises(DictionaryError, match=r"holiday\.jpg"):
        reopen(known)
    assert reopen(known, malformed="skip")[face_id].box is None
    moved = root.rename(tmp_path / "moved")
    other = tmp_path / "other.csv"
    write_landmarks({face_id: Located(box=(2.0, 3.0, 4.0, 5.0))}, other)
    there = reopen({**known, "options": dictionary.options}, moved, landmarks=other)
    assert there.location == str(moved)
    assert there[face_id].box == (2.0, 3.0, 4.0, 5.0)
