"""`python:package.module:callable`: what a callable may return, and what goes wrong with one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from facedissect.errors import ModelError, SettingsError, WeightsError
from facedissect.model import load_model

SOURCE = """
from torch import nn
from facedissect.model import FaceModel

def network():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())

def face_model():
    return FaceModel(network(), size=(9, 7), std=(0.5, 0.5, 0.5), name="mine", max_batch=2, aliases={"early": "0"})

class Zoo:
    network = staticmethod(network)

made = network()
number = 3

def needs_an_argument(depth):
    return network()

def breaks():
    raise ValueError("no weights\\nat all")

def gives_a_list():
    return [network()]
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with a module and a package in it."""
    (tmp_path / "handmade").mkdir()
    (tmp_path / "handmade" / "__init__.py").touch()
    (tmp_path / "handmade" / "networks.py").write_text(SOURCE)
    (tmp_path / "handmade" / "broken.py").write_text("import not_installed_anywhere\n")
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] == "handmade"]:
        del sys.modules[name]


def test_a_network_takes_its_preprocessing_from_the_caller() -> None:
    path = list(sys.path)
    model = load_model("python:handmade.networks:network", size=8, mean=(0.5, 0.5, 0.5))
    assert model.preprocess.size == (8, 8)
    assert model.name == "network"
    assert model.source == "python:handmade.networks:network"
    assert [layer.name for layer in model.layers()] == ["0", "1"]
    assert sys.path == path


def test_a_face_model_keeps_its_own_unless_told_otherwise() -> None:
    model = load_model("python:handmade.networks:face_model")
    assert (model.preprocess.size, model.name, model.max_batch) == ((9, 7), "mine", 2)
    assert [layer.name for layer in model.layers(["early"])] == ["0"]
    model = load_model("python:handmade.networks:face_model", size=8, name="other")
    assert (model.preprocess.size, model.preprocess.std, model.name) == ((8, 8), (0.5, 0.5, 0.5), "other")


@pytest.mark.parametrize("name", ["Zoo.network", "made"])
def test_an_attribute_or_a_network_already_made(name: str) -> None:
    assert isinstance(load_model(f"python:handmade.networks:{name}", size=8).module, nn.Sequential)


def test_weights_go_into_the_network(tmp_path: Path) -> None:
    trained = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    torch.save(trained.state_dict(), tmp_path / "net.pth")
    model = load_model("python:handmade.networks:network", weights="net.pth", size=8)
    assert torch.equal(model.module.state_dict()["0.weight"], trained[0].weight)
    torch.save({"1.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match=r"2 missing: 0.weight, 0.bias; 1 unexpected: 1.weight"):
        load_model("python:handmade.networks:network", weights="other.pth", size=8)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("handmade.networks", "expected python:package.module:callable, got python:handmade.networks; name both"),
        (":network", "expected python:package.module:callable"),
        (
            "handmade.nowhere:network",
            "expected a module 'handmade.nowhere' that can be imported from .*, got ModuleNotFoundError",
        ),
        ("handmade.broken:network", "got ModuleNotFoundError: No module named 'not_installed_anywhere'"),
        ("handmade.networks:netwrok", "expected a callable of handmade.networks, got 'netwrok'; it has network"),
        ("handmade.networks:Zoo.nothing", "expected a callable of handmade.networks, got 'Zoo.nothing'"),
        (
            "handmade.networks:number",
            "expected a callable at python:handmade.networks:number, got int; name a function",
        ),
        ("handmade.networks:needs_an_argument", "when called without arguments, got TypeError: .*depth"),
        ("handmade.networks:breaks", "to return a network when called without arguments, got ValueError: no weights$"),
        ("handmade.networks:gives_a_list", "expected an nn.Module or a FaceModel from .*, got list"),
    ],
)
def test_what_goes_wrong_is_one_line(target: str, message: str) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        load_model(f"python:{target}", size=8)
    assert "\n" not in str(caught.value)


def test_a_network_without_a_size() -> None:
    with pytest.raises(
        SettingsError, match=r"expected an input size for python:handmade.networks:network, which tells none"
    ):
        load_model("python:handmade.networks:network")
