"""Interventions against networks split by hand at the layer, in every layout; nothing of them is left behind."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from facedissect.errors import LayerError
from facedissect.interventions import Activity, ActivityRecorder, Interventions, Replacement
from facedissect.model.face_model import FaceModel
from facedissect.replay import Front
from facedissect.tasks import read_answers

IMAGES = torch.rand(7, 3, 8, 8, generator=torch.Generator().manual_seed(1))
UNITS = (1, 4)


class Split(nn.Module):
    """A convolution, then a layer in some layout, then an answer to every value of it and to an in-place change."""

    def __init__(self, there: Callable[[Tensor], Any], back: Callable[[Any], Tensor], norm: nn.Module | None = None):
        super().__init__()
        self.front = nn.Sequential(nn.Conv2d(3, 6, 3, stride=2, padding=1), nn.ReLU(inplace=True))
        self.layer = Turned(there, norm)
        self.act = nn.ELU(inplace=True)
        self.head = nn.Linear(6, 5)
        self._back = back

    def forward(self, images: Tensor) -> Tensor:
        return self.rest(self.layer(self.front(images)))

    def rest(self, given: Any) -> Tensor:
        maps = self.act(self._back(given) - 0.3)
        weights = torch.linspace(0.5, 1.5, maps[0, 0].numel()).view(maps.shape[2:])
        answer: Tensor = self.head((maps * weights).mean((2, 3)))
        return answer


class Turned(nn.Module):
    def __init__(self, there: Callable[[Tensor], Any], norm: nn.Module | None) -> None:
        super().__init__()
        self._there = there
        if norm is not None:
            self.norm = norm

    def forward(self, maps: Tensor) -> Any:
        return self.norm(self._there(maps)) if hasattr(self, "norm") else self._there(maps)


def tokens(maps: Tensor) -> Tensor:
    flat = maps.flatten(2).transpose(1, 2)
    return torch.cat([flat.mean(1, keepdim=True), flat], 1)


def maps_of(given: Tensor) -> Tensor:
    """Tokens as maps, to which the class token is added, so that it has a say."""
    return (given[:, 1:] + given[:, :1]).transpose(1, 2).reshape(len(given), 6, 4, 4)


def heads(maps: Tensor) -> Tensor:
    flat = maps.flatten(2).transpose(1, 2)
    return flat.reshape(len(flat), 16, 3, 2).transpose(1, 2)


Pair = namedtuple("Pair", "first second")

LAYOUTS: dict[str, tuple[Callable[[Tensor], Any], Callable[[Any], Tensor], Callable[[Any], Tensor], str]] = {
    # there, back, (image, unit, place) of what the layer gives as a view, name of the layer
    "channels_first": (lambda maps: maps * 1, lambda given: given, lambda given: given.flatten(2), "layer"),
    "channels_last": (
        lambda maps: maps.permute(0, 2, 3, 1).contiguous(),
        lambda given: given.permute(0, 3, 1, 2),
        lambda given: given.flatten(1, 2).transpose(1, 2),
        "layer",
    ),
    "tokens": (tokens, maps_of, lambda given: given.transpose(1, 2), "layer"),
    "tokens_last": (
        lambda maps: maps.flatten(2),
        lambda given: given.reshape(len(given), 6, 4, 4),
        lambda given: given,
        "layer",
    ),
    "sequence_first": (
        lambda maps: tokens(maps).transpose(0, 1),
        lambda given: maps_of(given.transpose(0, 1)),
        lambda given: given.permute(1, 2, 0),
        "layer",
    ),
    "heads": (
        heads,
        lambda given: given.transpose(1, 2).flatten(2).transpose(1, 2).reshape(len(given), 6, 4, 4),
        lambda given: given.permute(0, 1, 3, 2).reshape(len(given), 6, 16),
        "layer",
    ),
    "vector": (lambda maps: maps.amax((2, 3)), lambda given: given[..., None, None], lambda given: given[..., None], "layer"),
    "tuple": (
        lambda maps: ("text", maps * 1),
        lambda given: given[1],
        lambda given: given[1].flatten(2),
        "layer[1]",
    ),
    "named": (lambda maps: Pair(0, maps * 1), lambda given: given.second, lambda given: given[1].flatten(2), "layer[1]"),
    "mapping": (
        lambda maps: {"note": 1, 0: [maps * 1]},
        lambda given: given[0][0],
        lambda given: given[0][0].flatten(2),
        "layer[0][0]",
    ),
}  # fmt: skip


def network(kind: str) -> FaceModel:
    torch.manual_seed(0)
    there, back, _, _ = LAYOUTS[kind]
    return FaceModel(Split(there, back), size=8)


def by_hand(model: FaceModel, kind: str, units: Sequence[int], values: Callable[[Tensor], Tensor]) -> np.ndarray:
    """The split network run in two halves, with the layer's output rewritten in between."""
    view = LAYOUTS[kind][2]
    split = model.module
    with torch.no_grad():
        given = split.layer(split.front(IMAGES))
        flat = view(given)
        new = flat.clone()
        new[:, list(units)] = values(flat)[:, list(units)]
        if kind == "heads":
            given = new.reshape(len(new), 3, 2, 16).permute(0, 1, 3, 2)
        else:
            flat.copy_(new)  # a view: the layer's own tensor changes
        return split.rest(given).numpy()


