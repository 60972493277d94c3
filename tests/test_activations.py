from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from facedissect.activations import ActivationMaps, Capture, PeakRecorder
from facedissect.errors import LayerError
from facedissect.model.face_model import FaceModel
from facedissect.settings import Settings


class Odd(nn.Module):
    """A network with layers of every awkward kind."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.twice = nn.Identity()
        self.never = nn.Identity()
        self.pair = Pair()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(4, 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = self.relu(self.conv(images))
        maps = self.twice(self.twice(maps))
        maps, _ = self.pair(maps)
        return self.head(self.pool(maps).flatten(1))


class Pair(nn.Module):
    def forward(self, maps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return maps, maps


@pytest.fixture
def model() -> FaceModel:
    torch.manual_seed(0)
    return FaceModel(Odd(), size=8)


def test_a_layer_before_an_inplace_relu_gives_its_own_values(model: FaceModel) -> None:
    images = torch.randn(3, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    with model.borrowed(), Capture(model, ["conv", "relu"]) as capture:
        maps = capture.maps(images)
    torch.testing.assert_close(maps["conv"], model.module.conv(images))
    assert (maps["conv"] < 0).any()
    torch.testing.assert_close(maps["relu"], maps["conv"].relu())


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("pool", "expected spatial maps .* from layer 'pool', got shape \\(2, 4, 1, 1\\)"),
        ("head", "expected spatial maps .* from layer 'head', got shape \\(2, 2\\)"),
        ("pair", "expected one tensor from layer 'pair', got tuple"),
        ("twice", "expected layer 'twice' to be called once in a forward pass, got 2 calls"),
        ("never", "expected layer 'never' to be called once in a forward pass, got 0 calls"),
        ("con", "expected a layer of Odd, got 'con'; nearest: conv"),
    ],
)
def test_a_layer_without_maps_is_refused_and_its_hooks_come_off(model: FaceModel, layer: str, message: str) -> None:
    model.module.train()
    with (
        pytest.raises(LayerError, match=message),
        model.borrowed(),
        Capture(model, ["conv", layer]) as capture,
    ):
        capture.maps(torch.zeros(2, 3, 8, 8))
    assert not any(module._forward_hooks for module in model.module.modules())
    assert all(module.training for module in model.module.modules())


def test_a_network_of_fixed_batch_size_is_run_image_by_image(planted: Any, lookup: Any) -> None:
    class OneByOne(lookup):  # type: ignore[misc]
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            assert len(images) == 1
            return super().forward(images)

    dictionary, masks = planted
    model = FaceModel(OneByOne(masks.float()), size=16, max_batch=1)
    with model.borrowed():
        batches = list(
            ActivationMaps(dictionary.faces, dictionary.vocabulary, model, ["maps"], Settings(batch_size=50))
        )
    assert [len(batch.faces) for batch in batches] == [50, 50, 20]
    torch.testing.assert_close(torch.cat([batch.maps["maps"] for batch in batches]), masks.float())


def test_batches_can_be_iterated_again_with_the_same_values(planted: Any, lookup: Any) -> None:
    dictionary, masks = planted
    model = FaceModel(lookup(masks.float()), size=16)
    with model.borrowed():
        maps = ActivationMaps(dictionary.faces, dictionary.vocabulary, model, ["maps"], Settings(batch_size=50))
        first, second = ([batch.maps["maps"] for batch in maps] for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_peaks_are_in_the_order_of_ids_whatever_the_order_seen(planted: Any) -> None:
    faces = planted[0].faces[:4]
    maps = torch.arange(4.0)[:, None, None, None].expand(4, 2, 3, 3) + torch.eye(3)
    forward, backward = PeakRecorder(), PeakRecorder()
    forward.update(faces, maps)
    backward.update(faces[2:][::-1], maps[2:].flip(0))
    other = PeakRecorder()
    other.update(faces[:2], maps[:2])
    backward.merge(other)
    for peaks in (forward.result(), backward.result()):
        assert peaks.faces == ("0000", "0001", "0002", "0003")
        assert peaks.highest[:, 0].tolist() == [1, 2, 3, 4]
        assert peaks.lowest[:, 1].tolist() == [0, 1, 2, 3]
