"""Save and load a Baseline in the folder of its result: two Parquet tables and its settings as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from .baseline import Baseline
from .errors import OutputError
from .storage import save_beside

FORMAT = 2
TABLE, LABELS, SETTINGS = "baseline.parquet", "baseline_labels.parquet", "baseline.json"


def save_baseline(baseline: Baseline, folder: str | os.PathLike[str]) -> tuple[Path, Path]:
    """Write it into the folder of its result, in place of an earlier one; the paths of its two tables.

    The labels are written before the table of counts, which comes last.

    Raises:
        OutputError: there is no result, or it is another, or the folder cannot be written to.
    """
    place = Path(folder)
    if _made_of(place) != dict(baseline.made_of):
        raise OutputError(
            f"expected the folder of the run that the baseline is of, got {folder}; see `facedissect run`"
        )
    settings = {
        "format": FORMAT,
        "seeds": baseline.seeds,
        "permutations": baseline.permutations,
        "drawn": list(baseline.drawn),
        "made_of": dict(baseline.made_of),
    }
    save_beside(place, {LABELS: baseline.labels, TABLE: baseline.table}, settings, SETTINGS)
    return place / TABLE, place / LABELS


def load_baseline(folder: str | os.PathLike[str]) -> Baseline | None:
    """Read back what `save_baseline` wrote; None where there is none, or only one of an earlier run in the same folder.

    Raises:
        OutputError: it is damaged, or of another version.
    """
    place = Path(folder)
    if not (place / TABLE).is_file():
        return None
    try:
        settings: Mapping[str, Any] = json.loads((place / SETTINGS).read_text(encoding="utf-8"))
        if settings["format"] != FORMAT:
            raise OutputError(
                f"expected a baseline of format {FORMAT}, got {settings['format']} in {place}; run `facedissect baseline` again"
            )
        if settings["made_of"] != _made_of(place):
            return None
        return Baseline(
            table=pd.read_parquet(place / TABLE),
            labels=pd.read_parquet(place / LABELS),
            seeds=settings["seeds"],
            permutations=settings["permutations"],
            drawn=tuple(settings["drawn"]),
            made_of=settings["made_of"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutputError(
            f"expected a complete baseline, got a damaged one in {place} ({error}); run `facedissect baseline` again"
        ) from error


def _made_of(folder: Path) -> dict[str, str] | None:
    """Which run the result of a folder is of; None where there is no result."""
    try:
        known = json.loads((folder / "dissection.json").read_text(encoding="utf-8"))["provenance"]
        return {
            "model": known["model"]["digest"],
            "dictionary": known["dictionary"]["digest"],
            "created": known["created"],
        }
    except (OSError, ValueError, KeyError, TypeError):
        return None
