"""Names of images as other programs write them find the faces that they mean."""

from __future__ import annotations

import pytest

from facedissect.building.image_names import ImageNames
from facedissect.errors import DictionaryError

NAMES = ImageNames(["a/1.png", "b/1.png", "b/2.jpg", "3.v2.png", "deep/b/2.jpg.png"])


@pytest.mark.parametrize(
    ("name", "face_id"),
    [
        ("a/1.png", "a/1.png"),
        ("/home/me/b/1.png", "b/1.png"),
        ("C:\\data\\b\\1.png", "b/1.png"),
        ("2.jpg", "b/2.jpg"),
        ("processed/2.csv", "b/2.jpg"),
        ("2", "b/2.jpg"),
        ("3.v2.csv", "3.v2.png"),
        ("b/1.pts", "b/1.png"),
        ("4.png", None),
        ("a/2.jpg", "b/2.jpg"),
    ],
)
def test_what_a_name_means(name: str, face_id: str | None) -> None:
    assert NAMES.find(name) == face_id


@pytest.mark.parametrize("name", ["1.png", "x/1.png", "1", "1.csv"])
def test_a_name_that_may_mean_two_images_is_refused(name: str) -> None:
    with pytest.raises(DictionaryError, match=r"one image, got '.*1.*', which may be a/1.png or b/1.png; give more of"):
        NAMES.find(name)


def test_an_id_means_itself_though_it_is_the_end_of_another() -> None:
    assert ImageNames(["x/1.png", "1.png"]).find("1.png") == "1.png"
