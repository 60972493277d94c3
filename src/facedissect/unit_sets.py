"""Which units to look at together: those of a concept, those biased towards a subgroup, those most tied to a target."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import rankdata

from .concepts import Vocabulary
from .dictionary.faces import FaceDictionary
from .errors import DictionaryError, SettingsError, nearest_names
from .peaks import Peaks
from .results import Dissection
from .tasks import target_labels

MOST = 10
"""Units of a set, if nothing else is said."""


def concept_units(result: Dissection, layer: str, concept: str, most: int = MOST) -> tuple[int, ...]:
    """The interpretable units whose label is a local concept, or that detect it, by falling IoU with it.

    Raises:
        LayerError, DictionaryError: there is no such layer or concept.
        SettingsError: the layer has no such units.
    """
    found, _ = result[layer], result.vocabulary[concept]
    labelled = found.units.loc[found.units["interpretable"] & (found.units["concept"] == concept), "unit"]
    detecting = found.hierarchy.loc[
        found.hierarchy["detected"].astype(bool) & (found.hierarchy["concept"] == concept), "unit"
    ]
    scores = found.concepts[
        (found.concepts["concept"] == concept) & found.concepts["unit"].isin({*labelled, *detecting})
    ]
    units = scores.sort_values(["iou", "unit"], ascending=[False, True], kind="stable")["unit"]
    if units.empty:
        raise SettingsError(
            f"expected units of {layer} whose label is {concept} or that detect it, got none; take those most tied to it"
        )
    return _first(units.tolist(), most)


def biased_units(result: Dissection, layer: str, subgroup: str, most: int = MOST) -> tuple[int, ...]:
    """The units biased towards a subgroup, `gender=Female`, or towards any of a global concept, `gender`; most biased first.

    Raises:
        LayerError: there is no such layer.
        SettingsError: there is no such subgroup, or no unit is biased towards it.
    """
    found = result[layer]
    concept, name = _subgroup(result.vocabulary, subgroup)
    rows = found.bias[found.bias["biased"].astype(bool) & (found.bias["global_concept"] == concept)]
    rows = rows[rows["subgroup"] == name] if name else rows
    ordered = rows.sort_values(["probability", "unit"], ascending=[False, True], kind="stable")["unit"]
    if ordered.empty:
        raise SettingsError(f"expected units of {layer} that are biased towards {subgroup}, got none; choose others")
    return _first(list(dict.fromkeys(ordered.tolist())), most)


def tied_units(peaks: Peaks, dictionary: FaceDictionary, target: str, most: int = MOST) -> tuple[int, ...]:
    """The units most tied to a target, whether they rise or fall with it: by |AUC - 0.5| of their peaks, from most to least.

    Args:
        peaks: of the units of a layer, as `LayerResult.peaks`.
        dictionary: the faces, which say who has the target.
        target: a local concept, a subgroup such as `gender=Female`, a global concept of two subgroups, or a label that is true
            or false.
        most: units that are given.

    Raises:
        DictionaryError: there is no such target, or no faces with and without it.
        SettingsError: there is no such subgroup.
    """
    ties = np.abs(target_auc(peaks, dictionary, target) - 0.5)
    order = np.argsort(-np.nan_to_num(ties, nan=-1.0), kind="stable")
    return _first([int(unit) for unit in order if np.isfinite(ties[unit])], most)


def target_auc(peaks: Peaks, dictionary: FaceDictionary, target: str) -> Float[np.ndarray, " unit"]:
    """For each unit, the chance that a face with a target has a higher peak than one without; NaN where not finite.

    Raises:
        DictionaryError, SettingsError: as `tied_units`.
    """
    vocabulary = dictionary.vocabulary
    concept, subgroup = _target(vocabulary, target)
    labels = target_labels(vocabulary, [dictionary[face] for face in peaks.faces], concept)
    known = np.array([label is not None for label in labels])
    has: Bool[np.ndarray, " image"] = np.array([label == subgroup if subgroup else label is True for label in labels])
    with_it, without = int(has.sum()), int((known & ~has).sum())
    if not with_it or not without:
        raise DictionaryError(
            f"expected faces with and without {target}, got {with_it} and {without}; choose another target"
        )
    values = []
    for _, highest in peaks.of(known).unit_blocks():
        finite = np.isfinite(highest)
        ranks = rankdata(np.where(finite, highest, 0), axis=0)
        auc = (ranks[has[known]].sum(0) - with_it * (with_it + 1) / 2) / (with_it * without)
        values.append(np.where(finite.all(0), auc, np.nan))
    return np.concatenate(values)


def _target(vocabulary: Vocabulary, text: str) -> tuple[str, str]:
    """A local concept or a label and nothing, or a global concept and the subgroup that is meant."""
    concept = text.partition("=")[0]
    subgroups = next((known.subgroups for known in vocabulary.global_concepts if known.name == concept), None)
    if text in vocabulary or subgroups is None:
        return text, ""
    concept, name = _subgroup(vocabulary, text)
    if not name and len(subgroups) > 2:
        raise SettingsError(
            f"expected one subgroup of {concept}, got all {len(subgroups)}; write {concept}={subgroups[0]}"
        )
    return concept, name or subgroups[0]


def _subgroup(vocabulary: Vocabulary, text: str) -> tuple[str, str]:
    """`gender=Female` as a global concept and its subgroup; the subgroup is empty where none is named."""
    concept, equals, name = text.partition("=")
    subgroups = {known.name: known.subgroups for known in vocabulary.global_concepts}
    if concept not in subgroups:
        raise SettingsError(
            f"expected a global concept, got {concept!r}; nearest: {nearest_names(concept, subgroups) or 'there is none'}"
        )
    if equals and name not in subgroups[concept]:
        raise SettingsError(f"expected a subgroup of {concept} ({', '.join(subgroups[concept])}), got {name!r}")
    return concept, name


def _first(units: list[int], most: int) -> tuple[int, ...]:
    if most < 1:
        raise SettingsError(f"expected at least 1 unit, got {most}")
    return tuple(int(unit) for unit in units[:most])
