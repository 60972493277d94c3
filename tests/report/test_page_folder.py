"""The folder beside a large page: replaced and removed where a report wrote all of it, and never where anybody else did."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from facedissect.dictionary.faces import FaceDictionary
from facedissect.errors import OutputError
from facedissect.report import html, page_folder, write_report
from facedissect.results import Dissection


@pytest.fixture
def written(result: Dissection, dictionary: FaceDictionary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a report that was too large for one file."""
    with monkeypatch.context() as patch:
        patch.setattr(html, "INLINE_BYTES", 0)
        write_report(result, dictionary, tmp_path / "report.html")
    return tmp_path / "report_files"


def add(name: str, content: str = "mine") -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(content, encoding="ascii")


STRANGE: dict[str, Callable[[Path], object]] = {
    "another file": add("notes.txt"),
    "a script of the same name": add("layer-0.js"),
    "a script that is not a piece": add("jquery.js"),
    "a picture that is none": add("000000.webp"),
    "a folder": lambda folder: (folder / "layer-9.js").mkdir(),
    "a link": lambda folder: (folder / "layer-9.js").symlink_to(folder / "layer-0.js"),
    "no index": lambda folder: (folder / "index.js").unlink(),
}
"""What makes a folder of ours somebody else's."""


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() if path.is_file() else b"" for path in folder.iterdir()}


def test_it_goes_when_the_page_needs_it_no_more(written: Path, result: Dissection, dictionary: FaceDictionary) -> None:
    (written / ".DS_Store").write_bytes(b"what a system leaves")
    assert page_folder.is_ours(written)
    write_report(result, dictionary, written.parent / "report.html")
    assert [path.name for path in written.parent.iterdir()] == ["report.html"]
    assert 'data-pieces="report_files"' not in (written.parent / "report.html").read_text(encoding="utf-8")


def test_the_folder_of_another_page_stays(written: Path, result: Dissection, dictionary: FaceDictionary) -> None:
    before = contents(written)
    write_report(result, dictionary, written.parent / "other.html")
    assert contents(written) == before


@pytest.mark.parametrize("strange", STRANGE)
def test_what_no_report_wrote_stays(
    written: Path, result: Dissection, dictionary: FaceDictionary, strange: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    STRANGE[strange](written)
    before = contents(written)
    assert not page_folder.is_ours(written)
    write_report(result, dictionary, written.parent / "report.html")
    assert contents(written) == before
    page = (written.parent / "report.html").read_bytes()
    monkeypatch.setattr(html, "INLINE_BYTES", 0)
    with pytest.raises(OutputError, match="report_files, which holds other files"):
        write_report(result, dictionary, written.parent / "report.html")
    assert contents(written) == before
    assert (written.parent / "report.html").read_bytes() == page


def test_a_link_to_a_folder_of_ours_stays(written: Path, result: Dissection, dictionary: FaceDictionary) -> None:
    elsewhere = written.rename(written.parent / "elsewhere")
    written.symlink_to(elsewhere)
    before = contents(elsewhere)
    write_report(result, dictionary, written.parent / "report.html")
    assert written.is_symlink()
    assert contents(elsewhere) == before


def test_a_folder_of_ours_and_an_empty_one_are_replaced(
    written: Path, result: Dissection, dictionary: FaceDictionary, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(written)
    monkeypatch.setattr(html, "INLINE_BYTES", 0)
    (written / "outlines-99.js").write_text(page_folder.piece_script("outlines-99", "old"), encoding="ascii")
    write_report(result, dictionary, written.parent / "report.html")
    assert contents(written) == before
    for path in written.iterdir():
        path.unlink()
    write_report(result, dictionary, written.parent / "report.html")
    assert contents(written) == before


def test_what_comes_in_at_the_last_moment_is_put_back(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter([True, False])
    monkeypatch.setattr(page_folder, "is_ours", lambda _: next(looks))
    before = contents(written)
    page_folder.remove_stale(written.parent / "report.html")
    assert contents(written) == before
    assert sorted(path.name for path in written.parent.iterdir()) == ["report.html", "report_files"]


def test_one_that_cannot_be_removed_is_no_error(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "replace", refuse)
    page_folder.remove_stale(written.parent / "report.html")
    assert (written / "index.js").is_file()
