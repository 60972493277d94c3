"""ablate(): planted networks whose answer is known, the embedded one that the claim is made of, and what a user types."""

from __future__ import annotations

import html
import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from facedissect import (
    Ablation,
    FaceDictionary,
    FaceModel,
    OutputError,
    Settings,
    ablate,
    dissect,
    load,
    load_model,
    open_dictionary,
    save,
)
from facedissect.ablation import NEAREST, matched_units
from facedissect.ablation_storage import ablations_of, load_ablation, save_ablation
from facedissect.capture import Capture
from facedissect.concepts import FACE_DICTIONARY
from facedissect.dictionary.faces import Face
from facedissect.errors import DictionaryError, FacedissectError, FaceReadError
from facedissect.interventions import Activity
from facedissect.peaks import Peaks
from facedissect.tasks import Classification, Regression, UserTask, Verification
from facedissect.unit_sets import biased_units, concept_units, target_auc, tied_units

HERE = Settings(workers=0)
COUNT, UNITS = 80, 12
SMILING = np.arange(COUNT) % 2 == 0
FEMALE = np.arange(COUNT) % 5 < 2


class Planted(nn.Module):
    """Unit 3 says which men smile and unit 7 which women; the others are noise that nothing is made of."""

    def __init__(self) -> None:
        super().__init__()
        rng = np.random.default_rng(0)
        values = rng.uniform(0.5, 2.5, (COUNT, UNITS, 4, 4))
        values[:, 3] = (SMILING & ~FEMALE)[:, None, None]
        values[:, 7] = (SMILING & FEMALE)[:, None, None]
        self.register_buffer("planted", torch.from_numpy(values).float())
        self.maps = nn.Identity()
        self.head = nn.Linear(UNITS, 1)
        with torch.no_grad():
            self.head.weight.zero_()
            self.head.weight[0, [3, 7]] = 1.0
            self.head.bias.fill_(-0.4)

    def forward(self, images: Tensor) -> Tensor:
        number = (images[:, 0, 0, 0] * 255).round().long() % COUNT
        answer: Tensor = self.head(self.maps(self.planted[number]).mean((2, 3)))
        return answer


@pytest.fixture(scope="module")
def faces(array_source: Any) -> FaceDictionary:
    made = tuple(
        Face(
            id=f"{number:04}",
            source=array_source.numbered(number, 8, {"Smiling": np.ones((8, 8), bool)}),
            concepts=("Smiling",) if SMILING[number] else (),
            kinds=frozenset({"attribute"}),
            subgroups={"gender": "Female" if FEMALE[number] else "Male"},
            labels={"age": float(number)},
        )
        for number in range(COUNT)
    )
    return FaceDictionary(location="planted", format="memory", vocabulary=FACE_DICTIONARY, faces=made)


@pytest.fixture
def model() -> FaceModel:
    return FaceModel(Planted(), size=8)


TASK = Classification(target="Smiling")


def row(table: pd.DataFrame, **wanted: Any) -> dict[str, Any]:
    chosen = table
    for name, value in wanted.items():
        chosen = chosen[chosen[name] == value]
    (only,) = chosen.to_dict("records")
    return only


@pytest.mark.parametrize("mode", ["zero", "mean", "exchange"])
def test_the_unit_that_decides_takes_the_answer_with_it_and_no_other_does(
    faces: FaceDictionary, model: FaceModel, mode: Any
) -> None:
    men = replace(faces, faces=tuple(face for face in faces if face.subgroups["gender"] == "Male"))
    found = ablate(men, model, layer="maps", units=[3, 0, 5], task=TASK, mode=mode, settings=HERE)
    overall = row(found.overall)
    smiling = SMILING[~FEMALE].mean()
    assert overall["intact"] == 1.0
    assert overall["images"] == found.faces == (~FEMALE).sum()
    alone = found.units
    assert alone["number"].tolist()[0] == 3
    assert (alone["change"].tolist()[1:]) == [0, 0]
    assert alone["change"][0] == overall["change"]
    if mode == "zero":
        assert overall["ablated"] == pytest.approx(1 - smiling)
    elif mode == "mean":  # all alike: either everybody smiles or nobody does
        assert overall["ablated"] in (pytest.approx(smiling), pytest.approx(1 - smiling))
    else:
        assert 0.3 < overall["ablated"] < 0.7
    assert overall["low"] <= overall["change"] <= overall["high"] < 0
    assert overall["control_change"] == overall["control_low"] == overall["control_high"] == 0
    assert overall["ratio"] == np.inf
    assert overall["p"] == pytest.approx(1 / 21)


