"""`examine`: what is doubtful about the labels and pictures of a dictionary of any format, in one pass over its images."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from ..dictionary import Face, FaceDictionary, Fault
from ..errors import FaceReadError
from . import findings
from .balance import concept_images, confounding, subgroup_images, subgroup_labels
from .conflicts import Conflict, find_conflicts
from .duplicates import DuplicateGroup, find_duplicates
from .findings import Limits
from .placement import FaceOutline
from .reliability import Reliability, unreliable_concepts
from .signature import Signature

Progress = Callable[[int, int], None]
"""Told how many images are done, and how many there are."""

_WORKERS = min(8, os.cpu_count() or 1)  # threads: decoding releases the interpreter's lock
_MASK_COLUMNS = ("face", "concept", "outside_box", "outside_hull", "off_face")


@dataclass(frozen=True, kw_only=True, eq=False)
class Quality:
    """What `examine` finds.

    Attributes:
        location: the dictionary's location.
        faces: number of faces; `pictures`: number of different pictures among those that can be read.
        duplicates: groups of faces with the same picture, exactly or nearly, also those that count for different things.
        conflicts: what such faces disagree about.
        concepts: one row a local concept; see `concept_images`.
        subgroups: one row a subgroup; see `subgroup_images`.
        confounding: one row a pair of global concepts; see `confounding`.
        crossed: one row for each two subgroups of such a pair.
        masks: one row a mask of a face of which box or landmarks are known: `face`, `concept`, and the shares `outside_box`,
            `outside_hull` and `off_face`; see `Placement`.
        reliability: what the literature knows against labels of the vocabulary.
        faults: all that is worth a warning, and images and masks that cannot be read, sorted by face.
        limits: from when on something was worth a warning.
    """

    location: str
    faces: int
    pictures: int
    duplicates: tuple[DuplicateGroup, ...]
    conflicts: tuple[Conflict, ...]
    concepts: pd.DataFrame = field(repr=False)
    subgroups: pd.DataFrame = field(repr=False)
    confounding: pd.DataFrame = field(repr=False)
    crossed: pd.DataFrame = field(repr=False)
    masks: pd.DataFrame = field(repr=False)
    reliability: tuple[Reliability, ...]
    faults: tuple[Fault, ...]
    limits: Limits

    def as_dict(self) -> dict[str, Any]:
        """All findings as JSON can hold them; of the masks, those only that lie off the face."""
        off_face = self.masks[self.masks.off_face > self.limits.largest_off_face]
        return {
            "location": self.location,
            "faces": self.faces,
            "pictures": self.pictures,
            "limits": asdict(self.limits),
            "faults": [fault.as_dict() for fault in self.faults],
            "duplicates": [asdict(group) | {"exact": group.exact} for group in self.duplicates],
            "conflicts": [asdict(conflict) for conflict in self.conflicts],
            "concepts": _records(self.concepts),
            "subgroups": _records(self.subgroups),
            "confounding": _records(self.confounding),
            "crossed": _records(self.crossed),
            "masks_off_face": _records(off_face),
            "reliability": [asdict(entry) for entry in self.reliability],
        }


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """What one face's pixels show."""

    signature: Signature | None
    masks: tuple[tuple[str, str, float, float, float], ...]
    faults: tuple[Fault, ...]


