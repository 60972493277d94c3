"""ablate(): what a network can no longer do once some of its units are replaced, against random units as active as they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int64, UInt8
from torch import Tensor

from .activations import Progress
from .batching import BatchSize, out_of_memory
from .concepts import Vocabulary
from .dictionary.faces import FaceDictionary
from .errors import DictionaryError, FaceReadError, LayerError, ModelError, SettingsError
from .intersections import intersected
from .interventions import Activity, ActivityRecorder, Answers, Interventions, Mode, Replacement
from .model.dry_run import LayerInfo
from .model.face_model import FaceModel
from .reading import FaceReader
from .settings import Settings
from .tasks import Measure, Task, known_task, read_answers

BLOCK = 32
"""Faces that are looked at together; in `exchange`, each has its donor among them."""
NEAREST = 5
"""Of the units most like one in activation, as many are drawn from for its match."""
INTERVAL = (0.025, 0.975)
_KEPT_PIXELS = 1 << 30  # bytes

COLUMNS = (
    *("layer", "set", "kind", "number", "units", "global_concept", "subgroup", "images", "intact", "ablated", "change"),
    *("low", "high", "control_change", "control_low", "control_high", "ratio", "p"),
)
"""Of the table of effects, which docs/formats.md describes."""


@dataclass(frozen=True, kw_only=True)
class Ablation:
    """What replacing units of a layer does to the network's task.

    Attributes:
        layer: its name.
        mode: what the units were replaced by.
        task: kind and settings of the task, as JSON can hold them.
        metric: what is measured.
        higher_is_better: whether a lower value is a loss.
        faces: on how many faces.
        controls: random sets that each set is compared with.
        seed: of everything random.
        resamples: of the faces, for the intervals.
        sets: name -> units that were replaced together.
        table: effects of each set, overall and in each subgroup; of each of its units alone; and of its controls.
        made_of: digests of the network and the dictionary.
    """

    layer: str
    mode: Mode
    task: Mapping[str, Any]
    metric: str
    higher_is_better: bool
    faces: int
    controls: int
    seed: int
    resamples: int
    sets: Mapping[str, tuple[int, ...]]
    table: pd.DataFrame = field(repr=False, compare=False)
    made_of: Mapping[str, str] = field(default_factory=dict)

    @property
    def overall(self) -> pd.DataFrame:
        """One row a set, over all faces."""
        return self._rows("set", overall=True)

    @property
    def subgroups(self) -> pd.DataFrame:
        """One row for each set and subgroup."""
        return self._rows("set", overall=False)

    @property
    def units(self) -> pd.DataFrame:
        """One row for each set and unit alone, the largest loss of the metric first."""
        rows = self._rows("unit", overall=True)
        loss = -rows["change"] if self.higher_is_better else rows["change"]
        order = rows.assign(place=rows["set"].map(list(self.sets).index), loss=loss).sort_values(
            ["place", "loss", "number"], ascending=[True, False, True], kind="stable"
        )
        return order.drop(columns=["place", "loss"]).reset_index(drop=True)

    def _rows(self, kind: str, *, overall: bool) -> pd.DataFrame:
        chosen = (self.table["kind"] == kind) & ((self.table["global_concept"] == "") == overall)
        return self.table[chosen].reset_index(drop=True)

    def sentence(self, name: str) -> str:
        """What a set does, in a sentence."""
        (row,) = self.overall[self.overall["set"] == name].to_dict("records")
        count = len(self.sets[name])
        how = {"zero": "to zero", "mean": "to their mean", "exchange": "to their values on other faces"}[self.mode]
        how = how.replace("their", "its") if count == 1 else how
        told = (
            f"{self.layer}: setting {count} unit{'' if count == 1 else 's'} ({name}) {how} changes the {self.metric} on "
            f"{self.faces:,} faces from {row['intact']:.3f} to {row['ablated']:.3f} ({row['change']:+.3f}"
        )
        told += f", 95 % interval {row['low']:+.3f} to {row['high']:+.3f})" if np.isfinite(row["low"]) else ")"
        if not self.controls:
            return f"{told}."
        times = f": {row['ratio']:.1f} times as much" if np.isfinite(row["ratio"]) else ""
        times = ", no loss" if np.isposinf(row["ratio"]) else times
        return (
            f"{told}; {self.controls} random sets as active change it by {row['control_change']:+.3f} on average "
            f"({row['control_low']:+.3f} to {row['control_high']:+.3f}){times}, p = {row['p']:.3f}."
        )


def ablate(
    dictionary: FaceDictionary,
    model: FaceModel,
    *,
    layer: str,
    units: Sequence[int] | Mapping[str, Sequence[int]],
    task: Task | None = None,
    mode: Mode = "zero",
    controls: int = 20,
    each: bool = True,
    seed: int = 0,
    resamples: int = 1000,
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> Ablation:
    """Replace units of a layer and measure what the network can no longer do.

    Args:
        dictionary: the faces; those count of which the task's target is known.
        model: the network; it is given back as it was.
        layer: name or alias of one layer.
        units: numbers of the units that are replaced together; or several such sets by name.
        task: what the network is for (`facedissect.tasks`); None for an embedded network, whose task is known.
        mode: replace them by 0 (`zero`), by each one's mean over all faces and positions (`mean`), or by what they gave to
            another face (`exchange`).
        controls: random sets of other units of the layer, of the same size and matched in activation, to compare each with.
        each: also replace each unit of a set alone.
        seed: of controls, exchanges and intervals.
        resamples: of the faces, with replacement, for the intervals; 0 for none.
        settings: device, precision, batch size, workers, intersections, what to do about unreadable faces; the defaults if
            None.
        progress: called after every batch with the stage, the faces done and the faces in all.

    Raises:
        DictionaryError: there are fewer than 2 faces of which the target is known, or one cannot be read.
        LayerError: the layer does not exist or cannot be read.
        ModelError: the network cannot be run, on that device or within its memory.
        SettingsError: a unit does not exist, there are too few others, or the task does not fit the network.
    """
    settings = settings or Settings()
    progress = progress or (lambda _stage, _done, _total: None)
    if mode not in get_args(Mode):
        raise SettingsError(f"expected mode to be one of {', '.join(get_args(Mode))}, got {mode!r}")
    for name, value in (("controls", controls), ("resamples", resamples), ("seed", seed)):
        if value < 0:
            raise SettingsError(f"expected {name} to be at least 0, got {value}")
    if len(settings.devices) > 1:
        raise SettingsError(f"expected one device for an ablation, got {settings.device}; name one of them")
    task = task or known_task(model.source)
    if task is None:
        raise SettingsError(f"expected a task for {model.source}, which is no embedded network, got none; give task")
    found = _one_layer(model, layer)
    sets = _checked_sets(units, found)
    known = task.known(dictionary.vocabulary, dictionary.faces)

    with model.borrowed(settings.devices[0], settings.precision):
        images = _Images(dictionary, model, settings, progress)
        size = min(BLOCK, settings.batch_size or BatchSize.found(model.preprocess.size, [found], model.device).size)
        read = _Reader(task)
        with _told_of_memory(model, size), Interventions(model, found, read, size) as interventions:
            activity = _survey(images, interventions, found)
            chosen = np.flatnonzero(known & images.readable)
            if len(chosen) < 2:
                raise DictionaryError(
                    f"expected at least 2 faces whose {task.metric} can be measured, got {len(chosen)} in "
                    f"{dictionary.location}; choose another target"
                )
            faces = [dictionary.faces[place] for place in chosen]
            measure = task.measure(dictionary.vocabulary, faces)
            trials = _trials(sets, activity, controls, each, seed)
            intact, answers = _answers(images, interventions, chosen, trials, activity, mode, seed)

    widened = intersected(dictionary, settings.intersect)
    groups = _Groups.of(widened.vocabulary, [widened.faces[place].subgroups for place in chosen])
    effects = _Effects(measure, task.higher_is_better, groups, intact, resamples, seed)
    return Ablation(
        layer=found.name,
        mode=mode,
        task=task.as_dict(),
        metric=task.metric,
        higher_is_better=task.higher_is_better,
        faces=len(faces),
        controls=controls,
        seed=seed,
        resamples=resamples,
        sets=sets,
        table=effects.table(found.name, trials, answers),
        made_of={"model": model.digest, "dictionary": dictionary.digest},
    )


@dataclass(frozen=True, kw_only=True)
class _Trial:
    """Units that are replaced together: a whole set, one unit of it, or a control."""

    set: str
    kind: str
    number: int
    units: tuple[int, ...]


class _Reader:
    """Reads the output that a task speaks of."""

    def __init__(self, task: Task) -> None:
        self._task = task

    def __call__(self, output: Any, images: int) -> Answers:
        return read_answers(output, images, self._task.output)


@contextmanager
def _told_of_memory(model: FaceModel, size: int) -> Iterator[None]:
    """Context that says in one line that memory ran out."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        raise ModelError(
            f"expected memory for {size} images of {model.name} at a time, got none left on {model.device}; "
            "take a smaller batch size"
        ) from error


