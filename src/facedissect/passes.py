"""The two passes over the dictionary.

The first surveys every face: its peaks, the largest values of each unit and its top faces; maps that may still fire are kept on
disk. The second compares firing masks with concept masks, from what was kept; only faces whose maps were not kept go through the
network again. Both go on where a stopped run left off.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from .activations import ActivationMaps, Batch
from .batching import BatchSize
from .bitmasks import Labels
from .errors import FaceReadError
from .exchange import GROUP, ExchangedMasks
from .kept_maps import KeptFile, KeptMaps
from .model.dry_run import LayerInfo
from .model.preprocess import Size
from .overlap_file import OverlapFile
from .overlaps import Overlaps
from .peaks import PeakRecorder, Peaks
from .settings import Settings
from .sweep import Sweep, SweepPoint
from .tally import Tally
from .thresholds import Thresholds, TopValues
from .top_faces import TopFaces, TopFacesRecorder
from .workspace import Tell, Workspace

Advance = Callable[[int], None]
"""Told after every batch how many faces it held."""
BatchObserver = Callable[[Batch], None]
"""Shown the faces with local labels of every batch, and the layers with maps; the way to keep maps that no result holds."""
GIGABYTE = 10**9
SHARE_OF_FREE_DISK = 0.8


@dataclass(frozen=True, kw_only=True)
class Surveyed:
    """What the first pass says of a layer.

    Attributes:
        map_size: height and width of its maps; None for a layer without.
        peaks: of all faces.
        low, high: (unit) extremes over the faces with local labels.
        thresholds: T_u; NaN for a unit that is not finite on a face with local labels, and for a layer without maps.
        top: each unit's faces with the highest peaks, among those with local labels.
    """

    map_size: Size | None
    peaks: Peaks
    low: Float[np.ndarray, " unit"]
    high: Float[np.ndarray, " unit"]
    thresholds: Thresholds
    top: TopFaces

    @property
    def finite(self) -> Bool[np.ndarray, " unit"]:
        """Whether a unit never gave NaN or an infinite value on a face with local labels."""
        finite: Bool[np.ndarray, " unit"] = np.isfinite(self.low) & np.isfinite(self.high)
        return finite


class LayerSurvey:
    """Accumulator of the first pass over one layer.

    Args:
        layer: the layer.
        faces: ids of all faces.
        local_faces: how many of them have local labels.
        name: of its files in the workspace.
    """

    def __init__(
        self,
        layer: LayerInfo,
        faces: Sequence[str],
        local_faces: int,
        settings: Settings,
        workspace: Workspace,
        name: str,
    ) -> None:
        self._settings, self._layer = settings, layer
        self._positions = layer.map_size[0] * layer.map_size[1] if layer.map_size else 0
        total = local_faces * self._positions
        capacity = TopValues.needed(total, settings.quantile, settings.quantile_method) if total else 0
        on_disk = TopValues.bytes(layer.units, capacity) > settings.memory_gb * GIGABYTE
        self._values = TopValues(layer.units, capacity, workspace.folder / f"{name}.values" if on_disk else None)
        self._peaks = PeakRecorder(workspace.folder / f"{name}.peaks", faces, layer.units)
        self._top = TopFacesRecorder(layer.units, settings.top_faces, layer.map_size)

    def update(
        self, faces: Sequence[str], local: Bool[np.ndarray, " image"], maps: Float[Tensor, "image unit h w"]
    ) -> Float[np.ndarray, "image unit"]:
        """Take in the maps of some faces, of which `local` have local labels; their peaks."""
        highest, lowest = self._values.update(maps, local)
        order = self._peaks.order(faces)
        self._peaks.update(order, highest, lowest)
        self._top.update(order[local], highest[local], maps if local.all() else maps[torch.from_numpy(local)])
        return highest

    def may_fire(
        self, local: Bool[np.ndarray, " image"], highest: Float[np.ndarray, "image unit"], maps: Tensor
    ) -> KeptMaps | None:
        """Of the faces with local labels, the maps that may exceed the threshold that will come out; None without maps."""
        if not self._layer.map_size:
            return None
        return KeptMaps.above(maps, highest, np.where(local[:, None], self._values.bound, np.inf), np.cumsum(local) - 1)

    def state(self) -> dict[str, np.ndarray]:
        """Everything that was taken in but the peaks, which are in a file already."""
        return {**_prefixed("values/", self._values.state()), **_prefixed("top/", self._top.state())}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Back to a `state`."""
        self._values.restore(_part(state, "values/"))
        self._top.restore(_part(state, "top/"))

    def result(self, local: Bool[np.ndarray, " image"], left_out: Mapping[str, str]) -> Surveyed:
        """What was seen; `local` says which of the faces that are left have local labels, in the order of the ids."""
        peaks = self._peaks.result(left_out)
        low, high = peaks.extremes(local)
        thresholds = Thresholds(values=np.full(self._layer.units, np.nan, np.float32))
        if self._positions:
            total = int(local.sum()) * self._positions
            thresholds = self._values.result(total, self._settings.quantile, self._settings.quantile_method)
        surveyed = Surveyed(
            map_size=self._layer.map_size,
            peaks=peaks,
            low=low,
            high=high,
            thresholds=thresholds,
            top=self._top.result(self._peaks.faces),
        )
        return replace(surveyed, thresholds=thresholds.where(surveyed.finite))


