"""Yield the maps of some layers batch by batch: faces are read ahead, and batches go round the devices in turn.

Whatever the number of workers and of devices, batches come out in their order and with the same values.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from .batching import BatchSize, out_of_memory
from .bitmasks import Labels
from .capture import Capture
from .concepts import Vocabulary
from .dictionary.faces import Face
from .errors import FaceReadError, ModelError
from .model.dry_run import LayerInfo
from .model.face_model import FaceModel
from .model.preprocess import Size
from .reading import FaceReader, ReadFace
from .settings import Settings

Progress = Callable[[str, int, int], None]
"""Called with the name of the pass, the faces done and the faces in all."""

Maps = Mapping[str, Float[Tensor, "image unit h w"]]
"""Layer -> its maps."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Some faces and the maps of every layer, in the same order.

    Attributes:
        faces: the faces.
        positions: where they stand among all that are read.
        labels: their local labels, one each; None where masks were not asked for.
        maps: of every layer.
        unreadable: faces of the same batch that were left out, id -> reason.
    """

    faces: tuple[Face, ...]
    positions: tuple[int, ...]
    labels: tuple[Labels | None, ...]
    maps: Maps
    unreadable: Mapping[str, str] = field(default_factory=dict)


class ActivationMaps:
    """The maps of some layers for some faces.

    Args:
        faces: the faces.
        vocabulary: names the concepts whose masks are read.
        models: the network on each device, borrowed by the caller for the time of the iteration.
        layers: its layers, as `model.layers(names)` finds them.
        settings: workers, precision and what to do about an unreadable face.
        batches: how many faces go through the network at once; halved while iterating where memory runs out.
    """

    def __init__(
        self,
        faces: Sequence[Face],
        vocabulary: Vocabulary,
        models: Sequence[FaceModel],
        layers: Sequence[LayerInfo],
        settings: Settings,
        batches: BatchSize,
    ) -> None:
        self.faces = tuple(faces)
        self._vocabulary, self._models, self._layers = vocabulary, tuple(models), tuple(layers)
        self._settings, self._batches = settings, batches

    @property
    def input_size(self) -> Size:
        """Height and width of the network's input."""
        return self._models[0].preprocess.size

    @property
    def device(self) -> torch.device:
        """Where the network is; the first place, if there are several."""
        return self._models[0].device

    def plan(self) -> list[range]:
        """The positions of all faces, in batches."""
        size, count = self._batches.first, len(self.faces)
        return [range(start, min(start + size, count)) for start in range(0, count, size)]

    def of(self, plan: Sequence[Sequence[int]], *, masks: bool = True) -> Iterator[Batch]:
        """The maps of batches of faces, a Batch for each; without faces if none of them can be read.

        Args:
            plan: the positions of the faces of each batch.
            masks: whether to read their labels too.

        Raises:
            FaceReadError: a face cannot be read and `on_error` is `stop`.
            ModelError: there is no memory for a single image.
        """
        reader = FaceReader(self.faces, self._vocabulary, self._models[0].preprocess, masks=masks)
        read = reader.batches(plan, self._settings.workers)
        with ExitStack() as stack:
            networks = [
                stack.enter_context(_Network(model, self._layers, self._settings, self._batches))
                for model in self._models
            ]
            waiting: deque[tuple[list[ReadFace], Future[Maps]]] = deque()
            for number, faces in enumerate(read):
                pixels = [face.pixels for face in self._readable(faces) if face.pixels is not None]
                waiting.append((faces, networks[number % len(networks)].maps(pixels)))
                if len(waiting) >= networks[0].ahead * len(networks):
                    yield self._batch(*waiting.popleft())
            while waiting:
                yield self._batch(*waiting.popleft())

    def _readable(self, faces: Sequence[ReadFace]) -> list[ReadFace]:
        for face in faces:
            if face.error and self._settings.on_error == "stop":
                raise FaceReadError(face.error)
        return [face for face in faces if not face.error]

    def _batch(self, read: Sequence[ReadFace], maps: Future[Maps]) -> Batch:
        readable = self._readable(read)
        return Batch(
            faces=tuple(self.faces[face.face] for face in readable),
            positions=tuple(face.face for face in readable),
            labels=tuple(face.labels for face in readable),
            maps=maps.result(),
            unreadable={self.faces[face.face].id: face.error for face in read if face.error},
        )


class _Network:
    """Context in which a network on one device turns pixels into maps: on the CPU when asked, else in a thread of its own.

    Attributes:
        ahead: batches that may be under way before the first is waited for.
    """

    def __init__(self, model: FaceModel, layers: Sequence[LayerInfo], settings: Settings, batches: BatchSize) -> None:
        self._model, self._settings, self._batches = model, settings, batches
        self._capture = Capture(model, layers)
        self._thread: ThreadPoolExecutor | None = None
        if model.device.type != "cpu" or len(settings.devices) > 1:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix=str(model.device))
        self.ahead = 2 if self._thread else 1

    def __enter__(self) -> _Network:
        self._capture.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread:
            self._thread.shutdown(cancel_futures=True)
        self._capture.__exit__()

    def maps(self, pixels: Sequence[UInt8[np.ndarray, "height width 3"]]) -> Future[Maps]:
        """The maps of some images, when they are there."""
        if self._thread:
            return self._thread.submit(self._maps, pixels)
        done: Future[Maps] = Future()
        done.set_result(self._maps(pixels))
        return done

    def _maps(self, pixels: Sequence[UInt8[np.ndarray, "height width 3"]]) -> Maps:
        pieces: list[Maps] = []
        start = 0
        while start < len(pixels):
            size = self._batches.size
            images = self._model.preprocess.scaled(np.stack(pixels[start : start + size]), self._model.device)
            maps = self._try(images, size)
            if maps is not None:
                pieces.append(maps)
                start += len(images)
        if len(pieces) == 1:
            return pieces[0]
        return {layer: torch.cat([piece[layer] for piece in pieces]) for layer in pieces[0]} if pieces else {}

    def _try(self, images: Float[Tensor, "image 3 height width"], size: int) -> Maps | None:
        """The maps of some images; None, with smaller batches from then on, if memory ran out."""
        batch = images
        if self._model.max_batch != 1:
            # In batches of one size an image's values do not depend on how many images come with it.
            batch = torch.cat([batch, batch[-1:].expand(size - len(images), -1, -1, -1)])
        try:
            with self._model.computing(self._settings.precision):
                return {layer: values[: len(images)] for layer, values in self._capture.maps(batch).items()}
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            if size == 1:
                raise ModelError(
                    f"expected memory for one image of {self._model.name} at a time, got none left on "
                    f"{self._model.device}; dissect fewer layers at once or use another device"
                ) from error
        # After the except block, whose error holds on to the memory of the pass.
        self._batches.halve(size)
        if self._model.device.type == "cuda":
            torch.cuda.empty_cache()
        return None
