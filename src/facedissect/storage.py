"""Save and load a Dissection: Parquet, JSON and npz, never pickle. A folder is complete or absent (docs/formats.md)."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .atomic import atomic
from .concepts import Concept, GlobalConcept, Vocabulary
from .errors import OutputError, SettingsError
from .mapped import release
from .peaks import Peaks, row_blocks
from .provenance import Provenance
from .results import Dissection, LayerResult
from .settings import Settings

FORMAT = 2
TABLES = ("units", "concepts", "hierarchy", "bias", "trends", "sweep", "top_faces")


def layer_folder(layer: str) -> str:
    """The folder of a layer: its name with every character outside `[A-Za-z0-9._-]` replaced by `_`."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", layer)


def check_output(folder: Path, layers: Iterable[str]) -> None:
    """Fail before the work rather than after it, and replace nothing that no run has written.

    Raises:
        OutputError: the folder cannot be made or written to, two layers would share a sub-folder, or one is somebody else's.
    """
    layers = tuple(layers)
    names = {layer_folder(layer) for layer in layers}
    if len(names) < len(set(layers)):
        raise OutputError(f"expected layers with different folder names, got {', '.join(layers)}; run them apart")
    for name in names:
        check_ours(folder / name, "units.parquet")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _try_to_write(folder)
    except OSError as error:
        raise OutputError(
            f"expected a folder that can be written to, got {folder} ({error.strerror}); choose another with --out"
        ) from error


def writable(folder: Path) -> bool:
    """Whether a file can be made in an existing folder."""
    try:
        _try_to_write(folder)
    except OSError:
        return False
    return True


def _try_to_write(folder: Path) -> None:
    """Permissions alone do not tell: file systems may be read-only or full."""
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".writable-"):
        pass


