"""FaceModel: a network in hand, what it wants to see, and its layers; borrowed, and given back as it was."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..errors import LayerError, ModelError, SettingsError, nearest_names
from .borrowing import restored
from .preprocess import Crop, Interpolation, Preprocess, PreprocessChanges, Size


@dataclass(frozen=True, kw_only=True)
class LayerInfo:
    """A layer that can be looked into.

    Attributes:
        name: the module's dotted name, as `named_modules()` gives it.
        type: the module's class.
        units: its channels or, without a map, its features.
        map_size: height and width of a unit's map; None where a unit has no map, or one of a single position.
        calls: how often one pass calls the module; sizes are those of the first call.
    """

    name: str
    type: str
    units: int
    map_size: Size | None
    calls: int = 1


class FaceModel:
    """A network and its preprocessing.

    Attributes:
        module: the network as it was handed in; never copied, and unchanged outside `borrowed`.
        network: what is run: `module` without DataParallel or torch.compile around it, so that hooks see every image.
        preprocess: maps an image and its masks to the network's input.
        name: short name, used for files.
        source: where it came from.
        max_batch: the most images that one pass may take; None for any number.

    Raises:
        ModelError: `module` is not an nn.Module.
        SettingsError: the input size is not known, or a value makes no sense.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        preprocess: Preprocess | None = None,
        size: int | Size | None = None,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        interpolation: Interpolation | None = None,
        crop: Crop | None = None,
        name: str | None = None,
        source: str | None = None,
        max_batch: int | None = None,
    ) -> None:
        if not isinstance(module, nn.Module):
            raise ModelError(f"expected a torch.nn.Module, got {type(module).__name__}; give the network itself")
        if max_batch is not None and max_batch < 1:
            raise SettingsError(f"expected max_batch of 1 or more, or None, got {max_batch}")
        changes = PreprocessChanges(size=size, mean=mean, std=std, interpolation=interpolation, crop=crop)
        self.module = module
        self.network = unwrapped(module)
        self.name = name or type(self.network).__name__
        self.preprocess = changes.apply(preprocess, what=self.name)
        self.source = source or f"{type(self.network).__module__}.{type(self.network).__qualname__}"
        self.max_batch = max_batch

    def __repr__(self) -> str:
        return f"FaceModel({self.name!r}, source={self.source!r}, size={self.preprocess.size})"

    @property
    def device(self) -> torch.device:
        """Where the network's first parameter or buffer lives; the CPU if it has none."""
        return next(_tensors(self.network), torch.empty(0)).device

    @property
    def dtype(self) -> torch.dtype:
        """The type of the network's first floating-point parameter or buffer; float32 if it has none."""
        return next((tensor.dtype for tensor in _tensors(self.network) if tensor.is_floating_point()), torch.float32)

    @property
    def digest(self) -> str:
        """SHA-256 over the architecture and every parameter and buffer (name, shape, type, bytes), as hexadecimal."""
        total = hashlib.sha256(_without_addresses(str(self.network)).encode())
        # Buffers that are not saved still change what the network answers.
        for name, value in sorted({**dict(self.network.named_buffers()), **self.network.state_dict()}.items()):
            if isinstance(value, Tensor):
                total.update(repr((name, tuple(value.shape), str(value.dtype))).encode())
                total.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
            else:
                total.update(_without_addresses(repr((name, value))).encode())
        return total.hexdigest()

    def module_of(self, layer: str) -> nn.Module:
        """The module named `layer`. Raises LayerError, naming the nearest, if there is none."""
        modules: dict[str, nn.Module] = dict(self.module.named_modules(remove_duplicate=False))
        modules.pop("")
        if layer not in modules:
            raise LayerError(
                f"expected a layer of {self.name}, got {layer!r}; nearest: {nearest_names(layer, modules)}"
            )
        return modules[layer]

    @contextmanager
    def borrowed(self, device: torch.device | str | None = None) -> Iterator[FaceModel]:
        """The network in eval mode, without gradients, on `device` (None: where it is).

        Whatever happens inside, training flags, tensors, devices and hooks are afterwards what they were. It is no_grad
        and not inference_mode: a network may keep a tensor that it makes, and no gradient ever flows through those.

        Raises:
            ModelError: the device does not exist.
        """
        with restored(self.module), torch.no_grad():
            self.module.eval()
            if device is not None:
                try:
                    self.module.to(device)
                except (RuntimeError, AssertionError) as error:
                    raise ModelError(
                        f"expected a device that {self.name} fits on, got {device!s}: {one_line(error)}"
                    ) from error
            yield self

    def slices(self, batch: Float[Tensor, "image 3 height width"]) -> Iterator[Float[Tensor, "slice 3 height width"]]:
        """The batch in pieces that one pass may take, on the network's device and in its type."""
        for piece in torch.split(batch, self.max_batch or max(1, len(batch))):
            yield piece.to(self.device, self.dtype)

    def __call__(self, batch: Float[Tensor, "image 3 height width"]) -> Any:
        """The network's output for a batch; pieces that had to be run apart are joined along their first axis.

        To capture activations, iterate over `slices` and call the model on each: hooks then see the images in order.
        """
        return _joined([self.network(piece) for piece in self.slices(batch)])

    def layers(self, names: Sequence[str] | None = None) -> list[LayerInfo]:
        """The layers that one pass reaches, in the order of `named_modules()`, or those named, in their order.

        A layer is any module, leaf or not, that makes a floating-point tensor batch x ... out of its input.

        Raises:
            LayerError: a name does not exist, is not reached, or its output is not such a tensor.
            ModelError: the network cannot be run on an input of its size.
        """
        if names is None:
            modules = {name: module for name, module in self.module.named_modules() if name}
        else:
            modules = {name: self.module_of(name) for name in names}
        seen = self._dry_run(modules)
        if names is not None:
            for name in names:
                _check_seen(name, seen.get(name))
        return [
            LayerInfo(
                name=name,
                type=type(module).__name__,
                units=units_and_map(output.shape)[0],
                map_size=units_and_map(output.shape)[1],
                calls=seen[name].calls,
            )
            for name, module in modules.items()
            if name in seen and (output := seen[name].output) is not None
        ]

    def _dry_run(self, modules: Mapping[str, nn.Module]) -> dict[str, _Seen]:
        """What each module gave in one pass over two grey images (one, where a batch holds no more)."""
        count = min(2, self.max_batch or 2)
        seen: dict[str, _Seen] = {}

        def watch(name: str, module: nn.Module) -> None:
            def hook(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
                if name not in seen:
                    made = _layer_output(output, count, from_input=bool(args or kwargs))
                    seen[name] = _Seen(output=made, kind=type(output).__name__)
                seen[name].calls += 1

            module.register_forward_hook(hook, with_kwargs=True)

        batch = torch.full((count, 3, *self.preprocess.size), 0.5)
        with self.borrowed():
            for name, module in modules.items():
                watch(name, module)
            try:
                self(batch)
            except Exception as error:
                raise ModelError(
                    f"expected {self.name} to run on an input of {' x '.join(map(str, batch.shape))}, "
                    f"got {one_line(error)}; check the input size"
                ) from error
        return seen


@dataclass
class _Seen:
    """What a hook saw of one module; the output as a tensor without memory, None if it is no layer's."""

    output: Tensor | None = field(repr=False)
    kind: str
    calls: int = 0


def units_and_map(shape: Sequence[int]) -> tuple[int, Size | None]:
    """Units and map size of an output: batch x units x height x width has maps unless they are of one position."""
    if len(shape) != 4:
        return shape[-1], None
    return shape[1], None if shape[2:] == (1, 1) else (shape[2], shape[3])


def unwrapped(module: nn.Module) -> nn.Module:
    """The network inside DataParallel, DistributedDataParallel or torch.compile; they scatter or skip hooks."""
    while True:
        inner: nn.Module | None = module._modules.get("module" if isinstance(module, _PARALLEL) else "_orig_mod")
        if inner is None:
            return module
        module = inner


_PARALLEL = (nn.DataParallel, nn.parallel.DistributedDataParallel)


def _tensors(module: nn.Module) -> Iterator[Tensor]:
    yield from module.parameters()
    yield from module.buffers()


def _layer_output(output: Any, count: int, *, from_input: bool) -> Tensor | None:
    """The output if it is a layer's: made from an input, floating-point, batch x ... ."""
    if not from_input or not isinstance(output, Tensor) or not output.is_floating_point():
        return None
    return output.to("meta") if output.ndim >= 2 and output.shape[0] == count else None


def _check_seen(name: str, seen: _Seen | None) -> None:
    if seen is None:
        raise LayerError(f"expected a layer that the forward pass reaches, got {name!r}, which it never calls")
    if seen.output is None:
        raise LayerError(
            f"expected a layer that gives one tensor batch x units x ..., got {name!r}, which gives {seen.kind}"
        )


def _joined(outputs: Sequence[Any]) -> Any:
    """Outputs of successive slices as one: tensors along their first axis, inside tuples, lists and mappings too."""
    first = outputs[0]
    if len(outputs) == 1:
        return first
    if isinstance(first, Tensor):
        return torch.cat(list(outputs))
    if isinstance(first, Mapping):
        return {key: _joined([output[key] for output in outputs]) for key in first}
    if isinstance(first, (tuple, list)):
        return tuple(_joined(values) for values in zip(*outputs, strict=True))
    return list(outputs)


def _without_addresses(text: str) -> str:
    return re.sub(r" at 0x[0-9a-fA-F]+", "", text)


def one_line(error: BaseException) -> str:
    """An exception of someone else's code, by the first sentence of its message."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0].split('. ')[0].rstrip('.:')}" if lines else type(error).__name__
