"""baseline(): planted networks that learnt a concept, labels permuted by hand, and what a user types."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import false_discovery_control, rankdata
from torch import Tensor, nn

from facedissect import (
    Dissection,
    FaceDictionary,
    FaceModel,
    OutputError,
    Settings,
    dissect,
    load,
    load_model,
    open_dictionary,
    save,
)
from facedissect.baseline import COLUMNS, Baseline, baseline, permuted_counts
from facedissect.baseline_storage import load_baseline, save_baseline
from facedissect.concepts import Concept, GlobalConcept, Vocabulary
from facedissect.dictionary.faces import Face
from facedissect.errors import FacedissectError
from facedissect.peaks import Peaks
from facedissect.random_null import LABEL_COLUMNS
from facedissect.report import baseline_wording
from facedissect.validation.planted import LAYER, PLANTED_SIZE, planted_faces

HERE = Settings(workers=0, sweep=(), replicates=1)
SIZE, UNITS = 32, 24
OTHERS = ((0, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, 0, 1), (0, 1, 1), (1, 1, 1))
GENDER = GlobalConcept(name="gender", subgroups=("Male", "Female"))
AGE = GlobalConcept(name="age", subgroups=("child", "young", "old", "oldest"))
VOCABULARY = Vocabulary(
    concepts=(Concept(name="red", kind="part", region="Patch"),),
    global_concepts=(GENDER,),
)


class Learnt(nn.Module):
    """Units that see a red pixel, as if they had learnt it; with random weights, each sees some other colour."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, UNITS, 1)
        with torch.no_grad():
            self.conv.weight.zero_()
            self.conv.weight[:, 0] = torch.linspace(1, 2, UNITS)[:, None, None]
            self.conv.weight[:, 1] = -2
            self.conv.weight[:, 2] = -2
            self.conv.bias.zero_()

    def forward(self, images: Tensor) -> Tensor:
        return self.conv(images)


class Taught(nn.Module):
    """Answers to each numbered image with maps (image, unit, h, w) that are its weights, so that they can be drawn anew."""

    def __init__(self, maps: Tensor) -> None:
        super().__init__()
        self.learnt = nn.Parameter(maps)
        self.maps = nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        number = (images[:, :2, 0, 0] * 255).round().long()
        return self.maps(self.learnt[(number[:, 0] + 256 * number[:, 1]) % len(self.learnt)])


@pytest.fixture(scope="module")
def faces(array_source: Any) -> FaceDictionary:
    """Noise with a patch of each pure colour somewhere, of which only red is labelled; women's are the brighter."""
    rng = np.random.default_rng(0)
    found = []
    for number in range(60):
        pixels = rng.integers(60, 130, (SIZE, SIZE, 3)).astype(np.uint8)
        for colour in (*OTHERS, (1, 0, 0)):
            top, left = rng.integers(0, SIZE - 4, 2)
            mask = np.zeros((SIZE, SIZE), bool)
            mask[top : top + 3, left : left + 3] = True
            pixels[mask] = np.array(colour) * (180 + 70 * (number % 2))
        found.append(
            Face(
                id=f"{number:04}",
                source=array_source(pixels, {"red": mask}),
                concepts=VOCABULARY.names,
                kinds=frozenset({"part"}),
                subgroups={"gender": GENDER.subgroups[number % 2]},
            )
        )
    return FaceDictionary(location="planted", format="memory", vocabulary=VOCABULARY, faces=tuple(found))


@pytest.fixture(scope="module")
def model() -> FaceModel:
    return FaceModel(Learnt(), size=SIZE, mean=(0, 0, 0), std=(1, 1, 1), name="learnt")


@pytest.fixture(scope="module")
def result(faces: FaceDictionary, model: FaceModel) -> Dissection:
    return dissect(faces, model, layers=["conv"], settings=HERE)


@pytest.fixture(scope="module")
def found(faces: FaceDictionary, model: FaceModel, result: Dissection) -> Baseline:
    return baseline(faces, model, result, seeds=2, permutations=40)


