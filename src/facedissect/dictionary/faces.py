"""Face and FaceDictionary: what every reader gives, whatever the format on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float
from PIL import Image

from ..concepts import Concept, Kind, Vocabulary
from ..errors import DictionaryError, FaceReadError
from .located import Box, Located

State = Literal["present", "absent", "unknown"]
Label = bool | float | str


@runtime_checkable
class FaceSource(Protocol):
    """Where the pixels of one face come from. Nothing is read before it is asked for; a source can be pickled."""

    def image(self) -> Image.Image:
        """The image, RGB. Raises FaceReadError."""
        ...

    def mask(self, concept: str) -> Bool[np.ndarray, "height width"]:
        """The mask of a concept that the face has. Raises FaceReadError."""
        ...

    def fingerprint(self) -> str:
        """A short text that changes when the pixels do, without decoding them."""
        ...


@dataclass(frozen=True, kw_only=True)
class Face:
    """One image with its labels.

    Attributes:
        id: unique in its dictionary; for files, the path of the image relative to the root.
        source: reads image and masks on demand.
        concepts: names of the local concepts that are present, each with a mask.
        kinds: kinds for which the image was annotated; a concept of such a kind that is not present is *absent*,
            one of any other kind is *unknown*.
        unknown: concepts that were not looked for although the face is annotated for their kind, as in a merged dictionary.
        subgroups: global concept -> subgroup, where known.
        box: left, top, right, bottom of the face in pixels, where known.
        landmarks: 68 points (x, y) in pixels in the iBUG order, where known; pixel centres lie at half-integers.
        labels: what the source says besides: attributes (True, False), intensities of action units, age in years. Nothing
            is measured by them; `build` makes concepts and subgroups of them.
        identity: who it is, where known.
        split: the part of the source's own division, such as `train` or `test`, where it has one.
    """

    id: str
    source: FaceSource = field(repr=False)
    concepts: tuple[str, ...] = ()
    kinds: frozenset[Kind] = frozenset()
    unknown: frozenset[str] = frozenset()
    subgroups: Mapping[str, str] = field(default_factory=dict)
    box: Box | None = None
    landmarks: Float[np.ndarray, "68 2"] | None = field(default=None, repr=False, compare=False)
    labels: Mapping[str, Label] = field(default_factory=dict, repr=False)
    identity: str | None = None
    split: str | None = None

    def image(self) -> Image.Image:
        """The image, RGB. Raises FaceReadError."""
        return self.source.image()

    def mask(self, concept: str) -> Bool[np.ndarray, "height width"]:
        """The mask of a concept that is present, of the image's size.

        Raises:
            FaceReadError: the mask cannot be read, or the face has no such concept.
        """
        if concept not in self.concepts:
            raise FaceReadError(
                f"expected a concept of {self.id} ({', '.join(self.concepts) or 'it has none'}), got {concept!r}"
            )
        return self.source.mask(concept)

    def state(self, concept: Concept) -> State:
        """Whether a local concept is present, absent or unknown in this face."""
        if concept.name in self.concepts:
            return "present"
        return "absent" if concept.kind in self.kinds and concept.name not in self.unknown else "unknown"


@dataclass(frozen=True, kw_only=True)
class FaceDictionary:
    """Faces with masks of local concepts and subgroups of global ones.

    Attributes:
        location: what `open_dictionary` was given, so that a report can open it again.
        format: name of the format it was read from.
        vocabulary: the concepts that its labels speak of.
        faces: all faces; those with local labels in the order of the source, then the others.
        options: what `open_dictionary` was told besides, so that a report can open it again.
    """

    location: str
    format: str
    vocabulary: Vocabulary
    faces: tuple[Face, ...] = field(repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.faces)

    def __iter__(self) -> Iterator[Face]:
        return iter(self.faces)

    def __getitem__(self, face_id: str) -> Face:
        return self._by_id[face_id]

    def __contains__(self, face_id: object) -> bool:
        return face_id in self._by_id

    @cached_property
    def _by_id(self) -> Mapping[str, Face]:
        return {face.id: face for face in self.faces}

    @cached_property
    def local_faces(self) -> tuple[Face, ...]:
        """Faces annotated for at least one kind of local concept."""
        return tuple(face for face in self.faces if face.kinds)

    def faces_with(self, concept: str) -> tuple[Face, ...]:
        """X_c: the faces in which a local concept is present. Raises DictionaryError for an unknown one."""
        self.vocabulary.position(concept)
        return tuple(face for face in self.faces if concept in face.concepts)

    def faces_in(self, global_concept: str, subgroup: str) -> tuple[Face, ...]:
        """The faces of one subgroup of a global concept."""
        return tuple(face for face in self.faces if face.subgroups.get(global_concept) == subgroup)

    @property
    def locations(self) -> Mapping[str, Located]:
        """Id -> where the face is, of the faces of which a box or landmarks are known.

        Raises:
            DictionaryError: a box or landmarks make no sense.
        """
        located = {face.id: Located(box=face.box, landmarks=face.landmarks) for face in self.faces}
        return {face_id: place for face_id, place in located.items() if place.found}

    def located(self, locations: Mapping[str, Located]) -> FaceDictionary:
        """The same faces, of which those in `locations` have the boxes and landmarks given there, or none.

        Raises:
            DictionaryError: there is no such face.
        """
        for face_id in locations:
            if face_id not in self:
                raise DictionaryError(f"expected faces of {self.location}, got {face_id!r}; leave it out")
        faces = (
            replace(face, box=locations[face.id].box, landmarks=locations[face.id].landmarks)
            if face.id in locations
            else face
            for face in self.faces
        )
        return replace(self, faces=tuple(faces))

    def shard(self, index: int, count: int) -> FaceDictionary:
        """Every `count`-th face, from `index` on: the same vocabulary, a part of the faces."""
        return replace(self, faces=self.faces[index::count])

    @classmethod
    def joined(cls, shards: Sequence[FaceDictionary]) -> FaceDictionary:
        """The dictionary whose shards these are.

        Raises:
            DictionaryError: there are none, they differ in vocabulary, or a face occurs twice.
        """
        if len({shard.vocabulary for shard in shards}) != 1:
            raise DictionaryError(f"expected shards of one dictionary, got {len(shards)} with differing vocabularies")
        faces = tuple(face for shard in shards for face in shard.faces)
        if len({face.id for face in faces}) < len(faces):
            raise DictionaryError("expected every face in one shard only, got a face that is in several")
        return replace(shards[0], faces=faces)

    def only(self, concepts: Sequence[str]) -> FaceDictionary:
        """The same faces with some of the local concepts only.

        Raises:
            DictionaryError: a concept is unknown or has no images.
        """
        for concept in concepts:
            if not self.faces_with(concept):
                raise DictionaryError(
                    f"expected images of {concept!r} in {self.location}, got none; leave the concept out"
                )
        kept = tuple(concept for concept in self.vocabulary.concepts if concept.name in concepts)
        kinds = {concept.kind for concept in kept}
        return replace(
            self,
            vocabulary=replace(self.vocabulary, concepts=kept),
            faces=tuple(
                replace(
                    face,
                    concepts=tuple(name for name in face.concepts if name in concepts),
                    kinds=frozenset(face.kinds & kinds),
                )
                for face in self.faces
            ),
        )

    @cached_property
    def digest(self) -> str:
        """SHA-256 over vocabulary, labels and the fingerprints of all files, as hexadecimal; the order does not matter.

        Boxes and landmarks count to a hundredth of a pixel, as they are written: machines differ in the last bits.
        """
        return self.digest_with([face.source.fingerprint() for face in self.faces])

    def digest_with(self, fingerprints: Sequence[str]) -> str:
        """The digest where the fingerprints of all faces are known, in the order of the faces; no file is read."""
        total = hashlib.sha256(repr((self.vocabulary.concepts, self.vocabulary.global_concepts)).encode())
        pairs = zip(self.faces, fingerprints, strict=True)
        for face, fingerprint in sorted(pairs, key=lambda pair: pair[0].id):
            labels = (
                face.id,
                face.concepts,
                sorted(face.kinds),
                sorted(face.unknown),
                sorted(face.subgroups.items()),
            )
            places = [_in_hundredths(place) for place in (face.box, face.landmarks)]
            total.update(repr((labels, places, fingerprint)).encode())
        return total.hexdigest()


def _in_hundredths(place: Box | Float[np.ndarray, "68 2"] | None) -> bytes | None:
    return None if place is None else (np.asarray(place, "<f8").round(2) + 0.0).tobytes()
