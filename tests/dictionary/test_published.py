"""The reader of the published layout, against plain loops over the same files."""

from __future__ import annotations

import csv
import pickle
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facedissect.concepts import FACE_DICTIONARY, Concept
from facedissect.dictionary import Located, open_dictionary, read_landmarks, write_landmarks
from facedissect.dictionary.published import INDEXES
from facedissect.errors import DictionaryError, FaceReadError

if TYPE_CHECKING:
    from conftest import DictionaryFolder


def plain_rows(root: Path) -> list[tuple[str, str, list[str]]]:
    """Index, image and concepts of each row, read without the package."""
    rows = []
    for name in ("Action_Units.csv", "Attributes.csv", "Parts.csv"):
        if (root / name).exists():
            with (root / name).open(newline="") as file:
                for row in csv.DictReader(file):
                    concepts = [mask.rsplit("/", 1)[1].removesuffix(".png") for mask in row["labels"].split(";")]
                    rows.append((name, row["image"], concepts))
    return rows


def test_published_indexes_agree_with_a_plain_count(shared: Path) -> None:
    root = shared / "reference" / "face_dictionary_index"
    rows = plain_rows(root)
    dictionary = open_dictionary(root)

    assert len(dictionary) == len(rows) == 24_632
    assert [face.id for face in dictionary] == [image for _, image, _ in rows]
    assert [list(face.concepts) for face in dictionary] == [concepts for _, _, concepts in rows]
    assert [face.kinds for face in dictionary] == [frozenset({INDEXES[name]}) for name, _, _ in rows]
    counts = Counter(concept for _, _, concepts in rows for concept in concepts)
    assert {name: len(dictionary.faces_with(name)) for name in FACE_DICTIONARY.names} == dict(counts)
    assert (counts["AU_1"], counts["AU_2"], counts["AU_20"], counts["No_Beard"]) == (799, 411, 80, 7527)


@pytest.mark.parametrize("place", ["face-dictionary-mini", "reference/fixture/dictionary"])
def test_real_dictionaries_agree_with_their_files(shared: Path, place: str) -> None:
    root = shared / place
    rows = plain_rows(root)
    dictionary = open_dictionary(root)

    assert [face.id for face in dictionary.local_faces] == [image for _, image, _ in rows]
    assert dictionary.vocabulary == FACE_DICTIONARY
    for concept in FACE_DICTIONARY.global_concepts:
        on_disk = next(path for path in (root / "non_localizable").iterdir() if path.name.lower() == concept.name)
        for subgroup in concept.subgroups:
            files = sorted(str(path.relative_to(root)) for path in (on_disk / subgroup).iterdir())
            assert files
            assert [face.id for face in dictionary.faces_in(concept.name, subgroup)] == files
    first = dictionary.local_faces[0]
    width, height = first.image().size
    assert all(first.mask(concept).shape == (height, width) for concept in first.concepts)


def test_faces_come_by_index_and_then_by_path(complete: DictionaryFolder) -> None:
    complete.image("non_localizable/age/sixty_plus/1.png")
    ids = [face.id for face in complete.open()]
    assert ids[:3] == ["action_unit/0/original.png", "attribute/0/original.png", "part/0/original.png"]
    assert ids[3:] == sorted(ids[3:])
    assert len(ids) == 3 + 12 + 1


def test_an_image_of_two_indexes_is_one_face_annotated_for_both(folder: DictionaryFolder) -> None:
    image = folder.image("a/original.png")
    folder.index("Action_Units.csv", (image, [folder.mask("a/AU_1.png")]))
    folder.index("Parts.csv", (folder.image("b/original.png"), []), (image, [folder.mask("a/nose.png")]))

    first, second = folder.open()
    assert (first.id, first.concepts, first.kinds) == (image, ("AU_1", "nose"), frozenset({"action_unit", "part"}))
    states = {name: first.state(FACE_DICTIONARY[name]) for name in ("AU_1", "AU_12", "mouth", "Smiling")}
    assert states == {"AU_1": "present", "AU_12": "absent", "mouth": "absent", "Smiling": "unknown"}
    assert second.state(FACE_DICTIONARY["nose"]) == "absent"
    assert second.state(FACE_DICTIONARY["AU_1"]) == "unknown"


