"""Concepts whose labels are known to be unreliable, by the published audits of the data they come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ..dictionary import FaceDictionary

_WU = 'Wu et al., "Consistency and Accuracy of CelebA Attribute Values", CVPR Workshops 2023, arXiv:2210.07356'


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """What the literature knows of the labels of one concept.

    Attributes:
        concept: name of the concept, as CelebA spells it.
        finding: one sentence.
        source: where it is published.
    """

    concept: str
    finding: str
    source: str

    @property
    def warning(self) -> str:
        """One line for a report."""
        return f"Labels of {self.concept} are unreliable if they come from CelebA: {self.finding} ({self.source})."


def _at_random(concept: str) -> Reliability:
    finding = "two annotators who labelled it independently agreed about as often as by chance"
    return Reliability(concept=concept, finding=finding, source=_WU)


RELIABILITY: Mapping[str, Reliability] = MappingProxyType(
    {
        entry.concept: entry
        for entry in (
            _at_random("High_Cheekbones"),
            _at_random("Pointy_Nose"),
            _at_random("Oval_Face"),
            Reliability(
                concept="No_Beard",
                finding="of the faces said not to be without a beard, up to 40 % are wrong, though annotators agree well",
                source=_WU,
            ),
            Reliability(
                concept="Mouth_Slightly_Open",
                finding="about 20 % of the faces said to have it, and 2 % of the others, are wrong",
                source=_WU,
            ),
        )
    }
)
"""Concept -> what is known against its labels. A concept that is not here may not have been audited."""


def unreliable_concepts(dictionary: FaceDictionary) -> tuple[Reliability, ...]:
    """What is known against the labels of a dictionary's attributes that have images, in the order of the vocabulary.

    A concept is known by its name and kind alone: attributes of CelebA's names are taken to come from CelebA. Only the
    embedded faces, whose labels are exact, are left out.
    """
    if dictionary.format == "demo":
        return ()
    present = {name for face in dictionary for name in face.concepts}
    attributes = (concept.name for concept in dictionary.vocabulary.of_kind("attribute"))
    return tuple(RELIABILITY[name] for name in attributes if name in RELIABILITY and name in present)
