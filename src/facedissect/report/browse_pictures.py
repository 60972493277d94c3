"""The pictures of a dictionary's pages: sampled faces, plain or with a mask lit and outlined, each drawn once."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image

from ..dictionary.faces import Face, FaceDictionary
from ..dictionary.faults import Progress
from ..errors import FaceReadError
from . import wording
from .thumbnails import OUTLINE, lit, outlined, placeholder

SIDE = 160
"""Longer side of a picture in pixels."""

QUALITY = 80
_WORKERS = min(8, os.cpu_count() or 1)  # threads: decoding releases the interpreter's lock


PLAIN = -1
"""Stands for the face itself where the number of a concept says what is lit."""

_CROSSED = "unreadable.webp"


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture of a face in the folder of pictures.

    Attributes:
        file: its name there.
        size: width, height in pixels.
        face: id of the face.
        alt: in words what it shows.
        area: share of the image that the concept's mask covers; NaN without a concept.
        problem: why there is only a crossed tile; empty where there is more.
    """

    file: str
    size: tuple[int, int]
    face: str
    alt: str
    area: float = math.nan
    problem: str = ""


Pictures = Mapping[tuple[int, int], Picture]
"""Place of a face, and the number of its concept or PLAIN -> its picture."""


def draw(
    dictionary: FaceDictionary, wanted: Mapping[int, set[int]], folder: Path, progress: Progress | None
) -> Pictures:
    """Each picture once, each image read once, a few faces at a time."""
    folder.mkdir()
    pictures: dict[tuple[int, int], Picture] = {}
    with ThreadPoolExecutor(_WORKERS) as pool:
        try:
            drawn = pool.map(partial(_draw_face, dictionary, folder), wanted, wanted.values())
            for done, (place, of_face) in enumerate(zip(wanted, drawn, strict=True), 1):
                pictures |= {(place, number): picture for number, picture in of_face.items()}
                if progress is not None:
                    progress(done, len(wanted))
        except BaseException:  # an interrupt must not wait for the faces not yet begun
            pool.shutdown(cancel_futures=True)
            raise
    if any(picture.problem for picture in pictures.values()):
        Image.fromarray(placeholder((SIDE, SIDE))).save(folder / _CROSSED, "WEBP", quality=QUALITY)
    return pictures


def _draw_face(dictionary: FaceDictionary, folder: Path, place: int, numbers: set[int]) -> dict[int, Picture]:
    face = dictionary.faces[place]
    try:
        image = face.image()
    except FaceReadError as error:
        return {number: _crossed(face, error) for number in sorted(numbers)}
    scale = SIDE / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    pixels = np.asarray(image.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0))
    pictures = {}
    for number in sorted(numbers):
        concept = None if number == PLAIN else dictionary.vocabulary.names[number]
        file = f"{place:06}.webp" if concept is None else f"{place:06}-{number + 1:02}.webp"
        try:
            shown, area = (pixels, math.nan) if concept is None else _lit_mask(pixels, face.mask(concept))
        except FaceReadError as error:
            pictures[number] = _crossed(face, error)
            continue
        Image.fromarray(shown).save(folder / file, "WEBP", quality=QUALITY, method=3)
        alt = f"Face {face.id}" if concept is None else f"{concept} in {area_text(area)} of face {face.id}"
        pictures[number] = Picture(file=file, size=size, face=face.id, alt=alt, area=area)
    return pictures


def _lit_mask(
    pixels: UInt8[np.ndarray, "height width 3"], mask: Bool[np.ndarray, "full_height full_width"]
) -> tuple[UInt8[np.ndarray, "height width 3"], float]:
    size = (pixels.shape[1], pixels.shape[0])
    soft = np.asarray(Image.fromarray(mask.astype(np.uint8) * 255).resize(size, Image.Resampling.BICUBIC))
    small = soft > min(127, soft.max() // 2)  # a mask finer than the picture's pixels shows nonetheless
    return outlined(lit(pixels, small), small, OUTLINE), float(mask.mean())


def _crossed(face: Face, error: FaceReadError) -> Picture:
    return Picture(
        file=_CROSSED, size=(SIDE, SIDE), face=face.id, alt=f"Face {face.id} could not be read", problem=str(error)
    )


def area_text(share: float) -> str:
    """A share of an image in tenths of a percent, since many a mask is small; a dash for NaN."""
    return wording.NOT_MEASURED if math.isnan(share) else f"{100 * share:.1f}{wording.SPACE}%"
