"""The random-weights null of labels: how the label of a unit compares with labels of units that learnt nothing.

A label is the best of many concepts, so its IoU is high by selection alone: it is compared with labels of random units, selected
in the same way, and not with their IoU with that one concept. And since large concepts are covered by whatever fires, labels are
compared by their IoU beyond the mean of their concept (docs/method.md, "Model level").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

from .hierarchy import best_concepts
from .multiplicity import q_values
from .results import LayerResult
from .significance import SIGNIFICANCE

LABEL_COLUMNS = (
    *("layer", "unit", "concept", "iou", "random_mean", "excess"),
    *("random_units", "p", "q", "beyond_random"),
)
"""Of `labels_table`, which docs/formats.md describes."""


@dataclass(frozen=True, kw_only=True)
class RandomNull:
    """What random units say about labels.

    Attributes:
        mean: (unit) mean IoU of all random units with the concept of the unit's label; NaN without a label.
        p: (unit) how likely a random unit has a label with as much beyond the mean of its concept; 1 without a label.
    """

    mean: Float[np.ndarray, " unit"]
    p: Float[np.ndarray, " unit"]


def random_null(iou: Float[np.ndarray, "unit concept"], random: Float[np.ndarray, "random concept"]) -> RandomNull:
    """Compare the label of each unit with the labels of random units, by the IoU beyond the mean of the concept.

    For each unit, means are taken over the random units and itself, so that all of them are treated alike: where it is one of
    them in distribution, p is at most a with probability a or less. That is the exact p-value of Phipson and Smyth (Stat. Appl.
    Genet. Mol. Biol. 9, 39, 2010), (1 + random units that reach it) / (1 + random units). One without a label reaches none.

    Args:
        iou: of the units; NaN, where nothing could be compared, is 0: such a unit covers nothing of the concept.
        random: of the random units of the same layer, of all seeds; likewise.
    """
    iou, random = np.nan_to_num(iou), np.nan_to_num(random)
    mean, p = np.full(len(iou), np.nan), np.ones(len(iou))
    if not iou.shape[1]:  # a layer without maps
        return RandomNull(mean=mean, p=p)
    label, random_label = best_concepts(iou), best_concepts(random)
    labelled = random_label >= 0
    random_label = random_label[labelled]
    random_iou = random[labelled, random_label]
    total = random.sum(axis=0)
    for unit in np.flatnonzero(label >= 0):
        own = label[unit]
        mean[unit] = total[own] / len(random)
        pooled = (total + iou[unit]) / (len(random) + 1)
        reached = random_iou - pooled[random_label] >= iou[unit, own] - pooled[own]
        p[unit] = (1 + np.count_nonzero(reached)) / (1 + len(random))
    return RandomNull(mean=mean, p=p)


def labels_table(layer: LayerResult, random: Sequence[LayerResult]) -> pd.DataFrame:
    """One row for each unit of a layer that has a label, whether it is interpretable or not; LABEL_COLUMNS.

    q-values are over all units of the layer, those without a label too: that a unit has one is part of what is compared.

    Args:
        layer: of the network.
        random: the same layer with random weights, once for each seed.
    """
    of_random = np.concatenate([_iou(of) for of in random])
    null = random_null(_iou(layer), of_random)
    table = layer.units[["layer", "unit", "concept", "iou"]].assign(
        random_mean=null.mean,
        excess=layer.units["iou"] - null.mean,
        random_units=len(of_random),
        p=null.p,
        q=q_values(null.p),
    )
    table["beyond_random"] = layer.units["interpretable"] & (table["q"] < SIGNIFICANCE)
    return table.loc[layer.units["concept"].notna(), list(LABEL_COLUMNS)].reset_index(drop=True)


def _iou(layer: LayerResult) -> Float[np.ndarray, "unit concept"]:
    return layer.concepts["iou"].to_numpy(np.float64).reshape(len(layer.units), -1)
