"""Sentences: numbers as they are, NaN said to be missing, nothing hard-wired to the published dictionary."""

from __future__ import annotations

from dataclasses import replace

import pytest

from facedissect.dictionary.faces import FaceDictionary
from facedissect.report import evidence_wording, wording
from facedissect.report.summary import summarise
from facedissect.results import Dissection
from facedissect.settings import Settings
from facedissect.units import SubgroupShare

from .conftest import BROKEN, HOSTILE


def plain(text: str) -> str:
    return text.replace(wording.SPACE, " ")


@pytest.mark.parametrize(
    ("value", "text"), [(0.12345, "0.123"), (float("nan"), "–"), (-12345.6, "-1.235e+04"), (0.0, "0.000")]
)
def test_number(value: float, text: str) -> None:
    assert wording.number(value) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(0.25, 1, "25 %"), (1, 512, "under 1 %"), (0, 512, "0 %"), (0, 0, "–"), (float("nan"), 1, "–")],
)
def test_percent(part: float, whole: float, text: str) -> None:
    assert plain(wording.percent(part, whole)) == text


def test_counted_and_listed() -> None:
    assert plain(wording.counted(1, "unit")) == "1 unit"
    assert plain(wording.counted(2048, "unit")) == "2,048 units"
    assert [wording.listed("abc"[:n]) for n in range(4)] == ["none", "a", "a and b", "a, b and c"]


def test_the_overview_answers_how_many_of_what_where_and_whether_biased(result: Dissection) -> None:
    text = plain(" ".join(wording.overview(summarise(result))))
    assert "9 of 12 units (75 %) are interpretable" in text
    assert f"The most common concepts are {HOSTILE} (3)" in text
    assert "by region, Top (6) and Bottom & more (3)" in text
    assert "none is biased by tone" in text
    assert "biased by era, towards " in text
    assert "few images" in text
    assert "compared with 3 concepts" in text


def test_in_short_answers_over_all_layers(result: Dissection, bare_run: tuple[Dissection, FaceDictionary]) -> None:
    answers = {question: plain(answer) for question, answer in wording.in_short(summarise(result))}
    assert answers["How many units are interpretable?"].startswith("18 of 24 units (75 %)")
    assert answers["Of what?"].startswith(f"3 concepts, {HOSTILE} (6 units)")
    assert answers["Where on the face?"] == (
        "Most often Top (12 units, 67 % of the interpretable ones); then Bottom & more (6)."
    )
    assert answers["Does it lean towards a subgroup?"].startswith("Units do, most by era: ")
    assert "(few images)" in answers["Does it lean towards a subgroup?"]
    assert "None by tone. This speaks of units" in answers["Does it lean towards a subgroup?"]
    bare = dict(wording.in_short(summarise(bare_run[0])))
    assert bare["Does it lean towards a subgroup?"] == "Nothing can be said: the dictionary has no subgroups."


def test_support_is_told_where_it_was_tested(result: Dissection, unjudged: Dissection) -> None:
    run = summarise(result)
    supported = int(result.units["supported"].sum())
    assert 0 < supported <= run.judged
    answers = {question: plain(answer) for question, answer in wording.in_short(run)}
    some = f"{supported} of these labels hold" if supported < run.judged else "All these labels hold"
    assert f"{some} against masks exchanged between images (q < 0.05)" in answers["How many units are interpretable?"]
    assert "supported" in answers["Does it lean towards a subgroup?"]
    trust = plain(" ".join(wording.trust(run)))
    assert "Exchanged masks: " in trust
    assert "Intervals hold 95 % of what 200 resamplings" in trust
    assert "A q-value is " in trust
    silent = summarise(unjudged)
    text = plain(" ".join([*wording.trust(silent), *(answer for _, answer in wording.in_short(silent)[:1])]))
    assert "upported" not in text
    assert "masks" not in text


def test_no_label_may_hold(result: Dissection) -> None:
    layer = result["act"]
    none = replace(layer, units=layer.units.assign(supported=False, q=0.5))
    run = summarise(replace(result, layers={"act": none}))
    assert (
        "None of these labels holds against masks" in dict(wording.in_short(run))["How many units are interpretable?"]
    )
    unit = run.layers[0].units[0]
    assert plain(evidence_wording.support(unit)) == "not supported (q 0.500)"
    assert "may just fire where" in evidence_wording.belief(unit)


