"""The embedded networks: what is in the package, that they are good at their task, and the script that trains them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from facedissect.demo import FaceFactors, draw_face, sample_factors
from facedissect.errors import ModelError, WeightsError
from facedissect.model import TASKS, load_model
from facedissect.model.demo import WEIGHTS


def test_they_are_small() -> None:
    files = [WEIGHTS / f"{task}.safetensors" for task in TASKS]
    assert sum(path.stat().st_size for path in files) < 4e6
    for path in files:
        assert 0.25e6 < sum(value.numel() for value in load_file(path).values()) < 0.35e6


def test_their_layers() -> None:
    model = load_model("demo:age")
    assert model.preprocess.size == (128, 128)
    found = {layer.name: (layer.units, layer.map_size) for layer in model.layers()}
    sizes = {"block1": (16, 64), "block2": (32, 32), "block3": (64, 32), "block4": (128, 16), "block5": (160, 8)}
    for block, (units, side) in sizes.items():
        for part in ("", ".conv", ".norm", ".relu"):
            assert found[block + part] == (units, (side, side))
    assert found["gather"] == (160, None)
    assert found["head"] == (1, None)


@pytest.fixture(scope="module")
def faces() -> list[tuple[FaceFactors, Image.Image]]:
    """Faces that no network was trained on."""
    factors = [sample_factors(np.random.default_rng((99, index))) for index in range(240)]
    return [(face, Image.fromarray(draw_face(face, size=128).image)) for face in factors]


def answer(task: str, faces: list[tuple[FaceFactors, Image.Image]]) -> torch.Tensor:
    model = load_model(f"demo:{task}")
    with model.borrowed():
        output: torch.Tensor = model(torch.stack([model.preprocess.image(image) for _, image in faces]))
    return output[:, 0]


def test_age_is_told_in_years(faces: list[tuple[FaceFactors, Image.Image]]) -> None:
    ages = torch.tensor([face.identity.age for face, _ in faces])
    assert (answer("age", faces) - ages).abs().mean() < 6


def test_gender_and_smile_are_told_apart(faces: list[tuple[FaceFactors, Image.Image]]) -> None:
    female = torch.tensor([face.identity.gender == "Female" for face, _ in faces])
    smiling = torch.tensor(["Smiling" in face.present for face, _ in faces])
    assert ((answer("gender", faces) > 0) == female).float().mean() > 0.93
    assert ((answer("smile", faces) > 0) == smiling).float().mean() > 0.93


def test_the_recorded_figures_meet_the_goals() -> None:
    record = json.loads((WEIGHTS / "demo_networks.json").read_text())
    measured = record["measured"]
    assert set(measured) == set(TASKS)
    assert measured["gender"]["accuracy"] > 0.95
    assert measured["smile"]["accuracy"] > 0.95
    assert measured["age"]["mean_absolute_error_years"] < 5
    assert measured["identity"]["rank_1"] > 0.5
    assert record["command"].startswith("python scripts/train_demo_networks.py")
    assert record["minutes"] < 15


def test_weights_of_ones_own(tmp_path: Path) -> None:
    state = {name: torch.zeros_like(value) for name, value in load_file(WEIGHTS / "smile.safetensors").items()}
    save_file(state, tmp_path / "zero.safetensors")
    model = load_model("demo:smile", weights=tmp_path / "zero.safetensors")
    assert not model.module.state_dict()["head.weight"].any()
    with pytest.raises(WeightsError, match=r"2 mis-shaped: head.weight \(64x160 instead of 1x160\), head.bias"):
        load_model("demo:smile", weights=WEIGHTS / "identity.safetensors")


def test_an_unknown_network_lists_the_known_ones() -> None:
    with pytest.raises(
        ModelError, match=r"expected an embedded network, one of age, gender, smile, identity, got 'beauty'"
    ):
        load_model("demo:beauty")


def test_the_input_size_is_fixed() -> None:
    with pytest.raises(
        ModelError, match=r"expected age to run on an input of 2 x 3 x 96 x 96, .*; check the input size"
    ):
        load_model("demo:age", size=96).layers()
