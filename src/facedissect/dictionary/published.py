"""The layout of the published Face Dictionary: three CSVs of local labels, and a folder per subgroup of each global concept.

    Action_Units.csv, Attributes.csv, Parts.csv     columns image and labels; labels are mask paths joined by `;`
    non_localizable/AGE/SUBGROUP/*.jpg              images of the subgroups of a global concept
    vocabulary.toml                                 optional: other concepts, regions and subgroups
    landmarks.csv                                   optional: where the faces are

Any of them may be absent. Paths are relative to the root; a mask's file stem is its concept. No image is opened here.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from ..concepts import FACE_DICTIONARY, Kind, Vocabulary
from ..errors import DictionaryError
from .faces import Face, FaceDictionary
from .faults import Fault, first_and_count
from .files import FileSource, expect_folder
from .landmarks_rows import FILE_NAME as LANDMARKS
from .landmarks_rows import LandmarksRow, read_landmarks_rows
from .located import Located
from .published_folders import GlobalImage, list_global_images
from .published_index import IndexRow, read_index
from .vocabulary_file import FILE_NAME, read_vocabulary

NAME = "published"
INDEXES: Mapping[str, Kind] = MappingProxyType(
    {"Action_Units.csv": "action_unit", "Attributes.csv": "attribute", "Parts.csv": "part"}
)
"""Index -> the kind that its images were annotated for, in the order in which the faces come."""
GLOBAL_FOLDER = "non_localizable"
LOOKED_FOR = f"{', '.join(INDEXES)} or a folder {GLOBAL_FOLDER}"
_NEED_VOCABULARY = frozenset(
    [
        "unknown-concept",
        "other-kind",
        "unknown-subgroup",
        "missing-index",
        "concept-without-images",
        "subgroup-without-images",
    ]
)
"""Faults of which a dictionary without a usable vocabulary knows nothing."""
_HIDE_IMAGES = frozenset(["unreadable-index", "unreadable-folder", "wrong-columns", "malformed-row", "outside-root"])
"""Faults that leave it open which images the dictionary has."""


@dataclass(frozen=True, kw_only=True)
class Contents:
    """All that the indexes and folders of a dictionary say, and what is wrong with it.

    Attributes:
        root: the root, resolved.
        vocabulary: the concepts; global concepts found as folders only stand behind those of the vocabulary.
        rows: the rows of all indexes, in order.
        global_images: the images of the subgroups, sorted by path.
        landmarks: the rows of the file of boxes and landmarks.
        faults: what is wrong, as far as can be told without opening an image.
    """

    root: Path
    vocabulary: Vocabulary
    rows: tuple[IndexRow, ...] = ()
    global_images: tuple[GlobalImage, ...] = ()
    landmarks: tuple[LandmarksRow, ...] = ()
    faults: tuple[Fault, ...] = ()


def recognises(location: Path) -> bool:
    """Whether the folder has one of the indexes or the folder of global concepts."""
    return any((location / name).exists() for name in (*INDEXES, GLOBAL_FOLDER))


def read(location: str, *, landmarks: str | os.PathLike[str] | None = None) -> FaceDictionary:
    """The dictionary in the folder `location`. Images and masks are not touched before they are asked for.

    Args:
        landmarks: a file of boxes and landmarks to read in the place of the folder's own `landmarks.csv`.

    Raises:
        DictionaryError: there is no such folder, or it has faults; names the first one and how many more there are.
    """
    expect_folder(location)
    contents = read_contents(Path(location), landmarks)
    errors = [fault for fault in contents.faults if fault.severity == "error"]
    if errors:
        hint = f"; run `facedissect check {location}` to list every fault" if landmarks is None else ""
        raise DictionaryError(first_and_count(errors) + hint)
    return FaceDictionary(
        location=location,
        format=NAME,
        vocabulary=contents.vocabulary,
        faces=_faces(contents),
    )


def read_contents(root: Path, landmarks: str | os.PathLike[str] | None = None) -> Contents:
    """Everything that indexes and folders say; faults are collected, not raised. `landmarks` is as in `read`."""
    faults: list[Fault] = []
    root = Path(os.path.realpath(root))
    vocabulary, unusable = _vocabulary(root)
    indexes = [name for name in INDEXES if (root / name).exists()]
    rows: list[IndexRow] = []
    for name in indexes:
        rows += read_index(root, name, INDEXES[name], vocabulary, faults)
    global_images, global_concepts = list_global_images(root, GLOBAL_FOLDER, vocabulary.global_concepts, faults)
    located = _landmarks(
        root, landmarks, {*(row.image for row in rows), *(image.path for image in global_images)}, faults
    )
    faults += _without_images(vocabulary, indexes, rows)
    if unusable is not None:
        faults = [unusable, *(fault for fault in faults if fault.code not in _NEED_VOCABULARY)]
    if not rows and not global_images and not any(fault.severity == "error" for fault in faults):
        message = f"expected at least one image in the indexes or in {GLOBAL_FOLDER}, got none in {root}"
        faults.append(Fault(code="no-images", file=".", message=message))
    return Contents(
        root=root,
        vocabulary=replace(vocabulary, global_concepts=global_concepts),
        rows=tuple(rows),
        global_images=global_images,
        landmarks=tuple(located),
        faults=tuple(faults),
    )


def _vocabulary(root: Path) -> tuple[Vocabulary, Fault | None]:
    try:
        return read_vocabulary(root), None
    except DictionaryError as error:
        return FACE_DICTIONARY, Fault(code="invalid-vocabulary", file=FILE_NAME, message=str(error))


def _landmarks(
    root: Path, elsewhere: str | os.PathLike[str] | None, images: Set[str], faults: list[Fault]
) -> list[LandmarksRow]:
    """The rows of the file `elsewhere`, or of that in the root if there is one; what is wrong is added to `faults`."""
    path, name = (root / LANDMARKS, LANDMARKS) if elsewhere is None else (Path(elsewhere), os.fspath(elsewhere))
    if elsewhere is None and not path.exists():
        return []
    # Where a row or folder could not be read, an image that it should have named is not to blame.
    all_known = not any(fault.code in _HIDE_IMAGES for fault in faults)
    rows = read_landmarks_rows(path, name, faults, images)
    for row in rows if all_known else ():
        if row.image not in images:
            message = f"expected the path of an image of the dictionary, got {row.image}; correct it or remove the row"
            faults.append(Fault(code="unknown-image", file=row.image, row=row.row, message=message))
    return rows


def _without_images(vocabulary: Vocabulary, indexes: Collection[str], rows: Iterable[IndexRow]) -> Iterator[Fault]:
    """Kinds without an index, and concepts that no row of their index names."""
    present = {concept for row in rows for concept in row.masks}
    for name, kind in INDEXES.items():
        absent = [concept.name for concept in vocabulary.of_kind(kind) if concept.name not in present]
        if name in indexes:
            for concept in absent:
                message = f"expected images with {concept} in {name}, got none"
                yield Fault(code="concept-without-images", file=name, message=message)
        elif absent:
            message = f"expected {name} for {', '.join(absent)}, got no such file, so these concepts have no image"
            yield Fault(code="missing-index", file=name, message=message)


def _faces(contents: Contents) -> tuple[Face, ...]:
    """One face per image path: an image in several indexes is annotated for several kinds."""
    masks: dict[str, dict[str, str]] = {}
    kinds: dict[str, set[Kind]] = {}
    subgroups: dict[str, dict[str, str]] = {}
    for row in contents.rows:
        masks.setdefault(row.image, {}).update(row.masks)
        kinds.setdefault(row.image, set()).add(row.kind)
    located, nowhere = {row.image: row.located for row in contents.landmarks}, Located()
    for image in contents.global_images:
        subgroups.setdefault(image.path, {})[image.global_concept] = image.subgroup
    return tuple(
        Face(
            id=path,
            source=FileSource(root=contents.root, image_path=path, mask_paths=masks.get(path, {})),
            concepts=tuple(masks.get(path, ())),
            kinds=frozenset(kinds.get(path, ())),
            subgroups=subgroups.get(path, {}),
            box=located.get(path, nowhere).box,
            landmarks=located.get(path, nowhere).landmarks,
        )
        for path in dict.fromkeys((*masks, *subgroups))
    )
