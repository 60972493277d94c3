"""One network of the planted-bias experiment: train it, dissect it, measure it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..dissection import dissect
from ..results import LayerResult
from ..settings import Settings
from .planted_faces import PlantedFaces, Probe, Tie
from .planted_measures import Response, false_alarms, peaks_of, response
from .planted_network import LAYER, as_face_model, right, train

CONTROL = 0.5
"""The strength at which nothing is tied."""
EXCHANGES = 200
"""Times that the labels of a control are exchanged to count false alarms."""
SETTINGS = Settings(replicates=0, sweep=(), workers=0)
"""Of the dissection: neither intervals of IoUs nor other quantiles are asked for."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One network to be trained.

    Attributes:
        tie: what is tied.
        strength: 0.5 to 1.
        seed: number of the network among those of its tie and strength, from 0.
    """

    tie: Tie
    strength: float
    seed: int

    @property
    def name(self) -> str:
        """For a folder."""
        return f"{self.tie.name}-{self.strength:g}-{self.seed}"

    @property
    def random(self) -> int:
        """The seed of all chance in it; the same for all strengths, so that these differ in nothing else."""
        return int.from_bytes(hashlib.sha256(f"{self.tie.name} {self.seed}".encode()).digest()[:4], "big")


def run_trial(trial: Trial, faces: PlantedFaces, probe: Probe) -> tuple[dict[str, Any], pd.DataFrame]:
    """Train with `faces`, dissect on the probe; gives the row of the network and the rows of its units."""
    network = train(faces, trial.random)
    correct, congruent = right(network, probe.faces), probe.faces.congruent
    layer = dissect(probe.dictionary, as_face_model(network, trial.name), layers=[LAYER], settings=SETTINGS)[LAYER]
    ranked = peaks_of(layer.peaks.highest)
    target, concept = probe.faces.target, probe.faces.concept
    to_concept = response(ranked, concept, target)
    to_target = response(ranked, target, concept)
    to_bystander = response(ranked, probe.bystander, target)
    units = _units(trial, layer, to_concept, to_target, to_bystander)
    row: dict[str, Any] = {
        "tie": trial.tie.name,
        "strength": trial.strength,
        "seed": trial.seed,
        "training_faces": len(faces),
        "congruent_faces": int(faces.congruent.sum()),
        "accuracy_congruent": float(correct[congruent].mean()),
        "accuracy_incongruent": float(correct[~congruent].mean()),
        "measured_bias": to_concept.strength,
        "bystander_bias": to_bystander.strength,
        "target_response": to_target.strength,
        "units": len(units),
        "responding": int(to_concept.supported.sum()),
        "finding": int(units["finds"].sum()),
    }
    if "supported" in units:
        row["supported"] = int(units["supported"].sum())
    if "concept_iou" in units:
        row["concept_iou"] = float(units["concept_iou"].mean())
    if trial.strength == CONTROL:
        alarms = false_alarms(ranked, concept, target, EXCHANGES, np.random.default_rng(trial.random))
        row |= {"false_alarms": alarms.units, "layers_with_false_alarms": alarms.layers}
    return row, units


def _units(trial: Trial, layer: LayerResult, concept: Response, target: Response, bystander: Response) -> pd.DataFrame:
    """One row a unit. `finds`: the local concept is its label or detected, or it is biased to a subgroup of the global one."""
    table = pd.DataFrame(
        {
            "tie": trial.tie.name,
            "strength": trial.strength,
            "seed": trial.seed,
            "layer": layer.layer,
            "unit": np.arange(len(concept.delta)),
            "state": layer.units["state"].to_numpy(),
            "label": layer.units["concept"].to_numpy(),
            "iou": layer.units["iou"].to_numpy(),
            "interpretable": layer.units["interpretable"].to_numpy(),
            "detected": layer.units["detected"].to_numpy(),
            "delta": concept.delta,
            "q": concept.q,
            "responds": concept.supported,
            "target_delta": target.delta,
            "bystander_delta": bystander.delta,
        }
    )
    name, _, subgroup = trial.tie.concept.partition("=")
    if not subgroup:
        labelled = layer.units["interpretable"] & (layer.units["concept"] == name)
        detected = [name in text.split(";") for text in layer.units["detected"]]
        table["finds"] = labelled.to_numpy() | np.array(detected)
        rows = layer.concepts[layer.concepts["concept"] == name].sort_values("unit")
        table["concept_iou"] = rows["iou"].fillna(0).to_numpy()
        return table
    rows = layer.bias[layer.bias["global_concept"] == name]
    table["finds"] = rows.groupby("unit")["biased"].any().to_numpy()
    mine = rows[rows["subgroup"] == subgroup].sort_values("unit")
    for column in ("probability", "biased", "adjusted_delta", "adjusted_q", "supported"):
        table[column] = mine[column].to_numpy()
    return table
