"""A plain table: columns that say what they are, columns that options name, CSV and Parquet alike."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from facedissect.concepts import FACE_DICTIONARY
from facedissect.dictionary import table
from facedissect.errors import DictionaryError, FaceReadError

COLUMNS = (
    "image,mask:nose,mask:Smiling,subgroup:gender,subgroup:Hair,box:left,box:top,box:right,box:bottom,"
    "identity,split,age,glasses,note"
)
ROWS = (
    "a/0.png,a/nose.png,a/smile.png,Female,dark,1,2,6.5,5,anna,train,31,true,first",
    "a/1.png,a/nose.png,,male,,,,,,,test,7.5,False,",
    "b.png,,,,fair,,,,,17,,,,last",
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three images and two masks that tables speak of."""
    folder = tmp_path / "faces"
    (folder / "a").mkdir(parents=True)
    for number, image in enumerate(("a/0.png", "a/1.png", "b.png")):
        Image.new("RGB", (8, 6), (number, 0, 0)).save(folder / image)
    for number, mask in enumerate(("a/nose.png", "a/smile.png")):
        ink = np.zeros((6, 8), np.uint8)
        ink[number, :3] = 255
        Image.fromarray(ink).save(folder / mask)
    return folder


def write(root: Path, *rows: str, header: str = COLUMNS) -> str:
    path = root / "faces.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return str(path)


def to_parquet(csv: str) -> str:
    path = csv.replace(".csv", ".parquet")
    pd.read_csv(csv).to_parquet(path)
    return path


@pytest.mark.parametrize("convert", [str, to_parquet], ids=["csv", "parquet"])
def test_columns_say_what_they_are(root: Path, convert: Any) -> None:
    location = convert(write(root, *ROWS))
    dictionary = table.read(location)
    first, second, third = dictionary.faces
    assert (dictionary.format, dictionary.location) == ("table", location)
    assert [face.id for face in dictionary] == ["a/0.png", "a/1.png", "b.png"]
    assert [face.concepts for face in dictionary] == [("nose", "Smiling"), ("nose",), ()]
    assert {face.kinds for face in dictionary} == {frozenset({"part", "attribute"})}
    assert first.subgroups == {"gender": "Female", "Hair": "dark"}
    assert second.subgroups == {"gender": "Male"}
    assert third.subgroups == {"Hair": "fair"}
    assert [face.box for face in dictionary] == [(1.0, 2.0, 6.5, 5.0), None, None]
    assert [face.identity for face in dictionary] == ["anna", None, "17"]
    assert [face.split for face in dictionary] == ["train", "test", None]
    assert first.labels == {"age": 31.0, "glasses": True, "note": "first"}
    assert second.labels == {"age": 7.5, "glasses": False}
    assert third.labels == {"note": "last"}
    assert first.image().getpixel((0, 0)) == (0, 0, 0)
    assert first.mask("Smiling")[1].tolist() == [True] * 3 + [False] * 5
    assert pickle.loads(pickle.dumps(dictionary)).digest == dictionary.digest  # noqa: S301


def test_the_vocabulary_speaks_of_the_columns(root: Path) -> None:
    vocabulary = table.read(write(root, *ROWS)).vocabulary
    assert vocabulary.names == ("nose", "Smiling")
    assert vocabulary["nose"] == FACE_DICTIONARY["nose"]
    assert vocabulary.global_concepts[:-1] == FACE_DICTIONARY.global_concepts
    assert vocabulary.global_concepts[-1].name == "Hair"
    assert vocabulary.global_concepts[-1].subgroups == ("dark", "fair")


def test_a_concept_without_a_mask_is_absent_and_one_without_a_column_unknown(root: Path) -> None:
    (face,) = table.read(write(root, "b.png,", header="image,mask:nose"))
    assert face.state(FACE_DICTIONARY["nose"]) == "absent"
    assert face.state(FACE_DICTIONARY["Smiling"]) == "unknown"


def test_a_column_of_kinds_says_what_was_annotated(root: Path) -> None:
    rows = ("a/0.png,a/nose.png,,part;attribute", "a/1.png,a/nose.png,,part", "b.png,,,")
    dictionary = table.read(write(root, *rows, header="image,mask:nose,mask:Smiling,kinds"))
    assert [face.kinds for face in dictionary] == [{"part", "attribute"}, {"part"}, frozenset()]
    assert [face.state(FACE_DICTIONARY["Smiling"]) for face in dictionary] == ["absent", "unknown", "unknown"]
    assert dictionary.local_faces == dictionary.faces[:2]


