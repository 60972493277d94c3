"""Why a face is left out."""

from __future__ import annotations

import numpy as np
import pytest

from facedissect.building.face_frame import FaceFrame, turn_of
from facedissect.building.fitness import reason_against
from facedissect.building.recipe import Recipe

SIZE = (96, 96)


def test_a_fit_face(landmarks: np.ndarray) -> None:
    assert reason_against(landmarks, SIZE, Recipe()) is None


def test_a_small_face(landmarks: np.ndarray) -> None:
    unit = FaceFrame.of(landmarks).unit
    assert reason_against(landmarks, SIZE, Recipe(smallest_eyes=unit)) is None
    expected = f"eyes {unit:.1f} pixels apart, fewer than {unit + 1:g}"
    assert reason_against(landmarks, SIZE, Recipe(smallest_eyes=unit + 1)) == expected


def test_a_turned_face(landmarks: np.ndarray) -> None:
    turned = landmarks.copy()
    turned[30, 0] += FaceFrame.of(landmarks).unit
    turn = turn_of(turned)
    assert reason_against(turned, SIZE, Recipe(largest_turn=turn)) is None
    expected = f"turned by {turn:.1f} degrees, more than 40"
    assert reason_against(turned, SIZE, Recipe(largest_turn=40)) == expected
    turned[30, 0] -= 2 * FaceFrame.of(landmarks).unit
    assert reason_against(turned, SIZE, Recipe(largest_turn=40)) is not None


@pytest.mark.parametrize(("across", "down"), [(-96, 0), (96, 0), (0, -96), (0, 96)])
def test_a_face_beside_the_image(landmarks: np.ndarray, across: int, down: int) -> None:
    reason = reason_against(landmarks + np.array([across, down]), SIZE, Recipe())
    assert reason == "51 landmarks of brows, eyes, nose or mouth outside the image"


def test_a_jaw_that_reaches_out(landmarks: np.ndarray) -> None:
    unit, chin = FaceFrame.of(landmarks).unit, landmarks[:, 1].max()
    size = (int(chin - 0.1 * unit), 96)
    by = (chin - size[0]) / unit
    assert reason_against(landmarks, size, Recipe()) is None
    expected = f"jaw outside the image by {by:.2f} inter-ocular distances, more than 0"
    assert reason_against(landmarks, size, Recipe(overhang=0)) == expected


def test_a_region_that_is_all_outside(landmarks: np.ndarray) -> None:
    size = (int(landmarks[[5, 11], 1].min()) - 1, 96)
    fit = Recipe(overhang=1)
    assert reason_against(landmarks, size, fit) is None
    assert reason_against(landmarks, size, fit, ("nose", "Double_Chin")) == "Double_Chin outside the image"
    assert reason_against(landmarks, size, fit, ("nose",)) is None
