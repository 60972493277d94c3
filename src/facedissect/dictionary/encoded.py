"""Pixels of encoded images, whether the bytes come from a file of their own or from a packed dictionary."""

from __future__ import annotations

from io import BytesIO
from typing import Protocol, runtime_checkable

import numpy as np
from PIL import ExifTags, Image

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation -> what turns the stored pixels upright."""


@runtime_checkable
class EncodedSource(Protocol):
    """A source of faces whose image is the decoded bytes of one image file, so that these can be packed as they are."""

    def encoded_image(self) -> bytes | None:
        """The file, of which `as_rgb(decode(...))` is the image; None where there is none. Raises FaceReadError."""
        ...


def encoded_image(source: object) -> bytes | None:
    """The image file of any source; None of one that has none. Raises FaceReadError."""
    return source.encoded_image() if isinstance(source, EncodedSource) else None


def decode(data: bytes, *, verify: bool = True) -> Image.Image:
    """All pixels of an encoded image, upright, in its own mode. Raises errors of many types.

    Args:
        data: an image file.
        verify: read PNGs to the end and compare their checksums; not needed where the bytes are known to be whole.
    """
    with Image.open(BytesIO(data)) as image:
        if verify and image.format == "PNG":
            # Decoding stops at the last pixel and skips checksums, so it misses flipped bits and a lost end.
            with Image.open(BytesIO(data)) as checked:
                checked.verify()
        turn = _TURNS.get(orientation(image))
        image.load()
        return image if turn is None else image.transpose(turn)


def as_rgb(image: Image.Image) -> Image.Image:
    """An image of any mode as RGB: 16-bit grey values are scaled to 8 bits and transparency is dropped.

    Raises:
        ValueError: the pixels are floating-point numbers.
    """
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers, not 8 or 16 bits a channel")
    if image.mode.startswith("I"):  # 16-bit grey, which Pillow would clip to white, not scale
        image = Image.fromarray((np.asarray(image).astype(np.int64) // 256).clip(0, 255).astype(np.uint8))
    if image.mode == "P":  # a palette may hold transparency, of which a direct conversion to RGB warns
        image = image.convert("RGBA")
    return image.convert("RGB")


def orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 is upright. Does not decode pixels."""
    if image.format == "PNG" and "exif" not in image.info:  # Pillow would decode all pixels to look for it behind them
        return 1
    return int(image.getexif().get(ExifTags.Base.Orientation, 1))
