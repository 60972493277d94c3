"""Reports of embedded, real and very wide networks in a browser: open, filter, follow a link and come back, reload, print."""

from __future__ import annotations

import io
import unicodedata
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
import pytest
import torch
from pypdf import PageObject, PdfReader
from torch import nn

from facedissect.dictionary.faces import FaceDictionary
from facedissect.dictionary.open import open_dictionary
from facedissect.dissection import dissect
from facedissect.model.face_model import FaceModel
from facedissect.model.load import load_model
from facedissect.report import wording, write_report
from facedissect.results import Dissection
from facedissect.settings import Settings

from .browser import Tab, number_of_units, opened, shown_address

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
expect = playwright.expect

DEMO_LAYERS = ("block4.relu", "block5.relu")
REAL_LAYERS = {
    "age_gender": ("m/r1/ex/Conv", "m/r2/ex/Conv", "m/s/pw/Conv"),
    "expression": ("m/b/b/1/c/2/pw/Conv", "m/b/b/2/c/2/pw/Conv", "m/b/b/3/c/2/pw/Conv"),
}
EVERY = 30
"""Every so manieth face of the real dictionary is enough for units with labels and bias."""

WIDE = 4096


@dataclass(frozen=True)
class Report:
    """A page and what it tells of."""

    result: Dissection
    path: Path

    @property
    def units(self) -> pd.DataFrame:
        return self.result.units

    def best(self) -> pd.Series:
        """The first unit of the grid."""
        return self.in_order(self.units).iloc[0]

    def in_order(self, units: pd.DataFrame) -> pd.DataFrame:
        """Units as the grid orders them."""
        return units.sort_values(["interpretable", "iou"], ascending=False, kind="stable")


def dissected(dictionary: FaceDictionary, model: FaceModel, layers: Sequence[str]) -> tuple[Dissection, FaceDictionary]:
    return dissect(dictionary, model, layers=layers, settings=Settings(workers=0)), dictionary


def embedded(name: str) -> tuple[Dissection, FaceDictionary]:
    return dissected(open_dictionary("demo", count=60), load_model(f"demo:{name}"), DEMO_LAYERS)


def real(shared: Path, name: str) -> tuple[Dissection, FaceDictionary]:
    dictionary = open_dictionary(shared / "face-dictionary-mini")
    few = replace(dictionary, faces=dictionary.faces[::EVERY])
    return dissected(few, load_model(f"onnx:{shared / 'models' / name}.onnx", size=112), REAL_LAYERS[name])


def wide() -> tuple[Dissection, FaceDictionary]:
    """Random filters, many of which follow some edge or colour of a drawn face."""
    torch.manual_seed(0)
    network = nn.Sequential(OrderedDict(filters=nn.Conv2d(3, WIDE, 16, stride=16), relu=nn.ReLU()))
    model = FaceModel(network, size=112, mean=(0.5,) * 3, std=(0.25,) * 3, name="wide")
    return dissected(open_dictionary("demo", count=60, size=112), model, ["filters"])


