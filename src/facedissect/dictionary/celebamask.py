"""CelebAMask-HQ: 30,000 faces of 1024 x 1024 pixels, with a mask of 512 x 512 for each part that is visible.

    CelebA-HQ-img/N.jpg                                the images
    CelebAMask-HQ-mask-anno/K/NNNNN_PART.png           the masks, in a folder for each 2,000 images
    CelebAMask-HQ-attribute-anno.txt                   optional: 40 attributes of each image, in the format of CelebA
    CelebA-HQ-to-CelebA-mapping.txt                    optional: which image of CelebA each one is

A part without a file is not to be seen, so absent is known. A mask is enlarged to the size of its image: each of its
pixels becomes a square of pixels, which moves no edge and loses nothing. (Shrinking the image instead would throw away
three quarters of what a network could be shown.)

`l_eye` is the eye on the left of the picture, that is, the person's right one; likewise all sides. The names here are
the person's own sides, as in the published dictionary.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import numpy as np
from jaxtyping import Bool
from PIL import Image

from ..concepts import FACE_DICTIONARY, Concept, Vocabulary
from ..errors import DictionaryError, FaceReadError
from .celeba import Attributes, read_attributes
from .faces import Face, FaceDictionary, Label
from .faults import Fault, Row, first_and_count
from .files import expect_folder, image_size, inside, read_encoded, read_image, read_mask
from .listed_faces import Missing

NAME = "celebamask"
IMAGES, MASKS = "CelebA-HQ-img", "CelebAMask-HQ-mask-anno"
ATTRIBUTES, ORIGINALS = "CelebAMask-HQ-attribute-anno.txt", "CelebA-HQ-to-CelebA-mapping.txt"
LOOKED_FOR = f"the folders {IMAGES} and {MASKS}"
FACES_A_FOLDER = 2000
FILES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "right_brow": ("l_brow",),
        "left_brow": ("r_brow",),
        "right_eye": ("l_eye",),
        "left_eye": ("r_eye",),
        "Eyeglasses": ("eye_g",),
        "nose": ("nose",),
        "mouth": ("u_lip", "mouth", "l_lip"),
        "upper_lip": ("u_lip",),
        "inner_mouth": ("mouth",),
        "lower_lip": ("l_lip",),
        "right_ear": ("l_ear",),
        "left_ear": ("r_ear",),
        "Wearing_Earrings": ("ear_r",),
        "hair": ("hair",),
        "Wearing_Hat": ("hat",),
        "skin": ("skin",),
        "neck": ("neck",),
        "Wearing_Necklace": ("neck_l",),
        "clothing": ("cloth",),
    }
)
"""Concept -> the files whose pixels are its mask. What is worn has the name that CelebA's attribute has."""

_REGIONS = {
    "Mouth": "upper_lip inner_mouth lower_lip",
    "Ear": "right_ear left_ear Wearing_Earrings",
    "Hair": "hair Wearing_Hat",
    "Skin": "skin",
    "Neck": "neck Wearing_Necklace",
    "Clothing": "clothing",
}
_PARTS = tuple(dict.fromkeys(part for parts in FILES.values() for part in parts))
_IMAGE_NAME = re.compile(r"(0|[1-9]\d*)\.jpg")
_MASK_NAME = re.compile(rf"(\d{{5}})_({'|'.join(_PARTS)})\.png")
_SPLITS = {162_770: "train", 182_637: "val", 202_599: "test"}
"""Number of the last image of each part of CelebA."""
_MAPPING = ["idx", "orig_idx", "orig_file"]
_MAPPING_ROW = re.compile(r"(\d+) \d+ ((\d{6})\.jpg)")


def _own_concept(name: str) -> Concept:
    region = next(region for region, names in _REGIONS.items() if name in names.split())
    return Concept(name=name, kind="attribute" if name.startswith("Wearing") else "part", region=region)


CONCEPTS = tuple(FACE_DICTIONARY[name] if name in FACE_DICTIONARY else _own_concept(name) for name in FILES)
_KINDS = frozenset(concept.kind for concept in CONCEPTS)


