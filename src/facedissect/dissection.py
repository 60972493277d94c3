"""dissect(): the whole method as one straight line.

Two passes over the dictionary (`passes.py`) give thresholds, peaks and tallies; hierarchy and bias follow from those.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from . import tables
from .activations import ActivationMaps, Progress
from .batching import BatchSize
from .bias import Bias, bias, divisions, judged, levels_of
from .dictionary.faces import FaceDictionary
from .errors import DictionaryError, LayerError
from .evidence import Evidence, LabelledFaces, evidence
from .hierarchy import Hierarchy, hierarchy
from .intersections import components, intersected
from .model.face_model import FaceModel
from .model.preprocess import Preprocess, Size
from .passes import BatchObserver, Passes, Surveyed
from .provenance import describe, identify, stamp
from .ranking import RankedPeaks
from .results import Dissection, LayerResult
from .settings import Settings
from .significance import LabelAreas
from .stability import weights
from .sweep import SweepPoint
from .tally import Tally
from .trends import Trend, judged_trends, measures, numbers, trend
from .workspace import Tell, Workspace


def dissect(
    dictionary: FaceDictionary | Sequence[FaceDictionary],
    model: FaceModel,
    *,
    layers: Sequence[str],
    settings: Settings | None = None,
    progress: Progress | None = None,
    observe: BatchObserver | None = None,
    resume: str | os.PathLike[str] | None = None,
    tell: Tell | None = None,
) -> Dissection:
    """Say what each unit of some layers looks at.

    Args:
        dictionary: a Face Dictionary, or its shards.
        model: the network; it is given back as it was.
        layers: names of layers, aliases, patterns such as `layer4.*.conv*`, or `all-convs` (`FaceModel.layers`). A layer
            without maps, such as a fully connected one, has peaks and bias only.
        settings: all switches; the defaults if None.
        progress: called after every batch with the pass, the faces done and the faces in all.
        observe: called with the faces with local labels of every batch; a run that is gone on with shows only the rest.
        resume: a folder that keeps what a run needs to go on, should it be stopped at any moment: called again with the same
            folder, it goes on from there, and ends with the same result. It takes disk as `cache_gb` says, and may be deleted
            once the result is saved. None keeps nothing.
        tell: told, in a sentence, that a stopped run is gone on with, or why it starts afresh.

    Raises:
        DictionaryError: there are too few faces, none has what the model's crop needs, or (with `on_error="stop"`) one
            cannot be read.
        LayerError: a layer does not exist or cannot be read.
        ModelError: the network cannot be run, on that device, in that precision or within its memory.
        OutputError: the folder of `resume` cannot be written to, or another run is at work in it.
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
    tell = tell or (lambda _sentence: None)
    widened = intersected(whole, settings.intersect)
    made_of = identify(whole, model)
    whole = widened

    with ExitStack() as stack:
        models = [model, *(model.replica() for _ in settings.devices[1:])]
        for network, device in zip(models, settings.devices, strict=True):
            stack.enter_context(network.borrowed(device, settings.precision))
        if settings.batch_size:
            batches = BatchSize(settings.batch_size)
        else:
            batches = BatchSize.found(model.preprocess.size, found, model.device)
        run = describe(made_of, [layer.name for layer in found], settings, [network.device for network in models])
        workspace = stack.enter_context(Workspace.opened(None if resume is None else Path(resume), run, tell))
        maps = ActivationMaps(whole.faces, whole.vocabulary, models, found, settings, batches)
        passes = Passes(maps, found, len(whole.vocabulary), settings, batches, workspace, tell)
        passes.survey(_counting(progress, "peaks", len(whole)), observe)
        _check_readable(whole, passes.left_out)
        surveyed = passes.surveyed()
        tallies = passes.compare(surveyed, _counting(progress, "masks", len(whole.local_faces)))
        believed = _evidence(passes, tallies, whole, settings, model.preprocess.size)
        swept = passes.sweep(surveyed)
        devices = ",".join(dict.fromkeys(str(network.device) for network in models))

    results = {
        name: _layer_result(name, facts, tallies[name], believed[name], swept.get(name, ()), whole, settings)
        for name, facts in surveyed.items()
    }
    return Dissection(
        settings=settings,
        vocabulary=whole.vocabulary,
        provenance=stamp(
            whole,
            model,
            made_of,
            execution={"device": devices, "precision": settings.precision, "batch_size": batches.size},
            first_batch_size=batches.first,
            broken_units={name: np.flatnonzero(~facts.finite).tolist() for name, facts in surveyed.items()},
            left_out=passes.left_out,
            created=started.isoformat(timespec="seconds"),
            seconds=round(time.monotonic() - clock, 3),
        ),
        layers=results,
    )


