"""Stacks: a column a unit, by falling share of the chosen subgroup, in the palette's colours."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from facedissect.report.drawing import COLOURS
from facedissect.report.stacks import HEIGHT, colours, stack_uri

SHARES = np.array([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3], [np.nan, np.nan, 1.0], [0.4, 0.6, 0.0]])


def pixels(uri: str) -> np.ndarray:
    kind, data = uri.split(",")
    assert kind == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))


def colour(place: int) -> list[int]:
    return [int(COLOURS[place][at : at + 2], 16) for at in (1, 3, 5)]


@pytest.mark.parametrize("first", [0, 1, 2])
def test_bands_are_as_high_as_shares(first: int) -> None:
    shown = pixels(stack_uri(SHARES, first))
    assert shown.shape == (HEIGHT, 4, 3)
    known = np.nan_to_num(SHARES)
    for column, unit in enumerate(np.argsort(-known[:, first], kind="stable")):
        for place in range(3):
            rows = (shown[:, column] == colour(place)).all(axis=1)
            assert rows.sum() == round(HEIGHT * known[unit, place])
        bottom = np.flatnonzero((shown[:, column] == colour(first)).all(axis=1))
        if len(bottom):
            assert bottom[-1] == HEIGHT - 1, "the chosen one lies at the bottom"


def test_colours_are_those_of_the_charts() -> None:
    assert [name.upper() for name in colours(4)] == list(COLOURS[:4])
    assert len(set(colours(12))) == 12


def test_many_subgroups_have_a_colour_each() -> None:
    shown = pixels(stack_uri(np.full((1, 10), 0.1), 3))
    assert len(np.unique(shown[:, 0], axis=0)) == 10
