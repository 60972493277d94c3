"""Notebooks: facts as attributes, rich tables with lit faces, and no error where the dictionary is gone."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from facedissect.comparison import compare
from facedissect.concepts import GlobalConcept
from facedissect.dictionary import open as open_module
from facedissect.dictionary.faces import FaceDictionary
from facedissect.errors import DictionaryError, LayerError, SettingsError
from facedissect.report import compare_wording, evidence_wording, notebook, wording
from facedissect.results import Dissection
from facedissect.settings import bias_cutoff

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
    with pytest.raises(DictionaryError, match=r"got 'tone', which is a global one; ask for \.global_concept\('tone'\)"):
        result.concept("tone")
    with pytest.raises(DictionaryError, match=r"got 'green', which is a local one; ask for \.concept\('green'\)"):
        result.global_concept("green")
    with pytest.raises(
        DictionaryError, match="expected a global concept of the vocabulary, got 'tones'; nearest: tone"
    ):
        result.global_concept("tones")
    with pytest.raises(SettingsError, match="expected a subgroup of tone, got 'dark'; it has: pale, <b>deep</b>"):
        result.global_concept("tone").top_units("dark")


def test_a_result_without_global_concepts(bare_run: tuple[Dissection, FaceDictionary]) -> None:
    with pytest.raises(DictionaryError, match="got 'age'; nearest: none"):
        bare_run[0].global_concept("age")


def test_a_global_concept_holds_the_facts(result: Dissection) -> None:
    found = result.global_concept("era")
    rows = result.bias[result.bias["global_concept"] == "era"]
    assert (found.name, found.subgroups, found.cutoff) == ("era", ("old", "middle", "new", "unborn"), bias_cutoff(3))
    assert found.images == {"old": 20, "middle": 20, "new": 20, "unborn": 0}
    assert list(found.probabilities.columns) == list(found.subgroups)
    measured = rows[rows["probability"].notna()]
    assert list(found.probabilities.index) == list(
        measured[["layer", "unit"]].drop_duplicates().itertuples(index=False, name=None)
    )
    assert 0 < len(found.probabilities) < 24, "the broken units have no probability"
    for row in measured.itertuples():
        assert found.probabilities.loc[(row.layer, row.unit), row.subgroup] == row.probability
    for subgroup in found.subgroups:
        leaning = rows[rows["biased"] & (rows["subgroup"] == subgroup)]
        own = found.biased[subgroup]
        assert set(zip(own["layer"], own["unit"], strict=True)) == set(
            zip(leaning["layer"], leaning["unit"], strict=True)
        )
        assert own["probability"].is_monotonic_decreasing
        for layer in result.layers:
            assert found.counts.loc[layer, subgroup] == (leaning["layer"] == layer).sum()
    assert found.counts.to_numpy().sum() > 0
    for name, layer in result.layers.items():
        own, many = measured[measured["layer"] == name], layer.units["biased_era"].ne("").sum()
        shares = [result.unit(name, unit).bias["era"] for unit in range(12)]
        held = sum(any(share.biased and share.higher for share in of) for of in shares)
        tested = sum(any(share.tested for share in of) for of in shares)
        assert found.layers.loc[name].to_dict() == {
            "units": 12, "measured": own["unit"].nunique(), "biased": many, "supported": held, "tested": tested
        }  # fmt: skip
        for place, subgroup in enumerate(found.subgroups):
            both = sum(of[place].biased and of[place].higher for of in shares)
            assert found.supported.loc[name, subgroup] == both <= found.counts.loc[name, subgroup]
    assert found.layers["supported"].sum() > 0
    assert found.layers["tested"].sum() > 0


def test_the_layers_of_a_global_concept_keep_their_order(result: Dissection) -> None:
    assert list(result.layers) != sorted(result.layers)
    found = result.global_concept("tone")
    for index in (found.layers.index, found.counts.index, found.probabilities.index.unique("layer")):
        assert list(index) == list(result.layers)


def test_the_most_biased_units_come_first(result: Dissection) -> None:
    found = result.global_concept("era")
    subgroup = max(found.biased, key=lambda name: len(found.biased[name]))
    first = found.top_units(subgroup, 2)
    own = found.biased[subgroup]
    assert [(unit.layer, unit.unit) for unit in first] == list(
        own[["layer", "unit"]].head(2).itertuples(index=False, name=None)
    )
    assert len(found.top_units(subgroup)) == len(own) > 2


def test_a_global_concept_in_plain_text(result: Dissection) -> None:
    found = result.global_concept("era")
    biased = result["act"].units["biased_era"].ne("").sum()
    assert repr(found).startswith("<Global concept era (old, middle, new, unborn), cut-off 0.40; first<1>: ")
    told = found.layers.loc["act"]
    assert repr(found).endswith(f"; act: {biased} of {told['measured']} units biased, {told['supported']} supported>")
    assert repr(untested(result).global_concept("era")).endswith(f"; act: {biased} of {told['measured']} units biased>")


def test_a_global_concept_shows_stacked_units(result: Dissection) -> None:
    found = result.global_concept("era")
    html = found._repr_html_()
    page = Page(re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL))
    assert page.tags["img"] == 8, "two layers by four subgroups"
    assert all(source.startswith("data:image/png;base64,") for source in page.values("src"))
    assert page.values("style", "i").count("bottom:40.0%") == 8
    measured, counts = found.layers.loc["act", "measured"], found.counts.loc["act"]
    for alt, subgroup in zip(page.values("alt")[4:], found.subgroups, strict=True):
        of = f"in {measured} units of act, by falling share of {subgroup}; {counts[subgroup]} "
        assert of in alt.replace("\u00a0", " ")
    told = words(html)
    cells = " ".join(f"{count} ({wording.percent(count, measured)})".replace("\u00a0", " ") for count in counts)
    held = found.layers.loc["act", "supported"]
    by_subgroup = " ".join(str(number) for number in found.supported.loc["act"])
    biased = found.layers.loc["act", "biased"]
    assert f"act {cells} {biased} of {measured} supported {by_subgroup} {held} of {biased}" in told
    assert "images 20, few 20, few 20, few 0, few" in told
    leading = max(found.biased, key=lambda name: len(found.biased[name]))
    first = found.biased[leading].iloc[0]
    label = wording.label(result.unit(first["layer"], int(first["unit"])))
    assert f"Most biased towards {leading}" in told
    (share,) = (
        share for share in result.unit(first["layer"], int(first["unit"])).bias["era"] if share.subgroup == leading
    )
    statistics = f"{wording.number(share.adjusted_delta, 2)} {evidence_wording.verdict(share)}"
    assert f"{first['layer']} {first['unit']} {label} {first['probability']:.2f} {statistics}" in told
    assert "Most biased towards unborn" not in told


def untested(result: Dissection) -> Dissection:
    """The result as if too few faces could have been compared to test any bias."""
    layers = {
        name: replace(layer, bias=layer.bias.assign(adjusted_q=np.nan, supported=False))
        for name, layer in result.layers.items()
    }
    return replace(result, layers=layers)


def test_a_global_concept_that_was_not_tested_says_nothing_of_support(result: Dissection) -> None:
    found = untested(result).global_concept("era")
    assert found.layers["biased"].sum() > 0
    assert found.layers["tested"].sum() == found.supported.to_numpy().sum() == 0
    told = words(found._repr_html_())
    assert "supported" not in told
    assert "not tested" in told


def test_names_of_a_global_concept_are_escaped(result: Dissection) -> None:
    """`<img ...>` as a subgroup's name, as the concept's and as a layer's is shown and never run."""
    concept = GlobalConcept(name=HOSTILE, subgroups=(HOSTILE, "other"))
    vocabulary = replace(result.vocabulary, global_concepts=(concept,))
    layer = result["act"]
    bias = layer.bias[layer.bias["global_concept"] == "tone"].assign(global_concept=HOSTILE, layer=HOSTILE, biased=True)
    bias = bias.assign(subgroup=bias["subgroup"].map({"pale": HOSTILE, "<b>deep</b>": "other"}))
    hostile = replace(result, vocabulary=vocabulary, layers={HOSTILE: replace(layer, layer=HOSTILE, bias=bias)})
    html = hostile.global_concept(HOSTILE)._repr_html_()
    page = Page(re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL))
    assert page.tags["img"] == 2, "the stacks"
    told = words(html)
    assert f"Most biased towards {HOSTILE}" in told
    assert f"{HOSTILE}: 12 biased" in told
    assert told.startswith(f" {HOSTILE} global concept")
    assert any(HOSTILE in text for text in page.values("alt"))


