"""Run the front of a network once: modules that end before a layer give again what they gave in the pass before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn


@dataclass(kw_only=True)
class Recorded:
    """What modules gave in one pass, each called once in it and before the layer.

    Attributes:
        outputs: of the outermost such modules that give a tensor.
    """

    outputs: list[tuple[nn.Module, Tensor]] = field(default_factory=list)


class Front:
    """The modules of a network that end before one call of one of them, the layer.

    Whoever replays compares the answer with that of the recorded pass once: a module whose effect is more than what it
    gives, such as a change of its input in place that others rely on, is not made up for.

    Args:
        network: the network.
        layer: the module of the layer.
        call: which of its calls in a pass, from 1.
    """

    def __init__(self, network: nn.Module, layer: nn.Module, call: int) -> None:
        self._network, self._layer, self._call = network, layer, call
        modules = dict(network.named_modules(remove_duplicate=False))
        names = [name.split(".") for name, module in modules.items() if module is layer]
        # Left alone, so that every call of the layer takes place and can be counted.
        self._around = {modules[".".join(name[:end])] for name in names for end in range(len(name) + 1) if name[:end]}
        self._around.add(network)

    @contextmanager
    def recording(self) -> Iterator[Recorded]:
        """Context of one pass; what it gives is filled at its end."""
        recorded, calls, open_calls = Recorded(), Counter[nn.Module](), list[int]()
        done: list[tuple[nn.Module, Tensor]] = []

        def begin(_module: nn.Module, _inputs: Any) -> None:
            open_calls.append(len(done))

        def end(module: nn.Module, _inputs: Any, output: Any) -> None:
            start = open_calls.pop()
            calls[module] += 1
            if calls[self._layer] < self._call and isinstance(output, Tensor) and module not in self._around:
                # What was called inside is not called again.
                del done[start:]
                # A copy: the next module may work in place on the same memory.
                done.append((module, output.detach().clone()))

        with ExitStack() as stack:
            for module in self._network.modules():
                stack.callback(module.register_forward_pre_hook(begin).remove)
                stack.callback(module.register_forward_hook(end).remove)
            yield recorded
        recorded.outputs = [(module, output) for module, output in done if calls[module] == 1]

    @contextmanager
    def replaying(self, recorded: Recorded) -> Iterator[None]:
        """Context of passes over the same images in which the recorded modules do not run but give what they gave."""
        with ExitStack() as stack:
            for module, output in recorded.outputs:
                stack.callback(_put_back, module, vars(module).get("forward"))
                vars(module)["forward"] = _Giving(output)
            yield


class _Giving:
    """A `forward` that gives a copy of one tensor, whatever it is given."""

    def __init__(self, output: Tensor) -> None:
        self._output = output

    def __call__(self, *_: Any, **__: Any) -> Tensor:
        return self._output.clone()


def _put_back(module: nn.Module, forward: Any) -> None:
    if forward is None:
        vars(module).pop("forward", None)
    else:
        vars(module)["forward"] = forward
