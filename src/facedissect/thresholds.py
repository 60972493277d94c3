"""One exact quantile per unit, from the largest values of a stream (DESIGN: "Threshold").

Only the largest `total - floor(h)` values of a unit can matter to a quantile with the virtual index `h`, so they are
kept exactly and the rest is dropped as it streams by; no sketch, no full store.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from .errors import OutputError
from .kernels import survey as kernels
from .kernels.compile import in_threads
from .mapped import mapped
from .settings import QuantileMethod

NOTHING = np.iinfo(np.int32).min + 1
"""A key below that of every number."""
SLACK = 1024


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
    """Accumulator of the largest `capacity` values of each unit; NaN is passed over.

    Args:
        units: number of units.
        capacity: how many values a unit keeps; `TopValues.for_quantile` derives it.
        path: a file that holds them instead of the memory.
    """

    def __init__(self, units: int, capacity: int, path: Path | None = None) -> None:
        self.units, self.capacity = units, capacity
        shape = (units, capacity + max(SLACK, capacity // 2))
        self._kept = mapped(path, np.int32, shape) if path else np.empty(shape, np.int32)
        self._filled = np.zeros(units, np.int64)
        self._bound = np.full(units, NOTHING, np.int32)

    @staticmethod
    def needed(total: int, quantile: float, method: QuantileMethod) -> int:
        """How many of the largest of `total` values an exact quantile needs."""
        return total - math.floor(virtual_index(total, quantile, method))

    @classmethod
    def for_quantile(cls, units: int, total: int, quantile: float, method: QuantileMethod) -> TopValues:
        """Room for an exact quantile of at most `total` values a unit."""
        return cls(units, cls.needed(total, quantile, method))

    @staticmethod
    def bytes(units: int, capacity: int) -> int:
        """What an accumulator holds."""
        return 4 * units * (capacity + max(SLACK, capacity // 2))

    @property
    def bound(self) -> Float[np.ndarray, " unit"]:
        """What a value must exceed to matter: no more than the threshold that comes out; minus infinity at first."""
        return _floats(np.maximum(self._bound, kernels.LOWEST))

    def update(
        self, maps: Float[Tensor, "image unit height width"], counted: Bool[np.ndarray, " image"] | None = None
    ) -> tuple[Float[np.ndarray, "image unit"], Float[np.ndarray, "image unit"]]:
        """Take in the maps of some images.

        Args:
            maps: on any device.
            counted: the images whose values count; all if None.

        Returns:
            Maximum and minimum of each map, NaN where it holds one.
        """
        counted = np.ones(len(maps), bool) if counted is None else counted
        values = maps.flatten(2)
        if maps.device.type != "cpu":
            return self._update_on_device(values, counted)
        highest, lowest = (np.empty(values.shape[:2], np.float32) for _ in range(2))
        in_threads(
            kernels.survey,
            values.contiguous().numpy().view(np.int32),
            counted,
            self.capacity,
            self._bound,
            self._kept,
            self._filled,
            highest.view(np.int32),
            lowest.view(np.int32),
        )
        return highest, lowest

    def _update_on_device(
        self, values: Float[Tensor, "image unit value"], counted: Bool[np.ndarray, " image"]
    ) -> tuple[Float[np.ndarray, "image unit"], Float[np.ndarray, "image unit"]]:
        """The same where only the values that may matter leave the device."""
        highest, lowest = values.amax(2), values.amin(2)
        if self.capacity:
            bound = torch.from_numpy(self.bound).to(values.device)
            chosen = torch.from_numpy(counted).to(values.device)[:, None] & (highest > bound) & ~highest.isnan()
            images, units = chosen.nonzero(as_tuple=True)
            candidates = values[images, units]
            rows, places = (candidates > bound[units, None]).nonzero(as_tuple=True)
            self._keep(candidates[rows, places].cpu().numpy(), units[rows].cpu().numpy())
        return highest.cpu().numpy(), lowest.cpu().numpy()

    def _keep(self, values: Float[np.ndarray, " value"], units: Int64[np.ndarray, " value"]) -> None:
        keys = _turned(values.view(np.int32))
        in_threads(kernels.keep, keys, units, self.capacity, self._bound, self._kept, self._filled)

    def merge(self, other: TopValues) -> None:
        """Take in what another accumulator of the same size has seen.

        Raises:
            OutputError: the other one has another number of units or another capacity.
        """
        if (self.units, self.capacity) != (other.units, other.capacity):
            raise OutputError(
                f"expected top values of {self.units} units x {self.capacity} to merge, got {other.units} x {other.capacity}"
            )
        for unit, filled in enumerate(other._filled):
            self._keep(_floats(other._kept[unit, :filled]), np.full(filled, unit))

    def state(self) -> dict[str, np.ndarray]:
        """Everything that was taken in."""
        most = int(self._filled.max(initial=0))
        return {"kept": self._kept[:, :most], "filled": self._filled, "bound": self._bound}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Back to a `state`."""
        self._kept[:, : state["kept"].shape[1]] = state["kept"]
        self._filled[:], self._bound[:] = state["filled"], state["bound"]

    def result(self, total: int, quantile: float, method: QuantileMethod) -> Thresholds:
        """The quantile of the `total` values of each unit that were taken in; NaN for a unit that had NaN among them."""
        index = virtual_index(total, quantile, method)
        low = math.floor(index)
        place = total - 1 - low  # of the lower neighbour, counted from the largest value
        if self._filled.max(initial=0) <= place:
            kept = int(self._filled.max(initial=0))
            raise OutputError(f"expected at least {place + 1} values of each unit for its quantile, got {kept}")
        values = np.full(self.units, np.nan, np.float32)
        for unit, filled in enumerate(self._filled):
            if filled > place:
                above = max(place - 1, 0)
                keys = np.partition(self._kept[unit, :filled], [filled - 1 - place, filled - 1 - above])
                lower, upper = _floats(keys[[filled - 1 - place, filled - 1 - above]]).astype(np.float64)
                values[unit] = lower + (index - low) * (upper - lower)
        return Thresholds(values=values)


def _turned(bits: np.ndarray) -> np.ndarray:
    """Keys of the bits of floats, or bits of keys: the same turn both ways."""
    turned: np.ndarray = bits ^ ((bits >> np.int32(31)) & kernels.TURN)
    return turned


def _floats(keys: np.ndarray) -> np.ndarray:
    floats: np.ndarray = _turned(keys).view(np.float32)
    return floats
