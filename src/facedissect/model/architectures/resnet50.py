"""Age, gender and smile: torchvision's ResNet-50, of which only what follows the last convolution is other."""

from __future__ import annotations

import torchvision
from torch import nn

MAP = 4
"""Height and width of the last map, for an image of 128 or 112 pixels: the linear layers behind it fit no other."""


def age_network() -> nn.Module:
    """For a 128 x 128 image, the apparent age."""
    network = _with_linear_layers()
    network.fc = nn.Linear(64, 1)
    return network


def gender_network() -> nn.Module:
    """For a 128 x 128 image, two logits."""
    network = _with_linear_layers()
    network.fc = nn.Sequential(nn.Linear(64, 2))
    return network


def smile_network() -> nn.Module:
    """For an image of any size, 200 x 200 as published, two logits."""
    network: nn.Module = torchvision.models.resnet50()
    network.fc = nn.Sequential(nn.Linear(2048, 2))
    return network


def _with_linear_layers() -> nn.Module:
    """ResNet-50 whose `avgpool` does not average: it tells the positions of the last map apart, in three linear layers."""
    network: nn.Module = torchvision.models.resnet50()
    network.avgpool = nn.Sequential(
        nn.Flatten(),
        nn.Linear(2048 * MAP * MAP, 2048),
        nn.ReLU(),
        nn.Linear(2048, 512),
        nn.ReLU(),
        nn.Linear(512, 64),
        nn.ReLU(),
    )
    return network
