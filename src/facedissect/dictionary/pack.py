"""Packs any dictionary into one folder of Parquet shards, which pandas, DuckDB and Hugging Face `datasets` open as they are.

Images that are files keep their bytes, others become PNGs; masks become run lengths; boxes and landmarks keep all digits.
`packed_schema.py` has the columns.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from io import BytesIO
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from jaxtyping import Bool
from PIL import Image

from ..errors import DictionaryError, FaceReadError, OutputError, SettingsError
from .encoded import encoded_image
from .faces import Face, FaceDictionary
from .faults import Progress
from .files import IMAGE_SUFFIXES
from .landmarks_file import expect_text
from .located import Located
from .new_folder import new_folder
from .pack_shards import PackedRow, ShardWriter
from .packed_schema import DATA_FOLDER, HEADER, SIGN, VERSION, schema
from .run_length import encode_mask

_WORKERS = min(8, os.cpu_count() or 1)  # threads: coding images releases the interpreter's lock
_FACES_AHEAD = 4 * _WORKERS  # read together, so that memory is bounded


def pack(
    dictionary: FaceDictionary,
    folder: str | os.PathLike[str],
    *,
    progress: Progress | None = None,
    shard_megabytes: float = 500.0,
) -> None:
    """Write a dictionary as Parquet shards into a new or empty folder. Read back, it has the same faces and the same digest.

    Every image and mask is read, so that nothing damaged is packed; memory does not grow with their number. All is written
    beside the folder first and moved there at the end, so the folder is never half full.

    Args:
        progress: told after each face how many are done, and how many there are.
        shard_megabytes: a shard ends when it has reached this size.

    Raises:
        OutputError: the folder has something in it, is a file, or cannot be written; there are no faces; a label has
            values of several types.
        SettingsError: a shard would have no size.
        FaceReadError: an image or mask cannot be read, or a mask does not have the size of its image.
        DictionaryError: a box or landmarks make no sense.
    """
    if not shard_megabytes > 0:
        raise SettingsError(f"expected shards of more than 0 megabytes, got {shard_megabytes}")
    if not dictionary.faces:
        raise OutputError(f"expected a dictionary with faces, got {dictionary.location}, which has none")
    expect_text(face.id for face in dictionary)
    columns = schema(dictionary.vocabulary, dictionary)
    fingerprints = []
    with new_folder(folder) as scratch:
        (scratch / DATA_FOLDER).mkdir()
        with ShardWriter(scratch, columns, round(shard_megabytes * 1e6)) as writer:
            for done, row in enumerate(_rows(dictionary.faces), start=1):
                writer.add(row)
                fingerprints.append(row.fingerprint)
                if progress is not None:
                    progress(done, len(dictionary))
        shards = [
            {"file": name, "faces": faces, "bytes": (scratch / name).stat().st_size}
            for name, faces in writer.shards.items()
        ]
        header = {**_header(dictionary, dictionary.digest_with(fingerprints)), "shards": shards}
        (scratch / HEADER).write_text(json.dumps(header, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _rows(faces: Sequence[Face]) -> Iterator[PackedRow]:
    """The rows in order, some read at the same time."""
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="pack") as pool:
        try:
            for first in range(0, len(faces), _FACES_AHEAD):
                yield from pool.map(_row, faces[first : first + _FACES_AHEAD])
        except BaseException:  # an interrupt must not wait for the faces not yet begun
            pool.shutdown(cancel_futures=True)
            raise


def _row(face: Face) -> PackedRow:
    try:
        Located(box=face.box, landmarks=face.landmarks)
    except DictionaryError as error:
        raise DictionaryError(f"{face.id}: {error}") from error
    image = face.image()
    encoded = _encoded(face, image)
    return PackedRow(
        face=face,
        image=encoded,
        path=_path(face, encoded),
        size=image.size,
        runs=[encode_mask(_mask(face, concept, image)) for concept in face.concepts],
        fingerprint=face.source.fingerprint(),
    )


def _encoded(face: Face, image: Image.Image) -> bytes:
    """The image file: the face's own if it has one, else a PNG of the pixels."""
    encoded = encoded_image(face.source)
    if encoded is not None:
        return encoded
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _path(face: Face, encoded: bytes) -> str:
    """What the image file is called: the face's id, with the suffix of its format if it has none."""
    if PurePosixPath(face.id).suffix.lower() in IMAGE_SUFFIXES:
        return face.id
    with Image.open(BytesIO(encoded)) as image:
        return f"{face.id}.{str(image.format).lower()}"


def _mask(face: Face, concept: str, image: Image.Image) -> Bool[np.ndarray, "height width"]:
    mask = face.mask(concept)
    if mask.shape != (image.height, image.width):
        came = "x".join(map(str, reversed(mask.shape)))
        raise FaceReadError(
            f"expected a mask of {image.width}x{image.height}, as the image of {face.id} is, got {came} of {concept}"
        )
    return mask.astype(bool, copy=False)


def _header(dictionary: FaceDictionary, digest: str) -> dict[str, Any]:
    present = Counter(concept for face in dictionary for concept in face.concepts)
    members = Counter(item for face in dictionary for item in face.subgroups.items())
    vocabulary = dictionary.vocabulary
    return {
        "format": SIGN,
        "version": VERSION,
        "faces": len(dictionary),
        "digest": digest,
        "vocabulary": asdict(vocabulary),
        "concept_images": {name: present[name] for name in vocabulary.names},
        "subgroup_images": {
            concept.name: {subgroup: members[concept.name, subgroup] for subgroup in concept.subgroups}
            for concept in vocabulary.global_concepts
        },
    }
