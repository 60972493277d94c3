"""Every check passes on an installation that works, and fails where what it checks is broken; what the command says of both."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from facedissect import bias, dissection, effects, significance, stability, tally, thresholds, validation
from facedissect import validation_command as command
from facedissect.errors import OutputError
from facedissect.kernels.compile import in_threads
from facedissect.validation import CHECKS, Check, check, exact_checks, statistical_checks, validate
from facedissect.validation.planted import planted_faces

Progress = list[tuple[str, int, int]]
Shell = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def ran() -> tuple[tuple[Check, ...], Progress]:
    """One run of all checks, and the progress that was told."""
    told: Progress = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.cuda, "is_available", lambda: False)
        return validate(lambda *step: told.append(step)), told


@pytest.fixture
def shell(typed: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """What `facedissect validate` says, where there is no CUDA device."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    return lambda *arguments: typed("validate", *arguments)


def shown(monkeypatch: pytest.MonkeyPatch, *checks: validation.PlannedCheck) -> None:
    """Only these checks are run."""
    monkeypatch.setattr(validation, "CHECKS", checks)


@pytest.mark.parametrize("place", range(len(CHECKS)), ids=[planned.name for planned in CHECKS])
def test_every_check_passes_here(ran: tuple[tuple[Check, ...], Progress], place: int) -> None:
    found = ran[0][place]
    assert found.passed, found
    assert found.name == CHECKS[place].name
    assert found.expected == CHECKS[place].expected
    assert found.seconds > 0


def test_all_is_done_within_a_minute_and_progress_is_told(ran: tuple[tuple[Check, ...], Progress]) -> None:
    found, told = ran
    assert sum(check.seconds for check in found) < 60
    assert told == [(planned.name, place, len(CHECKS)) for place, planned in enumerate(CHECKS)]


def test_a_device_gives_what_the_cpu_gives() -> None:
    found = exact_checks.devices_agree("cpu")()
    assert found.passed, found
    assert found.found == "the same: 96 units and 384 pairs of a unit and a concept"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_cuda_gives_what_the_cpu_gives() -> None:
    assert [planned.name for planned in validation.planned()][-1] == "cuda like the CPU"
    found = exact_checks.devices_agree("cuda")()
    assert found.passed, found


# How each thing is broken, what then fails, and what is said.


def wrong_iou(patch: pytest.MonkeyPatch) -> None:
    real = tally.Tally.iou
    patch.setattr(tally.Tally, "iou", lambda *arguments: real(*arguments) * 0.99)


def wrong_label(patch: pytest.MonkeyPatch) -> None:
    from facedissect import hierarchy

    real = hierarchy.best_concepts
    patch.setattr(hierarchy, "best_concepts", lambda iou: np.roll(real(iou), 1))


def wrong_kernel(patch: pytest.MonkeyPatch) -> None:
    real = tally.kernels.add_up

    def lost(thread: int, threads: int, units: Any, images: Any, area: Any, *others: Any) -> None:
        """One pixel too many in the last pair."""
        more = area.copy()
        more[-1] += 1
        real(thread, threads, units, images, more, *others)

    patch.setattr(tally.kernels, "add_up", lost)


def wrong_quantile(patch: pytest.MonkeyPatch) -> None:
    real = thresholds.virtual_index
    patch.setattr(thresholds, "virtual_index", lambda *arguments: max(real(*arguments) - 1, 0))


def wrong_placements(patch: pytest.MonkeyPatch) -> None:
    real = exact_checks.RankedPeaks.placements

    def moved(*arguments: Any) -> Any:
        placed = real(*arguments)
        return replace(placed, placements=placed.placements + 0.5)

    patch.setattr(exact_checks.RankedPeaks, "placements", moved)


def other_draws(patch: pytest.MonkeyPatch) -> None:
    real, draws = dissection.weights, iter(range(100))
    patch.setattr(dissection, "weights", lambda faces, replicates, _seed: real(faces, replicates, next(draws)))


def chance(factor: Callable[[np.ndarray], np.ndarray]) -> Callable[[pytest.MonkeyPatch], None]:
    """P-values of labels are changed."""

    def broken(patch: pytest.MonkeyPatch) -> None:
        def called(kernel: Any, *arguments: Any) -> None:
            in_threads(kernel, *arguments)
            arguments[-1][:] = factor(arguments[-1])

        patch.setattr(significance, "in_threads", called)

    return broken


