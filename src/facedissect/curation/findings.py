"""What `examine` warns of, as faults, so that they are shown and sorted as those of `check_dictionary`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from ..dictionary import FaceDictionary, Fault, Severity
from .conflicts import Conflict
from .duplicates import DuplicateGroup
from .reliability import Reliability

FINDINGS: Mapping[str, tuple[Severity, str]] = {
    "conflicting-labels": ("error", "faces with exactly the same pixels have labels that contradict each other"),
    "near-conflicting-labels": ("warning", "near copies of a picture have labels that contradict each other"),
    "duplicate-image": ("warning", "faces with exactly the same pixels count more than once"),
    "near-duplicate-image": ("warning", "near copies of a picture count more than once"),
    "few-images": ("warning", "a concept or a subgroup has too few images for its numbers to mean much"),
    "unbalanced-subgroups": ("warning", "one subgroup of a global concept has many times the images of another"),
    "confounded-concepts": ("warning", "two global concepts depend on each other, so that one may pass for the other"),
    "mask-off-face": ("warning", "most of a mask lies off the face"),
    "unreliable-concept": ("warning", "the literature knows the labels of the concept to be unreliable"),
}
"""Code -> severity and meaning."""


@dataclass(frozen=True, kw_only=True)
class Finding(Fault):
    """A fault that labels and pixels show together; `code` is a key of FINDINGS, `file` the id of a face or "."."""

    @property
    def severity(self) -> Severity:
        """Whether the numbers of a run would be wrong (error), or to be read with care (warning)."""
        return FINDINGS[self.code][0]


_ENOUGH_MASKS = 10
"""Of fewer masks of a concept, that most lie off the face says nothing of the concept."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """From when on something is worth a warning.

    Attributes:
        fewest_images: a concept or subgroup should have this many images at least.
        largest_ratio: the largest subgroup should have at most this many times the pictures of the smallest.
        strongest_association: the corrected Cramér's V of two global concepts should stay below this.
        significance: a stronger association counts where its p-value is below this, since a few pictures associate by chance.
        largest_off_face: at most this share of a mask should lie off the face.
    """

    fewest_images: int = 30
    largest_ratio: float = 3.0
    strongest_association: float = 0.3
    significance: float = 0.001
    largest_off_face: float = 0.5


def duplicate_findings(dictionary: FaceDictionary, groups: Iterable[DuplicateGroup]) -> Iterator[Finding]:
    """A finding for each group whose picture counts more than once.

    Copies that are labelled for different things count once each: the published layout stores an image again for
    each of its subgroups.
    """
    for group in groups:
        counted = Counter(
            label
            for face in map(dictionary.__getitem__, group.faces)
            for label in [*face.kinds, *face.subgroups] or ["nothing"]
        )
        if counted.most_common(1)[0][1] > 1:
            how = "the same pixels" if group.exact else "near copies of one picture"
            message = f"expected each picture once, got {how} in {' and '.join(group.faces)}; keep one of them"
            code = "duplicate-image" if group.exact else "near-duplicate-image"
            yield Finding(code=code, file=group.faces[0], message=message)


def conflict_findings(conflicts: Iterable[Conflict]) -> Iterator[Finding]:
    """A finding for each conflict."""
    for conflict in conflicts:
        said = "; ".join(f"{value} in {' and '.join(faces)}" for value, faces in conflict.values.items())
        name = "one identity" if conflict.what == "identity" else f"one {conflict.what} {conflict.name}"
        message = f"expected {name} of the same picture, got {said}; correct the labels or leave the faces out"
        code = "conflicting-labels" if conflict.exact else "near-conflicting-labels"
        yield Finding(code=code, file=conflict.faces[0], message=message)


def count_findings(concepts: pd.DataFrame, subgroups: pd.DataFrame, limits: Limits) -> Iterator[Finding]:
    """Concepts and subgroups with too few images, and global concepts whose subgroups are out of balance.

    Concepts and global concepts for which no face was labelled at all are passed over.
    """
    for row in concepts.to_dict("records"):
        if row["present"] + row["absent"] and row["present"] < limits.fewest_images:
            message = f"expected {limits.fewest_images} images with {row['concept']} or more, got {row['present']}"
            yield Finding(code="few-images", file=".", message=message)
    for name, rows in subgroups.groupby("global_concept", sort=False):
        pictures = dict(zip(rows.subgroup, rows.pictures, strict=True))
        if not any(pictures.values()):
            continue
        for subgroup, count in pictures.items():
            if count < limits.fewest_images:
                message = f"expected {limits.fewest_images} pictures of {name} {subgroup} or more, got {count}"
                yield Finding(code="few-images", file=".", message=message)
        most, least = max(pictures, key=pictures.__getitem__), min(pictures, key=pictures.__getitem__)
        if pictures[most] > limits.largest_ratio * pictures[least]:
            message = (
                f"expected subgroups of {name} with at most {limits.largest_ratio:g} times the pictures of each other, "
                f"got {pictures[most]} of {most} and {pictures[least]} of {least}; balance them"
            )
            yield Finding(code="unbalanced-subgroups", file=".", message=message)


def confounding_findings(confounding: pd.DataFrame, limits: Limits) -> Iterator[Finding]:
    """A finding for each pair of global concepts that depend on each other."""
    strong = (confounding.corrected >= limits.strongest_association) & (confounding.p_value < limits.significance)
    for row in confounding[strong].to_dict("records"):
        message = (
            f"expected {row['first']} and {row['second']} to be independent, got Cramér's V {row['corrected']:.2f} in "
            f"{row['pictures']} pictures, so that a bias of one may be a bias of the other; balance them together"
        )
        yield Finding(code="confounded-concepts", file=".", message=message)


def placement_findings(masks: pd.DataFrame, limits: Limits) -> Iterator[Finding]:
    """A finding for each mask that lies off the face, but of concepts that lie beside it by nature, as hair and necks do."""
    off = masks.off_face > limits.largest_off_face
    by_concept = off.groupby(masks.concept)
    beside = (by_concept.transform("mean") > 0.5) & (by_concept.transform("size") >= _ENOUGH_MASKS)
    for row in masks[off & ~beside].to_dict("records"):
        share = f"{row['off_face']:.0%}"
        message = f"expected the mask of {row['concept']} on the face, got {share} of it beyond box and landmarks"
        yield Finding(code="mask-off-face", file=row["face"], message=message)


def reliability_findings(entries: Sequence[Reliability]) -> Iterator[Finding]:
    """A finding for each concept whose labels are unreliable."""
    for entry in entries:
        yield Finding(code="unreliable-concept", file=".", message=entry.warning)
