"""Faces whose gender goes with their age, and peaks that follow age alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float32, Int32

from ..bias import Bias, bias, divisions, judged
from ..concepts import Concept, GlobalConcept, Vocabulary
from ..dictionary.faces import Face, FaceDictionary
from ..ranking import RankedPeaks
from .planted import PlantedSource

GENDER = GlobalConcept(name="gender", subgroups=("Male", "Female"))
AGE = GlobalConcept(name="age", subgroups=("child", "young", "old", "oldest"))
SIZE = 8
MIN_SUBGROUP = 20


def confounded(
    images: int, units: int, seed: int = 0
) -> tuple[Float32[np.ndarray, "image unit"], dict[str, Int32[np.ndarray, " image"]]]:
    """Peaks that follow age alone, and the levels of gender and age: women are mostly young and men mostly old."""
    rng = np.random.default_rng(seed)
    gender = rng.integers(0, 2, images)
    age = np.where(rng.random(images) < 0.8, 3 - 2 * gender, rng.integers(0, 4, images))
    peaks = rng.random((images, units)) + np.exp(0.7 * age)[:, None]
    return peaks.astype(np.float32), {"gender": gender.astype(np.int32), "age": age.astype(np.int32)}


def compared(
    peaks: Float32[np.ndarray, "image unit"],
    levels: Mapping[str, Int32[np.ndarray, " image"]],
    concepts: Sequence[GlobalConcept] = (GENDER, AGE),
) -> dict[str, Bias]:
    """The biases of all units by all concepts, each adjusted for the others."""
    ranked, low, high = RankedPeaks(peaks), peaks.min(axis=0) - 1, peaks.max(axis=0)
    found = {
        division.concept.name: bias(
            division.concept, ranked, division.within, low, high, division.members, division.adjust
        )
        for division in divisions(concepts, levels, {}, MIN_SUBGROUP)
    }
    return judged(found, MIN_SUBGROUP)


def confounded_faces(levels: Mapping[str, Int32[np.ndarray, " image"]]) -> FaceDictionary:
    """Numbered faces of these levels, with one concept and an age in years."""
    rng = np.random.default_rng(4)
    mask = np.zeros((SIZE, SIZE), bool)
    mask[:2, :2] = True
    faces = tuple(
        Face(
            id=f"{number:04}",
            source=PlantedSource.numbered(number, SIZE, {"nose": mask}),
            concepts=("nose",),
            kinds=frozenset({"part"}),
            subgroups={"gender": GENDER.subgroups[gender], "age": AGE.subgroups[age]},
            labels={"years": 20.0 * age + float(rng.integers(0, 20))},
        )
        for number, (gender, age) in enumerate(zip(levels["gender"].tolist(), levels["age"].tolist(), strict=True))
    )
    vocabulary = Vocabulary(concepts=(Concept(name="nose", kind="part", region="Nose"),), global_concepts=(GENDER, AGE))
    return FaceDictionary(location="confounded", format="memory", vocabulary=vocabulary, faces=faces)


def peaked(peaks: Float32[np.ndarray, "image unit"]) -> Float32[np.ndarray, "image unit 2 2"]:
    """Maps with these peaks in a corner."""
    maps = np.zeros((*peaks.shape, 2, 2), np.float32)
    maps[:, :, 0, 0] = peaks
    return maps
