"""One record a unit: everything that is said of it, gathered from the tables of its layer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from .results import LayerResult
from .tables import EVIDENCE

BEST_CONCEPTS = 5
LEADING = 3
EFFECT = (
    "delta",
    "delta_low",
    "delta_high",
    "adjusted_delta",
    "adjusted_low",
    "adjusted_high",
    "adjusted_q",
    "overlap",
)
"""Columns of the table of biases that a subgroup is told by, beside the published ones."""


@dataclass(frozen=True, kw_only=True)
class ConceptScore:
    """How well a unit covers one concept, by both unions, and what speaks for it; NaN where nothing could be compared.

    Attributes:
        iou: by the union of the run's settings.
        iou_low, iou_high: its 95 % interval.
        iou_null: with the concept's masks exchanged between its images, in the mean.
        iou_chance: if firing masks and concept masks lay anywhere.
        p, q: how likely so high an IoU is with exchanged masks, and among all units and concepts of the layer.
    """

    concept: str
    iou: float = math.nan
    iou_firing: float
    iou_labelled: float
    coverage: float
    images: int
    iou_low: float = math.nan
    iou_high: float = math.nan
    iou_null: float = math.nan
    iou_chance: float = math.nan
    p: float = math.nan
    q: float = math.nan

    @property
    def judged(self) -> bool:
        """Whether it was tested against exchanged masks."""
        return not math.isnan(self.q)


@dataclass(frozen=True, kw_only=True)
class ConceptShare:
    """The probability of one concept of the unit's region."""

    concept: str
    probability: float
    detected: bool


@dataclass(frozen=True, kw_only=True)
class SubgroupShare:
    """One subgroup of a global concept: the published probability, and the effect beside it; NaN where there is none.

    Attributes:
        biased: whether the probability reaches the published cut-off.
        delta, delta_low, delta_high: Cliff's delta of its peaks and those of the other faces, with its 95 % interval.
        adjusted_delta, adjusted_low, adjusted_high: the same among faces that are alike in the other global concepts.
        adjusted_q: q-value of the adjusted effect; NaN where it was not tested.
        overlap: share of its faces that are compared in the adjusted effect.
        supported: whether the adjusted effect, of either sign, holds.
    """

    subgroup: str
    probability: float
    images: int
    biased: bool
    delta: float = math.nan
    delta_low: float = math.nan
    delta_high: float = math.nan
    adjusted_delta: float = math.nan
    adjusted_low: float = math.nan
    adjusted_high: float = math.nan
    adjusted_q: float = math.nan
    overlap: float = math.nan
    supported: bool = False

    @property
    def measured(self) -> bool:
        """Whether there is a probability."""
        return not math.isnan(self.probability)

    @property
    def tested(self) -> bool:
        """Whether the adjusted effect was tested."""
        return not math.isnan(self.adjusted_q)

    @property
    def higher(self) -> bool:
        """Whether its peaks are higher than those of the others, and that holds."""
        return self.supported and self.adjusted_delta > 0


@dataclass(frozen=True, kw_only=True)
class SweepLabel:
    """The best concept of a unit at another quantile, over the faces of the sweep.

    Attributes:
        quantile: of the threshold.
        concept: the best there; None where no IoU is positive.
        iou: of that concept.
        iou_of_label: of the label that the unit has in the run.
    """

    quantile: float
    concept: str | None
    iou: float
    iou_of_label: float


@dataclass(frozen=True, kw_only=True)
class TopFace:
    """One of the faces on which a unit peaks highest; `place` counts from 1."""

    face: str
    place: int
    peak: float


@dataclass(frozen=True, kw_only=True)
class UnitSummary:
    """What was found about one unit.

    Attributes:
        unit: its number in the layer, from 0.
        state: `active`, `dead`, `constant` or `not finite`.
        has_map: whether the layer's units have maps, which can be compared with concepts.
        best: the concept with the highest IoU; None where no IoU is positive.
        region, kind: those of `best`.
        iou: of `best`, by the union of the run's settings.
        interpretable: whether that IoU exceeds the cut-off.
        supported: whether it also holds against masks exchanged between images (q < 0.05).
        stability: share of the resamplings of the images in which `best` is the same.
        label_set: the concepts that hold 95 % of those; "" for none.
        sweep: the label at other quantiles.
        concepts: the concepts with the highest IoU, best first.
        hierarchy: the concepts of its region, most probable first; empty unless interpretable.
        bias: global concept -> its subgroups, in their own order.
        faces: its top faces, highest peak first.
        threshold, lowest, highest: of its activation, in the network's own scale.
    """

    unit: int
    state: str
    has_map: bool
    best: ConceptScore | None
    region: str
    kind: str
    iou: float
    interpretable: bool
    supported: bool
    stability: float
    label_set: tuple[str, ...]
    sweep: tuple[SweepLabel, ...]
    concepts: tuple[ConceptScore, ...]
    hierarchy: tuple[ConceptShare, ...]
    bias: Mapping[str, tuple[SubgroupShare, ...]]
    faces: tuple[TopFace, ...]
    threshold: float
    lowest: float
    highest: float

    @property
    def judged(self) -> bool:
        """Whether its label was tested; a run without replicates tests none."""
        return self.interpretable and self.best is not None and self.best.judged

    @property
    def detected(self) -> tuple[ConceptShare, ...]:
        """The concepts of its region that it detects, most probable first."""
        return tuple(share for share in self.hierarchy if share.detected)

    @property
    def leading(self) -> tuple[ConceptShare, ...]:
        """The most probable concepts of its region, and whatever else it detects."""
        return tuple(share for place, share in enumerate(self.hierarchy) if share.detected or place < LEADING)

    @property
    def biased(self) -> tuple[tuple[str, SubgroupShare], ...]:
        """The subgroups towards which it is biased, each with its global concept."""
        return tuple((name, share) for name, shares in self.bias.items() for share in shares if share.biased)


