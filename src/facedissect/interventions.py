"""Replace units of a layer while a network runs, through a hook: by zero, their mean, or their values on other images."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64
from torch import Tensor, nn

from .errors import LayerError
from .model.dry_run import LayerInfo
from .model.face_model import FaceModel
from .model.layer_names import part
from .model.layouts import Layout
from .replay import Front, Recorded

Mode = Literal["zero", "mean", "exchange"]
Answers = Float32[np.ndarray, "image output"]
ReadAnswers = Callable[[Any, int], Answers]
"""Given a network's output and the number of images: its answers."""


@dataclass(frozen=True, kw_only=True)
class Replacement:
    """What units of a layer are replaced by.

    Attributes:
        units: their numbers.
        values: of each image, unit and place, where a size of 1 stands for all; None for 0.
    """

    units: tuple[int, ...]
    values: Float[Tensor, "image unit row column"] | None = None

    @classmethod
    def by_zero(cls, units: Sequence[int]) -> Replacement:
        """Units that are silent."""
        return cls(units=tuple(units))

    @classmethod
    def by_mean(cls, units: Sequence[int], activity: Activity) -> Replacement:
        """Units that always give their mean."""
        return cls(units=tuple(units), values=torch.from_numpy(activity.typical[list(units)]).float()[None])

    @classmethod
    def by_exchange(cls, units: Sequence[int], maps: Float[Tensor, "image unit row column"]) -> Replacement:
        """Units that give to each image what they gave to the one before it, and to the first what they gave to the last."""
        return cls(units=tuple(units), values=maps[:, list(units)].roll(1, dims=0))


@dataclass(frozen=True, kw_only=True)
class Activity:
    """How active the units of a layer are, over many images.

    Attributes:
        mean: of each unit over images and positions; not finite where it was not finite once.
        peak: mean over images of the highest value of its map.
        typical: what stands for each unit's mean at each place of the layer: `mean` at every position; for a class or register
            token, which has no position, the mean of that token.
    """

    mean: Float64[np.ndarray, " unit"]
    peak: Float64[np.ndarray, " unit"]
    typical: Float64[np.ndarray, "unit row column"]


class ActivityRecorder:
    """Takes in the maps of images, batch by batch."""

    def __init__(self, layer: LayerInfo) -> None:
        self._prefix = layer.layout.prefix
        self._images = 0
        self._sums: Float64[np.ndarray, "unit row column"] | float = 0.0
        self._peaks: Float64[np.ndarray, " unit"] | float = 0.0

    def update(self, maps: Float[Tensor, "image unit row column"]) -> None:
        """Take in some images' maps, as `Interventions.see` gives them."""
        self._images += len(maps)
        self._sums = self._sums + maps.double().sum(0).cpu().numpy()
        self._peaks = self._peaks + maps[..., self._prefix :].flatten(2).amax(2).double().sum(0).cpu().numpy()

    def result(self) -> Activity:
        """Over all images taken in, at least one."""
        typical = np.array(self._sums, np.float64) / self._images
        mean = typical[..., self._prefix :].mean((1, 2))
        typical[..., self._prefix :] = mean[:, None, None]
        return Activity(mean=mean, peak=np.array(self._peaks, np.float64) / self._images, typical=typical)


