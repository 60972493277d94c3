"""FileSource: reads the image and the masks of one face from disk, when asked.

Images of any mode become RGB. Both images and masks are turned upright as their EXIF orientation says, so that what a
person sees is what the network sees; a mask's size must be that of the upright image.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import Bool
from PIL import Image, UnidentifiedImageError

from ..errors import DictionaryError, FaceReadError
from .encoded import as_rgb, decode, orientation

IMAGE_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})


@dataclass(frozen=True, kw_only=True)
class FileSource:
    """The files of one face.

    Attributes:
        root: the dictionary's root, resolved.
        image_path: the image, relative to the root.
        mask_paths: local concept -> its mask, relative to the root.
    """

    root: Path
    image_path: str
    mask_paths: Mapping[str, str] = field(default_factory=dict)

    def image(self) -> Image.Image:
        """The image, RGB and upright. Raises FaceReadError."""
        return read_image(inside(self.root, self.image_path))

    def encoded_image(self) -> bytes:
        """The image file as it is. Raises FaceReadError."""
        return read_encoded(inside(self.root, self.image_path))

    def mask(self, concept: str) -> Bool[np.ndarray, "height width"]:
        """The mask of a concept that the face has.

        Raises:
            FaceReadError: the mask cannot be read, or its size is not that of the image.
        """
        path = inside(self.root, self.mask_paths[concept])
        mask = read_mask(path)
        height, width = mask.shape
        if (width, height) != self._size:
            expected = f"{self._size[0]}x{self._size[1]}"
            raise FaceReadError(
                f"expected a mask of {expected}, the size of its image {self.image_path}, got {width}x{height} in {path}"
            )
        return mask

    def fingerprint(self) -> str:
        """SHA-256 over the bytes of all files, as hexadecimal; a file that cannot be read counts as such.

        Bytes, not times: copies of a dictionary on several machines must be seen to be the same.
        """
        total = hashlib.sha256()
        for path in (self.image_path, *self.mask_paths.values()):
            try:
                total.update(hashlib.sha256(inside(self.root, path).read_bytes()).digest())
            except (OSError, FaceReadError):
                total.update(b"unreadable")
        return total.hexdigest()

    @cached_property
    def _size(self) -> tuple[int, int]:
        return image_size(inside(self.root, self.image_path))


def expect_folder(location: str) -> None:
    """Raises DictionaryError where there is no folder at `location`, or nothing in it."""
    path = Path(location)
    if not path.exists():
        raise DictionaryError(
            f"expected the folder of a Face Dictionary, got {location}, which does not exist; check the path"
        )
    if not path.is_dir():
        raise DictionaryError(f"expected the folder of a Face Dictionary, got the file {location}; give its folder")
    if not any(path.iterdir()):
        raise DictionaryError(
            f"expected the folder of a Face Dictionary, got {location}, which is empty; check the path"
        )


def normalised(path: str) -> str:
    """A path as a dictionary's files write it, in the one spelling that is the id of a face."""
    return posixpath.normpath(path.strip().replace("\\", "/"))


def inside(root: Path, path: str) -> Path:
    """The absolute path of `path`, which is relative to the resolved `root`.

    Raises:
        FaceReadError: it leads out of the root, as it is written or through symbolic links.
    """
    absolute = root / path
    if absolute.is_symlink() or leads_out(root, posixpath.dirname(path)):
        real = Path(os.path.realpath(absolute))
        if not real.is_relative_to(root):
            raise FaceReadError(
                f"expected a file inside {root}, got {path}, which leads to {real}; copy the file into the root"
            )
    return absolute


@lru_cache(maxsize=4096)
def leads_out(root: Path, folder: str) -> bool:
    """Whether a folder, given relative to the resolved `root`, lies outside of it when symbolic links are followed.

    Remembered, since the files of a face lie in one folder and asking for each would take longer than reading it.
    """
    return not Path(os.path.realpath(root / folder)).is_relative_to(root)


def image_names(folder: Path) -> Iterator[str]:
    """Names of the images in a folder, known by their suffix, in no order; those that start with a dot are passed over."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if PurePosixPath(entry.name).suffix.lower() in IMAGE_SUFFIXES and not entry.name.startswith("."):
                yield entry.name


def read_encoded(path: Path) -> bytes:
    """An image file as it is. Raises FaceReadError."""
    with reading(path, "an image"):
        return path.read_bytes()


def read_image(path: Path) -> Image.Image:
    """An image file as RGB, upright.

    16-bit grey values are scaled to 8 bits and transparency is dropped.

    Raises:
        FaceReadError: the file is missing, damaged or no image.
    """
    with reading(path, "an image"):
        return as_rgb(decode(path.read_bytes()))


def image_size(path: Path) -> tuple[int, int]:
    """Width and height in pixels of an upright image, from the header of its file. Raises FaceReadError."""
    with reading(path, "an image"), Image.open(path) as image:
        width, height = image.size
        return (height, width) if orientation(image) >= 5 else (width, height)


def read_mask(path: Path) -> Bool[np.ndarray, "height width"]:
    """A mask file of any mode: a pixel counts if any of its colour channels is not 0 and it is not fully transparent.

    The alpha channel itself is no ink, and of a palette the colour counts, not the index.

    Raises:
        FaceReadError: the file is missing, damaged or no image.
    """
    ink: Bool[np.ndarray, "height width"]
    with reading(path, "a mask"):
        mask = decode(path.read_bytes())
        if mask.mode in ("1", "L", "F") or mask.mode.startswith("I"):
            ink = np.asarray(mask) != 0
        else:
            red, green, blue, alpha = np.moveaxis(np.asarray(mask.convert("RGBA")), -1, 0)
            ink = ((red | green | blue) != 0) & (alpha != 0)
        return ink


@contextmanager
def reading(path: Path, what: str) -> Iterator[None]:
    """Whatever goes wrong with a file becomes a FaceReadError that names it and the reason."""
    try:
        yield
    except Exception as error:  # decoders of damaged files raise errors of all types
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            reason = "the file does not exist"
        elif isinstance(error, UnidentifiedImageError):
            reason = "not an image file, or cut short in its header"
        elif isinstance(error, OSError) and error.strerror:
            reason = error.strerror.lower()
        else:
            reason = str(error) or type(error).__name__
        raise FaceReadError(f"expected {what} that can be read, got {path}: {reason}; restore the file") from error
