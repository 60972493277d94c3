"""axe over every kind of page, on wide and narrow screens, in light and dark: nothing of serious or critical impact."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from facedissect.baseline import Baseline
from facedissect.comparison import compare
from facedissect.dictionary.faces import FaceDictionary
from facedissect.dictionary.open import open_dictionary
from facedissect.dissection import dissect
from facedissect.model.load import load_model
from facedissect.report import Beside, write_report
from facedissect.report import compare as comparison_page
from facedissect.report.browse import browse
from facedissect.results import Dissection
from facedissect.settings import Settings

from .browser import SCHEMES, WIDTHS, Tab, barriers, opened
from .conftest import BROKEN, DEAD

pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")

LAYER = "block5.relu"


@pytest.fixture(scope="module")
def faces() -> FaceDictionary:
    return open_dictionary("demo", count=60)


@pytest.fixture(scope="module")
def demo(faces: FaceDictionary) -> Dissection:
    return dissect(faces, load_model("demo:smile"), layers=["block4.relu", LAYER], settings=Settings(workers=0))


@pytest.fixture(scope="module")
def demo_page(
    demo: Dissection, faces: FaceDictionary, baseline: Baseline, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    path = tmp_path_factory.mktemp("demo") / "report.html"
    write_report(demo, faces, path, Beside(baseline=baseline))
    return path


def found(tab: Tab, route: str, widths: tuple[int, ...] = (390, 1440)) -> list[str]:
    """The barriers of a page in every scheme and width; the first line of each says where."""
    faults = []
    for width in widths:
        for scheme in SCHEMES:
            tab.page.set_viewport_size({"width": width, "height": 900})
            tab.page.emulate_media(color_scheme=scheme)
            tab.page.goto("about:blank")
            tab.page.goto(tab.address + route)
            if "#" in route:
                tab.page.wait_for_selector("html[data-page]", state="attached")
            faults += [f"{route} at {width} px, {scheme}: {barrier}" for barrier in barriers(tab.page)]
    return faults


@pytest.mark.parametrize("kind", ["summary", "units", "no units", "unit", "concept", "global"])
def test_pages_of_the_report(browser: Any, demo: Dissection, demo_page: Path, kind: str) -> None:
    best = demo[LAYER].units.sort_values("iou", ascending=False).iloc[0]
    route = {
        "summary": "#/",
        "units": "#/units",
        "no units": "#/units?q=nothing+is+like+this",
        "unit": f"#/unit/{LAYER}/{best['unit']}",
        "concept": f"#/concept/{best['concept']}",
        "global": "#/global/age",
    }[kind]
    tab = opened(browser, demo_page)
    assert not found(tab, route)
    assert not tab.foreign()
    tab.page.context.close()


def test_pages_of_what_is_out_of_the_ordinary(
    browser: Any, result: Dissection, dictionary: FaceDictionary, tmp_path: Path
) -> None:
    write_report(result, dictionary, tmp_path / "report.html")
    tab = opened(browser, tmp_path / "report.html")
    unit = f"#/unit/{quote('first<1>', safe='')}"
    for route in (f"{unit}/{DEAD}", f"{unit}/{BROKEN}", "#/concept/never_seen", "#/global/era", "#/unit/nowhere/99"):
        assert not found(tab, route, widths=(1440,))
    tab.page.context.close()


def test_the_page_of_a_comparison(browser: Any, demo: Dissection, tmp_path: Path) -> None:
    other = replace(demo, settings=replace(demo.settings, min_iou=0.05))
    comparison_page.write(compare([demo, other]), tmp_path / "compare.html")
    tab = opened(browser, tmp_path / "compare.html")
    assert not found(tab, "", widths=WIDTHS)
    assert not tab.said
    assert not tab.foreign()
    tab.page.context.close()


def test_pages_of_a_dictionary(browser: Any, faces: FaceDictionary, tmp_path: Path) -> None:
    browse(faces, tmp_path / "pages", samples=5)
    for name in ("index", "concept-01-*", "global-01-*"):
        (path,) = (tmp_path / "pages").glob(f"{name}.html")
        tab = opened(browser, path)
        assert not found(tab, "", widths=(390,) if name == "index" else (1440,))
        assert not tab.said
        tab.page.context.close()


def test_a_barrier_is_found(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "bad.html"
    path.write_text(
        "<!doctype html><html lang=en><title>Bad</title><main><h1>Bad</h1><p style='color:#ccc;background:#fff'>Pale</p>"
    )
    tab = opened(browser, path)
    tab.page.goto(tab.address)
    assert [barrier.split()[:2] for barrier in barriers(tab.page)] == [["color-contrast", "(serious):"]]
    tab.page.context.close()
