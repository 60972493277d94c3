"""The embedded dictionary: faces drawn on demand. Nothing is downloaded, and the same seed gives the same bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Bool
from PIL import Image

from ..concepts import FACE_DICTIONARY, KINDS
from ..demo import DRAWING, Correlation, DrawnFace, FaceFactors, draw_face, locate_face, sample_factors, sample_scene
from ..demo.render import SMALLEST_SIDE
from ..errors import DictionaryError, FaceReadError
from .faces import Face, FaceDictionary

DEFAULTS: dict[str, int] = {"count": 600, "seed": 0, "size": 128, "identities": 0}
"""Faces, seed, side in pixels and people (0: everyone is another) of `demo` without further words."""
SPELT = f"demo or demo:{','.join(f'{name}=N' for name in DEFAULTS)}"
"""How a location is spelt, for error messages."""
_CACHED_FACES = 8


@dataclass(frozen=True)
class DemoSource:
    """Draws one face when it is first asked for its image or a mask; a few drawings are kept."""

    factors: FaceFactors
    size: int

    def image(self) -> Image.Image:
        """The drawing, RGB."""
        return Image.fromarray(_drawn(self.factors, self.size).image)

    def mask(self, concept: str) -> Bool[np.ndarray, "height width"]:
        """The mask of a concept that the face has. Raises FaceReadError for another."""
        masks = _drawn(self.factors, self.size).masks
        if concept not in masks:
            raise FaceReadError(f"expected a concept of the drawn face ({', '.join(masks)}), got {concept!r}")
        return masks[concept]

    def fingerprint(self) -> str:
        """SHA-256 of the factors, the size and the number of the drawing, as hexadecimal."""
        return hashlib.sha256(f"{DRAWING} {self.size} {_spelt(self.factors)}".encode()).hexdigest()


def open_demo(
    *,
    count: int = 600,
    seed: int = 0,
    size: int = 128,
    identities: int = 0,
    correlations: Sequence[Correlation] = (),
    **fixed: Any,
) -> FaceDictionary:
    """A dictionary of drawn faces, annotated for all kinds of local concepts and all global ones.

    Face i depends on the seed and on i alone, not on `count`. Labels, boxes and landmarks are known without drawing. The
    location, from which a report can open the dictionary again, speaks of numbers only: with `correlations` or `fixed` factors
    it ends in `,+correlations` or `,+fixed` and cannot be opened from text.

    Args:
        count: how many faces.
        seed: 0 or more.
        size: side of the images in pixels.
        identities: how many people they show, in turn, whom the faces then name as their `identity`. Pose, light, expression,
            background, clothes and make-up are others in every picture. 0: everyone is another, and nobody is named.
        correlations: dependences between concepts to plant; see `facedissect.demo.Correlation`.
        fixed: factors that all faces share; see `facedissect.demo.sample_factors`.

    Raises:
        DictionaryError: count, seed, size or identities make no sense.
        SettingsError: a factor or a correlation makes no sense.
    """
    numbers = (("count", count, 1), ("seed", seed, 0), ("size", size, SMALLEST_SIDE), ("identities", identities, 0))
    for name, value, least in numbers:
        if value < least:
            raise DictionaryError(f"expected {name} of the demo faces to be at least {least}, got {value}")
    location = f"demo:count={count},seed={seed},size={size}"
    location += f",identities={identities}" * bool(identities)
    location += ",+correlations" * bool(correlations) + ",+fixed" * bool(fixed)
    given = {**fixed, "correlations": correlations}
    faces = tuple(_face(index, seed, size, identities, given) for index in range(count))
    return FaceDictionary(location=location, format="demo", vocabulary=FACE_DICTIONARY, faces=faces)


def parse_location(text: str) -> dict[str, int]:
    """The keyword arguments of `open_demo` that a location such as `demo` or `demo:count=600,seed=0,size=128` stands for.

    Raises:
        DictionaryError: the text is something else, or was given by a dictionary with correlations or fixed factors.
    """
    name, _, words = text.partition(":")
    if name != "demo":
        raise DictionaryError(f"expected {SPELT}, got {text!r}")
    arguments = dict(DEFAULTS)
    for word in filter(None, words.split(",")):
        if word.startswith("+"):
            raise DictionaryError(
                f"expected demo faces that text can describe, got {text!r}; call open_demo with their {word[1:]} again"
            )
        key, _, value = word.partition("=")
        if key not in arguments or not value.isascii() or not value.isdigit():
            raise DictionaryError(f"expected {SPELT} with whole numbers, got {word!r} in {text!r}")
        arguments[key] = int(value)
    return arguments


def _face(index: int, seed: int, size: int, identities: int, given: dict[str, Any]) -> Face:
    person = index % identities if identities else index
    factors = sample_factors(np.random.default_rng([seed, person]), **given)
    if person != index:
        scene = sample_scene(np.random.default_rng([seed, index]), factors.identity, **given)
        factors = FaceFactors(identity=factors.identity, scene=scene)
    points, box = locate_face(factors, size)
    return Face(
        id=f"demo/{index:06d}",
        source=DemoSource(factors, size),
        concepts=factors.concepts,
        kinds=frozenset(KINDS),
        subgroups=factors.subgroups,
        box=box,
        landmarks=points,
        labels={"age": float(factors.identity.age)},
        identity=f"person/{person:06d}" if identities else None,
    )


@lru_cache(maxsize=_CACHED_FACES)
def _drawn(factors: FaceFactors, size: int) -> DrawnFace:
    face = draw_face(factors, size)
    for mask in face.masks.values():
        mask.flags.writeable = False
    return face


def _spelt(factors: FaceFactors) -> str:
    """All factors as text; sets are sorted, because their order differs from run to run."""
    words = []
    for part in (factors.identity, factors.scene):
        for factor in fields(part):
            value = getattr(part, factor.name)
            words.append(f"{factor.name}={sorted(value) if isinstance(value, frozenset) else value!r}")
    return " ".join(words)
