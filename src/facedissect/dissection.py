"""dissect(): the whole method as one straight line.

Two passes over the dictionary (`passes.py`) give thresholds, peaks and tallies; hierarchy and bias follow from those.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone

import numpy as np

from . import tables
from .activations import ActivationMaps, Peaks, Progress
from .batching import BatchSize
from .bias import Bias, bias
from .dictionary.faces import FaceDictionary
from .errors import DictionaryError, LayerError
from .hierarchy import Hierarchy, hierarchy
from .model.face_model import FaceModel
from .model.preprocess import Preprocess
from .passes import BatchObserver, Comparison, Surveyed, compare, survey
from .provenance import stamp
from .results import Dissection, LayerResult
from .settings import Settings
from .tally import Tally


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
        layers: names of layers, aliases, patterns such as `layer4.*.conv*`, or `all-convs` (`FaceModel.layers`). A layer
            without maps, such as a fully connected one, has peaks and bias only.
        settings: all switches; the defaults if None.
        progress: called after every batch with the pass, the faces done and the faces in all.
        observe: called with every batch of the second pass.

    Raises:
        DictionaryError: there are too few faces, none has what the model's crop needs, or (with `on_error="stop"`) one
            cannot be read.
        LayerError: a layer does not exist or cannot be read.
        ModelError: the network cannot be run, on that device, in that precision or within its memory.
    """
    started, clock = datetime.now(timezone.utc), time.monotonic()
    settings = settings or Settings()
    shards = [dictionary] if isinstance(dictionary, FaceDictionary) else list(dictionary)
    whole = shards[0] if len(shards) == 1 else FaceDictionary.joined(shards)
    _check_readable(whole, {})
    _check_crop(whole, model.preprocess)
    if not layers:
        raise LayerError("expected at least one layer to dissect, got none; `facedissect layers` lists them")
    found = model.layers(layers)
    progress = progress or (lambda _stage, _done, _total: None)

    left_out: dict[str, str] = {}
    with model.borrowed(settings.device, settings.precision):
        device = str(model.device)
        if settings.batch_size:
            batches = BatchSize(settings.batch_size)
        else:
            batches = BatchSize.found(model.preprocess.size, found, model.device)
        maps = [
            ActivationMaps(shard.faces, whole.vocabulary, model, found, settings, batches, left_out) for shard in shards
        ]
        surveys = survey(maps, found, len(whole.local_faces), settings, _counting(progress, "peaks", len(whole)))
        _check_readable(whole, left_out)
        surveyed = {layer: seen.result() for layer, seen in surveys.items()}
        advance = _counting(progress, "masks", len(whole.local_faces))
        compared = compare(maps, surveyed, whole.vocabulary, settings, advance, observe)

    return Dissection(
        settings=settings,
        vocabulary=whole.vocabulary,
        provenance=stamp(
            whole,
            model,
            execution={"device": device, "precision": settings.precision, "batch_size": batches.size},
            first_batch_size=batches.first,
            broken_units={name: np.flatnonzero(~facts.local_peaks.finite).tolist() for name, facts in surveyed.items()},
            left_out=left_out,
            created=started.isoformat(timespec="seconds"),
            seconds=round(time.monotonic() - clock, 3),
        ),
        layers={name: _layer_result(name, facts, compared[name], whole, settings) for name, facts in surveyed.items()},
    )


def _layer_result(
    layer: str, surveyed: Surveyed, compared: Comparison, dictionary: FaceDictionary, settings: Settings
) -> LayerResult:
    """Stages 2 and 3, and the tables of all three."""
    vocabulary = dictionary.vocabulary
    ranked = _rank(compared.tally, surveyed.local_peaks, dictionary, settings)
    biases = _biases(surveyed.peaks, dictionary)
    concepts = tables.concepts_table(layer, compared.tally, vocabulary, settings)
    units = tables.units_table(layer, concepts, ranked, biases, surveyed.thresholds, surveyed.local_peaks, vocabulary)
    return LayerResult(
        layer=layer,
        map_size=surveyed.map_size,
        units=units,
        concepts=concepts if surveyed.map_size else concepts.iloc[:0],
        hierarchy=tables.hierarchy_table(layer, ranked, vocabulary),
        bias=tables.bias_table(layer, biases),
        top_faces=tables.top_faces_table(layer, surveyed.top),
        peaks=surveyed.peaks,
        top_maps=compared.top_maps,
    )


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


def _check_crop(dictionary: FaceDictionary, preprocess: Preprocess) -> None:
    needed = {"box": "boxes", "align": "landmarks"}.get(preprocess.crop)
    if needed and all(preprocess.shows_whole(box=face.box, landmarks=face.landmarks) for face in dictionary):
        raise DictionaryError(
            f"expected {needed} of faces in {dictionary.location} for crop={preprocess.crop}, got none; find them with "
            "`facedissect detect` or detect_faces(dictionary), or use crop=none"
        )


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
