"""The PDF: pages, their text and the size of their pictures, read back with poppler."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from facedissect.dictionary.faces import FaceDictionary
from facedissect.report import pdf, write_report
from facedissect.report.summary import summarise
from facedissect.report.text_width import shortened, width, wrapped
from facedissect.report.thumbnails import LitFaces
from facedissect.results import Dissection

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
    assert 1 <= first <= 2, "a title page"
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
    pdf._text_pages(pages, "section", [("first", [" ".join(words)]), ("second", ["short"])])
    pages.finish()
    assert len(figures) == 2
    texts = [text for figure in figures for text in figure.axes[0].texts]
    assert " ".join(text.get_text() for text in texts).split().count("word") == len(words)
    assert all(text.get_position()[1] < pdf.PAGE[1] - 0.3 for text in texts)


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


def test_a_strip_has_no_more_colours_than_a_byte(result: Dissection, dictionary: FaceDictionary) -> None:
    layer = summarise(result).layers[0]
    tiles = LitFaces(result, dictionary, pdf.SIDE).tiles(layer.result, layer.units[0], pdf.FACES)
    strip = pdf._strip(tiles)
    assert len(np.unique(strip.reshape(-1, 3), axis=0)) <= 256
    height, wide = tiles[0].pixels.shape[:2]
    assert strip.shape == (height, 4 * wide + 3 * pdf.GAP, 3)
    lights = tiles[0].lights
    assert abs(strip[:, :wide][lights].astype(int) - tiles[0].pixels[lights]).mean() < 12


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
