"""Pages of a dictionary: counts as counted apart, nothing dangling, nothing breaking out, the same bytes again."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facedissect.concepts import Concept, GlobalConcept, Kind, Vocabulary
from facedissect.dictionary.demo import open_demo
from facedissect.dictionary.faces import Face, FaceDictionary
from facedissect.dictionary.open import open_dictionary
from facedissect.errors import FaceReadError, OutputError, SettingsError
from facedissect.report.browse import browse
from facedissect.report.browse_pictures import SIDE

from .conftest import HOSTILE

VOID = {"meta", "img"}
LOCAL = 8
"""Columns of the table of local concepts."""


class Page(HTMLParser):
    """Tags, attributes and tables of a page; fails where a tag is left open or closed twice."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert not self.open, path

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data.strip()

    def values(self, tag: str, name: str) -> list[str]:
        return [attributes.get(name) or "" for of, attributes in self.tags if of == tag and name in attributes]

    def row(self, name: str, columns: int) -> list[str]:
        """The row of so many columns that is about this; in the table of local concepts, a picture comes before the name."""
        return next(row for row in self.rows if len(row) == columns and row[columns == LOCAL] == name)


@dataclass(frozen=True)
class Broken:
    """A face of which the image or all masks cannot be read."""

    whole: object = None

    def image(self) -> Image.Image:
        if self.whole is None:
            raise FaceReadError("expected an image, got <b>rubbish</b>")
        return self.whole.image()  # type: ignore[attr-defined, no-any-return]

    def mask(self, concept: str) -> np.ndarray:
        raise FaceReadError(f"expected a mask of {concept}, got none")

    def fingerprint(self) -> str:
        return "broken"


def pages(folder: Path) -> Mapping[str, Page]:
    return {path.name: Page(path) for path in sorted(folder.glob("*.html"))}


