"""Yield the maps of some layers batch by batch, record each face's peak.

`ActivationMaps` can be iterated again and again; later stages cannot tell whether it recomputes or reads a cache.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from .batching import BatchSize, out_of_memory
from .capture import Capture
from .concepts import Vocabulary
from .dictionary.faces import Face
from .errors import FaceReadError, ModelError
from .model.dry_run import LayerInfo
from .model.face_model import FaceModel
from .model.preprocess import Preprocess
from .settings import OnError, Settings

Progress = Callable[[str, int, int], None]
"""Called with the name of the pass, the faces done and the faces in all."""


@dataclass(frozen=True, kw_only=True)
class LabelledMasks:
    """The local labels of one face at the network's input size.

    Attributes:
        masks: L_c of the concepts that are present.
        present: positions of those concepts in the vocabulary.
        absent: positions of the concepts for whose kind the face is annotated, and which it lacks.
    """

    masks: Bool[np.ndarray, "present height width"]
    present: Int[np.ndarray, " present"]
    absent: Int[np.ndarray, " absent"]


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Some faces, their labels and the maps of every layer, in the same order."""

    faces: tuple[Face, ...]
    labels: tuple[LabelledMasks, ...]
    maps: Mapping[str, Float[Tensor, "image unit h w"]]


def read_labels(face: Face, vocabulary: Vocabulary, preprocess: Preprocess) -> LabelledMasks:
    """The masks of a face by the geometry of its image. Raises FaceReadError."""
    states = [face.state(concept) for concept in vocabulary.concepts]
    present = [position for position, state in enumerate(states) if state == "present"]
    masks = np.zeros((len(present), *preprocess.size), bool)
    for row, position in enumerate(present):
        mask = face.mask(vocabulary.names[position])
        masks[row] = preprocess.mask(mask, box=face.box, landmarks=face.landmarks)
    return LabelledMasks(
        masks=masks,
        present=np.array(present, np.int64),
        absent=np.array([position for position, state in enumerate(states) if state == "absent"], np.int64),
    )


class ActivationMaps:
    """The maps of some layers for some faces, re-iterable in batches.

    Args:
        faces: the faces, in the order in which they are yielded.
        vocabulary: names the concepts whose masks are read.
        model: the network, borrowed by the caller for the time of the iteration.
        layers: its layers, as `model.layers(names)` finds them.
        settings: workers and what to do about an unreadable face.
        batches: how many faces a batch has; halved while iterating where memory runs out.
        left_out: unreadable faces and the reason, id -> message; grows while iterating, and is never read again.
    """

    def __init__(
        self,
        faces: Sequence[Face],
        vocabulary: Vocabulary,
        model: FaceModel,
        layers: Sequence[LayerInfo],
        settings: Settings,
        batches: BatchSize,
        left_out: dict[str, str] | None = None,
    ) -> None:
        self._faces = tuple(faces)
        self._vocabulary = vocabulary
        self._model = model
        self._layers = tuple(layers)
        self._settings = settings
        self._batches = batches
        self.left_out = {} if left_out is None else left_out

    def __len__(self) -> int:
        return len(self._faces)

    def local(self) -> ActivationMaps:
        """The maps of the layers that have some, for the faces with local labels only: what masks can be compared with."""
        return ActivationMaps(
            [face for face in self._faces if face.kinds],
            self._vocabulary,
            self._model,
            [layer for layer in self._layers if layer.map_size],
            self._settings,
            self._batches,
            self.left_out,
        )

    def _read(self, face: Face) -> tuple[Face, Tensor, LabelledMasks] | tuple[Face, FaceReadError]:
        preprocess = self._model.preprocess
        try:
            image = preprocess.image(face.image(), box=face.box, landmarks=face.landmarks)
            return face, image, read_labels(face, self._vocabulary, preprocess)
        except FaceReadError as error:
            return face, error

    def _readable(self) -> Iterator[tuple[Face, Tensor, LabelledMasks]]:
        """Read ahead in threads, in order; leave out or raise what cannot be read."""
        on_error: OnError = self._settings.on_error
        faces = (face for face in self._faces if face.id not in self.left_out)
        for result in _ahead(self._read, faces, self._settings.workers, 2 * self._batches.size):
            if len(result) == 2:
                face, error = result
                if on_error == "stop":
                    raise error
                self.left_out[face.id] = str(error)
            else:
                yield result

    def __iter__(self) -> Iterator[Batch]:
        with Capture(self._model, self._layers) as capture:
            for items in _batched(self._readable(), self._batches.size):
                while items:
                    size = self._batches.size
                    maps = self._maps(capture, [image for _, image, _ in items[:size]], size)
                    if maps is None:
                        continue
                    yield Batch(
                        faces=tuple(face for face, _, _ in items[:size]),
                        labels=tuple(labels for _, _, labels in items[:size]),
                        maps=maps,
                    )
                    items = items[size:]

    def _maps(self, capture: Capture, images: Sequence[Tensor], size: int) -> dict[str, Tensor] | None:
        """The maps of some images; None, with smaller batches from then on, if memory ran out."""
        batch = torch.stack(list(images))
        if self._model.max_batch != 1:
            # In batches of one size an image's values do not depend on how many images come with it.
            batch = torch.cat([batch, batch[-1:].expand(size - len(images), -1, -1, -1)])
        try:
            return {layer: values[: len(images)] for layer, values in capture.maps(batch).items()}
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            if size == 1:
                raise ModelError(
                    f"expected memory for one image of {self._model.name} at a time, got none left on "
                    f"{self._model.device}; dissect fewer layers at once or use another device"
                ) from error
        # After the except block, whose error holds on to the memory of the pass.
        self._batches.halve()
        if self._model.device.type == "cuda":
            torch.cuda.empty_cache()
        return None


