"""A printed table: columns are as wide as they must be, names are cut where it would not fit, numbers never."""

from __future__ import annotations

import pytest

from facedissect.report.printed_table import GAP, lines
from facedissect.report.text_width import width

HEADINGS = ("Layer", "Units that", "Here", "Beyond")
ROWS = [("conv", "are interpretable", "9 of 12", "+6"), ("a.longer.name", "are biased by tone", "123 of 512", "−12.5")]


@pytest.mark.parametrize("room", [7.0, 2.5])
def test_it_fits_and_columns_do_not_touch(room: float) -> None:
    table = lines(HEADINGS, ROWS, names=2, room=room, size=7)
    assert [line.head for line in table] == [True, False, False]
    for line in table:
        edge = -GAP
        for cell in line.cells:
            start = cell.x if cell.side == "left" else cell.x - width(cell.text, 7)
            assert start >= edge + GAP - 1e-6
            edge = start + width(cell.text, 7)
        assert edge <= room + 1e-6
    for column in zip(*(line.cells for line in table), strict=True):
        assert len({(cell.x, cell.side) for cell in column}) == 1, "a column begins or ends on one line"


def test_numbers_are_whole_and_names_are_cut_only_where_there_is_no_room() -> None:
    wide, narrow = (lines(HEADINGS, ROWS, names=2, room=room, size=7) for room in (7.0, 2.5))
    assert [tuple(cell.text for cell in line.cells) for line in wide] == [HEADINGS, *ROWS]
    assert [tuple(cell.text for cell in line.cells)[2:] for line in narrow] == [row[2:] for row in (HEADINGS, *ROWS)]
    assert narrow[2].cells[1].text.endswith("…")
