"""Provenance: what made a result, so that it can be judged and made again."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

import torch

from .curation import unreliable_concepts
from .dictionary.faces import FaceDictionary
from .model.face_model import FaceModel
from .settings import Settings

_STAMPED = ("facedissect", "torch", "torchvision", "numpy", "scipy", "pandas", "pillow")


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What made a result.

    Attributes:
        versions: facedissect, Python, torch, NumPy, ... -> version.
        model: name, source, digest and preprocessing of the network.
        dictionary: location, format, options and digest of the dictionary, and its numbers of faces.
        concept_images: local concept -> images that have it.
        subgroup_images: global concept -> subgroup -> images.
        left_out: unreadable faces that were skipped, id -> reason.
        shown_whole: faces without the box or the landmarks that the crop needs, shown as the whole image.
        execution: device, precision and batch size (at the end) of the forward passes.
        warnings: what the run had to say, one sentence each.
        created: UTC time, ISO 8601.
        seconds: wall-clock time of the run.
    """

    versions: Mapping[str, str]
    model: Mapping[str, Any]
    dictionary: Mapping[str, Any]
    concept_images: Mapping[str, int]
    subgroup_images: Mapping[str, Mapping[str, int]]
    left_out: Mapping[str, str] = field(default_factory=dict)
    shown_whole: int = 0
    execution: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    created: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What tells one run from another.

    Attributes:
        versions: of everything that has a say in the numbers.
        model: name, source, digest and preprocessing of the network.
        dictionary: location, format, options and digest of the dictionary, and its numbers of faces.
    """

    versions: Mapping[str, str]
    model: Mapping[str, Any]
    dictionary: Mapping[str, Any]


def identify(dictionary: FaceDictionary, model: FaceModel) -> Identity:
    """The identity of what is dissected; hashes weights, labels and the fingerprints of all files."""
    return Identity(
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
            "options": dict(dictionary.options),
            "faces": len(dictionary),
            "local_faces": len(dictionary.local_faces),
        },
    )


def describe(
    identity: Identity, layers: Sequence[str], settings: Settings, devices: Sequence[torch.device]
) -> dict[str, Any]:
    """All that has a say in the numbers of a run, as JSON can hold it; a stopped run goes on only where it is the same.

    The number of workers and of devices and what may be kept have none.
    """
    without = {"workers", "device", "cache_gb", "memory_gb"}
    return {
        "versions": dict(identity.versions),
        "model": dict(identity.model),
        "dictionary": {name: identity.dictionary[name] for name in ("digest", "faces", "local_faces")},
        "layers": list(layers),
        "setting": {name: value for name, value in settings.as_dict().items() if name not in without},
        "device": ",".join(dict.fromkeys(device.type for device in devices)),
    }


def stamp(
    dictionary: FaceDictionary,
    model: FaceModel,
    identity: Identity,
    *,
    execution: Mapping[str, Any],
    first_batch_size: int,
    broken_units: Mapping[str, list[int]],
    left_out: Mapping[str, str],
    created: str,
    seconds: float,
) -> Provenance:
    """The provenance of a run.

    Args:
        dictionary, model: what was dissected.
        identity: of both.
        execution: device, precision and batch size of the forward passes.
        first_batch_size: what the batch size was before memory ran out.
        broken_units: layer -> units with values that are not finite.
        left_out: faces that could not be read, id -> reason.
        created: UTC time, ISO 8601.
        seconds: wall-clock time.
    """
    concept_images = dict.fromkeys(dictionary.vocabulary.names, 0)
    subgroup_images = {g.name: dict.fromkeys(g.subgroups, 0) for g in dictionary.vocabulary.global_concepts}
    shown_whole = 0
    for face in dictionary:
        if face.id not in left_out:
            shown_whole += model.preprocess.crop != "none" and model.preprocess.shows_whole(
                box=face.box, landmarks=face.landmarks
            )
            for concept in face.concepts:
                concept_images[concept] += 1
            for global_concept, subgroup in face.subgroups.items():
                subgroup_images[global_concept][subgroup] += 1
    return Provenance(
        versions=identity.versions,
        model=identity.model,
        dictionary=identity.dictionary,
        concept_images=concept_images,
        subgroup_images=subgroup_images,
        left_out=left_out,
        shown_whole=shown_whole,
        execution=execution,
        warnings=(
            *((f"{model.untrained}.",) if model.untrained else ()),
            *_warnings(concept_images, broken_units, left_out),
            *(found.warning for found in unreliable_concepts(dictionary)),
            *_crop_warnings(model.preprocess.crop, shown_whole, len(dictionary) - len(left_out)),
            *_memory_warnings(first_batch_size, execution["batch_size"]),
        ),
        created=created,
        seconds=seconds,
    )


def _warnings(
    concept_images: Mapping[str, int], broken_units: Mapping[str, list[int]], left_out: Mapping[str, str]
) -> tuple[str, ...]:
    warnings = []
    if missing := [concept for concept, images in concept_images.items() if not images]:
        warnings.append(f"No images of {', '.join(missing)}: no unit can be paired with them.")
    for layer, units in broken_units.items():
        if units:
            named = ", ".join(map(str, units))
            warnings.append(f"Layer {layer}: units with NaN or infinite values, left without a label: {named}.")
    if left_out:
        count = "1 face" if len(left_out) == 1 else f"{len(left_out)} faces"
        warnings.append(f"{count} could not be read and left out: {next(iter(left_out.values()))}.")
    return tuple(warnings)


def _crop_warnings(crop: str, shown_whole: int, faces: int) -> tuple[str, ...]:
    if not shown_whole:
        return ()
    return (f"{shown_whole:,} of {faces:,} images are shown whole: no face was found in them for crop={crop}.",)


def _memory_warnings(first: int, last: int) -> tuple[str, ...]:
    return () if last == first else (f"Memory ran out at {first} images a batch; the run went on with {last}.",)