def test_a_table_of_labels_keeps_the_whole_vocabulary(root: Path) -> None:
    dictionary = table.read(write(root, "0,a/0.png,3,4", "1,b.png,5,6", header=",image,AU12,AU_6"))
    assert dictionary.vocabulary == FACE_DICTIONARY
    assert not dictionary.local_faces
    assert dictionary.faces[1].labels == {"AU12": 5.0, "AU_6": 6.0}


def test_options_name_the_columns_of_any_table(root: Path) -> None:
    location = write(root.parent, "1,a/0.png,a/nose.png,F,31", "2,b.png,,M,4", header="row,file,nose_path,sex,age")
    dictionary = table.read(
        location, root=root, image="file", masks={"nose": "nose_path"}, subgroups={"Sex": "sex"}, labels=["age"]
    )
    first, second = dictionary.faces
    assert (first.id, first.concepts, first.subgroups, first.labels) == (
        "a/0.png",
        ("nose",),
        {"Sex": "F"},
        {"age": 31},
    )
    assert (second.concepts, second.subgroups, second.labels) == ((), {"Sex": "M"}, {"age": 4})
    assert first.mask("nose").sum() == 3
    assert table.read(location, root=str(root), image="file").faces[0].labels == {
        "row": 1.0, "nose_path": "a/nose.png", "sex": "F", "age": 31.0,
    }  # fmt: skip


def test_masks_in_a_list_as_published_indexes_have_them(root: Path) -> None:
    Image.open(root / "a/smile.png").save(root / "a/Smiling.png")
    rows = (r"a\0.png,a\nose.png; a/Smiling.png;", "b.png,")
    listed = table.read(write(root, *rows, header="image,masks"))
    published = table.read(write(root, *rows, header="image,labels"), mask_list="labels")
    for dictionary in (listed, published):
        assert dictionary.vocabulary.names == ("nose", "Smiling")
        assert [face.concepts for face in dictionary] == [("nose", "Smiling"), ()]
        assert {face.kinds for face in dictionary} == {frozenset({"part", "attribute"})}
        assert dictionary.faces[0].id == "a/0.png"
        assert dictionary.faces[0].mask("Smiling").sum() == 3


def test_lists_without_any_mask_annotate_nothing(root: Path) -> None:
    dictionary = table.read(write(root, "b.png,", header="image,masks"))
    assert dictionary.vocabulary == FACE_DICTIONARY
    assert not dictionary.local_faces


def test_a_vocabulary_beside_the_table(root: Path) -> None:
    (root / "vocabulary.toml").write_text(
        '[[concept]]\nname = "scar"\nkind = "attribute"\nregion = "Cheek"\n[subgroups]\nhair = ["fair", "dark"]\n'
    )
    dictionary = table.read(write(root, "b.png,a/nose.png,DARK", header="image,mask:scar,subgroup:Hair"))
    assert dictionary.vocabulary["scar"].region == "Cheek"
    assert dictionary.faces[0].concepts == ("scar",)
    assert dictionary.faces[0].subgroups == {"hair": "dark"}
    with pytest.raises(
        DictionaryError,
        match=r"^expected a local concept in the column mask:nose, got nose; nearest: scar; define other concepts in voc",
    ):
        table.read(write(root, *ROWS))


def test_absolute_paths_inside_the_root(root: Path) -> None:
    (root.parent / "link").symlink_to(root)
    rows = (f"{root}/a/0.png,{root}/a/nose.png", f"{root.parent}/link/b.png,")
    dictionary = table.read(write(root, *rows, header="image,mask:nose"))
    assert [face.id for face in dictionary] == ["a/0.png", "b.png"]
    assert dictionary.faces[0].mask("nose").sum() == 3
    assert dictionary.faces[1].image().size == (8, 6)


