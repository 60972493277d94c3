"""Figures for papers: which there are, what they hold, and that a folder is complete or unchanged."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from facedissect.dictionary.faces import FaceDictionary
from facedissect.errors import OutputError, SettingsError
from facedissect.report import figures
from facedissect.report.figures import CAPTIONS, lined_up, write_figures
from facedissect.results import Dissection

from .conftest import HOSTILE

CHARTS = ("outcomes", "concepts", "regions", "kinds", "biased-units", "bias-tone", "bias-era")
COMPARED = ("concepts", "regions", "kinds", "biased-units")


@pytest.fixture(scope="module")
def folder(result: Dissection, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("figures") / "figures"
    write_figures(result, folder)
    return folder


def named(result: Dissection, name: str) -> Dissection:
    return replace(result, provenance=replace(result.provenance, model={**result.provenance.model, "name": name}))


def of_another_dictionary(result: Dissection) -> Dissection:
    known = result.provenance
    return replace(result, provenance=replace(known, dictionary={**known.dictionary, "digest": "0" * 64}))


def stems(folder: Path) -> set[str]:
    return {path.stem for path in folder.iterdir() if path.name != CAPTIONS}


def test_every_chart_of_every_layer_and_the_layers_side_by_side(folder: Path) -> None:
    expected = {f"{layer}-{chart}" for layer in ("first_1_", "act") for chart in CHARTS}
    expected |= {f"layers-{chart}" for chart in COMPARED}
    assert stems(folder) == expected
    assert len(list(folder.iterdir())) == 2 * len(expected) + 1


def test_png_has_300_dots_an_inch_and_svg_has_text(folder: Path) -> None:
    with Image.open(folder / "act-concepts.png") as image:
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        assert image.width == pytest.approx(4.4 * 300, abs=1)
        assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
    for name in ("act-concepts", "layers-concepts"):
        text = (folder / f"{name}.svg").read_text(encoding="utf-8")
        assert HOSTILE not in text
        root = ElementTree.fromstring(text)  # noqa: S314
        words = {"".join(node.itertext()).strip() for node in root.iter("{http://www.w3.org/2000/svg}text")}
        assert {HOSTILE, "a$b$_c", "number of units", "Units per concept"} <= words


def test_captions_hold_the_numbers(folder: Path) -> None:
    with (folder / CAPTIONS).open(encoding="utf-8", newline="") as file:
        rows = {row["figure"]: row for row in csv.DictReader(file)}
    assert set(rows) == stems(folder)
    assert rows["act-regions"]["title"] == "Interpretable units per region"
    assert rows["act-regions"]["description"] == "Units: Top 6 and Bottom & more 3."


def test_the_same_result_gives_the_same_files(one_layer: Dissection, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_figures(one_layer, tmp_path / name)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_several_results_are_compared(one_layer: Dissection, tmp_path: Path) -> None:
    names = write_figures({"<b>one</b>": one_layer, "two": one_layer}, tmp_path / "out")
    assert names == [f"compared-{chart}" for chart in COMPARED]
    text = (tmp_path / "out" / "compared-regions.svg").read_text(encoding="utf-8")
    assert "&lt;b&gt;one&lt;/b&gt; (9 of 12 units)" in text
    assert "<b>one" not in text


def test_names_tell_layers_apart(result: Dissection, one_layer: Dissection) -> None:
    assert list(lined_up(result)) == ["first<1>", "act"]
    assert list(lined_up([one_layer, named(one_layer, "b")])) == ["<b>net</b>", "b"]
    assert list(lined_up({"x": result, "y": one_layer})) == ["x first<1>", "x act", "y"]
    assert len(lined_up([result, result])) == 4
    assert list(lined_up({"only": one_layer})) == ["act"]


def test_another_dictionary_is_refused(one_layer: Dissection, tmp_path: Path) -> None:
    other = of_another_dictionary(one_layer)
    digest = one_layer.provenance.dictionary["digest"][:12]
    with pytest.raises(
        SettingsError, match=rf"expected results of one dictionary, got one of .*{digest}.*two of .*0{{12}}"
    ):
        write_figures({"one": one_layer, "two": other}, tmp_path / "out")
    assert not any(tmp_path.iterdir())
    with pytest.raises(SettingsError, match="got none"):
        lined_up([])


def test_nothing_to_draw_is_said(one_layer: Dissection, tmp_path: Path) -> None:
    layer = replace(
        one_layer["act"],
        map_size=None,
        **{table: getattr(one_layer["act"], table).iloc[:0] for table in ("concepts", "hierarchy", "bias")},
        units=one_layer["act"].units.assign(interpretable=False, concept=None),
    )
    with pytest.raises(OutputError, match="expected units with maps, or bias, to draw, got none"):
        write_figures(replace(one_layer, layers={"act": layer}), tmp_path / "out")
    assert not any(tmp_path.iterdir())


def test_a_run_without_bias_or_labels_has_one_figure(
    bare_run: tuple[Dissection, FaceDictionary], tmp_path: Path
) -> None:
    assert write_figures(bare_run[0], tmp_path / "out") == ["first_1_-outcomes"]


def test_a_folder_of_before_is_replaced_whole_and_a_strange_one_kept(one_layer: Dissection, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_figures(one_layer, out)
    (out / "stale.svg").write_text("")
    write_figures(one_layer, out)
    assert not (out / "stale.svg").exists()
    strange = tmp_path / "strange"
    strange.mkdir()
    (strange / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="expected a new folder or one of an earlier run"):
        write_figures(one_layer, strange)
    assert [path.name for path in strange.iterdir()] == ["mine.txt"]


def test_a_folder_is_unchanged_where_drawing_fails(
    one_layer: Dissection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    write_figures(one_layer, out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    monkeypatch.setattr(figures, "FORMATS", {"svg": {}, "no such format": {}})
    with pytest.raises(ValueError, match="no such format"):
        write_figures(one_layer, out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_file_names_that_would_be_the_same_are_told_apart(one_layer: Dissection, tmp_path: Path) -> None:
    layers = {name: replace(one_layer["act"], layer=name) for name in ("a b", "A_b")}
    names = write_figures(replace(one_layer, layers=layers), tmp_path / "out")
    assert len({name.lower() for name in names}) == len(names)
    assert {"a_b-regions", "A_b-regions-2"} <= set(names)
