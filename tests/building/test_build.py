"""build(): what is drawn, who is left out and why, and what becomes of labels."""

from __future__ import annotations

import csv
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from facedissect.building import REGIONS, Built, Recipe, build, draw
from facedissect.building.built_source import BuiltSource
from facedissect.building.global_concepts import Grouping
from facedissect.building.skin_tone import SkinToneLimits
from facedissect.concepts import FACE_DICTIONARY, Concept, GlobalConcept, Vocabulary
from facedissect.dictionary import FaceDictionary, check_dictionary, open_dictionary
from facedissect.dictionary.files import FileSource
from facedissect.dictionary.write import write_published
from facedissect.errors import DictionaryError

Make = Callable[..., FaceDictionary]
PARTS = tuple(concept.name for concept in FACE_DICTIONARY.of_kind("part"))


def test_parts_are_in_every_face_with_landmarks(make_dictionary: Make, landmarks: np.ndarray) -> None:
    built = build(make_dictionary({}, {"landmarks": None}, {}))
    assert [face.id for face in built.dictionary] == ["0.png", "2.png"]
    assert dict(built.left_out) == {"1.png": "no landmarks"}
    assert built.dictionary.vocabulary.names == PARTS
    for face in built.dictionary:
        assert face.concepts == PARTS
        assert face.kinds == {"part"}
        assert np.array_equal(face.mask("nose"), draw(REGIONS["nose"], landmarks, (96, 96)))


def test_attributes_are_present_where_their_label_is_true(make_dictionary: Make) -> None:
    built = build(
        make_dictionary(
            {"labels": {"Smiling": True, "Eyeglasses": False, "Bald": True}},
            {"labels": {"Smiling": False, "Eyeglasses": True}},
            {"labels": {"Smiling": True}},
        ),
        Recipe(kinds=("attribute",)),
    )
    assert built.dictionary.vocabulary.names == ("Eyeglasses", "Smiling")
    assert [face.concepts for face in built.dictionary] == [("Smiling",), ("Eyeglasses",), ()]
    assert [face.kinds for face in built.dictionary] == [{"attribute"}, {"attribute"}, set()]
    assert built.notes == ("attribute: 1 of 3 faces lack some of the labels and are not annotated for this kind",)


def test_action_units_are_present_from_an_intensity_on(make_dictionary: Make) -> None:
    faces = make_dictionary({"labels": {"AU_1": 0.5, "AU_12": 3.0}}, {"labels": {"AU_1": True, "AU_12": 1.9}}, {})

    def found(recipe: Recipe) -> list[tuple[str, ...]]:
        return [face.concepts for face in build(faces, recipe).dictionary]

    assert found(Recipe(kinds=("action_unit",))) == [("AU_12",), ("AU_1", "AU_12"), ()]
    assert found(Recipe(kinds=("action_unit",), intensity=2.0)) == [("AU_12",), ("AU_1",), ()]
    assert found(Recipe(kinds=("action_unit",), intensity=0.5))[0] == ("AU_1", "AU_12")


def test_masks_of_the_source_stay(make_dictionary: Make, array_source: Any) -> None:
    mask = np.zeros((96, 96), bool)
    mask[3:9, 4:7] = True
    source = array_source(np.zeros((96, 96, 3), np.uint8), {"nose": mask})
    fields = {"source": source, "concepts": ("nose",), "kinds": frozenset({"part"}), "labels": {"Smiling": True}}
    (face,) = build(make_dictionary(fields)).dictionary
    assert face.concepts == ("nose", "Smiling")
    assert face.kinds == {"part", "attribute"}
    assert np.array_equal(face.mask("nose"), mask)
    assert np.array_equal(face.mask("Smiling"), draw(REGIONS["Smiling"], face.landmarks, (96, 96)))
    (face,) = build(make_dictionary(fields), Recipe(kinds=("part", "attribute"))).dictionary
    assert face.concepts == (*PARTS, "Smiling")
    assert not np.array_equal(face.mask("nose"), mask)


def test_presence_that_the_source_knows_counts_where_there_are_no_labels() -> None:
    faces = open_dictionary("demo:count=20,size=64")
    built = build(faces, Recipe(kinds=("attribute", "action_unit", "part")))
    assert built.dictionary.vocabulary.names == FACE_DICTIONARY.names
    for face in built.dictionary:
        assert set(face.concepts) == set(faces[face.id].concepts)
        assert face.subgroups == faces[face.id].subgroups
    assert len(built.dictionary) + len(built.left_out) == 20


def test_concepts_of_the_sources_own_vocabulary_stay(make_dictionary: Make, array_source: Any) -> None:
    own = Vocabulary(concepts=(Concept(name="hair", kind="part", region="Hair"),))
    mask = np.ones((96, 96), bool)
    source = array_source(np.zeros((96, 96, 3), np.uint8), {"hair": mask})
    fields = {"source": source, "concepts": ("hair",), "kinds": frozenset({"part"}), "labels": {"Smiling": True}}
    dictionary = make_dictionary(fields)
    object.__setattr__(dictionary, "vocabulary", own)
    built = build(dictionary).dictionary
    assert built.vocabulary.names == ("Smiling", "hair")
    assert built.faces[0].mask("hair").all()
    object.__setattr__(
        dictionary, "vocabulary", Vocabulary(concepts=(Concept(name="Smiling", kind="part", region="M"),))
    )
    with pytest.raises(DictionaryError, match="than of those drawn, got Smiling as part; rename it"):
        build(dictionary)


