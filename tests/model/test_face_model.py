"""FaceModel: layers found by a dry run, the network borrowed and given back, slices, and the digest."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from facedissect.errors import ModelError, SettingsError
from facedissect.model import FaceModel, Preprocess


class Network(nn.Module):
    """Convolutions with batch norm and dropout, an in-place ReLU, a linear layer, and a buffer that forward writes to."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(inplace=True))
        self.dropout = nn.Dropout(0.5)
        self.shared = nn.ReLU()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(6, 4)
        self.unused = nn.Linear(2, 2)
        self.pair = Pair()
        self.register_buffer("passes", torch.zeros(1), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        self.passes = self.passes + 1
        maps = self.shared(self.shared(self.dropout(self.block(image))))
        first, _second = self.pair(maps)
        answer: Tensor = self.head(self.pool(first).flatten(1))
        return answer


class Pair(nn.Module):
    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        return maps, maps.sum()


def network() -> Network:
    torch.manual_seed(0)
    return Network()


def test_a_wrong_input_size_is_one_line() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 2))
    with pytest.raises(
        ModelError, match=r"expected Sequential to run on an input of 2 x 3 x 9 x 9, got RuntimeError: .*; check"
    ) as caught:
        FaceModel(module, size=9).layers()
    assert "\n" not in str(caught.value)


def state(module: nn.Module) -> dict[str, object]:
    """All that a borrower could leave changed."""
    return {
        "training": {name: part.training for name, part in module.named_modules()},
        "hooks": {
            name: (len(part._forward_hooks), len(part._forward_pre_hooks)) for name, part in module.named_modules()
        },
        "requires_grad": {name: parameter.requires_grad for name, parameter in module.named_parameters()},
        "objects": [id(tensor) for tensor in (*module.parameters(), *module.buffers())],
        "storage": [tensor.data_ptr() for tensor in (*module.parameters(), *module.buffers())],
        "devices": [tensor.device for tensor in (*module.parameters(), *module.buffers())],
        "gradients": [None if parameter.grad is None else parameter.grad.clone() for parameter in module.parameters()],
        "grad_mode": torch.is_grad_enabled(),
    }


def half_frozen() -> Network:
    """In train mode but for one batch norm, with gradients, a frozen parameter and a hook of its own."""
    module = network().train()
    module.block[1].eval()
    module.block[0].weight.requires_grad_(False)
    module.head.register_forward_hook(lambda *_: None)
    module(torch.rand(2, 3, 8, 8)).sum().backward()
    return module


def run(model: FaceModel) -> None:
    model(torch.rand(4, 3, 8, 8))


def fail_with_hooks_left(model: FaceModel) -> None:
    for part in model.module.modules():
        part.register_forward_hook(lambda *_: None, with_kwargs=True)
        part.register_forward_pre_hook(lambda *_: None)
    run(model)
    raise KeyboardInterrupt


def move(model: FaceModel) -> None:
    model.module.to(torch.float64)
    model.module.to("meta")


def list_layers(model: FaceModel) -> None:
    model.layers()


@pytest.mark.parametrize("use", [run, fail_with_hooks_left, move, list_layers])
def test_borrowed_gives_back_what_it_got(use: Callable[[FaceModel], None]) -> None:
    module = half_frozen()
    before, values = state(module), copy.deepcopy({**module.state_dict(), "passes": module.passes})
    model = FaceModel(module, size=8)
    try:
        with model.borrowed() as borrowed:
            assert borrowed is model
            assert not any(part.training for part in module.modules())
            assert not torch.is_grad_enabled()
            use(model)
    except KeyboardInterrupt:
        pass
    after = state(module)
    for one, other in zip(before.pop("gradients"), after.pop("gradients"), strict=True):  # type: ignore[call-overload]
        assert (one is None and other is None) or torch.equal(one, other)
    assert after == before
    for name, value in {**module.state_dict(), "passes": module.passes}.items():
        assert torch.equal(value, values[name]), name


