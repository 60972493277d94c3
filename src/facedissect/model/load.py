"""load_model: the one door for every source of a network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from ..errors import ModelError
from . import demo, exported, huggingface, onnx, python, timm, torchscript, torchvision, zoo
from .face_model import FaceModel
from .preprocess import ChannelOrder, Crop, Interpolation, PreprocessChanges, Size, ValueRange


class Door(Protocol):
    """Loads what stands behind the scheme of a spec."""

    def __call__(self, target: str, *, weights: str | Path | None, changes: PreprocessChanges) -> FaceModel:
        """The network named `target`. Raises ModelError and its kinds, and SettingsError."""
        ...


DOORS: dict[str, Door] = {
    "demo": demo.load,
    "zoo": zoo.load,
    "torchvision": torchvision.load,
    "timm": timm.load,
    "hf": huggingface.load,
    "onnx": onnx.load,
    "export": exported.load,
    "torchscript": torchscript.load,
    "python": python.load,
}
"""Scheme of a spec -> the function that loads it."""


def load_model(
    spec: str,
    *,
    weights: str | Path | None = None,
    size: int | Size | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    interpolation: Interpolation | None = None,
    crop: Crop | None = None,
    margin: float | None = None,
    channel_order: ChannelOrder | None = None,
    value_range: ValueRange | None = None,
    name: str | None = None,
) -> FaceModel:
    """A network by its spec.

    Args:
        spec: where the network comes from: `demo:NAME`, `zoo:NAME`, `torchvision:NAME`, `timm:NAME`, `hf:FOLDER_OR_ID`,
            `onnx:FILE`, `export:FILE`, `torchscript:FILE` or `python:package.module:callable`.
        weights: a checkpoint (safetensors, or torch's without code), or the name of the source's own weights.
        size: height and width of the input; one int for a square. None: as the source says.
        mean: subtracted from the image in `value_range`. None: as the source says, else 0.
        std: then divides. None: as the source says, else 1.
        interpolation: of the resize. None: as the source says, else bilinear.
        crop: of the face. None: as the source says, else none.
        margin: around the face of a crop, as a share of its size. None: as the source says, else 0.
        channel_order: of the channels. None: as the source says, else rgb.
        value_range: of the pixels, 0-1 or 0-255. None: as the source says, else 0-1.
        name: short name, used for files. None: as the source says.

    Raises:
        ModelError: there is no such source, or it has no such network, or it cannot be built.
        WeightsError: the weights are damaged, unsafe or of another architecture.
        SettingsError: a size is needed and not known, or a value makes no sense.
        MissingExtraError: an optional dependency is not installed.
    """
    scheme, colon, target = spec.partition(":")
    if not colon or not target or scheme not in DOORS:
        known = ", ".join(f"{scheme}:..." for scheme in DOORS)
        raise ModelError(f"expected a model as one of {known}, got {spec!r}; for example demo:age")
    changes = PreprocessChanges(
        size=size,
        mean=mean,
        std=std,
        interpolation=interpolation,
        crop=crop,
        margin=margin,
        channel_order=channel_order,
        value_range=value_range,
    )
    model = DOORS[scheme](target, weights=weights, changes=changes)
    if name is not None:
        model.name = name
    return model
