"""The tables of a layer: what the arrays of the three stages say, as pandas DataFrames with one row a fact."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from .bias import Bias
from .concepts import Vocabulary
from .hierarchy import Hierarchy
from .settings import Settings
from .tally import Tally
from .thresholds import Thresholds
from .top_faces import TopFaces

DEAD, CONSTANT, NOT_FINITE, ACTIVE = "dead", "constant", "not finite", "active"


def unit_states(low: Float[np.ndarray, " unit"], high: Float[np.ndarray, " unit"]) -> list[str]:
    """`active`, `dead` (always 0), `constant` (always the same) or `not finite` (NaN or infinite somewhere)."""
    return [
        NOT_FINITE if not ok else ACTIVE if top > bottom else DEAD if top == 0 else CONSTANT
        for ok, top, bottom in zip(np.isfinite(low) & np.isfinite(high), high, low, strict=True)
    ]


def concepts_table(layer: str, tally: Tally, vocabulary: Vocabulary, settings: Settings) -> pd.DataFrame:
    """One row for each unit and concept, with both unions, so that no choice of union hides the other."""
    units, concepts = tally.intersection.shape
    return pd.DataFrame(
        {
            "layer": layer,
            "unit": np.repeat(np.arange(units), concepts),
            "concept": np.tile(vocabulary.names, units),
            "region": np.tile([c.region for c in vocabulary.concepts], units),
            "kind": np.tile([c.kind for c in vocabulary.concepts], units),
            "intersection": tally.intersection.ravel(),
            "union": tally.union(settings.union, settings.negatives).ravel(),
            "iou": tally.iou(settings.union, settings.negatives).ravel(),
            "iou_firing": tally.iou("firing", settings.negatives).ravel(),
            "iou_labelled": tally.iou("labelled", settings.negatives).ravel(),
            "coverage": tally.coverage().ravel(),
            "images": np.tile(tally.images, units),
        }
    )


def hierarchy_table(layer: str, hierarchy: Hierarchy, vocabulary: Vocabulary) -> pd.DataFrame:
    """One row for each interpretable unit and concept of its region that has images, most probable first."""
    units, concepts = np.nonzero(~np.isnan(hierarchy.probability))
    probability = hierarchy.probability[units, concepts]
    order = np.lexsort((concepts, -probability, units))
    units, concepts, probability = units[order], concepts[order], probability[order]
    return pd.DataFrame(
        {
            "layer": layer,
            "unit": units,
            "region": [vocabulary.concepts[c].region for c in concepts],
            "concept": [vocabulary.names[c] for c in concepts],
            "probability": probability,
            "detected": hierarchy.detected[units, concepts],
        }
    ).astype({"region": "str", "concept": "str"})


def bias_table(layer: str, biases: Mapping[str, Bias]) -> pd.DataFrame:
    """One row for each unit, global concept and subgroup."""
    parts = []
    for name, bias in biases.items():
        units, groups = bias.probability.shape
        parts.append(
            pd.DataFrame(
                {
                    "layer": layer,
                    "unit": np.repeat(np.arange(units), groups),
                    "global_concept": name,
                    "subgroup": np.tile(bias.concept.subgroups, units),
                    "probability": bias.probability.ravel(),
                    "images": np.tile(bias.images, units),
                    "biased": bias.biased.ravel(),
                }
            )
        )
    columns = ["layer", "unit", "global_concept", "subgroup", "probability", "images", "biased"]
    if not parts:
        return pd.DataFrame({column: pd.Series(dtype="object") for column in columns})
    return pd.concat(parts, ignore_index=True)


def top_faces_table(layer: str, top: TopFaces) -> pd.DataFrame:
    """One row for each unit and place, the highest peak first."""
    units, places = top.peaks.shape
    return pd.DataFrame(
        {
            "layer": layer,
            "unit": np.repeat(np.arange(units), places),
            "place": np.tile(np.arange(1, places + 1), units),
            "face": [face for row in top.faces for face in row],
            "peak": top.peaks.ravel(),
        }
    )


def units_table(
    layer: str,
    concepts: pd.DataFrame,
    hierarchy: Hierarchy,
    biases: Mapping[str, Bias],
    thresholds: Thresholds,
    low: Float[np.ndarray, " unit"],
    high: Float[np.ndarray, " unit"],
    vocabulary: Vocabulary,
) -> pd.DataFrame:
    """One row for each unit: its best concept, how good that is, what else it detects and how it is biased.

    A unit without a positive IoU has no concept. `detected` and `biased` list names separated by `;`.
    """
    best, units = hierarchy.best, np.arange(len(hierarchy.best))
    has = best >= 0
    rows = concepts.iloc[units * len(vocabulary) + np.maximum(best, 0)].reset_index(drop=True)
    table = pd.DataFrame({"layer": layer, "unit": units, "state": unit_states(low, high)})
    for column in ("concept", "region", "kind", "iou", "iou_firing", "iou_labelled", "coverage", "images"):
        table[column] = rows[column].where(has)
    table["images"] = table["images"].astype("Int64")
    table["interpretable"] = hierarchy.interpretable
    table["detected"] = _joined(hierarchy.detected, hierarchy.probability, vocabulary.names)
    for name, bias in biases.items():
        table[f"biased_{name}"] = _joined(bias.biased, bias.probability, bias.concept.subgroups)
    table["threshold"] = thresholds.values
    table["lowest"] = low
    table["highest"] = high
    return table


def _joined(
    chosen: Bool[np.ndarray, "unit name"], weight: Float[np.ndarray, "unit name"], names: tuple[str, ...]
) -> list[str]:
    """The chosen names of each unit, heaviest first."""
    return [
        ";".join(names[position] for position in np.argsort(-values, kind="stable") if flags[position])
        for flags, values in zip(chosen, weight, strict=True)
    ]
