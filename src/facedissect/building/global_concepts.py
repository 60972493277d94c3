"""Subgroups of global concepts out of a column of labels: numbers by limits, anything else by renaming."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from ..concepts import GlobalConcept
from ..dictionary.faces import Face, Label
from ..errors import DictionaryError, SettingsError, nearest_names


@dataclass(frozen=True, kw_only=True)
class Grouping:
    """A global concept and the column of labels that it is made of: either `edges` or `renames` say how.

    Attributes:
        concept: the global concept, such as `age`.
        column: the label, such as `age`.
        edges: the limits between subgroups, in ascending order, one less than there are subgroups; a number that is a limit
            belongs to the subgroup above it.
        subgroups: their names, in order; with `renames`, in the order in which those first name them.
        renames: what a label says -> its subgroup. A truth is `true` or `false`, a number is spelt without needless zeros.
            Faces with any other label are in no subgroup.

    Raises:
        SettingsError: the parts do not fit together.
    """

    concept: str
    column: str
    edges: Sequence[float] = ()
    subgroups: Sequence[str] = ()
    renames: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if bool(self.edges) == bool(self.renames):
            raise SettingsError(
                f"expected either edges or rename for {self.concept}, got {'both' if self.edges else 'neither'}"
            )
        if self.renames:
            named = tuple(dict.fromkeys(self.renames.values()))
            if self.subgroups and set(self.subgroups) != set(named):
                raise SettingsError(
                    f"expected the subgroups of {self.concept} that rename names, {', '.join(named)}, "
                    f"got {', '.join(self.subgroups)}"
                )
            object.__setattr__(self, "subgroups", tuple(self.subgroups) or named)
        elif len(self.edges) != len(self.subgroups) - 1:
            raise SettingsError(
                f"expected one edge less than subgroups of {self.concept}, "
                f"got {len(self.edges)} edges and {len(self.subgroups)} subgroups"
            )
        if any(low >= high for low, high in pairwise(self.edges)):
            raise SettingsError(f"expected the edges of {self.concept} in ascending order, got {list(self.edges)}")
        if len(set(self.subgroups)) < max(2, len(self.subgroups)):
            raise SettingsError(
                f"expected two or more subgroups of {self.concept}, each once, got {', '.join(self.subgroups)}"
            )

    @property
    def defined(self) -> GlobalConcept:
        """The global concept, for a vocabulary."""
        return GlobalConcept(name=self.concept, subgroups=tuple(self.subgroups))

    def subgroup(self, face: Face) -> str | None:
        """The subgroup of a face; None where it has no such label, or one that has no subgroup.

        Raises:
            DictionaryError: the label is no number, but edges divide numbers.
        """
        label = face.labels.get(self.column)
        if label is None:
            return None
        if self.renames:
            return self.renames.get(_spelt(label))
        try:
            number = float(label)
        except ValueError:
            raise DictionaryError(
                f"expected numbers in {self.column}, which edges divide into {self.concept}, got {label!r} for {face.id}; "
                "use rename"
            ) from None
        return None if math.isnan(number) else self.subgroups[bisect_right(self.edges, number)]

    def expect_column(self, faces: Sequence[Face]) -> None:
        """Raises DictionaryError where no face has the label."""
        if not any(self.column in face.labels for face in faces):
            known = sorted({name for face in faces for name in face.labels})
            nearest = nearest_names(self.column, known) or "the faces have no labels"
            raise DictionaryError(
                f"expected a label for the global concept {self.concept}, got {self.column!r}, which no face has; "
                f"nearest: {nearest}"
            )


def _spelt(label: Label) -> str:
    if isinstance(label, bool):
        return str(label).lower()
    return f"{label:g}" if isinstance(label, float) else str(label)
