"""What dissection costs beside the forward pass of the same network in the same run, and the memory and disk that it takes.

Run with: python benchmarks/dissection.py [steps] [whole] [evidence] [scale] [--device cuda] [--dictionary DIR]

steps   milliseconds an image of every step, each as a ratio to the forward pass, for layers of few large and of many small maps
whole   a run from end to end, without what `evidence` measures, against the forward pass alone
evidence  a run with everything that says whether labels and biases hold, against the same run without
scale   peak memory and disk for as many faces as the published Face Dictionary has, and for twice as many

Networks have random weights, so that units fire on more faces than trained ones do. The faces are embedded ones, packed, unless a
dictionary is given. Each part runs in a process of its own.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
from jaxtyping import Bool
from PIL import Image
from torch import nn

import facedissect as fd
from facedissect.batching import BatchSize
from facedissect.bitmasks import Labels
from facedissect.capture import Capture
from facedissect.concepts import FACE_DICTIONARY, KINDS
from facedissect.dictionary import Face
from facedissect.dictionary.pack import pack
from facedissect.kept_maps import KeptMaps
from facedissect.overlaps import Overlaps
from facedissect.reading import FaceReader
from facedissect.tally import Tally
from facedissect.thresholds import TopValues


@dataclass(frozen=True)
class Case:
    """A layer of a network at an input size."""

    network: str
    layer: str
    size: int

    def model(self) -> fd.FaceModel:
        """The network with random weights, the same each time."""
        torch.manual_seed(0)
        module = getattr(torchvision.models, self.network)(weights=None)
        return fd.FaceModel(module, size=self.size, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))

    def __str__(self) -> str:
        return f"{self.network} {self.layer} at {self.size}"


CASES = (
    Case("resnet50", "layer4.2.conv1", 128),
    Case("resnet50", "layer4", 224),
    Case("resnet50", "layer1", 224),
    Case("vit_b_16", "encoder.layers.encoder_layer_11", 224),
)
WHOLE = CASES[:2]
TURNS = 2
PARTS = ("steps", "whole", "evidence", "scale")
QUANTILES = (0.995, 0.95)
FACES, UNITS, OF_STEPS = 24_632, 2_048, 256


def fastest(work: Callable[[], object], device: torch.device, repeats: int = 5) -> float:
    """Seconds of the fastest of a few calls."""
    times = []
    for _ in range(repeats):
        _wait(device)
        start = time.perf_counter()
        work()
        _wait(device)
        times.append(time.perf_counter() - start)
    return min(times)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def steps(dictionary: str, device: str, images: int, number: int) -> None:
    """Print the cost of every step of a case: milliseconds an image, and the ratio to the forward pass."""
    case, faces = CASES[number], fd.open_dictionary(dictionary)
    some = replace(faces, faces=faces.faces[:images])
    model = case.model()
    reader = FaceReader(some.faces, faces.vocabulary, model.preprocess)
    start = time.perf_counter()
    read = [reader[place] for place in range(len(some))]
    decode = (time.perf_counter() - start) / len(read)
    layers = model.layers([case.layer])
    with model.borrowed(device), Capture(model, layers) as capture:
        size = BatchSize.found(model.preprocess.size, layers, model.device).size
        pixels = [face.pixels for face in read if face.pixels is not None]
        batches = [
            model.preprocess.scaled(np.stack(pixels[at : at + size])) for at in range(0, len(pixels) - size + 1, size)
        ]
        kept = [capture.maps(batch)[case.layer] for batch in batches]
    with model.borrowed(device):
        forward = fastest(partial(model, batches[0]), model.device) / size
        labels = [face.labels for face in read if face.labels is not None]
        print(f"{case}: {kept[0].shape[1]} units of {kept[0].shape[2]} x {kept[0].shape[3]}, batches of {size}")
        _step("read and decode an image and its masks, one core", decode, forward)
        _step("forward", forward, forward)
        for quantile in QUANTILES:
            _thresholds_and_tally(kept, labels, model, quantile, forward, size)
    _rest(some, model, case, device, forward)


def _rest(faces: fd.FaceDictionary, model: fd.FaceModel, case: Case, device: str, forward: float) -> None:
    """Hierarchy, bias and reports, by a run."""
    reached: dict[str, float] = {}

    def note(stage: str, _done: int, _total: int) -> None:
        reached[stage] = time.perf_counter()

    with tempfile.TemporaryDirectory() as folder:
        settings = fd.Settings(device=device)
        unfinished = Path(folder, "unfinished")
        result = fd.dissect(faces, model, layers=[case.layer], settings=settings, progress=note, resume=unfinished)
        _step("hierarchy, bias and tables", (time.perf_counter() - reached["masks"]) / len(faces), forward)
        for name in ("report.html", "report.pdf"):
            start = time.perf_counter()
            fd.write_report(result, faces, Path(folder, "out", name))
            seconds = time.perf_counter() - start
            _step(f"{name} of {len(result.units)} units, {seconds:.1f} s", seconds / len(faces), forward)
        result.save(Path(folder, "out"))
        kept, saved = (sum(f.stat().st_size for f in Path(folder, part).rglob("*")) for part in ("unfinished", "out"))
        print(
            f"  disk: {kept / 1e6:.0f} MB while it ran, {saved / 1e6:.0f} MB of results and reports, {len(faces)} images"
        )


def _thresholds_and_tally(
    kept: Sequence[torch.Tensor],
    labels: Sequence[Labels],
    model: fd.FaceModel,
    quantile: float,
    forward: float,
    size: int,
) -> None:
    units, height, width = kept[0].shape[1:]
    total = len(kept) * size * height * width

    def survey() -> tuple[TopValues, list[Any]]:
        values = TopValues.for_quantile(units, total, quantile, "linear")
        return values, [values.update(maps)[0] for maps in kept]

    survey()  # compiles
    images = len(kept) * size
    survey_time = fastest(lambda: survey()[0].result(total, quantile, "linear"), model.device, 3) / images
    values, peaks = survey()
    limits = values.result(total, quantile, "linear").values
    firing = [
        KeptMaps.above(maps, highest, np.broadcast_to(limits, highest.shape), np.arange(size))
        for maps, highest in zip(kept, peaks, strict=True)
    ]
    joined = [Labels.joined(labels[at : at + size]) for at in range(0, images, size)]
    input_size, device = model.preprocess.size, model.device

    def tally() -> Tally:
        sums = Tally.empty(units, len(FACE_DICTIONARY))
        for maps, told in zip(firing, joined, strict=True):
            masks = told.masks, told.mask_of_image
            sums.add(Overlaps.of(maps, limits, *masks, input_size, device=device), told)
        return sums

    tally()
    tally_time = fastest(tally, model.device, 3) / images

    def plain() -> Tally:
        sums = Tally.empty(units, len(FACE_DICTIONARY))
        for maps, told in zip(kept[0][:2], labels[:2], strict=True):
            masks = torch.from_numpy(told.masks.unpack(input_size[0])).to(maps.device)
            sums.update(maps, torch.from_numpy(limits).to(maps.device), masks, told.present, told.absent)
        return sums

    plain_time = fastest(plain, model.device, 1) / 2
    q = f"q = {1 - quantile:.3g}"
    _step(f"{q}: thresholds and peaks", survey_time, forward)
    awake = sum(len(maps.units) for maps in firing) / images
    _step(f"{q}: tally ({awake:.0f} units fire in an image)", tally_time, forward)
    _step(f"{q}: both", survey_time + tally_time, forward)
    _step(f"{q}: tally in plain torch, {plain_time / tally_time:.0f} times as long", plain_time, forward)


def _step(name: str, seconds: float, forward: float) -> None:
    print(f"  {name:<62} {1e3 * seconds:9.3f} ms  {seconds / forward:8.4f}")


def whole(dictionary: str, device: str, number: int) -> None:
    """Print what runs from end to end take, against the forward pass alone before, between and after them."""
    case, faces = WHOLE[number], fd.open_dictionary(dictionary)
    model = case.model()
    forwards = [_forward(model, case.layer, device)]
    before = _peak_megabytes()
    for quantile in QUANTILES:
        reached: dict[str, float] = {}

        def note(stage: str, _done: int, _total: int, reached: dict[str, float] = reached) -> None:
            reached[stage] = time.perf_counter()

        with tempfile.TemporaryDirectory() as out:
            start = time.perf_counter()
            result = fd.dissect(
                faces,
                model,
                layers=[case.layer],
                settings=fd.Settings(quantile=quantile, replicates=0, sweep=(), device=device),
                progress=note,
            )
            dissected = time.perf_counter()
            result.save(out)
            end = time.perf_counter()
        forwards.append(_forward(model, case.layer, device))
        forward = statistics.median(forwards[-2:])
        print(
            f"{case}, q = {1 - quantile:.3g}: {len(faces)} images in {end - start:.1f} s "
            f"({reached['peaks'] - start:.1f} first pass, {reached['masks'] - reached['peaks']:.1f} tally, "
            f"{dissected - reached['masks']:.1f} hierarchy and bias, {end - dissected:.1f} save); forward alone "
            f"{1e3 * forward:.1f} ms an image; ratio {(end - start) / len(faces) / forward:.3f}; "
            f"{_peak_megabytes() - before:.0f} MB above the {before:.0f} MB of the network"
        )


def evidence(dictionary: str, device: str, number: int) -> None:
    """Print what nulls, intervals, stability and the sweep add to a run, which is made with and without them in turn."""
    case, faces = WHOLE[number], fd.open_dictionary(dictionary)
    model = case.model()
    kinds = {
        "without": fd.Settings(replicates=0, sweep=(), device=device),
        "all": fd.Settings(device=device),
        "no sweep": fd.Settings(sweep=(), device=device),
    }
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    ranking: list[float] = []
    for _ in range(TURNS):
        for kind, settings in kinds.items():
            reached: dict[str, float] = {}

            def note(stage: str, _done: int, _total: int, reached: dict[str, float] = reached) -> None:
                reached[stage] = time.perf_counter()

            start = time.perf_counter()
            fd.dissect(faces, model, layers=[case.layer], settings=settings, progress=note)
            end = time.perf_counter()
            times[kind].append(end - start)
            if kind == "without":
                ranking.append(end - reached["masks"])
    least = {kind: min(taken) for kind, taken in times.items()}
    print(
        f"{case}, {len(faces)} images: {least['without']:.1f} s without, {least['all']:.1f} s with everything: ratio "
        f"{least['all'] / least['without']:.3f} ({least['no sweep'] / least['without']:.3f} without the sweep), the fastest of "
        f"{TURNS} each; hierarchy, bias, their statistics and tables take {min(ranking):.2f} s of either"
    )


def _forward(model: fd.FaceModel, layer: str, device: str) -> float:
    """Seconds an image of the plain network, in batches of the size that a run uses."""
    with model.borrowed(device):
        size = BatchSize.found(model.preprocess.size, model.layers([layer]), model.device).size
        batch = torch.rand(size, 3, *model.preprocess.size).to(model.device)
        model.network(batch)

        def several() -> None:
            for _ in range(6):
                model.network(batch)

        return fastest(several, model.device, 3) / size / 6


@dataclass(frozen=True)
class MadeUpSource:
    """A tiny face made up from its number."""

    number: int

    def image(self) -> Image.Image:
        """Noise, another for each number."""
        return Image.fromarray(np.random.default_rng(self.number).integers(0, 256, (16, 16, 3), np.uint8))

    def mask(self, concept: str) -> Bool[np.ndarray, "height width"]:
        """A rectangle at a place of its own."""
        top, left = (place % 10 for place in hashlib.sha256(concept.encode()).digest()[:2])
        mask = np.zeros((16, 16), bool)
        mask[top : top + 5, left : left + 6] = True
        return mask

    def fingerprint(self) -> str:
        """The number."""
        return str(self.number)


class Wide(nn.Module):
    """A network that is all units: `UNITS` maps of 7 x 7 for hardly any work."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.maps = nn.Conv2d(3, UNITS, 32, stride=32)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Means of the maps."""
        answer: torch.Tensor = self.maps(images).mean((2, 3))
        return answer