@pytest.fixture(scope="module", params=["demo:smile", "demo:gender", *REAL_LAYERS, "wide"])
def report(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Report:
    name: str = request.param
    if name == "wide":
        result, dictionary = wide()
    elif name.startswith("demo:"):
        result, dictionary = embedded(name.removeprefix("demo:"))
    else:
        result, dictionary = real(request.getfixturevalue("shared"), name)
    path = tmp_path_factory.mktemp("reports") / "report.html"
    write_report(result, dictionary, path)
    return Report(result, path)


@pytest.fixture
def tab(browser: Any, report: Report) -> Iterator[Tab]:
    tab = opened(browser, report.path)
    yield tab
    assert not tab.said
    assert not tab.foreign()
    tab.page.context.close()


def test_it_opens_from_disk_without_a_word(tab: Tab, report: Report) -> None:
    best = report.best()
    page = tab.go("")
    expect(page.locator("h1").locator("visible=true")).to_have_text(wording.title(report.result))
    expect(page.locator(".figures")).to_contain_text(f"{report.units['interpretable'].sum():,} of ")
    layer, concept = quote(best["layer"], safe=""), quote(best["concept"], safe="")
    for route in ("#/units", f"#/unit/{layer}/{best['unit']}", f"#/concept/{concept}", "#/global/gender"):
        page = tab.go(route)
        expect(page.locator("#view h1")).to_be_visible()
        expect(page.locator("canvas").first).to_be_visible()
        if "global" not in route:
            expect(page.locator("canvas[data-drawn]").first).to_be_visible()
    assert tab.address in tab.asked


def test_filters_a_unit_and_the_way_back(tab: Tab, report: Report) -> None:
    units, best = report.units, report.best()
    page = tab.go("#/units")
    assert number_of_units(page) == len(units)

    page.locator("select[name=region]").select_option(best["region"])
    of_region = units[units["interpretable"] & (units["region"] == best["region"])]
    assert 1 < len(of_region) < len(units)
    expect(page.locator(".count")).to_contain_text(f"{len(of_region):,} of {len(units):,}")

    digit = str(best["unit"])[0]
    page.locator("input[name=q]").fill(f"unit {digit}")
    found = of_region[(of_region["layer"] + " " + of_region["unit"].astype(str)).str.contains(digit)]
    assert 0 < len(found) <= len(of_region)
    expect(page.locator(".count")).to_contain_text(f"{len(found):,} of {len(units):,}")
    chosen = page.url
    assert shown_address(page) == f"/units?region={best['region']}&q=unit+{digit}".replace(" ", "+")

    page.reload()
    expect(page.locator(".card").first).to_be_visible()
    assert number_of_units(page) == len(found)
    expect(page.locator("select[name=region]")).to_have_value(best["region"])
    expect(page.locator("input[name=q]")).to_have_value(f"unit {digit}")

    page.locator(".card .name").first.click()
    expect(page.locator("#view h1")).to_have_text(best["concept"])
    expect(page.locator(".kicker").locator("visible=true")).to_have_text(f"Unit {best['unit']} of {best['layer']}")
    expect(page.locator(".top-faces").first.locator("canvas[data-drawn]")).to_have_count(4)
    page.reload()
    expect(page.locator(".steps")).to_contain_text(f"1 of {len(found):,}")
    expect(page.locator("#view h1")).to_have_text(best["concept"])

    page.go_back()
    expect(page.locator(".card").first).to_contain_text(f"unit {best['unit']}")
    assert page.url == chosen
    assert number_of_units(page) == len(found)
    expect(page.locator("select[name=region]")).to_have_value(best["region"])
    expect(page.locator("input[name=q]")).to_have_value(f"unit {digit}")


def test_a_link_of_the_summary_leads_to_its_units(tab: Tab, report: Report) -> None:
    page = tab.go("")
    counts = report.units.groupby("layer", sort=False).size()
    page.locator("#layers").get_by_role("link", name=counts.index[-1], exact=True).click()
    expect(page.locator(".card").first).to_be_visible()
    assert number_of_units(page) == counts.iloc[-1]
    page.go_back()
    expect(page.locator("#summary")).to_be_visible()
    expect(page.locator("#view")).to_be_hidden()


def test_the_whole_grid_scrolls_with_few_cards(tab: Tab, report: Report) -> None:
    page = tab.go("#/units")
    expect(page.locator(".card").first).to_be_visible()
    page.evaluate("window.scrollTo(0, document.documentElement.scrollHeight)")
    last = report.in_order(report.units).iloc[-1]
    end = page.locator(f'.card[aria-posinset="{len(report.units)}"]')
    expect(end).to_be_visible()
    expect(end.locator(".where")).to_have_text(f"{last['layer']} · unit {last['unit']}")
    assert page.locator(".card").count() < 80


def test_the_summary_prints(tab: Tab, report: Report) -> None:
    tab.go("")
    pages = printed(tab)
    text = "".join(text_of(page) for page in pages)
    assert len(pages) > 1
    assert squeezed(wording.title(report.result)) in text
    for heading in ("What was found", "Interpretable units per layer", "How far to trust it", "How it was made"):
        assert squeezed(heading) in text
    assert squeezed("Look at the units") not in text


def test_the_grid_prints_with_all_pictures(tab: Tab, report: Report) -> None:
    tab.page.set_viewport_size({"width": 390, "height": 600})
    region = report.best()["region"]
    page = tab.go(f"#/units?region={quote(region)}")
    expect(page.locator(".card canvas[data-drawn]").first).to_be_visible()
    before = page.locator(".card").count()
    missing = "document.querySelectorAll('canvas:not([data-drawn])').length"
    page.evaluate(f"void (window.print = () => (document.body.dataset.missing = {missing}))")
    page.keyboard.press("Control+p")
    expect(page.locator("body")).to_have_attribute("data-missing", "0", timeout=30_000)
    shown = report.in_order(report.units.query("interpretable and region == @region")).head(240)
    assert page.locator(".card").count() == len(shown) > before
    pages = printed(tab)
    assert len(pages) > 1
    for paper, unit in ((pages[0], shown.iloc[0]), (pages[-1], shown.iloc[-1])):
        assert squeezed(f"· unit {unit['unit']}") in text_of(paper)
        assert paper["/Resources"]["/XObject"]
    expect(page.locator(".card")).to_have_count(before)


def printed(tab: Tab) -> list[PageObject]:
    """The pages that come out of the printer."""
    return list(PdfReader(io.BytesIO(tab.page.pdf())).pages)


def text_of(paper: PageObject) -> str:
    return squeezed(paper.extract_text())


def squeezed(text: str) -> str:
    """Without spaces, and without the ligatures of a font."""
    return "".join(unicodedata.normalize("NFKC", text).split())
