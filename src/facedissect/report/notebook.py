"""How a result, a unit and a concept show themselves in a notebook: small tables and lit faces, in the notebook's own colours."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from ..dictionary.faces import FaceDictionary
from ..dictionary.open import open_dictionary
from ..errors import FacedissectError
from ..results import Dissection
from ..views import FoundConcept, Unit
from . import wording
from .pictures import Picture, pictures
from .summary import summarise
from .templating import environment
from .thumbnails import LitFaces

SIDE = 128
"""Pixels of the longer side of a thumbnail."""

SHOWN_UNITS = 3
"""Units of a concept that are shown with their faces."""

MOST_ROWS = 12


def result_html(result: Dissection) -> str:
    """A short summary of a result and a table of its layers."""
    run = summarise(result)
    return _rendered("notebook_result.html.j2", result=result, run=run, opening=wording.opening(run))


def unit_html(unit: Unit) -> str:
    """A unit with its lit faces, what it detects and how it is biased; without faces where they cannot be read."""
    lit, missing = _pictures(unit.result, [unit])
    return _rendered("notebook_unit.html.j2", unit=unit, pictures=lit, missing=missing)


def concept_html(found: FoundConcept) -> str:
    """A concept: how many units of each layer it has, the best of them, and the lit faces of some."""
    shown = found.top_units(SHOWN_UNITS)
    lit, missing = _pictures(found.result, shown)
    layers = [
        (
            layer,
            int((found.labelled["layer"] == layer).sum()),
            int((found.detecting["layer"] == layer).sum()),
            best,
        )
        for layer, best in found.best_iou.items()
    ]
    return _rendered(
        "notebook_concept.html.j2",
        found=found,
        layers=layers,
        best=list(found.labelled.head(MOST_ROWS).itertuples()),
        shown=shown,
        pictures=lit,
        missing=missing,
    )


def _rendered(template: str, **context: Any) -> str:
    templates = environment({"number": wording.number, "thousands": "{:,}".format})
    return templates.get_template(template).render(wording=wording, **context)


def _pictures(result: Dissection, units: Sequence[Unit]) -> tuple[dict[tuple[str, int], list[Picture]], str]:
    """(layer, unit) -> its lit faces, and why there are none or some are crossed."""
    if not units:
        return {}, ""
    try:
        faces = LitFaces(result, reopened(result), SIDE)
        shown = {(unit.layer, unit.unit): pictures(faces, result[unit.layer], unit) for unit in units}
    except (FacedissectError, OSError) as error:
        return {}, f"The faces are not shown, as the dictionary cannot be opened: {error}"
    return shown, wording.unread_faces(faces.unread) if faces.unread else ""


def reopened(result: Dissection) -> FaceDictionary:
    """The dictionary that a result was made with, where it was then; the last one is kept at hand.

    Raises:
        DictionaryError: it is not there any more.
    """
    known = result.provenance.dictionary
    return _opened(str(known["location"]), str(known["format"]), json.dumps(known.get("options", {})))


@lru_cache(maxsize=2)
def _opened(location: str, format_name: str, options: str) -> FaceDictionary:
    return open_dictionary(location, format=format_name, **json.loads(options))
