"""Networks with their weights drawn anew: the same architecture, other weights, the original untouched."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from facedissect import FaceModel, ModelError, SettingsError, load_model
from facedissect.model.demo import Block
from facedissect.model.reinitialised import reinitialised


class Small(nn.Module):
    """A bare parameter, a batch norm, attention, and a frozen normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.block = Block(3, 8, stride=2)
        self.bare = nn.Parameter(torch.arange(8.0).reshape(1, 8, 1, 1))
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.register_buffer("mean", torch.arange(3.0))

    def forward(self, images: Tensor) -> Tensor:
        tokens = (self.block(images) * self.bare).flatten(2).transpose(1, 2)
        answer: Tensor = self.attention(tokens, tokens, tokens)[0].mean(1)
        return answer


def small() -> FaceModel:
    torch.manual_seed(5)
    module = Small()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.rand_like(parameter))
    module.bare.data = torch.arange(8.0).reshape(1, 8, 1, 1)
    module.train()
    return FaceModel(module, size=16, name="small")


def test_all_weights_are_others_and_the_original_is_as_it_was() -> None:
    model = small()
    before = model.digest
    twin = reinitialised(model, 0)
    assert model.digest == before
    assert model.module.training
    assert str(twin.module) == str(model.module)
    assert twin.name == "small with random weights"
    old = dict(model.module.named_parameters())
    for name, parameter in twin.module.named_parameters():
        assert not torch.equal(parameter, old[name]), name
    assert twin.module.bare.flatten().sort().values.tolist() == list(range(8)), "shuffled, so its values are the same"
    assert twin.module.mean.tolist() == [0, 1, 2], "nobody knows what a buffer is for"
    assert "1 shuffled" in str(twin.untrained)
    assert "so its units mean nothing" in str(twin.untrained)


def test_a_seed_draws_the_same_and_leaves_random_numbers_alone() -> None:
    model = small()
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    first = reinitialised(model, 7)
    torch.testing.assert_close(torch.rand(4), expected, rtol=0, atol=0)
    assert reinitialised(model, 7).digest == first.digest
    assert reinitialised(model, 8).digest != first.digest


def test_weights_are_drawn_as_the_layer_draws_them() -> None:
    weight = reinitialised(small(), 0).module.block.conv.weight.detach()
    bound = 1 / (3 * 9) ** 0.5
    assert float(weight.abs().max()) <= bound
    assert float(weight.abs().max()) > 0.9 * bound


def test_running_statistics_are_those_of_the_images() -> None:
    model = load_model("demo:smile")
    images = torch.randn(16, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    without, measured = reinitialised(model, 0), reinitialised(model, 0, images)
    assert not without.module.block1.norm.running_mean.any()
    assert "statistics of 5 batch norms measured on 16 faces" in str(measured.untrained)
    assert measured.module.block4.norm.momentum == model.module.block4.norm.momentum
    with measured.borrowed():
        seen = {}
        measured.module.block5.norm.register_forward_hook(lambda _module, _input, output: seen.update(maps=output))
        measured(images)
    deviation, mean = torch.std_mean(seen["maps"], (0, 2, 3))
    torch.testing.assert_close(mean, torch.zeros(160), atol=1e-3, rtol=0)
    torch.testing.assert_close(deviation, torch.ones(160), atol=2e-2, rtol=0)


def test_batch_norms_of_one_value_keep_the_statistics_of_new_layers() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(12, 4), nn.BatchNorm1d(4))
    with torch.no_grad():
        module[2].running_mean += 3
    model = FaceModel(module, size=2, max_batch=1)
    twin = reinitialised(model, 0, torch.rand(5, 3, 2, 2))
    assert not twin.module[2].running_mean.any()
    assert twin.module[2].training == module[2].training
    assert "batch norm" not in str(twin.untrained)


def test_torchscript_is_shuffled(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch would rather export
        script = torch.jit.trace(load_model("demo:smile").module.eval(), torch.rand(1, 3, 128, 128))
    script.save(str(tmp_path / "net.pt"))
    model = load_model(f"torchscript:{tmp_path / 'net.pt'}", size=128)
    before = model.digest
    twin = reinitialised(model, 0)
    assert model.digest == before
    assert "drawn" not in str(twin.untrained).partition("(")[2].partition(")")[0]
    new, old = twin.module.state_dict(), model.module.state_dict()
    for name, value in new.items():
        if value.is_floating_point() and value.numel() > 1:
            assert not torch.equal(value, old[name]), name
            assert torch.equal(value.flatten().sort().values, old[name].flatten().sort().values), name


def test_onnx_matrices_that_are_buffers_are_shuffled(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnx2torch")
    import numpy as np

    weight = np.random.default_rng(0).standard_normal((12, 4)).astype(np.float32)
    helper = onnx.helper
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["image"], ["flat"], name="flat"),
            helper.make_node("MatMul", ["flat", "w"], ["out"], name="product"),
        ],
        "net",
        [helper.make_tensor_value_info("image", 1, ["n", 3, 2, 2])],
        [helper.make_tensor_value_info("out", 1, ["n", 4])],
        [onnx.numpy_helper.from_array(weight, "w")],
    )
    file = tmp_path / "net.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(file))
    model = load_model(f"onnx:{file}")
    twin = reinitialised(model, 0)
    image = torch.rand(2, 3, 2, 2)
    assert not torch.equal(twin(image), model(image))


class Locked(nn.Module):
    def __deepcopy__(self, _memo: object) -> None:
        raise TypeError("locked")


def test_what_cannot_be_drawn_is_one_line() -> None:
    with pytest.raises(ModelError, match=r"copied, or loaded again from .*Locked, got locked; load it by load_model"):
        reinitialised(FaceModel(Locked(), size=4, name="locked"), 0)
    with pytest.raises(ModelError, match="expected weights that can be drawn anew, got net, which has none"):
        reinitialised(FaceModel(nn.Sequential(nn.ReLU()), size=4, name="net"), 0)
    with pytest.raises(SettingsError, match="expected a seed of at least 0, got -1"):
        reinitialised(small(), -1)
