"""The files that the published code leaves behind, by its names, for scripts that read them (docs/formats.md)."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType, TracebackType

import numpy as np
import pandas as pd

from ..activations import Batch
from ..dictionary.faces import FaceDictionary
from ..results import Dissection, LayerResult
from ..storage import layer_folder
from . import pdf

PUBLISHED_GLOBAL_NAMES: Mapping[str, str] = MappingProxyType({"ethnicity": "ethnic"})


def published_name(model: str, layer: str) -> str:
    """NAME of the published file names: model and layer, safe for a file system."""
    return layer_folder(f"{model}_{layer}")


class MapFiles:
    """Writes NAME.mmap, every map of every local face as float64, while a run streams by.

    Use as a context around `dissect(..., observe=map_files.observe)`; the faces come in the order of the dictionary.
    """

    def __init__(self, folder: Path, model: str) -> None:
        self._folder, self._model = folder, model
        self._files: dict[str, io.BufferedWriter] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}

    def __enter__(self) -> MapFiles:
        self._folder.mkdir(parents=True, exist_ok=True)
        return self

    def observe(self, batch: Batch) -> None:
        """Append the maps of a batch."""
        for layer, maps in batch.maps.items():
            if layer not in self._files:
                self._files[layer] = (self._folder / f"{published_name(self._model, layer)}.mmap").open("wb")
                self._shapes[layer] = (0, *maps.shape[1:])
            self._files[layer].write(maps.double().cpu().numpy().tobytes())
            images, *rest = self._shapes[layer]
            self._shapes[layer] = (images + len(maps), *rest)

    def __exit__(
        self, _type: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        for layer, file in self._files.items():
            file.close()
            if error is None:
                name = published_name(self._model, layer)
                np.save(self._folder / f"{name}_feature_size.npy", np.array(self._shapes[layer]))


def write_reference_files(result: Dissection, dictionary: FaceDictionary, folder: Path) -> None:
    """Write the published arrays, texts and PDF of every layer into an existing folder; without maps, the biases only."""
    for layer in result.layers.values():
        name = published_name(str(result.provenance.model["name"]), layer.layer)
        pdf.write(replace(result, layers={layer.layer: layer}), dictionary, folder / f"{name}_conv.pdf")
        if layer.map_size:
            _write_dissected(layer, result.vocabulary.names, folder, name)
        (folder / f"{name}_NL_concept_probs.txt").write_text(_bias_text(layer.bias), encoding="utf-8")
        for global_concept, rows in layer.bias.groupby("global_concept", sort=False):
            published = PUBLISHED_GLOBAL_NAMES.get(str(global_concept), str(global_concept))
            subgroups = list(dict.fromkeys(rows["subgroup"]))
            np.savez(
                folder / f"{name}_model_bias({published}).npz",
                subgroups=np.array(subgroups),
                probability=rows["probability"].to_numpy().reshape(-1, len(subgroups)),
            )


def _write_dissected(layer: LayerResult, concepts: Sequence[str], folder: Path, name: str) -> None:
    np.save(folder / f"{name}_quantile.npy", layer.units["threshold"].to_numpy())
    counts = [layer.concepts[key].to_numpy().reshape(len(layer.units), -1) for key in ("intersection", "union", "iou")]
    np.savez(
        folder / f"{name}_tally.npz",
        concepts=np.array(concepts),
        intersection=counts[0],
        union=counts[1],
        iou=counts[2],
    )
    (folder / f"{name}_top_concept_probs.txt").write_text(_hierarchy_text(layer), encoding="utf-8")


def _hierarchy_text(layer: LayerResult) -> str:
    """One line a unit: number, region, and the concepts of the region with their probabilities, highest first."""
    lines = [
        f"unit {unit} {rows['region'].iloc[0]}: " + _listed(rows["concept"], rows["probability"])
        for unit, rows in layer.hierarchy.groupby("unit")
    ]
    return "".join(f"{line}\n" for line in lines)


def _bias_text(bias: pd.DataFrame) -> str:
    """One line for each unit and global concept: its subgroups with their probabilities."""
    lines = [
        f"unit {unit} {concept}: " + _listed(rows["subgroup"], rows["probability"])
        for (unit, concept), rows in bias.groupby(["unit", "global_concept"], sort=False)
    ]
    return "".join(f"{line}\n" for line in lines)


def _listed(names: pd.Series, values: pd.Series) -> str:
    return ", ".join(f"{name} {value:.6f}" for name, value in zip(names, values, strict=True))
