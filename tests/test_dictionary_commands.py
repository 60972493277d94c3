"""The commands that make dictionaries: what they write, what they say, and what they refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from facedissect import open_dictionary, write_published
from facedissect.dictionary import write_landmarks

Run = Callable[[str], tuple[int, str, str]]

MERGE = """
[[source]]
location = "one"

[[source]]
location = "two"
drop = ["nose"]
"""


@pytest.fixture
def run(typed: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs a command in a folder of its own: exit status, standard output and standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return lambda line: typed(*line.split())


@pytest.fixture
def celeba(tmp_path: Path) -> Path:
    """Embedded faces in CelebA's layout, with landmarks beside them."""
    drawn = open_dictionary("demo", count=6, size=96)
    folder = tmp_path / "celeba"
    (folder / "img_align_celeba").mkdir(parents=True)
    rows = ["6", "Male Smiling Eyeglasses"]
    for number, face in enumerate(drawn, start=1):
        name = f"{number:06}.jpg"
        face.image().save(folder / "img_align_celeba" / name, quality=95)
        flags = [face.subgroups["gender"] == "Male", "Smiling" in face.concepts, "Eyeglasses" in face.concepts]
        rows.append(" ".join([name, *("1" if flag else "-1" for flag in flags)]))
    (folder / "list_attr_celeba.txt").write_text("\n".join(rows) + "\n")
    ids = [face.id for face in open_dictionary(folder)]
    write_landmarks(dict(zip(ids, drawn.locations.values(), strict=True)), tmp_path / "landmarks.csv")
    return folder


