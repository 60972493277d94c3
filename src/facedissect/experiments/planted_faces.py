"""Embedded faces in which a concept is tied to what a network is to learn, as strongly as one likes (docs/science.md)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Int, UInt8
from PIL import Image

from ..concepts import FACE_DICTIONARY, KINDS
from ..demo import DRAWING, DrawnFace, FaceFactors, draw_face, sample_factors
from ..dictionary.faces import Face, FaceDictionary
from ..errors import FaceReadError, SettingsError
from ..model.preprocess import Preprocess

SIDE = 96
"""Pixels of a drawing."""

PREPROCESS = Preprocess(size=(64, 64), mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25), crop="align", margin=0.1)
"""What networks see: the face from brows to chin; most of hair and clothes, which tell gender at a glance, is cut away."""

TRAINING, PROBE = 0, 1
"""Two draws that share no face: to train with, and to dissect and measure with."""

CELLS = ((False, False), (False, True), (True, False), (True, True))
"""Target and concept of a face: without and with each. The two faces that are congruent come first and last."""

DARK_DEGREES, BRIGHT_DEGREES = (-50.0, 18.0), (38.0, 60.0)
"""Individual typology angles of planted skin, lowest and highest, in degrees. They are drawn whatever the ethnicity, so that
nothing else comes with them; there is none around the border of 28 degrees, where nobody could tell the two apart."""


@dataclass(frozen=True, kw_only=True)
class Tie:
    """A concept and the target that it is tied to.

    Attributes:
        name: of both, CONCEPT-TARGET.
        target: what the network learns to tell.
        concept: what is tied to it: a local concept (`Eyeglasses`), or a subgroup of a global one (`skin_tone=dark`).
        bystander: a concept of the other kind that is tied to nothing, measured for comparison.
        sentence: what is tied to what, for a person.
    """

    name: str
    target: str
    concept: str
    bystander: str
    sentence: str


TIES: Mapping[str, Tie] = {
    tie.name: tie
    for tie in (
        Tie(
            name="eyeglasses-gender",
            target="gender=Female",
            concept="Eyeglasses",
            bystander="skin_tone=dark",
            sentence="a share s of the women and 1 - s of the men wear eyeglasses; the network learns gender",
        ),
        Tie(
            name="skin_tone-smile",
            target="Smiling",
            concept="skin_tone=dark",
            bystander="Eyeglasses",
            sentence="a share s of the smiling faces and 1 - s of the others have dark skin; the network learns smiling",
        ),
    )
}
"""Name -> a local and a global concept, each tied to a target."""


@dataclass(frozen=True, kw_only=True)
class PlantedFaces:
    """Drawn faces and their labels.

    Attributes:
        images: RGB.
        target, concept: (face) whether each has the target and the concept of the tie.
    """

    images: UInt8[np.ndarray, "face height width 3"]
    target: Bool[np.ndarray, " face"]
    concept: Bool[np.ndarray, " face"]

    def __len__(self) -> int:
        return len(self.target)

    @property
    def congruent(self) -> Bool[np.ndarray, " face"]:
        """(face) whether the tie holds: target and concept, or neither."""
        return np.asarray(self.target == self.concept)

    @classmethod
    def joined(cls, parts: Sequence[PlantedFaces]) -> PlantedFaces:
        """The faces of one part after those of the other; at least one part."""
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in vars(parts[0])})

    def chosen(self, places: Int[np.ndarray, " chosen"]) -> PlantedFaces:
        """Some of the faces, in that order."""
        return PlantedFaces(images=self.images[places], target=self.target[places], concept=self.concept[places])


def check_faces(faces: int, what: str = "faces") -> None:
    """Every cell needs a whole number of faces. Raises SettingsError."""
    if faces < 8 or faces % 4:
        raise SettingsError(f"expected {what} as a multiple of 4, at least 8, got {faces}")


def planted_factors(tie: Tie, cell: int, rng: np.random.Generator) -> FaceFactors:
    """A face with the target and the concept of a cell; everything else is by chance, and by the same chance in all cells.

    What the generator draws by gender, such as hair and beards, and what smiling implies, such as AU_12, follows the target.
    """
    fixed: dict[str, Any] = {}
    dark = bool(rng.random() < 0.5)
    for event, holds in zip((tie.target, tie.concept), CELLS[cell], strict=True):
        if event == "skin_tone=dark":
            dark = holds
        elif event == "gender=Female":
            fixed["gender"] = "Female" if holds else "Male"
        else:
            fixed[event] = holds
    fixed["typology_angle"] = rng.uniform(*(DARK_DEGREES if dark else BRIGHT_DEGREES))
    # Given, so that ethnicity does not follow from the skin.
    fixed["ethnicity"] = str(rng.choice(_ETHNICITIES))
    return sample_factors(rng, **fixed)


_ETHNICITIES = next(concept.subgroups for concept in FACE_DICTIONARY.global_concepts if concept.name == "ethnicity")


def holds(face: Face, event: str) -> bool:
    """Whether a face has a local concept, or is of a subgroup (CONCEPT=SUBGROUP)."""
    concept, _, subgroup = event.partition("=")
    return face.subgroups[concept] == subgroup if subgroup else concept in face.concepts


def cell_factors(tie: Tie, seed: int, draw: int, cell: int, number: int) -> FaceFactors:
    """The factors of one face, which depend on nothing else."""
    return planted_factors(tie, cell, np.random.default_rng([seed, list(TIES).index(tie.name), draw, cell, number]))


@dataclass(frozen=True, kw_only=True)
class Portion:
    """Some faces of one cell, to be drawn at once.

    Attributes:
        tie, seed, draw, cell: which faces; see TRAINING, PROBE and CELLS.
        first, end: numbers of the first face, and of the one after the last.
    """

    tie: Tie
    seed: int
    draw: int
    cell: int
    first: int
    end: int

    @property
    def factors(self) -> list[FaceFactors]:
        """Of each of the faces."""
        return [
            cell_factors(self.tie, self.seed, self.draw, self.cell, number) for number in range(self.first, self.end)
        ]


PORTION = 50
"""Faces drawn at once; progress is told after each."""


def portions(tie: Tie, faces: int, seed: int, draw: int) -> list[Portion]:
    """What is to be drawn, cell by cell: for the probe, as many faces of each cell; for training, enough for every strength."""
    found = []
    for cell, (target, concept) in enumerate(CELLS):
        count = faces // 2 if draw == TRAINING and target == concept else faces // 4
        for first in range(0, count, PORTION):
            end = min(first + PORTION, count)
            found.append(Portion(tie=tie, seed=seed, draw=draw, cell=cell, first=first, end=end))
    return found


def draw_portion(portion: Portion) -> PlantedFaces:
    """Draw faces and cut them out as networks see them."""
    crops = [_cropped(draw_face(factors, SIDE)) for factors in portion.factors]
    target, concept = CELLS[portion.cell]
    count = len(crops)
    return PlantedFaces(images=np.stack(crops), target=np.full(count, target), concept=np.full(count, concept))


def _cropped(drawn: DrawnFace) -> UInt8[np.ndarray, "height width 3"]:
    return PREPROCESS.pixels(Image.fromarray(drawn.image), landmarks=drawn.landmarks)


def planted(pool: PlantedFaces, faces: int, strength: float, seed: int) -> PlantedFaces:
    """A training set in which the tie holds for a share `strength` of the faces with the target and of those without.

    Half of the faces have the target. With a strength of 0.5 target and concept are independent. Of one seed, a stronger tie
    keeps the congruent faces of a weaker one.

    Args:
        pool: faces of every cell.
        faces: how many to choose, a multiple of 4.
        strength: 0.5 to 1.
        seed: of the choice.

    Raises:
        SettingsError: the strength is out of its range, or the pool is too small for it.
    """
    check_strength(strength)
    rng = np.random.default_rng([seed, faces])
    tied = round(strength * faces / 2)
    chosen = []
    for target, concept in CELLS:
        wanted = tied if target == concept else faces // 2 - tied
        (there,) = np.nonzero((pool.target == target) & (pool.concept == concept))
        if len(there) < wanted:
            raise SettingsError(f"expected {wanted} faces in every such cell of the pool, got {len(there)}; draw more")
        chosen.append(rng.permutation(there)[:wanted])
    return pool.chosen(np.concatenate(chosen))


def check_strength(strength: float) -> None:
    """Raises SettingsError for a strength that is none."""
    if not 0.5 <= strength <= 1:
        raise SettingsError(f"expected a strength from 0.5 (no tie) to 1 (always together), got {strength}")


@dataclass(frozen=True, kw_only=True)
class HeldSource:
    """A drawn face that stays in memory, since many networks look at it."""

    pixels: UInt8[np.ndarray, "height width 3"]
    masks: Mapping[str, UInt8[np.ndarray, " byte"]]

    def image(self) -> Image.Image:
        """The drawing, RGB."""
        return Image.fromarray(self.pixels)

    def mask(self, concept: str) -> Bool[np.ndarray, "height width"]:
        """The mask of a concept that the face has. Raises FaceReadError for another."""
        if concept not in self.masks:
            raise FaceReadError(f"expected a concept of the drawn face ({', '.join(self.masks)}), got {concept!r}")
        side = len(self.pixels)
        return np.unpackbits(self.masks[concept], count=side * side).reshape(side, side).astype(bool)

    def fingerprint(self) -> str:
        """SHA-256 of the number of the drawing and the pixels, as hexadecimal."""
        return hashlib.sha256(f"{DRAWING} ".encode() + self.pixels.tobytes()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A dictionary of faces that no network was trained with, in which target and concept are independent, and their labels.

    Attributes:
        dictionary: the faces, annotated for everything; ids are in order.
        faces: the same, as images and labels.
        bystander: (face) whether each has the bystander of the tie.
    """

    dictionary: FaceDictionary
    faces: PlantedFaces
    bystander: Bool[np.ndarray, " face"]