def cubed_p(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(statistical_checks, "SEEDS", 4)  # enough to see it
    chance(lambda p: p**3)(patch)


def halved_p(patch: pytest.MonkeyPatch) -> None:
    real = effects._two_sided
    patch.setattr(effects, "_two_sided", lambda z, skewness: real(z, skewness) / 2)


def narrow_delta(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(effects, "LEVEL", 0.85)


def narrow_iou(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(stability, "CONFIDENCE", 0.85)


def unadjusted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(bias, "confounders", lambda *_: ())


STATISTICAL, EXACT = statistical_checks, exact_checks
BROKEN = {
    "IoUs too small": (wrong_iou, EXACT.planted_network, "lowest IoU 0.99"),
    "labels of other units": (wrong_label, EXACT.planted_network, "0 of 38 labels as planted"),
    "a kernel that miscounts": (wrong_kernel, EXACT.compiled_loops, "of 1,792 integers of the tally"),
    "a quantile one place off": (wrong_quantile, EXACT.compiled_loops, "of 24 thresholds"),
    "placements half a place off": (wrong_placements, EXACT.compiled_loops, "not the same: 16 of 16 placements"),
    "chance that is not seeded": (other_draws, EXACT.same_run_twice, "files with other bytes: 0/concepts.parquet"),
    "p-values too small": (cubed_p, STATISTICAL.label_p_values, "uniform in 0 of 4 seeds"),
    "p-values of bias halved": (halved_p, STATISTICAL.bias_p_values, "uniform in 0 of 20 seeds, adjusted in 0"),
    "narrow intervals of IoUs": (narrow_iou, STATISTICAL.iou_intervals, "of 900 intervals"),
    "narrow intervals of delta": (narrow_delta, STATISTICAL.delta_intervals, "of 1,500 intervals"),
    "every p-value tiny": (chance(lambda p: p * 0), STATISTICAL.fixed_units, "40 of 40 labelled, 40 supported"),
    "every p-value 1": (chance(lambda p: p * 0 + 1), STATISTICAL.following_units, "what they follow, 0 supported"),
    "nothing adjusted": (unadjusted, STATISTICAL.confounded_dictionary, "40 supported; by age: 40 supported"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_check_fails_where_what_it_checks_is_broken(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    broken, planned, said = BROKEN[name]
    broken(monkeypatch)
    found = planned()
    assert not found.passed, found
    assert said in found.found
    assert "stopped by" not in found.found


def test_every_check_can_fail() -> None:
    assert {id(planned) for _, planned, _ in BROKEN.values()} == {id(planned) for planned in CHECKS}


def test_a_device_that_counts_otherwise_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    real, runs = tally.Tally.iou, iter(range(100))
    monkeypatch.setattr(tally.Tally, "iou", lambda *arguments: real(*arguments) * (1 - 0.01 * next(runs)))
    found = exact_checks.devices_agree("cpu")()
    assert not found.passed
    assert found.found.startswith("other numbers in: units, concepts")


def test_an_error_is_a_check_that_failed_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    @check.check("broken", expected="no error")
    def broken() -> tuple[bool, str]:
        raise OutputError("expected [room], got none")

    shown(monkeypatch, broken, STATISTICAL.delta_intervals)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    first, second = validate()
    assert (first.passed, first.found, first.expected) == (
        False,
        "stopped by OutputError: expected [room], got none",
        "no error",
    )
    assert second.passed


def test_sources_can_be_pickled_for_workers_that_read() -> None:
    faces, masks = planted_faces(3)
    again = pickle.loads(pickle.dumps(faces))  # noqa: S301
    for face, before in zip(again, faces, strict=True):
        assert face.source.fingerprint() == before.source.fingerprint()
        (name,) = face.concepts
        np.testing.assert_array_equal(face.mask(name), before.mask(name))
    assert masks.sum() == 3 * 20


def test_the_command_tells_what_was_found_against_what_was_expected(
    ran: tuple[tuple[Check, ...], Progress], shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "validate", lambda _progress: ran[0])
    status, out, _ = shell()
    assert status == 0
    lines = out.splitlines()
    for name in ("facedissect", "torch", "numpy", "scipy", "numba"):
        assert f"{name} " in lines[0]
    for found in ran[0]:
        (line,) = [line for line in lines if line.startswith(f"{found.name}  ")]
        for text in ("passed", found.found, found.expected, f"{found.seconds:.1f}"):
            assert text in line
    assert "no CUDA device: whether one gives the numbers of the CPU was not checked" in lines
    assert lines[-1].startswith("all 10 checks passed in ")


def test_a_wrong_formula_ends_with_status_1_and_says_which_check_failed(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown(monkeypatch, EXACT.compiled_loops, STATISTICAL.delta_intervals, STATISTICAL.bias_p_values)
    halved_p(monkeypatch)
    status, out, err = shell()
    assert status == 1
    (line,) = [line for line in out.splitlines() if line.startswith("p-values of bias ")]
    assert "failed  uniform in 0 of 20 seeds, adjusted in 0;" in line
    assert "uniform in at least 19 of 20 seeds" in line
    assert "1 of 3 checks failed: p-values of bias. Do not rely on the results of this installation" in out
    assert "check 3 of 3: p-values of bias" in err


def test_a_wrong_kernel_ends_with_status_1(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shown(monkeypatch, EXACT.compiled_loops, STATISTICAL.delta_intervals)
    wrong_kernel(monkeypatch)
    status, out, _ = shell()
    assert status == 1
    assert "1 of 2 checks failed: compiled loops." in out


@pytest.fixture
def no_room(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> str:
    """There is no folder for temporary files."""
    gone = tmp_path_factory.mktemp("gone") / "tmp"
    monkeypatch.setattr(tempfile, "tempdir", str(gone))
    return str(gone)


def test_an_environment_without_room_is_told(no_room: str, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shown(monkeypatch, EXACT.same_run_twice, STATISTICAL.delta_intervals)
    status, out, _ = shell()
    assert status == 1
    assert "stopped by FileNotFoundError" in out
    assert "1 of 2 checks failed: same run twice." in out


def test_a_cuda_device_that_does_not_work_is_told(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shown(monkeypatch, STATISTICAL.delta_intervals)

    def broken() -> tuple[bool, str]:
        raise RuntimeError("CUDA error: no kernel image is available")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a GPU")
    planned = check.PlannedCheck(name="cuda like the CPU", expected="the same", find=broken)
    monkeypatch.setattr(exact_checks, "devices_agree", lambda _device: planned)
    status, out, _ = shell()
    assert status == 1
    assert "a GPU" in out.splitlines()[0]
    assert "stopped by RuntimeError: CUDA error: no kernel image is available" in out
    assert "was not checked" not in out


def test_help_teaches(shell: Shell) -> None:
    status, out, _ = shell("--help")
    assert status == 0
    for planned in (EXACT.planted_network, EXACT.compiled_loops, STATISTICAL.confounded_dictionary):
        assert planned.name in out
    assert "exit status" in out
