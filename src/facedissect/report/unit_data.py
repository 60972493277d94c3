"""What the page's script knows of the units of a layer: the tables as arrays of units, and the faces for each unit's concept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int16

from ..concepts import Vocabulary
from ..dictionary.faces import FaceDictionary, State
from ..results import LayerResult
from ..tables import ACTIVE, CONSTANT, DEAD, NOT_FINITE
from ..units import EFFECT

STATES = (ACTIVE, DEAD, CONSTANT, NOT_FINITE)
LABELS: tuple[State, ...] = ("unknown", "absent", "present")
NONE = -1
"""Where a unit has no concept, or no further face."""
NO_LABEL = -2
"""In a set of labels: none."""

UNKNOWN = -32768
"""NaN among thousandths."""
TRENDS = {
    "trend_rho": "rho",
    "trend_low": "rho_low",
    "trend_high": "rho_high",
    "trend_adjusted": "adjusted_rho",
    "trend_adjusted_low": "adjusted_low",
    "trend_adjusted_high": "adjusted_high",
    "trend_q": "adjusted_q",
}
"""Array of (unit, number) -> column of the table of trends."""

MOST_LABELS = 6
"""Of a set of labels that are told by name."""


@dataclass(frozen=True, kw_only=True)
class ConceptFaces:
    """For each unit, the faces with its best concept on which it peaks highest.

    Attributes:
        faces: (unit, place) their ids; fewer where fewer faces have the concept, none for a unit without one.
        peaks: (unit, place) p_u(x); NaN where there is no face.
    """

    faces: tuple[tuple[str, ...], ...]
    peaks: Float[np.ndarray, "unit place"]


def best_concepts(layer: LayerResult) -> list[str | None]:
    """The concept with the highest IoU of each unit; None where no IoU is positive."""
    return [name if isinstance(name, str) else None for name in layer.units["concept"]]


def concept_faces(layer: LayerResult, dictionary: FaceDictionary, count: int) -> ConceptFaces:
    """The `count` faces for the concept of each unit, highest peak first, equals in the order of their ids, NaN last."""
    best = np.array(best_concepts(layer), object)
    faces: list[tuple[str, ...]] = [()] * len(best)
    peaks = np.full((len(best), count), np.nan, np.float32)
    row = {face: number for number, face in enumerate(layer.peaks.faces)}
    for concept in dict.fromkeys(name for name in best if name is not None):
        units = np.flatnonzero(best == concept)
        rows = np.array(sorted(row[face] for face in _holding(dictionary, concept) if face in row), np.int64)
        highest = np.asarray(layer.peaks.highest[rows][:, units], np.float32)
        order = np.argsort(-highest, axis=0, kind="stable")[:count]
        for column, unit in enumerate(units):
            chosen = order[:, column]
            faces[unit] = tuple(layer.peaks.faces[rows[place]] for place in chosen)
            peaks[unit, : len(chosen)] = highest[chosen, column]
    return ConceptFaces(faces=tuple(faces), peaks=peaks)


def _holding(dictionary: FaceDictionary, concept: str) -> list[str]:
    return [face.id for face in dictionary.faces_with(concept)] if concept in dictionary.vocabulary else []


def unit_arrays(
    layer: LayerResult,
    vocabulary: Vocabulary,
    dictionary: FaceDictionary,
    best: ConceptFaces,
    place_of_face: Mapping[str, int],
) -> dict[str, np.ndarray]:
    """The tables of a layer as arrays; names and concepts are told by their places in the vocabulary.

    Args:
        layer: whose tables they are.
        vocabulary: of the run.
        dictionary: tells whether a top face has the unit's concept.
        best: the faces for the units' concepts.
        place_of_face: of each face among those that the page shows.

    Returns:
        `state` (unit) a place in STATES; `concept` (unit) the best one or NONE; `interpretable` (unit); `threshold`, `lowest`,
        `highest` (unit); `iou_firing`, `iou_labelled`, `coverage` (unit, concept), of no unit for a layer without maps;
        `probability`, `detected` (unit, concept) of the concepts of its region; `share`, `biased` (unit, subgroup), the
        subgroups of all global concepts one after the other; `top_face`, `top_peak`, `top_label` (unit, place), the label a
        place in LABELS for the unit's best concept; `concept_face`, `concept_peak`, `concept_top` (unit, place), the last the
        place that the face has among the unit's top faces or NONE. What is not known is NaN.

        What speaks for it: `p`, `q`, `chance` (unit) of the label, `supported` (unit). In thousandths, UNKNOWN for NaN: `low`,
        `high`, `null`, `concept_q` (unit, concept); `stability` (unit); `sweep_iou`, `sweep_own` (unit, quantile), the IoU of
        the best concept there and of the label; `delta`, `delta_low`, `delta_high`, `adjusted_delta`, `adjusted_low`,
        `adjusted_high`, `adjusted_q`, `overlap` (unit, subgroup). `label_set` (unit, place) concepts or NO_LABEL, NONE where
        there are no more; `label_sets` (unit) how many there are; `sweep_concept` (unit, quantile); `held` (unit, subgroup).

        The arrays of TRENDS, in thousandths, and `trend_supported` (unit, number).
    """
    units = len(layer.units)
    concept = np.array([vocabulary.position(name) if name else NONE for name in best_concepts(layer)], np.int16)
    top_faces = _by_unit(layer.top_faces["face"].to_numpy(object), units)
    places = range(best.peaks.shape[1])
    on_top = [{face: place for place, face in enumerate(row)} for row in top_faces]
    return {
        "state": np.array([STATES.index(state) for state in layer.units["state"]], np.uint8),
        "concept": concept,
        "interpretable": layer.units["interpretable"].to_numpy(bool),
        **{name: layer.units[name].to_numpy(np.float32) for name in ("threshold", "lowest", "highest")},
        **{
            name: layer.concepts[name].to_numpy(np.float32).reshape(-1, len(vocabulary))
            for name in ("iou_firing", "iou_labelled", "coverage")
        },
        **_hierarchy(layer, vocabulary),
        **_bias(layer, vocabulary),
        **_evidence(layer, vocabulary),
        **_sweep(layer, vocabulary),
        **_trends(layer),
        "top_face": np.array([[place_of_face[face] for face in row] for row in top_faces], np.int32),
        "top_peak": _by_unit(layer.top_faces["peak"].to_numpy(np.float32), units),
        "top_label": np.array(
            [
                [LABELS.index(_label(dictionary, face, vocabulary, int(number))) for face in row]
                for row, number in zip(top_faces, concept, strict=True)
            ],
            np.uint8,
        ),
        "concept_face": np.array(
            [[place_of_face[row[p]] if p < len(row) else NONE for p in places] for row in best.faces], np.int32
        ),
        "concept_peak": best.peaks,
        "concept_top": np.array(
            [
                [top.get(row[p], NONE) if p < len(row) else NONE for p in places]
                for row, top in zip(best.faces, on_top, strict=True)
            ],
            np.int16,
        ),
    }


def _by_unit(values: np.ndarray, units: int) -> np.ndarray:
    """A column that has as many rows for each unit, as (unit, row)."""
    return values.reshape(units, -1) if units else values.reshape(0, 0)


def _label(dictionary: FaceDictionary, face: str, vocabulary: Vocabulary, concept: int) -> State:
    if concept == NONE or face not in dictionary:
        return "unknown"
    return dictionary[face].state(vocabulary.concepts[concept])


def _hierarchy(layer: LayerResult, vocabulary: Vocabulary) -> dict[str, np.ndarray]:
    shape = len(layer.units), len(vocabulary)
    probability, detected = np.full(shape, np.nan, np.float32), np.zeros(shape, bool)
    table = layer.hierarchy
    at = (
        table["unit"].to_numpy(np.int64),
        np.array([vocabulary.position(name) for name in table["concept"]], np.int64),
    )
    probability[at], detected[at] = table["probability"].to_numpy(np.float32), table["detected"].to_numpy(bool)
    return {"probability": probability, "detected": detected}


def _bias(layer: LayerResult, vocabulary: Vocabulary) -> dict[str, np.ndarray]:
    names = [(g.name, subgroup) for g in vocabulary.global_concepts for subgroup in g.subgroups]
    column = {name: number for number, name in enumerate(names)}
    share = np.full((len(layer.units), len(names)), np.nan, np.float32)
    biased = np.zeros(share.shape, bool)
    table = layer.bias
    at = (
        table["unit"].to_numpy(np.int64),
        np.array([column[name] for name in zip(table["global_concept"], table["subgroup"], strict=True)], np.int64),
    )
    share[at], biased[at] = table["probability"].to_numpy(np.float32), table["biased"].to_numpy(bool)
    held = np.zeros(share.shape, bool)
    held[at] = table["supported"].to_numpy(bool)
    effects = {name: np.full(share.shape, UNKNOWN, np.int16) for name in EFFECT}
    for name, values in effects.items():
        values[at] = thousandths(table[name])
    return {"share": share, "biased": biased, "held": held, **effects}


def thousandths(values: pd.Series) -> Int16[np.ndarray, " value"]:
    """Numbers from -30 to 30 as a page holds what it shows with three digits; UNKNOWN for NaN."""
    numbers = values.to_numpy(np.float64, na_value=np.nan)
    rounded: Int16[np.ndarray, " value"] = np.where(
        np.isnan(numbers), UNKNOWN, np.round(1000 * np.nan_to_num(numbers))
    ).astype(np.int16)
    return rounded


def _evidence(layer: LayerResult, vocabulary: Vocabulary) -> dict[str, np.ndarray]:
    units, concepts = layer.units, layer.concepts
    sets = [
        text.split(";") if known else []
        for text, known in zip(units["label_set"], units["stability"].notna(), strict=True)
    ]
    named = np.full((len(units), MOST_LABELS), NONE, np.int16)
    for unit, names in enumerate(sets):
        named[unit, : len(names)] = [vocabulary.position(name) if name else NO_LABEL for name in names[:MOST_LABELS]]
    return {
        "supported": units["supported"].to_numpy(bool),
        **{name: units[name].to_numpy(np.float32) for name in ("p", "q")},
        "chance": units["iou_chance"].to_numpy(np.float32),
        "stability": thousandths(units["stability"]),
        "label_set": named,
        "label_sets": np.array([len(names) for names in sets], np.uint8),
        **{
            name: thousandths(concepts[column]).reshape(-1, len(vocabulary))
            for name, column in (("low", "iou_low"), ("high", "iou_high"), ("null", "iou_null"), ("concept_q", "q"))
        },
    }


def quantiles(layer: LayerResult) -> list[float]:
    """Those at which the labels of a layer were found again, rising."""
    return sorted({float(quantile) for quantile in layer.sweep["quantile"]})


def _sweep(layer: LayerResult, vocabulary: Vocabulary) -> dict[str, np.ndarray]:
    known = quantiles(layer)
    shape = len(layer.units), len(known)
    concept = np.full(shape, NONE, np.int16)
    best, own = np.full(shape, UNKNOWN, np.int16), np.full(shape, UNKNOWN, np.int16)
    table = layer.sweep
    at = table["unit"].to_numpy(np.int64), np.array([known.index(quantile) for quantile in table["quantile"]], np.int64)
    concept[at] = [vocabulary.position(name) if isinstance(name, str) else NONE for name in table["concept"]]
    best[at], own[at] = thousandths(table["iou"]), thousandths(table["iou_of_label"])
    return {"sweep_concept": concept, "sweep_iou": best, "sweep_own": own}


def numbers(layer: LayerResult) -> list[str]:
    """The labels that are numbers with which the peaks of a layer were compared."""
    return list(dict.fromkeys(layer.trends["measure"]))


def _trends(layer: LayerResult) -> dict[str, np.ndarray]:
    known, table = numbers(layer), layer.trends
    shape = len(layer.units), len(known)
    at = table["unit"].to_numpy(np.int64), np.array([known.index(name) for name in table["measure"]], np.int64)
    supported = np.zeros(shape, bool)
    supported[at] = table["supported"].to_numpy(bool)
    found = {name: np.full(shape, UNKNOWN, np.int16) for name in TRENDS}
    for name, column in TRENDS.items():
        found[name][at] = thousandths(table[column])
    return {**found, "trend_supported": supported}
