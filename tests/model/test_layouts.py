"""Layouts: every kind of output is read as maps, by exact arrays and by real architectures that are shown one lit patch."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import timm
import torch
import torchvision
from torch import Tensor, nn

from facedissect.capture import Capture
from facedissect.model import FaceModel
from facedissect.model.layouts import Layout, LayoutReader, Unreadable

IMAGES, UNITS, HEIGHT, WIDTH = 2, 6, 3, 5
MAPS = torch.arange(IMAGES * UNITS * HEIGHT * WIDTH, dtype=torch.float32).reshape(IMAGES, UNITS, HEIGHT, WIDTH)
TOKENS = MAPS.flatten(2).transpose(1, 2)
CLASS_AND_REGISTER = torch.full((IMAGES, 2, UNITS), -1.0)
GRID = (HEIGHT, WIDTH)


@pytest.mark.parametrize(
    ("layout", "output"),
    [
        (Layout(kind="channels_first"), MAPS),
        (Layout(kind="channels_last"), MAPS.permute(0, 2, 3, 1)),
        (Layout(kind="tokens", grid=GRID), TOKENS),
        (Layout(kind="tokens", grid=GRID, prefix=2), torch.cat([CLASS_AND_REGISTER, TOKENS], dim=1)),
        (Layout(kind="tokens_last", grid=GRID), TOKENS.transpose(1, 2)),
        (
            Layout(kind="sequence_first", grid=GRID, prefix=2),
            torch.cat([CLASS_AND_REGISTER, TOKENS], 1).transpose(0, 1),
        ),
        (Layout(kind="heads", grid=GRID), TOKENS.unflatten(2, (3, 2)).transpose(1, 2)),
    ],
    ids=lambda value: value.kind if isinstance(value, Layout) else "",
)
def test_every_layout_gives_the_same_maps(layout: Layout, output: Tensor) -> None:
    torch.testing.assert_close(layout.maps(output), MAPS, rtol=0, atol=0)


def test_a_vector_has_maps_of_one_position() -> None:
    features = torch.rand(2, 7)
    torch.testing.assert_close(Layout(kind="vector").maps(features), features[:, :, None, None])


def read(module: nn.Module, shape: tuple[int, ...], before: tuple[int, ...] | None = None) -> Layout | Unreadable:
    """The layout of an output for two images of 48 x 80, after a convolution of some output shape."""
    reader = LayoutReader(2, (48, 80))
    if before:
        reader.read(nn.Conv2d(3, 4, 1), before)
    return reader.read(module, shape)


OTHER = nn.Identity()


@pytest.mark.parametrize(
    ("module", "shape", "before", "expected"),
    [
        (nn.Conv2d(3, 4, 1), (2, 4, 7, 9), None, Layout(kind="channels_first")),
        (nn.Linear(8, 8), (2, 6, 10, 8), None, Layout(kind="channels_last")),
        (nn.LayerNorm(8), (2, 6, 10, 8), None, Layout(kind="channels_last")),
        (OTHER, (2, 64, 6, 10), None, Layout(kind="channels_first")),
        (OTHER, (2, 6, 10, 64), None, Layout(kind="channels_last")),
        (OTHER, (2, 8, 7, 3), (2, 8, 7, 3), Layout(kind="channels_first")),
        (OTHER, (2, 8, 1, 1), None, Layout(kind="channels_first")),
        (OTHER, (2, 15, 32), (2, 32, 3, 5), Layout(kind="tokens", grid=(3, 5))),
        (OTHER, (2, 16, 32), (2, 32, 3, 5), Layout(kind="tokens", grid=(3, 5), prefix=1)),
        (OTHER, (2, 20, 32), (2, 32, 3, 5), Layout(kind="tokens", grid=(3, 5), prefix=5)),
        (OTHER, (2, 15, 32), (2, 32, 6, 10), Layout(kind="tokens", grid=(3, 5))),
        (OTHER, (2, 15, 15), (2, 32, 3, 5), Layout(kind="tokens", grid=(3, 5))),
        (OTHER, (2, 61, 32), None, Layout(kind="tokens", grid=(6, 10), prefix=1)),
        (OTHER, (2, 32, 15), (2, 32, 3, 5), Layout(kind="tokens_last", grid=(3, 5))),
        (nn.Conv1d(3, 4, 1), (2, 32, 15), None, Layout(kind="tokens_last", grid=(3, 5))),
        (OTHER, (16, 2, 32), (2, 32, 3, 5), Layout(kind="sequence_first", grid=(3, 5), prefix=1)),
        (nn.LayerNorm(8), (2, 4, 16, 8), (2, 32, 3, 5), Layout(kind="heads", grid=(3, 5), prefix=1)),
        (OTHER, (2, 1, 32), None, Layout(kind="vector")),
        (OTHER, (2, 32), None, Layout(kind="vector")),
    ],
)
def test_a_layout_follows_from_module_shape_and_what_came_before(
    module: nn.Module, shape: tuple[int, ...], before: tuple[int, ...] | None, expected: Layout
) -> None:
    assert read(module, shape, before) == expected


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ((8, 16, 32), "8 x 16 x 32: other rows than the 2 images of the pass, such as windows or patches"),
        ((2, 33, 32), "2 x 33 x 32: 33 tokens that fill no grid like the image"),
        ((2, 4, 16, 16), "2 x 4 x 16 x 16: weights between tokens, which are no units"),
        ((2, 16, 16), "2 x 16 x 16: weights between tokens, which are no units"),
        ((2, 8, 9, 3), "2 x 8 x 9 x 3: neither maps shaped like the image nor tokens"),
        ((2, 4, 3, 5, 6), "2 x 4 x 3 x 5 x 6: 5 axes, of which it is not known which are height and width"),
    ],
)
def test_what_cannot_be_read_says_why(shape: tuple[int, ...], reason: str) -> None:
    assert read(OTHER, shape, (2, 32, 3, 5)) == Unreadable(reason=reason)


def timm_network(name: str, **options: object) -> nn.Module:
    return timm.create_model(name, pretrained=False, **options)


SQUARE, PORTRAIT = (224, 224), (160, 96)
Maps = dict[str, tuple[int, tuple[int, int]]]
# Name -> how it is built, its input size, the side of the lit patch, and units and map size of three layers.
ARCHITECTURES: dict[str, tuple[Callable[[], nn.Module], tuple[int, int], int, Maps]] = {
    "resnet50": (
        torchvision.models.resnet50,
        (224, 160),
        32,
        {"layer1.2.conv1": (64, (56, 40)), "layer2.3.relu#3": (512, (28, 20)), "layer3": (1024, (14, 10))},
    ),
    "mobilenet_v3_small": (
        torchvision.models.mobilenet_v3_small,
        SQUARE,
        32,
        {"features.1": (16, (56, 56)), "features.4.block.1": (96, (14, 14)), "features.8": (48, (14, 14))},
    ),
    "convnext_tiny": (
        torchvision.models.convnext_tiny,
        SQUARE,
        32,
        {
            "features.1.0.block.3": (384, (56, 56)),
            "features.3.2": (192, (28, 28)),
            "features.5.1.block.2": (384, (14, 14)),
        },
    ),
    "swin_t": (
        torchvision.models.swin_t,
        SQUARE,
        32,
        {"features.1.1.attn": (96, (56, 56)), "features.3.1.mlp.0": (768, (28, 28)), "features.5.2": (384, (14, 14))},
    ),
    "vit_b_16": (
        torchvision.models.vit_b_16,
        SQUARE,
        16,
        {
            "encoder.layers.encoder_layer_0.self_attention": (768, (14, 14)),
            "encoder.layers.encoder_layer_1.mlp.0": (3072, (14, 14)),
            "encoder.layers.encoder_layer_2": (768, (14, 14)),
        },
    ),
    "timm vit_small_patch16_224, portrait": (
        lambda: timm_network("vit_small_patch16_224", img_size=PORTRAIT),
        PORTRAIT,
        16,
        {"blocks.0.attn.qkv": (1152, (10, 6)), "blocks.1.mlp.fc1": (1536, (10, 6)), "blocks.2": (384, (10, 6))},
    ),
    "timm vit_small_patch14_reg4_dinov2": (
        lambda: timm_network("vit_small_patch14_reg4_dinov2", img_size=(112, 112)),
        (112, 112),
        14,
        {"blocks.0": (384, (8, 8)), "blocks.1.attn.q_norm": (384, (8, 8)), "norm": (384, (8, 8))},
    ),
    "timm efficientnet_b0": (
        lambda: timm_network("efficientnet_b0"),
        SQUARE,
        32,
        {"blocks.1.0.conv_dw": (96, (56, 56)), "blocks.2.1": (40, (28, 28)), "blocks.3.1.bn2": (480, (14, 14))},
    ),
}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_lit_patch_lands_in_its_cell(name: str) -> None:
    """The maps of an image with one lit patch differ most from those of a dark image where the patch is."""
    build, (height, width), side, layers = ARCHITECTURES[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = build().eval()
    model = FaceModel(module, size=(height, width))
    found = model.layers(list(layers))
    assert {info.name: (info.units, info.map_size) for info in found} == layers
    images = torch.zeros(2, 3, height, width)
    row, column = 3, 2
    images[1, :, row * side : (row + 1) * side, column * side : (column + 1) * side] = 1
    with model.borrowed(), Capture(model, found) as capture:
        outputs = capture.maps(images)
    for info in found:
        assert info.map_size is not None
        dark, lit = outputs[info.name]
        difference = ((lit - dark) ** 2).mean(0)
        if info.layout.grid:  # a token has the lit patch to itself
            assert info.map_size == (height // side, width // side)
            assert divmod(int(difference.argmax()), width // side) == (row, column), info.name
            continue
        for axis, lit_cell in ((0, row), (1, column)):
            profile = difference.sum(1 - axis)
            centres = (torch.arange(len(profile)) + 0.5) * (height, width)[axis] / len(profile)
            assert int((centres * profile).sum() / profile.sum() / side) == lit_cell, info.name
