"""Action units out of the CSVs of OpenFace and py-feat.

OpenFace (Baltrušaitis et al., FG 2018) gives intensities `AU01_r` from 0 to 5 and presence `AU01_c` (0 or 1); py-feat (Cheong
et al., Affective Science 2023) gives the probability `AU01` that the action unit is there. Intensities become labels as they
are, and `build` compares them with the recipe's threshold; presence and probabilities become True or False here.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from ..concepts import FACE_DICTIONARY
from ..dictionary.faces import FaceDictionary, Label
from ..errors import DictionaryError, SettingsError
from .tool_tables import ToolRow, read_tool_rows

ACTION_UNITS = tuple(concept.name for concept in FACE_DICTIONARY.of_kind("action_unit"))
_PROBABILITY, _CONFIDENCE = 0.5, 0.5


def read_action_units(
    location: str | os.PathLike[str],
    ids: Collection[str],
    *,
    probability: float = _PROBABILITY,
    least_confidence: float = _CONFIDENCE,
) -> dict[str, dict[str, Label]]:
    """Face -> action unit -> its intensity from 0 to 5, or whether it is there; only images that were looked at are named.

    Args:
        location: a CSV, or a folder of CSVs (one an image).
        ids: of the faces; paths in the files may be longer or shorter, and may lack the suffix.
        probability: from which a probability of py-feat counts as present.
        least_confidence: rows in which the program is less sure that there is a face say nothing.

    Raises:
        DictionaryError: a file cannot be read, has no columns of action units, or speaks of other images only.
        SettingsError: the probability or the confidence is not from 0 to 1.
    """
    for name, value in (("probability", probability), ("least_confidence", least_confidence)):
        if not 0 <= value <= 1:
            raise SettingsError(f"expected {name} from 0 to 1, got {value}")
    rows = read_tool_rows(Path(location), ids, least_confidence)
    labels = {face_id: _labels(row, probability) for face_id, row in rows.items()}
    if not any(labels.values()):
        columns = ", ".join(list(next(iter(rows.values())).cells)[:4])
        raise DictionaryError(
            f"expected columns of action units such as AU01_r (OpenFace) or AU01 (py-feat) in {location}, got {columns}, "
            "...; run the program with action units on"
        )
    return {face_id: units for face_id, units in labels.items() if units}


def with_labels(dictionary: FaceDictionary, labels: Mapping[str, Mapping[str, Label]]) -> FaceDictionary:
    """The same faces with more labels; of a label that a face has already, the new value counts."""
    return replace(
        dictionary,
        faces=tuple(
            replace(face, labels={**face.labels, **labels[face.id]}) if face.id in labels else face
            for face in dictionary.faces
        ),
    )


def is_present(name: str, label: Label, intensity: float) -> bool:
    """Whether an action unit with this label counts as present; an intensity does from the threshold on.

    Raises:
        DictionaryError: the label is text.
    """
    if isinstance(label, str):
        raise DictionaryError(f"expected an intensity, True or False for {name}, got {label!r}; correct the label")
    return label if isinstance(label, bool) else label >= intensity


def _labels(row: ToolRow, probability: float) -> dict[str, Label]:
    named: Iterable[tuple[str, str]] = ((unit, f"AU{int(unit.removeprefix('AU_')):02}") for unit in ACTION_UNITS)
    labels: dict[str, Label] = {}
    for unit, column in named:
        if (intensity := row.number(f"{column}_r")) is not None:
            labels[unit] = intensity
        elif (presence := row.number(f"{column}_c")) is not None:
            labels[unit] = presence >= 0.5
        elif (likely := row.number(column)) is not None:
            if not 0 <= likely <= 1:
                raise DictionaryError(
                    f"{row.place}: expected a probability from 0 to 1 in {column}, got {likely:g}; "
                    f"name a column of intensities {column}_r"
                )
            labels[unit] = likely >= probability
    return labels
