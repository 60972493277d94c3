"""build(): masks from labels and landmarks, subgroups from columns, skin tone from pixels."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from ..concepts import GlobalConcept, Vocabulary
from ..dictionary.faces import Face, FaceDictionary
from ..dictionary.faults import Progress
from ..errors import DictionaryError
from .plan import Plan
from .recipe import Recipe
from .skin_tone import CONCEPT

_WORKERS = min(8, os.cpu_count() or 1)  # threads: decoding releases the interpreter's lock


@dataclass(frozen=True, kw_only=True)
class Built:
    """A dictionary that was built, and what to know about it.

    Attributes:
        dictionary: the faces that are fit, with masks drawn on demand; `write_published` writes it.
        left_out: id of a face -> why it is not in it.
        recipe: how it was built.
        notes: in sentences: how the skin tone was measured, and how many faces lack what.
    """

    dictionary: FaceDictionary
    left_out: Mapping[str, str] = field(repr=False)
    recipe: Recipe
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The record of it, as JSON can hold it."""
        return {
            "source": self.dictionary.location,
            "faces": len(self.dictionary),
            "recipe": self.recipe.as_dict(),
            "notes": list(self.notes),
            "left_out": dict(self.left_out),
        }


def build(dictionary: FaceDictionary, recipe: Recipe | None = None, *, progress: Progress | None = None) -> Built:
    """Draw masks over the landmarks of faces, for the concepts that their labels name.

    Parts are present in every face, attributes where the label of their name is True, action units from the recipe's
    intensity on. A face is annotated for a kind if it has the labels of all its concepts that any face has a label of; the
    others are not in the vocabulary. Images are opened for their size, and read only if the skin tone is measured.

    Args:
        dictionary: faces with landmarks and labels.
        recipe: None for the defaults.
        progress: told after each face how many are done, and how many there are.

    Raises:
        DictionaryError: there are no labels of a kind or column that the recipe names, a label makes no sense, or no face
            is left.
    """
    recipe = recipe or Recipe()
    for grouping in recipe.groupings:
        grouping.expect_column(dictionary.faces)
    plan = Plan.of(dictionary, recipe)
    faces: list[Face] = []
    left_out: dict[str, str] = {}
    for done, (face, result) in enumerate(_results(dictionary.faces, plan), start=1):
        if isinstance(result, Face):
            faces.append(result)
        else:
            left_out[face.id] = result
        if progress is not None:
            progress(done, len(dictionary))
    _expect_some(faces, left_out, dictionary.location)
    built = FaceDictionary(
        location=f"{dictionary.location} (built)",
        format="built",
        vocabulary=Vocabulary(
            concepts=plan.vocabulary(faces), global_concepts=_global_concepts(dictionary.vocabulary, recipe, faces)
        ),
        faces=tuple(faces),
    )
    return Built(dictionary=built, left_out=MappingProxyType(left_out), recipe=recipe, notes=tuple(_notes(faces, plan)))


def _results(faces: Sequence[Face], plan: Plan) -> Iterator[tuple[Face, Face | str]]:
    """Each face with what becomes of it, in order."""
    if plan.recipe.skin_tone is None:  # no pixels are decoded, so that threads would only wait for each other
        yield from ((face, plan.build(face)) for face in faces)
        return
    with ThreadPoolExecutor(_WORKERS) as pool:
        try:
            yield from zip(faces, pool.map(plan.build, faces), strict=True)
        except BaseException:  # an interrupt must not wait for the faces not yet begun
            pool.shutdown(cancel_futures=True)
            raise


def _expect_some(faces: Sequence[Face], left_out: Mapping[str, str], location: str) -> None:
    if not faces:
        reasons = Counter(left_out.values()).most_common(1)
        why = "".join(f"{count} of {len(left_out)} are left out for: {reason}" for reason, count in reasons)
        raise DictionaryError(f"expected faces to build from in {location}, got none; {why or 'it has no faces'}")


def _global_concepts(source: Vocabulary, recipe: Recipe, faces: Sequence[Face]) -> tuple[GlobalConcept, ...]:
    """Those of the source, of which a face is in a subgroup, and those of the recipe in their place or behind them."""
    own = [grouping.defined for grouping in recipe.groupings]
    own += [] if recipe.skin_tone is None else [recipe.skin_tone.defined]
    named = {concept.name for concept in own}
    in_use = {name for face in faces for name in face.subgroups}
    kept = [concept for concept in source.global_concepts if concept.name in in_use and concept.name not in named]
    return (*kept, *own)


def _notes(faces: Sequence[Face], plan: Plan) -> Iterator[str]:
    for kind in plan.drawn:
        without = sum(kind not in face.kinds for face in faces)
        if without:
            yield f"{kind}: {without} of {len(faces)} faces lack some of the labels and are not annotated for this kind"
    for grouping in plan.recipe.groupings:
        without = sum(grouping.concept not in face.subgroups for face in faces)
        if without:
            yield f"{grouping.concept}: {without} of {len(faces)} faces have no subgroup"
    if plan.recipe.skin_tone is not None:
        yield plan.recipe.skin_tone.method
        without = sum("typology_angle" not in face.labels for face in faces)
        yield f"{CONCEPT}: {without} of {len(faces)} faces are grey-scale or have too little skin in the image"
