"""`zoo:NAME`: the six networks of the study agree with what is recorded of them, and load from copies of their checkpoints."""

from __future__ import annotations

import hashlib
import json
import math
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

import facedissect
from facedissect.errors import ModelError, WeightsError
from facedissect.model import FaceModel, Preprocess, load_model, zoo

ALIASES = ["layer1", "layer2", "layer3", "layer4"]
SIZES = {"age": 128, "gender": 128, "beauty": 224, "facenet": 224, "fairface": 112, "smile": 200}


def filling(key: str, shape: list[int]) -> Tensor:
    """The recorded rule for a tensor of this name: it needs no file, and tells every name apart."""
    random = np.random.RandomState(zlib.crc32(key.encode()) & 0x7FFFFFFF)
    if key.endswith("num_batches_tracked"):
        return torch.zeros(shape, dtype=torch.long)
    values = random.randn(*shape)
    if key.endswith("running_var"):
        values = 1 + 0.1 * np.abs(values)
    elif len(shape) >= 2:
        values *= math.sqrt(2 / math.prod(shape[1:]))
    elif key.endswith("weight"):
        values = 1 + 0.05 * values
    else:
        values *= 0.01
    return torch.from_numpy(values.astype(np.float32))


def recorded(shared: Path, name: str) -> Any:
    return json.loads((shared / "reference" / "checkpoints" / f"{name}.json").read_text())


@pytest.fixture(scope="module", params=list(SIZES))
def network(request: pytest.FixtureRequest, shared: Path, tmp_path_factory: pytest.TempPathFactory) -> FaceModel:
    """Each network in turn, from a file of weights filled by the rule; one at a time, as two have 92 M parameters."""
    name = request.param
    path = tmp_path_factory.mktemp(name) / "published.pth"
    shapes = recorded(shared, name)
    torch.save({"state_dict": {f"module.{key}": filling(key, shape) for key, shape in shapes.items()}}, path)
    try:
        return load_model(f"zoo:{name}", weights=path)
    finally:
        path.unlink()


def test_names_and_shapes_are_those_of_the_published_checkpoint(network: FaceModel, shared: Path) -> None:
    own = {key: list(value.shape) for key, value in network.module.state_dict().items()}
    assert own == recorded(shared, network.name)


def test_the_input_is_the_studys(network: FaceModel) -> None:
    side = SIZES[network.name]
    crop = "box" if network.name in ("facenet", "fairface") else "none"
    assert network.preprocess == Preprocess(size=(side, side), crop=crop)
    assert network.source == f"zoo:{network.name}"


def test_the_maps_of_the_four_layers_and_the_answers_are_those_recorded(network: FaceModel, shared: Path) -> None:
    expected = recorded(shared, "outputs")[network.name]
    assert [network.aliases[alias] for alias in ALIASES] == list(expected["layers"])
    side = expected["input_size"]
    images = np.random.RandomState(0).rand(2, 3, side, side).astype(np.float32)
    maps: dict[str, Tensor] = {}

    def keep(layer: str) -> Any:
        return lambda _module, _args, output: maps.update({layer: output.double()})

    with network.borrowed():
        for layer in expected["layers"]:
            network.network.get_submodule(layer).register_forward_hook(keep(layer))
        answers = network(torch.from_numpy(images))
    # Six digits are recorded, which is 5e-6 of a number that begins with 1; the rest is left to float32's order of adding.
    for layer, statistics in expected["layers"].items():
        values = maps[layer]
        assert list(values.shape) == statistics["shape"], layer
        measured = [values.mean().item(), values.std().item(), values.max().item()]
        assert measured == pytest.approx([statistics[key] for key in ("mean", "std", "max")], rel=2e-5), layer
    first = np.array(expected["output"])
    # Answers near 0 are differences of larger numbers.
    np.testing.assert_allclose(answers[:, : first.shape[1]], first, rtol=2e-5, atol=2e-5 * np.abs(first).max())


def test_it_dissects_embedded_faces_through_its_four_layers(network: FaceModel) -> None:
    dictionary = facedissect.open_dictionary("demo:count=2,seed=0,size=64")
    result = facedissect.dissect(dictionary, network, layers=ALIASES)
    layers = network.layers(ALIASES)
    assert [len(layer.units) for layer in result.layers.values()] == [layer.units for layer in layers]


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Path]:
    """Where a test saves its copy of a checkpoint; deleted behind it, as it may have 100 MB."""
    yield tmp_path / "copy.pth"
    for path in tmp_path.glob("copy.*"):
        path.unlink()


def unpublished(name: str) -> dict[str, Tensor]:
    """A checkpoint of random weights."""
    return dict(zoo.ZOO[name].build().state_dict())


