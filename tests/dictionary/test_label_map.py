"""Label maps: what a `label_map.toml` may say, real data sets against counts of their own files, and what is refused."""

from __future__ import annotations

import csv
import pickle
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facedissect.concepts import FACE_DICTIONARY
from facedissect.dictionary import label_map
from facedissect.dictionary.label_map_file import PRESETS, read_label_map
from facedissect.dictionary.landmarks_text import read_points
from facedissect.dictionary.path_patterns import find
from facedissect.errors import DictionaryError, FaceReadError

TOML = """
background = [0]
ignore = [255]

[[files]]
image = "{split}/{name}.jpg"
mask = "{split}/{name}_mask.png"

[[concept]]
name = "nose"
kind = "part"
region = "Nose"
values = [2]

[[concept]]
name = "mouth"
kind = "part"
region = "Mouth"
values = [3, 4]

[[concept]]
name = "Eyeglasses"
kind = "attribute"
region = "Eye"
values = [4, 5]
"""
LABELS = np.array([[0, 2, 2, 3], [3, 4, 255, 0], [0, 0, 0, 0]], np.uint8)
COLOURS = {0: (0, 0, 0), 2: (255, 0, 0), 3: (0, 255, 1), 4: (0, 0, 255), 255: (9, 9, 9)}


def save(root: Path, path: str, labels: np.ndarray | Image.Image = LABELS, size: tuple[int, int] = (4, 3)) -> None:
    """A mask, and an image of its name."""
    mask = root / path
    mask.parent.mkdir(parents=True, exist_ok=True)
    (labels if isinstance(labels, Image.Image) else Image.fromarray(labels)).save(mask)
    Image.new("RGB", size).save(mask.with_name(mask.name.replace("_mask.png", ".jpg")))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "label_map.toml").write_text(TOML)
    save(tmp_path, "train/a_mask.png")
    save(tmp_path, "train/b_mask.png", np.where(LABELS == 4, 0, LABELS).astype(np.uint8))
    save(tmp_path, "test/a_mask.png", np.zeros((3, 4), np.uint8))
    return tmp_path


def test_values_become_concepts(root: Path) -> None:
    dictionary = label_map.read(str(root))
    assert [(face.id, face.split, face.concepts) for face in dictionary] == [
        ("test/a.jpg", "test", ()),
        ("train/a.jpg", "train", ("nose", "mouth", "Eyeglasses")),
        ("train/b.jpg", "train", ("nose", "mouth")),
    ]
    face = dictionary["train/a.jpg"]
    np.testing.assert_array_equal(face.mask("nose"), LABELS == 2)
    np.testing.assert_array_equal(face.mask("mouth"), (LABELS == 3) | (LABELS == 4))
    np.testing.assert_array_equal(face.mask("Eyeglasses"), LABELS == 4)
    assert face.mask("mouth").dtype == bool
    assert dictionary["test/a.jpg"].state(dictionary.vocabulary["Eyeglasses"]) == "absent"


