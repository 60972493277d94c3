from __future__ import annotations

import pytest
import torch

from facedissect.batching import BatchSize, out_of_memory
from facedissect.model.dry_run import LayerInfo
from facedissect.model.layer_names import Address
from facedissect.model.layouts import Layout


def layer(units: int, side: int) -> LayerInfo:
    return LayerInfo(
        name="a",
        type="Conv2d",
        units=units,
        map_size=(side, side),
        address=Address(module="a", call=1, part=()),
        layout=Layout(kind="channels_first"),
    )


@pytest.mark.parametrize(
    ("side", "units", "map_side", "device", "expected"),
    [
        (64, 512, 4, "cpu", 32),
        (224, 512, 7, "cpu", 16),
        (512, 512, 7, "cpu", 4),
        (4096, 1, 7, "cpu", 1),
        (224, 2048, 56, "cpu", 8),
        (224, 2048, 7, "cuda", 256),
        (1024, 512, 7, "cuda", 16),
    ],
)
def test_a_batch_is_a_power_of_two_by_the_size_of_images_and_maps(
    side: int, units: int, map_side: int, device: str, expected: int
) -> None:
    found = BatchSize.found((side, side), [layer(units, map_side)], torch.device(device))
    assert (found.size, found.first) == (expected, expected)


def test_halving_ends_at_one_image() -> None:
    batches = BatchSize(6)
    sizes = []
    for _ in range(4):
        batches.halve(batches.size)
        sizes.append(batches.size)
    assert sizes == [3, 1, 1, 1]
    assert batches.first == 6


def test_a_batch_that_was_halved_meanwhile_is_not_halved_twice() -> None:
    batches = BatchSize(8)
    for _ in range(2):  # two devices, both of which tried the first size
        batches.halve(8)
    assert batches.size == 4


def test_the_cpus_own_error_is_recognised() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60)
    assert out_of_memory(caught.value)
    assert not out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