def mean_of(flat: Tensor, kind: str) -> Tensor:
    """Each unit's mean over images and positions; a class token has its own."""
    prefix = 1 if kind in ("tokens", "sequence_first") else 0
    mean = flat[..., prefix:].mean((0, 2), keepdim=True).expand(1, -1, flat.shape[2] - prefix)
    return torch.cat([flat[..., :prefix].mean(0, keepdim=True), mean], 2).expand_as(flat)


REPLACED: dict[str, Callable[[Tensor, str], Tensor]] = {
    "zero": lambda flat, _kind: torch.zeros_like(flat),
    "mean": mean_of,
    "exchange": lambda flat, _kind: flat.roll(1, 0),
}


def replacement(mode: str, activity: Activity, maps: Tensor) -> Replacement:
    if mode == "zero":
        return Replacement.by_zero(UNITS)
    return Replacement.by_mean(UNITS, activity) if mode == "mean" else Replacement.by_exchange(UNITS, maps)


@pytest.mark.parametrize("mode", REPLACED)
@pytest.mark.parametrize("kind", LAYOUTS)
@pytest.mark.parametrize("most", [32, 3])
def test_units_are_replaced_as_by_hand(kind: str, mode: str, most: int) -> None:
    model = network(kind)
    (layer,) = model.layers([LAYOUTS[kind][3]])
    if kind not in ("tuple", "named", "mapping"):
        assert layer.layout.kind == kind
    expected = by_hand(model, kind, UNITS, lambda flat: REPLACED[mode](flat, kind))
    with model.borrowed(), Interventions(model, layer, read_answers, most) as interventions:
        intact, maps = interventions.see(IMAGES)
        recorder = ActivityRecorder(layer)
        recorder.update(maps)
        activity = recorder.result()
        given = interventions.answers(replacement(mode, activity, maps))
        again = interventions.answers(replacement(mode, activity, maps))
    np.testing.assert_allclose(given, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(given, again)
    np.testing.assert_allclose(intact, model.module(IMAGES).detach().numpy(), rtol=1e-5, atol=1e-6)
    assert np.abs(given - intact).max() > 1e-3
    prefix = layer.layout.prefix
    torch.testing.assert_close(torch.from_numpy(activity.mean), maps[..., prefix:].double().mean((0, 2, 3)))
    torch.testing.assert_close(torch.from_numpy(activity.peak), maps[..., prefix:].flatten(2).amax(2).double().mean(0))


class Awkward(nn.Module):
    """A skip connection around the layer, a module that works in place behind it, and two calls of one module."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.same = nn.Identity()
        self.twice = nn.Conv2d(4, 4, 1)
        self.head = nn.Linear(4, 2)
        self.ran: list[str] = []
        self.conv.register_forward_hook(lambda *_: self.ran.append("conv"))

    def forward(self, images: Tensor) -> Tensor:
        maps = self.conv(images)
        skipped = maps + 0 * self.relu(self.same(maps) + 1)
        maps = self.twice(self.twice(self.relu(self.same(maps) - 0.1)) + skipped)
        answer: Tensor = self.head(maps.mean((2, 3)))
        return answer


def test_only_the_named_call_changes_and_skip_connections_do_not() -> None:
    torch.manual_seed(0)
    model = FaceModel(Awkward(), size=8)
    net = model.module
    with torch.no_grad():
        maps = net.conv(IMAGES)
        zeroed = maps.clone()
        zeroed[:, [2]] = 0
        expected = net.head(net.twice(net.twice((zeroed - 0.1).relu()) + maps).mean((2, 3))).numpy()
    (layer,) = model.layers(["same#2"])
    with model.borrowed(), Interventions(model, layer, read_answers) as interventions:
        interventions.see(IMAGES)
        np.testing.assert_allclose(interventions.answers(Replacement.by_zero([2])), expected, rtol=1e-5, atol=1e-6)
    (layer,) = model.layers(["twice#2"])
    with torch.no_grad():
        maps = net.twice(net.twice((maps - 0.1).relu()) + maps)
        maps[:, [0, 3]] = 0
        expected = net.head(maps.mean((2, 3))).numpy()
    with model.borrowed(), Interventions(model, layer, read_answers) as interventions:
        interventions.see(IMAGES)
        np.testing.assert_allclose(interventions.answers(Replacement.by_zero([0, 3])), expected, rtol=1e-5, atol=1e-6)


def test_what_comes_before_the_layer_runs_once() -> None:
    torch.manual_seed(0)
    model = network("channels_first")
    (layer,) = model.layers(["act"])
    ran = []
    conv = model.module.front[0]
    inner = conv.forward
    conv.forward = lambda images: ran.append(len(images)) or inner(images)
    with model.borrowed(), Interventions(model, layer, read_answers) as interventions:
        interventions.see(IMAGES)
        for unit in range(6):
            interventions.answers(Replacement.by_zero([unit]))
    assert ran == [7]
    assert "forward" in vars(conv)
    del conv.forward


class Relying(nn.Module):
    """What a module does to its input in place is relied on, which a replay does not do."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.relu, self.layer = nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Conv2d(4, 5, 3)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.conv(images)
        self.relu(maps)
        answer: Tensor = self.layer(maps).mean((2, 3))
        return answer


def test_a_network_that_cannot_be_replayed_is_run_whole() -> None:
    torch.manual_seed(0)
    model = FaceModel(Relying(), size=8)
    (layer,) = model.layers(["layer"])
    with model.borrowed(), Interventions(model, layer, read_answers) as interventions:
        intact, _ = interventions.see(IMAGES)
        given = interventions.answers(Replacement.by_zero([3]))
    expected = intact.copy()
    expected[:, 3] = 0
    np.testing.assert_array_equal(given, expected)


def test_the_network_is_given_back_after_an_error_too() -> None:
    model = network("channels_first")
    model.module.train()
    (layer,) = model.layers(["layer"])
    before = {name: value.clone() for name, value in model.module.state_dict().items()}

    def failing(output: Any, images: int) -> np.ndarray:
        raise RuntimeError("not readable")

    with pytest.raises(RuntimeError, match="not readable"), Interventions(model, layer, failing) as interventions:
        interventions.see(IMAGES)
    with model.borrowed(), Interventions(model, layer, read_answers) as interventions:
        interventions.see(IMAGES)
        with pytest.raises(IndexError):
            interventions.answers(Replacement.by_zero([99]))
        np.testing.assert_allclose(
            interventions.answers(Replacement.by_zero([1])), by_hand(model, "channels_first", [1], torch.zeros_like),
            rtol=1e-5, atol=1e-6,
        )  # fmt: skip
    for module in model.module.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
        assert "forward" not in vars(module)
        assert module.training
    for name, value in model.module.state_dict().items():
        assert torch.equal(value, before[name])


def test_a_network_run_one_image_at_a_time_takes_the_donors_of_its_images() -> None:
    model, single = network("channels_first"), network("channels_first")
    single.max_batch = 1
    (layer,) = model.layers(["layer"])
    given = []
    for each in (model, single):
        with each.borrowed(), Interventions(each, layer, read_answers) as interventions:
            _, maps = interventions.see(IMAGES)
            given.append(interventions.answers(Replacement.by_exchange([0, 5], maps)))
    np.testing.assert_allclose(given[1], given[0], rtol=1e-5, atol=1e-6)


class Restless(nn.Module):
    """Its layer has other maps in every second pass."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 4, 3)
        self.passes = 0

    def forward(self, images: Tensor) -> Tensor:
        self.passes += 1
        answer: Tensor = self.layer(images[..., : 8 - self.passes % 2]).mean((2, 3))
        return answer


def test_a_layer_that_changes_is_refused() -> None:
    model = FaceModel(Restless(), size=8)
    (layer,) = model.layers(["layer"])
    model.module.passes = 1
    with (
        pytest.raises(
            LayerError, match="expected values of 7 x 4 x 6 x 5 from layer 'layer' in every pass, got 7 x 4 x 6 x 6"
        ),
        model.borrowed(),
        Interventions(model, layer, read_answers) as interventions,
    ):
        interventions.see(IMAGES)


def test_the_front_knows_the_outermost_modules_that_end_before_the_layer() -> None:
    model = network("channels_first")
    front = Front(model.network, model.module.act, 1)
    with front.recording() as recorded, torch.no_grad():
        model(IMAGES)
    assert [module for module, _ in recorded.outputs] == [model.module.front, model.module.layer]
