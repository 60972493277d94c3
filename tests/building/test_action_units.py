"""Action units of OpenFace and py-feat, in the layout in which they write them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from facedissect.building import read_action_units, with_labels
from facedissect.building.action_units import ACTION_UNITS, is_present
from facedissect.dictionary import FaceDictionary
from facedissect.errors import DictionaryError, SettingsError

IDS = ("faces/1.png", "faces/2.png")
OPENFACE = "face, confidence, AU01_r, AU02_r, AU12_r, AU45_r, AU01_c, AU02_c, AU28_c\n"
PY_FEAT = "FaceRectX,FaceScore,AU01,AU02,AU20,input,frame\n"


def test_openface_says_how_strong(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text(OPENFACE + "0, 0.975, 0.00, 3.25, 1.00, 2.00, 1.00, 0.00, 1.00\n")
    assert read_action_units(tmp_path, IDS) == {"faces/1.png": {"AU_1": 0.0, "AU_2": 3.25, "AU_12": 1.0}}


def test_openface_without_intensities_says_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("face, confidence, AU01_c, AU02_c\n0, 0.9, 1.00, 0.00\n")
    assert read_action_units(tmp_path, IDS) == {"faces/1.png": {"AU_1": True, "AU_2": False}}


def test_of_several_faces_the_surest_counts(tmp_path: Path) -> None:
    rows = [f"{face}, {sure}, {face}.5, 0, 0, 0, 0, 0, 0\n" for face, sure in enumerate(("0.6", "0.9", "0.7"))]
    (tmp_path / "2.csv").write_text(OPENFACE + "".join(rows))
    assert read_action_units(tmp_path, IDS)["faces/2.png"]["AU_1"] == 1.5


def test_a_sequence_of_images_is_in_the_order_of_their_names(tmp_path: Path) -> None:
    header = "frame, face_id, timestamp, confidence, success, AU01_r\n"
    (tmp_path / "out.csv").write_text(header + "1, 0, 0.0, 0.98, 1, 0.25\n2, 0, 0.1, 0.98, 1, 4.5\n")
    found = read_action_units(tmp_path / "out.csv", IDS[::-1])
    assert found == {"faces/1.png": {"AU_1": 0.25}, "faces/2.png": {"AU_1": 4.5}}
    (tmp_path / "out.csv").write_text(header + "1, 0, 0.0, 0.98, 0, 0.25\n2, 0, 0.1, 0.98, 1, 4.5\n")
    assert list(read_action_units(tmp_path / "out.csv", IDS)) == ["faces/2.png"]
    (tmp_path / "out.csv").write_text(header + "1, 0, 0.0, 0.98, 1, 0.25\n3, 0, 0.1, 0.98, 1, 4.5\n")
    with pytest.raises(DictionaryError, match=r"or a column frame from 1 to 2, as many as the dictionary has images"):
        read_action_units(tmp_path / "out.csv", IDS)


def test_py_feat_says_how_likely(tmp_path: Path) -> None:
    path = tmp_path / "feat.csv"
    path.write_text(PY_FEAT + "10,0.99,0.7,0.3,0.5,/data/faces/1.png,0\n,,,,,/data/faces/2.png,0\n")
    assert read_action_units(path, IDS) == {"faces/1.png": {"AU_1": True, "AU_2": False, "AU_20": True}}
    assert read_action_units(path, IDS, probability=0.6)["faces/1.png"] == {"AU_1": True, "AU_2": False, "AU_20": False}
    path.write_text(PY_FEAT + ",,,,,/data/faces/2.png,0\n")
    with pytest.raises(DictionaryError, match=r"expected columns of action units .* got FaceRectX, FaceScore, AU01"):
        read_action_units(path, IDS)


def test_rows_that_are_not_sure_say_nothing(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text(OPENFACE + "0, 0.4, 0, 0, 0, 0, 0, 0, 0\n")
    assert list(read_action_units(tmp_path, IDS, least_confidence=0.3)) == ["faces/1.png"]
    with pytest.raises(DictionaryError, match=r"got rows of others, such as 1\.csv"):
        read_action_units(tmp_path, IDS)


REFUSED = {
    "a word": ("image,AU01_r\n1.png,high\n", r"t.csv:2: expected a number in AU01_r, got 'high'; correct it"),
    "percent": ("image,AU01\n1.png,70\n", r"t.csv:2: expected a probability from 0 to 1 in AU01, got 70; name a column of inten"),
    "none": ("image,age\n1.png,7\n", r"columns of action units such as AU01_r .*, got image, age"),
    "cells": ("image,AU01_r\n1.png\n", r"t.csv:2: expected 2 cells, as the header has, got 1"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "t.csv").write_text(content)
    with pytest.raises(DictionaryError, match=message):
        read_action_units(tmp_path / "t.csv", IDS)


def test_a_name_of_two_images_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("image,AU01_r\n1.png,2\n")
    with pytest.raises(
        DictionaryError, match=r"t.csv:2: expected the path of one image, got '1.png', which may be a/1"
    ):
        read_action_units(tmp_path / "t.csv", ("a/1.png", "b/1.png"))


@pytest.mark.parametrize("name", ["probability", "least_confidence"])
def test_thresholds_are_shares(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match=f"expected {name} from 0 to 1, got 2"):
        read_action_units(tmp_path, IDS, **{name: 2})


def test_what_is_present() -> None:
    assert [is_present("AU_1", label, 1.0) for label in (True, False, 0.99, 1.0, 5.0)] == [
        True,
        False,
        False,
        True,
        True,
    ]
    with pytest.raises(
        DictionaryError, match="expected an intensity, True or False for AU_1, got 'A'; correct the label"
    ):
        is_present("AU_1", "A", 1.0)


def test_labels_are_added_to_faces(make_dictionary: Callable[..., FaceDictionary]) -> None:
    faces = make_dictionary({"labels": {"age": 7.0, "AU_1": 0.0}}, {})
    labelled = with_labels(faces, {"0.png": {"AU_1": 3.0}})
    assert labelled["0.png"].labels == {"age": 7.0, "AU_1": 3.0}
    assert labelled["1.png"].labels == {}


def test_all_published_action_units_are_known() -> None:
    assert len(ACTION_UNITS) == 12
