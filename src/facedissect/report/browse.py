"""A dictionary as pages to leaf through, one a concept, that open from disk in light and dark, without scripts or a network.

Labels of all faces are counted; images and masks are read of the sampled faces only, each once.
"""

from __future__ import annotations

import math
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Bool, Int

from ..concepts import Concept, GlobalConcept
from ..dictionary.faces import FaceDictionary
from ..dictionary.faults import Progress
from ..dictionary.new_folder import new_folder
from ..errors import SettingsError
from . import wording
from .browse_labels import STATES, Labels, Share
from .browse_pictures import PLAIN, Picture, Pictures, area_text, draw
from .templating import environment

LACKING = 8
SUBGROUP_FACES = 4
TOGETHER = 12


@dataclass(frozen=True, kw_only=True)
class Page:
    """A concept and the page that tells of it; for a local one, `number` is its place in the vocabulary.

    Attributes:
        faces: places of the faces to be shown, in a random order: of a local concept, those that have it; of a global one,
            those of each subgroup.
        lacking: places of faces known to lack a local concept, in a random order.
    """

    number: int
    concept: Concept | GlobalConcept
    file: str
    faces: Sequence[Sequence[int]]
    lacking: Sequence[int] = ()


def browse(
    dictionary: FaceDictionary,
    folder: str | os.PathLike[str],
    *,
    samples: int = 24,
    seed: int = 0,
    progress: Progress | None = None,
) -> None:
    """Write `index.html`, a page for each concept, and `pictures/`; the same faces and seed give the same bytes.

    Args:
        folder: new or empty; it is complete or absent.
        samples: faces to show of each local concept and of each subgroup.
        seed: 0 or more; other seeds show other faces.
        progress: told after each sampled face how many are drawn, and how many there are.

    Raises:
        SettingsError: `samples` or `seed` makes no sense.
        OutputError: the folder has something in it or cannot be written.
    """
    for name, value, least in (("samples", samples, 1), ("seed", seed, 0)):
        if value < least:
            raise SettingsError(f"expected {name} to be at least {least}, got {value}")
    labels = Labels(dictionary)
    pages, global_pages = _local_pages(labels, seed), _global_pages(labels, seed)
    with new_folder(folder) as unfinished:
        wanted = _wanted(labels, pages, global_pages, samples)
        pictures = draw(dictionary, wanted, unfinished / "pictures", progress)
        book = _Book(labels, pages, global_pages, pictures, samples)
        templates = environment({"area": area_text, "thousands": "{:,}".format})
        for file, template, context in book.contents():
            page = templates.get_template(template).stream(**context)
            # A name that is no text, as of a file in another encoding, must not end the work.
            page.dump(str(unfinished / file), encoding="utf-8", errors="xmlcharrefreplace")


def _local_pages(labels: Labels, seed: int) -> list[Page]:
    """In the order of the regions."""
    vocabulary = labels.dictionary.vocabulary
    pages = []
    for concept in (concept for region in vocabulary.regions for concept in region.concepts):
        number = vocabulary.position(concept.name)
        present, absent = (
            _shuffled(np.flatnonzero(labels.states[:, number] == STATES[state]), seed, state, concept.name)
            for state in ("present", "absent")
        )
        file = _file("concept", number, concept.name)
        pages.append(Page(number=number, concept=concept, file=file, faces=[present], lacking=absent[:LACKING]))
    return pages


def _global_pages(labels: Labels, seed: int) -> list[Page]:
    return [
        Page(
            number=number,
            concept=concept,
            file=_file("global", number, concept.name),
            faces=[
                _shuffled(np.flatnonzero(labels.groups[number] == place), seed, concept.name, name)
                for place, name in enumerate(concept.subgroups)
            ],
        )
        for number, concept in enumerate(labels.dictionary.vocabulary.global_concepts)
    ]


def _file(what: str, number: int, name: str) -> str:
    """The number makes it unique; of the name, there is what may stand in the name of a file anywhere."""
    plain = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")[:60]
    return f"{'-'.join(filter(None, (what, f'{number + 1:02}', plain)))}.html"


def _shuffled(places: Int[np.ndarray, " face"], seed: int, *words: str) -> list[int]:
    """Faces in an order of their own for each seed and concept, whatever else the dictionary has."""
    own = zlib.crc32("\0".join(words).encode("utf-8", "backslashreplace"))
    return [int(place) for place in np.random.default_rng([seed, own]).permutation(places)]


def _of_subgroup(labels: Labels, page: Page, group: int, place: int) -> list[int]:
    """The first faces of a local concept's page that belong to a subgroup: those on show, as far as they go."""
    return [face for face in page.faces[0] if labels.groups[group][face] == place][:SUBGROUP_FACES]


