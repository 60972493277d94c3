"""The concepts that a table speaks of: local ones by its masks, global ones by its subgroups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath

from ..concepts import Concept, GlobalConcept, Vocabulary
from ..errors import DictionaryError, nearest_names
from .files import normalised
from .table_columns import Table
from .table_roles import Roles
from .vocabulary_file import FILE_NAME


def concepts_with_masks(known: Vocabulary, table: Table, roles: Roles) -> tuple[Concept, ...]:
    """The known local concepts that have a column of masks or occur in a list of masks.

    Raises:
        DictionaryError: a column of masks is of a concept that is not known.
    """
    for concept, column in roles.masks.items():
        expect_known(concept, known, f"the column {column}")
    named = {*roles.masks, *_listed_concepts(table, roles)}
    return tuple(concept for concept in known.concepts if concept.name in named)


def with_own_subgroups(known: Vocabulary, table: Table, roles: Roles) -> Vocabulary:
    """The known vocabulary, and a global concept for each column of one that is not known: its cells are the subgroups.

    Raises:
        DictionaryError: two columns are of one global concept, or a name is one that it or a subgroup may not have.
    """
    names = {concept.name.casefold() for concept in known.global_concepts}
    first: dict[str, str] = {}
    own = []
    for name, column in roles.subgroups.items():
        if first.setdefault(name.casefold(), column) != column:
            both = f"{first[name.casefold()]} and {column}"
            raise DictionaryError(f"expected one column of {name} in {table.name}, got {both}; rename one of them")
        if name.casefold() not in names:
            subgroups = _subgroups(table, column)
            _expect_name(name, table, column)
            own += [GlobalConcept(name=name, subgroups=subgroups)] if subgroups else []
    return replace(known, global_concepts=(*known.global_concepts, *own))


def expect_known(concept: str, vocabulary: Vocabulary, where: str) -> None:
    """Raises DictionaryError for a concept that is not in the vocabulary."""
    if concept not in vocabulary:
        nearest = nearest_names(concept, vocabulary.names) or "there is none"
        raise DictionaryError(
            f"expected a local concept in {where}, got {concept}; nearest: {nearest}; "
            f"define other concepts in {FILE_NAME}"
        )


def _listed_concepts(table: Table, roles: Roles) -> Iterator[str]:
    """The concept of each mask in the lists of masks."""
    cells = table.texts(roles.mask_list) if roles.mask_list else []
    for path in {path for cell in cells if cell for path in cell.split(";") if path.strip()}:
        yield PurePosixPath(normalised(path)).stem


def _subgroups(table: Table, column: str) -> tuple[str, ...]:
    """The different cells of a column without regard to case, in the spelling that comes first."""
    found: dict[str, str] = {}
    for cell in table.texts(column):
        if cell is not None:
            found.setdefault(cell.casefold(), cell)
    for name in found.values():
        _expect_name(name, table, column)
    return tuple(sorted(found.values()))


def _expect_name(name: str, table: Table, column: str) -> None:
    if not name or set(name) & set("/\\;"):  # names of global concepts and subgroups become those of folders
        raise DictionaryError(
            f"expected names without / \\ and ; of and in the column {column} of {table.name}, got {name!r}; rename it"
        )