class _Images:
    """Reads faces block by block, and keeps their pixels as long as memory is meant for them."""

    def __init__(self, dictionary: FaceDictionary, model: FaceModel, settings: Settings, progress: Progress) -> None:
        self.faces = dictionary.faces
        self.readable = np.ones(len(self.faces), bool)
        self._settings, self._model, self._progress = settings, model, progress
        self._reader = FaceReader(self.faces, dictionary.vocabulary, model.preprocess, masks=False)
        self._kept: dict[int, UInt8[np.ndarray, "height width 3"]] = {}
        self._bytes = 0

    def blocks(
        self, stage: str, plan: Sequence[Sequence[int]]
    ) -> Iterator[tuple[list[int], Float[Tensor, "image 3 height width"]]]:
        """Positions of the faces of each block that can be read, and their images."""
        done, total = 0, sum(map(len, plan))
        for block, (positions, pixels) in zip(plan, self._pixels(plan), strict=True):
            if positions:
                yield positions, self._model.preprocess.scaled(np.stack(pixels), self._model.device)
            done += len(block)
            self._progress(stage, done, total)

    def _pixels(self, plan: Sequence[Sequence[int]]) -> Iterator[tuple[list[int], list[np.ndarray]]]:
        if all(position in self._kept for block in plan for position in block):
            yield from (([*block], [self._kept[position] for position in block]) for block in plan)
            return
        for block in self._reader.batches(plan, self._settings.workers):
            positions, pixels = [], []
            for face in block:
                if face.pixels is None:
                    if self._settings.on_error == "stop":
                        raise FaceReadError(face.error)
                    self.readable[face.face] = False
                    continue
                positions.append(face.face)
                pixels.append(face.pixels)
                if face.face not in self._kept and self._bytes + face.pixels.nbytes <= _KEPT_PIXELS:
                    self._kept[face.face] = face.pixels
                    self._bytes += face.pixels.nbytes
            yield positions, pixels


