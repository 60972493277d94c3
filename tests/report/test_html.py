"""The page: parses, holds each unit once, escapes every name, and reaches for nothing outside itself."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from facedissect.dictionary.faces import FaceDictionary
from facedissect.report import pictures, write_report
from facedissect.report.thumbnails import LitFaces
from facedissect.results import Dissection
from facedissect.units import unit_summaries

from .conftest import HOSTILE

VOID = {"meta", "img", "br", "input", "link", "hr"}


class Page(HTMLParser):
    """What a page holds; fails where a tag is left open or closed twice."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def values(self, name: str, tag: str | None = None) -> list[str]:
        return [value for of, attribute, value in self.attributes if attribute == name and tag in (None, of)]


@pytest.fixture(scope="module")
def text(result: Dissection, dictionary: FaceDictionary, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("html") / "report.html"
    write_report(result, dictionary, path)
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def test_each_unit_is_there_once(page: Page) -> None:
    units = [ident for ident in page.values("id") if re.fullmatch(r"layer-\d+-unit-\d+", ident)]
    assert Counter(units) == Counter(f"layer-{layer}-unit-{unit}" for layer in range(2) for unit in range(12))


def test_ids_are_unique_and_links_lead_somewhere(page: Page) -> None:
    idents = page.values("id")
    assert len(idents) == len(set(idents))
    fragments = [link for tag in ("a", "use") for name in ("href", "xlink:href") for link in page.values(name, tag)]
    assert fragments
    assert {link.removeprefix("#") for link in fragments} <= set(idents)
    for label in page.values("aria-labelledby"):
        assert set(label.split()) <= set(idents)


def test_nothing_is_fetched(text: str, page: Page) -> None:
    sources = page.values("src")
    assert sources
    assert all(source.startswith("data:image/webp;base64,") for source in sources)
    assert not page.tags["script"]
    assert not page.tags["link"]
    assert not re.search(r"@import|url\((?!#)", text)
    addresses = set(re.findall(r"https?://[^\s\"'<]+", text))
    assert addresses <= {"http://www.w3.org/2000/svg"}, "a namespace is not fetched"
    assert "default-src 'none'" in text


def test_names_are_shown_and_never_run(text: str, page: Page) -> None:
    assert HOSTILE not in text
    assert HOSTILE in "".join(page.text)
    assert "<b>net</b>" in "".join(page.text)
    assert "<b>deep</b>" in "".join(page.text)
    assert any("<i>" in title for title in page.values("title"))
    assert not page.values("onerror")
    assert not page.tags["i"] - text.count('<i style="width:') - text.count('<i class="strong"')


def test_pictures_say_what_they_show(page: Page, result: Dissection) -> None:
    alts = page.values("alt", "img")
    assert len(alts) == page.tags["img"] == sum(len(layer.top_faces) for layer in result.layers.values())
    assert any("is outlined" in alt for alt in alts)
    assert any("the unit does not fire" in alt for alt in alts)
    assert {(w, h) for w, h in zip(page.values("width", "img"), page.values("height", "img"), strict=True)} == {
        ("77", "96")
    }


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "green is outlined"),
        ({"outlined": False}, "it has green"),
        ({"state": "absent"}, "it does not have green"),
        ({"state": "unknown"}, "it is not labelled for green"),
        ({"fires": 0.0}, "the unit does not fire"),
        ({"readable": False}, "Face 1 of unit 7 could not be read."),
    ],
)
def test_alternative_text_of_every_state(
    result: Dissection, dictionary: FaceDictionary, changes: dict[str, Any], said: str
) -> None:
    unit = next(unit for unit in unit_summaries(result["act"]) if unit.unit == 7)
    tile = LitFaces(result, dictionary, 40).tiles(result["act"], unit, 1)[0]
    assert tile.outlined
    assert said in pictures.alt(replace(tile, **changes), unit)


def test_charts_have_a_title_and_a_description(page: Page) -> None:
    assert page.tags["svg"] == page.tags["desc"] == 2 * 7
    assert page.values("role", "svg") == ["img"] * page.tags["svg"]


def test_both_unions_and_coverage_stand_side_by_side(page: Page, result: Dissection) -> None:
    content = re.sub(r"\s+", " ", " ".join(page.text))
    best = result["first<1>"].units.loc[0]
    assert f"IoU, firing {best['iou_firing']:.3f} IoU, labelled {best['iou_labelled']:.3f}" in content
    assert "Coverage of 40 images 100 %" in content


def test_unlabelled_units_are_collapsed(text: str) -> None:
    opened, _, rest = text.partition('<details class="rest">')
    assert 'id="layer-0-unit-3"' in rest
    assert 'id="layer-0-unit-3"' not in opened
    assert "no label: not finite" in rest


def test_lost_images_are_said(result: Dissection, unreadable: FaceDictionary, tmp_path: Path) -> None:
    write_report(result, unreadable, tmp_path / "report.html")
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "could not be read when this report was written" in " ".join(page.text)
    assert any("could not be read" in alt for alt in page.values("alt"))


def test_no_global_concepts_and_no_interpretable_unit(
    bare_run: tuple[Dissection, FaceDictionary], tmp_path: Path
) -> None:
    write_report(*bare_run, tmp_path / "report.html")
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert page.tags["svg"] == 1
    assert page.tags["img"] == 6 * 2
    assert "There are none." in " ".join(page.text)


def test_the_same_result_gives_the_same_page(
    result: Dissection, dictionary: FaceDictionary, text: str, tmp_path: Path
) -> None:
    write_report(result, dictionary, tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == text
