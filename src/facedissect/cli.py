"""The command line: parse, call the API, print errors."""

from __future__ import annotations

import shutil
import sys
import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from . import __version__, options, storage
from .ablation_command import ABLATION_COMMANDS
from .atomic import atomic
from .baseline_command import BASELINE_COMMANDS
from .console import counted, err, note, out, say
from .dictionary.detect import detect_faces
from .dictionary.faces import FaceDictionary
from .dictionary.open import open_dictionary, reopen
from .dictionary_commands import DICTIONARY_COMMANDS
from .dissection import dissect
from .errors import FacedissectError
from .experiment_commands import experiment
from .model.face_model import FaceModel
from .model.load import load_model
from .progress import ProgressReport
from .report import Beside, terminal, write_report
from .report.reference import MapFiles, write_reference_files
from .result_commands import RESULT_COMMANDS
from .results import Dissection
from .settings import Settings
from .significance import SIGNIFICANCE
from .unit_counts import INTERPRETABLE, SUPPORTED, spoken, unit_counts
from .validation_command import validate_installation

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

UNFINISHED = ".unfinished"
"""Folder beside the results that holds what a stopped run needs to go on."""

INTERRUPTED = 130
"""Exit status after Ctrl-C, which typer turns into an exit of its own."""

RESUMED = ("run", "experiment")
"""Commands that go on where they stopped when they are given again."""


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


for name, command in {**DICTIONARY_COMMANDS, **RESULT_COMMANDS, **ABLATION_COMMANDS, **BASELINE_COMMANDS}.items():
    app.command(name)(command)
app.command("validate")(validate_installation)
app.add_typer(experiment)


@app.command()
def layers(
    model: options.ModelOption,
    weights: options.WeightsOption = None,
    size: options.SizeOption = None,
    all_layers: Annotated[bool, typer.Option("--all", help="Also layers without maps, such as linear ones.")] = False,
) -> None:
    """List a network's layers: names, types, units and map sizes."""
    table = Table("layer", "type", "units", "map", box=None, pad_edge=False)
    network = load_model(model, weights=weights, size=options.parse_size(size))
    for info in network.layers():
        if info.map_size or all_layers:
            table.add_row(info.name, info.type, str(info.units), _by(info.map_size) if info.map_size else "none")
    (out if out.is_terminal else Console(highlight=False, width=200)).print(table)
    for alias, name in network.aliases.items():
        say(f"{alias} stands for {name}")


@app.command()
def run(
    dictionary: options.DictionaryArgument,
    model: options.ModelOption,
    layer: options.LayersOption,
    out_dir: options.OutOption,
    format_name: options.FormatOption = None,
    option: options.ReaderOption = None,
    landmarks: options.LandmarksOption = None,
    weights: options.WeightsOption = None,
    size: options.SizeOption = None,
    mean: options.MeanOption = None,
    std: options.StdOption = None,
    interpolation: options.InterpolationOption = None,
    crop: options.CropOption = None,
    margin: options.MarginOption = None,
    channel_order: options.ChannelOrderOption = None,
    value_range: options.ValueRangeOption = None,
    name: options.NameOption = None,
    concept: options.ConceptOption = None,
    quantile: options.QuantileOption = None,
    union: options.UnionOption = None,
    negatives: options.NegativesOption = None,
    hierarchy_weight: options.HierarchyWeightOption = None,
    min_iou: options.MinIouOption = None,
    min_subgroup: options.MinSubgroupOption = None,
    intersect: options.IntersectOption = None,
    replicates: options.ReplicatesOption = None,
    sweep: options.SweepOption = True,
    seed: options.SeedOption = None,
    reference_mode: options.ReferenceModeOption = False,
    device: options.DeviceOption = None,
    precision: options.PrecisionOption = None,
    batch_size: options.BatchSizeOption = None,
    workers: options.WorkersOption = None,
    cache_gb: options.CacheOption = None,
    memory_gb: options.MemoryOption = None,
    on_error: options.OnErrorOption = None,
    top_faces: options.TopFacesOption = None,
    reference_files: options.ReferenceFilesOption = False,
) -> None:
    """Dissect layers of a network, and write tables and reports.

    Example: facedissect run demo --model demo:smile --layer block4.relu --out runs/smile

    A run that was stopped goes on where it left off when the same command is given again.
    """
    given = {
        "quantile": quantile,
        "union": union,
        "negatives": negatives,
        "hierarchy_weight": hierarchy_weight,
        "min_iou": min_iou,
        "min_subgroup": min_subgroup,
        "intersect": tuple(intersect) if intersect else None,
        "replicates": replicates,
        "sweep": None if sweep else (),
        "seed": seed,
        "top_faces": top_faces,
        "batch_size": batch_size,
        "workers": workers,
        "cache_gb": cache_gb,
        "memory_gb": memory_gb,
        "device": device,
        "precision": precision,
        "on_error": on_error,
    }
    changes: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    settings = Settings.reference(**changes) if reference_mode else Settings(**changes)
    storage.check_output(out_dir, ())
    # A file of landmarks that is not there yet is where they will be kept.
    known = {"landmarks": landmarks} if landmarks and landmarks.exists() else {}
    faces = open_dictionary(dictionary, format=format_name, **options.parse_reader_options(option), **known)
    if concept:
        faces = faces.only(concept)
    network = load_model(
        model,
        weights=weights,
        size=options.parse_size(size),
        mean=mean,
        std=std,
        interpolation=interpolation or ("bicubic" if reference_mode else None),
        crop=crop,
        margin=margin,
        channel_order=channel_order,
        value_range=value_range,
        name=name,
    )
    names = [info.name for info in network.layers(layer)]
    if network.preprocess.crop != "none":
        faces = _located(faces, landmarks, out_dir)
    result = _dissected(faces, network, names, settings, out_dir, reference_files=reference_files)
    _tell(result, out_dir, told=f"{network.untrained}.")


