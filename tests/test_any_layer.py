"""dissect() on layers of every kind, on faces that are cropped, and in other precisions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from facedissect import (
    DictionaryError,
    FaceDictionary,
    FaceModel,
    ModelError,
    Settings,
    dissect,
    load,
    load_model,
    open_dictionary,
    write_published,
    write_report,
)
from facedissect.activations import Batch
from facedissect.model import UntrainedWarning
from facedissect.report.pictures import pictures
from facedissect.report.thumbnails import LitFaces
from facedissect.units import unit_summaries


class Network(nn.Module):
    """A convolution, ReLU called twice, tokens with a class token in front, and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 4, stride=4)
        self.relu = nn.ReLU()
        self.tokens = Tokens()
        self.head = nn.Linear(6, 5)

    def forward(self, images: Tensor) -> Tensor:
        tokens = self.tokens(self.relu(self.relu(self.conv(images))))
        answer: Tensor = self.head(tokens[:, 0])
        return answer


class Tokens(nn.Module):
    def forward(self, maps: Tensor) -> Tensor:
        tokens = maps.flatten(2).transpose(1, 2)
        return torch.cat([tokens.mean(1, keepdim=True), tokens], dim=1)


@pytest.fixture(scope="module")
def faces() -> FaceDictionary:
    return open_dictionary("demo", count=10, size=64)


@pytest.fixture(scope="module")
def model() -> FaceModel:
    torch.manual_seed(0)
    return FaceModel(Network(), size=32, aliases={"last": "relu#2"})


def test_tokens_are_dissected_as_the_maps_that_they_are(faces: FaceDictionary, model: FaceModel) -> None:
    result = dissect(faces, model, layers=["last", "tokens"])
    assert list(result.layers) == ["relu#2", "tokens"]
    for table in ("units", "concepts", "hierarchy", "bias", "top_faces"):
        maps, tokens = (getattr(result[name], table).drop(columns="layer") for name in result.layers)
        assert maps.equals(tokens), table
    np.testing.assert_array_equal(result["tokens"].top_maps, result["relu#2"].top_maps)


def test_a_fully_connected_layer_has_bias_and_top_faces_only(
    faces: FaceDictionary, model: FaceModel, tmp_path: Path
) -> None:
    result = dissect(faces, model, layers=["head", "conv"])
    head, conv = result["head"], result["conv"]
    assert head.map_size is None
    assert head.concepts.empty
    assert head.hierarchy.empty
    assert list(head.concepts.columns) == list(conv.concepts.columns)
    assert head.units[["concept", "iou", "threshold"]].isna().all(axis=None)
    assert not head.units["interpretable"].any()
    with torch.no_grad():
        images = torch.stack([model.preprocess.image(face.image()) for face in faces])
        answers = model.module.eval()(images).numpy()
    order = np.argsort([face.id for face in faces])
    np.testing.assert_allclose(head.peaks.highest, answers[order], atol=1e-6)
    np.testing.assert_array_equal(head.peaks.highest, head.peaks.lowest)
    assert head.top_faces.loc[head.top_faces["place"] == 1, "peak"].tolist() == head.peaks.highest.max(0).tolist()
    assert head.bias["probability"].notna().any()
    result.save(tmp_path / "run")
    again = load(tmp_path / "run")
    assert again["head"].map_size is None
    assert again["head"].units.equals(head.units)
    assert again["head"].top_maps.shape == (5, 4, 0, 0)
    for file in ("report.html", "report.pdf"):
        write_report(again, faces, tmp_path / file)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "of head gave no map that says where in the image a response comes from" in page
    shown = LitFaces(again, faces, 40)
    told = [face.alt for unit in unit_summaries(again["head"]) for face in pictures(shown, again["head"], unit)]
    assert sum("the whole of it: the unit has no map." in text for text in told) == 5 * 4


def test_a_run_of_layers_without_maps_reads_no_masks(faces: FaceDictionary, model: FaceModel) -> None:
    stages: set[str] = set()
    dissect(faces, model, layers=["head"], progress=lambda stage, *_: stages.add(stage))
    assert stages == {"peaks"}


def test_random_weights_are_told_in_the_report(faces: FaceDictionary, tmp_path: Path) -> None:
    with pytest.warns(UntrainedWarning):
        untrained = load_model("timm:test_vit", size=48)
    result = dissect(faces, untrained, layers=["blocks.0"])
    message = "timm:test_vit has random weights, so its units mean nothing; give weights (a file, or DEFAULT)."
    assert message in result.provenance.warnings
    write_report(result, faces, tmp_path / "report.html")
    assert message in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_labels_that_the_literature_knows_to_be_unreliable_are_told(
    faces: FaceDictionary, model: FaceModel, tmp_path: Path
) -> None:
    assert not any("Labels of" in warning for warning in dissect(faces, model, layers=["head"]).provenance.warnings)
    write_published(faces, tmp_path / "faces")
    warnings = dissect(open_dictionary(tmp_path / "faces"), model, layers=["head"]).provenance.warnings
    told = {warning.split()[2] for warning in warnings if warning.startswith("Labels of ")}
    present = {concept for face in faces for concept in face.concepts}
    assert told == present & {"High_Cheekbones", "Pointy_Nose", "No_Beard", "Mouth_Slightly_Open"}
    assert told


