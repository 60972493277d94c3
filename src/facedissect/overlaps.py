"""What fires, and what it shares with masks: the pixels of M_u(x) and of M_u(x) ∩ L for units and images."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import torch
from jaxtyping import Float, Int32, Int64

from .bitmasks import BitMasks
from .kept_maps import KeptMaps
from .kernels import tally as kernels
from .kernels.compile import in_threads
from .settings import Zeros
from .upsampling import Axis


@dataclass(frozen=True, kw_only=True)
class Overlaps:
    """The pairs of a unit and an image in which the unit fires.

    Attributes:
        units, images: of each pair; images are counted within their batch. A pair comes once.
        area: pixels of M_u.
        shared: pixels of M_u in each mask of the image, in the order of the masks; 0 beyond the image's last one.
    """

    units: Int64[np.ndarray, " pair"]
    images: Int64[np.ndarray, " pair"]
    area: Int64[np.ndarray, " pair"]
    shared: Int32[np.ndarray, "pair mask"]

    @classmethod
    def of(
        cls,
        kept: KeptMaps,
        thresholds: Float[np.ndarray, " unit"],
        masks: BitMasks,
        mask_of_image: Int64[np.ndarray, " image+1"],
        size: tuple[int, int],
        *,
        zeros: Zeros = "count",
        device: torch.device | None = None,
    ) -> Overlaps:
        """Compare maps with the masks of their images.

        Args:
            kept: the maps of those units that may fire, by image.
            thresholds: T_u; NaN for a unit that never fires.
            masks: of all images, at the size of the network's input.
            mask_of_image: image i has the masks mask_of_image[i] to mask_of_image[i + 1].
            size: height and width of the network's input.
            zeros: whether an upsampled value of exactly 0 can fire.
            device: where to count: on a CUDA device, if it is one and Triton is installed, else on the CPU.
        """
        # An upsampled value is an average of raw ones: a unit whose peak does not exceed its threshold cannot fire.
        awake = np.flatnonzero(kept.peaks > thresholds[kept.units])
        units, images = kept.units[awake], kept.images[awake]
        rows, columns = (Axis.between(*lengths) for lengths in zip(kept.maps.shape[1:], size, strict=True))
        if device is not None and device.type == "cuda" and find_spec("triton"):
            from .kernels import tally_cuda as cuda  # needs Triton, which comes with CUDA builds of torch alone

            geometry = cuda.Geometry.between(rows, columns, kept.maps.shape[1], device)
            told = cuda.MasksOnGpu.of(masks, mask_of_image, size[0], device)
            pairs = (torch.from_numpy(part).to(device) for part in (kept.maps, awake, units, images, thresholds))
            maps, rows_of_maps, of_units, of_images, limits = pairs
            found = cuda.overlaps_on_gpu(
                maps, rows_of_maps, of_units, of_images, limits, told, geometry, ignore_zeros=zeros == "ignore"
            )
            area, shared = (part.cpu().numpy() for part in found)
        else:
            area = np.zeros(len(awake), np.int64)
            shared = np.zeros((len(awake), int(np.diff(mask_of_image).max(initial=0))), np.int32)
            first, last = columns.runs
            in_threads(
                kernels.overlaps,
                kept.maps, awake, units, images, thresholds, zeros == "ignore",
                rows.low, rows.high, rows.weight,
                first, last, columns.low[first], columns.high[first], columns.weight,
                mask_of_image, masks.first, masks.start, masks.words,
                area, shared,
            )  # fmt: skip
        fires = area > 0
        return cls(units=units[fires], images=images[fires], area=area[fires], shared=shared[fires])