def test_a_global_concept_that_was_not_measured(result: Dissection) -> None:
    layers = {
        name: replace(layer, bias=layer.bias.assign(probability=np.nan, biased=False))
        for name, layer in result.layers.items()
    }
    found = replace(result, layers=layers).global_concept("tone")
    assert found.probabilities.empty
    assert repr(found).endswith("first<1>: not measured; act: not measured>")
    told = words(found._repr_html_())
    assert "<img" not in found._repr_html_()
    assert "No unit has a probability: fewer than two subgroups have images." in told
    assert "act – – –" in told
    without = {name: replace(layer, bias=layer.bias.iloc[:0]) for name, layer in result.layers.items()}
    assert replace(result, layers=without).global_concept("tone").layers["measured"].tolist() == [0, 0]


def test_a_comparison_shows_both_sides(result: Dissection) -> None:
    comparison = compare({HOSTILE: result.only("first<1>"), "late": result.only("act")})
    html = comparison._repr_html_()
    page = Page(re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL))
    assert not page.tags["img"]
    told = words(html)
    assert HOSTILE in told
    for row in comparison.totals.itertuples():
        assert f"{row.Index} 12 {row.interpretable} ({100 * row.share:.0f} %)" in told
    regions = comparison.counts("regions")
    top, whole = regions.loc["Top"], regions.sum()
    cells = [f"{top[side]} ({100 * top[side] / whole[side]:.0f} %)" for side in comparison.names]
    assert f"Top {' '.join(cells)}" in re.sub(r"\s+", " ", told)
    for sentence in compare_wording.summary(comparison):
        assert re.sub(r"\s+", " ", sentence.replace("\u00a0", " ")) in told
    towards, measured = comparison.counts("bias"), comparison.counts("biased", "measured")
    pale = towards.loc[("tone", "pale"), "late"]
    assert f"{pale} ({100 * pale / measured.loc['tone', 'late']:.0f} %)" in told
    assert "Units biased by era" in told
    assert "Differences of the runs" not in told


