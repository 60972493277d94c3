"""The counts of a run and of its layers, made once for every form of the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..concepts import KINDS, Concept, Vocabulary
from ..results import Dissection, LayerResult
from ..settings import Settings, bias_cutoff
from ..tables import ACTIVE, CONSTANT, DEAD, NOT_FINITE
from ..units import UnitSummary, unit_summaries
from .beside import NOTHING, Beside

FEW_IMAGES = 50
"""Below this many images a rate moves by more than two points with each image, and a report says so."""

INTERPRETABLE, BELOW_CUTOFF, NO_OVERLAP = "interpretable", "best concept below the cut-off", "no overlap with a concept"
NO_MAP = "no map to compare with concepts"
OUTCOMES = (INTERPRETABLE, BELOW_CUTOFF, NO_OVERLAP, NO_MAP, DEAD, CONSTANT, NOT_FINITE)


@dataclass(frozen=True, kw_only=True)
class ConceptCount:
    """How many units of a layer a concept has.

    Attributes:
        labelled: interpretable units whose best concept it is.
        supported: those of which the label is supported.
        detecting: units that detect it among the concepts of their region.
    """

    concept: Concept
    labelled: int
    supported: int
    detecting: int


@dataclass(frozen=True, kw_only=True)
class SubgroupCount:
    """How many units of a layer are biased towards a subgroup, and how many images it has.

    Attributes:
        units: biased towards it, by the published cut-off.
        supported: with peaks that are higher on it, by the statistics, whatever the cut-off says.
        both: of which both is true.
    """

    subgroup: str
    units: int
    supported: int
    both: int
    images: int

    @property
    def few_images(self) -> bool:
        """Whether the subgroup is too small to say much."""
        return self.images < FEW_IMAGES


@dataclass(frozen=True, kw_only=True)
class BiasCount:
    """The biased units of a layer for one global concept.

    Attributes:
        cutoff: probability from which a unit is biased.
        measured: units that have a probability.
        biased: units with at least one subgroup at or above the cut-off.
        supported: those with at least one such subgroup on which their peaks are higher by the statistics, too.
        tested: whether any subgroup of any unit was tested.
    """

    global_concept: str
    cutoff: float
    subgroups: tuple[SubgroupCount, ...]
    measured: int
    biased: int
    supported: int
    tested: bool

    @property
    def groups(self) -> int:
        """Subgroups that have images; the cut-off rests on their number."""
        return sum(subgroup.images > 0 for subgroup in self.subgroups)


@dataclass(frozen=True, kw_only=True)
class LayerSummary:
    """The counts of one layer and its units.

    Attributes:
        result: the layer's tables and maps.
        units: its units, interpretable ones first, then by falling IoU.
        outcomes: what became of the units; every unit counts once.
        interpretable_by: union -> units whose best IoU by that union exceeds the cut-off.
        concepts: concepts with at least one unit, most units first.
        regions, kinds: interpretable units by the region and the kind of their best concept, in the vocabulary's order.
        bias: one entry a measured global concept.
    """

    result: LayerResult
    units: tuple[UnitSummary, ...] = field(repr=False)
    outcomes: Mapping[str, int]
    interpretable_by: Mapping[str, int]
    concepts: tuple[ConceptCount, ...]
    regions: Mapping[str, int]
    kinds: Mapping[str, int]
    bias: tuple[BiasCount, ...]

    @property
    def name(self) -> str:
        """The layer's dotted name."""
        return self.result.layer

    @property
    def has_maps(self) -> bool:
        """Whether its units have maps, which can be compared with concepts."""
        return self.result.map_size is not None

    @property
    def interpretable(self) -> int:
        """Units with a best concept above the cut-off."""
        return self.outcomes[INTERPRETABLE]

    @property
    def judged(self) -> int:
        """Interpretable units of which the label was tested; none of a run without replicates."""
        return sum(unit.judged for unit in self.units)

    @property
    def supported(self) -> int:
        """Interpretable units of which the label is supported."""
        return sum(unit.supported for unit in self.units)

    @property
    def unlocalizable(self) -> int:
        """Units that no concept explains."""
        return len(self.units) - self.interpretable


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """The counts of a run.

    Attributes:
        searched: concepts that have images.
        not_searched: names of those that have none.
        few_images: concept -> images, where they are fewer than FEW_IMAGES.
        beside: what is shown beside the result.
    """

    result: Dissection
    layers: tuple[LayerSummary, ...]
    searched: tuple[Concept, ...]
    not_searched: tuple[str, ...]
    few_images: Mapping[str, int]
    beside: Beside

    @property
    def compared(self) -> int:
        """Units of all layers with maps."""
        return sum(len(layer.units) for layer in self.layers if layer.has_maps)

    @property
    def interpretable(self) -> int:
        """Interpretable units of all layers."""
        return sum(layer.interpretable for layer in self.layers)

    @property
    def judged(self) -> int:
        """Those of which the label was tested."""
        return sum(layer.judged for layer in self.layers)

    @property
    def supported(self) -> int:
        """Those of which the label is supported."""
        return sum(layer.supported for layer in self.layers)


