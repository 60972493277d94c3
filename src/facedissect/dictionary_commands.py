"""The commands that make dictionaries and look at them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from . import options
from .building import Recipe, build, read_action_units, read_landmark_files, read_recipe, with_labels
from .console import counted, err, note, out, say
from .curation import balanced, examine, hold_out, merge_file
from .dictionary import images
from .dictionary.detect import detect_faces
from .dictionary.faces import FaceDictionary
from .dictionary.faults import Fault
from .dictionary.open import check_dictionary, open_dictionary
from .dictionary.pack import pack
from .dictionary.write import write_published
from .errors import SettingsError
from .progress import ProgressReport
from .report.browse import browse

OutOption = Annotated[Path, typer.Option("--out", metavar="DIR", help="A new or empty folder.")]
PackedOption = Annotated[
    bool,
    typer.Option("--packed", help="Write Parquet shards, as `facedissect pack` does, and not the published layout."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")]


def demo_faces(
    out_dir: OutOption,
    count: Annotated[int, typer.Option(min=1, help="Faces to draw.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Other seeds draw other faces.")] = 0,
    size: Annotated[int, typer.Option(min=32, help="Width and height in pixels.")] = 128,
) -> None:
    """Write embedded faces as a Face Dictionary in the published layout."""
    write_published(open_dictionary("demo", count=count, seed=seed, size=size), out_dir)
    say(f"{count} faces written to {out_dir}; check them with: facedissect check {out_dir}")


def check(
    dictionary: options.DictionaryArgument,
    format_name: options.FormatOption = None,
    option: options.ReaderOption = None,
    as_json: JsonOption = False,
) -> None:
    """List every fault of a dictionary at once; exit status 1 if one of them is an error."""
    with ProgressReport(err) as report:
        faults = check_dictionary(
            dictionary,
            format=format_name,
            progress=lambda done, total: report("check", done, total),
            **options.parse_reader_options(option),
        )
    if as_json:
        _print_json([fault.as_dict() for fault in faults])
    else:
        _print_faults(faults)
    _end_with(dictionary, faults, quiet=as_json)


def detect(
    dictionary: options.DictionaryArgument,
    format_name: options.FormatOption = None,
    option: options.ReaderOption = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="Where boxes and landmarks go. (default: landmarks.csv in the dictionary)"
        ),
    ] = None,
) -> None:
    """Find the faces of a dictionary once, and keep their boxes and landmarks with it, for --crop box and --crop align."""
    faces = _opened(dictionary, format_name, option)
    with ProgressReport(err) as progress:
        found = detect_faces(faces, path=file, progress=lambda done, total: progress("faces", done, total))
    located = sum(face.box is not None or face.landmarks is not None for face in found)
    say(f"{dictionary}: faces found in {located:,} of {counted(len(found), 'image')}")


def build_dictionary(
    source: options.DictionaryArgument,
    out_dir: OutOption,
    format_name: options.FormatOption = None,
    option: options.ReaderOption = None,
    recipe_file: Annotated[
        Path | None,
        typer.Option("--recipe", metavar="FILE", help="What to build, as TOML (docs/dictionaries.md). (default: all)"),
    ] = None,
    landmarks: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|DIR",
            help="Landmarks as .pts files or CSV. (default: the dictionary's, .pts beside images, else found)",
        ),
    ] = None,
    action_units: Annotated[
        list[Path] | None,
        typer.Option(metavar="CSV", help="Action units by OpenFace or py-feat; may be repeated."),
    ] = None,
    packed: PackedOption = False,
) -> None:
    """Draw masks over landmarks for the attributes and action units that a source has labels of, and form subgroups.

    Example: facedissect build celeba --out face-dictionary
    """
    recipe = read_recipe(recipe_file) if recipe_file else Recipe()
    faces = _opened(source, format_name, option)
    ids = [face.id for face in faces]
    beside_images = Path(source) if faces.format == images.NAME and images.recognises(Path(source)) else None
    if places := landmarks or beside_images:
        faces = faces.located(read_landmark_files(places, ids))
    elif not any(face.landmarks is not None for face in faces):
        with ProgressReport(err) as progress:
            found_file = out_dir.with_name(f"{out_dir.name}-landmarks.csv")
            faces = detect_faces(faces, path=found_file, progress=lambda done, total: progress("faces", done, total))
        note(f"landmarks were found and are kept in {found_file}")
    for file in action_units or ():
        faces = with_labels(faces, read_action_units(file, ids, probability=recipe.probability))
    with ProgressReport(err) as progress:
        built = build(faces, recipe, progress=lambda done, total: progress("build", done, total))
    _write(built.dictionary, out_dir, packed=packed)
    record = out_dir / "built.json"
    record.write_text(json.dumps(built.as_dict(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    for line in built.notes:
        note(line)
    say(
        f"{counted(len(built.dictionary), 'face')} built in {out_dir}; {len(built.left_out):,} left out, listed in {record}"
    )


def browse_dictionary(
    dictionary: options.DictionaryArgument,
    html: Annotated[Path, typer.Option("--html", metavar="DIR", help="A new or empty folder for the pages.")],
    format_name: options.FormatOption = None,
    option: options.ReaderOption = None,
    samples: Annotated[int, typer.Option(min=1, help="Faces shown for each concept.")] = 24,
    seed: Annotated[int, typer.Option(min=0, help="Other seeds choose other faces.")] = 0,
) -> None:
    """Write pages to look at a dictionary: each concept with faces and lit masks, counts, what occurs together."""
    faces = _opened(dictionary, format_name, option)
    with ProgressReport(err) as progress:
        browse(faces, html, samples=samples, seed=seed, progress=lambda done, total: progress("pictures", done, total))
    say(f"pages: {html / 'index.html'}")


def merge(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The sources and what to rename, as TOML (docs/dictionaries.md).")
    ],
    out_dir: OutOption,
    packed: PackedOption = False,
) -> None:
    """Merge several dictionaries into one."""
    merged = merge_file(file)
    _write(merged, out_dir, packed=packed)
    say(f"{counted(len(merged), 'face')} merged in {out_dir}; look for trouble with: facedissect examine {out_dir}")


def sample(
    dictionary: options.DictionaryArgument,
    out_dir: OutOption,
    format_name: options.FormatOption = None,
    option: options.ReaderOption = None,
    balance: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Equally many faces of each subgroup of this global concept; repeated: crossed."
        ),
    ] = None,
    share: Annotated[
        float | None,
        typer.Option(
            "--hold-out", metavar="SHARE", help="Hold this share of the faces out, in DIR-held-out; by identity."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Other seeds choose other faces.")] = 0,
    packed: PackedOption = False,
) -> None:
    """Balance the subgroups of a dictionary by leaving faces out, or hold faces out, nobody on both sides.

    Example: facedissect sample faces --balance age --balance gender --hold-out 0.2 --out balanced
    """
    if not balance and share is None:
        raise SettingsError(
            "expected --balance NAME, --hold-out SHARE or both, got neither; see facedissect sample --help"
        )
    faces = _opened(dictionary, format_name, option)
    if balance:
        faces = balanced(faces, balance, seed=seed)
    parts = {out_dir: faces}
    if share is not None:
        rest, held = hold_out(faces, share, seed=seed)
        parts = {out_dir: rest, out_dir.with_name(f"{out_dir.name}-held-out"): held}
    for folder, part in parts.items():
        _write(part, folder, packed=packed)
        say(f"{counted(len(part), 'face')} written to {folder}")


def pack_dictionary(
    dictionary: options.DictionaryArgument,
    out_dir: OutOption,
    format_name: options.FormatOption = None,
    option: options.ReaderOption = None,
) -> None:
    """Write a dictionary as Parquet shards, which are smaller and faster to read than a tree of files."""
    faces = _opened(dictionary, format_name, option)
    _write(faces, out_dir, packed=True)
    say(f"{counted(len(faces), 'face')} packed in {out_dir}")


def unpack(
    dictionary: options.DictionaryArgument,
    out_dir: OutOption,
    format_name: options.FormatOption = None,
    option: options.ReaderOption = None,
) -> None:
    """Write a dictionary of any format in the published layout."""
    faces = _opened(dictionary, format_name, option)
    _write(faces, out_dir, packed=False)
    say(f"{counted(len(faces), 'face')} written to {out_dir}")


def examine_dictionary(
    dictionary: options.DictionaryArgument,
    format_name: options.FormatOption = None,
    option: options.ReaderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look for what makes the numbers of a dictionary doubtful: duplicates, conflicts, imbalance, confounding, odd masks."""
    faces = _opened(dictionary, format_name, option)
    with ProgressReport(err) as progress:
        found = examine(faces, progress=lambda done, total: progress("examine", done, total))
    if as_json:
        _print_json(found.as_dict())
    else:
        _print_faults(found.faults)
    _end_with(dictionary, found.faults, quiet=as_json)


