"""`demo:NAME`: the embedded networks, trained on the embedded faces by `scripts/train_demo_networks.py`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jaxtyping import Float
from torch import Tensor, nn

from ..errors import ModelError
from .checkpoint import load_weights
from .face_model import FaceModel
from .preprocess import Preprocess, PreprocessChanges

WEIGHTS = Path(__file__).parent / "weights"
SIZE = (128, 128)
MEAN = (0.5, 0.5, 0.5)
STD = (0.25, 0.25, 0.25)


@dataclass(frozen=True, kw_only=True)
class Task:
    """What an embedded network answers."""

    outputs: int
    meaning: str


TASKS = {
    "age": Task(outputs=1, meaning="apparent age in years"),
    "gender": Task(outputs=1, meaning="logit of Female against Male"),
    "smile": Task(outputs=1, meaning="logit of smiling"),
    "identity": Task(outputs=64, meaning="embedding; the same person if the cosine is high"),
}
"""Name of each embedded network -> its task."""


class Block(nn.Sequential):
    """Convolution, batch norm, ReLU: the maps of `conv` and of `relu` are what one dissects."""

    def __init__(self, inputs: int, outputs: int, *, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU()


class DemoNetwork(nn.Module):
    """Five convolutions, a global depthwise convolution, one linear layer: 0.3 M parameters for a 128 x 128 image.

    The maps of the blocks are 64, 32, 32, 16 and 8 pixels wide, with 16, 32, 64, 128 and 160 units. `gather` weighs the last
    maps by position, as MobileFaceNet does (Chen et al., 2018): in a face, where something is says what it is.
    """

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.block1 = Block(3, 16, stride=2)
        self.block2 = Block(16, 32, stride=2)
        self.block3 = Block(32, 64, stride=1)
        self.block4 = Block(64, 128, stride=2)
        self.block5 = Block(128, 160, stride=2)
        self.gather = nn.Conv2d(160, 160, kernel_size=8, groups=160)
        self.head = nn.Linear(160, outputs)

    def forward(self, image: Float[Tensor, "image 3 128 128"]) -> Float[Tensor, "image output"]:
        """The answer for each image."""
        maps = self.block5(self.block4(self.block3(self.block2(self.block1(image)))))
        answer: Tensor = self.head(self.gather(maps).flatten(1))
        return answer


def load(target: str, *, weights: str | Path | None, changes: PreprocessChanges) -> FaceModel:
    """An embedded network, with its own weights unless others are given.

    Raises:
        ModelError: there is no such network.
        WeightsError: the weights given do not fit.
    """
    if target not in TASKS:
        raise ModelError(
            f"expected an embedded network, one of {', '.join(TASKS)}, got {target!r}; for example demo:age"
        )
    module = DemoNetwork(TASKS[target].outputs)
    load_weights(module, weights or WEIGHTS / f"{target}.safetensors")
    preprocess = changes.apply(Preprocess(size=SIZE, mean=MEAN, std=STD), what=f"demo:{target}")
    return FaceModel(module, preprocess=preprocess, name=target, source=f"demo:{target}")
