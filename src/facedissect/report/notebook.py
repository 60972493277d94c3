"""How results, units, concepts and comparisons show themselves in a notebook: small tables and pictures, in its own colours."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pandas as pd

from ..comparison import Comparison
from ..dictionary.faces import FaceDictionary
from ..dictionary.open import reopen
from ..errors import FacedissectError
from ..results import Dissection
from ..views import FoundConcept, FoundGlobalConcept, Unit
from . import compare_wording, evidence_wording, wording
from .pictures import Picture, pictures
from .stacks import colours, stack_uri
from .summary import FEW_IMAGES, summarise
from .templating import environment
from .thumbnails import LitFaces

SIDE = 128
"""Pixels of the longer side of a thumbnail."""

SHOWN_UNITS = 3
"""Units of a concept that are shown with their faces."""

MOST_ROWS = 12

LEADERS = 5
"""Units that are named of those biased towards a subgroup."""


@dataclass(frozen=True, kw_only=True)
class Stack:
    """The units of a layer by falling share of one subgroup, stacked; `uri` and `alt` are of the picture."""

    subgroup: str
    biased: int
    uri: str
    alt: str


@dataclass(frozen=True, kw_only=True)
class SideBySide:
    """A table of counts: `rows` of a name and, for each side, the count and its share of the side's whole."""

    caption: str
    what: str
    rows: Sequence[tuple[str, Sequence[tuple[int, float]]]]


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
            int((found.labelled["layer"] == layer)[found.labelled["supported"]].sum()),
            int((found.detecting["layer"] == layer).sum()),
            best,
        )
        for layer, best in found.best_iou.items()
    ]
    return _rendered(
        "notebook_concept.html.j2",
        found=found,
        layers=layers,
        judged=bool(found.labelled["q"].notna().any()),
        best=list(found.labelled.head(MOST_ROWS).itertuples()),
        shown=shown,
        pictures=lit,
        missing=missing,
    )


def global_concept_html(found: FoundGlobalConcept) -> str:
    """A global concept: how many units are biased to whom, the units of each layer stacked, and the most biased ones."""
    leaders = {
        subgroup: [(unit, wording.label(unit), unit.bias[found.name][place]) for unit in first]
        for place, subgroup in enumerate(found.subgroups)
        if (first := found.top_units(subgroup, LEADERS))
    }
    return _rendered(
        "notebook_global.html.j2",
        found=found,
        colours=dict(zip(found.subgroups, colours(len(found.subgroups)), strict=True)),
        few=FEW_IMAGES,
        layers=list(found.layers.itertuples()),
        stacks={layer: _stacks(found, layer) for layer in found.layers.index[found.layers["measured"] > 0]},
        leaders=leaders,
    )


def _stacks(found: FoundGlobalConcept, layer: str) -> list[Stack]:
    """One stack a subgroup, so that each can be held against the cut-off."""
    shares = found.probabilities.loc[[layer]].to_numpy(float)
    stacks = []
    for place, subgroup in enumerate(found.subgroups):
        biased = int(found.counts[subgroup][layer])
        stacks.append(
            Stack(
                subgroup=subgroup,
                biased=biased,
                uri=stack_uri(shares, place),
                alt=f"Shares of {wording.listed(found.subgroups)} in {wording.counted(len(shares), 'unit')} of {layer}, by "
                f"falling share of {subgroup}; {biased:,} {'is' if biased == 1 else 'are'} biased towards it.",
            )
        )
    return stacks


def comparison_html(comparison: Comparison) -> str:
    """Results side by side: what hampers the comparison, what was found in words, and the counts as tables."""
    labelled = comparison.counts("regions").sum()
    tables = [
        _side_by_side("Interpretable units by region", "Region", comparison.counts("regions"), labelled),
        _side_by_side(
            "Interpretable units by kind of concept",
            "Kind",
            comparison.counts("kinds").rename(index=wording.kind_name),
            labelled,
        ),
    ]
    biased, measured = comparison.counts("biased"), comparison.counts("biased", "measured")
    towards = comparison.counts("bias")
    tables += [
        _side_by_side(f"Units biased by {concept}", "Towards", towards.loc[concept], measured.loc[concept])
        for concept in biased.index
    ]
    if comparison.totals["judged"].any():
        held = comparison.counts("concepts", "supported")
        tables.append(
            _side_by_side(
                "Supported labels by concept", "Concept", held[held.any(axis=1)], comparison.totals["interpretable"]
            )
        )
    concepts = comparison.counts("concepts")
    return _rendered(
        "notebook_comparison.html.j2",
        title=compare_wording.title(comparison),
        warnings=compare_wording.warnings(comparison),
        summary=compare_wording.summary(comparison),
        names=comparison.names,
        totals=list(comparison.totals.reset_index().itertuples()),
        differences=[(about, name, values) for (about, name), *values in comparison.differences.itertuples(name=None)],
        contrasts=compare_wording.contrasts(comparison),
        contrast_sides=compare_wording.contrast_sides(comparison),
        contrast_note=compare_wording.CONTRAST_NOTE,
        tables=tables,
        concepts=[
            _side_by_side(f"{heading} ({len(names)})", "Concept", concepts.loc[names], labelled)
            for heading, names in compare_wording.groups(comparison)
        ],
    )


def _side_by_side(caption: str, what: str, counts: pd.DataFrame, wholes: pd.Series) -> SideBySide:
    shares = counts / wholes.where(wholes > 0)
    return SideBySide(
        caption=caption,
        what=what,
        rows=[
            (str(name), [(int(counts.loc[name, side]), float(shares.loc[name, side])) for side in counts.columns])
            for name in counts.index
        ],
    )


def _rendered(template: str, **context: Any) -> str:
    templates = environment({"number": wording.number, "thousands": "{:,}".format})
    return templates.get_template(template).render(wording=wording, evidence_wording=evidence_wording, **context)


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
    return _opened(json.dumps({name: known[name] for name in ("location", "format", "options") if name in known}))


@lru_cache(maxsize=2)
def _opened(known: str) -> FaceDictionary:
    return reopen(json.loads(known))
