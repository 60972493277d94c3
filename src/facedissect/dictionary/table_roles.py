"""What each column of a table is: the image, a mask, a subgroup, a side of the box, or a label."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..errors import DictionaryError, nearest_names
from .table_columns import Table

MASK, SUBGROUP, BOX = "mask:", "subgroup:", "box:"
"""How the names of columns begin that are no labels."""
IMAGE, MASK_LIST, KINDS_COLUMN, IDENTITY, SPLIT = "image", "masks", "kinds", "identity", "split"
"""Names of columns that are no labels, each optional but the image."""
BOX_COLUMNS = tuple(f"{BOX}{side}" for side in ("left", "top", "right", "bottom"))


@dataclass(frozen=True, kw_only=True)
class Roles:
    """Which column says what.

    Attributes:
        image: the column of images.
        masks: local concept -> the column of its masks.
        mask_list: the column of lists of masks, or None.
        subgroups: global concept -> its column.
        labels: the columns of labels.
        others: those of the columns of the box, `kinds`, `identity` and `split` that there are.
    """

    image: str
    masks: Mapping[str, str]
    mask_list: str | None
    subgroups: Mapping[str, str]
    labels: Sequence[str]
    others: Sequence[str]


def find_roles(
    table: Table,
    *,
    image: str,
    masks: Mapping[str, str],
    mask_list: str | None,
    subgroups: Mapping[str, str],
    labels: Sequence[str] | None,
) -> Roles:
    """What the columns of a table are, by their names and by the options of `table.read`.

    Raises:
        DictionaryError: a column that an option names is not there, or a box lacks a side.
    """
    box = [name for name in table.columns if name.startswith(BOX)]
    if box and sorted(box) != sorted(BOX_COLUMNS):
        raise DictionaryError(
            f"expected the columns {', '.join(BOX_COLUMNS)} in {table.name}, got {', '.join(box)} only"
        )
    others = [*box, *(name for name in (KINDS_COLUMN, IDENTITY, SPLIT) if name in table.columns)]
    if mask_list is None and MASK_LIST in table.columns:
        mask_list = MASK_LIST
    masks = {**_beginning(table, MASK), **masks}
    subgroups = {**_beginning(table, SUBGROUP), **subgroups}
    taken = {image, *masks.values(), *([mask_list] if mask_list else []), *subgroups.values(), *others}
    if labels is None:
        spoken_for = (MASK, SUBGROUP, BOX)  # also where an option names another column of the same concept
        labels = [name for name in table.columns if name not in taken and not name.startswith(spoken_for)]
    _expect_columns(table, [image], f"{IMAGE}=NAME")
    _expect_columns(table, masks.values(), "masks={CONCEPT: NAME}")
    _expect_columns(table, [mask_list] if mask_list else [], "mask_list=NAME")
    _expect_columns(table, subgroups.values(), "subgroups={CONCEPT: NAME}")
    _expect_columns(table, labels, "labels=[NAME]")
    return Roles(image=image, masks=masks, mask_list=mask_list, subgroups=subgroups, labels=labels, others=others)


def _beginning(table: Table, prefix: str) -> dict[str, str]:
    """What follows the prefix in the name of a column -> the name."""
    return {name.removeprefix(prefix).strip(): name for name in table.columns if name.startswith(prefix)}


def _expect_columns(table: Table, names: Iterable[str], option: str) -> None:
    for name in names:
        if name not in table.columns:
            nearest = nearest_names(name, table.columns) or "there is none"
            raise DictionaryError(
                f"expected a column {name} in {table.name}, got no such column; nearest: {nearest}; name it by {option}"
            )