def test_a_comparison_tests_the_differences(result: Dissection, unjudged: Dissection) -> None:
    fewer = result["act"].units.assign(interpretable=False, supported=False)
    other = replace(result, layers={"act": replace(result["act"], units=fewer)})
    comparison = compare({HOSTILE: result, "none": other})
    html = comparison._repr_html_()
    told = words(html)
    rows = compare_wording.contrasts(comparison)
    assert [measure for measure, _, holds in rows if holds] == ["are interpretable", "have a supported label"]
    for measure, cells, _ in rows:
        assert re.sub(r"\s+", " ", " ".join([measure, *cells]).replace("\u00a0", " ")) in told
    assert html.count('<tr class="strong">') == 2
    assert f"Units that {HOSTILE} none Difference 95 % interval q" in told
    assert "Newcombe" in told
    three = words(compare({"a": result, "b": other, "c": result})._repr_html_())
    assert "Units that First Second Difference" in three
    assert "are interpretable (a and c)" in three
    without = words(compare({"a": unjudged, "b": unjudged})._repr_html_())
    assert "are interpretable" in without
    assert "have a supported label" not in without


@pytest.mark.usefixtures("opened")
def test_no_view_is_wider_than_a_phone(result: Dissection, browser: Any) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 800})
    views = (result, result.unit("act", 7), result.concept("green"), result.global_concept("era"), compare(result))
    for shown in views:
        page.set_content(f"<!doctype html><meta charset=utf-8>{shown._repr_html_()}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, shown
        assert page.evaluate("[...document.querySelectorAll('.wide')].some((box) => box.scrollWidth > box.clientWidth)")
    page.close()


def test_supported_labels_are_counted_in_every_view(result: Dissection, unjudged: Dissection) -> None:
    layer = result["act"]
    units = layer.units.assign(supported=layer.units["interpretable"] & (layer.units["unit"] % 2 == 0))
    some = replace(result, layers={"act": replace(layer, units=units)})
    held, own = int(units["supported"].sum()), units[units["interpretable"]]
    assert 0 < held < len(own)
    assert f"Supported Most common concepts Biased act 10 × 8 12 {len(own)} (75 %) {held} " in words(some._repr_html_())
    of_green = own[own["concept"] == "green"]
    told = words(some.concept("green")._repr_html_())
    assert f"act {len(of_green)} units {of_green['supported'].sum()} " in told
    best = of_green.sort_values("iou", ascending=False, kind="stable").iloc[0]
    assert (
        f"act {best['unit']} {best['iou_firing']:.3f} {best['iou_labelled']:.3f} {best['coverage']:.0%}".replace(
            "%", f" % {'yes' if best['supported'] else 'no'}"
        )
        in told
    )
    for number, supported in own.set_index("unit")["supported"].items():
        belief = f"The label is {'' if supported else 'not '}supported: its IoU is"
        assert belief in words(some.unit("act", int(number))._repr_html_())
    beside = words(compare({"some": some, "whole": result})._repr_html_())
    share = wording.percent(int(of_green["supported"].sum()), len(own)).replace("\u00a0", " ")
    assert f"green {of_green['supported'].sum()} ({share})" in beside.partition("Supported labels by concept")[2]
    for shown in (unjudged, unjudged.concept("green"), unjudged.unit("act", 7), compare([unjudged, unjudged])):
        text = words(shown._repr_html_())
        assert "upported labels" not in text
        assert "Supported Most" not in text
        assert "The label is" not in text


def test_a_comparison_warns_of_what_differs(result: Dissection) -> None:
    other = replace(result, settings=replace(result.settings, min_iou=0.5))
    told = words(compare({"a": result, "b": other})._repr_html_())
    assert "numbers that rest on these cannot be compared." in told
    assert "min_iou settings 0.04 0.5" in told


def test_a_comparison_without_bias(bare_run: tuple[Dissection, FaceDictionary]) -> None:
    told = words(compare({"a": bare_run[0], "b": bare_run[0]})._repr_html_())
    assert "Units biased" not in told
    assert "Bottom & more 0 (–) 0 (–)" in told


def test_the_dictionary_is_opened_as_the_run_did(result: Dissection, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, dict[str, object]]] = []
    monkeypatch.setattr(open_module, "open_dictionary", lambda location, **told: asked.append((location, told)))
    known = {**result.provenance.dictionary, "location": "here", "format": "coco", "options": {"preset": "x"}}
    notebook.reopened(replace(result, provenance=replace(result.provenance, dictionary=known)))
    assert asked == [("here", {"format": "coco", "preset": "x"})]
    notebook._opened.cache_clear()
