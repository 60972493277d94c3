"""Lit faces: what the network saw, lit exactly where the unit fires, outlined where the concept is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from facedissect.dictionary.faces import FaceDictionary
from facedissect.model.preprocess import Preprocess
from facedissect.report.summary import summarise
from facedissect.report.thumbnails import CACHED_BYTES, EDGE, OUTLINE, LitFaces, lit, one_thread, outlined, placeholder
from facedissect.results import Dissection
from facedissect.tally import firing_masks
from facedissect.units import UnitSummary

from .conftest import DEAD, HEIGHT, WIDTH, Drawing


def unit_of(result: Dissection, layer: str, number: int) -> UnitSummary:
    summary = next(entry for entry in summarise(result).layers if entry.name == layer)
    return next(unit for unit in summary.units if unit.unit == number)


def test_the_lit_area_is_the_firing_mask(result: Dissection, dictionary: FaceDictionary) -> None:
    layer, unit = result["first<1>"], unit_of(result, "first<1>", 7)
    for tile in LitFaces(result, dictionary, max(HEIGHT, WIDTH)).tiles(layer, unit):
        maps = torch.from_numpy(layer.top_maps[7, tile.top.place - 1])[None]
        fires = firing_masks(maps, torch.tensor([unit.threshold]), (HEIGHT, WIDTH), "count")[0].numpy()
        assert fires.any()
        assert np.array_equal(tile.lights, fires)
        assert tile.fires == pytest.approx(fires.mean())
        face = dictionary[tile.top.face]
        seen = (Preprocess(size=(HEIGHT, WIDTH)).image(face.image()) * 255).round().byte().permute(1, 2, 0).numpy()
        drawn = (tile.pixels == EDGE).all(axis=2) | (tile.pixels == OUTLINE).all(axis=2)
        assert np.array_equal(tile.pixels[fires & ~drawn], seen[fires & ~drawn])
        assert (tile.pixels[~fires & ~drawn].sum(axis=1) < seen[~fires & ~drawn].sum(axis=1)).all()


def test_the_outline_follows_the_mask_of_the_concept(result: Dissection, dictionary: FaceDictionary) -> None:
    layer, unit = result["first<1>"], unit_of(result, "first<1>", 7)
    assert unit.best is not None
    tiles = LitFaces(result, dictionary, max(HEIGHT, WIDTH)).tiles(layer, unit)
    assert any(tile.outlined for tile in tiles)
    for tile in tiles:
        yellow = (tile.pixels == OUTLINE).all(axis=2)
        assert yellow.any() == tile.outlined == (tile.state == "present")
        if tile.outlined:
            rows, columns = Drawing(int(tile.top.face[-7:-4])).boxes()[unit.best.concept]
            box = np.zeros((HEIGHT, WIDTH), bool)
            box[rows, columns] = True
            inside = np.zeros_like(box)
            inside[rows.start + 1 : rows.stop - 1, columns.start + 1 : columns.stop - 1] = True
            assert np.array_equal(yellow, box & ~inside)


def test_a_dead_unit_lights_nothing(result: Dissection, dictionary: FaceDictionary) -> None:
    for tile in LitFaces(result, dictionary, 40).tiles(result["first<1>"], unit_of(result, "first<1>", DEAD)):
        assert not tile.lights.any()
        assert tile.fires == 0
        assert not tile.outlined


@pytest.mark.parametrize(("side", "size"), [(96, (96, 77)), (20, (20, 16))])
def test_tiles_keep_the_shape_of_the_input(
    result: Dissection, dictionary: FaceDictionary, side: int, size: tuple[int, int]
) -> None:
    faces = LitFaces(result, dictionary, side)
    tiles = faces.tiles(result["act"], unit_of(result, "act", 0), 2)
    assert faces.size == size
    assert [tile.pixels.shape for tile in tiles] == [(*size, 3)] * 2


def test_faces_that_cannot_be_read_become_crossed_tiles(result: Dissection, unreadable: FaceDictionary) -> None:
    faces = LitFaces(result, unreadable, 40)
    unit = unit_of(result, "act", 0)
    tiles = faces.tiles(result["act"], unit)
    assert not any(tile.readable for tile in tiles)
    assert np.array_equal(tiles[0].pixels, placeholder(faces.size))
    assert set(faces.unread) == {top.face for top in unit.faces}
    assert "expected an image" in faces.unread[unit.faces[0].face]


def test_faces_of_another_dictionary_are_named(result: Dissection, dictionary: FaceDictionary) -> None:
    faces = LitFaces(result, replace(dictionary, faces=(), location="elsewhere"), 40)
    faces.tiles(result["act"], unit_of(result, "act", 0), 1)
    assert "expected the face in elsewhere" in next(iter(faces.unread.values()))


def test_images_are_read_once(result: Dissection, dictionary: FaceDictionary, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    image = Drawing.image
    monkeypatch.setattr(Drawing, "image", lambda self: (read.append(self.number), image(self))[1])
    faces = LitFaces(result, dictionary, 40)
    for number in range(12):
        faces.tiles(result["act"], unit_of(result, "act", number))
    assert len(read) == len(set(read))
    assert HEIGHT * WIDTH * 3 * len(read) < CACHED_BYTES


def test_lit_and_outlined_on_plain_arrays() -> None:
    image = np.full((4, 5, 3), (200, 100, 50), np.uint8)
    fires = np.zeros((4, 5), bool)
    fires[1, 2] = True
    shown = lit(image, fires)
    assert shown[1, 2].tolist() == [200, 100, 50]
    # 0.6 of the mean of the colour and its grey, 0.299 * 200 + 0.587 * 100 + 0.114 * 50 = 124.2
    assert (shown[~fires] == [97, 67, 52]).all()
    mask = np.zeros((5, 5), bool)
    mask[1:4, 1:4] = True
    edge = (outlined(np.zeros((5, 5, 3), np.uint8), mask, OUTLINE) == OUTLINE).all(axis=2)
    assert edge.sum() == 8
    assert not edge[2, 2]


def test_one_thread_gives_the_threads_back() -> None:
    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
