"""Comparing results: every count against one made by hand from the tables, and whatever differs between the runs is told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from facedissect import Settings
from facedissect.comparison import compare
from facedissect.concepts import Vocabulary
from facedissect.errors import LayerError, SettingsError
from facedissect.peaks import Peaks
from facedissect.provenance import Provenance
from facedissect.results import Dissection, LayerResult

from .report.conftest import VOCABULARY

NAMES = VOCABULARY.names


def layer(name: str, labels: list[str | None], detected: dict[int, list[str]], *, maps: bool = True) -> LayerResult:
    """A layer whose units have the given labels, with IoUs of 0.1, 0.2, ... in their order."""
    units = np.arange(len(labels))
    places = [None if label is None else VOCABULARY[label] for label in labels]
    iou = [(unit + 1) / 10 for unit in units]
    rows = [(unit, concept) for unit, concepts in detected.items() for concept in concepts]
    bias = [
        (unit, g.name, subgroup, 10 + place, 0.6 if place == unit % 2 else 0.1)
        for g in VOCABULARY.global_concepts
        for unit in units
        for place, subgroup in enumerate(g.subgroups)
    ]
    return LayerResult(
        layer=name,
        map_size=(4, 5) if maps else None,
        units=pd.DataFrame(
            {
                "layer": name,
                "unit": units,
                "state": "active",
                "concept": labels,
                "region": [place and place.region for place in places],
                "kind": [place and place.kind for place in places],
                "iou": iou,
                "interpretable": [label is not None for label in labels],
                "q": [0.01 if unit % 2 == 0 else 0.6 for unit in units],
                "supported": [label == "green" for label in labels],
                "biased_tone": [("pale", "<b>deep</b>")[unit % 2] for unit in units],
                "supported_tone": ["pale" if unit == 0 else "" for unit in units],
            }
        ),
        concepts=pd.DataFrame(
            {
                "unit": np.repeat(units, len(NAMES)),
                "concept": np.tile(NAMES, len(units)),
                "iou": np.linspace(0, 0.5, len(units) * len(NAMES)),
            }
            if maps
            else {"unit": [], "concept": [], "iou": []}
        ),
        hierarchy=pd.DataFrame(
            {
                "layer": name,
                "unit": [unit for unit, _ in rows],
                "concept": [concept for _, concept in rows],
                "probability": 0.9,
                "detected": True,
            }
        ),
        bias=pd.DataFrame(bias, columns=["unit", "global_concept", "subgroup", "images", "probability"]).assign(
            layer=name,
            biased=lambda rows: rows["probability"] > 0.5,
            supported=lambda rows: rows["unit"] == 0,
            adjusted_delta=lambda rows: rows["probability"] - 0.5,
        ),
        trends=pd.DataFrame(),
        sweep=pd.DataFrame(),
        top_faces=pd.DataFrame(),
        peaks=Peaks(faces=(), highest=np.zeros((0, len(labels))), lowest=np.zeros((0, len(labels)))),
        top_maps=np.zeros((len(labels), 0, 4, 5)),
    )


def dissection(model: str, *layers: LayerResult, digest: str = "d", **settings: float) -> Dissection:
    return Dissection(
        settings=Settings(**settings),
        vocabulary=VOCABULARY,
        provenance=Provenance(
            versions={"python": "3.11"},
            model={"name": model, "digest": model, "source": "here", "preprocess": {"size": (4, 5)}},
            dictionary={"location": "faces", "format": "demo", "digest": digest, "faces": 9, "local_faces": 9},
            concept_images={name: 5 for name in NAMES if name != "never_seen"},
            subgroup_images={},
            execution={"device": "cpu"},
        ),
        layers={entry.layer: entry for entry in layers},
    )


@pytest.fixture
def first() -> Dissection:
    return dissection(
        "first",
        layer("early", ["green", "green", None], {0: ["green"], 1: ["green"]}),
        layer("late", ["green", "a$b$_c"], {0: ["green"], 1: []}),
    )


@pytest.fixture
def second() -> Dissection:
    return dissection("second", layer("early", ["green", None, None, NAMES[0]], {0: ["green"], 3: [NAMES[0]]}))


def test_counts_are_those_of_the_tables(first: Dissection, second: Dissection) -> None:
    found = compare([first, second])
    assert found.names == ["first", "second"]
    assert found.counts("concepts").to_dict() == {
        "first": {NAMES[0]: 0, "a$b$_c": 1, "green": 3, "never_seen": 0},
        "second": {NAMES[0]: 1, "a$b$_c": 0, "green": 1, "never_seen": 0},
    }
    assert found.counts("concepts", "detecting").loc["green"].tolist() == [3, 1]
    assert found.counts("regions").to_dict() == {
        "first": {"Top": 1, "Bottom & more": 3},
        "second": {"Top": 1, "Bottom & more": 1},
    }
    assert found.counts("kinds")["first"].to_dict() == {"action_unit": 0, "part": 4, "attribute": 0}
    assert found.totals["interpretable"].to_dict() == {"first": 4, "second": 2}
    assert found.totals["share"].tolist() == pytest.approx([4 / 5, 2 / 4])
    assert found.totals["mean_iou"].tolist() == pytest.approx([(0.1 + 0.2 + 0.1 + 0.2) / 4, (0.1 + 0.4) / 2])


def test_found_is_a_label_or_detected(first: Dissection, second: Dissection) -> None:
    found = compare([first, second]).found
    assert found.index.tolist() == list(NAMES)
    assert found.loc["green"].tolist() == [True, True]
    assert found.loc["a$b$_c"].tolist() == [True, False], "a label that no hierarchy detects"
    assert found.loc[NAMES[0]].tolist() == [False, True]
    assert not found.loc["never_seen"].any()


def test_biased_units_towards_each_subgroup_and_any(first: Dissection, second: Dissection) -> None:
    found = compare([first, second])
    # Even units lean towards the first subgroup of every global concept, odd ones towards the second.
    assert found.counts("bias").loc["tone"].to_dict() == {
        "first": {"pale": 3, "<b>deep</b>": 2},
        "second": {"pale": 2, "<b>deep</b>": 2},
    }
    assert found.counts("bias").loc["era", "first"].to_dict() == {"old": 3, "middle": 2, "new": 0, "unborn": 0}
    assert found.counts("biased").loc["era"].tolist() == [5, 4]
    assert found.counts("biased", "measured").loc["era"].tolist() == [5, 4]


def test_units_without_a_probability_are_not_measured(first: Dissection, second: Dissection) -> None:
    early = second["early"]
    silent = early.bias.assign(probability=early.bias["probability"].where(early.bias["unit"] != 1))
    found = compare([first, replace(second, layers={"early": replace(early, bias=silent)})])
    assert found.counts("biased", "measured")["second"].to_dict() == {"tone": 3, "era": 3}


def test_the_layers_of_one_result(first: Dissection) -> None:
    for found in (compare(first), compare([first]), compare({"any name": first})):
        assert found.names == ["early", "late"]
        assert found.counts("concepts").loc["green"].tolist() == [2, 1]
        assert found.layers["map_size"].tolist() == ["4x5", "4x5"]
        assert found.differences.empty


def test_the_layers_of_one_network_are_a_sequence(first: Dissection, second: Dissection) -> None:
    (rows,) = compare([first, second]).sequences
    assert rows["layer"].tolist() == ["early", "late"]
    assert rows["share"].tolist() == pytest.approx([2 / 3, 1])
    (across,) = compare({"x": first.only("late"), "y": first.only("early"), "z": second}).sequences
    assert across["side"].tolist() == ["x", "y"]
    again = compare({"x": first, "y": replace(first, settings=Settings(quantile=0.9))}).sequences
    assert [rows["side"].tolist() for rows in again] == [["x", "x"], ["y", "y"]], "two settings are no sequence"


def test_names_tell_results_apart(first: Dissection, second: Dissection) -> None:
    early, late = first.only("early"), first.only("late")
    assert compare([early, late, second]).names == ["first early", "first late", "second"]
    assert compare([early, early]).names == ["first early (1)", "first early (2)"]
    assert compare({"a": early, "b": second}).names == ["a", "b"]


def test_differences_of_the_runs(first: Dissection) -> None:
    other = dissection("other", layer("early", ["green"], {}), digest="e", min_iou=0.1, workers=3, cache_gb=1)
    other = replace(
        other,
        provenance=replace(
            other.provenance,
            versions={"python": "3.12"},
            model={**other.provenance.model, "preprocess": {"size": [4, 6]}},
            left_out={"face": "lost"},
        ),
    )
    found = compare([first, other])
    assert not found.same_dictionary
    assert found.differences.to_dict("index") == {
        ("dictionary", "digest"): {"first": "d", "other": "e"},
        ("dictionary", "faces left out"): {"first": "0", "other": "1"},
        ("preprocessing", "size"): {"first": "4, 5", "other": "4, 6"},
        ("settings", "min_iou"): {"first": "0.04", "other": "0.1"},
        ("versions", "python"): {"first": "3.11", "other": "3.12"},
    }, "workers and the cache have no say in the numbers"


def test_lists_of_json_are_the_tuples_that_they_were(first: Dissection) -> None:
    loaded = replace(first.provenance, model={**first.provenance.model, "preprocess": {"size": [4, 5]}})
    found = compare([first, replace(first, provenance=loaded)])
    assert found.same_dictionary
    assert found.differences.empty


def test_a_layer_without_maps_has_no_share(first: Dissection) -> None:
    flat = dissection("flat", layer("head", [None, None], {}, maps=False))
    found = compare([first, flat])
    assert np.isnan(found.totals.loc["flat", "share"])
    assert found.totals.loc["flat", "units"] == 2
    assert found.counts("biased")["flat"].tolist() == [2, 2]
    assert not found.found["flat"].any()


def test_another_vocabulary_is_refused(first: Dissection, second: Dissection) -> None:
    other = replace(second, vocabulary=Vocabulary(concepts=VOCABULARY.concepts[2:]))
    with pytest.raises(SettingsError, match=r"got second, which, against first, lacks <img .*, tone .*; dissect both"):
        compare([first, replace(second, vocabulary=Vocabulary(concepts=VOCABULARY.concepts[1:]))])
    with pytest.raises(SettingsError, match=r"lacks <img .* and more; dissect both"):
        compare([first, other])
    turned = replace(
        second, vocabulary=replace(VOCABULARY, concepts=(*VOCABULARY.concepts[1:], VOCABULARY.concepts[0]))
    )
    with pytest.raises(SettingsError, match="another order"):
        compare([first, turned])


def test_nothing_to_compare(second: Dissection) -> None:
    for results in (second, [second], [], {}):
        with pytest.raises(SettingsError, match="expected two or more results, or one with several layers"):
            compare(results)


def test_only_some_layers(first: Dissection) -> None:
    assert list(first.only("late").layers) == ["late"]
    with pytest.raises(LayerError, match="got 'lat'; it has: late"):
        first.only("lat")


def test_shares_are_contrasted_by_interval_and_test(first: Dissection, second: Dissection) -> None:
    table = compare([first, second]).contrasts.set_index("measure")
    assert list(table.index) == ["interpretable", "supported", "biased_tone", "supported_tone"]
    counts = table[["units_first", "of_first", "units_second", "of_second"]]
    assert counts.loc["interpretable"].tolist() == [4, 5, 2, 4]
    assert counts.loc["supported"].tolist() == [3, 5, 1, 4]
    assert counts.loc["biased_tone"].tolist() == [5, 5, 4, 4]
    assert counts.loc["supported_tone"].tolist() == [2, 5, 1, 4]
    assert table.loc["interpretable", "difference"] == pytest.approx(4 / 5 - 2 / 4)
    assert table.loc["interpretable", "p"] == pytest.approx(stats.fisher_exact([[4, 1], [2, 2]]).pvalue)
    assert table["q"].tolist() == pytest.approx(stats.false_discovery_control(table["p"]).tolist())
    assert (table["low"] <= table["difference"]).all()
    assert (table["difference"] <= table["high"]).all()


def test_more_than_two_sides_are_contrasted_with_the_first(first: Dissection, second: Dissection) -> None:
    table = compare({"a": first.only("early"), "b": first.only("late"), "c": second}).contrasts
    assert table[["first", "second"]].drop_duplicates().to_numpy().tolist() == [["a", "b"], ["a", "c"]]
    alike = compare({"a": first, "b": first}).contrasts
    assert (alike["difference"] == 0).all()
    assert alike["p"].tolist() == pytest.approx([1] * len(alike))


def test_what_was_not_measured_is_not_contrasted(first: Dissection) -> None:
    flat = dissection("flat", layer("head", [None, None], {}, maps=False))
    assert compare([first, flat]).contrasts["measure"].tolist() == ["biased_tone", "supported_tone"]
    untested = replace(first, settings=Settings(replicates=0))
    assert "supported" not in set(compare([first, untested]).contrasts["measure"])