def without(state: dict[str, Tensor], *starts: str) -> dict[str, Tensor]:
    return {key: value for key, value in state.items() if not key.startswith(starts)}


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_copy_of_the_checkpoint_however_wrapped(copy: Path, prefix: str, wrapped: bool) -> None:
    state = {prefix + key: value for key, value in unpublished("beauty").items()}
    torch.save({"state_dict": state, "epoch": 7} if wrapped else state, copy)
    random = torch.random.get_rng_state()
    model = load_model("zoo:beauty", weights=copy)
    assert torch.equal(torch.random.get_rng_state(), random)
    for key, value in model.module.state_dict().items():
        assert torch.equal(value, state[prefix + key]), key


@pytest.mark.parametrize(
    ("name", "head", "other"),
    [
        ("facenet", "logits", {}),
        ("facenet", "logits", {"logits.weight": (7, 512)}),
        ("fairface", "model.classifier", {}),
    ],
)
def test_a_head_that_only_the_training_needed_may_be_missing_or_another(
    copy: Path, name: str, head: str, other: dict[str, tuple[int, ...]]
) -> None:
    state = without(unpublished(name), f"{head}.")
    torch.save(state | {key: torch.zeros(shape) for key, shape in other.items()}, copy)
    model = load_model(f"zoo:{name}", weights=copy)
    kept = model.module.state_dict()
    assert set(kept) == set(state)
    assert all(torch.equal(value, state[key]) for key, value in kept.items())
    assert model.layers(ALIASES)


def test_a_head_that_the_network_does_not_have_is_not_needed(copy: Path) -> None:
    state = unpublished("beauty")
    torch.save({**state, "classifier.weight": torch.zeros(5, 512), "fc.0.bias": torch.zeros(5)}, copy)
    assert set(load_model("zoo:beauty", weights=copy).module.state_dict()) == set(state)


def test_the_trunk_of_fairface_is_needed_once(copy: Path) -> None:
    # safetensors stores a tensor of two names under one.
    state = unpublished("fairface")
    copy = copy.with_suffix(".safetensors")
    save_file(without(state, "cnn."), copy)
    kept = load_model("zoo:fairface", weights=copy).module.state_dict()
    assert torch.equal(kept["cnn.0.weight"], state["model.conv1.weight"])
    save_file(without(state, "cnn.", "model.conv1."), copy)
    with pytest.raises(WeightsError, match=r"2 missing: model.conv1.weight, cnn.0.weight$"):
        load_model("zoo:fairface", weights=copy)


@pytest.mark.parametrize(
    ("network_name", "change", "message"),
    [
        ("smile", {"fc.0.weight": None}, "1 missing: fc.0.weight"),
        ("smile", {"fc.0.weight": (7, 2048)}, r"1 mis-shaped: fc.0.weight \(7x2048 instead of 2x2048\)"),
        ("facenet", {"logits.weight": None, "last_linear.weight": None}, "1 missing: last_linear.weight"),
        ("beauty", {"layer1.0.se.fc.weight": (4, 64)}, "1 unexpected: layer1.0.se.fc.weight"),
        ("beauty", {"attention.weight": (1,)}, "1 unexpected: attention.weight"),
    ],
)
def test_everything_else_must_fit(
    copy: Path, network_name: str, change: dict[str, tuple[int, ...] | None], message: str
) -> None:
    state = without(unpublished(network_name), *change)
    state |= {key: torch.zeros(shape) for key, shape in change.items() if shape is not None}
    torch.save(state, copy)
    with pytest.raises(WeightsError, match=rf"expected weights of \w+, got another architecture in .*: {message}$"):
        load_model(f"zoo:{network_name}", weights=copy)


def test_a_file_of_heads_alone_is_no_checkpoint(copy: Path) -> None:
    torch.save({"logits.weight": torch.zeros(8631, 512), "logits.bias": torch.zeros(8631)}, copy)
    with pytest.raises(
        WeightsError, match=r"got another architecture in .*copy.pth: \d+ missing: conv2d_1a.conv.weight"
    ):
        load_model("zoo:facenet", weights=copy)


STUDY = "the study's models, linked under Preparation at https://github.com/ostadabbas/Hierarchical-Network-Dissection"
SCUT = f"{STUDY}, or the ResNet-18 for PyTorch linked at https://github.com/HCIILAB/SCUT-FBP5500-Database-Release"