def scale(device: str, count: int) -> None:
    """Print seconds, peak memory beyond the loaded network and disk of a run over made-up faces."""
    concepts, groups = FACE_DICTIONARY.names, FACE_DICTIONARY.global_concepts
    faces = tuple(
        Face(
            id=f"{number:06}",
            source=MadeUpSource(number),
            concepts=tuple(concepts[(number * 7 + step * 5) % len(concepts)] for step in range(5)),
            kinds=frozenset(KINDS),
            subgroups={g.name: g.subgroups[number * (place + 3) % len(g.subgroups)] for place, g in enumerate(groups)},
        )
        for number in range(count)
    )
    dictionary = fd.FaceDictionary(location="made up", format="made up", vocabulary=FACE_DICTIONARY, faces=faces)
    model = fd.FaceModel(Wide(), size=224)
    model.layers(["maps"])
    before, reached = _peak_megabytes(), {}
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        result = fd.dissect(
            dictionary,
            model,
            layers=["maps"],
            settings=fd.Settings(device=device),
            resume=Path(folder, "unfinished"),
            progress=lambda stage, _done, _total: reached.update({stage: time.perf_counter()}),
        )
        end = time.perf_counter()
        result.save(Path(folder, "out"))
        kept, saved = (sum(f.stat().st_size for f in Path(folder, part).rglob("*")) for part in ("unfinished", "out"))
    print(
        f"{count} faces x {UNITS} units of 7 x 7 at 224: {_peak_megabytes() - before:.0f} MB above the {before:.0f} MB of the "
        f"loaded network; {kept / 1e9:.1f} GB of disk while it ran, {saved / 1e9:.1f} GB of results; "
        f"{reached['masks'] - start:.0f} s both passes, {end - reached['masks']:.1f} s hierarchy, bias and tables"
    )


