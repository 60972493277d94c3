"""The PDF report: a title page, then for each layer its units with their lit top faces, then its charts, as the published one.

Text and charts are vectors. The faces of a unit are one JPEG, as fine as the printer, or as the sources; bookmarks lead to
everything. 512 units stay under 20 MB.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from ..atomic import atomic
from ..baseline import Baseline
from ..dictionary.faces import FaceDictionary
from ..results import Dissection
from ..units import UnitSummary
from . import baseline_wording, evidence_wording, wording
from .beside import NOTHING, Beside
from .charts import Chart, charts, compared
from .drawing import GREY, INK, style
from .pdf_binding import Bookmark, Photograph, bind
from .printed_faces import DPI, FACES, GAP, Strip, strips
from .printed_table import Line, lines
from .summary import LayerSummary, RunSummary, summarise
from .text_width import shortened, wrapped
from .thumbnails import LitFaces

PAGE = (8.27, 11.69)
"""Width and height of A4 in inches, the unit of every length below."""

MARGIN, TOP, LINE = 0.6, 0.75, 0.15
ROWS = 8
ROW = (PAGE[1] - TOP - 0.65) / ROWS
FACE = ROW - 0.12
"""Longer side of a face."""

SIDE = round(FACE * DPI)
"""Longer side of a face in pixels."""

HEADINGS = (20, 11)
"""Points, by depth."""

ON_FIRST_PAGE = ("outcomes", "regions", "kinds", "biased-units")
"""Names of charts, as far as they fit."""

SQUEEZED = 0.8
"""Of its height a chart may have on the first page, rather than leave half of it empty."""

MOST_KEPT = 10
"""Lines of a paragraph that stay on one page."""

SMALL, LINE_SMALL = 6.5, 0.1215
CHART_TEXT, TABLE_TEXT, COLUMN_GAP = 7.0, 7.0, 0.3
BOLD = 1.15
"""How much wider bold text is, at most about."""


class Pages:
    """Pages that are numbered and written one after another by matplotlib's PdfPages; notes down what it cannot write.

    Attributes:
        photographs: on the pages so far.
        bookmarks: into the pages so far.
    """

    def __init__(self, pdf: Any, heading: str) -> None:
        self._pdf, self._heading = pdf, heading
        self._page: tuple[Figure, Axes] | None = None
        self.number = -1
        self.photographs: list[Photograph] = []
        self.bookmarks: list[Bookmark] = []

    def new(self, section: str) -> Axes:
        """Axes over a whole new page, in inches from its top left corner; the page before is written."""
        self.finish()
        self.number += 1
        figure = Figure(figsize=PAGE, facecolor="none")  # photographs lie below
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set(xlim=(0, PAGE[0]), ylim=(PAGE[1], 0))
        half = PAGE[0] / 2 - MARGIN - 0.1
        axes.text(MARGIN, 0.4, shortened(self._heading, half, 7), fontsize=7, color=GREY, va="center")
        axes.text(PAGE[0] - MARGIN, 0.4, shortened(section, half, 7), fontsize=7, color=GREY, va="center", ha="right")
        axes.text(PAGE[0] / 2, PAGE[1] - 0.35, str(self.number + 1), fontsize=7, color=GREY, ha="center")
        self._page = figure, axes
        return axes

    def finish(self) -> None:
        """Write the last page."""
        if self._page:
            self._pdf.savefig(self._page[0])
        self._page = None

    def mark(self, title: str, depth: int, y: float = 0.0) -> None:
        """A bookmark to `y` of the page that was begun last, `depth` levels below the outermost."""
        self.bookmarks.append(Bookmark(title=title, page=self.number, bottom=PAGE[1] - max(y - 0.1, 0), depth=depth))

    def place(self, strip: Strip, x: float, y: float, scale: float) -> None:
        """A photograph with its top left corner at x, y, `scale` inches a pixel."""
        height, width = strip.size
        box = (x, PAGE[1] - y - height * scale, width * scale, height * scale)
        self.photographs.append(Photograph(page=self.number, jpeg=strip.data, size=strip.size, box=box))


def write(result: Dissection, dictionary: FaceDictionary, path: Path, beside: Beside = NOTHING) -> None:
    """Write the report.

    Raises:
        OutputError: it cannot be written.
    """
    run = summarise(result, beside)
    faces = LitFaces(_at_least(result, SIDE), dictionary, SIDE)
    title = wording.title(result)
    drawn = io.BytesIO()
    with style(), PdfPages(drawn, metadata=_metadata(result, title)) as pdf:
        pages = Pages(pdf, title)
        _title_pages(pages, run, title)
        for layer in run.layers:
            _unit_pages(pages, layer, faces)
            _chart_pages(pages, f"{layer.name}: charts", charts(layer), 1)
        if faces.unread:
            _text_pages(pages, "Faces not shown", [("Faces not shown", [wording.unread_faces(faces.unread)])], 0)
        pages.finish()
    with atomic(path) as scratch:
        bind(drawn, pages.photographs, pages.bookmarks, scratch)


def _at_least(result: Dissection, side: int) -> Dissection:
    """The result as if the network had seen its faces `side` pixels high or wide: a source may hold more than it saw."""
    model = result.provenance.model
    height, width = model["preprocess"]["size"]
    scale = max(1.0, side / max(height, width))
    finer = model["preprocess"] | {"size": [max(1, round(height * scale)), max(1, round(width * scale))]}
    return replace(result, provenance=replace(result.provenance, model={**model, "preprocess": finer}))


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
    """What was found on the first page, with charts in the room that is left; then all that helps to judge it."""
    axes, y = _text_pages(pages, "Summary", [(title, wording.overview(run))], 0)
    layers = {layer.name: layer for layer in run.layers}
    several = len(layers) > 1
    drawn = compared(layers) if several else charts(run.layers[0])
    on_first = [chart for chart in drawn if chart.name in ON_FIRST_PAGE]
    shown = _charts(pages, axes, y + 0.3, on_first, squeezed=SQUEEZED)
    guide = [f"{term}. {meaning}" for term, meaning in wording.reading_guide(run.result.settings)]
    made = [f"{name}: {value}" for name, value in wording.made_by(run.result)]
    baseline, ablated = run.beside.baseline, evidence_wording.ablation_sentences(run.beside.ablations)
    chapters: list[tuple[str, Sequence[str | Line]]] = [
        *([(baseline_wording.TITLE, _baseline(baseline))] if baseline else []),
        *([("What the network needs them for", ablated)] if ablated else []),
        ("How far to trust it", wording.trust(run) + ([] if baseline else [baseline_wording.HINT])),
        ("How to read it", guide),
        ("How it was made", made),
    ]
    _text_pages(pages, "Summary", chapters, 1)
    rest = [chart for chart in drawn if chart not in shown]
    if several and rest:
        _chart_pages(pages, "Layers side by side", rest, 0)


def _baseline(baseline: Baseline) -> list[str | Line]:
    table = lines(
        baseline_wording.HEADINGS,
        baseline_wording.rows(baseline),
        names=baseline_wording.NAMES,
        room=PAGE[0] - 2 * MARGIN,
        size=TABLE_TEXT,
    )
    told = baseline_wording.meaning(baseline)
    return [*told, baseline_wording.CAPTION, *table, *baseline.sentences_of_labels, " ".join(baseline.drawn)]


def _text_pages(
    pages: Pages, section: str, chapters: Sequence[tuple[str, Sequence[str | Line]]], depth: int
) -> tuple[Axes, float]:
    """Chapters of a heading, paragraphs and tables, on as many new pages as they need, with bookmarks `depth` levels deep.

    A heading of depth 0 is the largest. Gives the last page and where the text ends on it.
    """
    y = PAGE[1]
    axes: Axes | None = None
    for chapter, (heading, paragraphs) in enumerate(chapters):
        blocks: list[tuple[str, str | Line]] = [("heading", heading), *(("paragraph", text) for text in paragraphs)]
        for kind, text in blocks:
            if isinstance(text, Line):
                y += LINE / 2 if text.head else 0
                if axes is None or y + LINE > PAGE[1] - MARGIN:
                    axes, y = pages.new(section), TOP
                _table_line(axes, y, text)
                y += LINE
                continue
            size = HEADINGS[depth] if kind == "heading" else 8
            lines = wrapped(text, (PAGE[0] - 2 * MARGIN) / (BOLD if kind == "heading" else 1), size)
            step = LINE * size / 8
            y += (0.25 if kind == "heading" and chapter else 0) + 0.5 * step
            kept = len(lines) if len(lines) <= MOST_KEPT else 1  # a long paragraph may go on over the page
            for place, line in enumerate(lines):
                if axes is None or y + step * (kept if place == 0 else 1) > PAGE[1] - MARGIN:
                    axes, y = pages.new(section), TOP
                if kind == "heading" and place == 0:
                    pages.mark(section if depth == 0 else heading, depth, y)
                weight = "bold" if kind == "heading" else "normal"
                axes.text(MARGIN, y, line, fontsize=size, fontweight=weight, va="top")
                y += step
    return axes or pages.new(section), y


def _table_line(axes: Axes, y: float, line: Line) -> None:
    for cell in line.cells:
        colour = GREY if line.head else INK
        axes.text(MARGIN + cell.x, y, cell.text, fontsize=TABLE_TEXT, color=colour, va="top", ha=cell.side)


def _unit_pages(pages: Pages, layer: LayerSummary, faces: LitFaces) -> None:
    section = f"{layer.name}: {layer.interpretable:,} of {wording.counted(len(layer.units), 'unit')} interpretable"
    made = strips(faces, layer.result, layer.units)
    for first in range(0, len(layer.units), ROWS):
        axes = pages.new(section)
        for row, unit in enumerate(layer.units[first : first + ROWS]):
            y = TOP + row * ROW
            _unit_marks(pages, layer, unit, first + row, y)
            _unit_row(pages, axes, y, unit, next(made), faces.size)


def _unit_marks(pages: Pages, layer: LayerSummary, unit: UnitSummary, place: int, y: float) -> None:
    """Bookmarks to the layer, to its interpretable units and each of them, and to the others, which come after these."""
    if place == 0:
        pages.mark(layer.name, 0)
        if layer.interpretable:
            pages.mark(f"Interpretable units ({layer.interpretable:,})", 1)
    if unit.interpretable:
        pages.mark(f"{wording.label(unit)} · unit {unit.unit} · IoU {wording.number(unit.iou)}", 2, y)
    elif place == layer.interpretable:
        pages.mark(f"{'Other units' if place else 'Units'} ({layer.unlocalizable:,})", 1, y)


def _unit_row(
    pages: Pages, axes: Axes, y: float, unit: UnitSummary, strip: Strip | None, face: tuple[int, int]
) -> None:
    height, width = face
    scale = FACE / max(height, width)
    if strip:
        pages.place(strip, MARGIN, y, scale)
    x = MARGIN + FACES * (width + GAP) * scale + 0.08
    room = PAGE[0] - MARGIN - x
    doubtful = unit.judged and not unit.supported
    weight, colour = ("normal", GREY) if doubtful else ("bold", "black")
    label = shortened(wording.label(unit), room / BOLD, 9)
    axes.text(x, y, label, fontsize=9, fontweight=weight, color=colour, va="top")
    axes.text(
        x, y + 0.19, shortened(f"unit {unit.unit}{_place(unit)}", room, SMALL), fontsize=SMALL, color=GREY, va="top"
    )
    lines = [line for text in _facts(unit) for line in wrapped(text, room, SMALL)]
    most = int((ROW - 0.44) / LINE_SMALL)
    if len(lines) > most:
        lines = [*lines[: most - 1], f"{lines[most - 1]} …"]
    axes.text(x, y + 0.35, "\n".join(lines), fontsize=SMALL, va="top", linespacing=1.25)


def _place(unit: UnitSummary) -> str:
    return f" · {unit.region} · {wording.kind_name(unit.kind)}" if unit.best else ""


def _facts(unit: UnitSummary) -> Iterator[str]:
    told = evidence_wording.support(unit)
    yield f"{told}; {wording.scores(unit)}" if told else wording.scores(unit)
    if unit.hierarchy:
        yield wording.detected(unit)
    if unit.bias:
        held = evidence_wording.supported_biases(unit)
        yield wording.biased(unit) + (f" ({held})" if held else "")


def _chart_pages(pages: Pages, section: str, drawn: Sequence[Chart], depth: int) -> None:
    """Charts on pages of their own, each with a bookmark below that of the section, which is `depth` levels deep."""
    left = list(drawn)
    while left:
        axes = pages.new(section)
        if len(left) == len(drawn):
            pages.mark(section if depth == 0 else "Charts", depth)
        shown = _charts(pages, axes, TOP, left, depth + 1)
        left = [chart for chart in left if chart not in shown]


def _charts(
    pages: Pages, axes: Axes, top: float, drawn: Sequence[Chart], depth: int | None = None, squeezed: float = 1.0
) -> list[Chart]:
    """Charts in two columns below `top`, each where there is most room, up to the first that finds none; gives those.

    One that is higher than a page is drawn lower, as is one that finds room for at least `squeezed` of its height.
    """
    width, bottom = (PAGE[0] - 2 * MARGIN - COLUMN_GAP) / 2, PAGE[1] - MARGIN
    used, shown = [top, top], []
    with style(CHART_TEXT):
        for chart in drawn:
            height, column = min(chart.height, bottom - TOP), int(np.argmin(used))
            y = used[column]
            if y + squeezed * height > bottom + 1e-9:
                break
            height = min(height, bottom - y)
            if depth is not None:
                pages.mark(chart.title, depth, y)
            left = MARGIN + column * (width + COLUMN_GAP)
            _embed(axes, chart, Bbox.from_extents(left, PAGE[1] - y - height, left + width, PAGE[1] - y))
            used[column] += height + COLUMN_GAP
            shown.append(chart)
    return shown


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