@dataclass(frozen=True, kw_only=True)
class CelebAMaskSource:
    """The files of one face.

    Attributes:
        root: the folder of the data set, resolved.
        image_path: the image, relative to the root.
        number: the face's number, by which its masks are called.
        parts: the parts that have a file, as the files call them.
    """

    root: Path
    image_path: str
    number: int
    parts: tuple[str, ...] = field(repr=False)

    def image(self) -> Image.Image:
        """The image, RGB, of the size in which it is stored. Raises FaceReadError."""
        return read_image(inside(self.root, self.image_path))

    def encoded_image(self) -> bytes:
        """The image file as it is. Raises FaceReadError."""
        return read_encoded(inside(self.root, self.image_path))

    def mask(self, concept: str) -> Bool[np.ndarray, "height width"]:
        """The mask of a concept that the face has, enlarged to the image's size.

        Raises:
            FaceReadError: a file cannot be read, or the image's size is no multiple of the mask's.
        """
        width, height = image_size(inside(self.root, self.image_path))
        parts = [part for part in FILES[concept] if part in self.parts]
        whole = np.zeros((height, width), bool)
        for part in parts:
            whole |= self._enlarged(self._mask_path(part), width, height)
        return whole

    def fingerprint(self) -> str:
        """SHA-256 over the bytes of all files, as hexadecimal; a file that cannot be read counts as such."""
        total = hashlib.sha256()
        for path in (self.image_path, *map(self._mask_path, self.parts)):
            try:
                total.update(hashlib.sha256(inside(self.root, path).read_bytes()).digest())
            except (OSError, FaceReadError):
                total.update(b"unreadable")
        return total.hexdigest()

    def _mask_path(self, part: str) -> str:
        return f"{MASKS}/{self.number // FACES_A_FOLDER}/{self.number:05}_{part}.png"

    def _enlarged(self, path: str, width: int, height: int) -> Bool[np.ndarray, "height width"]:
        mask = read_mask(inside(self.root, path))
        rows, columns = mask.shape
        factor = width // columns
        if (columns * factor, rows * factor) != (width, height):
            raise FaceReadError(
                f"expected an image of {columns}x{rows} or a whole multiple, the size of its mask {path}, "
                f"got {width}x{height} in {self.image_path}; use the images as they were published"
            )
        return mask.repeat(factor, axis=0).repeat(factor, axis=1)


def recognises(location: Path) -> bool:
    """Whether the folder has the images and the masks."""
    return (location / IMAGES).is_dir() and (location / MASKS).is_dir()


def read(location: str, *, missing: Missing = "stop") -> FaceDictionary:
    """The faces in the folder `location`, by number. Folders are listed; no image and no mask is opened.

    Where the list of attributes is there, faces have them as labels, and their gender as subgroup. Where the mapping to
    CelebA is there, they have the file name in CelebA as label `celeba_image`, and CelebA's split: train, val or test.

    Args:
        missing: `skip` leaves out the masks whose image is not there, since a sample of the images often comes with the
            masks of all.

    Raises:
        DictionaryError: a folder or an image is missing, a mask has a name that no part has, or a list has a bad row;
            names the first and how many more.
    """
    expect_folder(location)
    root = Path(os.path.realpath(location))
    if not recognises(root):
        raise DictionaryError(f"expected {LOOKED_FOR} in {location}, got one of them or none; check the path")
    faults: list[Fault] = []
    images = _images(root)
    parts = _parts(root, faults)
    attributes = _attributes(root, faults)
    originals = _originals(root, faults)
    faces = []
    for number in sorted(images if missing == "skip" else {*images, *parts}):
        path = images.get(number)
        if path is None:
            message = (
                f"expected the image {IMAGES}/{number}.jpg, got masks of it only; restore it, or give missing='skip'"
            )
            faults.append(Fault(code="missing-image", file=f"{IMAGES}/{number}.jpg", message=message))
            continue
        there = tuple(part for part in _PARTS if part in parts.get(number, ()))
        labels: Mapping[str, Label] = attributes.get(number, {})
        original = originals.get(number)
        face = Face(
            id=path,
            source=CelebAMaskSource(root=root, image_path=path, number=number, parts=there),
            concepts=tuple(name for name, files in FILES.items() if not set(files).isdisjoint(there)),
            kinds=_KINDS if there else frozenset(),
            subgroups={"gender": "Male" if labels["Male"] else "Female"} if "Male" in labels else {},
            labels=labels if original is None else {**labels, "celeba_image": original},
            split=None if original is None else _split(original),
        )
        faces.append(face)
    if faults:
        raise DictionaryError(first_and_count(faults))
    if not faces:
        raise DictionaryError(f"expected images {IMAGES}/N.jpg in {location}, got none; unpack them there")
    genders = tuple(concept for concept in FACE_DICTIONARY.global_concepts if concept.name == "gender")
    vocabulary = Vocabulary(concepts=CONCEPTS, global_concepts=genders if attributes else ())
    return FaceDictionary(location=location, format=NAME, vocabulary=vocabulary, faces=tuple(faces))


