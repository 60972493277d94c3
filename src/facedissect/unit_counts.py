"""How many units of a layer are interpretable, supported or biased: the measures of a whole model."""

from __future__ import annotations

from dataclasses import dataclass

from .concepts import Vocabulary
from .results import LayerResult

INTERPRETABLE, SUPPORTED, BIASED, SUPPORTED_BIAS = "interpretable", "supported", "biased_", "supported_"
"""Columns of units.parquet; the last two go on with a global concept."""


@dataclass(frozen=True, kw_only=True)
class UnitCount:
    """How many units of a layer are something, by one column of its table of units.

    Attributes:
        measure: the column.
        units: that are it.
        of: units that could be: those with maps, or with a probability of some subgroup.
    """

    measure: str
    units: int
    of: int


def unit_counts(layer: LayerResult, vocabulary: Vocabulary, *, tested: bool = True) -> tuple[UnitCount, ...]:
    """The counts of a layer, in the order of its table's columns; without maps, only those of biases.

    Args:
        layer: of a result.
        vocabulary: names the global concepts.
        tested: whether the run tested labels; without, none is supported, which says nothing.
    """
    units, found = layer.units, []
    for column in (INTERPRETABLE, SUPPORTED) if tested else (INTERPRETABLE,):
        if layer.map_size and column in units:
            found.append(UnitCount(measure=column, units=int(units[column].astype(bool).sum()), of=len(units)))
    for concept in vocabulary.global_concepts:
        rows = layer.bias[layer.bias["global_concept"] == concept.name]
        measured = units["unit"].isin(rows.loc[rows["probability"].notna(), "unit"])
        for prefix in (BIASED, SUPPORTED_BIAS):
            column = f"{prefix}{concept.name}"
            if column in units:
                named = measured & (units[column].fillna("") != "")
                found.append(UnitCount(measure=column, units=int(named.sum()), of=int(measured.sum())))
    return tuple(found)


def spoken(measure: str) -> str:
    """A measure as what is said of units."""
    for prefix, words in ((BIASED, "are biased by"), (SUPPORTED_BIAS, "have a supported bias by")):
        if measure.startswith(prefix):
            return f"{words} {measure.removeprefix(prefix)}"
    return {INTERPRETABLE: "are interpretable", SUPPORTED: "have a supported label"}[measure]
