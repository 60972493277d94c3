"""FaceNet: Inception-ResNet-v1 (Szegedy et al., 2017), with an embedding of 512 numbers (Schroff et al., 2015)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import normalize

CLASSES = 8631
"""People in VGGFace2's training set."""


class Convolution(nn.Module):
    """Convolution, batch norm, ReLU."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int | tuple[int, int] = 1,
        *,
        stride: int = 1,
        padding: int | tuple[int, int] = 0,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=padding, bias=False)
        # TensorFlow's epsilon, with which the network was trained.
        self.bn = nn.BatchNorm2d(outputs, eps=0.001)
        self.relu = nn.ReLU()

    def forward(self, maps: Float[Tensor, "image inputs height width"]) -> Float[Tensor, "image outputs h w"]:
        """The maps behind the ReLU."""
        answer: Tensor = self.relu(self.bn(self.conv(maps)))
        return answer


class Branches(nn.Module):
    """Several ways through a block, `branch0`, `branch1` and so on, whose maps are laid beside each other."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.names = [f"branch{number}" for number in range(len(branches))]
        for name, branch in zip(self.names, branches, strict=True):
            self.add_module(name, branch)

    def beside(self, maps: Tensor) -> Tensor:
        """The maps of all branches."""
        return torch.cat([getattr(self, name)(maps) for name in self.names], dim=1)


class Reduction(Branches):
    """Branches that halve the maps; the last is a max pooling."""

    def forward(self, maps: Float[Tensor, "image inputs height width"]) -> Float[Tensor, "image outputs h w"]:
        """The smaller maps."""
        return self.beside(maps)


class Residual(Branches):
    """Branches whose maps, mixed and scaled, are added to the input."""

    def __init__(self, *branches: nn.Module, mixed: int, channels: int, scale: float, activation: bool = True) -> None:
        super().__init__(*branches)
        self.scale = scale
        self.conv2d = nn.Conv2d(mixed, channels, 1)
        self.relu = nn.ReLU() if activation else nn.Identity()

    def forward(self, maps: Float[Tensor, "image channel height width"]) -> Float[Tensor, "image channel height width"]:
        """The input with what the block adds to it."""
        answer: Tensor = self.relu(maps + self.scale * self.conv2d(self.beside(maps)))
        return answer


class InceptionResnetV1(nn.Module):
    """Embedding of length 1; the image may have any size from 75 x 75, and is published at 224 x 224.

    `logits` was needed for training, and no answer needs it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv2d_1a = Convolution(3, 32, 3, stride=2)
        self.conv2d_2a = Convolution(32, 32, 3)
        self.conv2d_2b = Convolution(32, 64, 3, padding=1)
        self.maxpool_3a = nn.MaxPool2d(3, stride=2)
        self.conv2d_3b = Convolution(64, 80)
        self.conv2d_4a = Convolution(80, 192, 3)
        self.conv2d_4b = Convolution(192, 256, 3, stride=2)
        self.repeat_1 = nn.Sequential(*(_block35() for _ in range(5)))
        self.mixed_6a = Reduction(
            Convolution(256, 384, 3, stride=2),
            nn.Sequential(
                Convolution(256, 192), Convolution(192, 192, 3, padding=1), Convolution(192, 256, 3, stride=2)
            ),
            nn.MaxPool2d(3, stride=2),
        )
        self.repeat_2 = nn.Sequential(*(_block17() for _ in range(10)))
        self.mixed_7a = Reduction(
            nn.Sequential(Convolution(896, 256), Convolution(256, 384, 3, stride=2)),
            nn.Sequential(Convolution(896, 256), Convolution(256, 256, 3, stride=2)),
            nn.Sequential(
                Convolution(896, 256), Convolution(256, 256, 3, padding=1), Convolution(256, 256, 3, stride=2)
            ),
            nn.MaxPool2d(3, stride=2),
        )
        self.repeat_3 = nn.Sequential(*(_block8(scale=0.20) for _ in range(5)))
        self.block8 = _block8(scale=1.0, activation=False)
        self.avgpool_1a = nn.AdaptiveAvgPool2d(1)
        self.last_linear = nn.Linear(1792, 512, bias=False)
        self.last_bn = nn.BatchNorm1d(512, eps=0.001)
        self.logits = nn.Linear(512, CLASSES)

    def forward(self, image: Float[Tensor, "image 3 height width"]) -> Float[Tensor, "image 512"]:
        """The embedding of each image."""
        maps = self.conv2d_2b(self.conv2d_2a(self.conv2d_1a(image)))
        maps = self.conv2d_4b(self.conv2d_4a(self.conv2d_3b(self.maxpool_3a(maps))))
        maps = self.mixed_6a(self.repeat_1(maps))
        maps = self.mixed_7a(self.repeat_2(maps))
        maps = self.block8(self.repeat_3(maps))
        return normalize(self.last_bn(self.last_linear(self.avgpool_1a(maps).flatten(1))))


def _block35() -> Residual:
    return Residual(
        Convolution(256, 32),
        _chain(256, 32, [(3, 3)]),
        _chain(256, 32, [(3, 3), (3, 3)]),
        mixed=96,
        channels=256,
        scale=0.17,
    )


def _block17() -> Residual:
    return Residual(Convolution(896, 128), _chain(896, 128, [(1, 7), (7, 1)]), mixed=256, channels=896, scale=0.10)


def _block8(*, scale: float, activation: bool = True) -> Residual:
    return Residual(
        Convolution(1792, 192),
        _chain(1792, 192, [(1, 3), (3, 1)]),
        mixed=384,
        channels=1792,
        scale=scale,
        activation=activation,
    )


def _chain(inputs: int, outputs: int, kernels: Sequence[tuple[int, int]]) -> nn.Sequential:
    """A 1 x 1 convolution and those of `kernels` behind it, which keep the maps' size."""
    rest = (Convolution(outputs, outputs, (h, w), padding=(h // 2, w // 2)) for h, w in kernels)
    return nn.Sequential(Convolution(inputs, outputs), *rest)
