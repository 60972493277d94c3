"""The chances of one face: one uniform number for each factor, drawn at once.

Because each factor has its own number, fixing one factor leaves all others as they were: the same face with and without glasses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import ndtri

from .factors import PASSING, TRAITS, Identity, Scene, factor_names

_SLOTS: tuple[str, ...] = (
    *factor_names(Identity),
    "skin_tone",
    "age_in_subgroup",
    *TRAITS,
    *factor_names(Scene),
    *PASSING,
)
_SLOT: Mapping[str, int] = {name: slot for slot, name in enumerate(_SLOTS)}


class Draws:
    """One uniform number per factor, from a generator or a seed."""

    def __init__(self, rng: np.random.Generator | int) -> None:
        numbers = np.random.default_rng(rng).random(len(_SLOTS))
        self._numbers: list[float] = numbers.tolist()

    def chance(self, name: str, probability: float) -> bool:
        """True with the given probability."""
        return self._numbers[_SLOT[name]] < probability

    def uniform(self, name: str, low: float, high: float) -> float:
        """Evenly between `low` and `high`."""
        return low + (high - low) * self._numbers[_SLOT[name]]

    def normal(self, name: str, mean: float, deviation: float, low: float, high: float) -> float:
        """Normal, clipped to [low, high]."""
        return min(max(mean + deviation * float(ndtri(self._numbers[_SLOT[name]])), low), high)

    def integer(self, name: str) -> int:
        """Evenly from 0 to 2**31 - 1."""
        return int(self._numbers[_SLOT[name]] * 2**31)

    def choice(self, name: str, options: Sequence[str], weights: Sequence[float]) -> str:
        """One of the options, with probabilities in proportion to the weights."""
        left = self._numbers[_SLOT[name]] * sum(weights)
        for option, weight in zip(options, weights, strict=True):
            left -= weight
            if left < 0:
                return option
        return options[-1]