class Interventions:
    """Context in which a borrowed network answers some images, first as it is and then with units replaced.

    A unit of tokens is replaced in all of them, class and register tokens too. The layer's output is copied before it is
    written to, so neither skip connections nor modules that work in place see each other's changes. What comes before the
    layer is run once for all replacements, where that gives the same answers. The hook and all else come off at its end.

    Args:
        model: the network.
        layer: the layer, of `model.layers`.
        read: makes answers of the network's output.
        most: images in one pass.
    """

    def __init__(self, model: FaceModel, layer: LayerInfo, read: ReadAnswers, most: int = 32) -> None:
        self._model, self._layer, self._read, self._most = model, layer, read, most
        self._layout = whole(layer.layout)
        self._call = layer.address.call or 1
        self._module = dict(model.module.named_modules(remove_duplicate=False))[layer.address.module]
        self._front = Front(model.network, self._module, self._call)
        self._replays: bool | None = None
        self._pieces: list[tuple[Tensor, Recorded]] = []
        self._calls = 0
        self._seen: Tensor | None = None
        self._replacement: tuple[tuple[int, ...], Tensor | float] | None = None
        self._hooks = ExitStack()

    def __enter__(self) -> Interventions:
        self._hooks.callback(self._module.register_forward_hook(self._hook).remove)
        return self

    def __exit__(self, *_: object) -> None:
        self._hooks.close()
        self._pieces.clear()

    def see(
        self, images: Float[Tensor, "image 3 height width"]
    ) -> tuple[Answers, Float[Tensor, "image unit row column"]]:
        """Answers to images without a replacement, and the layer's maps in float32, with all places that a unit has.

        Raises:
            LayerError: the layer gives something else than in the dry run that found it.
        """
        self._pieces.clear()
        answers, maps = [], []
        for batch in torch.split(images, self._most):
            for piece in self._model.slices(batch):
                with self._front.recording() as recorded:
                    answers.append(self._run(piece))
                maps.append(self._checked(len(piece)))
                if self._replays is None:
                    with self._front.replaying(recorded):
                        self._replays = np.array_equal(self._run(piece), answers[-1], equal_nan=True)
                self._pieces.append((piece, recorded if self._replays else Recorded()))
        self._seen = None
        return np.concatenate(answers), torch.cat(maps)

    def answers(self, replacement: Replacement) -> Answers:
        """Answers to the images seen last, with units replaced."""
        answers, start = [], 0
        for piece, recorded in self._pieces:
            values: Tensor | float = 0.0
            if replacement.values is not None:
                values = replacement.values
                values = values if len(values) == 1 else values[start : start + len(piece)]
            start += len(piece)
            self._replacement = (replacement.units, values)
            try:
                with self._front.replaying(recorded):
                    answers.append(self._run(piece))
            finally:
                self._replacement = None
        return np.concatenate(answers)

    def _run(self, piece: Tensor) -> Answers:
        self._calls, self._seen = 0, None
        return self._read(self._model(piece), len(piece))

    def _hook(self, _module: nn.Module, _inputs: Any, output: Any) -> Any:
        self._calls += 1
        if self._calls != self._call:
            return None
        path = self._layer.address.part or ()
        tensor = part(output, path)
        if tensor is None:
            return None
        if self._replacement is None:
            self._seen = self._layout.maps(tensor.detach()).to(torch.float32, copy=True)
            return None
        units, values = self._replacement
        return _with_part(output, path, _written(tensor.detach(), self._layout, units, values))

    def _checked(self, images: int) -> Tensor:
        size = self._layer.map_size or (1, 1)
        places = self._layout.grid or size
        expected = (images, self._layer.units, *places)
        got = self._seen
        if got is None or tuple(got.shape) != expected:
            told = "none" if got is None else " x ".join(map(str, got.shape))
            raise LayerError(
                f"expected values of {' x '.join(map(str, expected))} from layer {self._layer.name!r} in every pass, got "
                f"{told}; units of a network whose layers change from pass to pass cannot be replaced"
            )
        return got


def whole(layout: Layout) -> Layout:
    """The layout with every place that a unit has: of tokens all in one row, those without a position first."""
    if layout.grid is None:
        return layout
    height, width = layout.grid
    return replace(layout, grid=(1, layout.prefix + height * width), prefix=0)


def _written(tensor: Tensor, layout: Layout, units: tuple[int, ...], values: Tensor | float) -> Tensor:
    """A copy of a layer's output in which units have other values."""
    changed = tensor.clone(memory_format=torch.contiguous_format)
    if isinstance(values, Tensor):
        values = values.to(changed.device, changed.dtype)
    maps = layout.maps(changed)
    chosen = list(units)
    if maps.untyped_storage().data_ptr() == changed.untyped_storage().data_ptr():
        maps[:, chosen] = values
    else:
        # Units that are spread over heads are no view of the output; where each value lies is.
        places = layout.maps(torch.arange(changed.numel(), device=changed.device).view(changed.shape))[:, chosen]
        changed.view(-1)[places] = values.expand(places.shape) if isinstance(values, Tensor) else values
    return changed


def _with_part(output: Any, path: tuple[str, ...], tensor: Tensor) -> Any:
    """The output with another tensor at a path; the output itself stays as it is."""
    if not path:
        return tensor
    key, rest = path[0], path[1:]
    if isinstance(output, Mapping):
        changed: Any = copy.copy(output)
        name = next(name for name in output if str(name) == key)
        changed[name] = _with_part(output[name], rest, tensor)
        return changed
    values = list(output)
    values[int(key)] = _with_part(values[int(key)], rest, tensor)
    if hasattr(output, "_fields"):
        return type(output)(*values)
    return type(output)(values)