def test_an_effect_in_one_subgroup_is_seen_there(faces: FaceDictionary, model: FaceModel) -> None:
    found = ablate(faces, model, layer="maps", units={"women": [7], "men": [3]}, task=TASK, controls=3, settings=HERE)
    women = SMILING[FEMALE].mean()
    for name, hit, spared in (("women", "Female", "Male"), ("men", "Male", "Female")):
        rows = found.subgroups[found.subgroups["set"] == name]
        assert rows["subgroup"].tolist() == ["Male", "Female"]
        assert row(rows, subgroup=spared)["change"] == 0
        assert row(rows, subgroup=hit)["change"] < -0.4
        assert row(rows, subgroup=hit)["images"] == (FEMALE if hit == "Female" else ~FEMALE).sum()
        assert row(rows, subgroup=spared)["images"] + row(rows, subgroup=hit)["images"] == COUNT
    assert row(found.subgroups, set="women", subgroup="Female")["ablated"] == pytest.approx(1 - women)
    mean = ablate(faces, model, layer="maps", units=[7], task=TASK, mode="exchange", controls=0, settings=HERE)
    assert row(mean.subgroups, subgroup="Female")["change"] < -0.2
    assert np.isnan(row(mean.overall)["p"])


def test_regression_and_a_function_are_measured_as_by_hand(faces: FaceDictionary, model: FaceModel) -> None:
    with torch.no_grad():
        planted = model.module.planted.mean((2, 3))
        without = planted.clone()
        without[:, [0, 3]] = 0
        intact, ablated = (model.module.head(values)[:, 0].numpy() for values in (planted, without))
    error = [np.abs(values - np.arange(COUNT)).mean() for values in (intact, ablated)]
    found = ablate(faces, model, layer="maps", units=[0, 3], task=Regression(target="age"), controls=2, settings=HERE)
    overall = row(found.overall)
    assert [overall["intact"], overall["ablated"]] == pytest.approx(error, rel=1e-5)
    assert found.units["number"].tolist() == [3, 0]  # a higher error is a loss
    spread = UserTask(function=lambda answers, _: float(answers.std()), name="spread")
    found = ablate(
        faces, model, layer="maps", units=[0, 3], task=spread, controls=0, resamples=20, each=False, settings=HERE
    )
    assert row(found.overall)["ablated"] == pytest.approx(ablated.std(), rel=1e-5)
    assert found.units.empty


def test_identities_are_verified_by_what_is_left(array_source: Any, faces: FaceDictionary) -> None:
    people = replace(
        faces, faces=tuple(replace(face, identity=str(int(face.id) % 4)) for face in faces if int(face.id) < 40)
    )

    class Embedding(Planted):
        def forward(self, images: Tensor) -> Tensor:
            number = (images[:, 0, 0, 0] * 255).round().long()
            who = torch.nn.functional.one_hot(number % 4, 4).float()
            noise = 0.1 * self.planted[number % COUNT].mean((2, 3))
            return self.maps(torch.cat([who, noise], 1))

    model = FaceModel(Embedding(), size=8)
    found = ablate(
        people, model, layer="maps", units={"who": [0, 1, 2, 3], "noise": [6, 7]}, task=Verification(), controls=0,
        settings=HERE,
    )  # fmt: skip
    who, noise = row(found.overall, set="who"), row(found.overall, set="noise")
    assert who["intact"] == pytest.approx(1)
    assert who["ablated"] < 0.8
    assert noise["change"] == pytest.approx(0)


