"""Networks whose file fixes the batch size at one image, found by comparing answers, and run one image at a time."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import ModelError
from .face_model import FaceModel, one_line


class FixedBatchWarning(UserWarning):
    """A network answers a batch wrongly and is therefore run one image at a time."""


def warn_fixed_batch(path: object) -> None:
    """Tells whoever called `load_model`; to be called by a door's `load` itself."""
    warnings.warn(
        f"the batch size of {path} is fixed at one image; it is run one image at a time, which is slower",
        FixedBatchWarning,
        stacklevel=4,
    )


def answers_batches(single: FaceModel, batch: Float[Tensor, "image 3 height width"]) -> bool:
    """Whether a batch gives what its images give one by one, which an export with a fixed batch size does not.

    Raises:
        ModelError: the network does not even run on one image.
    """
    with single.borrowed():
        try:
            expected = single(batch)
        except Exception as error:
            shape = " x ".join(map(str, batch.shape[1:]))
            raise ModelError(
                f"expected {single.source} to run on an image of {shape}, got {one_line(error)}; check the size"
            ) from error
        try:
            got = single.network(batch.to(single.device))
        # Whatever a fixed batch size makes a node stumble over.
        except Exception:
            return False
    return same_answers(got, expected)


def same_answers(one: Any, other: Any) -> bool:
    """Whether the tensors in two outputs are the same but for rounding."""
    first, second = _flat(one), _flat(other)
    return len(first) == len(second) and all(map(_agree, first, second))


def _agree(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape:
        return False
    scale = max(1.0, float(other.abs().max()))
    return torch.allclose(one, other, rtol=1e-3, atol=1e-3 * scale, equal_nan=True)


def _flat(output: Any) -> list[Tensor]:
    """The tensors of an output that may be a tuple, a list or a mapping of them."""
    if isinstance(output, Tensor):
        return [output]
    parts = output.values() if isinstance(output, Mapping) else output
    return [tensor for part in parts for tensor in _flat(part)] if isinstance(output, (tuple, list, Mapping)) else []