def _wanted(labels: Labels, pages: list[Page], global_pages: list[Page], samples: int) -> dict[int, set[int]]:
    """Face -> the concepts to be lit in it, or PLAIN."""
    wanted: dict[int, set[int]] = {}
    for page in pages:
        subgroups = (
            face
            for other in global_pages
            for place in range(len(other.faces))
            for face in _of_subgroup(labels, page, other.number, place)
        )
        for face in (*page.faces[0][:samples], *subgroups):
            wanted.setdefault(face, set()).add(page.number)
        for face in page.lacking:
            wanted.setdefault(face, set()).add(PLAIN)
    for page in global_pages:
        for faces in page.faces:
            for face in faces[:samples]:
                wanted.setdefault(face, set()).add(PLAIN)
    return dict(sorted(wanted.items()))


@dataclass(frozen=True, eq=False)
class _Book:
    """What stands on each page."""

    labels: Labels
    pages: list[Page]
    global_pages: list[Page]
    pictures: Pictures
    samples: int

    def contents(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """File, template and context of every page."""
        shared = {"dictionary": self.labels.dictionary, "wording": wording}
        yield "index.html", "browse_index.html.j2", shared | self._index()
        for pages, template, context in (
            (self.pages, "browse_concept.html.j2", self._concept),
            (self.global_pages, "browse_global.html.j2", self._global),
        ):
            around = [None, *pages, None]
            for page, before, after in zip(pages, around, around[2:], strict=False):
                yield page.file, template, shared | {"page": page, "before": before, "after": after} | context(page)

    def _index(self) -> dict[str, Any]:
        faces = self.labels.dictionary.faces
        unread = dict.fromkeys((shot.face, shot.problem) for shot in self.pictures.values() if shot.problem)
        occurring = [page for page in self.pages if page.faces[0]]
        return {
            "concepts": [self._summary(page) | {"page": page} for page in self.pages],
            "region_starts": _region_starts(self.pages),
            "globals": [(page, self._subgroups(page, min(SUBGROUP_FACES, self.samples))) for page in self.global_pages],
            "together": [
                (
                    page,
                    [None if page is other else self.labels.together(page.number, other.number) for other in occurring],
                )
                for page in occurring
            ],
            "heat_starts": _region_starts(occurring),
            "identities": len({face.identity for face in faces if face.identity is not None}),
            "seen": len({place for place, _ in self.pictures}),
            "unread": list(unread),
            "unread_faces": len({face for face, _ in unread}),
        }

    def _summary(self, page: Page) -> dict[str, Any]:
        lit_faces = self._of(page.faces[0][: self.samples], page.number)
        areas = [picture.area for picture in lit_faces if not picture.problem]
        counts = {state: self.labels.count(page.number, state) for state in STATES}
        return counts | {"faces": lit_faces, "area": sum(areas) / len(areas) if areas else math.nan}

    def _concept(self, page: Page) -> dict[str, Any]:
        has = self.labels.states[:, page.number] == STATES["present"]
        together = [
            (other, self.labels.together(page.number, other.number)) for other in self.pages if other is not page
        ]
        compared = [(other, share) for other, share in together if share.of]
        most = sorted(compared, key=lambda pair: (-pair[1].have / pair[1].of, pair[0].number))
        return self._summary(page) | {
            "lacking": self._of(page.lacking, PLAIN),
            "together": [(other, share) for other, share in most if share.have][:TOGETHER],
            "compared": len(compared),
            "subgroups": [
                (other, self._subgroups_of(page, other, has))
                for other in self.global_pages
                if (self.labels.groups[other.number][has] >= 0).any()
            ],
        }

    def _subgroups_of(
        self, page: Page, other: Page, has: Bool[np.ndarray, " face"]
    ) -> list[tuple[Share, list[Picture]]]:
        return [
            (
                self.labels.subgroup(other.number, place, has),
                self._of(_of_subgroup(self.labels, page, other.number, place), page.number),
            )
            for place in range(len(other.faces))
        ]

    def _global(self, page: Page) -> dict[str, Any]:
        return {"subgroups": self._subgroups(page, self.samples)}

    def _subgroups(self, page: Page, most: int) -> list[tuple[Share, list[Picture]]]:
        everybody = np.ones(len(self.labels.dictionary), bool)
        return [
            (self.labels.subgroup(page.number, place, everybody), self._of(faces[:most], PLAIN))
            for place, faces in enumerate(page.faces)
        ]

    def _of(self, faces: Sequence[int], number: int) -> list[Picture]:
        return [self.pictures[place, number] for place in faces]


def _region_starts(pages: Sequence[Page]) -> set[int]:
    """Where among the pages of local concepts another region begins, but for the first."""
    regions = [page.concept.region for page in pages if isinstance(page.concept, Concept)]
    return {place for place, (left, right) in enumerate(pairwise(regions), 1) if left != right}
