"""Faces in memory whose masks are known, and networks that answer to each face with the maps that were planted for it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from PIL import Image
from torch import Tensor

from ..concepts import FACE_DICTIONARY, KINDS
from ..dictionary.faces import Face, FaceDictionary
from ..model.face_model import FaceModel

LAYER = "maps"
"""The layer of every planted network."""


@dataclass(frozen=True)
class PlantedSource:
    """Where a face in memory comes from. It can be pickled, since worker processes read faces.

    Attributes:
        pixels: the image.
        masks: by the name of the concept.
    """

    pixels: UInt8[np.ndarray, "height width 3"]
    masks: Mapping[str, Bool[np.ndarray, "height width"]]

    def image(self) -> Image.Image:
        """The image, as a reader would give it."""
        return Image.fromarray(self.pixels)

    def mask(self, concept: str) -> Bool[np.ndarray, "height width"]:
        """The mask of a concept that is present."""
        return self.masks[concept]

    def fingerprint(self) -> str:
        """Changes with the image."""
        return hashlib.sha256(self.pixels.tobytes()).hexdigest()

    @classmethod
    def numbered(cls, number: int, size: int, masks: Mapping[str, Bool[np.ndarray, "height width"]]) -> PlantedSource:
        """A face whose red and green say which it is, so that a planted network can look up what to answer."""
        return cls(pixels=np.full((size, size, 3), (number % 256, number // 256, 0), np.uint8), masks=masks)


class Lookup(torch.nn.Module):
    """Answers to each numbered image with the maps (image, unit, h, w) that were planted for it, in the layer `maps`."""

    def __init__(self, maps: Float[Tensor, "image unit h w"]) -> None:
        super().__init__()
        self.register_buffer("planted", maps)
        self.maps = torch.nn.Identity()

    def forward(self, images: Float[Tensor, "image 3 height width"]) -> Float[Tensor, "image unit"]:
        """The mean of each map."""
        number = (images[:, :2, 0, 0] * 255).round().long()
        planted = self.get_buffer("planted")
        # Modulo, because a dry run shows images without a number.
        maps: Tensor = self.maps(planted[(number[:, 0] + 256 * number[:, 1]) % len(planted)])
        return maps.mean((2, 3))


def lookup_model(maps: Float[np.ndarray, "image unit h w"], size: int) -> FaceModel:
    """The network that answers to image number i with maps[i]."""
    network = Lookup(torch.from_numpy(np.ascontiguousarray(maps, np.float32)))
    return FaceModel(network, size=size, mean=(0, 0, 0), std=(1, 1, 1), name="planted")


PLANTED_SIZE = 16


def planted_faces(count: int = 120) -> tuple[FaceDictionary, Bool[np.ndarray, "image concept height width"]]:
    """Numbered faces with every published concept, and all masks.

    Each face has one concept, each concept is in a few faces, in a rectangle of its own: less than 0.5 % of its masks is lit.
    """
    rng, vocabulary = np.random.default_rng(0), FACE_DICTIONARY
    masks = np.zeros((count, len(vocabulary), PLANTED_SIZE, PLANTED_SIZE), bool)
    faces = []
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        members = vocabulary.of_kind(kind)
        name = members[number // len(KINDS) % len(members)].name
        mask = masks[number, vocabulary.position(name)]
        top, left = rng.integers(0, PLANTED_SIZE - 5, 2)
        mask[top : top + 4, left : left + 5] = True
        faces.append(
            Face(
                id=f"{number:04}",
                source=PlantedSource.numbered(number, PLANTED_SIZE, {name: mask}),
                concepts=(name,),
                kinds=frozenset({kind}),
                subgroups={"gender": "Male" if number % 4 else "Female", "age": "sixty_plus"},
            )
        )
    return FaceDictionary(location="planted", format="memory", vocabulary=vocabulary, faces=tuple(faces)), masks
