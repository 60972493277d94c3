"""Face and FaceDictionary, without files."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from PIL import Image

from facedissect.concepts import FACE_DICTIONARY
from facedissect.dictionary import Face, FaceDictionary, Located
from facedissect.errors import DictionaryError, FaceReadError


@dataclass(frozen=True)
class MemorySource:
    shade: int = 0

    def image(self) -> Image.Image:
        return Image.new("RGB", (4, 3), (self.shade, 0, 0))

    def mask(self, concept: str) -> np.ndarray:
        return np.full((3, 4), concept == "nose")

    def fingerprint(self) -> str:
        return str(self.shade)


def dictionary(*faces: Face) -> FaceDictionary:
    return FaceDictionary(location="memory", format="memory", vocabulary=FACE_DICTIONARY, faces=faces)


FACES = dictionary(
    Face(id="a", source=MemorySource(), concepts=("nose", "AU_12"), kinds=frozenset({"part", "action_unit"})),
    Face(id="b", source=MemorySource(), kinds=frozenset({"part"}), subgroups={"age": "sixty_plus"}),
    Face(id="c", source=MemorySource(), subgroups={"age": "sixty_plus", "gender": "Male"}),
    Face(id="d", source=MemorySource(), concepts=("AU_1",), kinds=frozenset({"action_unit"})),
)


def ids(faces: object) -> list[str]:
    return [face.id for face in faces]  # type: ignore[attr-defined]


def test_it_is_a_collection_of_faces_by_id() -> None:
    assert len(FACES) == 4
    assert ids(FACES) == ["a", "b", "c", "d"]
    assert FACES["c"] is FACES.faces[2]
    assert "c" in FACES
    assert "e" not in FACES


def test_faces_are_selected_by_exact_names() -> None:
    assert ids(FACES.faces_with("AU_1")) == ["d"]
    assert ids(FACES.faces_with("AU_12")) == ["a"]
    assert ids(FACES.local_faces) == ["a", "b", "d"]
    assert ids(FACES.faces_in("age", "sixty_plus")) == ["b", "c"]
    assert ids(FACES.faces_in("gender", "Female")) == []
    with pytest.raises(DictionaryError, match="expected a concept of the vocabulary, got 'AU_3'; nearest: AU_"):
        FACES.faces_with("AU_3")


@pytest.mark.parametrize(
    ("face", "concept", "state"),
    [
        ("a", "nose", "present"),
        ("a", "mouth", "absent"),
        ("a", "AU_1", "absent"),
        ("a", "Smiling", "unknown"),
        ("b", "AU_12", "unknown"),
        ("c", "nose", "unknown"),
    ],
)
def test_a_concept_is_present_absent_or_unknown(face: str, concept: str, state: str) -> None:
    assert FACES[face].state(FACE_DICTIONARY[concept]) == state


def test_only_present_concepts_have_masks() -> None:
    assert FACES["a"].mask("nose").all()
    with pytest.raises(FaceReadError, match=r"expected a concept of a \(nose, AU_12\), got 'mouth'"):
        FACES["a"].mask("mouth")
    with pytest.raises(FaceReadError, match=r"expected a concept of b \(it has none\), got 'nose'"):
        FACES["b"].mask("nose")


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_shards_share_out_the_faces(count: int) -> None:
    shards = [FACES.shard(index, count) for index in range(count)]
    assert sorted(face.id for shard in shards for face in shard) == ["a", "b", "c", "d"]
    assert {len(shard) for shard in shards} <= {len(FACES) // count, len(FACES) // count + 1}
    assert all(shard.vocabulary is FACES.vocabulary for shard in shards)


CHANGES = {
    "id": {"id": "z"},
    "pixels": {"source": MemorySource(1)},
    "concepts": {"concepts": ("nose",)},
    "kinds": {"kinds": frozenset({"part"})},
    "subgroups": {"subgroups": {"age": "sixty_plus"}},
    "box": {"box": (0.0, 0.0, 4.0, 3.0)},
    "landmarks": {"landmarks": np.arange(136.0).reshape(68, 2)},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_digest_follows_labels_and_pixels(change: dict[str, object]) -> None:
    first, *others = FACES.faces
    assert dictionary(*FACES.faces).digest == FACES.digest
    assert dictionary(replace(first, **change), *others).digest != FACES.digest  # type: ignore[arg-type]


def test_the_digest_follows_boxes_and_landmarks_to_a_hundredth_of_a_pixel() -> None:
    landmarks = np.arange(136.0).reshape(68, 2)

    def digest(by: float) -> str:
        return FACES.located({"a": Located(box=(0.0, 0.0, 4.0, 3.0 + by), landmarks=landmarks - by)}).digest

    assert digest(0) == digest(1e-12)
    assert digest(0) != digest(0.01)
    assert (
        FACES.located({"a": Located(landmarks=landmarks)}).digest
        != FACES.located({"b": Located(landmarks=landmarks)}).digest
    )
    assert FACES.located({"a": Located(landmarks=landmarks.astype(np.float32))}).digest == FACES.located(
        {"a": Located(landmarks=landmarks)}
    ).digest  # fmt: skip


def test_boxes_and_landmarks_are_replaced_by_id() -> None:
    landmarks = np.arange(136.0).reshape(68, 2)
    places = {"c": Located(box=(0.0, 0.0, 4.0, 3.0)), "a": Located(landmarks=landmarks)}
    located = FACES.located(places)
    assert ids(located) == ids(FACES)
    assert located["b"] is FACES["b"]
    assert located["a"].landmarks is landmarks
    assert located["a"].concepts == FACES["a"].concepts
    assert list(located.locations.items()) == [("a", places["a"]), ("c", places["c"])]
    assert located.located({"c": Located()})["c"].box is None
    assert FACES.locations == {}
    with pytest.raises(DictionaryError, match="expected faces of memory, got 'z'; leave it out"):
        FACES.located({"a": Located(), "z": Located()})


def test_the_digest_does_not_depend_on_the_place() -> None:
    assert replace(FACES, location="elsewhere").digest == FACES.digest
