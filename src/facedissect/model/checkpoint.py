"""Reads weights from files without ever running code that they hold, and fits them into a network."""

from __future__ import annotations

import pickle
import re
import warnings
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from ..errors import WeightsError
from .face_model import one_line, unwrapped

StateDict = dict[str, Tensor]

_WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "weights")
_PREFIX = re.compile(r"(module|_orig_mod|model|net)\.")
_SAVE = "torch.save(model.state_dict(), FILE)"
_HEADS = ("classifier", "fc", "head", "last_linear", "logits")


def load_weights(module: nn.Module, path: str | Path, *, idle_heads: Collection[str] | None = None) -> None:
    """Fills `module` with the weights in a file.

    Args:
        idle_heads: as for `fit_weights`.

    Raises:
        WeightsError: as `read_checkpoint`; or the weights are of another architecture.
    """
    fit_weights(module, read_checkpoint(path), source=str(path), idle_heads=idle_heads)


def read_checkpoint(path: str | Path) -> StateDict:
    """The tensors of a `.safetensors` file or of one written by `torch.save`, by name.

    `{"state_dict": ...}` and the like are unwrapped. Pickled code is refused and never runs.

    Raises:
        WeightsError: the file does not exist, is damaged, holds code, or no tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"expected a checkpoint file, got {path}, which is not a file; check the path")
    loaded = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    while isinstance(loaded, Mapping):
        inner = next((loaded[key] for key in _WRAPPERS if isinstance(loaded.get(key), Mapping)), None)
        if inner is None:
            break
        loaded = inner
    if not isinstance(loaded, Mapping):
        raise WeightsError(
            f"expected named tensors in {path}, got {type(loaded).__name__}; save the network's state_dict: {_SAVE}"
        )
    state = {name: value for name, value in loaded.items() if isinstance(name, str) and isinstance(value, Tensor)}
    if not state:
        raise WeightsError(f"expected named tensors in {path}, got {_some(map(str, loaded))}; save it with {_SAVE}")
    return state


def fit_weights(
    module: nn.Module, state: Mapping[str, Tensor], *, source: str, idle_heads: Collection[str] | None = None
) -> None:
    """Fills `module` with `state`; prefixes such as `module.` that only the checkpoint has are taken off.

    Args:
        source: names the checkpoint in the error.
        idle_heads: the classifier heads of the network that it never calls. Given, even as none, heads may differ: an
            idle one that the checkpoint lacks, or has in another size, is taken out of the network; and one of the
            checkpoint whose name starts with `classifier.`, `fc.`, `head.`, `last_linear.` or `logits.` is ignored
            where no name of the network starts so. None: the checkpoint has the network's names, no more and no less.

    Raises:
        WeightsError: names or shapes differ; missing, unexpected and mis-shaped ones are told.
    """
    network = unwrapped(module)
    # The tensors themselves, so that one with two names (layers that are shared) is known as one.
    wanted: StateDict = {
        n: value for n, value in network.state_dict(keep_vars=True).items() if isinstance(value, Tensor)
    }
    state = _without_prefix(state, wanted)
    taken_out: list[str] = []
    if idle_heads is not None:
        taken_out = [head for head in idle_heads if not _same_shapes(_below(wanted, head), _below(state, head))]
        unknown = [head for head in _HEADS if not _below(wanted, head)]
        state, wanted = _beside(state, *taken_out, *unknown), _beside(wanted, *taken_out)
    given = {id(value) for name, value in wanted.items() if name in state}
    # Checkpoints from before torch 0.4.1 do not count batches, and nothing computed here needs the counts.
    missing = [
        name for name, value in wanted.items() if id(value) not in given and not name.endswith("num_batches_tracked")
    ]
    unexpected = [name for name in state if name not in wanted]
    mis_shaped = [
        f"{name} ({_shape(state[name])} instead of {_shape(value)})"
        for name, value in wanted.items()
        if name in state and state[name].shape != value.shape
    ]
    faults = [
        f"{len(names)} {what}: {_some(names)}"
        for what, names in (("missing", missing), ("unexpected", unexpected), ("mis-shaped", mis_shaped))
        if names
    ]
    if faults:
        raise WeightsError(
            f"expected weights of {type(network).__name__}, got another architecture in {source}: {'; '.join(faults)}"
        )
    for head in taken_out:
        parent, _, name = head.rpartition(".")
        delattr(network.get_submodule(parent), name)
    network.load_state_dict(dict(state), strict=False)


def _read_safetensors(path: Path) -> Any:
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise WeightsError(f"expected a safetensors file, got {path}, which is damaged: {one_line(error)}") from error


def _read_torch(path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            # torch announces what it refuses a moment later, which is the error below.
            warnings.filterwarnings("ignore", message=".*looks like a TorchScript archive|Detected pickle protocol")
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        code = _code_in(path, error)
        if code is None:
            raise WeightsError(
                f"expected a torch checkpoint, got {path}, which is damaged or something else"
            ) from error
        raise WeightsError(
            f"expected only tensors in {path}, got a pickle that {code}, which was not run; "
            f"where you trust the file, load it yourself and save the tensors alone: {_SAVE}"
        ) from error
    # torch.load raises whatever a damaged file makes it stumble over.
    except Exception as error:
        raise WeightsError(
            f"expected a torch checkpoint, got {path}, which is damaged or something else: {one_line(error)}"
        ) from error


def _code_in(path: Path, error: pickle.UnpicklingError) -> str | None:
    """What torch would not unpickle, in words; None if the file is no pickle at all."""
    refused = re.search(r"GLOBAL ([\w.]+)", str(error))
    if refused is not None:
        return f"wants to run {refused[1]}"
    # torch.save writes pickles of protocol 2, and torch's safe reader knows no later one.
    with path.open("rb") as file:
        start = file.read(2)
    return "may hold code" if start[:1] == pickle.PROTO and start[1:] > b"\x02" else None


def _without_prefix(state: Mapping[str, Tensor], wanted: Collection[str]) -> Mapping[str, Tensor]:
    """The state without the prefixes that all its names share, if names of the network come out."""
    stripped = state
    while not any(name in wanted for name in stripped):
        prefix = _PREFIX.match(next(iter(stripped)))
        if prefix is None or not all(name.startswith(prefix[0]) for name in stripped):
            return state
        stripped = {name.removeprefix(prefix[0]): value for name, value in stripped.items()}
    return stripped


def _below(state: Mapping[str, Tensor], *layers: str) -> StateDict:
    """The tensors of the layers named, and of the layers in them."""
    return {name: value for name, value in state.items() if name.startswith(_starts(layers))}


def _beside(state: Mapping[str, Tensor], *layers: str) -> StateDict:
    """The tensors of all other layers."""
    return {name: value for name, value in state.items() if not name.startswith(_starts(layers))}


def _starts(layers: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"{layer}." for layer in layers)


def _same_shapes(one: StateDict, other: StateDict) -> bool:
    return {name: value.shape for name, value in one.items()} == {name: value.shape for name, value in other.items()}


def _some(names: Any, count: int = 4) -> str:
    names = list(names)
    more = f", ... ({len(names) - count} more)" if len(names) > count else ""
    return (", ".join(names[:count]) or "nothing") + more


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "scalar"
