"""Planted copies are found, all of them and no others; known copies among real faces likewise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facedissect.curation import Signature, find_duplicates
from facedissect.curation.duplicates import linked

Change = Callable[[Image.Image], Image.Image]

UTKFACE_COPIES = [
    "16_0_3_20170110231223673 17_0_3_20161219224759672",
    "1_0_0_20161219162630727 1_0_0_20161220223221043",
    "1_0_1_20161219160115237 1_0_3_20161219225012529",
    "1_1_4_20161223225921227 2_1_4_20170103210946139",
    "1_1_4_20170117192656755 2_1_4_20170103212103556",
    "24_1_4_20170103224910931 26_1_4_20170103213122476",
    "3_1_3_20161219225534376 5_1_3_20161220221703978",
    "4_1_1_20170109194530016 8_1_1_20170109205445571",
    "60_0_1_20170117175043836 69_0_1_20170113184901806",
]
"""Pairs that were looked at: all of them show the same photograph."""


@pytest.fixture(scope="module")
def originals(pictures: list[Image.Image]) -> dict[str, Signature]:
    return {f"{number}": Signature.of(image) for number, image in enumerate(pictures)}


def test_different_faces_are_no_copies(originals: dict[str, Signature]) -> None:
    assert find_duplicates(originals) == ()


def test_exact_copies_are_found_and_nothing_else(originals: dict[str, Signature]) -> None:
    copies = {"copy of 3": originals["3"], "another of 3": originals["3"], "copy of 8": originals["8"]}
    groups = find_duplicates(originals | copies)
    assert [group.copies for group in groups] == [(("3", "copy of 3", "another of 3"),), (("8", "copy of 8"),)]
    assert all(group.exact and group.likeness == 1 for group in groups)


def test_every_near_copy_is_found_and_nothing_else(
    originals: dict[str, Signature], pictures: list[Image.Image], changes: Mapping[str, Change]
) -> None:
    planted = {
        f"{number} {name}": Signature.of(change(pictures[number]))
        for place, (name, change) in enumerate(changes.items())
        for number in range(12 * place, 12 * place + 12)
    }
    groups = find_duplicates(originals | planted)
    found = {group.faces for group in groups}
    assert found == {(name.split(" ")[0], name) for name in planted}
    assert not any(group.exact for group in groups)
    assert all(0.965 <= group.likeness <= 1 for group in groups)


def test_near_and_exact_copies_form_one_group(originals: dict[str, Signature], pictures: list[Image.Image]) -> None:
    darker = Signature.of(pictures[2].point(lambda value: value * 0.7))
    (group,) = find_duplicates(originals | {"copy": originals["2"], "darker": darker, "darker too": darker})
    assert group.copies == (("2", "copy"), ("darker", "darker too"))
    assert group.faces == ("2", "copy", "darker", "darker too")
    assert not group.exact
    assert group.likeness < 1


def test_pictures_of_a_single_grey_are_near_copies_of_none() -> None:
    greys = {f"{grey}": Signature.of(Image.new("RGB", (20, 20), (grey, grey, grey))) for grey in range(50)}
    assert find_duplicates(greys) == ()
    assert len(find_duplicates(greys | {"again": greys["7"]})) == 1


def test_without_faces_there_are_no_groups() -> None:
    assert find_duplicates({}) == ()


def test_stricter_limits_find_less(originals: dict[str, Signature], pictures: list[Image.Image]) -> None:
    cropped = {"cropped": Signature.of(pictures[0].crop((3, 1, 94, 93)))}
    assert len(find_duplicates(originals | cropped)) == 1
    assert find_duplicates(originals | cropped, least_likeness=(0.9999, 0.9999)) == ()
    assert find_duplicates(originals | cropped, distance=0) == ()


def test_links_are_followed_from_one_to_the_next() -> None:
    groups = linked(6, np.array([[0, 4], [4, 2], [1, 5]]))
    assert [groups.tolist().count(group) for group in groups] == [3, 2, 3, 1, 3, 2]
    assert groups[0] == groups[2] == groups[4]


def test_the_copies_in_utkface_are_those_seen_by_eye(shared: Path) -> None:
    paths = sorted((shared / "faces/utkface").glob("*.jpg"))
    signatures = {path.name.split(".")[0]: Signature.of(Image.open(path).convert("RGB")) for path in paths}
    assert len(signatures) == len(paths)
    assert sorted(" ".join(sorted(group.faces)) for group in find_duplicates(signatures)) == UTKFACE_COPIES
