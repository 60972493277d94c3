"""The commands that look at results after the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from . import options, storage
from .comparison import compare
from .console import out, say
from .errors import SettingsError
from .report import compare_terminal, server
from .report.compare import write as write_comparison
from .results import Dissection


def compare_results(
    results: Annotated[
        list[str],
        typer.Argument(
            metavar="A B ...", help="Folders that runs left behind, or FOLDER:LAYER for one layer of a run."
        ),
    ],
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page. (default: print in the terminal)")
    ] = None,
) -> None:
    """Compare models or layers: concepts, regions, kinds and biases side by side, and in what the runs differ.

    Of a single folder, the layers are compared.

    Example: facedissect compare runs/smile runs/gender:block5.relu --html compared.html
    """
    found = compare(_named(results))
    if html is None:
        compare_terminal.show(found, out)
        return
    write_comparison(found, html)
    say(f"comparison: {html}")


def view_report(
    folder: options.ResultArgument,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the report in the browser, or only print its address.")
    ] = True,
    port: Annotated[int, typer.Option(min=0, max=65535, help="On this machine only; 0 takes a free one.")] = 0,
) -> None:
    """Serve a report to the browser of this machine until Ctrl-C."""
    server.view(folder, port=port, browser=browser, tell=lambda address: say(f"{address} (Ctrl-C ends it)"))


def draw_figures(
    results: Annotated[
        list[str],
        typer.Argument(
            metavar="A [B ...]", help="Folders that runs left behind, or FOLDER:LAYER for one layer of a run."
        ),
    ],
    out_dir: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="Where they go. (default: A/figures; of several, ./figures)"),
    ] = None,
) -> None:
    """Draw every chart of a run, or of several those that compare them, as SVG and PNG for papers."""
    from .report.figures import write_figures  # matplotlib takes a second to import

    one = len(results) == 1 and Path(results[0]).is_dir()
    folder = out_dir or (Path(results[0]) / "figures" if one else Path("figures"))
    names = write_figures(_named(results), folder)
    say(f"figures: {len(names)} in {folder}, each as SVG and PNG, and captions.csv")


RESULT_COMMANDS: dict[str, Callable[..., None]] = {
    "compare": compare_results,
    "figures": draw_figures,
    "view": view_report,
}
"""Name -> command, in the order of the help."""


def _named(texts: Sequence[str]) -> dict[str, Dissection]:
    """What was typed -> result, under the network's name, or what was typed where two would have the same."""
    twice = [text for text, times in Counter(texts).items() if times > 1]
    if twice:
        raise SettingsError(f"expected different results, got {twice[0]} more than once; leave one out")
    loaded = [_loaded(text) for text in texts]
    names = [" ".join([str(result.provenance.model["name"]), *([layer] if layer else [])]) for result, layer in loaded]
    same = Counter(names)
    return {
        text if same[name] > 1 else name: result for text, name, (result, _) in zip(texts, names, loaded, strict=True)
    }


def _loaded(text: str) -> tuple[Dissection, str]:
    """The result and the layer of `FOLDER` (where the layer is empty) or `FOLDER:LAYER`; both may have colons of their own."""
    places = [place for place, letter in enumerate(text) if letter == ":"]
    for place in () if Path(text).is_dir() else reversed(places):
        folder, layer = Path(text[:place]), text[place + 1 :]
        if folder.is_dir() and layer:
            return storage.load(folder).only(layer), layer
    return storage.load(text), ""
