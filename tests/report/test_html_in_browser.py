"""The interactive page in a browser: it opens from disk, asks for nothing and does what it says. Skips without Chromium."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
import torch

from facedissect.dictionary.faces import FaceDictionary
from facedissect.report import html, write_report
from facedissect.results import Dissection
from facedissect.tally import firing_masks

from .browser import WIDTHS, Tab, opened
from .conftest import BROKEN, CONSTANT, DEAD, HOSTILE

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
expect = playwright.expect


@pytest.fixture(scope="module")
def files(result: Dissection, dictionary: FaceDictionary, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("brow ser")
    made = {"file": folder / "one file" / "report.html", "folder": folder / "with folder" / "report.html"}
    with pytest.MonkeyPatch.context() as patch:
        for kind, limit in (("file", html.INLINE_BYTES), ("folder", 0)):
            patch.setattr(html, "INLINE_BYTES", limit)
            write_report(result, dictionary, made[kind])
    return made


@pytest.fixture
def tab(browser: Any, files: dict[str, Path]) -> Iterator[Tab]:
    tab = opened(browser, files["file"])
    yield tab
    assert not tab.said
    assert not tab.foreign()
    tab.page.context.close()


ROUTES = {
    "summary": "#/",
    "units": "#/units",
    "unit": f"#/unit/{quote('first<1>', safe='')}/0",
    "concept": f"#/concept/{quote(HOSTILE, safe='')}",
    "global": "#/global/tone",
}


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_every_page_opens_from_disk_without_a_word(browser: Any, files: dict[str, Path], kind: str) -> None:
    tab = opened(browser, files[kind])
    for name, route in ROUTES.items():
        page = tab.go(route)
        expect(page.locator("h1").locator("visible=true")).to_have_count(1)
        if name not in ("summary", "global"):
            expect(page.locator("canvas[data-drawn]").first).to_be_attached()
    assert not tab.said
    assert not tab.foreign()
    assert (len(tab.asked) > 10) == (kind == "folder")
    tab.page.context.close()


def test_names_are_shown_as_such(tab: Tab) -> None:
    page = tab.go(ROUTES["concept"])
    expect(page.locator("#view h1")).to_have_text(HOSTILE)
    assert page.locator("img").count() == 0
    page = tab.go("#/units?layer=" + quote("first<1>", safe=""))
    expect(page.locator(".card .name").first).to_contain_text(re.compile("green|img src=x|a\\$b"))
    page = tab.go("#/units?q=%3Cb%3Edeep")
    expect(page.locator(".count")).to_contain_text("units")


def test_filters_are_in_the_address_and_stay(tab: Tab, result: Dissection) -> None:
    page = tab.go("#/units")
    total = len(result.units)
    expect(page.locator(".count")).to_have_text(f"{total} units")
    page.locator("select[name=region]").select_option("Bottom & more")
    chosen = result.units.query("interpretable and region == 'Bottom & more'")
    assert 0 < len(chosen) < total
    expect(page.locator(".count")).to_have_text(f"{len(chosen)} of {total} units")
    assert page.url.endswith("#/units?region=Bottom+%26+more")
    page.reload()
    expect(page.locator(".count")).to_have_text(f"{len(chosen)} of {total} units")
    expect(page.locator("select[name=region]")).to_have_value("Bottom & more")

    page.locator(".card .name").first.click()
    expect(page.locator("#view h1")).to_have_text("green")
    best = chosen.sort_values("iou", ascending=False, kind="stable").iloc[0]
    expect(page.locator(".kicker").locator("visible=true")).to_have_text(f"Unit {best['unit']} of {best['layer']}")
    address = page.url
    page.reload()
    expect(page.locator(".steps")).to_contain_text(f"1 of {len(chosen)}")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".steps")).to_contain_text(f"2 of {len(chosen)}")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".steps")).to_contain_text(f"1 of {len(chosen)}")
    assert page.url == address
    page.go_back()
    expect(page.locator(".count")).to_have_text(f"{len(chosen)} of {total} units")


def test_every_filter_finds_the_units_of_the_tables(tab: Tab, result: Dissection) -> None:
    units, bias = result.units, result.bias
    pale = bias.query("global_concept == 'tone' and subgroup == 'pale' and biased")[["layer", "unit"]]
    any_bias = bias[bias["biased"]][["layer", "unit"]].drop_duplicates()
    detecting = units["detected"].str.split(";").map(lambda names: "green" in names) | (units["concept"] == "green")
    expected = {
        "layer=act": (units["layer"] == "act").sum(),
        "kind=part": (units["interpretable"] & (units["kind"] == "part")).sum(),
        "concept=green": (units["interpretable"] & detecting).sum(),
        "iou=0.1": (units["iou"].astype(np.float32) >= 0.1).sum(),
        "label=labelled": units["interpretable"].sum(),
        "label=none": (~units["interpretable"]).sum(),
        "supported=yes": units["supported"].sum(),
        "supported=no": (units["interpretable"] & ~units["supported"]).sum(),
        "bias=tone/pale": len(pale),
        "bias=none": len(units) - len(any_bias),
        "q=dead": (units["state"] == "dead").sum(),
        "q=unit 7": 2,
    }
    page = tab.go("#/units")
    for query, count in expected.items():
        found = page.evaluate("query => facedissect.units.select(new URLSearchParams(query)).length", query)
        assert found == count, query


def test_firing_masks_are_those_of_the_run(tab: Tab, result: Dissection) -> None:
    page = tab.go("#/units")
    expect(page.locator("canvas[data-drawn]").first).to_be_attached()
    size = result.provenance.model["preprocess"]["size"]
    for name, layer in result.layers.items():
        for unit in (0, 1, 2, 7, DEAD, CONSTANT, BROKEN):
            masks = page.evaluate(
                """async ([layer, number, size]) => {
                    const { units, pictures } = facedissect;
                    const unit = units.all.find((one) => one.layer.name === layer && one.unit === number);
                    return (await units.maps(unit)).map((map) => Array.from(pictures.firing(
                        pictures.upsample(map, size), unit.threshold, units.index.settings.zeros)));
                }""",
                [name, unit, size],
            )
            maps = torch.from_numpy(np.asarray(layer.top_maps[unit], np.float32))
            threshold = torch.full((len(maps),), float(layer.units["threshold"][unit]))
            expected = firing_masks(maps, threshold, tuple(size), result.settings.zeros)
            np.testing.assert_array_equal(np.array(masks, bool).reshape(expected.shape), expected.numpy())


def test_a_unit_tells_all_that_the_tables_say(tab: Tab, result: Dissection) -> None:
    page = tab.go(ROUTES["unit"])
    best = result["first<1>"].units.loc[0]
    expect(page.locator("#view h1")).to_have_text(best["concept"])
    expect(page.locator("#view .lead")).to_contain_text(f"IoU of {best['iou']:.3f}")
    row = page.locator("table", has_text="IoU, firing").locator("tbody tr").first
    expect(row).to_contain_text(f"{best['iou_firing']:.3f}")
    expect(row).to_contain_text(f"{best['iou_labelled']:.3f}")
    assert page.locator(".bias").count() == 2
    shares = result["first<1>"].bias.query("unit == 0 and global_concept == 'tone'")
    for share in shares["probability"]:
        expect(page.locator(".bias").first).to_contain_text(f"{share:.2f}")
    expect(page.locator(".bias").first).to_contain_text("30\N{NO-BREAK SPACE}faces")


def test_a_unit_tells_how_far_its_label_can_be_believed(tab: Tab, result: Dissection) -> None:
    page = tab.go(ROUTES["unit"])
    layer = result["first<1>"]
    row = layer.units.loc[0]
    section = page.locator(".belief")
    expect(section).to_contain_text("Supported. " if row["supported"] else "Not supported. ")
    expect(section).to_contain_text(f"{row['iou_low']:.3f} to {row['iou_high']:.3f}")
    expect(section).to_contain_text(f"{row['iou_null']:.3f}")
    expect(section).to_contain_text(f"{100 * row['stability']:.0f}\N{NO-BREAK SPACE}% of 200 resamplings")
    sweep = section.locator("table", has_text="Fires on").locator("tbody tr")
    expect(sweep).to_have_count(4)
    for place, point in enumerate(layer.sweep.query("unit == 0").itertuples()):
        expect(sweep.nth(place)).to_contain_text("no label" if np.isnan(point.iou) else f"{point.iou:.3f}")
    pale = layer.bias.query("unit == 0 and global_concept == 'tone' and subgroup == 'pale'").iloc[0]
    first = page.locator(".bias").first.locator(".effects tbody tr").first
    expect(first).to_contain_text(f"{abs(pale['delta']):.2f}")
    verdict = "supported" if pale["supported"] else "not supported" if pale["adjusted_q"] >= 0 else "not tested"
    expect(first).to_contain_text(verdict)


def told_of(text: str) -> tuple[str, list[float], str]:
    """The number, what is said of it in figures, and the verdict, of a line such as the unit page has."""
    name, _, rest = text.replace("\N{NO-BREAK SPACE}", " ").replace("−", "-").partition(": rho ")
    found = re.fullmatch(r"(.*), adjusted (.*), ([a-z ]+) \(q (?:< )?([\d.]+)\)", rest)
    assert found, text
    spans = [re.fullmatch(r"([+-]\d\.\d\d) \((\S+) to (\S+)\)", part) for part in (found[1], found[2])]
    return name, [float(value) for span in spans if span for value in span.groups()] + [float(found[4])], found[3]


def test_a_unit_tells_how_it_responds_to_numbers(tab: Tab, result: Dissection) -> None:
    verdicts = set()
    for row in result["act"].trends.to_dict("records"):
        page = tab.go(f"#/unit/act/{row['unit']}")
        lines = page.locator(".trends li")
        expect(lines).to_have_count(1)
        if np.isnan(row["rho"]):
            expect(lines).to_have_text("age in years: not measured, as the unit's peaks say nothing")
            continue
        name, figures, verdict = told_of(lines.inner_text())
        assert name == "age in years"
        columns = ("rho", "rho_low", "rho_high", "adjusted_rho", "adjusted_low", "adjusted_high")
        assert figures[:6] == pytest.approx([row[column] for column in columns], abs=0.0056)
        assert figures[6] == pytest.approx(max(row["adjusted_q"], 0.001), abs=0.00051)
        assert verdict == ("supported" if row["supported"] else "not supported")
        verdicts.add(verdict)
    assert verdicts == {"supported", "not supported"}


def test_the_page_of_a_global_concept_names_the_units_that_follow_its_number(tab: Tab, result: Dissection) -> None:
    trends = result.trends[result.trends["rho"].notna()]
    held = trends[trends["supported"]]
    page = tab.go("#/global/era")
    section = page.locator("section", has=page.locator("h2", has_text="Units that rise or fall with age in years"))
    rise, fall = held[held["adjusted_rho"] > 0], held[held["adjusted_rho"] < 0]
    assert len(rise)
    expect(section).to_contain_text(
        f"Of {len(trends)}\N{NO-BREAK SPACE}units, {len(rise)} rise and {len(fall)} fall with it"
    )
    for place, some in enumerate((rise, fall)):
        first = some.sort_values("adjusted_rho", key=abs, ascending=False, kind="stable").head(5)
        entries = section.locator(".leaders > section").nth(place).locator("li")
        expect(entries).to_have_count(len(first))
        found = [float(text.replace("−", "-")) for text in entries.locator(".end").all_inner_texts()]
        assert found == pytest.approx(first["adjusted_rho"].tolist(), abs=0.0056)
    page = tab.go("#/global/tone")
    expect(page.locator("h2", has_text="The most biased units")).to_be_visible()
    expect(page.locator("h2", has_text="rise or fall")).to_have_count(0)


def test_without_numbers_there_is_no_heading_for_them(
    browser: Any, without_numbers: Dissection, dictionary: FaceDictionary, tmp_path: Path
) -> None:
    write_report(without_numbers, dictionary, tmp_path / "report.html")
    tab = opened(browser, tmp_path / "report.html")
    for route in ("#/unit/act/0", "#/global/era"):
        page = tab.go(route)
        expect(page.locator("#view h1")).to_be_visible()
        expect(
            page.locator("h2", has_text="subgroups").or_(page.locator("h2", has_text="biased to whom"))
        ).to_be_visible()
        expect(page.locator("h2", has_text=re.compile("numbers|rise or fall"))).to_have_count(0)
        expect(page.locator(".trends")).to_have_count(0)
    assert not tab.said
    page.context.close()


def test_numbers_that_could_not_be_tested_say_so(
    browser: Any, one_layer: Dissection, dictionary: FaceDictionary, tmp_path: Path
) -> None:
    layer = one_layer["act"]
    columns = ["adjusted_rho", "adjusted_low", "adjusted_high", "adjusted_p", "adjusted_q"]
    trends = layer.trends.assign(supported=False, **dict.fromkeys(columns, np.nan))
    write_report(
        replace(one_layer, layers={"act": replace(layer, trends=trends)}), dictionary, tmp_path / "report.html"
    )
    tab = opened(browser, tmp_path / "report.html")
    page = tab.go("#/unit/act/0")
    expect(page.locator(".trends li")).to_have_text(re.compile("adjusted\\s–, not tested$"))
    page = tab.go("#/global/era")
    expect(page.locator("#view")).to_contain_text("0 rise and 0 fall with it")
    expect(page.locator("h3", has_text="Rise")).to_have_count(0)
    assert not tab.said
    page.context.close()


def test_an_unsupported_label_is_shown_as_such(
    browser: Any, result: Dissection, dictionary: FaceDictionary, tmp_path: Path
) -> None:
    layer = result["act"]
    doubtful = replace(layer, units=layer.units.assign(supported=False, q=0.5))
    write_report(replace(result, layers={"act": doubtful}), dictionary, tmp_path / "report.html")
    tab = opened(browser, tmp_path / "report.html")
    page = tab.go("#/units")
    expect(page.locator(".card").first.locator(".chips")).to_contain_text("not supported")
    page.locator("select[name=supported]").select_option("yes")
    expect(page.locator(".count")).to_have_text("0 of 12 units")
    assert page.url.endswith("#/units?supported=yes")
    page.locator("select[name=supported]").select_option("no")
    expect(page.locator(".count")).to_have_text("9 of 12 units")
    page.locator(".card .name").first.click()
    expect(page.locator(".belief")).to_contain_text("Not supported.")
    expect(page.locator(".chips.big")).to_contain_text("not supported (q\N{NO-BREAK SPACE}0.500)")
    assert not tab.said
    page.context.close()


def test_a_run_without_replicates_says_nothing_of_support(
    browser: Any, unjudged: Dissection, dictionary: FaceDictionary, tmp_path: Path
) -> None:
    write_report(unjudged, dictionary, tmp_path / "report.html")
    tab = opened(browser, tmp_path / "report.html")
    page = tab.go("#/units")
    expect(page.locator(".card").first).to_be_visible()
    expect(page.locator("select[name=supported]")).to_have_count(0)
    expect(page.locator(".chips .plain.doubtful")).to_have_count(0)
    page = tab.go("#/unit/act/0")
    expect(page.locator("#view h1")).to_be_visible()
    expect(page.locator(".belief")).to_have_count(0)
    assert not tab.said
    page.context.close()


def test_faces_are_shown_in_four_ways(tab: Tab) -> None:
    page = tab.go(ROUTES["unit"])
    canvas = page.locator(".top-faces canvas").first
    for text, mode in (("Face", "face"), ("Heat map", "heat"), ("Firing mask", "mask"), ("Lit", "lit")):
        page.get_by_role("button", name=text, exact=True).click()
        expect(page.locator(f'.top-faces canvas[data-drawn="{mode}"]').first).to_be_attached()
        expect(page.get_by_role("button", name=text, exact=True)).to_have_attribute("aria-pressed", "true")
    with_outline = canvas.evaluate("canvas => canvas.toDataURL()")
    page.get_by_role("checkbox").uncheck()
    expect(canvas).not_to_have_attribute("aria-label", re.compile("is outlined"))
    page.wait_for_timeout(150)
    assert canvas.evaluate("canvas => canvas.toDataURL()") != with_outline


@pytest.mark.parametrize(
    ("unit", "said"),
    [(DEAD, "0 on every image"), (CONSTANT, "the same on every image"), (BROKEN, "not a finite number")],
)
def test_units_that_say_nothing_say_so(tab: Tab, unit: int, said: str) -> None:
    page = tab.go(f"#/unit/{quote('first<1>', safe='')}/{unit}")
    expect(page.locator("#view .lead")).to_contain_text(said)


def test_a_layer_without_maps(browser: Any, mapless: Dissection, dictionary: FaceDictionary, tmp_path: Path) -> None:
    write_report(mapless, dictionary, tmp_path / "report.html")
    tab = opened(browser, tmp_path / "report.html")
    page = tab.go("#/unit/act/0")
    expect(page.locator("#view .lead")).to_contain_text("has no maps")
    expect(page.locator(".top-faces canvas[data-drawn=face]")).to_have_count(4)
    expect(page.locator(".bias").first).to_be_visible()
    page = tab.go("#/units")
    expect(page.locator(".card").first).to_contain_text("no map to compare")
    assert not tab.said
    page.context.close()


def test_only_rows_on_the_screen_exist(tab: Tab, result: Dissection) -> None:
    tab.page.set_viewport_size({"width": 390, "height": 600})
    page = tab.go("#/units")
    expect(page.locator(".card").first).to_be_visible()
    assert page.locator(".card").count() < len(result.units)
    expect(page.locator(".card").first).to_have_attribute("aria-setsize", str(len(result.units)))
    before = page.evaluate("document.documentElement.scrollHeight")
    page.mouse.wheel(0, 20000)
    expect(page.locator(f'.card[aria-posinset="{len(result.units)}"]')).to_be_visible()
    assert page.evaluate("document.documentElement.scrollHeight") == before


def test_coming_back_is_coming_back_to_the_same_place(tab: Tab) -> None:
    tab.page.set_viewport_size({"width": 390, "height": 600})
    page = tab.go("#/units")
    page.locator(".card .name").nth(4).click()
    expect(page.locator(".unit-page h1")).to_be_visible()
    page.go_back()
    expect(page.locator(".card").first).to_be_visible()
    page.mouse.wheel(0, 1500)
    page.wait_for_timeout(400)
    before = page.evaluate("scrollY")
    assert before > 500
    page.locator(".card .name").locator("visible=true").nth(5).click()
    expect(page.locator(".unit-page h1")).to_be_visible()
    assert page.evaluate("scrollY") == 0
    page.go_back()
    expect(page.locator(".card").first).to_be_visible()
    assert abs(page.evaluate("scrollY") - before) < 400, "the click itself may have scrolled a little"
    at = page.evaluate("scrollY")
    page.wait_for_timeout(300)
    page.reload()
    expect(page.locator(".card").first).to_be_visible()
    assert abs(page.evaluate("scrollY") - at) <= 1


def test_every_unit_can_be_reached_by_keyboard(tab: Tab, result: Dissection) -> None:
    tab.page.set_viewport_size({"width": 390, "height": 600})
    page = tab.go("#/units")
    page.locator(".card .name").first.focus()
    seen = set()
    for _ in range(len(result.units)):
        seen.add(page.evaluate("document.activeElement.getAttribute('href')"))
        page.keyboard.press("Tab")
        page.wait_for_timeout(40)
    assert len(seen) == len(result.units)


def test_no_page_is_wider_than_the_screen(tab: Tab) -> None:
    for width in WIDTHS:
        tab.page.set_viewport_size({"width": width, "height": 900})
        for route in ROUTES.values():
            page = tab.go(route)
            page.wait_for_timeout(100)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (width, route)


def test_anchors_of_the_summary_work_from_every_page(tab: Tab) -> None:
    page = tab.go(ROUTES["unit"])
    page.locator("#bar").get_by_text("Trust").click()
    expect(page.locator("#trust-title")).to_be_in_viewport()
    expect(page.locator("#view")).to_be_hidden()


def test_an_address_of_nothing(tab: Tab) -> None:
    page = tab.go("#/unit/nowhere/99")
    expect(page.locator("#view h1")).to_have_text("There is no such page")


def test_a_missing_folder_is_said(browser: Any, files: dict[str, Path], tmp_path: Path) -> None:
    shutil.copy(files["folder"], tmp_path / "report.html")
    tab = opened(browser, tmp_path / "report.html")
    page = tab.go("#/")
    page.locator("#bar").get_by_text("Units").click()
    expect(page.get_by_role("alert")).to_contain_text("beside this page")
    page.context.close()


def test_the_summary_needs_no_script(browser: Any, files: dict[str, Path]) -> None:
    tab = opened(browser, files["file"], java_script_enabled=False)
    tab.page.goto(tab.address)
    for text in ("What was found", "How far to trust it", "this summary is complete without it"):
        assert tab.page.locator("body").inner_text().count(text) == 1
    tab.page.context.close()


def test_it_prints(tab: Tab) -> None:
    page = tab.go("#/units")
    page.emulate_media(media="print")
    expect(page.locator("#bar")).to_be_hidden()
    assert page.pdf()[:4] == b"%PDF"
