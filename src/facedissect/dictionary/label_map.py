"""Data sets with a label map for each image: the value of a pixel says what is there.

A `label_map.toml` says where images and masks lie and what the values mean (`label_map_file`); those of some data sets
come with facedissect (`label_maps/`). Opening reads every mask once, since only its pixels say which concepts an image
has; images are read when they are asked for.

Pixels whose value is to be ignored are in no mask.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Integer
from PIL import Image

from ..errors import DictionaryError, FaceReadError
from .encoded import decode
from .faces import Face, FaceDictionary
from .faults import Fault, first_and_count
from .files import expect_folder, image_size, inside, read_encoded, read_image, reading
from .label_map_file import FILE_NAME, Files, LabelMap, preset_path, read_label_map
from .landmarks_text import read_points
from .listed_faces import Missing
from .path_patterns import filled, find, regular_expression

NAME = "label_map"
LOOKED_FOR = f"{FILE_NAME}, or another TOML file with [[files]]"
_FILES = re.compile(r"^\s*(\[\[\s*files\s*\]\]|files\s*=)", re.MULTILINE)
_WORKERS = min(8, os.cpu_count() or 1)  # threads: decoding releases the interpreter's lock
_CACHED_MAPS = 8  # a face's concepts are asked for one after the other


@dataclass(frozen=True, kw_only=True)
class LabelMapSource:
    """The image and the label map of one face.

    Attributes:
        root: what the paths are relative to, resolved.
        values: concept -> the values of its pixels.
        coloured: whether values are colours.
    """

    root: Path
    image_path: str
    mask_path: str
    values: Mapping[str, tuple[int, ...]] = field(repr=False)
    coloured: bool = False

    def image(self) -> Image.Image:
        """The image, RGB and upright. Raises FaceReadError."""
        return read_image(inside(self.root, self.image_path))

    def encoded_image(self) -> bytes:
        """The image file as it is. Raises FaceReadError."""
        return read_encoded(inside(self.root, self.image_path))

    def mask(self, concept: str) -> Bool[np.ndarray, "height width"]:
        """The pixels that have one of the values of a concept.

        Raises:
            FaceReadError: the label map cannot be read, or its size is not that of the image.
        """
        labels = read_labels(inside(self.root, self.mask_path), self.coloured)
        height, width = labels.shape
        size = image_size(inside(self.root, self.image_path))
        if (width, height) != size:
            raise FaceReadError(
                f"expected a mask of {size[0]}x{size[1]}, the size of its image {self.image_path}, "
                f"got {width}x{height} in {self.mask_path}"
            )
        return _lit(labels, self.values[concept])

    def fingerprint(self) -> str:
        """SHA-256 over the bytes of both files and the values, as hexadecimal; a file that cannot be read counts as such."""
        total = hashlib.sha256(repr(sorted(self.values.items())).encode())
        for path in (self.image_path, self.mask_path):
            try:
                total.update(hashlib.sha256(inside(self.root, path).read_bytes()).digest())
            except (OSError, FaceReadError):
                total.update(b"unreadable")
        return total.hexdigest()


def recognises(location: Path) -> bool:
    """Whether it is a folder with a `label_map.toml`, or a TOML file that says where label maps lie."""
    if location.suffix == ".toml" and location.is_file():
        return _FILES.search(location.read_text(encoding="utf-8", errors="replace")) is not None
    return (location / FILE_NAME).is_file()


def read(location: str, *, preset: str | None = None, missing: Missing = "stop") -> FaceDictionary:
    """The data set at `location`. Every mask is read once; images are not touched before they are asked for.

    Args:
        location: the folder of a `label_map.toml`, or any TOML file of its format; with a preset, the folder of the data.
        preset: `facesynthetics`, `fasseg`, `helen_star` or `lapa`: the description that comes with facedissect.
        missing: `skip` leaves out the images that have no mask.

    Raises:
        DictionaryError: the description is malformed, it matches no image, a mask is missing, cannot be read or has a value
            without a meaning, or landmarks cannot be read; names the first and how many more.
    """
    description, folder = _described(location, preset)
    label_map = read_label_map(description)
    root = Path(os.path.realpath(folder / label_map.root))
    faults: list[Fault] = []
    named = {
        path: (files, path, names)
        for files in label_map.files
        for path, names in find(root, files.image)
        if not regular_expression(files.mask).fullmatch(path)  # where images and masks lie side by side
    }
    faces: list[Face] = []
    with ThreadPoolExecutor(_WORKERS) as pool:
        try:
            for found in pool.map(lambda place: _face(root, label_map, missing, *place), named.values()):
                if isinstance(found, Fault):
                    faults.append(found)
                elif found is not None:
                    faces.append(found)
        except BaseException:  # an interrupt must not wait for the masks not yet begun
            pool.shutdown(cancel_futures=True)
            raise
    if faults:
        raise DictionaryError(first_and_count(faults))
    if not faces:
        patterns = " or ".join(files.image for files in label_map.files)
        raise DictionaryError(f"expected images {patterns} with masks in {root}, got none; check the path")
    return FaceDictionary(location=location, format=NAME, vocabulary=label_map.vocabulary, faces=tuple(faces))


def read_labels(path: Path, coloured: bool) -> Integer[np.ndarray, "height width"]:
    """The value of each pixel of a label map: of a palette the index; of a colour 65536 red + 256 green + blue.

    Raises:
        FaceReadError: the file is missing, damaged or no image, or has colours where it should have values.
    """
    with reading(path, "a mask"):
        changed = path.stat().st_mtime_ns
    return _read_labels(path, coloured, changed)


@lru_cache(maxsize=_CACHED_MAPS)
def _read_labels(path: Path, coloured: bool, changed: int) -> Integer[np.ndarray, "height width"]:  # noqa: ARG001
    with reading(path, "a mask"):
        image = decode(path.read_bytes())
        if coloured:
            red, green, blue = np.moveaxis(np.asarray(image.convert("RGB")).astype(np.uint32), -1, 0)
            labels: Integer[np.ndarray, "height width"] = red << 16 | green << 8 | blue
            return labels
        labels = np.asarray(image)
        if labels.ndim == 3:  # grey, written as a colour
            first, *others = np.moveaxis(labels[..., :3], -1, 0)
            if not all((first == other).all() for other in others):
                raise ValueError('its pixels are colours; give values such as "#ff0000"')
            labels = first
        if labels.dtype == np.float32:
            raise ValueError("its pixels are floating-point numbers")
        return labels.astype(np.uint8) if labels.dtype == bool else labels


def _described(location: str, preset: str | None) -> tuple[Path, Path]:
    """The description, and the folder from which its root is counted. Raises DictionaryError."""
    if preset is not None:
        expect_folder(location)
        return preset_path(preset), Path(location)
    path = Path(location)
    if path.is_file():
        return path, path.parent
    expect_folder(location)
    if not (path / FILE_NAME).is_file():
        raise DictionaryError(f"expected {FILE_NAME} in {location}, got no such file; write one, or give a preset")
    return path / FILE_NAME, path


def _face(
    root: Path, label_map: LabelMap, missing: Missing, files: Files, path: str, names: Mapping[str, str]
) -> Face | Fault | None:
    """A face; what is wrong with it; or None where its mask is missing and may be."""
    mask_path = filled(files.mask, names)
    try:
        mask = inside(root, mask_path)
        if missing == "skip" and not mask.exists():
            return None
        present = _distinct(read_labels(mask, label_map.coloured))
    except FaceReadError as error:
        return Fault(code="unreadable-mask", file=mask_path, message=str(error))
    known = {value for values in label_map.values.values() for value in values} | label_map.others
    unknown = sorted(present - known)
    if unknown:
        came = ", ".join(f'"#{value:06x}"' if label_map.coloured else str(value) for value in unknown[:5])
        message = f"expected values that have a meaning in {mask_path}, got {came}; add them to a concept, background or ignore"
        return Fault(code="unknown-concept", file=mask_path, message=message)
    try:
        landmarks = _landmarks(root, label_map, files, names)
    except DictionaryError as error:
        return Fault(code="invalid-landmarks", file=path, message=str(error))
    return Face(
        id=path,
        source=LabelMapSource(
            root=root, image_path=path, mask_path=mask_path, values=label_map.values, coloured=label_map.coloured
        ),
        concepts=tuple(name for name, values in label_map.values.items() if not present.isdisjoint(values)),
        kinds=frozenset(concept.kind for concept in label_map.vocabulary.concepts),
        landmarks=landmarks,
        identity=names.get("identity"),
        split=files.split or names.get("split"),
    )


def _landmarks(
    root: Path, label_map: LabelMap, files: Files, names: Mapping[str, str]
) -> Float[np.ndarray, "68 2"] | None:
    """None where there is no file. Raises DictionaryError."""
    path = None if files.landmarks is None else inside(root, filled(files.landmarks, names))
    if path is None or not path.exists():
        return None
    return read_points(path, points=label_map.points, first_pixel=label_map.first_pixel)


def _distinct(labels: Integer[np.ndarray, "height width"]) -> set[int]:
    if labels.dtype == np.uint8:  # counting is ten times faster than sorting
        return set(np.flatnonzero(np.bincount(labels.ravel(), minlength=256)).tolist())
    return set(pd.unique(labels.ravel()).tolist())


def _lit(labels: Integer[np.ndarray, "height width"], values: tuple[int, ...]) -> Bool[np.ndarray, "height width"]:
    if labels.dtype == np.uint8:
        table = np.zeros(256, bool)
        table[[value for value in values if value < 256]] = True
        lit: Bool[np.ndarray, "height width"] = table[labels]  # five times faster than `isin`
        return lit
    return np.isin(labels, values)
