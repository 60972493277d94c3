"""Aligned faces, whose concepts lie about the same place in all of them, and units that follow them or do not."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float32

from ..concepts import Concept, Kind, Vocabulary
from ..dictionary.faces import Face, FaceDictionary
from ..dissection import dissect
from ..results import Dissection
from ..settings import Settings
from .planted import LAYER, PlantedSource, lookup_model

SIZE, GRID = 32, 8
"""Pixels of an image and values of a map, along either side."""
VOCABULARY = Vocabulary(
    concepts=(
        Concept(name="eyes", kind="part", region="Upper"),
        Concept(name="brows", kind="part", region="Upper"),
        Concept(name="mouth", kind="part", region="Lower"),
        Concept(name="smile", kind="attribute", region="Lower"),
    )
)
FREQUENCY = (0.9, 0.6, 0.8, 0.5)
PLACES = np.array([[8, 16], [5, 16], [24, 16], [24, 15]])
"""(concept, y x) where each mostly lies."""
SPREAD, HALF = 4, (3, 7)
"""How far a concept may lie from there, and half its height and width."""


def aligned_faces(
    count: int, rng: np.random.Generator
) -> tuple[FaceDictionary, Bool[np.ndarray, "image concept height width"]]:
    """Numbered faces, and all masks. Attributes are annotated in every other face only."""
    masks = np.zeros((count, len(VOCABULARY), SIZE, SIZE), bool)
    faces = []
    for number in range(count):
        present = np.flatnonzero(rng.random(len(VOCABULARY)) < FREQUENCY)
        for concept in present:
            y, x = PLACES[concept] + rng.integers(-SPREAD, SPREAD + 1, 2)
            masks[number, concept, max(0, y - HALF[0]) : y + HALF[0], max(0, x - HALF[1]) : x + HALF[1]] = True
        names = [VOCABULARY.names[concept] for concept in present]
        of_face = {name: masks[number, VOCABULARY.position(name)] for name in names}
        kinds: frozenset[Kind] = frozenset({"part", "attribute"} if number % 2 else {"part"})
        faces.append(
            Face(
                id=f"{number:04}",
                source=PlantedSource.numbered(number, SIZE, of_face),
                concepts=tuple(name for name in names if VOCABULARY[name].kind in kinds),
                kinds=kinds,
            )
        )
        masks[number, [place for place, name in enumerate(VOCABULARY.names) if name not in faces[-1].concepts]] = False
    return FaceDictionary(location="aligned", format="memory", vocabulary=VOCABULARY, faces=tuple(faces)), masks


def blobs(centres: Float[np.ndarray, "*map yx"], heights: Float[np.ndarray, "*map"]) -> Float32[np.ndarray, "*map h w"]:
    """Maps with one bump each; its centre in pixels, and its height."""
    at = (np.arange(GRID) + 0.5) * SIZE / GRID
    rows = np.exp(-(((at - centres[..., :1]) / 5) ** 2))
    columns = np.exp(-(((at - centres[..., 1:]) / 7) ** 2))
    maps: Float32[np.ndarray, "*map h w"] = heights[..., None, None] * rows[..., :, None] * columns[..., None, :]
    return maps.astype(np.float32)


def wandering(count: int, units: int, rng: np.random.Generator) -> Float32[np.ndarray, "image unit h w"]:
    """Units that fire where no concept tells: each about a place of its own, wherever it likes in each image."""
    own = rng.uniform(4, SIZE - 4, (units, 2))
    centres = own + rng.uniform(-6, 6, (count, units, 2))
    return blobs(centres, rng.gamma(2, 1, (count, units)))


def fixed(count: int, units: int, rng: np.random.Generator) -> Float32[np.ndarray, "image unit h w"]:
    """Units that fire at one place whatever the image: where some concept mostly lies."""
    places = PLACES[np.arange(units) % len(VOCABULARY)] + rng.uniform(-2, 2, (units, 2))
    return blobs(np.broadcast_to(places, (count, units, 2)), rng.gamma(2, 1, (count, units)))


def following(
    masks: Bool[np.ndarray, "image concept height width"], units: int, rng: np.random.Generator
) -> Float32[np.ndarray, "image unit h w"]:
    """Units that go where a concept goes in each image, and are silent where there is none."""
    count, concepts = masks.shape[:2]
    present = np.asarray(masks.any((2, 3)))
    pixels = np.maximum(masks.sum((2, 3)), 1)
    along = np.arange(SIZE) + 0.5
    centres = np.stack([masks.sum(3) @ along, masks.sum(2) @ along], axis=2) / pixels[:, :, None]
    own = np.arange(units) % concepts
    return blobs(centres[:, own], rng.gamma(2, 1, (count, units)) * present[:, own])


def dissected(faces: FaceDictionary, maps: Float[np.ndarray, "image unit h w"], **settings: Any) -> Dissection:
    """A run of the units that have these maps."""
    chosen: dict[str, Any] = {"quantile": 0.98, "workers": 0, "sweep": ()} | settings
    return dissect(faces, lookup_model(maps, SIZE), layers=[LAYER], settings=Settings(**chosen))


def by_concept(result: Dissection, column: str) -> Float[np.ndarray, "unit concept"]:
    """A column of the table of concepts."""
    values: Float[np.ndarray, "unit concept"] = result.concepts[column].to_numpy(float).reshape(-1, len(VOCABULARY))
    return values
