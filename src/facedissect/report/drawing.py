"""How every chart looks: its style and colours, and the few forms that all charts are made of."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import ScaledTranslation

from .text_width import shortened, width

WIDTH = 4.4
"""Inches; on a phone an SVG of this width is not scaled down to where its text cannot be read."""

TALLEST = 9.0
"""Inches that the bars of one chart may take, so that it fits a page."""

INK = "#123457"
"""The colour of text and axes; in SVG it becomes that of the text around, so that charts follow dark mode."""

TEXT = 8.0
"""Points."""

LONGEST_NAME = 2.0
"""Inches."""

HATCHED = "not supported"
"""Of bars, what a legend calls their hatched part."""

_HATCH: Any = {"hatch": "//////", "edgecolor": "white", "linewidth": 0}

MAIN, LIGHT, GREY = "#4477AA", "#99BBDD", "#9A9A9A"
COLOURS = ("#4477AA", "#EE8866", "#228833", "#CCBB44", "#AA3377", "#66CCEE", "#777777")
"""Paul Tol's bright scheme with orange for red: told apart with any colour vision, on white and on black."""

DASHES = ("-", "--", "-.", ":")
"""Curves are told apart in grey print, too."""

FONTS = ("DejaVu Sans", "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans Arabic", "Noto Sans Devanagari")

FULL, GAP = 0.76, 0.6
"""Of the height of a row: what several bars take, and the gap between groups of rows."""

LEGEND_LINE = 0.16
"""Inches."""

SMALLEST_COUNT, LARGEST_COUNT = 4.5, 6.0
"""Points of the counts at grouped bars and in cells; where they would be smaller, a grid or the shades stand in for them."""

MOST_BARS = 6
"""Series of one chart; more are told apart better as columns of shaded cells than as thin bars."""

CELL, NAME, DARKEST = 0.19, 0.13, 0.62
"""Inches of a row of cells and of an upright name; the opacity of the darkest cell, on which text is read in light and dark."""


