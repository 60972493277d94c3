"""Binds a PDF: puts photographs, as JPEG, and bookmarks into the pages that matplotlib has drawn, which knows neither."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import cast

from pypdf import PageObject, PdfWriter
from pypdf.generic import (
    ArrayObject,
    BooleanObject,
    DictionaryObject,
    Fit,
    IndirectObject,
    NameObject,
    NumberObject,
    StreamObject,
    TextStringObject,
)

INCH = 72.0
"""Units of a PDF."""


@dataclass(frozen=True, kw_only=True)
class Photograph:
    """A JPEG on a page.

    Attributes:
        page: from 0.
        jpeg: the file's bytes, RGB.
        size: height and width in pixels.
        box: left, bottom, width and height in inches from the page's lower left corner.
    """

    page: int
    jpeg: bytes
    size: tuple[int, int]
    box: tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class Bookmark:
    """A line of the outline.

    Attributes:
        title: its text.
        page: where it leads, from 0.
        bottom: the place on that page that shall be on top, in inches from the page's lower edge.
        depth: 0 for the outermost; one more than that of the line it belongs to.
    """

    title: str
    page: int
    bottom: float
    depth: int


def bind(drawn: BytesIO, photographs: Iterable[Photograph], bookmarks: Sequence[Bookmark], path: Path) -> None:
    """Write the finished file; the same input gives the same bytes."""
    writer = PdfWriter(clone_from=drawn)
    by_page: dict[int, list[Photograph]] = {}
    for photograph in photographs:
        by_page.setdefault(photograph.page, []).append(photograph)
    pages = list(writer.pages)
    for number, placed in by_page.items():
        _place(writer, pages[number], placed)
    # Each line of the outline belongs to the last one that is less deep.
    parents: dict[int, IndirectObject] = {}
    for mark in bookmarks:
        parents[mark.depth] = writer.add_outline_item(
            title=mark.title,
            page_number=pages[mark.page],
            parent=parents[mark.depth - 1] if mark.depth else None,
            fit=Fit.xyz(left=0, top=round(mark.bottom * INCH)),
            is_open=False,
        )
    writer.page_mode = "/UseOutlines"
    root = writer.root_object
    root[NameObject("/Lang")] = TextStringObject("en")
    root[NameObject("/ViewerPreferences")] = DictionaryObject({NameObject("/DisplayDocTitle"): BooleanObject(True)})
    with path.open("wb") as file:
        writer.write(file)


def _place(writer: PdfWriter, page: PageObject, photographs: Sequence[Photograph]) -> None:
    """Draw photographs under what is on the page."""
    # matplotlib's pages share their resources; a page of its own needs only its own photographs.
    resources = DictionaryObject(cast("DictionaryObject", page["/Resources"].get_object()))
    known = cast("Mapping[NameObject, IndirectObject]", resources.get("/XObject", DictionaryObject()).get_object())
    objects = DictionaryObject(known)
    commands = []
    for number, photograph in enumerate(photographs):
        name = f"/Photograph{number}"
        objects[NameObject(name)] = writer._add_object(_image(photograph))
        left, bottom, width, height = (round(inches * INCH, 3) for inches in photograph.box)
        commands.append(f"q {width} 0 0 {height} {left} {bottom} cm {name} Do Q")
    resources[NameObject("/XObject")] = objects
    page[NameObject("/Resources")] = resources
    stream = StreamObject()
    stream.set_data("\n".join([*commands, ""]).encode("ascii"))
    page[NameObject("/Contents")] = ArrayObject([writer._add_object(stream), page.raw_get("/Contents")])


def _image(photograph: Photograph) -> StreamObject:
    image = StreamObject()
    image.update(
        {
            NameObject("/Type"): NameObject("/XObject"),
            NameObject("/Subtype"): NameObject("/Image"),
            NameObject("/ColorSpace"): NameObject("/DeviceRGB"),
            NameObject("/BitsPerComponent"): NumberObject(8),
            NameObject("/Height"): NumberObject(photograph.size[0]),
            NameObject("/Width"): NumberObject(photograph.size[1]),
            NameObject("/Filter"): NameObject("/DCTDecode"),
            NameObject("/Interpolate"): BooleanObject(True),
        }
    )
    image.set_data(photograph.jpeg)
    return image
