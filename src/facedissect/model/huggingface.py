"""`hf:FOLDER` or `hf:ID`: an image model of transformers, from a folder or from the hub (extra `transformers`)."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from logging import CRITICAL, getLogger
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor, nn

from ..errors import MissingExtraError, ModelError, WeightsError
from .checkpoint import load_weights
from .face_model import FaceModel, one_line
from .preprocess import Channels, Interpolation, Preprocess, PreprocessChanges, Size
from .untrained import seeded, warn_untrained

_INTERPOLATIONS: dict[object, Interpolation] = {
    Image.Resampling.NEAREST: "nearest",
    Image.Resampling.LANCZOS: "lanczos",
    Image.Resampling.BICUBIC: "bicubic",
}
_OFFLINE = "without a network, download it elsewhere (hf download {target} --local-dir FOLDER) and give hf:FOLDER"


def load(target: str, *, weights: str | Path | None, changes: PreprocessChanges) -> FaceModel:
    """An image model of transformers: with its classifier if its config says so, else the model alone.

    Code that comes with a model is never run. Images are scaled as its image processor does it; without one, to [0, 1] and
    the size in its config.

    Args:
        target: a folder written by `save_pretrained`, or the hub's ID of a model, such as `google/vit-base-patch16-224`.
        weights: a checkpoint in place of the model's own weights.
        changes: preprocessing other than the model's own.

    Raises:
        MissingExtraError: transformers is not installed.
        ModelError: there is no such model, or it is none that reads RGB images alone.
        WeightsError: the weights cannot be had, or do not fit.
        SettingsError: the model tells no input size, and none was given.
    """
    try:
        transformers = importlib.import_module("transformers")
    except ImportError as error:
        raise MissingExtraError(f"hf:{target}", "transformers") from error
    with _quiet(transformers), seeded():
        config = _config(transformers, target)
        auto = _image_model(transformers, config, target)
        preprocess = _preprocess(transformers, config, target, changes)
        random: list[str] = []
        if weights is None:
            module, random = _pretrained(auto, config, target)
        else:
            module = auto.from_config(config, trust_remote_code=False)
    if weights is not None:
        load_weights(module, weights)
    untrained = None
    if random:
        some = ", ".join(random[:4]) + (", ..." if len(random) > 4 else "")
        untrained = f"hf:{target} lacks {len(random)} weights, which are random, so what follows from them means nothing: {some}"
        warn_untrained(untrained)
    name = Path(target).resolve().name
    return FaceModel(module, preprocess=preprocess, name=name, source=f"hf:{target}", untrained=untrained)


@contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """Without transformers' progress bars, its reports on weights, which this file makes itself, and the hub's on retries."""
    logging = transformers.utils.logging
    hub = getLogger("huggingface_hub")
    level = hub.level
    hub.setLevel(CRITICAL)
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        yield
    finally:
        hub.setLevel(level)
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def _config(transformers: Any, target: str) -> Any:
    try:
        return transformers.AutoConfig.from_pretrained(target, trust_remote_code=False)
    # transformers, the hub and the network each raise errors of their own.
    except Exception as error:
        if Path(target).is_dir():
            way_out = (
                "give a folder written by save_pretrained, with a config.json of a model that transformers knows itself"
            )
        else:
            way_out = f"check the path or the ID; {_OFFLINE.format(target=target)}"
        raise ModelError(
            f"expected a folder or the hub's ID of a model of transformers, got {target}: {one_line(error)}; {way_out}"
        ) from error


def _image_model(transformers: Any, config: Any, target: str) -> Any:
    """The auto class to load the model with, or the reason why it is none that is shown RGB images."""
    classifies = any("ForImageClassification" in name for name in config.architectures or ())
    auto, mapping = (
        (transformers.AutoModelForImageClassification, transformers.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING)
        if classifies
        else (transformers.AutoModel, transformers.MODEL_MAPPING)
    )
    expected = f"expected a model that reads RGB images alone at hf:{target}"
    if type(config) not in mapping:
        raise ModelError(f"{expected}, got {config.model_type!r}, which {auto.__name__} does not build")
    kinds = mapping[type(config)]
    kind = kinds[0] if isinstance(kinds, (tuple, list)) else kinds
    if kind.main_input_name != "pixel_values":
        raise ModelError(f"{expected}, got {kind.__name__}, which reads {kind.main_input_name}; give an image model")
    channels = getattr(config, "num_channels", 3)
    if channels != 3:
        raise ModelError(f"{expected}, got images of {channels} channels; it cannot be shown RGB images")
    return auto


def _pretrained(auto: Any, config: Any, target: str) -> tuple[nn.Module, list[str]]:
    """The model, and those of its weights that its files do not have."""
    try:
        module, said = auto.from_pretrained(target, config=config, trust_remote_code=False, output_loading_info=True)
    # As for the config, and the readers of checkpoints besides.
    except Exception as error:
        way_out = "give weights" if Path(target).is_dir() else f"{_OFFLINE.format(target=target)}, or give weights"
        raise WeightsError(
            f"expected weights that fit the model of hf:{target}, got {one_line(error)}; {way_out}"
        ) from error
    return module, sorted(said["missing_keys"])


def _preprocess(transformers: Any, config: Any, target: str, changes: PreprocessChanges) -> Preprocess:
    said = getattr(config, "image_size", None)
    size = _pair(said) if said else changes.size
    try:
        processor = transformers.AutoImageProcessor.from_pretrained(target, trust_remote_code=False)
    # A model may come without one, which transformers says in several ways.
    except (OSError, ValueError, KeyError):
        base = None if size is None else Preprocess(size=_pair(size))
    else:
        base = _as_processed(processor, size, target)
    return changes.apply(base, what=f"hf:{target}")


def _as_processed(processor: Any, size: int | Size | None, target: str) -> Preprocess | None:
    """What an image processor does, seen from what it makes of pictures in one colour; None if its size is not known.

    Its settings alone do not tell: which ones there are, and what they mean, differs from processor to processor.
    """
    pictures = [Image.new("RGB", (256, 256), colour) for colour in ("black", "white", "red")]
    values = processor(images=pictures, return_tensors="pt")["pixel_values"]
    if values.ndim != 4 or tuple(values.shape[:2]) != (3, 3):
        raise ModelError(
            f"expected an image processor that makes one picture of one picture at hf:{target}, got "
            f"{type(processor).__name__}, which makes {' x '.join(map(str, values.shape))} of three; give another model"
        )
    height, width = values.shape[2:]
    black, white, red = values[:, :, height // 2, width // 2].double()
    whole = 1.0 if getattr(processor, "do_rescale", True) else 255.0
    std = whole / (white - black)
    if getattr(processor, "do_resize", True) or getattr(processor, "do_center_crop", False):
        size = (height, width)
    if size is None:
        return None
    return Preprocess(
        size=_pair(size),
        mean=_rounded(-black * std),
        std=_rounded(std),
        interpolation=_INTERPOLATIONS.get(getattr(processor, "resample", None), "bilinear"),
        channel_order="bgr" if red[2] == white[2] != black[2] else "rgb",
        value_range="0-1" if whole == 1 else "0-255",
    )


def _rounded(values: Tensor) -> Channels:
    """To the six digits that float32 leaves; -0.0 is 0.0."""
    red, green, blue = (float(f"{value:.6g}") + 0.0 for value in values.tolist())
    return red, green, blue


def _pair(size: Any) -> Size:
    """Height and width; one number for a square."""
    height, width = (size, size) if isinstance(size, int) else size
    return height, width