def _one_layer(model: FaceModel, layer: str) -> LayerInfo:
    found = model.layers([layer])
    if len(found) != 1:
        raise LayerError(f"expected one layer, got {layer!r}, which stands for {len(found)}; name one of them")
    return found[0]


def _checked_sets(units: Sequence[int] | Mapping[str, Sequence[int]], layer: LayerInfo) -> dict[str, tuple[int, ...]]:
    named = units if isinstance(units, Mapping) else {"units " + ", ".join(map(str, units)): units}
    sets = {name: tuple(dict.fromkeys(int(unit) for unit in numbers)) for name, numbers in named.items()}
    if not sets or not all(sets.values()):
        raise SettingsError("expected at least one unit to replace, got none; name some")
    for numbers in sets.values():
        for unit in numbers:
            if not 0 <= unit < layer.units:
                raise SettingsError(f"expected a unit of {layer.name} from 0 to {layer.units - 1}, got {unit}")
    return sets


def _survey(images: _Images, interventions: Interventions, layer: LayerInfo) -> Activity:
    """How active each unit is over all faces."""
    recorder = ActivityRecorder(layer)
    plan = [range(start, min(start + BLOCK, len(images.faces))) for start in range(0, len(images.faces), BLOCK)]
    for _, pixels in images.blocks("activity", plan):
        recorder.update(interventions.see(pixels)[1])
    if not images.readable.any():
        raise DictionaryError("expected faces that can be read, got none; check the images")
    return recorder.result()


