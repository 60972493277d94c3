"""How the peaks of each unit are distributed over the faces of each subgroup: counts, from which the page draws curves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int64, UInt16, UInt32

from ..concepts import GlobalConcept
from ..dictionary.faces import FaceDictionary
from ..peaks import Peaks

BINS = 32


def members(
    dictionary: FaceDictionary, global_concepts: Sequence[GlobalConcept], faces: Sequence[str]
) -> Bool[np.ndarray, "subgroup image"]:
    """Which faces each subgroup of each global concept holds, the concepts one after the other.

    A face that the dictionary has no more is in none.
    """
    subgroups = [(g.name, group) for g in global_concepts for group in g.subgroups]
    row = {subgroup: number for number, subgroup in enumerate(subgroups)}
    found = np.zeros((len(subgroups), len(faces)), bool)
    for column, face in enumerate(faces):
        for told in dictionary[face].subgroups.items() if face in dictionary else ():
            if told in row:
                found[row[told], column] = True
    return found


def histograms(
    peaks: Peaks, of: Bool[np.ndarray, "subgroup image"]
) -> tuple[
    UInt16[np.ndarray, "unit subgroup bin"] | UInt32[np.ndarray, "unit subgroup bin"], Float[np.ndarray, "unit 2"]
]:
    """Faces of each subgroup by the peak of a unit, in BINS equal bins, as `numpy.histogram` counts.

    Returns:
        The counts, and the bins' range: the unit's least and greatest finite peak over all faces, half a unit around it where all
        are equal, NaN where none is finite. Peaks that are not finite are not counted.
    """
    units = peaks.highest.shape[1]
    counts = np.zeros((units, len(of), BINS), np.uint16 if len(peaks.faces) < 1 << 16 else np.uint32)
    ranges = np.full((units, 2), np.nan, np.float32)
    for block, values in peaks.unit_blocks():
        finite = np.isfinite(values)
        low = np.where(finite, values, np.inf).min(axis=0, initial=np.inf).astype(np.float64)
        high = np.where(finite, values, -np.inf).max(axis=0, initial=-np.inf).astype(np.float64)
        equal = low == high
        low, high = np.where(equal, low - 0.5, low), np.where(equal, high + 0.5, high)
        found = low < high
        ranges[block][found] = np.stack([low, high], axis=1)[found]
        # What is not finite lies in a bin of its own, which is dropped.
        place = np.where(finite, _bins(np.where(finite, values, 0), low, high, found), BINS)
        place += (BINS + 1) * np.arange(values.shape[1])
        for group, faces in enumerate(of):
            counted = np.bincount(place[faces].ravel(), minlength=(BINS + 1) * values.shape[1])
            counts[block, group] = counted.reshape(-1, BINS + 1)[:, :BINS]
    return counts, ranges


def _bins(
    values: Float[np.ndarray, "image unit"],
    low: Float[np.ndarray, " unit"],
    high: Float[np.ndarray, " unit"],
    found: Bool[np.ndarray, " unit"],
) -> Int64[np.ndarray, "image unit"]:
    """The bin of each value; the last one holds its upper edge. Rounding is set right at the edges, as NumPy does."""
    edges = np.linspace(np.where(found, low, 0.0), np.where(found, high, 1.0), BINS + 1)
    exact = values.astype(np.float64)
    place: Int64[np.ndarray, "image unit"] = (
        ((exact - edges[0]) / (edges[-1] - edges[0]) * BINS).clip(0, BINS - 1).astype(np.int64)
    )
    place -= exact < np.take_along_axis(edges, place, axis=0)
    place += (exact >= np.take_along_axis(edges, place + 1, axis=0)) & (place < BINS - 1)
    return place
