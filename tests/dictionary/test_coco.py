"""COCO instances as COCO, CVAT, Label Studio, FiftyOne and Roboflow write them, against rasterisations of our own."""

from __future__ import annotations

import importlib
import json
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageDraw

from facedissect.concepts import FACE_DICTIONARY
from facedissect.dictionary import coco
from facedissect.dictionary.coco_runs import RunLengths
from facedissect.errors import DictionaryError, FaceReadError, MissingExtraError

pytest.importorskip("pycocotools")

WIDTH, HEIGHT = 40, 30
NOSE, EYE, CHIN = 3, 17, 90  # ids need not begin at 1
SQUARE = [5, 4, 15, 4, 15, 12, 5, 12]
"""The pixels of columns 5 to 14 and rows 4 to 11."""
INK = np.zeros((HEIGHT, WIDTH), bool)
INK[3:9, 20:31] = True
INK[0, 0] = INK[29, 39] = INK[7, 25] = True
INK[7, 26] = False


def runs_of(mask: np.ndarray) -> list[int]:
    """Run lengths down the columns, beginning outside; by counting."""
    runs, inside, length = [], False, 0
    for pixel in mask.T.ravel().tolist():
        if pixel != inside:
            runs.append(length)
            inside, length = pixel, 0
        length += 1
    return [*runs, length]


def packed(runs: list[int]) -> str:
    """Run lengths as text, as the comments in COCO's maskApi.c have it: differences to the run before last, 5 bits a letter."""
    text = ""
    for at, run in enumerate(runs):
        rest = run - (runs[at - 2] if at > 2 else 0)
        more = True
        while more:
            bits, rest = rest & 31, rest >> 5
            more = rest != (-1 if bits & 16 else 0)
            text += chr(48 + bits + 32 * more)
    return text


def centres_inside(*polygons: list[float]) -> np.ndarray:
    """The pixels whose centre lies in a polygon, drawn by Pillow at 16 times the size."""
    times = 16
    drawing = Image.new("1", (WIDTH * times, HEIGHT * times))
    for polygon in polygons:
        ImageDraw.Draw(drawing).polygon([number * times for number in polygon], fill=1)
    return np.asarray(drawing)[times // 2 :: times, times // 2 :: times]


def content(**changes: Any) -> dict[str, Any]:
    """Two images in the official layout: one with a nose, two eyes and a face, one without anything."""
    annotation = {"area": 80.0, "iscrowd": 0, "bbox": [5, 4, 10, 8]}
    whole: dict[str, Any] = {
        "info": {"year": 2017},
        "licenses": [{"id": 1, "name": "none"}],
        "images": [
            {"id": 139, "file_name": "a.png", "width": WIDTH, "height": HEIGHT, "coco_url": "http://images/x/a.png"},
            {"id": 7, "file_name": "b.png", "width": WIDTH, "height": HEIGHT},
        ],
        "annotations": [
            {"id": 1, "image_id": 139, "category_id": NOSE, "segmentation": [SQUARE], **annotation},
            {"id": 2, "image_id": 139, "category_id": EYE, "segmentation": [[1, 1, 4, 1, 4, 3, 1, 3]], **annotation},
            {
                **annotation,
                "id": 3,
                "image_id": 139,
                "category_id": EYE,
                "iscrowd": 1,
                "segmentation": {"size": [HEIGHT, WIDTH], "counts": runs_of(INK)},
            },
        ],
        "categories": [
            {"id": NOSE, "name": "nose", "supercategory": "face"},
            {"id": EYE, "name": "eyes", "supercategory": "Eye"},
            {"id": CHIN, "name": "chin"},
        ],
    }
    return {**whole, **changes}


def write(root: Path, path: str, whole: dict[str, Any], *images: str) -> Path:
    for name in (path, *images):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
    for place, image in enumerate(images):
        Image.new("RGB", (WIDTH, HEIGHT), (place, 3, 3)).save(root / image)
    (root / path).write_text(json.dumps(whole))
    return root / path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path, "annotations/instances_val2017.json", content(), "val2017/a.png", "val2017/b.png")
    return tmp_path


def rectangle(left: int, top: int, right: int, bottom: int) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[top:bottom, left:right] = True
    return mask


