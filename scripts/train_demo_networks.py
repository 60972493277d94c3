"""Trains the embedded networks (`demo:age`, `demo:gender`, `demo:smile`, `demo:identity`) on the embedded faces.

    python scripts/train_demo_networks.py

draws the faces, trains all four in minutes on two cores, saves them beside `facedissect.model.demo`, loads them again as a user
would, measures them on faces and people that they have never seen, and records the figures in `demo_networks.json`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from PIL import Image
from safetensors.torch import save as to_bytes
from torch import Tensor, nn
from torch.nn import functional

from facedissect.demo import FaceFactors, draw_face, sample_factors, sample_identity, sample_scene
from facedissect.model import DemoNetwork, load_model
from facedissect.model.demo import MEAN, SIZE, STD, TASKS, WEIGHTS

SEED = 20
TRAINING, HELD_OUT = 0, 1
BATCH = 32
EPOCHS = {"age": 12, "identity": 8, "gender": 5, "smile": 5}
"""Of each task, the longest first, so that the cores end together."""
AGE_CENTRE, AGE_SPREAD = 45.0, 25.0
MARGIN, SCALE = 0.2, 16.0


@dataclass(frozen=True, kw_only=True)
class Faces:
    """Drawn faces and what each network should answer; `person` numbers the people."""

    images: UInt8[Tensor, "face 3 height width"]
    age: Float[Tensor, " face"]
    gender: Float[Tensor, " face"]
    smile: Float[Tensor, " face"]
    person: Int[Tensor, " face"]


def draw_faces(pool: Executor, split: int, people: int, views: int) -> Faces:
    """`views` faces of each of `people`, who are others in every split."""
    drawn = list(pool.map(_draw_person, [split] * people, range(people), [views] * people, chunksize=16))
    factors = [factor for faces, _ in drawn for factor in faces]
    return Faces(
        images=torch.from_numpy(np.concatenate([images for _, images in drawn])).permute(0, 3, 1, 2).contiguous(),
        age=torch.tensor([face.identity.age for face in factors]),
        gender=torch.tensor([float(face.identity.gender == "Female") for face in factors]),
        smile=torch.tensor([float("Smiling" in face.present) for face in factors]),
        person=torch.arange(people).repeat_interleave(views),
    )


def _draw_person(split: int, person: int, views: int) -> tuple[list[FaceFactors], UInt8[np.ndarray, "view h w 3"]]:
    rng = np.random.default_rng((SEED, split, views, person))
    if views == 1:
        factors = [sample_factors(rng)]
    else:
        identity = sample_identity(rng)
        factors = [FaceFactors(identity=identity, scene=sample_scene(rng, identity)) for _ in range(views)]
    return factors, np.stack([draw_face(face, size=SIZE[0]).image for face in factors])


def augmented(
    images: UInt8[Tensor, "face 3 height width"], generator: torch.Generator
) -> Float[Tensor, "face 3 height width"]:
    """Flipped, shifted by up to 5 pixels, brighter or darker, of another contrast; normalised."""
    count, _, height, width = images.shape
    shift = torch.randint(-5, 6, (2, count, 1), generator=generator)
    rows = (torch.arange(height) + shift[0]).clamp(0, height - 1)
    columns = (torch.arange(width) + shift[1]).clamp(0, width - 1)
    flipped = torch.rand(count, 1, generator=generator) < 0.5
    columns = torch.where(flipped, columns.flip(1), columns)
    face = torch.arange(count)[:, None, None]
    moved = images.permute(0, 2, 3, 1)[face, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).float() / 255
    contrast, brightness = 1 + 0.4 * (torch.rand(2, count, 1, 1, 1, generator=generator) - 0.5)
    return normalised((moved - 0.5) * contrast + 0.5 * brightness)


def normalised(images: Float[Tensor, "face 3 height width"]) -> Float[Tensor, "face 3 height width"]:
    """As the preprocessing of the embedded networks does it."""
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))
    return (images - mean) / std


class MarginLoss(nn.Module):
    """Additive cosine margin over the training's people (Wang et al., CosFace, CVPR 2018)."""

    def __init__(self, embedding: int, people: int) -> None:
        super().__init__()
        self.centres = nn.Parameter(torch.randn(people, embedding))

    def forward(self, embedding: Float[Tensor, "face feature"], person: Int[Tensor, " face"]) -> Float[Tensor, ""]:
        """The cross-entropy of people by the cosine to their centres, that of the right one lowered by the margin."""
        cosine = functional.normalize(embedding) @ functional.normalize(self.centres).T
        lowered = cosine - MARGIN * functional.one_hot(person, len(self.centres))
        return functional.cross_entropy(SCALE * lowered, person)


