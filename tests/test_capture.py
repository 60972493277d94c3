"""Capture: what a pass leaves behind, whatever a module returns and however often it is called."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from facedissect.capture import Capture
from facedissect.errors import LayerError
from facedissect.model.face_model import FaceModel


class Pair(nn.Module):
    def forward(self, maps: torch.Tensor) -> tuple[torch.Tensor, dict[str, Any]]:
        return maps, {"double": 2 * maps, "note": "text"}


class Odd(nn.Module):
    """A network with layers of every awkward kind."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.twice = nn.Softplus()
        self.pair = Pair()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(4, 2)
        self.also_head = self.head
        self.training_passes = 0

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = self.relu(self.conv(images))
        maps = self.twice(self.twice(maps))
        maps, _ = self.pair(maps)
        answer: torch.Tensor = self.head(self.pool(maps).flatten(1))
        return answer


@pytest.fixture
def model() -> FaceModel:
    torch.manual_seed(0)
    return FaceModel(Odd(), size=8)


IMAGES = torch.randn(3, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def captured(model: FaceModel, *layers: str) -> dict[str, torch.Tensor]:
    with model.borrowed(), Capture(model, model.layers(layers)) as capture:
        return capture.maps(IMAGES)


def test_a_layer_before_an_inplace_relu_gives_its_own_values(model: FaceModel) -> None:
    maps = captured(model, "conv", "relu")
    torch.testing.assert_close(maps["conv"], model.module.conv(IMAGES))
    assert (maps["conv"] < 0).any()
    torch.testing.assert_close(maps["relu"], maps["conv"].relu())


def test_each_call_of_a_module_is_a_layer(model: FaceModel) -> None:
    maps = captured(model, "relu", "twice#2", "twice#1")
    softplus = nn.functional.softplus
    torch.testing.assert_close(maps["twice#1"], softplus(maps["relu"]))
    torch.testing.assert_close(maps["twice#2"], softplus(softplus(maps["relu"])))


def test_each_tensor_of_a_tuple_or_mapping_is_a_layer(model: FaceModel) -> None:
    maps = captured(model, "pair[0]", "pair[1][double]")
    torch.testing.assert_close(maps["pair[1][double]"], 2 * maps["pair[0]"])


def test_a_shared_module_goes_by_each_of_its_names(model: FaceModel) -> None:
    maps = captured(model, "head", "also_head", "pool")
    assert maps["head"].shape == (3, 2, 1, 1)
    torch.testing.assert_close(maps["also_head"], maps["head"])
    torch.testing.assert_close(maps["head"][..., 0, 0], model.module.head(maps["pool"][..., 0, 0]))


def test_hooks_come_off_after_an_error_too(model: FaceModel) -> None:
    model.module.train()
    layers = model.layers(["conv"])
    with pytest.raises(RuntimeError), model.borrowed(), Capture(model, layers) as capture:
        capture.maps(torch.zeros(2, 5, 8, 8))
    assert not any(module._forward_hooks for module in model.module.modules())
    assert all(module.training for module in model.module.modules())


def test_half_precision_maps_are_kept_exactly(model: FaceModel) -> None:
    layers = model.layers(["conv", "head"])
    with model.borrowed(precision="bf16"), Capture(model, layers) as capture:
        maps = capture.maps(IMAGES)["conv"]
    assert maps.dtype == torch.float32
    assert torch.equal(maps, maps.bfloat16().float())
    torch.testing.assert_close(maps, model.module.conv(IMAGES), rtol=0.02, atol=0.02)
    with model.borrowed(precision="fp16"), Capture(model, layers) as capture:
        halved = capture.maps(IMAGES)["conv"]
    assert torch.equal(halved, halved.half().float())


class Restless(Odd):
    """Leaves a layer out of every second pass."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.training_passes += 1
        return super().forward(images) if self.training_passes % 2 else self.conv(images).mean((2, 3))


def test_a_network_that_changes_from_pass_to_pass_is_refused() -> None:
    model = FaceModel(Restless(), size=8)
    with pytest.raises(
        LayerError,
        match="expected maps of 3 x 4 x 8 x 8 from layer 'relu' in every pass, got none; a network whose layers",
    ):
        captured(model, "relu")
