"""What is measured of a network with a planted bias: how its units respond to the concept, and how it answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32

from ..effects import FALSE_DISCOVERIES, effect
from ..multiplicity import q_values
from ..ranking import RankedPeaks
from ..strata import Strata


@dataclass(frozen=True, kw_only=True)
class Response:
    """How the peaks of each unit differ between faces with and without something.

    Attributes:
        delta: (unit) Cliff's delta, above 0 where faces with it have the higher peaks; NaN for a unit that does not vary.
        q: (unit) q-value over the units of the layer.
    """

    delta: Float[np.ndarray, " unit"]
    q: Float[np.ndarray, " unit"]

    @property
    def supported(self) -> Bool[np.ndarray, " unit"]:
        """(unit) whether it responds, by the statistics."""
        return np.asarray(self.q < FALSE_DISCOVERIES)

    @property
    def strength(self) -> float:
        """The mean of abs(delta) over the units; a unit that does not vary does not respond, and counts as 0."""
        return float(np.abs(np.nan_to_num(self.delta)).mean())


def response(ranked: RankedPeaks, having: Bool[np.ndarray, " face"], alike: Bool[np.ndarray, " face"]) -> Response:
    """Compare the peaks of faces that have something with those of faces that have not and are alike in something else.

    Args:
        ranked: the peaks of the units of a layer.
        having: the faces that have it.
        alike: faces are compared where this is the same; both answers count, as strata (`effects.effect`).
    """
    strata = Strata.crossed(np.ones(len(having), bool), [alike.astype(np.int32)])
    found = effect(ranked.placements(having.astype(np.int32), strata.codes, 2, strata.count))
    return Response(delta=found.delta[:, 1], q=q_values(found.p[:, 1]))


@dataclass(frozen=True, kw_only=True)
class FalseAlarms:
    """What is found where there is nothing to find: the labels of the concept are exchanged at random among the faces.

    Attributes:
        units: share of all units of all exchanges that are supported.
        layers: share of the exchanges in which any unit is.
    """

    units: float
    layers: float


def false_alarms(
    ranked: RankedPeaks,
    concept: Bool[np.ndarray, " face"],
    target: Bool[np.ndarray, " face"],
    exchanges: int,
    rng: np.random.Generator,
) -> FalseAlarms:
    """Exchange the labels among the faces with the target and among those without, and test again, `exchanges` times."""
    found = [response(ranked, _exchanged(concept, target, rng), target).supported for _ in range(exchanges)]
    alarms = np.stack(found)
    return FalseAlarms(units=float(alarms.mean()), layers=float(alarms.any(axis=1).mean()))


def _exchanged(
    labels: Bool[np.ndarray, " face"], within: Bool[np.ndarray, " face"], rng: np.random.Generator
) -> Bool[np.ndarray, " face"]:
    exchanged = labels.copy()
    for part in (within, ~within):
        exchanged[part] = rng.permutation(labels[part])
    return exchanged


def peaks_of(highest: Float32[np.ndarray, "face unit"]) -> RankedPeaks:
    """The peaks of all units of a layer, ready to be compared."""
    return RankedPeaks(np.ascontiguousarray(highest, np.float32))
