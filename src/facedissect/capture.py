"""Hook layers of a network, so that every forward pass leaves their maps behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .errors import LayerError
from .model.dry_run import LayerInfo
from .model.face_model import FaceModel
from .model.layer_names import part


class Capture:
    """Context in which every forward pass of the model leaves the maps of some layers behind; hooks come off at its end."""

    def __init__(self, model: FaceModel, layers: Sequence[LayerInfo]) -> None:
        self._model, self._layers = model, tuple(layers)
        self._calls: dict[str, int] = {}
        self._seen: dict[str, Tensor] = {}
        self._hooks = ExitStack()

    def __enter__(self) -> Capture:
        modules = dict(self._model.module.named_modules(remove_duplicate=False))
        for name in {layer.address.module: None for layer in self._layers}:
            wanted = [layer for layer in self._layers if layer.address.module == name]
            self._hooks.callback(modules[name].register_forward_hook(self._keeper(name, wanted)).remove)
        return self

    def __exit__(self, *_: object) -> None:
        self._hooks.close()

    def _keeper(self, name: str, wanted: Sequence[LayerInfo]) -> Callable[[nn.Module, Any, Any], None]:
        def keep(_module: nn.Module, _inputs: Any, output: Any) -> None:
            self._calls[name] = call = self._calls.get(name, 0) + 1
            for layer in wanted:
                if layer.address.call == call:
                    tensor = part(output, layer.address.part or ())
                    if tensor is not None:
                        # A copy: the next module may work in place (ReLU, dropout) on the same memory.
                        self._seen[layer.name] = layer.layout.maps(tensor.detach()).to(
                            torch.float32, memory_format=torch.contiguous_format, copy=True
                        )

        return keep

    def maps(self, images: Float[Tensor, "image channel height width"]) -> dict[str, Float[Tensor, "image unit h w"]]:
        """Run the network on a batch and return the float32 maps of every layer; 1 x 1 where a layer has no maps.

        Raises:
            LayerError: a layer gives something else than in the dry run that found it.
        """
        collected: dict[str, list[Tensor]] = {layer.name: [] for layer in self._layers}
        for piece in self._model.slices(images):
            self._calls.clear()
            self._seen.clear()
            self._model(piece)
            for layer in self._layers:
                collected[layer.name].append(self._checked(layer, len(piece)))
        self._seen.clear()
        return {layer: parts[0] if len(parts) == 1 else torch.cat(parts) for layer, parts in collected.items()}

    def _checked(self, layer: LayerInfo, images: int) -> Tensor:
        expected = (images, layer.units, *(layer.map_size or (1, 1)))
        got = self._seen.get(layer.name)
        if got is None or tuple(got.shape) != expected:
            told = "none" if got is None else " x ".join(map(str, got.shape))
            raise LayerError(
                f"expected maps of {' x '.join(map(str, expected))} from layer {layer.name!r} in every pass, got {told}; "
                "a network whose layers change from pass to pass cannot be dissected"
            )
        return got
