"""`timm:NAME`: random weights, checkpoints with any number of classes, timm's own weights and preprocessing."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file

from facedissect.errors import MissingExtraError, ModelError, WeightsError
from facedissect.model import FaceModel, Preprocess, UntrainedWarning
from facedissect.model.preprocess import PreprocessChanges
from facedissect.model.timm import load

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever asks the hub fails the test at once."""
    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", pytest.fail)
    monkeypatch.setattr("timm.models._builder.load_state_dict_from_url", pytest.fail)


def opened(target: str, weights: str | Path | None = None, **changes: Any) -> FaceModel:
    return load(target, weights=weights, changes=PreprocessChanges(**changes))


def test_random_weights_are_the_same_every_time_and_announced() -> None:
    state = torch.random.get_rng_state()
    with pytest.warns(
        UntrainedWarning, match="timm:resnet10t has random weights, so its units mean nothing; give weig"
    ):
        model = opened("resnet10t", size=64)
    assert torch.equal(torch.random.get_rng_state(), state)
    with pytest.warns(UntrainedWarning):
        assert opened("resnet10t", size=64).digest == model.digest
    assert (model.name, model.source) == ("resnet10t", "timm:resnet10t")
    layer = model.layers(["layer4.0.conv2"])[0]
    assert (layer.units, layer.map_size) == (512, (2, 2))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("resnet10t", Preprocess(size=(176, 176), interpolation="bicubic", **IMAGENET)),  # type: ignore[arg-type]
        ("test_vit", Preprocess(size=160, mean=[0.5] * 3, std=[0.5] * 3, interpolation="bicubic")),  # type: ignore[arg-type]
        ("mobilenetv3_small_100", Preprocess(size=224, interpolation="bicubic", **IMAGENET)),  # type: ignore[arg-type]
        ("vgg11", Preprocess(size=224, interpolation="bilinear", **IMAGENET)),  # type: ignore[arg-type]
        ("tf_efficientnet_b1.ns_jft_in1k", Preprocess(size=240, interpolation="bicubic", **IMAGENET)),  # type: ignore[arg-type]
    ],
)
def test_images_are_scaled_as_timm_says(name: str, expected: Preprocess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timm, "create_model", lambda *_, **__: torch.nn.Identity())
    with pytest.warns(UntrainedWarning):
        assert opened(name).preprocess == expected


@pytest.mark.parametrize("name", ["resnet10t", "test_vit", "test_efficientnet", "test_convnext"])
@pytest.mark.parametrize("classes", [0, 2])
def test_a_checkpoint_brings_its_number_of_classes(tmp_path: Path, name: str, classes: int) -> None:
    trained = timm.create_model(name, num_classes=classes).eval()
    torch.save({"state_dict": {f"module.{k}": v for k, v in trained.state_dict().items()}}, tmp_path / "net.pth")
    model = opened(name, tmp_path / "net.pth")
    assert model.preprocess.mean == timm.data.resolve_model_data_config(trained)["mean"]
    batch = torch.rand(2, 3, *model.preprocess.size)
    with model.borrowed():
        assert torch.equal(model(batch), trained(batch))


def test_a_network_that_timm_gives_no_classifier_gets_that_of_its_checkpoint(tmp_path: Path) -> None:
    trained = timm.create_model("eva02_tiny_patch14_224", num_classes=3)
    assert timm.get_pretrained_cfg("eva02_tiny_patch14_224").num_classes == 0
    save_file(trained.state_dict(), tmp_path / "net.safetensors")
    model = opened("eva02_tiny_patch14_224", tmp_path / "net.safetensors")
    assert torch.equal(model.module.get_submodule("head").weight, trained.head.weight)


def test_a_network_for_one_size_is_made_for_another(tmp_path: Path) -> None:
    trained = timm.create_model("test_vit", img_size=(64, 48), num_classes=2)
    torch.save(trained.state_dict(), tmp_path / "net.pth")
    model = opened("test_vit", tmp_path / "net.pth", size=(64, 48))
    assert model(torch.zeros(1, 3, 64, 48)).shape == (1, 2)
    with pytest.raises(WeightsError, match=r"1 mis-shaped: pos_embed \(1x13x64 instead of 1x101x64\)"):
        opened("test_vit", tmp_path / "net.pth")


def test_a_checkpoint_of_another_network(tmp_path: Path) -> None:
    torch.save(timm.create_model("test_vit", num_classes=2).state_dict(), tmp_path / "net.pth")
    with pytest.raises(
        WeightsError, match=r"expected weights of ResNet, got another architecture in .*net.pth: \d+ mis"
    ):
        opened("resnet10t", tmp_path / "net.pth")


@pytest.mark.parametrize(
    ("target", "weights", "asked"),
    [
        ("test_resnet", "DEFAULT", "test_resnet"),
        ("test_resnet", "r160_in1k", "test_resnet.r160_in1k"),
        ("test_resnet.r160_in1k", "DEFAULT", "test_resnet.r160_in1k"),
    ],
)
def test_timms_own_weights(target: str, weights: str, asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = timm.create_model, []

    def without_download(name: str, pretrained: bool = False, **options: Any) -> Any:
        calls.append((name, pretrained))
        return real(name, pretrained=False, **options)

    monkeypatch.setattr(timm, "create_model", without_download)
    model = opened(target, weights, crop="box")
    assert calls == [(asked, True)]
    assert (model.preprocess.size, model.preprocess.interpolation, model.preprocess.crop) == (
        (160, 160),
        "bilinear",
        "box",
    )


def test_timms_own_weights_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: Any, **__: Any) -> Any:
        raise OSError("cannot find the file on the Hub.\nCheck your connection")

    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", offline)
    with pytest.raises(
        WeightsError,
        match=r"expected to download https://huggingface.co/timm/test_vit.r160_in1k for timm:test_vit, got OSError: "
        r"cannot find the file on the Hub; without a network, fetch the file elsewhere and give it as weights$",
    ):
        opened("test_vit", "DEFAULT")


@pytest.mark.parametrize(
    ("name", "near"),
    [("resnet5O", "resnet50"), ("resnet50.a1_in1", "resnet50.a1_in1k"), ("test_vitt", "test_vit")],
)
def test_a_name_that_timm_does_not_have(name: str, near: str) -> None:
    with pytest.raises(ModelError, match=f"expected a network of timm, got '{name}'; nearest: .*{near}"):
        opened(name)


def test_weights_that_are_neither_a_file_nor_a_tag() -> None:
    with pytest.raises(
        WeightsError, match=r"expected a checkpoint file or DEFAULT, r160_in1k as weights of timm:test_vit, got x.pth"
    ):
        opened("test_vit", "x.pth")
    with pytest.raises(
        WeightsError, match=r"expected a checkpoint file or none \(timm has no weights of it\) as weights"
    ):
        opened(next(name for name in timm.list_models() if not timm.list_pretrained(f"{name}.*")), "DEFAULT")


def test_the_extra_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(
        MissingExtraError, match="timm:resnet10t needs the optional dependencies `timm`; run: pip install"
    ):
        opened("resnet10t")