def test_who_is_left_out_and_why(make_dictionary: Make, landmarks: np.ndarray, tmp_path: Path) -> None:
    turned = landmarks.copy()
    turned[30, 0] += 30
    gone = FileSource(root=tmp_path, image_path="gone.png")
    built = build(
        make_dictionary(
            {},
            {"landmarks": landmarks * 0.3},
            {"landmarks": landmarks + np.array([60, 0])},
            {"landmarks": turned},
            {"source": gone},
        )
    )
    assert [face.id for face in built.dictionary] == ["0.png"]
    assert list(built.left_out) == ["1.png", "2.png", "3.png", "4.png"]
    small, outside, turn, unreadable = built.left_out.values()
    assert small.endswith("pixels apart, fewer than 12")
    assert outside.endswith("landmarks of brows, eyes, nose or mouth outside the image")
    assert turn.startswith("turned by ")
    assert turn.endswith(" degrees, more than 45")
    assert (
        unreadable
        == f"expected an image that can be read, got {tmp_path}/gone.png: the file does not exist; restore the file"
    )


def test_a_face_is_left_out_where_a_concept_of_it_cannot_be_seen(make_dictionary: Make, landmarks: np.ndarray) -> None:
    down = landmarks.copy()
    down[6:11, 1] += 96 - landmarks[6:11, 1].min() + 7
    faces = make_dictionary(
        {"landmarks": down, "labels": {"Double_Chin": True}}, {"landmarks": down, "labels": {"Double_Chin": False}}
    )
    built = build(faces, Recipe(overhang=1.0))
    assert dict(built.left_out) == {"0.png": "Double_Chin outside the image"}
    assert [face.concepts for face in built.dictionary] == [PARTS]


def test_groupings(make_dictionary: Make) -> None:
    age = Grouping(concept="age", column="age", edges=(30,), subgroups=("young", "old"))
    gender = Grouping(concept="gender", column="Male", renames={"true": "Male", "false": "Female"})
    faces = make_dictionary(
        {"labels": {"age": 20.0, "Male": True}, "subgroups": {"age": "sixty_plus", "ethnicity": "white"}},
        {"labels": {"age": 30.0}},
    )
    built = build(faces, Recipe(groupings=(age, gender)))
    assert [dict(face.subgroups) for face in built.dictionary] == [
        {"ethnicity": "white", "age": "young", "gender": "Male"},
        {"age": "old"},
    ]
    assert built.dictionary.vocabulary.global_concepts == (
        GlobalConcept(name="ethnicity", subgroups=("white", "black", "asian", "indian")),
        GlobalConcept(name="age", subgroups=("young", "old")),
        GlobalConcept(name="gender", subgroups=("Male", "Female")),
    )
    assert built.notes == ("gender: 1 of 2 faces have no subgroup",)


def test_faces_without_landmarks_stay_where_nothing_is_drawn(make_dictionary: Make) -> None:
    recipe = Recipe(kinds=(), groupings=(Grouping(concept="age", column="age", edges=(30,), subgroups=("a", "b")),))
    built = build(make_dictionary({"landmarks": None, "labels": {"age": 3.0}}), recipe)
    (face,) = built.dictionary
    assert face.subgroups == {"age": "a"}
    assert face.kinds == frozenset()
    assert not built.left_out


def test_skin_tone(make_dictionary: Make, array_source: Any) -> None:
    def source(*colour: int) -> Any:
        return array_source(np.full((96, 96, 3), colour, np.uint8), {})

    fields = [{"source": source(224, 172, 140)}, {"source": source(90, 56, 37)}, {"source": source(90, 90, 90)}]
    fields += [{"source": source(150, 105, 80)}, {"landmarks": None}]
    built = build(make_dictionary(*fields), Recipe(skin_tone=SkinToneLimits(dark_below=-30, bright_from=30)))
    assert [face.subgroups.get("skin_tone") for face in built.dictionary] == ["bright", "dark", None, None]
    angles = [face.labels.get("typology_angle") for face in built.dictionary]
    assert angles == [pytest.approx(45.6, abs=0.1), pytest.approx(-51.7, abs=0.1), None, pytest.approx(-4.1, abs=0.1)]
    assert built.dictionary.faces[0].labels["hue_angle"] == pytest.approx(58.1, abs=0.1)
    assert built.notes[0] == SkinToneLimits(dark_below=-30, bright_from=30).method
    assert built.notes[1] == "skin_tone: 1 of 4 faces are grey-scale or have too little skin in the image"
    assert list(built.left_out) == ["4.png"]