def save(result: Dissection, folder: str | os.PathLike[str]) -> None:
    """Write a result into a folder, one sub-folder a layer; `dissection.json` comes last.

    Raises:
        OutputError: as of `check_output`.
    """
    folder = Path(folder)
    check_output(folder, result.layers)
    stale = _layer_folders(folder) - {layer_folder(layer) for layer in result.layers}
    (folder / "dissection.json").unlink(missing_ok=True)  # a folder half rewritten must not look complete
    for layer in result.layers.values():
        with atomic(folder / layer_folder(layer.layer)) as scratch:
            scratch.mkdir()
            _save_layer(layer, scratch)
    with atomic(folder / "dissection.json") as scratch:
        scratch.write_text(json.dumps(_header(result), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    for name in stale:
        shutil.rmtree(folder / name, ignore_errors=True)


def check_ours(folder: Path, sign: str) -> None:
    """Refuse to replace a folder that no run has written.

    Args:
        folder: what a result would replace; may not exist yet.
        sign: a pattern of a file that every such folder of ours has.

    Raises:
        OutputError: it is somebody else's.
    """
    empty = folder.is_dir() and not any(folder.iterdir())
    if folder.exists() and not empty and not any(folder.glob(sign)):
        raise OutputError(f"expected a new folder or one of an earlier run, got {folder}; choose another with --out")


def save_beside(
    place: Path, tables: Mapping[str, pd.DataFrame], settings: Mapping[str, Any], settings_file: str
) -> None:
    """Write tables and what they were made with into a folder of a result, in place of earlier ones.

    Args:
        place: the folder.
        tables: by file name. The last one is removed first and written last: where it is, all is there.
        settings, settings_file: what they were made with, and its file.

    Raises:
        OutputError: the folder cannot be written to.
    """
    last = place / tuple(tables)[-1]
    try:
        last.unlink(missing_ok=True)  # never a table beside the settings of another
    except OSError as error:
        raise OutputError(f"expected to write {last}, got: {error.strerror}; check the folder") from error
    with atomic(place / settings_file) as scratch:
        scratch.write_text(json.dumps(settings, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    for name, table in tables.items():
        with atomic(place / name) as scratch:
            table.to_parquet(scratch, index=False)


def _layer_folders(folder: Path) -> set[str]:
    """Folders of the layers of a result that is already there."""
    try:
        return {layer_folder(layer) for layer in load(folder).layers}
    except OutputError:
        return set()


def _save_layer(layer: LayerResult, folder: Path) -> None:
    for table in TABLES:
        getattr(layer, table).to_parquet(folder / f"{table}.parquet", index=False)
    _save_peaks(layer.peaks, folder / "peaks.npz")
    np.savez(folder / "top_maps.npz", maps=layer.top_maps)


def _save_peaks(peaks: Peaks, path: Path) -> None:
    """As `numpy.savez` would, but never with all of them in memory."""
    arrays = {"faces": np.array(peaks.faces, np.str_), "highest": peaks.highest, "lowest": peaks.lowest}
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                header = np.lib.format.header_data_from_array_1_0(array)
                np.lib.format.write_array_header_1_0(file, header | {"fortran_order": False})
                for rows in row_blocks(array):
                    file.write(array[rows].tobytes())
                    release(array)


def _header(result: Dissection) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "settings": result.settings.as_dict(),
        "provenance": {key: dict(v) if isinstance(v, Mapping) else v for key, v in vars(result.provenance).items()},
        "vocabulary": asdict(result.vocabulary),
        "layers": [
            {
                "name": layer.layer,
                "folder": layer_folder(layer.layer),
                "map_size": list(layer.map_size) if layer.map_size else None,
                "units": len(layer.units),
                "interpretable": int(layer.units["interpretable"].sum()),
            }
            for layer in result.layers.values()
        ],
    }


def load(folder: str | os.PathLike[str]) -> Dissection:
    """Read back what `save` wrote.

    Raises:
        OutputError: the folder is not a finished result, is damaged, or is of another version.
    """
    folder = Path(folder)
    header_file = folder / "dissection.json"
    if not header_file.is_file():
        raise OutputError(
            f"expected the folder of a finished run (with dissection.json), got {folder}; see `facedissect run`"
        )
    try:
        header = json.loads(header_file.read_text(encoding="utf-8"))
        if header["format"] != FORMAT:
            raise OutputError(f"expected a result of format {FORMAT}, got {header['format']} in {folder}; run it again")
        provenance = header["provenance"] | {"warnings": tuple(header["provenance"]["warnings"])}
        return Dissection(
            settings=Settings(**header["settings"]),
            vocabulary=Vocabulary(
                concepts=tuple(Concept(**concept) for concept in header["vocabulary"]["concepts"]),
                global_concepts=tuple(
                    GlobalConcept(name=g["name"], subgroups=tuple(g["subgroups"]))
                    for g in header["vocabulary"]["global_concepts"]
                ),
            ),
            provenance=Provenance(**provenance),
            layers={
                entry["name"]: _load_layer(folder / layer_folder(entry["name"]), entry) for entry in header["layers"]
            },
        )
    except (OSError, ValueError, KeyError, TypeError, SettingsError) as error:
        raise OutputError(
            f"expected a complete result, got a damaged one in {folder} ({error}); run it again"
        ) from error


def _load_layer(folder: Path, entry: Mapping[str, Any]) -> LayerResult:
    with np.load(folder / "peaks.npz", allow_pickle=False) as file:
        peaks = Peaks(faces=tuple(file["faces"].tolist()), highest=file["highest"], lowest=file["lowest"])
    with np.load(folder / "top_maps.npz", allow_pickle=False) as file:
        top_maps = file["maps"]
    map_size = (entry["map_size"][0], entry["map_size"][1]) if entry["map_size"] else None
    tables = {table: pd.read_parquet(folder / f"{table}.parquet") for table in TABLES}
    return LayerResult(layer=entry["name"], map_size=map_size, peaks=peaks, top_maps=top_maps, **tables)