def age_loss(answer: Float[Tensor, "face 1"], age: Float[Tensor, " face"]) -> Float[Tensor, ""]:
    """Of the age in units in which it has about mean 0 and deviation 1."""
    return functional.smooth_l1_loss(answer[:, 0], (age - AGE_CENTRE) / AGE_SPREAD, beta=0.2)


def binary_loss(answer: Float[Tensor, "face 1"], label: Float[Tensor, " face"]) -> Float[Tensor, ""]:
    """Cross-entropy of a logit."""
    return functional.binary_cross_entropy_with_logits(answer[:, 0], label)


def train(task: str, faces: Faces, epochs: int) -> DemoNetwork:
    """A network for one task; on one thread, so that it does not depend on the number of cores."""
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    generator = torch.Generator().manual_seed(SEED)
    network = DemoNetwork(TASKS[task].outputs).to(memory_format=torch.channels_last)
    margin = MarginLoss(TASKS[task].outputs, int(faces.person.max()) + 1)
    losses: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], Tensor]] = {
        "age": (age_loss, faces.age),
        "gender": (binary_loss, faces.gender),
        "smile": (binary_loss, faces.smile),
        "identity": (margin, faces.person),
    }
    loss_of, labels = losses[task]
    parameters = [*network.parameters(), *(margin.parameters() if task == "identity" else ())]
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0.02)
    steps = math.ceil(len(labels) / BATCH) * epochs
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=3e-3, total_steps=steps, pct_start=0.2)
    for epoch in range(epochs):
        started, total = time.perf_counter(), 0.0
        for chosen in torch.split(torch.randperm(len(labels), generator=generator), BATCH):
            batch = augmented(faces.images[chosen], generator).contiguous(memory_format=torch.channels_last)
            loss = loss_of(network(batch), labels[chosen])
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
            total += float(loss.detach()) * len(chosen)
        seconds = time.perf_counter() - started
        print(f"{task}: epoch {epoch + 1} of {epochs}, loss {total / len(labels):.4f}, {seconds:.0f} s", flush=True)
    if task == "age":
        answer_in_years(network)
    return network.eval()


def answer_in_years(network: DemoNetwork) -> None:
    """Takes the centre and the spread of the ages into the last layer."""
    with torch.no_grad():
        network.head.weight *= AGE_SPREAD
        network.head.bias.copy_(network.head.bias * AGE_SPREAD + AGE_CENTRE)


def save(network: DemoNetwork, path: Path) -> None:
    """In half precision, which is a hundred times finer than these networks are accurate."""
    state = {name: value.half() if value.is_floating_point() else value for name, value in network.state_dict().items()}
    path.write_bytes(to_bytes({name: value.contiguous() for name, value in state.items()}))


def answers(task: str, weights: Path, faces: Faces) -> Float[Tensor, "face output"]:
    """What the saved network answers through the public door."""
    model = load_model(f"demo:{task}", weights=weights)
    with model.borrowed():
        return torch.cat([model(torch.stack(inputs)) for inputs in _inputs(faces, model.preprocess.image)])


def _inputs(faces: Faces, preprocess: Callable[[Image.Image], Tensor]) -> Iterator[list[Tensor]]:
    for images in torch.split(faces.images, BATCH):
        yield [preprocess(Image.fromarray(image.permute(1, 2, 0).numpy())) for image in images]


def measure(task: str, answer: Float[Tensor, "face output"], faces: Faces) -> dict[str, float]:
    """The figures of a network on held-out faces."""
    if task == "age":
        error = (answer[:, 0] - faces.age).abs()
        return {"mean_absolute_error_years": round(float(error.mean()), 2)}
    if task == "identity":
        return measure_identity(functional.normalize(answer), faces.person)
    label = {"gender": faces.gender, "smile": faces.smile}[task]
    return {"accuracy": round(float(((answer[:, 0] > 0) == label.bool()).double().mean()), 4)}