AGE = Grouping(concept="age", column="age", edges=(1,), subgroups=("a", "b"))
NOWHERE = {"landmarks": None}
REFUSED: dict[str, tuple[list[dict[str, Any]], Recipe, str]] = {
    "no attributes": ([{}], Recipe(kinds=("attribute",)), r"expected labels of attributes .* in memory, got none; add"),
    "no units": ([{}], Recipe(kinds=("action_unit",)), r"expected labels of action units .* or leave 'action_unit' out of kinds"),
    "number": ([{"labels": {"Smiling": 0.5}}], Recipe(), r"expected True or False for Smiling of 0.png, got 0.5; correct"),
    "text": ([{"labels": {"AU_1": "A"}}], Recipe(), r"expected an intensity, True or False for AU_1, got 'A'"),
    "nobody": ([NOWHERE, NOWHERE], Recipe(), r"faces to build from in memory, got none; 2 of 2 are left out for: no landm"),
    "no faces": ([], Recipe(), r"expected faces to build from in memory, got none; it has no faces"),
    "no column": ([{}], Recipe(groupings=(AGE,)), r"expected a label for the global concept age"),
}  # fmt: skip


@pytest.mark.parametrize(("fields", "recipe", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(make_dictionary: Make, fields: list[dict[str, Any]], recipe: Recipe, message: str) -> None:
    with pytest.raises(DictionaryError, match=message):
        build(make_dictionary(*fields), recipe)


def test_a_source_can_be_pickled_and_tells_changes(make_dictionary: Make, landmarks: np.ndarray) -> None:
    (face,) = build(make_dictionary({"labels": {"Smiling": True}})).dictionary
    copy = pickle.loads(pickle.dumps(face.source))  # noqa: S301
    assert copy.fingerprint() == face.source.fingerprint()
    assert np.array_equal(copy.mask("Smiling"), face.mask("Smiling"))
    source = face.source
    assert isinstance(source, BuiltSource)
    other = np.zeros((96, 96, 3), np.uint8)
    changed = [
        BuiltSource(source=source.source, drawn=("nose",), landmarks=landmarks, size=(96, 96)),
        BuiltSource(source=source.source, drawn=source.drawn, landmarks=landmarks + 0.01, size=(96, 96)),
        BuiltSource(source=source.source, drawn=source.drawn, landmarks=landmarks, size=(97, 96)),
        BuiltSource(source=type(source.source)(other, {}), drawn=source.drawn, landmarks=landmarks, size=(96, 96)),  # type: ignore[call-arg]
    ]
    prints = {source.fingerprint(), *(one.fingerprint() for one in changed)}
    assert len(prints) == 5
    same = BuiltSource(source=source.source, drawn=source.drawn, landmarks=landmarks + 1e-6, size=(96, 96))
    assert same.fingerprint() == source.fingerprint()


def test_progress_is_told(make_dictionary: Make) -> None:
    told: list[tuple[int, int]] = []
    build(make_dictionary({}, {"landmarks": None}), progress=lambda done, count: told.append((done, count)))
    assert told == [(1, 2), (2, 2)]


def test_the_record_is_json(make_dictionary: Make) -> None:
    built: Built = build(make_dictionary({}, {"landmarks": None}), Recipe(skin_tone=SkinToneLimits()))
    record = json.loads(json.dumps(built.as_dict()))
    assert record["left_out"] == {"1.png": "no landmarks"}
    assert (record["faces"], record["source"]) == (1, "memory (built)")
    assert record["recipe"]["skin_tone"] == {"dark_below": 28.0, "bright_from": 28.0}
    assert record["notes"][0].startswith("skin_tone: dark below")


def test_what_is_built_is_written_and_has_no_faults(
    tmp_path: Path, landmarks: np.ndarray, make_dictionary: Make
) -> None:
    Image.new("RGB", (96, 96), (200, 150, 120)).save(tmp_path / "1.png")
    Image.new("RGB", (96, 96), (80, 55, 40)).save(tmp_path / "2.png")
    attributes = [concept.name for concept in FACE_DICTIONARY.of_kind("attribute")]
    fields = [
        {
            "id": f"{number}.png",
            "source": FileSource(root=tmp_path, image_path=f"{number}.png"),
            "labels": {name: bool(place % 2 == number % 2) for place, name in enumerate(attributes)},
        }
        for number in (1, 2)
    ]
    built = build(make_dictionary(*fields), Recipe(skin_tone=SkinToneLimits())).dictionary
    write_published(built, tmp_path / "out")
    read = open_dictionary(tmp_path / "out")
    assert [fault for fault in check_dictionary(str(tmp_path / "out")) if fault.severity == "error"] == []
    with (tmp_path / "out" / "Attributes.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [len(row["labels"].split(";")) for row in rows] == [9, 9]
    assert [len(faces) for faces in (read.faces_in("skin_tone", "bright"), read.faces_in("skin_tone", "dark"))] == [
        1,
        1,
    ]
    for face, again in zip(built, read.local_faces, strict=True):
        assert set(again.concepts) == set(face.concepts)
        assert np.array_equal(again.mask("nose"), face.mask("nose"))
        assert np.allclose(again.landmarks, landmarks, atol=0.005)