def unit_summaries(layer: LayerResult) -> tuple[UnitSummary, ...]:
    """The units of a layer, interpretable ones first, then by falling IoU, then by number."""
    ranked = layer.concepts[layer.concepts["iou"] > 0].sort_values(
        ["unit", "iou"], ascending=[True, False], kind="stable"
    )
    concepts = _by_unit(ranked.groupby("unit").head(BEST_CONCEPTS))
    hierarchy, bias, faces = _by_unit(layer.hierarchy), _by_unit(layer.bias), _by_unit(layer.top_faces)
    sweep = _by_unit(layer.sweep)
    ordered = layer.units.sort_values(["interpretable", "iou", "unit"], ascending=[False, False, True])
    return tuple(
        _summary(
            row,
            layer.map_size is not None,
            concepts.get(row["unit"], []),
            hierarchy.get(row["unit"], []),
            bias.get(row["unit"], []),
            faces.get(row["unit"], []),
            sweep.get(row["unit"], []),
        )
        for row in _rows(ordered)
    )


def _summary(
    row: dict[str, Any],
    has_map: bool,
    concepts: list[dict[str, Any]],
    hierarchy: list[dict[str, Any]],
    bias: list[dict[str, Any]],
    faces: list[dict[str, Any]],
    sweep: list[dict[str, Any]],
) -> UnitSummary:
    has_best = bool(pd.notna(row["concept"]))
    subgroups: dict[str, list[SubgroupShare]] = {}
    for share in bias:
        subgroups.setdefault(share["global_concept"], []).append(
            SubgroupShare(
                subgroup=share["subgroup"],
                probability=float(share["probability"]),
                images=int(share["images"]),
                biased=bool(share["biased"]),
                supported=bool(share["supported"]),
                **{name: float(share[name]) for name in EFFECT},
            )
        )
    return UnitSummary(
        unit=int(row["unit"]),
        state=row["state"],
        has_map=has_map,
        best=_score(row) if has_best else None,
        region=row["region"] if has_best else "",
        kind=row["kind"] if has_best else "",
        iou=float(row["iou"]),
        interpretable=bool(row["interpretable"]),
        supported=bool(row["supported"]),
        stability=float(row["stability"]),
        # Names hold no `;`; no name at all is a replicate without a label, unless nothing was resampled.
        label_set=() if math.isnan(row["stability"]) else tuple(row["label_set"].split(";")),
        sweep=tuple(
            SweepLabel(
                quantile=float(point["quantile"]),
                concept=point["concept"] if pd.notna(point["concept"]) else None,
                iou=float(point["iou"]),
                iou_of_label=float(point["iou_of_label"]),
            )
            for point in sweep
        ),
        concepts=tuple(_score(concept) for concept in concepts),
        hierarchy=tuple(
            ConceptShare(
                concept=share["concept"], probability=float(share["probability"]), detected=bool(share["detected"])
            )
            for share in hierarchy
        ),
        bias={name: tuple(shares) for name, shares in subgroups.items()},
        faces=tuple(TopFace(face=face["face"], place=int(face["place"]), peak=float(face["peak"])) for face in faces),
        threshold=float(row["threshold"]),
        lowest=float(row["lowest"]),
        highest=float(row["highest"]),
    )


def _score(row: dict[str, Any]) -> ConceptScore:
    return ConceptScore(
        concept=row["concept"],
        iou_firing=float(row["iou_firing"]),
        iou_labelled=float(row["iou_labelled"]),
        coverage=float(row["coverage"]),
        images=int(row["images"]),
        **{name: float(row[name]) for name in ("iou", *EVIDENCE)},
    )


def _by_unit(table: pd.DataFrame) -> dict[int, list[dict[str, Any]]]:
    grouped: dict[int, list[dict[str, Any]]] = {}
    for row in _rows(table):
        grouped.setdefault(row["unit"], []).append(row)
    return grouped


def _rows(table: pd.DataFrame) -> Iterator[dict[str, Any]]:
    names = [str(name) for name in table.columns]
    for values in table.itertuples(index=False, name=None):
        yield dict(zip(names, values, strict=True))
