"""The PDF report: a title page, then for each layer its units with their lit top faces, then its charts, as the published one.

Text and charts are vectors. The faces of a unit are one picture with a palette of its own, which matplotlib stores at
one byte a pixel: 512 units stay under 20 MB.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any, cast

import numpy as np
from jaxtyping import UInt8
from matplotlib.axes import Axes
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from PIL import Image

from ..atomic import atomic
from ..dictionary.faces import FaceDictionary
from ..results import Dissection
from . import wording
from .charts import GREY, Chart, charts, style
from .summary import LayerSummary, RunSummary, summarise
from .text_width import shortened, wrapped
from .thumbnails import DIMMED, EDGE, OUTLINE, LitFaces, Tile
from .units import UnitSummary

PAGE = (8.27, 11.69)
"""Width and height of A4 in inches, the unit of every length below."""

MARGIN, TOP, LINE = 0.6, 0.75, 0.15
ROWS = 8
ROW = (PAGE[1] - TOP - 0.65) / ROWS
FACES = 4
SIDE = 112
"""Longer side of a face in pixels: 100 to the inch."""

GAP = 3
"""Pixels between two faces."""

LIT_COLOURS, DIMMED_COLOURS = 126, 128
"""With white and the outline's yellow, 256."""

MOST_KEPT = 10
"""Lines of a paragraph that stay on one page."""

SMALL, LINE_SMALL = 6.5, 0.1215
CHART_TEXT, COLUMN_GAP = 7.0, 0.3
BOLD = 1.15
"""How much wider bold text is, at most about."""


class Pages:
    """Pages that are numbered and written one after another, by matplotlib's PdfPages."""

    def __init__(self, pdf: Any, heading: str) -> None:
        self._pdf, self._heading, self._numbers = pdf, heading, count(1)
        self._page: tuple[Figure, Axes] | None = None

    def new(self, section: str) -> Axes:
        """Axes over a whole new page, in inches from its top left corner; the page before is written."""
        self.finish()
        figure = Figure(figsize=PAGE)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set(xlim=(0, PAGE[0]), ylim=(PAGE[1], 0))
        half = PAGE[0] / 2 - MARGIN - 0.1
        axes.text(MARGIN, 0.4, shortened(self._heading, half, 7), fontsize=7, color=GREY, va="center")
        axes.text(PAGE[0] - MARGIN, 0.4, shortened(section, half, 7), fontsize=7, color=GREY, va="center", ha="right")
        axes.text(PAGE[0] / 2, PAGE[1] - 0.35, str(next(self._numbers)), fontsize=7, color=GREY, ha="center")
        self._page = figure, axes
        return axes

    def finish(self) -> None:
        """Write the last page."""
        if self._page:
            self._pdf.savefig(self._page[0])
        self._page = None


def write(result: Dissection, dictionary: FaceDictionary, path: Path) -> None:
    """Write the report.

    Raises:
        OutputError: it cannot be written.
    """
    run = summarise(result)
    faces = LitFaces(result, dictionary, SIDE)
    title = wording.title(result)
    with atomic(path) as scratch, style(), PdfPages(scratch, metadata=_metadata(result, title)) as pdf:
        pages = Pages(pdf, title)
        _title_pages(pages, run, title)
        for layer in run.layers:
            _unit_pages(pages, layer, faces)
            _chart_pages(pages, layer)
        if faces.unread:
            _text_pages(pages, "Faces not shown", [("Faces not shown", [wording.unread_faces(faces.unread)])])
        pages.finish()


def _metadata(result: Dissection, title: str) -> dict[str, object]:
    provenance = result.provenance
    # The date of the run, so that the same result gives the same bytes.
    created = datetime.fromisoformat(provenance.created) if provenance.created else None
    return {
        "Title": title,
        "Subject": f"Hierarchical Network Dissection of {', '.join(result.layers)}",
        "Creator": f"facedissect {provenance.versions.get('facedissect', '')}",
        "CreationDate": created,
    }


def _title_pages(pages: Pages, run: RunSummary, title: str) -> None:
    guide = [f"{term}. {meaning}" for term, meaning in wording.reading_guide(run.result.settings)]
    made = [f"{name}: {value}" for name, value in wording.made_by(run.result)]
    _text_pages(
        pages,
        "Summary",
        [
            (title, wording.overview(run)),
            ("How far to trust it", wording.trust(run)),
            ("How to read it", guide),
            ("How it was made", made),
        ],
    )


def _text_pages(pages: Pages, section: str, chapters: Sequence[tuple[str, Sequence[str]]]) -> None:
    """Chapters of a heading and paragraphs, on as many pages as they need; the first heading is the largest."""
    y = PAGE[1]
    axes: Axes | None = None
    for chapter, (heading, paragraphs) in enumerate(chapters):
        blocks = [("heading", heading), *(("paragraph", text) for text in paragraphs)]
        for kind, text in blocks:
            size = (17 if chapter == 0 else 11) if kind == "heading" else 8
            lines = wrapped(text, (PAGE[0] - 2 * MARGIN) / (BOLD if kind == "heading" else 1), size)
            step = LINE * size / 8
            y += (0.25 if kind == "heading" and chapter else 0) + 0.5 * step
            kept = len(lines) if len(lines) <= MOST_KEPT else 1  # a long paragraph may go on over the page
            for place, line in enumerate(lines):
                if axes is None or y + step * (kept if place == 0 else 1) > PAGE[1] - MARGIN:
                    axes, y = pages.new(section), TOP
                weight = "bold" if kind == "heading" else "normal"
                axes.text(MARGIN, y, line, fontsize=size, fontweight=weight, va="top")
                y += step


