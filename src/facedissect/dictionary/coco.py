"""COCO instances: polygons and run lengths of the things in each image, as CVAT, Label Studio, FiftyOne and others export.

    annotations/instances_SUBSET.json and SUBSET/*, images/* or images/SUBSET/*     COCO, CVAT
    result.json and images/*                                                        Label Studio
    labels.json and data/*                                                          FiftyOne
    SUBSET/_annotations.coco.json and SUBSET/*                                      Roboflow

A category is a concept. One of a published name is that concept; any other is a part, in the region of its supercategory
or, without one, in a region of its own; `vocabulary.toml` beside the annotations says otherwise. All instances of a
category in an image, crowds too, are one mask. Every image is annotated for all categories, so one that it has no
instance of is absent.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import re
import warnings
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool
from PIL import Image

from ..concepts import FACE_DICTIONARY, Concept, Vocabulary
from ..errors import DictionaryError, FaceReadError, MissingExtraError, nearest_names
from .coco_file import CocoAnnotation, CocoCategory, CocoImage, Polygon, read_coco_file
from .coco_images import folders_of, locate
from .coco_runs import RunLengths
from .faces import Face, FaceDictionary
from .files import expect_folder, image_size, inside, read_encoded, read_image
from .listed_faces import Missing
from .located import Located
from .run_length import decode_mask
from .vocabulary_file import FILE_NAME, read_vocabulary

NAME = "coco"
LOOKED_FOR = "a JSON of COCO instances, or a folder with annotations/*.json, labels.json or result.json"
FACE = "face"
_PLACES = (
    "annotations/instances_*.json",
    "annotations/*.json",
    "instances_*.json",
    "labels.json",
    "result.json",
    "*/_annotations.coco.json",
    "_annotations.coco.json",
)
_HEAD = 1 << 16
_LISTS = re.compile(rb'"(images|annotations|categories)"\s*:\s*\[')
_NO_SUBSET = frozenset({"default", "labels", "result", "instances", "annotations", "_annotations.coco"})


@dataclass(frozen=True, kw_only=True)
class CocoSource:
    """The image of one face, and the outlines of what is in it.

    Attributes:
        root: what the path is relative to, resolved.
        size: width and height that the annotator saw, where known.
        outlines: concept -> its instances.
    """

    root: Path
    image_path: str
    size: tuple[int, int] | None
    outlines: Mapping[str, tuple[tuple[Polygon, ...] | RunLengths, ...]] = field(repr=False)

    def image(self) -> Image.Image:
        """The image, RGB and upright. Raises FaceReadError."""
        return read_image(inside(self.root, self.image_path))

    def encoded_image(self) -> bytes:
        """The image file as it is. Raises FaceReadError."""
        return read_encoded(inside(self.root, self.image_path))

    def mask(self, concept: str) -> Bool[np.ndarray, "height width"]:
        """The pixels of all instances of a concept that the face has.

        Raises:
            FaceReadError: the image cannot be read, or is not as large as its annotations say.
            MissingExtraError: pycocotools is not installed.
        """
        width, height = image_size(inside(self.root, self.image_path))
        if self.size is not None and self.size != (width, height):
            raise FaceReadError(
                f"expected an image of {self.size[0]}x{self.size[1]}, as its annotations say, got {width}x{height} in "
                f"{self.image_path}; restore the image that was annotated"
            )
        whole = np.zeros((height, width), bool)
        for outline in self.outlines[concept]:
            try:
                whole |= _drawn(outline, height, width)
            except ValueError as error:
                raise FaceReadError(f"{error}, in the outlines of {concept} in {self.image_path}") from error
        return whole

    def fingerprint(self) -> str:
        """SHA-256 over the bytes of the image and the outlines, as hexadecimal; an image that cannot be read counts as such."""
        total = hashlib.sha256(repr(sorted(self.outlines.items())).encode())
        try:
            total.update(hashlib.sha256(inside(self.root, self.image_path).read_bytes()).digest())
        except (OSError, FaceReadError):
            total.update(b"unreadable")
        return total.hexdigest()


def recognises(location: Path) -> bool:
    """Whether it is a JSON of COCO instances, or a folder that has one where exporters put it."""
    paths = [location] if location.suffix == ".json" and location.is_file() else _annotation_files(location)
    return any(map(_is_instances, paths))


def read(
    location: str,
    *,
    images: str | os.PathLike[str] | None = None,
    face_category: str | None = FACE,
    boxes: bool = False,
    missing: Missing = "stop",
) -> FaceDictionary:
    """The images of COCO instances. The JSON is read; images are not touched, nor outlines drawn, before they are asked for.

    Args:
        location: a JSON, or a folder.
        images: the folder of the images, where they do not lie beside the annotations.
        face_category: the category whose box is that of the face (of several, the largest), and whose attributes are the
            labels; it is no concept. None if there is none.
        boxes: whether an instance with a box and no outline has the box as mask; else it is refused.
        missing: `skip` leaves out the images that are not there.

    Raises:
        DictionaryError: the JSON or an entry is malformed, an image is missing, or a category is not in the vocabulary.
        MissingExtraError: pycocotools is not installed.
    """
    _pycocotools()
    paths, home = _found(location)
    contents = [(path, read_coco_file(path)) for path in paths]
    categories = dict.fromkeys(category for _, content in contents for category in content.categories)
    _expect_face(face_category, categories)
    vocabulary = _vocabulary(home, [category for category in categories if category.name != face_category])
    root = Path(os.path.realpath(home if images is None else images))
    if images is not None:
        expect_folder(os.fspath(images))
    faces: dict[str, Face] = {}
    for path, content in contents:
        subset = _subset(path)
        folder = os.path.relpath(Path(os.path.realpath(path)).parent, root) if images is None else ""
        folders = folders_of("" if folder == "." else folder, subset)
        for image in content.images:
            image_path = locate(root, image.name, folders)
            if image_path in faces:
                raise DictionaryError(
                    f"{image.place}: expected each image once, got {image_path} again; keep one of them"
                )
            if image_path is not None:
                faces[image_path] = _face(root, image_path, image, subset, vocabulary, face_category, boxes)
            elif missing == "stop":
                raise DictionaryError(
                    f"{image.place}: expected the image {image.name} in {root}, got no such file; "
                    "give images=FOLDER, or missing='skip'"
                )
    if not faces:
        raise DictionaryError(f"expected at least one image that is there in {location}, got none in {root}")
    return FaceDictionary(location=location, format=NAME, vocabulary=vocabulary, faces=tuple(faces.values()))


def _pycocotools() -> Any:
    # Of its own code, and of no use to anyone here.
    warnings.filterwarnings("ignore", "__array__ implementation doesn't", DeprecationWarning, r"pycocotools\.")
    try:
        return importlib.import_module("pycocotools.mask")
    except ImportError as error:
        raise MissingExtraError("reading COCO instances", "coco") from error


def _annotation_files(folder: Path) -> list[Path]:
    """The files in the first place that has some."""
    return next((paths for place in _PLACES if (paths := sorted(folder.glob(place)))), [])


def _is_instances(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(_HEAD)
    return head.lstrip().startswith(b"{") and _LISTS.search(head) is not None


def _found(location: str) -> tuple[list[Path], Path]:
    """The files, and the folder to which their images are relative. Raises DictionaryError."""
    path = Path(location)
    if path.is_file():
        return [path], path.parent.parent if path.parent.name == "annotations" else path.parent
    expect_folder(location)
    paths = _annotation_files(path)
    if not paths:
        raise DictionaryError(f"expected {LOOKED_FOR}, got {location}, which has none; give the JSON itself")
    return paths, path


def _subset(path: Path) -> str | None:
    if path.name == "_annotations.coco.json":
        return path.parent.name
    subset = path.stem.removeprefix("instances_")
    return None if subset in _NO_SUBSET else subset


def _expect_face(face_category: str | None, categories: Iterable[CocoCategory]) -> None:
    names = [category.name for category in categories]
    if face_category not in (None, FACE, *names):
        nearest = nearest_names(str(face_category), names)
        raise DictionaryError(f"expected a category as face_category, got {face_category!r}; nearest: {nearest}")


def _vocabulary(home: Path, categories: Sequence[CocoCategory]) -> Vocabulary:
    if (home / FILE_NAME).exists():
        vocabulary = read_vocabulary(home)
        for category in categories:
            if category.name not in vocabulary:
                nearest = nearest_names(category.name, vocabulary.names)
                raise DictionaryError(
                    f"expected categories of {home / FILE_NAME}, got {category.name}; nearest: {nearest}; define it there"
                )
        named = {category.name for category in categories}  # of the others nothing is known
        return replace(vocabulary, concepts=tuple(c for c in vocabulary.concepts if c.name in named))
    concepts = dict.fromkeys(map(_concept, categories))
    twice = [name for name, count in Counter(concept.name for concept in concepts).items() if count > 1]
    if twice:
        raise DictionaryError(
            f"expected a category to have one supercategory, got several of {', '.join(twice)}; define it in {FILE_NAME}"
        )
    return Vocabulary(concepts=tuple(concepts))


def _concept(category: CocoCategory) -> Concept:
    if category.name in FACE_DICTIONARY:
        return FACE_DICTIONARY[category.name]
    return Concept(name=category.name, kind="part", region=category.group or category.name)


def _face(
    root: Path,
    path: str,
    image: CocoImage,
    subset: str | None,
    vocabulary: Vocabulary,
    face_category: str | None,
    boxes: bool,
) -> Face:
    outlines: dict[str, list[tuple[Polygon, ...] | RunLengths]] = {}
    faces: list[CocoAnnotation] = []
    for annotation in image.annotations:
        if annotation.category.name == face_category:
            faces.append(annotation)
        elif outline := _outline(annotation, boxes):
            outlines.setdefault(annotation.category.name, []).append(outline)
    largest = max((face for face in faces if face.box is not None), key=_area, default=None)
    return Face(
        id=path,
        source=CocoSource(
            root=root, image_path=path, size=image.size, outlines={name: tuple(some) for name, some in outlines.items()}
        ),
        concepts=tuple(name for name in vocabulary.names if name in outlines),
        kinds=frozenset(concept.kind for concept in vocabulary.concepts),
        box=None if largest is None else _located(largest).box,
        labels={} if largest is None else largest.attributes,
        split=subset,
    )


def _outline(annotation: CocoAnnotation, boxes: bool) -> tuple[Polygon, ...] | RunLengths | None:
    """The outline; None where it has no pixel. Raises DictionaryError where there is none."""
    if isinstance(annotation.outline, RunLengths):
        return annotation.outline if annotation.outline.lengths()[1::2].any() else None
    if annotation.outline:
        return annotation.outline
    if annotation.box is None or not boxes:
        came = "none" if annotation.box is None else "a box only; give boxes=True to take boxes as masks"
        raise DictionaryError(f"{annotation.place}: expected an outline of {annotation.category.name}, got {came}")
    left, top, right, bottom = annotation.box
    return (array("d", (left, top, right, top, right, bottom, left, bottom)),)


def _area(annotation: CocoAnnotation) -> float:
    left, top, right, bottom = annotation.box or (0, 0, 0, 0)
    return (right - left) * (bottom - top)


def _located(annotation: CocoAnnotation) -> Located:
    try:
        return Located(box=annotation.box)
    except DictionaryError as error:
        raise DictionaryError(f"{annotation.place}: {error}; correct it") from error


def _drawn(outline: tuple[Polygon, ...] | RunLengths, height: int, width: int) -> Bool[np.ndarray, "height width"]:
    """The pixels inside. Raises ValueError where run lengths are of another size."""
    if isinstance(outline, RunLengths):
        return decode_mask(outline.lengths(), height, width)
    coco = _pycocotools()
    runs = coco.frPyObjects([polygon.tolist() for polygon in outline], height, width)
    drawn: Bool[np.ndarray, "height width"] = coco.decode(coco.merge(runs)).astype(bool)
    return drawn
