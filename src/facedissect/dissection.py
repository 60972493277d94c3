"""dissect(): the whole method as one straight line, streaming over the dictionary twice.

The first pass records each face's peak and each unit's largest values; the second compares firing masks with concept masks.
Everything a pass accumulates can be merged, so that a dictionary in shards gives the same result as in one piece.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib import metadata

import numpy as np
import torch

from . import tables
from .activations import ActivationMaps, Batch, PeakRecorder, Peaks, Progress
from .bias import Bias, bias
from .concepts import Vocabulary
from .dictionary.faces import FaceDictionary
from .errors import DictionaryError, LayerError
from .hierarchy import Hierarchy, hierarchy
from .model.face_model import FaceModel
from .results import Dissection, LayerResult, Provenance
from .settings import Settings
from .tally import Tally
from .thresholds import Thresholds, TopValues
from .top_faces import TopFaces, TopMaps

_STAMPED = ("facedissect", "torch", "torchvision", "numpy", "scipy", "pandas", "pillow")

BatchObserver = Callable[[Batch], None]
"""Called with every batch of the second pass; the way to keep maps that the result does not hold."""


def dissect(
    dictionary: FaceDictionary | Sequence[FaceDictionary],
    model: FaceModel,
    *,
    layers: Sequence[str],
    settings: Settings | None = None,
    progress: Progress | None = None,
    observe: BatchObserver | None = None,
) -> Dissection:
    """Say what each unit of some layers looks at.

    Args:
        dictionary: a Face Dictionary, or its shards.
        model: the network; it is given back as it was.
        layers: dotted names of modules with spatial maps (`model.layers()` lists them).
        settings: all switches; the defaults if None.
        progress: called after every batch with the pass, the faces done and the faces in all.
        observe: called with every batch of the second pass.

    Raises:
        DictionaryError: there are too few faces, or (with `on_error="stop"`) one cannot be read.
        LayerError: a layer does not exist or has no spatial maps.
    """
    started, clock = datetime.now(timezone.utc), time.monotonic()
    settings = settings or Settings()
    shards = [dictionary] if isinstance(dictionary, FaceDictionary) else list(dictionary)
    whole = shards[0] if len(shards) == 1 else FaceDictionary.joined(shards)
    layers = list(dict.fromkeys(layers))
    _check(whole, model, layers)
    progress = progress or (lambda _stage, _done, _total: None)

    left_out: dict[str, str] = {}
    maps = [ActivationMaps(shard.faces, whole.vocabulary, model, layers, settings, left_out) for shard in shards]
    with model.borrowed(settings.device):
        surveys = _survey(maps, len(whole.local_faces), settings, _counting(progress, "peaks", len(whole)))
        _check_readable(whole, left_out)
        peaks = {layer: survey.peaks.result() for layer, survey in surveys.items()}
        local = np.array([bool(whole[face].kinds) for face in next(iter(peaks.values())).faces])
        local_peaks = {layer: values.of(local) for layer, values in peaks.items()}
        thresholds = {
            layer: survey.thresholds(settings).where(local_peaks[layer].finite) for layer, survey in surveys.items()
        }
        top = {layer: TopFaces.choose(values, settings.top_faces) for layer, values in local_peaks.items()}
        sizes = {layer: survey.map_size for layer, survey in surveys.items()}
        comparison = _compare(
            [shard.local() for shard in maps],
            thresholds,
            {layer: TopMaps(top[layer], sizes[layer]) for layer in layers},
            whole.vocabulary,
            settings,
            _counting(progress, "masks", len(whole.local_faces)),
            observe,
        )

    results = {}
    for layer in layers:
        tally, top_maps = comparison.tallies[layer], comparison.top_maps[layer].result()
        ranked = _rank(tally, local_peaks[layer], whole, settings)
        biases = _biases(peaks[layer], whole)
        concepts = tables.concepts_table(layer, tally, whole.vocabulary, settings)
        results[layer] = LayerResult(
            layer=layer,
            map_size=sizes[layer],
            units=tables.units_table(layer, concepts, ranked, biases, thresholds[layer], local_peaks[layer], whole.vocabulary),
            concepts=concepts,
            hierarchy=tables.hierarchy_table(layer, ranked, whole.vocabulary),
            bias=tables.bias_table(layer, biases),
            top_faces=tables.top_faces_table(layer, top[layer]),
            peaks=peaks[layer],
            top_maps=top_maps,
        )
    return Dissection(
        settings=settings,
        vocabulary=whole.vocabulary,
        provenance=_provenance(whole, model, results, left_out, started, time.monotonic() - clock),
        layers=results,
    )


@dataclass(kw_only=True)
class _Survey:
    """What the first pass accumulates for one layer."""

    peaks: PeakRecorder
    top_values: TopValues
    map_size: tuple[int, int]
    local_faces: int = 0

    @classmethod
    def for_maps(cls, maps: torch.Tensor, faces: int, settings: Settings) -> _Survey:
        _, units, height, width = maps.shape
        total = faces * height * width
        top_values = TopValues.for_quantile(units, total, settings.quantile, settings.quantile_method)
        return cls(peaks=PeakRecorder(), top_values=top_values, map_size=(height, width))

    def update(self, batch: Batch, maps: torch.Tensor) -> None:
        self.peaks.update(batch.faces, maps)
        local = torch.tensor([bool(face.kinds) for face in batch.faces], device=maps.device)
        self.top_values.update(maps[local])
        self.local_faces += int(local.sum())

    def merge(self, other: _Survey) -> None:
        self.peaks.merge(other.peaks)
        self.top_values.merge(other.top_values)
        self.local_faces += other.local_faces

    def thresholds(self, settings: Settings) -> Thresholds:
        total = self.local_faces * self.map_size[0] * self.map_size[1]
        return self.top_values.result(total, settings.quantile, settings.quantile_method)


def _survey(
    shards: Sequence[ActivationMaps], faces: int, settings: Settings, advance: Callable[[int], None]
) -> dict[str, _Survey]:
    """First pass: peaks of all faces, largest values over those with local labels."""
    merged: dict[str, _Survey] = {}
    for shard in shards:
        surveys: dict[str, _Survey] = {}
        for batch in shard:
            for layer, maps in batch.maps.items():
                surveys.setdefault(layer, _Survey.for_maps(maps, faces, settings)).update(batch, maps)
            advance(len(batch.faces))
        for layer, survey in surveys.items():
            if layer in merged:
                merged[layer].merge(survey)
            else:
                merged[layer] = survey
    return merged


@dataclass(frozen=True, kw_only=True)
class _Comparison:
    """What the second pass accumulates."""

    tallies: dict[str, Tally]
    top_maps: dict[str, TopMaps]


def _compare(
    shards: Sequence[ActivationMaps],
    thresholds: dict[str, Thresholds],
    top_maps: dict[str, TopMaps],
    vocabulary: Vocabulary,
    settings: Settings,
    advance: Callable[[int], None],
    observe: BatchObserver | None,
) -> _Comparison:
    """Second pass: firing masks against concept masks."""
    total = {layer: Tally.empty(len(t.values), len(vocabulary)) for layer, t in thresholds.items()}
    for shard in shards:
        tallies = {layer: Tally.empty(len(t.values), len(vocabulary)) for layer, t in thresholds.items()}
        for batch in shard:
            for layer, maps in batch.maps.items():
                limits = torch.from_numpy(thresholds[layer].values).to(maps.device)
                for values, labels in zip(maps, batch.labels, strict=True):
                    masks = torch.from_numpy(labels.masks).to(maps.device)
                    tallies[layer].update(values, limits, masks, labels.present, labels.absent, zeros=settings.zeros)
                top_maps[layer].update(batch.faces, maps)
            if observe:
                observe(batch)
            advance(len(batch.faces))
        for layer, tally in tallies.items():
            total[layer].merge(tally)
    return _Comparison(tallies=total, top_maps=top_maps)


def _rank(tally: Tally, peaks: Peaks, dictionary: FaceDictionary, settings: Settings) -> Hierarchy:
    present = np.zeros((len(peaks.faces), len(dictionary.vocabulary)), bool)
    for row, face in enumerate(peaks.faces):
        present[row, [dictionary.vocabulary.position(name) for name in dictionary[face].concepts]] = True
    return hierarchy(
        tally.iou(settings.union, settings.negatives),
        peaks.highest,
        peaks.lowest.min(axis=0),
        peaks.highest.max(axis=0),
        present,
        dictionary.vocabulary,
        min_iou=settings.min_iou,
        weight=settings.hierarchy_weight,
        detection_ratio=settings.detection_ratio,
    )


def _biases(peaks: Peaks, dictionary: FaceDictionary) -> dict[str, Bias]:
    faces = [dictionary[face] for face in peaks.faces]
    biases = {}
    for concept in dictionary.vocabulary.global_concepts:
        labels = np.array([face.subgroups.get(concept.name, "") for face in faces])
        labelled = peaks.of(labels != "")
        if labelled.faces:
            members = np.stack([labels[labels != ""] == subgroup for subgroup in concept.subgroups])
            biases[concept.name] = bias(concept, labelled.highest, labelled.lowest, members)
    return biases


def _check(dictionary: FaceDictionary, model: FaceModel, layers: Sequence[str]) -> None:
    if not layers:
        raise LayerError("expected at least one layer to dissect, got none; `facedissect layers` lists them")
    for layer in layers:
        model.module_of(layer)
    _check_readable(dictionary, {})


def _check_readable(dictionary: FaceDictionary, left_out: dict[str, str]) -> None:
    readable = sum(face.id not in left_out for face in dictionary.local_faces)
    if readable < 2:
        unreadable = f" ({len(left_out)} could not be read)" if left_out else ""
        raise DictionaryError(
            f"expected at least 2 images with local labels to rank, got {readable} in {dictionary.location}{unreadable}"
        )


def _counting(progress: Progress, stage: str, total: int) -> Callable[[int], None]:
    done = 0

    def advance(faces: int) -> None:
        nonlocal done
        done += faces
        progress(stage, done, total)

    return advance


def _provenance(
    dictionary: FaceDictionary,
    model: FaceModel,
    results: dict[str, LayerResult],
    left_out: dict[str, str],
    started: datetime,
    seconds: float,
) -> Provenance:
    concept_images = dict.fromkeys(dictionary.vocabulary.names, 0)
    subgroup_images = {g.name: dict.fromkeys(g.subgroups, 0) for g in dictionary.vocabulary.global_concepts}
    for face in dictionary:
        if face.id not in left_out:
            for concept in face.concepts:
                concept_images[concept] += 1
            for global_concept, subgroup in face.subgroups.items():
                subgroup_images[global_concept][subgroup] += 1
    warnings = []
    if missing := [concept for concept, images in concept_images.items() if not images]:
        warnings.append(f"No images of {', '.join(missing)}: no unit can be paired with them.")
    for layer, result in results.items():
        broken = result.units.loc[result.units["state"] == tables.NOT_FINITE, "unit"].tolist()
        if broken:
            warnings.append(
                f"Layer {layer}: units with NaN or infinite values, left without a label: {', '.join(map(str, broken))}."
            )
    if left_out:
        warnings.append(f"{len(left_out)} faces could not be read and were left out, such as {next(iter(left_out))}.")
    return Provenance(
        versions={"python": platform.python_version(), **{name: metadata.version(name) for name in _STAMPED}},
        model={
            "name": model.name,
            "source": model.source,
            "digest": model.digest,
            "preprocess": model.preprocess.as_dict(),
        },
        dictionary={
            "location": dictionary.location,
            "format": dictionary.format,
            "digest": dictionary.digest,
            "faces": len(dictionary),
            "local_faces": len(dictionary.local_faces),
        },
        concept_images=concept_images,
        subgroup_images=subgroup_images,
        left_out=left_out,
        warnings=tuple(warnings),
        created=started.isoformat(timespec="seconds"),
        seconds=round(seconds, 3),
    )
