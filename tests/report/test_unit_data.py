"""The arrays of units say what the tables say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from facedissect.dictionary.faces import FaceDictionary
from facedissect.report.unit_data import (
    LABELS,
    MOST_LABELS,
    NONE,
    STATES,
    TRENDS,
    UNKNOWN,
    concept_faces,
    numbers,
    quantiles,
    unit_arrays,
)
from facedissect.results import Dissection, LayerResult
from facedissect.units import EFFECT


@pytest.fixture
def layer(result: Dissection) -> LayerResult:
    return result["act"]


@pytest.fixture
def places(result: Dissection) -> dict[str, int]:
    return {face: number for number, face in enumerate(result["act"].peaks.faces)}


@pytest.fixture
def arrays(layer: LayerResult, dictionary: FaceDictionary, places: dict[str, int]) -> dict[str, np.ndarray]:
    return unit_arrays(layer, dictionary.vocabulary, dictionary, concept_faces(layer, dictionary, 4), places)


def test_units(arrays: dict[str, np.ndarray], layer: LayerResult, dictionary: FaceDictionary) -> None:
    names = dictionary.vocabulary.names
    for unit, row in layer.units.iterrows():
        assert STATES[arrays["state"][unit]] == row["state"]
        place = arrays["concept"][unit]
        assert (names[place] if place != NONE else None) == (
            row["concept"] if isinstance(row["concept"], str) else None
        )
        assert arrays["interpretable"][unit] == row["interpretable"]
        for name in ("threshold", "lowest", "highest"):
            np.testing.assert_equal(arrays[name][unit], np.float32(row[name]))


@pytest.mark.parametrize("name", ["iou_firing", "iou_labelled", "coverage"])
def test_concepts(arrays: dict[str, np.ndarray], layer: LayerResult, dictionary: FaceDictionary, name: str) -> None:
    for row in layer.concepts.to_dict("records"):
        found = arrays[name][row["unit"], dictionary.vocabulary.position(row["concept"])]
        np.testing.assert_equal(found, np.float32(row[name]))


def test_hierarchy(arrays: dict[str, np.ndarray], layer: LayerResult, dictionary: FaceDictionary) -> None:
    assert len(layer.hierarchy)
    expected = np.full(arrays["probability"].shape, np.nan, np.float32)
    detected = np.zeros(expected.shape, bool)
    for row in layer.hierarchy.to_dict("records"):
        at = row["unit"], dictionary.vocabulary.position(row["concept"])
        expected[at], detected[at] = row["probability"], row["detected"]
    np.testing.assert_array_equal(arrays["probability"], expected)
    np.testing.assert_array_equal(arrays["detected"], detected)


def test_bias(arrays: dict[str, np.ndarray], layer: LayerResult, dictionary: FaceDictionary) -> None:
    names = [(g.name, s) for g in dictionary.vocabulary.global_concepts for s in g.subgroups]
    assert arrays["share"].shape == (len(layer.units), len(names))
    for row in layer.bias.to_dict("records"):
        at = row["unit"], names.index((row["global_concept"], row["subgroup"]))
        np.testing.assert_equal(arrays["share"][at], np.float32(row["probability"]))
        assert arrays["biased"][at] == row["biased"]


def _close(found: int, expected: float) -> None:
    assert (found == UNKNOWN) == np.isnan(expected)
    if not np.isnan(expected):
        assert found / 1000 == pytest.approx(expected, abs=0.0005001)


def test_evidence(arrays: dict[str, np.ndarray], layer: LayerResult, dictionary: FaceDictionary) -> None:
    names = [*dictionary.vocabulary.names, ""]  # the last is that of -2, no label
    for unit, row in layer.units.iterrows():
        assert arrays["supported"][unit] == row["supported"]
        np.testing.assert_equal(arrays["p"][unit], np.float32(row["p"]))
        np.testing.assert_equal(arrays["q"][unit], np.float32(row["q"]))
        _close(arrays["stability"][unit], row["stability"])
        if not np.isnan(row["stability"]):
            told = [names[place] if place >= 0 else "" for place in arrays["label_set"][unit] if place != NONE]
            assert told == row["label_set"].split(";")[:MOST_LABELS]
            assert arrays["label_sets"][unit] == len(row["label_set"].split(";"))
    for row in layer.concepts.to_dict("records"):
        at = row["unit"], dictionary.vocabulary.position(row["concept"])
        for name, column in (("low", "iou_low"), ("high", "iou_high"), ("null", "iou_null"), ("concept_q", "q")):
            _close(arrays[name][at], row[column])


def test_effects_and_sweep(arrays: dict[str, np.ndarray], layer: LayerResult, dictionary: FaceDictionary) -> None:
    groups = [(g.name, s) for g in dictionary.vocabulary.global_concepts for s in g.subgroups]
    for row in layer.bias.to_dict("records"):
        at = row["unit"], groups.index((row["global_concept"], row["subgroup"]))
        assert arrays["held"][at] == row["supported"]
        for name in EFFECT:
            _close(arrays[name][at], row[name])
    known = quantiles(layer)
    assert known == [0.95, 0.99, 0.995, 0.999]
    for row in layer.sweep.to_dict("records"):
        at = row["unit"], known.index(row["quantile"])
        name = row["concept"] if isinstance(row["concept"], str) else None
        place = arrays["sweep_concept"][at]
        assert (dictionary.vocabulary.names[place] if place != NONE else None) == name
        _close(arrays["sweep_iou"][at], row["iou"])
        _close(arrays["sweep_own"][at], row["iou_of_label"])


def test_trends(arrays: dict[str, np.ndarray], layer: LayerResult) -> None:
    assert numbers(layer) == ["age"]
    assert 0 < layer.trends["supported"].sum() < len(layer.units)
    assert arrays["trend_rho"].shape == (len(layer.units), 1)
    for row in layer.trends.to_dict("records"):
        at = row["unit"], 0
        assert arrays["trend_supported"][at] == row["supported"]
        for name, column in TRENDS.items():
            _close(arrays[name][at], row[column])


def test_each_number_has_its_own_column(layer: LayerResult, dictionary: FaceDictionary, places: dict[str, int]) -> None:
    other = layer.trends.assign(measure="angle", rho=-layer.trends["rho"])
    two = replace(layer, trends=pd.concat([layer.trends, other], ignore_index=True))
    found = unit_arrays(two, dictionary.vocabulary, dictionary, concept_faces(two, dictionary, 4), places)
    assert numbers(two) == ["age", "angle"]
    first, second = found["trend_rho"].T
    assert (first != UNKNOWN).any()
    np.testing.assert_array_equal(np.where(first == UNKNOWN, UNKNOWN, -first), second)


def test_top_faces(
    arrays: dict[str, np.ndarray], layer: LayerResult, dictionary: FaceDictionary, places: dict[str, int]
) -> None:
    for row in layer.top_faces.to_dict("records"):
        at = row["unit"], row["place"] - 1
        assert arrays["top_face"][at] == places[row["face"]]
        np.testing.assert_equal(arrays["top_peak"][at], np.float32(row["peak"]))
        concept = arrays["concept"][row["unit"]]
        state = "unknown" if concept == NONE else dictionary[row["face"]].state(dictionary.vocabulary.concepts[concept])
        assert LABELS[arrays["top_label"][at]] == state


def test_faces_for_the_concept_of_a_unit(
    arrays: dict[str, np.ndarray], layer: LayerResult, dictionary: FaceDictionary, places: dict[str, int]
) -> None:
    assert (arrays["concept"] != NONE).any()
    for unit, concept in enumerate(arrays["concept"]):
        if concept == NONE:
            assert (arrays["concept_face"][unit] == NONE).all()
            continue
        name = dictionary.vocabulary.names[concept]
        having = [(-layer.peaks.highest[places[face.id], unit], face.id) for face in dictionary.faces_with(name)]
        expected = [places[face] for _, face in sorted(having)[:4]]
        assert list(arrays["concept_face"][unit]) == expected
        np.testing.assert_array_equal(arrays["concept_peak"][unit], layer.peaks.highest[expected, unit])
        top = list(arrays["top_face"][unit])
        assert list(arrays["concept_top"][unit]) == [top.index(face) if face in top else NONE for face in expected]


def test_a_layer_without_maps_has_no_concepts(
    mapless: Dissection, dictionary: FaceDictionary, places: dict[str, int]
) -> None:
    layer = mapless["act"]
    best = concept_faces(layer, dictionary, 4)
    arrays = unit_arrays(layer, dictionary.vocabulary, dictionary, best, places)
    assert (arrays["concept"] == NONE).all()
    assert arrays["iou_firing"].shape == (0, 4)
    assert np.isnan(arrays["probability"]).all()
    assert set(best.faces) == {()}
    assert not np.isnan(arrays["share"]).all()
