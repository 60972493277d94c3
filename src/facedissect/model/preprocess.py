"""Preprocess: one geometry for an image and its masks, then the scaling that the network expects.

Coordinates are in pixels, x to the right and y down, and pixel centres lie at half-integers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from numbers import Integral
from typing import Any, Literal, cast, get_args

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from PIL import Image
from torch import Tensor

from ..errors import FaceReadError, SettingsError
from .alignment import similarity_to_template

Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos"]
Crop = Literal["none", "box", "align"]
ChannelOrder = Literal["rgb", "bgr"]
ValueRange = Literal["0-1", "0-255"]
Box = tuple[float, float, float, float]
Channels = tuple[float, float, float]
Size = tuple[int, int]
_Grid = tuple[np.ndarray, np.ndarray, np.ndarray | None]

_RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
# Pillow turns images by every one of these but Lanczos.
_TURNING = _RESAMPLING | {"lanczos": Image.Resampling.BICUBIC}


@dataclass(frozen=True, kw_only=True)
class Preprocess:
    """Maps a face image to the network's input, and its masks to the same pixels.

    Attributes:
        size: height and width of the input in pixels; one int means a square.
        mean: subtracted from each channel, in the range and the order in which the network gets them.
        std: then divides each channel.
        interpolation: of the image; masks are always nearest.
        crop: `none` squeezes the whole image to `size`; `box` cuts out the face's box, widened to the aspect ratio of
            `size`, black outside the image; `align` turns and scales the face so that its eyes, nose and mouth lie
            where the ArcFace template has them. A face without the box or the landmarks for it is shown whole.
        margin: added on every side, as a share of the box's width and height (`box`) or of the template's (`align`).
        channel_order: in which the network gets red, green and blue.
        value_range: of a channel before `mean` is subtracted.

    Raises:
        SettingsError: a value makes no sense.
    """

    size: Size
    mean: Channels = (0.0, 0.0, 0.0)
    std: Channels = (1.0, 1.0, 1.0)
    interpolation: Interpolation = "bilinear"
    crop: Crop = "none"
    margin: float = 0.0
    channel_order: ChannelOrder = "rgb"
    value_range: ValueRange = "0-1"

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", _checked_size(self.size))
        object.__setattr__(self, "mean", _checked_channels("mean", self.mean))
        object.__setattr__(self, "std", _checked_channels("std", self.std))
        if 0.0 in self.std:
            raise SettingsError(f"expected std other than 0, got {self.std}")
        for name, value, choices in (
            ("interpolation", self.interpolation, get_args(Interpolation)),
            ("crop", self.crop, get_args(Crop)),
            ("channel_order", self.channel_order, get_args(ChannelOrder)),
            ("value_range", self.value_range, get_args(ValueRange)),
        ):
            if value not in choices:
                raise SettingsError(f"expected {name} to be one of {', '.join(choices)}, got {value!r}")
        if not (math.isfinite(self.margin) and self.margin >= 0):
            raise SettingsError(f"expected a margin of 0 or more (a share of the box), got {self.margin}")

    @property
    def geometry(self) -> Preprocess:
        """The same geometry, giving plain RGB in [0, 1]: what a person would look at."""
        plain = Preprocess(size=self.size)
        return replace(
            self, mean=plain.mean, std=plain.std, channel_order=plain.channel_order, value_range=plain.value_range
        )

    def shows_whole(self, *, box: Box | None = None, landmarks: Float[np.ndarray, "68 2"] | None = None) -> bool:
        """Whether a face is shown as its whole image, for want of a crop or of what the crop needs."""
        return {"none": True, "box": box is None, "align": landmarks is None}[self.crop]

    def image(
        self, image: Image.Image, *, box: Box | None = None, landmarks: Float[np.ndarray, "68 2"] | None = None
    ) -> Float[Tensor, "3 height width"]:
        """The network's input for one image: cropped, resized with Pillow's antialiasing, scaled and normalised.

        Raises:
            FaceReadError: the box or the landmarks that the crop needs make no sense.
        """
        return self.scaled(self.pixels(image, box=box, landmarks=landmarks)[None])[0]

    def pixels(
        self, image: Image.Image, *, box: Box | None = None, landmarks: Float[np.ndarray, "68 2"] | None = None
    ) -> UInt8[np.ndarray, "height width 3"]:
        """An image cropped and resized, still RGB of 8 bits a channel. Raises FaceReadError as `image` does."""
        rgb = image if image.mode == "RGB" else image.convert("RGB")
        if self.crop == "align" and landmarks is not None:
            resized = self._aligned_image(rgb, landmarks)
        else:
            if self.crop == "box" and box is not None:
                rgb = rgb.crop(self._crop_window(box, rgb.width, rgb.height))
            resized = rgb.resize((self.size[1], self.size[0]), _RESAMPLING[self.interpolation])
        pixels: UInt8[np.ndarray, "height width 3"] = np.asarray(resized)
        return pixels

    def scaled(
        self, pixels: UInt8[np.ndarray, "image height width 3"], device: torch.device | None = None
    ) -> Float[Tensor, "image 3 height width"]:
        """Pixels in the order and range that the network expects, normalised; the same values on every device."""
        values = np.arange(256, dtype=np.float32)
        if self.value_range == "0-1":
            values = values / np.float32(255)
        mean, std = np.array(self.mean, np.float32), np.array(self.std, np.float32)
        # There are only 256 values, each worked out once.
        tables = [(values - mean[channel]) / std[channel] for channel in range(3)]
        sources = (2, 1, 0) if self.channel_order == "bgr" else (0, 1, 2)
        if device is not None and device.type != "cpu":
            # A pixel travels as one byte, not as four.
            there = torch.from_numpy(pixels).to(device)
            parts = zip(tables, sources, strict=True)
            return torch.stack(
                [torch.from_numpy(table).to(device)[there[..., source].int()] for table, source in parts], 1
            )
        made = np.empty((len(pixels), 3, *pixels.shape[1:3]), np.float32)
        for channel, (table, source) in enumerate(zip(tables, sources, strict=True)):
            np.take(table, pixels[..., source], out=made[:, channel], mode="clip")
        return torch.from_numpy(made)

    def mask(
        self,
        mask: Bool[np.ndarray, "source_height source_width"],
        *,
        box: Box | None = None,
        landmarks: Float[np.ndarray, "68 2"] | None = None,
    ) -> Bool[np.ndarray, "height width"]:
        """A mask of the image, moved by the image's geometry; nearest, False outside the image.

        Without rotation, row i comes from row floor((i + 0.5) * source height / height), columns alike.

        Raises:
            FaceReadError: as for `image`.
        """
        moved: Bool[np.ndarray, "height width"] = self.masks([mask], box=box, landmarks=landmarks)[0]
        return moved

    def masks(
        self,
        masks: Sequence[Bool[np.ndarray, "source_height source_width"]],
        *,
        box: Box | None = None,
        landmarks: Float[np.ndarray, "68 2"] | None = None,
    ) -> Bool[np.ndarray, "mask height width"]:
        """Several masks of one image, each as `mask` moves it; where they come from is worked out once for each size."""
        moved = np.zeros((len(masks), *self.size), bool)
        grids: dict[tuple[int, ...], _Grid] = {}
        for mask, target in zip(masks, moved, strict=True):
            if mask.shape not in grids:
                grids[mask.shape] = self._grid(mask.shape, box, landmarks)
            rows, columns, inside = grids[mask.shape]
            if rows.shape[1] == 1:
                np.take(np.take(mask, rows[:, 0], axis=0), columns[0], axis=1, out=target)
            else:
                target[...] = mask[rows, columns]
            if inside is not None:
                target &= inside
        return moved

    def _grid(self, shape: tuple[int, ...], box: Box | None, landmarks: Float[np.ndarray, "68 2"] | None) -> _Grid:
        """For each pixel of the input, row and column of the source, and whether it lies in there (None if all do)."""
        height, width = shape
        if self.crop == "align" and landmarks is not None:
            to_source = similarity_to_template(landmarks, self.size, self.margin).inverse()
            y, x = np.mgrid[0 : self.size[0], 0 : self.size[1]] + 0.5
            points = np.floor(to_source(np.stack([x, y], axis=-1))).astype(np.int64)
            rows, columns = points[..., 1], points[..., 0]
        else:
            left, top, right, bottom = 0, 0, width, height
            if self.crop == "box" and box is not None:
                left, top, right, bottom = self._crop_window(box, width, height)
            rows = (top + _nearest_indices(bottom - top, self.size[0]))[:, None]
            columns = (left + _nearest_indices(right - left, self.size[1]))[None, :]
        inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        return rows.clip(0, height - 1), columns.clip(0, width - 1), None if inside.all() else inside

    def as_dict(self) -> dict[str, Any]:
        """The values, ready for JSON."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Preprocess:
        """Back from `as_dict`. Raises SettingsError for unknown names or values that make no sense."""
        known = {entry.name for entry in fields(cls)}
        if "size" not in values or not known.issuperset(values):
            raise SettingsError(
                f"expected preprocessing values named {', '.join(sorted(known))}, got {', '.join(values) or 'none'}"
            )
        return cls(**values)

    def _crop_window(self, box: Box, width: int, height: int) -> tuple[int, int, int, int]:
        """Left, top, right, bottom in whole pixels; may reach beyond the image."""
        left, top, right, bottom = box
        if not all(map(math.isfinite, box)) or right <= left or bottom <= top:
            raise FaceReadError(
                f"expected a face box (left, top, right, bottom) with an area, got {box}; correct it or use --crop none"
            )
        if right <= 0 or bottom <= 0 or left >= width or top >= height:
            raise FaceReadError(
                f"expected a face box inside the {width} x {height} image, got {box}; correct it or use --crop none"
            )
        half_height = (bottom - top) * (0.5 + self.margin)
        half_width = (right - left) * (0.5 + self.margin)
        aspect = self.size[1] / self.size[0]
        half_width, half_height = max(half_width, half_height * aspect), max(half_height, half_width / aspect)
        x, y = (left + right) / 2, (top + bottom) / 2
        # Whole pixels, so that image and masks are cut along the very same lines.
        left, top = math.floor(x - half_width + 0.5), math.floor(y - half_height + 0.5)
        return left, top, left + max(1, round(2 * half_width)), top + max(1, round(2 * half_height))

    def _aligned_image(self, image: Image.Image, landmarks: Float[np.ndarray, "68 2"]) -> Image.Image:
        to_source = similarity_to_template(landmarks, self.size, self.margin).inverse()
        # Pillow's affine transform does not antialias, so a larger image is first shrunk to the scale of the output.
        width, height = (max(1, round(length / max(1.0, to_source.scale))) for length in image.size)
        shrunk = image.resize((width, height), _RESAMPLING[self.interpolation])
        matrix = to_source.matrix * np.array([[width / image.width], [height / image.height]])
        return shrunk.transform(
            (self.size[1], self.size[0]),
            Image.Transform.AFFINE,
            tuple(matrix.ravel().tolist()),
            resample=_TURNING[self.interpolation],
        )


