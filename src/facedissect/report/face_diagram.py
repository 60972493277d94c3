"""A drawn face whose regions are shaded by how many interpretable units look at them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from .summary import RunSummary


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Where a region lies in the drawing, which is 300 wide and 340 high.

    Attributes:
        paths: SVG path data, one a part; their own outlines do not cross.
        anchor: x, y of the point that the region's label leads to.
        side: `left` or `right`, where the label stands.
        level: y of the label.
    """

    paths: tuple[str, ...]
    anchor: tuple[int, int]
    side: str
    level: int


def _ellipse(x: float, y: float, across: float, down: float) -> str:
    return (
        f"M{x - across:g},{y:g}a{across:g},{down:g} 0 1,0 {2 * across:g},0a{across:g},{down:g} 0 1,0 {-2 * across:g},0z"
    )


SHAPES: Mapping[str, Shape] = MappingProxyType(
    {
        "hair": Shape(
            paths=("M62,128C56,58 96,22 150,22S244,58 238,128C226,84 204,66 150,66S74,84 62,128z",),
            anchor=(196, 46),
            side="right",
            level=34,
        ),
        "forehead": Shape(
            paths=("M84,112C92,84 116,74 150,74S208,84 216,112C196,104 172,106 150,110C128,106 104,104 84,112z",),
            anchor=(104, 92),
            side="left",
            level=74,
        ),
        "eye": Shape(
            paths=(_ellipse(111, 142, 32, 25), _ellipse(189, 142, 32, 25)), anchor=(212, 136), side="right", level=118
        ),
        "ear": Shape(
            paths=(_ellipse(54, 172, 9, 24), _ellipse(246, 172, 9, 24)), anchor=(247, 180), side="right", level=182
        ),
        "nose": Shape(
            paths=(
                "M143,150C141,176 128,188 129,200C130,212 140,214 150,215C160,214 170,212 171,200C172,188 159,176 157,150z",
            ),
            anchor=(134, 198),
            side="left",
            level=152,
        ),
        "cheek": Shape(
            paths=(
                "M76,178C92,174 112,174 122,182C120,200 118,210 112,222C104,238 96,244 88,240C78,222 74,198 76,178z",
                "M224,178C208,174 188,174 178,182C180,200 182,210 188,222C196,238 204,244 212,240C222,222 226,198 224,178z",
            ),
            anchor=(206, 212),
            side="right",
            level=212,
        ),
        "mouth": Shape(paths=(_ellipse(150, 244, 37, 17),), anchor=(120, 246), side="left", level=246),
        "chin": Shape(
            paths=("M106,262C120,270 136,272 150,272S180,270 194,262C190,284 172,304 150,304S110,284 106,262z",),
            anchor=(172, 288),
            side="right",
            level=296,
        ),
        "neck": Shape(
            paths=("M112,300C124,312 138,316 150,316S176,312 188,300L192,334L108,334z",),
            anchor=(120, 322),
            side="left",
            level=322,
        ),
    }
)
"""Region, in small letters and the singular -> its shape."""

ALIASES: Mapping[str, str] = MappingProxyType(
    {"brow": "eye", "eyebrow": "eye", "lip": "mouth", "jaw": "chin", "beard": "chin"}
)
"""Other names of a region, which stand for it where it has no region of its own."""


@dataclass(frozen=True, kw_only=True)
class DrawnRegion:
    """A region of a run as the diagram shows it.

    Attributes:
        name: as the vocabulary has it.
        units: interpretable units of all layers that look at it.
        share: of the units of the region with most of them, 0 to 1.
        shape: None for a region that the drawing has no place for; it is listed beside.
    """

    name: str
    units: int
    share: float
    shape: Shape | None


def regions(run: RunSummary) -> list[DrawnRegion]:
    """The regions of the vocabulary, in its order."""
    units = {
        region.name: sum(layer.regions[region.name] for layer in run.layers) for region in run.result.vocabulary.regions
    }
    most, taken, drawn = max(units.values(), default=0), {_word(name) for name in units} & set(SHAPES), []
    for name, count in units.items():
        word = _word(name)
        key = word if word in SHAPES else ALIASES.get(word, "")
        shape = SHAPES.get(key) if key == word or key not in taken else None
        taken.add(key)
        drawn.append(DrawnRegion(name=name, units=count, share=count / most if most else 0.0, shape=shape))
    return drawn


def _word(name: str) -> str:
    """A region's name in small letters and the singular."""
    return name.strip().lower().removesuffix("s")