def palette(labels: np.ndarray) -> Image.Image:
    image = Image.fromarray(labels).convert("P")
    image = Image.frombytes("P", image.size, labels.tobytes())
    image.putpalette([255 - number // 3 for number in range(768)])
    return image


@pytest.mark.parametrize(
    "mask",
    [Image.fromarray(LABELS), palette(LABELS), Image.fromarray(LABELS).convert("RGB"), Image.fromarray(LABELS.astype(np.uint16))],
    ids=["L", "P", "RGB", "I;16"],
)  # fmt: skip
def test_a_label_map_of_any_mode(root: Path, mask: Image.Image) -> None:
    save(root, "train/a_mask.png", mask)
    face = label_map.read(str(root))["train/a.jpg"]
    assert face.concepts == ("nose", "mouth", "Eyeglasses")
    np.testing.assert_array_equal(face.mask("mouth"), (LABELS == 3) | (LABELS == 4))


def test_values_above_255(root: Path) -> None:
    (root / "label_map.toml").write_text(TOML.replace("values = [2]", "values = [2000]"))
    labels = np.where(LABELS == 2, 2000, LABELS.astype(np.uint16))
    for mask in ("train/a_mask.png", "train/b_mask.png"):
        save(root, mask, Image.fromarray(labels))
    np.testing.assert_array_equal(label_map.read(str(root))["train/a.jpg"].mask("nose"), LABELS == 2)


def coloured(text: str) -> str:
    for value, colour in COLOURS.items():
        name = "#{:02X}{:02x}{:02X}".format(*colour)
        text = re.sub(rf"(?<=[\[ ]){value}(?=[\],])", f'"{name}"', text)
    return text.replace(', 5]', ', "#010101"]')  # fmt: skip


def test_colours_as_values(tmp_path: Path) -> None:
    (tmp_path / "label_map.toml").write_text(coloured(TOML))
    save(tmp_path, "train/a_mask.png", np.array([[COLOURS[value] for value in row] for row in LABELS], np.uint8))
    (face,) = label_map.read(str(tmp_path))
    assert face.concepts == ("nose", "mouth", "Eyeglasses")
    np.testing.assert_array_equal(face.mask("mouth"), (LABELS == 3) | (LABELS == 4))
    np.testing.assert_array_equal(face.mask("nose"), LABELS == 2)


def test_the_location_may_be_the_toml_itself_and_lie_elsewhere(root: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "notes" / "mine.toml"
    elsewhere.parent.mkdir()
    elsewhere.write_text('root = ".."\n' + TOML)
    assert label_map.recognises(elsewhere)
    assert label_map.recognises(root)
    assert label_map.read(str(elsewhere)).digest == label_map.read(str(root)).digest
    (elsewhere.parent / "vocabulary.toml").write_text("[[concept]]\nname = 'a'")
    assert not label_map.recognises(elsewhere.parent / "vocabulary.toml")
    assert not label_map.recognises(elsewhere.parent)
    assert not label_map.recognises(root / "train")


def test_images_are_not_opened_and_sources_travel(root: Path) -> None:
    for image in root.rglob("*.jpg"):
        image.write_bytes(b"no image")
    dictionary = label_map.read(str(root))
    face = dictionary["train/a.jpg"]
    assert pickle.loads(pickle.dumps(face.source)) == face.source  # noqa: S301
    with pytest.raises(FaceReadError, match="expected an image that can be read"):
        face.image()
    before = face.source.fingerprint()
    save(root, "train/a_mask.png", np.full((3, 4), 2, np.uint8))
    assert face.source.fingerprint() != before
    assert face.mask("nose").all()  # not what was read before


def test_the_same_data_with_other_meanings_has_another_digest(root: Path) -> None:
    before = label_map.read(str(root)).digest
    (root / "label_map.toml").write_text(TOML.replace("values = [3, 4]", "values = [3]"))
    assert label_map.read(str(root)).digest != before


def test_landmarks_lie_beside(root: Path) -> None:
    text = (
        TOML.replace('_mask.png"', '_mask.png"\nlandmarks = "{split}/{name}.pts"', 1) + "[landmarks]\nfirst_pixel = 1\n"
    )
    (root / "label_map.toml").write_text(text)
    points = np.arange(136.0).reshape(68, 2)
    lines = "\n".join(f"{x:.3f} {y:.3f}" for x, y in points)
    (root / "train/a.pts").write_text(f"version: 1\nn_points: 68\n{{\n{lines}\n}}\n")
    dictionary = label_map.read(str(root))
    np.testing.assert_array_equal(dictionary["train/a.jpg"].landmarks, points - 0.5)
    assert dictionary["train/b.jpg"].landmarks is None
    (root / "train/a.pts").write_text(f"version: 1\nn_points: 68\n{{\n1 x\n{lines}\n}}\n")
    with pytest.raises(DictionaryError, match=r"a.pts:4: expected x and y of a point, got '1 x'; restore the line"):
        label_map.read(str(root))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("68\n1 2\n", "expected 68 points in .*, got 1; restore"),
        ("1 2\n3 4\n", "expected 68 points in .*, got 2; restore"),
        ("1 2\n3\n", r"a.txt:2: expected x and y of a point, got '3'"),
        ("1 nan\n", r"a.txt:1: expected x and y of a point, got '1 nan'"),
        ("n_points: many\n", r"a.txt:1: expected x and y of a point, got 'n_points: many'"),
    ],
)
def test_bad_landmarks_are_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "a.txt").write_text(content)
    with pytest.raises(DictionaryError, match=message):
        read_points(tmp_path / "a.txt")
    with pytest.raises(DictionaryError, match=r"expected landmarks that can be read, got .*/gone"):
        read_points(tmp_path / "gone")


