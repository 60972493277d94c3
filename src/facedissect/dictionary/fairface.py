"""FairFace (Kärkkäinen and Joo, WACV 2021): two CSVs beside the folders of their images.

    fairface_label_train.csv, fairface_label_val.csv    file,age,gender,race,service_test
    train/, val/                                        the images

One of the two is enough. Masks are made by `facedissect build`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from ..concepts import FACE_DICTIONARY
from ..errors import DictionaryError, FaceReadError
from .csv_rows import read_csv_rows
from .faces import Face, FaceDictionary, Label
from .faults import Fault, Row
from .files import FileSource, expect_folder
from .listed_faces import Missing, listed_faces, listed_path, many_made

T = TypeVar("T")

NAME = "fairface"
LISTS = {"fairface_label_train.csv": "train", "fairface_label_val.csv": "val"}
"""Label file -> the split of its images."""
LOOKED_FOR = " or ".join(LISTS)
COLUMNS = ("file", "age", "gender", "race")
_SERVICE_TEST = "service_test"

_AGES = {
    "0-2": "zero_to_twenty",
    "3-9": "zero_to_twenty",
    "10-19": "zero_to_twenty",
    "20-29": "twenty_to_forty",
    "30-39": "twenty_to_forty",
    "40-49": "forty_to_sixty",
    "50-59": "forty_to_sixty",
    "60-69": "sixty_plus",
    "more than 70": "sixty_plus",
}
_GENDERS = {"Male": "Male", "Female": "Female"}
_ETHNICITIES = {
    "White": "white",
    "Black": "black",
    "Indian": "indian",
    "East Asian": "asian",
    "Southeast Asian": "asian",
    "Middle Eastern": None,  # no subgroup of the published dictionary
    "Latino_Hispanic": None,
}
_SUBGROUPS: Mapping[str, tuple[str, Mapping[str, str | None]]] = {
    "age": ("age", _AGES),
    "gender": ("gender", _GENDERS),
    "race": ("ethnicity", _ETHNICITIES),
}
"""Column -> the global concept, and the subgroup that each of its values stands for."""
_TRUTH = {"True": True, "False": False}


def recognises(location: Path) -> bool:
    """Whether the folder has one of the label files."""
    return any((location / name).is_file() for name in LISTS)


def read(location: str, *, missing: Missing = "stop") -> FaceDictionary:
    """FairFace in the folder `location`. The label files are read and the folders listed; no image is opened.

    Labels are `age` (a range, such as `20-29`), `race` in the seven words of the data set, and `service_test`.

    Args:
        missing: `skip` leaves out the rows whose image is not there.

    Raises:
        DictionaryError: there is no label file, or it has a bad row; names the first and how many more.
    """
    expect_folder(location)
    root = Path(os.path.realpath(location))
    names = [name for name in LISTS if (root / name).is_file()]
    if not names:
        raise DictionaryError(f"expected {LOOKED_FOR} in {location}, got neither; check the path")
    faults: list[Fault] = []
    with many_made():
        named = [row for name in names for row in _read_rows(root, name, faults)]
        faces = listed_faces(root, named, faults, missing)
    return FaceDictionary(location=location, format=NAME, vocabulary=FACE_DICTIONARY, faces=faces)


def _read_rows(root: Path, name: str, faults: list[Fault]) -> Iterator[tuple[Row, Face]]:
    """Place and face of each good row of a label file; the others are added to `faults`."""
    lines = read_csv_rows(root / name, name, faults)
    place, header = next(lines, (None, []))
    absent = [column for column in COLUMNS if column not in header]
    if absent and place is not None:
        message = f"expected the columns {', '.join(COLUMNS)}, got no {' and no '.join(absent)}; restore the file"
        faults.append(Fault(code="wrong-columns", file=name, row=place, message=message))
        return
    for place, cells in lines:
        try:
            yield place, _face(root, dict(zip(header, cells, strict=True)), LISTS[name])
        except FaceReadError as error:
            faults.append(Fault(code="outside-root", file=name, row=place, message=str(error)))
        except DictionaryError as error:
            faults.append(Fault(code="malformed-row", file=name, row=place, message=f"{error}; restore the row"))


def _face(root: Path, row: Mapping[str, str], split: str) -> Face:
    """The face of one row. Raises DictionaryError."""
    path = listed_path(root, row["file"])
    subgroups = {}
    for column, (concept, known) in _SUBGROUPS.items():
        subgroup = _expect(row[column], column, known)
        if subgroup is not None:
            subgroups[concept] = subgroup
    labels: dict[str, Label] = {"age": row["age"], "race": row["race"]}
    if _SERVICE_TEST in row:
        labels[_SERVICE_TEST] = _expect(row[_SERVICE_TEST], _SERVICE_TEST, _TRUTH)
    return Face(id=path, source=FileSource(root=root, image_path=path), subgroups=subgroups, labels=labels, split=split)


def _expect(value: str, column: str, known: Mapping[str, T]) -> T:
    if value not in known:
        raise DictionaryError(f"expected the {column} {', '.join(known)}, got {value!r}")
    return known[value]
