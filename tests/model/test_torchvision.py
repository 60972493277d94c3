"""`torchvision:NAME`: random weights, checkpoints with any number of classes, torchvision's own weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import torch
import torchvision

from facedissect.errors import ModelError, WeightsError
from facedissect.model import Preprocess, UntrainedWarning, load_model


def test_random_weights_are_the_same_every_time_and_announced() -> None:
    state = torch.random.get_rng_state()
    with pytest.warns(
        UntrainedWarning, match="torchvision:resnet18 has random weights, so its units mean nothing; give weights"
    ):
        model = load_model("torchvision:resnet18", size=64)
    assert torch.equal(torch.random.get_rng_state(), state)
    with pytest.warns(UntrainedWarning):
        assert load_model("torchvision:resnet18", size=64).digest == model.digest
    assert model.preprocess == Preprocess(size=(64, 64))
    layer = model.layers(["layer4.1.conv2"])[0]
    assert (layer.units, layer.map_size) == (512, (2, 2))


@pytest.mark.parametrize(("name", "size"), [("inception_v3", 299), ("squeezenet1_1", 224)])
def test_the_size_is_the_networks_own(name: str, size: int) -> None:
    with pytest.warns(UntrainedWarning):
        assert load_model(f"torchvision:{name}").preprocess.size == (size, size)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "shufflenet_v2_x0_5"])
@pytest.mark.parametrize("classes", [2, 1000])
def test_a_checkpoint_brings_its_number_of_classes(tmp_path: Path, name: str, classes: int) -> None:
    trained = torchvision.models.get_model(name, num_classes=classes)
    torch.save({"state_dict": {f"module.{k}": v for k, v in trained.state_dict().items()}}, tmp_path / "net.pth")
    model = load_model(f"torchvision:{name}", weights=tmp_path / "net.pth", size=64)
    assert model.layers()[-1].units == classes
    for key, value in trained.state_dict().items():
        assert torch.equal(model.module.state_dict()[key], value), key


def test_a_checkpoint_of_another_network(tmp_path: Path) -> None:
    torch.save(torchvision.models.resnet18(num_classes=2).state_dict(), tmp_path / "net.pth")
    with pytest.raises(
        WeightsError, match=r"expected weights of ResNet, got another architecture in .*net.pth: \d+ missing: "
    ):
        load_model("torchvision:resnet34", weights=tmp_path / "net.pth")


def test_a_checkpoint_with_another_head(tmp_path: Path) -> None:
    state = torchvision.models.resnet18().state_dict()
    del state["fc.weight"], state["fc.bias"]
    state["fc.0.weight"], state["fc.0.bias"] = torch.zeros(2, 512), torch.zeros(2)
    torch.save(state, tmp_path / "net.pth")
    with pytest.raises(WeightsError, match=r"2 missing: fc.weight, fc.bias; 2 unexpected: fc.0.weight, fc.0.bias"):
        load_model("torchvision:resnet18", weights=tmp_path / "net.pth")


def test_published_weights_bring_their_preprocessing(monkeypatch: pytest.MonkeyPatch) -> None:
    real, asked = torchvision.models.get_model, []

    def without_download(name: str, weights: Any = None, **options: Any) -> Any:
        asked.append(weights)
        return real(name, weights=None, **options)

    monkeypatch.setattr(torchvision.models, "get_model", without_download)
    model = load_model("torchvision:efficientnet_b1", weights="IMAGENET1K_V1", crop="box")
    assert [str(weights) for weights in asked] == ["EfficientNet_B1_Weights.IMAGENET1K_V1"]
    assert model.preprocess == Preprocess(
        size=(240, 240), mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), interpolation="bicubic", crop="box"
    )
    load_model("torchvision:efficientnet_b1", weights="DEFAULT")
    assert str(asked[-1]) == "EfficientNet_B1_Weights.IMAGENET1K_V2"


def test_published_weights_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: Any, **__: Any) -> Any:
        raise URLError("no route to host")

    monkeypatch.setattr(torchvision.models, "get_model", offline)
    with pytest.raises(
        WeightsError,
        match=r"expected to download https://.*resnet18.*, got URLError: .*; without a network, put the file into",
    ):
        load_model("torchvision:resnet18", weights="DEFAULT")


@pytest.mark.parametrize("name", ["resnet5O", "fasterrcnn_resnet50_fpn"])
def test_a_name_that_is_no_classification_network(name: str) -> None:
    with pytest.raises(ModelError, match=f"expected a network of torchvision, got '{name}'; nearest: .*resnet50"):
        load_model(f"torchvision:{name}")


def test_weights_that_are_neither_a_file_nor_a_name() -> None:
    with pytest.raises(
        WeightsError,
        match=r"expected a checkpoint file or DEFAULT, IMAGENET1K_V1 as weights of torchvision:resnet18, got x.pth",
    ):
        load_model("torchvision:resnet18", weights="x.pth")
