"""A plain table, CSV or Parquet, one row an image: for data in a format of their own.

    image,mask:nose,mask:Smiling,subgroup:gender,box:left,box:top,box:right,box:bottom,identity,split,age
    a.jpg,a/nose.png,,Female,10,12,90,110,anna,train,31

Columns of other names are labels. `vocabulary.toml` beside the table defines other concepts than the published ones.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ..errors import DictionaryError
from .faces import FaceDictionary
from .faults import Fault, first_and_count
from .listed_faces import Missing, listed_faces, many_made
from .table_columns import SUFFIXES, read_table
from .table_roles import IMAGE, find_roles
from .table_rows import RowReader
from .table_vocabulary import concepts_with_masks, with_own_subgroups
from .vocabulary_file import read_vocabulary

NAME = "table"
LOOKED_FOR = "a file .csv or .parquet"


def recognises(location: Path) -> bool:
    """Whether the location is the file of a table, by its suffix."""
    return location.suffix.lower() in SUFFIXES and location.is_file()


def read(
    location: str,
    *,
    root: str | os.PathLike[str] | None = None,
    image: str = IMAGE,
    masks: Mapping[str, str] | None = None,
    mask_list: str | None = None,
    subgroups: Mapping[str, str] | None = None,
    labels: Sequence[str] | None = None,
    missing: Missing = "stop",
) -> FaceDictionary:
    """The faces of a table. Columns say by their names what they are; options speak of those that do not. No image is opened.

    A local concept is present where its mask is named, and absent where the cell is empty. The vocabulary has the local
    concepts of which the table names masks; that of a table without masks is as in the file, or the published one.

    Args:
        root: the folder that paths are relative to; None is that of the table.
        image: the column of images.
        masks: local concept -> the column of its masks, besides columns named `mask:CONCEPT`.
        mask_list: the column of paths of masks joined by `;`, where the stem of each is its concept; None is `masks`, if
            there is such a column.
        subgroups: global concept -> its column, besides columns named `subgroup:CONCEPT`.
        labels: the columns of labels; None takes all that are nothing else.
        missing: `skip` leaves out the rows whose image is not there.

    Raises:
        DictionaryError: the file is no table, a column is not there, or rows are bad; names the first and how many more.
    """
    path = Path(location)
    if not path.is_file():
        raise DictionaryError(f"expected {LOOKED_FOR}, got {location}, which is no file; check the path")
    faults: list[Fault] = []
    table = read_table(path, faults)
    if not table.columns and faults:
        raise DictionaryError(first_and_count(faults))
    roles = find_roles(
        table, image=image, masks=masks or {}, mask_list=mask_list, subgroups=subgroups or {}, labels=labels
    )
    known = with_own_subgroups(read_vocabulary(path.parent), table, roles)
    concepts = concepts_with_masks(known, table, roles)
    folder = Path(os.path.realpath(path.parent if root is None else root))
    reader = RowReader(table, roles, folder, known, frozenset(concept.kind for concept in concepts))
    with many_made():
        faces = listed_faces(folder, list(reader.faces(faults)), faults, missing)
    # A concept of which the table names no mask is not absent from its images, but unknown.
    vocabulary = replace(known, concepts=concepts or known.concepts)
    return FaceDictionary(location=location, format=NAME, vocabulary=vocabulary, faces=faces)
