"""`hf:FOLDER`: image models of transformers, the preprocessing of their image processors, and what is refused."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from transformers import (
    BertConfig,
    BertModel,
    Dinov2WithRegistersConfig,
    Dinov2WithRegistersModel,
    ResNetConfig,
    ResNetForImageClassification,
    ViTConfig,
    ViTForImageClassification,
    ViTModel,
)

from facedissect.errors import MissingExtraError, ModelError, SettingsError, WeightsError
from facedissect.model import FaceModel, Preprocess, UntrainedWarning
from facedissect.model.huggingface import load
from facedissect.model.preprocess import PreprocessChanges

TRANSFORMER = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "patch_size": 8, "image_size": 32}
RESNET = {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "num_labels": 3, "layer_type": "basic"}


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.fixture(autouse=True)
def no_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    """`save_pretrained` shows one."""
    monkeypatch.setattr("transformers.utils.logging._tqdm_active", False)


def opened(target: str | Path, weights: str | Path | None = None, **changes: Any) -> FaceModel:
    return load(str(target), weights=weights, changes=PreprocessChanges(**changes))


def vit() -> ViTForImageClassification:
    return ViTForImageClassification(ViTConfig(**TRANSFORMER, intermediate_size=32, num_labels=3)).eval()


def dinov2() -> Dinov2WithRegistersModel:
    return Dinov2WithRegistersModel(Dinov2WithRegistersConfig(**TRANSFORMER, num_register_tokens=2)).eval()


def resnet() -> ResNetForImageClassification:
    return ResNetForImageClassification(ResNetConfig(**RESNET)).eval()


@pytest.mark.parametrize("network", [vit, dinov2, resnet])
def test_a_folder_gives_the_same_answers(network: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    original = network()
    original.save_pretrained(tmp_path / "net")
    capfd.readouterr()
    model = opened(tmp_path / "net", size=32)
    assert capfd.readouterr() == ("", "")
    assert (model.name, model.source) == ("net", f"hf:{tmp_path / 'net'}")
    assert type(model.module) is type(original)
    batch = torch.rand(2, 3, 32, 32)
    with model.borrowed():
        got, expected = model(batch), original(batch)
    for key in expected:
        assert torch.equal(got[key], expected[key]), key


def test_layers_of_a_transformer_and_of_a_convolutional_network(tmp_path: Path) -> None:
    resnet().save_pretrained(tmp_path / "resnet")
    names = {layer.name: (layer.units, layer.map_size) for layer in opened(tmp_path / "resnet", size=32).layers()}
    assert names["resnet.encoder.stages.1.layers.0.layer.0.convolution"] == (16, (4, 4))
    vit().save_pretrained(tmp_path / "vit")
    names = {layer.name: (layer.units, layer.map_size) for layer in opened(tmp_path / "vit").layers()}
    assert names["vit.embeddings.patch_embeddings.projection"] == (16, (4, 4))


def test_progress_bars_and_log_lines_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vit().save_pretrained(tmp_path)
    logging = transformers.utils.logging
    monkeypatch.setattr(logging, "_tqdm_active", True)
    before = logging.get_verbosity()
    opened(tmp_path)
    assert logging.is_progress_bar_enabled()
    assert logging.get_verbosity() == before


def test_without_an_image_processor_the_size_is_the_configs(tmp_path: Path) -> None:
    vit().save_pretrained(tmp_path / "vit")
    assert opened(tmp_path / "vit").preprocess == Preprocess(size=(32, 32))
    resnet().save_pretrained(tmp_path / "resnet")
    with pytest.raises(SettingsError, match=r"expected an input size for hf:.*resnet, which tells none; give size="):
        opened(tmp_path / "resnet")


PROCESSORS: dict[str, tuple[str, dict[str, Any]]] = {
    "vit": ("ViTImageProcessor", {"size": {"height": 32, "width": 24}}),
    "dinov2": ("BitImageProcessor", {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}),
    "clip": ("CLIPImageProcessor", {"size": {"shortest_edge": 40}, "crop_size": {"height": 32, "width": 32}}),
    "convnext": ("ConvNextImageProcessor", {"size": {"shortest_edge": 32}}),
    "bgr": ("MobileViTImageProcessor", {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}),
    "normalised twice": ("EfficientNetImageProcessor", {"size": {"height": 32, "width": 32}, "include_top": True}),
    "to -1": ("EfficientNetImageProcessor", {"size": {"height": 32, "width": 32}, "rescale_offset": True}),
    "halves": ("ViTImageProcessor", {"size": {"height": 32, "width": 32}, "rescale_factor": 1 / 127.5}),
    "plain": ("ViTImageProcessor", {"size": {"height": 32, "width": 32}, "do_normalize": False}),
    "pixels": ("ViTImageProcessor", {"size": {"height": 32, "width": 32}, "do_normalize": False, "do_rescale": False}),
    "0-255": (
        "ViTImageProcessor",
        {
            "size": {"height": 32, "width": 32},
            "do_rescale": False,
            "image_mean": [91, 103, 131],
            "image_std": [1, 1, 2],
        },
    ),
    "no size": ("ViTImageProcessor", {"do_resize": False}),
    "lanczos": ("ViTImageProcessor", {"size": {"height": 32, "width": 32}, "resample": 1}),
    "nearest": ("ViTImageProcessor", {"size": {"height": 32, "width": 32}, "resample": 0}),
}


@pytest.mark.parametrize("kind", PROCESSORS)
def test_images_are_scaled_as_the_image_processor_does_it(kind: str, tmp_path: Path) -> None:
    name, options = PROCESSORS[kind]
    processor = getattr(transformers, name)(**options)
    vit().save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    preprocess = opened(tmp_path).preprocess
    assert preprocess.size == ((32, 24) if kind == "vit" else (32, 32))
    pixels = np.random.default_rng(0).integers(0, 256, (*preprocess.size, 3), np.uint8)
    # Of the size wanted, so that resizing, which processors do in their own ways, changes nothing.
    if kind in ("clip", "convnext"):
        pixels[:] = pixels[0, 0]
    image = Image.fromarray(pixels)
    expected = processor(images=[image], return_tensors="pt")["pixel_values"][0]
    scale = float(expected.abs().max())
    torch.testing.assert_close(preprocess.image(image) / scale, expected / scale, rtol=0, atol=3e-6)


def test_settings_of_an_image_processor_are_read_exactly(tmp_path: Path) -> None:
    vit().save_pretrained(tmp_path)
    transformers.ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(tmp_path)
    assert opened(tmp_path).preprocess == Preprocess(size=(32, 32), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    transformers.MobileViTImageProcessor(do_rescale=False).save_pretrained(tmp_path)
    assert opened(tmp_path, size=32, crop="box").preprocess == Preprocess(
        size=(32, 32), interpolation="bicubic", channel_order="bgr", value_range="0-255", crop="box"
    )


def test_weights_that_a_folder_lacks_are_announced_and_the_same_every_time(tmp_path: Path) -> None:
    vit().save_pretrained(tmp_path)
    config = transformers.AutoConfig.from_pretrained(tmp_path)
    config.architectures = ["ViTModel"]
    config.save_pretrained(tmp_path)
    state = torch.random.get_rng_state()
    with pytest.warns(
        UntrainedWarning,
        match=r"hf:.* lacks 2 weights, which are random, so what follows from them means nothing: "
        r"pooler.dense.bias, pooler.dense.weight$",
    ):
        model = opened(tmp_path)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert isinstance(model.module, ViTModel)
    with pytest.warns(UntrainedWarning):
        assert opened(tmp_path).digest == model.digest


def test_a_checkpoint_in_place_of_the_folders_weights(tmp_path: Path) -> None:
    trained = vit()
    trained.config.architectures = ["ViTForImageClassification"]
    trained.config.save_pretrained(tmp_path)
    torch.save({"state_dict": trained.state_dict()}, tmp_path / "net.pth")
    model = opened(tmp_path, tmp_path / "net.pth")
    for name, value in trained.state_dict().items():
        assert torch.equal(model.module.state_dict()[name], value), name
    torch.save({"a": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match=r"expected weights of ViTForImageClassification, got another architecture"):
        opened(tmp_path, tmp_path / "other.pth")
    with pytest.raises(
        WeightsError, match=r"expected weights that fit the model of hf:.*, got OSError: .*; give weights$"
    ):
        opened(tmp_path)


def test_weights_of_another_size(tmp_path: Path) -> None:
    vit().save_pretrained(tmp_path)
    config = transformers.AutoConfig.from_pretrained(tmp_path)
    config.hidden_size = 8
    config.save_pretrained(tmp_path)
    with pytest.raises(
        WeightsError, match=r"expected weights that fit the model of hf:.*, got RuntimeError: .*; give wei"
    ):
        opened(tmp_path)


def test_a_language_model_and_grey_images_are_refused(tmp_path: Path) -> None:
    BertModel(
        BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8, vocab_size=9)
    ).save_pretrained(tmp_path / "bert")
    with pytest.raises(
        ModelError,
        match=r"expected a model that reads RGB images alone at hf:.*bert, got BertModel, which reads input_ids; give an",
    ):
        opened(tmp_path / "bert")
    ViTConfig(**TRANSFORMER, num_channels=1).save_pretrained(tmp_path / "grey")
    with pytest.raises(
        ModelError, match=r"alone at hf:.*grey, got images of 1 channels; it cannot be shown RGB images"
    ):
        opened(tmp_path / "grey")


def test_code_in_a_folder_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "made_up.py").write_text(f"open({str(tmp_path / 'made')!r}, 'w')")
    (tmp_path / "config.json").write_text(
        '{"model_type": "made_up", "auto_map": {"AutoConfig": "made_up.Config", "AutoModel": "made_up.Model"}}'
    )
    with pytest.raises(ModelError, match=r"ValueError: .* custom code .*; give a folder written by") as caught:
        opened(tmp_path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "made").exists()


def test_the_hub_without_a_network() -> None:
    with pytest.raises(
        ModelError,
        match=r"expected a folder or the hub's ID of a model of transformers, got some/model: OSError: .*; check the path or "
        r"the ID; without a network, download it elsewhere \(hf download some/model --local-dir FOLDER\) and give hf:FOLDER",
    ) as caught:
        opened("some/model")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["empty", "text"])
def test_a_folder_without_a_model(kind: str, tmp_path: Path) -> None:
    if kind == "text":
        (tmp_path / "config.json").write_text("no config\n")
    with pytest.raises(
        ModelError, match=r"expected a folder or .*; give a folder written by save_pretrained"
    ) as caught:
        opened(tmp_path)
    assert "\n" not in str(caught.value)


def test_the_extra_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(
        MissingExtraError, match=r"hf:net needs the optional dependencies `transformers`; run: pip install"
    ):
        opened("net")
