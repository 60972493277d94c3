"""The layout of the published Face Dictionary: three CSVs of local labels, and a folder per subgroup of each global concept.

    Action_Units.csv, Attributes.csv, Parts.csv     columns image and labels; labels are mask paths joined by `;`
    non_localizable/AGE/SUBGROUP/*.jpg              images of the subgroups of a global concept
    vocabulary.toml                                 optional: other concepts, regions and subgroups

Any of them may be absent. Paths are relative to the root; a mask's file stem is its concept. No image is opened here.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from ..concepts import FACE_DICTIONARY, Kind, Vocabulary
from ..errors import DictionaryError
from .faces import Face, FaceDictionary
from .faults import Fault
from .files import FileSource, expect_folder
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


@dataclass(frozen=True, kw_only=True)
class Contents:
    """All that the indexes and folders of a dictionary say, and what is wrong with it.

    Attributes:
        root: the root, resolved.
        vocabulary: the concepts; global concepts found as folders only stand behind those of the vocabulary.
        rows: the rows of all indexes, in order.
        global_images: the images of the subgroups, sorted by path.
        faults: what is wrong, as far as can be told without opening an image.
    """

    root: Path
    vocabulary: Vocabulary
    rows: tuple[IndexRow, ...] = ()
    global_images: tuple[GlobalImage, ...] = ()
    faults: tuple[Fault, ...] = ()


def recognises(location: Path) -> bool:
    """Whether the folder has one of the indexes or the folder of global concepts."""
    return any((location / name).exists() for name in (*INDEXES, GLOBAL_FOLDER))


def read(location: str) -> FaceDictionary:
    """The dictionary in the folder `location`. Images and masks are not touched before they are asked for.

    Raises:
        DictionaryError: there is no such folder, or it has faults; names the first one and how many more there are.
    """
    expect_folder(location)
    contents = read_contents(Path(location))
    errors = [fault for fault in contents.faults if fault.severity == "error"]
    if errors:
        raise DictionaryError(_first_of(errors, location))
    return FaceDictionary(location=location, format=NAME, vocabulary=contents.vocabulary, faces=_faces(contents))


def read_contents(root: Path) -> Contents:
    """Everything that indexes and folders say; faults are collected, not raised."""
    faults: list[Fault] = []
    root = Path(os.path.realpath(root))
    vocabulary, unusable = _vocabulary(root)
    indexes = [name for name in INDEXES if (root / name).exists()]
    rows: list[IndexRow] = []
    for name in indexes:
        rows += read_index(root, name, INDEXES[name], vocabulary, faults)
    global_images, global_concepts = list_global_images(root, GLOBAL_FOLDER, vocabulary.global_concepts, faults)
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
        faults=tuple(faults),
    )


def _vocabulary(root: Path) -> tuple[Vocabulary, Fault | None]:
    try:
        return read_vocabulary(root), None
    except DictionaryError as error:
        return FACE_DICTIONARY, Fault(code="invalid-vocabulary", file=FILE_NAME, message=str(error))


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
    for image in contents.global_images:
        subgroups.setdefault(image.path, {})[image.global_concept] = image.subgroup
    return tuple(
        Face(
            id=path,
            source=FileSource(root=contents.root, image_path=path, mask_paths=masks.get(path, {})),
            concepts=tuple(masks.get(path, ())),
            kinds=frozenset(kinds.get(path, ())),
            subgroups=subgroups.get(path, {}),
        )
        for path in dict.fromkeys((*masks, *subgroups))
    )


def _first_of(errors: list[Fault], location: str) -> str:
    first = errors[0]
    where = f"{first.row}: " if first.row else ""
    more = f"; and {len(errors) - 1} more fault{'s' * (len(errors) > 2)}" if len(errors) > 1 else ""
    return f"{where}{first.message}{more}; run `facedissect check {location}` to list every fault"
