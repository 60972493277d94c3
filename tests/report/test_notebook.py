"""Notebooks: facts as attributes, rich tables with lit faces, and no error where the dictionary is gone."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from facedissect.dictionary.faces import FaceDictionary
from facedissect.errors import DictionaryError, LayerError, SettingsError
from facedissect.report import notebook
from facedissect.results import Dissection

from .conftest import DEAD, HOSTILE
from .test_html import Page


@pytest.fixture
def opened(dictionary: FaceDictionary, monkeypatch: pytest.MonkeyPatch) -> None:
    """The dictionary of the run, which lies in memory, as if it lay where the run found it."""
    monkeypatch.setattr(notebook, "_opened", lambda *_: dictionary)


def words(html: str) -> str:
    page = Page(re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL))
    assert not page.tags["script"]
    assert not page.values("onerror")
    assert HOSTILE not in html
    return re.sub(r"\s+", " ", " ".join(page.text).replace("\u00a0", " "))


def test_a_unit_holds_the_facts(result: Dissection) -> None:
    unit = result.unit("act", 7)
    row = result["act"].units.set_index("unit").loc[7]
    assert (unit.layer, unit.unit, unit.label, unit.region) == ("act", 7, row["concept"], row["region"])
    assert unit.iou == row["iou"]
    assert unit.best is not None
    assert (unit.best.iou_firing, unit.best.iou_labelled) == (row["iou_firing"], row["iou_labelled"])
    probabilities = result["act"].hierarchy.loc[lambda rows: rows["unit"] == 7, "probability"]
    assert [share.probability for share in unit.hierarchy] == probabilities.tolist()
    assert np.isclose(sum(share.probability for share in unit.hierarchy), 1)
    assert ";".join(share.subgroup for name, share in unit.biased if name == "tone") == row["biased_tone"]
    faces = result["act"].top_faces.loc[lambda rows: rows["unit"] == 7, "face"]
    assert [top.face for top in unit.faces] == faces.tolist()


def test_a_unit_in_plain_text(result: Dissection) -> None:
    unit = result.unit("act", 7)
    assert repr(unit).startswith(f"<Unit 7 of act: {unit.label}; {unit.region}, IoU {unit.iou:.3f}; ")
    assert "\n" not in repr(unit)
    assert result.unit("act", DEAD).label is None
    assert repr(result.unit("act", DEAD)) == f"<Unit {DEAD} of act: no label; dead>"


@pytest.mark.usefixtures("opened")
def test_a_unit_shows_its_lit_faces(result: Dissection) -> None:
    html = result.unit("act", 7)._repr_html_()
    page = Page(re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL))
    assert page.tags["img"] == 4
    assert all(source.startswith("data:image/webp;base64,") for source in page.values("src"))
    assert "green is outlined" in page.values("alt")[0]
    told = words(html)
    assert "Unit 7 of act: green" in told
    assert "<b>deep</b>" in told
    assert "missing" not in page.values("class")


def test_a_dictionary_that_cannot_be_opened(result: Dissection) -> None:
    for shown in (result.unit("act", 7), result.concept("green")):
        html = shown._repr_html_()
        assert "<img" not in html
        assert "The faces are not shown, as the dictionary cannot be opened: expected a format" in words(html)


def test_faces_that_are_lost(result: Dissection, unreadable: FaceDictionary, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebook, "_opened", lambda *_: unreadable)
    html = result.unit("act", 7)._repr_html_()
    assert html.count("<img") == 4
    assert "could not be read when this report was written" in words(html)


@pytest.mark.usefixtures("opened")
def test_a_concept_and_its_units(result: Dissection) -> None:
    found = result.concept("green")
    units = result.units
    own = units[units["interpretable"] & (units["concept"] == "green")]
    assert len(found.labelled) == len(own) > 0
    assert found.labelled["iou"].is_monotonic_decreasing
    detected = result.hierarchy[(result.hierarchy["concept"] == "green") & result.hierarchy["detected"]]
    assert len(found.detecting) == len(detected)
    assert found.best_iou["act"] == result["act"].concepts.loc[lambda rows: rows["concept"] == "green", "iou"].max()
    assert found.images == 40
    assert [unit.unit for unit in found.top_units(2)] == found.labelled["unit"].tolist()[:2]
    assert len(found.top_units()) == len(own)
    assert repr(found).startswith("<Concept green (Bottom & more), 40 images; first<1>: label of ")
    told = words(found._repr_html_())
    assert f"act {(own['layer'] == 'act').sum()} units" in told
    assert found._repr_html_().count("<img") == 4 * notebook.SHOWN_UNITS


def test_a_concept_that_no_unit_has(result: Dissection) -> None:
    found = result.concept("never_seen")
    assert found.labelled.empty
    assert found.images == 0
    assert "No unit has it as its label." in words(found._repr_html_())
    assert HOSTILE in words(result.concept(HOSTILE)._repr_html_())


def test_a_result_shows_its_layers(result: Dissection) -> None:
    told = words(result._repr_html_())
    assert "What the units of <b>net</b> look at" in told
    assert "first<1> 10 × 8 12 9 (75 %)" in told
    assert HOSTILE in told
    biased = result["act"].units["biased_tone"].ne("").sum()
    assert f"tone {100 * biased / 9:.0f} %" in told


def test_a_layer_without_maps(result: Dissection) -> None:
    act = result["act"]
    none = act.concepts.iloc[:0], act.hierarchy.iloc[:0]
    units = act.units.assign(concept=None, interpretable=False)
    flat = replace(act, map_size=None, concepts=none[0], hierarchy=none[1], units=units)
    bare = replace(result, layers={"act": flat})
    assert "act none 12 –" in words(bare._repr_html_())
    assert "has no map" in words(bare.unit("act", 7)._repr_html_())
    assert repr(bare.concept("green")).endswith("no layer has maps>")
    assert "No unit has it" in words(bare.concept("green")._repr_html_())


def test_what_is_not_there(result: Dissection) -> None:
    with pytest.raises(LayerError, match="expected a layer of this run, got 'acts'"):
        result.unit("acts", 0)
    with pytest.raises(SettingsError, match="expected a unit of act from 0 to 11, got 12"):
        result.unit("act", 12)
    with pytest.raises(DictionaryError, match="expected a concept of the vocabulary, got 'gren'; nearest: green"):
        result.concept("gren")


def test_the_dictionary_is_opened_as_the_run_did(result: Dissection, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, dict[str, object]]] = []
    monkeypatch.setattr(notebook, "open_dictionary", lambda location, **told: asked.append((location, told)))
    known = {**result.provenance.dictionary, "location": "here", "format": "coco", "options": {"preset": "x"}}
    notebook.reopened(replace(result, provenance=replace(result.provenance, dictionary=known)))
    assert asked == [("here", {"format": "coco", "preset": "x"})]
    notebook._opened.cache_clear()