def _batched(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    batch: list[Any] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _ahead(read: Callable[[Face], Any], faces: Iterable[Face], workers: int, ahead: int) -> Iterator[Any]:
    """`map(read, faces)` by threads that stay at most `ahead` faces ahead."""
    with ThreadPoolExecutor(workers, thread_name_prefix="read") as pool:
        waiting: deque[Future[Any]] = deque()
        try:
            for face in faces:
                waiting.append(pool.submit(read, face))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


@dataclass(frozen=True, kw_only=True)
class Peaks:
    """Extremes of each unit's map of each face.

    Attributes:
        faces: ids, sorted, so that no result depends on the order in which faces were seen.
        highest, lowest: maximum (p_u(x)) and minimum over the map's positions, float32.
    """

    faces: tuple[str, ...]
    highest: Float[np.ndarray, "image unit"]
    lowest: Float[np.ndarray, "image unit"]

    def of(self, chosen: Bool[np.ndarray, " image"]) -> Peaks:
        """The peaks of some of the faces."""
        faces = tuple(face for face, keep in zip(self.faces, chosen, strict=True) if keep)
        return Peaks(faces=faces, highest=self.highest[chosen], lowest=self.lowest[chosen])

    @property
    def finite(self) -> Bool[np.ndarray, " unit"]:
        """Whether a unit never gave NaN or an infinite value."""
        finite: Bool[np.ndarray, " unit"] = (np.isfinite(self.highest) & np.isfinite(self.lowest)).all(axis=0)
        return finite


class PeakRecorder:
    """Accumulator of peaks."""

    def __init__(self) -> None:
        self._faces: list[str] = []
        self._highest: list[Float[np.ndarray, "image unit"]] = []
        self._lowest: list[Float[np.ndarray, "image unit"]] = []

    def update(self, faces: Sequence[Face], maps: Float[Tensor, "image unit height width"]) -> None:
        """Take in the maps of some faces."""
        self._faces += [face.id for face in faces]
        self._highest.append(maps.amax((2, 3)).cpu().numpy())
        self._lowest.append(maps.amin((2, 3)).cpu().numpy())

    def merge(self, other: PeakRecorder) -> None:
        """Take in what another recorder has seen."""
        self._faces += other._faces
        self._highest += other._highest
        self._lowest += other._lowest

    def result(self) -> Peaks:
        """The peaks of all faces seen, in the order of their ids."""
        order = sorted(range(len(self._faces)), key=self._faces.__getitem__)
        return Peaks(
            faces=tuple(self._faces[position] for position in order),
            highest=np.concatenate(self._highest)[order],
            lowest=np.concatenate(self._lowest)[order],
        )
