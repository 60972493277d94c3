"""The faces that the page shows, each drawn once as the network saw it, and the outlines of the concepts that it has.

What fires where is left to the page's script, which has the maps.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image

from ..dictionary.faces import FaceDictionary
from ..errors import FaceReadError
from ..model.preprocess import Preprocess
from .thumbnails import placeholder

SIDES = ((600, 160), (3000, 128), (math.inf, 96))
"""Longer side of a picture in pixels by the most faces for which it is chosen, so that large runs stay small."""

QUALITY = 75
_WORKERS = min(8, os.cpu_count() or 1)  # threads: decoding releases the interpreter's lock


@dataclass(frozen=True, kw_only=True)
class Outline:
    """Where a face has a concept, in pixels of its picture.

    Attributes:
        face: its place among the faces that are shown.
        left, top: of the smallest box around it.
        pixels: what lies in that box.
    """

    face: int
    left: int
    top: int
    pixels: Bool[np.ndarray, "height width"]


@dataclass(frozen=True, kw_only=True)
class FacePictures:
    """The faces that a page shows.

    Attributes:
        ids: their ids.
        size: height and width of a picture in pixels.
        images: each as WebP.
        outlines: local concept -> its outlines.
        unread: faces and masks that could not be read, id -> reason; such a face has a crossed tile.
        crossed: places of the faces with a crossed tile.
    """

    ids: tuple[str, ...]
    size: tuple[int, int]
    images: tuple[bytes, ...] = field(repr=False)
    outlines: Mapping[str, Sequence[Outline]] = field(repr=False)
    unread: Mapping[str, str]
    crossed: tuple[int, ...]


def draw(preprocess: Preprocess, dictionary: FaceDictionary, wanted: Mapping[str, Sequence[str]]) -> FacePictures:
    """The pictures of some faces.

    Args:
        preprocess: of the network; its geometry says what it saw.
        dictionary: where the faces are read.
        wanted: face -> the concepts that are outlined in it, which it must have.
    """
    height, width = preprocess.size
    longest = max(height, width)
    scale = min(1.0, next(side for most, side in SIDES if len(wanted) <= most) / longest)
    size = max(1, round(height * scale)), max(1, round(width * scale))
    with ThreadPoolExecutor(_WORKERS) as pool:
        one = partial(_draw_face, preprocess.geometry, dictionary, size)
        drawn = list(pool.map(one, range(len(wanted)), wanted, wanted.values()))
    outlines: dict[str, list[Outline]] = {}
    for face in drawn:
        for concept, outline in face.outlines.items():
            outlines.setdefault(concept, []).append(outline)
    return FacePictures(
        ids=tuple(wanted),
        size=size,
        images=tuple(face.image for face in drawn),
        outlines=outlines,
        unread={ident: face.problem for ident, face in zip(wanted, drawn, strict=True) if face.problem},
        crossed=tuple(place for place, face in enumerate(drawn) if face.crossed),
    )


@dataclass(frozen=True, kw_only=True)
class _Drawn:
    image: bytes
    outlines: Mapping[str, Outline] = field(default_factory=dict)
    problem: str = ""
    crossed: bool = False


def _draw_face(
    seen_as: Preprocess,
    dictionary: FaceDictionary,
    size: tuple[int, int],
    place: int,
    ident: str,
    concepts: Sequence[str],
) -> _Drawn:
    try:
        if ident not in dictionary:
            raise FaceReadError(f"expected the face in {dictionary.location}, which has none of that name")
        face = dictionary[ident]
        pixels = seen_as.pixels(face.image(), box=face.box, landmarks=face.landmarks)
    except FaceReadError as error:
        return _Drawn(image=_webp(placeholder(size)), problem=str(error), crossed=True)
    outlines, problem = {}, ""
    for concept in concepts:
        try:
            mask = seen_as.mask(face.mask(concept), box=face.box, landmarks=face.landmarks)
        except FaceReadError as error:
            problem = str(error)
            continue
        if mask.any():
            outlines[concept] = _outline(place, shrunk(mask, size))
    return _Drawn(image=_webp(_resized(pixels, size)), outlines=outlines, problem=problem)


def shrunk(
    mask: Bool[np.ndarray, "height width"], size: tuple[int, int]
) -> Bool[np.ndarray, "small_height small_width"]:
    """A mask at the size of a picture; one finer than the picture's pixels shows nonetheless."""
    soft = _resized(mask.astype(np.uint8) * 255, size)
    shown: Bool[np.ndarray, "small_height small_width"] = soft > min(127, int(soft.max()) // 2)
    return shown


def _outline(face: int, mask: Bool[np.ndarray, "height width"]) -> Outline:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, left = int(rows[0]), int(columns[0])
    return Outline(face=face, left=left, top=top, pixels=mask[top : rows[-1] + 1, left : columns[-1] + 1])


def packed(outlines: Sequence[Outline]) -> dict[str, np.ndarray]:
    """Outlines as arrays: `face`, `box` (left, top, width, height), and from byte `start` on the `bits` of their pixels in rows.

    The pixels follow each other without gaps, the first in the lowest bit.
    """
    bits = [np.packbits(outline.pixels.ravel(), bitorder="little") for outline in outlines]
    boxes = [(o.left, o.top, o.pixels.shape[1], o.pixels.shape[0]) for o in outlines]
    return {
        "face": np.array([outline.face for outline in outlines], np.int32),
        "box": np.array(boxes, np.uint16).reshape(-1, 4),
        "start": np.concatenate([[0], np.cumsum([len(b) for b in bits])]).astype(np.uint32),
        "bits": np.concatenate(bits) if bits else np.zeros(0, np.uint8),
    }


def _webp(pixels: UInt8[np.ndarray, "height width 3"]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", quality=QUALITY, method=4)
    return buffer.getvalue()


def _resized(pixels: UInt8[np.ndarray, ...], size: tuple[int, int]) -> UInt8[np.ndarray, ...]:
    if pixels.shape[:2] == size:
        return pixels
    return np.asarray(Image.fromarray(pixels).resize((size[1], size[0]), Image.Resampling.BICUBIC))