@contextmanager
def style(size: float = TEXT, ink: str = INK) -> Iterator[None]:
    """Context in which charts are drawn. `size` is that of the text, in points; `ink` its colour."""
    known = {font.name for font in font_manager.fontManager.ttflist}
    settings: Any = {
        "font.family": [font for font in FONTS if font in known],
        "font.size": size,
        "text.parse_math": False,  # a concept may be called a$b$
        "text.color": ink,
        "axes.edgecolor": ink,
        "axes.labelcolor": ink,
        "xtick.color": ink,
        "ytick.color": ink,
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


def palette(count: int) -> list[Any]:
    """Colours for `count` series or subgroups."""
    if count <= len(COLOURS):
        return list(COLOURS[:count])
    return [mpl.colormaps["viridis"](position) for position in np.linspace(0, 1, count)]


def row_height(rows: float, series: int) -> float:
    """Inches of a row with one bar a series."""
    return 0.2 if series == 1 else min(0.06 + 0.1 * series, TALLEST / max(rows, 1))


def bars_height(rows: float, legend: Sequence[str], *, hatched: bool = False) -> float:
    """Inches of a chart of `bars`; `rows` may count gaps, `legend` holds the names of several series, beside the hatched ones."""
    if len(legend) > MOST_BARS:
        return 0.75 + CELL * max(rows, 1) + max(width(name, TEXT - 1) for name in _columns_of_cells(legend))
    named = [*legend, *([HATCHED] if hatched else [])]
    return 0.75 + row_height(rows, max(len(legend), 1)) * max(rows, 1) + legend_height(named)


def legend_height(names: Sequence[str]) -> float:
    """Inches of a legend below a chart; one name needs none."""
    return 0.04 + LEGEND_LINE * -(-len(names) // _columns(names)) if len(names) > 1 else 0.0


def bars(
    axes: Axes,
    names: Sequence[str],
    series: Mapping[str, Sequence[int]],
    *,
    title: str,
    what: str,
    colours: Sequence[Any],
    groups: Collection[int] = (),
    doubtful: Mapping[str, Sequence[int]] | None = None,
) -> None:
    """Rows of horizontal bars, the first on top, with a count at each; of many series a table of shaded cells.

    Args:
        axes: to draw into.
        names: of the rows.
        series: name -> number of units in each row; several lie in a row one under the other and are named in a legend.
        title: of the chart.
        what: the rows are, on the axis.
        colours: one a series, or a list with one for each of its rows.
        groups: rows before which a gap keeps those of a group together.
        doubtful: series -> how many units of each row are not supported; their part of the bar is hatched.
    """
    places = np.arange(len(names)) + np.cumsum([GAP * (row > 0 and row in groups) for row in range(len(names))])
    names = [shortened(name, LONGEST_NAME, TEXT) for name in names]
    edge = max((width(name, TEXT) for name in names), default=0) + 0.2
    axes.set_yticks(places, names)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(places[-1] + 0.6 if len(places) else 1, -0.6)
    axes.set_ylabel(what)
    _title(axes, title, edge)
    if len(series) > MOST_BARS:
        _cells(axes, places, series, WIDTH - edge - 0.3)
        return
    count, longest = len(series), max((max(values, default=0) for values in series.values()), default=0)
    step, thick = (0.0, 0.66) if count == 1 else (0.8 / count, FULL / count)
    size = 72 * 1.15 * thick * row_height(float(places.max(initial=0)) + 1, count)
    for position, (name, values) in enumerate(series.items()):
        where = places + step * (position - (count - 1) / 2)
        drawn = axes.barh(where, values, color=colours[position], height=thick, label=name)
        if count == 1 or size >= SMALLEST_COUNT:
            axes.bar_label(drawn, padding=2, fmt="{:,.0f}", fontsize=None if count == 1 else min(size, LARGEST_COUNT))
    for position, (name, values) in enumerate(series.items()):
        if doubtful and name in doubtful:
            where, less = places + step * (position - (count - 1) / 2), np.array(doubtful[name])
            for patch in axes.barh(where, less, left=np.array(values) - less, height=thick, color=colours[position]):
                patch.set(**_HATCH)
    if count > 1 and size < SMALLEST_COUNT:
        axes.grid(axis="x", linewidth=0.3, color=GREY)
        axes.set_axisbelow(True)
    axes.set_xlim(0, max(longest, 1) * 1.12)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.set_xlabel("number of units")
    if count > 1:
        # Of several series the key has the colour of none.
        key = [colours[place] for place, name in enumerate(series) if doubtful and name in doubtful]
        hatched = [Patch(facecolor=key[0] if len(key) == 1 else GREY, label=HATCHED, **_HATCH)] if key else []
        _legend(axes, list(series), 34, edge, hatched)


def _cells(axes: Axes, places: Float[np.ndarray, " row"], series: Mapping[str, Sequence[int]], across: float) -> None:
    """A column of cells a series, shaded by their counts, over `across` inches; cells of 0 are empty."""
    longest = max((max(values, default=0) for values in series.values()), default=0) or 1
    size = min(LARGEST_COUNT, 72 * across / len(series) / (0.66 * len(f"{longest:,}") + 0.4))
    for column, values in enumerate(series.values()):
        filled = [row for row, value in enumerate(values) if value]
        shades = [(*mpl.colors.to_rgb(MAIN), 0.06 + (DARKEST - 0.06) * values[row] / longest) for row in filled]
        axes.barh(places[filled], 0.94, left=column - 0.47, height=0.9, color=shades)
        for row in filled if size >= SMALLEST_COUNT else ():
            axes.text(column, places[row], f"{values[row]:,}", ha="center", va="center_baseline", fontsize=size)
    columns = _columns_of_cells(series)
    shown = range(0, len(series), max(1, int(np.ceil(NAME * len(series) / across))))
    axes.set_xticks(list(shown), [columns[column] for column in shown], rotation=90, fontsize=TEXT - 1)
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(-0.6, len(series) - 0.4)
    axes.set_xlabel(f"number of units, {longest:,} in the darkest")


def _columns_of_cells(names: Iterable[str]) -> list[str]:
    return [shortened(name, LONGEST_NAME, TEXT - 1) for name in names]


def stack(
    axes: Axes,
    shares: Float[np.ndarray, "unit part"],
    names: Sequence[str],
    *,
    title: str,
    about: str,
    mark: tuple[str, float],
) -> None:
    """Shares that add up to 1 as bands over the units, which stand in their order.

    `about` is said on their axis; `mark` names a share of the lowest band.
    """
    edges = np.concatenate([np.zeros((len(shares), 1)), shares.cumsum(axis=1)], axis=1)
    # Each unit is a step one wide; the last value is repeated to close it.
    edges = np.vstack([edges, edges[-1:]])
    for position, (name, colour) in enumerate(zip(names, palette(len(names)), strict=True)):
        low, high = edges[:, position], edges[:, position + 1]
        axes.fill_between(np.arange(len(edges)), low, high, step="post", color=colour, linewidth=0, label=name)
    name, place = mark
    # Black on white is seen on every band, in any theme.
    axes.axhline(place, color="white", linewidth=1.6)
    axes.axhline(place, color="black", linewidth=0.8, linestyle=(0, (4, 3)))
    axes.annotate(
        shortened(name, WIDTH - 1.2, TEXT),
        (1, place),
        (-4, 4),
        xycoords=axes.get_yaxis_transform(),
        textcoords="offset points",
        ha="right",
        va="bottom",
        color="black",
        fontsize="small",
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5},
    )
    axes.set(xlim=(0, len(shares)), ylim=(0, 1), ylabel="probability", xlabel=about)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    _title(axes, title, 0.4)
    _legend(axes, list(names), 32, 0.4)


def curves(
    axes: Axes,
    x: Float[np.ndarray, " point"],
    series: Mapping[str, Float[np.ndarray, " point"]],
    *,
    title: str,
    labels: tuple[str, str],
    mark: tuple[str, float],
) -> None:
    """A curve a series over the same points; `labels` of both axes; `mark` names a place on the x axis."""
    for position, ((name, values), colour) in enumerate(zip(series.items(), palette(len(series)), strict=True)):
        axes.plot(x, values, color=colour, linestyle=DASHES[position % len(DASHES)], linewidth=1.4, label=name)
    name, place = mark
    axes.axvline(place, color=GREY, linewidth=0.8)
    axes.annotate(
        name,
        (place, 1),
        (2, -2),
        xycoords=axes.get_xaxis_transform(),
        textcoords="offset points",
        va="top",
        color=GREY,
        fontsize="small",
    )
    axes.set(xlabel=labels[0], ylabel=labels[1])
    axes.set_ylim(bottom=0)
    _title(axes, title, 0.4)
    _legend(axes, list(series), 34, 0.4)


def _columns(names: Sequence[str]) -> int:
    return 2 if max((width(name, TEXT) for name in names), default=0) <= WIDTH / 2 - 0.95 else 1


def _title(axes: Axes, title: str, left: float) -> None:
    """The title over the axes, `left` inches to the left, where their names begin."""
    text = axes.set_title(title, loc="left", x=0, fontweight="bold")
    text.set_transform(text.get_transform() + _moved(axes, left, 0))


def _moved(axes: Axes, left: float, down: float) -> ScaledTranslation:
    """By inches of text of TEXT points to the left, and points down."""
    size = float(mpl.rcParams["font.size"]) / TEXT
    return ScaledTranslation(-left * size, -down / 72, axes.figure.dpi_scale_trans)


def _legend(axes: Axes, names: Sequence[str], below: float, left: float, more: Sequence[Patch] = ()) -> None:
    """The legend under the axes, `below` points from them, where it hides nothing, and `left` inches to the left.

    Names are those of what was drawn, in its order; `more` comes after that, each with its own label.
    """
    offset = _moved(axes, left, below)
    handles, _ = axes.get_legend_handles_labels()
    names = [*names, *(str(patch.get_label()) for patch in more)]
    axes.legend(
        [*handles, *more],
        [shortened(name, WIDTH - 1.2, TEXT) for name in names],
        loc="upper left",
        bbox_to_anchor=(0, 0),
        bbox_transform=axes.transAxes + offset,
        ncols=_columns(names),
        borderaxespad=0,
    )
