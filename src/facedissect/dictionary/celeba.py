"""CelebA (Liu et al., ICCV 2015): forty attributes of each image, without masks.

    list_attr_celeba.txt                number of rows, names of the attributes, then `000001.jpg -1 1 ...`
    img_align_celeba/                   the images: aligned, as PNG (img_align_celeba_png) or as found (img_celeba)
    list_eval_partition.txt             optional: train, validation or test
    identity_CelebA.txt                 optional: who it is
    list_bbox_celeba.txt                optional: boxes, which belong to the images as found

The lists may be the CSVs of the copy on Kaggle. Attributes become labels; masks are made of them by `facedissect build`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..concepts import FACE_DICTIONARY
from ..errors import DictionaryError
from .celeba_lists import find_list, read_list
from .faces import Face, FaceDictionary
from .faults import Fault, Row
from .files import FileSource, expect_folder, inside, normalised
from .listed_faces import Missing, listed_faces, many_made
from .located import Box, Located

NAME = "celeba"
LIST = "list_attr_celeba"
LOOKED_FOR = f"{LIST}.txt or {LIST}.csv"
_PNG, _AS_FOUND = "img_align_celeba_png", "img_celeba"
_FOLDERS = ("img_align_celeba", _PNG, _AS_FOUND)
# Shared by all faces, as one for each would be as large as its attributes; None where a list has no such attribute.
_GENDERS: Mapping[bool | None, Mapping[str, str]] = {True: {"gender": "Male"}, False: {"gender": "Female"}, None: {}}
_SPLITS = {"0": "train", "1": "val", "2": "test"}
_PARTITION = ("list_eval_partition", ("partition",))
_IDENTITIES = ("identity_CelebA", ("identity",))
_BOXES = ("list_bbox_celeba", ("x_1", "y_1", "width", "height"))
"""Optional lists, and the names of their values."""


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class Attributes(Mapping[str, bool]):
    """The attributes of one face, a bit each: as dicts, those of all 202,599 faces would fill a quarter of a gigabyte.

    Attributes:
        places: attribute -> its bit; all faces of a dictionary share it.
        bits: the attributes that the face has.
    """

    places: Mapping[str, int]
    bits: int

    def __getitem__(self, name: str) -> bool:
        return bool(self.bits >> self.places[name] & 1)

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)

    def __repr__(self) -> str:
        return repr(dict(self))


def recognises(location: Path) -> bool:
    """Whether the folder has the list of attributes."""
    return find_list(location, LIST) is not None


def read(location: str, *, images: str | None = None, missing: Missing = "stop") -> FaceDictionary:
    """CelebA in the folder `location`. Lists are read and the folder of images is listed; no image is opened.

    Args:
        images: the folder of images, relative to the location; None takes the first of `img_align_celeba`,
            `img_align_celeba_png` and `img_celeba` that is there.
        missing: `skip` leaves out the rows whose image is not there.

    Raises:
        DictionaryError: a list or the images are missing, or a list has a bad row; names the first and how many more.
    """
    expect_folder(location)
    root = Path(os.path.realpath(location))
    name = find_list(root, LIST)
    if name is None:
        raise DictionaryError(f"expected {LOOKED_FOR} in {location}, got neither; check the path")
    folder = _image_folder(root, images)
    faults: list[Fault] = []
    with many_made():
        named = _read_faces(root, name, folder, faults)
        faces = listed_faces(root, named, faults, missing)
    return FaceDictionary(location=location, format=NAME, vocabulary=FACE_DICTIONARY, faces=faces)


def _read_faces(root: Path, name: str, folder: str, faults: list[Fault]) -> list[tuple[Row, Face]]:
    """Place and face of each good row of the list of attributes `name`, whose images lie in `folder`."""
    splits = _read_splits(root, faults)
    identities = _read_identities(root, faults)
    boxes = _read_boxes(root, faults) if _AS_FOUND in PurePosixPath(folder).parts else {}
    suffix = ".png" if _PNG in PurePosixPath(folder).parts else None
    named = []
    for place, image, attributes in read_attributes(root, name, faults):
        path = f"{folder}/{image if suffix is None else PurePosixPath(image).with_suffix(suffix)}"
        face = Face(
            id=path,
            source=FileSource(root=root, image_path=path),
            subgroups=_GENDERS[attributes.get("Male")],
            box=boxes.get(image),
            labels=attributes,
            identity=identities.get(image),
            split=splits.get(image),
        )
        named.append((place, face))
    return named


def _image_folder(root: Path, images: str | None) -> str:
    """The folder of images, relative to the root. Raises DictionaryError."""
    candidates = [normalised(images)] if images else [f"{parent}{name}" for name in _FOLDERS for parent in ("", "Img/")]
    for candidate in candidates:
        if inside(root, candidate).is_dir():
            nested = f"{candidate}/{PurePosixPath(candidate).name}"  # as Kaggle packs it
            return nested if (root / nested).is_dir() else candidate
    expected = images or ", ".join(_FOLDERS)
    raise DictionaryError(f"expected the images in {expected}, got no such folder in {root}; unpack them there")


def read_attributes(root: Path, name: str, faults: list[Fault]) -> Iterator[tuple[Row, str, Attributes]]:
    lines = read_list(root, name, faults)
    place, columns = next(lines, (None, []))
    places = {column: len(columns) - 1 - number for number, column in enumerate(columns)}
    if len(places) < len(columns):
        twice = sorted({column for column in columns if columns.count(column) > 1})
        message = f"expected every attribute once, got {', '.join(twice)} more than once; restore the line"
        faults.append(Fault(code="wrong-columns", file=name, row=place, message=message))
        return
    for place, (image, *values) in lines:
        if {"1", "-1"}.issuperset(values):
            yield place, image, Attributes(places, int("".join(values).replace("-1", "0"), 2))
        else:
            wrong = next(
                f"{column} = {value}" for column, value in zip(columns, values, strict=True) if value not in ("1", "-1")
            )
            message = f"expected 1 or -1 for every attribute of {image}, got {wrong}; restore the row"
            faults.append(Fault(code="malformed-row", file=name, row=place, message=message))


def _optional_rows(
    root: Path, stem: str, columns: Sequence[str], faults: list[Fault], *, counted: bool = False
) -> Iterator[tuple[Row, list[str]]]:
    """Place, file name and values of each image of a list that need not be there; other images than ours do no harm."""
    name = find_list(root, stem)
    if name is None:
        return iter(())
    lines = read_list(root, name, faults, None if counted else columns)
    first, names = next(lines, (None, []))
    if first is not None and tuple(names) != tuple(columns):
        message = f"expected the columns {', '.join(columns)}, got {', '.join(names)}; restore the line"
        faults.append(Fault(code="wrong-columns", file=name, row=first, message=message))
        return iter(())
    return lines


def _read_identities(root: Path, faults: list[Fault]) -> dict[str, str]:
    return {image: identity for _, (image, identity) in _optional_rows(root, *_IDENTITIES, faults)}


def _read_splits(root: Path, faults: list[Fault]) -> dict[str, str]:
    splits = {}
    for place, (image, value) in _optional_rows(root, *_PARTITION, faults):
        if value in _SPLITS:
            splits[image] = _SPLITS[value]
        else:
            message = f"expected 0, 1 or 2 (train, validation, test) for {image}, got {value}; restore the row"
            faults.append(Fault(code="malformed-row", file=place.file, row=place, message=message))
    return splits


def _read_boxes(root: Path, faults: list[Fault]) -> dict[str, Box]:
    boxes: dict[str, Box] = {}
    for place, (image, *cells) in _optional_rows(root, *_BOXES, faults, counted=True):
        if not any(cell.strip("0") for cell in cells):  # no box is known
            continue
        try:
            left, top, width, height = map(float, cells)
            box = (left, top, left + width, top + height)
            Located(box=box)
        except (ValueError, DictionaryError):
            message = f"expected {', '.join(_BOXES[1])} of a box for {image}, got {', '.join(cells)}; restore the row"
            faults.append(Fault(code="malformed-row", file=place.file, row=place, message=message))
        else:
            boxes[image] = box
    return boxes
