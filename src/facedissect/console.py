"""What the commands say: results on standard output, everything else on standard error."""

from __future__ import annotations

from rich.console import Console

out = Console(highlight=False)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def say(line: str) -> None:
    """A line of plain text on standard output, there at once for whoever reads it through a pipe."""
    out.print(line, markup=False, soft_wrap=True)
    out.file.flush()


def note(line: str) -> None:
    """A line that begins with `note:` on standard error."""
    err.print(f"note: {line}", markup=False)


def counted(number: int, noun: str) -> str:
    """`1 image`, `2,048 images`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