def test_some_points_of_many(tmp_path: Path) -> None:
    many = np.arange(212.0).reshape(106, 2)
    (tmp_path / "a.txt").write_text("106\n" + "\n".join(f"{x} {y}" for x, y in many))
    chosen = read_label_map(PRESETS / "lapa.toml").points
    np.testing.assert_array_equal(read_points(tmp_path / "a.txt", points=chosen), many[list(chosen)])
    assert len(set(chosen)) == 68
    # The corners of the eyes and of the mouth, and the tip of the chin, in both numberings.
    assert [chosen[at] for at in (8, 36, 39, 42, 45, 48, 54)] == [16, 66, 70, 75, 79, 84, 90]


PRESET_NAMES = ("facesynthetics", "fasseg", "helen_star", "lapa")


def test_the_presets_are_those_of_the_documentation() -> None:
    assert tuple(sorted(path.stem for path in PRESETS.glob("*.toml"))) == PRESET_NAMES


@pytest.mark.parametrize("name", PRESET_NAMES)
def test_a_preset_keeps_published_concepts_as_they_are(name: str) -> None:
    preset = read_label_map(PRESETS / f"{name}.toml")
    shared_names = [concept for concept in preset.vocabulary.concepts if concept.name in FACE_DICTIONARY]
    assert len(shared_names) >= 2
    assert all(concept == FACE_DICTIONARY[concept.name] for concept in shared_names)


@pytest.mark.parametrize(
    ("preset", "image", "mask", "split"),
    [
        ("lapa", "train/images/1_0.jpg", "train/labels/1_0.png", "train"),
        ("helen_star", "test/1_1_image.jpg", "test/1_1_label.png", "test"),
        ("facesynthetics", "000001.png", "000001_seg.png", None),
    ],
)
def test_presets_read_the_official_layout(
    tmp_path: Path, preset: str, image: str, mask: str, split: str | None
) -> None:
    labels = np.arange(12, dtype=np.uint8).reshape(3, 4) % 11
    for path in (image, mask):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 3)).save(tmp_path / image)
    Image.fromarray(labels).save(tmp_path / mask)
    (face,) = label_map.read(str(tmp_path), preset=preset)
    assert (face.id, face.split) == (image, split)
    left, right = (3, 4) if preset == "facesynthetics" else (5, 4)  # the person's own sides
    np.testing.assert_array_equal(face.mask("left_eye"), labels == left)
    np.testing.assert_array_equal(face.mask("right_eye"), labels == right)
    lips = (9, 10) if preset == "facesynthetics" else (7, 8, 9)
    np.testing.assert_array_equal(face.mask("mouth"), np.isin(labels, lips))


def test_fasseg_counts_are_those_of_its_index(shared: Path) -> None:
    dictionary = label_map.read(str(shared / "faces/fasseg"), preset="fasseg")
    with (shared / "faces/fasseg/index.csv").open() as file:
        rows = {f"images/{row['stem']}.jpg": row for row in csv.DictReader(file)}
    assert {face.id for face in dictionary} == set(rows)
    for name in dictionary.vocabulary.names:
        assert len(dictionary.faces_with(name)) == sum(float(row[f"frac_{name}"]) > 0 for row in rows.values())
    for face in dictionary.faces[::20]:
        for concept in face.concepts:
            mask = face.mask(concept)
            assert mask.shape[::-1] == face.image().size
            assert mask.mean() == pytest.approx(float(rows[face.id][f"frac_{concept}"]), abs=6e-5)


