"""Every published concept has a region, on the right side and in the right place of a face."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from facedissect.building.regions import REGIONS
from facedissect.building.shapes import draw
from facedissect.concepts import FACE_DICTIONARY
from facedissect.dictionary import open_dictionary


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / (one | other).sum())


def test_there_is_one_for_each_published_concept() -> None:
    assert set(REGIONS) == set(FACE_DICTIONARY.names)


@pytest.mark.parametrize("concept", REGIONS)
def test_it_has_pixels_in_every_face(concept: str) -> None:
    faces = open_dictionary("demo:count=60,size=64")
    assert all(draw(REGIONS[concept], face.landmarks, (64, 64)).any() for face in faces)


@pytest.mark.parametrize("part", ["brow", "eye", "cheek"])
def test_left_is_the_persons_own(landmarks: np.ndarray, part: str) -> None:
    left, right = (draw(REGIONS[f"{side}_{part}"], landmarks, (96, 96)) for side in ("left", "right"))
    assert np.nonzero(left)[1].min() > np.nonzero(right)[1].max()


EXACT = {
    "AU_1": 0.6, "AU_2": 0.6, "AU_4": 0.6, "AU_5": 0.7, "AU_6": 0.7, "AU_9": 0.7, "AU_12": 0.7, "AU_15": 0.7, "AU_17": 0.7,
    "AU_20": 0.7, "AU_25": 0.6, "AU_26": 0.7, "nose": 0.6, "left_brow": 0.3, "right_brow": 0.3, "left_eye": 0.35,
    "right_eye": 0.35, "mouth": 0.45, "left_cheek": 0.5, "right_cheek": 0.5, "5_o_Clock_Shadow": 0.5, "Eyeglasses": 0.4,
    "Goatee": 0.45, "Bags_Under_Eyes": 0.35, "Bushy_Eyebrows": 0.5,
}  # fmt: skip
"""Least mean IoU with what was drawn; published masks of brows and eyes are more generous than brows and eyes."""


def test_regions_lie_where_the_embedded_faces_have_the_concepts() -> None:
    found = defaultdict(list)
    for face in open_dictionary("demo:count=40,size=96"):
        for concept in EXACT.keys() & set(face.concepts):
            found[concept].append(overlap(face.mask(concept), draw(REGIONS[concept], face.landmarks, (96, 96))))
    assert set(found) == set(EXACT)
    for concept, overlaps in found.items():
        assert np.mean(overlaps) > EXACT[concept], (concept, np.mean(overlaps))
