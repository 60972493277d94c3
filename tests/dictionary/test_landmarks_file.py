"""`landmarks.csv`: written, read back, and refused with file and line where a row is bad."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from facedissect.dictionary import Located, landmarks_rows, read_landmarks, write_landmarks
from facedissect.dictionary.faults import Fault
from facedissect.dictionary.landmarks_rows import COLUMNS, read_landmarks_rows
from facedissect.errors import DictionaryError, OutputError

HEADER = ",".join(COLUMNS)
BOX = "1,2.5,30,40"
NO_BOX = ",,,"
POINTS = ",".join(str(number) for number in range(136))
NO_POINTS = "," * 135
LANDMARKS = np.arange(136.0).reshape(68, 2)


def write(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "landmarks.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def same(one: Located, other: Located) -> bool:
    if one.landmarks is None or other.landmarks is None:
        return one == other and one.landmarks is other.landmarks
    return one == other and np.array_equal(one.landmarks, other.landmarks)


def test_the_columns_are_those_of_the_documentation() -> None:
    assert HEADER.startswith("image,left,top,right,bottom,x1,y1,x2,y2,")
    assert HEADER.endswith(",x67,y67,x68,y68")
    assert len(COLUMNS) == 141


def test_box_and_landmarks_may_each_be_empty(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        f"both.png,{BOX},{POINTS}",
        f"box.png,{BOX},{NO_POINTS}",
        f"points.png,{NO_BOX},{POINTS}",
        f"none.png,{NO_BOX},{NO_POINTS}",
    )
    found = read_landmarks(path)
    expected = {
        "both.png": Located(box=(1.0, 2.5, 30.0, 40.0), landmarks=LANDMARKS),
        "box.png": Located(box=(1.0, 2.5, 30.0, 40.0)),
        "points.png": Located(landmarks=LANDMARKS),
        "none.png": Located(),
    }
    assert list(found) == list(expected)
    assert all(same(found[image], located) for image, located in expected.items())
    assert [located.found for located in found.values()] == [True, True, True, False]


def test_what_is_written_is_read_back_to_a_hundredth_of_a_pixel(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    written = {
        f'a,{number}/ü "{number}".png': Located(
            box=(-3.14159, 0.004, 7.0, float(random.uniform(1, 999))) if number % 2 else None,
            landmarks=random.uniform(-9, 999, (68, 2)).astype(np.float32) if number % 3 else None,
        )
        for number in range(7)
    }
    write_landmarks(written, tmp_path / "out.csv")
    read = read_landmarks(tmp_path / "out.csv")
    assert list(read) == list(written)
    for image, located in written.items():
        expected = Located(
            box=located.box and tuple(round(value, 2) for value in located.box),  # type: ignore[arg-type]
            landmarks=None if located.landmarks is None else located.landmarks.astype(np.float64).round(2),
        )
        assert same(read[image], expected)
    write_landmarks(read, tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "out.csv").read_bytes()
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        assert [cells[0] for cells in csv.reader(file)] == ["image", *written]


def test_no_row_is_a_file_too(tmp_path: Path) -> None:
    write_landmarks({}, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == HEADER + "\n"
    assert read_landmarks(tmp_path / "out.csv") == {}


def test_paths_are_spelt_as_in_an_index(tmp_path: Path) -> None:
    path = write(
        tmp_path, f" a\\b.png ,{BOX},{POINTS}", f"./c/../d.png,{BOX},{POINTS}", f"odd\\name.png,{BOX},{POINTS}"
    )
    assert list(read_landmarks(path)) == ["a/b.png", "d.png", "odd/name.png"]
    assert list(read_landmarks(path, {"odd\\name.png"})) == ["a/b.png", "d.png", "odd\\name.png"]


TOLERATED = {
    "byte order mark": f"\ufeff{HEADER}\na.png,{BOX},{POINTS}\n",
    "spaces": f"{HEADER.replace(',', ', ')}\na.png, {BOX.replace(',', ' ,')},{POINTS}\n",
    "windows": f"{HEADER}\r\na.png,{BOX},{POINTS}\r\n",
    "empty lines": f"{HEADER}\n\na.png,{BOX},{POINTS}\n\n",
    "no last end": f"{HEADER}\na.png,{BOX},{POINTS}",
    "quotes": f'{HEADER}\n"a.png","1","2.5",30,40,{POINTS}\n',
    "exponents": f"{HEADER}\na.png,1e0,25e-1,+30,4.0E1,{POINTS}\n",
}


@pytest.mark.parametrize("content", TOLERATED.values(), ids=TOLERATED)
def test_tolerated_spellings(tmp_path: Path, content: str) -> None:
    (tmp_path / "landmarks.csv").write_bytes(content.encode())
    ((image, located),) = read_landmarks(tmp_path / "landmarks.csv").items()
    assert image == "a.png"
    assert same(located, Located(box=(1.0, 2.5, 30.0, 40.0), landmarks=LANDMARKS))


BAD = {
    "few cells": (f"a.png,{BOX}", r":3: expected 141 cells, as the header has, got 5; quote what holds a comma"),
    "many cells": (f"a.png,{BOX},{POINTS},7", r":3: expected 141 cells, as the header has, got 142"),
    "no path": (f" ,{BOX},{POINTS}", r":3: expected the path of an image, got an empty cell"),
    "word": (f"a.png,{BOX.replace('30', 'x')},{POINTS}", r":3: expected numbers from left to bottom, got right = 'x'; correct"),
    "half a box": (f"a.png,1,2,3,,{POINTS}", r":3: expected numbers from left to bottom, got bottom = ''; correct it, or leave"),
    "a point less": (f"a.png,{BOX},{POINTS[:-3]}", r":3: expected numbers from x1 to y68, got y68 = ''"),
    "no area": (f"a.png,5,2,5,4,{POINTS}", r":3: expected a box \(left, top, right, bottom\) with an area, got \(5.0, 2.0, 5"),
    "upside down": (f"a.png,1,4,5,2,{POINTS}", r":3: expected a box \(left, top, right, bottom\) with an area, got"),
    "endless": (f"a.png,1,2,inf,4,{POINTS}", r":3: expected a box .* with an area, got \(1.0, 2.0, inf, 4.0\)"),
    "nan": (f"a.png,{BOX},{POINTS[:-3]}nan", r":3: expected 68 finite landmarks \(x, y\), got others, of shape \(68, 2\)"),
    "one point": (f"a.png,{BOX},{'7,' * 135}7", r":3: expected landmarks of a face, got all of them in one point; correct it"),
    "twice": (f".\\good.png,{BOX},{POINTS}", r":3: expected good.png once in .*, got it in lines 2 and 3; keep one of them"),
    "open quote": (f'"a.png,{BOX},{POINTS}', r"expected a CSV, got .*landmarks.csv: unexpected end of data"),
}  # fmt: skip


@pytest.mark.parametrize(("row", "message"), BAD.values(), ids=BAD)
def test_a_bad_row_is_refused_with_file_and_line(tmp_path: Path, row: str, message: str) -> None:
    path = write(tmp_path, f"good.png,{BOX},{POINTS}", row)
    with pytest.raises(DictionaryError, match=f"landmarks.csv{message}" if message[0] == ":" else message) as caught:
        read_landmarks(path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{path}:")


def test_the_other_bad_rows_are_counted_and_the_good_ones_kept(tmp_path: Path) -> None:
    path = write(tmp_path, f"a.png,1,{BOX}", f"b.png,{BOX},{POINTS}", "", f"c.png,x{BOX},{POINTS}", "d.png")
    with pytest.raises(DictionaryError, match=r"landmarks.csv:2: .*; and 2 more faults$"):
        read_landmarks(path)
    faults: list[Fault] = []
    (row,) = read_landmarks_rows(path, "name", faults)
    assert (row.image, row.row) == ("b.png", ("name", 3))
    assert [(fault.code, fault.file, fault.row) for fault in faults] == [
        ("malformed-row", "name", ("name", 2)),
        ("invalid-landmarks", "c.png", ("name", 5)),
        ("malformed-row", "name", ("name", 6)),
    ]


WRONG_HEADERS = {
    "none": ("", "got an empty line"),
    "box only": ("image,left,top,right,bottom", "got 5 columns"),
    "order": (HEADER.replace("left,top", "top,left"), "got top in the place of left"),
}


@pytest.mark.parametrize(("header", "came"), WRONG_HEADERS.values(), ids=WRONG_HEADERS)
def test_other_columns_are_refused(tmp_path: Path, header: str, came: str) -> None:
    expected = f"landmarks.csv:1: expected a first line with the 141 columns image,left,.*,x68,y68 in .*, {came}"
    with pytest.raises(DictionaryError, match=expected):
        read_landmarks(write(tmp_path, f"a.png,{BOX},{POINTS}", header=header))


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DictionaryError, match=r"expected a CSV that can be read, got .*gone.csv: No such file"):
        read_landmarks(tmp_path / "gone.csv")
    (tmp_path / "image.png").write_bytes(b"\x89PNG\xff")
    with pytest.raises(DictionaryError, match=r"expected a CSV in UTF-8, got .*image.png: .*; save it as UTF-8"):
        read_landmarks(tmp_path / "image.png")


def test_a_good_file_is_read_at_once_and_as_the_careful_reader_does(tmp_path: Path) -> None:
    path = write(tmp_path, *(f"{n}.png,{[BOX, NO_BOX][n % 2]},{[POINTS, NO_POINTS][n // 2 % 2]}" for n in range(8)))
    quick = landmarks_rows._quick_rows(path, "name", ())
    careful = landmarks_rows._careful_rows(path, "name", [], ())
    assert quick is not None
    assert [(row.row, row.image) for row in quick] == [(row.row, row.image) for row in careful]
    assert all(same(one.located, other.located) for one, other in zip(quick, careful, strict=True))


def test_a_file_is_replaced_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    path = write(tmp_path, f"a.png,{BOX},{POINTS}")
    before = path.read_bytes()
    with pytest.raises(
        OutputError, match=r"expected paths of images that are text, got 'b\\udcff.png'; rename the file"
    ):
        write_landmarks({"a.png": Located(), "b\udcff.png": Located()}, path)
    assert path.read_bytes() == before
    with pytest.raises(
        OutputError,
        match=r"expected a file that can be written, got .*/gone/out.csv: No such file .*; choose another path",
    ):
        write_landmarks({}, tmp_path / "gone" / "out.csv")
    with pytest.raises(
        OutputError, match=r"expected a file that can be written, got .*landmarks.csv/out.csv: Not a dir"
    ):
        write_landmarks({}, path / "out.csv")
    write_landmarks({}, path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["landmarks.csv"]


@pytest.mark.parametrize("shape", [(5, 2), (68, 3), (136,)])
def test_landmarks_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DictionaryError, match=r"expected 68 finite landmarks \(x, y\), got others, of shape \("):
        Located(landmarks=np.arange(np.prod(shape), dtype=float).reshape(shape))
