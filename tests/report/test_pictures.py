"""The lit faces of a unit say in words what they show."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from facedissect.dictionary.faces import FaceDictionary
from facedissect.report.pictures import alt, pictures
from facedissect.report.thumbnails import LitFaces
from facedissect.results import Dissection
from facedissect.units import unit_summaries


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "green is outlined"),
        ({"outlined": False}, "it has green"),
        ({"state": "absent"}, "it does not have green"),
        ({"state": "unknown"}, "it is not labelled for green"),
        ({"fires": 0.0}, "the unit does not fire"),
        ({"readable": False}, "Face 1 of unit 7 could not be read."),
    ],
)
def test_alternative_text_of_every_state(
    result: Dissection, dictionary: FaceDictionary, changes: dict[str, Any], said: str
) -> None:
    unit = next(unit for unit in unit_summaries(result["act"]) if unit.unit == 7)
    tile = LitFaces(result, dictionary, 40).tiles(result["act"], unit, 1)[0]
    assert tile.outlined
    assert said in alt(replace(tile, **changes), unit)


def test_pictures_are_data_and_told_by_face_and_peak(result: Dissection, dictionary: FaceDictionary) -> None:
    unit = next(unit for unit in unit_summaries(result["act"]) if unit.unit == 7)
    shown = pictures(LitFaces(result, dictionary, 40), result["act"], unit)
    assert [(picture.face, picture.peak) for picture in shown] == [(top.face, top.peak) for top in unit.faces]
    assert all(picture.uri.startswith("data:image/webp;base64,UklGR") for picture in shown)