@app.command()
def show(
    result: options.ResultArgument,
    unit: Annotated[int | None, typer.Option(help="Tell all about this unit.")] = None,
    layer: Annotated[str | None, typer.Option(help="The unit's layer, if the run has several.")] = None,
) -> None:
    """Say in the terminal what a run found, or what a unit is."""
    loaded = storage.load(result)
    terminal.show(loaded, out, unit=unit, layer=layer, beside=Beside.read(loaded, result))


@app.command()
def report(
    result: options.ResultArgument,
    html: Annotated[Path | None, typer.Option(help="Write an HTML report here. (default: DIR/report.html)")] = None,
    pdf: Annotated[Path | None, typer.Option(help="Write a PDF report here. (default: DIR/report.pdf)")] = None,
    dictionary: Annotated[
        str | None, typer.Option(help="The dictionary, if it is no longer where the run found it.")
    ] = None,
    landmarks: options.LandmarksOption = None,
) -> None:
    """Write the reports of a run again, without running the network."""
    loaded = storage.load(result)
    faces = reopen(loaded.provenance.dictionary, dictionary, **({"landmarks": landmarks} if landmarks else {}))
    chosen = [path for path in (html, pdf) if path] or [result / "report.html", result / "report.pdf"]
    beside = Beside.read(loaded, result)
    for path in chosen:
        write_report(loaded, faces, path, beside)
        say(f"report: {path}")


def _located(faces: FaceDictionary, landmarks: Path | None, out_dir: Path) -> FaceDictionary:
    """The faces with boxes and landmarks, looked for now where nobody has done so yet."""
    if all(face.box is not None or face.landmarks is not None for face in faces):
        return faces
    kept_with_it = faces.format == "published" and storage.writable(Path(faces.location))
    path = landmarks or (None if kept_with_it else out_dir / "landmarks.csv")
    with ProgressReport(err) as progress:
        return detect_faces(faces, path=path, progress=lambda done, total: progress("faces", done, total))


def _dissected(
    dictionary: FaceDictionary,
    model: FaceModel,
    layer_names: Sequence[str],
    settings: Settings,
    folder: Path,
    *,
    reference_files: bool,
) -> Dissection:
    """Dissect and save with reports; of an unfinished run stays what it needs to go on."""
    storage.check_output(folder, layer_names)
    # The published maps are written in one go.
    unfinished = None if reference_files else folder / UNFINISHED
    with ExitStack() as stack:
        observe = None
        if reference_files:
            storage.check_ours(folder / "reference", "*_quantile.npy")
            reference = stack.enter_context(atomic(folder / "reference"))
            observe = stack.enter_context(MapFiles(reference, model.name)).observe
        with ProgressReport(err) as progress:
            result = dissect(
                dictionary,
                model,
                layers=layer_names,
                settings=settings,
                progress=progress,
                observe=observe,
                resume=unfinished,
                tell=note,
            )
        if reference_files:
            write_reference_files(result, dictionary, reference)
    storage.save(result, folder)
    for file in ("report.html", "report.pdf"):
        write_report(result, dictionary, folder / file)
    if unfinished:
        shutil.rmtree(unfinished, ignore_errors=True)
    return result


def _tell(result: Dissection, folder: Path, told: str = "") -> None:
    """What was found and where it is; `told` is a warning that the user has seen already."""
    for warning in result.provenance.warnings:
        if warning != told:
            note(warning)
    for name, layer in result.layers.items():
        if not layer.map_size:
            say(f"{name}: {counted(len(layer.units), 'unit')} without maps; only bias was measured")
            continue
        counts = unit_counts(layer, result.vocabulary, tested=result.settings.replicates > 0)
        units = {count.measure: count.units for count in counts}
        told = f"{name}: {units[INTERPRETABLE]} of {len(layer.units)} units {spoken(INTERPRETABLE)}"
        if units[INTERPRETABLE] and SUPPORTED in units:
            told += f", {units[SUPPORTED]} with a supported label (q < {SIGNIFICANCE:g})"
        say(told)
    say(f"report: {folder / 'report.html'} and report.pdf; in the terminal: facedissect show {folder}")


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
            err.print(f"interrupted: nothing half-written is kept{_going_on(arguments)}")
        raise


def _going_on(arguments: Sequence[str]) -> str:
    """How a command that was interrupted goes on; nothing of one that starts again."""
    command = next(iter(arguments), "")
    # The published maps are written in one go.
    if command not in RESUMED or "--reference-files" in arguments:
        return ""
    return f"; `facedissect {command}`, given again, goes on where it stopped"
