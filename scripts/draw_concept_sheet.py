"""Draws the region of every published concept on an embedded face and prints their table, for docs/formats.md.

python scripts/draw_concept_sheet.py [docs/images/concepts.png]
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from facedissect.building import REGIONS, draw
from facedissect.building.shapes import Ellipse, Polygon, Shape
from facedissect.concepts import FACE_DICTIONARY, Kind
from facedissect.demo import FaceFactors, Identity, draw_face, locate_face

TARGET = Path(__file__).resolve().parent.parent / "docs" / "images" / "concepts.png"
DRAWN, MARGIN = 220, 6
"""Side of the drawing, and what is left around the face of it, in pixels."""
CAPTION, GAP, COLUMNS = 18, 6, 10
ORDER: tuple[Kind, ...] = ("part", "attribute", "action_unit")
NAMES = tuple(concept.name for kind in ORDER for concept in FACE_DICTIONARY.of_kind(kind))
INK = np.array([20, 70, 255])
STRENGTH = 0.6
COLOURS = 128
"""Enough for one face; the picture becomes a third of the size."""


def draw_sheet() -> Image.Image:
    """A tile for each concept: parts, attributes and action units, each in the order of the vocabulary."""
    factors = FaceFactors(identity=Identity(hair_style="bun"))
    landmarks, box = locate_face(factors, DRAWN)
    left, top, right, bottom = (round(edge) for edge in box)
    cut = (left - MARGIN, top - MARGIN, right + MARGIN, bottom + MARGIN)
    face = draw_face(factors, DRAWN).image
    tiles = [_lit(face, draw(REGIONS[name], landmarks, (DRAWN, DRAWN))).crop(cut) for name in NAMES]
    width, height = tiles[0].width + GAP, tiles[0].height + CAPTION + GAP
    rows = -(-len(tiles) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * width - GAP, rows * height - GAP), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for number, (name, tile) in enumerate(zip(NAMES, tiles, strict=True)):
        x, y = number % COLUMNS * width, number // COLUMNS * height
        sheet.paste(tile, (x, y))
        pen.text((x + tile.width / 2, y + tile.height + 2), name, fill="black", font=font, anchor="ma")
    return sheet


def region_table() -> str:
    """The regions in Markdown; concepts with the same region share a row."""
    members: dict[str, list[str]] = {}
    for name in NAMES:
        members.setdefault(" and ".join(map(_in_words, REGIONS[name])), []).append(name)
    rows = (f"| {', '.join(f'`{name}`' for name in names)} | {words} |" for words, names in members.items())
    return "\n".join(["| concepts | region |", "|---|---|", *rows])


def _in_words(shape: Shape) -> str:
    if isinstance(shape, Polygon):
        return f"polygon {_numbers(shape.corners)}"
    if isinstance(shape, Ellipse):
        least = f", at least {shape.least:g}" if shape.least else ""
        return f"ellipse around {_numbers(sorted(shape.around))}, {shape.along:g} × {shape.across:g}{least}"
    height = "" if shape.height is None else f" × {shape.height:g}"
    x, y = shape.moved
    moved = "".join(f", {abs(by):g} {way[by < 0]}" for by, way in ((x, ("right", "left")), (y, ("down", "up"))) if by)
    return f"{'ellipse' if height else 'disc'} at {_numbers(sorted(shape.at))}, {shape.radius:g}{height}{moved}"


def _numbers(points: Iterable[int]) -> str:
    """17 18 19 21 becomes 17-19 21."""
    runs: list[list[int]] = []
    for point in points:
        if runs and runs[-1][-1] + 1 == point:
            runs[-1].append(point)
        else:
            runs.append([point])
    return " ".join(f"{run[0]}-{run[-1]}" if len(run) > 2 else " ".join(map(str, run)) for run in runs)


def _lit(face: np.ndarray, mask: np.ndarray) -> Image.Image:
    pixels = face.astype(np.float64)
    pixels[mask] += STRENGTH * (INK - pixels[mask])
    return Image.fromarray(pixels.round().astype(np.uint8))


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET
    draw_sheet().quantize(COLOURS, dither=Image.Dither.NONE).save(target, optimize=True)
    print(region_table(), end="\n\n")
    print(f"{target}: {len(REGIONS)} concepts, {target.stat().st_size // 1024} KiB")
