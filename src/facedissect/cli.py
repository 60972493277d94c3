"""The command line: parse, call the API, print errors."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from . import __version__, storage
from .dictionary.faces import FaceDictionary
from .dictionary.open import check_dictionary, open_dictionary
from .dictionary.write import write_published
from .dissection import dissect
from .errors import FacedissectError, SettingsError
from .model.face_model import FaceModel
from .model.load import load_model
from .model.preprocess import Crop, Interpolation
from .progress import ProgressReport
from .report import terminal, write_report
from .report.reference import MapFiles, write_reference_files
from .results import Dissection
from .settings import HierarchyWeight, Negatives, OnError, Settings, Union

MODEL_PANEL, METHOD_PANEL, MACHINE_PANEL, OUTPUT_PANEL = "The network", "The method", "The machine", "The output"

app = typer.Typer(
    name="facedissect",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    help="Says what each hidden unit of a face network looks at, and whether it is biased.\n\n"
    "Start with [bold]facedissect demo[/]: embedded faces, embedded networks, the whole pipeline, a report.",
)
DEMO_LAYERS = ("block4.relu", "block5.relu")
"""Layers of the embedded networks that `facedissect demo` opens: 128 units of 16 x 16 and 160 of 8 x 8."""

INTERRUPTED = 130
"""Exit status after Ctrl-C, which typer turns into an exit of its own."""

out = Console(highlight=False)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def _setting(name: str, text: str, panel: str = METHOD_PANEL) -> Any:
    """An option whose default is that of Settings."""
    return typer.Option(help=f"{text} (default: {getattr(Settings, name)})", rich_help_panel=panel)


def _network(text: str, *names: str, **options: Any) -> Any:
    return typer.Option(*names, help=text, rich_help_panel=MODEL_PANEL, **options)


DictionaryArgument = Annotated[
    str,
    typer.Argument(
        metavar="DICTIONARY",
        help="A folder with a Face Dictionary, or 'demo' for embedded faces ('demo:count=400,seed=1,size=128').",
    ),
]
FormatOption = Annotated[
    str | None, typer.Option("--format", help="Format of the dictionary; recognised if not given.")
]
ModelOption = Annotated[
    str,
    _network("demo:NAME, torchvision:NAME, onnx:FILE or python:package.module:callable.", "--model", metavar="SPEC"),
]
WeightsOption = Annotated[
    str | None,
    _network("Checkpoint: .safetensors, or a state_dict saved by torch. Code in it never runs."),
]
SizeOption = Annotated[str | None, _network("Input size in pixels. (default: the model's own)", metavar="S|HxW")]
MeanOption = Annotated[
    tuple[float, float, float] | None, _network("Subtracted from the RGB image in [0, 1]. (default: the model's own)")
]
StdOption = Annotated[tuple[float, float, float] | None, _network("Then divides it. (default: the model's own)")]
ResultArgument = Annotated[Path, typer.Argument(metavar="DIR", help="The folder that a run left behind.")]


@app.callback(invoke_without_command=True)
def _main(
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
    _debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error; anywhere on the line.")
    ] = False,
) -> None:
    if version:
        out.print(f"facedissect {__version__}")
        raise typer.Exit


@app.command()
def demo(
    out_dir: Annotated[Path, typer.Option("--out", help="Where the results go.")] = Path("demo"),
    count: Annotated[int, typer.Option(min=2, help="Embedded faces to draw.")] = 300,
    seed: Annotated[int, typer.Option(min=0, help="Other seeds draw other faces.")] = 0,
    models: Annotated[
        list[str] | None, typer.Option("--model", help="Embedded network: age, gender, smile, identity. (default: all)")
    ] = None,
) -> None:
    """Dissect the embedded networks on embedded faces, and write a report of each."""
    dictionary = open_dictionary("demo", count=count, seed=seed)
    for name in models or ["smile", "gender", "age", "identity"]:
        model = load_model(f"demo:{name}")
        result = _dissected(dictionary, model, DEMO_LAYERS, Settings(), out_dir / name, reference_files=False)
        _tell(result, out_dir / name)


@app.command("demo-faces")
def demo_faces(
    out_dir: Annotated[Path, typer.Option("--out", metavar="DIR", help="A new or empty folder.")],
    count: Annotated[int, typer.Option(min=1, help="Faces to draw.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Other seeds draw other faces.")] = 0,
    size: Annotated[int, typer.Option(min=32, help="Width and height in pixels.")] = 128,
) -> None:
    """Write embedded faces as a Face Dictionary in the published layout."""
    write_published(open_dictionary("demo", count=count, seed=seed, size=size), out_dir)
    _say(f"{count} faces written to {out_dir}; check them with: facedissect check {out_dir}")


@app.command()
def check(
    dictionary: DictionaryArgument,
    format_name: FormatOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the faults as JSON.")] = False,
) -> None:
    """List every fault of a dictionary at once; exit status 1 if one of them is an error."""
    with ProgressReport(err) as report:
        faults = check_dictionary(
            dictionary, format=format_name, progress=lambda done, total: report("check", done, total)
        )
    errors = sum(fault.severity == "error" for fault in faults)
    if as_json:
        sys.stdout.write(json.dumps([fault.as_dict() for fault in faults], indent=2, ensure_ascii=False) + "\n")
    else:
        table = Table("severity", "fault", "where", "what", box=None, pad_edge=False)
        for fault in faults:
            where = fault.file if fault.row is None else f"{fault.file} ({fault.row})"
            table.add_row(
                fault.severity, fault.code, where, fault.message, style="red" if fault.severity == "error" else ""
            )
        if faults:
            out.print(table)
        _say(f"{dictionary}: {_counted(errors, 'error')}, {_counted(len(faults) - errors, 'warning')}")
    if errors:
        raise typer.Exit(1)


@app.command()
def layers(
    model: ModelOption,
    weights: WeightsOption = None,
    size: SizeOption = None,
    all_layers: Annotated[bool, typer.Option("--all", help="Also layers without spatial maps.")] = False,
) -> None:
    """List a network's layers: names, types, units and map sizes."""
    table = Table("layer", "type", "units", "map", box=None, pad_edge=False)
    for info in load_model(model, weights=weights, size=_size(size)).layers():
        if info.map_size or all_layers:
            table.add_row(info.name, info.type, str(info.units), _by(info.map_size) if info.map_size else "none")
    (out if out.is_terminal else Console(highlight=False, width=200)).print(table)


