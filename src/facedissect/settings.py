"""Settings: every switch of a run, checked at construction; its defaults exist here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from types import MappingProxyType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from .errors import SettingsError

Union = Literal["firing", "labelled"]
Negatives = Literal["ignore", "annotated"]
HierarchyWeight = Literal["iou", "none"]
QuantileMethod = Literal["linear", "published"]
Zeros = Literal["count", "ignore"]
OnError = Literal["stop", "skip"]
Precision = Literal["fp32", "bf16", "fp16"]

BIAS_CUTOFFS: Mapping[int, float] = MappingProxyType({2: 0.55, 4: 0.30})
"""Published cut-offs of a biased unit by the number of subgroups (Teotia et al., IJCV 2022)."""


def bias_cutoff(subgroups: int) -> float:
    """The probability from which a unit counts as biased: as published for 2 and 4 subgroups, else 1.2 times chance."""
    return BIAS_CUTOFFS.get(subgroups, 1.2 / subgroups)


_LEAST = {
    "min_subgroup": 2,
    "top_faces": 1,
    "batch_size": 1,
    "workers": 0,
    "cache_gb": 0,
    "memory_gb": 0,
    "replicates": 0,
    "seed": 0,
}


def crossed_names(text: str) -> tuple[str, ...]:
    """The global concepts that are to be intersected, as typed: `gender,ethnicity`."""
    return tuple(name.strip() for name in text.split(","))


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to dissect.

    Attributes:
        quantile: share of a unit's values that lie at or below its threshold (1 - q of the paper).
        quantile_method: `linear` as `numpy.quantile`; `published` as the sketch of the published code estimates it.
        union: which images of a concept enter the union: those in which the unit fires, or all that are labelled.
        negatives: whether images annotated for a concept's kind but without it add the unit's area to the union.
        zeros: `ignore` never counts an upsampled value of exactly 0 as firing, as the published code.
        hierarchy_weight: multiply a concept's score by its IoU (IJCV version) or not (first public version).
        min_iou: a unit is interpretable if its best IoU is larger.
        detection_ratio: a unit detects the concepts of its region with more than this many times the even probability.
        min_subgroup: images that a subgroup, and the others that it is compared with, must have for a bias to be supported.
        intersect: further global concepts, each made of the subgroups of two or more: `("gender,ethnicity",)`.
        top_faces: faces with the highest peaks kept for each unit, with their maps.
        batch_size: images in one forward pass; None finds it by the size of images and maps. Halved where memory runs out.
        workers: processes that read images and masks ahead of the network; None for one a core, at most 8; 0 for none.
        device: where the network runs, such as `cpu`, `cuda` or `mps`; None leaves it where it is. Several devices, between
            which the images are split, are separated by commas, and a number means a CUDA device: `0,1`.
        cache_gb: disk that maps may take which are kept from the first pass to the second, in GB. What does not fit, or is
            sooner made again than written and read, costs a second run of the network.
        memory_gb: memory that the largest values of all units may take, in GB; beyond it they live on the disk.
        precision: of the forward pass: the network's own (`fp32`), or mixed with bfloat16 or float16 by torch's autocast.
            Whatever values come out are compared and counted exactly.
        replicates: of the bootstrap over images behind intervals and the stability of labels; 0 leaves out these and the nulls.
        sweep: quantiles at which labels are found again, over a sample of the faces; empty for none.
        seed: of everything that is drawn at random: exchanged masks, replicates, samples.
        on_error: whether an unreadable face stops the run or is left out and counted.

    Raises:
        SettingsError: a value makes no sense.
    """

    quantile: float = 0.995
    quantile_method: QuantileMethod = "linear"
    union: Union = "firing"
    negatives: Negatives = "ignore"
    zeros: Zeros = "count"
    hierarchy_weight: HierarchyWeight = "iou"
    min_iou: float = 0.04
    detection_ratio: float = 1.5
    min_subgroup: int = 20
    intersect: tuple[str, ...] = ()
    top_faces: int = 4
    batch_size: int | None = None
    workers: int | None = None
    device: str | None = None
    cache_gb: float = 8.0
    memory_gb: float = 1.0
    precision: Precision = "fp32"
    replicates: int = 200
    sweep: tuple[float, ...] = (0.999, 0.995, 0.99, 0.95)
    seed: int = 0
    on_error: OnError = "stop"

    def __post_init__(self) -> None:
        object.__setattr__(self, "sweep", tuple(self.sweep))  # JSON has lists
        hints = get_type_hints(type(self))
        for field in fields(self):
            value, hint = getattr(self, field.name), hints[field.name]
            if get_origin(hint) is Literal and value not in (choices := get_args(hint)):
                raise SettingsError(f"expected {field.name} to be one of {', '.join(choices)}, got {value!r}")
        for name, low, high in (("quantile", 0, 1), ("min_iou", 0, 1)):
            value = getattr(self, name)
            if not low <= value < high or (name == "quantile" and value == 0):
                raise SettingsError(f"expected {name} between {low} and {high}, got {value}")
        for quantile in self.sweep:
            if not 0 < quantile < 1:
                raise SettingsError(f"expected quantiles of sweep between 0 and 1, got {quantile}")
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value is not None and not value >= least:
                raise SettingsError(f"expected {name} to be at least {least}, got {value}")
        if self.detection_ratio <= 0:
            raise SettingsError(f"expected detection_ratio above 0, got {self.detection_ratio}")
        named = (self.intersect,) if isinstance(self.intersect, str) else tuple(self.intersect)
        object.__setattr__(self, "intersect", named)  # JSON has lists
        for text in self.intersect:
            names = crossed_names(text)
            if len(names) < 2 or len(set(names)) < len(names) or "" in names:
                raise SettingsError(
                    f"expected two or more global concepts to intersect, such as gender,ethnicity, got {text!r}"
                )

    @classmethod
    def reference(cls, **changes: Any) -> Settings:
        """The settings under which the published code's numbers come out; resize images with `bicubic` besides."""
        published: dict[str, Any] = {
            "quantile_method": "published",
            "union": "firing",
            "negatives": "ignore",
            "zeros": "ignore",
            "hierarchy_weight": "iou",
        }
        return cls(**(published | changes))

    @property
    def devices(self) -> tuple[str | None, ...]:
        """The devices that the images are split between; None for where the network is."""
        names = [name.strip() for name in (self.device or "").split(",")]
        return tuple(f"cuda:{name}" if name.isdigit() else name or None for name in names)

    def as_dict(self) -> dict[str, Any]:
        """All settings by name, as JSON can hold them."""
        return asdict(self) | {"intersect": list(self.intersect)}
