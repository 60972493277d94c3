"""`facedissect.plot`: axes that hold what the tables say."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")

import matplotlib.pyplot as plt

import facedissect
from facedissect.dictionary.faces import FaceDictionary
from facedissect.dictionary.open import open_dictionary
from facedissect.dissection import dissect
from facedissect.errors import LayerError, SettingsError
from facedissect.model.load import load_model
from facedissect.report import plot
from facedissect.results import Dissection
from facedissect.settings import Settings

LAYERS = ("block4.relu", "block5.relu")


@pytest.fixture(scope="module")
def dictionary() -> FaceDictionary:
    return open_dictionary("demo", count=60)


@pytest.fixture(scope="module")
def result(dictionary: FaceDictionary) -> Dissection:
    return dissect(dictionary, load_model("demo:smile"), layers=LAYERS, settings=Settings(workers=0))


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plt.close("all")


def rows(ax: plt.Axes) -> list[str]:
    return [label.get_text() for label in ax.get_yticklabels()]


@pytest.mark.parametrize(
    ("function", "column"), [(plot.concepts, "concept"), (plot.regions, "region"), (plot.kinds, "kind")]
)
def test_bars_of_several_layers_are_the_counts(result: Dissection, function: object, column: str) -> None:
    ax = function(result)  # type: ignore[operator]
    assert len(ax.containers) == len(LAYERS) * (2 if column == "concept" else 1), "with what is not supported"
    for bars, layer in zip(ax.containers, LAYERS, strict=False):
        units = result[layer].units
        counts = units[units["interpretable"]][column].str.replace("_", " ").value_counts()
        assert [bar.get_width() for bar in bars] == [counts.get(row.replace("_", " "), 0) for row in rows(ax)]


def test_one_layer_and_axes_of_ones_own(result: Dissection) -> None:
    _, (left, right) = plt.subplots(1, 2)
    assert plot.regions(result, layer="block5.relu", ax=right) is right
    assert len(right.containers) == 1
    assert not left.containers
    ax = plot.concepts(result, "block5.relu")
    detected = result["block5.relu"].hierarchy.query("detected")["concept"].value_counts()
    assert [bar.get_width() for bar in ax.containers[1]] == [detected.get(row, 0) for row in rows(ax)]


def test_several_results_side_by_side(result: Dissection) -> None:
    ax = plot.biased_units({"a": result, "b": result}, layer="block5.relu")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a (160\u00a0units)", "b (160\u00a0units)"]
    table = result["block5.relu"].bias.query("biased").groupby(["global_concept", "subgroup"]).size()
    expected = [table.get(tuple(row.removesuffix(" (few images)").split(": ")), 0) for row in rows(ax)]
    assert [bar.get_width() for bar in ax.containers[0]] == expected == [bar.get_width() for bar in ax.containers[1]]
    assert len(plot.regions([result, result], layer="block5.relu").containers) == 2


def test_bias_is_stacked_to_one(result: Dissection) -> None:
    ax = plot.bias(result, "age", layer="block4.relu")
    assert len(ax.collections) == 4
    assert np.isclose(ax.collections[-1].get_paths()[0].vertices[:, 1].max(), 1)


def test_lit_faces_of_a_unit(result: Dissection, dictionary: FaceDictionary) -> None:
    best = result.unit("block5.relu", int(result["block5.relu"].units["iou"].idxmax()))
    ax = plot.unit(result, "block5.relu", best.unit, dictionary)
    (image,) = ax.images
    assert image.get_array().shape == (plot.SIDE, 4 * plot.SIDE + 3 * plot.GAP, 3)
    assert str(best.label) in ax.get_title("left")
    assert f"block5.relu, unit {best.unit}" in ax.get_title("left")


def test_peaks_by_subgroup(result: Dissection, dictionary: FaceDictionary) -> None:
    ax = plot.peaks(result, "block5.relu", 3, "gender", dictionary)
    recorded = result["block5.relu"].peaks
    gender = np.array([dictionary[face].subgroups["gender"] for face in recorded.faces])
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == [f"{group} ({(gender == group).sum()}\u00a0images)" for group in ("Male", "Female")]
    curve = ax.lines[0]
    step = np.diff(curve.get_xdata())[0]
    edges = np.append(curve.get_xdata() - step / 2, curve.get_xdata()[-1] + step / 2)
    values = recorded.highest[gender == "Male", 3]
    assert np.isclose(edges[[0, -1]], [recorded.highest[:, 3].min(), recorded.highest[:, 3].max()]).all()
    inner = np.histogram(values, np.concatenate([[-np.inf], edges[1:-1], [np.inf]]))[0]
    np.testing.assert_allclose(curve.get_ydata(), inner / len(values))


def test_what_cannot_be_drawn_is_said(result: Dissection, dictionary: FaceDictionary) -> None:
    with pytest.raises(LayerError, match=r"block4\.relu"):
        plot.concepts(result, layer="block9")
    with pytest.raises(SettingsError, match="expected the name of a layer, as the result has several"):
        plot.bias(result, "age")
    with pytest.raises(SettingsError, match="got 'ages'; there are: age"):
        plot.bias(result, "ages", layer="block4.relu")
    with pytest.raises(SettingsError, match="got 'ages'; it has: age"):
        plot.peaks(result, "block4.relu", 0, "ages", dictionary)
    with pytest.raises(SettingsError, match=r"expected a unit of block4\.relu from 0 to 127, got 128"):
        plot.unit(result, "block4.relu", 128, dictionary)
    empty = FaceDictionary(location="empty", format="memory", vocabulary=dictionary.vocabulary, faces=())
    with pytest.raises(SettingsError, match="in empty; give the dictionary that was dissected"):
        plot.peaks(result, "block4.relu", 0, "age", empty)


def test_importing_facedissect_does_not_import_matplotlib() -> None:
    code = "import facedissect, sys; sys.exit('matplotlib' in sys.modules)"
    package = Path(facedissect.__file__).parent.parent
    assert subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(package)}, check=False).returncode == 0
