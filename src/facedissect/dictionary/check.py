"""Every fault of a dictionary in the published layout, at once."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TypeVar

import numpy as np

from ..errors import FaceReadError
from .faults import Fault, Progress, Row
from .files import expect_folder, image_size, inside, read_image, read_mask
from .landmarks_rows import LandmarksRow
from .published import read_contents
from .published_folders import GlobalImage
from .published_index import IndexRow

T = TypeVar("T")
_WORKERS = min(8, os.cpu_count() or 1)  # threads: decoding releases the interpreter's lock
_LOSSY_SUFFIXES = frozenset({".jpg", ".jpeg"})


def check_published(location: str, progress: Progress | None = None) -> list[Fault]:
    """All faults of the folder `location`, sorted by file and row. Reads every image and every mask.

    Args:
        location: the root of the dictionary; may be one that cannot be opened.
        progress: told after each image how many are done, and how many there are.

    Raises:
        DictionaryError: there is no such folder, or nothing in it.
    """
    expect_folder(location)
    contents = read_contents(Path(location))
    faults = list(contents.faults)
    digests: dict[GlobalImage, str] = {}
    tasks: list[Callable[[], list[Fault]]] = [partial(_row_faults, contents.root, row) for row in contents.rows]
    tasks += [partial(_global_image_faults, contents.root, image, digests) for image in contents.global_images]
    with ThreadPoolExecutor(_WORKERS) as pool:
        try:
            for done, found in enumerate(pool.map(lambda task: task(), tasks), start=1):
                faults += found
                if progress is not None:
                    progress(done, len(tasks))
        except BaseException:  # an interrupt must not wait for the images not yet begun
            pool.shutdown(cancel_futures=True)
            raise
    faults += _in_two_subgroups(contents.global_images, digests)
    faults += _outside_image(contents.root, contents.landmarks)
    return sorted(faults, key=lambda fault: fault.order)


def _row_faults(root: Path, row: IndexRow) -> list[Fault]:
    faults: list[Fault] = []
    image = _attempt(read_image, "image", root, row.image, row.row, faults)
    for concept, path in row.masks.items():
        mask = _attempt(read_mask, "mask", root, path, row.row, faults)
        if mask is None:
            continue
        if image is not None and mask.shape != (image.height, image.width):
            message = f"expected a mask of {image.width}x{image.height}, as {row.image} is, got {mask.shape[1]}x{mask.shape[0]}"
            faults.append(Fault(code="mask-size", file=path, row=row.row, message=message))
        if not mask.any():
            message = f"expected at least one pixel of {concept}, which is labelled present, got none"
            faults.append(Fault(code="empty-mask", file=path, row=row.row, message=message))
        if PurePosixPath(path).suffix.lower() in _LOSSY_SUFFIXES:
            message = "expected a lossless mask such as a PNG, got a JPEG, whose compression noise counts as mask"
            faults.append(Fault(code="lossy-mask", file=path, row=row.row, message=message))
    return faults


def _global_image_faults(root: Path, image: GlobalImage, digests: dict[GlobalImage, str]) -> list[Fault]:
    """The faults of an image of a subgroup; the digest of its bytes goes to `digests`."""
    faults: list[Fault] = []
    if _attempt(read_image, "image", root, image.path, None, faults) is not None:
        digests[image] = hashlib.sha256((root / image.path).read_bytes()).hexdigest()
    return faults


def _outside_image(root: Path, rows: Sequence[LandmarksRow]) -> Iterator[Fault]:
    """A fault for each box, and each set of landmarks, of which no part lies in the image."""
    for row in rows:
        try:
            width, height = image_size(inside(root, row.image))
        except FaceReadError:  # said already, of the image itself
            continue
        places = {"a box": row.located.box, "landmarks": row.located.landmarks}
        for what, place in places.items():
            points = np.array([]) if place is None else np.asarray(place).reshape(-1, 2)
            if len(points) and not ((points.max(0) > 0) & (points.min(0) < (width, height))).all():
                message = (
                    f"expected {what} in the image of {width}x{height}, got {what} that lie outside; correct the row"
                )
                yield Fault(code="outside-image", file=row.image, row=row.row, message=message)


def _attempt(
    read: Callable[[Path], T], what: str, root: Path, path: str, row: Row | None, faults: list[Fault]
) -> T | None:
    """What `read` gives, or None and a fault."""
    try:
        absolute = inside(root, path)
    except FaceReadError as error:
        faults.append(Fault(code="outside-root", file=path, row=row, message=str(error)))
        return None
    try:
        return read(absolute)
    except FaceReadError as error:
        missing = isinstance(error.__cause__, FileNotFoundError | NotADirectoryError)
        code = f"{'missing' if missing else 'unreadable'}-{what}"
        faults.append(Fault(code=code, file=path, row=row, message=str(error)))
        return None


def _in_two_subgroups(images: Sequence[GlobalImage], digests: dict[GlobalImage, str]) -> Iterator[Fault]:
    """A fault for each set of equal images that lie in more than one subgroup of a global concept."""
    equal: dict[tuple[str, str], list[GlobalImage]] = defaultdict(list)
    for image in images:
        if image in digests:
            equal[image.global_concept, digests[image]].append(image)
    for (concept, _), copies in equal.items():
        subgroups = sorted({image.subgroup for image in copies})
        if len(subgroups) > 1:
            paths = " and ".join(image.path for image in copies)
            message = (
                f"expected an image in one subgroup of {concept}, got the same image in {', '.join(subgroups)}: {paths}"
            )
            yield Fault(code="two-subgroups", file=copies[0].path, message=message)
