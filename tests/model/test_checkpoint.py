"""Checkpoints: what is read, what is refused, and that refused code never runs."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from facedissect.errors import WeightsError
from facedissect.model.checkpoint import fit_weights, load_weights, read_checkpoint


def network() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4, 2))


def prefixed(state: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {prefix + name: value for name, value in state.items()}


WRAPPINGS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "plain": lambda state: state,
    "state_dict": lambda state: {"epoch": 3, "state_dict": state, "optimizer": {"lr": 0.1}},
    "model": lambda state: {"model": state},
    "twice": lambda state: {"model": {"state_dict": state}},
    "module.": lambda state: prefixed(state, "module."),
    "wrapped and module.": lambda state: {"state_dict": prefixed(state, "module.")},
    "compiled and parallel": lambda state: prefixed(state, "module._orig_mod."),
    "without counts": lambda state: {name: value for name, value in state.items() if "num_batches" not in name},
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize("into", [lambda module: module, nn.DataParallel])
def test_torch_checkpoints_however_wrapped(
    tmp_path: Path, wrapping: str, into: Callable[[nn.Module], nn.Module]
) -> None:
    trained, module = network(), network()
    torch.save(WRAPPINGS[wrapping](dict(trained.state_dict())), tmp_path / "net.pth")
    load_weights(into(module), tmp_path / "net.pth")
    for name, value in trained.state_dict().items():
        assert torch.equal(module.state_dict()[name], value), name


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_safetensors(tmp_path: Path, dtype: torch.dtype) -> None:
    trained, module = network(), network()
    halves = {n: v.to(dtype) if v.is_floating_point() else v for n, v in trained.state_dict().items()}
    save_file(halves, tmp_path / "net.safetensors")
    load_weights(module, tmp_path / "net.safetensors")
    assert module[0].weight.dtype == torch.float32
    assert torch.equal(module[0].weight, halves["0.weight"].float())


def test_a_network_whose_own_names_begin_with_a_prefix(tmp_path: Path) -> None:
    module, saved = (nn.ModuleDict({"model": network()}) for _ in range(2))
    torch.save(saved.state_dict(), tmp_path / "net.pth")
    load_weights(module, tmp_path / "net.pth")
    for name, value in module.state_dict().items():
        assert torch.equal(value, saved.state_dict()[name]), name


def test_another_architecture_lists_every_kind_of_fault(tmp_path: Path) -> None:
    state = dict(network().state_dict())
    state["4.weight"] = torch.zeros(7, 4)
    del state["0.bias"]
    state.update({f"extra.{i}": torch.zeros(1) for i in range(6)})
    torch.save(state, tmp_path / "net.pth")
    with pytest.raises(WeightsError) as caught:
        load_weights(network(), tmp_path / "net.pth")
    assert str(caught.value) == (
        f"expected weights of Sequential, got another architecture in {tmp_path / 'net.pth'}: 1 missing: 0.bias; "
        "6 unexpected: extra.0, extra.1, extra.2, extra.3, ... (2 more); 1 mis-shaped: 4.weight (7x4 instead of 2x4)"
    )


class Embedder(nn.Module):
    """A trunk, and two heads that it never calls."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(3, 4))
        self.trunk.add_module("classifier", nn.Linear(4, 9))
        self.logits = nn.Linear(4, 5)


IDLE = ("logits", "trunk.classifier")
OTHER_HEADS: dict[str, dict[str, torch.Tensor | None]] = {
    "the same": {},
    "none": {f"{head}.{part}": None for head in IDLE for part in ("weight", "bias")},
    "one": {"logits.weight": None, "logits.bias": None},
    "of another size": {"logits.weight": torch.zeros(7, 4), "logits.bias": torch.zeros(7)},
    "without a bias": {"trunk.classifier.bias": None},
    "of other layers": {"logits.weight": None, "logits.bias": None, "logits.0.weight": torch.zeros(7, 4)},
    "more": {"fc.weight": torch.zeros(7, 4), "head.0.bias": torch.zeros(7), "last_linear.weight": torch.zeros(1)},
}


def changed(state: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**state, **change}.items() if value is not None}


@pytest.mark.parametrize("kind", OTHER_HEADS)
@pytest.mark.parametrize("prefix", ["", "module."])
def test_heads_that_are_never_called_may_differ(kind: str, prefix: str) -> None:
    trained, module = Embedder().state_dict(), Embedder()
    state = changed(dict(trained), OTHER_HEADS[kind])
    fit_weights(module, prefixed(state, prefix), source="a copy", idle_heads=IDLE)
    for name, value in module.state_dict().items():
        assert torch.equal(value, trained[name]), name
    heads = {head for head in IDLE if any(name.startswith(head) for name in module.state_dict())}
    assert (
        heads
        == {
            "the same": set(IDLE),
            "more": set(IDLE),
            "none": set(),
            "one": {"trunk.classifier"},
            "of another size": {"trunk.classifier"},
            "of other layers": {"trunk.classifier"},
            "without a bias": {"logits"},
        }[kind]
    )


