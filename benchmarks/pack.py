"""How much faster a packed dictionary is read than the tree of files it was packed from, and how much smaller it is.

Run with: OMP_NUM_THREADS=1 python benchmarks/pack.py [--tree DIR] [--indexes DIR]

The embedded faces are compared as one dictionary in both forms, and as a tree that is packed as it is, with the copies that the
layout needs for subgroups; --tree adds a dictionary of your own. --indexes packs as many faces as the CSVs there have rows, with
tiny images made up on the fly, and prints the memory that it took.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import Bool
from PIL import Image

from facedissect.concepts import FACE_DICTIONARY
from facedissect.dictionary import Face, FaceDictionary, open_dictionary
from facedissect.dictionary.encoded import as_rgb, decode
from facedissect.dictionary.pack import pack
from facedissect.dictionary.packed import read
from facedissect.dictionary.packed_source import PackedSource
from facedissect.dictionary.published import INDEXES
from facedissect.dictionary.write import write_published

SIDE = 24
REPEATS = 3


@dataclass(frozen=True)
class MadeUpSource:
    """A tiny face made up from its name."""

    name: str

    def image(self) -> Image.Image:
        """Noise, another for each name."""
        return Image.fromarray(self._noise(3))

    def mask(self, concept: str) -> Bool[np.ndarray, "height width"]:
        """A rectangle at a place of its own."""
        top, left = hashlib.sha256(concept.encode()).digest()[:2]
        mask = np.zeros((SIDE, SIDE), bool)
        mask[top % (SIDE - 6) :, left % (SIDE - 6) :][:5, :6] = True
        return mask

    def fingerprint(self) -> str:
        """The name alone."""
        return self.name

    def _noise(self, channels: int) -> np.ndarray:
        seed = int.from_bytes(hashlib.sha256(self.name.encode()).digest()[:8], "big")
        return np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, channels), np.uint8)


def seconds(work: Callable[[], object]) -> float:
    """Processor time of the fastest of a few runs."""
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def read_images(dictionary: FaceDictionary) -> None:
    """Decodes every image."""
    for face in dictionary:
        face.image()


def read_masks(dictionary: FaceDictionary) -> None:
    """Decodes every mask."""
    for face in dictionary:
        for concept in face.concepts:
            face.mask(concept)


def size(folder: Path) -> tuple[int, int]:
    """Bytes of all files, and bytes of the blocks that they take on the disk."""
    files = [path.stat() for path in folder.rglob("*") if path.is_file()]
    return sum(file.st_size for file in files), sum(file.st_blocks * 512 for file in files)


def compare(name: str, tree: Path, folder: Path) -> None:
    """Print how a packed dictionary compares with a tree of files."""
    files, packed = open_dictionary(tree), read(str(folder))
    sources = [face.source for face in packed]
    encoded = [source.encoded_image() for source in sources if isinstance(source, PackedSource)]
    images = [seconds(lambda: read_images(files)), seconds(lambda: read_images(packed))]
    masks = [seconds(lambda: read_masks(files)), seconds(lambda: read_masks(packed))]
    floor = seconds(lambda: [as_rgb(decode(data, verify=False)) for data in encoded])
    both = [image + mask for image, mask in zip(images, masks, strict=True)]
    count = sum(len(face.concepts) for face in packed)
    print(f"{name}: {len(files)} images in the tree, {len(packed)} packed, {count} masks")
    for what, (slow, fast) in {"images and masks": both, "masks": masks, "images": images}.items():
        print(f"  {what}: {slow:.2f} s in the tree, {fast:.2f} s packed, {slow / fast:.1f} times faster")
    print(f"  of the packed {both[1]:.2f} s, {floor:.2f} s are spent by the decoder of the image files")
    for what, large, small in zip(("bytes", "bytes on the disk"), size(tree), size(folder), strict=True):
        print(
            f"  {what}: {large / 1e6:.1f} MB in the tree, {small / 1e6:.1f} MB packed, {large / small:.1f} times smaller"
        )


def made_up(indexes: Path, rows: int | None) -> FaceDictionary:
    """A face for each of the first `rows` rows of the indexes in a folder; all rows if None."""
    faces = tuple(_faces(indexes))[:rows]
    return FaceDictionary(location=str(indexes), format="made up", vocabulary=FACE_DICTIONARY, faces=faces)


def _faces(indexes: Path) -> Iterator[Face]:
    for name, kind in INDEXES.items():
        with (indexes / name).open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                concepts = tuple(PurePosixPath(path).stem for path in row["labels"].split(";") if path)
                yield Face(
                    id=row["image"],
                    source=MadeUpSource(row["image"]),
                    concepts=concepts,
                    kinds=frozenset({kind}),
                )


def pack_made_up(indexes: Path, rows: int | None) -> None:
    """Pack, and print time and memory. Meant for a process of its own, since the peak of a process never falls."""
    dictionary = made_up(indexes, rows)
    before = _peak_megabytes()
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        pack(dictionary, Path(folder, "packed"))
        packed, peak = time.perf_counter(), _peak_megabytes()
        read(str(Path(folder, "packed")))
        opened = time.perf_counter()
        print(
            f"{len(dictionary)} rows: packed in {packed - start:.1f} s with {peak - before:.0f} MB above the {before:.0f} MB "
            f"before; opened in {opened - packed:.2f} s"
        )


def _peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # Linux counts in KiB


def main() -> None:
    """Print all comparisons."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--tree", type=Path)
    parser.add_argument("--indexes", type=Path)
    arguments = parser.parse_args()
    if arguments.indexes:
        for rows in (3000, None):
            process = multiprocessing.get_context("spawn").Process(target=pack_made_up, args=(arguments.indexes, rows))
            process.start()
            process.join()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        demo = open_dictionary(f"demo:count={arguments.count},size={arguments.size}")
        write_published(demo, root / "tree")
        pack(demo, root / "demo")
        compare(f"{demo.location} in both forms", root / "tree", root / "demo")
        pack(open_dictionary(root / "tree"), root / "copies")
        compare("that tree, packed as it is", root / "tree", root / "copies")
        if arguments.tree:
            pack(open_dictionary(arguments.tree), root / "own")
            compare(str(arguments.tree), arguments.tree, root / "own")


if __name__ == "__main__":
    main()