def test_patterns_and_all_convolutions(faces: FaceDictionary, model: FaceModel) -> None:
    assert list(dissect(faces, model, layers=["relu#*", "all-convs"]).layers) == ["relu#1", "relu#2", "conv"]


@pytest.mark.parametrize(("precision", "dtype"), [("bf16", torch.bfloat16), ("fp16", torch.float16)])
def test_thresholds_are_exact_for_the_values_of_half_precision(
    faces: FaceDictionary, model: FaceModel, precision: Any, dtype: torch.dtype
) -> None:
    seen: list[Batch] = []
    settings = Settings(precision=precision, quantile=0.9)
    result = dissect(faces, model, layers=["conv"], settings=settings, observe=seen.append)
    maps = torch.cat([batch.maps["conv"] for batch in seen])
    assert torch.equal(maps, maps.to(dtype).float())
    expected = np.quantile(maps.transpose(0, 1).flatten(1).numpy().astype(np.float64), 0.9, axis=1)
    np.testing.assert_allclose(result.units["threshold"], expected, rtol=1e-6)
    assert result.provenance.execution == {"device": "cpu", "precision": precision, "batch_size": 32}


def test_a_device_without_that_precision_is_refused(
    faces: FaceDictionary, model: FaceModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("User specified an unsupported autocast dtype. More words")

    monkeypatch.setattr(torch, "autocast", refuse)
    with pytest.raises(ModelError, match=r"expected a device that computes in bf16, got cpu: .*; use --precision fp32"):
        dissect(faces, model, layers=["conv"], settings=Settings(precision="bf16"))


def without_places(faces: FaceDictionary, count: int) -> FaceDictionary:
    """The same faces, the first of which have neither a box nor landmarks."""
    nowhere = tuple(replace(face, box=None, landmarks=None) for face in faces.faces[:count])
    return replace(faces, faces=(*nowhere, *faces.faces[count:]))


@pytest.mark.parametrize("crop", ["box", "align"])
def test_faces_that_were_not_found_are_shown_whole_and_counted(
    faces: FaceDictionary, model: FaceModel, crop: Any, tmp_path: Path
) -> None:
    cropped = FaceModel(model.module, size=32, crop=crop)
    result = dissect(without_places(faces, 3), cropped, layers=["conv"])
    assert result.provenance.shown_whole == 3
    message = f"3 of 10 images are shown whole: no face was found in them for crop={crop}."
    assert message in result.provenance.warnings
    write_report(result, faces, tmp_path / "report.html")
    assert message in (tmp_path / "report.html").read_text(encoding="utf-8")
    everywhere = dissect(faces, cropped, layers=["conv"])
    assert everywhere.provenance.shown_whole == 0
    whole = dissect(faces, model, layers=["conv"])
    peaks = [run["conv"].peaks.highest for run in (result, everywhere, whole)]
    changed = [(peaks[0] != other).any(axis=1).tolist() for other in peaks[1:]]
    assert changed == [[True] * 3 + [False] * 7, [False] * 3 + [True] * 7]


@pytest.mark.parametrize(("crop", "needed"), [("box", "boxes"), ("align", "landmarks")])
def test_a_crop_of_faces_that_nobody_has_found_is_refused(
    faces: FaceDictionary, model: FaceModel, crop: Any, needed: str
) -> None:
    message = f"expected {needed} of faces in demo:.* for crop={crop}, got none; find them with `facedissect detect`"
    with pytest.raises(DictionaryError, match=message):
        dissect(without_places(faces, 10), FaceModel(model.module, size=32, crop=crop), layers=["conv"])


def test_memory_that_ran_out_is_told(faces: FaceDictionary, model: FaceModel) -> None:
    class Narrow(Network):
        def forward(self, images: Tensor) -> Tensor:
            if len(images) > 4:
                raise torch.cuda.OutOfMemoryError("CUDA out of memory")
            return super().forward(images)

    narrow = Narrow()
    narrow.load_state_dict(model.module.state_dict())
    result = dissect(faces, FaceModel(narrow, size=32), layers=["conv"])
    assert "Memory ran out at 32 images a batch; the run went on with 4." in result.provenance.warnings
    expected = dissect(faces, model, layers=["conv"], settings=Settings(batch_size=4))
    assert result.units.equals(expected.units)
