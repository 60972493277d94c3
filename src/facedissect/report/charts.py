"""The charts of a layer, drawn once with matplotlib: the HTML report embeds them as SVG, the PDF report as they are."""

from __future__ import annotations

import io
import logging
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import ScaledTranslation

from .summary import INTERPRETABLE, BiasCount, LayerSummary
from .text_width import shortened
from .wording import kind_name, listed

WIDTH = 4.4
"""Inches; on a phone an SVG of this width is not scaled down to where its text cannot be read."""

INK = "#123457"
"""The colour of text and axes; in SVG it becomes that of the text around, so that charts follow dark mode."""

MOST_CONCEPTS = 38

TEXT = 8.0
LONGEST_NAME = 2.0
"""Inches."""

MAIN, LIGHT, GREY = "#4477AA", "#99BBDD", "#9A9A9A"
SUBGROUPS = ("#4477AA", "#EE8866", "#228833", "#CCBB44", "#AA3377", "#66CCEE", "#777777")
"""Paul Tol's bright scheme with orange for red: told apart with any colour vision, on white and on black."""

FONTS = ("DejaVu Sans", "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans Arabic", "Noto Sans Devanagari")


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart that can draw itself.

    Attributes:
        title: what it shows.
        description: its data in words, for whoever cannot see it.
        height: inches, at a width of WIDTH.
        draw: draws it into axes.
    """

    title: str
    description: str
    height: float
    draw: Callable[[Axes], None]


@contextmanager
def style(size: float = TEXT) -> Iterator[None]:
    """Context in which figures of a report are drawn. `size` is that of the text, in points."""
    known = {font.name for font in font_manager.fontManager.ttflist}
    settings: Any = {
        "font.family": [font for font in FONTS if font in known],
        "font.size": size,
        "text.parse_math": False,  # a concept may be called a$b$
        "text.color": INK,
        "axes.edgecolor": INK,
        "axes.labelcolor": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.linewidth": 0.6,
        "legend.frameon": False,
        "pdf.fonttype": 42,
        "svg.fonttype": "none",
        "svg.hashsalt": "facedissect",
    }
    with mpl.rc_context(settings), warnings.catch_warnings():
        # A name in a script that no installed font has is drawn as boxes; a warning for each letter helps nobody.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        logger = logging.getLogger("matplotlib.font_manager")
        level = logger.level
        logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            logger.setLevel(level)


def charts(layer: LayerSummary) -> list[Chart]:
    """The charts of a layer in the order of the published report: concepts, regions, kinds, then bias."""
    drawn = [_outcomes(layer)] if layer.has_maps else []
    if layer.interpretable:
        kinds = {kind_name(kind): units for kind, units in layer.kinds.items()}
        drawn += [
            _concepts(layer),
            _histogram("Interpretable units per region", layer.regions),
            _histogram("Interpretable units per kind of concept", kinds),
        ]
    measured = [count for count in layer.bias if count.measured]
    if measured:
        drawn.append(_biased(measured))
    return drawn + [_stacked(layer, count) for count in measured]


def svg(chart: Chart, ident: str) -> str:
    """The chart as an SVG element for a page, with ids that start with `ident`, its own title and description."""
    with style():
        figure = Figure(figsize=(WIDTH, chart.height), layout="constrained")
        chart.draw(figure.add_subplot())
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    drawing = buffer.getvalue()
    view_box = re.search(r'viewBox="([^"]*)"', drawing)
    body = drawing[
        drawing.index("</defs>") + len("</defs>") :
    ]  # what stands before is metadata and a rule for the whole page
    body = re.sub(r'\bid="', f'id="{ident}-', body)
    body = body.replace("url(#", f"url(#{ident}-").replace('href="#', f'href="#{ident}-')
    body = re.sub(INK, "currentColor", body, flags=re.IGNORECASE)
    body = re.sub(r"font-family: [^;\"]*", "font-family: inherit", body)
    body = re.sub(r' d="[^"]*"', lambda path: re.sub(r"(\.\d\d)\d+", r"\1", path[0]), body)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{view_box[1] if view_box else ""}" '
        f'role="img" aria-labelledby="{ident}-title {ident}-desc">'
        f'<title id="{ident}-title">{escape(chart.title)}</title>'
        f'<desc id="{ident}-desc">{escape(chart.description)}</desc>{body.strip()}'
    )


def _outcomes(layer: LayerSummary) -> Chart:
    units = {name: n for name, n in layer.outcomes.items() if n or name == INTERPRETABLE}
    colours = [MAIN if name == INTERPRETABLE else GREY for name in units]
    return _histogram(f"What became of the {len(layer.units):,} units", units, colours)


def _histogram(title: str, units: Mapping[str, int], colours: Sequence[str] | None = None) -> Chart:
    names, values = list(units), list(units.values())

    def draw(axes: Axes) -> None:
        bars = axes.barh(range(len(names)), values, color=colours or MAIN, height=0.66)
        axes.bar_label(bars, padding=2, fmt="{:,.0f}")
        _finish(axes, title, names, max(values, default=0))

    described = listed(f"{name} {value:,}" for name, value in units.items())
    return Chart(title=title, description=f"Units: {described}.", height=_height(len(names)), draw=draw)


def _concepts(layer: LayerSummary) -> Chart:
    counts = layer.concepts[:MOST_CONCEPTS]
    title = "Units per concept"
    if len(counts) < len(layer.concepts):
        title += f" (the {len(counts)} most common of {len(layer.concepts)})"
    names = [count.concept.name for count in counts]
    labelled = [count.labelled for count in counts]
    detecting = [count.detecting for count in counts]

    def draw(axes: Axes) -> None:
        places = np.arange(len(names))
        best = axes.barh(places - 0.2, labelled, color=MAIN, height=0.38, label="it is the best concept")
        others = axes.barh(places + 0.2, detecting, color=LIGHT, height=0.38, label="it is detected")
        for bars in (best, others):
            axes.bar_label(bars, padding=2, fmt="{:,.0f}", fontsize=6)
        _finish(axes, title, names, max(labelled + detecting))
        _legend(axes, 34)

    described = listed(f"{c.concept.name} {c.labelled:,} and {c.detecting:,}" for c in counts)
    return Chart(
        title=title,
        description=f"Units of which a concept is the best, and units that detect it: {described}.",
        height=_height(len(names), 0.26) + 0.2,
        draw=draw,
    )


def _biased(counts: Sequence[BiasCount]) -> Chart:
    title = "Biased units per subgroup"
    rows = [(count, position, group) for count in counts for position, group in enumerate(count.subgroups)]
    names = [
        f"{count.global_concept}: {group.subgroup}{' (few images)' if group.few_images else ''}"
        for count, _, group in rows
    ]
    values = [group.units for *_, group in rows]

    def draw(axes: Axes) -> None:
        colours = _subgroup_colours(max(len(count.subgroups) for count in counts))
        # A gap before each global concept keeps its subgroups together.
        gaps = np.cumsum([0.6 * (position == 0) for _, position, _ in rows])
        places = np.arange(len(rows)) + gaps
        bars = axes.barh(places, values, color=[colours[position] for _, position, _ in rows], height=0.7)
        axes.bar_label(bars, padding=2, fmt="{:,.0f}")
        _finish(axes, title, names, max(values), places)

    cutoffs = listed(f"{c.global_concept} {c.cutoff:.2f} among {c.groups}" for c in counts)
    described = listed(f"{name} {value:,}" for name, value in zip(names, values, strict=True))
    return Chart(
        title=title,
        description=f"Units: {described}. Cut-offs: {cutoffs}.",
        height=_height(len(rows) + 0.6 * len(counts), 0.18),
        draw=draw,
    )


def _stacked(layer: LayerSummary, count: BiasCount) -> Chart:
    title = f"{count.global_concept}: share of each subgroup in every unit"
    names = [group.subgroup for group in count.subgroups]
    shares = np.array([[share.probability for share in unit.bias[count.global_concept]] for unit in layer.units])
    shares = np.nan_to_num(shares[~np.isnan(shares).all(axis=1)])
    shares = shares[np.argsort(-shares[:, 0], kind="stable")]
    unmeasured = len(layer.units) - len(shares)

    def draw(axes: Axes) -> None:
        edges = np.concatenate([np.zeros((len(shares), 1)), shares.cumsum(axis=1)], axis=1)
        # Each unit is a step one wide; the last value is repeated to close it.
        edges = np.vstack([edges, edges[-1:]])
        for position, (name, colour) in enumerate(zip(names, _subgroup_colours(len(names)), strict=True)):
            axes.fill_between(
                np.arange(len(edges)),
                edges[:, position],
                edges[:, position + 1],
                step="post",
                color=colour,
                linewidth=0,
                label=name,
            )
        axes.set(xlim=(0, len(shares)), ylim=(0, 1), ylabel="probability")
        left_out = f" ({unmeasured:,} without a probability left out)" if unmeasured else ""
        axes.set_xlabel(f"{len(shares):,} units, by falling share of {names[0]}{left_out}")
        axes.set_xticks([])
        axes.set_title(title, loc="left", fontweight="bold")
        _legend(axes, 18)

    means = listed(f"{name} {mean:.2f}" for name, mean in zip(names, shares.mean(axis=0), strict=True))
    return Chart(
        title=title,
        description=f"Mean probability over {len(shares):,} units: {means}. Biased from {count.cutoff:.2f}.",
        height=2.3 + 0.16 * ((len(names) + 1) // 2),
        draw=draw,
    )


def _subgroup_colours(count: int) -> list[Any]:
    if count <= len(SUBGROUPS):
        return list(SUBGROUPS[:count])
    return [mpl.colormaps["viridis"](position) for position in np.linspace(0, 1, count)]


def _height(bars: float, each: float = 0.2) -> float:
    return 0.75 + each * max(bars, 1)


def _finish(
    axes: Axes, title: str, names: Sequence[str], longest: int, places: Sequence[float] | np.ndarray | None = None
) -> None:
    """Names down the side, the first on top, counts along the bottom in whole units."""
    axes.set_yticks(
        range(len(names)) if places is None else places, [shortened(name, LONGEST_NAME, TEXT) for name in names]
    )
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.set_xlim(0, max(longest, 1) * 1.12)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.set_xlabel("units")
    axes.set_title(title, loc="left", x=0, fontweight="bold")


def _legend(axes: Axes, below: float) -> None:
    """The legend under the axes, `below` points from them, where it hides nothing."""
    figure = axes.figure
    offset = ScaledTranslation(0, -below / 72, figure.dpi_scale_trans)
    axes.legend(
        loc="upper left", bbox_to_anchor=(0, 0), bbox_transform=axes.transAxes + offset, ncols=2, borderaxespad=0
    )
