"""What tests of building share: one face's landmarks, and faces in memory that have them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from facedissect.concepts import FACE_DICTIONARY
from facedissect.demo import FaceFactors, locate_face
from facedissect.dictionary.faces import Face, FaceDictionary

SIZE = 96
_NUMBERS = np.arange(SIZE * SIZE * 3) % 251  # colourful, and no two neighbours alike


@pytest.fixture(scope="session")
def landmarks() -> np.ndarray:
    """Of a drawn face that looks straight ahead, in an image of 96 x 96 pixels."""
    return locate_face(FaceFactors(), SIZE)[0].astype(np.float64)


@pytest.fixture(scope="session")
def make_dictionary(landmarks: np.ndarray, array_source: type) -> Callable[..., FaceDictionary]:
    """A dictionary of faces with the landmarks of the drawn one, from their labels or from other fields of Face."""

    def make(*fields: dict[str, Any]) -> FaceDictionary:
        pixels = _NUMBERS.reshape(SIZE, SIZE, 3).astype(np.uint8)
        faces = (
            Face(**{"id": f"{number}.png", "source": array_source(pixels, {}), "landmarks": landmarks, **given})
            for number, given in enumerate(fields)
        )
        return FaceDictionary(location="memory", format="memory", vocabulary=FACE_DICTIONARY, faces=tuple(faces))

    return make
