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
from .bias import Bias, bias
from .dictionary.faces import FaceDictionary
from .errors import DictionaryError, LayerError
from .hierarchy import Hierarchy, hierarchy
from .model.face_model import FaceModel
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
        surveys = survey(maps, len(whole.local_faces), settings, _counting(progress, "peaks", len(whole)))
        _check_readable(whole, left_out)
        surveyed = {layer: surveys[layer].result() for layer in layers}
        advance = _counting(progress, "masks", len(whole.local_faces))
        compared = compare(maps, surveyed, whole.vocabulary, settings, advance, observe)

    results = {layer: _layer_result(layer, surveyed[layer], compared[layer], whole, settings) for layer in layers}
    return Dissection(
        settings=settings,
        vocabulary=whole.vocabulary,
        provenance=stamp(
            whole,
            model,
            broken_units={layer: np.flatnonzero(~surveyed[layer].local_peaks.finite).tolist() for layer in layers},
            left_out=left_out,
            created=started.isoformat(timespec="seconds"),
            seconds=round(time.monotonic() - clock, 3),
        ),
        layers=results,
    )


def _layer_result(
    layer: str, surveyed: Surveyed, compared: Comparison, dictionary: FaceDictionary, settings: Settings
) -> LayerResult:
    """Stages 2 and 3, and the tables of all three."""
    vocabulary = dictionary.vocabulary
    ranked = _rank(compared.tally, surveyed.local_peaks, dictionary, settings)
    biases = _biases(surveyed.peaks, dictionary)
    concepts = tables.concepts_table(layer, compared.tally, vocabulary, settings)
    return LayerResult(
        layer=layer,
        map_size=surveyed.map_size,
        units=tables.units_table(
            layer, concepts, ranked, biases, surveyed.thresholds, surveyed.local_peaks, vocabulary
        ),
        concepts=concepts,
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
