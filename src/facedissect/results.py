"""Dissection: everything a run found, as tables and arrays, stamped with what made it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from jaxtyping import Float

from .concepts import Vocabulary
from .errors import LayerError, nearest_names
from .peaks import Peaks
from .provenance import Provenance
from .settings import Settings

if TYPE_CHECKING:
    from .views import FoundConcept, FoundGlobalConcept, Unit


@dataclass(frozen=True, kw_only=True)
class LayerResult:
    """What was found in one layer. The tables are described in docs/formats.md.

    Attributes:
        layer: dotted name of the module.
        map_size: height and width of its maps; None for a layer without, whose concepts and hierarchy are empty.
        units, concepts, hierarchy, bias, trends, sweep, top_faces: the tables.
        peaks: extremes of each unit's map of each face.
        top_maps: (unit, place, h, w) raw maps of the top faces; 0 x 0 for a layer without maps.
    """

    layer: str
    map_size: tuple[int, int] | None
    units: pd.DataFrame = field(repr=False)
    concepts: pd.DataFrame = field(repr=False)
    hierarchy: pd.DataFrame = field(repr=False)
    bias: pd.DataFrame = field(repr=False)
    trends: pd.DataFrame = field(repr=False)
    sweep: pd.DataFrame = field(repr=False)
    top_faces: pd.DataFrame = field(repr=False)
    peaks: Peaks = field(repr=False)
    top_maps: Float[np.ndarray, "unit place h w"] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Dissection:
    """The result of a run over one or more layers of a network."""

    settings: Settings
    vocabulary: Vocabulary
    provenance: Provenance
    layers: Mapping[str, LayerResult]

    def __getitem__(self, layer: str) -> LayerResult:
        """The result of one layer. Raises LayerError, naming the layers there are."""
        try:
            return self.layers[layer]
        except KeyError:
            raise LayerError(
                f"expected a layer of this run, got {layer!r}; it has: {nearest_names(layer, self.layers)}"
            ) from None

    def only(self, *layers: str) -> Dissection:
        """The same result with some of its layers. Raises LayerError for one that it has not."""
        return replace(self, layers={layer: self[layer] for layer in layers})

    def unit(self, layer: str, number: int) -> Unit:
        """All that was found about one unit. Raises LayerError or SettingsError where there is no such layer or unit."""
        from .views import Unit  # views build on results

        return Unit.of(self, layer, number)

    def concept(self, name: str) -> FoundConcept:
        """The units that a local concept was found in. Raises DictionaryError for an unknown or a global one."""
        from .views import FoundConcept  # views build on results

        return FoundConcept.of(self, name)

    def global_concept(self, name: str) -> FoundGlobalConcept:
        """How the units lean by a global concept, such as age. Raises DictionaryError for an unknown or a local one."""
        from .views import FoundGlobalConcept  # views build on results

        return FoundGlobalConcept.of(self, name)

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the result into a folder (docs/formats.md); `facedissect.load` reads it back. Raises OutputError."""
        from .storage import save  # storage builds on results; this is the one arrow back

        save(self, folder)

    def _repr_html_(self) -> str:
        """A short summary with a table of the layers, which a notebook shows."""
        from .report.notebook import result_html  # only a notebook needs the templates

        return result_html(self)

    def _stacked(self, table: str) -> pd.DataFrame:
        frames: list[pd.DataFrame] = [getattr(result, table) for result in self.layers.values()]
        return pd.concat(frames, ignore_index=True)

    @property
    def units(self) -> pd.DataFrame:
        """One row a unit, over all layers."""
        return self._stacked("units")

    @property
    def concepts(self) -> pd.DataFrame:
        """One row for each unit and concept, over all layers."""
        return self._stacked("concepts")

    @property
    def hierarchy(self) -> pd.DataFrame:
        """One row for each interpretable unit and concept of its region, over all layers."""
        return self._stacked("hierarchy")

    @property
    def bias(self) -> pd.DataFrame:
        """One row for each unit, global concept and subgroup, over all layers."""
        return self._stacked("bias")

    @property
    def trends(self) -> pd.DataFrame:
        """One row for each unit and label that is a number, over all layers."""
        return self._stacked("trends")

    @property
    def sweep(self) -> pd.DataFrame:
        """One row for each unit and quantile at which its label was found again, over all layers."""
        return self._stacked("sweep")

    @property
    def top_faces(self) -> pd.DataFrame:
        """One row for each unit and place, over all layers."""
        return self._stacked("top_faces")
