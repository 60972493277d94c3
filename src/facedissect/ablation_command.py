"""The command that replaces units of a run's layer and measures what its network can no longer do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from . import options, storage
from .ablation import Ablation, ablate
from .ablation_storage import save_ablation
from .console import err, out, say
from .dictionary.faces import FaceDictionary
from .errors import LayerError, SettingsError
from .intersections import intersected
from .interventions import Mode
from .progress import ProgressReport
from .reopening import dictionary_of, network_of
from .results import Dissection
from .tasks import Classification, Regression, Task, UserTask, Verification, VerificationMetric, user_function
from .unit_sets import MOST, biased_units, concept_units, tied_units

UNITS_PANEL, TASK_PANEL = "The units", "The task"
SHOWN_UNITS = 10


def _units(text: str, *names: str, **given: Any) -> Any:
    return typer.Option(*names, help=text, rich_help_panel=UNITS_PANEL, **given)


def _task_option(text: str, *names: str, **given: Any) -> Any:
    return typer.Option(*names, help=text, rich_help_panel=TASK_PANEL, **given)


def ablate_units(
    folder: options.ResultArgument,
    layer: Annotated[str | None, typer.Option(help="The units' layer, if the run has several.")] = None,
    concept: Annotated[
        list[str] | None, _units("Units whose label is this local concept, or that detect it; by IoU. May be repeated.")
    ] = None,
    biased: Annotated[
        list[str] | None,
        _units("Units biased towards a subgroup, or any of a global concept.", metavar="CONCEPT[=SUBGROUP]"),
    ] = None,
    tied: Annotated[
        list[str] | None,
        _units("Units whose peaks tell best who has this concept or subgroup.", metavar="CONCEPT[=SUBGROUP]"),
    ] = None,
    units: Annotated[list[str] | None, _units("These units.", "--units", metavar="N,N,...")] = None,
    top: Annotated[int, _units("The most units of a set.", min=1)] = MOST,
    mode: Annotated[
        Mode, typer.Option(help="Replace them by 0, by each one's mean, or by what they gave to another face.")
    ] = "zero",
    task: Annotated[
        str | None,
        _task_option(
            "classification, regression, verification, or FILE.py:FUNCTION, which gets answers (image, output) and "
            "faces. (default: that of an embedded network)"
        ),
    ] = None,
    target: Annotated[
        str | None, _task_option("The concept that is classified, or the number among the labels that is estimated.")
    ] = None,
    output: Annotated[
        str | None, _task_option("Which output of the network, such as 3 or logits[3]. (default: the only one)")
    ] = None,
    positive: Annotated[
        str | None, _task_option("The subgroup that a single output above 0 means.", metavar="SUBGROUP")
    ] = None,
    classes: Annotated[
        str | None, _task_option("What several outputs mean. (default: as in the dictionary)", metavar="A,B,...")
    ] = None,
    metric: Annotated[VerificationMetric | None, _task_option("Of verification. (default: accuracy)")] = None,
    lower_is_better: Annotated[
        bool, _task_option("Of a function: a lower value is a better one.", "--lower-is-better")
    ] = False,
    controls: Annotated[int, typer.Option(min=0, help="Random sets as active to compare with.")] = 20,
    each: Annotated[bool, typer.Option("--each/--no-each", help="Also replace each unit alone.")] = True,
    seed: Annotated[int, typer.Option(min=0, help="Of everything random.")] = 0,
    model: options.OtherModelOption = None,
    weights: options.WeightsOption = None,
    dictionary: options.OtherDictionaryOption = None,
    landmarks: options.LandmarksOption = None,
    device: options.DeviceOption = None,
    batch_size: options.BatchSizeOption = None,
    workers: options.WorkersOption = None,
) -> None:
    """Set units to zero, to their mean or to their values on other faces, and measure what the network can no longer do.

    Example: facedissect ablate runs/smile --tied Smiling

    Each set of units is compared with random units of the layer that are as active.
    """
    result = storage.load(folder)
    name = _layer(result, layer)
    chosen = _task(
        task, target=target, output=output, positive=positive, classes=classes, metric=metric, lower=lower_is_better
    )
    network = network_of(result, model, weights)
    faces = dictionary_of(result, folder, dictionary, landmarks)
    widened = intersected(faces, result.settings.intersect)
    sets = _sets(result, name, widened, concept or (), biased or (), tied or (), units or (), top)
    changes: dict[str, Any] = {"device": device, "batch_size": batch_size, "workers": workers}
    settings = replace(result.settings, **{key: value for key, value in changes.items() if value is not None})
    with ProgressReport(err) as progress:
        found = ablate(
            faces,
            network,
            layer=name,
            units=sets,
            task=chosen,
            mode=mode,
            controls=controls,
            each=each,
            seed=seed,
            settings=settings,
            progress=progress,
        )
    path = save_ablation(found, folder)
    _tell(found)
    say(f"table: {path}; `facedissect report {folder}` puts it into the reports")


ABLATION_COMMANDS = {"ablate": ablate_units}
"""Name -> command."""


def _layer(result: Dissection, layer: str | None) -> str:
    if layer is None and len(result.layers) > 1:
        raise LayerError(f"expected one of the layers {', '.join(result.layers)}, got none; name it by --layer")
    return result[layer or next(iter(result.layers))].layer


def _task(
    task: str | None,
    *,
    target: str | None,
    output: str | None,
    positive: str | None,
    classes: str | None,
    metric: VerificationMetric | None,
    lower: bool,
) -> Task | None:
    """The task that the options spell; None where they say nothing."""
    kind = task if task in ("classification", "regression", "verification") or task is None else "function"
    given = {
        "--target": (target, ("classification", "regression")),
        "--output": (output, ("classification", "regression", "verification", "function")),
        "--positive": (positive, ("classification",)),
        "--classes": (classes, ("classification",)),
        "--metric": (metric, ("verification",)),
        "--lower-is-better": (lower or None, ("function",)),
    }
    for name, (value, kinds) in given.items():
        if value is not None and kind not in kinds:
            raise SettingsError(f"expected {name} with --task {' or '.join(kinds)}, got --task {task or 'not given'}")
    if kind in ("classification", "regression") and target is None:
        raise SettingsError(f"expected what is to be answered with --task {kind}, got nothing; give --target")
    if kind == "classification" and target is not None:
        named = tuple(classes.split(",")) if classes else ()
        return Classification(target=target, positive=positive, classes=named, output=output)
    if kind == "regression" and target is not None:
        return Regression(target=target, output=output)
    if kind == "verification":
        return Verification(metric=metric or "accuracy", output=output)
    if task is None:
        return None
    return UserTask(
        function=user_function(task), name=task.rpartition(":")[2], higher_is_better=not lower, output=output
    )


def _sets(
    result: Dissection,
    layer: str,
    faces: FaceDictionary,
    concepts: Sequence[str],
    biased: Sequence[str],
    tied: Sequence[str],
    lists: Sequence[str],
    top: int,
) -> dict[str, tuple[int, ...]]:
    """Name -> units, for each option in the order of the help."""
    sets = {name: concept_units(result, layer, name, top) for name in concepts}
    sets |= {f"biased to {name}": biased_units(result, layer, name, top) for name in biased}
    sets |= {f"tied to {name}": tied_units(result[layer].peaks, faces, name, top) for name in tied}
    for text in lists:
        words = [word.strip() for word in text.split(",")]
        if not all(word.isdigit() for word in words):
            raise SettingsError(f"expected units as numbers with commas between, such as 3,7,12, got {text!r}")
        sets[f"units {', '.join(words)}"] = tuple(map(int, words))
    if not sets:
        raise SettingsError("expected units to replace, got none; give --concept, --biased, --tied or --units")
    return sets


def _tell(found: Ablation) -> None:
    """A sentence for each set, what it does to subgroups, and the units by what they do alone."""
    screen = out if out.is_terminal else Console(highlight=False, width=200)
    for name in found.sets:
        say(found.sentence(name))
        screen.print(_subgroups(found, name))
        alone = found.units[found.units["set"] == name]
        if not alone.empty:
            told = (f"{row['number']} ({row['change']:+.3f})" for row in _rows(alone.head(SHOWN_UNITS)))
            say(f"alone, by effect: {', '.join(told)}")


def _subgroups(found: Ablation, name: str) -> Table:
    table = Table("subgroup", box=None, pad_edge=False)
    for heading in ("faces", found.metric, "ablated", "change", "95 % interval", "controls", "p"):
        table.add_column(heading, justify="right")
    rows = [*_rows(found.overall), *_rows(found.subgroups)]
    for row in rows:
        if row["set"] == name:
            label = f"{row['global_concept']} {row['subgroup']}" if row["subgroup"] else "all"
            table.add_row(
                label,
                f"{row['images']:,}",
                _number(row["intact"]),
                _number(row["ablated"]),
                _number(row["change"], "+.3f"),
                f"{_number(row['low'], '+.3f')} to {_number(row['high'], '+.3f')}",
                _number(row["control_change"], "+.3f"),
                _number(row["p"]),
            )
    return table


def _rows(table: Any) -> list[Mapping[str, Any]]:
    rows: list[Mapping[str, Any]] = table.to_dict("records")
    return rows


def _number(value: float, spec: str = ".3f") -> str:
    return "-" if value != value else format(value, spec)
