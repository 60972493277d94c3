"""One JSON of COCO instances: its categories, its images, and the outlines of each image, checked.

{
  "categories": [{"id": 3, "name": "nose", "supercategory": "Nose"}],
  "images": [{"id": 7, "file_name": "a.jpg", "width": 640, "height": 480}],
  "annotations": [{"id": 1, "image_id": 7, "category_id": 3, "bbox": [x, y, width, height], "segmentation": ...}]
}

A segmentation is a list of polygons `[x1, y1, x2, y2, ...]`, or run lengths `{"size": [height, width], "counts": ...}`
that are numbers or packed into text. What else an entry holds is passed over.
"""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from ..errors import DictionaryError
from .coco_runs import RunLengths
from .faces import Label
from .located import Box

Polygon: TypeAlias = "array[float]"
"""x and y of one corner after the other, in pixels, so that the centre of the first pixel is at 0.5, 0.5."""
Key = int | str


@dataclass(frozen=True, kw_only=True)
class CocoCategory:
    """A category; `group` is its supercategory, empty where it has none."""

    name: str
    group: str


@dataclass(frozen=True, kw_only=True)
class CocoAnnotation:
    """One instance of a category.

    Attributes:
        place: where it stands, such as `instances.json: annotations[3]`.
        outline: polygons or run lengths; empty where there is a box only.
        box: left, top, right, bottom, where given.
        attributes: what CVAT and others say of it besides.
    """

    place: str
    category: CocoCategory
    outline: tuple[Polygon, ...] | RunLengths
    box: Box | None
    attributes: Mapping[str, Label]


