"""Metrics of tasks against plain rewrites, outputs of every shape, and one clear line for what does not fit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from facedissect.concepts import FACE_DICTIONARY
from facedissect.dictionary.faces import Face
from facedissect.errors import DictionaryError, FacedissectError, SettingsError
from facedissect.tasks import (
    Classification,
    Regression,
    Task,
    UserTask,
    Verification,
    known_task,
    read_answers,
    target_labels,
    user_function,
)

COUNT = 40
RNG = np.random.default_rng(0)


def face(number: int) -> Face:
    return Face(
        id=f"{number:03}",
        source=None,  # type: ignore[arg-type] - no picture is asked for
        concepts=("Smiling",) if number % 3 == 0 else (),
        kinds=frozenset({"attribute"} if number % 5 else ()),
        subgroups={"gender": "Female" if number % 2 else "Male"} if number % 7 else {},
        labels={"years": 20.0 + number, "Hat": number % 4 == 0} if number != 1 else {},
        identity=str(number // 4) if number < 36 else None,
    )


FACES = tuple(face(number) for number in range(COUNT))
ONCE = np.ones((1, COUNT), np.int64)


def value(
    task: Task, answers: np.ndarray, counts: np.ndarray | None = None, faces: Sequence[Face] = FACES
) -> np.ndarray:
    """The metric over the faces whose target is known."""
    known = task.known(FACE_DICTIONARY, faces)
    measure = task.measure(FACE_DICTIONARY, [one for one, keep in zip(faces, known, strict=True) if keep])
    rows = np.ones((1, len(faces)), np.int64) if counts is None else counts
    return measure(answers[known].astype(np.float32), rows[:, known])


def resampled(count: int, rows: int = 5) -> np.ndarray:
    return RNG.multinomial(count, np.full(count, 1 / count), size=rows).astype(np.int64)


def test_a_local_concept_is_right_above_zero_and_unknown_faces_are_left_out() -> None:
    answers = RNG.normal(size=(COUNT, 1))
    known = [n for n in range(COUNT) if n % 5 or n % 3 == 0]
    right = [(answers[n, 0] > 0) == (n % 3 == 0) for n in known]
    task = Classification(target="Smiling")
    assert np.flatnonzero(task.known(FACE_DICTIONARY, FACES)).tolist() == known
    assert value(task, answers)[0] == pytest.approx(np.mean(right))
    two = np.concatenate([-answers, answers], 1)
    assert value(task, two)[0] == pytest.approx(np.mean(right))


def test_a_subgroup_is_right_by_what_is_positive_or_by_the_highest_output() -> None:
    answers = RNG.normal(size=(COUNT, 1))
    known = [n for n in range(COUNT) if n % 7]
    female = [(answers[n, 0] > 0) == (n % 2 == 1) for n in known]
    assert value(Classification(target="gender", positive="Female"), answers)[0] == pytest.approx(np.mean(female))
    assert value(Classification(target="gender", positive="Male"), answers)[0] == pytest.approx(1 - np.mean(female))
    two = np.concatenate([answers, -answers], 1)  # Male, Female, as in the vocabulary
    assert value(Classification(target="gender"), two)[0] == pytest.approx(1 - np.mean(female))
    turned = Classification(target="gender", classes=("Female", "Male"))
    assert value(turned, two)[0] == pytest.approx(np.mean(female))
    only = Classification(target="gender", classes=("Female",))
    assert only.known(FACE_DICTIONARY, FACES).sum() == sum(n % 2 == 1 and n % 7 != 0 for n in range(COUNT))


def test_a_label_that_is_true_or_false_is_a_target_too() -> None:
    labels = target_labels(FACE_DICTIONARY, FACES, "Hat")
    assert labels == [None if n == 1 else n % 4 == 0 for n in range(COUNT)]


def test_regression_is_the_mean_absolute_error_of_faces_with_the_number() -> None:
    answers = RNG.normal(size=(COUNT, 1)) + 30
    error = np.abs(answers[:, 0] - np.arange(20, 20 + COUNT))
    error = np.delete(error, 1)
    task = Regression(target="years")
    assert value(task, answers)[0] == pytest.approx(error.mean(), rel=1e-6)
    assert not task.higher_is_better
    counts = resampled(COUNT)
    kept = np.delete(counts, 1, axis=1)
    np.testing.assert_allclose(value(task, answers, counts), (kept * error).sum(1) / kept.sum(1), rtol=1e-6)


def pairs(task: Verification) -> tuple[np.ndarray, np.ndarray]:
    measure: Any = task.measure(FACE_DICTIONARY, FACES[:36])
    return measure.pairs, measure.same


@pytest.mark.parametrize("rounded", [False, True])
def test_verification_is_the_accuracy_at_the_best_threshold_or_the_area_under_the_curve(rounded: bool) -> None:
    embedding = RNG.normal(size=(COUNT, 3)) + 2 * np.eye(3)[np.arange(COUNT) // 4 % 3]
    if rounded:  # many equal cosines
        embedding = np.sign(embedding)
    chosen, same = pairs(Verification())
    assert same.sum() == (~same).sum() == 9 * 6
    people = np.arange(36) // 4
    np.testing.assert_array_equal(people[chosen[:, 0]] == people[chosen[:, 1]], same)
    assert len({tuple(sorted(pair)) for pair in chosen.tolist()}) == len(chosen)
    unit = (embedding / np.linalg.norm(embedding, axis=1, keepdims=True)).astype(np.float32)
    counts = np.concatenate([ONCE, resampled(COUNT), (np.arange(COUNT) % 2 == 0)[None].astype(np.int64)])
    accuracy, auc = (value(Verification(metric=metric), embedding, counts) for metric in ("accuracy", "auc"))
    cosine = (unit[chosen[:, 0]] * unit[chosen[:, 1]]).sum(1)
    for row, got, area in zip(counts, accuracy, auc, strict=True):
        weights = row[chosen[:, 0]] * row[chosen[:, 1]]
        best = max(
            balanced_accuracy_score(same, cosine > threshold, sample_weight=weights) for threshold in [-2, *cosine]
        )
        assert got == pytest.approx(best, abs=1e-6)
        assert area == pytest.approx(roc_auc_score(same, cosine, sample_weight=weights), abs=1e-6)


def test_pairs_are_drawn_by_the_seed() -> None:
    few = Verification(pairs=20)
    chosen, same = pairs(few)
    assert same.sum() == (~same).sum() == 20
    np.testing.assert_array_equal(chosen, pairs(few)[0])
    assert not np.array_equal(chosen, pairs(replace(few, seed=1))[0])


def test_a_subgroup_without_faces_is_not_a_number() -> None:
    nobody = np.zeros((1, COUNT), np.int64)
    for task in (
        Classification(target="Smiling"),
        Regression(target="years"),
        UserTask(function=lambda _answers, _faces: 1.0),
    ):
        assert np.isnan(value(task, np.zeros((COUNT, 1)), nobody)[0])
    assert np.isnan(value(Verification(), RNG.normal(size=(COUNT, 4)), nobody)[0])


def test_a_function_of_the_user_gets_answers_and_faces_in_one_order() -> None:
    def total(answers: np.ndarray, faces: Sequence[Face]) -> float:
        return float(sum(answer[0] * int(one.id) for answer, one in zip(answers, faces, strict=True)))

    counts = np.array([[1] * COUNT, [2, 0, 3] + [0] * (COUNT - 3)])
    answers = np.arange(COUNT, dtype=float)[:, None]
    task = UserTask(function=total)
    assert value(task, answers, counts).tolist() == [sum(n * n for n in range(COUNT)), 3 * 2 * 2]
    assert task.metric == "total"


def test_embedded_networks_have_known_tasks() -> None:
    assert known_task("demo:smile") == Classification(target="Smiling")
    assert known_task("demo:identity") == Verification()
    assert known_task("demo:age") == Regression(target="age")
    assert known_task("timm:vit") is None


TWO = {"logits": torch.arange(8.0).view(4, 2), "aux": (torch.ones(4, 3), torch.zeros(2, 9))}


@pytest.mark.parametrize(
    ("output", "which", "expected"),
    [
        (torch.arange(4.0), None, [[0], [1], [2], [3]]),
        (torch.arange(8.0).view(4, 2), "1", [[1], [3], [5], [7]]),
        (torch.arange(8.0).view(4, 2, 1, 1).half(), None, [[0, 1], [2, 3], [4, 5], [6, 7]]),
        ({"logits": torch.arange(8.0).view(4, 2), "ids": torch.arange(4)}, "0", [[0], [2], [4], [6]]),
        (TWO, "logits", [[0, 1], [2, 3], [4, 5], [6, 7]]),
        (TWO, "logits[1]", [[1], [3], [5], [7]]),
        (TWO, "aux[0][2]", [[1], [1], [1], [1]]),
        ((torch.ones(4, 1), torch.arange(8.0).view(4, 2)), "1[0]", [[0], [2], [4], [6]]),
    ],
)  # fmt: skip
def test_answers_are_read_from_outputs_of_every_shape(
    output: Any, which: str | None, expected: list[list[float]]
) -> None:
    got = read_answers(output, 4, which)
    assert got.dtype == np.float32
    assert got.tolist() == expected


@pytest.mark.parametrize(
    ("output", "which", "message"),
    [
        (TWO, None, r"expected which output of the network answers \(logits, aux\[0\]\), got None; name one"),
        (TWO, "other", r"expected which output .* got 'other'"),
        (
            TWO,
            "logits[7]",
            r"expected an output of the network from 0 to 1 or one of logits, aux\[0\], got 'logits\[7\]'",
        ),
        (torch.ones(4, 2), "x", "expected an output of the network from 0 to 1, got 'x'"),
        ([torch.ones(3, 2)], None, r"\(it has none of real numbers\)"),
    ],
)
def test_an_output_that_is_not_there_is_told(output: Any, which: str | None, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        read_answers(output, 4, which)


BAD: list[tuple[Task, int, str]] = [
    (Classification(target="Smilin"), 1, "a global concept or a label that is true or false, got 'Smilin'; nearest: Smiling"),
    (Classification(target="age"), 1, "expected faces of which age is known, got none of 40"),
    (Classification(target="gender"), 1, "expected what an output above 0 means, one of Male, Female, got nothing"),
    (Classification(target="gender", positive="female"), 1, r"expected a class of gender \(Male, Female\), got 'female'"),
    (Classification(target="gender", classes=("Female", "x")), 1, r"expected a class of gender \(Male, Female\), got 'x'"),
    (Classification(target="gender"), 3, "expected 2 outputs, one for each of Male, Female, got 3; name a single output"),
    (Regression(target="age"), 1, "expected faces with a number labelled 'age', got none; numbers that they have: years"),
    (Regression(target="years"), 2, "expected one output to compare with a number, got 2; name one by output"),
    (UserTask(function=lambda _answers, _faces: 1 / 0, name="odd"), 1, "expected odd to give a number for .* 40 x 1 .* Zero"),
]  # fmt: skip


@pytest.mark.parametrize(("task", "outputs", "message"), BAD)
def test_a_task_that_does_not_fit_is_told_in_one_line(task: Task, outputs: int, message: str) -> None:
    with pytest.raises(FacedissectError, match=message) as told:
        value(task, np.zeros((COUNT, outputs)))
    assert "\n" not in str(told.value)


def test_verification_needs_people_seen_twice() -> None:
    with pytest.raises(
        DictionaryError, match="expected several faces of the same person and of others, got 0 faces of 0"
    ):
        Verification().known(FACE_DICTIONARY, FACES[36:])
    with pytest.raises(SettingsError, match="accuracy or auc, got 'f1'"):
        Verification(metric="f1")  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="at least 1 pair, got 0"):
        Verification(pairs=0)


def test_a_function_is_found_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "mine.py"
    file.write_text("def share(answers, faces):\n    return float((answers > 0).mean())\n")
    assert user_function(f"{file}:share")(np.array([[1], [-1]]), []) == 0.5
    (tmp_path / "broken.py").write_text("1 / 0\n")
    for spec, message in (
        ("nothing", "expected classification, regression, verification or FILE.py:FUNCTION, got 'nothing'"),
        (f"{file}:shar", r"expected a function of .*mine.py, got 'shar'; it has: share"),
        (f"{tmp_path}/broken.py:f", "expected Python that can be imported from .*broken.py, got ZeroDivisionError"),
        (f"{tmp_path}/none.py:f", "expected Python that can be imported from .*none.py, got FileNotFoundError"),
    ):
        with pytest.raises(SettingsError, match=message):
            user_function(spec)
    assert not re.search("facedissect_task_broken", " ".join(__import__("sys").modules))
