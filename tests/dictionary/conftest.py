"""A folder in the published layout that tests fill, and one that has every concept and no fault."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from PIL import Image

from facedissect.concepts import FACE_DICTIONARY
from facedissect.dictionary import FaceDictionary, Located, open_dictionary, write_landmarks
from facedissect.dictionary.published import INDEXES

SIZE = (8, 6)


class DictionaryFolder:
    """Writes images, masks and indexes below `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._images = 0

    def image(self, path: str, size: tuple[int, int] = SIZE) -> str:
        """An image unlike all others written before."""
        self._images += 1
        return self._save(path, Image.new("RGB", size, (self._images % 256, self._images // 256, 9)))

    def mask(self, path: str, size: tuple[int, int] = SIZE, ink: int = 255) -> str:
        mask = Image.new("L", size)
        mask.paste(ink, (1, 1, 4, 3))
        return self._save(path, mask)

    def index(self, name: str, *rows: tuple[str, Sequence[str]]) -> None:
        lines = ["image,labels", *(f"{image},{';'.join(masks)}" for image, masks in rows)]
        self.text(name, "\n".join(lines) + "\n")

    def landmarks(self, locations: Mapping[str, Located]) -> None:
        write_landmarks(locations, self.root / "landmarks.csv")

    def append(self, name: str, line: str) -> int:
        """Adds a line to an index; gives its number."""
        with (self.root / name).open("a") as file:
            file.write(line + "\n")
        return len((self.root / name).read_text().splitlines())

    def text(self, path: str, content: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(content)

    def open(self) -> FaceDictionary:
        return open_dictionary(self.root)

    def _save(self, path: str, image: Image.Image) -> str:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        image.save(self.root / path)
        return path


@pytest.fixture(scope="session")
def new_folder() -> type[DictionaryFolder]:
    return DictionaryFolder


@pytest.fixture
def folder(tmp_path: Path) -> DictionaryFolder:
    return DictionaryFolder(tmp_path / "faces")


@pytest.fixture
def complete(folder: DictionaryFolder) -> DictionaryFolder:
    """One image with every concept of each kind, `KIND/0/original.png`, and one image in each subgroup."""
    for name, kind in INDEXES.items():
        masks = [folder.mask(f"{kind}/0/{concept.name}.png") for concept in FACE_DICTIONARY.of_kind(kind)]
        folder.index(name, (folder.image(f"{kind}/0/original.png"), masks))
    for concept in FACE_DICTIONARY.global_concepts:
        for subgroup in concept.subgroups:
            folder.image(f"non_localizable/{concept.name}/{subgroup}/0.png")
    return folder
