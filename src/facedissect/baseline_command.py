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
from .report.baseline_wording import HEADINGS, NAMES, rows
from .report.terminal import plain_text


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
    say(f"tables: {table}, {labels}; `facedissect report {folder}` puts the counts into the reports")


BASELINE_COMMANDS: dict[str, Callable[..., None]] = {"baseline": find_baseline}
"""Name -> command."""


def _tell(found: Baseline) -> None:
    """A table of the counts, and a sentence for each."""
    screen = out if out.is_terminal else Console(highlight=False, width=200)
    table = Table(box=None, pad_edge=False)
    for place, heading in enumerate(HEADINGS):
        table.add_column(heading.lower(), justify="left" if place < NAMES else "right")
    for cells in rows(found):
        table.add_row(*map(plain_text, cells))
    screen.print(table)
    for sentence in (*found.drawn, *found.sentences, *found.sentences_of_labels):
        say(sentence)