def row(found: Baseline, measure: str) -> dict[str, Any]:
    (only,) = found.table[found.table["measure"] == measure].to_dict("records")
    return {str(key): value for key, value in only.items()}


def test_what_was_learnt_is_beyond_random_weights(found: Baseline) -> None:
    assert list(found.table.columns) == list(COLUMNS)
    for measure in ("interpretable", "supported"):
        told = row(found, measure)
        assert (told["units"], told["observed"]) == (UNITS, UNITS)
        assert told["random_weights"] <= UNITS - 6
        assert told["excess"] == pytest.approx(told["observed"] - told["random_weights"])
        assert 0 < told["low"] < told["excess"] <= told["high"]
    assert row(found, "interpretable")["permuted"] == 0, (
        "patches lie anywhere, so exchanged masks are covered by nobody"
    )
    biased = row(found, "biased_gender")
    assert biased["observed"] == UNITS
    # All units are the same here, so that a permutation biases all or none: the mean alone would not tell.
    assert 0 < biased["permuted"] < UNITS / 2
    assert (biased["permuted_low"], biased["permuted_high"]) == (0, UNITS)
    assert biased["p"] == pytest.approx((1 + biased["permuted"] * 40 / UNITS) / 41)
    assert np.isnan(row(found, "supported_gender")["permuted"])
    assert len(found.drawn) == 2
    assert "learnt has random weights of seed 1 (2 tensors drawn as its layers do)" in found.drawn[1]


def test_random_weights_are_counted_as_a_run_of_them(
    faces: FaceDictionary, model: FaceModel, result: Dissection, found: Baseline
) -> None:
    from facedissect.model.reinitialised import reinitialised

    alone = replace(HERE, replicates=20)
    runs = [dissect(faces, reinitialised(model, seed), layers=["conv"], settings=alone) for seed in (0, 1)]
    for measure in ("interpretable", "supported"):
        assert row(found, measure)["random_weights"] == np.mean([run.units[measure].sum() for run in runs])
    named = np.mean([(run.units["biased_gender"] != "").sum() for run in runs])
    assert row(found, "biased_gender")["random_weights"] == named
    assert row(found, "biased_gender")["observed"] == (result.units["biased_gender"] != "").sum()
    red = np.concatenate([run.concepts["iou"].fillna(0) for run in runs])
    assert len(red) == 2 * UNITS
    assert found.labels["random_mean"].to_numpy() == pytest.approx(red.mean())
    assert (found.labels["random_units"] == 2 * UNITS).all()


def test_labels_are_those_of_the_units(result: Dissection, found: Baseline) -> None:
    labels, units = found.labels, result.units
    assert tuple(labels.columns) == LABEL_COLUMNS
    pd.testing.assert_frame_equal(
        labels[["layer", "unit", "concept", "iou"]], units[["layer", "unit", "concept", "iou"]]
    )
    np.testing.assert_array_equal(labels["excess"], labels["iou"] - labels["random_mean"])
    assert len(labels) == UNITS
    np.testing.assert_array_equal(labels["q"], false_discovery_control(labels["p"]))
    np.testing.assert_array_equal(labels["beyond_random"], units["interpretable"] & (labels["q"] < 0.05))


@pytest.fixture(scope="module")
def of_planted() -> tuple[Dissection, Baseline]:
    """A network whose maps are the masks of a concept each, but for one unit that never fires."""
    faces, masks = planted_faces()
    maps = torch.from_numpy(masks.astype(np.float32))
    maps[:, 5] = 0
    model = FaceModel(Taught(maps), size=PLANTED_SIZE, mean=(0, 0, 0), std=(1, 1, 1), name="taught")
    result = dissect(faces, model, layers=[LAYER], settings=HERE)
    return result, baseline(faces, model, result, permutations=2)