@pytest.mark.parametrize("kind", [kind for kind in OTHER_HEADS if kind != "the same"])
def test_heads_must_fit_where_the_caller_does_not_say_otherwise(kind: str) -> None:
    state = changed(dict(Embedder().state_dict()), OTHER_HEADS[kind])
    with pytest.raises(WeightsError, match="expected weights of Embedder, got another architecture in a copy: "):
        fit_weights(Embedder(), state, source="a copy")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"trunk.0.bias": None}, "1 missing: trunk.0.bias"),
        ({"trunk.0.bias": torch.zeros(7)}, "1 mis-shaped: trunk.0.bias (7 instead of 4)"),
        ({"trunk.fc.weight": torch.zeros(7)}, "1 unexpected: trunk.fc.weight"),
        ({"fc2.weight": torch.zeros(7)}, "1 unexpected: fc2.weight"),
    ],
)
def test_nothing_but_heads_may_differ(change: dict[str, torch.Tensor | None], fault: str) -> None:
    module = Embedder()
    state = changed(dict(Embedder().state_dict()), {"logits.bias": None, **change})
    with pytest.raises(WeightsError) as caught:
        fit_weights(module, state, source="a copy", idle_heads=IDLE)
    assert str(caught.value) == f"expected weights of Embedder, got another architecture in a copy: {fault}"
    # What is refused leaves the network as it was.
    assert "logits.weight" in module.state_dict()


def test_a_head_that_is_called_must_fit() -> None:
    state = changed(dict(Embedder().state_dict()), OTHER_HEADS["of another size"])
    with pytest.raises(WeightsError, match=r"2 mis-shaped: logits.weight \(7x4 instead of 5x4\), logits.bias"):
        fit_weights(Embedder(), state, source="a copy", idle_heads=())


def test_heads_alone_are_no_weights() -> None:
    state = {name: value for name, value in Embedder().state_dict().items() if name.startswith("logits")}
    with pytest.raises(WeightsError, match=r"2 missing: trunk.0.weight, trunk.0.bias$"):
        fit_weights(Embedder(), state, source="a copy", idle_heads=IDLE)


def test_a_tensor_of_two_names_is_needed_once() -> None:
    first, second = nn.Linear(2, 2), nn.Linear(2, 2)
    module = nn.ModuleDict({"one": first, "other": first})
    fit_weights(module, {f"other.{name}": value for name, value in second.state_dict().items()}, source="a copy")
    assert torch.equal(first.weight, second.weight)
    with pytest.raises(WeightsError, match=r"2 missing: one.bias, other.bias$"):
        fit_weights(module, {"one.weight": second.weight}, source="a copy")


class Bomb:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("name", ["net.pth", "net.pt", "net.bin", "net.ckpt", "net"])
@pytest.mark.parametrize("how", ["zip", "legacy", "pickle 0", "pickle 2", "pickle 4"])
def test_code_in_a_pickle_does_not_run(tmp_path: Path, name: str, how: str) -> None:
    path, made = tmp_path / name, tmp_path / "made"
    content = {"state_dict": network().state_dict(), "bomb": Bomb(made)}
    if how.startswith("pickle"):
        path.write_bytes(pickle.dumps(content["bomb"], protocol=int(how[-1])))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=how == "zip")
    with pytest.raises(
        WeightsError,
        match=r"expected only tensors in .*, got a pickle that (wants to run .*open|may hold code), which was not run",
    ) as caught:
        read_checkpoint(path)
    assert not made.exists()
    assert "\n" not in str(caught.value)
    assert "torch.save(model.state_dict(), FILE)" in str(caught.value)


def test_a_whole_pickled_network_is_refused_with_the_way_out(tmp_path: Path) -> None:
    torch.save(network(), tmp_path / "net.pth")
    with pytest.raises(
        WeightsError, match=r"wants to run torch.nn.modules.*Sequential, .* torch.save\(model.state_dict\(\), FILE\)"
    ):
        read_checkpoint(tmp_path / "net.pth")


def write_torchscript(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is deprecated; its files are still about
        torch.jit.save(torch.jit.script(nn.Linear(2, 2)), path)


def write_truncated(path: Path) -> None:
    torch.save(network().state_dict(), path)
    path.write_bytes(path.read_bytes()[:-200])


FILES: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "text": ("net.pth", lambda path: path.write_text("not weights\n"), "which is damaged or something else"),
    "empty": ("net.pth", lambda path: path.write_bytes(b""), "which is damaged or something else"),
    "truncated": ("net.pth", write_truncated, "which is damaged or something else"),
    "png": (
        "net.pth",
        lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64)),
        "which is damaged or something else",
    ),
    "torchscript": ("net.pt", write_torchscript, "Cannot use .*weights_only=True.* with TorchScript"),
    "bad safetensors": (
        "net.safetensors",
        lambda path: path.write_text("not weights"),
        "expected a safetensors file, got .*damaged",
    ),
    "empty safetensors": (
        "net.safetensors",
        lambda path: path.write_bytes(b""),
        "expected a safetensors file, got .*damaged",
    ),
    "a list": ("net.pth", lambda path: torch.save([1, 2], path), "expected named tensors in .*, got list"),
    "a tensor": ("net.pth", lambda path: torch.save(torch.zeros(2), path), "expected named tensors in .*, got Tensor"),
    "no tensors": ("net.pth", lambda path: torch.save({"epoch": 1}, path), "expected named tensors in .*, got epoch"),
    "missing": ("net.pth", lambda _: None, "which is not a file; check the path"),
    "folder": ("net.pth", lambda path: path.mkdir(), "which is not a file; check the path"),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_is_no_checkpoint(tmp_path: Path, kind: str) -> None:
    name, write, message = FILES[kind]
    write(tmp_path / name)
    with pytest.raises(WeightsError, match=message) as caught:
        read_checkpoint(tmp_path / name)
    assert "\n" not in str(caught.value)
