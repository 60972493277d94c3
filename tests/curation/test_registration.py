"""Likeness: thumbnails laid one over the other."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from facedissect.curation.registration import likeness
from facedissect.curation.signature import SIDE, Signature

ONE_PAIR = np.array([[0, 1]])


def two(first: Image.Image, second: Image.Image) -> np.ndarray:
    return np.stack([Signature.of(image).thumbnail for image in (first, second)])


def test_a_thumbnail_is_wholly_like_itself_whatever_brightness_and_contrast(pictures: list[Image.Image]) -> None:
    thumbnail = Signature.of(pictures[0]).thumbnail
    flatter = (thumbnail * 0.5 + 60).astype(np.uint8)
    assert likeness(np.stack([thumbnail, thumbnail]), ONE_PAIR)[0] == pytest.approx([1, 1], abs=1e-4)
    assert likeness(np.stack([thumbnail, flatter]), ONE_PAIR)[0] == pytest.approx([1, 1], abs=5e-3)


def test_shift_and_scale_are_found(pictures: list[Image.Image]) -> None:
    for image in pictures[:10]:
        thumbnails = two(image, image.crop((4, 1, 92, 90)))
        flat = thumbnails.reshape(2, -1).astype(float)
        assert np.corrcoef(flat)[0, 1] < 0.97
        grey, slopes = likeness(thumbnails, ONE_PAIR)[0]
        assert grey > 0.97
        assert slopes > 0.88
        assert likeness(thumbnails, ONE_PAIR[:, ::-1])[0] == pytest.approx([grey, slopes], abs=1e-6)


def test_a_single_grey_is_like_nothing(pictures: list[Image.Image]) -> None:
    thumbnails = np.stack([Signature.of(pictures[0]).thumbnail, np.full((SIDE, SIDE), 90, np.uint8)])
    assert likeness(thumbnails, np.array([[0, 1], [1, 0], [1, 1]])).tolist() == [[0, 0]] * 3


def test_chunks_do_not_matter(pictures: list[Image.Image], monkeypatch: pytest.MonkeyPatch) -> None:
    thumbnails = np.stack([Signature.of(image).thumbnail for image in pictures[:12]])
    pairs = np.stack(np.triu_indices(12, 1), axis=1)
    whole = likeness(thumbnails, pairs)
    monkeypatch.setattr("facedissect.curation.registration._CHUNK", 7)
    np.testing.assert_allclose(likeness(thumbnails, pairs), whole, atol=1e-5)