def test_what_was_planted_is_beyond_random_weights_label_by_label(of_planted: tuple[Dissection, Baseline]) -> None:
    result, found = of_planted
    labels = found.labels
    units = result.units.drop(5)
    assert labels["unit"].tolist() == units["unit"].tolist()
    assert labels["concept"].tolist() == units["concept"].tolist()
    assert labels["beyond_random"].all()
    assert (labels["random_units"] == 38).all()
    assert (labels["p"] == 1 / 39).all()
    assert labels["q"].to_numpy() == pytest.approx(38 / 37 / 39), "the unit without a label is one of the tests"
    assert (labels["random_mean"] < 0.02).all()
    assert found.sentences_of_labels[-1] == (
        f"maps: 37 of 37 labels are interpretable and beyond those of units with random weights (q < 0.05); their IoU is "
        f"{labels['excess'].median():.3f} above the mean of random units for the same concept, in the median."
    )


def test_labels_say_what_they_can(of_planted: tuple[Dissection, Baseline]) -> None:
    _, found = of_planted
    assert "37 of 37 labels" in found.sentences_of_labels[-1]
    few = replace(found, labels=found.labels.iloc[:19])  # 38 / 19 / 39 is more than 0.05, 38 / 20 / 39 less
    assert few.sentences_of_labels[-1] == (
        "maps: no label can have a q below 0.05 (least possible 0.051), as 38 units with random weights are too few to compare "
        "with; dissect more of them with --seeds."
    )
    assert "20 of 20 labels" in replace(found, labels=found.labels.iloc[:20]).sentences_of_labels[-1]
    none = replace(found, labels=found.labels.assign(beyond_random=False))
    assert none.sentences_of_labels[-1] == (
        "maps: 0 of 37 labels are interpretable and beyond those of units with random weights (q < 0.05)."
    )