def bytes_of(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def faces() -> FaceDictionary:
    return open_demo(count=40, size=64)


@pytest.fixture(scope="module")
def folder(faces: FaceDictionary, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browse") / "pages"
    browse(faces, folder, samples=5)
    return folder


@pytest.fixture(scope="module")
def book(folder: Path) -> Mapping[str, Page]:
    return pages(folder)


def hostile(array_source: type) -> FaceDictionary:
    """Six faces of names that try to break out; all but the last are annotated for parts, the odd ones for attributes."""
    vocabulary = Vocabulary(
        concepts=(
            Concept(name=HOSTILE, kind="part", region="<b>Top</b>"),
            Concept(name="a/b", kind="attribute", region="../x"),
            Concept(name="a?b", kind="attribute", region="../x"),
            Concept(name="никогда", kind="action_unit", region="../x"),
        ),
        global_concepts=(GlobalConcept(name="<i>", subgroups=('"', "'><script>")),),
    )
    mask = np.zeros((30, 20), bool)
    mask[10:13, 5:15] = True  # 5 % of the image
    members = []
    for number in range(6):
        concepts = (HOSTILE,) * (number < 3) + ("a/b",) * (number == 1) + ("a?b",) * (number in (1, 3))
        annotated: list[tuple[Kind, bool]] = [("part", number < 5), ("attribute", number % 2 == 1)]
        kinds = {kind for kind, told in annotated if told}
        members.append(
            Face(
                id=f'{number}"><script>alert(1)</script>',
                source=array_source(np.full((30, 20, 3), 40 * number, np.uint8), dict.fromkeys(concepts, mask)),
                concepts=concepts,
                kinds=frozenset(kinds),
                subgroups={"<i>": '"'} if number else {},
            )
        )
    return FaceDictionary(location="<u>here</u>", format="memory", vocabulary=vocabulary, faces=tuple(members))


def test_counts_are_those_counted_apart(faces: FaceDictionary, book: Mapping[str, Page]) -> None:
    for concept in faces.vocabulary.concepts:
        present = sum(concept.name in face.concepts for face in faces)
        row = book["index.html"].row(concept.name, 8)
        assert row[4:7] == [str(present), str(40 - present), "0"]
    for divided in faces.vocabulary.global_concepts:
        for subgroup in divided.subgroups:
            count = sum(face.subgroups[divided.name] == subgroup for face in faces)
            assert book["index.html"].row(subgroup, 5)[2] == str(count)


def test_co_occurrence_is_that_counted_apart(faces: FaceDictionary, book: Mapping[str, Page]) -> None:
    names = [concept.name for region in faces.vocabulary.regions for concept in region.concepts]
    names = [name for name in names if faces.faces_with(name)]
    for name in names:
        owners = faces.faces_with(name)
        cells = book["index.html"].row(name, len(names) + 1)[1:]
        shares = [sum(other in face.concepts for face in owners) / len(owners) for other in names]
        expected = ["" if other == name else f"{100 * share:.0f}" for other, share in zip(names, shares, strict=True)]
        assert cells == expected


def test_only_faces_annotated_for_both_count(array_source: type, tmp_path: Path) -> None:
    browse(hostile(array_source), tmp_path / "pages")
    index = pages(tmp_path / "pages")["index.html"]
    # Of faces 0, 1, 2 only the odd one is annotated for attributes; of the owners of a?b, 1 and 3, both for parts.
    assert index.row(HOSTILE, 4)[1:] == ["", "100", "100"]
    assert index.row("a?b", 4)[1:] == ["50", "50", ""]
    assert index.row(HOSTILE, 8)[4:] == ["3", "2", "1", "5.0\u00a0%"]
    assert index.row("никогда", 8)[4:] == ["0", "0", "6", "–"]


def test_a_concept_page_shows_samples_and_subgroups(faces: FaceDictionary, book: Mapping[str, Page]) -> None:
    page = next(page for name, page in book.items() if name.endswith("-Smiling.html"))
    owners = faces.faces_with("Smiling")
    for subgroup in ("Male", "Female"):
        count = sum(face.subgroups["gender"] == subgroup for face in owners)
        assert page.row(subgroup, 5)[2] == str(count)
    lit = [alt for alt in page.values("img", "alt") if re.fullmatch(r"Smiling in .* of face \S+", alt)]
    assert len(lit) == 5
    assert {alt.split()[-1] for alt in lit} <= {face.id for face in owners}
    lacking = [alt for alt in page.values("img", "alt") if alt.endswith("without Smiling")]
    assert len(lacking) == 8
    assert not {re.sub("Face |,.*", "", alt) for alt in lacking} & {face.id for face in owners}


def test_a_global_page_shows_samples_of_each_subgroup(faces: FaceDictionary, book: Mapping[str, Page]) -> None:
    alts = book["global-02-gender.html"].values("img", "alt")
    shown = [tuple(alt.removeprefix("Face ").split(", ")) for alt in alts]
    assert [subgroup for _, subgroup in shown] == ["Male"] * 5 + ["Female"] * 5
    assert all(faces[face].subgroups["gender"] == subgroup for face, subgroup in shown)


def test_every_link_and_picture_exists_and_every_picture_is_shown(folder: Path, book: Mapping[str, Page]) -> None:
    shown = set()
    for page in book.values():
        idents = page.values("section", "id") + page.values("main", "id")
        for link in page.values("a", "href"):
            file, _, fragment = link.partition("#")
            assert not file or file in book
            target = book[file] if file else page
            assert not fragment or fragment in target.values("section", "id") + target.values("main", "id")
        assert len(idents) == len(set(idents))
        shown |= set(page.values("img", "src"))
    drawn = {f"pictures/{path.name}" for path in (folder / "pictures").iterdir()}
    assert shown == drawn
    assert len(book) == 1 + 38 + 4
    linked = set(book["index.html"].values("a", "href"))
    assert set(book) - {"index.html"} <= linked


def test_nothing_is_fetched_or_run(book: Mapping[str, Page], folder: Path) -> None:
    for name, page in book.items():
        assert all(re.fullmatch(r"pictures/[\w-]+\.webp", source) for source in page.values("img", "src"))
        assert not {"script", "link", "iframe"} & {tag for tag, _ in page.tags}
        assert "default-src 'none'; img-src 'self' file:; style-src" in page.values("meta", "content")[1]
        text = (folder / name).read_text(encoding="utf-8")
        assert not re.search(r"url\(|https?://", text)


def test_pictures_have_the_size_and_light_the_mask(array_source: type, tmp_path: Path) -> None:
    browse(hostile(array_source), tmp_path / "pages")
    picture = Image.open(tmp_path / "pages" / "pictures" / "000002-01.webp")
    assert picture.size == (round(SIDE * 20 / 30), SIDE)
    pixels = np.asarray(picture.convert("RGB")).astype(int)
    scale = SIDE / 30
    inside = pixels[int(11.5 * scale), int(10 * scale)]
    outside = pixels[int(25 * scale), int(10 * scale)]
    assert abs(inside - 80).max() < 10
    assert abs(outside - 48).max() < 10  # dimmed to 0.6


def test_hostile_names_stay_text(array_source: type, tmp_path: Path) -> None:
    browse(hostile(array_source), tmp_path / "pages")
    book = pages(tmp_path / "pages")
    assert sorted(book) == [
        "concept-01-img_src_x_onerror_alert_1.html",
        "concept-02-a_b.html",
        "concept-03-a_b.html",
        "concept-04.html",
        "global-01-i.html",
        "index.html",
    ]
    for page in book.values():
        tags = {tag for tag, _ in page.tags}
        assert not {"script", "u"} & tags
        assert all("onerror" not in attributes for _, attributes in page.tags)
    assert HOSTILE in book["index.html"].text
    assert "<u>here</u>" in book["index.html"].text
    assert '0"><script>alert(1)</script>' in book["concept-01-img_src_x_onerror_alert_1.html"].text


def test_a_face_that_cannot_be_read_is_crossed_and_listed(array_source: type, tmp_path: Path) -> None:
    dictionary = hostile(array_source)
    whole = dictionary.faces
    broken = (replace(whole[0], source=Broken()), replace(whole[1], source=Broken(whole[1].source)), *whole[2:])
    browse(replace(dictionary, faces=broken), tmp_path / "pages")
    book = pages(tmp_path / "pages")
    assert "expected an image, got <b>rubbish</b>" in book["index.html"].text
    assert "2 could not be read" in book["index.html"].text
    assert f"expected a mask of {HOSTILE}, got none" in book["index.html"].text
    page = book["concept-01-img_src_x_onerror_alert_1.html"]
    assert page.values("img", "src").count("pictures/unreadable.webp") >= 2
    assert f"Face {whole[0].id} could not be read" in page.values("img", "alt")
    # The image of the second can be read, and is shown where no mask is asked for.
    assert "pictures/000001.webp" in book["global-01-i.html"].values("img", "src")


def test_the_same_bytes_again_and_other_faces_by_another_seed(
    faces: FaceDictionary, folder: Path, tmp_path: Path
) -> None:
    browse(faces, tmp_path / "again", samples=5)
    assert bytes_of(tmp_path / "again") == bytes_of(folder)
    browse(faces, tmp_path / "other", samples=5, seed=1)
    assert bytes_of(tmp_path / "other").keys() != bytes_of(folder).keys()


def test_only_sampled_images_are_read_once(array_source: type, tmp_path: Path) -> None:
    read: list[str] = []

    @dataclass(frozen=True)
    class Counted:
        name: str
        whole: object

        def image(self) -> Image.Image:
            read.append(self.name)
            return self.whole.image()  # type: ignore[attr-defined, no-any-return]

        def mask(self, concept: str) -> np.ndarray:
            return self.whole.mask(concept)  # type: ignore[attr-defined, no-any-return]

        def fingerprint(self) -> str:
            raise AssertionError("a fingerprint reads every file")

    dictionary = hostile(array_source)
    many = tuple(
        replace(face, id=f"{number}", source=Counted(f"{number}", face.source))
        for number, face in enumerate(dictionary.faces * 100)
    )
    told: list[tuple[int, int]] = []
    browse(replace(dictionary, faces=many), tmp_path / "pages", samples=2, progress=lambda *counts: told.append(counts))
    assert len(read) == len(set(read)) < 70
    assert told == [(done, len(read)) for done in range(1, len(read) + 1)]


def test_a_dictionary_without_local_or_global_concepts(array_source: type, tmp_path: Path) -> None:
    face = Face(id="one", source=array_source(np.zeros((8, 8, 3), np.uint8), {}))
    bare = FaceDictionary(location="bare", format="memory", vocabulary=Vocabulary(concepts=()), faces=(face,))
    browse(bare, tmp_path / "pages")
    book = pages(tmp_path / "pages")
    assert list(book) == ["index.html"]
    assert "1 face" in " ".join(book["index.html"].text.split())


def test_refusals(faces: FaceDictionary, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match=r"expected a new or empty folder, got .* which has something in it"):
        browse(faces, tmp_path)
    with pytest.raises(SettingsError, match="expected samples to be at least 1, got 0"):
        browse(faces, tmp_path / "pages", samples=0)
    with pytest.raises(SettingsError, match="expected seed to be at least 0, got -1"):
        browse(faces, tmp_path / "pages", seed=-1)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_interrupted_run_leaves_nothing(faces: FaceDictionary, tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        browse(faces, tmp_path / "pages", samples=1, progress=interrupt)
    assert not list(tmp_path.iterdir())


def test_the_published_layout(shared: Path, tmp_path: Path) -> None:
    root = shared / "face-dictionary-mini"
    browse(open_dictionary(root), tmp_path / "pages", samples=2)
    row = pages(tmp_path / "pages")["index.html"].row("nose", 8)
    assert row[4] == str(len(list((root / "parts").rglob("nose.*"))))
