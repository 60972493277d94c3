"""Masks exchanged between the images of their concept: every mask stays with its concept, and comes to each place once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facedissect.bitmasks import BitMasks, Labels
from facedissect.exchange import GROUP, ExchangedMasks, groups

HEIGHT, WIDTH, CONCEPTS = 9, 70, 4


def labelled_faces(count: int, seed: int = 0) -> list[tuple[Labels, np.ndarray]]:
    """Labels of each face, and its masks (mask, height, width)."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        present = np.flatnonzero(rng.random(CONCEPTS) < [0.9, 0.5, 0.05, 0.3])
        masks = rng.random((len(present), HEIGHT, WIDTH)) < 0.2
        made.append((Labels.of_one(BitMasks.pack(masks), present.tolist(), []), masks))
    return made


def gathered(faces: list[tuple[Labels, np.ndarray]], order: np.ndarray, path: Path, batch: int = 7) -> ExchangedMasks:
    batches = [order[start : start + batch] for start in range(0, len(order), batch)]
    return ExchangedMasks.gathered(
        ((numbers, Labels.joined([faces[number][0] for number in numbers])) for numbers in batches),
        path,
        WIDTH,
        seed=3,
    )


def test_groups_are_even_and_each_shift_is_a_permutation() -> None:
    rng = np.random.default_rng(0)
    concepts = rng.permutation(np.repeat([0, 1, 2, 3], [41, 8, 1, 9]))
    moved, group = groups(np.arange(59), concepts, seed=0)
    sizes = np.bincount(group)
    assert sorted(sizes[group[concepts == 0]].tolist()) == sorted([6] * 6 + [7] * 35)
    assert sizes[group[concepts == 1]].tolist() == [8] * 8
    assert sizes[group[concepts == 2]].tolist() == [1]
    assert sorted(sizes[group[concepts == 3]].tolist()) == [4] * 4 + [5] * 5
    for number, size in enumerate(sizes):
        members = np.flatnonzero(group == number)
        assert len(set(concepts[members])) == 1
        for shift in range(GROUP):
            there = moved[members, shift]
            assert sorted(there) == (members.tolist() if shift < size else [-1] * size)
            if 0 < shift < size:
                assert (there != members).all()
        np.testing.assert_array_equal(moved[members, 0], members)
        # Shifts are a group: one place on, and one place on again, is two places on.
        if size > 2:
            np.testing.assert_array_equal(moved[moved[members, 1], 1], moved[members, 2])


def test_neighbours_in_the_dictionary_are_not_neighbours_in_groups() -> None:
    moved, _ = groups(np.arange(800), np.zeros(800, np.int64), seed=0)
    assert (np.abs(moved[:, 1] - moved[:, 0]) > 20).mean() > 0.9


def test_other_seeds_make_other_groups() -> None:
    faces, concepts = np.arange(80), np.zeros(80, np.int64)
    assert (groups(faces, concepts, 0)[0] == groups(faces, concepts, 0)[0]).all()
    assert (groups(faces, concepts, 0)[0] != groups(faces, concepts, 1)[0]).any()


def test_masks_of_faces_and_those_that_come_in_their_place(tmp_path: Path) -> None:
    faces = labelled_faces(60)
    masks = gathered(faces, np.arange(60), tmp_path / "masks")
    pixels = {
        (number, concept): mask
        for number, (labels, of_one) in enumerate(faces)
        for concept, mask in zip(labels.present.tolist(), of_one, strict=True)
    }
    asked = np.array([31, 4, 59])
    found, mask_of_image, own = masks.of(asked)
    shown = found.unpack(HEIGHT).reshape(-1, GROUP, HEIGHT, WIDTH)
    assert mask_of_image.tolist() == [0, *np.cumsum([GROUP * len(faces[number][1]) for number in asked])]
    place = 0
    for number in asked:
        for concept in faces[number][0].present.tolist():
            assert (masks.faces[own[place]], masks.concepts[own[place]]) == (number, concept)
            for shift in range(GROUP):
                there = masks.moved[own[place], shift]
                expected = np.zeros((HEIGHT, WIDTH), bool) if there < 0 else pixels[int(masks.faces[there]), concept]
                np.testing.assert_array_equal(shown[place, shift], expected)
            place += 1


def test_the_order_of_batches_does_not_matter(tmp_path: Path) -> None:
    faces = labelled_faces(40)
    first = gathered(faces, np.arange(40), tmp_path / "a")
    second = gathered(faces, np.random.default_rng(5).permutation(40), tmp_path / "b", batch=3)

    def exchanged(masks: ExchangedMasks) -> set[tuple[int, ...]]:
        names = np.stack([masks.faces, masks.concepts, masks.group])
        return {
            (*names[:, mask].tolist(), *(masks.faces[there] for there in masks.moved[mask] if there >= 0))
            for mask in range(len(masks.faces))
        }

    assert exchanged(first) == exchanged(second)


def test_no_masks_at_all(tmp_path: Path) -> None:
    masks = ExchangedMasks.gathered([], tmp_path / "masks", WIDTH, seed=0)
    found, mask_of_image, own = masks.of(np.array([0, 1]))
    assert len(found) == len(own) == 0
    assert mask_of_image.tolist() == [0, 0, 0]


@pytest.mark.parametrize("chosen", [[2, 0, 2], [-1, 1], []])
def test_some_masks_are_taken(chosen: list[int]) -> None:
    masks = np.random.default_rng(0).random((3, HEIGHT, WIDTH)) < 0.3
    masks[0] = False
    masks[1, :4] = False
    taken = BitMasks.pack(masks).take(np.array(chosen, np.int64))
    expected = np.array([masks[number] if number >= 0 else np.zeros_like(masks[0]) for number in chosen])
    np.testing.assert_array_equal(taken.unpack(HEIGHT), expected.reshape(-1, HEIGHT, WIDTH))
    assert taken.area.tolist() == [int(mask.sum()) for mask in expected]
