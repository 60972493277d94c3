"""Save and load an Ablation beside its layer in the folder of a result: a Parquet table and its settings as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from .ablation import Ablation
from .errors import OutputError
from .results import Dissection
from .storage import layer_folder, save_beside

FORMAT = 1
TABLE, SETTINGS = "ablation.parquet", "ablation.json"
_KEPT = ("layer", "mode", "task", "metric", "higher_is_better", "faces", "controls", "seed", "resamples", "made_of")


def save_ablation(ablation: Ablation, folder: str | os.PathLike[str]) -> Path:
    """Write it into the folder of a result, in place of an earlier one of the layer; the path of the table, which comes last.

    Raises:
        OutputError: the result has no such layer, or the folder cannot be written to.
    """
    place = Path(folder) / layer_folder(ablation.layer)
    if not (place / "units.parquet").is_file():
        raise OutputError(
            f"expected the folder of a run with layer {ablation.layer}, got {folder}; see `facedissect run`"
        )
    settings = {"format": FORMAT, **{name: getattr(ablation, name) for name in _KEPT}}
    settings["sets"] = [{"name": name, "units": list(units)} for name, units in ablation.sets.items()]
    save_beside(place, {TABLE: ablation.table}, settings, SETTINGS)
    return place / TABLE


def load_ablation(folder: str | os.PathLike[str], layer: str) -> Ablation | None:
    """Read back what `save_ablation` wrote; None where the layer has none.

    Raises:
        OutputError: it is damaged, or of another version.
    """
    place = Path(folder) / layer_folder(layer)
    if not (place / TABLE).is_file():
        return None
    try:
        settings: Mapping[str, Any] = json.loads((place / SETTINGS).read_text(encoding="utf-8"))
        if settings["format"] != FORMAT:
            raise OutputError(
                f"expected an ablation of format {FORMAT}, got {settings['format']} in {place}; ablate again"
            )
        return Ablation(
            sets={entry["name"]: tuple(entry["units"]) for entry in settings["sets"]},
            table=pd.read_parquet(place / TABLE),
            **{name: settings[name] for name in _KEPT},
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutputError(
            f"expected a complete ablation, got a damaged one in {place} ({error}); ablate again"
        ) from error


def ablations_of(result: Dissection, folder: str | os.PathLike[str]) -> tuple[Ablation, ...]:
    """Those beside the layers of a result that are of its network and its dictionary, in the order of the layers.

    Raises:
        OutputError: one is damaged, or of another version.
    """
    made_of = {"model": result.provenance.model["digest"], "dictionary": result.provenance.dictionary["digest"]}
    found = (load_ablation(folder, layer) for layer in result.layers)
    return tuple(ablation for ablation in found if ablation and dict(ablation.made_of) == made_of)
