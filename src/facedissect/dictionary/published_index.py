"""One CSV of the published layout: which masks each image has."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..concepts import Kind, Vocabulary
from ..errors import nearest_names
from .csv_rows import read_csv_rows
from .faults import Fault, Row
from .files import leads_out, normalised
from .vocabulary_file import FILE_NAME

COLUMNS = ("image", "labels")


@dataclass(frozen=True, kw_only=True)
class IndexRow:
    """One image of an index.

    Attributes:
        row: where it stands.
        kind: the kind that the image was annotated for.
        image: path relative to the root, normalised.
        masks: local concept -> path of its mask, relative to the root, normalised.
    """

    row: Row
    kind: Kind
    image: str
    masks: Mapping[str, str]


def read_index(root: Path, name: str, kind: Kind, vocabulary: Vocabulary, faults: list[Fault]) -> list[IndexRow]:
    """The rows of the index `name` in the resolved `root`, each image once; what is wrong is added to `faults`."""
    reader = _IndexReader(root, name, kind, vocabulary, faults)
    return list(reader.rows())


class _IndexReader:
    """Reads one index; a row with a fault is left out as far as the fault goes."""

    def __init__(self, root: Path, name: str, kind: Kind, vocabulary: Vocabulary, faults: list[Fault]) -> None:
        self.root = root
        self.name = name
        self.kind = kind
        self.vocabulary = vocabulary
        self.faults = faults
        self._nearest: dict[str, str] = {}  # looked up once a name: a foreign dictionary has a hundred thousand masks

    def rows(self) -> Iterator[IndexRow]:
        first: dict[str, IndexRow] = {}
        for place, image_cell, labels_cell in self._cells():
            image = self._path(image_cell, place)
            if image is None:
                continue
            row = IndexRow(row=place, kind=self.kind, image=image, masks=self._masks(labels_cell, place))
            if row.masks != first.setdefault(image, row).masks:
                self._repeated("conflicting-rows", row, first[image], " with different labels; keep one of them")
            elif row is not first[image]:
                self._repeated("duplicate-row", row, first[image], "; it is read once")
                continue
            yield row

    def _cells(self) -> Iterator[tuple[Row, str, str]]:
        """Place, image cell and labels cell of each well-formed row."""
        lines = read_csv_rows(self.root / self.name, self.name, self.faults)
        place, header = next(lines, (None, []))
        if place is None:
            return
        if not set(COLUMNS) <= set(header):
            came = ", ".join(header) or "an empty line"
            message = f"expected a first line with the columns {' and '.join(COLUMNS)} in {self.name}, got {came}"
            self._fault("wrong-columns", place, message)
            return
        image, labels = (header.index(column) for column in COLUMNS)
        for place, cells in lines:
            if cells[image].strip():
                yield place, cells[image], cells[labels]
            else:
                self._fault("malformed-row", place, "expected the path of an image, got an empty cell")

    def _masks(self, cell: str, place: Row) -> dict[str, str]:
        masks: dict[str, str] = {}
        for text in cell.split(";"):
            path = self._path(text, place) if text.strip() else None
            if path is None:
                continue
            concept = PurePosixPath(path).stem
            if concept not in masks:
                self._expect_concept(concept, path, place)
                masks[concept] = path
            elif masks[concept] == path:
                self._fault("duplicate-mask", place, f"expected each mask once, got {path} twice", path)
            else:
                message = f"expected one mask of {concept}, got {masks[concept]} and {path}"
                self._fault("conflicting-masks", place, message, path)
        return masks

    def _path(self, text: str, place: Row) -> str | None:
        """The path normalised, or None where it may not be read."""
        path = normalised(text)
        if "\0" in path:
            self._fault("malformed-row", place, f"expected a path, got {text!r}, which holds a zero byte")
        elif path.startswith(("/", "../")) or path == ".." or path[1:2] == ":":
            message = f"expected a path inside the dictionary, got {text.strip()}, which leaves its root"
            self._fault("outside-root", place, message, path)
        elif leads_out(self.root, posixpath.dirname(path)):  # links of files themselves show when they are read
            message = f"expected a path inside the dictionary, got {path}, which leaves its root by a symbolic link"
            self._fault("outside-root", place, message, path)
        else:
            return path
        return None

    def _expect_concept(self, concept: str, path: str, place: Row) -> None:
        if concept not in self.vocabulary:
            if concept not in self._nearest:
                self._nearest[concept] = nearest_names(concept, self.vocabulary.names) or "there is none"
            message = (
                f"expected a mask named after a local concept, got {path}; nearest: {self._nearest[concept]}; "
                f"define other concepts in {FILE_NAME}"
            )
            self._fault("unknown-concept", place, message, path)
        elif (kind := self.vocabulary[concept].kind) != self.kind:
            message = f"expected concepts of the kind {self.kind} in {self.name}, got {path}, whose kind is {kind}"
            self._fault("other-kind", place, message, path)

    def _repeated(self, code: str, row: IndexRow, first: IndexRow, how: str) -> None:
        message = f"expected {row.image} once in {self.name}, got it in lines {first.row.line} and {row.row.line}{how}"
        self._fault(code, row.row, message, row.image)

    def _fault(self, code: str, row: Row | None, message: str, file: str | None = None) -> None:
        self.faults.append(Fault(code=code, file=file or self.name, row=row, message=message))
