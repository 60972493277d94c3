"""Signature: what is kept of a picture to find its copies, exact and near."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image
from scipy.fft import dctn

SIDE = 32
"""Side of a thumbnail in pixels."""
_FREQUENCIES = 8
_MARGIN = 0.03  # cut off each side for the second hash, so that a crop up to twice as deep is near one of the two


@dataclass(frozen=True, kw_only=True)
class Signature:
    """What is kept of a picture.

    Attributes:
        digest: SHA-256 of size and pixels; equal for the same pixels, in whatever file they are stored.
        phash: 64-bit perceptual hash of the picture.
        inner_phash: the same of the picture without a margin of 3 % on each side.
        thumbnail: the picture in grey, squeezed into a square.
    """

    digest: str
    phash: int
    inner_phash: int
    thumbnail: UInt8[np.ndarray, "32 32"] = field(repr=False, compare=False)

    @classmethod
    def of(cls, image: Image.Image) -> Signature:
        """The signature of an RGB image."""
        digest = hashlib.sha256(f"{image.size}".encode() + image.tobytes()).hexdigest()
        grey = image.convert("L")
        thumbnail = _thumbnail(grey, 0)
        return cls(
            digest=digest,
            phash=phash(thumbnail),
            inner_phash=phash(_thumbnail(grey, _MARGIN)),
            thumbnail=thumbnail,
        )


def phash(thumbnail: UInt8[np.ndarray, "32 32"]) -> int:
    """The perceptual hash of a thumbnail: of its 8 x 8 lowest cosine frequencies, those above their median are 1.

    The first frequency, the mean brightness, has no part in the median and is always 0. Bits are read row by row, the
    first one as the highest.
    """
    lowest = dctn(thumbnail.astype(np.float64), norm="ortho")[:_FREQUENCIES, :_FREQUENCIES].ravel()
    bits: Float[np.ndarray, " 64"] = lowest > np.median(lowest[1:])
    bits[0] = False
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def _thumbnail(grey: Image.Image, margin: float) -> UInt8[np.ndarray, "32 32"]:
    """The image without a share of each side. The filter is broad, so that a shift by half a pixel changes little."""
    width, height = grey.size
    box = (margin * width, margin * height, (1 - margin) * width, (1 - margin) * height)
    return np.asarray(grey.resize((SIDE, SIDE), Image.Resampling.HAMMING, box=box))
