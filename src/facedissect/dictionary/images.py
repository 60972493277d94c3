"""A folder of images without labels, to make a dictionary of with landmarks: `.pts` files beside them, or found.

Nothing is known of the faces until `facedissect build` draws the masks of their parts. A folder is recognised by `.pts`
files beside its images; any other is read if the format is named.
"""

from __future__ import annotations

import os
from pathlib import Path

from ..concepts import FACE_DICTIONARY
from ..errors import DictionaryError
from .faces import Face, FaceDictionary
from .files import FileSource, expect_folder, image_names

NAME = "images"
LOOKED_FOR = "images with .pts files of landmarks beside them"


def recognises(location: Path) -> bool:
    """Whether an image in the folder has a `.pts` file beside it."""
    return location.is_dir() and any((location / name).with_suffix(".pts").is_file() for name in image_names(location))


def read(location: str) -> FaceDictionary:
    """The images in the folder `location`, sorted by name. None is opened.

    Raises:
        DictionaryError: there is no such folder, or no image in it.
    """
    expect_folder(location)
    root = Path(os.path.realpath(location))
    faces = tuple(Face(id=name, source=FileSource(root=root, image_path=name)) for name in sorted(image_names(root)))
    if not faces:
        raise DictionaryError(f"expected images in {location}, got none; check the path")
    return FaceDictionary(location=location, format=NAME, vocabulary=FACE_DICTIONARY, faces=faces)