DICTIONARY_COMMANDS: dict[str, Callable[..., None]] = {
    "demo-faces": demo_faces,
    "check": check,
    "examine": examine_dictionary,
    "browse": browse_dictionary,
    "detect": detect,
    "build": build_dictionary,
    "merge": merge,
    "sample": sample,
    "pack": pack_dictionary,
    "unpack": unpack,
}
"""Name -> command, in the order of the help."""


def _opened(location: str, format_name: str | None, option: Sequence[str] | None) -> FaceDictionary:
    return open_dictionary(location, format=format_name, **options.parse_reader_options(option))


def _write(dictionary: FaceDictionary, folder: Path, *, packed: bool) -> None:
    with ProgressReport(err) as progress:
        write = pack if packed else write_published
        write(dictionary, folder, progress=lambda done, total: progress("write", done, total))


def _print_faults(faults: Sequence[Fault]) -> None:
    table = Table("severity", "fault", "where", "what", box=None, pad_edge=False)
    for fault in faults:
        where = fault.file if fault.row is None else f"{fault.file} ({fault.row})"
        table.add_row(
            fault.severity, fault.code, where, fault.message, style="red" if fault.severity == "error" else ""
        )
    if faults:
        out.print(table)


def _print_json(content: Any) -> None:
    sys.stdout.write(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def _end_with(dictionary: str, faults: Iterable[Fault], *, quiet: bool) -> None:
    """How many faults there are; exit status 1 if one of them is an error."""
    faults = list(faults)
    errors = sum(fault.severity == "error" for fault in faults)
    if not quiet:
        say(f"{dictionary}: {counted(errors, 'error')}, {counted(len(faults) - errors, 'warning')}")
    if errors:
        raise typer.Exit(1)