def _unit_pages(pages: Pages, layer: LayerSummary, faces: LitFaces) -> None:
    section = f"{layer.name}: {layer.interpretable:,} of {wording.counted(len(layer.units), 'unit')} interpretable"
    for first in range(0, len(layer.units), ROWS):
        axes = pages.new(section)
        for row, unit in enumerate(layer.units[first : first + ROWS]):
            _unit_row(axes, TOP + row * ROW, unit, faces, layer)
        # An image sets the limits of its axes to its own.
        axes.set(xlim=(0, PAGE[0]), ylim=(PAGE[1], 0))


def _unit_row(axes: Axes, y: float, unit: UnitSummary, faces: LitFaces, layer: LayerSummary) -> None:
    tiles = faces.tiles(layer.result, unit, FACES)
    height, width = faces.size
    scale = (ROW - 0.12) / max(height, width)
    if tiles:
        strip = _strip(tiles)
        right = MARGIN + strip.shape[1] * scale
        axes.imshow(strip, extent=(MARGIN, right, y + height * scale, y), interpolation="none", aspect="auto")
    x = MARGIN + FACES * (width + GAP) * scale + 0.08
    room = PAGE[0] - MARGIN - x
    axes.text(x, y, shortened(wording.label(unit), room / BOLD, 9), fontsize=9, fontweight="bold", va="top")
    axes.text(
        x, y + 0.19, shortened(f"unit {unit.unit}{_place(unit)}", room, SMALL), fontsize=SMALL, color=GREY, va="top"
    )
    lines = [line for text in _facts(unit) for line in wrapped(text, room, SMALL)]
    most = int((ROW - 0.44) / LINE_SMALL)
    if len(lines) > most:
        lines = [*lines[: most - 1], f"{lines[most - 1]} …"]
    axes.text(x, y + 0.35, "\n".join(lines), fontsize=SMALL, va="top", linespacing=1.25)


def _strip(tiles: Sequence[Tile]) -> UInt8[np.ndarray, "height wide 3"]:
    """The faces side by side on white, in as many colours as one byte can tell apart: half of them for the lit areas."""
    gap = np.full((tiles[0].pixels.shape[0], GAP, 3), 255, np.uint8)
    strip = np.hstack([part for tile in tiles for part in (tile.pixels, gap)][:-1])
    lights = np.hstack([part for tile in tiles for part in (tile.lights, gap[..., 0] < 255)][:-1])
    drawn = (strip == EDGE).all(axis=2) | (strip == OUTLINE).all(axis=2)
    # The palette is chosen at full brightness, where the quantiser's fixed steps are finer beside the range of the colours.
    for part, colours, brightness in (
        (lights & ~drawn, LIT_COLOURS, 1.0),
        (~lights & ~drawn, DIMMED_COLOURS, DIMMED),
    ):
        if part.any():
            bright = (strip[part] / brightness).round().clip(0, 255).astype(np.uint8)
            few = Image.fromarray(bright[None]).quantize(colours, method=Image.Quantize.FASTOCTREE).convert("RGB")
            strip[part] = (np.asarray(few)[0] * brightness).astype(np.uint8)
    return strip


def _place(unit: UnitSummary) -> str:
    return f" · {unit.region} · {wording.kind_name(unit.kind)}" if unit.best else ""


def _facts(unit: UnitSummary) -> Iterator[str]:
    yield wording.scores(unit)
    if unit.hierarchy:
        yield wording.detected(unit)
    if unit.bias:
        yield wording.biased(unit)


def _chart_pages(pages: Pages, layer: LayerSummary) -> None:
    """The charts in two columns, each where there is most room."""
    width, most = (PAGE[0] - 2 * MARGIN - COLUMN_GAP) / 2, PAGE[1] - MARGIN - TOP
    used: list[float] = []
    axes: Axes | None = None
    with style(CHART_TEXT):
        for chart in charts(layer):
            height = min(chart.height, most)
            column = int(np.argmin(used)) if used else 0
            if axes is None or used[column] + height > TOP + most:
                axes, used, column = pages.new(f"{layer.name}: charts"), [TOP, TOP], 0
            left = MARGIN + column * (width + COLUMN_GAP)
            top = used[column]
            _embed(axes, chart, Bbox.from_extents(left, PAGE[1] - top - height, left + width, PAGE[1] - top))
            used[column] += height + COLUMN_GAP


def _embed(page: Axes, chart: Chart, box: Bbox) -> None:
    """Draw a chart so that it and all its labels fill a box, in inches from the page's lower left corner."""
    figure = cast("Figure", page.figure)
    part = figure.add_axes((0, 0, 1, 1))
    chart.draw(part)
    inner = box
    for _ in range(2):  # ticks, and so labels, may change with the size
        part.set_position(Bbox(inner.get_points() / PAGE))
        needed = cast("Bbox", part.get_tightbbox()).transformed(figure.dpi_scale_trans.inverted())
        inner = Bbox(inner.get_points() + box.get_points() - needed.get_points())
    part.set_position(Bbox(inner.get_points() / PAGE))
