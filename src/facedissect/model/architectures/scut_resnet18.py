"""Beauty: the ResNet-18 of SCUT-FBP5500, whose layers are grouped otherwise than torchvision's."""

from __future__ import annotations

from collections import OrderedDict

from jaxtyping import Float
from torch import Tensor, nn


class ScutBlock(nn.Module):
    """Two 3 x 3 convolutions and the shortcut around them."""

    def __init__(self, inputs: int, outputs: int, *, stride: int) -> None:
        super().__init__()
        self.group1 = nn.Sequential(
            OrderedDict(
                conv1=nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
                bn1=nn.BatchNorm2d(outputs),
                relu1=nn.ReLU(),
                conv2=nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
                bn2=nn.BatchNorm2d(outputs),
            )
        )
        self.relu = nn.ReLU()
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, maps: Float[Tensor, "image inputs height width"]) -> Float[Tensor, "image outputs h w"]:
        """The maps behind the block."""
        shortcut = maps if self.downsample is None else self.downsample(maps)
        answer: Tensor = self.relu(self.group1(maps) + shortcut)
        return answer


class ScutResNet18(nn.Module):
    """Beauty score of a 224 x 224 image."""

    def __init__(self) -> None:
        super().__init__()
        self.group1 = nn.Sequential(
            OrderedDict(
                conv1=nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False),
                bn1=nn.BatchNorm2d(64),
                relu1=nn.ReLU(),
                maxpool=nn.MaxPool2d(3, stride=2, padding=1),
            )
        )
        self.layer1 = _layer(64, 64, stride=1)
        self.layer2 = _layer(64, 128, stride=2)
        self.layer3 = _layer(128, 256, stride=2)
        self.layer4 = _layer(256, 512, stride=2)
        self.avgpool = nn.AvgPool2d(7)
        self.group2 = nn.Sequential(OrderedDict(fullyconnected=nn.Linear(512, 1)))

    def forward(self, image: Float[Tensor, "image 3 224 224"]) -> Float[Tensor, "image 1"]:
        """The score of each image."""
        maps = self.layer4(self.layer3(self.layer2(self.layer1(self.group1(image)))))
        score: Tensor = self.group2(self.avgpool(maps).flatten(1))
        return score


def _layer(inputs: int, outputs: int, *, stride: int) -> nn.Sequential:
    return nn.Sequential(ScutBlock(inputs, outputs, stride=stride), ScutBlock(outputs, outputs, stride=1))
