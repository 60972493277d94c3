"""CelebA, in the official layout and in Kaggle's; every bad row is refused with its place."""

from __future__ import annotations

import gc
import pickle
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from facedissect.concepts import FACE_DICTIONARY
from facedissect.dictionary import FaceDictionary, celeba
from facedissect.errors import DictionaryError, FaceReadError

OFFICIAL = (
    "5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose Black_Hair Blond_Hair Blurry "
    "Brown_Hair Bushy_Eyebrows Chubby Double_Chin Eyeglasses Goatee Gray_Hair Heavy_Makeup High_Cheekbones Male "
    "Mouth_Slightly_Open Mustache Narrow_Eyes No_Beard Oval_Face Pale_Skin Pointy_Nose Receding_Hairline Rosy_Cheeks "
    "Sideburns Smiling Straight_Hair Wavy_Hair Wearing_Earrings Wearing_Hat Wearing_Lipstick Wearing_Necklace "
    "Wearing_Necktie Young"
)
NAMES = OFFICIAL.split()
HAS = {"000001.jpg": {"Male", "Smiling"}, "000002.jpg": {"5_o_Clock_Shadow", "Young"}, "000003.jpg": set()}
LIST = "list_attr_celeba.txt"


def values(image: str) -> list[str]:
    return ["1" if name in HAS[image] else "-1" for name in NAMES]


