"""baseline(): what is interpretable or biased beyond what the network with random weights and permuted labels show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from torch import Tensor

from .activations import Progress
from .bias import levels_of
from .concepts import GlobalConcept
from .dictionary.faces import FaceDictionary
from .dissection import dissect
from .errors import DictionaryError, FaceReadError, ModelError, SettingsError
from .intersections import intersected
from .model.face_model import FaceModel
from .model.reinitialised import reinitialised
from .peaks import Peaks
from .proportions import difference
from .random_null import labels_table
from .ranking import RankedPeaks, normalised
from .reading import FaceReader
from .results import Dissection, LayerResult
from .settings import Settings, bias_cutoff
from .significance import SIGNIFICANCE
from .unit_counts import BIASED, INTERPRETABLE, SUPPORTED_BIAS, UnitCount, spoken, unit_counts

MEASURED_FACES = 64
"""Faces on which the batch norms of a network with random weights measure their running statistics."""
_RANGE = (2.5, 97.5)
_VALUES = 1 << 27  # flags of permuted labels that are held at once

COLUMNS = (
    *("layer", "measure", "units", "observed", "random_weights", "excess", "low", "high"),
    *("permuted", "permuted_low", "permuted_high", "p"),
)
"""Of the table, which docs/formats.md describes."""


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """What a network shows beside random weights and permuted labels: counts of units of each layer, and each label.

    Attributes:
        table: one row for each layer and measure.
        labels: one row for each unit that has a label, beside those of units with random weights (`random_null.LABEL_COLUMNS`).
        seeds: networks with random weights that were dissected.
        permutations: of the labels.
        drawn: how the weights of each of those networks were made, a sentence each.
        made_of: digests of the network and the dictionary, and when the result was made.
    """

    table: pd.DataFrame = field(repr=False, compare=False)
    labels: pd.DataFrame = field(repr=False, compare=False)
    seeds: int
    permutations: int
    drawn: tuple[str, ...]
    made_of: Mapping[str, str]

    @property
    def sentences(self) -> tuple[str, ...]:
        """What the rows of each layer say, but those of supported biases."""
        rows = self.table.to_dict("records")
        return tuple(
            _sentence({str(k): v for k, v in row.items()}) for row in rows if SUPPORTED_BIAS not in row["measure"]
        )

    @property
    def sentences_of_labels(self) -> tuple[str, ...]:
        """What the labels of each layer say."""
        layers = self.labels.groupby("layer", sort=False)
        return tuple(_sentence_of_labels(str(layer), labels, self.seeds) for layer, labels in layers)


def baseline(
    dictionary: FaceDictionary,
    model: FaceModel,
    result: Dissection,
    *,
    seeds: int = 1,
    permutations: int = 50,
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> Baseline:
    """Compare the labels and biases of a network with what comes out without learning and without labels.

    Args:
        dictionary, model: of the result; the network is given back as it was.
        result: of `dissect`.
        seeds: networks of the same architecture with random weights (`reinitialised`), dissected in the same way.
        permutations: of each global concept's labels among the faces that have them.
        settings: those of the result if None; others only where the machine is another.
        progress: called after every batch with the stage, the faces done and the faces in all.

    Raises:
        DictionaryError: it is not the dictionary of the result, or a face cannot be read.
        ModelError: it is not the network of the result, or its weights cannot be drawn anew.
        SettingsError: there are no seeds or no permutations.
    """
    for name, value in (("seeds", seeds), ("permutations", permutations)):
        if value < 1:
            raise SettingsError(f"expected {name} to be at least 1, got {value}")
    _check(dictionary, model, result)
    settings = settings or result.settings
    # Neither the sweep nor the number of replicates has a say in any count.
    quick = replace(settings, sweep=(), replicates=min(1, settings.replicates), top_faces=1)
    images = _some_faces(dictionary, model)
    drawn: list[str] = []
    random: list[Dissection] = []
    for seed in range(seeds):
        network = reinitialised(model, seed, images)
        drawn.append(f"{network.untrained}.")
        random.append(
            dissect(
                dictionary,
                network,
                layers=list(result.layers),
                settings=quick,
                progress=_named(progress, f"random weights {seed}" if seeds > 1 else "random weights"),
            )
        )
    widened = intersected(dictionary, settings.intersect)
    rows: list[dict[str, object]] = []
    labels: list[pd.DataFrame] = []
    for layer in result.layers.values():
        without = [found[layer.layer] for found in random]
        rows.extend(_rows(layer, without, result, widened, permutations))
        labels.append(labels_table(layer, without))
    return Baseline(
        table=pd.DataFrame(rows, columns=list(COLUMNS)),
        labels=pd.concat(labels, ignore_index=True),
        seeds=seeds,
        permutations=permutations,
        drawn=tuple(drawn),
        made_of={"model": model.digest, "dictionary": dictionary.digest, "created": result.provenance.created},
    )


def permuted_counts(
    peaks: Peaks, concept: GlobalConcept, labels: Int[np.ndarray, " image"], permutations: int, seed: int
) -> Float[np.ndarray, " permutation"]:
    """How many units are biased by a global concept, by the published rule, when its labels are permuted.

    The faces that are labelled stay the same and so do the sizes of subgroups. All units see the same permutation, so the counts
    vary as they do for units that depend on each other.

    Args:
        peaks: of the units of a layer.
        concept: the global concept.
        labels: the subgroup of each face, by its place in the concept; -1 where it has none.
        permutations: how many are drawn.
        seed: of the permutations.

    Returns:
        Counts of units biased towards any subgroup; NaN where fewer than two subgroups have faces.
    """
    within, groups = labels >= 0, len(concept.subgroups)
    used = len(np.unique(labels[within]))
    if used < 2:
        return np.full(permutations, np.nan)
    counts = np.zeros(permutations)
    low, high = peaks.extremes(within)
    for block, values in peaks.unit_blocks():
        ranked = RankedPeaks(values)
        for chosen, members in _permuted(labels, groups, permutations, seed):
            scores = ranked.scores(within, low[block], high[block], members.reshape(-1, len(labels)))
            shares = normalised(scores.reshape(-1, groups)).reshape(-1, len(members), groups)
            counts[chosen] += (shares >= bias_cutoff(used)).any(axis=2).sum(axis=0)
    return counts


def _permuted(
    labels: Int[np.ndarray, " image"], groups: int, permutations: int, seed: int
) -> Iterator[tuple[slice, np.ndarray]]:
    """Which permutations, and (permutation, subgroup, image) which faces each subgroup holds; the same every time."""
    rng, known = np.random.default_rng(seed), np.flatnonzero(labels >= 0)
    step = max(1, _VALUES // (groups * len(labels)))
    for start in range(0, permutations, step):
        some = slice(start, min(permutations, start + step))
        members = np.zeros((some.stop - start, groups, len(labels)), bool)
        for place in range(len(members)):
            members[place, rng.permutation(labels[known]), known] = True
        yield some, members


def _check(dictionary: FaceDictionary, model: FaceModel, result: Dissection) -> None:
    known = result.provenance
    if model.digest != known.model["digest"]:
        raise ModelError(
            f"expected the network of the result, {known.model['source']} with digest {str(known.model['digest'])[:12]}, got "
            f"{model.source} with {model.digest[:12]}; dissect it first"
        )
    if dictionary.digest != known.dictionary["digest"]:
        raise DictionaryError(
            f"expected the dictionary of the result, {known.dictionary['location']} with digest "
            f"{str(known.dictionary['digest'])[:12]}, got {dictionary.location} with {dictionary.digest[:12]}; dissect it first"
        )


def _some_faces(dictionary: FaceDictionary, model: FaceModel) -> Float[Tensor, "image 3 height width"]:
    """Faces from all over the dictionary, as the network sees them."""
    reader = FaceReader(dictionary.faces, dictionary.vocabulary, model.preprocess, masks=False)
    count = len(dictionary)
    places = np.unique(np.linspace(0, count - 1, min(count, MEASURED_FACES)).astype(int))
    read = [reader[int(place)] for place in places]
    pixels = [face.pixels for face in read if face.pixels is not None]
    if not pixels:
        raise FaceReadError(f"expected faces of {dictionary.location} that can be read, got: {read[0].error}")
    return model.preprocess.scaled(np.stack(pixels))


def _named(progress: Progress | None, of: str) -> Progress | None:
    return progress and (lambda stage, done, total: progress(f"{of}: {stage}", done, total))


def _rows(
    layer: LayerResult, random: list[LayerResult], result: Dissection, dictionary: FaceDictionary, permutations: int
) -> Iterator[dict[str, object]]:
    """The rows of a layer."""

    def counts(of: LayerResult) -> tuple[UnitCount, ...]:
        return unit_counts(of, result.vocabulary, tested=result.settings.replicates > 0)

    without = [{count.measure: count.units for count in counts(of)} for of in random]
    concepts = {f"{BIASED}{concept.name}": concept for concept in result.vocabulary.global_concepts}
    faces = [dictionary[face] for face in layer.peaks.faces]
    units = len(layer.units)
    for place, count in enumerate(counts(layer)):
        found = [of[count.measure] for of in without if count.measure in of]
        beyond = difference(count.units, units, sum(found), units * len(found))
        row: dict[str, object] = {
            "layer": layer.layer,
            "measure": count.measure,
            "units": units,
            "observed": count.units,
            "random_weights": sum(found) / len(found) if found else np.nan,
            "excess": beyond.value * units,
            "low": beyond.low * units,
            "high": beyond.high * units,
            "permuted": np.nan,
            "permuted_low": np.nan,
            "permuted_high": np.nan,
            "p": np.nan,
        }
        if count.measure == INTERPRETABLE:
            row["permuted"] = _interpretable_by_exchange(layer, result.settings)
        if concept := concepts.get(count.measure):
            labels = levels_of(concept, [face.subgroups.get(concept.name) for face in faces])
            chance = permuted_counts(layer.peaks, concept, labels, permutations, result.settings.seed + place)
            row["permuted"] = chance.mean()
            row["permuted_low"], row["permuted_high"] = np.percentile(chance, _RANGE)
            if np.isfinite(chance).all():
                row["p"] = (1 + (chance >= count.units).sum()) / (1 + permutations)
        yield row


def _interpretable_by_exchange(layer: LayerResult, settings: Settings) -> float:
    """Units whose best IoU exceeds the cut-off with masks exchanged, in the mean; NaN where the run exchanged none."""
    if not settings.replicates:
        return np.nan
    return float((layer.concepts.groupby("unit")["iou_null"].max() > settings.min_iou).sum())


def _sentence(row: Mapping[str, float]) -> str:
    """What a row says."""
    measure = str(row["measure"])
    told = (
        f"{row['layer']}: {row['observed']} of {row['units']} units {spoken(measure)}, "
        f"{row['random_weights']:.4g} with random weights: {_more(row['excess'])} "
        f"(95 % interval {row['low']:+.0f} to {row['high']:+.0f})"
    )
    if np.isnan(row["permuted"]):
        return f"{told}."
    if measure == INTERPRETABLE:
        return f"{told}; {row['permuted']:.0f} would be with masks exchanged between images."
    return (
        f"{told}; with permuted labels it is {row['permuted']:.1f} (95 % of permutations "
        f"{row['permuted_low']:.0f} to {row['permuted_high']:.0f}), p = {row['p']:.3f}."
    )


def _more(excess: float) -> str:
    return "as many" if round(excess) == 0 else f"{abs(excess):.0f} {'more' if excess > 0 else 'fewer'}"


def _sentence_of_labels(layer: str, labels: pd.DataFrame, seeds: int) -> str:
    """What the labels of a layer say, or why they cannot say anything."""
    random = int(labels["random_units"].iloc[0])
    least = random / seeds / len(labels) / (1 + random)  # q where every label has the least p
    if least >= SIGNIFICANCE:
        return (
            f"{layer}: no label can have a q below {SIGNIFICANCE} (least possible {least:.2g}), as {random} units with random "
            "weights are too few to compare with; dissect more of them with --seeds."
        )
    beyond = labels[labels["beyond_random"]]
    told = (
        f"{layer}: {len(beyond)} of {len(labels)} labels are interpretable and beyond those of units with random weights "
        f"(q < {SIGNIFICANCE})"
    )
    if beyond.empty:
        return f"{told}."
    median = beyond["excess"].median()
    return f"{told}; their IoU is {median:.3f} above the mean of random units for the same concept, in the median."
