"""The options of the command line, each worded once; defaults are those of Settings and of the network's source."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from .errors import SettingsError
from .model.load import DOORS
from .model.preprocess import ChannelOrder, Crop, Interpolation, ValueRange
from .settings import HierarchyWeight, Negatives, OnError, Precision, Settings, Union

MODEL_PANEL, METHOD_PANEL, MACHINE_PANEL, OUTPUT_PANEL = "The network", "The method", "The machine", "The output"


def _setting(name: str, text: str, panel: str = METHOD_PANEL, default: str | None = None) -> Any:
    """An option whose default is that of Settings."""
    return typer.Option(help=f"{text} (default: {default or getattr(Settings, name)})", rich_help_panel=panel)


def _network(text: str, *names: str, **options: Any) -> Any:
    return typer.Option(*names, help=text, rich_help_panel=MODEL_PANEL, **options)


DictionaryArgument = Annotated[
    str,
    typer.Argument(
        metavar="DICTIONARY",
        help="A folder with a Face Dictionary, or 'demo' for embedded faces ('demo:count=400,seed=1,size=128').",
    ),
]
ResultArgument = Annotated[Path, typer.Argument(metavar="DIR", help="The folder that a run left behind.")]
FormatOption = Annotated[
    str | None, typer.Option("--format", help="Format of the dictionary; recognised if not given.")
]
ReaderOption = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        metavar="NAME=VALUE",
        help="An option of the format's reader, such as missing=skip or preset=fasseg; may be repeated.",
    ),
]
LandmarksOption = Annotated[
    Path | None,
    typer.Option(
        "--landmarks",
        metavar="FILE",
        help="CSV of boxes and landmarks, as `facedissect detect` writes it. (default: landmarks.csv in the dictionary)",
    ),
]
ConceptOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Look for this local concept only; may be repeated. (default: all)", rich_help_panel=METHOD_PANEL
    ),
]
OutOption = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="Where results and reports go.", rich_help_panel=OUTPUT_PANEL)
]

ModelOption = Annotated[
    str,
    _network(
        f"Where the network comes from, one of {', '.join(f'{scheme}:...' for scheme in DOORS)}: "
        "a name, a file, or python:package.module:callable.",
        "--model",
        metavar="SPEC",
    ),
]
OtherModelOption = Annotated[
    str | None, typer.Option("--model", metavar="SPEC", help="The network. (default: as the run found it)")
]
OtherDictionaryOption = Annotated[
    str | None, typer.Option("--dictionary", help="The dictionary, if it is no longer where the run found it.")
]
WeightsOption = Annotated[
    str | None,
    _network(
        "Checkpoint: .safetensors, or a state_dict saved by torch (code in it never runs); or the name of the source's own "
        "weights, such as DEFAULT."
    ),
]
LayersOption = Annotated[
    list[str],
    _network(
        "A layer to dissect, a pattern such as 'layer4.*.conv*', or all-convs; may be repeated. `facedissect layers` lists "
        "them.",
        "--layer",
        "--layers",
        metavar="NAME",
    ),
]
SizeOption = Annotated[str | None, _network("Input size in pixels. (default: the network's own)", metavar="S|HxW")]
MeanOption = Annotated[
    tuple[float, float, float] | None, _network("Subtracted from the channels. (default: the network's own)")
]
StdOption = Annotated[tuple[float, float, float] | None, _network("Then divides them. (default: the network's own)")]
InterpolationOption = Annotated[
    Interpolation | None, _network("Of the images; masks are always nearest. (default: the network's own)")
]
CropOption = Annotated[
    Crop | None,
    _network(
        "Cut out each face (box) or also turn and scale it to the ArcFace template (align). Faces are found where the "
        "dictionary does not tell them. (default: the network's own)"
    ),
]
MarginOption = Annotated[
    float | None,
    _network("Room around a cropped face on every side, as a share of its size. (default: the network's own)"),
]
ChannelOrderOption = Annotated[
    ChannelOrder | None, _network("In which the network gets the channels. (default: the network's own)")
]
ValueRangeOption = Annotated[
    ValueRange | None, _network("Of the pixels before --mean and --std. (default: the network's own)")
]
NameOption = Annotated[str | None, _network("Name in reports and files. (default: the network's own)")]

QuantileOption = Annotated[float | None, _setting("quantile", "Share of a unit's values up to its threshold.")]
UnionOption = Annotated[
    Union | None, _setting("union", "Images in a union: those in which the unit fires, or all labelled ones.")
]
NegativesOption = Annotated[
    Negatives | None, _setting("negatives", "Whether images known to lack the concept count against a unit.")
]
HierarchyWeightOption = Annotated[
    HierarchyWeight | None, _setting("hierarchy_weight", "Weight of the scores within a region.")
]
MinIouOption = Annotated[float | None, _setting("min_iou", "A unit is interpretable above this IoU.")]
MinSubgroupOption = Annotated[
    int | None, _setting("min_subgroup", "Images that a subgroup must have for a bias to be supported.")
]
IntersectOption = Annotated[
    list[str] | None,
    typer.Option(
        "--intersect",
        metavar="NAME,NAME",
        help="Also compare the combinations of two or more global concepts, such as gender,ethnicity; may be repeated.",
        rich_help_panel=METHOD_PANEL,
    ),
]
ReplicatesOption = Annotated[
    int | None,
    _setting(
        "replicates", "Bootstrap replicates behind intervals and stability; 0 also leaves out the tests of labels."
    ),
]
SweepOption = Annotated[
    bool,
    typer.Option(
        "--sweep/--no-sweep", help="Find labels again at other quantiles, over a sample.", rich_help_panel=METHOD_PANEL
    ),
]
SeedOption = Annotated[int | None, _setting("seed", "Of all that is drawn at random: replicates, exchanges, samples.")]
ReferenceModeOption = Annotated[
    bool,
    typer.Option(
        "--reference-mode",
        help="Reproduce the published code's numbers: its quantile, resize and handling of zeros.",
        rich_help_panel=METHOD_PANEL,
    ),
]

DeviceOption = Annotated[
    str | None,
    typer.Option(
        "--device",
        "--devices",
        help="cpu, cuda, cuda:1, mps; 0,1 splits the images between two CUDA devices. (default: where the network is)",
        rich_help_panel=MACHINE_PANEL,
    ),
]
PrecisionOption = Annotated[
    Precision | None, _setting("precision", "Of the forward pass; fp32 is the network's own.", MACHINE_PANEL)
]
BatchSizeOption = Annotated[
    int | None,
    _setting(
        "batch_size", "Images in a forward pass; halved where memory runs out.", MACHINE_PANEL, default="by their size"
    ),
]
WorkersOption = Annotated[
    int | None,
    _setting(
        "workers",
        "Processes that read images and masks ahead of the network; 0 reads in between.",
        MACHINE_PANEL,
        default="one a core, at most 8",
    ),
]
CacheOption = Annotated[
    float | None,
    _setting(
        "cache_gb", "Disk in GB for maps that spare a second run of the network; deleted at the end.", MACHINE_PANEL
    ),
]
MemoryOption = Annotated[
    float | None,
    _setting(
        "memory_gb", "Memory in GB for the largest values of all units; beyond it they live on disk.", MACHINE_PANEL
    ),
]
OnErrorOption = Annotated[
    OnError | None, _setting("on_error", "Stop at an unreadable face, or leave it out.", MACHINE_PANEL)
]
TopFacesOption = Annotated[int | None, _setting("top_faces", "Faces kept for each unit.", OUTPUT_PANEL)]
ReferenceFilesOption = Annotated[
    bool,
    typer.Option(
        "--reference-files",
        help="Also write the published code's files, by its names. Large: all maps in float64.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]


def parse_size(text: str | None) -> int | tuple[int, int] | None:
    """A size as typed: `112`, or `112x96` for height x width. Raises SettingsError."""
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


def parse_reader_options(texts: Sequence[str] | None) -> dict[str, str | bool]:
    """Options of a reader as typed, `NAME=VALUE`; `true` and `false` are no text. Raises SettingsError."""
    found: dict[str, str | bool] = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise SettingsError(f"expected an option as NAME=VALUE, such as missing=skip, got {text!r}")
        found[name] = {"true": True, "false": False}.get(value, value)
    return found
