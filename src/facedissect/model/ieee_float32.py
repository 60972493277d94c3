"""float32 on a CUDA device as on the CPU.

By default torch lets convolutions there round what they multiply to TensorFloat-32, whose ten bits of fraction move thresholds by
a thousandth, and the label of a unit now and then.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def ieee_float32() -> Iterator[None]:
    """No TensorFloat-32 in the whole process, in convolutions, recurrent layers and matrix products; afterwards as it was."""
    backends = torch.backends
    # torch 2.9 renamed the switches, and does not let a reader of the one kind meet a writer of the other.
    switches, off = (
        ([(backends.cudnn, "allow_tf32"), (backends.cuda.matmul, "allow_tf32")], False)
        if not hasattr(backends.cudnn, "conv")
        else (
            [(part, "fp32_precision") for part in (backends.cudnn.conv, backends.cudnn.rnn, backends.cuda.matmul)],
            "ieee",
        )
    )
    before = [getattr(part, name) for part, name in switches]
    try:
        for part, name in switches:
            setattr(part, name, off)
        yield
    finally:
        for (part, name), value in zip(switches, before, strict=True):
            setattr(part, name, value)
