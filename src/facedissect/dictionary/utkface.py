"""UTKFace (Zhang et al., CVPR 2017): a folder of images whose names say age, gender, race and the time of collection.

    26_1_2_20170104023110279.jpg.chip.jpg               26 years, female, Asian
    61_1_20170109142408075.jpg.chip.jpg                 61 years; gender or race is lost, and nothing says which

Nothing but the names is read. Masks are made by `facedissect build`.
"""

from __future__ import annotations

import os
import re
from itertools import islice
from pathlib import Path
from typing import Literal, get_args

from ..concepts import FACE_DICTIONARY
from ..errors import DictionaryError
from .faces import Face, FaceDictionary, Label
from .faults import Fault, first_and_count
from .files import FileSource, expect_folder, image_names

Malformed = Literal["stop", "skip"]

NAME = "utkface"
PATTERN = "AGE_GENDER_RACE_TIME.jpg"
LOOKED_FOR = f"images named {PATTERN}"
# What follows the time is left open: the original has names such as 55_0_0_20170116232725357jpg.chip.jpg.
_FILE_NAME = re.compile(r"(?P<age>\d{1,3})_(?:(?P<gender>[01]?)_(?P<race>[0-4]?)|[0-4])_\d{8,}\D.*", re.ASCII)
_GENDERS = {"0": "Male", "1": "Female"}
_RACES = {"0": "White", "1": "Black", "2": "Asian", "3": "Indian", "4": "Others"}
_ETHNICITIES = {"0": "white", "1": "black", "2": "asian", "3": "indian"}
_AGES = ((20, "zero_to_twenty"), (40, "twenty_to_forty"), (60, "forty_to_sixty"))
"""Age from which on the next subgroup begins, and the subgroup that ends there: 20 years are `twenty_to_forty`."""
_LOOKED_AT = 32


def recognises(location: Path) -> bool:
    """Whether most of the first images in the folder are named in the pattern."""
    names = list(islice(image_names(location), _LOOKED_AT)) if location.is_dir() else []
    return 2 * sum(_FILE_NAME.fullmatch(name) is not None for name in names) > len(names)


def read(location: str, *, malformed: Malformed = "stop") -> FaceDictionary:
    """UTKFace in the folder `location`, sorted by file name. No image is opened.

    Labels are `age` in years and `race`, in the words of the data set, where known. In the original, three names have one
    number between age and time: nothing says whether it is gender or race, so that both stay unknown.

    Args:
        malformed: `skip` leaves out images that are named in another way.

    Raises:
        DictionaryError: there are no images, or some are named in another way; names the first and how many more.
    """
    if malformed not in get_args(Malformed):
        raise DictionaryError(f"expected malformed to be {' or '.join(get_args(Malformed))}, got {malformed!r}")
    expect_folder(location)
    root = Path(os.path.realpath(location))
    faces, faults = [], []
    for name in sorted(image_names(root)):
        match = _FILE_NAME.fullmatch(name)
        if match is not None:
            faces.append(_face(root, name, int(match["age"]), match["gender"] or "", match["race"] or ""))
        elif malformed == "stop":
            message = f"expected an image named {PATTERN}, got {name}; rename it, or give malformed='skip'"
            faults.append(Fault(code="ignored-file", file=name, message=message))
    if faults:
        raise DictionaryError(first_and_count(faults))
    if not faces:
        raise DictionaryError(f"expected {LOOKED_FOR}, got none in {location}; check the path")
    return FaceDictionary(location=location, format=NAME, vocabulary=FACE_DICTIONARY, faces=tuple(faces))


def _face(root: Path, name: str, age: int, gender: str, race: str) -> Face:
    subgroups = {"age": next((subgroup for end, subgroup in _AGES if age < end), "sixty_plus")}
    labels: dict[str, Label] = {"age": float(age)}
    if gender:
        subgroups["gender"] = _GENDERS[gender]
    if race:
        labels["race"] = _RACES[race]
    if race in _ETHNICITIES:
        subgroups["ethnicity"] = _ETHNICITIES[race]
    return Face(id=name, source=FileSource(root=root, image_path=name), subgroups=subgroups, labels=labels)
