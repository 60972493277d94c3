"""A small network that learns one yes-or-no question about 64 x 64 faces in seconds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from ..model.demo import Block
from ..model.face_model import FaceModel
from .planted_faces import PREPROCESS, PlantedFaces

LAYER = "block4.relu"
"""The last convolution, which is dissected: 64 units with maps of 8 x 8."""
BATCH, EPOCHS, HIGHEST_RATE = 32, 6, 4e-3


class PlantedNetwork(nn.Module):
    """Four convolutions, the mean of each map, one linear layer.

    With the mean, as ResNets have it, the answer rests on how much each unit fires. Weights for every position, as the embedded
    networks have them, would let the answer follow a concept by where units fire, which their peaks do not tell.
    """

    def __init__(self) -> None:
        super().__init__()
        self.block1 = Block(3, 16, stride=2)
        self.block2 = Block(16, 32, stride=2)
        self.block3 = Block(32, 64, stride=1)
        self.block4 = Block(64, 64, stride=2)
        self.head = nn.Linear(64, 1)

    def forward(self, image: Float[Tensor, "image 3 64 64"]) -> Float[Tensor, "image 1"]:
        """The logit of the target for each image."""
        maps = self.block4(self.block3(self.block2(self.block1(image))))
        answer: Tensor = self.head(maps.mean((2, 3)))
        return answer


def train(faces: PlantedFaces, seed: int) -> PlantedNetwork:
    """A network that tells the target of faces; the same seed gives the same network.

    Of one seed, weights begin the same whatever the faces are. Images are flipped at random, and not changed in colour.
    """
    with one_thread(), torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        network = PlantedNetwork().to(memory_format=torch.channels_last)
        images = normalised(faces)
        target = torch.from_numpy(faces.target.astype(np.float32))
        optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.02)
        steps = EPOCHS * -(-len(faces) // BATCH)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, HIGHEST_RATE, total_steps=steps, pct_start=0.2)
        for _ in range(EPOCHS):
            for chosen in torch.split(torch.randperm(len(faces)), BATCH):
                batch = images[chosen]
                flipped = torch.rand(len(chosen)) < 0.5
                batch[flipped] = batch[flipped].flip(3)
                batch = batch.contiguous(memory_format=torch.channels_last)
                loss = functional.binary_cross_entropy_with_logits(network(batch)[:, 0], target[chosen])
                optimizer.zero_grad()
                torch.autograd.backward(loss)
                optimizer.step()
                schedule.step()
    return network.eval()


def right(network: PlantedNetwork, faces: PlantedFaces) -> Bool[np.ndarray, " face"]:
    """(face) whether the network tells the target."""
    with one_thread(), torch.no_grad():
        answers = [network(images)[:, 0] > 0 for images in torch.split(normalised(faces), BATCH)]
    return np.asarray(torch.cat(answers).numpy() == faces.target)


def as_face_model(network: PlantedNetwork, name: str) -> FaceModel:
    """The network with what it wants to see."""
    return FaceModel(network, preprocess=PREPROCESS, name=name, source=f"planted:{name}")


def normalised(faces: PlantedFaces) -> Float[Tensor, "face 3 64 64"]:
    """The network's input for faces, as its preprocessing gives it."""
    return PREPROCESS.scaled(faces.images)


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch on one thread: sums do not depend on the number of cores, and several networks train beside each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
