"""Gives an nn.Module back exactly as it was: tensors, devices, training flags and hooks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

_HOOKS = (
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_backward_hooks",
    "_backward_pre_hooks",
)


@contextmanager
def restored(module: nn.Module) -> Iterator[None]:
    """Undoes, at the end and after an error too, what happened to the module inside.

    Parameters, their gradients and buffers are the same objects again with the same storage (so on the same device),
    buffers also with the same values; every submodule has its own training flag; hooks that were added are gone.
    """
    flags = [(part, part.training) for part in module.modules()]
    hooks = [(table, set(table)) for part, _ in flags for table in (getattr(part, name) for name in _HOOKS)]
    parameters = [
        (part, name, parameter, parameter.data, parameter.grad, None if parameter.grad is None else parameter.grad.data)
        for part, _ in flags
        for name, parameter in part._parameters.items()
        if parameter is not None
    ]
    buffers = [
        (part, name, buffer, buffer.data, buffer.detach().clone())
        for part, _ in flags
        for name, buffer in part._buffers.items()
        if buffer is not None
    ]
    try:
        yield
    finally:
        for part, training in flags:
            part.training = training
        for table, before in hooks:
            for key in set(table) - before:
                del table[key]
        for part, name, parameter, data, grad, grad_data in parameters:
            part._parameters[name] = parameter
            parameter.data = data
            if grad is not None and grad_data is not None:
                grad.data = grad_data
            parameter.grad = grad
        for part, name, buffer, data, values in buffers:
            part._buffers[name] = buffer
            buffer.data = data
            _refill(buffer, values)


def _refill(buffer: Tensor, values: Tensor) -> None:
    """Writes only what changed, because writing marks the tensor as modified for a backward pass under way."""
    with torch.no_grad():
        if not torch.equal(buffer, values):
            buffer.copy_(values)
