"""Networks as a zoo builds them, with random weights: always the same ones, announced, or filled from a checkpoint."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from .checkpoint import fit_weights, read_checkpoint

RANDOM = "{source} has random weights, so its units mean nothing; give weights (a file, or DEFAULT)"

_SEED = 0


class UntrainedWarning(UserWarning):
    """A network has random weights, so that its units mean nothing."""


@contextmanager
def seeded() -> Iterator[None]:
    """Random weights made inside are the same every time; outside, random numbers go on as if nothing had been."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        yield


def warn_untrained(message: str) -> None:
    """Announces random weights to whoever called `load_model`; to be called by a door's `load` itself."""
    warnings.warn(message, UntrainedWarning, stacklevel=4)


def filled(build: Callable[..., nn.Module], path: Path, *, head: str | None = None) -> nn.Module:
    """The network that `build` makes, with as many classes as a checkpoint has and filled with it.

    Args:
        build: called with `num_classes=` where the checkpoint has others than `build()` makes.
        path: the checkpoint.
        head: the layer that gives the classes, for a zoo that leaves it out for `num_classes=0`; None: the last Linear,
            which is never left out.

    Raises:
        WeightsError: the checkpoint cannot be read, or is of another architecture.
    """
    state = read_checkpoint(path)
    module = build()
    classes = _other_number_of_classes(module, state, head)
    if classes is not None:
        module = build(num_classes=classes)
    fit_weights(module, state, source=str(path))
    return module


def _other_number_of_classes(module: nn.Module, state: Mapping[str, Tensor], head: str | None) -> int | None:
    """The classes in the checkpoint, where they are not those of the network."""
    layers = [name for name, layer in module.named_modules() if isinstance(layer, nn.Linear)]
    last = head or (layers[-1] if layers else "")
    own = module.state_dict().get(f"{last}.weight")
    weight = next((value for name, value in state.items() if f".{name}".endswith(f".{last}.weight")), None)
    if weight is None:
        return 0 if head and own is not None else None
    if own is not None and (weight.ndim != own.ndim or len(weight) == len(own)):
        return None
    return len(weight) if own is not None or head else None