def _peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # Linux counts in KiB


def _apart(part: Callable[..., None], *arguments: Any) -> None:
    """In a process of its own, since the peak memory of a process never falls."""
    process = multiprocessing.get_context("spawn").Process(target=part, args=arguments)
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(process.exitcode)


def main() -> None:
    """Print the parts that were asked for; all if none was."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="steps, whole, evidence, scale (default: all)")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--images", type=int, default=2000, help="of the whole runs")
    parser.add_argument("--faces", type=int, default=FACES, help="of the scale")
    parser.add_argument("--dictionary", help="instead of embedded faces")
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - set(PARTS):
        parser.error(f"expected steps, whole, evidence or scale, got {', '.join(sorted(unknown))}")
    print(f"{arguments.device}, {torch.get_num_threads()} threads, torch {torch.__version__}", flush=True)
    parts = arguments.parts or PARTS
    with tempfile.TemporaryDirectory() as folder:
        dictionary = arguments.dictionary
        if not dictionary and set(parts) - {"scale"}:
            dictionary = str(Path(folder, "packed"))
            count = arguments.images if {"whole", "evidence"} & set(parts) else OF_STEPS
            pack(fd.open_dictionary(f"demo:count={count},size=256"), Path(dictionary))
        if "steps" in parts:
            for number in range(len(CASES)):
                _apart(steps, dictionary, arguments.device, OF_STEPS, number)
        if "whole" in parts:
            for number in range(len(WHOLE)):
                _apart(whole, dictionary, arguments.device, number)
        if "evidence" in parts:
            for number in range(len(WHOLE)):
                _apart(evidence, dictionary, arguments.device, number)
        if "scale" in parts:
            for count in (arguments.faces, 2 * arguments.faces):
                _apart(scale, arguments.device, count)


if __name__ == "__main__":
    main()