def examine(dictionary: FaceDictionary, *, limits: Limits | None = None, progress: Progress | None = None) -> Quality:
    """Look for what makes the numbers of a dictionary doubtful. Reads every image and every mask once.

    Faces whose image cannot be read are listed and take no part in the search for duplicates.

    Args:
        limits: from when on something is worth a warning.
        progress: told after each face how many are done, and how many there are.
    """
    limits = limits or Limits()
    seen = _see_all(dictionary, progress)
    signatures = {face: sight.signature for face, sight in seen.items() if sight.signature is not None}
    groups = find_duplicates(signatures)
    conflicts = find_conflicts(dictionary, groups)
    labels = subgroup_labels(dictionary.vocabulary, _pictures(dictionary, groups))
    concepts, subgroups = concept_images(dictionary), subgroup_images(dictionary, labels)
    pairs, crossed = confounding(dictionary.vocabulary, labels)
    masks = pd.DataFrame([row for sight in seen.values() for row in sight.masks], columns=list(_MASK_COLUMNS))
    reliability = unreliable_concepts(dictionary)
    faults = [
        *(fault for sight in seen.values() for fault in sight.faults),
        *findings.duplicate_findings(dictionary, groups),
        *findings.conflict_findings(conflicts),
        *findings.count_findings(concepts, subgroups, limits),
        *findings.confounding_findings(pairs, limits),
        *findings.placement_findings(masks, limits),
        *findings.reliability_findings(reliability),
    ]
    return Quality(
        location=dictionary.location,
        faces=len(dictionary),
        pictures=len({signature.digest for signature in signatures.values()}),
        duplicates=groups,
        conflicts=conflicts,
        concepts=concepts,
        subgroups=subgroups,
        confounding=pairs,
        crossed=crossed,
        masks=masks,
        reliability=reliability,
        faults=tuple(sorted(faults, key=lambda fault: fault.order)),
        limits=limits,
    )


def _see_all(dictionary: FaceDictionary, progress: Progress | None) -> dict[str, _Seen]:
    seen: dict[str, _Seen] = {}
    known: dict[str, Signature] = {}
    with ThreadPoolExecutor(_WORKERS) as pool:
        try:
            for face, sight in zip(dictionary, pool.map(partial(_see, known=known), dictionary), strict=True):
                seen[face.id] = sight
                if progress is not None:
                    progress(len(seen), len(dictionary))
        except BaseException:  # an interrupt must not wait for the images not yet begun
            pool.shutdown(cancel_futures=True)
            raise
    return seen


def _see(face: Face, known: dict[str, Signature]) -> _Seen:
    faults: list[Fault] = []
    masks = tuple(_see_masks(face, faults))
    try:
        signature = _signature(face, known)
    except FaceReadError as error:
        faults.append(Fault(code="unreadable-image", file=face.id, message=str(error)))
        signature = None
    return _Seen(signature=signature, masks=masks, faults=tuple(faults))


def _signature(face: Face, known: dict[str, Signature]) -> Signature:
    """The signature of a face's image; a file of which a copy was seen is not decoded again."""
    if face.concepts:  # whose fingerprint speaks of the masks, too, so that it tells nothing of the image alone
        return Signature.of(face.image())
    fingerprint = face.source.fingerprint()
    if fingerprint not in known:
        known[fingerprint] = Signature.of(face.image())
    return known[fingerprint]


def _see_masks(face: Face, faults: list[Fault]) -> Iterator[tuple[str, str, float, float, float]]:
    """Where each mask lies, if anything is known of where the face is."""
    outline = FaceOutline(face)
    for concept in face.concepts:
        try:
            mask = face.mask(concept)
        except FaceReadError as error:
            faults.append(Fault(code="unreadable-mask", file=face.id, message=str(error)))
            continue
        if not mask.any():
            message = f"expected at least one pixel of {concept}, which is labelled present, got none"
            faults.append(Fault(code="empty-mask", file=face.id, message=message))
            continue
        placement = outline.place(mask)
        if not np.isnan(placement.off_face):
            yield face.id, concept, placement.outside_box, placement.outside_hull, placement.off_face


def _pictures(dictionary: FaceDictionary, groups: tuple[DuplicateGroup, ...]) -> list[list[Face]]:
    """The faces of each picture: exact copies together, each other face alone."""
    first = {face: same[0] for group in groups for same in group.copies for face in same}
    pictures: dict[str, list[Face]] = {}
    for face in dictionary:
        pictures.setdefault(first.get(face.id, face.id), []).append(face)
    return list(pictures.values())


def _records(table: pd.DataFrame) -> list[Mapping[str, Any]]:
    """The rows of a table; None where a number is missing."""
    return [
        {str(name): None if value is None or value != value else value for name, value in row.items()}
        for row in table.to_dict("records")
    ]