GUESSED = {
    "truth": (("true", "FALSE", ""), (True, False, None)),
    "numbers": (("1", "-2.5e3", ""), (1.0, -2500.0, None)),
    "not a number": (("1", "nan", ".5"), (1.0, None, 0.5)),
    "numbers and words": (("1", "two", ""), ("1", "two", None)),
    "truth and numbers": (("true", "1", "0"), ("true", "1", "0")),
    "leading zeros": (("007", "008", "010"), ("007", "008", "010")),
    "underscores": (("2017_01", "1", "2"), ("2017_01", "1", "2")),
    "spaces": ((" 3 ", "4", "  "), (3.0, 4.0, None)),
    "empty": (("", "", ""), (None, None, None)),
}


@pytest.mark.parametrize(("cells", "labels"), GUESSED.values(), ids=GUESSED)
def test_a_column_of_a_csv_has_one_type(root: Path, cells: tuple[str, ...], labels: tuple[object, ...]) -> None:
    images = ("a/0.png", "a/1.png", "b.png")
    rows = [f"{image},{cell}" for image, cell in zip(images, cells, strict=True)]
    came = [face.labels.get("x") for face in table.read(write(root, *rows, header="image,x"))]
    assert [(type(value), value) for value in came] == [(type(value), value) for value in labels]


def test_a_column_of_parquet_has_the_type_that_it_says(root: Path) -> None:
    path = root / "faces.parquet"
    columns = {
        "image": ["a/0.png", "a/1.png", "b.png"],
        "code": ["1", "2", " "],
        "count": [1, 2, None],
        "score": [0.5, float("nan"), None],
        "truth": [True, None, False],
        "day": [pd.Timestamp("2017-01-02").date()] * 3,
        "identity": pd.array([7, None, 8], dtype="Float64"),
    }
    pd.DataFrame(columns, index=["x", "y", "z"]).to_parquet(path)
    first, second, third = table.read(str(path)).faces
    assert first.labels == {"code": "1", "count": 1.0, "score": 0.5, "truth": True, "day": "2017-01-02"}
    assert type(first.labels["count"]) is float
    assert second.labels == {"code": "2", "count": 2.0, "day": "2017-01-02"}
    assert third.labels == {"truth": False, "day": "2017-01-02"}
    assert [face.identity for face in (first, second, third)] == ["7", None, "8"]


def test_a_column_of_lists_is_no_label(root: Path) -> None:
    path = root / "faces.parquet"
    pq.write_table(pa.table({"image": ["b.png"], "embedding": [[0.5, 1.0]], "age": [3], "data": [b"x"]}), path)
    with pytest.raises(
        DictionaryError,
        match=r"^expected truth values, numbers or text in the column embedding of faces.parquet, got list<.*>; remove it",
    ):
        table.read(str(path))
    with pytest.raises(DictionaryError, match=r"in the column data of faces.parquet, got binary; remove it, or name"):
        table.read(str(path), labels=["data"])
    assert table.read(str(path), labels=["age"]).faces[0].labels == {"age": 3.0}


BAD_ROWS = {
    "no image": (",a/nose.png,,,,,,,,,,,,", "expected a path, got ''; correct the row"),
    "outside": (
        "../b.png,,,,,,,,,,,,,",
        r"expected a path inside .*, got ../b.png, which leads out of it; correct the ",
    ),
    "mask outside": (
        "b.png,/etc/nose.png,,,,,,,,,,,,",
        r"got /etc/nose.png, .*, or give the folder of all .* as root=",
    ),
    "missing": (
        "c.png,,,,,,,,,,,,,",
        r"expected the image c.png, got no such file in .*; restore it, or give missing=",
    ),
    "subgroup": (
        "b.png,,,woman,,,,,,,,,,",
        r"expected a subgroup of gender \(Male, Female\), got woman; correct the row",
    ),
    "box": (
        "b.png,,,,,5,2,1,4,,,,,",
        r"expected a box \(left, top, right, bottom\) with an area, got \(5.0, .*; correct",
    ),
    "half a box": (
        "b.png,,,,,5,2,,4,,,,,",
        r"expected four numbers of a box, or none, got \['5', '2', None, '4'\]; corr",
    ),
    "cells": ("b.png", "expected 14 cells, as the header has, got 1; quote what holds a comma"),
    "twice": (ROWS[0], "expected a/0.png once, got it in faces.csv:2 and faces.csv:5; keep one of them"),
}


