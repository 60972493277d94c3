"""`torchscript:FILE`: traced and scripted networks are taken apart, so that hooks fire; where that cannot be, it is said."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional

from facedissect.errors import ModelError, SettingsError
from facedissect.model import FaceModel, FixedBatchWarning
from facedissect.model.preprocess import PreprocessChanges
from facedissect.model.torchscript import load


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)

    def forward(self, maps: Tensor) -> Tensor:
        return functional.relu(self.norm(self.conv(maps)) + maps)


class Network(nn.Module):
    """Functions beside modules, an activation that is called twice, constants and devices in the graph."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Conv2d(3, 4, 3), Residual(), nn.Dropout(0.5))
        self.act = nn.ReLU()
        self.head = nn.Linear(4, 2)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.act(
            self.act(self.block(images)) - torch.linspace(0.1, 0.4, 4, device=images.device).view(1, 4, 1, 1)
        )
        return self.finish(maps) + torch.arange(2, device=images.device)

    def finish(self, maps: Tensor) -> Tensor:
        return self.head(maps.mean((2, 3)))


class Branching(nn.Module):
    """Conditions, a loop, a list and a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3)
        self.looping = Looping()

    def forward(self, images: Tensor) -> dict[str, list[Tensor]]:
        maps = self.first(images) if images.shape[2] > 8 else self.second(images)
        if maps.shape[1] != 4:
            raise ValueError(f"got {maps.shape[1]} channels")
        return {"maps": [self.looping(maps), maps]}


class Looping(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 1)

    def forward(self, maps: Tensor) -> Tensor:
        times = 0
        while times < maps.shape[2]:
            maps, times = self.conv(maps), times + 1
        return maps


class FixedBatch(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, images: Tensor) -> Tensor:
        return self.conv(images).view(1, -1)


def quietly(function: Callable[..., Any], *arguments: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is deprecated; its files are still about
        return function(*arguments)


def write(path: Path, module: nn.Module, how: str = "trace", size: int = 8) -> Path:
    module = module.eval()
    image = torch.rand(1, 3, size, size)
    script = quietly(torch.jit.trace, module, image) if how == "trace" else quietly(torch.jit.script, module)
    quietly(torch.jit.save, script, str(path))
    return path


def opened(path: Path, weights: str | None = None, **changes: Any) -> FaceModel:
    return load(str(path), weights=weights, changes=PreprocessChanges(**{"size": 8, **changes}))


def captured(model: FaceModel, layer: str, batch: Tensor) -> list[Tensor]:
    seen: list[Tensor] = []
    with model.borrowed():
        model.network.get_submodule(layer).register_forward_hook(
            lambda _module, _inputs, output: seen.append(output.clone())
        )
        model(batch)
    return seen


@pytest.mark.parametrize("how", ["trace", "script"])
def test_answers_and_layers_are_those_of_the_network(how: str, tmp_path: Path) -> None:
    original = Network().eval()
    path = write(tmp_path / "net.pt", original, how)
    model = opened(path, mean=(0.5, 0.5, 0.5))
    assert (model.name, model.source, model.max_batch) == ("net", f"torchscript:{path}", None)
    assert model.preprocess.mean == (0.5, 0.5, 0.5)
    batch = torch.rand(5, 3, 8, 8)
    with model.borrowed():
        assert torch.equal(model(batch), original(batch))
    kept = FaceModel(original, size=8)
    for layer in ("block", "block.0", "block.1", "block.1.conv", "block.1.norm", "act", "head"):
        for got, expected in zip(captured(model, layer, batch), captured(kept, layer, batch), strict=True):
            assert torch.equal(got, expected), layer
    found = {layer.name: (layer.type, layer.units, layer.map_size) for layer in model.layers()}
    assert found["block.1.conv"] == ("Conv2d", 4, (6, 6))


@pytest.mark.parametrize(("name", "how"), [("resnet18", "script"), ("test_vit", "trace")])
def test_real_architectures(name: str, how: str, tmp_path: Path) -> None:
    size = 160 if name == "test_vit" else 64
    original = timm.create_model(name) if name == "test_vit" else torchvision.models.get_model(name)
    model = opened(write(tmp_path / "net.pt", original, how, size), size=size)
    batch = torch.rand(2, 3, size, size)
    with model.borrowed():
        torch.testing.assert_close(model(batch), original(batch))
    names = {layer.name for layer in model.layers()}
    assert {name for name, part in original.named_modules() if type(part) in (nn.Conv2d, nn.Linear)} <= names


@pytest.mark.parametrize("size", [8, 12])
def test_conditions_are_run_and_loops_are_left_to_torchscript(size: int, tmp_path: Path) -> None:
    original = Branching().eval()
    model = opened(write(tmp_path / "net.pt", original, "script"), size=size)
    batch = torch.rand(2, 3, size, size)
    with model.borrowed():
        got, expected = model(batch), original(batch)
        for one, other in zip(got["maps"], expected["maps"], strict=True):
            torch.testing.assert_close(one, other)
    assert len(captured(model, "first", batch)) == (size == 12)
    assert len(captured(model, "looping", batch)) == 1
    # What is inside runs in TorchScript, where no hook is heard.
    assert "looping.conv" not in {layer.name for layer in model.layers()}


def test_a_network_is_given_back_as_it_was_and_follows_its_images(tmp_path: Path) -> None:
    model = opened(write(tmp_path / "net.pt", Network()))
    digest = model.digest
    with model.borrowed("meta"):
        assert model.network(torch.empty(2, 3, 8, 8, device="meta")).device.type == "meta"
    assert model.digest == opened(tmp_path / "net.pt").digest == digest
    batch = torch.rand(2, 3, 8, 8)
    with model.borrowed():
        assert model(batch).device.type == "cpu"


def test_modules_left_to_torchscript_get_the_tensors_of_their_parts(tmp_path: Path) -> None:
    model = opened(write(tmp_path / "net.pt", Branching(), "script"))
    batch = torch.ones(1, 3, 8, 8)
    with model.borrowed("cpu"):
        model.network.get_submodule("looping.conv").weight.data = torch.zeros(4, 4, 1, 1)
        model.network.get_submodule("looping.conv").bias.data = torch.arange(4.0)
        assert torch.equal(model(batch)["maps"][0][0, :, 0, 0], torch.arange(4.0))
    with model.borrowed():
        assert not torch.equal(model(batch)["maps"][0][0, :, 0, 0], torch.arange(4.0))


def test_the_digest_tells_graphs_with_the_same_weights_apart(tmp_path: Path) -> None:
    one = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    other = nn.Sequential(one[0], nn.Tanh())
    first, second = (write(tmp_path / f"{i}.pt", module) for i, module in enumerate((one, other)))
    assert opened(first).digest != opened(second).digest


def test_a_fixed_batch_size_is_found_and_respected(tmp_path: Path) -> None:
    original = FixedBatch().eval()
    path = write(tmp_path / "net.pt", original)
    with pytest.warns(
        FixedBatchWarning, match=r"the batch size of .*net.pt is fixed at one image; it is run one image at a"
    ):
        model = opened(path)
    batch = torch.rand(3, 3, 8, 8)
    with model.borrowed():
        assert torch.equal(model(batch), torch.cat([original(image[None]) for image in batch]))


def test_a_size_is_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "net.pt", Network())
    with pytest.raises(
        SettingsError, match=r"expected an input size for torchscript:.*net.pt, which tells none; give size="
    ):
        opened(path, size=None)


def test_a_network_whose_parts_cannot_be_reached(tmp_path: Path) -> None:
    frozen = quietly(torch.jit.freeze, quietly(torch.jit.trace, Network().eval(), torch.rand(1, 3, 8, 8)))
    quietly(torch.jit.save, frozen, str(tmp_path / "net.pt"))
    message = (
        r"expected a network in .*net.pt whose layers can be hooked, got one that .*; save it without torch.jit.freeze,"
    )
    with pytest.raises(ModelError, match=message):
        opened(tmp_path / "net.pt")
    with pytest.raises(ModelError, match=message):
        opened(write(tmp_path / "net.pt", Looping(), "script"))


def test_a_network_that_does_not_run(tmp_path: Path) -> None:
    path = write(tmp_path / "net.pt", nn.Sequential(nn.Flatten(), nn.Linear(192, 2)))
    with pytest.raises(
        ModelError, match=r"expected torchscript:.* to run on an image of 3 x 9 x 9, got RuntimeError: .*; chec"
    ):
        opened(path, size=9)


FILES: dict[str, Callable[[Path], object]] = {
    "text": lambda path: path.write_text("not a network\n"),
    "empty": lambda path: path.write_bytes(b""),
    "truncated": lambda path: path.write_bytes(write(path, Network()).read_bytes()[:-300]),
    "weights": lambda path: torch.save(Network().state_dict(), path),
    "missing": lambda _: None,
    "folder": lambda path: path.mkdir(),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_is_no_torchscript(kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    FILES[kind](tmp_path / "net.pt")
    with pytest.raises(
        ModelError,
        match=r"expected a file of torch.jit.save, got .*net.pt, which is (damaged or something else|not a file)",
    ) as caught:
        opened(tmp_path / "net.pt")
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_weights_are_in_the_file() -> None:
    with pytest.raises(ModelError, match=r"expected no weights for a TorchScript file, which holds its own, got w.pth"):
        opened(Path("net.pt"), "w.pth")
