"""Whether masks can be drawn on a face, or why not: it is too small, turned too far, or not all of it is in the image."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from .face_frame import FaceFrame, turn_of
from .recipe import Recipe
from .regions import REGIONS
from .shapes import Landmarks, draw

_FEATURES = slice(17, None)
"""Brows, eyes, nose and mouth; the points before are of the jaw."""


def reason_against(
    landmarks: Landmarks, size: tuple[int, int], recipe: Recipe, concepts: Iterable[str] = ()
) -> str | None:
    """Why a face is left out, in a few words; None for one that is fit.

    Args:
        landmarks: x, y in pixels.
        size: height and width of its image.
        recipe: the limits.
        concepts: those that will be drawn, of each of which some pixel must be in the image.
    """
    unit, turn = FaceFrame.of(landmarks).unit, turn_of(landmarks)
    if unit < recipe.smallest_eyes:
        return f"eyes {unit:.1f} pixels apart, fewer than {recipe.smallest_eyes:g}"
    if abs(turn) > recipe.largest_turn:
        return f"turned by {abs(turn):.1f} degrees, more than {recipe.largest_turn:g}"
    beyond = np.maximum(-landmarks, landmarks - size[::-1]).max(1)
    outside = int((beyond[_FEATURES] > 0).sum())
    if outside:
        return f"{outside} landmarks of brows, eyes, nose or mouth outside the image"
    farthest = float(beyond.max()) / unit
    if farthest > recipe.overhang:
        return f"jaw outside the image by {farthest:.2f} inter-ocular distances, more than {recipe.overhang:g}"
    if farthest > 0:  # else every region has its middle, or most of it, between landmarks that are in the image
        for concept in concepts:
            if not draw(REGIONS[concept], landmarks, size).any():
                return f"{concept} outside the image"
    return None
