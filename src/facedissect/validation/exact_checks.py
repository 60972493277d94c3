"""Checks of what must come out to the last bit: planted labels, compiled loops, the same run twice, one device and another."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32

from ..bitmasks import BitMasks, Labels
from ..concepts import FACE_DICTIONARY
from ..dictionary.faces import FaceDictionary
from ..dissection import dissect
from ..effects import effect
from ..kept_maps import KeptMaps
from ..model.face_model import FaceModel
from ..overlaps import Overlaps
from ..ranking import RankedPeaks
from ..settings import Settings, Zeros
from ..storage import TABLES
from ..tally import Tally
from ..thresholds import TopValues
from .aligned import SIZE, aligned_faces
from .check import PlannedCheck, check
from .planted import LAYER, PLANTED_SIZE, PlantedSource, lookup_model, planted_faces

CONCEPTS = len(FACE_DICTIONARY)


@check("planted network", expected=f"{CONCEPTS} of {CONCEPTS} labels as planted, each with an IoU of 1")
def planted_network() -> tuple[bool, str]:
    """Each unit's maps are the masks of one concept, so that concept must be its label."""
    faces, masks = planted_faces()
    model = lookup_model(masks.astype(np.float32), PLANTED_SIZE)
    settings = Settings(union="labelled", workers=0, sweep=(), replicates=0)
    units = dissect(faces, model, layers=[LAYER], settings=settings).units
    right = int((units["concept"] == list(FACE_DICTIONARY.names)).sum())
    lowest = float(units[["iou_firing", "iou_labelled"]].to_numpy(float).min())
    return right == CONCEPTS and lowest == 1, f"{right} of {CONCEPTS} labels as planted, lowest IoU {lowest:.6g}"


_SIZES = (((4, 4), (16, 16)), ((5, 7), (37, 129)), ((1, 6), (64, 64)), ((9, 3), (4, 2)))
"""Of maps, and of the images that they are upsampled to."""


@check("compiled loops", expected="integers, thresholds and placements as in plain NumPy and torch")
def compiled_loops() -> tuple[bool, str]:
    """The compiled loops must give what their plain counterparts give."""
    rng = np.random.default_rng(1)
    wrong = dict.fromkeys(("integers of the tally", "thresholds", "placements"), 0)
    asked = wrong.copy()
    for source, size in _SIZES:
        zeros: Zeros
        for zeros in ("count", "ignore"):
            for plain, fused in _tallies(source, size, zeros, rng):
                wrong["integers of the tally"] += int((plain != fused).sum())
                asked["integers of the tally"] += plain.size
    for quantile in (0.5, 0.95, 0.995):
        maps = rng.standard_normal((23, 8, 6, 7)).astype(np.float32)
        maps[:, :3] = np.maximum(maps[:, :3], 0)  # as after a ReLU
        wrong["thresholds"] += int((_thresholds(maps, quantile) != _quantiles(maps, quantile)).sum())
        asked["thresholds"] += maps.shape[1]
    for decimals in (6, 0):
        peaks = rng.standard_normal((60, 8)).round(decimals).astype(np.float32)
        group = (np.arange(60) >= 25).astype(np.int32)
        found = effect(RankedPeaks(peaks).placements(group, np.zeros(60, np.int32), 2, 1)).superiority[:, 0]
        above = peaks[:25, None] - peaks[None, 25:]
        pairs = ((above > 0) + (above == 0) / 2).mean(axis=(0, 1))
        wrong["placements"] += int((~np.isclose(found, pairs, rtol=1e-12, atol=0)).sum())
        asked["placements"] += len(found)
    told = [f"{wrong[name]:,} of {count:,} {name}" for name, count in asked.items() if wrong[name]]
    alike = ", ".join(f"{count:,} {name}" for name, count in asked.items())
    return not told, f"not the same: {', '.join(told)}" if told else f"the same: {alike}"


