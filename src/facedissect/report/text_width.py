"""How wide text is in the report's font, and where it breaks into lines or is cut.

matplotlib itself wraps only at the edge of a figure.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path


@lru_cache(maxsize=4096)
def width(text: str, size: float) -> float:
    """Inches that `text` takes, set in `size` points."""
    points, *_ = text_to_path.get_text_width_height_descent(text, FontProperties(size=size), ismath=False)
    return float(points) / 72


def shortened(text: str, most: float, size: float) -> str:
    """`text`, cut and ended with … if it is wider than `most` inches."""
    if width(text, size) <= most:
        return text
    return f"{text[: _fitting(text, most - width('…', size), size)]}…"


def wrapped(text: str, most: float, size: float) -> list[str]:
    """`text` in lines no wider than `most` inches, broken at spaces, and inside a word only if it does not fit a line."""
    lines, line = [], ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if line and width(line, size) + width(" ", size) + width(word, size) > most:
            lines.append(line)
            longer = word
        while width(longer, size) > most and len(longer) > 1:
            fits = max(1, _fitting(longer, most, size))
            lines.append(longer[:fits])
            longer = longer[fits:]
        line = longer
    return [*lines, line]


def _fitting(text: str, most: float, size: float) -> int:
    """How many letters of `text` fit."""
    return bisect_right(range(1, len(text) + 1), most, key=lambda letters: width(text[:letters], size))
