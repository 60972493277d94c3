"""Lit faces: what the network saw of a unit's top faces, its firing area lit, the rest dimmed, its concept outlined.

The firing area also has a white edge: on dark skin, light alone would not show it.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, UInt8
from PIL import Image

from ..dictionary.faces import Face, FaceDictionary, State
from ..errors import FaceReadError
from ..model.preprocess import Preprocess
from ..results import Dissection, LayerResult
from ..tally import firing_masks
from ..units import TopFace, UnitSummary

DIMMED = 0.6
EDGE = (255, 255, 255)
OUTLINE = (255, 214, 0)
CACHED_BYTES = 128 << 20


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One top face of a unit, ready to be shown.

    Attributes:
        top: which face it is.
        pixels: the picture, RGB.
        lights: where in the picture the unit fires.
        fires: share of the network's input in which it fires; NaN for a unit without a map, whose picture is lit whole.
        state: whether the face has the unit's best concept; `unknown` also for a unit without one.
        outlined: whether that concept is outlined.
        readable: False for a placeholder.
    """

    top: TopFace
    pixels: UInt8[np.ndarray, "height width 3"]
    lights: Bool[np.ndarray, "height width"]
    fires: float
    state: State
    outlined: bool
    readable: bool


class LitFaces:
    """Makes the tiles of a result; reads each image once as long as memory allows.

    Attributes:
        unread: faces and masks that could not be read, id -> reason; grows as tiles are made.
    """

    def __init__(self, result: Dissection, dictionary: FaceDictionary, side: int) -> None:
        """`side` is the longer side of a tile in pixels."""
        preprocess = Preprocess.from_dict(result.provenance.model["preprocess"])
        self._seen_as = preprocess.geometry
        self._result, self._dictionary = result, dictionary
        height, width = preprocess.size
        scale = side / max(height, width)
        self.size = (max(1, round(height * scale)), max(1, round(width * scale)))
        self._images: OrderedDict[str, UInt8[np.ndarray, "height width 3"]] = OrderedDict()
        self._kept = max(1, CACHED_BYTES // (height * width * 3))
        self.unread: dict[str, str] = {}

    def tiles(self, layer: LayerResult, unit: UnitSummary, count: int | None = None) -> list[Tile]:
        """The unit's first `count` top faces (all if None), highest peak first."""
        with one_thread():
            return [self._tile(layer, unit, top) for top in unit.faces[:count]]

    def _tile(self, layer: LayerResult, unit: UnitSummary, top: TopFace) -> Tile:
        fires = self._fires(layer, unit, top)
        share, lights = float(fires.mean()) if unit.has_map else math.nan, self._at_tile_size(fires)
        try:
            face = self._face(top.face)
            image = self._image(face)
        except FaceReadError as error:
            self.unread[top.face] = str(error)
            return Tile(
                top=top,
                pixels=placeholder(self.size),
                lights=lights,
                fires=share,
                state="unknown",
                outlined=False,
                readable=False,
            )
        concept = unit.best.concept if unit.best else None
        outline = self._outline(face, concept) if concept and concept in face.concepts else None
        pixels = outlined(_resized(lit(image, fires), self.size), lights, EDGE)
        return Tile(
            top=top,
            pixels=pixels if outline is None else outlined(pixels, outline, OUTLINE),
            lights=lights,
            fires=share,
            state=face.state(self._result.vocabulary[concept]) if concept else "unknown",
            outlined=outline is not None,
            readable=True,
        )

    def _fires(self, layer: LayerResult, unit: UnitSummary, top: TopFace) -> Bool[np.ndarray, "height width"]:
        if not unit.has_map:
            return np.ones(self._seen_as.size, bool)
        maps = torch.from_numpy(np.asarray(layer.top_maps[unit.unit, top.place - 1], np.float32))
        threshold = torch.tensor([unit.threshold], dtype=torch.float32)
        masks = firing_masks(maps[None], threshold, self._seen_as.size, self._result.settings.zeros)
        return masks[0].numpy()

    def _face(self, face: str) -> Face:
        if face not in self._dictionary:
            raise FaceReadError(f"expected the face in {self._dictionary.location}, which has none of that name")
        return self._dictionary[face]

    def _image(self, face: Face) -> UInt8[np.ndarray, "height width 3"]:
        if face.id in self._images:
            self._images.move_to_end(face.id)
        else:
            seen = self._seen_as.image(face.image(), box=face.box, landmarks=face.landmarks)
            self._images[face.id] = (seen * 255).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
            if len(self._images) > self._kept:
                self._images.popitem(last=False)
        return self._images[face.id]

    def _outline(self, face: Face, concept: str) -> Bool[np.ndarray, "height width"] | None:
        try:
            mask = self._seen_as.mask(face.mask(concept), box=face.box, landmarks=face.landmarks)
        except FaceReadError as error:
            self.unread[face.id] = str(error)
            return None
        return self._at_tile_size(mask)

    def _at_tile_size(self, mask: Bool[np.ndarray, "height width"]) -> Bool[np.ndarray, "tile_height tile_width"]:
        return _resized(mask.astype(np.uint8) * 255, self.size) > 127


@contextmanager
def one_thread() -> Iterator[None]:
    """PyTorch on one thread: pictures are so small that, on a busy machine, waiting for others costs twenty times the work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def lit(
    image: UInt8[np.ndarray, "height width 3"], fires: Bool[np.ndarray, "height width"]
) -> UInt8[np.ndarray, "height width 3"]:
    """The image with everything outside the firing area grey and dimmed; inside, its own pixels."""
    grey = image @ np.array([0.299, 0.587, 0.114], np.float32)
    dimmed = (DIMMED * (0.5 * image + 0.5 * grey[..., None])).astype(np.uint8)
    return np.where(fires[..., None], image, dimmed)


def outlined(
    image: UInt8[np.ndarray, "height width 3"], mask: Bool[np.ndarray, "height width"], colour: tuple[int, int, int]
) -> UInt8[np.ndarray, "height width 3"]:
    """The image with the inner edge of a mask drawn one pixel wide."""
    padded = np.pad(mask, 1, mode="edge")
    inside = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return np.where((mask & ~inside)[..., None], np.array(colour, np.uint8), image)


def placeholder(size: tuple[int, int]) -> UInt8[np.ndarray, "height width 3"]:
    """A grey tile with a cross, for a face that cannot be read."""
    y, x = np.mgrid[0 : size[0], 0 : size[1]]
    y, x = (y + 0.5) / size[0], (x + 0.5) / size[1]
    cross = np.minimum(abs(x - y), abs(x + y - 1)) < 1.5 / max(size)
    return np.where(cross[..., None], np.uint8(150), np.uint8(90)).repeat(3, axis=2)


def _resized(pixels: UInt8[np.ndarray, ...], size: tuple[int, int]) -> UInt8[np.ndarray, ...]:
    if pixels.shape[:2] == size:
        return pixels
    return np.asarray(Image.fromarray(pixels).resize((size[1], size[0]), Image.Resampling.BICUBIC))
