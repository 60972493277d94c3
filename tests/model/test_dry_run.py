"""What a dry run finds, by names, patterns and aliases, and why it refuses the rest."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from facedissect.errors import LayerError
from facedissect.model import FaceModel, LayerInfo
from facedissect.model.layer_names import Address
from facedissect.model.layouts import Layout


class Windows(nn.Module):
    """Cuts maps of 8 x 8 into four windows, so that the rows are not images any more."""

    def forward(self, maps: Tensor) -> Tensor:
        return maps.unflatten(2, (2, 4)).unflatten(4, (2, 4)).permute(0, 2, 4, 1, 3, 5).flatten(0, 2)


class Many(nn.Module):
    def forward(self, maps: Tensor) -> dict[str, object]:
        return {"maps": maps, "pair": (maps, maps.mean((2, 3))), "count": 3}


class Text(nn.Module):
    def forward(self, _maps: Tensor) -> str:
        return "text"


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(inplace=True))
        self.twice = nn.ReLU()
        self.same = self.twice
        self.windows = Windows()
        self.many = Many()
        self.text = Text()
        self.only = OnlyOne()
        self.squeeze = nn.Conv2d(6, 2, 8)
        self.head = nn.Linear(2, 4)
        self.unused = nn.Linear(2, 2)
        self.table = Table()

    def forward(self, image: Tensor) -> Tensor:
        maps = self.twice(self.twice(self.block(image)))
        self.windows(maps)
        self.many(maps)
        self.text(maps)
        maps = self.only(maps)[0] + self.table()
        answer: Tensor = self.head(self.squeeze(maps).flatten(1))
        return answer


class OnlyOne(nn.Module):
    def forward(self, maps: Tensor) -> tuple[Tensor, None]:
        return maps, None


class Table(nn.Module):
    """Makes a constant out of nothing, as a node of an ONNX file does."""

    def forward(self) -> Tensor:
        return torch.zeros(2, 1, 1, 1)


@pytest.fixture(scope="module")
def model() -> FaceModel:
    return FaceModel(Network(), size=8, aliases={"layer1": "block.2", "twice": "twice#2"})


def info(name: str, kind: str, units: int, map_size: tuple[int, int] | None) -> LayerInfo:
    """What a layer is, but for the parts that are not compared."""
    return LayerInfo(
        name=name,
        type=kind,
        units=units,
        map_size=map_size,
        address=Address(module=name),
        layout=Layout(kind="vector"),
    )


def test_layers_are_listed_by_every_call_and_tensor(model: FaceModel) -> None:
    assert model.layers() == [
        info("block", "Sequential", 6, (8, 8)),
        info("block.0", "Conv2d", 6, (8, 8)),
        info("block.1", "BatchNorm2d", 6, (8, 8)),
        info("block.2", "ReLU", 6, (8, 8)),
        info("twice#1", "ReLU", 6, (8, 8)),
        info("twice#2", "ReLU", 6, (8, 8)),
        info("many[maps]", "Many", 6, (8, 8)),
        info("many[pair][0]", "Many", 6, (8, 8)),
        info("many[pair][1]", "Many", 6, None),
        info("only", "OnlyOne", 6, (8, 8)),
        info("squeeze", "Conv2d", 2, None),
        info("head", "Linear", 4, None),
    ]


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["head", "block.0"], ["head", "block.0"]),
        (["layer1"], ["block.2"]),
        (["twice"], ["twice#2"]),  # the alias wins
        (["block.*", "block.1"], ["block.0", "block.1", "block.2"]),
        (["*[pair][?]"], ["many[pair][0]", "many[pair][1]"]),
        (["all-convs"], ["block.0"]),  # the other one has no map
        (["same#1"], ["same#1"]),
        (["block.0#1"], ["block.0#1"]),
        (["only[0]"], ["only[0]"]),
    ],
)
def test_names_patterns_and_aliases(model: FaceModel, names: list[str], found: list[str]) -> None:
    assert [layer.name for layer in model.layers(names)] == found


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("block.9", r"expected a layer of Network, got 'block.9'; nearest: block"),
        ("", r"expected a layer of Network, got ''; nearest: "),
        ("unused", r"expected a layer that the forward pass reaches, got 'unused', which it never calls"),
        ("same", r"expected one call of 'same', which a pass calls 2 times; name one of same#1, same#2"),
        ("same#3", r"expected a call of 'same' from 1 to 2, got 'same#3'; a pass does not call it that often"),
        (
            "many",
            r"expected one tensor of 'many', which gives 3; name one of many\[maps\], many\[pair\]\[0\], many\[pair\]\[1\]",
        ),
        (
            "many[mops]",
            r"expected a part of what 'many' gives \(\[maps\], \[pair\]\[0\], \[pair\]\[1\]\), got 'many\[mops\]'",
        ),
        ("block.0[0]", r"expected a part of what 'block.0' gives \(the tensor itself\), got 'block.0\[0\]'"),
        ("text", r"expected a layer that gives real numbers in a tensor, got 'text', which gives str; choose another"),
        (
            "table",
            r"expected a layer that gives real numbers in a tensor, got 'table', which gives a tensor of torch.float32",
        ),
        (
            "windows",
            r"expected maps, tokens or features from layer 'windows', got 8 x 6 x 4 x 4: other rows than the 2 images",
        ),
        ("blick.*", r"expected layers of Network like 'blick.\*', got none; nearest: block"),
    ],
)
def test_layers_that_cannot_be_dissected(model: FaceModel, name: str, message: str) -> None:
    with pytest.raises(LayerError, match=message):
        model.layers([name])


def test_a_network_without_convolutions_has_none() -> None:
    model = FaceModel(nn.Sequential(nn.Flatten(), nn.Linear(3 * 64, 2)), size=8)
    with pytest.raises(
        LayerError, match="expected convolutions for all-convs, got none in Sequential; name its layers"
    ):
        model.layers(["all-convs"])