class Passes:
    """Both passes over the faces of a dictionary.

    Args:
        maps: the network's maps of all faces.
        layers: the layers that it gives.
        concepts: number of local concepts.
        settings: thresholds, top faces, and what may be kept.
        batches: how many faces go through the network at once.
        workspace: where maps and states are kept.
        tell: told where a stopped run goes on.
    """

    def __init__(
        self,
        maps: ActivationMaps,
        layers: Sequence[LayerInfo],
        concepts: int,
        settings: Settings,
        batches: BatchSize,
        workspace: Workspace,
        tell: Tell,
    ) -> None:
        self._maps, self._settings, self._batches = maps, settings, batches
        self._workspace, self._tell, self._concepts = workspace, tell, concepts
        self._layers = {layer.name: layer for layer in layers}
        self._with_maps = [layer.name for layer in layers if layer.map_size]
        self.left_out: dict[str, str] = {}
        """Unreadable faces and the reason, id -> message; known after the first pass."""
        ids = [face.id for face in maps.faces]
        # What is random must not depend on the order of the faces, nor sums of fractions.
        self._rank = np.argsort(sorted(range(len(ids)), key=ids.__getitem__))
        self.masks: ExchangedMasks | None = None
        """The masks of all faces, which are numbered in the order of their ids; known after the second pass, if asked for."""
        self.overlaps: dict[str, OverlapFile] = {}
        """What the second pass wrote down of each layer with maps, if `settings.replicates` asks for it."""

    def survey(self, advance: Advance, observe: BatchObserver | None = None) -> None:
        """The first pass over all faces.

        Args:
            advance: told how far it is.
            observe: shown every batch.
        """
        ids = [face.id for face in self._maps.faces]
        local_faces = sum(bool(face.kinds) for face in self._maps.faces)
        self._surveys = {
            name: LayerSurvey(layer, ids, local_faces, self._settings, self._workspace, str(number))
            for number, (name, layer) in enumerate(self._layers.items())
        }
        chosen = [self._layers[name] for name in self._with_maps]
        self._sweep = Sweep(self._maps.faces, chosen, self._maps.input_size[1], self._settings, self._workspace)
        done = self._restore_survey()
        plan = self._maps.plan()
        advance(sum(map(len, plan[:done])))
        clock = time.monotonic()
        for number, batch in enumerate(self._maps.of(plan[done:]), done + 1):
            self._keeping.network_took(time.monotonic() - clock)
            self.left_out |= batch.unreadable
            if batch.faces:
                self._take_in(batch, observe)
            if self._workspace.due() or number == len(plan):
                self._save_survey(number)
            advance(len(batch.faces) + len(batch.unreadable))
            clock = time.monotonic()

    def surveyed(self) -> dict[str, Surveyed]:
        """What the first pass says of each layer, if there are faces with local labels that could be read."""
        faces = sorted((face for face in self._maps.faces if face.id not in self.left_out), key=lambda face: face.id)
        local = np.array([bool(face.kinds) for face in faces])
        return {name: survey.result(local, self.left_out) for name, survey in self._surveys.items()}

    def _take_in(self, batch: Batch, observe: BatchObserver | None) -> None:
        surveys = self._surveys
        local = np.array([bool(face.kinds) for face in batch.faces])
        ids = [face.id for face in batch.faces]
        peaks = {name: surveys[name].update(ids, local, maps) for name, maps in batch.maps.items()}
        if not local.any():
            return
        chosen = np.flatnonzero(local)
        positions = [batch.positions[place] for place in chosen]
        told = [labels for place in chosen if (labels := batch.labels[place]) is not None]
        labels = Labels.joined(told)
        self._sweep.update(positions, told, batch.maps, chosen)
        if self._with_maps:
            self._keeping.keep(
                positions,
                labels,
                lambda: {
                    name: kept
                    for name in self._with_maps
                    if (kept := surveys[name].may_fire(local, peaks[name], batch.maps[name])) is not None
                },
            )
        if observe:
            observe(_only(batch, chosen, self._with_maps))

    def _restore_survey(self) -> int:
        """Back to the last state; the number of batches that are done."""
        state = self._workspace.load("survey")
        meta: dict[str, Any] = {"batches": 0, "kept": 0, "again": 0, "left_out": {}, "sweep": {}}
        arrays: dict[str, np.ndarray] = {}
        if state:
            meta, arrays = state
            for number, survey in enumerate(self._surveys.values()):
                survey.restore(_part(arrays, f"{number}/"))
            self._batches.first, self._batches.size = meta["first_size"], meta["size"]
            done = sum(map(len, self._maps.plan()[: meta["batches"]]))
            self._tell(f"going on with a run that was stopped, after {done:,} of {len(self._maps.faces):,} faces")
        self._sweep.begin(meta["sweep"], arrays)
        self.left_out = dict(meta["left_out"])
        self._keeping = _Keeping(
            self._workspace, self._maps.input_size[1], self._settings, kept=meta["kept"], again=meta["again"]
        )
        return int(meta["batches"])

    def _save_survey(self, batches: int) -> None:
        of_sweep, arrays = self._sweep.state()
        meta = {
            "sweep": of_sweep,
            "batches": batches,
            "kept": self._keeping.kept.length,
            "again": self._keeping.again.length,
            "left_out": self.left_out,
            "first_size": self._batches.first,
            "size": self._batches.size,
        }
        for number, survey in enumerate(self._surveys.values()):
            arrays |= _prefixed(f"{number}/", survey.state())
        self._workspace.save("survey", meta, arrays)

    def compare(self, surveyed: Mapping[str, Surveyed], advance: Advance) -> dict[str, Tally]:
        """The second pass over the faces with local labels, after the first; empty tallies for layers without maps."""
        tallies = {name: Tally.empty(layer.units, self._concepts) for name, layer in self._layers.items()}
        thresholds = {name: surveyed[name].thresholds.values for name in self._with_maps}
        done, lengths = 0, dict.fromkeys(self._with_maps, 0)
        state = self._workspace.load("tally")
        if state:
            meta, arrays = state
            done, lengths = int(meta["batches"]), meta["overlaps"]
            for number, tally in enumerate(tallies.values()):
                tally.restore(_part(arrays, f"{number}/"))
        if self._settings.replicates and self._with_maps:
            self._prepare_exchange(lengths)
        for number, (faces, labels, layers) in enumerate(self._labelled(thresholds, done)):
            if number >= done:
                self._compare_batch(faces, labels, layers, thresholds, tallies)
                if self._workspace.due():
                    arrays = {}
                    for place, tally in enumerate(tallies.values()):
                        arrays |= _prefixed(f"{place}/", tally.state())
                    written = {name: file.length for name, file in self.overlaps.items()}
                    self._workspace.save("tally", {"batches": number + 1, "overlaps": written}, arrays)
            advance(len(faces))
        return tallies

    def sweep(self, surveyed: Mapping[str, Surveyed]) -> dict[str, list[SweepPoint]]:
        """The tallies of each layer at every quantile of the settings' sweep, after the first pass."""
        finite = {name: surveyed[name].finite for name in self._with_maps}
        return self._sweep.result(finite, self._concepts, self._maps.input_size, self._maps.device, self._maps.of)

    def _prepare_exchange(self, lengths: Mapping[str, int]) -> None:
        folder, width = self._workspace.folder, self._maps.input_size[1]
        kept = chain(self._keeping.kept.labels(), self._keeping.again.labels())
        batches = ((self._rank[list(positions)], labels) for positions, labels in kept)
        self.masks = ExchangedMasks.gathered(batches, folder / "masks", width, seed=self._settings.seed)
        self.overlaps = {
            name: OverlapFile(folder / f"{number}.overlaps", layer.units, lengths[name])
            for number, (name, layer) in enumerate(self._layers.items())
            if name in lengths
        }

    def _compare_batch(
        self,
        faces: Sequence[int],
        labels: Labels,
        layers: Mapping[str, KeptMaps],
        thresholds: Mapping[str, Float[np.ndarray, " unit"]],
        tallies: Mapping[str, Tally],
    ) -> None:
        """Add a batch to the tallies, and write down what it shares with its masks and with those exchanged for them."""
        masks, mask_of_image = labels.masks, labels.mask_of_image
        if self.masks is not None:
            masks, mask_of_image, own = self.masks.of(self._rank[list(faces)])
        for name, kept in layers.items():
            found = Overlaps.of(
                kept,
                thresholds[name],
                masks,
                mask_of_image,
                self._maps.input_size,
                zeros=self._settings.zeros,
                device=self._maps.device,
            )
            if self.masks is not None:
                self.overlaps[name].add(found, self._rank[list(faces)], own, labels.mask_of_image)
                found = replace(found, shared=np.ascontiguousarray(found.shared[:, ::GROUP]))
            tallies[name].add(found, labels)

    def _labelled(
        self, thresholds: Mapping[str, Float[np.ndarray, " unit"]], skip: int
    ) -> Iterator[tuple[tuple[int, ...], Labels, Mapping[str, KeptMaps]]]:
        """Positions of faces, their labels and the maps that may fire, batch by batch: those kept, then those run again.

        The first `skip` batches come without maps where making them would cost a run of the network.
        """
        number = 0
        for batch in self._keeping.kept.batches():
            number += 1
            yield batch.faces, batch.labels, batch.layers
        plan = [batch.faces for batch in self._keeping.again.batches()]
        past = max(0, min(len(plan), skip - number))
        network = self._maps.of(plan[past:], masks=False) if past < len(plan) else iter(())
        for place, batch in enumerate(self._keeping.again.batches()):
            yield batch.faces, batch.labels, {} if place < past else self._firing(next(network), thresholds)

    def _firing(self, batch: Batch, thresholds: Mapping[str, Float[np.ndarray, " unit"]]) -> dict[str, KeptMaps]:
        """The maps of a batch that fire."""
        if batch.unreadable:
            raise FaceReadError(next(iter(batch.unreadable.values())))
        fire = {}
        for name, limits in thresholds.items():
            maps = batch.maps[name]
            peaks = maps.amax((2, 3)).cpu().numpy()
            fire[name] = KeptMaps.above(maps, peaks, np.broadcast_to(limits, peaks.shape), np.arange(len(peaks)))
        return fire


