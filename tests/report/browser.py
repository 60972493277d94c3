"""Chromium for the tests of pages: tabs that note whatever a page says and asks for, and axe, which looks for barriers in it."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
WIDTHS = (390, 1024, 1440)
SCHEMES = ("light", "dark")
AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"


@dataclass
class Tab:
    """A page, and whatever it said, asked for or popped up."""

    page: Any
    address: str
    said: list[str] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)

    def go(self, route: str) -> Any:
        """Opens the report anew at a route."""
        self.page.goto("about:blank")
        self.page.goto(self.address + route)
        self.page.wait_for_selector("html[data-page]", state="attached")
        return self.page

    def foreign(self) -> set[str]:
        """What it asked for, except itself and the files in its own folder."""
        own = self.address.removesuffix(".html") + "_files/"
        asked = {url.split("#")[0] for url in self.asked} - {self.address, "about:blank"}
        return {url for url in asked if not url.startswith((own, "data:"))}


def opened(browser: Any, path: Path, **options: Any) -> Tab:
    """A new tab for the page at `path`, which is not opened yet."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, **options)
    tab = Tab(context.new_page(), path.as_uri())
    tab.page.set_default_timeout(8000)
    tab.page.on("console", lambda message: tab.said.append(message.text))
    tab.page.on("pageerror", lambda error: tab.said.append(str(error)))
    tab.page.on("dialog", lambda dialog: (tab.said.append(f"dialog {dialog.message}"), dialog.dismiss()))
    tab.page.on("request", lambda request: tab.asked.add(request.url))
    return tab


def barriers(page: Any) -> list[str]:
    """What axe finds of serious or critical impact in a page whose folded parts are unfolded; skips without axe."""
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: run `make axe`, which needs npm")
    page.evaluate("for (const folded of document.querySelectorAll('details')) folded.open = true")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run()")
    passed = {rule["id"] for rule in found["passes"]}
    assert {"document-title", "html-has-lang", "color-contrast"} <= passed | {
        rule["id"] for rule in found["violations"]
    }
    return [
        f"{rule['id']} ({rule['impact']}): {node['target']} {node['html'][:200]} {node['failureSummary']}"
        for rule in found["violations"]
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]


def number_of_units(page: Any) -> int:
    """How many units the grid has, by the line above it."""
    text = page.locator(".count").inner_text()
    return int(re.match(r"[\d,]+", text)[0].replace(",", ""))  # type: ignore[index]


def shown_address(page: Any) -> str:
    """The part of the address that the page's own script reads, in words."""
    return unquote(page.url.partition("#")[2])
