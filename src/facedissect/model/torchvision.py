"""`torchvision:NAME`: a classification network of torchvision, with its own weights, a checkpoint's, or random ones."""

from __future__ import annotations

import warnings
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import URLError

import torch
import torchvision
from torch import nn

from ..errors import ModelError, WeightsError, nearest_names
from .face_model import FaceModel, one_line
from .preprocess import Preprocess, PreprocessChanges, Size
from .untrained import RANDOM, filled, seeded, warn_untrained


def load(target: str, *, weights: str | Path | None, changes: PreprocessChanges) -> FaceModel:
    """A network of torchvision.

    Args:
        target: the network's name, such as `resnet50`.
        weights: `DEFAULT` or another name of torchvision's own weights, which bring their preprocessing; or a checkpoint,
            whose number of classes is taken over; None for random weights of a fixed seed. Without torchvision's own
            weights, images are scaled to [0, 1] and nothing else, and the size is that of torchvision's default weights.
        changes: preprocessing other than that.

    Raises:
        ModelError: there is no such network.
        WeightsError: weights cannot be had, or do not fit.
    """
    networks = torchvision.models.list_models(module=torchvision.models)
    if target not in networks:
        raise ModelError(
            f"expected a network of torchvision, got {target!r}; nearest: {nearest_names(target, networks)}"
        )
    published = {entry.name: entry for entry in torchvision.models.get_model_weights(target)}
    default = torchvision.models.get_model_weights(target).DEFAULT
    plain = Preprocess(size=_square(default))
    untrained = None
    if weights is None:
        module, preprocess = _build(target), plain
        untrained = RANDOM.format(source=f"torchvision:{target}")
        warn_untrained(untrained)
    elif Path(weights).is_file():
        module, preprocess = filled(partial(_build, target), Path(weights)), plain
    elif str(weights) in {*published, "DEFAULT"}:
        chosen = published.get(str(weights), default)
        module, preprocess = _published(target, chosen), _published_preprocess(chosen)
    else:
        known = ", ".join(["DEFAULT", *published])
        raise WeightsError(f"expected a checkpoint file or {known} as weights of torchvision:{target}, got {weights}")
    preprocess = changes.apply(preprocess, what=f"torchvision:{target}")
    return FaceModel(module, preprocess=preprocess, name=target, source=f"torchvision:{target}", untrained=untrained)


def _build(name: str, **options: Any) -> nn.Module:
    """The network with random weights, the same every time."""
    with seeded(), warnings.catch_warnings():
        # googlenet and inception_v3 announce that they will be initialised in another way some day.
        warnings.filterwarnings("ignore", category=FutureWarning, module="torchvision.*")
        module: nn.Module = torchvision.models.get_model(name, weights=None, **options)
    return module


def _published(name: str, weights: Any) -> nn.Module:
    """torchvision's own weights, from its cache or downloaded by its own code, which checks the hash."""
    try:
        module: nn.Module = torchvision.models.get_model(name, weights=weights)
    except (URLError, OSError, RuntimeError) as error:
        raise WeightsError(
            f"expected to download {weights.url} for torchvision:{name}, got {one_line(error)}; "
            f"without a network, put the file into {torch.hub.get_dir()}/checkpoints or give it as weights"
        ) from error
    return module


def _square(weights: Any) -> Size:
    side = int(weights.transforms().crop_size[0])
    return side, side


def _published_preprocess(weights: Any) -> Preprocess:
    """The size, scaling and interpolation that torchvision's weights were trained with."""
    transform = weights.transforms()
    return Preprocess(
        size=_square(weights),
        mean=tuple(transform.mean),
        std=tuple(transform.std),
        interpolation="bicubic" if transform.interpolation.value == "bicubic" else "bilinear",
    )
