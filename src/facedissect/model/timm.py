"""`timm:NAME`: a network of timm, with its own weights, a checkpoint's, or random ones (extra `timm`)."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from torch import nn

from ..errors import MissingExtraError, ModelError, WeightsError, nearest_names
from .face_model import FaceModel, one_line
from .preprocess import Preprocess, PreprocessChanges
from .untrained import RANDOM, filled, seeded, warn_untrained

if TYPE_CHECKING:
    from timm.models import PretrainedCfg


def load(target: str, *, weights: str | Path | None, changes: PreprocessChanges) -> FaceModel:
    """A network of timm.

    Images are scaled as timm does it, whatever the weights are: size, interpolation, mean and std stand with timm's own
    weights, and its training script takes the same for a network that it tunes or trains from scratch.

    Args:
        target: the network's name, such as `resnet50`, or that of some weights of it, such as `resnet50.a1_in1k`.
        weights: `DEFAULT` or another tag of timm's own weights, such as `a1_in1k`; or a checkpoint, whose number of
            classes is taken over (none, where it has no classifier); None for random weights of a fixed seed.
        changes: preprocessing other than that; for another size, a network that is made for one size is made anew.

    Raises:
        MissingExtraError: timm is not installed.
        ModelError: there is no such network.
        WeightsError: weights cannot be had, or do not fit.
    """
    try:
        import timm
    except ImportError as error:
        raise MissingExtraError(f"timm:{target}", "timm") from error
    architecture, _, tag = target.partition(".")
    tags = [name.partition(".")[2] for name in timm.list_pretrained(f"{architecture}.*")]
    if not timm.is_model(architecture) or (tag and tag not in tags):
        names = [*timm.list_models(), *timm.list_pretrained()] if tag else timm.list_models()
        raise ModelError(f"expected a network of timm, got {target!r}; nearest: {nearest_names(target, names)}")
    from_file = weights is not None and Path(weights).is_file()
    own = ["DEFAULT", *tags] if tags else []
    if weights is not None and not from_file and str(weights) not in own:
        known = ", ".join(own) or "none (timm has no weights of it)"
        raise WeightsError(f"expected a checkpoint file or {known} as weights of timm:{target}, got {weights}")
    name = f"{architecture}.{weights}" if str(weights) in tags and not from_file else target
    config = cast("PretrainedCfg", timm.get_pretrained_cfg(name))
    preprocess = changes.apply(_preprocess(config), what=f"timm:{target}")
    options = (
        {"img_size": preprocess.size} if config.fixed_input_size and preprocess.size != config.input_size[1:] else {}
    )
    untrained = None
    if weights is None:
        module = _build(name, **options)
        untrained = RANDOM.format(source=f"timm:{target}")
        warn_untrained(untrained)
    elif from_file:
        head = config.classifier[0] if isinstance(config.classifier, (tuple, list)) else config.classifier
        module = filled(partial(_build, name, **options), Path(weights), head=head)
    else:
        module = _published(name, config, **options)
    return FaceModel(module, preprocess=preprocess, name=target, source=f"timm:{target}", untrained=untrained)


def _preprocess(config: Any) -> Preprocess:
    return Preprocess(size=config.input_size[1:], mean=config.mean, std=config.std, interpolation=config.interpolation)


def _build(name: str, **options: Any) -> nn.Module:
    """The network with random weights, the same every time."""
    import timm

    with seeded():
        module: nn.Module = timm.create_model(name, pretrained=False, **options)
    return module


def _published(name: str, config: PretrainedCfg, **options: Any) -> nn.Module:
    """timm's own weights, from its cache or downloaded by its own code, which reads nothing but tensors."""
    import timm

    try:
        module: nn.Module = timm.create_model(name, pretrained=True, **options)
    # The hub, the network and the readers of checkpoints each raise errors of their own.
    except Exception as error:
        address = f"https://huggingface.co/{config.hf_hub_id}" if config.hf_hub_id else config.url or "timm"
        raise WeightsError(
            f"expected to download {address} for timm:{name}, got {one_line(error)}; "
            "without a network, fetch the file elsewhere and give it as weights"
        ) from error
    return module
