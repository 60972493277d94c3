"""write_report: the suffix chooses the format; a file is complete or absent."""

from __future__ import annotations

from pathlib import Path

import pytest

from facedissect.dictionary.faces import FaceDictionary
from facedissect.errors import OutputError
from facedissect.report import WRITERS, html, write_report
from facedissect.results import Dissection


@pytest.mark.parametrize("name", ["report.docx", "report", "report.html.gz"])
def test_unknown_suffix_names_the_known_ones(
    result: Dissection, dictionary: FaceDictionary, tmp_path: Path, name: str
) -> None:
    with pytest.raises(OutputError, match=r"\*\.html or \*\.pdf, got '" + name):
        write_report(result, dictionary, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_every_format_is_tested_here() -> None:
    assert set(WRITERS) == {".html", ".pdf"}


@pytest.mark.parametrize("suffix", sorted(WRITERS))
def test_a_folder_that_is_a_file_is_an_output_error(
    result: Dissection, dictionary: FaceDictionary, tmp_path: Path, suffix: str
) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(OutputError, match="taken"):
        write_report(result, dictionary, tmp_path / "taken" / f"report{suffix}")


def test_a_failure_leaves_the_old_report(
    result: Dissection, dictionary: FaceDictionary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.HTML"
    path.write_text("old")

    def fail(*_: object) -> str:
        raise RuntimeError("half written")

    monkeypatch.setattr(html, "_page", fail)
    with pytest.raises(RuntimeError, match="half written"):
        write_report(result, dictionary, path)
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.HTML"]
