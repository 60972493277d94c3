"""Placement: shares of masks beyond a box and a hull, against areas by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from facedissect.curation.placement import FaceOutline
from facedissect.dictionary import Face
from facedissect.dictionary.demo import open_demo

NewFace = Callable[..., Face]
SQUARE = np.array([(40.0, 40.0), (60.0, 40.0), (60.0, 60.0), (40.0, 60.0)])
POINTS = np.concatenate([SQUARE, np.full((64, 2), 50.0)])


def rectangle(left: int, top: int, right: int, bottom: int) -> np.ndarray:
    mask = np.zeros((100, 100), bool)
    mask[top:bottom, left:right] = True
    return mask


def test_the_box_is_stretched_by_a_fifth(new_face: NewFace) -> None:
    outline = FaceOutline(new_face("a", box=(40, 40, 60, 60)))  # stretched: 38 to 62
    assert outline.place(rectangle(38, 38, 62, 62)).outside_box == 0
    half = outline.place(rectangle(60, 40, 64, 60))
    assert half.outside_box == pytest.approx(0.5)
    assert np.isnan(half.outside_hull)
    assert half.off_face == half.outside_box
    assert outline.place(rectangle(0, 0, 10, 10)).off_face == 1


def test_so_is_the_hull(new_face: NewFace) -> None:
    outline = FaceOutline(new_face("a", landmarks=POINTS))
    placement = outline.place(rectangle(38, 50, 74, 51))
    assert placement.outside_hull == pytest.approx(12 / 36)
    assert np.isnan(placement.outside_box)


def test_the_hull_is_none_where_points_lie_on_one_line(new_face: NewFace) -> None:
    line = np.stack([np.arange(68.0), np.arange(68.0)], axis=1)
    assert np.isnan(FaceOutline(new_face("a", landmarks=line)).place(rectangle(0, 0, 5, 5)).off_face)


def test_a_mask_is_off_the_face_by_all_that_is_known(new_face: NewFace) -> None:
    outline = FaceOutline(new_face("a", box=(40, 40, 60, 60), landmarks=POINTS + np.array([20, 0])))
    placement = outline.place(rectangle(62, 45, 80, 55))
    assert (placement.outside_box, placement.outside_hull) == (1, 0)
    assert placement.off_face == 0


def test_nothing_is_off_a_face_of_which_nothing_is_known(new_face: NewFace) -> None:
    assert np.isnan(FaceOutline(new_face("a")).place(rectangle(0, 0, 9, 9)).off_face)


def test_masks_of_drawn_faces_lie_on_them() -> None:
    for face in open_demo(count=15, size=96):
        outline = FaceOutline(face)
        for concept in face.concepts:
            assert outline.place(face.mask(concept)).off_face < 0.25, (face.id, concept)
