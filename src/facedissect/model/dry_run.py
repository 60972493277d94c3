"""One pass over grey images, to see which layers a network has and how their outputs are to be read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ..errors import LayerError, nearest_names
from .layer_names import ALL_CONVOLUTIONS, Address, is_pattern, matches, parse, parts
from .layouts import Layout, LayoutReader, Unreadable
from .preprocess import Size


@dataclass(frozen=True, kw_only=True)
class LayerInfo:
    """A layer that can be looked into.

    Attributes:
        name: the module's dotted name, as `named_modules()` gives it; with `#2` for its second call where a pass calls it
            several times, and `[key]` for a part of its output where that has several tensors.
        type: the module's class.
        units: its channels, features or the width of its tokens.
        map_size: height and width of a unit's map; None where a unit has no map, or one of a single position.
        address: where its output is to be had.
        layout: how that output is read as maps.
    """

    name: str
    type: str
    units: int
    map_size: Size | None
    address: Address = field(repr=False, compare=False)
    layout: Layout = field(repr=False, compare=False)


Path = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Output:
    """A tensor that a call gave: its shape, and its layout or the reason why it has none."""

    shape: tuple[int, ...]
    layout: Layout | Unreadable


class DryRun:
    """What the hooks of one pass saw; `layers` and `find` say it.

    Args:
        model: the network's name, for messages.
        modules: dotted name -> module, with every name of a shared module.
        images, input_size: of the pass.
        aliases: short name -> name of a layer.
    """

    def __init__(
        self, model: str, modules: Mapping[str, nn.Module], images: int, input_size: Size, aliases: Mapping[str, str]
    ) -> None:
        self._model, self._modules, self._aliases = model, modules, aliases
        self._reader = LayoutReader(images, input_size)
        self._calls: dict[nn.Module, list[dict[Path, _Output]]] = {}
        self._kinds: dict[nn.Module, str] = {}

    def saw(self, module: nn.Module, output: object, *, from_input: bool) -> None:
        """Take in what a call of a module gave; constants, which it makes out of no input, are no layers."""
        call = {
            path: _Output(shape=tuple(tensor.shape), layout=self._reader.read(module, tensor.shape))
            for path, tensor in parts(output)
            if from_input and tensor.is_floating_point()
        }
        self._calls.setdefault(module, []).append(call)
        self._kinds[module] = f"a tensor of {output.dtype}" if isinstance(output, Tensor) else type(output).__name__

    def layers(self) -> list[LayerInfo]:
        """Every layer that can be looked into, in the order of `named_modules()`; a shared module by its first name."""
        found: list[LayerInfo] = []
        seen: set[nn.Module] = set()
        for name, module in self._modules.items():
            calls = [] if module in seen else self._calls.get(module, [])
            seen.add(module)
            for number, call in enumerate(calls, 1):
                layouts = _layouts(call)
                for path, (shape, layout) in layouts.items():
                    shown = Address(
                        module=name,
                        call=number if len(calls) > 1 else None,
                        part=path if len(layouts) > 1 else None,
                    )
                    address = Address(module=name, call=number, part=path)
                    found.append(_info(str(shown), module, address, shape, layout))
        return found

    def find(self, names: Sequence[str]) -> list[LayerInfo]:
        """The layers that names, aliases and patterns stand for, in their order, each once.

        Raises:
            LayerError: a name does not exist, is not reached, stands for several outputs or one that cannot be read; or a
                pattern covers nothing.
        """
        found: dict[str, LayerInfo] = {}
        for name in names:
            found |= {info.name: info for info in self._find(self._aliases.get(name, name))}
        return list(found.values())

    def _find(self, name: str) -> list[LayerInfo]:
        known = self.layers()
        if name == ALL_CONVOLUTIONS:
            chosen = [info for info in known if info.map_size and _is_convolution(self._modules[info.address.module])]
            if not chosen:
                raise LayerError(f"expected convolutions for {name}, got none in {self._model}; name its layers")
            return chosen
        if is_pattern(name) and name not in self._modules:
            chosen = [info for info in known if matches(info.name, name)]
            if not chosen:
                nearest = nearest_names(name, [info.name for info in known])
                raise LayerError(f"expected layers of {self._model} like {name!r}, got none; nearest: {nearest}")
            return chosen
        return [next((info for info in known if info.name == name), None) or self._exactly(name)]

    def _exactly(self, name: str) -> LayerInfo:
        """A layer that is not listed under this name: another name of a shared module, an explicit `#1`, or an error."""
        address = Address(module=name) if name in self._modules else parse(name)
        if address.module not in self._modules or not address.module:
            nearest = nearest_names(name, [*self._aliases, *self._modules, ALL_CONVOLUTIONS])
            raise LayerError(f"expected a layer of {self._model}, got {name!r}; nearest: {nearest}")
        module = self._modules[address.module]
        calls = self._calls.get(module, [])
        if not calls:
            raise LayerError(f"expected a layer that the forward pass reaches, got {name!r}, which it never calls")
        if address.call is None and len(calls) > 1:
            choices = ", ".join(f"{address.module}#{number}" for number in range(1, len(calls) + 1))
            raise LayerError(
                f"expected one call of {name!r}, which a pass calls {len(calls)} times; name one of {choices}"
            )
        number = address.call or 1
        if not 1 <= number <= len(calls):
            raise LayerError(
                f"expected a call of {address.module!r} from 1 to {len(calls)}, got {name!r}; "
                "a pass does not call it that often"
            )
        path, output = self._only_tensor(name, address, calls[number - 1])
        if isinstance(output.layout, Unreadable):
            raise LayerError(f"expected maps, tokens or features from layer {name!r}, got {output.layout.reason}")
        place = Address(module=address.module, call=number, part=path)
        return _info(name, module, place, output.shape, output.layout)

    def _only_tensor(self, name: str, address: Address, call: Mapping[Path, _Output]) -> tuple[Path, _Output]:
        """The tensor of a call that an address means."""
        if not call:
            kind = self._kinds[self._modules[address.module]]
            raise LayerError(
                f"expected a layer that gives real numbers in a tensor, got {name!r}, which gives {kind}; choose another"
            )
        if address.part is not None and address.part not in call:
            known = ", ".join(_spelt(path) for path in call)
            raise LayerError(f"expected a part of what {address.module!r} gives ({known}), got {name!r}")
        paths = list(_layouts(call) or call) if address.part is None else [address.part]
        if len(paths) > 1:
            choices = ", ".join(name + _spelt(path) for path in paths)
            raise LayerError(f"expected one tensor of {name!r}, which gives {len(paths)}; name one of {choices}")
        return paths[0], call[paths[0]]


def _is_convolution(module: nn.Module) -> bool:
    """By its name too, since the modules of exported programs and of TorchScript only bear the names of torch's own."""
    named = re.fullmatch(r"Conv(Transpose)?[123]d", type(module).__name__) is not None
    return named or isinstance(module, nn.modules.conv._ConvNd)


def _layouts(call: Mapping[Path, _Output]) -> dict[Path, tuple[tuple[int, ...], Layout]]:
    """Shape and layout of the tensors that can be read."""
    return {path: (made.shape, made.layout) for path, made in call.items() if isinstance(made.layout, Layout)}


def _spelt(path: Path) -> str:
    return "".join(f"[{key}]" for key in path) or "the tensor itself"


def _info(name: str, module: nn.Module, address: Address, shape: Sequence[int], layout: Layout) -> LayerInfo:
    _, units, height, width = layout.maps(torch.empty(tuple(shape), device="meta")).shape
    return LayerInfo(
        name=name,
        type=type(module).__name__,
        units=units,
        map_size=None if (height, width) == (1, 1) else (height, width),
        address=address,
        layout=layout,
    )
