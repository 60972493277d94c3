"""docs/how-to/add-a-model.md, followed word by word: every block runs in order, and prints what the page says."""

from __future__ import annotations

import ast
import difflib
import re
import shlex
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
import typer
from torch import nn

from facedissect import cli
from facedissect.model import DOORS
from facedissect.model.checkpoint import load_weights
from facedissect.model.zoo import ZOO

REPOSITORY = Path(__file__).resolve().parent.parent
PAGE = REPOSITORY / "docs" / "how-to" / "add-a-model.md"

FENCE = re.compile(r"(?:^`(?P<file>[\w./-]+)`:\n\n)?^```(?P<language>[^\n]*)\n(?P<text>.*?)^```$", re.M | re.S)
PROGRESS = re.compile(r"^(peaks|masks|faces): \d+ of \d+ faces.*\n", re.M)
SILENT = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)
"""What Python does not show outside the main program."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block of the page.

    Attributes:
        language: python, shell or text.
        text: what is inside.
        line: of the page at which that begins.
        file: the file that it is, if it is one.
    """

    language: str
    text: str
    line: int
    file: str | None = None


def blocks() -> list[Block]:
    page = PAGE.read_text()
    found = [
        Block(
            language=match["language"],
            text=match["text"],
            line=page.count("\n", 0, match.start("text")) + 1,
            file=match["file"],
        )
        for match in FENCE.finditer(page)
    ]
    assert 2 * len(found) == len(re.findall(r"^\s*```", page, re.M))
    return found


class Follower:
    """Does what the page says, in one folder and one Python."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys, self._monkeypatch = capsys, monkeypatch
        self._names: dict[str, Any] = {"__name__": "__main__"}

    def follow(self, block: Block) -> str:
        """What a block prints, standard error first, without progress."""
        self._capsys.readouterr()
        if block.file is not None:
            Path(block.file).write_text(block.text)
        elif block.language == "python":
            with warnings.catch_warnings():
                # torch calls its own TorchScript and its old exporter of ONNX deprecated; nothing else may be said.
                for category in (DeprecationWarning, FutureWarning):
                    warnings.simplefilter("ignore", category)
                # So that a traceback shows the line of the page.
                exec(compile("\n" * (block.line - 1) + block.text, str(PAGE), "exec"), self._names)  # noqa: S102
        else:
            return "".join(self._run(line) for line in block.text.replace("\\\n", " ").splitlines())
        output = self._capsys.readouterr()
        return output.err + output.out

    def _run(self, line: str) -> str:
        program, *arguments = shlex.split(line)
        assert program == "facedissect", line
        self._monkeypatch.setattr(sys, "argv", [program, *arguments])
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            for category in SILENT:
                warnings.simplefilter("ignore", category)
            try:
                cli.main()
                status = 0
            except SystemExit as end:
                status = int(end.code or 0)
        output = self._capsys.readouterr()
        assert status == int("error: " in output.err), f"{line}: exit status {status}\n{output.err}"
        return PROGRESS.sub("", output.err) + output.out


def assert_printed(block: Block, printed: str, expected: str) -> None:
    got, said = ([line.rstrip() for line in text.splitlines()] for text in (printed, expected))
    if got != said:
        difference = "\n".join(difflib.unified_diff(said, got, "the page", "printed", lineterm=""))
        pytest.fail(f"{PAGE}:{block.line}\n{difference}", pytrace=False)


@pytest.fixture
def follower(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Follower]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    doors, modules = dict(DOORS), set(sys.modules)
    with torch.random.fork_rng(devices=[]):
        yield Follower(capsys, monkeypatch)
    DOORS.clear()
    DOORS.update(doors)
    for name in set(sys.modules) - modules:
        if Path(getattr(sys.modules[name], "__file__", None) or "/").parent == tmp_path:
            del sys.modules[name]


def test_the_page_is_followed_word_by_word(follower: Follower) -> None:
    followed = blocks()
    assert {block.language for block in followed} == {"python", "shell", "text"}
    for block, after in zip(followed, [*followed[1:], None], strict=True):
        if block.language != "text":
            expected = after.text if after is not None and after.language == "text" else ""
            assert_printed(block, follower.follow(block), expected)


def test_every_expected_output_follows_a_block_that_prints() -> None:
    followed = blocks()
    assert followed[0].language != "text"
    for before, block in pairwise(followed):
        assert block.language != "text" or (before.language != "text" and before.file is None), block.line


def test_the_file_holds_the_class_of_the_page() -> None:
    """The page shows the network twice."""
    classes = [
        ast.dump(statement)
        for block in blocks()
        if block.language == "python"
        for statement in ast.parse(block.text).body
        if isinstance(statement, ast.ClassDef) and statement.name == "MyNetwork"
    ]
    assert len(classes) == 2
    assert classes[0] == classes[1]


def rows(first: str) -> list[list[str]]:
    """The cells of the rows of the table whose head begins with `first`."""
    table = PAGE.read_text().partition(f"| {first} |")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def quoted(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def test_every_source_has_a_row() -> None:
    schemes = re.findall(r"^\| `(\w+):", PAGE.read_text(), re.M)
    assert {*schemes, "python"} == set(DOORS)


def test_extras_are_those_of_the_project() -> None:
    project = (REPOSITORY / "pyproject.toml").read_text()
    extras = [name for row in rows("`--model` | weights") for name in quoted(row[3])]
    assert extras == ["timm", "transformers"]
    for extra in [*extras, "onnx"]:
        assert re.search(rf"^{extra} = \[", project, re.M), extra


def test_every_option_of_the_page_is_one_of_run() -> None:
    run = typer.main.get_command(cli.app).commands["run"]  # type: ignore[attr-defined]
    known = {option for parameter in run.params for option in parameter.opts}
    of_the_network = {"--size", "--mean", "--std", "--interpolation", "--crop", "--margin", "--channel-order"}
    told = set(re.findall(r"--[a-z][a-z-]+", PAGE.read_text()))
    assert told - {"--all"} <= known
    assert of_the_network | {"--value-range", "--device", "--precision", "--batch-size"} <= told


def test_aliases_are_those_of_the_zoo() -> None:
    told = {name: tuple(map(str, quoted(" ".join(row[1:])))) for row in rows("`zoo:`") for name in quoted(row[0])}
    assert told == {name: entry.layers for name, entry in ZOO.items()}


def test_every_wrapping_and_prefix_of_the_page_is_taken_off(tmp_path: Path) -> None:
    table = {row[0]: quoted(row[1]) for row in rows("in a checkpoint")}
    assert len(table["wrapped"]) == 5
    assert table["prefixes"] == ["module.", "_orig_mod.", "model.", "net."]
    state = nn.Sequential(nn.Conv2d(3, 2, 1)).state_dict()
    saved: list[Any] = [{"epoch": 1, "outer": 2, wrapping: state} for wrapping in table["wrapped"]]
    saved += [{f"{prefix}{name}": value for name, value in state.items()} for prefix in table["prefixes"]]
    saved.append({"state_dict": {"model": saved[-1]}})
    for number, content in enumerate(saved):
        torch.save(content, tmp_path / f"{number}.pth")
        module = nn.Sequential(nn.Conv2d(3, 2, 1))
        load_weights(module, tmp_path / f"{number}.pth")
        assert all(torch.equal(module.state_dict()[name], value) for name, value in state.items())
