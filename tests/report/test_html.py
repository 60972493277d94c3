"""The page: parses, tells all that was found in its summary, escapes every name, and reaches for nothing on any network."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from facedissect.ablation import Ablation
from facedissect.baseline import Baseline
from facedissect.dictionary.faces import FaceDictionary
from facedissect.errors import OutputError
from facedissect.report import Beside, baseline_wording, html, write_report
from facedissect.report.packing import unpack
from facedissect.results import Dissection

from .conftest import HOSTILE

VOID = {"meta", "img", "br", "input", "link", "hr"}


class Page(HTMLParser):
    """What a page holds; fails where a tag is left open or closed twice."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def values(self, name: str, tag: str | None = None) -> list[str]:
        return [value for of, attribute, value in self.attributes if attribute == name and tag in (None, of)]


@pytest.fixture(scope="module")
def text(result: Dissection, dictionary: FaceDictionary, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("html") / "report.html"
    write_report(result, dictionary, path)
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def test_ids_are_unique_and_links_lead_somewhere(page: Page, result: Dissection) -> None:
    idents = page.values("id")
    assert len(idents) == len(set(idents))
    fragments = [link for tag in ("a", "use") for name in ("href", "xlink:href") for link in page.values(name, tag)]
    assert fragments
    assert {link.removeprefix("#") for link in fragments if not link.startswith("#/")} <= set(idents)
    assert {link.split("?")[0].rsplit("/", 1)[0] for link in fragments if link.startswith("#/")} == {
        "#",
        "#/concept",
        "#/global",
    }
    for label in page.values("aria-labelledby"):
        assert set(label.split()) <= set(idents)


def test_nothing_is_fetched(text: str, page: Page) -> None:
    assert not page.values("src")
    assert not page.tags["link"]
    assert not re.search(r"@import|url\((?!#)", text)
    addresses = set(re.findall(r"https?://[^\s\"'<]+", text))
    assert addresses <= {"http://www.w3.org/2000/svg"}, "a namespace is not fetched"
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    assert "default-src 'none'" in policy
    assert "connect-src" not in policy, "what is not named falls back to 'none'"


def test_the_policy_lets_the_own_script_run_and_no_other(text: str) -> None:
    (script,) = re.findall(r"<script>(.*?)</script>", text, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in text
    for word in ("innerHTML", "insertAdjacentHTML", "document.write", "eval(", "outerHTML"):
        assert word not in script


def test_names_are_shown_and_never_run(text: str, page: Page) -> None:
    assert HOSTILE not in text
    assert HOSTILE in "".join(page.text)
    assert "<b>net</b>" in "".join(page.text)
    assert "<b>deep</b>" in "".join(page.text)
    assert not page.values("onerror")
    assert not page.tags["img"]
    assert not page.tags["b"]


def test_the_summary_tells_what_was_found(page: Page, result: Dissection) -> None:
    content = re.sub(r"\s+", " ", " ".join(page.text))
    assert "What the units of <b>net</b> look at" in content
    for name, layer in result.layers.items():
        labelled = int(layer.units["interpretable"].sum())
        assert f"In {name}, {labelled} of 12 units" in content
    assert "SHA-256" in content
    green = int((result.units["interpretable"] & (result.units["concept"] == "green")).sum())
    assert f"green {green} units" in content


def test_the_summary_counts_leaning_units(page: Page, result: Dissection) -> None:
    content = re.sub(r"\s+", " ", " ".join(page.text))
    towards = int(result.bias.query("global_concept == 'tone' and subgroup == 'pale'")["biased"].sum())
    assert f"pale 30 images {towards} biased unit" in content


def test_charts_have_a_title_and_a_description(page: Page) -> None:
    assert page.tags["svg"] == page.tags["desc"] == 5
    assert sorted(page.values("role", "svg")) == ["group", *["img"] * 4], "the face holds links"


def test_pieces_are_held_for_every_layer(text: str, result: Dissection) -> None:
    pieces = _pieces(text)
    values, _ = unpack(pieces["index"])
    assert [layer["name"] for layer in values["layers"]] == list(result.layers)
    assert {f"layer-{number}" for number in range(2)} | {f"outlines-{number}" for number in range(4)} <= set(pieces)
    shown = sum(len(unpack(piece)[1]["start"]) - 1 for key, piece in pieces.items() if key.startswith("faces-"))
    assert shown == len(values["faces"])


def test_pictures_are_webp(text: str) -> None:
    _, arrays = unpack(_pieces(text)["faces-0"])
    for start, end in zip(arrays["start"][:-1], arrays["start"][1:], strict=True):
        image = arrays["bytes"][start:end].tobytes()
        assert image[:4] == b"RIFF"
        assert image[8:12] == b"WEBP"


def _pieces(text: str) -> dict[str, bytes]:
    found = re.findall(r'<script type="application/octet-stream" id="piece-([^"]+)">([^<]*)</script>', text)
    return {key: base64.b64decode(piece) for key, piece in found}


def test_supported_labels_are_counted_in_the_summary(result: Dissection, text: str) -> None:
    content = " ".join(" ".join(Page(text).text).split())
    assert f"{result.units['supported'].sum()} of these labels supported" in content
    assert "Exchanged masks: a unit that always fires around the mouth" in content
    assert "Ablation" not in content


def test_a_run_without_replicates_says_nothing_of_support(
    unjudged: Dissection, dictionary: FaceDictionary, tmp_path: Path
) -> None:
    write_report(unjudged, dictionary, tmp_path / "report.html")
    content = " ".join(Page((tmp_path / "report.html").read_text(encoding="utf-8")).text)
    content = content[: content.index("How to read it")]
    assert "of these labels" not in content
    assert "resamplings" not in content


def test_an_ablation_is_shown(
    result: Dissection, dictionary: FaceDictionary, ablation: Ablation, tmp_path: Path
) -> None:
    write_report(result, dictionary, tmp_path / "report.html", Beside(ablations=(ablation,)))
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    content = " ".join(" ".join(page.text).split())
    assert "act: accuracy, units replaced by 0" in content
    assert ablation.sentence("one") in content
    assert "<b>tied</b> 60 0.750 −0.250 −0.300 to −0.200 +0.000 controls lose nothing" in content
    assert "2.5 ×" in content
    assert "<b>tied</b>, tone <b>deep</b> 30" in content
    alone = [value for value in page.values("href", "a") if value.startswith("#/unit/act/")]
    assert alone == ["#/unit/act/1", "#/unit/act/0", "#/unit/act/2"], "the largest loss of each set first"


def test_a_baseline_is_shown(
    result: Dissection, dictionary: FaceDictionary, baseline: Baseline, tmp_path: Path
) -> None:
    write_report(result, dictionary, tmp_path / "report.html", Beside(baseline=baseline))
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    content = " ".join(" ".join(page.text).split())
    assert "#baseline" in page.values("href", "a")
    section = content[content.index(baseline_wording.TITLE) :]
    for text in (
        *baseline_wording.meaning(baseline),
        baseline_wording.CAPTION,
        *baseline.sentences_of_labels,
        " ".join(baseline.drawn),
    ):
        assert " ".join(text.split()) in section
    assert "first<1> are interpretable 9 of 12 2.5 +6.5 +2.0 to +9.1 4 –" in section
    assert "are biased by tone 3 of 12 5.0 −2.0 −6.3 to +1.5 1.7 (0.0 to 4.0) 0.200" in section
    assert page.values("scope", "th").count("rowgroup") == 1, "the layer stands above its rows"
    assert baseline_wording.HINT not in content
    assert not page.tags["b"]


def test_without_a_baseline_a_line_tells_how_to_make_one(page: Page) -> None:
    content = " ".join(" ".join(page.text).split())
    assert content.count(baseline_wording.HINT) == 1
    assert baseline_wording.TITLE not in content
    assert "#baseline" not in page.values("href", "a")


def test_the_index_tells_which_numbers_there_are_and_of_what(
    text: str, without_numbers: Dissection, dictionary: FaceDictionary, tmp_path: Path
) -> None:
    pieces = _pieces(text)
    assert unpack(pieces["index"])[0]["numbers"] == [{"name": "age", "told": "age in years", "of": ["era"]}]
    assert unpack(pieces["layer-0"])[0]["numbers"] == ["age"]
    write_report(without_numbers, dictionary, tmp_path / "report.html")
    pieces = _pieces((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert unpack(pieces["index"])[0]["numbers"] == []
    assert unpack(pieces["layer-0"])[1]["trend_rho"].shape == (12, 0)


def test_lost_images_are_said(result: Dissection, unreadable: FaceDictionary, tmp_path: Path) -> None:
    write_report(result, unreadable, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "could not be read when this report was written" in " ".join(Page(text).text)
    values, _ = unpack(_pieces(text)["index"])
    assert values["crossed"] == list(range(len(values["faces"])))


def test_no_global_concepts_and_no_interpretable_unit(
    bare_run: tuple[Dissection, FaceDictionary], tmp_path: Path
) -> None:
    write_report(*bare_run, tmp_path / "report.html")
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert page.tags["svg"] == 1, "only the face"
    content = " ".join(page.text)
    assert "No concept of the dictionary explains any of them." in content
    assert "#bias" not in page.values("href", "a")


def test_a_layer_without_maps(mapless: Dissection, dictionary: FaceDictionary, tmp_path: Path) -> None:
    write_report(mapless, dictionary, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "gave no map that says where in the image" in " ".join(Page(text).text)
    pieces = _pieces(text)
    assert unpack(pieces["index"])[0]["layers"][0]["map"] is None
    assert unpack(pieces["layer-0"])[1]["iou_firing"].shape == (0, 4)
    assert unpack(pieces["units-0-0"])[1]["maps"].size == 0


def test_the_same_result_gives_the_same_page(
    result: Dissection, dictionary: FaceDictionary, text: str, tmp_path: Path
) -> None:
    write_report(result, dictionary, tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == text


def test_a_small_run_is_one_file(result: Dissection, dictionary: FaceDictionary, tmp_path: Path) -> None:
    write_report(result, dictionary, tmp_path / "report.html")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_a_large_run_has_a_folder_beside_it(
    result: Dissection, dictionary: FaceDictionary, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces = _pieces(text)
    monkeypatch.setattr(html, "INLINE_BYTES", sum(-(-len(piece) // 3) * 4 for piece in pieces.values()) - 1)
    write_report(result, dictionary, tmp_path / "lärge.html")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lärge.html", "lärge_files"]
    page = (tmp_path / "lärge.html").read_text(encoding="utf-8")
    assert 'data-pieces="lärge_files"' in page
    assert not _pieces(page)
    for key in (key for key in pieces if not key.startswith("faces-")):
        script = (tmp_path / "lärge_files" / f"{key}.js").read_text(encoding="ascii")
        assert base64.b64decode(script.split('"')[3]) == pieces[key]
        assert script.startswith(f'facedissect.receive("{key}","')
    faces = unpack(pieces["index"])[0]["faces"]
    assert len(list((tmp_path / "lärge_files").glob("*.webp"))) == len(faces)


def test_the_limit_itself_is_still_one_file(
    result: Dissection, dictionary: FaceDictionary, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(html, "INLINE_BYTES", sum(-(-len(piece) // 3) * 4 for piece in _pieces(text).values()))
    write_report(result, dictionary, tmp_path / "report.html")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_what_stands_in_the_way_leaves_nothing_half_written(
    result: Dissection, dictionary: FaceDictionary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(html, "INLINE_BYTES", 0)
    (tmp_path / "report_files").write_text("a file where the folder shall be", encoding="utf-8")
    with pytest.raises(OutputError, match="report_files"):
        write_report(result, dictionary, tmp_path / "report.html")
    assert [path.name for path in tmp_path.iterdir()] == ["report_files"]


def test_pieces_do_not_depend_on_the_clock(text: str) -> None:
    for piece in _pieces(text).values():
        assert piece[:2] == b"\x1f\x8b"
        assert np.frombuffer(piece, "<u4", 1, 4)[0] == 0, "no time in the header"
        gzip.decompress(piece)