def measure_identity(embedding: Float[Tensor, "face feature"], person: Int[Tensor, " face"]) -> dict[str, float]:
    """Rank 1 against one picture of each person, and verification at the threshold of equal error rates."""
    first = torch.cat([torch.ones(1, dtype=torch.bool), person[1:] != person[:-1]])
    nearest = (embedding[~first] @ embedding[first].T).argmax(1)
    one, other = torch.triu_indices(len(person), len(person), 1)
    cosine, same = (embedding @ embedding.T)[one, other], person[one] == person[other]
    genuine, impostor = cosine[same].sort().values, cosine[~same].sort().values
    misses = torch.arange(len(genuine)) / len(genuine)
    false_matches = 1 - torch.searchsorted(impostor, genuine) / len(impostor)
    equal_error = float(torch.maximum(misses, false_matches).min())
    return {
        "rank_1": round(float((person[first][nearest] == person[~first]).double().mean()), 4),
        "verification_accuracy_at_equal_error": round(1 - equal_error, 4),
    }


def digest(faces: Faces) -> str:
    """Says whether the generator still draws the faces that the figures were measured on."""
    return hashlib.sha256(faces.images.numpy().tobytes()).hexdigest()


def train_and_measure(task: str, seen: Path, unseen: Path, epochs: int, out: Path) -> dict[str, float]:
    """Trains one network on the faces in the file `seen`, saves it to `out`, measures it on those in `unseen`."""
    weights = out / f"{task}.safetensors"
    save(train(task, load_faces(seen), epochs), weights)
    held_out = load_faces(unseen)
    return measure(task, answers(task, weights, held_out), held_out)


def save_faces(faces: Faces, path: Path) -> Path:
    """To a file, from which several processes read them without a copy each."""
    torch.save(vars(faces), path)
    return path


def load_faces(path: Path) -> Faces:
    """What `save_faces` wrote."""
    return Faces(**torch.load(path, mmap=True, weights_only=True))


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw, train, save, measure, record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, default=6000, help="training faces of age, gender and smile")
    parser.add_argument("--people", type=int, default=600, help="training people of identity, ten faces each")
    parser.add_argument("--epochs", type=int, help="of every task; by default each has its own number")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    with TemporaryDirectory() as folder, ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool:
        people = _drawn(pool, Path(folder) / "people", options.people, 100, 10)
        faces = _drawn(pool, Path(folder) / "faces", options.faces, 1000, 1)
        print(f"drew the faces in {time.perf_counter() - started:.0f} s", flush=True)
        epochs = {task: options.epochs or EPOCHS[task] for task in EPOCHS}
        futures = {
            task: pool.submit(train_and_measure, task, *(people if task == "identity" else faces), count, options.out)
            for task, count in epochs.items()
        }
        figures = {task: future.result() for task, future in futures.items()}
        held_out = {"faces": digest(load_faces(faces[1])), "people": digest(load_faces(people[1]))}
    record = {
        "command": " ".join(
            ["python", "scripts/train_demo_networks.py", *(sys.argv[1:] if arguments is None else arguments)]
        ),
        "minutes": round((time.perf_counter() - started) / 60, 1),
        "cores": os.cpu_count(),
        "torch": torch.__version__,
        "training": {"faces": options.faces, "people": options.people, "faces_of_each": 10, "epochs": epochs},
        "held_out": {"faces": 1000, "people": 100, "faces_of_each": 10, "sha256": held_out},
        "measured": figures,
    }
    text = json.dumps(record, indent=2)
    (options.out / "demo_networks.json").write_text(text + "\n")
    print(text)


def _drawn(pool: Executor, stem: Path, training: int, held_out: int, views: int) -> tuple[Path, Path]:
    """Files of the faces to train on and of those to measure on."""
    seen = save_faces(draw_faces(pool, TRAINING, training, views), stem.with_suffix(".seen"))
    return seen, save_faces(draw_faces(pool, HELD_OUT, held_out, views), stem.with_suffix(".unseen"))


if __name__ == "__main__":
    main()
