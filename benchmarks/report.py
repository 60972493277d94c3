"""How soon the interactive report is there, and how smoothly its grid of units scrolls, in Chromium without a window.

Run with: python benchmarks/report.py [--repeats 3]

Pages: the embedded demo (demo:smile, 300 faces, two layers) and 4,096 random filters on 300 embedded faces.

first paint   from opening the file to the first content on the screen, and to the end of loading
grid          from opening the file at its grid of units to its first picture
scroll        frames a second while the whole grid goes by, 120 pixels (a notch of a wheel) a frame, and the slowest frame

Every figure is the median of some runs, each in a browser of its own.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch
from playwright.sync_api import ViewportSize, sync_playwright
from torch import nn

import facedissect as fd

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
SIZE = ViewportSize(width=1440, height=900)
FACES, WIDE = 300, 4096
WHEEL, LONGEST = 120, 90_000

SCROLL = """([step, longest]) => new Promise((done) => {
  const frames = [];
  const start = performance.now();
  const frame = (now) => {
    frames.push(now);
    window.scrollBy(0, step);
    const end = window.scrollY + window.innerHeight >= document.documentElement.scrollHeight - 1;
    if (end || now - start > longest) {
      const gaps = frames.slice(1).map((at, place) => at - frames[place]);
      done({ fps: (1000 * gaps.length) / (frames.at(-1) - frames[0]), slowest: Math.max(...gaps), cards: window.seen.size });
    } else requestAnimationFrame(frame);
  };
  window.seen = new Set();
  new MutationObserver((changes) => changes.forEach((change) => change.addedNodes.forEach((node) =>
    node.ariaPosInSet && window.seen.add(node.ariaPosInSet)))).observe(document.querySelector(".grid"), { childList: true });
  requestAnimationFrame(frame);
})"""
"""Frames are counted in the page itself; the step of a frame is what a wheel or a dragged bar would ask for."""


def pages(folder: Path) -> dict[str, Path]:
    """The reports that are measured, by what they are called."""
    torch.manual_seed(0)
    filters = nn.Sequential(OrderedDict(filters=nn.Conv2d(3, WIDE, 16, stride=16), relu=nn.ReLU()))
    runs = {
        "demo:smile": (fd.load_model("demo:smile"), ["block4.relu", "block5.relu"]),
        f"{WIDE:,} units": (
            fd.FaceModel(filters, size=112, mean=(0.5,) * 3, std=(0.25,) * 3, name="wide"),
            ["filters"],
        ),
    }
    faces = fd.open_dictionary("demo", count=FACES)
    made = {}
    for number, (name, (model, layers)) in enumerate(runs.items()):
        made[name] = folder / str(number) / "report.html"
        fd.write_report(fd.dissect(faces, model, layers=layers), faces, made[name])
    return made


def megabytes(path: Path) -> tuple[float, float]:
    """Of the page, and of the folder beside it."""
    beside = path.with_name(f"{path.stem}_files")
    return path.stat().st_size / 1e6, sum(file.stat().st_size for file in beside.rglob("*")) / 1e6


def measured(address: str) -> dict[str, float]:
    """Milliseconds and frames a second of one opening of a page."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport=SIZE)
        page.goto(address)
        page.wait_for_selector("html[data-page=summary]", state="attached")
        paint: dict[str, float] = dict(
            page.evaluate("performance.getEntriesByType('paint').map((one) => [one.name, one.startTime])")
        )
        summary: float = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
        grid = _grid(browser.new_page(viewport=SIZE), address)
        browser.close()
    return {"first paint": paint["first-contentful-paint"], "summary": summary, **grid}


def _grid(page: Any, address: str) -> dict[str, float]:
    page.goto("about:blank")
    page.goto(address + "#/units")
    page.wait_for_selector(".card canvas[data-drawn]")
    shown: float = page.evaluate("performance.now()")
    page.wait_for_timeout(1000)
    scrolled: dict[str, float] = page.evaluate(SCROLL, [WHEEL, LONGEST])
    return {"grid": shown, **scrolled}


def main() -> None:
    """Print one line for each page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name, path in pages(Path(folder)).items():
            runs = [measured(path.as_uri()) for _ in range(arguments.repeats)]
            middle = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
            page, beside = megabytes(path)
            print(
                f"{name}: page {page:.1f} MB, folder {beside:.1f} MB; first paint {middle['first paint']:.0f} ms, "
                f"loaded {middle['summary']:.0f} ms, first pictures of the grid {middle['grid']:.0f} ms; scrolling "
                f"{middle['fps']:.0f} frames/s, slowest frame {middle['slowest']:.0f} ms, {middle['cards']:.0f} cards made",
                flush=True,
            )


if __name__ == "__main__":
    main()
