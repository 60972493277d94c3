"""Each unit's faces with the highest peaks, and its maps of them: what a report shows without running the model again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from .kernels.compile import in_threads
from .kernels.survey import rank_top_faces


@dataclass(frozen=True, kw_only=True)
class TopFaces:
    """The faces on which each unit peaks highest, best first; equals in the order of their ids, NaN last.

    Attributes:
        faces: (unit, place) ids.
        peaks: (unit, place) p_u(x).
        maps: (unit, place, h, w) the raw maps.
    """

    faces: tuple[tuple[str, ...], ...]
    peaks: Float[np.ndarray, "unit place"]
    maps: Float[np.ndarray, "unit place h w"]


class TopFacesRecorder:
    """Accumulator of the top faces of each unit.

    Args:
        units: of the layer.
        places: faces a unit keeps.
        map_size: height and width of its maps; None for a layer without.
    """

    def __init__(self, units: int, places: int, map_size: tuple[int, int] | None) -> None:
        self._faces = np.full((units, places), -1, np.int64)
        self._peaks = np.full((units, places), np.nan, np.float32)
        self._maps = np.full((units, places, *(map_size or (0, 0))), np.nan, np.float32)

    def update(
        self,
        order: Int[np.ndarray, " image"],
        highest: Float[np.ndarray, "image unit"],
        maps: Float[Tensor, "image unit h w"],
    ) -> None:
        """Take in some faces.

        Args:
            order: the place of each face in the order of the ids.
            highest: its peaks.
            maps: its maps, on any device.
        """
        source = np.empty(self._faces.shape, np.int64)
        in_threads(rank_top_faces, highest, order, self._peaks, self._faces, source)
        stayed = source == -1 - np.arange(source.shape[1])
        units, places = np.nonzero(~stayed)
        if not units.size or not self._maps.size:
            return
        came = source[units, places]
        moved = came < 0
        new = maps[torch.from_numpy(came[~moved]).to(maps.device), torch.from_numpy(units[~moved]).to(maps.device)]
        old = self._maps[units[moved], -1 - came[moved]]
        self._maps[units[moved], places[moved]] = old
        self._maps[units[~moved], places[~moved]] = new.cpu().numpy()

    def state(self) -> dict[str, np.ndarray]:
        """Everything that was taken in."""
        return {"faces": self._faces, "peaks": self._peaks, "maps": self._maps}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Back to a `state`."""
        self._faces[...], self._peaks[...], self._maps[...] = state["faces"], state["peaks"], state["maps"]

    def result(self, ids: Sequence[str]) -> TopFaces:
        """The top faces; `ids` are those of all faces, sorted. Fewer places than asked for where there are fewer faces."""
        places = int((self._faces[:1] >= 0).sum())
        faces = self._faces[:, :places]
        return TopFaces(
            faces=tuple(tuple(ids[face] for face in row) for row in faces),
            peaks=self._peaks[:, :places],
            maps=self._maps[:, :places],
        )
