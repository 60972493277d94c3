"""Every kind of fault, planted one by one and all at once."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from facedissect.concepts import FACE_DICTIONARY
from facedissect.dictionary import FAULTS, Fault, Located, Row, check_dictionary, open_dictionary
from facedissect.dictionary.files import read_image
from facedissect.errors import DictionaryError

if TYPE_CHECKING:
    from conftest import DictionaryFolder

    Planted = tuple[str, str, int | None]
    """Code, file and line of the fault that a function plants."""

ATTRIBUTES = "Attributes.csv"
SMILE = "attribute/0/Smiling.png"
SMILE_IMAGE = "attribute/0/original.png"


def missing_image(folder: DictionaryFolder) -> Planted:
    (folder.root / "part/0/original.png").unlink()
    return "missing-image", "part/0/original.png", 2


def missing_global_image(folder: DictionaryFolder) -> Planted:
    path = folder.root / "non_localizable/age/sixty_plus/gone.png"
    path.symlink_to(folder.root / "nowhere.png")
    return "missing-image", "non_localizable/age/sixty_plus/gone.png", None


def truncated_image(folder: DictionaryFolder) -> Planted:
    path = folder.root / "part/0/original.png"
    path.write_bytes(path.read_bytes()[:-20])
    return "unreadable-image", "part/0/original.png", 2


def text_as_global_image(folder: DictionaryFolder) -> Planted:
    folder.text("non_localizable/age/sixty_plus/text.png", "no image")
    return "unreadable-image", "non_localizable/age/sixty_plus/text.png", None


def missing_mask(folder: DictionaryFolder) -> Planted:
    (folder.root / SMILE).unlink()
    return "missing-mask", SMILE, 2


def truncated_mask(folder: DictionaryFolder) -> Planted:
    path = folder.root / SMILE
    path.write_bytes(path.read_bytes()[:-20])
    return "unreadable-mask", SMILE, 2


def mask_of_another_size(folder: DictionaryFolder) -> Planted:
    folder.mask(SMILE, size=(6, 8))
    return "mask-size", SMILE, 2


def empty_mask(folder: DictionaryFolder) -> Planted:
    folder.mask(SMILE, ink=0)
    return "empty-mask", SMILE, 2


def jpeg_mask(folder: DictionaryFolder) -> Planted:
    image = folder.image("more/original.png")
    return "lossy-mask", "more/nose.jpg", folder.append("Parts.csv", f"{image},{folder.mask('more/nose.jpg')}")


def mask_outside(folder: DictionaryFolder) -> Planted:
    image = folder.image("more/original.png")
    return "outside-root", "../nose.png", folder.append("Parts.csv", f"{image},../nose.png")


def image_linked_outside(folder: DictionaryFolder) -> Planted:
    path = folder.root / "part/0/original.png"
    path.rename(folder.root.parent / "moved.png")
    path.symlink_to(folder.root.parent / "moved.png")
    return "outside-root", "part/0/original.png", 2


def unknown_concept(folder: DictionaryFolder) -> Planted:
    image = folder.image("more/original.png")
    return "unknown-concept", "more/ear.png", folder.append("Parts.csv", f"{image},{folder.mask('more/ear.png')}")


def concept_of_another_kind(folder: DictionaryFolder) -> Planted:
    image = folder.image("more/original.png")
    return "other-kind", "more/AU_1.png", folder.append("Parts.csv", f"{image},{folder.mask('more/AU_1.png')}")


def duplicate_row(folder: DictionaryFolder) -> Planted:
    line = (folder.root / ATTRIBUTES).read_text().splitlines()[1]
    return "duplicate-row", "attribute/0/original.png", folder.append(ATTRIBUTES, line)


def conflicting_row(folder: DictionaryFolder) -> Planted:
    return (
        "conflicting-rows",
        "attribute/0/original.png",
        folder.append(ATTRIBUTES, f"attribute/0/original.png,{SMILE}"),
    )


def duplicate_mask(folder: DictionaryFolder) -> Planted:
    image = folder.image("more/original.png")
    return "duplicate-mask", SMILE, folder.append(ATTRIBUTES, f"{image},{SMILE};{SMILE}")


def two_masks_of_a_concept(folder: DictionaryFolder) -> Planted:
    image, mask = folder.image("more/original.png"), folder.mask("more/Smiling.png")
    return "conflicting-masks", mask, folder.append(ATTRIBUTES, f"{image},{SMILE};{mask}")


def row_of_three_cells(folder: DictionaryFolder) -> Planted:
    return "malformed-row", ATTRIBUTES, folder.append(ATTRIBUTES, "a,b,c")


def row_without_image(folder: DictionaryFolder) -> Planted:
    return "malformed-row", ATTRIBUTES, folder.append(ATTRIBUTES, f",{SMILE}")


def open_quote(folder: DictionaryFolder) -> Planted:
    return "unreadable-index", ATTRIBUTES, folder.append(ATTRIBUTES, '"a,b')


def image_in_two_subgroups(folder: DictionaryFolder) -> Planted:
    ages = folder.root / "non_localizable/age"
    shutil.copy(ages / "sixty_plus/0.png", ages / "zero_to_twenty/copy.png")
    return "two-subgroups", "non_localizable/age/sixty_plus/0.png", None


def image_linked_into_two_subgroups(folder: DictionaryFolder) -> Planted:
    genders = folder.root / "non_localizable/gender"
    (genders / "Male/1.png").symlink_to(genders / "Female/0.png")
    return "two-subgroups", "non_localizable/gender/Female/0.png", None


def unknown_subgroup(folder: DictionaryFolder) -> Planted:
    folder.image("non_localizable/age/child/0.png")
    return "unknown-subgroup", "non_localizable/age/child", None


def empty_subgroup(folder: DictionaryFolder) -> Planted:
    (folder.root / "non_localizable/age/sixty_plus/0.png").unlink()
    return "subgroup-without-images", "non_localizable/age", None


def no_folder_of_a_global_concept(folder: DictionaryFolder) -> Planted:
    shutil.rmtree(folder.root / "non_localizable/age")
    return "subgroup-without-images", "non_localizable", None


def global_concept_without_subgroups(folder: DictionaryFolder) -> Planted:
    (folder.root / "non_localizable/hair").mkdir()
    return "subgroup-without-images", "non_localizable/hair", None


def single_subgroup(folder: DictionaryFolder) -> Planted:
    folder.image("non_localizable/hair/grey/0.png")
    return "single-subgroup", "non_localizable/hair", None


def file_beside_subgroups(folder: DictionaryFolder) -> Planted:
    return "ignored-file", folder.image("non_localizable/age/0.png"), None


def text_among_images(folder: DictionaryFolder) -> Planted:
    folder.text("non_localizable/age/sixty_plus/Thumbs.db", "")
    return "ignored-file", "non_localizable/age/sixty_plus/Thumbs.db", None


def missing_index(folder: DictionaryFolder) -> Planted:
    (folder.root / ATTRIBUTES).unlink()
    return "missing-index", ATTRIBUTES, None


def concept_without_images(folder: DictionaryFolder) -> Planted:
    masks = [f"part/0/{part.name}.png" for part in FACE_DICTIONARY.of_kind("part") if part.name != "nose"]
    folder.index("Parts.csv", ("part/0/original.png", masks))
    return "concept-without-images", "Parts.csv", None


def invalid_vocabulary(folder: DictionaryFolder) -> Planted:
    folder.text("vocabulary.toml", "[[concept]]\nname = 'ear'")
    return "invalid-vocabulary", "vocabulary.toml", None


LOCATED = Located(box=(1, 1, 6, 5), landmarks=np.arange(136.0).reshape(68, 2) / 68)


def landmarks_of_no_image(folder: DictionaryFolder) -> Planted:
    folder.landmarks({"part/0/original.png": LOCATED, "part/1/original.png": LOCATED})
    return "unknown-image", "part/1/original.png", 3


def landmarks_outside_the_root(folder: DictionaryFolder) -> Planted:
    folder.landmarks({"../faces/part/0/original.png": LOCATED})
    return "unknown-image", "../faces/part/0/original.png", 2


def landmarks_twice(folder: DictionaryFolder) -> Planted:
    folder.landmarks({"part/0/original.png": LOCATED, "./part/0/original.png": LOCATED})
    return "duplicate-landmarks", "part/0/original.png", 3


def half_a_box(folder: DictionaryFolder) -> Planted:
    folder.landmarks({"part/0/original.png": LOCATED})
    return "invalid-landmarks", SMILE_IMAGE, folder.append("landmarks.csv", f"{SMILE_IMAGE},1,2,3{',' * 137}")


def box_outside_the_image(folder: DictionaryFolder) -> Planted:
    folder.landmarks({"part/0/original.png": LOCATED, SMILE_IMAGE: Located(box=(8, 0, 12, 6))})
    return "outside-image", SMILE_IMAGE, 3


def landmarks_below_the_image(folder: DictionaryFolder) -> Planted:
    path = "non_localizable/age/sixty_plus/0.png"
    folder.landmarks({path: Located(box=(-2, -2, 1, 1), landmarks=np.arange(136.0).reshape(68, 2) % 8 + [0, 6])})
    return "outside-image", path, 2


def landmarks_without_columns(folder: DictionaryFolder) -> Planted:
    folder.text("landmarks.csv", "image,left,top,right,bottom\npart/0/original.png,1,2,3,4\n")
    return "wrong-columns", "landmarks.csv", 1


PLANTS = [
    missing_image, missing_global_image, truncated_image, text_as_global_image, missing_mask, truncated_mask,
    mask_of_another_size, empty_mask, jpeg_mask, mask_outside, image_linked_outside, unknown_concept,
    concept_of_another_kind, duplicate_row, conflicting_row, duplicate_mask, two_masks_of_a_concept, row_of_three_cells,
    row_without_image, open_quote, image_in_two_subgroups, image_linked_into_two_subgroups, unknown_subgroup,
    empty_subgroup, no_folder_of_a_global_concept, global_concept_without_subgroups, single_subgroup,
    file_beside_subgroups, text_among_images, missing_index, concept_without_images, invalid_vocabulary,
    landmarks_of_no_image, landmarks_outside_the_root, landmarks_twice, half_a_box, box_outside_the_image,
    landmarks_below_the_image, landmarks_without_columns,
]  # fmt: skip


def place(fault: Fault) -> Planted:
    return fault.code, fault.file, fault.row.line if fault.row else None


def test_a_complete_dictionary_has_no_fault(complete: DictionaryFolder) -> None:
    assert check_dictionary(complete.root) == []


def test_the_fixture_has_no_fault(shared: Path) -> None:
    assert check_dictionary(shared / "reference/fixture/dictionary") == []


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
def test_a_planted_fault_is_found_and_no_other(
    complete: DictionaryFolder, plant: Callable[[DictionaryFolder], Planted]
) -> None:
    planted = plant(complete)
    assert [place(fault) for fault in check_dictionary(complete.root)] == [planted]


OPENS_ALL_THE_SAME = {
    "missing-image",
    "unreadable-image",
    "missing-mask",
    "unreadable-mask",
    "mask-size",
    "empty-mask",
    "two-subgroups",
    "outside-image",
}
"""Errors that only pixels tell, so that opening does not notice them."""


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
def test_what_is_no_more_than_a_warning_does_not_hinder_opening(
    complete: DictionaryFolder, plant: Callable[[DictionaryFolder], Planted]
) -> None:
    code, _, _ = plant(complete)
    if FAULTS[code][0] == "warning" or code in OPENS_ALL_THE_SAME or plant is image_linked_outside:
        assert len(open_dictionary(complete.root)) > 10
    else:
        with pytest.raises(DictionaryError):
            open_dictionary(complete.root)


def test_all_faults_are_found_at_once(complete: DictionaryFolder) -> None:
    chosen = (
        missing_image, text_as_global_image, truncated_mask, unknown_concept, row_of_three_cells, duplicate_row,
        image_in_two_subgroups, single_subgroup, text_among_images,
    )  # fmt: skip
    planted = [plant(complete) for plant in chosen]
    faults = check_dictionary(complete.root)
    assert sorted(place(fault) for fault in faults) == sorted(planted)
    assert faults == sorted(faults, key=lambda fault: (fault.file, fault.row or Row("", 0)))
    assert faults == check_dictionary(complete.root)


def test_a_folder_of_global_concepts_that_is_a_file(folder: DictionaryFolder) -> None:
    folder.index("Parts.csv", (folder.image("a.png"), [folder.mask("nose.png")]))
    folder.text("non_localizable", "")
    assert ("unreadable-folder", "non_localizable", None) in map(place, check_dictionary(folder.root))


@pytest.mark.parametrize("content", ["", "picture,labels\n", "image;labels\n"])
def test_wrong_columns(complete: DictionaryFolder, content: str) -> None:
    complete.text(ATTRIBUTES, content)
    errors = [fault for fault in check_dictionary(complete.root) if fault.severity == "error"]
    assert [place(fault) for fault in errors] == [("wrong-columns", ATTRIBUTES, 1)]


def test_an_index_without_rows(folder: DictionaryFolder) -> None:
    folder.index("Parts.csv")
    errors = [fault for fault in check_dictionary(folder.root) if fault.severity == "error"]
    assert [place(fault) for fault in errors] == [("no-images", ".", None)]


def test_an_image_without_labels_is_no_fault(complete: DictionaryFolder) -> None:
    complete.append("Parts.csv", f"{complete.image('more/original.png')},")
    assert check_dictionary(complete.root) == []


@pytest.mark.parametrize("make", [None, Path.mkdir, Path.touch], ids=["missing", "empty", "file"])
def test_what_is_no_dictionary_is_one_fault(tmp_path: Path, make: Callable[[Path], None] | None) -> None:
    if make is not None:
        make(tmp_path / "faces")
    (fault,) = check_dictionary(tmp_path / "faces")
    assert place(fault) == ("not-a-dictionary", ".", None)
    with pytest.raises(DictionaryError, match=re.escape(fault.message)):
        open_dictionary(tmp_path / "faces")


def test_landmarks_of_every_image_are_no_fault(complete: DictionaryFolder) -> None:
    faces = complete.open()
    complete.landmarks({face.id: LOCATED if number % 3 else Located() for number, face in enumerate(faces)})
    assert check_dictionary(complete.root) == []


@pytest.mark.parametrize("plant", [open_quote, row_of_three_cells, mask_outside], ids=lambda plant: plant.__name__)
def test_an_image_of_a_row_that_cannot_be_read_is_not_called_unknown(
    complete: DictionaryFolder, plant: Callable[[DictionaryFolder], Planted]
) -> None:
    complete.landmarks({"lost/original.png": LOCATED})
    planted = plant(complete)
    assert [place(fault) for fault in check_dictionary(complete.root)] == [planted]


def test_progress_counts_images(complete: DictionaryFolder) -> None:
    seen: list[tuple[int, int]] = []
    check_dictionary(complete.root, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 15) for done in range(1, 16)]


def test_an_interrupt_stops_the_check(complete: DictionaryFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []

    def counted(path: Path) -> Image.Image:
        read.append(path)
        return read_image(path)

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    for number in range(500):
        complete.image(f"non_localizable/age/sixty_plus/{number}.png")
    monkeypatch.setattr("facedissect.dictionary.check.read_image", counted)
    with pytest.raises(KeyboardInterrupt):
        check_dictionary(complete.root, progress=interrupt)
    assert len(read) < 500


def test_a_fault_as_plain_values() -> None:
    fault = Fault(code="empty-mask", file="a/nose.png", row=Row("Parts.csv", 7), message="empty")
    assert json.loads(json.dumps(fault.as_dict())) == {
        "severity": "error", "code": "empty-mask", "file": "a/nose.png", "index": "Parts.csv", "line": 7, "message": "empty",
    }  # fmt: skip
    assert str(fault.row) == "Parts.csv:7"
    assert Fault(code="no-images", file=".", message="none").as_dict()["line"] is None


def test_the_documentation_lists_every_fault() -> None:
    page = (Path(__file__).parents[2] / "docs/formats.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `([a-z-]+)` \| (error|warning) \| (.+) \|$", page, flags=re.MULTILINE)
    assert listed == [(code, severity, meaning) for code, (severity, meaning) in FAULTS.items()]