def test_an_image_of_an_index_and_a_subgroup_is_one_face(folder: DictionaryFolder) -> None:
    image = folder.image("non_localizable/Gender/Female/0.png")
    folder.index("Parts.csv", (image, [folder.mask("masks/nose.png")]))
    (face,) = folder.open()
    assert (face.concepts, dict(face.subgroups)) == (("nose",), {"gender": "Female"})


def test_folders_alone_make_a_dictionary(folder: DictionaryFolder) -> None:
    folder.image("non_localizable/AGE/Sixty_Plus/b.JPG")
    folder.image("non_localizable/AGE/Sixty_Plus/deeper/a.png")
    folder.text("non_localizable/AGE/Sixty_Plus/.DS_Store", "")
    folder.text("non_localizable/AGE/Sixty_Plus/readme.txt", "")
    dictionary = folder.open()
    assert [face.id.rsplit("/", 1)[1] for face in dictionary.faces_in("age", "sixty_plus")] == ["b.JPG", "a.png"]
    assert not dictionary.local_faces


def test_another_folder_is_a_global_concept_of_its_own(folder: DictionaryFolder) -> None:
    for subgroup in ("grey", "dark"):
        folder.image(f"non_localizable/Hair/{subgroup}/0.png")
    dictionary = folder.open()
    assert [concept.name for concept in dictionary.vocabulary.global_concepts] == [
        "age", "gender", "ethnicity", "skin_tone", "Hair",
    ]  # fmt: skip
    assert dictionary.vocabulary.global_concepts[-1].subgroups == ("dark", "grey")
    assert len(dictionary.faces_in("Hair", "grey")) == 1


def test_nothing_is_read_before_it_is_asked_for(folder: DictionaryFolder) -> None:
    folder.index("Parts.csv", ("gone/original.png", ["gone/nose.png"]))
    (face,) = folder.open()
    with pytest.raises(
        FaceReadError, match=r"expected an image that can be read, got .*gone/original.png: the file does not"
    ):
        face.image()


def test_an_opened_dictionary_can_be_pickled(complete: DictionaryFolder) -> None:
    dictionary = complete.open()
    assert pickle.loads(pickle.dumps(dictionary)).digest == dictionary.digest  # noqa: S301


