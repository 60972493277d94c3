"""Parity with the published method: `shared/reference/` holds what an independent float64 program computes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from facedissect import Dissection, FaceModel, Settings, dissect, load_model, open_dictionary

QUANTILE = {"conv2": 0.95, "relu3": 0.995}
SWITCHES = {
    "default": {},
    "labelled": {"union": "labelled"},
    "annotated": {"union": "labelled", "negatives": "annotated", "hierarchy_weight": "none"},
}
FORWARD_ROUNDING = {"conv2": 1e-7, "relu3": 3e-6}
"""What float32 forward passes that add in different orders may differ by in a probability (onnxruntime does, too)."""
CASES = [(layer, mode) for layer in QUANTILE for mode in (*SWITCHES, "published")]


@pytest.fixture(scope="session")
def fixture(shared: Path) -> Path:
    return shared / "reference" / "fixture"


def settings_of(layer: str, mode: str) -> Settings:
    if mode == "published":
        return Settings.reference(quantile=QUANTILE[layer])
    return Settings(quantile=QUANTILE[layer], **SWITCHES[mode])


@pytest.fixture(scope="session")
def from_maps(fixture: Path, array_source: Any, lookup: Any) -> dict[tuple[str, str], Dissection]:
    """Runs on the reference's own maps, so that nothing but the method itself is compared."""
    dictionary = open_dictionary(fixture / "dictionary")
    faces = tuple(
        replace(face, source=array_source.numbered(number, 64, {name: face.mask(name) for name in face.concepts}))
        for number, face in enumerate(dictionary.local_faces)
    )
    with np.load(fixture / "maps.npz") as maps:
        models = {layer: FaceModel(lookup(torch.from_numpy(maps[layer])), size=64) for layer in QUANTILE}
    return {
        (layer, mode): dissect(
            replace(dictionary, faces=faces), models[layer], layers=["maps"], settings=settings_of(layer, mode)
        )
        for layer, mode in CASES
    }


@pytest.fixture(scope="session")
def from_images(fixture: Path) -> dict[tuple[str, str], Dissection]:
    """Runs from the images on; the forward pass rounds in an order of its own (4e-7), which scores amplify a little."""
    dictionary = open_dictionary(fixture / "dictionary")
    model = load_model(f"onnx:{fixture / 'model.onnx'}", interpolation="bicubic")
    names = {"conv2": "conv2/Conv", "relu3": "relu3/Relu"}
    return {
        (layer, mode): dissect(dictionary, model, layers=[names[layer]], settings=settings_of(layer, mode))
        for layer, mode in CASES
    }


@pytest.fixture(scope="session")
def in_double(fixture: Path) -> dict[str, Dissection]:
    """Runs from the images on in float64, which every CPU rounds to the same: what is left is what the reference rounded."""
    dictionary = open_dictionary(fixture / "dictionary")
    model = load_model(f"onnx:{fixture / 'model.onnx'}", interpolation="bicubic")
    model.module.double()
    names = {"conv2": "conv2/Conv", "relu3": "relu3/Relu"}
    return {
        layer: dissect(dictionary, model, layers=[name], settings=settings_of(layer, "default"))
        for layer, name in names.items()
    }


@pytest.fixture(params=["from_maps", "from_images"])
def results(request: pytest.FixtureRequest) -> dict[tuple[str, str], Dissection]:
    runs: dict[tuple[str, str], Dissection] = request.getfixturevalue(request.param)
    return runs


@pytest.fixture
def tolerance(request: pytest.FixtureRequest, layer: str) -> dict[str, float]:
    return {"rtol": 1e-6, "atol": 0 if "from_maps" in request.node.callspec.id else FORWARD_ROUNDING[layer]}


@pytest.mark.parametrize(("layer", "mode"), CASES)
def test_thresholds_integers_and_iou(
    fixture: Path, results: dict[tuple[str, str], Dissection], tolerance: dict[str, float], layer: str, mode: str
) -> None:
    result = results[layer, mode]
    units = len(result.units)
    with np.load(fixture / f"expected_{layer}_{mode}.npz") as expected:
        np.testing.assert_allclose(result.units["threshold"], expected["thresholds"], **tolerance)
        for key in ("intersection", "union"):
            np.testing.assert_array_equal(result.concepts[key].to_numpy().reshape(units, -1), expected[key])
        np.testing.assert_allclose(result.concepts["iou"].to_numpy().reshape(units, -1), expected["iou"], rtol=1e-6)


@pytest.mark.parametrize(("layer", "mode"), CASES)
def test_hierarchy(
    fixture: Path, results: dict[tuple[str, str], Dissection], tolerance: dict[str, float], layer: str, mode: str
) -> None:
    result = results[layer, mode]
    expected = json.loads((fixture / f"expected_{layer}_{mode}_hierarchy.json").read_text())
    interpretable = result.units[result.units["interpretable"]].set_index("unit")
    assert set(interpretable.index) == {int(unit) for unit in expected}
    shares = result.hierarchy.set_index(["unit", "concept"])["probability"]
    for unit, facts in expected.items():
        row = interpretable.loc[int(unit)]
        assert (row["concept"], row["region"]) == (facts["concept"], facts["region"])
        assert row["iou"] == pytest.approx(facts["iou"], rel=1e-6)
        for concept, probability in facts["probability"].items():
            assert shares.loc[int(unit), concept] == pytest.approx(
                probability, rel=1e-6, abs=max(tolerance["atol"], 1e-12)
            )


@pytest.mark.parametrize("layer", QUANTILE)
def test_bias(fixture: Path, in_double: dict[str, Dissection], layer: str) -> None:
    bias = in_double[layer].bias
    units = bias["unit"].nunique()
    with np.load(fixture / f"expected_{layer}_bias.npz") as expected:
        compared = 0
        for key in expected.files:
            rows = bias[bias["global_concept"] == key.lower()]
            if len(rows):
                np.testing.assert_allclose(
                    rows["probability"].to_numpy().reshape(units, -1),
                    expected[key],
                    rtol=1e-6,
                    atol=FORWARD_ROUNDING[layer],
                )
                compared += 1
        assert compared == 4


@pytest.mark.parametrize(
    ("file", "layer", "size", "interpretable"),
    [
        ("age_gender_race.onnx", "body/relu6/Relu", 198, 45),
        ("expression.onnx", "m/b/b/3/c/2/pw/Conv", 112, 124),
        ("age_gender.onnx", "m/s/pw/Conv", 112, 82),
    ],
)
def test_interpretable_units_of_real_networks(
    shared: Path, file: str, layer: str, size: int, interpretable: int
) -> None:
    dictionary = open_dictionary(shared / "face-dictionary-mini")
    # The bias is not asked for here, and its images are half of the time.
    local = replace(dictionary, faces=dictionary.local_faces)
    model = load_model(f"onnx:{shared / 'models' / file}", size=size, interpolation="bicubic")
    result = dissect(local, model, layers=[layer], settings=Settings(replicates=0, sweep=()))
    assert abs(int(result.units["interpretable"].sum()) - interpretable) <= 1
