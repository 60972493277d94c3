"""What the tests of the face generator share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facedissect.demo import EXCLUDES, IMPLIES, TRAITS, DrawnFace, FaceFactors, draw_face, sample_factors

CORNERS = [(yaw, pitch, roll) for yaw in (-15.0, 15.0) for pitch in (-15.0, 15.0) for roll in (-15.0, 15.0)]
"""The furthest turns of the head, in degrees."""


@pytest.fixture(scope="session")
def turned() -> list[tuple[FaceFactors, DrawnFace]]:
    """Sampled faces at the furthest turns, at 128 and 224 pixels."""
    faces = []
    for index, (yaw, pitch, roll) in enumerate(CORNERS * 8):
        factors = sample_factors(np.random.default_rng([77, index]), yaw=yaw, pitch=pitch, roll=roll)
        faces.append((factors, draw_face(factors, 224 if index % 8 == 0 else 128)))
    return faces


def without_and_with(factors: FaceFactors, concept: str) -> tuple[FaceFactors, FaceFactors]:
    """The face without a concept and with it; what excludes or implies it is taken out of both, what it implies is in both."""
    implied = {other for one, other in IMPLIES if one == concept}
    unwanted = {concept} | {one for one, other in IMPLIES if other == concept}
    for one, other in EXCLUDES:
        for kept, dropped in ((one, other), (other, one)):
            if kept == concept or kept in implied:
                unwanted.add(dropped)
    unwanted |= {one for one, other in IMPLIES if other in unwanted}
    rest = (factors.present - unwanted) | implied
    bare = rest if concept == "No_Beard" or rest & {"Goatee", "5_o_Clock_Shadow"} else rest | {"No_Beard"}
    return _with_concepts(factors, bare), _with_concepts(factors, rest | {concept})


def _with_concepts(factors: FaceFactors, present: frozenset[str] | set[str]) -> FaceFactors:
    return FaceFactors(
        identity=replace(factors.identity, traits=frozenset(present).intersection(TRAITS)),
        scene=replace(factors.scene, shown=frozenset(present).difference(TRAITS)),
    )


def _sanity(pair: tuple[FaceFactors, FaceFactors], concept: str) -> None:
    """The two differ in the concept, and in the beard only if the concept is one."""
    without, with_concept = pair
    assert concept not in without.present
    assert concept in with_concept.present


@pytest.fixture
def pair_of():
    """Gives a face without and with a concept."""

    def pair(factors: FaceFactors, concept: str) -> tuple[FaceFactors, FaceFactors]:
        both = without_and_with(factors, concept)
        _sanity(both, concept)
        return both

    return pair
