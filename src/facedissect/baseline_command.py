"""The command that compares the labels and biases of a run with random weights and permuted labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from . import options, storage
from .baseline import Baseline, baseline
from .baseline_storage import save_baseline
from .console import err, out, say
from .progress import ProgressReport
from .reopening import dictionary_of, network_of
from .unit_counts import spoken


def find_baseline(
    folder: options.ResultArgument,
    seeds: Annotated[int, typer.Option(min=1, help="Networks with random weights to dissect.")] = 1,
    permutations: Annotated[int, typer.Option(min=1, help="Permutations of the labels.")] = 50,
    model: options.OtherModelOption = None,
    weights: options.WeightsOption = None,
    dictionary: options.OtherDictionaryOption = None,
    landmarks: options.LandmarksOption = None,
    device: options.DeviceOption = None,
    batch_size: options.BatchSizeOption = None,
    workers: options.WorkersOption = None,
) -> None:
    """Compare the labels and biases of a run with what random weights and permuted labels show.

    Example: facedissect baseline runs/smile

    The network is dissected once more for each seed, with its weights drawn anew. Each label is compared with the labels of those
    units. Networks with random weights differ from each other: give several seeds before you rely on a label.
    """
    result = storage.load(folder)
    network = network_of(result, model, weights)
    faces = dictionary_of(result, folder, dictionary, landmarks)
    changes: dict[str, Any] = {"device": device, "batch_size": batch_size, "workers": workers}
    settings = replace(result.settings, **{key: value for key, value in changes.items() if value is not None})
    with ProgressReport(err) as progress:
        found = baseline(
            faces, network, result, seeds=seeds, permutations=permutations, settings=settings, progress=progress
        )
    table, labels = save_baseline(found, folder)
    _tell(found)
    say(f"tables: {table}, {labels}")


BASELINE_COMMANDS: dict[str, Callable[..., None]] = {"baseline": find_baseline}
"""Name -> command."""


def _tell(found: Baseline) -> None:
    """A table of the counts, and a sentence for each."""
    screen = out if out.is_terminal else Console(highlight=False, width=200)
    table = Table("layer", "units that", box=None, pad_edge=False)
    for heading in ("of", "here", "random weights", "beyond", "95 % interval", "permuted", "95 % of permutations", "p"):
        table.add_column(heading, justify="right")
    for row in found.table.to_dict("records"):
        table.add_row(
            str(row["layer"]),
            spoken(row["measure"]),
            f"{row['units']:,}",
            f"{row['observed']:,}",
            _number(row["random_weights"], ",.4g"),
            _number(row["excess"], "+.1f"),
            f"{_number(row['low'], '+.1f')} to {_number(row['high'], '+.1f')}",
            _number(row["permuted"], ",.1f"),
            "-"
            if row["permuted_low"] != row["permuted_low"]
            else f"{row['permuted_low']:.0f} to {row['permuted_high']:.0f}",
            _number(row["p"], ".3f"),
        )
    screen.print(table)
    for sentence in (*found.drawn, *found.sentences):
        say(sentence)


def _number(value: float, spec: str) -> str:
    return "-" if value != value else format(value, spec)
