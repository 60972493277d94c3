"""What a packed dictionary is made of: its files, and the columns of its shards.

dictionary.json                          version, vocabulary, counts, digest, shards
data/train-00000-of-00002.parquet        one row a face, in the order of the dictionary
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa

from ..concepts import Vocabulary
from ..errors import OutputError
from .faces import Face, Label

NAME = "packed"
HEADER = "dictionary.json"
DATA_FOLDER = "data"
SIGN = "facedissect packed"
"""What `format` of the header says, since other folders have a `dictionary.json`, too."""
VERSION = 1
BOX_EDGES = ("left", "top", "right", "bottom")

# What `datasets` looks for: with it, the column is decoded to images without further words.
_IMAGE_FEATURE = {"huggingface": json.dumps({"info": {"features": {"image": {"_type": "Image"}}}})}


def shard_name(number: int, count: int) -> str:
    """The name by which `datasets` finds a shard, relative to the folder."""
    return f"{DATA_FOLDER}/train-{number:05d}-of-{count:05d}.parquet"


def schema(vocabulary: Vocabulary, faces: Iterable[Face]) -> pa.Schema:
    """The columns of all shards; `subgroups` and `labels` are left out where no face has any, since a struct has a field.

    Raises:
        OutputError: a label is a number in one face and text or true in another.
    """
    faces = tuple(faces)
    subgroups = dict.fromkeys(
        (
            *(concept.name for concept in vocabulary.global_concepts),
            *(name for face in faces for name in face.subgroups),
        )
    )
    labels = _label_types(faces)
    fields = {
        "id": pa.string(),
        "image": pa.struct({"bytes": pa.binary(), "path": pa.string()}),
        "width": pa.int32(),
        "height": pa.int32(),
        "kinds": pa.list_(pa.string()),
        "unknown": pa.list_(pa.string()),
        "concepts": pa.list_(pa.struct({"concept": pa.string(), "runs": pa.list_(pa.uint32())})),
        **({"subgroups": pa.struct(dict.fromkeys(subgroups, pa.string()))} if subgroups else {}),
        "box": pa.struct(dict.fromkeys(BOX_EDGES, pa.float64())),
        # Always 136 numbers, but a list of fixed size that is missing in some rows is more than older Arrows can write.
        "landmarks": pa.list_(pa.float64()),
        **({"labels": pa.struct(labels)} if labels else {}),
        "identity": pa.string(),
        "split": pa.string(),
        "fingerprint": pa.string(),
    }
    return pa.schema(fields, metadata=_IMAGE_FEATURE)


def repeated_columns(columns: pa.Schema) -> list[str]:
    """The leaves whose values are few words again and again, worth a Parquet dictionary."""
    words = ["kinds.list.element", "unknown.list.element", "concepts.list.element.concept", "identity", "split"]
    for name in ("subgroups", "labels"):
        if name in columns.names:
            words += [f"{name}.{field.name}" for field in columns.field(name).type if pa.types.is_string(field.type)]
    return words


def _label_types(faces: Iterable[Face]) -> Mapping[str, pa.DataType]:
    """Label -> the type of its column."""
    types: dict[str, pa.DataType] = {}
    for face in faces:
        for name, value in face.labels.items():
            came = _label_type(value)
            if types.setdefault(name, came) != came:
                raise OutputError(
                    f"expected the label {name} to be {types[name]} in all faces, got {value!r}, a {came}, in {face.id}; "
                    "give it one type"
                )
    return types


def _label_type(value: Label) -> pa.DataType:
    if isinstance(value, bool | np.bool_):
        return pa.bool_()
    return pa.string() if isinstance(value, str) else pa.float64()
