"""What a user types and sees: output, exit status, and one clear line for every bad input."""

from __future__ import annotations

import json
import pickle
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from facedissect import FaceModel, cli, load, open_dictionary, write_published
from facedissect.dictionary import Located, detect

NETWORK = """
import torch
from torch import nn

def make():
    torch.manual_seed(0)
    maps = [nn.Conv2d(3, 6, 5, stride=4), nn.ReLU(inplace=True)]
    return nn.Sequential(*maps, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 2))

def broken():
    network = make()
    network[0].weight.data[2] = float("nan")
    return network
"""


class Shell:
    """Runs commands in a folder of its own."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys, self._monkeypatch = capsys, monkeypatch

    def __call__(self, line: str) -> tuple[int, str, str]:
        """Exit status, standard output and standard error of a command."""
        self._monkeypatch.setattr(sys, "argv", ["facedissect", *line.split()])
        try:
            cli.main()
            status = 0
        except SystemExit as exit_:
            status = int(exit_.code or 0)
        output = self._capsys.readouterr()
        return status, output.out, output.err


@pytest.fixture
def shell(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, drawn_faces: Path
) -> Shell:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.delitem(sys.modules, "tiny_network", raising=False)
    (tmp_path / "tiny_network.py").write_text(NETWORK)
    shutil.copytree(drawn_faces, tmp_path / "faces")
    return Shell(capsys, monkeypatch)


@pytest.fixture(scope="module")
def drawn_faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn") / "faces"
    write_published(open_dictionary("demo", count=6, size=64), folder)
    return folder


RUN = "run faces --model python:tiny_network:make --size 64 --layer 0"


def test_a_run_leaves_the_files_of_the_contract(shell: Shell, tmp_path: Path) -> None:
    status, out, err = shell(f"{RUN} --layer 1 --out runs/a")
    assert status == 0, err
    assert f"0: {load('runs/a')['0'].units['interpretable'].sum()} of 6 units are interpretable" in out
    assert "runs/a/report.html" in out
    assert "masks: 6 of 6 faces" in err
    run = tmp_path / "runs" / "a"
    for file in ("dissection.json", "report.html", "report.pdf", "0/units.parquet", "1/bias.parquet"):
        assert (run / file).stat().st_size > 0
    assert not list(run.glob(".*"))
    assert pd.read_parquet(run / "0" / "units.parquet")["unit"].tolist() == list(range(6))


def test_switches_reach_the_settings_and_reference_mode_keeps_them(shell: Shell) -> None:
    assert shell(f"{RUN} --out a --quantile 0.95 --union labelled --negatives annotated --min-iou 0.1")[0] == 0
    settings = load("a").settings
    assert (settings.quantile, settings.union, settings.negatives, settings.min_iou) == (
        0.95,
        "labelled",
        "annotated",
        0.1,
    )
    assert shell(f"{RUN} --out b --quantile 0.95 --reference-mode")[0] == 0
    result = load("b")
    assert (result.settings.quantile_method, result.settings.zeros, result.settings.quantile) == (
        "published",
        "ignore",
        0.95,
    )
    assert result.provenance.model["preprocess"]["interpolation"] == "bicubic"


def test_reference_files_have_the_published_names_and_hold_the_results(shell: Shell, tmp_path: Path) -> None:
    assert shell(f"{RUN} --out a --name tiny --reference-files")[0] == 0
    folder = tmp_path / "a" / "reference"
    assert {path.name for path in folder.iterdir()} == {
        "tiny_0.mmap", "tiny_0_feature_size.npy", "tiny_0_quantile.npy", "tiny_0_tally.npz", "tiny_0_conv.pdf",
        "tiny_0_top_concept_probs.txt", "tiny_0_NL_concept_probs.txt", "tiny_0_model_bias(skin_tone).npz",
        "tiny_0_model_bias(ethnic).npz", "tiny_0_model_bias(gender).npz", "tiny_0_model_bias(age).npz",
    }  # fmt: skip
    result = load("a")
    shape = np.load(folder / "tiny_0_feature_size.npy")
    assert shape.tolist() == [6, 6, *result["0"].map_size]
    maps = np.memmap(folder / "tiny_0.mmap", dtype=np.float64, mode="r", shape=tuple(shape))
    np.testing.assert_array_equal(maps.max((0, 2, 3)), result.units["highest"])
    np.testing.assert_array_equal(np.load(folder / "tiny_0_quantile.npy"), result.units["threshold"])
    with np.load(folder / "tiny_0_tally.npz") as tally:
        np.testing.assert_array_equal(tally["intersection"].ravel(), result.concepts["intersection"])
        assert tally["concepts"].tolist() == list(result.vocabulary.names)
    with np.load(folder / "tiny_0_model_bias(ethnic).npz") as bias:
        rows = result.bias[result.bias["global_concept"] == "ethnicity"]
        np.testing.assert_array_equal(bias["probability"].ravel(), rows["probability"])
        assert bias["subgroups"].tolist() == ["white", "black", "asian", "indian"]


def test_the_end_of_a_run_counts_labels_and_supported_ones(
    shell: Shell, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shell(f"{RUN} --out a")[0] == 0
    layer = load("a")["0"]
    units = layer.units.assign(interpretable=layer.units["unit"] < 4, supported=layer.units["unit"] < 3)
    cli._tell(replace(load("a"), layers={"0": replace(layer, units=units)}), tmp_path)
    assert "0: 4 of 6 units are interpretable, 3 with a supported label (q < 0.05)\n" in capsys.readouterr().out
    none = replace(layer, units=units.assign(interpretable=False, supported=False))
    cli._tell(replace(load("a"), layers={"0": none}), tmp_path)
    assert "0: 0 of 6 units are interpretable\n" in capsys.readouterr().out
    status, out, _ = shell(f"{RUN} --out b --replicates 0")
    assert status == 0
    assert f"0: {load('b').units['interpretable'].sum()} of 6 units are interpretable\n" in out
    assert "supported" not in out


def test_show_and_report_read_a_run_without_the_network(shell: Shell, tmp_path: Path) -> None:
    assert shell(f"{RUN} --out a")[0] == 0
    (tmp_path / "tiny_network.py").unlink()
    status, out, _ = shell("show a")
    assert status == 0
    assert "interpretable" in out
    assert "0, unit 2: " in shell("show a --unit 2")[1]
    status, out, _ = shell("report a --html again.html")
    assert (status, out) == (0, "report: again.html\n")
    assert "<html" in (tmp_path / "again.html").read_text()


def test_check_lists_every_fault_and_fails_on_errors(shell: Shell, tmp_path: Path) -> None:
    assert shell("check faces")[0] == 0
    first, second = sorted((tmp_path / "faces").rglob("mouth.png"))[:2]
    first.unlink()
    Image.new("L", (3, 3), 255).save(second)
    status, out, _ = shell("check faces --json")
    assert status == 1
    assert {fault["code"] for fault in json.loads(out) if fault["severity"] == "error"} == {"missing-mask", "mask-size"}
    status, out, _ = shell("check faces")
    assert status == 1
    assert "faces: 2 errors, " in out


def test_layers_tells_names_types_units_and_maps(shell: Shell) -> None:
    status, out, _ = shell("layers --model python:tiny_network:make --size 64")
    assert status == 0
    assert ["0", "Conv2d", "6", "15", "x", "15"] in [line.split() for line in out.splitlines()]
    assert "Linear" not in out
    assert "Linear" in shell("layers --model python:tiny_network:make --size 64 --all")[1]


def test_layers_tells_the_aliases_of_a_published_network(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        cli.load_model.__globals__["DOORS"],
        "zoo",
        lambda *_args, **_kwargs: FaceModel(torch.nn.Conv2d(3, 2, 1), size=8, aliases={"layer1": "a.b"}),
    )
    assert "layer1 stands for a.b" in shell("layers --model zoo:age")[1]


def test_a_pattern_stands_for_layers_and_one_without_maps_says_so(shell: Shell, tmp_path: Path) -> None:
    status, out, err = shell(f"{RUN.replace('--layer 0', '--layers all-convs --layers [14]')} --out a")
    assert (status, "got '[14]'" in err) == (1, True)
    status, out, err = shell(f"{RUN.replace('--layer 0', '--layers all-convs --layers 4')} --out a --reference-files")
    assert status == 0, err
    assert "4: 0 of 2 units are interpretable" not in out
    assert "4: 2 units without maps; only bias was measured" in out
    assert set(load("a").layers) == {"0", "4"}
    names = {path.name for path in (tmp_path / "a" / "reference").iterdir() if path.name.startswith("make_4")}
    assert names == {
        "make_4_conv.pdf", "make_4_NL_concept_probs.txt", "make_4_model_bias(skin_tone).npz",
        "make_4_model_bias(ethnic).npz", "make_4_model_bias(gender).npz", "make_4_model_bias(age).npz",
    }  # fmt: skip
    assert "Its responses go from" in shell("show a --layer 4 --unit 1")[1]


def test_the_preprocessing_and_the_machine_are_recorded(shell: Shell) -> None:
    options = (
        "--mean 1 2 3 --std 4 5 6 --interpolation lanczos --channel-order bgr --value-range 0-255 --precision bf16"
    )
    assert shell(f"{RUN} --out a {options} --batch-size 3")[0] == 0
    provenance = load("a").provenance
    assert provenance.model["preprocess"] == {
        "size": [64, 64],
        "mean": [1.0, 2.0, 3.0],
        "std": [4.0, 5.0, 6.0],
        "interpolation": "lanczos",
        "crop": "none",
        "margin": 0.0,
        "channel_order": "bgr",
        "value_range": "0-255",
    }
    assert provenance.execution == {"device": "cpu", "precision": "bf16", "batch_size": 3}


class FakeFinder:
    """Finds every face but that of the first image it is shown, and counts how often it is asked."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, image: Image.Image) -> Located:
        self.calls += 1
        points = np.random.default_rng(0).uniform(0.3, 0.7, (68, 2)) * image.size
        box = (0.2 * image.width, 0.2 * image.height, 0.8 * image.width, 0.8 * image.height)
        return Located() if self.calls == 1 else Located(box=box, landmarks=points)


