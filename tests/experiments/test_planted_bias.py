"""The whole experiment, tiny: what it says of networks is chance, what it writes is not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from typer.testing import CliRunner

from facedissect import cli
from facedissect.errors import OutputError, SettingsError
from facedissect.experiments import planted_bias as experiment
from facedissect.experiments.planted_bias import Findings, Plan, planted_bias, tie_finding
from facedissect.report.experiment import write_experiment
from facedissect.report.experiment_wording import sentences

PLAN = Plan(ties=("skin_tone-smile",), strengths=(1.0, 0.5), seeds=1, faces=32, probe_faces=24)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Findings]:
    folder = tmp_path_factory.mktemp("experiment") / "planted"
    found = planted_bias(PLAN, folder, workers=0)
    write_experiment(found, folder)
    return folder, found


def test_everything_is_written(done: tuple[Path, Findings]) -> None:
    folder, found = done
    runs, units = pd.read_csv(folder / "runs.csv"), pd.read_parquet(folder / "units.parquet")
    assert runs[["strength", "seed"]].to_numpy().tolist() == [[0.5, 0], [1.0, 0]]
    assert runs["congruent_faces"].tolist() == [16, 32]
    assert len(units) == runs["units"].sum() == 128
    for _, row in runs.iterrows():
        mine = units[units["strength"] == row["strength"]]
        assert row["measured_bias"] == pytest.approx(mine["delta"].abs().fillna(0).mean())
        assert row["responding"] == mine["responds"].sum()
        assert row["finding"] == mine["finds"].sum()
    header = json.loads((folder / "experiment.json").read_text())
    assert header["plan"]["strengths"] == [1.0, 0.5]
    assert header["made_by"]["versions"].keys() >= {"torch", "facedissect"}
    pictures = {path.name for path in (folder / "figures").iterdir()}
    charts = ("measured-bias", "units", "accuracy")  # and of a concept with masks, `overlap`
    assert pictures == {f"skin_tone-smile-{name}.{suffix}" for name in charts for suffix in ("svg", "png")} | {
        "captions.csv"
    }
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 3
    assert all(sentence.split(": ", 1)[1] in page.replace("&#39;", "'") for sentence in sentences(found))


def test_it_goes_on_where_it_was_stopped(done: tuple[Path, Findings], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, found = done

    def refuse(*_: object) -> None:
        raise AssertionError("a network that is there was trained again")

    monkeypatch.setattr(experiment, "run_trial", refuse)
    told: list[str] = []
    again = planted_bias(PLAN, folder, workers=0, tell=told.append)
    pd.testing.assert_frame_equal(again.runs, found.runs)
    pd.testing.assert_frame_equal(again.units, found.units)
    assert told == ["2 of 2 networks are there already and are kept"]


def test_a_stopped_experiment_ends_with_the_same_numbers(
    done: tuple[Path, Findings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, found = done
    train = experiment.run_trial

    def stop(trial: experiment.Trial, *given: object) -> object:
        if trial.strength == 1:
            raise KeyboardInterrupt
        return train(trial, *given)

    monkeypatch.setattr(experiment, "run_trial", stop)
    with pytest.raises(KeyboardInterrupt):
        planted_bias(PLAN, tmp_path / "out", workers=0)
    monkeypatch.undo()
    assert not (tmp_path / "out" / "runs.csv").exists()
    told: list[str] = []
    again = planted_bias(PLAN, tmp_path / "out", workers=0, tell=told.append)
    assert told[0].startswith("1 of 2 networks are there already")
    pd.testing.assert_frame_equal(again.runs, found.runs)


def test_a_network_of_another_plan_is_not_kept(done: tuple[Path, Findings]) -> None:
    folder, _ = done
    trial = PLAN.trials[0]
    assert experiment._finished(folder, trial, PLAN) is not None
    assert experiment._finished(folder, trial, Plan(faces=40)) is None


def test_a_tie_is_summed_up_from_its_rows() -> None:
    rng = np.random.default_rng(0)
    runs = pd.DataFrame(
        {
            "strength": np.repeat([0.5, 0.7, 1.0], 2),
            "measured_bias": [0.1, 0.2, 0.15, 0.3, 0.5, 0.7],
            "bystander_bias": rng.random(6),
            "false_alarms": [0.01, 0.03, *[np.nan] * 4],
            "layers_with_false_alarms": [0.0, 0.1, *[np.nan] * 4],
        }
    )
    found = tie_finding("skin_tone-smile", runs)
    assert found.rho == pytest.approx(spearmanr(runs["strength"], runs["measured_bias"]).statistic)
    assert (found.control, found.strongest) == (pytest.approx(0.15), pytest.approx(0.6))
    assert (found.false_alarms, found.layers_with_false_alarms) == (pytest.approx(0.02), pytest.approx(0.05))
    alone = tie_finding("skin_tone-smile", runs[runs["strength"] == 1])
    assert (alone.rho, alone.control, alone.false_alarms) == (None, None, None)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"ties": ("hats",)}, "expected a tie, one of eyeglasses-gender, skin_tone-smile, got 'hats'"),
        ({"strengths": (0.5, 1.5)}, "expected a strength from 0.5"),
        ({"strengths": (0.5, 0.5)}, "expected different strengths"),
        ({"strengths": ()}, "expected different strengths, at least one, got none"),
        ({"faces": 10}, "expected faces as a multiple of 4"),
        ({"probe_faces": 10}, "expected probe faces as a multiple of 4"),
        ({"seeds": 0}, "expected seeds of at least 1, got 0"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Plan(**given)


def test_somebody_elses_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(OutputError, match="expected a new folder"):
        planted_bias(PLAN, tmp_path, workers=0)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_the_command_tells_what_was_found(done: tuple[Path, Findings]) -> None:
    folder, found = done
    words = "experiment planted-bias --tie skin_tone-smile --strength 1 --strength 0.5 --seeds 1 --faces 32 --probe 24"
    ran = CliRunner().invoke(cli.app, [*words.split(), "--workers", "0", "--out", str(folder)])
    assert ran.exit_code == 0, ran.output
    assert ran.stdout.splitlines()[:-1] == sentences(found)


def test_a_local_concept_is_followed_by_where_units_fire(tmp_path: Path) -> None:
    plan = Plan(ties=("eyeglasses-gender",), strengths=(0.5,), seeds=1, faces=16, probe_faces=24)
    found = planted_bias(plan, tmp_path / "out", workers=0)
    write_experiment(found, tmp_path / "out")
    assert (tmp_path / "out" / "figures" / "eyeglasses-gender-overlap.svg").exists()
    assert found.runs["concept_iou"].tolist() == [pytest.approx(found.units["concept_iou"].mean())]
    assert found.ties[0].rho is None
    finds = found.units["detected"].str.split(";").map(lambda names: "Eyeglasses" in names) | (
        found.units["interpretable"] & (found.units["label"] == "Eyeglasses")
    )
    assert found.units["finds"].tolist() == finds.tolist()
