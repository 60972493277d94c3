"""A face whose masks are drawn over its landmarks when they are asked for."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool
from PIL import Image

from ..dictionary.encoded import encoded_image
from ..dictionary.faces import FaceSource
from .regions import REGIONS
from .shapes import GEOMETRY, Landmarks, draw


@dataclass(frozen=True, kw_only=True)
class BuiltSource:
    """The image of another source, with masks of its own.

    Attributes:
        source: has the image, and the masks that are not drawn.
        drawn: the concepts that are drawn, each with a region.
        landmarks: x, y in pixels of the image.
        size: height and width of the image.
    """

    source: FaceSource
    drawn: tuple[str, ...]
    landmarks: Landmarks = field(repr=False, compare=False)
    size: tuple[int, int]

    def image(self) -> Image.Image:
        """The image, RGB. Raises FaceReadError."""
        return self.source.image()

    def encoded_image(self) -> bytes | None:
        """The image file of the source, where it has one. Raises FaceReadError."""
        return encoded_image(self.source)

    def mask(self, concept: str) -> Bool[np.ndarray, "height width"]:
        """The mask of a concept that the face has. Raises FaceReadError for one of the source's that cannot be read."""
        if concept in self.drawn:
            return draw(REGIONS[concept], self.landmarks, self.size)
        return self.source.mask(concept)

    def fingerprint(self) -> str:
        """SHA-256 of the source's fingerprint, the landmarks to a hundredth of a pixel and the shapes, as hexadecimal."""
        points = (np.asarray(self.landmarks, "<f8").round(2) + 0.0).tobytes()
        shapes = [(concept, REGIONS[concept]) for concept in self.drawn]
        return hashlib.sha256(
            repr((GEOMETRY, self.size, shapes, points, self.source.fingerprint())).encode()
        ).hexdigest()
