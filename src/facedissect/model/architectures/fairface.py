"""FairFace: a ResNet-50 trunk and an embedding of 128 numbers."""

from __future__ import annotations

from collections import OrderedDict

import torchvision
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import normalize

from .resnet50 import MAP

CLASSES = 4294
LENGTH = 10.0
_TRUNK = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")


class FairFace(nn.Module):
    """Embedding of a 112 x 112 image, of length 10.

    The checkpoint holds the trunk twice: under `model`, as torchvision names it, and numbered, under `cnn`. Here too these
    are two names of the same layers. `model.classifier` was needed for training, and no answer needs it.
    """

    def __init__(self) -> None:
        super().__init__()
        trunk = torchvision.models.resnet50()
        layers = [(name, getattr(trunk, name)) for name in _TRUNK]
        embedding = nn.Sequential(nn.Flatten(), nn.Linear(2048 * MAP * MAP, 128))
        self.model = nn.Sequential(
            OrderedDict([*layers, ("fc", embedding), ("classifier", nn.Linear(128, CLASSES))]),
        )
        self.cnn = nn.Sequential(*(layer for _, layer in layers))

    def forward(self, image: Float[Tensor, "image 3 112 112"]) -> Float[Tensor, "image 128"]:
        """The embedding of each image."""
        embedding: Tensor = self.model.get_submodule("fc")(self.cnn(image))
        return LENGTH * normalize(embedding)