@pytest.mark.parametrize(("row", "message"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_a_bad_row_is_refused_with_file_and_line(root: Path, row: str, message: str) -> None:
    with pytest.raises(DictionaryError, match=f"^faces.csv:5: .*{message}") as caught:
        table.read(write(root, *ROWS, row))
    assert "\n" not in str(caught.value)


BAD_LISTS = {
    "concept": (
        "a/ear.png",
        r"expected a local concept in a/ear.png, got ear; nearest: .*; define other concepts in voc",
    ),
    "two masks": ("a/nose.png;b/nose.png", "expected one mask of nose, got a/nose.png and b/nose.png; correct the row"),
}


@pytest.mark.parametrize(("cell", "message"), BAD_LISTS.values(), ids=BAD_LISTS)
def test_a_bad_list_of_masks_is_refused(root: Path, cell: str, message: str) -> None:
    with pytest.raises(DictionaryError, match=f"^faces.csv:2: {message}"):
        table.read(write(root, f"b.png,{cell}", header="image,masks"))


BAD_KINDS = {
    "unknown": ("parts", r"expected kinds \(action_unit, part, attribute\) joined by ;, got parts; correct the row"),
    "too few": (
        "attribute",
        "expected part among the kinds, since there is a mask of nose, got attribute; correct the",
    ),
    "none": ("", "expected part among the kinds, since there is a mask of nose, got none; correct the row"),
}


@pytest.mark.parametrize(("kinds", "message"), BAD_KINDS.values(), ids=BAD_KINDS)
def test_kinds_that_contradict_the_masks_are_refused(root: Path, kinds: str, message: str) -> None:
    with pytest.raises(DictionaryError, match=f"^faces.csv:2: {message}"):
        table.read(write(root, f"b.png,a/nose.png,{kinds}", header="image,mask:nose,kinds"))


BAD_TABLES: dict[str, tuple[str, dict[str, Any], str]] = {
    "no image": (
        "file,age",
        {},
        r"expected a column image in faces.csv, got no .*; nearest: .*; name it by image=NAME",
    ),
    "image": ("image,age", {"image": "path"}, r"expected a column path in faces.csv, .*; name it by image=NAME"),
    "masks": (
        "image,nose_mask",
        {"masks": {"nose": "nose"}},
        r"expected a column nose in .*; nearest: nose_mask; name it",
    ),
    "mask list": ("image,masks", {"mask_list": "list"}, r"expected a column list in .*; name it by mask_list=NAME"),
    "subgroups": (
        "image,sex",
        {"subgroups": {"gender": "s"}},
        r"expected a column s in .* by subgroups=\{CONCEPT: NAME\}",
    ),
    "labels": ("image,age", {"labels": ["ages"]}, r"expected a column ages in .*; nearest: age.*; name it by labels="),
    "concept": ("image,mask:ear", {}, r"expected a local concept in the column mask:ear, got ear; nearest: "),
    "option": ("image,x", {"masks": {"ear": "x"}}, "expected a local concept in the column x, got ear; nearest: "),
    "box": ("image,box:left,box:width", {}, r"expected the columns box:left, .* in faces.csv, got box:left, box:width"),
    "column twice": ("image,age,age", {}, r"expected every column of .*faces.csv once, got age more than once; rename"),
    "missing": ("image,age", {"missing": "drop"}, "expected missing to be stop or skip, got 'drop'"),
}


@pytest.mark.parametrize(("header", "options", "message"), BAD_TABLES.values(), ids=BAD_TABLES)
def test_a_table_without_what_was_asked_for(root: Path, header: str, options: dict[str, Any], message: str) -> None:
    row = "b.png" + "," * header.count(",")
    with pytest.raises(DictionaryError, match=f"^{message}"):
        table.read(write(root, row, header=header), **options)


def test_subgroups_become_folders_so_that_their_names_are_names(root: Path) -> None:
    with pytest.raises(
        DictionaryError,
        match=r"expected names without / .* in the column subgroup:Hair of faces.csv, got 'a/b'; ren",
    ):
        table.read(write(root, "b.png,a/b", header="image,subgroup:Hair"))


def test_a_global_concept_has_one_column_and_a_name(root: Path) -> None:
    with pytest.raises(
        DictionaryError,
        match=r"^expected one column of hair in faces.csv, got subgroup:Hair and subgroup:hair; rename one of them$",
    ):
        table.read(write(root, "b.png,a,b", header="image,subgroup:Hair,subgroup:hair"))
    for name in ("", "a/b"):
        with pytest.raises(
            DictionaryError, match=f"in the column subgroup:{name} of faces.csv, got '{name}'; rename it"
        ):
            table.read(write(root, "b.png,a", header=f"image,subgroup:{name}"))


def test_a_global_concept_without_cells_is_none(root: Path) -> None:
    dictionary = table.read(write(root, "b.png,", header="image,subgroup:Hair"))
    assert dictionary.vocabulary == FACE_DICTIONARY
    assert dictionary.faces[0].subgroups == {}


def test_an_option_comes_before_the_column_of_that_name(root: Path) -> None:
    location = write(root, "b.png,a/smile.png,a/nose.png", header="image,mask:nose,other")
    (face,) = table.read(location, masks={"nose": "other"})
    assert face.mask("nose")[0].any()
    assert face.labels == {}


def test_subgroups_that_differ_in_case_are_one(root: Path) -> None:
    rows = ("a/0.png,Dark", "a/1.png,dark", "b.png,fair")
    dictionary = table.read(write(root, *rows, header="image,subgroup:Hair"))
    assert dictionary.vocabulary.global_concepts[-1].subgroups == ("Dark", "fair")
    assert [face.subgroups["Hair"] for face in dictionary] == ["Dark", "Dark", "fair"]


def test_missing_images_may_be_left_out(root: Path) -> None:
    location = write(root, "c.png,1", "b.png,2", "d/e.png,3", header="image,age")
    assert [face.id for face in table.read(location, missing="skip")] == ["b.png"]
    with pytest.raises(DictionaryError, match=r"^faces.csv:2: expected the image c.png, .*; and 1 more fault$"):
        table.read(location)


def test_masks_are_not_touched_before_they_are_asked_for(root: Path) -> None:
    (face,) = table.read(write(root, "b.png,gone/nose.png", header="image,mask:nose"))
    with pytest.raises(
        FaceReadError, match=r"expected a mask that can be read, got .*gone/nose.png: the file does not"
    ):
        face.mask("nose")


def test_links_of_files_show_when_they_are_read(root: Path) -> None:
    (root / "b.png").rename(root.parent / "b.png")
    (root / "b.png").symlink_to(root.parent / "b.png")
    (face,) = table.read(write(root, "b.png", header="image"))
    with pytest.raises(FaceReadError, match=r"expected a file inside .*, got b.png, which leads to"):
        face.image()


def test_files_that_are_no_tables(root: Path) -> None:
    for name, content, message in (
        ("bad.parquet", b"PAR1", r"^expected a Parquet file, got .*bad.parquet: "),
        ("bad.csv", b"\xff\xfe", r"^expected a CSV in UTF-8, got bad.csv: .*; save it as UTF-8$"),
        ("quote.csv", b'image\n"a', r"^quote.csv:2: expected a CSV, got quote.csv: unexpected end of data"),
        ("empty.csv", b"", r"^expected a column image in empty.csv, got no such column; nearest: there is none"),
        ("no_rows.csv", b"image,age\n", r"^expected at least one image that is named and is there, got none in"),
    ):
        (root / name).write_bytes(content)
        with pytest.raises(DictionaryError, match=message) as caught:
            table.read(str(root / name))
        assert "\n" not in str(caught.value)
    with pytest.raises(
        DictionaryError, match=r"^expected a file .csv or .parquet, got .*gone.csv, which is no file; ch"
    ):
        table.read(str(root / "gone.csv"))


def test_a_table_is_recognised_by_its_suffix(root: Path) -> None:
    for name, known in (("a.csv", True), ("a.CSV", True), ("a.parquet", True), ("a.txt", False), ("a.tsv", False)):
        (root / name).touch()
        assert table.recognises(root / name) is known
    assert not table.recognises(root / "gone.csv")
    assert not table.recognises(root)


def test_real_faces_are_counted_as_their_table_does(shared: Path) -> None:
    location = shared / "faces" / "expressions" / "labels.csv"
    counted = pd.read_csv(location)
    image, emotion = counted.columns[:2]
    dictionary = table.read(str(location), image=image, subgroups={"emotion": emotion})
    assert len(dictionary) == len(counted) == 400
    for name, count in counted[emotion].value_counts().items():
        assert len(dictionary.faces_in("emotion", str(name))) == count == 100
    assert dictionary.faces[-1].image().size[0] > 0
