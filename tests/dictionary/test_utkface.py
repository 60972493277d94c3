"""UTKFace: labels from file names, whole or with the known losses."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from facedissect.concepts import FACE_DICTIONARY
from facedissect.dictionary import utkface
from facedissect.errors import DictionaryError

TIME = "20170116174525125"


def fill(root: Path, *names: str) -> Path:
    root.mkdir(exist_ok=True)
    for name in names:
        with (root / name).open("wb") as file:
            Image.new("RGB", (4, 4)).save(file, "JPEG")
    return root


NAMES = {
    f"26_1_2_{TIME}.jpg.chip.jpg": (
        26.0,
        "Asian",
        {"age": "twenty_to_forty", "gender": "Female", "ethnicity": "asian"},
    ),
    f"1_0_0_{TIME}.jpg": (1.0, "White", {"age": "zero_to_twenty", "gender": "Male", "ethnicity": "white"}),
    f"59_0_1_{TIME}.JPG": (59.0, "Black", {"age": "forty_to_sixty", "gender": "Male", "ethnicity": "black"}),
    f"116_1_3_{TIME}.jpg": (116.0, "Indian", {"age": "sixty_plus", "gender": "Female", "ethnicity": "indian"}),
    f"40_1_4_{TIME}.jpg": (40.0, "Others", {"age": "forty_to_sixty", "gender": "Female"}),
    f"39_1_{TIME}.jpg.chip.jpg": (39.0, None, {"age": "twenty_to_forty"}),
    f"61_3_{TIME}.jpg.chip.jpg": (61.0, None, {"age": "sixty_plus"}),
    f"53__0_{TIME}.jpg": (53.0, "White", {"age": "forty_to_sixty", "ethnicity": "white"}),
    f"55_0__{TIME}jpg.chip.jpg": (55.0, None, {"age": "forty_to_sixty", "gender": "Male"}),
    f"24_0_1_{TIME} .jpg": (24.0, "Black", {"age": "twenty_to_forty", "gender": "Male", "ethnicity": "black"}),
}
"""Names as they occur in the data set -> age, race and subgroups."""


@pytest.mark.parametrize(("name", "age", "race", "subgroups"), [(name, *told) for name, told in NAMES.items()])
def test_a_name_says_what_it_says_and_no_more(
    tmp_path: Path, name: str, age: float, race: str | None, subgroups: dict[str, str]
) -> None:
    (face,) = utkface.read(str(fill(tmp_path, name)))
    assert face.id == name
    assert face.labels == ({"age": age} if race is None else {"age": age, "race": race})
    assert face.subgroups == subgroups
    assert (face.concepts, face.kinds) == ((), frozenset())
    assert face.image().size == (4, 4)


@pytest.mark.parametrize(
    ("ages", "subgroup"),
    [
        ((0, 19), "zero_to_twenty"),
        ((20, 39), "twenty_to_forty"),
        ((40, 59), "forty_to_sixty"),
        ((60, 110), "sixty_plus"),
    ],
)
def test_a_subgroup_begins_with_the_age_that_it_names(tmp_path: Path, ages: tuple[int, int], subgroup: str) -> None:
    dictionary = utkface.read(str(fill(tmp_path, *(f"{age}_0_0_{TIME}.jpg" for age in ages))))
    assert [face.subgroups["age"] for face in dictionary] == [subgroup, subgroup]


def test_faces_come_by_name_and_other_files_do_no_harm(tmp_path: Path) -> None:
    root = fill(tmp_path, f"3_0_0_{TIME}.jpg", f"20_0_0_{TIME}.jpg", f".9_0_0_{TIME}.jpg")
    (root / "README.md").touch()
    dictionary = utkface.read(str(root))
    assert [face.id for face in dictionary] == [f"20_0_0_{TIME}.jpg", f"3_0_0_{TIME}.jpg"]
    assert (dictionary.format, dictionary.location) == ("utkface", str(root))
    assert dictionary.vocabulary is FACE_DICTIONARY


OTHERS = (
    "face.jpg",
    f"26_2_2_{TIME}.jpg",
    f"26_1_5_{TIME}.jpg",
    f"1000_1_1_{TIME}.jpg",
    "26_1_1.jpg",
    f"_1_1_{TIME}.jpg",
)


@pytest.mark.parametrize("name", OTHERS)
def test_another_name_is_refused_or_left_out(tmp_path: Path, name: str) -> None:
    root = fill(tmp_path, f"26_1_2_{TIME}.jpg", name)
    with pytest.raises(
        DictionaryError,
        match=f"^expected an image named AGE_GENDER_RACE_TIME.jpg, got {name}; rename it, or give malformed='skip'$",
    ):
        utkface.read(str(root))
    assert [face.id for face in utkface.read(str(root), malformed="skip")] == [f"26_1_2_{TIME}.jpg"]


def test_all_other_names_are_counted(tmp_path: Path) -> None:
    root = fill(tmp_path, *OTHERS)
    with pytest.raises(DictionaryError, match=r"and 5 more faults$"):
        utkface.read(str(root))
    with pytest.raises(DictionaryError, match=r"expected images named AGE_.*, got none in .*; check the path"):
        utkface.read(str(root), malformed="skip")
    with pytest.raises(DictionaryError, match="expected malformed to be stop or skip, got 'drop'"):
        utkface.read(str(root), malformed="drop")  # type: ignore[arg-type]


def test_a_folder_is_recognised_by_most_of_its_images(tmp_path: Path) -> None:
    assert not utkface.recognises(tmp_path)
    assert not utkface.recognises(tmp_path / "nowhere")
    assert not utkface.recognises(fill(tmp_path, "a.jpg"))
    assert not utkface.recognises(fill(tmp_path, f"26_1_2_{TIME}.jpg"))
    assert utkface.recognises(fill(tmp_path, f"27_1_2_{TIME}.jpg"))


def test_real_faces_are_counted_as_their_names_do(shared: Path) -> None:
    folder = shared / "faces" / "utkface"
    told = [path.name.split("_") for path in folder.iterdir()]
    dictionary = utkface.read(str(folder))
    assert utkface.recognises(folder)
    assert len(dictionary) == len(told)
    assert Counter(face.labels["age"] for face in dictionary) == Counter(float(age) for age, *_ in told)
    for concept, place, subgroups in (("gender", 1, "Male Female"), ("ethnicity", 2, "white black asian indian")):
        counted = Counter(parts[place] for parts in told)
        for digit, subgroup in enumerate(subgroups.split()):
            assert len(dictionary.faces_in(concept, subgroup)) == counted[str(digit)] > 0
    assert sum("ethnicity" not in face.subgroups for face in dictionary) == sum(parts[2] == "4" for parts in told)
    for low, high, subgroup in ((0, 20, "zero_to_twenty"), (20, 40, "twenty_to_forty"), (60, 999, "sixty_plus")):
        assert len(dictionary.faces_in("age", subgroup)) == sum(low <= int(age) < high for age, *_ in told)
    assert not utkface.recognises(shared / "faces" / "landmarks68")
