"""Fault: one thing that is wrong with a Face Dictionary, and the list of all kinds of faults."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

Severity = Literal["error", "warning"]
Progress = Callable[[int, int], None]
"""Told how many images are done, and how many there are."""

FAULTS: Mapping[str, tuple[Severity, str]] = {
    "not-a-dictionary": ("error", "no format recognises the location"),
    "invalid-vocabulary": ("error", "`vocabulary.toml` cannot be read or contradicts itself"),
    "no-images": ("error", "the indexes and folders name no image at all"),
    "unreadable-index": ("error", "a CSV cannot be read, or is not UTF-8 or not CSV"),
    "unreadable-folder": ("error", "a folder of images cannot be listed"),
    "wrong-columns": (
        "error",
        "an index has no column `image` or no column `labels`, or `landmarks.csv` has not its own",
    ),
    "malformed-row": ("error", "a row has too many or too few cells, or names no image"),
    "outside-root": ("error", "a path is absolute or leads out of the root, by `..` or by a symbolic link"),
    "unknown-concept": ("error", "the stem of a mask is no local concept of the vocabulary"),
    "other-kind": (
        "error",
        "a concept stands in the CSV of another kind, so that absent and unknown would be confused",
    ),
    "conflicting-rows": ("error", "an image has two rows with different labels in one CSV"),
    "conflicting-masks": ("error", "a row has two masks of one concept"),
    "unknown-subgroup": ("error", "a folder of a global concept of the vocabulary is none of its subgroups"),
    "missing-image": ("error", "the image does not exist"),
    "unreadable-image": ("error", "the image is damaged or is no image"),
    "missing-mask": ("error", "the mask does not exist"),
    "unreadable-mask": ("error", "the mask is damaged or is no image"),
    "mask-size": ("error", "the mask has another size than its image"),
    "empty-mask": ("error", "the mask has no pixel, though its concept is labelled present"),
    "two-subgroups": ("error", "the same image (the same bytes) lies in two subgroups of one global concept"),
    "unknown-image": ("error", "a row of `landmarks.csv` names no image of the dictionary"),
    "duplicate-landmarks": ("error", "an image has two rows in `landmarks.csv`"),
    "invalid-landmarks": (
        "error",
        "a box or landmarks are no finite numbers or lack some, the box has no area, or the landmarks are one point",
    ),
    "outside-image": ("error", "the box or all landmarks lie outside the image"),
    "duplicate-row": ("warning", "a row occurs twice; it is read once"),
    "duplicate-mask": ("warning", "a row names the same mask twice; it is read once"),
    "lossy-mask": ("warning", "the mask is a JPEG, whose compression noise counts as mask"),
    "missing-index": ("warning", "there is no CSV for a kind of the vocabulary, so its concepts have no image"),
    "concept-without-images": ("warning", "a local concept is present in no image"),
    "subgroup-without-images": ("warning", "a subgroup, or a whole global concept, has no image"),
    "single-subgroup": ("warning", "a global concept has one subgroup, so there is nothing to compare"),
    "ignored-file": ("warning", "a file among the images of global concepts is not read"),
}
"""Code -> severity and meaning. An error is what makes a run stop or its numbers wrong; all else is a warning."""


class Row(NamedTuple):
    """Where an index speaks of something: its file name and the line, counted from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault of a dictionary.

    Attributes:
        code: a key of FAULTS.
        file: the file or folder at fault, relative to the root; "." is the root.
        row: the row of an index that names it, where one does.
        message: one sentence: what was expected, what came.
    """

    code: str
    file: str
    message: str
    row: Row | None = None

    @property
    def severity(self) -> Severity:
        """Whether a run would stop or give wrong numbers (error), or not (warning)."""
        return FAULTS[self.code][0]

    def as_dict(self) -> dict[str, str | int | None]:
        """Plain values for JSON; `index` and `line` are None where no row names the file."""
        index, line = self.row or (None, None)
        return {
            "severity": self.severity,
            "code": self.code,
            "file": self.file,
            "index": index,
            "line": line,
            "message": self.message,
        }

    @property
    def order(self) -> tuple[str, Row, str, str]:
        """Sort key: by file, then row, then code."""
        return (self.file, self.row or Row("", 0), self.code, self.message)


def first_and_count(faults: Sequence[Fault]) -> str:
    """The message of the first of some faults, with its place, and how many more there are."""
    first, *others = faults
    where = f"{first.row}: " if first.row else ""
    more = f"; and {len(others)} more fault{'s' * (len(others) > 1)}" if others else ""
    return f"{where}{first.message}{more}"
