"""Models or layers side by side: what each of them found, as pandas tables, and in what their runs differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

import pandas as pd

from .concepts import KINDS, Vocabulary
from .errors import SettingsError
from .multiplicity import q_values
from .proportions import difference
from .provenance import Identity, describe
from .results import Dissection, LayerResult
from .unit_counts import unit_counts

Histogram = Literal["concepts", "regions", "kinds", "bias", "biased"]
ROWS: Mapping[Histogram, list[str]] = {
    "concepts": ["concept"],
    "regions": ["region"],
    "kinds": ["kind"],
    "bias": ["global_concept", "subgroup"],
    "biased": ["global_concept"],
}
"""Table of counts -> the columns that name what is counted."""

CONTRASTS = (
    *("measure", "first", "second", "units_first", "of_first", "units_second", "of_second"),
    *("difference", "low", "high", "p", "q"),
)
"""Columns of `Comparison.contrasts`."""

DICTIONARY = "dictionary"
"""What differences are about where the faces are others."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the things compared: a result with one layer or more, under a name of its own."""

    name: str
    result: Dissection = field(repr=False)

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of its layers, in the order of the run."""
        return tuple(self.result.layers)

    @property
    def model(self) -> str:
        """The network's name."""
        return str(self.result.provenance.model["name"])


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What several results found of one vocabulary, as tables with one row a fact, in the order of the sides.

    Attributes:
        sides: what is compared; at least two.
        vocabulary: the concepts, the same for all.
        layers: side, layer, map_size, units, compared (units with maps, the whole of `share`), interpretable, supported
            (interpretable ones, by the statistics), judged (that were tested), share, mean_iou (of the interpretable units).
        concepts: side, layer, concept, region, kind, images, units (whose label it is), supported (of these), detecting,
            best_iou.
        regions, kinds: side, layer, region or kind, units (interpretable, by their label).
        bias: side, layer, global_concept, subgroup, images, units (biased towards it), supported (of these),
            probability (mean over the units).
        biased: side, layer, global_concept, units (biased towards any subgroup), measured (units with a probability).
        contrasts: measure (a column of units.parquet, `unit_counts.py`), first, second (sides), units_first, of_first,
            units_second, of_second, difference (of the shares, first less second), low, high (95 % interval), p (Fisher's exact),
            q (over all rows). Of more than two sides, each against the first.
        differences: (about, name) x side -> value, of whatever has a say in the numbers and is not the same for all.
    """

    sides: tuple[Side, ...]
    vocabulary: Vocabulary = field(repr=False)
    layers: pd.DataFrame = field(repr=False)
    concepts: pd.DataFrame = field(repr=False)
    regions: pd.DataFrame = field(repr=False)
    kinds: pd.DataFrame = field(repr=False)
    bias: pd.DataFrame = field(repr=False)
    biased: pd.DataFrame = field(repr=False)
    contrasts: pd.DataFrame = field(repr=False)
    differences: pd.DataFrame = field(repr=False)

    def _repr_html_(self) -> str:
        """What was found side by side, with what differs between the runs, which a notebook shows."""
        from .report.notebook import comparison_html  # only a notebook needs the templates

        return comparison_html(self)

    @property
    def names(self) -> list[str]:
        """The names of the sides."""
        return [side.name for side in self.sides]

    @property
    def same_dictionary(self) -> bool:
        """Whether all dissected the same faces with the same labels, by the dictionaries' digests."""
        return len({side.result.provenance.dictionary["digest"] for side in self.sides}) == 1

    @property
    def totals(self) -> pd.DataFrame:
        """The columns of `layers` over all layers of each side."""
        grouped = self.layers.assign(sum_iou=self.layers["mean_iou"].fillna(0) * self.layers["interpretable"])
        sums = grouped.groupby("side", sort=False)[
            ["units", "compared", "interpretable", "supported", "judged", "sum_iou"]
        ].sum()
        return sums.assign(
            share=sums["interpretable"] / sums["compared"].where(sums["compared"] > 0),
            mean_iou=sums["sum_iou"] / sums["interpretable"].where(sums["interpretable"] > 0),
        ).drop(columns="sum_iou")

    @property
    def found(self) -> pd.DataFrame:
        """Concept x side: whether it is the label of a unit of that side, or one that a unit detects."""
        found = (self.counts("concepts") > 0) | (self.counts("concepts", "detecting") > 0)
        return found.loc[list(self.vocabulary.names)]

    def counts(self, table: Histogram, column: str = "units") -> pd.DataFrame:
        """A table of counts with one column a side: sums over the layers of a side."""
        rows: pd.DataFrame = getattr(self, table)
        summed = rows.groupby([*ROWS[table], "side"], sort=False)[column].sum().reset_index()
        wide = summed.pivot_table(index=ROWS[table], columns="side", values=column, sort=False)
        return wide.reindex(columns=self.names).fillna(0).astype(int)

    @property
    def sequences(self) -> tuple[pd.DataFrame, ...]:
        """Rows of `layers` that are one network's, at least two, in their order: how it develops with depth.

        Sides of the same network make one sequence, unless a layer would stand in it twice, as where two settings are compared.
        """
        digest = {side.name: side.result.provenance.model["digest"] for side in self.sides}
        sequences = []
        for _, rows in self.layers.groupby(self.layers["side"].map(digest), sort=False):
            apart = rows["layer"].duplicated().any()
            sequences += [part for _, part in rows.groupby("side", sort=False)] if apart else [rows]
        return tuple(rows for rows in sequences if len(rows) > 1)


def compare(results: Mapping[str, Dissection] | Sequence[Dissection] | Dissection) -> Comparison:
    """Compare results, or the layers of one.

    Args:
        results: two or more, by the name that each shall have; without names, each has that of its network. Of a single
            result, the layers are compared. `Dissection.only` chooses layers.

    Raises:
        SettingsError: there is nothing to compare, or the results speak of different concepts.
    """
    sides = _sides(results)
    vocabulary = sides[0].result.vocabulary
    for side in sides[1:]:
        _expect_vocabulary(vocabulary, sides[0].name, side)

    def stacked(table: Callable[[Side, LayerResult], pd.DataFrame]) -> pd.DataFrame:
        frames = [table(side, layer) for side in sides for layer in side.result.layers.values()]
        return pd.concat(frames, ignore_index=True)

    return Comparison(
        sides=sides,
        vocabulary=vocabulary,
        layers=stacked(_layer),
        concepts=stacked(_concepts),
        regions=stacked(lambda side, layer: _by_label(side, layer, "region", [r.name for r in vocabulary.regions])),
        kinds=stacked(lambda side, layer: _by_label(side, layer, "kind", [k for k in KINDS if vocabulary.of_kind(k)])),
        bias=stacked(_bias),
        biased=stacked(_biased),
        contrasts=_contrasts(sides),
        differences=_differences(sides),
    )


def _sides(results: Mapping[str, Dissection] | Sequence[Dissection] | Dissection) -> tuple[Side, ...]:
    named: Mapping[str, Dissection]
    if isinstance(results, Mapping):
        named = results
    else:
        given = [results] if isinstance(results, Dissection) else list(results)
        named = dict(zip(_names(given), given, strict=True))
    if len(named) == 1:
        (only,) = named.values()
        named = {layer: only.only(layer) for layer in only.layers}
    if len(named) < 2:
        raise SettingsError("expected two or more results, or one with several layers, got one layer; add another")
    return tuple(Side(name=name, result=result) for name, result in named.items())


def _names(results: Sequence[Dissection]) -> list[str]:
    """The networks' names; where two are the same, with the layers; where these are the same too, with a number."""
    models = [str(result.provenance.model["name"]) for result in results]
    seen = Counter(models)
    names = [
        f"{model} {', '.join(result.layers)}" if seen[model] > 1 else model
        for model, result in zip(models, results, strict=True)
    ]
    again = Counter(names)
    return [f"{name} ({number})" if again[name] > 1 else name for number, name in enumerate(names, 1)]


def _expect_vocabulary(vocabulary: Vocabulary, name: str, side: Side) -> None:
    other = side.result.vocabulary
    if other == vocabulary:
        return
    mine, theirs = _words(vocabulary), _words(other)
    lacks, adds = [word for word in mine if word not in theirs], [word for word in theirs if word not in mine]
    told = [
        f"{what} {', '.join(words[:3])}{' and more' if len(words) > 3 else ''}"
        for what, words in (("lacks", lacks), ("adds", adds))
        if words
    ]
    raise SettingsError(
        f"expected results of the same concepts, got {side.name}, which, against {name}, "
        f"{' and '.join(told) or 'has them in another order'}; dissect both with one dictionary"
    )


def _words(vocabulary: Vocabulary) -> list[str]:
    """Concepts as they are told apart."""
    return [
        *(f"{concept.name} ({concept.kind} of {concept.region})" for concept in vocabulary.concepts),
        *(f"{concept.name} ({', '.join(concept.subgroups)})" for concept in vocabulary.global_concepts),
    ]


def _stamped(side: Side, layer: LayerResult, columns: Mapping[str, Any]) -> pd.DataFrame:
    return pd.DataFrame({"side": side.name, "layer": layer.layer, **columns})


def _labelled(layer: LayerResult) -> pd.DataFrame:
    """The units that have a label."""
    return layer.units[layer.units["interpretable"].astype(bool)]


def _layer(side: Side, layer: LayerResult) -> pd.DataFrame:
    labelled, units = _labelled(layer), len(layer.units)
    compared = units if layer.map_size else 0
    values = {
        "map_size": "x".join(map(str, layer.map_size)) if layer.map_size else None,
        "units": units,
        "compared": compared,
        "interpretable": len(labelled),
        "supported": int(labelled["supported"].sum()),
        "judged": int(labelled["q"].notna().sum()),
        "share": len(labelled) / compared if compared else float("nan"),
        "mean_iou": float(labelled["iou"].mean()) if len(labelled) else float("nan"),
    }
    return _stamped(side, layer, {name: [value] for name, value in values.items()})


def _counted(values: pd.Series, names: Sequence[str]) -> list[int]:
    counts = Counter(values)
    return [counts[name] for name in names]


def _concepts(side: Side, layer: LayerResult) -> pd.DataFrame:
    vocabulary, images = side.result.vocabulary, side.result.provenance.concept_images
    detected = layer.hierarchy[layer.hierarchy["detected"].astype(bool)]
    best = layer.concepts.groupby("concept")["iou"].max()
    return _stamped(
        side,
        layer,
        {
            "concept": vocabulary.names,
            "region": [concept.region for concept in vocabulary.concepts],
            "kind": [concept.kind for concept in vocabulary.concepts],
            "images": [images.get(name, 0) for name in vocabulary.names],
            "units": _counted(_labelled(layer)["concept"], vocabulary.names),
            "supported": _counted(_labelled(layer).query("supported")["concept"], vocabulary.names),
            "detecting": _counted(detected["concept"], vocabulary.names),
            "best_iou": best.reindex(list(vocabulary.names)).to_numpy(float),
        },
    )


def _by_label(side: Side, layer: LayerResult, column: str, names: Sequence[str]) -> pd.DataFrame:
    return _stamped(side, layer, {column: list(names), "units": _counted(_labelled(layer)[column], names)})


def _bias(side: Side, layer: LayerResult) -> pd.DataFrame:
    bias = layer.bias
    higher = bias["biased"].astype(bool) & bias["supported"].astype(bool) & (bias["adjusted_delta"] > 0)
    rows = (
        bias.assign(higher=higher)
        .groupby(["global_concept", "subgroup"], sort=False)
        .agg(
            images=("images", "first"),
            units=("biased", "sum"),
            supported=("higher", "sum"),
            probability=("probability", "mean"),
        )
    )
    return _stamped(side, layer, {name: rows.reset_index()[name] for name in (*rows.index.names, *rows.columns)})


def _biased(side: Side, layer: LayerResult) -> pd.DataFrame:
    per_unit = layer.bias.assign(measured=layer.bias["probability"].notna()).groupby(
        ["global_concept", "unit"], sort=False
    )
    rows = (
        per_unit.agg(units=("biased", "any"), measured=("measured", "any")).groupby("global_concept", sort=False).sum()
    )
    return _stamped(side, layer, {name: rows.reset_index()[name] for name in (*rows.index.names, *rows.columns)})


def _contrasts(sides: Sequence[Side]) -> pd.DataFrame:
    """How the shares of units of each further side differ from those of the first, over all layers of a side."""
    first, *others = [_counts(side) for side in sides]
    rows = []
    for side, other in zip(sides[1:], others, strict=True):
        for measure in (name for name in first if name in other):
            (units, of), (other_units, other_of) = first[measure], other[measure]
            found = difference(units, of, other_units, other_of)
            rows.append(
                {
                    "measure": measure,
                    "first": sides[0].name,
                    "second": side.name,
                    "units_first": units,
                    "of_first": of,
                    "units_second": other_units,
                    "of_second": other_of,
                    "difference": found.value,
                    "low": found.low,
                    "high": found.high,
                    "p": found.p,
                }
            )
    table = pd.DataFrame(rows, columns=list(CONTRASTS[:-1]))
    return table.assign(q=q_values(table["p"].to_numpy(float)))


def _counts(side: Side) -> dict[str, tuple[int, int]]:
    """Measure -> units that count, and of how many."""
    counts: dict[str, tuple[int, int]] = {}
    for layer in side.result.layers.values():
        for count in unit_counts(layer, side.result.vocabulary, tested=side.result.settings.replicates > 0):
            units, of = counts.get(count.measure, (0, 0))
            counts[count.measure] = (units + count.units, of + count.of)
    return counts


def _differences(sides: Sequence[Side]) -> pd.DataFrame:
    facts = [_facts(side.result) for side in sides]
    keys = dict.fromkeys(key for told in facts for key in told)
    # A result of before a switch was there lacks it: that is told as a dash.
    rows = {key: [told.get(key, "–") for told in facts] for key in keys}
    differing = {key: values for key, values in rows.items() if any(left != right for left, right in pairwise(values))}
    index = (
        pd.MultiIndex.from_tuples(list(differing), names=["about", "name"])
        if differing
        else pd.MultiIndex.from_arrays([[], []], names=["about", "name"])
    )
    return pd.DataFrame(list(differing.values()), index=index, columns=[side.name for side in sides])


def _facts(result: Dissection) -> dict[tuple[str, str], str]:
    """(about, name) -> value, of all that has a say in the numbers but the network and its layers."""
    known = result.provenance
    identity = Identity(versions=known.versions, model=known.model, dictionary=known.dictionary)
    told = describe(identity, list(result.layers), result.settings, [])
    parts = {
        DICTIONARY: told["dictionary"] | {"faces left out": len(known.left_out)},
        "preprocessing": told["model"]["preprocess"],
        "settings": told["setting"],
        "versions": told["versions"],
        "machine": {"device": known.execution.get("device", "")},
    }
    return {(about, name): _spelt(value) for about, part in parts.items() for name, value in part.items()}


def _spelt(value: object) -> str:
    """A value as it reads; JSON makes lists of tuples, which are the same."""
    return ", ".join(map(_spelt, value)) if isinstance(value, (list, tuple)) else str(value)
