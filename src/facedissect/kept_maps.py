"""Maps that may still fire, kept on disk from the first pass, so that the network need not run again.

A map whose peak does not exceed the least value that its unit's threshold can come to is never looked at again. What is left
is written, with the labels of the faces, to a file that grows.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from .bitmasks import Labels


@dataclass(frozen=True, kw_only=True)
class KeptMaps:
    """Some maps of a layer, sorted by image.

    Attributes:
        images, units: of each map; images are counted within their batch.
        peaks: of each map.
        maps: the raw maps.
    """

    images: Int64[np.ndarray, " map"]
    units: Int64[np.ndarray, " map"]
    peaks: Float32[np.ndarray, " map"]
    maps: Float32[np.ndarray, "map h w"]

    @classmethod
    def above(
        cls,
        maps: Float[Tensor, "image unit h w"],
        highest: Float[np.ndarray, "image unit"],
        bound: Float[np.ndarray, "image unit"],
        numbers: Int64[np.ndarray, " image"],
    ) -> KeptMaps:
        """Of the maps of a batch, on any device, those whose peak exceeds a bound.

        Args:
            maps: of all images and units.
            highest: their peaks.
            bound: what a peak must exceed.
            numbers: what the images are called.
        """
        images, units = np.nonzero(highest > bound)
        chosen = torch.from_numpy(images * maps.shape[1] + units).to(maps.device)
        return cls(
            images=numbers[images],
            units=units,
            peaks=highest[images, units],
            maps=maps.flatten(0, 1).index_select(0, chosen).cpu().numpy(),
        )


@dataclass(frozen=True, kw_only=True)
class KeptBatch:
    """A batch of faces with local labels.

    Attributes:
        faces: their positions in the dictionary.
        labels: their labels.
        layers: layer -> the maps that were kept.
    """

    faces: tuple[int, ...]
    labels: Labels
    layers: Mapping[str, KeptMaps]


class KeptFile:
    """A file of kept batches that can only grow.

    Args:
        path: made if it is not there.
        width: of the network's input, in pixels.
        length: bytes that count; what is behind them is dropped.

    Attributes:
        length: bytes that count.
    """

    def __init__(self, path: Path, width: int, length: int = 0) -> None:
        self._path, self._width, self.length = path, width, length
        path.touch()
        os.truncate(path, length)

    def add(self, faces: Sequence[int], labels: Labels, layers: Mapping[str, KeptMaps]) -> None:
        """Write a batch. Raises OSError where there is no room; the batch then does not count."""
        with self._path.open("r+b") as file:
            file.seek(self.length)
            _write(file, [np.array(faces, np.int64), *labels.arrays(), np.array(list(layers), np.str_)])
            for kept in layers.values():
                _write(file, [kept.images, kept.units, kept.peaks, kept.maps])
            self.length = file.tell()

    def labels(self) -> Iterator[tuple[tuple[int, ...], Labels]]:
        """The faces and the labels of all batches; maps are passed over."""
        with self._path.open("rb") as file:
            while file.tell() < self.length:
                faces, *arrays, names = (_read(file) for _ in range(10))
                for _ in range(4 * len(names)):
                    _pass_over(file)
                yield tuple(faces.tolist()), Labels.from_arrays(self._width, arrays)

    def batches(self) -> Iterator[KeptBatch]:
        """All batches, in the order in which they were written."""
        with self._path.open("rb") as file:
            while file.tell() < self.length:
                faces, *arrays, names = (_read(file) for _ in range(10))
                layers = {}
                for name in names.tolist():
                    images, units, peaks, maps = (_read(file) for _ in range(4))
                    layers[name] = KeptMaps(images=images, units=units, peaks=peaks, maps=maps)
                yield KeptBatch(
                    faces=tuple(faces.tolist()),
                    labels=Labels.from_arrays(self._width, arrays),
                    layers=layers,
                )


def _write(file: BinaryIO, arrays: Sequence[np.ndarray]) -> None:
    for array in arrays:
        np.lib.format.write_array(file, array, allow_pickle=False)


def _read(file: BinaryIO) -> np.ndarray:
    array: np.ndarray = np.lib.format.read_array(file, allow_pickle=False)
    return array


def _pass_over(file: BinaryIO) -> None:
    np.lib.format.read_magic(file)
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    file.seek(int(np.prod(shape)) * dtype.itemsize, os.SEEK_CUR)
