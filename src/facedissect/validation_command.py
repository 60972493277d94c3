"""The command that checks an installation."""

from __future__ import annotations

import os
import platform
from importlib import metadata

import torch
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .console import counted, err, out, say
from .validation import Check, validate

STATED = ("facedissect", "torch", "numpy", "scipy", "numba")
"""Packages whose versions stand above the table."""


def validate_installation() -> None:
    """Check this installation: is what was planted found, and are p-values and intervals what they claim to be?

    Nothing is needed, and nothing is left behind. It takes some seconds, the first time a minute, since loops are compiled.

    [bold]planted network[/]: each unit's maps are the masks of one concept, which must be its label.

    [bold]compiled loops[/]: they give what plain NumPy and torch give.

    [bold]same run twice[/]: other processes and no kept maps, and yet the same bytes.

    [bold]p-values[/]: where nothing is to be found they are uniform, and hardly anything is supported.

    [bold]intervals[/]: 95 % intervals hold the truth 92 to 98 times of 100.

    [bold]units at fixed places[/] follow no concept, though they cover one: labelled as published, never supported.

    [bold]units that follow concepts[/] are all supported.

    [bold]confounded dictionary[/]: its men are older, and the network reads age. Biased by gender as published; not supported.

    With a CUDA device, [bold]cuda like the CPU[/]: the same numbers on both.

    Seeds are fixed: a check that fails does not fail by bad luck. The exit status is then 1. docs/validation.md tells more.
    """
    say(_versions())
    if err.is_terminal:
        with err.status("checks") as status:
            found = validate(lambda name, done, count: status.update(f"check {done + 1} of {count}: {name}"))
    else:
        found = validate(lambda name, done, count: err.print(f"check {done + 1} of {count}: {name}", markup=False))
    (out if out.is_terminal else Console(file=out.file, highlight=False, width=200)).print(_table(found))
    if not torch.cuda.is_available():
        say("no CUDA device: whether one gives the numbers of the CPU was not checked")
    failed = [check.name for check in found if not check.passed]
    if failed:
        say(
            f"{len(failed)} of {counted(len(found), 'check')} failed: {', '.join(failed)}. Do not rely on the results of this "
            "installation; report it with this output"
        )
        raise typer.Exit(1)
    say(f"all {len(found)} checks passed in {sum(check.seconds for check in found):.0f} s")


def _versions() -> str:
    """What is checked, in one line."""
    versions = [f"{name} {metadata.version(name)}" for name in STATED]
    cores = counted(os.cpu_count() or 1, "core")
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "no CUDA device"
    return ", ".join([*versions, f"Python {platform.python_version()}", f"{platform.machine()}, {cores}", device])


def _table(found: tuple[Check, ...]) -> Table:
    table = Table("check", "", "found", "expected", box=None, pad_edge=False)
    table.add_column("s", justify="right")
    for check in found:
        verdict = Text("passed", "green") if check.passed else Text("failed", "bold red")
        # Text, since what an error says may look like markup.
        table.add_row(Text(check.name), verdict, Text(check.found), Text(check.expected), f"{check.seconds:.1f}")
    return table