@pytest.fixture
def finder(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeFinder:
    """In the place of dlib; the faces have lost their landmarks."""
    (tmp_path / "faces" / "landmarks.csv").unlink()
    fake = FakeFinder()
    monkeypatch.setattr(detect, "load_finder", lambda: fake)
    return fake


def test_a_crop_finds_faces_once_and_keeps_them_with_the_dictionary(
    shell: Shell, finder: FakeFinder, tmp_path: Path
) -> None:
    status, _, err = shell(f"{RUN} --out a --crop align --margin 0.25")
    assert status == 0, err
    looked = finder.calls
    assert looked == len(open_dictionary("faces"))
    assert (tmp_path / "faces" / "landmarks.csv").is_file()
    assert f"1 of {looked} images are shown whole: no face was found in them for crop=align." in err
    assert load("a").provenance.model["preprocess"]["margin"] == 0.25
    assert shell(f"{RUN} --out b --crop box")[0] == 0
    assert finder.calls == looked


def test_detect_writes_where_it_is_told_and_a_report_finds_it_again(
    shell: Shell, finder: FakeFinder, tmp_path: Path
) -> None:
    status, out, _ = shell("detect faces --out places.csv")
    images = len(open_dictionary("faces"))
    assert (status, out) == (0, f"faces: faces found in {images - 1} of {images} images\n")
    assert not (tmp_path / "faces" / "landmarks.csv").exists()
    assert shell(f"{RUN} --out a --crop box --landmarks places.csv")[0] == 0
    assert finder.calls == images
    assert load("a").provenance.dictionary["options"] == {"landmarks": "places.csv"}
    written = (tmp_path / "a" / "report.html").read_bytes()
    assert shell("report a --html again.html")[0] == 0
    assert (tmp_path / "again.html").read_bytes() == written


def test_a_dictionary_that_cannot_be_written_keeps_its_faces_beside_the_results(
    shell: Shell, finder: FakeFinder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli.storage, "writable", lambda _folder: False)
    assert shell(f"{RUN} --out a --crop box")[0] == 0
    assert (tmp_path / "a" / "landmarks.csv").is_file()
    assert not (tmp_path / "faces" / "landmarks.csv").exists()
    assert load("a").provenance.dictionary["options"] == {"landmarks": "a/landmarks.csv"}


def test_units_that_are_not_finite_are_named_and_the_run_goes_on(shell: Shell) -> None:
    status, _, err = shell("run faces --model python:tiny_network:broken --size 64 --layer 0 --out a")
    assert status == 0
    assert "Layer 0: units with NaN or infinite values, left without a label: 2." in err


def keep_one_image(faces: Path) -> None:
    for index in faces.glob("*.csv"):
        index.write_text("\n".join(index.read_text().splitlines()[:2]) + "\n")


def forget_all_labels(faces: Path) -> None:
    shutil.rmtree(faces / "non_localizable")
    for index in faces.glob("*.csv"):
        index.unlink()


def truncate(faces: Path) -> None:
    image = min((faces).rglob("original.png"))
    image.write_bytes(image.read_bytes()[:200])


def shrink_a_mask(faces: Path) -> None:
    Image.new("L", (5, 5), 255).save(min(faces.rglob("nose.png")))


def escape(faces: Path) -> None:
    with (faces / "Parts.csv").open("a") as index:
        index.write("../../etc/passwd,../../etc/nose.png\n")


def rename_columns(faces: Path) -> None:
    index = faces / "Parts.csv"
    index.write_text(index.read_text().replace("image,labels", "picture,masks"))


def drop_a_concept(faces: Path) -> None:
    index = faces / "Parts.csv"
    rows = [line.split(",") for line in index.read_text().splitlines()]
    kept = [f"{image},{';'.join(m for m in masks.split(';') if 'nose' not in m)}" for image, masks in rows]
    index.write_text("\n".join(kept) + "\n")


class Evil:
    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return Path.touch, (Path("it-ran"),)  # type: ignore[return-value]


def write_checkpoints(folder: Path) -> None:
    (folder / "text.pth").write_text("no checkpoint")
    torch.save({"other.weight": torch.zeros(3)}, folder / "other.pth")
    (folder / "evil.pth").write_bytes(pickle.dumps(Evil()))


@pytest.mark.parametrize(
    ("damage", "line", "message"),
    [
        (None, f"{RUN.replace('faces', 'nowhere')} --out a", "nowhere"),
        (lambda f: (f.parent / "empty").mkdir(), f"{RUN.replace('faces', 'empty')} --out a", "empty"),
        (forget_all_labels, f"{RUN} --out a", "expected a Face Dictionary"),
        (rename_columns, f"{RUN} --out a", "Parts.csv"),
        (truncate, f"{RUN} --out a", "original.png"),
        (shrink_a_mask, f"{RUN} --out a", "nose.png"),
        (escape, f"{RUN} --out a", "../../etc/passwd"),
        (drop_a_concept, f"{RUN} --concept nose --out a", "expected images of 'nose' in faces, got none"),
        (keep_one_image, f"{RUN} --out a", "expected at least 2 images with local labels to rank, got 1 in faces"),
        (None, f"{RUN} --layer 7 --out a", "expected a layer of make, got '7'; nearest: "),
        (None, f"{RUN} --layer 9* --out a", "expected layers of make like '9*', got none"),
        (write_checkpoints_below := lambda f: write_checkpoints(f.parent), f"{RUN} --weights text.pth --out a", "text.pth"),
        (write_checkpoints_below, f"{RUN} --weights other.pth --out a", "missing"),
        (write_checkpoints_below, f"{RUN} --weights evil.pth --out a", "evil.pth"),
        (None, f"{RUN} --weights nowhere.pth --out a", "nowhere.pth"),
        (None, f"{RUN} --out tiny_network.py/a", "expected a folder that can be written to, got tiny_network.py/a"),
        (None, f"{RUN} --size big --out a", "expected a size such as 112 or 112x96 (height x width), got 'big'"),
        (None, f"{RUN} --quantile 2 --out a", "expected quantile between 0 and 1, got 2.0"),
        (None, "run faces --model tiny --layer 0 --out a", "expected a model as one of demo:..."),
        (None, "run faces --model demo:tiny --layer 0 --out a", "expected an embedded network, one of age"),
        (None, "run demo:count=x --model demo:tiny --layer 0 --out a", "expected demo or demo:count=N"),
        (None, "show nowhere", "expected the folder of a finished run (with dissection.json), got nowhere"),
        (None, "report nowhere", "expected the folder of a finished run (with dissection.json), got nowhere"),
        (None, "demo-faces --out faces", "faces"),
        (
            lambda f: shutil.copytree(f, f.parent / "other" / "0"),
            f"{RUN} --out other",
            "expected a new folder or one of an earlier run, got other/0",
        ),
        (
            lambda f: shutil.copytree(f, f.parent / "other" / "reference"),
            f"{RUN} --out other --reference-files",
            "expected a new folder or one of an earlier run, got other/reference",
        ),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_leaves_nothing(
    shell: Shell, tmp_path: Path, damage: Callable[[Path], object] | None, line: str, message: str
) -> None:
    if damage is not None:
        damage(tmp_path / "faces")
    status, out, err = shell(line)
    errors = [text for text in err.splitlines() if text.startswith("error: ")]
    assert status == 1
    assert len(errors) == 1
    assert errors[0] == err.splitlines()[-1]
    assert message in errors[0]
    assert out == ""
    assert not (tmp_path / "it-ran").exists()
    assert not [path for path in (tmp_path / "a").rglob("*") if path.is_file()]


@pytest.mark.parametrize("line", ["run faces", "run faces --union most", "dissect", f"{RUN} --out a --crop middle"])
def test_wrong_usage_exits_with_2(shell: Shell, line: str) -> None:
    assert shell(line)[0] == 2


def test_an_interrupt_says_so_and_leaves_nothing(shell: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "dissect", interrupted)
    status, _, err = shell(f"{RUN} --out a --reference-files")
    assert status == 130
    assert err.splitlines()[-1] == "interrupted: nothing half-written is kept"
    assert not list((tmp_path / "a").iterdir())


@pytest.mark.parametrize(
    ("line", "place", "more"),
    [
        (f"{RUN} --out a", "cli.dissect", "; `facedissect run`, given again, goes on where it stopped"),
        (
            "experiment planted-bias",
            "experiment_commands.planted_bias",
            "; `facedissect experiment`, given again, goes on where it stopped",
        ),
        ("layers --model demo:smile", "cli.load_model", ""),
        ("check faces", "dictionary_commands.check_dictionary", ""),
        ("validate", "validation_command.validate", ""),
    ],
)
def test_only_what_can_go_on_after_an_interrupt_says_so(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, line: str, place: str, more: str
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(f"facedissect.{place}", interrupted)
    status, _, err = shell(line)
    assert (status, err.splitlines()[-1]) == (130, f"interrupted: nothing half-written is kept{more}")


@pytest.fixture
def stopped(shell: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of a run that was stopped before its result was saved."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(cli.storage, "save", stop)
        status, _, err = shell(f"{RUN} --out out")
    assert (status, err.splitlines()[-1].split(":")[0]) == (cli.INTERRUPTED, "interrupted")
    assert (tmp_path / "out" / cli.UNFINISHED).is_dir()
    return tmp_path / "out"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ("", "going on with a run that was stopped, after"),
        ("--quantile 0.9", "starting afresh: setting quantile is not 0.995 any more but 0.9"),
    ],
)
def test_a_run_that_was_stopped_goes_on_or_says_why_not(stopped: Path, shell: Shell, changes: str, told: str) -> None:
    status, out, err = shell(f"{RUN} --out out {changes}")
    assert status == 0
    assert told in out + err
    assert sorted(path.name for path in stopped.iterdir()) == ["0", "dissection.json", "report.html", "report.pdf"]


def test_debug_shows_the_traceback(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    from facedissect import OutputError

    with pytest.raises(OutputError):
        shell("show nowhere --debug")


def test_help_names_every_default(shell: Shell) -> None:
    out = shell("run --help")[1]
    assert "(default: 0.995)" in out
    assert "Example: facedissect run demo" in out


def test_version(shell: Shell) -> None:
    assert shell("--version")[1].startswith("facedissect ")