def _tallies(
    source: tuple[int, int], size: tuple[int, int], zeros: Zeros, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Sums of the plain tally and of the compiled one, one kind after the other."""
    images, units, concepts = 4, 6, 7
    # Quarters interpolate to exactly the threshold, to zeros of either sign, and to runs of equal values.
    maps = (rng.integers(-4, 5, (images, units, *source)) / 4).astype(np.float32)
    maps[rng.random(maps.shape) < 0.1] = -0.0
    maps[:, 3:] += rng.standard_normal((images, units - 3, *source)).astype(np.float32)
    limits = np.array([0.0, 0.25, -0.5, 0.0, 0.8, np.nan], np.float32)
    plain, fused = Tally.empty(units, concepts), Tally.empty(units, concepts)
    labels = []
    for values, present_count in zip(maps, (0, 1, 5, 3), strict=True):
        order = rng.permutation(concepts)
        present, absent = np.sort(order[:present_count]), np.sort(order[present_count:][::2])
        masks = rng.random((present_count, *size)) < 0.4
        labels.append(Labels.of_one(BitMasks.pack(masks), present.tolist(), absent.tolist()))
        of_image = torch.from_numpy(values), torch.from_numpy(limits), torch.from_numpy(masks)
        plain.update(*of_image, labels[-1].present, labels[-1].absent, zeros=zeros)
    image, unit = (axis.ravel() for axis in np.indices((images, units)))
    flat = maps.reshape(-1, *source)
    kept = KeptMaps(images=image, units=unit, peaks=flat.max((1, 2)), maps=flat)
    told = Labels.joined(labels)
    fused.add(Overlaps.of(kept, limits, told.masks, told.mask_of_image, size, zeros=zeros), told)
    for name, values in plain.state().items():
        yield values, fused.state()[name]


def _thresholds(maps: Float32[np.ndarray, "image unit h w"], quantile: float) -> Float32[np.ndarray, " unit"]:
    """By the largest values of a stream."""
    total = maps[:, 0].size
    top = TopValues.for_quantile(maps.shape[1], total, quantile, "linear")
    for start in range(0, len(maps), 7):
        top.update(torch.from_numpy(maps[start : start + 7]))
    return top.result(total, quantile, "linear").values


def _quantiles(maps: Float32[np.ndarray, "image unit h w"], quantile: float) -> Float32[np.ndarray, " unit"]:
    """By NumPy, over all values at once."""
    values = maps.transpose(1, 0, 2, 3).reshape(maps.shape[1], -1).astype(np.float64)
    found: Float32[np.ndarray, " unit"] = np.quantile(values, quantile, axis=1).astype(np.float32)
    return found


@check("same run twice", expected="the same bytes in every table")
def same_run_twice() -> tuple[bool, str]:
    """A convolutional network twice: in one process, and read ahead by two others without keeping maps."""
    rng = np.random.default_rng(2)
    faces, _ = planted_faces()
    faces = _with_noise(faces, rng)
    model = FaceModel(_convolutions(rng), size=PLANTED_SIZE, mean=(0, 0, 0), std=(1, 1, 1), name="convolutions")
    with tempfile.TemporaryDirectory(prefix="facedissect-") as scratch:
        for name, settings in (("first", Settings(workers=0)), ("second", Settings(workers=2, cache_gb=0))):
            dissect(faces, model, layers=["0", "2"], settings=settings).save(Path(scratch) / name)
        first, second = (_files(Path(scratch) / name) for name in ("first", "second"))
    tables = sum(Path(name).stem in TABLES for name in first)
    other = sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))
    if other or not tables:
        return False, f"{len(other)} files with other bytes: {', '.join(other)}"
    return True, f"the same bytes in {tables} tables and {len(first) - tables} other files"


def _files(folder: Path) -> dict[str, bytes]:
    """Every file of a result but `dissection.json`, which tells when it was made."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "dissection.json"
    }


def _with_noise(faces: FaceDictionary, rng: np.random.Generator) -> FaceDictionary:
    """The same labels on images that a convolution has something to say about."""
    drawn = []
    for face in faces:
        pixels = rng.integers(0, 256, (PLANTED_SIZE, PLANTED_SIZE, 3), np.uint8)
        masks = {name: face.mask(name) for name in face.concepts}
        drawn.append(replace(face, source=PlantedSource(pixels=pixels, masks=masks)))
    return replace(faces, faces=tuple(drawn))


def _convolutions(rng: np.random.Generator) -> torch.nn.Module:
    """Two convolutions; their weights are drawn apart from torch's own chance, which belongs to the user."""
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 16, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(16, 24, 3, stride=2)
    )
    for values in network.parameters():
        values.data = torch.from_numpy(rng.normal(0, 0.2, values.shape).astype(np.float32))
    return network


def devices_agree(device: str) -> PlannedCheck:
    """The check that a device gives the integers, thresholds and labels of the CPU."""

    @check(f"{device} like the CPU", expected="the same thresholds, peaks and tables")
    def agree() -> tuple[bool, str]:
        rng = np.random.default_rng(3)
        faces, _ = aligned_faces(200, rng)
        maps = (
            rng.standard_normal((200, 96, 7, 7)).astype(np.float32).cumsum(2)
        )  # larger downwards: some do fire together
        maps[:, :48] = np.maximum(maps[:, :48], 0)
        here, there = (
            dissect(
                faces,
                lookup_model(maps, SIZE),
                layers=[LAYER],
                settings=Settings(quantile=0.95, workers=0, sweep=(), replicates=20, device=name),
            )[LAYER]
            for name in ("cpu", device)
        )
        other = [name for name in TABLES if not getattr(here, name).equals(getattr(there, name))]
        for name in ("highest", "lowest"):
            if not np.array_equal(getattr(here.peaks, name), getattr(there.peaks, name)):
                other.append(f"{name} values of maps")
        pairs = f"{len(here.units)} units and {len(here.concepts)} pairs of a unit and a concept"
        return not other, f"other numbers in: {', '.join(other)}" if other else f"the same: {pairs}"

    return agree
