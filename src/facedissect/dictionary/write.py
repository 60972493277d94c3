"""Writes any dictionary in the layout of the published Face Dictionary: indexes, images with their masks, folders of subgroups.

    Action_Units.csv, Attributes.csv, Parts.csv         one row per face that was annotated for the kind
    faces/FACE/original.png, faces/FACE/CONCEPT.png     image and masks
    non_localizable/GLOBAL_CONCEPT/SUBGROUP/FACE.png    a copy of the image for each of its subgroups
    vocabulary.toml                                     only if the vocabulary is not the published one
    landmarks.csv                                       only if boxes or landmarks are known

When it is read, each copy is a face of its own; its box and landmarks are written, too.
"""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ..concepts import FACE_DICTIONARY, Kind, Vocabulary
from ..errors import OutputError
from .faces import Face, FaceDictionary
from .faults import Progress
from .landmarks_file import write_landmarks
from .landmarks_rows import FILE_NAME as LANDMARKS
from .located import Located
from .new_folder import new_folder
from .published import GLOBAL_FOLDER, INDEXES
from .published_index import COLUMNS
from .vocabulary_file import FILE_NAME

_FACES_FOLDER = "faces"
_GLOBAL_NAMES: Mapping[str, str] = {"age": "Age", "gender": "Gender", "ethnicity": "Ethnicity"}
"""Global concepts whose published folder is spelt in another way than their name."""


def write_published(
    dictionary: FaceDictionary, folder: str | os.PathLike[str], *, progress: Progress | None = None
) -> None:
    """Write a dictionary into a new or empty folder.

    Everything is written beside it first and moved there at the end, so the folder is never half full.

    Args:
        progress: told after each face how many are done, and how many there are.

    Raises:
        OutputError: the folder has something in it, is a file, or cannot be written; or a concept is unknown in a face that
            is annotated for others of its kind, which this layout cannot say.
        FaceReadError: an image or mask of the dictionary cannot be read.
    """
    _expect_known(dictionary)
    with new_folder(folder) as scratch:
        _write(dictionary, scratch, progress)


def _expect_known(dictionary: FaceDictionary) -> None:
    partly = next((face for face in dictionary if face.unknown), None)
    if partly is not None:
        raise OutputError(
            f"expected faces annotated for all concepts of a kind or none, which is what this layout can say, got {partly.id}, "
            f"in which {', '.join(sorted(partly.unknown)[:4])} are unknown; pack the dictionary instead, or drop the concepts"
        )


def _write(dictionary: FaceDictionary, root: Path, progress: Progress | None) -> None:
    rows: dict[Kind, list[tuple[str, str]]] = {kind: [] for kind in INDEXES.values()}
    located = dictionary.locations
    landmarks: dict[str, Located] = {}
    for done, (face, name) in enumerate(zip(dictionary, _folder_names(dictionary), strict=True), start=1):
        image = face.image()
        paths = _write_subgroups(face, image, root, name)
        if face.kinds:
            _write_face(face, image, root / _FACES_FOLDER / name)
            paths.append(f"{_FACES_FOLDER}/{name}/original.png")
        if face.id in located:  # the copies are faces of their own
            landmarks.update(dict.fromkeys(paths, located[face.id]))
        for kind in face.kinds:
            concepts = [c for c in face.concepts if dictionary.vocabulary[c].kind == kind]
            masks = ";".join(f"{_FACES_FOLDER}/{name}/{concept}.png" for concept in concepts)
            rows[kind].append((f"{_FACES_FOLDER}/{name}/original.png", masks))
        if progress is not None:
            progress(done, len(dictionary))
    for index, kind in INDEXES.items():
        if rows[kind]:
            _write_index(root / index, rows[kind])
    if landmarks:
        write_landmarks(landmarks, root / LANDMARKS)
    if dictionary.vocabulary != FACE_DICTIONARY:
        (root / FILE_NAME).write_text(_vocabulary_text(dictionary.vocabulary), encoding="utf-8")


def _folder_names(faces: Iterable[Face]) -> list[str]:
    """One name per face: its id with other characters than letters, digits, `.`, `_` and `-` replaced; told apart by a number."""
    names: list[str] = []
    taken: set[str] = set()
    for index, face in enumerate(faces):
        name = re.sub(r"[^A-Za-z0-9._-]", "_", face.id).lstrip(".") or "face"
        if name.casefold() in taken:
            name = f"{name}-{index}"
        taken.add(name.casefold())
        names.append(name)
    return names


def _write_face(face: Face, image: Image.Image, folder: Path) -> None:
    folder.mkdir(parents=True)
    image.save(folder / "original.png")
    for concept in face.concepts:
        Image.fromarray(face.mask(concept).astype(np.uint8) * 255).save(folder / f"{concept}.png")


def _write_subgroups(face: Face, image: Image.Image, root: Path, name: str) -> list[str]:
    """Writes a copy of the image for each subgroup; gives the paths of the copies."""
    paths = []
    for global_concept, subgroup in face.subgroups.items():
        folder = f"{GLOBAL_FOLDER}/{_GLOBAL_NAMES.get(global_concept, global_concept)}/{subgroup}"
        (root / folder).mkdir(parents=True, exist_ok=True)
        image.save(root / folder / f"{name}.png")
        paths.append(f"{folder}/{name}.png")
    return paths


def _write_index(path: Path, rows: Sequence[tuple[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)


def _vocabulary_text(vocabulary: Vocabulary) -> str:
    """The vocabulary as TOML; JSON strings and lists of strings are TOML, too."""
    concepts = (
        f"[[concept]]\nname = {json.dumps(c.name)}\nkind = {json.dumps(c.kind)}\nregion = {json.dumps(c.region)}\n"
        for c in vocabulary.concepts
    )
    subgroups = (f"{json.dumps(g.name)} = {json.dumps(list(g.subgroups))}\n" for g in vocabulary.global_concepts)
    return "\n".join([*concepts, "[subgroups]\n" + "".join(subgroups)])