@app.command()
def run(
    dictionary: DictionaryArgument,
    model: ModelOption,
    layer: Annotated[
        list[str],
        _network("A layer to dissect; may be repeated. `facedissect layers` lists them.", "--layer", metavar="NAME"),
    ],
    out_dir: Annotated[
        Path,
        typer.Option("--out", metavar="DIR", help="Where results and reports go.", rich_help_panel=OUTPUT_PANEL),
    ],
    format_name: FormatOption = None,
    weights: WeightsOption = None,
    size: SizeOption = None,
    mean: MeanOption = None,
    std: StdOption = None,
    interpolation: Annotated[
        Interpolation | None, _network("Of the images; masks are always nearest. (default: the model's own)")
    ] = None,
    crop: Annotated[
        Crop | None, _network("Cut out or align each face, which needs its box or landmarks. (default: none)")
    ] = None,
    name: Annotated[str | None, _network("Name in reports and files. (default: the model's own)")] = None,
    concept: Annotated[
        list[str] | None,
        typer.Option(
            help="Look for this local concept only; may be repeated. (default: all)", rich_help_panel=METHOD_PANEL
        ),
    ] = None,
    quantile: Annotated[float | None, _setting("quantile", "Share of a unit's values up to its threshold.")] = None,
    union: Annotated[
        Union | None, _setting("union", "Images in a union: those in which the unit fires, or all labelled ones.")
    ] = None,
    negatives: Annotated[
        Negatives | None, _setting("negatives", "Whether images known to lack the concept count against a unit.")
    ] = None,
    hierarchy_weight: Annotated[
        HierarchyWeight | None, _setting("hierarchy_weight", "Weight of the scores within a region.")
    ] = None,
    min_iou: Annotated[float | None, _setting("min_iou", "A unit is interpretable above this IoU.")] = None,
    reference_mode: Annotated[
        bool,
        typer.Option(
            "--reference-mode",
            help="Reproduce the published code's numbers: its quantile, resize and handling of zeros.",
            rich_help_panel=METHOD_PANEL,
        ),
    ] = False,
    batch_size: Annotated[int | None, _setting("batch_size", "Images in a forward pass.", MACHINE_PANEL)] = None,
    workers: Annotated[int | None, _setting("workers", "Threads that read ahead.", MACHINE_PANEL)] = None,
    device: Annotated[
        str | None,
        typer.Option(help="cpu, cuda, cuda:1, mps. (default: where the model is)", rich_help_panel=MACHINE_PANEL),
    ] = None,
    on_error: Annotated[
        OnError | None, _setting("on_error", "Stop at an unreadable face, or leave it out.", MACHINE_PANEL)
    ] = None,
    top_faces: Annotated[int | None, _setting("top_faces", "Faces kept for each unit.", OUTPUT_PANEL)] = None,
    reference_files: Annotated[
        bool,
        typer.Option(
            "--reference-files",
            help="Also write the published code's files, by its names. Large: all maps in float64.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = False,
) -> None:
    """Dissect layers of a network, and write tables and reports.

    Example: facedissect run demo --model demo:smile --layer block4.relu --out runs/smile
    """
    given = {
        "quantile": quantile,
        "union": union,
        "negatives": negatives,
        "hierarchy_weight": hierarchy_weight,
        "min_iou": min_iou,
        "top_faces": top_faces,
        "batch_size": batch_size,
        "workers": workers,
        "device": device,
        "on_error": on_error,
    }
    changes: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    settings = Settings.reference(**changes) if reference_mode else Settings(**changes)
    storage.check_output(out_dir, layer)
    faces = open_dictionary(dictionary, format=format_name)
    if concept:
        faces = faces.only(concept)
    network = load_model(
        model,
        weights=weights,
        size=_size(size),
        mean=mean,
        std=std,
        interpolation=interpolation or ("bicubic" if reference_mode else None),
        crop=crop,
        name=name,
    )
    result = _dissected(faces, network, layer, settings, out_dir, reference_files=reference_files)
    _tell(result, out_dir)


@app.command()
def show(
    result: ResultArgument,
    unit: Annotated[int | None, typer.Option(help="Tell all about this unit.")] = None,
    layer: Annotated[str | None, typer.Option(help="The unit's layer, if the run has several.")] = None,
) -> None:
    """Say in the terminal what a run found, or what a unit is."""
    terminal.show(storage.load(result), out, unit=unit, layer=layer)


@app.command()
def report(
    result: ResultArgument,
    html: Annotated[Path | None, typer.Option(help="Write an HTML report here. (default: DIR/report.html)")] = None,
    pdf: Annotated[Path | None, typer.Option(help="Write a PDF report here. (default: DIR/report.pdf)")] = None,
    dictionary: Annotated[
        str | None, typer.Option(help="The dictionary, if it is no longer where the run found it.")
    ] = None,
) -> None:
    """Write the reports of a run again, without running the network."""
    loaded = storage.load(result)
    faces = open_dictionary(dictionary or str(loaded.provenance.dictionary["location"]))
    chosen = [path for path in (html, pdf) if path] or [result / "report.html", result / "report.pdf"]
    for path in chosen:
        write_report(loaded, faces, path)
        _say(f"report: {path}")


def _dissected(
    dictionary: FaceDictionary,
    model: FaceModel,
    layer_names: Sequence[str],
    settings: Settings,
    folder: Path,
    *,
    reference_files: bool,
) -> Dissection:
    """Dissect and save with reports; nothing of an unfinished run stays behind."""
    storage.check_output(folder, layer_names)
    with ExitStack() as stack:
        observe = None
        if reference_files:
            storage.check_ours(folder / "reference", "*_quantile.npy")
            reference = stack.enter_context(storage.atomic(folder / "reference"))
            observe = stack.enter_context(MapFiles(reference, model.name)).observe
        with ProgressReport(err) as progress:
            result = dissect(
                dictionary, model, layers=layer_names, settings=settings, progress=progress, observe=observe
            )
        if reference_files:
            write_reference_files(result, dictionary, reference)
    storage.save(result, folder)
    for file in ("report.html", "report.pdf"):
        write_report(result, dictionary, folder / file)
    return result


def _tell(result: Dissection, folder: Path) -> None:
    for warning in result.provenance.warnings:
        err.print(f"note: {warning}", markup=False)
    for name, layer in result.layers.items():
        _say(f"{name}: {int(layer.units['interpretable'].sum())} of {len(layer.units)} units are interpretable")
    _say(f"report: {folder / 'report.html'} and report.pdf; in the terminal: facedissect show {folder}")


def _say(line: str) -> None:
    out.print(line, markup=False, soft_wrap=True)


def _size(text: str | None) -> int | tuple[int, int] | None:
    if text is None:
        return None
    try:
        numbers = [int(part) for part in text.lower().split("x")]
    except ValueError:
        numbers = []
    if len(numbers) == 1:
        return numbers[0]
    if len(numbers) == 2:
        return (numbers[0], numbers[1])
    raise SettingsError(f"expected a size such as 112 or 112x96 (height x width), got {text!r}")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"


def main() -> None:
    """Entry point: an expected error is one line on standard error and exit status 1 (2 for wrong usage)."""
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    debug = len(arguments) < len(sys.argv) - 1
    warnings.showwarning = lambda message, *_args, **_kwargs: err.print(f"warning: {message}", markup=False)
    try:
        app(arguments)
    except FacedissectError as error:
        if debug:
            raise
        err.print(f"error: {error}", markup=False)
        sys.exit(1)
    except SystemExit as end:
        if end.code == INTERRUPTED:
            err.print("interrupted: results that were not finished are not kept")
        raise
