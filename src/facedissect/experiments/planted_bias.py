"""The planted-bias experiment: tie a concept to a target ever more strongly, and see whether what is measured rises with it."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from importlib import metadata
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
from scipy.stats import spearmanr

from ..activations import Progress
from ..atomic import atomic
from ..demo import DRAWING
from ..dictionary.faces import Face
from ..errors import OutputError, SettingsError, nearest_names
from ..storage import check_ours, check_output
from ..workspace import Tell
from .planted_faces import (
    PROBE,
    TIES,
    TRAINING,
    PlantedFaces,
    Probe,
    check_faces,
    check_strength,
    draw_portion,
    draw_probe_portion,
    planted,
    portions,
    probe_of,
)
from .planted_network import BATCH, EPOCHS, HIGHEST_RATE
from .planted_runs import CONTROL, EXCHANGES, Trial, run_trial

STRENGTHS = (0.5, 0.7, 0.9, 1.0)
NETWORKS = "networks"
"""Folder of the networks that are finished; a stopped experiment goes on with the others."""
_STAMPED = ("facedissect", "torch", "numpy", "scipy", "pandas", "pillow")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be done.

    Attributes:
        ties: names of TIES.
        strengths: each 0.5 (the control) to 1.
        seeds: networks of each tie and strength.
        faces: a network is trained with, a multiple of 4.
        probe_faces: it is dissected and measured with, a multiple of 4.
        seed: of the faces drawn.

    Raises:
        SettingsError: a value makes no sense.
    """

    ties: tuple[str, ...] = tuple(TIES)
    strengths: tuple[float, ...] = STRENGTHS
    seeds: int = 3
    faces: int = 1600
    probe_faces: int = 800
    seed: int = 0

    def __post_init__(self) -> None:
        for tie in self.ties:
            if tie not in TIES:
                raise SettingsError(
                    f"expected a tie, one of {', '.join(TIES)}, got {tie!r}; nearest: {nearest_names(tie, TIES)}"
                )
        for strength in self.strengths:
            check_strength(strength)
        for name, values in (("ties", self.ties), ("strengths", self.strengths)):
            if not values or len(set(values)) < len(values):
                raise SettingsError(
                    f"expected different {name}, at least one, got {', '.join(map(str, values)) or 'none'}"
                )
        check_faces(self.faces, "faces")
        check_faces(self.probe_faces, "probe faces")
        for name, least in (("seeds", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise SettingsError(f"expected {name} of at least {least}, got {getattr(self, name)}")

    @property
    def trials(self) -> list[Trial]:
        """All networks; the first of every strength before the second of any, so that a stopped experiment shows something."""
        return [
            Trial(tie=TIES[tie], strength=strength, seed=seed)
            for tie in self.ties
            for seed in range(self.seeds)
            for strength in sorted(self.strengths)
        ]

    @property
    def made_by(self) -> dict[str, Any]:
        """All that has a say in the numbers of one network, besides what its name tells."""
        return {
            "faces": self.faces,
            "probe_faces": self.probe_faces,
            "seed": self.seed,
            "training": {"epochs": EPOCHS, "batch": BATCH, "highest_rate": HIGHEST_RATE},
            "exchanges": EXCHANGES,
            "drawing": DRAWING,
            "versions": {"python": platform.python_version(), **{name: metadata.version(name) for name in _STAMPED}},
        }


@dataclass(frozen=True, kw_only=True)
class TieFinding:
    """What the networks of one tie say together.

    Attributes:
        tie: its name.
        networks: how many.
        rho: Spearman's correlation of strength and measured bias over all of them; None where fewer than two strengths or
            measures differ.
        rho_bystander: the same of the concept that is tied to nothing.
        control: mean measured bias of the networks without a tie; None if there are none.
        strongest: mean measured bias at the greatest strength.
        false_alarms: share of units of the controls that are called responding though labels were exchanged at random.
        layers_with_false_alarms: share of the exchanges with any such unit.
    """

    tie: str
    networks: int
    rho: float | None
    rho_bystander: float | None
    control: float | None
    strongest: float
    false_alarms: float | None
    layers_with_false_alarms: float | None


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What the experiment found.

    Attributes:
        plan: what was done.
        runs: one row a network.
        units: one row a unit of each network.
        ties: what follows for each tie.
    """

    plan: Plan
    runs: pd.DataFrame
    units: pd.DataFrame
    ties: tuple[TieFinding, ...]


def tie_finding(tie: str, runs: pd.DataFrame) -> TieFinding:
    """Sum up the rows of one tie."""
    controls = runs[runs["strength"] == CONTROL]
    strongest = runs[runs["strength"] == runs["strength"].max()]
    alarms = {
        name: float(controls[name].mean()) if len(controls) else None
        for name in ("false_alarms", "layers_with_false_alarms")
    }
    return TieFinding(
        tie=tie,
        networks=len(runs),
        rho=_rho(runs["strength"], runs["measured_bias"]),
        rho_bystander=_rho(runs["strength"], runs["bystander_bias"]),
        control=float(controls["measured_bias"].mean()) if len(controls) else None,
        strongest=float(strongest["measured_bias"].mean()),
        **alarms,
    )


def _rho(strength: pd.Series, measured: pd.Series) -> float | None:
    if strength.nunique() < 2 or measured.nunique() < 2:
        return None
    return float(spearmanr(strength, measured).statistic)


def planted_bias(
    plan: Plan,
    folder: str | os.PathLike[str],
    *,
    workers: int | None = None,
    progress: Progress | None = None,
    tell: Tell | None = None,
) -> Findings:
    """Do the experiment, or go on with it, and write `runs.csv`, `units.parquet` and `experiment.json`.

    Args:
        plan: what is to be done.
        folder: new, or of an earlier experiment: networks that were finished with the same plan and versions are kept.
        workers: processes that draw and train; None for one a core, 0 to do all in this one. They have no say in the numbers.
        progress: called with a stage, the faces or networks done, and all.
        tell: told, in a sentence, of every network that is finished.

    Raises:
        OutputError: the folder is somebody else's or cannot be written to.
    """
    folder = Path(folder)
    progress = progress or (lambda _stage, _done, _total: None)
    tell = tell or (lambda _sentence: None)
    check_ours(folder, NETWORKS)
    check_output(folder / NETWORKS, ())
    started = datetime.now(timezone.utc)
    trials = plan.trials
    waiting = [trial for trial in trials if _finished(folder, trial, plan) is None]
    if len(waiting) < len(trials):
        tell(f"{len(trials) - len(waiting)} of {len(trials)} networks are there already and are kept")
    with _executor(workers if waiting else 0) as pool:
        for tie in plan.ties:
            mine = [trial for trial in waiting if trial.tie.name == tie]
            if mine:
                faces, probe = _drawn(plan, tie, pool, progress)
                jobs = [(trial, planted(faces, plan.faces, trial.strength, trial.random), probe) for trial in mine]
                for number, (place, (row, units)) in enumerate(_done(pool, run_trial, jobs), start=1):
                    _keep(folder, mine[place], plan, row, units)
                    tell(f"{tie}: {number} of {len(mine)} networks: {_sentence(row)}")
    findings = _findings(folder, plan)
    _write(folder, findings, started)
    return findings


def _sentence(row: dict[str, Any]) -> str:
    return (
        f"strength {row['strength']:g}, seed {row['seed']}: measured bias {row['measured_bias']:.3f}; right on "
        f"{row['accuracy_congruent']:.1%} of congruent and {row['accuracy_incongruent']:.1%} of incongruent faces"
    )


def _drawn(plan: Plan, tie: str, pool: Executor | None, progress: Progress) -> tuple[PlantedFaces, Probe]:
    """The faces of one tie: to train with, and to measure with."""
    stage = f"drawing {tie}"
    asked = {draw: portions(TIES[tie], count, plan.seed, draw) for draw, count in
             ((TRAINING, plan.faces), (PROBE, plan.probe_faces))}  # fmt: skip
    total = sum(portion.end - portion.first for parts in asked.values() for portion in parts)
    done, training, held = 0, dict[int, PlantedFaces](), list[Face]()
    for place, part in _done(pool, draw_portion, [(portion,) for portion in asked[TRAINING]]):
        training[place] = part
        done += len(part)
        progress(stage, done, total)
    for _, some in _done(pool, draw_probe_portion, [(portion,) for portion in asked[PROBE]]):
        held += some
        done += len(some)
        progress(stage, done, total)
    faces = PlantedFaces.joined([training[place] for place in sorted(training)])
    return faces, probe_of(TIES[tie], held, f"planted:{tie},count={plan.probe_faces},seed={plan.seed}")


Result = TypeVar("Result")


def _done(
    pool: Executor | None, function: Callable[..., Result], jobs: Sequence[tuple[Any, ...]]
) -> Iterator[tuple[int, Result]]:
    """The place of each job and what became of it, as they are finished."""
    if pool is None:
        for place, job in enumerate(jobs):
            yield place, function(*job)
        return
    places: dict[Future[Result], int] = {pool.submit(function, *job): place for place, job in enumerate(jobs)}
    try:
        for future in as_completed(places):
            yield places[future], future.result()
    finally:
        for future in places:
            future.cancel()


@contextmanager
def _executor(workers: int | None) -> Iterator[Executor | None]:
    count = (os.cpu_count() or 1) if workers is None else workers
    if count == 0:
        yield None
        return
    with ProcessPoolExecutor(count, get_context("spawn")) as pool:
        yield pool


def _finished(folder: Path, trial: Trial, plan: Plan) -> tuple[dict[str, Any], pd.DataFrame] | None:
    """What an earlier experiment found of a network; None if there is nothing, or if it was made otherwise."""
    home = folder / NETWORKS / trial.name
    try:
        kept = json.loads((home / "network.json").read_text(encoding="utf-8"))
        if kept["made_by"] != plan.made_by:
            return None
        return kept["row"], pd.read_parquet(home / "units.parquet")
    except (OSError, ValueError, KeyError):
        return None


def _keep(folder: Path, trial: Trial, plan: Plan, row: dict[str, Any], units: pd.DataFrame) -> None:
    with atomic(folder / NETWORKS / trial.name) as scratch:
        scratch.mkdir()
        units.to_parquet(scratch / "units.parquet", index=False)
        text = json.dumps({"made_by": plan.made_by, "row": row}, indent=2)
        (scratch / "network.json").write_text(text + "\n", encoding="utf-8")


def _findings(folder: Path, plan: Plan) -> Findings:
    found = [_finished(folder, trial, plan) for trial in plan.trials]
    kept = [each for each in found if each is not None]
    if len(kept) < len(found):
        raise OutputError(
            f"expected {len(found)} finished networks in {folder / NETWORKS}, got {len(kept)}; run it again"
        )
    runs = pd.DataFrame([row for row, _ in kept]).sort_values(["tie", "strength", "seed"], ignore_index=True)
    units = pd.concat([table for _, table in kept], ignore_index=True)
    ties = tuple(tie_finding(tie, runs[runs["tie"] == tie]) for tie in plan.ties)
    return Findings(plan=plan, runs=runs, units=units, ties=ties)


def _write(folder: Path, findings: Findings, started: datetime) -> None:
    with atomic(folder / "units.parquet") as scratch:
        findings.units.to_parquet(scratch, index=False)
    with atomic(folder / "runs.csv") as scratch:
        findings.runs.to_csv(scratch, index=False, lineterminator="\n")
    header = {
        "experiment": "planted-bias",
        "plan": asdict(findings.plan),
        "made_by": findings.plan.made_by,
        "ties": [asdict(tie) for tie in findings.ties],
        "started": started.isoformat(timespec="seconds"),
        "seconds": round((datetime.now(timezone.utc) - started).total_seconds(), 1),
    }
    with atomic(folder / "experiment.json") as scratch:
        scratch.write_text(json.dumps(header, indent=2) + "\n", encoding="utf-8")
