"""How many images go through the network at once: found by itself, and halved where memory runs out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from .model.dry_run import LayerInfo
from .model.preprocess import Size


@dataclass(frozen=True, kw_only=True)
class _Most:
    """What a batch may hold: images, pixels of the network's input, and values of all maps that are kept."""

    images: int
    pixels: int
    values: int


_ON_CPU = _Most(images=32, pixels=1 << 20, values=1 << 26)
_ON_ACCELERATOR = _Most(images=256, pixels=1 << 24, values=1 << 28)


class BatchSize:
    """The size of the batches of a run, which all its passes share.

    Attributes:
        size: images in a batch from now on.
        first: the size at first.
    """

    def __init__(self, size: int) -> None:
        self.size = self.first = size

    @classmethod
    def found(cls, input_size: Size, layers: Sequence[LayerInfo], device: torch.device) -> BatchSize:
        """A power of two by the size of the images and of the maps that a batch leaves behind.

        Free memory has no say, so that two runs on one machine have the same batches and with them the same bytes.
        """
        most = _ON_CPU if device.type == "cpu" else _ON_ACCELERATOR
        values = sum(layer.units * height * width for layer in layers for height, width in [layer.map_size or (1, 1)])
        images = min(most.images, most.pixels // (input_size[0] * input_size[1]), most.values // values)
        return cls(1 << max(0, images.bit_length() - 1))

    def halve(self, tried: int) -> None:
        """For the rest of the run, to half of what was tried; another device may have come to less by then."""
        self.size = min(self.size, max(1, tried // 2))


def out_of_memory(error: Exception) -> bool:
    """Whether an error says that a device, or the machine itself, has no memory left."""
    if isinstance(error, (torch.cuda.OutOfMemoryError, MemoryError)):
        return True
    # The CPU's and Apple's allocators raise a plain RuntimeError.
    text = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)
