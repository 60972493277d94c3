"""How wide text is in the report's font, and where it breaks into lines; matplotlib itself wraps only at the figure's edge."""

from __future__ import annotations

from functools import lru_cache

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path


@lru_cache(maxsize=4096)
def width(text: str, size: float) -> float:
    """Inches that `text` takes, set in `size` points."""
    points, *_ = text_to_path.get_text_width_height_descent(text, FontProperties(size=size), ismath=False)
    return float(points) / 72


def wrapped(text: str, most: float, size: float) -> list[str]:
    """`text` in lines no wider than `most` inches, broken at spaces, and inside a word only if it does not fit a line."""
    lines, line = [], ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if line and width(line, size) + width(" ", size) + width(word, size) > most:
            lines.append(line)
            longer = word
        while width(longer, size) > most and len(longer) > 1:
            fits = next(n for n in range(len(longer) - 1, 0, -1) if n == 1 or width(longer[:n], size) <= most)
            lines.append(longer[:fits])
            longer = longer[fits:]
        line = longer
    return [*lines, line]
