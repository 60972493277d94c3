"""Labels at other thresholds: IoU at several quantiles, over a sample of the faces whose maps are kept whole.

All faces are in the sample where they have room; else those first in a random order of each concept's images, so that rare
concepts are kept. Thresholds are quantiles over the sample too: at each the answer is what a run over the sample would give.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from .activations import Batch, Maps
from .bitmasks import Labels
from .dictionary.faces import Face
from .kept_maps import KeptFile, KeptMaps
from .model.dry_run import LayerInfo
from .model.preprocess import Size
from .overlaps import Overlaps
from .settings import Settings
from .tally import Tally
from .thresholds import TopValues
from .workspace import Workspace

SAMPLE_BYTES = 512_000_000
"""Disk that the maps of the sample may take."""
FLOAT_BYTES = 4
AGAIN = 32
"""Faces of a batch of the sample that goes through the network once more."""


def sample(faces: Sequence[Face], most: int, seed: int) -> Int64[np.ndarray, " face"]:
    """Positions of at most so many faces with local labels, rare concepts first, sorted; the same for the same faces."""
    local = np.array([place for place, face in enumerate(faces) if face.kinds], np.int64)
    if len(local) <= most:
        return local
    shuffled = np.random.default_rng(seed).permutation(sorted(local, key=lambda place: faces[place].id))
    seen: dict[str, int] = {}
    turn = []
    for place in shuffled:
        concepts = faces[place].concepts
        turn.append(min((seen.get(concept, 0) for concept in concepts), default=len(faces)))
        for concept in concepts:
            seen[concept] = seen.get(concept, 0) + 1
    return np.sort(shuffled[np.argsort(turn, kind="stable")[:most]])


@dataclass(frozen=True, kw_only=True)
class SweepPoint:
    """The tally of a layer at one quantile, over the sample."""

    quantile: float
    tally: Tally


class Sweep:
    """Accumulator of the first pass over the sample, and the comparison at every quantile after it.

    Args:
        faces: all that may come.
        layers: those with maps.
        width: of the network's input.
        settings: the quantiles, the method of quantiles, the seed and the disk that may be taken.
        workspace: where maps are kept.
    """

    def __init__(
        self, faces: Sequence[Face], layers: Sequence[LayerInfo], width: int, settings: Settings, workspace: Workspace
    ) -> None:
        self._settings, self._layers = settings, {layer.name: layer for layer in layers}
        per_face = FLOAT_BYTES * sum(layer.units * _positions(layer) for layer in layers)
        most = SAMPLE_BYTES // per_face if settings.sweep and layers else 0
        self.faces = sample(faces, most, settings.seed)
        self._taken = np.zeros(len(faces), bool)
        self._taken[self.faces] = True
        # Where there is no room, the sample goes through the network once more.
        self._keeps = len(self.faces) * per_face <= settings.cache_gb * 1e9
        self._path, self._width = workspace.folder / "sample", width
        self._values = {
            layer.name: TopValues.for_quantile(
                layer.units, len(self.faces) * _positions(layer), min(settings.sweep), settings.quantile_method
            )
            for layer in layers
            if len(self.faces)
        }
        self._seen: list[int] = []

    def begin(self, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Go on from a `state`; from nothing, if it is empty."""
        self._file = KeptFile(self._path, self._width, meta.get("length", 0))
        self._seen, self._keeps = list(meta.get("seen", [])), meta.get("keeps", self._keeps)
        if meta:
            for number, values in enumerate(self._values.values()):
                prefix = f"sweep{number}/"
                values.restore({key[len(prefix) :]: array for key, array in arrays.items() if key.startswith(prefix)})

    def update(
        self, positions: Sequence[int], labels: Sequence[Labels], maps: Maps, rows: Int64[np.ndarray, " image"]
    ) -> None:
        """Take in some faces with local labels.

        Args:
            positions, labels: of the faces.
            maps: of a batch that holds them.
            rows: where they are in it.
        """
        chosen: Bool[np.ndarray, " image"] = self._taken[list(positions)]
        if not chosen.any():
            return
        images = torch.from_numpy(rows[chosen])
        kept = {}
        for name, values in self._values.items():
            some = maps[name][images.to(maps[name].device)]
            highest, _ = values.update(some)
            kept[name] = _whole(some, highest)
        faces = [place for place, is_chosen in zip(positions, chosen, strict=True) if is_chosen]
        self._seen += faces
        if self._keeps:
            told = [label for label, is_chosen in zip(labels, chosen, strict=True) if is_chosen]
            try:
                self._file.add(faces, Labels.joined(told), kept)
            except OSError:  # the disk is full
                self._keeps = False

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """What was taken in but the maps, which are in a file already."""
        arrays: dict[str, np.ndarray] = {}
        for number, values in enumerate(self._values.values()):
            arrays |= {f"sweep{number}/{name}": array for name, array in values.state().items()}
        return {"length": self._file.length, "seen": self._seen, "keeps": self._keeps}, arrays

    def result(
        self,
        finite: Mapping[str, Bool[np.ndarray, " unit"]],
        concepts: int,
        size: Size,
        device: torch.device,
        network: Callable[[Sequence[Sequence[int]]], Iterator[Batch]],
    ) -> dict[str, list[SweepPoint]]:
        """The tallies of each layer at every quantile; none without a sample.

        Args:
            finite: layer -> whether a unit was finite throughout; another one never fires.
            concepts: how many there are.
            size: of the network's input.
            device: where to count.
            network: the maps of batches of faces, for a sample whose maps were not kept.
        """
        if not self._seen:
            return {}
        settings = self._settings
        points: dict[str, list[SweepPoint]] = {name: [] for name in self._values}
        limits = {}
        for name, values in self._values.items():
            if not finite[name].any():
                continue
            total = len(self._seen) * _positions(self._layers[name])
            for quantile in settings.sweep:
                point = SweepPoint(quantile=quantile, tally=Tally.empty(self._layers[name].units, concepts))
                limits[name, quantile] = values.result(total, quantile, settings.quantile_method).where(finite[name])
                points[name].append(point)
        for labels, layers in self._kept_maps(network):
            for name, kept in layers.items():
                for point in points[name]:
                    threshold = limits[name, point.quantile].values
                    found = Overlaps.of(
                        kept, threshold, labels.masks, labels.mask_of_image, size, zeros=settings.zeros, device=device
                    )
                    point.tally.add(found, labels)
        return points

    def _kept_maps(
        self, network: Callable[[Sequence[Sequence[int]]], Iterator[Batch]]
    ) -> Iterator[tuple[Labels, Mapping[str, KeptMaps]]]:
        """Labels and maps of the sample, batch by batch."""
        if self._keeps:
            for kept in self._file.batches():
                yield kept.labels, kept.layers
            return
        plan = [self._seen[start : start + AGAIN] for start in range(0, len(self._seen), AGAIN)]
        for batch in network(plan):
            labels = Labels.joined([told for told in batch.labels if told is not None])
            yield labels, {name: _whole(batch.maps[name], _peaks(batch.maps[name])) for name in self._values}


def _peaks(maps: Float[Tensor, "image unit h w"]) -> Float[np.ndarray, "image unit"]:
    peaks: Float[np.ndarray, "image unit"] = maps.amax((2, 3)).cpu().numpy()
    return peaks


def _whole(maps: Float[Tensor, "image unit h w"], highest: Float[np.ndarray, "image unit"]) -> KeptMaps:
    """All maps of some images but those with NaN, which never fire."""
    return KeptMaps.above(maps, highest, np.full(highest.shape, -np.inf), np.arange(len(maps)))


def _positions(layer: LayerInfo) -> int:
    return layer.map_size[0] * layer.map_size[1] if layer.map_size else 0
