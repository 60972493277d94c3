"""The tally in Triton finds the very integers of the plain one: by Triton's interpreter anywhere, and on a GPU if there is one.

Triton decides at import whether it interprets, so that is done in a process of its own: this file, run as a program, writes what
the kernel finds in every case to the file it is told.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import torch

from facedissect.bitmasks import BitMasks, Labels
from facedissect.tally import firing_masks
from facedissect.upsampling import Axis

pytest.importorskip("triton", reason="Triton is not installed; it comes with the CUDA builds of torch")

from facedissect.kernels import tally_cuda

CONCEPTS = 40


@dataclass
class Case:
    """Maps (image, unit, h, w), thresholds, the masks (mask, height, width) of each image, and the labels made of them."""

    maps: np.ndarray
    thresholds: np.ndarray
    masks: list[np.ndarray]
    zeros: str = "count"

    def __post_init__(self) -> None:
        rng = np.random.default_rng(9)
        self.size = self.masks[0].shape[1:]
        self.labels = []
        for masks in self.masks:
            order = rng.permutation(CONCEPTS)
            absent = order[len(masks) :][rng.random(CONCEPTS - len(masks)) < 0.5]
            self.labels.append(Labels.of_one(BitMasks.pack(masks), order[: len(masks)].tolist(), absent.tolist()))
        # Some of the pairs, their maps in any order.
        images, units = (axis.ravel() for axis in np.indices(self.maps.shape[:2]))
        self.pairs = np.flatnonzero(rng.random(len(units)) < 0.9) if len(units) > 6 else np.arange(len(units))
        self.images, self.units = images[self.pairs], units[self.pairs]
        self.rows = 1 + 2 * rng.permutation(len(self.pairs))

    def found(self, device: torch.device) -> dict[str, np.ndarray]:
        """What the kernel finds."""
        height, width = self.maps.shape[2:]
        # NaN before and behind each map: what reads beyond its edge does not fire.
        stored = np.full((2 * len(self.pairs) + 1, height, width), np.nan, np.float32)
        stored[self.rows] = self.maps.reshape(-1, height, width)[self.pairs]
        maps, rows, units, images, thresholds = (
            torch.from_numpy(array).to(device)
            for array in (stored, self.rows, self.units, self.images, self.thresholds)
        )
        labels = Labels.joined(self.labels)
        masks = tally_cuda.MasksOnGpu.of(labels.masks, labels.mask_of_image, self.size[0], device)
        axes = Axis.between(height, self.size[0]), Axis.between(width, self.size[1])
        geometry = tally_cuda.Geometry.between(*axes, height, device)
        area, shared = tally_cuda.overlaps_on_gpu(
            maps, rows, units, images, thresholds, masks, geometry, ignore_zeros=self.zeros == "ignore"
        )
        return {"area": area.cpu().numpy(), "shared": shared.cpu().numpy()}

    def expected(self) -> dict[str, np.ndarray]:
        """The same by upsampled maps, whole."""
        most = max(len(masks) for masks in self.masks)
        area = np.zeros(self.maps.shape[:2], np.int64)
        shared = np.zeros((*area.shape, most), np.int64)
        chosen = np.zeros(area.shape, bool)
        chosen[self.images, self.units] = True
        for image, masks in enumerate(self.masks):
            limits = np.where(chosen[image], self.thresholds, np.float32(np.nan))
            maps, thresholds = torch.from_numpy(self.maps[image]), torch.from_numpy(limits)
            fires = firing_masks(maps, thresholds, self.size, self.zeros).numpy()
            area[image] = fires.sum((1, 2))
            shared[image, :, : len(masks)] = (fires[:, None] & masks).sum((2, 3))
        return {"area": area[self.images, self.units], "shared": shared[self.images, self.units]}


def random_case(
    source: tuple[int, int], size: tuple[int, int], zeros: str, counts: tuple[int, ...] = (0, 5, 2)
) -> Case:
    """Units that fire often, seldom and never, one as after a ReLU; negative thresholds; empty masks."""
    rng = np.random.default_rng(1)
    maps = rng.standard_normal((len(counts), 6, *source)).astype(np.float32)
    maps[:, 3] = np.maximum(maps[:, 3], 0)
    masks = [rng.random((count, *size)) < 0.3 for count in counts]
    for of_one in masks:
        of_one[2:3] = False
        of_one[1:2, : size[0] // 2] = False  # starts in the middle
    return Case(maps, np.array([0.0, 0.8, -0.4, -0.1, 2.5, np.nan], np.float32), masks, zeros)


def tied_case(seed: int) -> Case:
    """Quarters interpolate to exactly the threshold, to zeros of either sign, and to long runs of equal values."""
    rng = np.random.default_rng(seed)
    source, size = rng.integers(1, 7, 2), (rng.integers(1, 35), rng.integers(1, 141))
    maps = (rng.integers(-4, 5, (2, 3, *source)) / 4).astype(np.float32)
    maps[rng.random(maps.shape) < 0.1] = -0.0
    masks = [rng.random((count, *size)) < 0.5 for count in rng.integers(0, 4, 2)]
    thresholds = rng.choice([-1.0, -0.5, 0.0, 0.25, 1.0], 3).astype(np.float32)
    return Case(maps, thresholds, masks, ["count", "ignore"][seed % 2])


def plain_case() -> Case:
    """Units that fire everywhere, nowhere, in one pixel, and everywhere by one bit."""
    maps = np.zeros((1, 4, 8, 8), np.float32)
    maps[0, 0] = 1
    maps[0, 2, 3, 4] = 1
    maps[0, 3] = np.nextafter(np.float32(0.5), np.float32(1))
    masks = np.zeros((3, 8, 8), bool)
    masks[0] = True
    masks[1, 3, 4] = True
    return Case(maps, np.full(4, 0.5, np.float32), [masks])


def near_case() -> Case:
    """Values one bit above, at and one bit below the threshold, next to far larger and smaller ones."""
    threshold = np.float32(0.1)
    near = [np.nextafter(threshold, np.float32(sign)) for sign in (-1, 1)]
    choices = np.array([threshold, *near, 1e4, -1e4, 0.3, 0.0], np.float32)
    maps = np.random.default_rng(4).choice(choices, (1, 8, 5, 4))
    masks = [np.random.default_rng(5).random((2, 61, 67)) < 0.4]
    return Case(maps, np.full(8, threshold, np.float32), masks)


def scaled_case(scale: float) -> Case:
    """Values of extreme size, subnormal ones too."""
    rng = np.random.default_rng(3)
    maps = (rng.standard_normal((1, 5, 5, 5)) * scale).astype(np.float32)
    return Case(maps, np.full(5, 0.3 * scale, np.float32), [rng.random((2, 33, 47)) < 0.3])


def cases() -> dict[str, Case]:
    """All of them, by name."""
    sizes = {
        "odd": ((5, 7), (37, 29)),
        "whole words": ((4, 4), (32, 64)),
        "wider than a word": ((3, 5), (33, 129)),
        "one value": ((1, 1), (9, 70)),
        "one row": ((1, 6), (17, 63)),
        "smaller than the map": ((9, 3), (4, 2)),
        "narrower than the map": ((17, 40), (9, 5)),
        "two warps": ((3, 3), (5, 300)),
    }
    made = {name: random_case(*size, "count") for name, size in sizes.items()}
    made |= {f"{name}, without zeros": random_case(*sizes[name], "ignore") for name in ("odd", "one value")}
    made |= {f"ties {seed}": tied_case(seed) for seed in range(12)}
    made |= {f"scale {scale}": scaled_case(scale) for scale in (1e-42, 1e-30, 1e30)}
    made["all, none and one pixel"] = plain_case()
    made["neighbours of the threshold"] = near_case()
    made["33 masks"] = random_case((3, 3), (8, 16), "count", (33, 2))
    made["no masks"] = random_case((3, 3), (16, 16), "count", (0, 0))
    made["no pairs"] = Case(np.zeros((1, 0, 2, 2), np.float32), np.zeros(0, np.float32), [np.ones((2, 4, 4), bool)])
    return made


def large_cases() -> dict[str, Case]:
    """As large as networks make them; too slow to interpret."""
    sizes = [((7, 7), (224, 224)), ((56, 56), (224, 224)), ((14, 14), (112, 112)), ((56, 48), (512, 512))]
    return {f"{source} to {size}": random_case(source, size, "ignore") for source, size in sizes}


def assert_equal(found: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]) -> None:
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)


@pytest.fixture(scope="module")
def interpreted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """What the interpreted kernel finds, by `case/quantity`."""
    path = tmp_path_factory.mktemp("interpreted") / "found.npz"
    environment = os.environ | {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, __file__, path], env=environment, capture_output=True, text=True, check=False
    )
    if "interpreter.py" in done.stderr and "only 0-dimensional arrays can be converted" in done.stderr:
        pytest.skip(f"Triton {version('triton')} cannot interpret a loop with NumPy {np.__version__}")
    assert done.returncode == 0, done.stderr
    with np.load(path) as arrays:
        return dict(arrays)


@pytest.mark.parametrize("name", cases())
def test_interpreted(name: str, interpreted: dict[str, np.ndarray]) -> None:
    found = {key.rpartition("/")[2]: array for key, array in interpreted.items() if key.rpartition("/")[0] == name}
    assert_equal(found, cases()[name].expected())


def test_areas_of_all_none_and_one_pixel(interpreted: dict[str, np.ndarray]) -> None:
    assert interpreted["all, none and one pixel/area"].tolist() == [64, 0, 1, 64]
    assert interpreted["all, none and one pixel/shared"].tolist() == [[64, 1, 0], [0, 0, 0], [1, 1, 0], [64, 1, 0]]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize("name", [*cases(), *large_cases()])
def test_on_a_gpu(name: str) -> None:
    case = (cases() | large_cases())[name]
    assert_equal(case.found(torch.device("cuda")), case.expected())


def compiled_ptx(
    source: tuple[int, int], size: tuple[int, int], options: Mapping[str, bool], *, ignore_zeros: bool
) -> str:
    """The kernel's PTX for an H100, for which none is needed; as when it is launched, sizes of 1 are constants."""
    from triton import compile as compile_kernel
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    kernel = tally_cuda.tally_pairs
    sizes = dict(zip(["map_height", "map_width", "height", "width", "most"], [*source, *size, 5], strict=True))
    constants = tally_cuda.constants(source[1], size[1], 5, ignore_zeros=ignore_zeros)
    constants |= {name: value for name, value in sizes.items() if value == 1}
    kinds = dict.fromkeys(kernel.arg_names, "*i64") | dict.fromkeys(sizes, "i32")
    kinds |= dict.fromkeys(["maps", "thresholds", "row_weight", "column_weight"], "*fp32")
    tables = ["band_of_row", "band_start", "column_low", "column_high", "mask_columns", "shared"]
    kinds |= dict.fromkeys(tables, "*i32") | dict.fromkeys(constants, "constexpr")
    warps = {"num_warps": tally_cuda.warps(size[1])}
    made = compile_kernel(ASTSource(kernel, kinds, constants), GPUTarget("cuda", 90, 32), {**warps, **options})
    return str(made.asm["ptx"])


@pytest.mark.parametrize("ignore_zeros", [False, True])
@pytest.mark.parametrize(("source", "size"), [((14, 14), (224, 224)), ((1, 1), (1, 512)), ((7, 1), (32, 1))])
def test_nothing_is_contracted_and_subnormals_are_kept(
    source: tuple[int, int],
    size: tuple[int, int],
    ignore_zeros: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    ptx = compiled_ptx(source, size, tally_cuda.EXACT, ignore_zeros=ignore_zeros)
    assert "mul.rn.f32" in ptx
    assert "fma." not in ptx
    assert ".ftz" not in ptx
    by_default = compiled_ptx(source, size, {}, ignore_zeros=ignore_zeros)
    assert "fma.rn.f32" in by_default, "the test would not see what it is after"


if __name__ == "__main__":
    results = {
        f"{name}/{key}": values
        for name, case in cases().items()
        for key, values in case.found(torch.device("cpu")).items()
    }
    np.savez(sys.argv[1], **results)