def test_build_draws_masks_and_lists_what_it_left_out(run: Run, celeba: Path, tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text('kinds = ["part", "attribute"]\nlargest_turn = 4\n')
    status, out, err = run("build celeba --landmarks landmarks.csv --recipe recipe.toml --out built")
    assert status == 0, err
    record = json.loads((tmp_path / "built" / "built.json").read_text())
    assert len(record["left_out"]) > 0
    assert record["faces"] + len(record["left_out"]) == 6
    assert out == (
        f"{record['faces']} faces built in built; {len(record['left_out'])} left out, listed in built/built.json\n"
    )
    built = open_dictionary("built")
    labels = {Path(face.id).stem: face.labels for face in open_dictionary(celeba)}
    assert len(built.local_faces) == record["faces"]
    for face in built.local_faces:
        name = next(name for name in labels if name in face.id)
        assert ("Smiling" in face.concepts) == labels[name]["Smiling"]
        assert {"nose", "mouth", "left_eye"} <= set(face.concepts)
        assert face.landmarks is not None
    assert run("check built")[0] == 0


def test_build_takes_the_landmarks_beside_images(run: Run, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for face in open_dictionary("demo", count=3, size=96):
        stem = tmp_path / "photos" / face.id.replace("/", "_")
        face.image().save(stem.with_suffix(".png"))
        assert face.landmarks is not None
        points = "\n".join(f"{x} {y}" for x, y in face.landmarks + 0.5)
        stem.with_suffix(".pts").write_text(f"version: 1\nn_points: 68\n{{\n{points}\n}}\n")
    status, out, err = run("build photos --out built")
    assert status == 0, err
    assert out == "3 faces built in built; 0 left out, listed in built/built.json\n"
    assert {face.concepts for face in open_dictionary("built")} == {
        ("nose", "left_brow", "right_brow", "left_eye", "right_eye", "mouth", "left_cheek", "right_cheek")
    }


def test_readers_options_reach_every_command(run: Run, tmp_path: Path) -> None:
    (tmp_path / "faces").mkdir()
    for name in ("26_0_1_20170116231255555.jpg", "31_1_2_20170116231255555.jpg", "holiday.jpg"):
        Image.new("RGB", (8, 8)).save(tmp_path / "faces" / name)
    status, out, _ = run("check faces")
    assert status == 1
    assert "expected an image named AGE_GENDER_RACE_TIME.jpg, got holiday.jpg" in " ".join(out.split())
    assert run("check faces --option malformed=skip")[1] == "faces: 0 errors, 0 warnings\n"
    assert run("unpack faces --option malformed=skip --out tree")[1] == "2 faces written to tree\n"


def test_pack_and_unpack_give_the_same_dictionary(run: Run, tmp_path: Path) -> None:
    write_published(open_dictionary("demo", count=3, size=64), tmp_path / "tree")
    assert run("pack tree --out packed")[1] == "15 faces packed in packed\n"
    assert open_dictionary("packed").digest == open_dictionary("tree").digest
    assert run("unpack packed --out again")[1] == "15 faces written to again\n"
    again = open_dictionary("again")
    assert sorted(face.concepts for face in again) == sorted(face.concepts for face in open_dictionary("tree"))


def test_merge_keeps_what_is_unknown_and_says_where_it_cannot(run: Run, tmp_path: Path) -> None:
    for seed, name in enumerate(["one", "two"]):
        write_published(open_dictionary("demo", count=3, size=64, seed=seed), tmp_path / name)
    (tmp_path / "merge.toml").write_text(MERGE)
    status, _, err = run("merge merge.toml --out merged")
    assert status == 1
    assert "in which nose are unknown; pack the dictionary instead" in err
    assert not (tmp_path / "merged").exists()
    assert run("merge merge.toml --out merged --packed")[0] == 0
    merged = open_dictionary("merged")
    nose = merged.vocabulary["nose"]
    assert {face.id.split("/")[0]: face.state(nose) for face in merged.local_faces} == {
        "one": "present",
        "two": "unknown",
    }


def test_sample_balances_and_holds_out(run: Run) -> None:
    everybody = open_dictionary("demo", count=40, size=32)
    fewest = min(len(everybody.faces_in("gender", subgroup)) for subgroup in ("Male", "Female"))
    line = "sample demo:count=40,size=32 --balance gender --hold-out 0.25 --seed 3 --packed --out half"
    status, out, err = run(line)
    assert status == 0, err
    held = round(0.25 * 2 * fewest)
    assert out == f"{2 * fewest - held} faces written to half\n{held} faces written to half-held-out\n"
    rest, out_of_it = open_dictionary("half"), open_dictionary("half-held-out")
    together = {face.id: face.subgroups["gender"] for part in (rest, out_of_it) for face in part}
    assert len(together) == 2 * fewest
    assert list(together.values()).count("Male") == fewest


def test_examine_finds_a_conflict_and_ends_with_an_error(run: Run, tmp_path: Path) -> None:
    image = open_dictionary("demo", count=1, size=64).faces[0].image()
    for subgroup in ("Male", "Female"):
        (tmp_path / "faces" / "non_localizable" / "Gender" / subgroup).mkdir(parents=True)
        image.save(tmp_path / "faces" / "non_localizable" / "Gender" / subgroup / "a.png")
    Image.new("RGB", (64, 64)).save(tmp_path / "faces" / "non_localizable" / "Gender" / "Male" / "b.png")
    status, out, _ = run("examine faces")
    assert status == 1
    assert "conflicting-labels" in out
    status, out, _ = run("examine faces --json")
    found = json.loads(out)
    assert status == 1
    assert [fault["code"] for fault in found["faults"] if fault["severity"] == "error"] == ["conflicting-labels"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("pack demo:count=2 --out packed --option missing", "expected an option as NAME=VALUE, such as missing=skip"),
        ("pack demo:count=2 --out packed --option colour=red", "expected a factor of a face, got 'colour'"),
        ("merge gone.toml --out merged", "expected a TOML file in UTF-8, got gone.toml"),
        ("build demo:count=2 --recipe gone.toml --out built", "expected a recipe as TOML in UTF-8, got gone.toml"),
        ("sample demo:count=4 --out half", "expected --balance NAME, --hold-out SHARE or both, got neither"),
        ("examine gone", "expected the folder of a Face Dictionary, got gone, which does not exist"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(run: Run, tmp_path: Path, line: str, message: str) -> None:
    status, out, err = run(line)
    assert status == 1
    assert err.splitlines()[-1].startswith(f"error: {message}")
    assert out == ""
    assert not list(tmp_path.iterdir())