def test_instances_become_concepts(root: Path) -> None:
    dictionary = coco.read(str(root))
    a, b = dictionary
    assert (a.id, a.split, a.concepts) == ("val2017/a.png", "val2017", ("nose", "eyes"))
    assert (b.id, b.concepts) == ("val2017/b.png", ())
    np.testing.assert_array_equal(a.mask("nose"), rectangle(5, 4, 15, 12))
    np.testing.assert_array_equal(a.mask("eyes"), rectangle(1, 1, 4, 3) | INK)  # all instances, crowds too
    assert a.mask("nose").dtype == bool
    vocabulary = dictionary.vocabulary
    assert vocabulary["nose"] == FACE_DICTIONARY["nose"]
    assert [(concept.kind, concept.region) for concept in vocabulary.concepts[1:]] == [
        ("part", "Eye"),
        ("part", "chin"),
    ]
    assert [face.state(vocabulary["chin"]) for face in dictionary] == ["absent", "absent"]
    assert b.state(vocabulary["nose"]) == "absent"


def test_counts_are_those_of_the_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = [{"id": number, "file_name": f"{number}.png", "width": WIDTH, "height": HEIGHT} for number in range(30)]
    annotations = [
        {"id": at, "image_id": int(rng.integers(30)), "category_id": int(rng.choice([NOSE, EYE, CHIN])), "segmentation": [SQUARE]}
        for at in range(70)
    ]  # fmt: skip
    path = write(
        tmp_path, "result.json", content(images=images, annotations=annotations), *(f"{at}.png" for at in range(30))
    )
    dictionary = coco.read(str(path))
    for name, category in (("nose", NOSE), ("eyes", EYE), ("chin", CHIN)):
        having = {entry["image_id"] for entry in annotations if entry["category_id"] == category}
        assert {int(Path(face.id).stem) for face in dictionary.faces_with(name)} == having


def with_segmentation(segmentation: Any, **more: Any) -> dict[str, Any]:
    return content(annotations=[{"id": 1, "image_id": 139, "category_id": NOSE, "segmentation": segmentation, **more}])


@pytest.mark.parametrize("counts", [runs_of(INK), packed(runs_of(INK))], ids=["numbers", "text"])
def test_run_lengths(tmp_path: Path, counts: Any) -> None:
    write(
        tmp_path,
        "labels.json",
        with_segmentation({"size": [HEIGHT, WIDTH], "counts": counts}),
        "data/a.png",
        "data/b.png",
    )
    np.testing.assert_array_equal(coco.read(str(tmp_path)).faces[0].mask("nose"), INK)


@given(mask=hnp.arrays(bool, (HEIGHT, WIDTH)))
def test_packed_run_lengths_are_unpacked_as_coco_does(mask: np.ndarray) -> None:
    runs = runs_of(mask)
    theirs = importlib.import_module("pycocotools.mask").frPyObjects(
        {"size": [HEIGHT, WIDTH], "counts": runs}, HEIGHT, WIDTH
    )
    assert packed(runs) == theirs["counts"].decode()
    unpacked = RunLengths(size=(HEIGHT, WIDTH), counts=packed(runs)).lengths()
    assert unpacked.tolist() == runs == RunLengths(size=(HEIGHT, WIDTH), counts=tuple(runs)).lengths().tolist()