def _trials(
    sets: Mapping[str, tuple[int, ...]], activity: Activity, controls: int, each: bool, seed: int
) -> list[_Trial]:
    trials = []
    for number, (name, units) in enumerate(sets.items()):
        trials.append(_Trial(set=name, kind="set", number=0, units=units))
        if each:
            trials += [_Trial(set=name, kind="unit", number=unit, units=(unit,)) for unit in units]
        rng = np.random.default_rng([seed, 0, number])
        for control in range(controls):
            trials.append(_Trial(set=name, kind="control", number=control, units=matched_units(units, activity, rng)))
    return trials


def matched_units(units: Sequence[int], activity: Activity, rng: np.random.Generator) -> tuple[int, ...]:
    """As many other units of a layer, each drawn from the `NEAREST` to one of `units` that are not drawn yet.

    Near are units whose ranks in the layer are near, both by their mean and by their mean peak. Units that are not finite
    are not drawn.

    Raises:
        SettingsError: there are not as many others.
    """
    finite = np.isfinite(activity.mean) & np.isfinite(activity.peak)
    places = np.argsort(np.argsort(np.stack([activity.mean, activity.peak]), axis=1, kind="stable"), axis=1)
    free = finite.copy()
    free[list(units)] = False
    if free.sum() < len(units):
        raise SettingsError(
            f"expected at least {len(units)} other units of the layer as controls, got {int(free.sum())}; replace fewer units, "
            "or set controls to 0"
        )
    drawn = []
    for unit in rng.permutation(list(units)):
        distance = np.abs(places - places[:, [unit]]).sum(0)
        candidates = np.flatnonzero(free)
        near = candidates[np.argsort(distance[candidates], kind="stable")[:NEAREST]]
        drawn.append(int(rng.choice(near)))
        free[drawn[-1]] = False
    return tuple(sorted(drawn))


def _answers(
    images: _Images,
    interventions: Interventions,
    chosen: Int64[np.ndarray, " image"],
    trials: Sequence[_Trial],
    activity: Activity,
    mode: Mode,
    seed: int,
) -> tuple[Answers, list[Answers]]:
    """Answers to the chosen faces, in their order, with nothing replaced and in each trial."""
    if mode == "mean":
        for unit in sorted({unit for trial in trials for unit in trial.units}):
            if not np.isfinite(activity.mean[unit]):
                raise SettingsError(
                    f"expected units with a mean, got unit {unit}, which is NaN or infinite; leave it out"
                )
    # By chance, so that nobody's donor is a neighbour in the dictionary; the same blocks whatever the size of a batch.
    order = np.random.default_rng([seed, 1]).permutation(chosen)
    cuts = list(range(0, len(order), BLOCK))
    if len(order) - cuts[-1] == 1 and len(cuts) > 1:
        cuts.pop()  # a face alone has no donor
    plan = [block.tolist() for block in np.split(order, cuts[1:])]
    place = {int(position): row for row, position in enumerate(chosen)}
    intact: Answers | None = None
    answers: list[Answers] = []
    for positions, pixels in images.blocks("ablation", plan):
        rows = [place[position] for position in positions]
        seen, maps = interventions.see(pixels)
        if intact is None:
            intact = np.full((len(chosen), seen.shape[1]), np.nan, np.float32)
            answers = [intact.copy() for _ in trials]
        intact[rows] = seen
        for trial, kept in zip(trials, answers, strict=True):
            kept[rows] = interventions.answers(_replacement(trial.units, mode, activity, maps))
    if intact is None or np.isnan(intact).all(1).any():
        bad = 0 if intact is None else int(np.isnan(intact).all(1).sum())
        raise ModelError(
            f"expected answers of the network that are numbers, got NaN for {bad} faces; check its weights"
        )
    return intact, answers


def _replacement(units: tuple[int, ...], mode: Mode, activity: Activity, maps: Tensor) -> Replacement:
    if mode == "zero":
        return Replacement.by_zero(units)
    return Replacement.by_mean(units, activity) if mode == "mean" else Replacement.by_exchange(units, maps)


