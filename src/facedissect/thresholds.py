"""One exact quantile per unit, from the largest values of a stream (DESIGN: "Threshold").

Only the largest `total - floor(h)` values of a unit can matter to a quantile with the virtual index `h`, so they are
kept exactly and the rest is dropped as it streams by; no sketch, no full store.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from .errors import OutputError
from .settings import QuantileMethod


def virtual_index(total: int, quantile: float, method: QuantileMethod) -> float:
    """Where the quantile lies among `total` sorted values, counted from 0.

    `linear` is NumPy's default (Hyndman and Fan's type 7). `published` is what the published code's sketch estimates: Hazen's
    definition (type 5) at the last of 1,000 equally spaced probabilities not above the quantile.
    """
    hazen = total * (int(1000 * quantile - 1) / 999) - 0.5
    index = (total - 1) * quantile if method == "linear" else hazen
    return min(max(index, 0.0), float(total - 1))


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """`values` (unit): the threshold T_u of each unit, float32; NaN for a unit with values that are not finite."""

    values: Float[np.ndarray, " unit"]

    def where(self, known: Bool[np.ndarray, " unit"]) -> Thresholds:
        """The same thresholds, NaN for all other units, which then never fire."""
        return Thresholds(values=np.where(known, self.values, np.float32(np.nan)))


class TopValues:
    """Accumulator of the largest `capacity` values of each unit.

    Args:
        units: number of units.
        capacity: how many values a unit keeps; `TopValues.for_quantile` derives it.
    """

    def __init__(self, units: int, capacity: int) -> None:
        self.units, self.capacity = units, capacity
        self._top: Float[Tensor, "unit kept"] | None = None
        self._pending: list[Tensor] = []
        self._pending_count = 0

    @classmethod
    def for_quantile(cls, units: int, total: int, quantile: float, method: QuantileMethod) -> TopValues:
        """Room for an exact quantile of at most `total` values a unit."""
        return cls(units, total - math.floor(virtual_index(total, quantile, method)))

    def update(self, maps: Float[Tensor, "image unit height width"]) -> None:
        """Take in the maps of some images."""
        self._take(maps.transpose(0, 1).reshape(self.units, -1))

    def _take(self, values: Float[Tensor, "unit value"]) -> None:
        if self._top is not None and self._top.shape[1] == self.capacity:
            # NaN counts as largest in topk and as "not below" here, so that it is never lost.
            candidates = ~(values <= self._top[:, -1:])
            most = int(candidates.sum(1).max())
            if most == 0:
                return
            values = torch.topk(values, min(most, values.shape[1]), dim=1, sorted=False).values
        self._pending.append(values.clone())
        self._pending_count += values.shape[1]
        if self._pending_count >= self.capacity:  # amortised: each selection at least doubles what it started from
            self._select()

    def _select(self) -> None:
        if self._pending:
            values = torch.cat(([] if self._top is None else [self._top]) + self._pending, dim=1)
            self._top = torch.topk(values, min(self.capacity, values.shape[1]), dim=1, sorted=True).values
            self._pending, self._pending_count = [], 0

    def merge(self, other: TopValues) -> None:
        """Take in what another accumulator of the same size has seen.

        Raises:
            OutputError: the other one has another number of units or another capacity.
        """
        if (self.units, self.capacity) != (other.units, other.capacity):
            raise OutputError(
                f"expected top values of {self.units} units x {self.capacity} to merge, got {other.units} x {other.capacity}"
            )
        other._select()
        if other._top is not None:
            self._take(other._top)

    def result(self, total: int, quantile: float, method: QuantileMethod) -> Thresholds:
        """The quantile of the `total` values of each unit that were taken in."""
        self._select()
        index = virtual_index(total, quantile, method)
        low = math.floor(index)
        place = total - 1 - low  # of the lower neighbour, counted from the largest value
        if self._top is None or place >= self._top.shape[1]:
            kept = 0 if self._top is None else self._top.shape[1]
            raise OutputError(f"expected at least {place + 1} values of each unit for its quantile, got {kept}")
        lower = self._top[:, place].cpu().double()
        upper = self._top[:, max(place - 1, 0)].cpu().double()
        values = lower + (index - low) * (upper - lower)
        return Thresholds(values=values.float().numpy())