def test_labels_of_replicates_are_named(result: Dissection) -> None:
    unit = replace(summarise(result).layers[0].units[0], stability=0.74, label_set=("Smiling", "AU_12", ""))
    assert plain(evidence_wording.stability(unit, 200)) == (
        "The label stays the same in 74 % of 200 resamplings of the images; 95 % of them give Smiling, AU_12 or no label."
    )
    assert plain(evidence_wording.stability(replace(unit, label_set=("Smiling",)), 200)).endswith("of the images.")
    assert evidence_wording.stability(replace(unit, stability=float("nan")), 0) == ""


def test_verdicts_of_subgroups() -> None:
    share = SubgroupShare(subgroup="a", probability=0.6, images=100, biased=True)
    assert evidence_wording.verdict(share) == "not tested"
    tested = replace(share, adjusted_q=0.2, adjusted_delta=-0.4)
    assert evidence_wording.verdict(tested) == "not supported"
    assert evidence_wording.verdict(replace(tested, supported=True)) == "supported: lower"
    assert evidence_wording.verdict(replace(tested, supported=True, adjusted_delta=0.4)) == "supported"


def test_many_layers_are_told_by_the_first_and_the_last(result: Dissection) -> None:
    run = summarise(result)
    many = replace(run, layers=run.layers[:1] * 3 + run.layers[1:] * 3)
    assert "Every unit of 6 layers, from first<1> to act (72 units), was compared" in plain(wording.opening(many))


def test_trust_names_what_is_missing(result: Dissection) -> None:
    text = plain(" ".join(wording.trust(summarise(result))))
    assert "Not searched, as the dictionary has no images of them: never_seen." in text
    assert "some units say nothing and have no label: 1 dead, 1 constant and 1 not finite" in text
    assert "era: fewer than 50 images of old (20), middle (20), new (20) and unborn (0)" in text
    assert "9 units exceed the cut-off if only images in which the unit fires are counted, 9 if misses" in text
    assert f"The run warned: {result.provenance.warnings[0]}" in text


def test_trust_counts_faces_that_were_left_out(result: Dissection) -> None:
    provenance = replace(result.provenance, left_out={"a": "broken", "b": "lost"})
    text = plain(" ".join(wording.trust(summarise(replace(result, provenance=provenance)))))
    assert "2 images could not be read and were left out." in text


def test_no_global_concepts_is_said(bare_run: tuple[Dissection, FaceDictionary]) -> None:
    run = summarise(bare_run[0])
    assert "The dictionary has no global concepts, so nothing can be said about bias." in wording.trust(run)
    assert "No concept of the dictionary explains any of them." in " ".join(wording.overview(run))


def test_unmeasured_global_concept_is_said(result: Dissection) -> None:
    sizes = {**result.provenance.subgroup_images, "mood": {"glad": 0, "sad": 0}}
    provenance = replace(result.provenance, subgroup_images=sizes)
    notes = wording.trust(summarise(replace(result, provenance=provenance)))
    assert "No image is labelled with mood: nothing can be said about that bias." in notes


def test_labels_say_why_there_is_none(result: Dissection, bare_run: tuple[Dissection, FaceDictionary]) -> None:
    labels = {unit.unit: wording.label(unit) for unit in summarise(result).layers[0].units}
    assert labels[0] == HOSTILE
    assert [labels[unit] for unit in (3, 4, BROKEN)] == ["no label: dead", "no label: constant", "no label: not finite"]
    assert "no label (closest: green)" in {wording.label(unit) for unit in summarise(bare_run[0]).layers[0].units}


def test_bias_of_a_dead_unit_is_not_measured(result: Dissection) -> None:
    units = {unit.unit: unit for unit in summarise(result).layers[0].units}
    assert wording.biased(units[3]) == "bias not measured"
    assert plain(wording.biased(units[0])).startswith("biased: era ")


def test_the_guide_follows_the_settings() -> None:
    guide = dict(wording.reading_guide(Settings(quantile=0.98, min_iou=0.07, union="labelled", detection_ratio=2)))
    assert "highest 2 %" in plain(guide["Top faces and the lit area"])
    assert "exceeds 0.07" in guide["IoU"]
    assert "“labelled”" in guide["Two IoUs"]
    assert "more than 2 times" in guide["Region and detected concepts"]
    assert "0.55 among 2 and 0.30 among 4" in guide["Bias"]
