"""The lists of CelebA: a row for each image. Official text files, or the CSVs in which Kaggle hands them out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from .csv_rows import read_csv_rows
from .faults import Fault, Row

_FOLDERS = ("", "Anno/", "Eval/")
"""Where a list may lie: beside the folder of images, or as in the official archive."""
_IMAGE = "image_id"


def find_list(root: Path, stem: str) -> str | None:
    """Path of a list relative to the root; the official text file comes before a CSV. None where there is neither."""
    names = (f"{folder}{stem}{suffix}" for suffix in (".txt", ".csv") for folder in _FOLDERS)
    return next((name for name in names if (root / name).is_file()), None)


def read_list(
    root: Path, name: str, faults: list[Fault], columns: Sequence[str] | None = None
) -> Iterator[tuple[Row, list[str]]]:
    """Place and names of the values; then, for each image, place, file name and values. Bad rows go to `faults`.

    Nothing comes of a list that cannot be read.

    Args:
        name: the list, relative to the root; a CSV always has a header.
        columns: names of the values of a text file without a header. None for one whose first line is the number of its
            rows and the second the header.
    """
    path = root / name
    lines = _csv_rows(path, name, faults) if name.endswith(".csv") else _text_rows(path, name, faults, columns)
    yield from islice(lines, 1)
    images: set[str] = set()
    for place, cells in lines:
        image = cells[0]
        if image in images:
            message = f"expected {image} once in {name}, got it again; keep one of the rows"
            faults.append(Fault(code="conflicting-rows", file=name, row=place, message=message))
        elif "/" in image or "\\" in image:
            message = f"expected the file name of an image, got {image}, which leads to a folder; correct the row"
            faults.append(Fault(code="outside-root", file=name, row=place, message=message))
        else:
            images.add(image)
            yield place, cells


def _csv_rows(path: Path, name: str, faults: list[Fault]) -> Iterator[tuple[Row, list[str]]]:
    lines = read_csv_rows(path, name, faults)
    place, header = next(lines, (None, []))
    if place is None:
        return
    if header[:1] == [_IMAGE]:
        yield place, header[1:]
        yield from lines
    else:
        message = (
            f"expected the column {_IMAGE} first, got {', '.join(header) or 'an empty line'}; correct the first line"
        )
        faults.append(Fault(code="wrong-columns", file=name, row=place, message=message))


def _text_rows(
    path: Path, name: str, faults: list[Fault], columns: Sequence[str] | None
) -> Iterator[tuple[Row, list[str]]]:
    def fault(code: str, line: int, message: str) -> None:
        faults.append(Fault(code=code, file=name, row=Row(name, line) if line else None, message=message))

    try:
        with path.open(encoding="utf-8-sig") as file:
            count = None if columns is not None else file.readline().strip()
            names = list(columns) if columns is not None else file.readline().split()
            if names[:1] == [_IMAGE]:  # only some of the official headers name the first column
                del names[0]
            if not names or (count is not None and not count.isdecimal()):
                message = f"expected the number of rows and then a line of names, got {count!r} and {len(names)} names"
                fault("wrong-columns", 1, f"{message}; restore the file")
                return
            yield Row(name, 2), names
            rows = 0
            for line, text in enumerate(file, start=1 if count is None else 3):
                cells = text.split()
                rows += bool(cells)
                if len(cells) == 1 + len(names):
                    yield Row(name, line), cells
                elif cells:
                    message = (
                        f"expected values of {cells[0]} for {len(names)} names, got {len(cells) - 1}; restore the row"
                    )
                    fault("malformed-row", line, message)
            if count is not None and int(count) != rows:
                fault("malformed-row", 1, f"expected {count} rows, as this line says, got {rows}; restore the file")
    except UnicodeDecodeError as error:
        fault("unreadable-index", 0, f"expected a list in UTF-8, got {name}: {error}; restore the file")
    except OSError as error:
        fault("unreadable-index", 0, f"expected a list that can be read, got {name}: {error.strerror}")
