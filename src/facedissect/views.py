"""One unit, concept or global concept of a result, as a notebook asks for it: facts as attributes, and a picture of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace

import numpy as np
import pandas as pd

from .concepts import Concept, GlobalConcept
from .errors import DictionaryError, SettingsError, nearest_names
from .results import Dissection
from .settings import bias_cutoff
from .units import UnitSummary, unit_summaries


@dataclass(frozen=True, kw_only=True, repr=False)
class Unit(UnitSummary):
    """What was found about one unit, as `Dissection.unit` gives it. In a notebook it shows itself with its lit faces.

    Attributes:
        layer: its layer.
        result: what it is a unit of.
    """

    layer: str
    result: Dissection = field(compare=False)

    @classmethod
    def of(cls, result: Dissection, layer: str, number: int) -> Unit:
        """The unit of a layer by its number, from 0.

        Raises:
            LayerError: the result has no such layer.
            SettingsError: the layer has no such unit.
        """
        found = result[layer]
        if not 0 <= number < len(found.units):
            raise SettingsError(f"expected a unit of {layer} from 0 to {len(found.units) - 1}, got {number}")
        tables = {
            name: getattr(found, name) for name in ("units", "concepts", "hierarchy", "bias", "sweep", "top_faces")
        }
        rows = {name: table[table["unit"] == number] for name, table in tables.items()}
        (facts,) = unit_summaries(replace(found, **rows))
        return cls(layer=layer, result=result, **{field.name: getattr(facts, field.name) for field in fields(facts)})

    @property
    def label(self) -> str | None:
        """Its best concept where that exceeds the cut-off; else None."""
        return self.best.concept if self.best and self.interpretable else None

    def __repr__(self) -> str:
        parts = [f"Unit {self.unit} of {self.layer}: {self.label or 'no label'}"]
        if self.best:
            closest = "" if self.interpretable else f", closest {self.best.concept}"
            parts.append(f"{self.region}{closest}, IoU {self.iou:.3f}")
        if self.detected:
            parts.append("detects " + ", ".join(f"{share.concept} {share.probability:.2f}" for share in self.detected))
        if self.biased:
            leans = (f"{name} {share.subgroup} {share.probability:.2f}" for name, share in self.biased)
            parts.append("biased: " + ", ".join(leans))
        if not self.best:
            parts.append(self.state)
        return f"<{'; '.join(parts)}>"

    def _repr_html_(self) -> str:
        from .report.notebook import unit_html  # only a notebook needs the templates

        return unit_html(self)


@dataclass(frozen=True, kw_only=True, repr=False)
class FoundConcept:
    """Where a local concept was found, as `Dissection.concept` gives it. In a notebook it shows itself with lit faces.

    Attributes:
        concept: its name, kind and region.
        images: images that have it.
        labelled: rows of the result's `units` whose label it is, by falling IoU.
        detecting: rows of the result's `hierarchy` that detect it, by falling probability.
        best_iou: layer -> highest IoU of a unit with it, whether above the cut-off or not; only layers with maps.
        result: where it was found.
    """

    concept: Concept
    images: int
    labelled: pd.DataFrame = field(compare=False)
    detecting: pd.DataFrame = field(compare=False)
    best_iou: Mapping[str, float]
    result: Dissection = field(compare=False)

    @classmethod
    def of(cls, result: Dissection, name: str) -> FoundConcept:
        """A local concept by its name.

        Raises:
            DictionaryError: the vocabulary has none of that name, or only a global one.
        """
        if name not in result.vocabulary and name in _global_concepts(result):
            raise DictionaryError(
                f"expected a local concept, got {name!r}, which is a global one; ask for .global_concept({name!r})"
            )
        concept = result.vocabulary[name]
        units, hierarchy = result.units, result.hierarchy
        labelled = units[units["interpretable"] & (units["concept"] == name)]
        detecting = hierarchy[hierarchy["detected"].astype(bool) & (hierarchy["concept"] == name)]
        return cls(
            concept=concept,
            images=result.provenance.concept_images.get(name, 0),
            labelled=labelled.sort_values("iou", ascending=False, kind="stable", ignore_index=True),
            detecting=detecting.sort_values("probability", ascending=False, kind="stable", ignore_index=True),
            best_iou={
                layer.layer: float(layer.concepts.loc[layer.concepts["concept"] == name, "iou"].max())
                for layer in result.layers.values()
                if layer.map_size
            },
            result=result,
        )

    @property
    def name(self) -> str:
        """The concept's name."""
        return self.concept.name

    def top_units(self, count: int | None = None) -> tuple[Unit, ...]:
        """The first `count` units whose label it is (all if None), the highest IoU first."""
        rows = self.labelled.head(len(self.labelled) if count is None else count)
        pairs = zip(rows["layer"], rows["unit"], strict=True)
        return tuple(self.result.unit(layer, int(number)) for layer, number in pairs)

    def __repr__(self) -> str:
        per_layer = "; ".join(
            f"{layer}: label of {(self.labelled['layer'] == layer).sum()} units, "
            f"detected by {(self.detecting['layer'] == layer).sum()}"
            for layer in self.best_iou
        )
        return (
            f"<Concept {self.name} ({self.concept.region}), {self.images} images; {per_layer or 'no layer has maps'}>"
        )

    def _repr_html_(self) -> str:
        from .report.notebook import concept_html  # only a notebook needs the templates

        return concept_html(self)


