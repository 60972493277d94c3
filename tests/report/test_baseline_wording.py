"""What is said of a baseline: a cell for every number of its table, a dash for what was not counted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from facedissect.baseline import Baseline
from facedissect.report import baseline_wording

from .test_wording import plain


def test_a_row_has_a_cell_for_each_heading(baseline: Baseline) -> None:
    told = [tuple(plain(cell) for cell in row) for row in baseline_wording.rows(baseline)]
    assert told == [
        ("first<1>", "are interpretable", "9 of 12", "2.5", "+6.5", "+2.0 to +9.1", "4", "–"),
        ("first<1>", "have a supported label", "7 of 12", "0.0", "+7.0", "+3.0 to +9.5", "–", "–"),
        ("first<1>", "are biased by tone", "3 of 12", "5.0", "−2.0", "−6.3 to +1.5", "1.7 (0.0 to 4.0)", "0.200"),
        ("first<1>", "have a supported bias by tone", "1 of 12", "–", "–", "–", "–", "–"),
    ]
    assert {len(row) for row in told} == {len(baseline_wording.HEADINGS)}


@pytest.mark.parametrize(
    ("excess", "one", "several"),
    [(-0.04, "+0", "+0.0"), (0.0, "+0", "+0.0"), (1234.0, "+1,234", "+1,234.0"), (-12.34, "−12", "−12.3")],
)
def test_differences_have_a_sign_and_means_a_digit(baseline: Baseline, excess: float, one: str, several: str) -> None:
    table = baseline.table.assign(excess=excess)
    assert baseline_wording.rows(replace(baseline, table=table, seeds=1))[0][4] == one
    assert baseline_wording.rows(replace(baseline, table=table))[0][4] == several


def test_the_sentences_tell_how_often_and_how_to_read_fewer(baseline: Baseline) -> None:
    text = plain(" ".join(baseline_wording.meaning(baseline)))
    assert "with random weights (2 seeds)" in text
    assert "permuted among the faces (4 times)" in text
    assert "Fewer than with random weights does not mean that the network is fairer" in text
    assert "counts alone prove nothing" in text
    assert "(1 seed)" in plain(baseline_wording.meaning(replace(baseline, seeds=1))[0])