def _images(root: Path) -> dict[int, str]:
    """Number -> path of the image."""
    names = (_IMAGE_NAME.fullmatch(entry.name) for entry in os.scandir(root / IMAGES))
    return {int(name[1]): f"{IMAGES}/{name[0]}" for name in names if name}


def _parts(root: Path, faults: list[Fault]) -> dict[int, set[str]]:
    """Number -> the parts that have a file; a PNG of another name or in a wrong folder is added to `faults`."""
    parts: dict[int, set[str]] = {}
    for folder in sorted(entry.name for entry in os.scandir(root / MASKS) if entry.name.isdecimal()):
        for entry in os.scandir(root / MASKS / folder):
            name = _MASK_NAME.fullmatch(entry.name)
            if name and int(name[1]) // FACES_A_FOLDER == int(folder):
                parts.setdefault(int(name[1]), set()).add(name[2])
            elif entry.name.endswith(".png") and not entry.name.startswith("."):
                path = f"{MASKS}/{folder}/{entry.name}"
                expected = (
                    f"NNNNN_PART.png in the folder NNNNN // {FACES_A_FOLDER}, PART being one of {', '.join(_PARTS)}"
                )
                message = f"expected masks called {expected}, got {path}; move it away"
                faults.append(Fault(code="unknown-concept", file=path, message=message))
    faults.sort(key=lambda fault: fault.file)
    return parts


def _attributes(root: Path, faults: list[Fault]) -> dict[int, Attributes]:
    """Number -> attributes; nothing where there is no list."""
    if not (root / ATTRIBUTES).exists():
        return {}
    attributes: dict[int, Attributes] = {}
    for place, image, values in read_attributes(root, ATTRIBUTES, faults):
        name = _IMAGE_NAME.fullmatch(image)
        if name:
            attributes[int(name[1])] = values
        else:
            message = f"expected an image N.jpg, got {image}; restore the row"
            faults.append(Fault(code="malformed-row", file=ATTRIBUTES, row=place, message=message))
    return attributes


def _originals(root: Path, faults: list[Fault]) -> dict[int, str]:
    """Number -> file name in CelebA; nothing where there is no mapping."""
    try:
        lines = (root / ORIGINALS).read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        faults.append(Fault(code="unreadable-index", file=ORIGINALS, message=f"expected a list in UTF-8, got {error}"))
        return {}
    originals: dict[int, str] = {}
    for line, text in enumerate(lines, start=1):
        cells = text.split()
        if not cells or (line == 1 and cells == _MAPPING):
            continue
        row = _MAPPING_ROW.fullmatch(" ".join(cells))
        if row and int(row[1]) not in originals and 0 < int(row[3]) <= max(_SPLITS):
            originals[int(row[1])] = row[2]
        else:
            message = f"expected the number of an image, once, and its number and file in CelebA, got {text.strip()!r}"
            faults.append(
                Fault(code="malformed-row", file=ORIGINALS, row=Row(ORIGINALS, line), message=f"{message}; restore it")
            )
    return originals


def _split(original: str) -> str:
    number = int(original.split(".")[0])
    return next(split for last, split in _SPLITS.items() if number <= last)