@dataclass(frozen=True, kw_only=True, repr=False)
class FoundGlobalConcept:
    """How the units lean by a global concept, as `Dissection.global_concept` gives it. In a notebook it shows itself with charts.

    Attributes:
        concept: its name and subgroups.
        images: subgroup -> images that have it.
        cutoff: probability from which a unit is biased towards a subgroup.
        probabilities: (layer, unit) x subgroup -> probability; units without any are left out.
        biased: subgroup -> `layer`, `unit` and `probability` of the units biased towards it, by falling probability.
        counts: layer x subgroup -> units biased towards it.
        supported: layer x subgroup -> those of them whose peaks are higher for it by the statistics, too.
        layers: layer -> `units`, `measured` (with a probability), `biased` (towards any subgroup), `supported` (those of them
            for which it holds of such a subgroup) and `tested` (with a subgroup of which the statistics say something).
        result: where it was found.
    """

    concept: GlobalConcept
    images: Mapping[str, int]
    cutoff: float
    probabilities: pd.DataFrame = field(compare=False)
    biased: Mapping[str, pd.DataFrame] = field(compare=False)
    counts: pd.DataFrame = field(compare=False)
    supported: pd.DataFrame = field(compare=False)
    layers: pd.DataFrame = field(compare=False)
    result: Dissection = field(compare=False)

    @classmethod
    def of(cls, result: Dissection, name: str) -> FoundGlobalConcept:
        """A global concept by its name.

        Raises:
            DictionaryError: the vocabulary has none of that name, or only a local one.
        """
        known = _global_concepts(result)
        if name not in known:
            if name in result.vocabulary:
                raise DictionaryError(
                    f"expected a global concept, got {name!r}, which is a local one; ask for .concept({name!r})"
                )
            raise DictionaryError(
                f"expected a global concept of the vocabulary, got {name!r}; nearest: {nearest_names(name, known) or 'none'}"
            )
        concept = known[name]
        subgroups = list(concept.subgroups)
        sizes = result.provenance.subgroup_images.get(name, {})
        images = {subgroup: int(sizes.get(subgroup, 0)) for subgroup in subgroups}
        rows = result.bias
        rows = rows[rows["global_concept"] == name]
        probabilities = _wide(rows, subgroups)
        biased = rows[rows["biased"].astype(bool)]
        held = biased[biased["supported"].astype(bool) & (biased["adjusted_delta"] > 0)]
        tested = rows[rows["adjusted_q"].notna()]
        names = pd.Index(result.layers, name="layer")

        def units_of(chosen: pd.DataFrame) -> np.ndarray:
            return chosen.groupby("layer")["unit"].nunique().reindex(names, fill_value=0).to_numpy()

        def by_subgroup(chosen: pd.DataFrame) -> pd.DataFrame:
            return pd.crosstab(chosen["layer"], chosen["subgroup"]).reindex(
                index=names, columns=pd.Index(subgroups, name="subgroup"), fill_value=0
            )

        return cls(
            concept=concept,
            images=images,
            cutoff=bias_cutoff(max(sum(number > 0 for number in images.values()), 2)),
            probabilities=probabilities,
            biased={
                subgroup: biased.loc[biased["subgroup"] == subgroup, ["layer", "unit", "probability"]].sort_values(
                    "probability", ascending=False, kind="stable", ignore_index=True
                )
                for subgroup in subgroups
            },
            counts=by_subgroup(biased),
            supported=by_subgroup(held),
            layers=pd.DataFrame(
                {
                    "units": [len(layer.units) for layer in result.layers.values()],
                    "measured": probabilities.groupby("layer").size().reindex(names, fill_value=0).to_numpy(),
                    "biased": units_of(biased),
                    "supported": units_of(held),
                    "tested": units_of(tested),
                },
                index=names,
            ),
            result=result,
        )

    @property
    def name(self) -> str:
        """The global concept's name."""
        return self.concept.name

    @property
    def subgroups(self) -> tuple[str, ...]:
        """Its subgroups, in the vocabulary's order."""
        return self.concept.subgroups

    def top_units(self, subgroup: str, count: int | None = None) -> tuple[Unit, ...]:
        """The first `count` units biased towards a subgroup (all if None), the highest probability first.

        Raises:
            SettingsError: it has no such subgroup.
        """
        if subgroup not in self.biased:
            raise SettingsError(
                f"expected a subgroup of {self.name}, got {subgroup!r}; it has: {', '.join(self.biased)}"
            )
        rows = self.biased[subgroup].head(count if count is not None else len(self.biased[subgroup]))
        pairs = zip(rows["layer"], rows["unit"], strict=True)
        return tuple(self.result.unit(layer, int(number)) for layer, number in pairs)

    def __repr__(self) -> str:
        per_layer = "; ".join(
            f"{layer}: {_told(biased, measured, supported, tested)}" if measured else f"{layer}: not measured"
            for layer, _, measured, biased, supported, tested in self.layers.itertuples(name=None)
        )
        return f"<Global concept {self.name} ({', '.join(self.subgroups)}), cut-off {self.cutoff:.2f}; {per_layer}>"

    def _repr_html_(self) -> str:
        from .report.notebook import global_concept_html  # only a notebook needs the templates

        return global_concept_html(self)


def _global_concepts(result: Dissection) -> dict[str, GlobalConcept]:
    return {concept.name: concept for concept in result.vocabulary.global_concepts}


def _told(biased: int, measured: int, supported: int, tested: int) -> str:
    return f"{biased} of {measured} units biased{f', {supported} supported' if tested else ''}"


def _wide(rows: pd.DataFrame, subgroups: list[str]) -> pd.DataFrame:
    """(layer, unit) x subgroup -> probability, in the order of the rows, without units that have none."""
    units = pd.MultiIndex.from_frame(rows[["layer", "unit"]].drop_duplicates())
    wide = rows.pivot_table(index=["layer", "unit"], columns="subgroup", values="probability")
    return wide.reindex(index=units, columns=pd.Index(subgroups, name="subgroup")).dropna(how="all")