def test_facesynthetics_counts_landmarks_and_sides(shared: Path) -> None:
    folder = shared / "faces/facesynthetics"
    dictionary = label_map.read(str(folder), preset="facesynthetics")
    maps = {path.stem: np.asarray(Image.open(path)) for path in sorted((folder / "masks").glob("*.png"))}
    assert [face.id for face in dictionary] == [f"images/{stem}.jpg" for stem in maps]
    own = {
        "left_eye": (3,),
        "right_eye": (4,),
        "left_brow": (5,),
        "right_brow": (6,),
        "mouth": (9, 10, 11),
        "nose": (2,),
    }
    for name, values in own.items():
        assert len(dictionary.faces_with(name)) == sum(np.isin(labels, values).any() for labels in maps.values())
    checked = 0
    points = {"right_eye": slice(36, 42), "left_eye": slice(42, 48), "mouth": slice(48, 68)}
    for face in dictionary:
        labels, landmarks = maps[Path(face.id).stem], face.landmarks
        assert landmarks is not None
        lines = (folder / f"landmarks/{Path(face.id).stem}.txt").read_text().split("\n")[:68]
        np.testing.assert_array_equal(landmarks, [[float(word) for word in line.split()] for line in lines])
        for concept, its in points.items():
            mask = face.mask(concept) if concept in face.concepts else np.zeros((512, 512), bool)
            np.testing.assert_array_equal(mask, np.isin(labels, own[concept]))
            if mask.sum() > 100:  # in its place, which the other eye is not
                rows, columns = np.nonzero(mask)
                centre = np.array([columns.mean(), rows.mean()]) + 0.5
                assert np.linalg.norm(centre - landmarks[its].mean(0)) < 12
                checked += 1
    assert checked > 100


BAD = {
    "no files": (TOML[TOML.index("[[concept]]"):], r"expected one or more \[\[files\]\] tables, got files = None"),
    "no concept": (TOML[: TOML.index("[[concept]]")], r"expected one or more \[\[concept\]\] tables, got concept = None"),
    "key": (TOML + "value = 3", r"expected the keys name, kind, region in \[\[concept\]\] number 3, got 'value'"),
    "top": ("backgrund = [0]\n" + TOML, "expected the keys background, .* at the top, got 'backgrund'; nearest: background"),
    "no values": (TOML.replace("values = [2]", ""), "expected values of nose to be a list of numbers .*, got None"),
    "empty": (TOML.replace("values = [2]", "values = []"), r"expected values of nose to be a list .*, got \[\]"),
    "negative": (TOML.replace("values = [2]", "values = [-1]"), r"list of numbers from 0 to 65535 .*, got \[-1\]"),
    "truth": (TOML.replace("values = [2]", "values = [true]"), r"list of numbers from 0 .*, got \[True\]"),
    "colour": (TOML.replace("values = [2]", "values = ['red']"), r"colours such as \"#ff0000\", got \['red'\]"),
    "both": (TOML.replace("values = [2]", "values = ['#ff0000']"), "expected either numbers or colours .*, got both"),
    "twice": (TOML.replace("values = [2]", "values = [0]"), "expected nose or the background to have a value, got 0 in both"),
    "kind": (TOML.replace('"attribute"', '"thing"'), "expected the kind action_unit, part, attribute .*, got 'thing'"),
    "same": (TOML.replace('"mouth"', '"nose"'), "expected every concept once in the vocabulary, got nose more than once"),
    "no mask": (re.sub("mask = .*", "", TOML), r"expected image and mask in \[\[files\]\] number 1, got no mask"),
    "number": (re.sub("mask = .*", "mask = 7", TOML), r"expected text as mask in \[\[files\]\] number 1, got 7"),
    "name": (TOML.replace("{name}_mask", "{nam}_mask"), r"expected '\{split\}/\{nam\}_mask.png' to have names .*\{nam\}"),
    "out": (TOML.replace('"{split}/{name}_mask', '"../{name}_mask'), r"expected a path relative .*, got '../\{name\}_mask"),
    "absolute": (TOML.replace('"{split}/{name}.jpg', '"/{split}/{name}.jpg'), "expected a path relative to the root"),
    "brace": (TOML.replace("{split}/{name}.jpg", "{split}/{name.jpg"), "expected a path with / and with names in braces"),
    "root": ("root = 3\n" + TOML, "expected a path as root, got 3"),
    "points": (TOML + "[landmarks]\npoints = [1, 2]", r"expected 68 numbers of points, .* got 2 of them"),
    "pixel": (TOML + "[landmarks]\nfirst_pixel = 'a'", r"expected a number as first_pixel in \[landmarks\], got 'a'"),
    "landmarks": ("landmarks = 3\n" + TOML, r"expected \[landmarks\] with points or first_pixel, got landmarks = 3"),
    "toml": ("nonsense", "expected a TOML file in UTF-8, got"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "message"), BAD.values(), ids=BAD)
