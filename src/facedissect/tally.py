"""Intersections and unions of units' firing masks with concept masks (DESIGN: "Firing mask", "IoU").

Integers are summed over images and the ratio is taken once, at the end: every union of the method follows from the same sums.
`Tally.update` is the method as it reads, one image at a time; `Tally.add` gives the same integers by the compiled kernels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from .bitmasks import Labels
from .errors import OutputError
from .kernels import tally as kernels
from .kernels.compile import in_threads
from .overlaps import Overlaps
from .settings import Negatives, Union, Zeros
from .upsampling import upsample

CHUNK_VALUES = 1 << 24  # upsampled values held at once: 64 MiB of float32


def firing_masks(
    maps: Float[Tensor, "unit h w"], thresholds: Float[Tensor, " unit"], size: tuple[int, int], zeros: Zeros
) -> Bool[Tensor, "unit height width"]:
    """M_u(x): where the upsampled map exceeds the threshold."""
    upsampled = upsample(maps, size)
    fires = upsampled > thresholds[:, None, None]
    return fires & (upsampled != 0) if zeros == "ignore" else fires


_OF_PAIRS = ("intersection", "unit_area", "firing_area", "firing_images", "absent_area")
"""The sums to which each pair of a unit and an image adds."""


@dataclass(kw_only=True)
class Tally:
    """Sums over images, int64; adds up over batches and shards.

    Attributes:
        intersection: (unit, concept) pixels of M_u in L_c, over X_c.
        unit_area: (unit, concept) pixels of M_u, over X_c.
        firing_area: (unit, concept) pixels of L_c, over the images of X_c in which the unit fires.
        firing_images: (unit, concept) images of X_c in which the unit fires.
        absent_area: (unit, concept) pixels of M_u over the images annotated for the kind of c but without c.
        label_area: (concept) pixels of L_c, over X_c.
        images: (concept) |X_c|.
    """

    intersection: Int[np.ndarray, "unit concept"]
    unit_area: Int[np.ndarray, "unit concept"]
    firing_area: Int[np.ndarray, "unit concept"]
    firing_images: Int[np.ndarray, "unit concept"]
    absent_area: Int[np.ndarray, "unit concept"]
    label_area: Int[np.ndarray, " concept"]
    images: Int[np.ndarray, " concept"]

    @classmethod
    def empty(cls, units: int, concepts: int) -> Tally:
        """A tally of no images."""
        shapes = {"label_area": (concepts,), "images": (concepts,)}
        return cls(
            **{field.name: np.zeros(shapes.get(field.name, (units, concepts)), np.int64) for field in fields(cls)}
        )

    def update(
        self,
        maps: Float[Tensor, "unit h w"],
        thresholds: Float[Tensor, " unit"],
        masks: Bool[Tensor, "present height width"],
        present: Int[np.ndarray, " present"],
        absent: Int[np.ndarray, " absent"],
        *,
        zeros: Zeros = "count",
    ) -> None:
        """Take in one image.

        Args:
            maps: the raw activation maps of all units.
            thresholds: T_u; NaN for a unit that never fires.
            masks: L_c of the concepts that are present, at the network's input size.
            present: positions of those concepts in the vocabulary.
            absent: positions of the concepts for whose kind the image is annotated, and which it lacks.
            zeros: whether an upsampled value of exactly 0 can fire.
        """
        size = (int(masks.shape[1]), int(masks.shape[2]))
        flat = masks.flatten(1).float()  # areas below 2**24 pixels are exact in float32
        label_area = flat.sum(1).long().cpu().numpy()
        self.label_area[present] += label_area
        self.images[present] += 1
        # An upsampled value is an average of raw ones: a unit whose peak does not exceed its threshold cannot fire.
        awake = (maps.amax((1, 2)) > thresholds).nonzero()[:, 0]
        for units in torch.split(awake, max(1, CHUNK_VALUES // (size[0] * size[1]))):
            fires = firing_masks(maps[units], thresholds[units], size, zeros).flatten(1).float()
            area = fires.sum(1).long().cpu().numpy()
            intersection = (fires @ flat.T).round().long().cpu().numpy()
            rows = units.cpu().numpy()[:, None]
            fired = (area > 0)[:, None]
            self.intersection[rows, present] += intersection
            self.unit_area[rows, present] += area[:, None]
            self.firing_area[rows, present] += fired * label_area
            self.firing_images[rows, present] += fired
            self.absent_area[rows, absent] += area[:, None]

    def add(self, found: Overlaps, labels: Labels) -> None:
        """Take in some images: what `update` adds up for each of them, to the same integers.

        Args:
            found: what fires in them, and what it shares with the masks of the labels.
            labels: of the same images.
        """
        np.add.at(self.label_area, labels.present, labels.masks.area)
        np.add.at(self.images, labels.present, 1)
        in_threads(
            kernels.add_up,
            found.units, found.images, found.area, found.shared,
            labels.mask_of_image, labels.present, labels.masks.area,
            labels.absent_of_image, labels.absent,
            *(getattr(self, name) for name in _OF_PAIRS),
        )  # fmt: skip

    def merge(self, other: Tally) -> None:
        """Add what another tally has seen.

        Raises:
            OutputError: the other one has other units or concepts.
        """
        if self.intersection.shape != other.intersection.shape:
            raise OutputError(
                f"expected a tally of {self.intersection.shape} units x concepts to merge, got {other.intersection.shape}"
            )
        for field in fields(self):
            getattr(self, field.name)[...] += getattr(other, field.name)

    def state(self) -> dict[str, np.ndarray]:
        """The sums by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Back to a `state`."""
        for name, values in state.items():
            getattr(self, name)[...] = values

    def union(self, union: Union, negatives: Negatives = "ignore") -> Int[np.ndarray, "unit concept"]:
        """Pixels of the union of M_u and L_c over the chosen images."""
        label_area = self.firing_area if union == "firing" else self.label_area
        pixels: Int[np.ndarray, "unit concept"] = self.unit_area + label_area - self.intersection
        return pixels + self.absent_area if negatives == "annotated" else pixels

    def iou(self, union: Union, negatives: Negatives = "ignore") -> Float[np.ndarray, "unit concept"]:
        """Intersection over union; NaN for 0/0."""
        return ratio(self.intersection, self.union(union, negatives))

    def coverage(self) -> Float[np.ndarray, "unit concept"]:
        """Share of X_c in which the unit fires; NaN without images."""
        return ratio(self.firing_images, np.broadcast_to(self.images, self.firing_images.shape))


def ratio(part: np.ndarray, whole: np.ndarray) -> Float[np.ndarray, ...]:
    """Part by whole, element by element, of two arrays of one shape; NaN where the whole is 0."""
    found = np.full(part.shape, np.nan)
    np.divide(part, whole, out=found, where=whole > 0)
    return found
