"""A network with its weights drawn anew: what the same architecture shows before it has learnt anything."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..errors import FacedissectError, ModelError, SettingsError
from .face_model import FaceModel
from .load import load_model

WEIGHTS_IN_BUFFERS = ("weight", "bias", "running_mean", "running_var")
"""Names under which frozen layers and TorchScript keep as buffers what they have learnt."""
ONNX_BUFFER = "onnx_initializer_"
"""How onnx2torch names the buffers in which it keeps the factors of matrix products."""


def reinitialised(
    model: FaceModel, seed: int, images: Float[Tensor, "image 3 height width"] | None = None
) -> FaceModel:
    """A copy of a network with random weights; the original is left as it is.

    Every module with `reset_parameters` (or `_reset_parameters`, as attention has) draws its own weights as when it was made.
    Parameters that none of these changes, such as bare ones, those of TorchScript and of exported programs, have their values
    shuffled, each tensor in itself, which keeps their distribution. So have learnt buffers: running statistics of TorchScript,
    frozen normalisations, and matrices of ONNX files. `untrained` of the copy says how many were drawn and how many shuffled.

    Args:
        model: the network.
        seed: of all that is drawn.
        images: as the network wants to see them. Running statistics of batch norms are measured on them in one pass, since those
            of other weights would let activations vanish or explode; without images, they are 0 and 1.

    Raises:
        ModelError: the network cannot be copied, or has nothing that could be drawn anew.
        SettingsError: the seed is below 0.
    """
    if seed < 0:
        raise SettingsError(f"expected a seed of at least 0, got {seed}")
    twin = _copied(model)
    with torch.no_grad(), _seeded(seed, twin.device):
        _reset(twin.network)
        drawn, shuffled = _shuffle_the_rest(twin.network, model.network, seed)
        if not drawn + shuffled:
            raise ModelError(
                f"expected weights that can be drawn anew, got {model.name}, which has none as parameters; "
                "give the network as an nn.Module, not frozen"
            )
        measured = 0 if images is None else _measure_statistics(twin, images)
    how = [f"{drawn} tensors drawn as its layers do" if drawn else "", f"{shuffled} shuffled" if shuffled else ""]
    statistics = f"; statistics of {measured} batch norms measured on {len(images)} faces" if images is not None else ""
    twin.name = f"{model.name} with random weights"
    twin.source = f"{model.source} with random weights of seed {seed}"
    twin.untrained = (
        f"{model.name} has random weights of seed {seed} ({', '.join(filter(None, how))}{statistics if measured else ''}), "
        "so its units mean nothing"
    )
    return twin


def _copied(model: FaceModel) -> FaceModel:
    """The network with tensors of its own; one that cannot be copied, as of TorchScript, is loaded again from its source."""
    try:
        return model.replica()
    except ModelError as error:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # whatever there is to be said was said the first time
                again = load_model(model.source, **vars(model.preprocess))
        except FacedissectError:
            again = None
        if again is None or again.digest != model.digest:
            raise ModelError(
                f"expected a network that can be copied, or loaded again from {model.source}, got {model.name}; load it by "
                "load_model"
            ) from error
        twin = copy.copy(model)
        twin.module, twin.network = again.module, again.network
        return twin


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Random numbers made inside are the same every time; outside, they go on as if nothing had been."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def _reset(network: nn.Module) -> None:
    for part in network.modules():
        for name in ("reset_parameters", "_reset_parameters"):
            if callable(reset := getattr(part, name, None)):
                # One that wants arguments of its own is none that torch knows: what it leaves is shuffled.
                try:
                    reset()
                except TypeError:
                    continue
                break


def _shuffle_the_rest(network: nn.Module, original: nn.Module, seed: int) -> tuple[int, int]:
    """Shuffle what no reset has changed; how many tensors were drawn and how many shuffled."""
    generator = torch.Generator().manual_seed(seed)
    before = dict(original.named_parameters()) | dict(original.named_buffers())
    tensors = [*network.named_parameters(), *_learnt_buffers(network)]
    drawn = shuffled = 0
    for name, tensor in tensors:
        if not tensor.is_floating_point():
            continue
        if not torch.equal(tensor, before[name]):
            drawn += 1
        elif tensor.numel() > 1 and (tensor != tensor.flatten()[0]).any():
            order = torch.randperm(tensor.numel(), generator=generator).to(tensor.device)
            tensor.copy_(tensor.detach().reshape(-1)[order].reshape(tensor.shape))
            shuffled += 1
    return drawn, shuffled


def _learnt_buffers(network: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Buffers that were learnt; of others, such as means of colours, nobody knows what they are for."""
    for path, part in network.named_modules():
        if _normalises(part):
            continue
        for name, buffer in part.named_buffers(recurse=False):
            if name in WEIGHTS_IN_BUFFERS or (name.startswith(ONNX_BUFFER) and buffer.ndim > 1):
                yield f"{path}.{name}".lstrip("."), buffer


def _normalises(part: nn.Module) -> bool:
    """Whether a module is a batch norm that can measure its running statistics."""
    return callable(getattr(part, "reset_running_stats", None)) and isinstance(
        getattr(part, "running_mean", None), Tensor
    )


def _measure_statistics(model: FaceModel, images: Float[Tensor, "image 3 height width"]) -> int:
    """Let the batch norms of a network see images; how many there are, 0 where they cannot be measured.

    In training mode each normalises by the images themselves, so that one pass is right for all layers.
    """
    norms = [part for part in model.network.modules() if _normalises(part)]
    flags = [(part, part.training) for part in model.network.modules()]
    momenta = [part.momentum for part in norms]
    if not norms:
        return 0
    model.network.eval()
    try:
        for part in norms:
            part.train()
            setattr(part, "momentum", None)  # noqa: B010  # the plain mean over all passes
        model(images)
    # Such as one value a channel in networks that take one image at a time; they keep the statistics of new layers.
    except (RuntimeError, ValueError):
        for part in norms:
            part.reset_running_stats()  # type: ignore[operator]
        return 0
    finally:
        for part, momentum in zip(norms, momenta, strict=True):
            part.momentum = momentum
        for part, training in flags:
            part.training = training
    return len(norms)
