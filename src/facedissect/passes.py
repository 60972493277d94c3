"""The two passes over the dictionary, one accumulator a layer each.

The first pass surveys every face: peaks, and the largest values of each unit. The second compares firing masks with concept
masks on the faces with local labels. Both accumulators merge, so that shards add up to the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from .activations import ActivationMaps, Batch, PeakRecorder, Peaks
from .concepts import Vocabulary
from .dictionary.faces import Face
from .model.dry_run import LayerInfo
from .model.preprocess import Size
from .settings import Settings
from .tally import Tally
from .thresholds import Thresholds, TopValues
from .top_faces import TopFaces, TopMaps

Advance = Callable[[int], None]
"""Told after every batch how many faces it held."""
BatchObserver = Callable[[Batch], None]
"""Shown every batch of the second pass; the way to keep maps that the result does not hold."""


@dataclass(frozen=True, kw_only=True)
class Surveyed:
    """What the first pass says of a layer.

    Attributes:
        map_size: height and width of its maps; None for a layer without.
        peaks, local_peaks: of all faces, and of those with local labels.
        thresholds: T_u; NaN for a unit that is not finite on a face with local labels, and for a layer without maps.
        top: each unit's faces with the highest peaks, among those with local labels.
    """

    map_size: Size | None
    peaks: Peaks
    local_peaks: Peaks
    thresholds: Thresholds
    top: TopFaces


class Survey:
    """Accumulator of the first pass.

    Args:
        layer: the layer.
        local_faces: faces with local labels in the whole dictionary, over all shards.
    """

    def __init__(self, layer: LayerInfo, local_faces: int, settings: Settings) -> None:
        self._settings, self._layer = settings, layer
        self._peaks = PeakRecorder()
        self._local: set[str] = set()
        self._top_values: TopValues | None = None
        if layer.map_size:
            values = local_faces * layer.map_size[0] * layer.map_size[1]
            self._top_values = TopValues.for_quantile(layer.units, values, settings.quantile, settings.quantile_method)

    def update(self, faces: Sequence[Face], maps: Float[Tensor, "image unit h w"]) -> None:
        """Take in the maps of some faces."""
        self._peaks.update(faces, maps)
        self._local |= {face.id for face in faces if face.kinds}
        if self._top_values:
            self._top_values.update(maps[torch.tensor([bool(face.kinds) for face in faces], device=maps.device)])

    def merge(self, other: Survey) -> None:
        """Take in what another survey has seen."""
        self._peaks.merge(other._peaks)
        self._local |= other._local
        if self._top_values and other._top_values:
            self._top_values.merge(other._top_values)

    def result(self) -> Surveyed:
        """Thresholds and peaks of all faces seen."""
        peaks = self._peaks.result()
        local_peaks = peaks.of(np.array([face in self._local for face in peaks.faces]))
        return Surveyed(
            map_size=self._layer.map_size,
            peaks=peaks,
            local_peaks=local_peaks,
            thresholds=self._thresholds().where(local_peaks.finite),
            top=TopFaces.choose(local_peaks, self._settings.top_faces),
        )

    def _thresholds(self) -> Thresholds:
        settings = self._settings
        if self._top_values is None or self._layer.map_size is None:
            return Thresholds(values=np.full(self._layer.units, np.nan, np.float32))
        values = len(self._local) * self._layer.map_size[0] * self._layer.map_size[1]
        return self._top_values.result(values, settings.quantile, settings.quantile_method)


class Comparison:
    """Accumulator of the second pass; stays empty for a layer without maps."""

    def __init__(self, surveyed: Surveyed, vocabulary: Vocabulary, settings: Settings) -> None:
        self._settings = settings
        self._thresholds = torch.from_numpy(surveyed.thresholds.values)
        self._top_maps = TopMaps(surveyed.top, surveyed.map_size or (0, 0))
        self.tally = Tally.empty(len(surveyed.thresholds.values), len(vocabulary))

    def update(self, batch: Batch, maps: Float[Tensor, "image unit h w"]) -> None:
        """Take in the maps and masks of a batch."""
        thresholds = self._thresholds.to(maps.device)
        for values, labels in zip(maps, batch.labels, strict=True):
            masks = torch.from_numpy(labels.masks).to(maps.device)
            self.tally.update(values, thresholds, masks, labels.present, labels.absent, zeros=self._settings.zeros)
        self._top_maps.update(batch.faces, maps)

    def merge(self, other: Comparison) -> None:
        """Take in what another comparison by the same thresholds has seen."""
        self.tally.merge(other.tally)
        self._top_maps.merge(other._top_maps)

    @property
    def top_maps(self) -> Float[np.ndarray, "unit place h w"]:
        """The raw maps of the top faces."""
        return self._top_maps.result()


def survey(
    shards: Sequence[ActivationMaps],
    layers: Sequence[LayerInfo],
    local_faces: int,
    settings: Settings,
    advance: Advance,
) -> dict[str, Survey]:
    """First pass over all shards."""
    total = {layer.name: Survey(layer, local_faces, settings) for layer in layers}
    for shard in shards:
        seen = {layer.name: Survey(layer, local_faces, settings) for layer in layers}
        for batch in shard:
            for layer, maps in batch.maps.items():
                seen[layer].update(batch.faces, maps)
            advance(len(batch.faces))
        for layer, part in seen.items():
            total[layer].merge(part)
    return total


def compare(
    shards: Sequence[ActivationMaps],
    surveyed: dict[str, Surveyed],
    vocabulary: Vocabulary,
    settings: Settings,
    advance: Advance,
    observe: BatchObserver | None = None,
) -> dict[str, Comparison]:
    """Second pass over the faces with local labels of all shards, if a layer has maps to compare with masks."""
    total = {layer: Comparison(facts, vocabulary, settings) for layer, facts in surveyed.items()}
    for shard in shards if any(facts.map_size for facts in surveyed.values()) else ():
        seen = {layer: Comparison(facts, vocabulary, settings) for layer, facts in surveyed.items()}
        for batch in shard.local():
            for layer, maps in batch.maps.items():
                seen[layer].update(batch, maps)
            if observe:
                observe(batch)
            advance(len(batch.faces))
        for layer, part in seen.items():
            total[layer].merge(part)
    return total