def _evidence(
    passes: Passes, tallies: Mapping[str, Tally], dictionary: FaceDictionary, settings: Settings, size: Size
) -> dict[str, Evidence]:
    """How far the labels of each layer can be believed; nothing is known of it without replicates."""
    found = {name: Evidence.none(*tally.intersection.shape) for name, tally in tallies.items()}
    if passes.masks is not None:
        vocabulary = dictionary.vocabulary
        faces = sorted(dictionary.faces, key=lambda face: face.id)
        absent = np.array([[face.state(concept) == "absent" for concept in vocabulary.concepts] for face in faces])
        read = np.array([face.id not in passes.left_out for face in faces])
        counts = np.zeros((len(faces), settings.replicates), np.uint8)
        counts[read] = weights(int(read.sum()), settings.replicates, settings.seed)
        labelled = LabelledFaces(
            masks=passes.masks,
            areas=LabelAreas.of(passes.masks, len(faces), len(vocabulary)),
            absent=absent,
            counts=counts,
            pixels=size[0] * size[1],
        )
        for name, file in passes.overlaps.items():
            found[name] = evidence(file, labelled, tallies[name], settings)
    return found


def _layer_result(
    layer: str,
    surveyed: Surveyed,
    tally: Tally,
    believed: Evidence,
    swept: Sequence[SweepPoint],
    dictionary: FaceDictionary,
    settings: Settings,
) -> LayerResult:
    """Stages 2 and 3, and the tables of all."""
    vocabulary = dictionary.vocabulary
    ranked, biases, trends = _rank(surveyed, tally, dictionary, settings)
    concepts = tables.concepts_table(layer, tally, believed, vocabulary, settings)
    return LayerResult(
        layer=layer,
        map_size=surveyed.map_size,
        units=tables.units_table(
            layer, concepts, ranked, biases, believed, surveyed.thresholds, surveyed.low, surveyed.high, vocabulary
        ),
        concepts=concepts if surveyed.map_size else concepts.iloc[:0],
        hierarchy=tables.hierarchy_table(layer, ranked, vocabulary),
        bias=tables.bias_table(layer, biases),
        trends=tables.trends_table(layer, trends),
        sweep=tables.sweep_table(layer, swept, ranked.best, vocabulary, settings),
        top_faces=tables.top_faces_table(layer, surveyed.top),
        peaks=surveyed.peaks,
        top_maps=surveyed.top.maps,
    )


def _rank(
    surveyed: Surveyed, tally: Tally, dictionary: FaceDictionary, settings: Settings
) -> tuple[Hierarchy, dict[str, Bias], tuple[Trend, ...]]:
    """Stages 2 and 3, some units at a time; each unit's peaks are sorted once for both."""
    vocabulary, peaks = dictionary.vocabulary, surveyed.peaks
    faces = [dictionary[face] for face in peaks.faces]
    local = np.array([bool(face.kinds) for face in faces])
    present = np.zeros((len(faces), len(vocabulary)), bool)
    for row, face in enumerate(faces):
        present[row, [vocabulary.position(name) for name in face.concepts]] = True
    levels = {c.name: levels_of(c, [face.subgroups.get(c.name) for face in faces]) for c in vocabulary.global_concepts}
    combined = components(settings.intersect)
    divided = divisions(vocabulary.global_concepts, levels, combined, settings.min_subgroup)
    single = {name: level for name, level in levels.items() if name not in combined}
    measured = measures(numbers(faces), single, settings.min_subgroup)
    extremes = [peaks.extremes(division.within) for division in divided]
    iou = tally.iou(settings.union, settings.negatives)
    parts: list[Hierarchy] = []
    biases: dict[str, list[Bias]] = {division.concept.name: [] for division in divided}
    trends: dict[str, list[Trend]] = {measure.name: [] for measure in measured}
    for block, values in peaks.unit_blocks():
        ranked = RankedPeaks(values)
        parts.append(
            hierarchy(
                iou[block],
                ranked,
                local,
                surveyed.low[block],
                surveyed.high[block],
                present,
                vocabulary,
                min_iou=settings.min_iou,
                weight=settings.hierarchy_weight,
                detection_ratio=settings.detection_ratio,
            )
        )
        for division, (low, high) in zip(divided, extremes, strict=True):
            found = bias(
                division.concept, ranked, division.within, low[block], high[block], division.members, division.adjust
            )
            biases[division.concept.name].append(found)
        for measure in measured:
            trends[measure.name].append(trend(ranked, measure))
    return (
        Hierarchy.joined(parts),
        judged({name: Bias.joined(blocks) for name, blocks in biases.items()}, settings.min_subgroup),
        judged_trends([Trend.joined(blocks) for blocks in trends.values()]),
    )


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