def rows() -> list[str]:
    return [" ".join([image, *(f"{value:>2}" for value in values(image))]) for image in HAS]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three images with their list, as the official files are written."""
    return fill(tmp_path / "celeba", "img_align_celeba")


def fill(root: Path, images: str, suffix: str = ".jpg") -> Path:
    (root / images).mkdir(parents=True)
    for number, image in enumerate(HAS):
        Image.new("RGB", (8, 6), (number, 0, 0)).save((root / images / image).with_suffix(suffix))
    write(root / LIST, "3", " ".join(NAMES) + " ", *rows())
    return root


def write(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def images_of(dictionary: FaceDictionary) -> list[str]:
    return [Path(face.id).stem for face in dictionary]


def test_attributes_become_labels_and_gender(root: Path) -> None:
    dictionary = celeba.read(str(root))
    assert (dictionary.format, dictionary.location) == ("celeba", str(root))
    assert dictionary.vocabulary is FACE_DICTIONARY
    assert [face.id for face in dictionary] == [f"img_align_celeba/{image}" for image in HAS]
    for face, has in zip(dictionary, HAS.values(), strict=True):
        assert list(face.labels) == NAMES
        assert {name for name, value in face.labels.items() if value is True} == has
        assert {name for name, value in face.labels.items() if value is False} == set(NAMES) - has
        assert face.subgroups == {"gender": "Male" if "Male" in has else "Female"}
        assert (face.concepts, face.kinds, face.box, face.identity, face.split) == ((), frozenset(), None, None, None)
    assert not dictionary.local_faces
    assert dictionary.faces[2].image().getpixel((0, 0))[0] in (1, 2, 3)


def test_a_list_of_other_attributes(root: Path) -> None:
    write(root / LIST, "1", "Smiling Young", "000002.jpg -1 1")
    (face,) = celeba.read(str(root))
    assert face.labels == {"Smiling": False, "Young": True}
    assert face.subgroups == {}


def test_labels_are_a_mapping_like_any_other(root: Path) -> None:
    labels = celeba.read(str(root)).faces[0].labels
    assert labels == {name: name in HAS["000001.jpg"] for name in NAMES}
    assert labels["Smiling"] is True
    assert len(labels) == 40
    assert "Beard" not in labels
    assert repr(labels) == repr(dict(labels))
    with pytest.raises(KeyError):
        labels["Beard"]
    assert pickle.loads(pickle.dumps(labels)) == labels  # noqa: S301


def test_splits_identities_and_their_gaps(root: Path) -> None:
    write(root / "list_eval_partition.txt", "000001.jpg 0", "000002.jpg 1", "202599.jpg 2")
    write(root / "identity_CelebA.txt", "000001.jpg 2880", "000003.jpg 17")
    assert [(face.split, face.identity) for face in celeba.read(str(root))] == [
        ("train", "2880"),
        ("val", None),
        (None, "17"),
    ]


def test_the_folders_of_the_official_archive(tmp_path: Path) -> None:
    root = fill(tmp_path / "CelebA", "Img/img_align_celeba")
    (root / "Anno").mkdir()
    (root / LIST).rename(root / "Anno" / LIST)
    write(root / "Eval" / "list_eval_partition.txt", "000003.jpg 2")
    dictionary = celeba.read(str(root))
    assert celeba.recognises(root)
    assert dictionary.faces[0].id == "Img/img_align_celeba/000001.jpg"
    assert [face.split for face in dictionary] == [None, None, "test"]


def test_the_copy_on_kaggle(root: Path) -> None:
    official = celeba.read(str(root))
    (root / "img_align_celeba").rename(root / "images")
    (root / "img_align_celeba").mkdir()
    (root / "images").rename(root / "img_align_celeba" / "img_align_celeba")
    (root / LIST).unlink()
    write(root / "list_attr_celeba.csv", ",".join(["image_id", *NAMES]), *(",".join([i, *values(i)]) for i in HAS))
    write(root / "list_eval_partition.csv", "image_id,partition", "000001.jpg,0", "000002.jpg,1", "000003.jpg,2")
    dictionary = celeba.read(str(root))
    assert celeba.recognises(root)
    assert [face.labels for face in dictionary] == [face.labels for face in official]
    assert dictionary.faces[0].id == "img_align_celeba/img_align_celeba/000001.jpg"
    assert [face.split for face in dictionary] == ["train", "val", "test"]


BOXES = ("3", "image_id x_1 y_1 width height", "000001.jpg    95  71 226 313", "000002.jpg 72 94 221 306")


def test_boxes_belong_to_images_as_found(tmp_path: Path) -> None:
    root = fill(tmp_path / "celeba", "img_celeba")
    write(root / "list_bbox_celeba.txt", *BOXES, "000003.jpg 0 0 0 0")
    boxes = [face.box for face in celeba.read(str(root))]
    assert boxes == [(95.0, 71.0, 321.0, 384.0), (72.0, 94.0, 293.0, 400.0), None]


def test_aligned_images_come_first_and_have_no_boxes(root: Path) -> None:
    fill(root, "img_celeba")
    write(root / "list_bbox_celeba.txt", *BOXES, "000003.jpg 1 2 3 4")
    assert {face.box for face in celeba.read(str(root))} == {None}
    as_found = celeba.read(str(root), images="img_celeba")
    assert as_found.faces[2].id == "img_celeba/000003.jpg"
    assert as_found.faces[2].box == (1.0, 2.0, 4.0, 6.0)


def test_aligned_images_as_png(tmp_path: Path) -> None:
    root = fill(tmp_path / "celeba", "img_align_celeba_png", ".png")
    dictionary = celeba.read(str(root))
    assert dictionary.faces[1].id == "img_align_celeba_png/000002.png"
    assert dictionary.faces[1].image().getpixel((0, 0)) == (1, 0, 0)


def test_a_list_of_more_images_than_there_are(root: Path) -> None:
    (root / "img_align_celeba/000002.jpg").unlink()
    with pytest.raises(
        DictionaryError,
        match=r"^list_attr_celeba.txt:4: expected the image img_align_celeba/000002.jpg, got no such file in .*; "
        r"restore it, or give missing='skip'$",
    ):
        celeba.read(str(root))
    assert images_of(celeba.read(str(root), missing="skip")) == ["000001", "000003"]
    with pytest.raises(DictionaryError, match="expected missing to be stop or skip, got 'ignore'"):
        celeba.read(str(root), missing="ignore")  # type: ignore[arg-type]


def test_a_list_of_none_of_the_images(root: Path) -> None:
    (root / "img_align_celeba").rename(root / "aligned")
    (root / "img_align_celeba").mkdir()
    with pytest.raises(DictionaryError, match=r"000001.jpg, got no such file.*; and 2 more faults$"):
        celeba.read(str(root))
    with pytest.raises(
        DictionaryError,
        match=r"expected at least one image that is named and is there, got none in .*; "
        r"looked for img_align_celeba/000001.jpg and 2 others",
    ):
        celeba.read(str(root), missing="skip")
    assert len(celeba.read(str(root), images="aligned")) == 3


BAD_LISTS = {
    "count": (0, "4", "txt:1: expected 4 rows, as this line says, got 3; restore the file"),
    "no count": (0, "image_id", "txt:1: expected the number of rows and then a line of names, got 'image_id' and 40"),
    "a name twice": (
        1,
        " ".join([*NAMES[:-1], "Male"]),
        "txt:2: expected every attribute once, got Male more than once",
    ),
    "a name less": (
        1,
        " ".join(NAMES[1:]),
        "txt:3: expected values of 000001.jpg for 39 names, got 40; .*and 2 more faults",
    ),
    "a value less": (3, rows()[1][:-3], "txt:4: expected values of 000002.jpg for 40 names, got 39; restore the row"),
    "a value more": (3, rows()[1] + " 1", "txt:4: expected values of 000002.jpg for 40 names, got 41; restore the row"),
    "another value": (
        4,
        rows()[2][:-2] + " 0",
        "txt:5: expected 1 or -1 for every attribute of 000003.jpg, got Young = 0; restore the row",
    ),
    "an image twice": (4, rows()[0], "txt:5: expected 000001.jpg once in list_attr_celeba.txt, got it again; keep one"),
    "a folder": (
        3,
        "../" + rows()[1],
        "txt:4: expected the file name of an image, got ../000002.jpg, which leads to a",
    ),
}


@pytest.mark.parametrize(("line", "text", "message"), BAD_LISTS.values(), ids=BAD_LISTS)
def test_a_bad_list_is_refused_with_file_and_line(root: Path, line: int, text: str, message: str) -> None:
    lines = (root / LIST).read_text().splitlines()
    lines[line] = text
    write(root / LIST, *lines)
    with pytest.raises(DictionaryError, match=f"^list_attr_celeba.{message}") as caught:
        celeba.read(str(root))
    assert "\n" not in str(caught.value)


BAD_OTHERS = {
    "split": (
        "list_eval_partition.txt",
        ("000001.jpg 3",),
        r"txt:1: expected 0, 1 or 2 .* for 000001.jpg, got 3; rest",
    ),
    "split twice": (
        "list_eval_partition.txt",
        ("000001.jpg 1", "000001.jpg 1"),
        "txt:2: expected 000001.jpg once in list_eval_partition.txt, got it again",
    ),
    "identity": ("identity_CelebA.txt", ("000001.jpg",), "txt:1: expected values of 000001.jpg for 1 names, got 0"),
    "split header": (
        "list_eval_partition.csv",
        ("image_id,split", "000001.jpg,1"),
        "csv:1: expected the columns partition, got split; restore the line",
    ),
    "first column": (
        "list_eval_partition.csv",
        ("image,partition", "000001.jpg,1"),
        "csv:1: expected the column image_id first, got image, partition; correct the first line",
    ),
    "box": (
        "list_bbox_celeba.txt",
        ("1", *BOXES[1:2], "000001.jpg 5 5 -1 5"),
        "txt:3: expected x_1, y_1, width, height of a box for 000001.jpg, got 5, 5, -1, 5; restore the row",
    ),
    "box text": (
        "list_bbox_celeba.txt",
        ("1", *BOXES[1:2], "000001.jpg 5 5 x 5"),
        "txt:3: expected x_1, y_1, .* x, 5;",
    ),
    "box count": ("list_bbox_celeba.txt", BOXES, "txt:1: expected 3 rows, as this line says, got 2"),
}


@pytest.mark.parametrize(("name", "lines", "message"), BAD_OTHERS.values(), ids=BAD_OTHERS)
def test_a_bad_optional_list_is_refused(tmp_path: Path, name: str, lines: tuple[str, ...], message: str) -> None:
    root = fill(tmp_path / "celeba", "img_celeba")
    write(root / name, *lines)
    with pytest.raises(DictionaryError, match=f"^{name[:-3]}{message}"):
        celeba.read(str(root))


def test_a_list_that_is_no_text(root: Path) -> None:
    (root / LIST).write_bytes(b"3\n\xff\xfe\n")
    with pytest.raises(
        DictionaryError, match=r"^expected a list in UTF-8, got list_attr_celeba.txt: .*; restore the file"
    ):
        celeba.read(str(root))


def test_the_garbage_collector_goes_on_after_a_bad_list(root: Path) -> None:
    write(root / LIST, "3", *rows())
    with pytest.raises(DictionaryError):
        celeba.read(str(root))
    assert gc.isenabled()


def test_images_that_are_not_unpacked(root: Path) -> None:
    (root / "img_align_celeba").rename(root / "elsewhere")
    with pytest.raises(
        DictionaryError, match=r"expected the images in img_align_celeba, .*, got no such folder in .*; unpack them"
    ):
        celeba.read(str(root))


def test_a_folder_of_images_outside_is_refused(root: Path) -> None:
    (root / "img_align_celeba").rename(root.parent / "outside")
    (root / "img_align_celeba").symlink_to(root.parent / "outside")
    with pytest.raises(
        FaceReadError, match=r"expected a file inside .*, got img_align_celeba, which leads to .*outside"
    ):
        celeba.read(str(root))
    with pytest.raises(FaceReadError, match=r"expected a file inside .*, got ../outside, which leads to"):
        celeba.read(str(root), images="../outside")


def test_other_folders_are_not_recognised(tmp_path: Path) -> None:
    assert not celeba.recognises(tmp_path)
    (tmp_path / "list_eval_partition.txt").touch()
    assert not celeba.recognises(tmp_path)
    with pytest.raises(
        DictionaryError, match=r"expected list_attr_celeba.txt or list_attr_celeba.csv in .*, got neither"
    ):
        celeba.read(str(tmp_path))


def test_real_faces_are_counted_as_their_list_does(shared: Path) -> None:
    folder = shared / "faces" / "celeba"
    count, header, *lines = (folder / LIST).read_text().splitlines()
    counted = dict.fromkeys(header.split(), 0)
    for line in lines:
        for name, value in zip(counted, line.split()[1:], strict=True):
            counted[name] += value == "1"
    dictionary = celeba.read(str(folder))
    assert celeba.recognises(folder)
    assert len(dictionary) == int(count) == len(list((folder / "img_align_celeba").iterdir()))
    assert Counter(name for face in dictionary for name, value in face.labels.items() if value) == counted
    assert len(dictionary.faces_in("gender", "Male")) == counted["Male"]
    assert len(dictionary.faces_in("gender", "Female")) == int(count) - counted["Male"]
    assert dictionary.faces[-1].image().size == (89, 109)
