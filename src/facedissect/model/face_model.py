"""FaceModel: a network in hand, what it wants to see, and its layers; borrowed, and given back as it was."""

from __future__ import annotations

import copy
import hashlib
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..errors import ModelError, SettingsError
from ..settings import Precision
from .borrowing import restored
from .dry_run import DryRun, LayerInfo
from .ieee_float32 import ieee_float32
from .preprocess import ChannelOrder, Crop, Interpolation, Preprocess, PreprocessChanges, Size, ValueRange


class FaceModel:
    """A network and its preprocessing.

    Attributes:
        module: the network as it was handed in; never copied, and unchanged outside `borrowed`.
        network: what is run: `module` without DataParallel or torch.compile around it, so that hooks see every image.
        preprocess: maps an image and its masks to the network's input.
        name: short name, used for files.
        source: where it came from.
        max_batch: the most images that one pass may take; None for any number.
        aliases: short name -> name of a layer; wins over a module of the same name.
        untrained: why its units mean nothing, if its weights are random; the report says so.

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
        margin: float | None = None,
        channel_order: ChannelOrder | None = None,
        value_range: ValueRange | None = None,
        name: str | None = None,
        source: str | None = None,
        max_batch: int | None = None,
        aliases: Mapping[str, str] | None = None,
        untrained: str | None = None,
    ) -> None:
        if not isinstance(module, nn.Module):
            raise ModelError(f"expected a torch.nn.Module, got {type(module).__name__}; give the network itself")
        if max_batch is not None and max_batch < 1:
            raise SettingsError(f"expected max_batch of 1 or more, or None, got {max_batch}")
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
        self.module = module
        self.network = unwrapped(module)
        self.name = name or type(self.network).__name__
        self.preprocess = changes.apply(preprocess, what=self.name)
        self.source = source or f"{type(self.network).__module__}.{type(self.network).__qualname__}"
        self.max_batch = max_batch
        self.aliases = dict(aliases or {})
        self.untrained = untrained

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

    @contextmanager
    def borrowed(self, device: torch.device | str | None = None, precision: Precision = "fp32") -> Iterator[FaceModel]:
        """The network in eval mode, without gradients, on `device` (None: where it is).

        `precision` other than `fp32` runs it under torch's autocast; a network of another type keeps its own under `fp32`, which
        on a CUDA device is float32 as on the CPU, without TensorFloat-32.

        Whatever happens inside, training flags, tensors, devices and hooks are afterwards what they were. It is no_grad
        and not inference_mode: a network may keep a tensor that it makes, and no gradient ever flows through those.

        Raises:
            ModelError: the device does not exist, or has no such precision.
        """
        with restored(self.module), ExitStack() as stack:
            self.module.eval()
            if device is not None:
                try:
                    self.module.to(_known_device(device))
                except (RuntimeError, AssertionError) as error:
                    raise ModelError(
                        f"expected a device that {self.name} fits on, got {device!s}: {one_line(error)}"
                    ) from error
            if precision == "fp32" and self.device.type == "cuda":
                stack.enter_context(ieee_float32())
            stack.enter_context(self.computing(precision))
            yield self

    @contextmanager
    def computing(self, precision: Precision = "fp32") -> Iterator[None]:
        """How a borrowed network is run; each thread that runs it says so for itself. Raises ModelError as `borrowed`."""
        with torch.no_grad(), ExitStack() as stack:
            if precision != "fp32":
                stack.enter_context(_autocast(self.device.type, precision))
            yield

    def replica(self) -> FaceModel:
        """A copy with tensors of its own, for another device.

        Raises:
            ModelError: the network cannot be copied.
        """
        twin = copy.copy(self)
        try:
            twin.module = copy.deepcopy(self.module)
        except Exception as error:
            raise ModelError(
                f"expected a network that can be copied to several devices, got {self.name}: {one_line(error)}; use one"
            ) from error
        twin.network = unwrapped(twin.module)
        return twin

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

        A layer is any module, leaf or not, that makes real numbers out of its input which can be read as maps, tokens or
        features of each image (`layouts.py`). It is found by one pass over two grey images, one where a batch holds no more.

        Args:
            names: dotted names of modules, with `#2` for the second call in a pass and `[key]` for a part of a tuple or a
                mapping; patterns with `*` and `?`; aliases; `all-convs` for every convolution with maps.

        Raises:
            LayerError: a name does not exist, is not reached, stands for several outputs or for one that cannot be read.
            ModelError: the network cannot be run on an input of its size.
        """
        count = min(2, self.max_batch or 2)
        batch = torch.full((count, 3, *self.preprocess.size), 0.5)
        modules = dict(self.module.named_modules(remove_duplicate=False))
        modules.pop("")
        seen = DryRun(self.name, modules, count, self.preprocess.size, self.aliases)

        def watch(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
            seen.saw(module, output, from_input=bool(args or kwargs))

        with self.borrowed():
            for module in set(modules.values()):
                module.register_forward_hook(watch, with_kwargs=True)
            try:
                self(batch)
            except Exception as error:
                raise ModelError(
                    f"expected {self.name} to run on an input of {' x '.join(map(str, batch.shape))}, "
                    f"got {one_line(error)}; check the input size"
                ) from error
        return seen.layers() if names is None else seen.find(names)


def unwrapped(module: nn.Module) -> nn.Module:
    """The network inside DataParallel, DistributedDataParallel or torch.compile; they scatter or skip hooks."""
    while True:
        inner: nn.Module | None = module._modules.get("module" if isinstance(module, _PARALLEL) else "_orig_mod")
        if inner is None:
            return module
        module = inner


_PARALLEL = (nn.DataParallel, nn.parallel.DistributedDataParallel)


def _known_device(device: torch.device | str) -> torch.device:
    try:
        return torch.device(device)
    # torch's own message lists every backend that it was ever written for.
    except RuntimeError as error:
        raise ModelError(f"expected a device such as cpu, cuda, cuda:1 or mps, got {device!r}") from error


def _autocast(device: str, precision: Precision) -> torch.autocast:
    with warnings.catch_warnings():
        # Where a device has no such type, torch warns and goes on in float32, under a name that is not true.
        warnings.simplefilter("error")
        try:
            return torch.autocast(device, {"bf16": torch.bfloat16, "fp16": torch.float16}[precision])
        except (RuntimeError, UserWarning) as error:
            raise ModelError(
                f"expected a device that computes in {precision}, got {device}: {one_line(error)}; use --precision fp32"
            ) from error


def _tensors(module: nn.Module) -> Iterator[Tensor]:
    yield from module.parameters()
    yield from module.buffers()


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
