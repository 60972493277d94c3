"""`export:FILE`: a file of `torch.export.save` as an nn.Module whose parts can be hooked under their own names.

What is loaded is a copy of the file without anything that could run (`exported_archive.py`).
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.utils._pytree import tree_leaves

from ..errors import ModelError, SettingsError
from .exported_archive import CodeError, without_code
from .face_model import FaceModel, one_line
from .fixed_batch import warn_fixed_batch
from .preprocess import Preprocess, PreprocessChanges, Size

_EXPORT = "torch.export.export(model.eval(), (images,), dynamic_shapes=({0: torch.export.Dim('n')},))"


def load(target: str, *, weights: str | Path | None, changes: PreprocessChanges) -> FaceModel:
    """The network in a file of `torch.export.save`; RGB images in [0, 1] unless `changes` says otherwise.

    Raises:
        ModelError: the file is missing, damaged, holds more than tensors and a graph, or is no network of one batch of RGB
            images in eval mode; or weights were given, which the file has already.
        SettingsError: the input size is fixed in the file, and another was given.
    """
    if weights is not None:
        raise ModelError(
            f"expected no weights for a file of torch.export, which holds its own, got {weights}; leave --weights out"
        )
    path = Path(target)
    program, digest = _read(path)
    image = _image_input(program, path)
    preprocess = changes.apply(Preprocess(size=image.size), what=f"export:{path}")
    if any(fixed not in (None, wanted) for fixed, wanted in zip(image.fixed, preprocess.size, strict=True)):
        raise SettingsError(
            f"expected size {image.size} for {path}, where it is fixed, got {preprocess.size}; leave --size out"
        )
    _check_eval_mode(program, path)
    module = _unflattened(program, path)
    # FaceModel.digest sees the tensors of a network and its modules, but not what these compute.
    module.register_buffer("graph_digest", torch.tensor(list(digest), dtype=torch.uint8), persistent=False)
    model = FaceModel(
        module, preprocess=preprocess, name=path.stem, source=f"export:{path}", max_batch=1 if image.single else None
    )
    _check_runs(model)
    if image.single:
        warn_fixed_batch(path)
    return model


class _ImageInput(NamedTuple):
    """The example's size, the height and width that are fixed, and whether a batch is one image."""

    size: Size
    fixed: tuple[int | None, int | None]
    single: bool


def _image_input(program: ExportedProgram, path: Path) -> _ImageInput:
    """What the program says of its one input, or the reason why it is not a batch of RGB images."""
    names = program.graph_signature.user_inputs
    values = {node.name: node.meta.get("val") for node in program.graph.nodes if node.op == "placeholder"}
    if len(names) != 1:
        told = ", ".join(map(str, names)) or "none"
        raise ModelError(f"expected one input in {path}, a batch of RGB images, got {len(names)} ({told})")
    value = values.get(str(names[0]))
    expected = f"expected RGB images N x 3 x height x width as the input of {path}"
    if not isinstance(value, Tensor) or not value.is_floating_point():
        told = f"integers ({value.dtype})" if isinstance(value, Tensor) else type(value).__name__
        raise ModelError(f"{expected}, as floating-point numbers, got {told}; export it with a floating-point input")
    dims = [dim if isinstance(dim, int) else None for dim in value.shape]
    told = " x ".join("?" if dim is None else str(dim) for dim in dims)
    if len(dims) != 4 or dims[1] != 3:
        raise ModelError(f"{expected}, got {told}; it cannot be shown RGB images")
    if dims[0] not in (None, 1):
        raise ModelError(f"{expected}, got a batch fixed at {dims[0]}; export it for a batch of any size: {_EXPORT}")
    # An open dimension still had a size when the network was exported.
    height, width = next(leaf for leaf in tree_leaves(program.example_inputs) if isinstance(leaf, Tensor)).shape[2:]
    return _ImageInput((height, width), (dims[2], dims[3]), dims[0] == 1)