@dataclass(frozen=True, kw_only=True)
class PreprocessChanges:
    """What a caller wants other than what the source of a model says; None leaves it."""

    size: int | Size | None = None
    mean: Sequence[float] | None = None
    std: Sequence[float] | None = None
    interpolation: Interpolation | None = None
    crop: Crop | None = None
    margin: float | None = None
    channel_order: ChannelOrder | None = None
    value_range: ValueRange | None = None

    def apply(self, base: Preprocess | None, *, what: str) -> Preprocess:
        """`base` with the changes; without a base, `size` must be among them.

        Args:
            what: names the model in the error.

        Raises:
            SettingsError: no size is known, or a value makes no sense.
        """
        changes: dict[str, Any] = {
            entry.name: value for entry in fields(self) if (value := getattr(self, entry.name)) is not None
        }
        if base is not None:
            return replace(base, **changes)
        if self.size is None:
            raise SettingsError(
                f"expected an input size for {what}, which tells none; give size=(height, width) or --size 112"
            )
        return Preprocess(**changes)


def _checked_size(size: object) -> Size:
    pair = (size, size) if isinstance(size, Integral) else size
    if isinstance(pair, Sequence) and len(pair) == 2 and all(isinstance(n, Integral) and int(n) > 0 for n in pair):
        return int(pair[0]), int(pair[1])
    raise SettingsError(f"expected size as one positive whole number or (height, width), got {size!r}")


def _checked_channels(name: str, values: object) -> Channels:
    numbers = isinstance(values, Sequence) and len(values) == 3 and all(isinstance(v, (int, float)) for v in values)
    if numbers and all(map(math.isfinite, cast("Sequence[float]", values))):
        return cast("Channels", tuple(float(v) for v in cast("Sequence[float]", values)))
    raise SettingsError(f"expected {name} as three finite numbers, one a channel, got {values!r}")


def _nearest_indices(source: int, target: int) -> np.ndarray:
    """floor((i + 0.5) * source / target) for every i, in integers and so exact."""
    return (2 * np.arange(target) + 1) * source // (2 * target)
