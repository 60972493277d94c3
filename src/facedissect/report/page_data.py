"""Everything that the page's script draws from, cut into pieces that it takes when it needs them.

`index` tells what there is. `layer-L` holds the tables of layer L, `units-L-B` the maps of the top faces and the peak curves of
its units from B times `block` on, `outlines-C` where the shown faces have concept C. All counts start at 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool

from .. import trends
from ..bias import levels_of
from ..dictionary.faces import FaceDictionary
from ..model.preprocess import Preprocess
from ..results import Dissection, LayerResult
from ..significance import SIGNIFICANCE
from . import face_pictures, wording
from .drawing import COLOURS
from .face_pictures import FacePictures
from .packing import pack
from .peak_curves import BINS, histograms, members
from .summary import RunSummary
from .unit_data import LABELS, STATES, ConceptFaces, best_concepts, concept_faces, numbers, quantiles, unit_arrays

BLOCK_BYTES = 1 << 18
"""About what a piece of units holds before it is compressed; one screen of units takes many pieces."""

EXAMPLES = 8
"""Faces of the dictionary that are shown of each concept."""


@dataclass(frozen=True, kw_only=True)
class PageData:
    """What the script of a page is given.

    Attributes:
        pieces: by their keys; `index` first.
        faces: the pictures, told by their places.
    """

    pieces: Mapping[str, bytes] = field(repr=False)
    faces: FacePictures


def gather(run: RunSummary, dictionary: FaceDictionary) -> PageData:
    """The pieces and the pictures of a run; reads every image that is shown once."""
    result = run.result
    best = {name: concept_faces(layer, dictionary, layer.top_maps.shape[1]) for name, layer in result.layers.items()}
    examples = {name: _examples(result, dictionary, name) for name in result.vocabulary.names}
    faces = face_pictures.draw(
        Preprocess.from_dict(result.provenance.model["preprocess"]),
        dictionary,
        _wanted(result, dictionary, best, examples),
    )
    place = {face: number for number, face in enumerate(faces.ids)}
    pieces = {
        "index": pack(
            _index(run, dictionary, faces, {name: [place[f] for f in chosen] for name, chosen in examples.items()})
        )
    }
    for number, (name, layer) in enumerate(result.layers.items()):
        arrays = unit_arrays(layer, result.vocabulary, dictionary, best[name], place)
        pieces[f"layer-{number}"] = pack({"sweep": quantiles(layer), "numbers": numbers(layer)}, arrays)
        pieces |= dict(
            _blocks(number, layer, members(dictionary, result.vocabulary.global_concepts, layer.peaks.faces))
        )
    for number, concept in enumerate(result.vocabulary.names):
        pieces[f"outlines-{number}"] = pack({}, face_pictures.packed(faces.outlines.get(concept, ())))
    return PageData(pieces=pieces, faces=faces)


def _examples(result: Dissection, dictionary: FaceDictionary, concept: str) -> list[str]:
    """Faces with a concept, as far apart in the dictionary as they can be; those that the run left out are passed over."""
    if concept not in dictionary.vocabulary:
        return []
    left_out = result.provenance.left_out
    faces = [face.id for face in dictionary.faces_with(concept) if face.id not in left_out]
    chosen = np.linspace(0, len(faces) - 1, min(EXAMPLES, len(faces))).round().astype(int)
    return [faces[number] for number in chosen]


def _wanted(
    result: Dissection,
    dictionary: FaceDictionary,
    best: Mapping[str, ConceptFaces],
    examples: Mapping[str, Sequence[str]],
) -> dict[str, list[str]]:
    """Face -> the concepts that are outlined in it: those of the units that show it, and of which it is an example."""
    wanted: dict[str, dict[str, None]] = {}

    def want(face: str, concept: str | None) -> None:
        concepts = wanted.setdefault(face, {})
        if concept and face in dictionary and concept in dictionary[face].concepts:
            concepts[concept] = None

    for name, layer in result.layers.items():
        concepts = best_concepts(layer)
        for unit, face in zip(layer.top_faces["unit"], layer.top_faces["face"], strict=True):
            want(face, concepts[unit])
        for unit, chosen in enumerate(best[name].faces):
            for face in chosen:
                want(face, concepts[unit])
    for concept, shown in examples.items():
        for face in shown:
            want(face, concept)
    return {face: list(concepts) for face, concepts in sorted(wanted.items())}


def _index(
    run: RunSummary, dictionary: FaceDictionary, faces: FacePictures, examples: Mapping[str, Sequence[int]]
) -> dict[str, object]:
    result, images = run.result, run.result.provenance.concept_images
    sizes = result.provenance.subgroup_images
    cutoffs = {count.global_concept: count.cutoff for layer in run.layers for count in layer.bias}
    return {
        "title": wording.title(result),
        "significance": SIGNIFICANCE,
        "settings": result.settings.as_dict(),
        "input": list(Preprocess.from_dict(result.provenance.model["preprocess"]).size),
        "picture": list(faces.size),
        "faces": list(faces.ids),
        "crossed": list(faces.crossed),
        "bins": BINS,
        "states": list(STATES),
        "labels": list(LABELS),
        "colours": list(COLOURS),
        "concepts": [
            {
                "name": concept.name,
                "region": concept.region,
                "kind": wording.kind_name(concept.kind),
                "images": images.get(concept.name, 0),
                "examples": list(examples[concept.name]),
            }
            for concept in result.vocabulary.concepts
        ],
        "globals": [
            {
                "name": concept.name,
                "cutoff": cutoffs.get(concept.name),
                "subgroups": [
                    {"name": name, "images": sizes.get(concept.name, {}).get(name, 0)} for name in concept.subgroups
                ],
            }
            for concept in result.vocabulary.global_concepts
        ],
        "numbers": _numbers(result, dictionary),
        "layers": [
            {
                "name": name,
                "units": len(layer.units),
                "map": list(layer.map_size) if layer.map_size else None,
                "block": _block_units(layer, sum(len(c.subgroups) for c in result.vocabulary.global_concepts)),
            }
            for name, layer in result.layers.items()
        ],
    }


def _numbers(result: Dissection, dictionary: FaceDictionary) -> list[dict[str, object]]:
    """The labels that are numbers, each with the global concepts that it speaks of: those of its name, and divisions of it."""
    names = dict.fromkeys(name for layer in result.layers.values() for name in numbers(layer))
    values = trends.numbers(dictionary.faces) if names else {}
    levels = {
        concept.name: levels_of(concept, [face.subgroups.get(concept.name) for face in dictionary.faces])
        for concept in (result.vocabulary.global_concepts if names else ())
    }
    return [
        {
            "name": name,
            "told": wording.number_name(name),
            "of": [
                concept
                for concept, level in levels.items()
                if concept == name or (name in values and trends.divided_by_limits(values[name], level))
            ],
        }
        for name in names
    ]


def _block_units(layer: LayerResult, subgroups: int) -> int:
    """How many units a piece holds."""
    maps = int(np.prod(layer.top_maps.shape[1:]))
    return max(1, BLOCK_BYTES // max(1, 4 * maps + 2 * BINS * subgroups))


def _blocks(number: int, layer: LayerResult, of: Bool[np.ndarray, "subgroup image"]) -> Iterator[tuple[str, bytes]]:
    curves, ranges = histograms(layer.peaks, of)
    step = _block_units(layer, len(of))
    for block, start in enumerate(range(0, len(layer.units), step)):
        units = slice(start, start + step)
        maps = np.asarray(layer.top_maps[units], np.float32)
        yield f"units-{number}-{block}", pack({}, {"maps": maps, "curves": curves[units], "ranges": ranges[units]})
