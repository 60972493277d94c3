from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pytest
import torch
from torch import nn

from facedissect.activations import ActivationMaps, Batch
from facedissect.batching import BatchSize
from facedissect.dictionary.faces import FaceDictionary
from facedissect.errors import ModelError
from facedissect.model.face_model import FaceModel
from facedissect.settings import Settings


def test_a_network_of_fixed_batch_size_is_run_image_by_image(planted: Any, lookup: Any) -> None:
    class OneByOne(lookup):  # type: ignore[misc]
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            assert len(images) == 1
            return super().forward(images)

    dictionary, masks = planted
    model = FaceModel(OneByOne(masks.float()), size=16, max_batch=1)
    with model.borrowed():
        batches = all_of(maps_of(dictionary, model, BatchSize(50)))
    assert [len(batch.faces) for batch in batches] == [50, 50, 20]
    torch.testing.assert_close(torch.cat([batch.maps["maps"] for batch in batches]), masks.float())


def maps_of(dictionary: FaceDictionary, model: FaceModel, batches: BatchSize) -> ActivationMaps:
    return ActivationMaps(dictionary.faces, dictionary.vocabulary, [model], model.layers(["maps"]), Settings(), batches)


def all_of(maps: ActivationMaps) -> list[Batch]:
    return list(maps.of(maps.plan()))


class Narrow(nn.Module):
    """Runs out of memory, by one of the errors that say so, for more than a few images."""

    def __init__(self, network: nn.Module, most: int, error: Exception) -> None:
        super().__init__()
        self.inner, self.maps, self.most, self.error = network, network.maps, most, error
        self.sizes: list[int] = []

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.sizes.append(len(images))
        if len(images) > self.most:
            raise self.error
        return self.inner(images)


@pytest.mark.parametrize(
    "error",
    [
        torch.cuda.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes"),
        MemoryError(),
    ],
    ids=["cuda", "mps", "cpu", "python"],
)
def test_batches_are_halved_where_memory_runs_out_and_nothing_is_lost(
    planted: Any, lookup: Any, error: Exception
) -> None:
    dictionary, masks = planted
    module = Narrow(lookup(masks.float()), 20, error)
    model, batches = FaceModel(module, size=16), BatchSize(64)
    with model.borrowed():
        maps = maps_of(dictionary, model, batches)
        module.sizes.clear()
        seen = all_of(maps)
    assert [face.id for batch in seen for face in batch.faces] == [face.id for face in dictionary]
    torch.testing.assert_close(torch.cat([batch.maps["maps"] for batch in seen]), masks.float())
    assert module.sizes == [64, 32, *[16] * 8]  # padded, so that all batches are alike
    assert (batches.first, batches.size) == (64, 16)


def test_one_image_that_is_too_large_is_refused(planted: Any, lookup: Any) -> None:
    dictionary, masks = planted
    module = Narrow(lookup(masks.float()), 20, MemoryError())
    model = FaceModel(module, size=16, name="wide")
    maps = maps_of(dictionary, model, BatchSize(4))
    module.most = 0
    message = "expected memory for one image of wide at a time, got none left on cpu; dissect fewer layers at once"
    with pytest.raises(ModelError, match=message), model.borrowed():
        all_of(maps)


def test_an_error_that_is_not_about_memory_is_not_swallowed(planted: Any, lookup: Any) -> None:
    dictionary, masks = planted
    module = Narrow(lookup(masks.float()), 20, RuntimeError("shapes differ"))
    model = FaceModel(module, size=16)
    with pytest.raises(RuntimeError, match="shapes differ"), model.borrowed():
        all_of(maps_of(dictionary, model, BatchSize(64)))


def test_batches_can_be_iterated_again_with_the_same_values(planted: Any, lookup: Any) -> None:
    dictionary, masks = planted
    model = FaceModel(lookup(masks.float()), size=16)
    with model.borrowed():
        maps = maps_of(dictionary, model, BatchSize(50))
        first, second = ([batch.maps["maps"] for batch in all_of(maps)] for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("devices", ["cpu,cpu", "cpu,cpu,cpu"])
def test_devices_take_turns_and_batches_come_in_order(planted: Any, lookup: Any, devices: str) -> None:
    dictionary, masks = planted
    settings = Settings(device=devices)
    one = FaceModel(lookup(masks.float()), size=16)
    models = [one, *(one.replica() for _ in settings.devices[1:])]
    maps = ActivationMaps(dictionary.faces, dictionary.vocabulary, models, one.layers(["maps"]), settings, BatchSize(7))
    with ExitStack() as stack:
        for model in models:
            stack.enter_context(model.borrowed())
        seen = all_of(maps)
    assert [place for batch in seen for place in batch.positions] == list(range(120))
    torch.testing.assert_close(torch.cat([batch.maps["maps"] for batch in seen]), masks.float())
    assert not any(module._forward_hooks for model in models for module in model.module.modules())


def test_an_error_on_one_of_several_devices_is_raised(planted: Any, lookup: Any) -> None:
    dictionary, masks = planted
    settings = Settings(device="cpu,cpu")
    module = Narrow(lookup(masks.float()), 20, RuntimeError("shapes differ"))
    models = [FaceModel(module, size=16), FaceModel(module, size=16).replica()]
    maps = ActivationMaps(
        dictionary.faces, dictionary.vocabulary, models, models[0].layers(["maps"]), settings, BatchSize(32)
    )
    with pytest.raises(RuntimeError, match="shapes differ"), models[0].borrowed(), models[1].borrowed():
        all_of(maps)
