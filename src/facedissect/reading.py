"""Read faces ahead of the network: worker processes decode, crop and pack; batches come in order, whatever their number.

Workers are forked, so that they share the dictionary as it is; where a system cannot fork, the same is done as it is asked for.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import UInt8
from torch.utils.data import DataLoader, Dataset

from .bitmasks import BitMasks, Labels
from .concepts import Vocabulary
from .dictionary.faces import Face
from .errors import FaceReadError
from .model.preprocess import Preprocess

MOST_WORKERS = 8
AHEAD = 2
"""Batches that each worker is ahead."""


@dataclass(frozen=True, kw_only=True)
class ReadFace:
    """A face at the network's input size.

    Attributes:
        face: its position among the faces that are read.
        pixels: RGB, before it is scaled and normalised.
        labels: its local labels; None where they were not asked for.
        error: why it cannot be read, instead of pixels and labels.
    """

    face: int
    pixels: UInt8[np.ndarray, "height width 3"] | None = None
    labels: Labels | None = None
    error: str = ""


class FaceReader(Dataset[ReadFace]):
    """Reads faces by their positions.

    Args:
        faces: the faces.
        vocabulary: names the concepts whose masks are read.
        preprocess: cuts and resizes images and masks.
        masks: whether masks are read at all.
    """

    def __init__(
        self, faces: Sequence[Face], vocabulary: Vocabulary, preprocess: Preprocess, *, masks: bool = True
    ) -> None:
        self._faces, self._vocabulary, self._preprocess, self._masks = faces, vocabulary, preprocess, masks

    def __getitem__(self, position: int) -> ReadFace:
        """The face, or why it cannot be read."""
        face = self._faces[position]
        try:
            pixels = self._preprocess.pixels(face.image(), box=face.box, landmarks=face.landmarks)
            labels = read_labels(face, self._vocabulary, self._preprocess) if self._masks else None
        except FaceReadError as error:
            return ReadFace(face=position, error=str(error))
        return ReadFace(face=position, pixels=pixels, labels=labels)

    def batches(self, batches: Sequence[Sequence[int]], workers: int | None) -> Iterator[list[ReadFace]]:
        """Read batches of positions in their order.

        Args:
            batches: positions of the faces of each batch.
            workers: processes; None for one a core, at most 8; 0 reads in this process.
        """
        count = min(MOST_WORKERS, os.cpu_count() or 1) if workers is None else workers
        if count == 0 or len(batches) < 2 or "fork" not in multiprocessing.get_all_start_methods():
            yield from ([self[position] for position in batch] for batch in batches)
            return
        with warnings.catch_warnings():
            # More workers than cores, and a fork beside torch's own threads, which no worker uses: both are meant.
            warnings.simplefilter("ignore")
            loader = DataLoader(
                self,
                batch_sampler=[list(batch) for batch in batches],
                num_workers=min(count, len(batches)),
                prefetch_factor=AHEAD,
                multiprocessing_context="fork",
                collate_fn=_as_they_are,
                worker_init_fn=partial(_begin, os.getpid()),
            )
            iterator = iter(loader)
        yield from iterator


def _begin(parent: int, _worker: int) -> None:
    """What a worker does first.

    It lets the network go before it, since a core that reads makes all the others of a pass wait. And it ends with the run: a
    worker whose run was killed would wait forever for somebody to take what it has read.
    """
    os.nice(19)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _as_they_are(faces: list[ReadFace]) -> list[ReadFace]:
    """NumPy arrays go through a pipe; torch's shared memory is scarce in containers."""
    return faces


def read_labels(face: Face, vocabulary: Vocabulary, preprocess: Preprocess) -> Labels:
    """The masks of a face by the geometry of its image, as bits. Raises FaceReadError."""
    states = [face.state(concept) for concept in vocabulary.concepts]
    present = [position for position, state in enumerate(states) if state == "present"]
    masks = [face.mask(vocabulary.names[position]) for position in present]
    return Labels.of_one(
        BitMasks.pack(preprocess.masks(masks, box=face.box, landmarks=face.landmarks)),
        present,
        [position for position, state in enumerate(states) if state == "absent"],
    )