@dataclass(frozen=True, kw_only=True)
class CocoImage:
    """One image.

    Attributes:
        place: where it stands, such as `instances.json: images[3]`.
        name: the path or address of its file, as it is written.
        size: width and height, where given.
        annotations: its instances.
    """

    place: str
    name: str
    size: tuple[int, int] | None
    annotations: tuple[CocoAnnotation, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CocoFile:
    """What a file says, in its order."""

    categories: tuple[CocoCategory, ...]
    images: tuple[CocoImage, ...]


def read_coco_file(path: Path) -> CocoFile:
    """Categories and images of a file.

    Raises:
        DictionaryError: the file cannot be read, is no JSON of this form, or an entry is malformed; names file and entry.
    """
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:  # also text that is not UTF-8
        raise DictionaryError(f"expected a JSON of COCO instances, got {path}: {error}") from error
    if not isinstance(content, dict):
        raise DictionaryError(
            f"expected an object with images, annotations and categories in {path}, got another value"
        )
    categories: dict[Key, CocoCategory] = {}
    for place, entry in _entries(path, content, "categories"):
        categories[_new_key(place, entry, categories)] = _category(place, entry)
    images: dict[Key, CocoImage] = {}
    for place, entry in _entries(path, content, "images"):
        images[_new_key(place, entry, images)] = _image(place, entry)
    annotations: dict[Key, list[CocoAnnotation]] = {key: [] for key in images}
    for place, entry in _entries(path, content, "annotations"):
        image, category = (
            _known_key(place, entry, "image_id", images),
            _known_key(place, entry, "category_id", categories),
        )
        annotations[image].append(_annotation(place, entry, categories[category], images[image].size))
    return CocoFile(
        categories=tuple(categories.values()),
        images=tuple(replace(image, annotations=tuple(annotations[key])) for key, image in images.items()),
    )


def _entries(path: Path, content: Mapping[str, Any], key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    entries = content.get(key)
    if not isinstance(entries, list):
        raise DictionaryError(
            f"expected a list of {key} in {path}, got {'none' if entries is None else 'another value'}"
        )
    for number, entry in enumerate(entries):
        place = f"{path.name}: {key}[{number}]"
        if not isinstance(entry, dict):
            raise DictionaryError(f"{place}: expected an object, got {entry!r}")
        yield place, entry


def _new_key(place: str, entry: Mapping[str, Any], known: Mapping[Key, Any]) -> Key:
    key = entry.get("id")
    if not isinstance(key, Key) or key in known:
        raise DictionaryError(f"{place}: expected an id of its own, got {key!r}")
    return key


def _known_key(place: str, entry: Mapping[str, Any], name: str, known: Mapping[Key, Any]) -> Key:
    key = entry.get(name)
    if not isinstance(key, Key) or key not in known:
        raise DictionaryError(f"{place}: expected a {name} that there is, got {key!r}; correct it")
    return key


def _category(place: str, entry: Mapping[str, Any]) -> CocoCategory:
    name, group = entry.get("name"), entry.get("supercategory")
    # Names become file stems and cells of a `;`-separated list.
    if not isinstance(name, str) or not name.strip() or set(name) & set("/\\;"):
        raise DictionaryError(f"{place}: expected a name without / \\ and ;, got {name!r}; rename the category")
    return CocoCategory(name=name, group=group if isinstance(group, str) and group.lower() != "none" else "")


def _image(place: str, entry: Mapping[str, Any]) -> CocoImage:
    name = entry.get("file_name") or entry.get("coco_url")  # LVIS has addresses only
    if not isinstance(name, str):
        raise DictionaryError(f"{place}: expected a file_name, got {name!r}")
    return CocoImage(place=place, name=name, size=_size(place, entry))


def _size(place: str, entry: Mapping[str, Any]) -> tuple[int, int] | None:
    width, height = entry.get("width"), entry.get("height")
    if width is None or height is None:
        return None
    if not all(type(side) in (int, float) and side > 0 and side == int(side) for side in (width, height)):
        raise DictionaryError(f"{place}: expected whole numbers as width and height, got {width!r} and {height!r}")
    return int(width), int(height)


def _annotation(
    place: str, entry: Mapping[str, Any], category: CocoCategory, size: tuple[int, int] | None
) -> CocoAnnotation:
    attributes = entry.get("attributes")
    return CocoAnnotation(
        place=place,
        category=category,
        outline=_outline(place, entry.get("segmentation"), size),
        box=_box(place, entry.get("bbox")),
        attributes={
            name: value if isinstance(value, bool | str) else float(value)
            for name, value in (attributes.items() if isinstance(attributes, dict) else ())
            if isinstance(value, bool | int | float | str)
        },
    )


def _outline(place: str, entry: Any, size: tuple[int, int] | None) -> tuple[Polygon, ...] | RunLengths:
    if not entry:
        return ()
    if isinstance(entry, dict):
        return _run_lengths(place, entry, size)
    polygons = [_polygon(corners) for corners in entry] if isinstance(entry, list) else [None]
    found = tuple(polygon for polygon in polygons if polygon is not None)
    if len(found) < len(polygons):
        raise DictionaryError(
            f"{place}: expected polygons [x1, y1, x2, y2, x3, y3, ...] or run lengths as segmentation, got {entry!r:.80}"
        )
    return found


def _polygon(entry: Any) -> Polygon | None:
    # pycocotools would take four numbers for a box.
    if not isinstance(entry, list) or len(entry) < 6 or len(entry) % 2:
        return None
    return _numbers(entry)


def _numbers(entry: Sequence[Any]) -> array[float] | None:
    """The numbers, a quarter of the size that they have as objects; None where some are none or not finite."""
    try:
        numbers = array("d", entry)
    except TypeError:
        return None
    return numbers if math.isfinite(sum(numbers)) else None


def _run_lengths(place: str, entry: Mapping[str, Any], image: tuple[int, int] | None) -> RunLengths:
    size, counts = entry.get("size"), entry.get("counts")
    if not (isinstance(size, list) and len(size) == 2 and all(type(side) is int and side > 0 for side in size)):
        raise DictionaryError(f"{place}: expected size = [height, width] of run lengths, got {size!r}")
    if image is not None and size != [image[1], image[0]]:
        raise DictionaryError(
            f"{place}: expected run lengths of the image's size [{image[1]}, {image[0]}], got {size!r}; export it again"
        )
    try:
        runs = RunLengths(
            size=(size[0], size[1]), counts=tuple(counts) if isinstance(counts, list) else str(counts or "")
        )
        total = int(runs.lengths().sum(dtype=np.int64))
    except (TypeError, ValueError, OverflowError):
        raise DictionaryError(
            f"{place}: expected run lengths as numbers or text, got counts = {counts!r:.80}"
        ) from None
    if total != size[0] * size[1]:
        raise DictionaryError(
            f"{place}: expected run lengths of {size[0]} x {size[1]} = {size[0] * size[1]} pixels, got {total}"
        )
    return runs


def _box(place: str, entry: Any) -> Box | None:
    if not entry:
        return None
    numbers = _numbers(entry) if isinstance(entry, list) and len(entry) == 4 else None
    if numbers is None:
        raise DictionaryError(f"{place}: expected bbox = [x, y, width, height], got {entry!r:.80}")
    left, top, width, height = numbers
    return (left, top, left + width, top + height)
