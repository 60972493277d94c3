"""The lines of any CSV of a dictionary; what is wrong with one becomes a fault."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from .faults import Fault, Row


def read_csv_rows(path: Path, name: str, faults: list[Fault]) -> Iterator[tuple[Row, list[str]]]:
    """Place and cells of the header, stripped, and then of each line with as many cells; empty lines are passed over.

    An empty file has an empty header; of one that cannot be read nothing comes. What is wrong is added to `faults`.

    Args:
        name: what the file is called in faults.
    """

    def fault(code: str, row: Row | None, message: str) -> None:
        faults.append(Fault(code=code, file=name, row=row, message=message))

    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file, strict=True)
            header = [cell.strip() for cell in next(lines, [])]
            yield Row(name, 1), header
            for cells in lines:
                if len(cells) == len(header):
                    yield Row(name, lines.line_num), cells
                elif cells:
                    message = (
                        f"expected {len(header)} cells, as the header has, got {len(cells)}; quote what holds a comma"
                    )
                    fault("malformed-row", Row(name, lines.line_num), message)
    except UnicodeDecodeError as error:
        fault("unreadable-index", None, f"expected a CSV in UTF-8, got {name}: {error}; save it as UTF-8")
    except csv.Error as error:
        fault("unreadable-index", Row(name, lines.line_num), f"expected a CSV, got {name}: {error}")
    except OSError as error:
        fault("unreadable-index", None, f"expected a CSV that can be read, got {name}: {error.strerror}")
