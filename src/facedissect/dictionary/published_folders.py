"""The folders of global concepts in the published layout: which images belong to which subgroup."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..concepts import GlobalConcept
from .faults import Fault
from .files import IMAGE_SUFFIXES
from .vocabulary_file import FILE_NAME


@dataclass(frozen=True, kw_only=True)
class GlobalImage:
    """One image of a subgroup; `path` is relative to the root."""

    path: str
    global_concept: str
    subgroup: str


def list_global_images(
    root: Path, folder: str, known: Sequence[GlobalConcept], faults: list[Fault]
) -> tuple[tuple[GlobalImage, ...], tuple[GlobalConcept, ...]]:
    """The images in `folder`/GLOBAL_CONCEPT/SUBGROUP/**, sorted by path, and all global concepts: those known, then those found.

    Folders are matched to known names without regard to case; any other folder is a global concept of its own, whose
    subgroups are its subfolders. Images may lie in subfolders of a subgroup. Names that start with a dot are passed
    over. What is wrong is added to `faults`.
    """
    by_name = {concept.name.casefold(): concept for concept in known}
    lister = _FolderLister(root, faults)
    images: list[GlobalImage] = []
    found: list[GlobalConcept] = []
    named: set[str] = set()
    for path in lister.subfolders(folder) if (root / folder).exists() else ():
        subgroup_paths = lister.subfolders(path)
        concept = by_name.get(_name(path).casefold())
        if concept is None:
            concept = GlobalConcept(name=_name(path), subgroups=tuple(_name(subgroup) for subgroup in subgroup_paths))
            found.append(concept)
        named.add(concept.name)
        images += lister.subgroup_images(concept, path, subgroup_paths)
    absent = [concept.name for concept in known if concept.name not in named]
    if absent:
        message = f"expected a folder for each global concept, got none for {', '.join(absent)}"
        lister.fault("subgroup-without-images", folder, message)
    images.sort(key=lambda image: image.path)
    return tuple(images), (*known, *(concept for concept in found if concept.subgroups))


class _FolderLister:
    """Lists folders in sorted order; what may not or need not be read becomes a fault."""

    def __init__(self, root: Path, faults: list[Fault]) -> None:
        self.root = root
        self.faults = faults

    def subgroup_images(self, concept: GlobalConcept, folder: str, paths: Sequence[str]) -> Iterator[GlobalImage]:
        """The images of the subgroup folders `paths` of one global concept, which lies in `folder`."""
        by_name = {subgroup.casefold(): subgroup for subgroup in concept.subgroups}
        filled: set[str] = set()
        for path in paths:
            subgroup = by_name.get(_name(path).casefold())
            if subgroup is None:
                message = (
                    f"expected a subgroup of {concept.name} ({', '.join(concept.subgroups)}), got the folder {path}; "
                    f"rename it, or define the subgroups in {FILE_NAME}"
                )
                self.fault("unknown-subgroup", path, message)
                subgroup = _name(path)  # the images are listed all the same, for the check of their pixels
            for image in self.images(path):
                filled.add(subgroup)
                yield GlobalImage(path=image, global_concept=concept.name, subgroup=subgroup)
        empty = [subgroup for subgroup in concept.subgroups if subgroup not in filled]
        if empty or not paths:
            message = f"expected images of each subgroup of {concept.name}, got none of {', '.join(empty) or 'any'}"
            self.fault("subgroup-without-images", folder, message)
        if len(concept.subgroups) == 1:
            message = f"expected two or more subgroups of {concept.name}, got {concept.subgroups[0]} only"
            self.fault("single-subgroup", folder, message)

    def subfolders(self, folder: str) -> list[str]:
        """Paths of the folders directly in `folder`."""
        paths = []
        for entry in self._entries(folder):
            path = f"{folder}/{entry.name}"
            if entry.is_dir():
                paths.append(path)
            else:
                message = f"expected folders in {folder}, got the file {path}, which is not read"
                self.fault("ignored-file", path, message)
        return paths

    def images(self, folder: str) -> Iterator[str]:
        """Paths of the image files in `folder` and the folders below it."""
        for entry in self._entries(folder):
            path = f"{folder}/{entry.name}"
            if entry.is_dir():
                yield from self.images(path)
            elif PurePosixPath(entry.name).suffix.lower() in IMAGE_SUFFIXES:
                yield path
            else:
                message = f"expected images in {folder}, got {path}, whose suffix is not that of an image"
                self.fault("ignored-file", path, message)

    def fault(self, code: str, file: str, message: str) -> None:
        """Adds a fault."""
        self.faults.append(Fault(code=code, file=file, message=message))

    def _entries(self, folder: str) -> list[os.DirEntry[str]]:
        """What lies in a folder, sorted by name, without hidden names and links that may not be followed."""
        try:
            with os.scandir(self.root / folder) as listed:
                entries = sorted(listed, key=lambda entry: entry.name)
        except OSError as error:
            message = f"expected a folder that can be listed, got {folder}: {error.strerror}"
            self.fault("unreadable-folder", folder, message)
            return []
        visible = (entry for entry in entries if not entry.name.startswith("."))
        return [entry for entry in visible if self._allowed(f"{folder}/{entry.name}", entry)]

    def _allowed(self, path: str, entry: os.DirEntry[str]) -> bool:
        if not entry.is_symlink():
            return True
        real = Path(os.path.realpath(self.root / path))
        inside = real.is_relative_to(self.root)
        if inside and not (entry.is_dir() and self._is_above(real, path)):
            return True
        how = "leads back to a folder above it" if inside else "leaves its root"
        message = f"expected a path inside the dictionary, got {path}, which {how} by a symbolic link"
        self.fault("outside-root", path, message)
        return False

    def _is_above(self, folder: Path, path: str) -> bool:
        return any(Path(os.path.realpath(parent)) == folder for parent in (self.root / path).parents)


def _name(path: str) -> str:
    return PurePosixPath(path).name
