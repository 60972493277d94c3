"""Finds the faces of a dictionary's images, once: dlib's frontal face detector and its 68-point predictor.

Each image is looked at as it is and, where no face is found, enlarged, since the detector knows faces of 80 pixels and
more. The points are found in the enlarged image in either case, since dlib gives them in whole pixels.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..errors import FaceReadError, MissingExtraError, OutputError
from .faces import Face, FaceDictionary
from .faults import Progress
from .landmarks_file import DECIMALS, expect_text, read_landmarks, write_landmarks
from .landmarks_rows import FILE_NAME
from .located import Box, Located
from .published import NAME as PUBLISHED

Finder = Callable[[Image.Image], Located]

_SHORT_SIDE = 300
_LARGEST_FACTOR = 8.0  # a sliver of an image would grow without bounds
_SECONDS_BETWEEN_WRITES = 30.0  # all rows are written each time, so not after every image
_POINTS_FILE = Path("models", "shape_predictor_68_face_landmarks.dat")  # of face-recognition-models


def detect_faces(
    dictionary: FaceDictionary, *, progress: Progress | None = None, path: str | os.PathLike[str] | None = None
) -> FaceDictionary:
    """The same dictionary with a box and landmarks for each face in which dlib finds them, one face an image.

    Faces that have a box or landmarks keep them. What is found, and where nothing is, is written to `path` as it comes, so
    that images are looked at once: those with a row in that file are not looked at again. An image that cannot be read gets
    no row; the run reports it. After an interrupt, what was found so far is in the file.

    Args:
        progress: told after each image how many are done, and how many there are to look at.
        path: a file as `write_landmarks` gives it, which may exist; of a dictionary in the published layout,
            `landmarks.csv` in its folder if None.

    Raises:
        OutputError: there is no path, or it cannot be written.
        DictionaryError: the file exists and has bad rows.
        MissingExtraError: dlib or the data of its predictor are not installed.
    """
    target = _target(dictionary, path)
    written = read_landmarks(target, dictionary) if target is not None and target.exists() else {}
    locations = {**written, **dictionary.locations}
    unseen = [face for face in dictionary if face.id not in locations]
    if unseen:
        if target is None:
            raise OutputError(
                f"expected a path for the landmarks of {dictionary.location}, which is no folder of files, got none; "
                "give the path of a CSV"
            )
        _find(unseen, locations, target, progress)
    # The file may speak of more faces, if the dictionary is a part of another.
    found = dictionary.located({face_id: located for face_id, located in locations.items() if face_id in dictionary})
    return found if path is None else replace(found, options={**found.options, "landmarks": os.fspath(path)})


def load_finder() -> Finder:
    """What finds the face of an image.

    Raises:
        MissingExtraError: dlib or the data of its predictor are not installed.
    """
    # The package of the data is not imported: all it would do is import pkg_resources, which new Pythons do not have.
    package = importlib.util.find_spec("face_recognition_models")
    folders = package.submodule_search_locations if package is not None else None
    data = next((path for folder in folders or () if (path := Path(folder, _POINTS_FILE)).is_file()), None)
    try:
        dlib = importlib.import_module("dlib")
    except ImportError as error:
        raise MissingExtraError("finding faces", "landmarks") from error
    if data is None:
        raise MissingExtraError("finding faces", "landmarks")
    return _DlibFinder(dlib, data)


def foremost(boxes: Iterable[Box], width: int, height: int) -> Box:
    """The box of the face that an image is of: the largest, where size counts less the farther a box is from the centre.

    An area at a corner counts nothing, one at the centre in full. Of equal boxes, the first.
    """

    def weight(box: Box) -> float:
        left, top, right, bottom = box
        distance = np.hypot((left + right - width) / 2, (top + bottom - height) / 2)
        return float((right - left) * (bottom - top) * (1 - distance / np.hypot(width / 2, height / 2)))

    return max(boxes, key=weight)


class _DlibFinder:
    """One thread suffices: dlib holds the interpreter's lock."""

    def __init__(self, dlib: Any, points_file: Path) -> None:
        self._dlib = dlib
        self._detector = dlib.get_frontal_face_detector()
        self._predictor = dlib.shape_predictor(str(points_file))

    def __call__(self, image: Image.Image) -> Located:
        factor = min(max(1.0, _SHORT_SIDE / min(image.size)), _LARGEST_FACTOR)
        size = (round(image.width * factor), round(image.height * factor))
        enlarged = image if factor == 1 else image.resize(size, Image.Resampling.BICUBIC)
        scale = np.array([enlarged.width / image.width, enlarged.height / image.height])
        boxes = self._boxes(image) * np.tile(scale, 2)
        if not len(boxes) and enlarged is not image:
            boxes = self._boxes(enlarged)
        if not len(boxes):
            return Located()
        box = foremost(map(_as_box, boxes), *enlarged.size)
        points = self._points(enlarged, box)
        # Rounded as in the file, so that the run that finds them and those that read them see the same faces.
        return Located(
            box=_as_box((np.array(box) / np.tile(scale, 2)).round(DECIMALS)), landmarks=(points / scale).round(DECIMALS)
        )

    def _boxes(self, image: Image.Image) -> np.ndarray:
        """The edges of all faces found, the surest first."""
        # dlib names the last pixel inside, not the edge behind it.
        found = [
            (box.left(), box.top(), box.right() + 1, box.bottom() + 1) for box in self._detector(np.asarray(image))
        ]
        return np.array(found, np.float64).reshape(-1, 4)

    def _points(self, image: Image.Image, box: Box) -> np.ndarray:
        left, top, right, bottom = map(round, box)
        within = self._dlib.rectangle(left, top, right - 1, bottom - 1)
        points = self._predictor(np.asarray(image), within).parts()
        return np.array([(point.x, point.y) for point in points]) + 0.5  # dlib's pixel centres lie at integers


def _find(faces: Sequence[Face], locations: dict[str, Located], target: Path, progress: Progress | None) -> None:
    """Looks at all faces; adds to `locations`, which are written to `target`."""
    finder = load_finder()
    # What cannot be written is refused before the work, not after.
    expect_text(face.id for face in faces)
    write_landmarks(locations, target)
    due = time.monotonic() + _SECONDS_BETWEEN_WRITES
    try:
        for done, face in enumerate(faces, start=1):
            with suppress(FaceReadError):
                locations[face.id] = finder(face.image())
            if progress is not None:
                progress(done, len(faces))
            if time.monotonic() > due:
                write_landmarks(locations, target)
                due = time.monotonic() + _SECONDS_BETWEEN_WRITES
    finally:  # also after an interrupt
        write_landmarks(locations, target)


def _target(dictionary: FaceDictionary, path: str | os.PathLike[str] | None) -> Path | None:
    if path is not None:
        return Path(path)
    return Path(dictionary.location, FILE_NAME) if dictionary.format == PUBLISHED else None


def _as_box(values: np.ndarray) -> Box:
    left, top, right, bottom = values.tolist()
    return left, top, right, bottom