@pytest.mark.parametrize(
    ("name", "where"), [("age", STUDY), ("gender", STUDY), ("beauty", SCUT), ("fairface", STUDY), ("smile", STUDY)]
)
def test_without_weights_it_says_what_to_get_and_where(name: str, where: str) -> None:
    with pytest.raises(WeightsError) as caught:
        load_model(f"zoo:{name}")
    assert str(caught.value) == (
        f"expected a checkpoint file as weights of zoo:{name}, got none; get {where} and give the file (--weights FILE)"
    )


def test_weights_that_are_no_file() -> None:
    with pytest.raises(WeightsError) as caught:
        load_model("zoo:age", weights="DEFAULT")
    assert str(caught.value) == (
        "expected a checkpoint file as weights of zoo:age, got DEFAULT, which is not a file; "
        f"get {STUDY} and give the file (--weights FILE)"
    )
    with pytest.raises(WeightsError) as caught:
        load_model("zoo:facenet", weights="x.pth")
    assert str(caught.value) == (
        "expected a checkpoint file, DEFAULT, vggface2 as weights of zoo:facenet, got x.pth, which is not a file; "
        f"get {zoo.VGGFACE2_URL} and give the file (--weights FILE)"
    )


def test_an_unknown_network_lists_the_known_ones() -> None:
    with pytest.raises(ModelError) as caught:
        load_model("zoo:emotion")
    assert str(caught.value) == (
        "expected a network of the study, one of age, gender, beauty, facenet, fairface, smile, got 'emotion'; "
        "for example zoo:age"
    )


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of torch.hub's cache, not made yet and away from the user's."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    return tmp_path / "hub" / "checkpoints"


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small stand-in for the published file and its network; its hash is the one expected."""
    path = tmp_path / "20180402-114759-vggface2.pt"
    torch.save(nn.Linear(3, 2).state_dict(), path)
    entry = replace(zoo.ZOO["facenet"], build=lambda: nn.Linear(3, 2), idle_heads=())
    monkeypatch.setitem(zoo.ZOO, "facenet", entry)
    monkeypatch.setattr(zoo, "VGGFACE2_URL", path.as_uri())
    monkeypatch.setattr(zoo, "VGGFACE2_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    return path


@pytest.mark.parametrize("weights", [None, "DEFAULT", "vggface2"])
def test_facenet_is_downloaded_once_and_then_taken_from_the_cache(
    cache: Path, published: Path, weights: str | None
) -> None:
    digest = load_model("zoo:facenet", weights=weights).digest
    assert [path.name for path in cache.iterdir()] == ["20180402-114759-vggface2.pt"]
    published.unlink()
    assert load_model("zoo:facenet", weights=weights).digest == digest


def test_a_download_of_another_hash_is_refused_and_leaves_nothing(cache: Path, published: Path) -> None:
    expected = zoo.VGGFACE2_SHA256
    published.write_bytes(published.read_bytes()[:-1] + b"x")
    got = hashlib.sha256(published.read_bytes()).hexdigest()
    with pytest.raises(WeightsError) as caught:
        load_model("zoo:facenet")
    assert str(caught.value) == (
        f"expected the published file from {published.as_uri()}, got another, which was deleted: RuntimeError: "
        f'invalid hash value (expected "{expected}", got "{got}"); '
        "try again, or give a checkpoint of your own as weights (--weights FILE)"
    )
    assert not list(cache.iterdir())


def test_a_file_of_another_hash_in_the_cache_is_refused(cache: Path, published: Path) -> None:
    load_model("zoo:facenet")
    cached = cache / published.name
    cached.write_bytes(b"half a download")
    with pytest.raises(WeightsError) as caught:
        load_model("zoo:facenet")
    assert str(caught.value) == (
        f"expected {cached} with SHA-256 {zoo.VGGFACE2_SHA256}, got {hashlib.sha256(b'half a download').hexdigest()}; "
        "delete it, and it is downloaded again, or give a checkpoint of your own as weights (--weights FILE)"
    )


def test_without_a_network_it_says_where_to_put_the_file(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def offline(*args: Any, **options: Any) -> None:
        asked.append((args, options))
        raise URLError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    with pytest.raises(WeightsError) as caught:
        load_model("zoo:facenet")
    address = "https://github.com/timesler/facenet-pytorch/releases/download/v2.2.9/20180402-114759-vggface2.pt"
    assert str(caught.value) == (
        f"expected to download {address} for zoo:facenet, got URLError: <urlopen error no route to host>; "
        f"without a network, put the file into {cache} or give it as weights (--weights FILE)"
    )
    whole = "281cebca8662831adb987a874bdcb36e73f5b1c6dc5ee5878f305e985625d99b"
    assert asked == [((address, str(cache / "20180402-114759-vggface2.pt")), {"hash_prefix": whole})]