def test_a_borrowed_network_still_trains_afterwards() -> None:
    module = half_frozen()
    trained = {name for name, parameter in module.named_parameters() if parameter.grad is not None}
    with FaceModel(module, size=8).borrowed() as model:
        run(model)
    module.zero_grad()
    module(torch.rand(2, 3, 8, 8)).sum().backward()
    assert trained
    assert {name for name, parameter in module.named_parameters() if parameter.grad is not None} == trained


def test_a_device_that_is_not_there() -> None:
    module = network()
    with (
        pytest.raises(ModelError, match="expected a device such as cpu, cuda, cuda:1 or mps, got 'nonsense'"),
        FaceModel(module, size=8).borrowed("nonsense"),
    ):
        pass
    assert module.training


def test_slices_respect_the_largest_batch_and_outputs_are_joined() -> None:
    model = FaceModel(network(), size=8, max_batch=2)
    batch = torch.rand(5, 3, 8, 8)
    seen: list[int] = []
    with model.borrowed():
        model.module.block[0].register_forward_hook(lambda _m, _i, output: seen.append(len(output)))
        joined = model(batch)
        assert seen == [2, 2, 1]
        assert [len(piece) for piece in model.slices(batch)] == [2, 2, 1]
        torch.testing.assert_close(joined, model.network(batch))


class Answers(nn.Module):
    def forward(self, image: Tensor) -> dict[str, object]:
        return {"pair": (image.sum((1, 2, 3)), [image]), "note": "constant"}


def test_tuples_and_mappings_are_joined_too() -> None:
    batch = torch.rand(3, 3, 4, 4)
    joined = FaceModel(Answers(), size=4, max_batch=1)(batch)
    torch.testing.assert_close(joined["pair"][0], batch.sum((1, 2, 3)))
    torch.testing.assert_close(joined["pair"][1][0], batch)


def test_the_batch_takes_the_networks_type() -> None:
    model = FaceModel(network().double(), size=8)
    assert model.dtype == torch.float64
    with model.borrowed():
        assert model(torch.rand(2, 3, 8, 8)).dtype == torch.float64


def test_digest_tells_weights_buffers_and_architecture_apart() -> None:
    digest = FaceModel(network(), size=8).digest
    assert digest == FaceModel(network(), size=16, name="other").digest
    other = network()
    with torch.no_grad():
        other.head.bias[0] += 1
    buffered = network()
    buffered.passes += 1
    reshaped = network()
    reshaped.dropout = nn.Dropout(0.1)
    digests = {FaceModel(module, size=8).digest for module in (other, buffered, reshaped, network().half())}
    assert len(digests | {digest}) == 5


def test_digest_does_not_depend_on_addresses() -> None:
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.work = object()

        def extra_repr(self) -> str:
            return repr(self.work)

    assert FaceModel(Named(), size=8).digest == FaceModel(Named(), size=8).digest


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_data_parallel_and_compiled_networks_run_inside_their_wrapper() -> None:
    plain, module = network(), network()
    parallel = FaceModel(nn.DataParallel(module), size=8)
    assert parallel.network is module
    assert parallel.digest == FaceModel(plain, size=8).digest
    assert parallel.layers(["module.block.0"])[0].units == 6
    assert FaceModel(torch.compile(module), size=8).network is module  # type: ignore[arg-type]


def test_changes_go_over_the_preprocessing_given() -> None:
    given = Preprocess(size=(8, 8), mean=(0.5, 0.5, 0.5))
    assert FaceModel(network(), preprocess=given, size=9, crop="box").preprocess == Preprocess(
        size=(9, 9), mean=(0.5, 0.5, 0.5), crop="box"
    )


def test_what_cannot_be_a_face_model() -> None:
    with pytest.raises(ModelError, match=r"expected a torch.nn.Module, got function"):
        FaceModel(network, size=8)  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match=r"expected an input size for Network, which tells none; give size="):
        FaceModel(network())
    with pytest.raises(SettingsError, match="expected max_batch of 1 or more, or None, got 0"):
        FaceModel(network(), size=8, max_batch=0)