@pytest.mark.parametrize("mode", ["mean", "exchange"])
def test_nothing_depends_on_the_size_of_a_batch_or_on_what_is_kept(
    faces: FaceDictionary, model: FaceModel, mode: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = replace(faces, faces=faces.faces[:65])  # two blocks and a face that would have no donor of its own

    def run(size: int | None, seed: int = 0) -> pd.DataFrame:
        settings = replace(HERE, batch_size=size)
        spread = UserTask(function=lambda answers, _: float(answers.std()), name="spread")
        return ablate(
            odd, model, layer="maps", units=[1, 3, 7], task=spread, mode=mode, controls=2, resamples=10, seed=seed,
            settings=settings,
        ).table  # fmt: skip

    expected = run(None)
    for size in (1, 7, 32):
        pd.testing.assert_frame_equal(run(size), expected, rtol=1e-5)
    monkeypatch.setattr("facedissect.ablation._KEPT_PIXELS", 300)
    pd.testing.assert_frame_equal(run(None), expected)
    if mode == "exchange":
        assert not run(None, seed=1)["ablated"].equals(expected["ablated"])


def test_controls_are_other_units_as_active() -> None:
    rng = np.random.default_rng(0)
    mean = rng.permutation(100) / 100.0
    activity = Activity(mean=mean, peak=3 * mean, typical=mean[:, None, None])
    units = [int(np.argsort(mean)[place]) for place in (5, 50, 95)]
    seen = set()
    for _ in range(50):
        drawn = matched_units(units, activity, rng)
        assert len(set(drawn)) == 3
        assert not set(drawn) & set(units)
        apart = np.abs(np.sort(mean[list(drawn)]) - np.sort(mean[units]))
        assert apart.max() <= NEAREST / 100 + 1e-9
        seen |= set(drawn)
    assert len(seen) == 3 * NEAREST
    mean[7] = np.nan
    assert all(7 not in matched_units([0, 1], Activity(mean=mean, peak=mean, typical=mean), rng) for _ in range(30))


def test_intervals_are_those_of_faces_drawn_again_in_pairs(faces: FaceDictionary, model: FaceModel) -> None:
    found = ablate(faces, model, layer="maps", units=[3], task=TASK, controls=0, settings=HERE)
    overall = row(found.overall)
    hit = SMILING & ~FEMALE
    rng = np.random.default_rng(5)
    changes = [-hit[rng.integers(0, COUNT, COUNT)].mean() for _ in range(4000)]
    assert (overall["low"], overall["high"]) == pytest.approx(tuple(np.quantile(changes, [0.025, 0.975])), abs=0.03)
    without = ablate(faces, model, layer="maps", units=[3], task=TASK, controls=0, resamples=0, settings=HERE)
    assert np.isnan(row(without.overall)["low"])
    assert without.sentence("units 3") == (
        f"maps: setting 1 unit (units 3) to zero changes the accuracy on 80 faces from 1.000 to {1 - hit.mean():.3f} "
        f"({-hit.mean():+.3f})."
    )


def test_the_network_is_given_back_as_it_was(faces: FaceDictionary, model: FaceModel) -> None:
    model.module.train()
    digest = model.digest
    ablate(faces, model, layer="maps", units=[3], task=TASK, mode="mean", controls=2, settings=HERE)
    failing = UserTask(function=lambda _answers, _faces: 1 / 0, name="failing")
    with pytest.raises(FacedissectError, match="expected failing to give a number"):
        ablate(faces, model, layer="maps", units=[3], task=failing, settings=HERE)
    assert model.digest == digest
    for module in model.module.modules():
        assert module.training
        assert not module._forward_hooks
        assert "forward" not in vars(module)


def test_unreadable_faces_stop_it_or_are_left_out(faces: FaceDictionary, model: FaceModel, array_source: Any) -> None:
    class Broken(array_source):  # type: ignore[misc]
        def image(self) -> Any:
            raise FaceReadError("expected an image, got none")

    broken = replace(faces.faces[0], source=Broken(np.zeros((8, 8, 3), np.uint8), {}))
    some = replace(faces, faces=(broken, *faces.faces[1:]))
    with pytest.raises(FaceReadError, match="expected an image"):
        ablate(some, model, layer="maps", units=[3], task=TASK, settings=HERE)
    left = ablate(some, model, layer="maps", units=[3], task=TASK, controls=0, settings=replace(HERE, on_error="skip"))
    assert left.faces == COUNT - 1


BAD: list[tuple[dict[str, Any], str]] = [
    ({"units": [3, 12]}, "expected a unit of maps from 0 to 11, got 12"),
    ({"units": []}, "expected at least one unit to replace, got none; name some"),
    ({"units": {}}, "expected at least one unit to replace"),
    ({"units": range(7)}, "expected at least 7 other units of the layer as controls, got 5; replace fewer units"),
    ({"mode": "half"}, "expected mode to be one of zero, mean, exchange, got 'half'"),
    ({"controls": -1}, "expected controls to be at least 0, got -1"),
    ({"task": None}, r"expected a task for .*Planted, which is no embedded network, got none; give task"),
    ({"task": Classification(target="Smile")}, "got 'Smile'; nearest: Smiling"),
    ({"layer": "map"}, "expected a layer of Planted, got 'map'; nearest: maps"),
    ({"layer": "*"}, r"expected one layer, got '\*', which stands for 2; name one of them"),
    ({"settings": Settings(device="0,1")}, "expected one device for an ablation, got 0,1; name one of them"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), BAD)
def test_bad_input_is_told_in_one_line(
    faces: FaceDictionary, model: FaceModel, changes: dict[str, Any], message: str
) -> None:
    given = {"layer": "maps", "units": [3], "task": TASK, "settings": HERE} | changes
    with pytest.raises(FacedissectError, match=message) as told:
        ablate(faces, model, **given)
    assert "\n" not in str(told.value)


def test_a_unit_that_is_not_finite_has_no_mean(faces: FaceDictionary, model: FaceModel) -> None:
    model.module.planted[5, 2] = np.nan
    model.module.head.weight.data[0, 2] = 0
    with pytest.raises(FacedissectError, match="expected units with a mean, got unit 2, which is NaN or infinite"):
        ablate(faces, model, layer="maps", units=[2], task=TASK, mode="mean", settings=HERE)


def test_too_few_faces_are_told(faces: FaceDictionary, model: FaceModel) -> None:
    one = replace(faces, faces=faces.faces[:1])
    with pytest.raises(
        DictionaryError, match="expected at least 2 faces whose accuracy can be measured, got 1 in planted"
    ):
        ablate(one, model, layer="maps", units=[3], task=TASK, settings=HERE)


@pytest.fixture(scope="module")
def smile() -> tuple[FaceDictionary, FaceModel, Peaks]:
    """Embedded faces, the network of smiles, and the peaks of its last maps."""
    drawn = open_dictionary("demo", count=250)
    network = load_model("demo:smile")
    with network.borrowed(), Capture(network, network.layers(["block5.relu"])) as capture:
        peaks = [
            capture.maps(torch.stack([network.preprocess.image(face.image()) for face in drawn.faces[start : start + 25]]))
            for start in range(0, 250, 25)
        ]  # fmt: skip
    highest, lowest = (
        torch.cat([getattr(maps["block5.relu"].flatten(2), way)(2) for maps in peaks]).numpy()
        for way in ("amax", "amin")
    )
    return drawn, network, Peaks(faces=tuple(face.id for face in drawn), highest=highest, lowest=lowest)


def test_units_tied_to_smiling_matter_three_times_as_much_as_random_ones(
    smile: tuple[FaceDictionary, FaceModel, Peaks],
) -> None:
    drawn, network, peaks = smile
    tied = tied_units(peaks, drawn, "Smiling")
    assert len(tied) == 10
    found = ablate(
        drawn, network, layer="block5.relu", units={"tied": tied}, mode="exchange", each=False, settings=HERE
    )
    overall = row(found.overall)
    assert overall["intact"] > 0.97
    assert overall["high"] < 0
    assert overall["change"] <= -0.012
    assert overall["ratio"] >= 3
    assert overall["p"] < 0.05


def test_the_most_tied_units_tell_best_with_and_without_apart(smile: tuple[FaceDictionary, FaceModel, Peaks]) -> None:
    drawn, _, peaks = smile
    has = np.array(["Smiling" in drawn[face].concepts for face in peaks.faces])
    auc = target_auc(peaks, drawn, "Smiling")
    for unit in (0, 17, 59):
        one, other = peaks.highest[has, unit], peaks.highest[~has, unit]
        wins = (one[:, None] > other).mean() + (one[:, None] == other).mean() / 2
        assert auc[unit] == pytest.approx(wins)
    ties = np.abs(auc - 0.5)
    assert tied_units(peaks, drawn, "Smiling", 5) == tuple(np.argsort(-ties, kind="stable")[:5])
    np.testing.assert_allclose(target_auc(peaks, drawn, "gender"), 1 - target_auc(peaks, drawn, "gender=Female"))
    for target, message in (
        ("age", "expected one subgroup of age, got all 4; write age=zero_to_twenty"),
        ("age=old", r"expected a subgroup of age \(zero_to_twenty, .*\), got 'old'"),
        ("Smile", "got 'Smile'; nearest: Smiling"),
        ("nose", "expected faces with and without nose, got 250 and 0"),
    ):
        with pytest.raises(FacedissectError, match=message):
            tied_units(peaks, drawn, target)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "smile"
    result = dissect(open_dictionary("demo", count=24), load_model("demo:smile"), layers=["block5.relu"], settings=HERE)
    save(result, folder)
    return folder


@pytest.fixture
def shell(
    typed: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run_folder: Path
) -> Callable[[str], tuple[int, str, str]]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    shutil.copytree(run_folder, tmp_path / "smile")
    return lambda line: typed("ablate", *line.split())


def test_sets_of_units_are_chosen_from_a_result(run_folder: Path) -> None:
    result = load(run_folder)
    layer = result["block5.relu"]
    concept = layer.units.loc[layer.units["interpretable"], "concept"].mode()[0]
    chosen = concept_units(result, "block5.relu", concept, most=100)
    labelled = layer.units[layer.units["interpretable"] & (layer.units["concept"] == concept)]
    assert {*labelled["unit"]} <= {*chosen}
    scores = layer.concepts[layer.concepts["concept"] == concept].set_index("unit")["iou"]
    assert scores[list(chosen)].is_monotonic_decreasing
    assert concept_units(result, "block5.relu", concept, most=1) == chosen[:1]
    biased = biased_units(result, "block5.relu", "gender=Female", most=3)
    rows = layer.bias[(layer.bias["subgroup"] == "Female") & layer.bias["biased"].astype(bool)]
    assert list(biased) == rows.sort_values("probability", ascending=False, kind="stable")["unit"].tolist()[:3]
    assert set(biased) <= set(biased_units(result, "block5.relu", "gender", most=1000))
    for choose, message in (
        (lambda: concept_units(result, "block5.relu", "smile"), "expected a concept of the vocabulary, got 'smile'"),
        (lambda: biased_units(result, "block5.relu", "sex"), "expected a global concept, got 'sex'"),
        (lambda: biased_units(result, "block5.relu", "gender=F"), "got 'F'"),
        (lambda: biased_units(result, "block5.relu", "gender", most=0), "expected at least 1 unit, got 0"),
    ):
        with pytest.raises(FacedissectError, match=message):
            choose()


def test_the_command_measures_tells_and_keeps_a_table(shell: Callable[..., Any], tmp_path: Path) -> None:
    status, out, err = shell("smile --tied Smiling --units 3,7 --controls 3 --mode mean --workers 0")
    assert status == 0, err
    assert "block5.relu: setting 10 units (tied to Smiling) to their mean changes the accuracy on 24 faces" in out
    assert "block5.relu: setting 2 units (units 3, 7)" in out
    assert "alone, by effect: " in out
    assert "gender Female" in out
    assert "table: smile/block5.relu/ablation.parquet" in out
    assert "ablation: 24 of 24 faces" in err
    kept = load_ablation(tmp_path / "smile", "block5.relu")
    assert kept is not None
    assert list(kept.sets) == ["tied to Smiling", "units 3, 7"]
    assert (
        kept.made_of["dictionary"]
        == json.loads((tmp_path / "smile/dissection.json").read_text())["provenance"]["dictionary"]["digest"]
    )
    before = (tmp_path / "smile/block5.relu/ablation.parquet").read_bytes()
    assert shell("smile --tied Smiling --units 3,7 --controls 3 --mode mean --workers 0")[0] == 0
    assert (tmp_path / "smile/block5.relu/ablation.parquet").read_bytes() == before


def test_a_task_is_spelt_on_the_command_line(shell: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def share(answers, faces):\n    return float((answers > 0).mean())\n")
    common = "smile --units 3 --controls 0 --no-each --workers 0"
    status, out, err = shell(f"{common} --task mine.py:share --lower-is-better")
    assert status == 0, err
    assert "changes the share on 24 faces" in out
    assert "alone" not in out
    status, out, err = shell(f"{common} --task classification --target gender --positive Female --output 0")
    assert status == 0, err


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("smile", "expected units to replace, got none; give --concept, --biased, --tied or --units"),
        ("smile --units 3,x", "expected units as numbers with commas between, such as 3,7,12, got '3,x'"),
        ("smile --units 3 --layer block4.relu", "expected a layer of this run, got 'block4.relu'"),
        ("smile --units 3 --target Smiling", "expected --target with --task classification or regression, got --task not given"),
        ("smile --units 3 --task classification", "expected what is to be answered with --task classification, got nothing"),
        ("smile --units 3 --task regression --target height", "expected faces with a number labelled 'height', got none"),
        (
            "smile --units 3 --task verification",
            "got 0 faces of 0 people whose identity is known; use a dictionary that tells identities, such as "
            "demo:count=300,identities=60",
        ),
        ("smile --units 3 --model demo:age", "expected the network of the run, demo:smile with digest"),
        ("smile --units 3 --dictionary demo:count=25", "expected the dictionary of the run, demo:count=24,seed=0,size=128"),
        ("nowhere --units 3", "expected the folder of a finished run"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_one_line_and_no_table(
    shell: Callable[..., Any], tmp_path: Path, line: str, message: str
) -> None:
    status, out, err = shell(line)
    assert status == 1
    assert message in err
    assert err.count("\n") == 1
    assert out == ""
    assert not list(tmp_path.rglob("ablation.*"))


def test_the_embedded_network_of_identities_is_verified_on_people_seen_again(
    typed: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    faces, network = open_dictionary("demo:count=40,identities=8"), load_model("demo:identity")
    quick = replace(HERE, replicates=0, sweep=())
    save(dissect(faces, network, layers=["block1.relu"], settings=quick), "identity")
    status, out, err = typed(
        "ablate", "identity", "--units", "0,1,2,3", "--controls", "0", "--no-each", "--workers", "0"
    )
    assert status == 0, err
    assert "changes the accuracy on 40 faces" in out
    found = load_ablation("identity", "block1.relu")
    assert found is not None
    assert found.task["kind"] == "verification"
    overall = row(found.overall)
    assert overall["intact"] > 0.9, "people and pictures that the network was not trained with"
    without = load_model("demo:identity")
    without.module.get_submodule("block1.relu").register_forward_hook(
        lambda _module, _given, maps: maps.index_fill(1, torch.arange(4), 0.0)
    )
    with without.borrowed():
        answers = torch.cat([without(without.preprocess.image(face.image())[None]) for face in faces]).numpy()
    known = Verification().measure(faces.vocabulary, faces.faces)
    (expected,) = known(answers, np.ones((1, 40), np.int64))
    assert overall["ablated"] == pytest.approx(expected)


@pytest.fixture(scope="module")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 16 units, whose PDF is short."""
    folder = tmp_path_factory.mktemp("small") / "smile"
    quick = replace(HERE, replicates=0, sweep=())
    save(
        dissect(open_dictionary("demo", count=24), load_model("demo:smile"), layers=["block1.relu"], settings=quick),
        folder,
    )
    return folder


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="pdftotext (poppler-utils) is not installed")
def test_reports_and_the_terminal_tell_what_was_ablated(
    typed: Callable[..., tuple[int, str, str]], small_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    shutil.copytree(small_run, "smile")

    def told() -> tuple[str, str, str]:
        status, _, err = typed("report", "smile")
        assert status == 0, err
        page = html.unescape(Path("smile/report.html").read_text(encoding="utf-8"))
        done = subprocess.run(
            ["pdftotext", "-layout", "smile/report.pdf", "-"], capture_output=True, check=True, text=True
        )
        return page, " ".join(done.stdout.split()), " ".join(typed("show", "smile")[1].split())

    page, printed, shown = told()
    assert 'id="ablation"' not in page
    assert "What the network needs them for" not in printed
    assert "Ablation of" not in shown
    assert typed("ablate", "smile", "--units", "3,7", "--controls", "2", "--workers", "0")[0] == 0
    found = load_ablation("smile", "block1.relu")
    assert found is not None
    sentence = found.sentence("units 3, 7")
    page, printed, shown = told()
    assert page.count('<section id="ablation"') == 1
    assert sentence in page
    chapter = printed[printed.index("What the network needs them for") : printed.index("How far to trust it")]
    assert sentence in chapter
    change = f"{row(found.overall)['change']:+.3f} (units 3, 7)"
    assert (
        f"Ablation of block1.relu: the accuracy on 24\u00a0faces changes by {change}".split()
        == shown[shown.index("Ablation of") :].split("; table: block1.relu/ablation.parquet")[0].split()
    )


def test_a_damaged_ablation_stops_what_would_tell_it(
    typed: Callable[..., tuple[int, str, str]], small_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(small_run, "smile")
    assert typed("ablate", "smile", "--units", "3", "--controls", "0", "--no-each", "--workers", "0")[0] == 0
    Path("smile/block1.relu/ablation.parquet").write_bytes(b"PAR1")
    for command in ("report", "show"):
        status, out, err = typed(command, "smile")
        assert (status, out) == (1, "")
        assert err.startswith("error: expected a complete ablation, got a damaged one in smile/block1.relu (")
        assert err.endswith("; ablate again\n")
        assert err.count("\n") == 1
    assert not Path("smile/report.html").exists()


def test_ablations_of_a_result_are_those_of_its_network_and_its_faces(
    faces: FaceDictionary, model: FaceModel, small_run: Path, tmp_path: Path
) -> None:
    result = load(small_run)
    names = ("late", "early", "bare")
    result = replace(result, layers={name: replace(result["block1.relu"], layer=name) for name in names})
    save(result, tmp_path / "run")
    assert ablations_of(result, tmp_path / "run") == ()
    found = ablate(faces, model, layer="maps", units=[3], task=TASK, controls=0, settings=HERE)
    own = {"model": result.provenance.model["digest"], "dictionary": result.provenance.dictionary["digest"]}
    kept = {name: replace(found, layer=name, made_of=own) for name in ("early", "late")}
    for ablation in kept.values():
        save_ablation(ablation, tmp_path / "run")
    assert ablations_of(result, tmp_path / "run") == (kept["late"], kept["early"]), "in the order of the layers"
    assert ablations_of(result.only("early"), tmp_path / "run") == (kept["early"],)
    for part in own:
        foreign = replace(kept["late"], made_of={**own, part: found.made_of[part]})
        save_ablation(foreign, tmp_path / "run")
        assert load_ablation(tmp_path / "run", "late") == foreign
        assert ablations_of(result, tmp_path / "run") == (kept["early"],)
    (tmp_path / "run" / "late" / "ablation.json").unlink()
    with pytest.raises(
        OutputError, match=r"expected a complete ablation, got a damaged one in .*late .*; ablate again"
    ):
        ablations_of(result, tmp_path / "run")
    (tmp_path / "run" / "late" / "ablation.parquet").unlink()
    assert ablations_of(result, tmp_path / "run") == (kept["early"],)


def test_an_ablation_comes_back_as_it_was_saved(faces: FaceDictionary, model: FaceModel, tmp_path: Path) -> None:
    found = ablate(faces, model, layer="maps", units={"a": [3], "b": [0, 1]}, task=TASK, controls=2, settings=HERE)
    with pytest.raises(OutputError, match="expected the folder of a run with layer maps"):
        save_ablation(found, tmp_path)
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "units.parquet").touch()
    assert load_ablation(tmp_path, "maps") is None
    save_ablation(found, tmp_path)
    back = load_ablation(tmp_path, "maps")
    assert isinstance(back, Ablation)
    assert back == found
    pd.testing.assert_frame_equal(back.table, found.table)
    assert back.sentence("b") == found.sentence("b")
    settings = tmp_path / "maps" / "ablation.json"
    settings.write_text(settings.read_text().replace('"format": 1', '"format": 9'))
    with pytest.raises(OutputError, match="expected an ablation of format 1, got 9"):
        load_ablation(tmp_path, "maps")
    settings.write_text("{")
    with pytest.raises(OutputError, match="got a damaged one"):
        load_ablation(tmp_path, "maps")
