"""Counts: every unit once, both unions, biased units as the tables say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facedissect.dictionary.faces import FaceDictionary
from facedissect.report.summary import BELOW_CUTOFF, FEW_IMAGES, INTERPRETABLE, RunSummary, summarise
from facedissect.results import Dissection
from facedissect.tables import CONSTANT, DEAD, NOT_FINITE
from facedissect.units import BEST_CONCEPTS, unit_summaries

from .conftest import HOSTILE


@pytest.fixture(scope="module")
def summary(result: Dissection) -> RunSummary:
    return summarise(result)


def test_units_come_interpretable_first_then_by_iou(result: Dissection) -> None:
    units = unit_summaries(result["first<1>"])
    assert sorted(unit.unit for unit in units) == list(range(12))
    assert [unit.interpretable for unit in units] == [True] * 9 + [False] * 3
    ious = [unit.iou for unit in units[:9]]
    assert ious == sorted(ious, reverse=True)


def test_a_unit_says_what_the_tables_say(result: Dissection) -> None:
    layer = result["first<1>"]
    unit = next(unit for unit in unit_summaries(layer) if unit.unit == 7)
    row = layer.units.set_index("unit").loc[7]
    assert unit.best is not None
    assert (unit.best.concept, unit.best.iou_labelled, unit.region) == (
        row["concept"],
        row["iou_labelled"],
        row["region"],
    )
    assert unit.concepts[0].concept == row["concept"]
    assert len(unit.concepts) <= BEST_CONCEPTS
    bias = layer.bias[layer.bias["unit"] == 7]
    assert [s.probability for shares in unit.bias.values() for s in shares] == pytest.approx(
        bias["probability"].tolist(), nan_ok=True
    )
    assert ";".join(sorted(share.subgroup for name, share in unit.biased if name == "era")) == ";".join(
        sorted(row["biased_era"].split(";"))
    )
    assert [top.face for top in unit.faces] == layer.top_faces.loc[layer.top_faces["unit"] == 7, "face"].tolist()


def test_a_unit_says_what_speaks_for_it(result: Dissection) -> None:
    layer = result["first<1>"]
    for unit in unit_summaries(layer):
        row = layer.units.loc[unit.unit]
        assert unit.supported == row["supported"]
        assert unit.judged == (row["interpretable"] and not np.isnan(row["q"]))
        np.testing.assert_equal(unit.stability, row["stability"])
        if unit.best:
            told = (unit.best.iou, unit.best.iou_low, unit.best.iou_high, unit.best.iou_null, unit.best.p, unit.best.q)
            assert told == tuple(row[["iou", "iou_low", "iou_high", "iou_null", "p", "q"]])
            assert ";".join(unit.label_set) == row["label_set"]
        assert [point.quantile for point in unit.sweep] == [0.95, 0.99, 0.995, 0.999]
        bias = layer.bias[layer.bias["unit"] == unit.unit]
        shares = [share for shares in unit.bias.values() for share in shares]
        for name in ("delta", "delta_low", "adjusted_delta", "adjusted_q", "overlap", "supported"):
            np.testing.assert_equal([getattr(share, name) for share in shares], bias[name].tolist())


def test_supported_labels_and_biases_are_counted(summary: RunSummary, result: Dissection) -> None:
    layer, units, bias = summary.layers[0], result["first<1>"].units, result["first<1>"].bias
    assert layer.supported == units["supported"].sum() > 0
    assert layer.judged == 9
    assert summary.supported == result.units["supported"].sum()
    by_concept = units[units["supported"]]["concept"].value_counts().to_dict()
    assert {count.concept.name: count.supported for count in layer.concepts if count.supported} == by_concept
    higher = bias["supported"] & (bias["adjusted_delta"] > 0)
    for count in layer.bias:
        own = bias["global_concept"] == count.global_concept
        for group in count.subgroups:
            of = own & (bias["subgroup"] == group.subgroup)
            assert group.supported == (of & higher).sum()
            assert group.both == (of & higher & bias["biased"]).sum()
        assert count.supported == bias[own & higher & bias["biased"]]["unit"].nunique()
        assert count.tested == bias[own]["adjusted_q"].notna().any()


def test_a_run_without_replicates_is_not_judged(unjudged: Dissection) -> None:
    run = summarise(unjudged)
    assert (run.judged, run.supported) == (0, 0)
    assert all(unit.label_set == () for unit in run.layers[0].units)


def test_every_unit_has_one_outcome(summary: RunSummary) -> None:
    outcomes = summary.layers[0].outcomes
    assert outcomes[INTERPRETABLE] == 9
    assert (outcomes[DEAD], outcomes[CONSTANT], outcomes[NOT_FINITE]) == (1, 1, 1)
    assert sum(outcomes.values()) == 12
    assert summary.layers[0].unlocalizable == 3


def test_units_per_concept_region_and_kind(summary: RunSummary, result: Dissection) -> None:
    layer = summary.layers[0]
    best = result["first<1>"].units.loc[lambda units: units["interpretable"], "concept"].value_counts()
    assert {count.concept.name: count.labelled for count in layer.concepts} == best.to_dict()
    detected = result["first<1>"].hierarchy.loc[lambda rows: rows["detected"], "concept"].value_counts()
    assert {c.concept.name: c.detecting for c in layer.concepts if c.detecting} == detected.to_dict()
    assert layer.regions == {"Top": 6, "Bottom & more": 3}
    assert layer.kinds == {"attribute": 3, "part": 6, "action_unit": 0}


def test_both_unions_are_counted(summary: RunSummary, result: Dissection) -> None:
    best = result["act"].concepts.groupby("unit")[["iou_firing", "iou_labelled"]].max() > 0.04
    assert dict(summary.layers[1].interpretable_by) == {
        "firing": best["iou_firing"].sum(),
        "labelled": best["iou_labelled"].sum(),
    }


def test_biased_units_per_subgroup(summary: RunSummary, result: Dissection) -> None:
    bias = result["first<1>"].bias
    for count in summary.layers[0].bias:
        rows = bias[bias["global_concept"] == count.global_concept]
        for group in count.subgroups:
            assert group.units == rows.loc[rows["subgroup"] == group.subgroup, "biased"].sum()
        assert count.measured == rows.groupby("unit")["probability"].apply(lambda p: p.notna().any()).sum()
    tone, era = summary.layers[0].bias
    assert (tone.cutoff, tone.groups) == (0.55, 2)
    assert (era.cutoff, era.groups) == (pytest.approx(0.4), 3), "a subgroup without images does not count"
    assert era.subgroups[3].few_images
    assert era.subgroups[0].images == 20 < FEW_IMAGES


def test_concepts_without_images_were_not_searched(summary: RunSummary) -> None:
    assert summary.not_searched == ("never_seen",)
    assert [concept.name for concept in summary.searched] == [HOSTILE, "a$b$_c", "green"]
    assert set(summary.few_images) == {HOSTILE, "a$b$_c", "green"}


def test_a_run_without_bias_or_interpretable_units(bare_run: tuple[Dissection, FaceDictionary]) -> None:
    layer = summarise(bare_run[0]).layers[0]
    assert (layer.interpretable, layer.bias, layer.concepts) == (0, (), ())
    assert layer.outcomes[BELOW_CUTOFF] == 3


def test_a_layer_may_lose_its_tables_of_bias(result: Dissection) -> None:
    layer = result["act"]
    assert summarise(replace(result, layers={"act": replace(layer, bias=layer.bias[:0])})).layers[0].bias == ()
