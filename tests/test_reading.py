from __future__ import annotations

import multiprocessing
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facedissect.dictionary.faces import Face, FaceDictionary
from facedissect.errors import FaceReadError
from facedissect.model.preprocess import Preprocess
from facedissect.reading import FaceReader, ReadFace

PLAN = [range(start, min(start + 9, 120)) for start in range(0, 120, 9)]


def read(dictionary: FaceDictionary, workers: int | None, *, masks: bool = True) -> list[ReadFace]:
    reader = FaceReader(dictionary.faces, dictionary.vocabulary, Preprocess(size=(20, 16)), masks=masks)
    return [face for batch in reader.batches(PLAN, workers) for face in batch]


@pytest.mark.parametrize("workers", [None, 1, 3])
def test_workers_read_the_same_in_the_same_order(planted: Any, workers: int | None) -> None:
    dictionary, _ = planted
    here, there = read(dictionary, 0), read(dictionary, workers)
    assert [face.face for face in there] == list(range(120))
    for one, other in zip(here, there, strict=True):
        np.testing.assert_array_equal(one.pixels, other.pixels)
        assert one.labels is not None
        assert other.labels is not None
        for ours, theirs in zip(one.labels.arrays(), other.labels.arrays(), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_labels_are_the_masks_by_the_geometry_of_the_image_and_three_states(planted: Any) -> None:
    dictionary, masks = planted
    for face in read(dictionary, 0):
        labels = face.labels
        assert labels is not None
        of_one = dictionary.faces[face.face]
        names = dictionary.vocabulary.names
        assert [names[place] for place in labels.present] == list(of_one.concepts)
        states = [of_one.state(concept) for concept in dictionary.vocabulary.concepts]
        assert [names[place] for place in labels.absent] == [
            name for name, state in zip(names, states, strict=True) if state == "absent"
        ]
        rows = ((np.arange(20) + 0.5) * 16 / 20).astype(int)
        expected = masks[face.face, labels.present][:, rows].numpy()
        np.testing.assert_array_equal(labels.masks.unpack(20), expected)


def test_masks_are_not_read_where_nobody_asks(planted: Any) -> None:
    assert all(face.labels is None and face.pixels is not None for face in read(planted[0], 0, masks=False))


class Damaged:
    def image(self) -> Any:
        raise FaceReadError("expected an image, got none")

    def fingerprint(self) -> str:
        return ""


@pytest.mark.parametrize("workers", [0, 2])
def test_an_unreadable_face_says_why_and_the_others_are_read(planted: Any, workers: int) -> None:
    faces: list[Face] = list(planted[0].faces)
    faces[30] = replace(faces[30], source=Damaged())  # type: ignore[arg-type]
    found = read(replace(planted[0], faces=tuple(faces)), workers)
    assert [(face.face, face.error) for face in found if face.error] == [(30, "expected an image, got none")]
    assert sum(face.pixels is not None for face in found) == 119


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_that_is_no_fault_of_a_face_is_not_swallowed(planted: Any, workers: int) -> None:
    class Broken(Damaged):
        def image(self) -> Any:
            raise ZeroDivisionError("a bug")

    faces = [replace(face, source=Broken()) for face in planted[0].faces]
    with pytest.raises(ZeroDivisionError, match="a bug"):
        read(replace(planted[0], faces=tuple(faces)), workers)


def read_slowly(dictionary: FaceDictionary, begun: Any) -> None:
    reader = FaceReader(dictionary.faces, dictionary.vocabulary, Preprocess(size=(512, 512)))
    for _ in reader.batches(PLAN, 2):
        begun.put([child.pid for child in multiprocessing.active_children()])
        time.sleep(60)


def test_workers_end_when_their_run_is_killed(planted: Any) -> None:
    fork = multiprocessing.get_context("fork")
    begun = fork.Queue()
    process = fork.Process(target=read_slowly, args=(planted[0], begun))
    process.start()
    workers = begun.get(timeout=30)
    assert len(workers) == 2
    assert all(alive(worker) for worker in workers)
    process.kill()
    process.join()
    for _ in range(100):
        if not any(alive(worker) for worker in workers):
            return
        time.sleep(0.2)
    pytest.fail("workers are still there 20 seconds after their run was killed")


def alive(process: int) -> bool:
    """Whether a process runs; one that ended and that nobody waits for does not."""
    status = Path(f"/proc/{process}/stat")
    return status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] != "Z"