def test_the_root_may_be_a_link(complete: DictionaryFolder, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(complete.root)
    dictionary = open_dictionary(tmp_path / "link")
    assert dictionary.location == str(tmp_path / "link")
    assert dictionary.faces[0].image().size == (8, 6)


def test_tolerated_spellings_of_an_index(folder: DictionaryFolder) -> None:
    folder.text("Parts.csv", '\ufeffid,labels, image\r\n7,"a\\nose.png; ./a/mouth.png;",./a/original.png\r\n\r\n')
    (face,) = folder.open()
    assert (face.id, face.concepts) == ("a/original.png", ("nose", "mouth"))


BOX = (1.0, 1.0, 6.0, 5.0)
LANDMARKS = np.arange(136.0).reshape(68, 2) / 4


def test_boxes_and_landmarks_are_read_with_the_dictionary(complete: DictionaryFolder) -> None:
    before = complete.open()
    copy = "non_localizable/age/sixty_plus/0.png"
    complete.landmarks({
        "part/0/original.png": Located(box=BOX, landmarks=LANDMARKS),
        copy: Located(box=BOX),
        "attribute/0/original.png": Located(),
    })  # fmt: skip
    dictionary = complete.open()
    assert [face.id for face in dictionary if face.box is not None] == ["part/0/original.png", copy]
    assert dictionary["part/0/original.png"].box == BOX
    assert np.array_equal(dictionary["part/0/original.png"].landmarks, LANDMARKS)
    assert dictionary[copy].landmarks is None
    assert dictionary["attribute/0/original.png"] == before["attribute/0/original.png"]
    assert dictionary.digest != before.digest
    assert [face.id for face in dictionary] == [face.id for face in before]
    assert pickle.loads(pickle.dumps(dictionary)).digest == dictionary.digest  # noqa: S301


def test_landmarks_from_elsewhere_take_the_place_of_the_dictionarys_own(
    complete: DictionaryFolder, tmp_path: Path
) -> None:
    complete.landmarks({"attribute/0/original.png": Located(box=BOX)})
    write_landmarks({".\\part\\0\\original.png": Located(box=BOX)}, tmp_path / "other.csv")
    dictionary = open_dictionary(complete.root, landmarks=tmp_path / "other.csv")
    assert list(dictionary.locations) == ["part/0/original.png"]
    assert dictionary.location == str(complete.root)


def test_an_image_whose_name_no_index_could_hold_may_have_landmarks(folder: DictionaryFolder) -> None:
    path = folder.image("non_localizable/hair/grey/a\\b.png")
    folder.image("non_localizable/hair/dark/0.png")
    folder.landmarks({path: Located(box=BOX)})
    assert folder.open()[path].box == BOX


def test_bad_landmarks_are_refused_with_file_and_line(complete: DictionaryFolder, tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    write_landmarks({"part/0/original.png": Located(), "part/1/original.png": Located()}, path)
    message = (
        r"other.csv:3: expected the path of an image of the dictionary, got part/1/original.png; correct it or remove"
    )
    with pytest.raises(DictionaryError, match=message) as caught:
        open_dictionary(complete.root, landmarks=path)
    assert "facedissect check" not in str(caught.value)  # which would not look at that file
    path.rename(complete.root / "landmarks.csv")
    message = r"^landmarks.csv:3: expected the path of .*; run `facedissect check .*faces` to list every fault$"
    with pytest.raises(DictionaryError, match=message):
        complete.open()
    with pytest.raises(DictionaryError, match=r"expected a CSV that can be read, got .*other.csv: No such file"):
        open_dictionary(complete.root, landmarks=path)


def test_landmarks_of_the_published_size_are_read_at_once(shared: Path, tmp_path: Path) -> None:
    root = shared / "reference" / "face_dictionary_index"
    faces = open_dictionary(root)
    located = Located(box=BOX, landmarks=LANDMARKS)
    write_landmarks({face.id: located for face in faces}, tmp_path / "landmarks.csv")
    start = time.process_time()
    read = read_landmarks(tmp_path / "landmarks.csv")
    assert time.process_time() - start < 2
    assert len(read) == len(faces)


BAD_INDEXES = {
    "columns": (
        "picture,masks\n",
        r"Parts.csv:1: expected a first line with the columns image and labels in Parts.csv, got picture, masks",
    ),
    "no line": ("", "expected a first line with the columns image and labels in Parts.csv, got an empty line"),
    "header only": ("image,labels\n", "expected at least one image in the indexes or in non_localizable, got none"),
    "comma": ("image,labels\na.png,b/nose.png,c\n", r"Parts.csv:2: expected 2 cells, as the header has, got 3"),
    "no image": ("image,labels\n,b/nose.png\n", r"Parts.csv:2: expected the path of an image, got an empty cell"),
    "open quote": ('image,labels\n"a.png,b/nose.png\n', "expected a CSV, got Parts.csv: unexpected end of data"),
    "escape": (
        "image,labels\n../../etc/passwd,\n",
        r"Parts.csv:2: expected a path inside .*, got ../../etc/passwd, which leaves",
    ),
    "inner escape": ("image,labels\na/../../b.png,\n", "got a/../../b.png, which leaves its root"),
    "absolute": ("image,labels\n/etc/passwd,\n", "got /etc/passwd, which leaves its root"),
    "drive": ("image,labels\nC:\\faces\\a.png,\n", r"got C:\\faces\\a.png, which leaves its root"),
    "mask escape": ("image,labels\na.png,../nose.png\n", "got ../nose.png, which leaves its root"),
    "unknown": (
        "image,labels\na.png,a/noes.png\n",
        r"expected a mask named after a local concept, got a/noes.png; nearest: nose.*; define other concepts in vocabulary.toml",
    ),
    "no substring": ("image,labels\na.png,a/nose_1.png\n", "got a/nose_1.png; nearest: nose"),
    "case": ("image,labels\na.png,a/Nose.png\n", "got a/Nose.png; nearest: nose"),
    "other kind": (
        "image,labels\na.png,a/AU_1.png\n",
        "expected concepts of the kind part in Parts.csv, got a/AU_1.png, whose kind is action_unit",
    ),
    "conflict": (
        "image,labels\na.png,a/nose.png\na.png,a/mouth.png\n",
        r"Parts.csv:3: expected a.png once in Parts.csv, got it in lines 2 and 3 with different labels; keep one of them",
    ),
    "two masks": (
        "image,labels\na.png,a/nose.png;b/nose.png\n",
        "expected one mask of nose, got a/nose.png and b/nose.png",
    ),
}


@pytest.mark.parametrize(("content", "message"), BAD_INDEXES.values(), ids=BAD_INDEXES)
def test_a_bad_index_is_refused_in_one_line(folder: DictionaryFolder, content: str, message: str) -> None:
    folder.text("Parts.csv", content)
    with pytest.raises(DictionaryError, match=message) as caught:
        folder.open()
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(f"; run `facedissect check {folder.root}` to list every fault")


def test_a_binary_file_is_no_index(folder: DictionaryFolder) -> None:
    folder.image("a.png")
    (folder.root / "a.png").rename(folder.root / "Parts.csv")
    with pytest.raises(DictionaryError, match=r"expected a CSV in UTF-8, got Parts.csv: 'utf-8' codec can't decode"):
        folder.open()


def test_the_first_of_several_faults_is_named_and_the_others_counted(folder: DictionaryFolder) -> None:
    folder.text("Parts.csv", "image,labels\n../a.png,\nb.png,b/noes.png\n/c.png,\n")
    with pytest.raises(
        DictionaryError, match=r"Parts.csv:2: .*\.\./a.png.*; and 2 more faults; run `facedissect check"
    ):
        folder.open()


def test_an_unknown_subgroup_is_refused(complete: DictionaryFolder) -> None:
    complete.image("non_localizable/age/child/0.png")
    with pytest.raises(
        DictionaryError, match=r"expected a subgroup of age \(zero_to_twenty, .*, got the folder .*/age/child"
    ):
        complete.open()


@pytest.mark.parametrize("link", ["attribute/link", "non_localizable/age/sixty_plus/link"])
def test_a_linked_folder_may_not_leave_the_root(complete: DictionaryFolder, tmp_path: Path, link: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    (complete.root / link).symlink_to(tmp_path / "elsewhere")
    complete.append("Attributes.csv", "attribute/link/a.png,")
    (complete.root / "attribute/link").mkdir(exist_ok=True)
    with pytest.raises(DictionaryError, match=f"got {link}.*, which leaves its root by a symbolic link"):
        complete.open()


def test_a_linked_image_may_not_leave_the_root(folder: DictionaryFolder, tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(b"")
    folder.index("Parts.csv", ("a.png", []))
    (folder.root / "a.png").symlink_to(tmp_path / "secret.png")
    (face,) = folder.open()
    with pytest.raises(
        FaceReadError, match=r"expected a file inside .*, got a.png, which leads to .*secret.png; copy the file"
    ):
        face.image()


def test_a_loop_of_links_is_refused(complete: DictionaryFolder) -> None:
    (complete.root / "non_localizable/age/sixty_plus/up").symlink_to(complete.root / "non_localizable")
    with pytest.raises(
        DictionaryError, match="sixty_plus/up, which leads back to a folder above it by a symbolic link"
    ):
        complete.open()


labels = st.dictionaries(
    st.integers(0, 9),
    st.fixed_dictionaries(
        {}, optional={name: st.sets(st.sampled_from(FACE_DICTIONARY.of_kind(kind))) for name, kind in INDEXES.items()}
    ),
    min_size=1,
).filter(lambda table: any(table.values()))


@settings(max_examples=40, deadline=None)
@given(table=labels)
def test_any_table_of_labels_is_read_back(
    new_folder: type[DictionaryFolder], table: dict[int, dict[str, set[Concept]]]
) -> None:
    with tempfile.TemporaryDirectory() as root:
        folder = new_folder(Path(root))
        for name in INDEXES:
            rows = [
                (f"{image}.png", [f"{image}/{concept.name}.png" for concept in row[name]])
                for image, row in table.items()
                if name in row
            ]
            folder.index(name, *rows)
        dictionary = folder.open()
    assert {face.id for face in dictionary} == {f"{image}.png" for image, row in table.items() if row}
    for image, row in table.items():
        for concept in FACE_DICTIONARY.concepts if row else ():
            name = next(name for name, kind in INDEXES.items() if kind == concept.kind)
            expected = "unknown" if name not in row else "present" if concept in row[name] else "absent"
            assert dictionary[f"{image}.png"].state(concept) == expected