def test_a_layer_without_maps_has_no_labels(faces: FaceDictionary) -> None:
    torch.manual_seed(3)
    network = nn.Sequential(Learnt(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(UNITS, 4))
    model = FaceModel(network, size=SIZE, mean=(0, 0, 0), std=(1, 1, 1))
    both = baseline(faces, model, dissect(faces, model, layers=["3", "0.conv"], settings=HERE), seeds=2, permutations=2)
    assert set(both.table["layer"]) == {"3", "0.conv"}
    assert both.labels["layer"].tolist() == ["0.conv"] * UNITS
    (told,) = [sentence for sentence in both.sentences_of_labels if "labels are" in sentence]
    assert told.startswith("0.conv: ")


def test_a_network_compared_with_itself_at_random_shows_nothing(faces: FaceDictionary) -> None:
    torch.manual_seed(9)
    module = Learnt()
    module.conv.reset_parameters()
    untrained = FaceModel(module, size=SIZE, mean=(0, 0, 0), std=(1, 1, 1))
    told = baseline(faces, untrained, dissect(faces, untrained, layers=["conv"], settings=HERE), seeds=3)
    assert row(told, "interpretable")["low"] < 0 < row(told, "interpretable")["high"]
    assert not told.labels.empty
    assert not told.labels["beyond_random"].any()


def by_hand(highest: np.ndarray, lowest: np.ndarray, labels: np.ndarray, groups: int, cutoff: float) -> int:
    """Units biased by the published rule, one by one (docs/method.md, 3)."""
    within, count = labels >= 0, 0
    for unit in range(highest.shape[1]):
        peaks = highest[within, unit].astype(float)
        low, high = float(lowest[within, unit].min()), float(peaks.max())
        if low == high:
            continue
        weighted = rankdata(peaks) / len(peaks) * (peaks - low) / (high - low)
        scores = np.array([weighted[labels[within] == group].mean() for group in range(groups)])
        count += bool((scores / scores.sum() >= cutoff).any())
    return count


@pytest.mark.parametrize(("concept", "cutoff"), [(GENDER, 0.55), (AGE, 0.30)])
def test_permuted_labels_are_counted_as_by_hand(concept: GlobalConcept, cutoff: float, monkeypatch: Any) -> None:
    rng, groups = np.random.default_rng(3), len(concept.subgroups)
    highest = rng.gamma(0.3, 1, (50, 30)).astype(np.float32)
    highest[:, 3] = 0
    lowest = np.zeros_like(highest)
    labels = rng.integers(-1, groups, 50)
    peaks = Peaks(faces=tuple(map(str, range(50))), highest=highest, lowest=lowest)
    told = permuted_counts(peaks, concept, labels, 25, 11)
    again, known = np.random.default_rng(11), labels >= 0
    for count in told:
        shuffled = labels.copy()
        shuffled[known] = again.permutation(labels[known])
        assert count == by_hand(highest, lowest, shuffled, groups, cutoff)
    assert 0 < told.mean() < 30
    monkeypatch.setitem(permuted_counts.__globals__, "_VALUES", 7 * groups * 50)
    np.testing.assert_array_equal(permuted_counts(peaks, concept, labels, 25, 11), told)


def test_labels_that_all_are_the_same_cannot_be_permuted() -> None:
    peaks = Peaks(faces=("a", "b"), highest=np.ones((2, 1), np.float32), lowest=np.zeros((2, 1), np.float32))
    assert np.isnan(permuted_counts(peaks, GENDER, np.zeros(2, int), 5, 0)).all()


def test_of_labels_that_say_nothing_as_many_are_biased_as_permuted(array_source: Any) -> None:
    """The p-value is uniform, so it is rarely small, though all units depend on each other."""
    rng, small = np.random.default_rng(5), 0
    for _ in range(60):
        common = rng.gamma(0.5, 1, (40, 1))
        highest = (common + 0.3 * rng.gamma(0.5, 1, (40, 20))).astype(np.float32)
        peaks = Peaks(faces=tuple(map(str, range(40))), highest=highest, lowest=np.zeros_like(highest))
        labels = rng.permutation(np.arange(40) % 2)
        chance = permuted_counts(peaks, GENDER, labels, 39, 0)
        observed = by_hand(highest, np.zeros_like(highest), labels, 2, 0.55)
        small += (1 + (chance >= observed).sum()) / 40 <= 0.1
    assert small <= 13  # of 60, 6 are expected; more than 13 happen once in 300


def test_without_tests_of_labels_there_are_no_supported_ones(faces: FaceDictionary, model: FaceModel) -> None:
    bare = dissect(faces, model, layers=["conv"], settings=replace(HERE, replicates=0))
    told = baseline(faces, model, bare, permutations=5)
    assert "supported" not in set(told.table["measure"])
    assert np.isnan(row(told, "interpretable")["permuted"])


def test_a_baseline_comes_back_as_it_was_saved(result: Dissection, found: Baseline, tmp_path: Path) -> None:
    assert load_baseline(tmp_path) is None
    with pytest.raises(OutputError, match="expected the folder of the run that the baseline is of"):
        save_baseline(found, tmp_path)
    save(result, tmp_path)
    assert save_baseline(found, tmp_path) == (tmp_path / "baseline.parquet", tmp_path / "baseline_labels.parquet")
    again = load_baseline(tmp_path)
    assert again == found
    assert again is not None
    pd.testing.assert_frame_equal(again.table, found.table)
    pd.testing.assert_frame_equal(again.labels, found.labels)
    assert (again.sentences, again.sentences_of_labels) == (found.sentences, found.sentences_of_labels)
    header = json.loads((tmp_path / "dissection.json").read_text())
    header["provenance"]["created"] = "later"
    (tmp_path / "dissection.json").write_text(json.dumps(header))
    assert load_baseline(tmp_path) is None, "the folder holds another run by now"
    for text, message in (
        ('{"format": 1}', "expected a baseline of format 2, got 1 .*; run `facedissect baseline` again"),
        ("{", "expected a complete baseline, got a damaged one"),
    ):
        (tmp_path / "baseline.json").write_text(text)
        with pytest.raises(OutputError, match=message):
            load_baseline(tmp_path)


def test_a_baseline_is_complete_or_absent(
    result: Dissection, found: Baseline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(result, tmp_path)
    save_baseline(found, tmp_path)
    (tmp_path / "baseline_labels.parquet").write_bytes(b"PAR1")
    with pytest.raises(OutputError, match="expected a complete baseline, got a damaged one"):
        load_baseline(tmp_path)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(found.labels, "to_parquet", full)
        with pytest.raises(OutputError, match=r"expected to write .*baseline_labels.parquet, got: No space left"):
            save_baseline(found, tmp_path)
    assert load_baseline(tmp_path) is None
    (tmp_path / "baseline_labels.parquet").unlink()
    save_baseline(found, tmp_path)
    assert load_baseline(tmp_path) == found


def test_bad_input_is_told_in_one_line(faces: FaceDictionary, model: FaceModel, result: Dissection) -> None:
    other = FaceModel(nn.Sequential(nn.Conv2d(3, 2, 1)), size=SIZE)
    fewer = replace(faces, faces=faces.faces[1:])
    for call, message in (
        (lambda: baseline(faces, model, result, seeds=0), "expected seeds to be at least 1, got 0"),
        (lambda: baseline(faces, model, result, permutations=0), "expected permutations to be at least 1, got 0"),
        (lambda: baseline(faces, other, result), "expected the network of the result, .*Learnt with digest"),
        (lambda: baseline(fewer, model, result), "expected the dictionary of the result, planted with digest"),
    ):
        with pytest.raises(FacedissectError, match=message):
            call()


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "smile"
    settings = replace(HERE, min_subgroup=5)
    save(
        dissect(open_dictionary("demo", count=40), load_model("demo:smile"), layers=["block5.relu"], settings=settings),
        folder,
    )
    return folder


@pytest.fixture
def shell(
    typed: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run_folder: Path
) -> Callable[[str], tuple[int, str, str]]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    shutil.copytree(run_folder, tmp_path / "smile")
    return lambda line: typed("baseline", *line.split())


def test_the_command_counts_tells_and_keeps_a_table(
    shell: Callable[..., Any], typed: Callable[..., Any], tmp_path: Path
) -> None:
    status, out, err = shell("smile --permutations 10 --workers 0")
    assert status == 0, err
    kept = load_baseline(tmp_path / "smile")
    assert kept is not None
    assert kept.permutations == 10
    units = load(tmp_path / "smile").units
    told = row(kept, "interpretable")
    assert told["observed"] == units["interpretable"].sum() > told["random_weights"]
    assert f"block5.relu: {told['observed']} of 160 units are interpretable" in out
    assert "smile has random weights of seed 0" in out
    beyond, labels = kept.labels["beyond_random"].sum(), units["concept"].notna().sum()
    assert f"block5.relu: {beyond} of {labels} labels are interpretable and beyond those of units with random" in out
    assert (
        "tables: smile/baseline.parquet, smile/baseline_labels.parquet; `facedissect report smile` puts the counts"
        in out
    )
    assert "random weights: peaks: 40 of 40 faces" in err
    (line,) = baseline_wording.in_short(kept).splitlines()
    assert (
        f"{told['observed']} of 160\u00a0units of block5.relu are interpretable, {told['random_weights']:.4g} with random"
        in line
    )
    assert " ".join(
        f"{line}; table: baseline.parquet; `facedissect report` puts it into the reports.".split()
    ) in " ".join(typed("show", "smile")[1].split())


def test_the_report_shows_what_the_command_left(
    shell: Callable[..., Any], typed: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    def summary() -> str:
        status, _, err = typed("report", "smile", "--html", "smile/report.html")
        assert status == 0, err
        return (tmp_path / "smile" / "report.html").read_text(encoding="utf-8")

    assert baseline_wording.HINT in summary()
    assert shell("smile --permutations 3 --workers 0")[0] == 0
    page = summary()
    assert f">{baseline_wording.TITLE}</h2>" in page
    assert baseline_wording.HINT not in page


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nowhere", "expected the folder of a finished run"),
        ("smile --model demo:age", "expected the network of the run, demo:smile with digest"),
        ("smile --dictionary demo:count=41", "expected the dictionary of the run, demo:count=40,seed=0,size=128"),
    ],
)
def test_what_does_not_fit_is_one_line_and_no_table(
    shell: Callable[..., Any], tmp_path: Path, line: str, message: str
) -> None:
    status, out, err = shell(line)
    assert status == 1
    assert message in err
    assert err.count("\n") == 1
    assert out == ""
    assert not list(tmp_path.rglob("baseline.*"))
