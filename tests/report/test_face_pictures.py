"""The faces that the page shows: each once, as the network saw it, concepts outlined where their masks lie."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from facedissect.dictionary.faces import FaceDictionary
from facedissect.model.preprocess import Preprocess
from facedissect.report import face_pictures
from facedissect.report.face_pictures import Outline, draw, packed, shrunk
from facedissect.results import Dissection

from .conftest import HEIGHT, WIDTH


@pytest.fixture
def preprocess(result: Dissection) -> Preprocess:
    return Preprocess.from_dict(result.provenance.model["preprocess"])


def test_pictures_show_what_the_network_saw(preprocess: Preprocess, dictionary: FaceDictionary) -> None:
    face = dictionary.faces[4]
    drawn = draw(preprocess, dictionary, {face.id: []})
    assert drawn.ids == (face.id,)
    assert drawn.size == (HEIGHT, WIDTH), "a small image is not made larger"
    seen = preprocess.geometry.pixels(face.image())
    shown = np.asarray(Image.open(io.BytesIO(drawn.images[0])))
    assert shown.shape == seen.shape
    assert abs(shown.astype(int) - seen).mean() < 8


def test_large_runs_have_small_pictures(
    preprocess: Preprocess, dictionary: FaceDictionary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(face_pictures, "SIDES", ((1, 20), (np.inf, 10)))
    ids = [face.id for face in dictionary.faces[:2]]
    assert draw(preprocess, dictionary, {ids[0]: []}).size == (20, 16)
    assert draw(preprocess, dictionary, dict.fromkeys(ids, ())).size == (10, 8)


def test_outlines_lie_where_the_masks_do(preprocess: Preprocess, dictionary: FaceDictionary) -> None:
    wanted = {face.id: list(face.concepts) for face in dictionary.faces[:6]}
    drawn = draw(preprocess, dictionary, wanted)
    assert sum(map(len, drawn.outlines.values())) == sum(map(len, wanted.values()))
    for concept, outlines in drawn.outlines.items():
        for outline in outlines:
            mask = np.zeros(drawn.size, bool)
            height, width = outline.pixels.shape
            mask[outline.top : outline.top + height, outline.left : outline.left + width] = outline.pixels
            face = dictionary[drawn.ids[outline.face]]
            np.testing.assert_array_equal(mask, preprocess.mask(face.mask(concept)))


def test_a_mask_finer_than_a_pixel_shows() -> None:
    mask = np.zeros((100, 100), bool)
    mask[50, 50] = True
    assert shrunk(mask, (10, 10)).any()


def test_outlines_are_packed_bit_by_bit() -> None:
    rng = np.random.default_rng(1)
    outlines = [
        Outline(face=number, left=number, top=2 * number, pixels=rng.random((3 + number, 5)) < 0.5)
        for number in range(3)
    ]
    arrays = packed(outlines)
    assert list(arrays["face"]) == [0, 1, 2]
    for number, outline in enumerate(outlines):
        left, top, width, height = arrays["box"][number]
        assert (left, top) == (number, 2 * number)
        bits = arrays["bits"][arrays["start"][number] : arrays["start"][number + 1]]
        pixels = np.unpackbits(bits, bitorder="little")[: width * height].reshape(height, width)
        np.testing.assert_array_equal(pixels, outline.pixels)


def test_nothing_to_outline() -> None:
    arrays = packed([])
    assert arrays["box"].shape == (0, 4)
    assert list(arrays["start"]) == [0]


def test_faces_that_cannot_be_read_are_crossed(
    preprocess: Preprocess, dictionary: FaceDictionary, unreadable: FaceDictionary
) -> None:
    first, second = dictionary.faces[0], dictionary.faces[1]
    some = replace(dictionary, faces=(unreadable.faces[0], second))
    drawn = draw(preprocess, some, {first.id: [], second.id: [], "gone": []})
    assert drawn.crossed == (0, 2)
    assert "expected an image, got none for 0" in drawn.unread[first.id]
    assert "which has none of that name" in drawn.unread["gone"]
    assert drawn.images[0] == drawn.images[2] != drawn.images[1]
