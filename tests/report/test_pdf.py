"""The PDF: pages, their text and the size of their pictures, read back with poppler."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image
from pypdf import PdfReader

from facedissect.baseline import Baseline
from facedissect.dictionary.faces import FaceDictionary
from facedissect.report import Beside, baseline_wording, pdf, printed_faces, write_report
from facedissect.report.charts import Chart
from facedissect.report.strips import strip
from facedissect.report.summary import summarise
from facedissect.report.text_width import shortened, width, wrapped
from facedissect.report.thumbnails import EDGE, OUTLINE, LitFaces
from facedissect.results import Dissection
from facedissect.units import unit_summaries

from .conftest import HOSTILE

poppler = pytest.mark.skipif(shutil.which("pdftotext") is None, reason="pdftotext (poppler-utils) is not installed")


@pytest.fixture(scope="module")
def path(result: Dissection, dictionary: FaceDictionary, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pdf") / "report.pdf"
    write_report(result, dictionary, path)
    return path


def pages_of(path: Path) -> list[str]:
    done = subprocess.run(["pdftotext", "-layout", str(path), "-"], capture_output=True, check=True, text=True)
    return [re.sub(r"\s+", " ", page) for page in done.stdout.split("\f")[:-1]]


@poppler
def test_pages_in_the_published_order(path: Path) -> None:
    pages = pages_of(path)
    first = pages.index(next(page for page in pages if "9 of 12 units interpretable" in page))
    assert "What the units of" in pages[0]
    assert "How far to trust it" in pages[1]
    assert "Layers side by side" in pages[first - 1]
    assert first == 4, "the title, two pages of text, the layers side by side"
    kinds = ["charts" if ": charts" in page else "units" for page in pages[first:]]
    units = -(-12 // pdf.ROWS)
    assert kinds[:units] == ["units"] * units
    assert kinds[units] == "charts"
    assert [int(page.rsplit(maxsplit=1)[-1]) for page in pages] == list(range(1, len(pages) + 1))


@poppler
def test_every_unit_has_its_label_and_numbers(path: Path, result: Dissection) -> None:
    text = " ".join(page for page in pages_of(path) if "units interpretable" in page)
    for unit in range(12):
        assert len(re.findall(rf"unit {unit}\b", text)) == 2, "once a layer"
    best = result["first<1>"].units.loc[0]
    assert HOSTILE in text
    assert f"IoU {best['iou_firing']:.3f} firing, {best['iou_labelled']:.3f} labelled" in text
    assert "no label: dead" in text


@poppler
def test_the_title_page_says_what_was_found_and_how_far_to_trust_it(path: Path) -> None:
    first = " ".join(pages_of(path)[:2])
    for expected in (
        "What the units of <b>net</b> look at",
        "9 of 12 units (75 %)",
        "How far to trust it",
        "never_seen",
    ):
        assert expected in first


@poppler
def test_a_baseline_has_a_chapter_of_its_own(
    one_layer: Dissection, dictionary: FaceDictionary, baseline: Baseline, path: Path, tmp_path: Path
) -> None:
    write_report(one_layer, dictionary, tmp_path / "report.pdf", Beside(baseline=baseline))
    text = " ".join(pages_of(tmp_path / "report.pdf"))
    chapter = text[text.index(baseline_wording.TITLE) : text.index("How far to trust it")]
    for told in (
        *baseline_wording.meaning(baseline),
        baseline_wording.CAPTION,
        *baseline.sentences_of_labels,
        " ".join(baseline.drawn),
    ):
        assert re.sub(r"\s+", " ", told) in chapter
    assert "Layer Units that Here Random weights Beyond 95 % interval Permuted p" in chapter
    assert "first<1> are interpretable 9 of 12 2.5 +6.5 +2.0 to +9.1 4 –" in chapter
    assert "first<1> are biased by tone 3 of 12 5.0 −2.0 −6.3 to +1.5 1.7 (0.0 to 4.0) 0.200" in chapter
    assert baseline_wording.HINT not in text
    without = " ".join(pages_of(path))
    assert baseline_wording.TITLE not in without
    assert baseline_wording.HINT in without


def test_a_long_table_goes_on_over_the_page(baseline: Baseline) -> None:
    longer = replace(baseline, table=pd.concat([baseline.table] * 40, ignore_index=True))
    figures = Collected()
    pages = pdf.Pages(figures, "heading")
    pdf._text_pages(pages, "section", [("Table", pdf._baseline(longer))], 1)
    pages.finish()
    assert len(figures) == 3
    texts = [text for figure in figures for text in figure.axes[0].texts]
    assert sum(text.get_text() == "are biased by tone" for text in texts) == 40
    assert all(text.get_position()[1] < pdf.PAGE[1] - 0.3 for text in texts)


@poppler
def test_metadata(path: Path, result: Dissection) -> None:
    done = subprocess.run(["pdfinfo", str(path)], capture_output=True, check=True, text=True)
    assert "What the units of <b>net</b> look at" in done.stdout
    assert result.provenance.created[:4] in done.stdout


@poppler
def test_lost_images_are_said_on_a_page_of_their_own(
    one_layer: Dissection, unreadable: FaceDictionary, tmp_path: Path
) -> None:
    write_report(one_layer, unreadable, tmp_path / "report.pdf")
    assert "could not be read when this report was written" in pages_of(tmp_path / "report.pdf")[-1]


class Collected(list[Figure]):
    """Stands in for PdfPages."""

    def savefig(self, figure: Figure) -> None:
        self.append(figure)


def test_a_paragraph_longer_than_a_page_goes_on() -> None:
    words = ["word"] * 1500
    figures = Collected()
    pages = pdf.Pages(figures, "heading")
    pdf._text_pages(pages, "section", [("first", [" ".join(words)]), ("second", ["short"])], 0)
    pages.finish()
    assert len(figures) == 2
    texts = [text for figure in figures for text in figure.axes[0].texts]
    assert " ".join(text.get_text() for text in texts).split().count("word") == len(words)
    assert all(text.get_position()[1] < pdf.PAGE[1] - 0.3 for text in texts)


@pytest.mark.parametrize(
    ("room", "squeezed", "height"), [(2.0, 1.0, 2.0), (1.7, 0.8, 1.7), (1.7, 1.0, None), (1.5, 0.8, None)]
)
def test_a_chart_may_be_squeezed_where_room_is_short(room: float, squeezed: float, height: float | None) -> None:
    chart = Chart(name="c", title="t", description="d", height=2.0, draw=lambda axes: axes.set_axis_off())
    pages = pdf.Pages(None, "report")
    axes = pages.new("section")
    shown = pdf._charts(pages, axes, pdf.PAGE[1] - pdf.MARGIN - room, [chart], squeezed=squeezed)
    drawn = axes.figure.axes[1:]
    assert [part.get_position().height * pdf.PAGE[1] for part in drawn] == pytest.approx([height] if height else [])
    assert shown == ([chart] if height else [])


def test_no_global_concepts_and_no_interpretable_unit(
    bare_run: tuple[Dissection, FaceDictionary], tmp_path: Path
) -> None:
    write_report(*bare_run, tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")


def test_the_same_result_gives_the_same_file(one_layer: Dissection, dictionary: FaceDictionary, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.pdf", "b.pdf")]
    for path in paths:
        write_report(one_layer, dictionary, path)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_bookmarks_lead_to_every_part(path: Path, result: Dissection) -> None:
    reader = PdfReader(path)
    lines: list[tuple[int, str, int]] = []

    def gather(items: list[Any], depth: int) -> None:
        for item in items:
            if isinstance(item, list):
                gather(item, depth + 1)
            else:
                lines.append((depth, item.title, reader.get_destination_page_number(item)))

    gather(reader.outline, 0)
    assert [title for depth, title, _ in lines if depth == 0] == ["Summary", "Layers side by side", "first<1>", "act"]
    assert next(title for depth, title, _ in lines if depth == 1) == "How far to trust it"
    assert sum(title == "Interpretable units (9)" for _, title, _ in lines) == 2
    assert sum(title == "Other units (3)" for _, title, _ in lines) == 2
    units = [(title, page) for depth, title, page in lines if depth == 2 and " · unit " in title]
    assert len(units) == 18
    for title, page in units:
        number = re.search(r"unit (\d+)", title)
        assert number
        assert re.search(rf"unit {number[1]}\b", reader.pages[page].extract_text())
    assert "Units per concept" in [title for depth, title, _ in lines if depth == 2]
    assert reader.page_mode == "/UseOutlines"


def test_faces_are_photographs_at_print_resolution(path: Path) -> None:
    reader = PdfReader(path)
    pages = [page for page in reader.pages if "units interpretable" in page.extract_text()]
    pictures = [picture for page in pages for picture in page.images]
    assert len(pictures) == 24, "one a unit"
    wide = pdf.SIDE * 4 // 5  # the network's input is 32 by 40
    for picture in pictures:
        assert picture.image.format == "JPEG"
        assert picture.image.size == (4 * wide + 3 * printed_faces.GAP, pdf.SIDE)
    first = pages[0].get_contents().get_data().decode("latin-1")
    width, height = map(float, re.findall(r"q ([\d.]+) 0 0 ([\d.]+) [\d.]+ [\d.]+ cm /Photograph0 Do Q", first)[0])
    assert np.isclose(height / 72 * printed_faces.DPI, pdf.SIDE, rtol=0.01)
    assert np.isclose(width / height, pictures[0].image.size[0] / pictures[0].image.size[1], rtol=0.01)


@poppler
def test_photographs_lie_where_they_are_seen(path: Path, tmp_path: Path) -> None:
    page = next(n for n, text in enumerate(pages_of(path), 1) if "units interpretable" in text)
    command = ["pdftoppm", "-r", "72", "-f", str(page), "-l", str(page), "-singlefile", "-png", str(path)]
    subprocess.run([*command, str(tmp_path / "page")], check=True)
    with Image.open(tmp_path / "page.png") as image:
        seen = np.asarray(image.convert("L"))
    top, left = round(pdf.TOP * 72), round(pdf.MARGIN * 72)
    assert seen[top + 5 : top + 60, left + 5 : left + 60].mean() < 160
    assert seen[top - 12 : top - 4, left : left + 60].min() > 240


def test_a_picture_is_as_good_as_its_share_of_the_file_allows() -> None:
    plain = np.full((pdf.SIDE, 4 * pdf.SIDE, 3), 90, np.uint8)
    noise = np.random.default_rng(0).integers(0, 256, plain.shape, dtype=np.uint8)
    assert len(printed_faces.jpeg(plain)) < printed_faces.BYTES
    with Image.open(io.BytesIO(printed_faces.jpeg(noise))) as image:
        assert image.size == (4 * pdf.SIDE, pdf.SIDE), "what fits no quality is written at the least"
    assert 512 * printed_faces.BYTES < 19e6, "the rest is for text and charts"


def test_a_strip_shows_the_tiles_with_lines_that_print(result: Dissection, dictionary: FaceDictionary) -> None:
    layer = summarise(result).layers[0]
    tiles = LitFaces(result, dictionary, 120).tiles(layer.result, layer.units[0], pdf.FACES)
    height, wide = tiles[0].pixels.shape[:2]
    thin, thick = strip(tiles, gap=5), strip(tiles, gap=5, line=3)
    assert thin.shape == thick.shape == (height, 4 * wide + 15, 3)
    assert (thin[:, :wide] == tiles[0].pixels).all()
    assert (thick[:, wide : wide + 5] == 255).all()
    yellow = [(drawn == OUTLINE).all(axis=2).sum() for drawn in (thin, thick)]
    assert yellow[1] > 2 * yellow[0] > 0
    lights = tiles[0].lights
    edge = (thick[:, :wide] == EDGE).all(axis=2) & ~(thin[:, :wide] == EDGE).all(axis=2)
    assert edge.any()
    assert not (edge & ~lights).any(), "the edge grows inwards"


@pytest.mark.parametrize("text", ["one two three four five six seven", "x" * 90, "", "a bb " + "c" * 60 + " d"])
def test_wrapped_lines_fit_and_lose_nothing(text: str) -> None:
    lines = wrapped(text, 1.0, 8)
    assert all(width(line, 8) <= 1.0 for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    if "x" not in text and "c" not in text:
        assert " ".join(lines) == text


def test_long_names_are_cut_to_fit() -> None:
    assert shortened("short", 1.0, 8) == "short"
    cut = shortened("long " * 20, 1.0, 8)
    assert cut.endswith("…")
    assert 0.8 < width(cut, 8) <= 1.0


def test_processes_make_the_same_strips_and_tell_what_they_could_not_read(
    result: Dissection, dictionary: FaceDictionary, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = dictionary.faces[0].id
    less = replace(dictionary, faces=dictionary.faces[1:])
    layer = result["act"]
    units = unit_summaries(layer)
    assert any(top.face == missing for unit in units for top in unit.faces[: printed_faces.FACES])
    here, there = LitFaces(result, less, 40), LitFaces(result, less, 40)
    made = list(printed_faces.strips(here, layer, units))
    monkeypatch.setattr(printed_faces, "FEW_UNITS", 0)
    assert list(printed_faces.strips(there, layer, units)) == made
    assert set(there.unread) == set(here.unread) == {missing}
