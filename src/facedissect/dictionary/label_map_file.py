"""`label_map.toml`: where the images and label maps of a data set lie, and what the values of their pixels mean.

background = [0]                        # optional: values of nothing
ignore = [255]                          # optional: values of pixels of which nothing is known
root = "../photographs"                 # optional: where the paths below begin, from the folder of this file

[[files]]                               # one or more; those that match no file are passed over
image = "{split}/images/{name}.jpg"     # {split} and {identity} are kept, any other name in braces is yours
mask = "{split}/labels/{name}.png"
landmarks = "{split}/points/{name}.txt" # optional: x and y in each line, or a .pts
split = "train"                         # optional, where it stands in no path

[landmarks]                             # optional
points = [0, 2, 4]                      # which of the file's points, from 0, are the 68 of iBUG; else the first 68
first_pixel = 1                         # coordinate of the centre of the first pixel; else 0.5

[[concept]]                             # one or more, in the order of the unit x concept arrays
name = "mouth"
kind = "part"
region = "Mouth"
values = [7, 8, 9]                      # any of them; colours as ["#ff0000"]. A value may belong to several concepts
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..concepts import Vocabulary
from ..errors import DictionaryError, nearest_names
from .located import POINTS
from .path_patterns import fields_of
from .toml_file import expect_keys, read_toml
from .vocabulary_file import local_concept

FILE_NAME = "label_map.toml"
PRESETS = Path(__file__).with_name("label_maps")
_KEYS = ("background", "ignore", "root", "files", "landmarks", "concept")
_FILES_KEYS = ("image", "mask", "landmarks", "split")
_LANDMARKS_KEYS = ("points", "first_pixel")
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_LARGEST = 0xFFFF


@dataclass(frozen=True, kw_only=True)
class Files:
    """Patterns of paths (`path_patterns`), relative to the root."""

    image: str
    mask: str
    landmarks: str | None = None
    split: str | None = None


@dataclass(frozen=True, kw_only=True)
class LabelMap:
    """What a `label_map.toml` says.

    Attributes:
        root: where the paths begin, as the file has it.
        files: where images, masks and landmarks lie.
        vocabulary: the concepts.
        values: concept -> the values of its pixels; a colour is 65536 red + 256 green + blue.
        others: values of the background and of pixels of which nothing is known.
        coloured: whether values are colours.
        points: which of a landmarks file's points are the 68 of iBUG.
        first_pixel: the coordinate of the centre of the first pixel in landmarks files.
    """

    root: str
    files: tuple[Files, ...]
    vocabulary: Vocabulary
    values: Mapping[str, tuple[int, ...]]
    others: frozenset[int]
    coloured: bool
    points: tuple[int, ...]
    first_pixel: float


def preset_path(name: str) -> Path:
    """The file of a preset.

    Raises:
        DictionaryError: there is none of this name.
    """
    names = sorted(path.stem for path in PRESETS.glob("*.toml"))
    if name not in names:
        raise DictionaryError(
            f"expected a preset of {', '.join(names)}, got {name!r}; nearest: {nearest_names(name, names, 1)}"
        )
    return PRESETS / f"{name}.toml"


def read_label_map(path: Path) -> LabelMap:
    """What the file says.

    Raises:
        DictionaryError: the file cannot be read, or does not follow the format.
    """
    content = read_toml(path)
    try:
        return _label_map(content)
    except DictionaryError as error:
        raise DictionaryError(f"{path}: {error}") from error


def _label_map(content: Mapping[str, Any]) -> LabelMap:
    expect_keys(content, _KEYS, "at the top")
    files = tuple(_files(entry, number) for number, entry in enumerate(_tables(content, "files"), start=1))
    entries = _tables(content, "concept")
    concepts = tuple(
        local_concept({key: value for key, value in entry.items() if key != "values"}, number)
        for number, entry in enumerate(entries, start=1)
    )
    values = {
        concept.name: _values(entry.get("values"), f"values of {concept.name}")
        for concept, entry in zip(concepts, entries, strict=True)
    }
    others = tuple(value for key in ("background", "ignore") for value in _values(content.get(key, []), key, least=0))
    every = [value for concept in values.values() for value in concept] + list(others)
    coloured = isinstance(every[0], str)
    if any(isinstance(value, str) != coloured for value in every):
        raise DictionaryError("expected either numbers or colours as values, got both")
    for name, its in values.items():
        both = sorted(map(str, set(its) & set(others)))
        if both:
            raise DictionaryError(f"expected {name} or the background to have a value, got {', '.join(both)} in both")
    root = content.get("root", ".")
    if not isinstance(root, str):
        raise DictionaryError(f"expected a path as root, got {root!r}")
    points, first_pixel = _landmarks(content.get("landmarks", {}))
    return LabelMap(
        root=root,
        files=files,
        vocabulary=Vocabulary(concepts=concepts),
        values={name: tuple(map(_number, its)) for name, its in values.items()},
        others=frozenset(map(_number, others)),
        coloured=coloured,
        points=points,
        first_pixel=first_pixel,
    )


def _tables(content: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    entries = content.get(key)
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise DictionaryError(f"expected one or more [[{key}]] tables, got {key} = {entries!r}")
    return entries


def _files(entry: Mapping[str, Any], number: int) -> Files:
    where = f"in [[files]] number {number}"
    expect_keys(entry, _FILES_KEYS, where)
    missing = [key for key in ("image", "mask") if key not in entry]
    if missing:
        raise DictionaryError(f"expected image and mask {where}, got no {' and no '.join(missing)}")
    for key, value in entry.items():
        if not isinstance(value, str):
            raise DictionaryError(f"expected text as {key} {where}, got {value!r}")
    files = Files(**entry)
    known = fields_of(files.image)
    for pattern in (files.mask, files.landmarks or files.mask):
        unknown = sorted(fields_of(pattern) - known)
        if unknown:
            came = ", ".join(f"{{{name}}}" for name in unknown)
            raise DictionaryError(f"expected {pattern!r} to have names of {files.image!r} only {where}, got {came}")
    return files


def _values(entries: Any, what: str, least: int = 1) -> tuple[int | str, ...]:
    good = isinstance(entries, list) and len(entries) >= least and all(map(_is_value, entries))
    if not good:
        raise DictionaryError(
            f'expected {what} to be a list of numbers from 0 to {_LARGEST} or colours such as "#ff0000", got {entries!r}'
        )
    return tuple(value.lower() if isinstance(value, str) else value for value in entries)


def _is_value(value: Any) -> bool:
    if isinstance(value, str):
        return bool(_COLOUR.fullmatch(value))
    return type(value) is int and 0 <= value <= _LARGEST


def _number(value: int | str) -> int:
    return int(value[1:], 16) if isinstance(value, str) else value


def _landmarks(content: Any) -> tuple[tuple[int, ...], float]:
    if not isinstance(content, dict):
        raise DictionaryError(f"expected [landmarks] with points or first_pixel, got landmarks = {content!r}")
    expect_keys(content, _LANDMARKS_KEYS, "in [landmarks]")
    points = content.get("points", list(range(POINTS)))
    numbers = isinstance(points, list) and all(type(point) is int and point >= 0 for point in points)
    if not numbers or len(points) != POINTS:
        came = f"{len(points)} of them" if numbers else repr(points)
        raise DictionaryError(f"expected {POINTS} numbers of points, from 0, in [landmarks], got {came}")
    first_pixel = content.get("first_pixel", 0.5)
    if type(first_pixel) not in (int, float):
        raise DictionaryError(f"expected a number as first_pixel in [landmarks], got {first_pixel!r}")
    return tuple(points), float(first_pixel)