def _check_eval_mode(program: ExportedProgram, path: Path) -> None:
    """An exported network stays in the mode that it was exported in."""
    for node in program.graph.nodes:
        schema = getattr(node.target, "_schema", None)
        said = {} if schema is None else dict(zip((a.name for a in schema.arguments), node.args, strict=False))
        said |= node.kwargs
        trains = said.get("train") is True or said.get("training") is True
        # A batch norm without running statistics takes those of the batch in eval mode too.
        if trains and said.get("p") != 0 and said.get("running_mean", node) is not None:
            raise ModelError(
                f"expected a network in eval mode in {path}, got {node.target} in training mode; export it with {_EXPORT}"
            )


def _unflattened(program: ExportedProgram, path: Path) -> nn.Module:
    """The network with a module for each module that was exported, on whatever device its images are."""
    try:
        module: nn.Module = torch.export.unflatten(program)
    # torch lets whatever a graph makes it stumble over through.
    except Exception as error:
        raise ModelError(
            f"expected a network that torch.export.unflatten takes apart in {path}, got {one_line(error)}; "
            "give the nn.Module itself by python:..."
        ) from error
    place = _Place()
    for part in module.modules():
        told = getattr(part, "type_name", lambda: None)()
        if told:
            # Under the name of the class that was exported, and not that of what runs its graph.
            part.__class__ = type(told.rpartition(".")[2], (type(part),), {})
        for node in getattr(getattr(part, "graph", None), "nodes", ()):
            if any(isinstance(value, torch.device) for value in (*node.args, *node.kwargs.values())):
                node.target = place.moving(node.target)
    module.register_forward_pre_hook(place.note)
    return module


class _Place:
    """The device of the images of a pass, in place of the one that is written down in a graph."""

    def __init__(self) -> None:
        self._device = torch.device("cpu")

    def note(self, _module: nn.Module, images: tuple[Tensor, ...]) -> None:
        """A forward pre-hook of the network."""
        self._device = images[0].device

    def moving(self, operator: Callable[..., Any]) -> Callable[..., Any]:
        """The operator with this device wherever it is told one."""

        def run(*args: Any, **kwargs: Any) -> Any:
            return operator(*map(self._here, args), **{name: self._here(value) for name, value in kwargs.items()})

        return run

    def _here(self, value: Any) -> Any:
        return self._device if isinstance(value, torch.device) else value


def _check_runs(model: FaceModel) -> None:
    with model.borrowed():
        try:
            model(torch.full((1, 3, *model.preprocess.size), 0.5))
        except Exception as error:
            shape = " x ".join(map(str, model.preprocess.size))
            raise ModelError(
                f"expected {model.source} to run on an image of 3 x {shape}, got {one_line(error)}; check the size, and "
                f"that it was exported with the images as its only positional argument: {_EXPORT}"
            ) from error


def _read(path: Path) -> tuple[ExportedProgram, bytes]:
    """The program of a file and the SHA-256 of its graph."""
    if not path.is_file():
        raise ModelError(f"expected a file of torch.export.save, got {path}, which is not a file; check the path")
    try:
        copy, digest = without_code(path)
        with _quiet():
            return torch.export.load(copy), digest
    except CodeError as error:
        raise ModelError(
            f"expected only tensors and a graph in {path}, got {error}, which was not run; "
            "where you trust the file, load it yourself and give the network by python:..."
        ) from error
    # torch and the readers of zip and JSON raise whatever a damaged file makes them stumble over.
    except Exception as error:
        raise ModelError(
            f"expected a file of torch.export.save, got {path}, which is damaged, of another version of torch or something "
            f"else: {one_line(error)}; export it anew with {_EXPORT}"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Without torch's log lines, each of which is followed by an error, and its remarks on old files."""
    log = logging.getLogger("torch.export")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"torch\..*")
            yield
    finally:
        log.setLevel(level)
