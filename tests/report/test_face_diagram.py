"""The face: its regions are shaded by the units that look at them; regions it has no place for are listed."""

from __future__ import annotations

from dataclasses import replace

from facedissect.concepts import Concept, Vocabulary
from facedissect.report.face_diagram import SHAPES, regions
from facedissect.report.summary import summarise
from facedissect.results import Dissection


def test_units_are_counted_over_all_layers(result: Dissection) -> None:
    labelled = result.units[result.units["interpretable"]]
    drawn = regions(summarise(result))
    assert {region.name: region.units for region in drawn} == {
        name: int((labelled["region"] == name).sum()) for name in ("Top", "Bottom & more")
    }
    most = max(region.units for region in drawn)
    assert all(region.share == region.units / most for region in drawn)


def test_regions_have_a_place_by_their_name(result: Dissection) -> None:
    names = ("Brow", "Eyes", "nose", "Left elbow", "Lips")
    vocabulary = Vocabulary(concepts=tuple(Concept(name=f"of {name}", kind="part", region=name) for name in names))
    run = summarise(result)
    run = replace(
        run,
        result=replace(result, vocabulary=vocabulary),
        layers=tuple(replace(layer, regions=dict.fromkeys(names, 2)) for layer in run.layers),
    )
    shapes = {region.name: region.shape for region in regions(run)}
    assert shapes["Eyes"] is SHAPES["eye"]
    assert shapes["nose"] is SHAPES["nose"]
    assert shapes["Lips"] is SHAPES["mouth"]
    assert shapes["Left elbow"] is None
    assert shapes["Brow"] is None, "it would stand for the eyes, which have a region of their own"


def test_no_interpretable_unit(bare_run: tuple[Dissection, object]) -> None:
    assert [region.share for region in regions(summarise(bare_run[0]))] == [0.0]