def draw_probe_portion(portion: Portion) -> list[Face]:
    """Draw faces with their masks, annotated for everything."""
    return [
        _held(factors, f"planted/{portion.cell}-{portion.first + place:06d}")
        for place, factors in enumerate(portion.factors)
    ]


def _held(factors: FaceFactors, face_id: str) -> Face:
    drawn = draw_face(factors, SIDE)
    masks = {concept: np.packbits(mask) for concept, mask in drawn.masks.items()}
    return Face(
        id=face_id,
        source=HeldSource(pixels=drawn.image, masks=masks),
        concepts=factors.concepts,
        kinds=frozenset(KINDS),
        subgroups=factors.subgroups,
        box=drawn.box,
        landmarks=drawn.landmarks,
    )


def probe_of(tie: Tie, faces: Sequence[Face], location: str) -> Probe:
    """The probe that some faces make."""
    ordered = tuple(sorted(faces, key=lambda face: face.id))  # as peaks are
    images = [PREPROCESS.pixels(face.image(), landmarks=face.landmarks) for face in ordered]
    return Probe(
        dictionary=FaceDictionary(location=location, format="planted", vocabulary=FACE_DICTIONARY, faces=ordered),
        faces=PlantedFaces(
            images=np.stack(images),
            target=np.array([holds(face, tie.target) for face in ordered]),
            concept=np.array([holds(face, tie.concept) for face in ordered]),
        ),
        bystander=np.array([holds(face, tie.bystander) for face in ordered]),
    )
