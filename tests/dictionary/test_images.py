"""A folder of images without labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facedissect.dictionary import images, open_dictionary
from facedissect.errors import DictionaryError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number, name in enumerate(["b.png", "a.JPG", ".hidden.png"]):
        Image.new("RGB", (6, 4), (number, 0, 0)).save(tmp_path / name)
    (tmp_path / "notes.txt").touch()
    return tmp_path


def test_images_come_sorted_and_nothing_is_known_of_them(root: Path) -> None:
    dictionary = open_dictionary(root, format="images")
    assert [face.id for face in dictionary] == ["a.JPG", "b.png"]
    assert not any(face.kinds or face.subgroups or face.labels for face in dictionary)
    assert np.asarray(dictionary["b.png"].image()).shape == (4, 6, 3)


def test_landmarks_beside_an_image_tell_the_format(root: Path) -> None:
    assert not images.recognises(root)
    (root / "c.pts").touch()
    assert not images.recognises(root)
    (root / "b.pts").touch()
    assert open_dictionary(root).format == "images"


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DictionaryError, match=r"expected images in .*, got none; check the path"):
        open_dictionary(tmp_path, format="images")


def test_the_helen_and_afw_faces(shared: Path) -> None:
    folder = shared / "faces" / "landmarks68"
    dictionary = open_dictionary(folder)
    assert (dictionary.format, len(dictionary)) == ("images", len(list(folder.glob("*.jpg"))))