class _Keeping:
    """Decides which batches keep their maps, and which will go through the network again.

    Attributes:
        kept: batches with their maps.
        again: batches without.
    """

    def __init__(self, workspace: Workspace, width: int, settings: Settings, *, kept: int, again: int) -> None:
        self.kept = KeptFile(workspace.folder / "kept", width, kept)
        self.again = KeptFile(workspace.folder / "again", width, again)
        free = shutil.disk_usage(workspace.folder).free
        self._most = min(settings.cache_gb * GIGABYTE, kept + SHARE_OF_FREE_DISK * free)
        self._network: list[float] = []
        self._cost: list[float] = []

    def network_took(self, seconds: float) -> None:
        """What a batch cost to read and to run."""
        self._network.append(seconds)

    def keep(self, faces: Sequence[int], labels: Labels, layers: Callable[[], Mapping[str, KeptMaps]]) -> None:
        """Keep a batch, with its maps if there is room and writing and reading them is predicted to be the cheaper way."""
        # What was written must be read once more. Batches read ahead come in bursts: only their mean says what one took.
        dear = len(self._cost) >= 3 and 2 * float(np.median(self._cost)) > float(np.mean(self._network))
        if not dear and self.kept.length < self._most:
            start = time.monotonic()
            maps = layers()
            if self.kept.length + sum(kept.maps.nbytes for kept in maps.values()) <= self._most:
                try:
                    self.kept.add(faces, labels, maps)
                except OSError:  # the disk is fuller than it said
                    self._most = 0
                else:
                    self._cost.append(time.monotonic() - start)
                    return
        self.again.add(faces, labels, {})


def _only(batch: Batch, chosen: Int64[np.ndarray, " local"], layers: Sequence[str]) -> Batch:
    """Some faces and layers of a batch."""
    places = torch.from_numpy(chosen)
    return Batch(
        faces=tuple(batch.faces[place] for place in chosen),
        positions=tuple(batch.positions[place] for place in chosen),
        labels=tuple(batch.labels[place] for place in chosen),
        maps={name: batch.maps[name][places.to(batch.maps[name].device)] for name in layers},
    )


def _prefixed(prefix: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {prefix + name: array for name, array in arrays.items()}


def _part(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name[len(prefix) :]: array for name, array in arrays.items() if name.startswith(prefix)}
