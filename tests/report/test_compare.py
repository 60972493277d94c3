"""A comparison as a page and in a terminal: what it says, in red where runs differ, with every name escaped."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from facedissect.comparison import Comparison, compare
from facedissect.dictionary.faces import FaceDictionary
from facedissect.errors import OutputError
from facedissect.report import compare as page_writer
from facedissect.report import compare_terminal, compare_wording
from facedissect.results import Dissection

from .conftest import HOSTILE
from .test_html import Page


@pytest.fixture(scope="module")
def other(result: Dissection) -> Dissection:
    """The same layers by another network, under other settings, with another dictionary."""
    known = result.provenance
    units = result["act"].units
    fewer = units.assign(interpretable=units["interpretable"] & (units["unit"] % 2 == 0))
    return replace(
        result,
        settings=replace(result.settings, min_iou=0.05),
        provenance=replace(
            known,
            model={**known.model, "name": HOSTILE, "digest": "another"},
            dictionary={**known.dictionary, "digest": "<other>"},
        ),
        layers={"act": replace(result["act"], units=fewer)},
    )


@pytest.fixture(scope="module")
def unlike(result: Dissection, other: Dissection) -> Comparison:
    return compare([result, other])


@pytest.fixture(scope="module")
def text(unlike: Comparison, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("compare") / "c.html"
    page_writer.write(unlike, path)
    return path.read_text(encoding="utf-8")


def squeezed(words: str) -> str:
    return re.sub(r"\s+", " ", words.replace("\u00a0", " "))


def content(text: str) -> str:
    return squeezed("".join(Page(text).text))


def test_names_are_shown_and_never_run(text: str) -> None:
    page = Page(text.replace("<wbr>", ""))
    assert HOSTILE not in text
    for name in (HOSTILE, "<b>net</b>", "<b>deep</b>", "<other>", "first<1>"):
        assert name in "".join(page.text)
    assert not page.values("onerror")
    assert not page.tags["script"] + page.tags["b"] + page.tags["i"] + page.tags["img"]


def test_nothing_is_fetched(text: str) -> None:
    assert not re.search(r"https?://|@import|url\(", text)
    assert "default-src 'none'" in text


def test_ids_are_unique_and_links_lead_somewhere(text: str) -> None:
    page = Page(text.replace("<wbr>", ""))
    idents = page.values("id")
    assert len(idents) == len(set(idents))
    assert {link.removeprefix("#") for link in page.values("href", "a")} <= set(idents)
    assert set(page.values("aria-labelledby")) <= set(idents)


def test_tables_can_be_read_aloud(text: str) -> None:
    page = Page(text.replace("<wbr>", ""))
    assert page.values("scope", "th").count("row") > 20
    assert len(page.values("scope", "th")) == page.tags["th"]
    bars = page.values("aria-hidden", "svg")
    assert bars == ["true"] * page.tags["svg"]
    assert page.tags["svg"] > 20


def test_differences_are_red_and_in_words(text: str, unlike: Comparison) -> None:
    words = content(text.replace("<wbr>", ""))
    assert "They were dissected with different dictionaries" in words
    assert "Their runs differ in min_iou" in words
    assert text.count('class="differs"') == len(unlike.differences) == 2
    assert re.search(r'<td class="differs">0.05</td>', text)
    assert re.search(r'<td class="differs">&lt;other&gt;</td>', text)


def test_the_same_runs_say_so(result: Dissection, tmp_path: Path) -> None:
    page_writer.write(compare(result), tmp_path / "c.html")
    text = (tmp_path / "c.html").read_text(encoding="utf-8")
    assert 'class="alarm"' not in text
    assert 'class="differs"' not in text
    words = content(text.replace("<wbr>", ""))
    assert "with the same settings, preprocessing and versions" in words
    assert "first<1> and act of <b>net</b> compared" in words


def test_cells_hold_the_counts(text: str, unlike: Comparison) -> None:
    words = content(text.replace("<wbr>", ""))
    counts, total = unlike.counts("regions"), unlike.counts("regions").sum()
    for region in counts.index:
        cells = " ".join(
            f"{counts.loc[region, name]} {100 * counts.loc[region, name] / total[name]:.0f} %" for name in unlike.names
        )
        assert f"{region} {cells}" in words


def test_supported_labels_are_counted_on_the_page_and_in_the_terminal(
    result: Dissection, unjudged: Dissection, tmp_path: Path
) -> None:
    layers = {
        name: replace(
            layer,
            units=layer.units.assign(supported=layer.units["interpretable"] & (layer.units["unit"] % every == 0)),
        )
        for (name, layer), every in zip(result.layers.items(), (2, 3), strict=True)
    }
    held = [int(layer.units["supported"].sum()) for layer in layers.values()]
    assert len({*held, 0, 9}) == 4, "some of each layer, and not as many"
    found = compare(replace(result, layers=layers))
    page_writer.write(found, tmp_path / "c.html")
    words = content((tmp_path / "c.html").read_text(encoding="utf-8").replace("<wbr>", ""))
    file = io.StringIO()
    compare_terminal.show(found, Console(file=file, width=150))
    told = squeezed(file.getvalue())
    for name, number in zip(layers, held, strict=True):
        assert f"{name} 75 % interpretable: 9 of 12 units, {number} supported" in words
        assert f"of {name}, 9 of 12 units, 75 % (mean IoU" in told
        assert f"{number} of the labels supported)" in told
        assert re.search(rf"{name} 12 9 {number} 75 %", told), "from layer to layer"
    untested = compare([unjudged, unjudged])
    page_writer.write(untested, tmp_path / "c.html")
    words = content((tmp_path / "c.html").read_text(encoding="utf-8").replace("<wbr>", ""))
    file = io.StringIO()
    compare_terminal.show(untested, Console(file=file, width=150))
    assert not re.search(r"units, \d+ supported", words)
    for text in (words, squeezed(file.getvalue())):
        assert "are interpretable" in text
        assert "supported label" not in text
        assert "of the labels supported" not in text


def test_the_summary(unlike: Comparison) -> None:
    told = squeezed(" ".join(compare_wording.summary(unlike)))
    totals = unlike.totals
    share = 100 * totals["share"].iloc[1]
    assert f"of {HOSTILE}, {totals['interpretable'].iloc[1]} of 12 units, {share:.0f} %" in told
    assert "From first<1> to act of <b>net</b>, the share of interpretable units goes from 75 % to 75 %" in told
    assert "Biased by tone: " in told
    headings = dict(compare_wording.groups(unlike))
    assert headings["Not searched, as no image has them"] == ["never_seen"]
    assert sum(len(names) for names in headings.values()) == len(unlike.vocabulary)


def test_many_sides_are_told_as_a_range(result: Dissection, other: Dissection) -> None:
    sides = {f"{place} {layer}": result.only(layer) for place in "ab" for layer in result.layers} | {"last": other}
    told = squeezed(" ".join(compare_wording.summary(compare(sides))))
    share = 100 * compare(sides).totals.loc["last", "share"]
    assert f"Interpretable units: from {share:.0f} % (last) to 75 % (a first<1>)." in told
    assert next(heading for heading, _ in compare_wording.groups(compare(sides))) == "Found by all 5"


def test_runs_without_bias_or_labels(bare_run: tuple[Dissection, FaceDictionary], tmp_path: Path) -> None:
    found = compare({"a": bare_run[0], "b": bare_run[0]})
    page_writer.write(found, tmp_path / "c.html")
    text = (tmp_path / "c.html").read_text(encoding="utf-8")
    assert 'id="bias"' not in text
    assert "Found by neither" in text
    compare_terminal.show(found, Console(file=io.StringIO()))


def test_the_terminal_tells_the_same(unlike: Comparison) -> None:
    file = io.StringIO()
    compare_terminal.show(unlike, Console(file=file, width=100))
    words = squeezed(file.getvalue())
    assert "They were dissected with different dictionaries" in words
    assert "min_iou settings 0.04 0.05" in words
    counts = unlike.counts("regions")
    assert f"Top {counts.loc['Top'].iloc[0]} {counts.loc['Top'].iloc[1]}" in words
    assert "\x1b" not in file.getvalue()


def test_differences_are_red_in_the_terminal(unlike: Comparison) -> None:
    file = io.StringIO()
    compare_terminal.show(unlike, Console(file=file, width=100, force_terminal=True, color_system="standard"))
    assert re.search(r"\x1b\[1;31m0\.05 *\x1b\[0m", file.getvalue())


def test_a_page_that_cannot_be_written(unlike: Comparison, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="expected to write"):
        page_writer.write(unlike, tmp_path / "file" / "c.html")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_contrasts_are_in_the_page_and_the_terminal(unlike: Comparison, text: str) -> None:
    words = content(text.replace("<wbr>", ""))
    rows = compare_wording.contrasts(unlike)
    assert rows[0][0] == "are interpretable"
    for measure, cells, _ in rows:
        assert squeezed(" ".join([measure, *cells])) in words
    console = Console(file=io.StringIO(), width=250)
    compare_terminal.show(unlike, console)
    told = squeezed(console.file.getvalue())  # type: ignore[attr-defined]
    assert squeezed(" ".join([rows[0][0], *rows[0][1]])) in told
    assert "Newcombe" in told