def summarise(result: Dissection, beside: Beside = NOTHING) -> RunSummary:
    """All counts of a result, with what is shown beside it."""
    images = result.provenance.concept_images
    searched = tuple(concept for concept in result.vocabulary.concepts if images.get(concept.name, 0) > 0)
    return RunSummary(
        result=result,
        layers=tuple(_layer(layer, result.vocabulary, result.settings) for layer in result.layers.values()),
        searched=searched,
        not_searched=tuple(name for name in result.vocabulary.names if not images.get(name, 0)),
        few_images={concept.name: images[concept.name] for concept in searched if images[concept.name] < FEW_IMAGES},
        beside=beside,
    )


def _layer(layer: LayerResult, vocabulary: Vocabulary, settings: Settings) -> LayerSummary:
    units = unit_summaries(layer)
    outcomes = Counter(outcome(unit) for unit in units)
    named = [vocabulary[unit.best.concept] for unit in units if unit.interpretable and unit.best]
    labelled = Counter(concept.name for concept in named)
    supported = Counter(unit.best.concept for unit in units if unit.supported and unit.best)
    detecting = Counter(share.concept for unit in units for share in unit.detected)
    regions, kinds = Counter(concept.region for concept in named), Counter(concept.kind for concept in named)
    found = [
        ConceptCount(
            concept=concept,
            labelled=labelled[concept.name],
            supported=supported[concept.name],
            detecting=detecting[concept.name],
        )
        for concept in vocabulary.concepts
        if labelled[concept.name] or detecting[concept.name]
    ]
    return LayerSummary(
        result=layer,
        units=units,
        outcomes={name: outcomes[name] for name in OUTCOMES},
        interpretable_by={
            union: int((layer.concepts.groupby("unit")[f"iou_{union}"].max() > settings.min_iou).sum())
            for union in ("firing", "labelled")
        },
        concepts=tuple(sorted(found, key=lambda count: (-count.labelled, -count.detecting))),
        regions={region.name: regions[region.name] for region in vocabulary.regions},
        kinds={kind: kinds[kind] for kind in KINDS if vocabulary.of_kind(kind)},
        bias=_bias(units),
    )


def outcome(unit: UnitSummary) -> str:
    """Which of OUTCOMES became of a unit."""
    if unit.interpretable:
        return INTERPRETABLE
    if unit.state != ACTIVE:
        return unit.state
    if not unit.has_map:
        return NO_MAP
    return BELOW_CUTOFF if unit.best else NO_OVERLAP


def _bias(units: tuple[UnitSummary, ...]) -> tuple[BiasCount, ...]:
    counts = []
    for name, shares in (units[0].bias if units else {}).items():
        groups = sum(share.images > 0 for share in shares)
        counts.append(
            BiasCount(
                global_concept=name,
                cutoff=bias_cutoff(max(groups, 2)),
                subgroups=tuple(
                    SubgroupCount(
                        subgroup=share.subgroup,
                        units=sum(unit.bias[name][position].biased for unit in units),
                        supported=sum(unit.bias[name][position].higher for unit in units),
                        both=sum(
                            unit.bias[name][position].biased and unit.bias[name][position].higher for unit in units
                        ),
                        images=share.images,
                    )
                    for position, share in enumerate(shares)
                ),
                measured=sum(any(share.measured for share in unit.bias[name]) for unit in units),
                biased=sum(any(share.biased for share in unit.bias[name]) for unit in units),
                supported=sum(any(share.biased and share.higher for share in unit.bias[name]) for unit in units),
                tested=any(share.tested for unit in units for share in unit.bias[name]),
            )
        )
    return tuple(counts)