def test_polygons_against_another_rasterisation(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    for _ in range(20):
        polygons = []
        for centre in ((12, 15), (28, 14)):
            radii = rng.uniform(5, 9, 12)
            corners = np.stack([centre[0] + radii * np.cos(angles), centre[1] + radii * np.sin(angles)], 1)
            polygons.append(corners.round(2).ravel().tolist())
        write(tmp_path, "labels.json", with_segmentation(polygons), "a.png", "b.png")
        mask, expected = coco.read(str(tmp_path)).faces[0].mask("nose"), centres_inside(*polygons)
        assert (mask & expected).sum() / (mask | expected).sum() > 0.93
        # They differ in no pixel whose neighbours agree, that is, on edges only.
        rows, columns = np.nonzero(mask != expected)
        for row, column in zip(rows, columns, strict=True):
            around = expected[row - 1 : row + 2, column - 1 : column + 2]
            assert around.any()
            assert not around.all()


LAYOUTS: dict[str, tuple[str, list[str], list[str], str | None]] = {
    # annotations, what file_name says, where the images lie, split
    "coco": ("annotations/instances_train2017.json", ["a.png", "b.png"], ["train2017/a.png", "train2017/b.png"], "train2017"),
    "cvat": ("annotations/instances_default.json", ["a.png", "sub/b.png"], ["images/a.png", "images/sub/b.png"], None),
    "cvat subset": (
        "annotations/instances_Train.json", ["a.png", "b.png"], ["images/Train/a.png", "images/Train/b.png"], "Train",
    ),
    "label studio": ("result.json", ["images\\a.png", "images/b.png"], ["images/a.png", "images/b.png"], None),
    "label studio, server": (
        "result.json",
        ["/data/local-files/?d=my/a.png", "http://localhost:8080/data/upload/1/b.png"],
        ["images/my/a.png", "images/b.png"],
        None,
    ),
    "fiftyone": ("labels.json", ["a.png", "b.png"], ["data/a.png", "data/b.png"], None),
    "roboflow": ("valid/_annotations.coco.json", ["a.png", "b.png"], ["valid/a.png", "valid/b.png"], "valid"),
    "absolute": ("labels.json", ["/home/me/set/data/x/a.png", "/home/me/set/data/b.png"], ["data/x/a.png", "data/b.png"], None),
    "folders": ("annotations/all.json", ["p/a.png", "q/a.png"], ["images/p/a.png", "images/q/a.png"], "all"),
}  # fmt: skip


@pytest.mark.parametrize(("annotations", "names", "images", "split"), LAYOUTS.values(), ids=LAYOUTS)
def test_images_are_found_where_exporters_put_them(
    tmp_path: Path, annotations: str, names: list[str], images: list[str], split: str | None
) -> None:
    whole = content()
    for image, name in zip(whole["images"], names, strict=True):
        image["file_name"] = name
    path = write(tmp_path, annotations, whole, *images)
    assert coco.recognises(tmp_path)
    assert coco.recognises(path)
    for location, home in ((tmp_path, tmp_path), (path, path.parents[path.parent.name == "annotations"])):
        dictionary = coco.read(str(location))
        assert [face.id for face in dictionary] == [str((tmp_path / image).relative_to(home)) for image in images]
        assert {face.split for face in dictionary} == {split}
        assert [face.image().size for face in dictionary] == [(WIDTH, HEIGHT)] * 2


def test_addresses_stand_in_for_names(tmp_path: Path) -> None:
    whole = content()
    for image, name in zip(whole["images"], ("a.png", "b.png"), strict=True):
        del image["file_name"]
        image["coco_url"] = f"http://images.cocodataset.org/val2017/{name}"
    write(tmp_path, "lvis.json", whole, "val2017/a.png", "val2017/b.png")
    assert [face.id for face in coco.read(str(tmp_path / "lvis.json"))] == ["val2017/a.png", "val2017/b.png"]


def test_the_images_may_lie_elsewhere(tmp_path: Path) -> None:
    path = write(tmp_path / "notes", "mine.json", content())
    write(tmp_path / "photographs", "unused.json", {}, "a.png", "b.png")
    with pytest.raises(
        DictionaryError, match=r"mine.json: images\[0\]: expected the image a.png in .*; give images=FOLDER"
    ):
        coco.read(str(path))
    dictionary = coco.read(str(path), images=tmp_path / "photographs")
    assert [face.id for face in dictionary] == ["a.png", "b.png"]
    assert dictionary.faces[0].mask("nose").sum() == 80


def test_images_that_are_not_there_may_be_left_out(root: Path) -> None:
    (root / "val2017/b.png").unlink()
    with pytest.raises(DictionaryError, match=r"images\[1\]: expected the image b.png .*, or missing='skip'"):
        coco.read(str(root))
    assert [face.id for face in coco.read(str(root), missing="skip")] == ["val2017/a.png"]
    (root / "val2017/a.png").unlink()
    with pytest.raises(DictionaryError, match="expected at least one image that is there"):
        coco.read(str(root), missing="skip")


def test_several_files_are_read_as_splits_and_captions_are_not(root: Path) -> None:
    images = [{"id": 139, "file_name": "c.png", "width": WIDTH, "height": HEIGHT}]
    other = content(images=images, categories=[{"id": 1, "name": "nose", "supercategory": "face"}], annotations=[])
    write(root, "annotations/instances_train2017.json", other, "train2017/c.png")
    write(root, "annotations/captions_val2017.json", {"images": [], "annotations": []})
    dictionary = coco.read(str(root))
    assert [(face.id, face.split) for face in dictionary] == [
        ("train2017/c.png", "train2017"),
        ("val2017/a.png", "val2017"),
        ("val2017/b.png", "val2017"),
    ]


def test_a_face_category_gives_box_and_labels(root: Path) -> None:
    whole = content()
    whole["categories"].append({"id": 1, "name": "face"})
    whole["annotations"] += [
        {"id": 8, "image_id": 7, "category_id": 1, "bbox": [1, 2, 3, 4], "segmentation": []},
        {
            "id": 9,
            "image_id": 7,
            "category_id": 1,
            "bbox": [1.5, 2, 30, 20],
            "attributes": {"occluded": False, "age": 31, "pose": "left", "list": []},
        },
    ]
    write(root, "annotations/instances_val2017.json", whole)
    dictionary = coco.read(str(root))
    _, b = dictionary
    assert b.box == (1.5, 2, 31.5, 22)  # the largest
    assert b.labels == {"occluded": False, "age": 31.0, "pose": "left"}
    assert "face" not in dictionary.vocabulary
    with pytest.raises(
        DictionaryError, match=r"annotations\[3\]: expected an outline of face, got a box only; give boxes"
    ):
        coco.read(str(root), face_category=None)
    assert coco.read(str(root), face_category=None, boxes=True).faces[1].mask("face").sum() == pytest.approx(
        600, abs=60
    )
    with pytest.raises(DictionaryError, match="expected a category as face_category, got 'noses'; nearest: nose"):
        coco.read(str(root), face_category="noses")
    assert coco.read(str(root), face_category="nose", boxes=True).faces[0].box == (5, 4, 15, 12)


def test_boxes_as_masks(tmp_path: Path) -> None:
    write(tmp_path, "labels.json", with_segmentation([], bbox=[5, 4, 10, 8]), "a.png", "b.png")
    np.testing.assert_array_equal(coco.read(str(tmp_path), boxes=True).faces[0].mask("nose"), rectangle(5, 4, 15, 12))


def test_run_lengths_without_a_pixel_are_no_instance(tmp_path: Path) -> None:
    empty = {"size": [HEIGHT, WIDTH], "counts": [HEIGHT * WIDTH]}
    write(tmp_path, "labels.json", with_segmentation(empty), "a.png", "b.png")
    assert coco.read(str(tmp_path)).faces[0].concepts == ()


def test_a_vocabulary_says_what_categories_are(root: Path) -> None:
    text = '[[concept]]\nname = "{}"\nkind = "attribute"\nregion = "Nose"\n'
    (root / "vocabulary.toml").write_text("".join(text.format(name) for name in ("other", "eyes", "nose", "chin")))
    dictionary = coco.read(str(root))
    assert dictionary.vocabulary.names == ("eyes", "nose", "chin")  # in its order; of `other` nothing is known
    assert {concept.kind for concept in dictionary.vocabulary.concepts} == {"attribute"}
    (root / "vocabulary.toml").write_text(text.format("nose"))
    with pytest.raises(DictionaryError, match=r"vocabulary.toml, got eyes; nearest: nose; define it there"):
        coco.read(str(root))


def test_nothing_is_decoded_before_it_is_asked_for_and_sources_travel(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Image, "open", lambda *_: pytest.fail("an image was opened"))
        dictionary = coco.read(str(root))
        before = dictionary.digest
    source = pickle.loads(pickle.dumps(dictionary.faces[0].source))  # noqa: S301
    assert source == dictionary.faces[0].source
    np.testing.assert_array_equal(source.mask("nose"), rectangle(5, 4, 15, 12))
    write(root, "annotations/instances_val2017.json", with_segmentation([[5, 4, 15, 4, 15, 11, 5, 11]]))
    assert coco.read(str(root)).digest != before


def set_in(*path: Any) -> Callable[[dict[str, Any]], None]:
    """Puts the last of `path` where those before it lead."""

    def change(whole: dict[str, Any]) -> None:
        *above, key, value = path
        place: Any = whole
        for step in above:
            place = place[step]
        place[key] = value

    return change


def segmentation(value: Any) -> Callable[[dict[str, Any]], None]:
    return set_in("annotations", 0, "segmentation", value)


BAD = {
    "no list": (set_in("images", 3), "expected a list of images in .*val2017.json, got another value"),
    "no categories": (set_in("categories", None), "expected a list of categories in .*, got none"),
    "no object": (set_in("images", 0, 3), r"val2017.json: images\[0\]: expected an object, got 3"),
    "two ids": (set_in("images", 0, "id", 7), r"images\[1\]: expected an id of its own, got 7"),
    "no id": (set_in("categories", 0, "id", None), r"categories\[0\]: expected an id of its own, got None"),
    "image id": (
        set_in("annotations", 1, "image_id", 8),
        r"annotations\[1\]: expected a image_id that there is, got 8",
    ),
    "category id": (
        set_in("annotations", 1, "category_id", 1),
        "expected a category_id that there is, got 1; correct it",
    ),
    "name": (
        set_in("categories", 1, "name", "a/b"),
        r"categories\[1\]: expected a name without / .*, got 'a/b'; rename",
    ),
    "file name": (set_in("images", 1, "file_name", None), r"images\[1\]: expected a file_name, got None"),
    "width": (set_in("images", 1, "width", 3.5), r"expected whole numbers as width and height, got 3.5 and 30"),
    "again": (
        set_in("images", 1, "file_name", "a.png"),
        r"images\[1\]: expected each image once, got val2017/a.png again",
    ),
    "flat": (
        segmentation(SQUARE),
        r"annotations\[0\]: expected polygons \[x1, .* or run lengths as segmentation, got \[5",
    ),
    "line": (segmentation([[1, 2, 3, 4]]), r"expected polygons .*, got \[\[1, 2, 3, 4\]\]"),
    "odd": (segmentation([[1, 2, 3, 4, 5, 6, 7]]), "expected polygons"),
    "text": (segmentation("x"), "expected polygons .*, got 'x'"),
    "infinite": (segmentation([[1, 2, 3, 4, 5, float("inf")]]), "expected polygons"),
    "size": (segmentation({"size": 3, "counts": [1]}), r"expected size = \[height, width\] of run lengths, got 3"),
    "turned": (
        segmentation({"size": [WIDTH, HEIGHT], "counts": [1200]}),
        r"expected run lengths of the image's size \[30, 40\], got \[40, 30\]; export it again",
    ),
    "counts": (segmentation({"size": [30, 40], "counts": [-1]}), r"expected run lengths as numbers or text, .*\[-1\]"),
    "fractions": (segmentation({"size": [30, 40], "counts": [1199.5, 0.5]}), "expected run lengths as numbers or text"),
    "text sum": (
        segmentation({"size": [30, 40], "counts": "52"}),
        "expected run lengths of 30 x 40 = 1200 pixels, got 7",
    ),
    "text end": (
        segmentation({"size": [30, 40], "counts": "5P"}),
        "expected run lengths as numbers or text, got .*'5P'",
    ),
    "text letter": (segmentation({"size": [30, 40], "counts": "5~"}), "as numbers or text, got counts = '5~'"),
    "no text": (segmentation({"size": [30, 40], "counts": ""}), "as numbers or text, got counts = ''"),
    "letters": (segmentation({"size": [30, 40], "counts": "é"}), "as numbers or text, got counts = 'é'"),
    "long": (segmentation({"size": [30, 40], "counts": "o" * 20 + "0"}), "as numbers or text, got counts = 'ooo"),
    "no counts": (segmentation({"size": [30, 40]}), "as numbers or text, got counts = None"),
    "sum": (
        segmentation({"size": [30, 40], "counts": [5, 6]}),
        "expected run lengths of 30 x 40 = 1200 pixels, got 11",
    ),
    "nothing": (segmentation([]), r"annotations\[0\]: expected an outline of nose, got a box only; give boxes=True"),
    "neither": (set_in("annotations", 0, {"id": 1, "image_id": 7, "category_id": NOSE}), "outline of nose, got none"),
    "box": (set_in("annotations", 0, "bbox", [1, 2]), r"expected bbox = \[x, y, width, height\], got \[1, 2\]"),
    "groups": (
        set_in("categories", 0, {"id": NOSE, "name": "eyes", "supercategory": "x"}),
        "expected a category to have one supercategory, got several of eyes; define it in vocabulary.toml",
    ),
}


@pytest.mark.parametrize(("change", "message"), BAD.values(), ids=BAD)
def test_a_bad_entry_is_refused_with_its_place(
    root: Path, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    whole = content()
    change(whole)
    write(root, "annotations/instances_val2017.json", whole)
    with pytest.raises(DictionaryError, match=message) as caught:
        coco.read(str(root))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["{", "[1]", b"\xff\xfe\x00"])
def test_a_file_that_is_no_coco_json(tmp_path: Path, text: str | bytes) -> None:
    (tmp_path / "a.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    assert not coco.recognises(tmp_path / "a.json")
    with pytest.raises(DictionaryError, match=r"expected (a JSON of COCO instances,|an object with images,) .*a.json"):
        coco.read(str(tmp_path / "a.json"))
    assert not coco.recognises(tmp_path)
    with pytest.raises(
        DictionaryError, match=r"expected a JSON of COCO instances, or .*, which has none; give the JSON"
    ):
        coco.read(str(tmp_path))


def test_an_image_of_another_size_is_refused_when_a_mask_is_read(root: Path) -> None:
    Image.new("RGB", (10, 10)).save(root / "val2017/a.png")
    with pytest.raises(
        FaceReadError, match=r"expected an image of 40x30, as its annotations say, got 10x10 in val2017/a"
    ):
        coco.read(str(root)).faces[0].mask("nose")


def test_without_pycocotools_it_says_what_to_install(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pycocotools.mask", None)
    with pytest.raises(
        MissingExtraError, match=r"reading COCO instances needs the optional dependencies `coco`; run: pip install"
    ):
        coco.read(str(root))
