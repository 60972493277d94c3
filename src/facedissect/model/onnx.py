"""`onnx:FILE`: an ONNX file as an nn.Module whose nodes can be hooked (extra `onnx`).

Layers are called as onnx2torch calls them: the node's name, such as `conv2/Conv`.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from ..errors import MissingExtraError, ModelError, SettingsError
from .face_model import FaceModel, one_line
from .fixed_batch import FixedBatchWarning, answers_batches, warn_fixed_batch
from .preprocess import Preprocess, PreprocessChanges, Size

if TYPE_CHECKING:
    import onnx

__all__ = ["FixedBatchWarning", "load"]

# float16, float32, float64 and bfloat16 in onnx.TensorProto; any other type wants pixels in another range.
_FLOATS = (10, 1, 11, 16)


def load(target: str, *, weights: str | Path | None, changes: PreprocessChanges) -> FaceModel:
    """The network in an ONNX file; RGB images in [0, 1] unless `changes` says otherwise.

    Raises:
        MissingExtraError: onnx or onnx2torch is not installed.
        ModelError: the file is missing, damaged, not a network of one RGB image, or uses an operator that cannot be
            converted; or weights were given, which the file has already.
        SettingsError: the input size is not in the file and was not given, or the two differ.
    """
    if weights is not None:
        raise ModelError(
            f"expected no weights for an ONNX file, which holds its own, got {weights}; leave --weights out"
        )
    path = Path(target)
    graph = _read(path)
    image = _image_input(graph, path)
    if image.channels_last:
        _transpose_input(graph)
    known = None if image.size is None else Preprocess(size=image.size)
    preprocess = changes.apply(known, what=f"onnx:{path}")
    if image.size is not None and preprocess.size != image.size:
        raise SettingsError(
            f"expected size {image.size} for {path}, where it is fixed, got {preprocess.size}; leave --size out"
        )
    module = _convert(graph, path)
    batch = torch.rand(3, 3, *preprocess.size, generator=torch.Generator().manual_seed(0), dtype=image.dtype)
    single = FaceModel(module, preprocess=preprocess, name=path.stem, source=f"onnx:{path}", max_batch=1)
    if answers_batches(single, batch):
        return FaceModel(module, preprocess=preprocess, name=path.stem, source=single.source)
    warn_fixed_batch(path)
    return single


class _ImageInput(NamedTuple):
    size: Size | None
    channels_last: bool
    dtype: torch.dtype


def _read(path: Path) -> onnx.ModelProto:
    try:
        import onnx
        import onnx2torch  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(f"onnx:{path}", "onnx") from error
    if not path.is_file():
        raise ModelError(f"expected an ONNX file, got {path}, which is not a file; check the path")
    try:
        graph = onnx.load(str(path))
        onnx.checker.check_model(graph)
    # protobuf, onnx and the reader of external data each raise errors of their own.
    except Exception as error:
        raise ModelError(
            f"expected an ONNX file, got {path}, which is damaged or something else: {one_line(error)}"
        ) from error
    return graph


def _image_input(graph: onnx.ModelProto, path: Path) -> _ImageInput:
    """What the graph says of its one input, or the reason why it is not a batch of RGB images."""
    weights = {entry.name for entry in graph.graph.initializer}
    inputs = [entry for entry in graph.graph.input if entry.name not in weights]
    if len(inputs) != 1:
        names = ", ".join(entry.name for entry in inputs) or "none"
        raise ModelError(f"expected one input in {path}, a batch of RGB images, got {len(inputs)} ({names})")
    tensor = inputs[0].type.tensor_type
    dims = [dim.dim_value if dim.HasField("dim_value") else None for dim in tensor.shape.dim]
    told = " x ".join("?" if dim is None else str(dim) for dim in dims) or "no shape"
    expected = f"expected RGB images N x 3 x height x width or N x height x width x 3 as the input of {path}"
    if tensor.elem_type not in _FLOATS:
        raise ModelError(f"{expected}, as floating-point numbers, got integers; export it with a floating-point input")
    if len(dims) != 4 or 3 not in (dims[1], dims[3]):
        grey = len(dims) == 4 and 1 in (dims[1], dims[3])
        raise ModelError(f"{expected}, got {told}{' (grey-scale)' if grey else ''}; it cannot be shown RGB images")
    if dims[0] not in (None, 0, 1):
        raise ModelError(f"{expected}, got a batch fixed at {dims[0]}; export it for a batch of one or of any size")
    channels_last = dims[1] != 3
    height, width = dims[1:3] if channels_last else dims[2:4]
    size = (height, width) if height and width else None
    dtype = {10: torch.float16, 1: torch.float32, 11: torch.float64, 16: torch.bfloat16}[tensor.elem_type]
    return _ImageInput(size, channels_last, dtype)


def _transpose_input(graph: onnx.ModelProto) -> None:
    """Makes N x height x width x 3 the network's own business: it gets N x 3 x height x width and transposes itself."""
    import onnx

    weights = {entry.name for entry in graph.graph.initializer}
    entry = next(entry for entry in graph.graph.input if entry.name not in weights)
    inner, outer = entry.name, f"{entry.name}_channels_first"
    node = onnx.helper.make_node("Transpose", [outer], [inner], name="channels_last/Transpose", perm=[0, 2, 3, 1])
    graph.graph.node.insert(0, node)
    batch, height, width, channels = list(entry.type.tensor_type.shape.dim)
    entry.name = outer
    first = type(entry.type.tensor_type.shape)(dim=[batch, channels, height, width])
    entry.type.tensor_type.shape.CopyFrom(first)


def _convert(graph: onnx.ModelProto, path: Path) -> nn.Module:
    import onnx2torch

    try:
        with warnings.catch_warnings():
            # Of resizing modes that torch does only nearly; torch says so on every use.
            warnings.filterwarnings("ignore", module=r"(onnx2torch|torch)\..*")
            module: nn.Module = onnx2torch.convert(graph)
    except NotImplementedError as error:
        operator = re.search(r"operation_type='(\w+)'", str(error))
        told = operator[1] if operator else one_line(error)
        raise ModelError(
            f"expected operators that onnx2torch converts in {path}, got another, or of a later version: {told}; "
            "export it with opset_version=17 or lower"
        ) from error
    # onnx2torch lets whatever a graph makes it stumble over through.
    except Exception as error:
        raise ModelError(f"expected an ONNX file that onnx2torch converts, got {path}: {one_line(error)}") from error
    _replace_slices(module)
    return module


class OnnxSlice(nn.Module):
    """ONNX's Slice, in place of onnx2torch's, whose indexing by lists torch is about to read in another way."""

    def forward(
        self, value: Tensor, starts: Tensor, ends: Tensor, axes: Tensor | None = None, steps: Tensor | None = None
    ) -> Tensor:
        """`value`, cut along each of `axes` (the first ones if not given); a negative step goes backwards."""
        along = range(len(starts)) if axes is None else axes.tolist()
        strides = [1] * len(starts) if steps is None else steps.tolist()
        for axis, start, end, step in zip(along, starts.tolist(), ends.tolist(), strides, strict=True):
            kept = range(value.shape[axis])[start:end:step]
            value = value.index_select(axis, torch.tensor(kept, dtype=torch.long, device=value.device))
        return value


def _replace_slices(module: nn.Module) -> None:
    from onnx2torch.node_converters.slice import OnnxSlice as TheirSlice

    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if isinstance(child, TheirSlice):
                parent._modules[name] = OnnxSlice()
