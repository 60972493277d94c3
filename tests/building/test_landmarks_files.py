"""Landmarks of other programs: where their pixels begin, which image they are of, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facedissect.building import read_landmark_files, read_pts
from facedissect.dictionary import Located, write_landmarks
from facedissect.errors import DictionaryError

POINTS = np.random.default_rng(0).uniform(1, 90, (68, 2)).round(2)
IDS = ("a/1.png", "a/2.png")


def write_pts(
    path: Path, points: np.ndarray = POINTS, head: str = "version: 1\nn_points: 68\n{\n", foot: str = "\n}\n"
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(head + "\n".join(f"{x:.2f} {y:.2f}" for x, y in points) + foot)
    return path


def table(points: np.ndarray, **more: str) -> str:
    """One row as OpenFace writes it: with spaces behind commas, all x before all y."""
    header = [*more, *(f"{axis}_{point}" for axis in "xy" for point in range(68))]
    return f"{', '.join(header)}\n{', '.join([*more.values(), *map(str, points.T.ravel())])}\n"


def test_a_pts_file_counts_from_one(tmp_path: Path) -> None:
    assert np.allclose(read_pts(write_pts(tmp_path / "1.pts")), POINTS - 0.5)
    assert np.allclose(
        read_pts(write_pts(tmp_path / "2.pts", head="\ufeffversion: 1\r\nn_points:  68\r\n{\r\n")), POINTS - 0.5
    )


BAD_PTS = {
    "no braces": ({"head": "version: 1\n"}, r"expected points between { and }, got .*1.pts without them; restore it"),
    "a point less": ({"points": POINTS[1:]}, r"expected 68 points in .*1.pts, got 67; use landmarks in the iBUG order"),
    "other count": ({"head": "version: 1\nn_points: 70\n{\n"}, r"expected n_points: 68 in .*, got 'n_points: 70'; correct"),
    "a word": ({"head": "version: 1\nn_points: 68\n{\n1 x\n"}, r"1.pts:4: expected x and y of a point, got '1 x'; correct it"),
    "three numbers": ({"foot": "\n1 2 3\n}"}, r"1.pts:72: expected x and y of a point, got '1 2 3'"),
}  # fmt: skip


@pytest.mark.parametrize(("given", "message"), BAD_PTS.values(), ids=BAD_PTS)
def test_a_malformed_pts_file_is_refused(tmp_path: Path, given: dict[str, object], message: str) -> None:
    write_pts(tmp_path / "a" / "1.pts", **given)  # type: ignore[arg-type]
    with pytest.raises(DictionaryError, match=message) as caught:
        read_landmark_files(tmp_path, IDS)
    assert "\n" not in str(caught.value)


def test_a_pts_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DictionaryError, match=r"expected a .pts file that can be read, got .*gone.pts: .*; restore it"):
        read_pts(tmp_path / "gone.pts")


def test_a_pts_file_without_a_face(tmp_path: Path) -> None:
    write_pts(tmp_path / "1.pts", np.ones((68, 2)))
    with pytest.raises(DictionaryError, match=r"1.pts: expected landmarks of a face, got all of them in one point"):
        read_landmark_files(tmp_path, IDS)


def test_pts_files_beside_their_images(tmp_path: Path) -> None:
    write_pts(tmp_path / "a" / "1.pts")
    write_pts(tmp_path / "a" / "2.pts", POINTS + 1)
    write_pts(tmp_path / "a" / "3.pts")
    found = read_landmark_files(tmp_path, IDS)
    assert list(found) == ["a/1.png", "a/2.png"]
    assert np.allclose(found["a/2.png"].landmarks, POINTS + 0.5)
    assert list(read_landmark_files(tmp_path / "a" / "2.pts", IDS)) == ["a/2.png"]


def test_openface_has_a_csv_an_image_and_counts_from_zero(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text(table(POINTS, face="0", confidence="0.98"))
    (tmp_path / "2.csv").write_text(table(POINTS, face="0", confidence="0.2"))
    (tmp_path / "7.csv").write_text(table(POINTS, face="0", confidence="0.9"))
    found = read_landmark_files(tmp_path, IDS)
    assert list(found) == ["a/1.png"]
    assert np.allclose(found["a/1.png"].landmarks, POINTS + 0.5)


def test_a_table_with_paths(tmp_path: Path) -> None:
    first, second = (table(points, image=name) for points, name in ((POINTS, "/x/a/1.png"), (POINTS * 2, "2.png")))
    (tmp_path / "dlib.csv").write_text(first + second.splitlines()[1] + "\n")
    found = read_landmark_files(tmp_path / "dlib.csv", IDS)
    assert np.allclose(found["a/1.png"].landmarks, POINTS + 0.5)
    assert np.allclose(found["a/2.png"].landmarks, POINTS * 2 + 0.5)


def test_a_row_without_a_face_says_so(tmp_path: Path) -> None:
    row = ", ".join(["a/1.png", *[""] * 136])
    (tmp_path / "feat.csv").write_text(table(POINTS, input="a/2.png") + row + "\n")
    found = read_landmark_files(tmp_path / "feat.csv", IDS)
    assert not found["a/1.png"].found
    assert found["a/2.png"].found


def test_our_own_file(tmp_path: Path) -> None:
    write_landmarks({"a/1.png": Located(landmarks=POINTS), "b.png": Located(landmarks=POINTS)}, tmp_path / "l.csv")
    found = read_landmark_files(tmp_path / "l.csv", IDS)
    assert list(found) == ["a/1.png"]
    assert np.allclose(found["a/1.png"].landmarks, POINTS)


ROW = table(POINTS, image="1.png")
LAST_CELL = ROW.rsplit(", ", 1)[1]
BAD_TABLES = {
    "a column less": (ROW.replace(", y_67", "").removesuffix(f", {LAST_CELL}"), r"t.csv:2: .*, got none in y_67; run"),
    "no landmarks": ("image, AU01_r\n1.png, 2\n", r"t.csv:2: expected numbers in x_0,.*,y_67, got none in x_0; run"),
    "a word": (ROW.replace(LAST_CELL, "x"), r"t.csv:2: expected a number in y_67, got 'x'; correct it"),
    "one point": (table(np.ones((68, 2)), image="1.png"), r"t.csv:2: expected landmarks of a face, got all of them in one point"),
    "others": (table(POINTS, image="z.png"), r"expected rows about images .* in .*t.csv, got rows of others, such as z.png"),
    "nameless": (table(POINTS), r"expected a column image, input, .* in .*t.csv, or a column frame from 1 to 2, as many as"),
    "empty": ("", r"expected rows about images of the dictionary in .*t.csv, got no rows; check the path"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "message"), BAD_TABLES.values(), ids=BAD_TABLES)
def test_a_malformed_table_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "t.csv").write_text(content)
    with pytest.raises(DictionaryError, match=message):
        read_landmark_files(tmp_path / "t.csv", IDS)


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(
        DictionaryError, match=r"expected a file or folder of landmarks, got .*gone, which does not exist"
    ):
        read_landmark_files(tmp_path / "gone", IDS)
    with pytest.raises(DictionaryError, match=r"expected rows about images of the dictionary in .*, got no CSV; check"):
        read_landmark_files(tmp_path, IDS)
    write_pts(tmp_path / "z.pts")
    with pytest.raises(
        DictionaryError, match=r"expected landmarks of images .*, such as a/1.png, in .*, got those of oth"
    ):
        read_landmark_files(tmp_path, IDS)