def test_a_bad_description_is_refused_in_one_line(root: Path, content: str, message: str) -> None:
    (root / "label_map.toml").write_text(content)
    with pytest.raises(DictionaryError, match=message) as caught:
        label_map.read(str(root))
    assert str(root / "label_map.toml") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_value_without_a_meaning_is_refused(root: Path) -> None:
    save(root, "train/b_mask.png", np.full((3, 4), 77, np.uint8))
    with pytest.raises(
        DictionaryError, match=r"meaning in train/b_mask.png, got 77; add them to a concept, background"
    ):
        label_map.read(str(root))


def test_a_colour_without_a_meaning_is_refused(tmp_path: Path) -> None:
    (tmp_path / "label_map.toml").write_text(coloured(TOML))
    save(tmp_path, "train/a_mask.png", Image.new("RGB", (4, 3), (255, 0, 1)))
    with pytest.raises(DictionaryError, match=r'got "#ff0001"; add them'):
        label_map.read(str(tmp_path))


def test_colours_where_values_should_be_are_refused(root: Path) -> None:
    save(root, "train/a_mask.png", Image.new("RGB", (4, 3), (255, 0, 1)))
    with pytest.raises(
        DictionaryError, match=r'train/a_mask.png: its pixels are colours; give values such as "#ff0000"'
    ):
        label_map.read(str(root))


def test_a_missing_mask_is_refused_or_skipped(root: Path) -> None:
    (root / "train/b_mask.png").unlink()
    with pytest.raises(DictionaryError, match=r"expected a mask that can be read, got .*b_mask.png: the file does not"):
        label_map.read(str(root))
    assert [face.id for face in label_map.read(str(root), missing="skip")] == ["test/a.jpg", "train/a.jpg"]


def test_damaged_masks_are_counted(root: Path) -> None:
    for name in ("a", "b"):
        (root / f"train/{name}_mask.png").write_bytes(b"no image")
    with pytest.raises(DictionaryError, match=r"got .*a_mask.png: not an image file, .*; and 1 more fault$"):
        label_map.read(str(root))


def test_a_mask_of_another_size_is_refused_when_it_is_read(root: Path) -> None:
    save(root, "train/a_mask.png", size=(8, 6))
    with pytest.raises(FaceReadError, match=r"expected a mask of 8x6, the size of its image train/a.jpg, got 4x3 in"):
        label_map.read(str(root))["train/a.jpg"].mask("nose")


def test_nothing_to_read(root: Path) -> None:
    shutil.rmtree(root / "train")
    shutil.rmtree(root / "test")
    with pytest.raises(DictionaryError, match=r"expected images \{split\}/\{name\}.jpg with masks in .*, got none"):
        label_map.read(str(root))
    (root / "label_map.toml").rename(root / "other.txt")
    with pytest.raises(DictionaryError, match=r"expected label_map.toml in .*, got no such file; write one, or give a"):
        label_map.read(str(root))
    with pytest.raises(DictionaryError, match=r"expected a preset of facesynthetics, .*, got 'lappa'; nearest: lapa"):
        label_map.read(str(root), preset="lappa")


def test_patterns_bind_a_name_once_and_pass_over_hidden_files(tmp_path: Path) -> None:
    for path in ("a/a.png", "a/b.png", "b/b.png", "b/.b.png", "c.png"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    assert list(find(tmp_path, "{name}/{name}.png")) == [("a/a.png", {"name": "a"}), ("b/b.png", {"name": "b"})]
    assert [path for path, _ in find(tmp_path, "a/{name}.png")] == ["a/a.png", "a/b.png"]
    assert list(find(tmp_path, "gone/{name}.png")) == []
