"""What tests of every file share."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from facedissect.concepts import FACE_DICTIONARY, KINDS
from facedissect.dictionary.faces import Face, FaceDictionary

# Before transformers or timm are imported, which would ask the hub again and again where there is no network.
os.environ.setdefault("HF_HUB_OFFLINE", "1")

# On a machine that does other work too, threads that wait for each other make a network ten times slower.
torch.set_num_threads(1)

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real networks, faces and reference results; skips where it is not at hand."""
    folder = Path(os.environ.get("FACEDISSECT_SHARED", REPOSITORY.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"{folder} is not here; set FACEDISSECT_SHARED to the folder of real networks and faces")
    return folder


@dataclass(frozen=True)
class ArraySource:
    """A face in memory, as a stand-in for a reader's source."""

    pixels: np.ndarray
    masks: Mapping[str, np.ndarray]

    def image(self) -> Image.Image:
        return Image.fromarray(self.pixels)

    def mask(self, concept: str) -> np.ndarray:
        return self.masks[concept]

    def fingerprint(self) -> str:
        return hashlib.sha256(self.pixels.tobytes()).hexdigest()

    @classmethod
    def numbered(cls, number: int, size: int, masks: Mapping[str, np.ndarray]) -> ArraySource:
        """A face whose red and green say which it is, so that a planted network can look up what to answer."""
        return cls(np.full((size, size, 3), (number % 256, number // 256, 0), np.uint8), masks)


@pytest.fixture(scope="session")
def array_source() -> type[ArraySource]:
    return ArraySource


@pytest.fixture(scope="session")
def planted() -> tuple[FaceDictionary, torch.Tensor]:
    """A dictionary of numbered images with every published concept, and the masks (image, concept, height, width).

    Each concept is in 3 of 120 images, in a rectangle of its own, so that less than 0.5 % of its channel is lit.
    """
    size, count = 16, 120
    rng = np.random.default_rng(0)
    masks = np.zeros((count, len(FACE_DICTIONARY), size, size), bool)
    faces = []
    for number in range(count):
        kind = KINDS[number % 3]
        members = FACE_DICTIONARY.of_kind(kind)
        present = [c.name for place, c in enumerate(members) if (number // 3) % len(members) == place]
        for name in present:
            top, left = rng.integers(0, size - 5, 2)
            masks[number, FACE_DICTIONARY.position(name), top : top + 4, left : left + 5] = True
        faces.append(
            Face(
                id=f"{number:04}",
                source=ArraySource.numbered(
                    number, size, {name: masks[number, FACE_DICTIONARY.position(name)] for name in present}
                ),
                concepts=tuple(present),
                kinds=frozenset({kind}),
                subgroups={"gender": "Male" if number % 4 else "Female", "age": "sixty_plus"},
            )
        )
    dictionary = FaceDictionary(location="planted", format="memory", vocabulary=FACE_DICTIONARY, faces=tuple(faces))
    return dictionary, torch.from_numpy(masks)


class Lookup(torch.nn.Module):
    """Answers to each numbered image with the maps that were planted for it."""

    def __init__(self, maps: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("planted", maps)
        self.maps = torch.nn.Identity()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        number = (images[:, :2, 0, 0] * 255).round().long()
        # Modulo, because a dry run shows images without a number.
        return self.maps(self.planted[(number[:, 0] + 256 * number[:, 1]) % len(self.planted)]).mean((2, 3))


@pytest.fixture(scope="session")
def lookup() -> type[Lookup]:
    return Lookup
