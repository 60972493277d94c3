"""`export:FILE`: hooks, batch sizes, input sizes and devices of exported networks; what is refused, and never runs."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn
from torch.export import Dim

from facedissect.errors import ModelError, SettingsError
from facedissect.model import FaceModel, FixedBatchWarning
from facedissect.model.exported import load
from facedissect.model.preprocess import PreprocessChanges

ANY_BATCH = ({0: Dim("n")},)


class Network(nn.Module):
    """A block, an activation that is called twice, a constant that is made anew in every pass."""

    def __init__(self, inputs: int = 3) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Conv2d(inputs, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())
        self.last = nn.Conv2d(4, 5, 3)
        self.act = nn.ReLU()
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(5, 2)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.act(self.act(self.last(self.block(images))) - 0.1)
        return self.drop(self.head(maps.mean((2, 3)))) + torch.arange(2, device=images.device).to(images.dtype)


class Half(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return (images.to(torch.float64) / 2).to(device="cpu")


def network() -> Network:
    torch.manual_seed(0)
    made = Network()
    made.block[1].running_mean += 0.1
    return made.eval()


def write(
    path: Path, module: nn.Module, shape: tuple[int, ...] = (2, 3, 8, 8), dynamic: Any = ANY_BATCH, **options: Any
) -> Path:
    example = (torch.rand(shape),)
    torch.export.save(torch.export.export(module, example, dynamic_shapes=dynamic, **options), path)
    return path


@pytest.fixture(scope="module")
def any_batch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("any") / "net.pt2", network())


@pytest.fixture(scope="module")
def one_image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("one") / "net.pt2", network(), (1, 3, 8, 8), None)


def opened(path: Path, weights: str | None = None, **changes: Any) -> FaceModel:
    return load(str(path), weights=weights, changes=PreprocessChanges(**changes))


def captured(model: FaceModel, layer: str, batch: Tensor) -> list[Tensor]:
    seen: list[Tensor] = []
    with model.borrowed():
        model.network.get_submodule(layer).register_forward_hook(lambda _module, _inputs, output: seen.append(output))
        model(batch)
    return seen


def test_all_convolutions_are_found_by_their_names(any_batch: Path) -> None:
    assert [layer.name for layer in opened(any_batch).layers(["all-convs"])] == ["block.0", "last"]


def test_answers_and_layers_are_those_of_the_network(any_batch: Path) -> None:
    original, model = network(), opened(any_batch, mean=(0.5, 0.5, 0.5))
    assert (model.name, model.source, model.max_batch) == ("net", f"export:{any_batch}", None)
    assert (model.preprocess.size, model.preprocess.mean) == ((8, 8), (0.5, 0.5, 0.5))
    batch = torch.rand(5, 3, 8, 8)
    with model.borrowed():
        assert torch.equal(model(batch), original(batch))
        assert torch.equal(model(batch[:1]), original(batch[:1]))
    kept = FaceModel(original, size=8)
    for layer in ("block", "block.0", "block.1", "block.2", "last", "act", "head"):
        for got, expected in zip(captured(model, layer, batch), captured(kept, layer, batch), strict=True):
            assert torch.equal(got, expected), layer
    found = {layer.name: (layer.type, layer.units, layer.map_size) for layer in model.layers()}
    assert (found["block.2"], found["last"]) == (("ReLU", 4, (8, 8)), ("Conv2d", 5, (6, 6)))


def test_the_network_is_given_back_as_it_was(any_batch: Path) -> None:
    model = opened(any_batch)
    digest = model.digest
    with model.borrowed():
        model.network.get_submodule("block").register_forward_hook(lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            model(torch.zeros(1, 3, 8, 8))
    assert model.digest == opened(any_batch).digest == digest
    with model.borrowed():
        model(torch.zeros(1, 3, 8, 8))


def test_the_digest_tells_graphs_with_the_same_weights_apart(tmp_path: Path) -> None:
    one = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    other = nn.Sequential(one[0], nn.Tanh())
    first, second = (write(tmp_path / f"{i}.pt2", module) for i, module in enumerate((one, other)))
    assert opened(first).digest != opened(second).digest


def test_a_batch_of_one_image_is_run_one_by_one(one_image: Path) -> None:
    with pytest.warns(
        FixedBatchWarning, match=r"the batch size of .*net.pt2 is fixed at one image; it is run one image at"
    ):
        model = opened(one_image)
    assert model.max_batch == 1
    batch = torch.rand(3, 3, 8, 8)
    original = network()
    with model.borrowed():
        assert torch.equal(model(batch), torch.cat([original(image[None]) for image in batch]))
    assert {layer.name: layer.map_size for layer in model.layers()}["block.2"] == (8, 8)


def test_a_fixed_size_cannot_be_changed_and_an_open_one_can(any_batch: Path, tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"expected size \(8, 8\) for .*net.pt2, where it is fixed, got \(9, 8\); leave"
    ):
        opened(any_batch, size=(9, 8))
    auto = Dim.AUTO
    path = write(tmp_path / "open.pt2", network(), (2, 3, 8, 9), ({0: auto, 2: auto, 3: auto},))
    assert opened(path).preprocess.size == (8, 9)
    model = opened(path, size=(12, 14))
    batch = torch.rand(1, 3, 12, 14)
    with model.borrowed():
        assert torch.equal(model(batch), network()(batch))
    path = write(tmp_path / "half.pt2", network(), (2, 3, 8, 9), ({0: auto, 3: auto},))
    assert opened(path, size=(8, 20)).preprocess.size == (8, 20)
    with pytest.raises(SettingsError, match=r"expected size \(8, 9\) for .*half.pt2, where it is fixed, got \(9, 9\)"):
        opened(path, size=9)


@pytest.mark.parametrize("module", [network(), Half()])
def test_devices_that_the_graph_wrote_down_follow_the_images(module: nn.Module, tmp_path: Path) -> None:
    model = opened(write(tmp_path / "net.pt2", module))
    with model.borrowed("meta"):
        assert model.network(torch.empty(2, 3, 8, 8, device="meta")).device.type == "meta"
    batch = torch.rand(2, 3, 8, 8)
    with model.borrowed():
        assert torch.equal(model(batch), module(batch))


def test_a_network_of_timm(tmp_path: Path) -> None:
    original = timm.create_model("test_vit").eval()
    model = opened(write(tmp_path / "vit.pt2", original, (2, 3, 160, 160)))
    batch = torch.rand(3, 3, 160, 160)
    with model.borrowed():
        torch.testing.assert_close(model(batch), original(batch))
    found = {layer.name: (layer.units, layer.map_size) for layer in model.layers()}
    assert found["patch_embed.proj"] == (64, (10, 10))


class TwoInputs(nn.Module):
    def forward(self, images: Tensor, mask: Tensor) -> Tensor:
        return images * mask


def test_networks_that_are_not_shown_a_batch_of_rgb_images(tmp_path: Path) -> None:
    path = tmp_path / "net.pt2"
    with pytest.raises(
        ModelError, match=r"N x 3 x height x width as the input of .*, got \? x 1 x 8 x 8; it cannot be shown"
    ):
        opened(write(path, Network(1).eval(), (2, 1, 8, 8)))
    with pytest.raises(ModelError, match=r"got \? x 3; it cannot be shown RGB images"):
        opened(write(path, nn.Linear(3, 2), (2, 3)))
    with pytest.raises(
        ModelError, match=r"got a batch fixed at 4; export it for a batch of any size: torch.export.export\("
    ):
        opened(write(path, network(), (4, 3, 8, 8), None))
    torch.export.save(torch.export.export(TwoInputs(), (torch.ones(1, 3, 8, 8), torch.ones(1, 3, 8, 8))), path)
    with pytest.raises(
        ModelError, match=r"expected one input in .*net.pt2, a batch of RGB images, got 2 \(images, mask\)"
    ):
        opened(path)
    torch.export.save(torch.export.export(nn.ReLU(), (torch.ones(1, 3, 8, 8, dtype=torch.uint8),)), path)
    with pytest.raises(
        ModelError, match=r"as floating-point numbers, got integers \(torch.uint8\); export it with a float"
    ):
        opened(path)
    torch.export.save(torch.export.export(network(), (), {"images": torch.ones(1, 3, 8, 8)}), path)
    with pytest.raises(
        ModelError, match=r"to run on an image of 3 x 8 x 8, got .*; .* as its only positional argument"
    ):
        opened(path)


def test_a_network_in_training_mode_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ModelError,
        match=r"expected a network in eval mode in .*, got aten.batch_norm.default in training mode; export it",
    ):
        opened(write(tmp_path / "net.pt2", Network().train()))
    with pytest.raises(
        ModelError, match=r"got aten.dropout.default in training mode; export it with torch.export.export"
    ):
        opened(write(tmp_path / "net.pt2", nn.Sequential(nn.Dropout()).train()))
    without_statistics = nn.Sequential(nn.Dropout(0), nn.BatchNorm2d(3, track_running_stats=False))
    opened(write(tmp_path / "net.pt2", without_statistics.eval()))


def changed(path: Path, to: Path, change: Callable[[str, bytes], bytes], more: dict[str, bytes] | None = None) -> Path:
    """A copy of an archive with other contents."""
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(to, "w") as copy:
        for name in archive.namelist():
            copy.writestr(name, change(name, archive.read(name)))
        for name, content in (more or {}).items():
            copy.writestr(name, content)
    return to


class Bomb:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, (str(self.path), "w"))


def in_pickle(made: Path) -> Callable[[str, bytes], bytes]:
    def change(name: str, content: bytes) -> bytes:
        file = io.BytesIO()
        torch.save(((Bomb(made),), {}), file)
        return file.getvalue() if name.endswith("sample_inputs/model.pt") else content

    return change


def in_graph(alter: Callable[[dict[str, Any], str], None]) -> Callable[[Path], Callable[[str, bytes], bytes]]:
    def with_path(made: Path) -> Callable[[str, bytes], bytes]:
        def change(name: str, content: bytes) -> bytes:
            if not name.endswith("models/model.json"):
                return content
            graph = json.loads(content)
            alter(graph, f"open({str(made)!r}, 'w')")
            return json.dumps(graph).encode()

        return change

    return with_path


def nodes(graph: dict[str, Any]) -> list[dict[str, Any]]:
    return graph["graph_module"]["graph"]["nodes"]


def in_a_size(graph: dict[str, Any], code: str) -> None:
    values = graph["graph_module"]["graph"]["tensor_values"]
    values["images"]["sizes"][0]["as_expr"]["expr_str"] = code


def as_an_operator(graph: dict[str, Any], code: str) -> None:
    nodes(graph)[0]["target"] = "torch.os.system"


def from_a_file(graph: dict[str, Any], code: str) -> None:
    nodes(graph)[0]["target"] = "torch.ops.aten.from_file.default"


def as_an_argument(graph: dict[str, Any], code: str) -> None:
    graph["graph_module"]["graph"]["inputs"][-1]["as_tensor"]["name"] = f"images={code}"


def in_a_tree(graph: dict[str, Any], code: str) -> None:
    tree = {
        "type": "builtins.dict",
        "context": '[{"__enum__": true, "fqn": "this:x", "name": ""}]',
        "children_spec": [],
    }
    graph["graph_module"]["module_call_graph"][0]["signature"]["out_spec"] = json.dumps([1, tree])


def as_a_parameter(graph: dict[str, Any], code: str) -> None:
    specs = graph["graph_module"]["signature"]["input_specs"]
    specs[0]["parameter"]["parameter_name"] = f'a", {code}, "'


def in_pickled_weights(_: Path) -> Callable[[str, bytes], bytes]:
    def change(name: str, content: bytes) -> bytes:
        return content.replace(b'"use_pickle": false', b'"use_pickle": true', 1)

    return change


CODE: dict[str, tuple[Callable[[Path], Callable[[str, bytes], bytes]], str]] = {
    "pickle": (in_pickle, r"got a pickle in data/sample_inputs/model.pt that wants to run \w+.open, which was not run"),
    "weights": (in_pickled_weights, r"got a pickle of block.0.weight, which was not run"),
    "size": (in_graph(in_a_size), r"got a graph with .*open\(.* as expr_str, which was not run"),
    "operator": (in_graph(as_an_operator), r"got a graph with 'torch.os.system' as target, which was not run"),
    "file": (in_graph(from_a_file), r"got a graph with 'torch.ops.aten.from_file.default' as target"),
    "argument": (in_graph(as_an_argument), r"got a graph with .*images=open.* as name, which was not run"),
    "tree": (in_graph(in_a_tree), r"got a graph with .*__enum__.* as out_spec, which was not run"),
    "parameter": (in_graph(as_a_parameter), r"got a graph with .* as parameter_name, which was not run"),
}


@pytest.mark.parametrize("place", CODE)
def test_code_in_a_file_does_not_run(place: str, any_batch: Path, tmp_path: Path) -> None:
    change, message = CODE[place]
    path = changed(any_batch, tmp_path / "net.pt2", change(tmp_path / "made"))
    with pytest.raises(ModelError, match=rf"expected only tensors and a graph in .*net.pt2, {message}") as caught:
        opened(path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "made").exists()


def test_a_compiled_library_in_a_file_is_not_run(any_batch: Path, tmp_path: Path) -> None:
    more = {"net/data/aotinductor/model/model.so": b""}
    path = changed(any_batch, tmp_path / "net.pt2", lambda _, content: content, more)
    with pytest.raises(
        ModelError, match=r"got also data/aotinductor/model/model.so, which was not run; where you trust"
    ):
        opened(path)


def test_other_files_in_an_archive_are_left_alone(tmp_path: Path) -> None:
    program = torch.export.export(network(), (torch.rand(2, 3, 8, 8),), dynamic_shapes=ANY_BATCH)
    torch.export.save(program, tmp_path / "net.pt2", extra_files={"notes.txt": "trained on faces"})
    assert opened(tmp_path / "net.pt2").max_batch is None


def test_a_file_written_on_a_gpu_is_read_on_the_cpu(any_batch: Path, tmp_path: Path) -> None:
    def on_gpu(name: str, content: bytes) -> bytes:
        gpu = b'{"type": "cuda", "index": 0}'
        return content.replace(b'{"type": "cpu", "index": null}', gpu) if name.endswith(".json") else content

    path = changed(any_batch, tmp_path / "net.pt2", on_gpu)
    assert b"cuda" in path.read_bytes()
    batch = torch.rand(2, 3, 8, 8)
    model = opened(path)
    with model.borrowed():
        assert torch.equal(model(batch), network()(batch))


FILES: dict[str, Callable[[Path, bytes], object]] = {
    "text": lambda path, _: path.write_text("not a network\n"),
    "empty": lambda path, _: path.write_bytes(b""),
    "truncated": lambda path, content: path.write_bytes(content[:-300]),
    "weights": lambda path, _: torch.save(network().state_dict(), path),
    "missing": lambda *_: None,
    "folder": lambda path, _: path.mkdir(),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_is_no_exported_network(
    kind: str, any_batch: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    FILES[kind](tmp_path / "net.pt2", any_batch.read_bytes())
    with pytest.raises(ModelError, match=r"expected (a file of torch.export.save|only tensors and a graph)") as caught:
        opened(tmp_path / "net.pt2")
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_weights_are_in_the_file() -> None:
    with pytest.raises(
        ModelError, match=r"expected no weights for a file of torch.export, which holds its own, got w.pth"
    ):
        opened(Path("net.pt2"), "w.pth")