@dataclass(frozen=True, kw_only=True)
class _Groups:
    """All faces, then the subgroups of each global concept that have any."""

    names: list[tuple[str, str]]
    members: Int64[np.ndarray, "group image"]

    @classmethod
    def of(cls, vocabulary: Vocabulary, subgroups: Sequence[Mapping[str, str]]) -> _Groups:
        names, members = [("", "")], [np.ones(len(subgroups), np.int64)]
        for concept in vocabulary.global_concepts:
            for name in concept.subgroups:
                inside = np.array([face.get(concept.name) == name for face in subgroups], np.int64)
                if inside.any():
                    names.append((concept.name, name))
                    members.append(inside)
        return cls(names=names, members=np.stack(members))


class _Effects:
    """Changes of the metric, overall and in each subgroup, with intervals over resampled faces."""

    def __init__(
        self, measure: Measure, higher_is_better: bool, groups: _Groups, intact: Answers, resamples: int, seed: int
    ) -> None:
        self._measure, self._groups = measure, groups
        self._sign = -1.0 if higher_is_better else 1.0
        self._intact = measure(intact, groups.members)
        faces = groups.members.shape[1]
        rng = np.random.default_rng([seed, 2])
        self._samples = rng.multinomial(faces, np.full(faces, 1 / faces), size=resamples).astype(np.int64)
        self._resampled: dict[int, Float[np.ndarray, " row"]] = {}
        self._answers = intact

    def table(self, layer: str, trials: Sequence[_Trial], answers: Sequence[Answers]) -> pd.DataFrame:
        """The table of effects: of each set, then of its units alone, then of its controls."""
        measured = [self._measure(given, self._groups.members) for given in answers]
        rows: list[dict[str, Any]] = []
        for trial, given, values in zip(trials, answers, measured, strict=True):
            changes = values - self._intact
            against = [
                other - self._intact
                for control, other in zip(trials, measured, strict=True)
                if control.kind == "control" and control.set == trial.set
            ]
            for group, (concept, subgroup) in enumerate(self._groups.names):
                if group and trial.kind == "unit":
                    break
                row = {
                    "layer": layer,
                    "set": trial.set,
                    "kind": trial.kind,
                    "number": trial.number,
                    "units": ";".join(map(str, trial.units)),
                    "global_concept": concept,
                    "subgroup": subgroup,
                    "images": int(self._groups.members[group].sum()),
                    "intact": float(self._intact[group]),
                    "ablated": float(values[group]),
                    "change": float(changes[group]),
                }
                if trial.kind != "control":
                    row["low"], row["high"] = self._interval(given, group)
                if trial.kind == "set" and against:
                    row |= self._compared(float(changes[group]), np.array([other[group] for other in against]))
                rows.append(row)
        return pd.DataFrame(rows).reindex(columns=list(COLUMNS))

    def _interval(self, answers: Answers, group: int) -> tuple[float, float]:
        if not len(self._samples):
            return np.nan, np.nan
        counts = self._samples * self._groups.members[group]
        if group not in self._resampled:
            self._resampled[group] = self._measure(self._answers, counts)
        return _between(self._measure(answers, counts) - self._resampled[group])

    def _compared(self, change: float, controls: Float[np.ndarray, " control"]) -> dict[str, float]:
        """The mean change of the controls and where they lie; how many times as much the set loses, and by what chance."""
        low, high = _between(controls)
        if np.isnan(change) or np.isnan(controls).any():
            return {"control_change": float(controls.mean()), "control_low": low, "control_high": high}
        loss, losses = self._sign * change, self._sign * controls
        mean = float(losses.mean())
        as_much = int((losses >= loss - 1e-12).sum())
        return {
            "control_change": float(controls.mean()),
            "control_low": low,
            "control_high": high,
            "ratio": loss / mean if mean > 0 else np.inf if loss > 0 else np.nan,
            "p": (1 + as_much) / (1 + len(controls)),
        }


def _between(values: Float[np.ndarray, " value"]) -> tuple[float, float]:
    finite: Bool[np.ndarray, " value"] = ~np.isnan(values)
    if not finite.any():
        return np.nan, np.nan
    low, high = np.quantile(values[finite], INTERVAL)
    return float(low), float(high)
