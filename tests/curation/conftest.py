"""Faces in memory: drawn pictures that differ, each once, and what is done to pictures on their way through the web."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from facedissect.dictionary import Face
from facedissect.dictionary.demo import open_demo

if TYPE_CHECKING:
    from conftest import ArraySource


def _jpeg(image: Image.Image) -> Image.Image:
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=50)
    return Image.open(buffer).convert("RGB")


def _cropped(image: Image.Image) -> Image.Image:
    width, height = image.size
    return image.crop((round(0.02 * width), round(0.01 * height), round(0.97 * width), round(0.98 * height)))


def _all_at_once(image: Image.Image) -> Image.Image:
    return _jpeg(_cropped(image).resize((70, 70), Image.Resampling.BILINEAR).point(lambda value: value * 1.1))


CHANGES: Mapping[str, Callable[[Image.Image], Image.Image]] = {
    "saved as JPEG": _jpeg,
    "smaller": lambda image: image.resize((50, 50), Image.Resampling.BILINEAR),
    "larger": lambda image: image.resize((250, 250), Image.Resampling.BICUBIC),
    "brighter": lambda image: image.point(lambda value: value * 1.2),
    "darker": lambda image: image.point(lambda value: value * 0.6),
    "grey": lambda image: image.convert("L").convert("RGB"),
    "cropped": _cropped,
    "all at once": _all_at_once,
}


@pytest.fixture(scope="session")
def changes() -> Mapping[str, Callable[[Image.Image], Image.Image]]:
    """What makes a near copy of an image, by name."""
    return CHANGES


@pytest.fixture(scope="session")
def pictures() -> list[Image.Image]:
    """Drawn faces, 96 pixels wide."""
    return [face.image() for face in open_demo(count=140, size=96, seed=5)]


@pytest.fixture(scope="session")
def new_face(array_source: type[ArraySource]) -> Callable[..., Face]:
    def new_face(
        face_id: str, image: Image.Image | None = None, masks: Mapping[str, Any] | None = None, **of: Any
    ) -> Face:
        """A face in memory; without an image, a black one. Its concepts are those of `masks`."""
        pixels = np.zeros((8, 8, 3), np.uint8) if image is None else np.asarray(image)
        masks = masks or {}
        return Face(id=face_id, source=array_source(pixels, masks), **{"concepts": tuple(masks), **of})

    return new_face
