"""The tables of a layer: what the arrays of the three stages say, as pandas DataFrames with one row a fact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from .bias import Bias
from .concepts import Vocabulary
from .evidence import Evidence
from .hierarchy import Hierarchy, best_concepts
from .settings import Settings
from .significance import SIGNIFICANCE
from .sweep import SweepPoint
from .tally import Tally
from .thresholds import Thresholds
from .top_faces import TopFaces
from .trends import Trend

EVIDENCE = ("iou_low", "iou_high", "iou_null", "iou_chance", "p", "q")
"""Columns of what speaks for an IoU."""
DEAD, CONSTANT, NOT_FINITE, ACTIVE = "dead", "constant", "not finite", "active"


def unit_states(low: Float[np.ndarray, " unit"], high: Float[np.ndarray, " unit"]) -> list[str]:
    """`active`, `dead` (always 0), `constant` (always the same) or `not finite` (NaN or infinite somewhere)."""
    return [
        NOT_FINITE if not ok else ACTIVE if top > bottom else DEAD if top == 0 else CONSTANT
        for ok, top, bottom in zip(np.isfinite(low) & np.isfinite(high), high, low, strict=True)
    ]


def concepts_table(
    layer: str, tally: Tally, believed: Evidence, vocabulary: Vocabulary, settings: Settings
) -> pd.DataFrame:
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
            "iou_low": believed.low.ravel(),
            "iou_high": believed.high.ravel(),
            "iou_null": believed.null.ravel(),
            "iou_chance": believed.chance.ravel(),
            "p": believed.p.ravel(),
            "q": believed.q.ravel(),
        }
    )


def sweep_table(
    layer: str,
    points: Sequence[SweepPoint],
    labels: Int[np.ndarray, " unit"],
    vocabulary: Vocabulary,
    settings: Settings,
) -> pd.DataFrame:
    """One row for each unit and quantile: its label there, and the IoU there of the label that it has in the run."""
    parts = []
    for point in points:
        iou = point.tally.iou(settings.union, settings.negatives)
        best, units = best_concepts(iou), np.arange(len(labels))
        parts.append(
            pd.DataFrame(
                {
                    "layer": layer,
                    "unit": units,
                    "quantile": point.quantile,
                    "concept": pd.Series([vocabulary.names[c] if c >= 0 else None for c in best], dtype="str"),
                    "iou": np.where(best >= 0, iou[units, best], np.nan),
                    "iou_of_label": np.where(labels >= 0, iou[units, labels], np.nan),
                }
            )
        )
    if not parts:
        return pd.DataFrame(
            {
                column: pd.Series(dtype=kind)
                for column, kind in (
                    ("layer", "str"), ("unit", "int64"), ("quantile", "float64"),
                    ("concept", "str"), ("iou", "float64"), ("iou_of_label", "float64"),
                )
            }
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True).sort_values(["unit", "quantile"], kind="stable", ignore_index=True)


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
    """One row for each unit, global concept and subgroup: the published probability, and the effects beside it."""
    parts = []
    for name, bias in biases.items():
        units, groups = bias.probability.shape
        effect, adjusted = bias.effect, bias.adjusted
        columns = {
            "layer": layer,
            "unit": np.repeat(np.arange(units), groups),
            "global_concept": name,
            "subgroup": np.tile(bias.concept.subgroups, units),
            "probability": bias.probability.ravel(),
            "images": np.tile(bias.images, units),
            "biased": bias.biased.ravel(),
            "superiority": effect.superiority.ravel(),
            "delta": effect.delta.ravel(),
            "delta_low": effect.delta_low.ravel(),
            "delta_high": effect.delta_high.ravel(),
            "p": effect.p.ravel(),
            "q": bias.q.ravel(),
            "adjusted_delta": adjusted.delta.ravel(),
            "adjusted_low": adjusted.delta_low.ravel(),
            "adjusted_high": adjusted.delta_high.ravel(),
            "adjusted_p": adjusted.p.ravel(),
            "adjusted_q": bias.adjusted_q.ravel(),
            "overlap": adjusted.overlap.ravel(),
            "supported": bias.supported.ravel(),
        }
        parts.append(pd.DataFrame(columns))
    if not parts:
        return _empty(layer=str, unit=int, global_concept=str, subgroup=str, **_BIAS_NUMBERS)
    return pd.concat(parts, ignore_index=True)


_BIAS_NUMBERS = {
    "probability": float, "images": int, "biased": bool, "superiority": float,
    "delta": float, "delta_low": float, "delta_high": float, "p": float, "q": float,
    "adjusted_delta": float, "adjusted_low": float, "adjusted_high": float, "adjusted_p": float, "adjusted_q": float,
    "overlap": float, "supported": bool,
}  # fmt: skip
"""Columns of the table of biases, where there is no row that tells their types."""


def trends_table(layer: str, trends: Sequence[Trend]) -> pd.DataFrame:
    """One row for each unit and label that is a number."""
    parts = [
        pd.DataFrame(
            {
                "layer": layer,
                "unit": np.arange(len(trend.supported)),
                "measure": trend.name,
                "images": trend.images,
                "rho": trend.raw.rho,
                "rho_low": trend.raw.low,
                "rho_high": trend.raw.high,
                "p": trend.raw.p,
                "q": trend.q,
                "adjusted_rho": trend.adjusted.rho,
                "adjusted_low": trend.adjusted.low,
                "adjusted_high": trend.adjusted.high,
                "adjusted_p": trend.adjusted.p,
                "adjusted_q": trend.adjusted_q,
                "overlap": trend.adjusted.overlap,
                "supported": trend.supported,
            }
        )
        for trend in trends
    ]
    if not parts:
        numbers = dict.fromkeys(("rho", "rho_low", "rho_high", "p", "q", "adjusted_rho", "adjusted_low"), float)
        numbers |= dict.fromkeys(("adjusted_high", "adjusted_p", "adjusted_q", "overlap"), float)
        return _empty(layer=str, unit=int, measure=str, images=int, **numbers, supported=bool)
    return pd.concat(parts, ignore_index=True)


def _empty(**types: type) -> pd.DataFrame:
    """A table without rows."""
    return pd.DataFrame({name: pd.Series(dtype="str" if kind is str else kind) for name, kind in types.items()})


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
    believed: Evidence,
    thresholds: Thresholds,
    low: Float[np.ndarray, " unit"],
    high: Float[np.ndarray, " unit"],
    vocabulary: Vocabulary,
) -> pd.DataFrame:
    """One row for each unit: its best concept, how good that is, what else it detects and how it is biased.

    A unit without a positive IoU has no concept. `detected`, `biased_NAME` and `supported_NAME` list names separated by `;`; the
    supported ones are subgroups with higher peaks than the others, by the statistics.
    """
    best, units = hierarchy.best, np.arange(len(hierarchy.best))
    has = best >= 0
    rows = concepts.iloc[units * len(vocabulary) + np.maximum(best, 0)].reset_index(drop=True)
    table = pd.DataFrame({"layer": layer, "unit": units, "state": unit_states(low, high)})
    for column in ("concept", "region", "kind", "iou", "iou_firing", "iou_labelled", "coverage", "images", *EVIDENCE):
        table[column] = rows[column].where(has)
    table["images"] = table["images"].astype("Int64")
    table["interpretable"] = hierarchy.interpretable
    table["supported"] = hierarchy.interpretable & (table["q"] < SIGNIFICANCE).to_numpy()
    table["stability"] = believed.same
    names = (*vocabulary.names, "")
    table["label_set"] = [";".join(names[label] for label in labels) for labels in believed.labels]
    table["detected"] = _joined(hierarchy.detected, hierarchy.probability, vocabulary.names)
    for name, bias in biases.items():
        delta = bias.adjusted.delta
        table[f"biased_{name}"] = _joined(bias.biased, bias.probability, bias.concept.subgroups)
        table[f"supported_{name}"] = _joined(bias.supported & (delta > 0), delta, bias.concept.subgroups)
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
