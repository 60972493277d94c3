"""`examine` finds what is planted in a dictionary: all of it, and nothing else."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facedissect.concepts import Concept, GlobalConcept, Vocabulary
from facedissect.curation import FINDINGS, Limits, Quality, examine
from facedissect.dictionary import FAULTS, Face, FaceDictionary, open_dictionary
from facedissect.dictionary.demo import open_demo
from facedissect.dictionary.write import write_published
from facedissect.errors import FaceReadError

NewFace = Callable[..., Face]
Changes = Mapping[str, Callable[[Image.Image], Image.Image]]

VOCABULARY = Vocabulary(
    concepts=(
        Concept(name="nose", kind="part", region="Nose"),
        Concept(name="Smiling", kind="attribute", region="Mouth"),
        Concept(name="No_Beard", kind="attribute", region="Cheek"),
        Concept(name="AU_1", kind="action_unit", region="Eye"),
    ),
    global_concepts=(
        GlobalConcept(name="age", subgroups=("young", "old")),
        GlobalConcept(name="gender", subgroups=("Male", "Female")),
        GlobalConcept(name="hair", subgroups=("dark", "fair", "grey")),
        GlobalConcept(name="skin_tone", subgroups=("bright", "dark")),
    ),
)
LIMITS = Limits(fewest_images=12)
ON_FACE, OFF_FACE = np.zeros((2, 96, 96), bool)
ON_FACE[40:60, 40:60] = True
OFF_FACE[0:10, 0:10] = True


@pytest.fixture(scope="module")
def clean(pictures: list[Image.Image], new_face: NewFace) -> tuple[Face, ...]:
    """Independent and balanced labels; no picture twice. AU_1 and skin_tone are labelled in none."""
    return tuple(
        new_face(
            f"{number:03}",
            image,
            masks={"nose": ON_FACE} | ({"Smiling": ON_FACE} if number % 3 == 0 else {}),
            kinds=frozenset({"part"} if number % 8 == 0 else {"part", "attribute"}),
            subgroups={
                "age": ("young", "old")[number % 2],
                "gender": ("Male", "Female")[number // 2 % 2],
                "hair": ("dark", "fair", "grey")[number // 4 % 3],
            },
            box=(20, 20, 76, 76),
        )
        for number, image in enumerate(pictures)
    )


def examined(*faces: Face, limits: Limits = LIMITS, vocabulary: Vocabulary = VOCABULARY) -> Quality:
    return examine(
        FaceDictionary(location="memory", format="memory", vocabulary=vocabulary, faces=faces), limits=limits
    )


def found(quality: Quality) -> list[tuple[str, str]]:
    return [(fault.code, fault.file) for fault in quality.faults]


WITHOUT_BEARDS = replace(VOCABULARY, concepts=tuple(c for c in VOCABULARY.concepts if c.name != "No_Beard"))


def test_a_clean_dictionary_has_no_findings(clean: tuple[Face, ...]) -> None:
    quality = examined(*clean, vocabulary=WITHOUT_BEARDS)
    assert quality.faults == quality.duplicates == quality.conflicts == ()
    assert (quality.faces, quality.pictures) == (140, 140)


@dataclass(frozen=True)
class Broken:
    """Neither image nor mask can be read."""

    def image(self) -> Image.Image:
        raise FaceReadError("expected an image, got rubbish; restore it")

    def mask(self, concept: str) -> np.ndarray:
        raise FaceReadError(f"expected a mask of {concept}, got rubbish; restore it")

    def fingerprint(self) -> str:
        return "unreadable"


@pytest.fixture(scope="module")
def planted(
    clean: tuple[Face, ...], new_face: NewFace, changes: Changes
) -> tuple[tuple[Face, ...], list[tuple[str, str]]]:
    """The clean dictionary with one of everything, and the findings that it must give."""

    def copy_of(number: int, face_id: str, change: str | None = None, **other: object) -> Face:
        face = clean[number]
        image = face.image() if change is None else changes[change](face.image())
        # Masks are left out: a changed size would need others.
        return replace(
            new_face(face_id, image, **{"kinds": face.kinds, "subgroups": face.subgroups, **other}), box=None
        )

    part = frozenset({"part"})
    bare = {"kinds": part, "subgroups": {}}
    faces = (
        *clean,
        replace(clean[3], id="exact"),
        copy_of(6, "near", "all at once", kinds=frozenset()),
        copy_of(9, "other gender", subgroups={"gender": "Female"}, kinds=frozenset()),
        copy_of(12, "sober", "saved as JPEG", kinds=frozenset({"attribute"}), subgroups={}),
        new_face("ada", new_image(0), identity="ada", **bare),
        new_face("eve", new_image(0), identity="eve", **bare),
        copy_of(15, "for another thing", kinds=frozenset(), subgroups={"skin_tone": "dark"}),
        new_face("off", new_image(1), masks={"nose": OFF_FACE}, box=(20, 20, 76, 76), kinds=part),
        new_face("empty", new_image(2), masks={"nose": np.zeros((96, 96), bool)}, kinds=part),
        Face(id="broken", source=Broken(), concepts=("nose",), kinds=part),
        Face(id="broken too", source=Broken()),
    )
    findings = [
        ("duplicate-image", "003"),
        ("near-duplicate-image", "006"),
        ("conflicting-labels", "009"),
        ("duplicate-image", "009"),
        ("near-conflicting-labels", "012"),
        ("near-duplicate-image", "012"),
        ("conflicting-labels", "ada"),
        ("duplicate-image", "ada"),
        ("mask-off-face", "off"),
        ("empty-mask", "empty"),
        ("unreadable-image", "broken"),
        ("unreadable-mask", "broken"),
        ("unreadable-image", "broken too"),
    ]
    return faces, findings


def new_image(seed: int) -> Image.Image:
    """A picture that is like no face."""
    coarse = np.random.default_rng(seed).integers(0, 256, (7, 7, 3), np.uint8)
    return Image.fromarray(coarse).resize((96, 96), Image.Resampling.BICUBIC)


def test_planted_pictures_and_masks_are_found_and_nothing_else(
    planted: tuple[tuple[Face, ...], list[tuple[str, str]]],
) -> None:
    faces, findings = planted
    quality = examined(*faces, vocabulary=replace(WITHOUT_BEARDS, global_concepts=VOCABULARY.global_concepts[:3]))
    assert Counter(found(quality)) == Counter(findings)
    assert [group.faces for group in quality.duplicates] == [
        ("003", "exact"),
        ("006", "near"),
        ("009", "other gender"),
        ("012", "sober"),
        ("015", "for another thing"),
        ("ada", "eve"),
    ]
    assert [(conflict.what, conflict.name, conflict.exact) for conflict in quality.conflicts] == [
        ("subgroup", "gender", True),
        ("concept", "Smiling", False),
        ("identity", "identity", True),
    ]
    assert quality.faces == len(faces)
    # Those of which the pixels were seen before, and those that could not be read, are no pictures of their own.
    assert quality.pictures == len(faces) - 4 - 2


def test_the_order_of_faces_does_not_matter_to_what_is_found(
    planted: tuple[tuple[Face, ...], list[tuple[str, str]]],
) -> None:
    faces, findings = planted
    quality = examined(
        *reversed(faces), vocabulary=replace(WITHOUT_BEARDS, global_concepts=VOCABULARY.global_concepts[:3])
    )
    assert Counter(code for code, _ in found(quality)) == Counter(code for code, _ in findings)


def relabelled(faces: tuple[Face, ...], concept: str, label: Callable[[int], str | None]) -> list[Face]:
    return [
        replace(face, subgroups={**face.subgroups, **({concept: subgroup} if subgroup else {})})
        for number, face in enumerate(faces)
        for subgroup in [label(number)]
    ]


def test_confounded_global_concepts_are_found(clean: tuple[Face, ...]) -> None:
    faces = relabelled(
        clean, "skin_tone", lambda number: "dark" if (number % 2 == 0) ^ (number % 10 == 0) else "bright"
    )
    quality = examined(*faces, vocabulary=WITHOUT_BEARDS)
    assert [fault.message for fault in quality.faults] == [
        "expected age and skin_tone to be independent, got Cramér's V 0.82 in 140 pictures, so that a bias of one may be "
        "a bias of the other; balance them together"
    ]
    assert found(quality) == [("confounded-concepts", ".")]
    assert quality.confounding.set_index(["first", "second"]).loc[("age", "skin_tone"), "cramers_v"] == pytest.approx(
        56 * 70 / (70 * 70 * 56 * 84) ** 0.5  # 56 of 70 young and none of 70 old are dark
    )


def test_subgroups_out_of_balance_and_too_small_are_found(clean: tuple[Face, ...]) -> None:
    faces = relabelled(clean, "skin_tone", lambda number: "dark" if number % 13 == 0 else "bright")
    assert [fault.message for fault in examined(*faces, vocabulary=WITHOUT_BEARDS).faults] == [
        "expected 12 pictures of skin_tone dark or more, got 11",
        "expected subgroups of skin_tone with at most 3 times the pictures of each other, got 129 of bright and 11 of dark; "
        "balance them",
    ]


def test_too_few_images_of_a_concept_and_unreliable_labels_are_found(clean: tuple[Face, ...]) -> None:
    bearded = [
        replace(face, concepts=("No_Beard",), source=replace(face.source, masks={"No_Beard": ON_FACE}))
        if number < 5
        else face
        for number, face in enumerate(clean)
    ]
    quality = examined(*bearded)
    assert found(quality) == [("few-images", "."), ("unreliable-concept", ".")]
    assert quality.faults[0].message == "expected 12 images with No_Beard or more, got 5"
    assert [entry.concept for entry in quality.reliability] == ["No_Beard"]


def test_a_few_pictures_are_not_said_to_be_confounded(clean: tuple[Face, ...]) -> None:
    faces = relabelled(clean, "skin_tone", lambda number: ("bright", "dark")[number % 2] if number < 6 else None)
    quality = examined(*faces, vocabulary=WITHOUT_BEARDS, limits=Limits(fewest_images=1))
    assert quality.confounding.corrected.max() == pytest.approx(1)
    assert quality.faults == ()


def test_every_image_is_decoded_once_and_every_mask(new_face: NewFace, pictures: list[Image.Image]) -> None:
    asked: Counter[str] = Counter()

    @dataclass(frozen=True)
    class Counting:
        name: str

        def image(self) -> Image.Image:
            asked[self.name] += 1
            return pictures[int(self.name)]

        def mask(self, concept: str) -> np.ndarray:
            asked[f"{self.name} {concept}"] += 1
            return ON_FACE

        def fingerprint(self) -> str:
            return self.name

    faces = [Face(id=name, source=Counting(name), concepts=("nose",), kinds=frozenset({"part"})) for name in "123"]
    faces += [Face(id=f"alone {name}", source=Counting(name)) for name in "456"]
    told: list[tuple[int, int]] = []
    dictionary = FaceDictionary(location="memory", format="memory", vocabulary=VOCABULARY, faces=tuple(faces))
    examine(dictionary, progress=lambda done, total: told.append((done, total)))
    assert asked == Counter(["1", "2", "3", "1 nose", "2 nose", "3 nose", "4", "5", "6"])
    assert told == [(done, 6) for done in range(1, 7)]


def test_copies_for_each_subgroup_are_no_duplicates_and_tell_what_is_confounded(tmp_path: Path) -> None:
    """The published layout stores an image once for each of its subgroups."""
    drawn = open_demo(count=40, size=64)
    write_published(drawn, tmp_path / "faces")
    quality = examine(open_dictionary(tmp_path / "faces"), limits=Limits(fewest_images=1, largest_ratio=9))
    assert (quality.faces, quality.pictures) == (40 * 5, 40)
    assert {fault.code for fault in quality.faults} == {"confounded-concepts", "unreliable-concept"}
    (confounded,) = [fault for fault in quality.faults if fault.code == "confounded-concepts"]
    assert confounded.message.startswith("expected ethnicity and skin_tone to be independent")
    direct = examine(drawn).confounding
    assert quality.confounding.equals(direct)


def test_a_concept_that_lies_beside_the_face_by_nature_is_no_fault(new_face: NewFace) -> None:
    part = frozenset({"part"})
    faces = [
        new_face(f"{number:02}", new_image(number), masks={"nose": OFF_FACE}, box=(20, 20, 76, 76), kinds=part)
        for number in range(12)
    ]
    odd = [fault.file for fault in examined(*faces).faults if fault.code == "mask-off-face"]
    few = [fault.file for fault in examined(*faces[:9]).faults if fault.code == "mask-off-face"]
    assert (odd, len(few)) == ([], 9)


def test_all_of_it_is_json(planted: tuple[tuple[Face, ...], list[tuple[str, str]]]) -> None:
    quality = examined(*planted[0])
    told = json.loads(json.dumps(quality.as_dict(), allow_nan=False))
    assert [fault["code"] for fault in told["faults"]] == [fault.code for fault in quality.faults]
    assert {fault["severity"] for fault in told["faults"]} == {"error", "warning"}
    assert [row["face"] for row in told["masks_off_face"]] == ["off"]
    assert told["conflicts"][0]["values"] == {"Male": ["009"], "Female": ["other gender"]}
    assert told["limits"]["fewest_images"] == 12


def test_codes_have_one_meaning() -> None:
    assert not FINDINGS.keys() & FAULTS.keys()
    assert {severity for severity, _ in FINDINGS.values()} == {"error", "warning"}


def test_the_page_has_every_code_and_its_severity() -> None:
    page = (Path(__file__).parents[2] / "docs" / "dictionaries.md").read_text(encoding="utf-8")
    table = page.partition("## Examine")[2].partition("\n\n")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]
    told = {code.strip("` "): severity for codes, severity, _ in rows for code in codes.split(",")}
    assert told == {code: severity for code, (severity, _) in FINDINGS.items()}
