"""FairFace: two label files and the images beside them."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from facedissect.concepts import FACE_DICTIONARY
from facedissect.dictionary import fairface
from facedissect.errors import DictionaryError

HEADER = "file,age,gender,race,service_test"
TRAIN = (
    "train/1.jpg,50-59,Male,East Asian,True",
    "train/2.jpg,30-39,Female,Indian,False",
    "train/3.jpg,3-9,Female,Black,False",
    "train/4.jpg,more than 70,Male,Latino_Hispanic,True",
)
VAL = ("val/1.jpg,0-2,Male,Southeast Asian,False", "val/2.jpg,60-69,Female,White,True")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Both label files and six images, as they are unpacked."""
    for split, rows in (("train", TRAIN), ("val", VAL)):
        (tmp_path / split).mkdir()
        write(tmp_path, split, *rows)
        for row in rows:
            Image.new("RGB", (4, 4)).save(tmp_path / row.split(",")[0])
    return tmp_path


def write(root: Path, split: str, *rows: str, header: str = HEADER) -> None:
    (root / f"fairface_label_{split}.csv").write_text("\n".join([header, *rows]) + "\n")


def test_rows_become_labels_subgroups_and_splits(root: Path) -> None:
    dictionary = fairface.read(str(root))
    assert (dictionary.format, dictionary.location) == ("fairface", str(root))
    assert dictionary.vocabulary is FACE_DICTIONARY
    assert [(face.id, face.split) for face in dictionary] == [
        *((f"train/{number}.jpg", "train") for number in (1, 2, 3, 4)),
        *((f"val/{number}.jpg", "val") for number in (1, 2)),
    ]
    assert [face.subgroups for face in dictionary] == [
        {"age": "forty_to_sixty", "gender": "Male", "ethnicity": "asian"},
        {"age": "twenty_to_forty", "gender": "Female", "ethnicity": "indian"},
        {"age": "zero_to_twenty", "gender": "Female", "ethnicity": "black"},
        {"age": "sixty_plus", "gender": "Male"},
        {"age": "zero_to_twenty", "gender": "Male", "ethnicity": "asian"},
        {"age": "sixty_plus", "gender": "Female", "ethnicity": "white"},
    ]
    assert dictionary["train/4.jpg"].labels == {"age": "more than 70", "race": "Latino_Hispanic", "service_test": True}
    assert not dictionary.local_faces
    assert dictionary["val/2.jpg"].image().size == (4, 4)


AGES = {
    "zero_to_twenty": ("0-2", "3-9", "10-19"),
    "twenty_to_forty": ("20-29", "30-39"),
    "forty_to_sixty": ("40-49", "50-59"),
    "sixty_plus": ("60-69", "more than 70"),
}


def test_every_range_of_ages_lies_in_one_subgroup(root: Path) -> None:
    ranges = [(age, subgroup) for subgroup, ages in AGES.items() for age in ages]
    write(root, "train", *(f"train/{n}.jpg,{age},Male,Middle Eastern,True" for n, (age, _) in enumerate(ranges)))
    for number in range(len(ranges)):
        (root / f"train/{number}.jpg").touch()
    (root / "fairface_label_val.csv").unlink()
    dictionary = fairface.read(str(root))
    assert [face.subgroups["age"] for face in dictionary] == [subgroup for _, subgroup in ranges]
    assert all("ethnicity" not in face.subgroups for face in dictionary)
    assert dictionary.faces[0].labels["race"] == "Middle Eastern"


def test_one_label_file_is_enough_and_one_column_may_lack(root: Path) -> None:
    (root / "fairface_label_train.csv").unlink()
    write(root, "val", "White,Male,20-29,val/1.jpg", header="race,gender,age,file")
    assert fairface.recognises(root)
    (face,) = fairface.read(str(root))
    assert face.labels == {"age": "20-29", "race": "White"}
    (root / "fairface_label_val.csv").unlink()
    assert not fairface.recognises(root)
    with pytest.raises(
        DictionaryError, match=r"expected fairface_label_train.csv or fairface_label_val.csv in .*, got neither; check"
    ):
        fairface.read(str(root))


def test_missing_images_are_refused_or_left_out(root: Path) -> None:
    (root / "train/3.jpg").unlink()
    (root / "val/1.jpg").unlink()
    with pytest.raises(
        DictionaryError,
        match=r"^fairface_label_train.csv:4: expected the image train/3.jpg, got no such file in .*; and 1 more fault$",
    ):
        fairface.read(str(root))
    left = fairface.read(str(root), missing="skip")
    assert [face.id for face in left] == ["train/1.jpg", "train/2.jpg", "train/4.jpg", "val/2.jpg"]


BAD = {
    "age": ("train/5.jpg,70+,Male,White,True", r"expected the age 0-2, .*, more than 70, got '70\+'; restore the row"),
    "gender": ("train/5.jpg,20-29,male,White,True", "expected the gender Male, Female, got 'male'; restore the row"),
    "race": ("train/5.jpg,20-29,Male,Asian,True", "expected the race White, .*, Latino_Hispanic, got 'Asian'; restore"),
    "truth": ("train/5.jpg,20-29,Male,White,yes", "expected the service_test True, False, got 'yes'; restore the row"),
    "cells": ("train/5.jpg,20-29,Male", "expected 5 cells, as the header has, got 3; quote what holds a comma"),
    "empty": (",20-29,Male,White,True", "expected a path, got ''; restore the row"),
    "zero byte": ("a\0b/5.jpg,20-29,Male,White,True", "expected a path, got .*; restore the row"),
    "outside": ("../5.jpg,20-29,Male,White,True", r"expected a path inside .*, got ../5.jpg, which leads out of it"),
    "absolute": (
        "/etc/5.jpg,20-29,Male,White,True",
        r"expected a path inside .*, got /etc/5.jpg, which leads out of it",
    ),
    "twice": (
        TRAIN[0],
        "expected train/1.jpg once, got it in fairface_label_train.csv:2 and fairface_label_train.csv:6; keep one",
    ),
}


@pytest.mark.parametrize(("row", "message"), BAD.values(), ids=BAD)
def test_a_bad_row_is_refused_with_file_and_line(root: Path, row: str, message: str) -> None:
    write(root, "train", *TRAIN, row)
    with pytest.raises(DictionaryError, match=f"^fairface_label_train.csv:6: {message}") as caught:
        fairface.read(str(root))
    assert "\n" not in str(caught.value)


def test_other_columns_are_refused(root: Path) -> None:
    write(root, "val", "val/1.jpg,20-29", header="file,age")
    with pytest.raises(
        DictionaryError,
        match=r"^fairface_label_val.csv:1: expected the columns file, age, gender, race, got no gender and no race; rest",
    ):
        fairface.read(str(root))


def test_a_folder_that_leads_out_by_a_link_is_refused(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (root / "train").rename(outside / "train")
    (root / "train").symlink_to(outside / "train")
    with pytest.raises(
        DictionaryError, match=r"^fairface_label_train.csv:2: expected a path inside .*, got train/1.jpg"
    ):
        fairface.read(str(root))
