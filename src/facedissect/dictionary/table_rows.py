"""The face of each row of a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import cast

from ..concepts import KINDS, Kind, Vocabulary
from ..errors import DictionaryError, FaceReadError
from .faces import Face
from .faults import Fault, Row
from .files import FileSource
from .listed_faces import listed_path
from .located import Box, Located
from .table_columns import Table
from .table_roles import BOX_COLUMNS, IDENTITY, KINDS_COLUMN, SPLIT, Roles
from .table_vocabulary import expect_known


class RowReader:
    """Reads the rows of one table.

    Args:
        root: what paths are relative to, resolved.
        vocabulary: all concepts that the table may speak of.
        kinds: what images are annotated for where no column says it.
    """

    def __init__(self, table: Table, roles: Roles, root: Path, vocabulary: Vocabulary, kinds: frozenset[Kind]) -> None:
        self.root = root
        self.vocabulary = vocabulary
        self._rows = table.rows
        self._roles = roles
        columns = [roles.image, *roles.masks.values(), *roles.subgroups.values(), *roles.others]
        columns += [roles.mask_list] if roles.mask_list else []
        self._texts = {name: table.texts(name) for name in columns}
        self._labels = {name: table.labels(name) for name in roles.labels}
        self._kinds = kinds
        self._global_concepts = {
            concept.name.casefold(): (concept.name, {name.casefold(): name for name in concept.subgroups})
            for concept in vocabulary.global_concepts
        }

    def faces(self, faults: list[Fault]) -> Iterator[tuple[Row, Face]]:
        """Place and face of each good row; what is wrong with the others is added to `faults`."""
        for number, place in enumerate(self._rows):
            try:
                yield place, self._face(number)
            except FaceReadError as error:
                message = f"{error}; correct the row, or give the folder of all files as root=FOLDER"
                faults.append(Fault(code="outside-root", file=place.file, row=place, message=message))
            except DictionaryError as error:
                message = f"{error}; correct the row"
                faults.append(Fault(code="malformed-row", file=place.file, row=place, message=message))

    def _face(self, number: int) -> Face:
        """Raises DictionaryError."""
        path = listed_path(self.root, self._texts[self._roles.image][number] or "")
        masks = self._masks(number)
        return Face(
            id=path,
            source=FileSource(root=self.root, image_path=path, mask_paths=masks),
            concepts=tuple(masks),
            kinds=self._annotated(number, masks),
            subgroups=self._subgroups(number),
            box=self._box(number),
            labels={name: cell for name, cells in self._labels.items() if (cell := cells[number]) is not None},
            identity=self._other(IDENTITY, number),
            split=self._other(SPLIT, number),
        )

    def _masks(self, number: int) -> dict[str, str]:
        masks = {}
        for concept, column in self._roles.masks.items():
            cell = self._texts[column][number]
            if cell is not None:
                masks[concept] = listed_path(self.root, cell)
        cells = self._other(self._roles.mask_list, number) or ""
        for cell in filter(str.strip, cells.split(";")):
            path = listed_path(self.root, cell)
            concept = PurePosixPath(path).stem
            expect_known(concept, self.vocabulary, path)
            if masks.setdefault(concept, path) != path:
                raise DictionaryError(f"expected one mask of {concept}, got {masks[concept]} and {path}")
        return masks

    def _annotated(self, number: int, masks: Mapping[str, str]) -> frozenset[Kind]:
        if KINDS_COLUMN not in self._texts:
            return self._kinds
        kinds = {kind.strip() for kind in (self._other(KINDS_COLUMN, number) or "").split(";")} - {""}
        unknown = sorted(kinds - set(KINDS))
        if unknown:
            raise DictionaryError(f"expected kinds ({', '.join(KINDS)}) joined by ;, got {', '.join(unknown)}")
        for concept in masks:
            kind = self.vocabulary[concept].kind
            if kind not in kinds:
                came = ", ".join(sorted(kinds)) or "none"
                raise DictionaryError(
                    f"expected {kind} among the kinds, since there is a mask of {concept}, got {came}"
                )
        return frozenset(cast("set[Kind]", kinds))

    def _subgroups(self, number: int) -> dict[str, str]:
        subgroups = {}
        for name, column in self._roles.subgroups.items():
            cell = self._texts[column][number]
            if cell is None:
                continue
            concept, spelt = self._global_concepts[name.casefold()]
            if cell.casefold() not in spelt:
                raise DictionaryError(f"expected a subgroup of {concept} ({', '.join(spelt.values())}), got {cell}")
            subgroups[concept] = spelt[cell.casefold()]
        return subgroups

    def _box(self, number: int) -> Box | None:
        cells = [self._other(column, number) for column in BOX_COLUMNS]
        if not any(cells):
            return None
        try:
            left, top, right, bottom = (float(cell or "") for cell in cells)
        except ValueError:
            raise DictionaryError(f"expected four numbers of a box, or none, got {cells}") from None
        return Located(box=(left, top, right, bottom)).box

    def _other(self, column: str | None, number: int) -> str | None:
        return self._texts[column][number] if column in self._texts else None
