"""The pixels of a face of a merged dictionary, whose concepts have other names than in their source."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool
from PIL import Image

from ..dictionary import FaceSource
from ..dictionary.encoded import encoded_image


@dataclass(frozen=True, kw_only=True)
class RenamedSource:
    """The pixels of a face under other names of concepts.

    Attributes:
        source: the source of the face where it comes from.
        concepts: concept here -> concepts there, whose masks together are its mask.
    """

    source: FaceSource
    concepts: Mapping[str, tuple[str, ...]]

    def image(self) -> Image.Image:
        """The image, RGB. Raises FaceReadError."""
        return self.source.image()

    def encoded_image(self) -> bytes | None:
        """The image file of the source, where it has one. Raises FaceReadError."""
        return encoded_image(self.source)

    def mask(self, concept: str) -> Bool[np.ndarray, "height width"]:
        """All pixels of the masks of which a concept that the face has is made. Raises FaceReadError."""
        first, *others = (self.source.mask(name) for name in self.concepts[concept])
        for other in others:
            first = first | other
        return first

    def fingerprint(self) -> str:
        """SHA-256 of the source's fingerprint and of the names, as hexadecimal."""
        return hashlib.sha256(f"{self.source.fingerprint()} {sorted(self.concepts.items())}".encode()).hexdigest()
