"""One unit or one concept of a result, as a notebook asks for it: the facts as attributes, and a picture of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace

import pandas as pd

from .concepts import Concept
from .errors import SettingsError
from .results import Dissection
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
        tables = {name: getattr(found, name) for name in ("units", "concepts", "hierarchy", "bias", "top_faces")}
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
            DictionaryError: the vocabulary has none of that name.
        """
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
