"""Each unit's faces with the highest peaks, and its maps of them: what a report shows without running the model again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from torch import Tensor

from .activations import Peaks
from .dictionary.faces import Face


@dataclass(frozen=True, kw_only=True)
class TopFaces:
    """The faces on which each unit peaks highest, best first.

    Attributes:
        faces: (unit, place) ids.
        peaks: (unit, place) p_u(x).
    """

    faces: tuple[tuple[str, ...], ...]
    peaks: Float[np.ndarray, "unit place"]

    @classmethod
    def choose(cls, peaks: Peaks, places: int) -> TopFaces:
        """The `places` highest faces of each unit; equals in the order of their ids, NaN last."""
        values = np.nan_to_num(peaks.highest, nan=-np.inf)
        order = np.argsort(-values, axis=0, kind="stable")[:places].T
        return cls(
            faces=tuple(tuple(peaks.faces[face] for face in row) for row in order),
            peaks=np.take_along_axis(peaks.highest.T, order, axis=1),
        )


class TopMaps:
    """Accumulator of the raw maps (unit, place, h, w) of the top faces; NaN until seen."""

    def __init__(self, top: TopFaces, map_size: tuple[int, int]) -> None:
        self._maps = np.full((*top.peaks.shape, *map_size), np.nan, np.float32)
        self._wanted: dict[str, list[tuple[int, int]]] = {}
        for unit, faces in enumerate(top.faces):
            for place, face in enumerate(faces):
                self._wanted.setdefault(face, []).append((unit, place))

    def update(self, faces: Sequence[Face], maps: Float[Tensor, "image unit h w"]) -> None:
        """Take in the maps of some faces."""
        for face, values in zip(faces, maps, strict=True):
            if pairs := self._wanted.get(face.id):
                units, places = np.array(pairs).T
                self._maps[units, places] = values[units].cpu().numpy()

    def merge(self, other: TopMaps) -> None:
        """Take in what another collector of the same top faces has seen."""
        self._maps = np.where(np.isnan(self._maps), other._maps, self._maps)

    def result(self) -> Float[np.ndarray, "unit place h w"]:
        """The maps."""
        return self._maps
