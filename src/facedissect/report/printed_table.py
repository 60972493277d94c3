"""A table as lines of text on paper: how wide its columns are, and which names must be cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .text_width import shortened, width

GAP = 0.16
"""Inches between columns."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """Text that begins or ends, as `side` says, `x` inches from the left of the table."""

    text: str
    x: float
    side: Literal["left", "right"]


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of a table; `head` tells the one of its headings."""

    cells: tuple[Cell, ...]
    head: bool


def lines(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, names: int, room: float, size: float
) -> list[Line]:
    """The headings and the rows, each column as wide as its widest cell.

    Args:
        headings: one a column.
        rows: as many cells each.
        names: how many columns, the first ones, hold names, which begin on one line and are cut where the table would not fit;
            numbers end on one line and are whole.
        room: inches that it may be wide.
        size: of the text, in points.
    """
    needed = [max(width(text, size) for text in column) for column in zip(headings, *rows, strict=True)]
    left = room - sum(needed[names:]) - GAP * (len(headings) - 1)
    less = min(1.0, left / sum(needed[:names]))
    wide = [*(less * most for most in needed[:names]), *needed[names:]]
    starts = [sum(wide[:column]) + GAP * column for column in range(len(wide))]
    return [
        Line(
            cells=tuple(
                Cell(text=shortened(text, wide[column] + 1e-6, size), x=starts[column], side="left")
                if column < names
                else Cell(text=text, x=starts[column] + wide[column], side="right")
                for column, text in enumerate(row)
            ),
            head=place == 0,
        )
        for place, row in enumerate([headings, *rows])
    ]
