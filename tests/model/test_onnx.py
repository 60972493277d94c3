"""`onnx:FILE`: agreement with onnxruntime, fixed batch sizes, sizes and layouts, and files that are refused."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from facedissect.errors import MissingExtraError, ModelError, SettingsError
from facedissect.model import FaceModel, FixedBatchWarning, load_model

Dimension = int | str


def write(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    *,
    shape: Sequence[Dimension] = ("batch", 3, 8, 8),
    constants: dict[str, np.ndarray] | None = None,
    element: int = TensorProto.FLOAT,
    output: Sequence[Dimension | None] = (None, None),
    inputs: Sequence[str] = ("image",),
) -> Path:
    """A graph of `nodes` from `image` to `answer`, as a file."""
    graph = helper.make_graph(
        list(nodes),
        "net",
        [helper.make_tensor_value_info(name, element, list(shape)) for name in inputs],
        [helper.make_tensor_value_info("answer", element, list(output))],
        [numpy_helper.from_array(value, name) for name, value in (constants or {}).items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


WEIGHTS = {
    "kernel": np.random.default_rng(0).normal(size=(4, 3, 3, 3)).astype(np.float32),
    "bias": np.arange(4, dtype=np.float32) / 4,
}


def convolution(image: str = "image") -> list[onnx.NodeProto]:
    return [
        helper.make_node("Conv", [image, "kernel", "bias"], ["maps"], name="conv1/Conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["maps"], ["fired"], name="conv1/Relu"),
    ]


POOL = [
    helper.make_node("GlobalAveragePool", ["fired"], ["pooled"], name="pool/Pool"),
    helper.make_node("Flatten", ["pooled"], ["answer"], name="flat/Flatten"),
]


def outside(path: Path, batch: torch.Tensor, max_batch: int | None) -> list[np.ndarray]:
    """What onnxruntime answers."""
    session = onnxruntime.InferenceSession(str(path))
    name = session.get_inputs()[0].name
    answers = [session.run(None, {name: part.numpy()}) for part in batch.split(max_batch or len(batch))]
    return [np.concatenate(parts) for parts in zip(*answers, strict=True)]


def assert_agrees(model: FaceModel, path: Path) -> None:
    batch = torch.rand(3, 3, *model.preprocess.size, generator=torch.Generator().manual_seed(1))
    with model.borrowed():
        answer = model(batch)
    answers = [answer] if isinstance(answer, torch.Tensor) else list(answer)
    for got, expected in zip(answers, outside(path, batch, model.max_batch), strict=True):
        scale = max(1.0, float(np.abs(expected).max()))
        np.testing.assert_allclose(got.numpy() / scale, expected / scale, atol=1e-5)


REAL = {
    "age_gender": (112, "m/s/pw/Conv", 512, (7, 7)),
    "age_gender_race": (198, "body/relu6/Relu", 192, (8, 8)),
    "expression": (112, "m/b/b/3/c/2/pw/Conv", 256, (7, 7)),
    "mobilefacenet": (112, "conv3/Conv", 128, None),
    "recognition": (150, "m/b/b/13/Relu", 256, (2, 2)),
}


@pytest.mark.parametrize("name", REAL)
def test_real_networks_agree_with_onnxruntime(shared: Path, name: str, recwarn: pytest.WarningsRecorder) -> None:
    path = shared / "models" / f"{name}.onnx"
    size, layer, units, map_size = REAL[name]
    if name == "mobilefacenet":
        with pytest.warns(
            FixedBatchWarning, match="mobilefacenet.onnx is fixed at one image; it is run one image at a time"
        ):
            model = load_model(f"onnx:{path}")
        assert model.max_batch == 1
    else:
        model = load_model(f"onnx:{path}")
        assert model.max_batch is None
    assert model.name == name
    assert model.preprocess.size == (size, size)
    found = model.layers([layer])[0]
    assert (found.units, found.map_size) == (units, map_size)
    assert_agrees(model, path)


def test_a_small_network(tmp_path: Path) -> None:
    path = write(tmp_path / "net.onnx", [*convolution(), *POOL], constants=WEIGHTS)
    model = load_model(f"onnx:{path}", mean=(0.5, 0.5, 0.5))
    assert model.preprocess.size == (8, 8)
    assert model.preprocess.mean == (0.5, 0.5, 0.5)
    assert model.source == f"onnx:{path}"
    assert [layer.name for layer in model.layers()] == ["conv1/Conv", "conv1/Relu", "pool/Pool", "flat/Flatten"]
    assert_agrees(model, path)
    assert load_model(f"onnx:{path}", size=8).digest == model.digest


def fixed_by_reshape() -> list[onnx.NodeProto]:
    return [
        *convolution(),
        POOL[0],
        helper.make_node("Reshape", ["pooled", "shape"], ["answer"], name="reshape/Reshape"),
    ]


def fixed_by_flattening_all() -> list[onnx.NodeProto]:
    """Sums over images too, so that the shape is right and the values are wrong."""
    return [
        *convolution(),
        helper.make_node("ReduceMean", ["fired"], ["all"], name="mean/ReduceMean", axes=[0, 2, 3], keepdims=1),
        helper.make_node("Mul", ["pooled", "all"], ["product"], name="mul/Mul"),
        POOL[0],
        helper.make_node("Flatten", ["product"], ["answer"], name="flat/Flatten"),
    ]


def fixed_by_a_constant() -> list[onnx.NodeProto]:
    """Fails on any other batch: a concatenation along channels with a constant of one image."""
    return [*convolution(), helper.make_node("Concat", ["fired", "one"], ["answer"], name="cat/Concat", axis=1)]


@pytest.mark.parametrize(
    ("nodes", "output"),
    [(fixed_by_reshape, (1, 4)), (fixed_by_flattening_all, (1, 4)), (fixed_by_a_constant, (1, 5, 8, 8))],
)
def test_a_fixed_batch_size_is_found_and_respected(
    tmp_path: Path, nodes: Callable[[], list[onnx.NodeProto]], output: tuple[int, ...]
) -> None:
    ordered = nodes()
    if nodes is fixed_by_flattening_all:
        ordered = [*ordered[:3], ordered[4], ordered[3], ordered[5]]
    constants = WEIGHTS | {"shape": np.array([1, -1]), "one": np.ones((1, 1, 8, 8), np.float32)}
    path = write(tmp_path / "net.onnx", ordered, shape=(1, 3, 8, 8), constants=constants, output=output)
    with pytest.warns(FixedBatchWarning, match="run one image at a time"):
        model = load_model(f"onnx:{path}")
    assert model.max_batch == 1
    assert model.layers(["conv1/Conv"])[0].map_size == (8, 8)
    assert_agrees(model, path)


def test_a_batch_of_one_in_the_graph_alone_does_not_slow_the_network_down(tmp_path: Path) -> None:
    path = write(tmp_path / "net.onnx", [*convolution(), *POOL], shape=(1, 3, 8, 8), constants=WEIGHTS)
    assert load_model(f"onnx:{path}").max_batch is None


def test_an_input_with_channels_last_is_transposed(tmp_path: Path) -> None:
    transpose = helper.make_node("Transpose", ["image"], ["first"], name="first/Transpose", perm=[0, 3, 1, 2])
    path = write(
        tmp_path / "net.onnx", [transpose, *convolution("first"), *POOL], shape=("batch", 8, 10, 3), constants=WEIGHTS
    )
    model = load_model(f"onnx:{path}")
    assert model.preprocess.size == (8, 10)
    batch = torch.rand(3, 3, 8, 10)
    with model.borrowed():
        answer = model(batch)
    np.testing.assert_allclose(answer.numpy(), outside(path, batch.permute(0, 2, 3, 1), None)[0], atol=1e-5)
    assert model.layers(["conv1/Conv"])[0].map_size == (8, 10)


@pytest.mark.parametrize("steps", [1, 2, -1])
def test_slices_are_cut_as_onnx_says(tmp_path: Path, steps: int) -> None:
    constants = {
        "starts": np.array([1, -1] if steps < 0 else [1, 0]),
        "ends": np.array([3, -(2**62)] if steps < 0 else [3, 7]),
        "axes": np.array([1, -1]),
        "steps": np.array([1, steps]),
    }
    node = helper.make_node("Slice", ["image", *constants], ["answer"], name="cut/Slice")
    path = write(tmp_path / "net.onnx", [node], constants=constants, output=(None,) * 4)
    assert_agrees(load_model(f"onnx:{path}"), path)


def test_a_size_that_the_graph_leaves_open_is_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "net.onnx", [*convolution(), *POOL], shape=("n", 3, "h", "w"), constants=WEIGHTS)
    with pytest.raises(
        SettingsError, match=r"expected an input size for onnx:.*net.onnx, which tells none; give size="
    ):
        load_model(f"onnx:{path}")
    assert load_model(f"onnx:{path}", size=(12, 14)).layers(["conv1/Conv"])[0].map_size == (12, 14)


def test_a_size_that_the_graph_fixes_cannot_be_changed(tmp_path: Path) -> None:
    path = write(tmp_path / "net.onnx", [*convolution(), *POOL], constants=WEIGHTS)
    with pytest.raises(SettingsError, match=r"expected size \(8, 8\) for .*, where it is fixed, got \(9, 9\)"):
        load_model(f"onnx:{path}", size=9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"shape": ("n", 1, 8, 8)},
            r"expected RGB images N x 3 x height x width .*, got \? x 1 x 8 x 8 \(grey-scale\)",
        ),
        ({"shape": ("n", 8, 8, 1)}, r"got \? x 8 x 8 x 1 \(grey-scale\)"),
        ({"shape": ("n", 3, 8)}, r"got \? x 3 x 8; it cannot be shown RGB images"),
        ({"shape": ("n", 6, 8, 8)}, r"got \? x 6 x 8 x 8; it cannot"),
        ({"shape": (4, 3, 8, 8)}, "got a batch fixed at 4; export it"),
        ({"element": TensorProto.UINT8}, "as floating-point numbers, got integers"),
        ({"inputs": ("image", "mask")}, r"expected one input in .*, got 2 \(image, mask\)"),
    ],
)
def test_an_input_that_is_no_batch_of_rgb_images(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    node = helper.make_node("Flatten", ["image"], ["answer"], name="flat/Flatten")
    path = write(tmp_path / "net.onnx", [node], **options)
    with pytest.raises(ModelError, match=message):
        load_model(f"onnx:{path}")


def test_an_operator_that_cannot_be_converted(tmp_path: Path) -> None:
    node = helper.make_node("Det", ["image"], ["answer"], name="det/Det")
    path = write(tmp_path / "net.onnx", [node])
    with pytest.raises(
        ModelError,
        match=r"converts in .*, got another, or of a later version: Det; export it with opset_version=17",
    ):
        load_model(f"onnx:{path}")


def test_a_network_that_does_not_run(tmp_path: Path) -> None:
    node = helper.make_node("MatMul", ["image", "kernel"], ["answer"], name="product/MatMul")
    path = write(tmp_path / "net.onnx", [node], constants={"kernel": np.ones((5, 2), np.float32)}, output=(None,) * 4)
    with pytest.raises(ModelError, match=r"expected onnx:.* to run on an image of 3 x 8 x 8, got RuntimeError"):
        load_model(f"onnx:{path}")


FILES: dict[str, Callable[[Path], object]] = {
    "text": lambda path: path.write_text("not a network\n"),
    "empty": lambda path: path.write_bytes(b""),
    "truncated": lambda path: path.write_bytes(
        write(path, [*convolution(), *POOL], constants=WEIGHTS).read_bytes()[:300]
    ),
    "missing": lambda _: None,
    "folder": lambda path: path.mkdir(),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_is_no_network(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "net.onnx"
    FILES[kind](path)
    with pytest.raises(
        ModelError, match=r"expected an ONNX file, got .*net.onnx, which is (damaged or something else|not a file)"
    ) as caught:
        load_model(f"onnx:{path}")
    assert "\n" not in str(caught.value)


def test_weights_are_in_the_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"expected no weights for an ONNX file, which holds its own, got w.pth"):
        load_model("onnx:net.onnx", weights="w.pth")


def test_the_extra_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def without_onnx2torch(name: str, *rest: Any) -> Any:
        if name == "onnx2torch":
            raise ImportError(name)
        return real_import(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_onnx2torch)
    with pytest.raises(
        MissingExtraError, match=r"onnx:net.onnx needs the optional dependencies `onnx`; run: pip install"
    ):
        load_model("onnx:net.onnx")
