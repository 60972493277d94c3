"""How many faces a second one core draws, with all masks.

Run with: OMP_NUM_THREADS=1 taskset -c 0 python benchmarks/demo_faces.py
"""

from __future__ import annotations

import argparse
import time

from facedissect.demo import draw_face, sample_factors


def seconds_per_face(size: int, count: int) -> tuple[float, float]:
    """Seconds of processor time to sample and to draw one face, the mean of `count` after a first one that fills the tables."""
    draw_face(sample_factors(count), size)
    start = time.process_time()
    faces = [sample_factors(seed) for seed in range(count)]
    sampled = time.process_time()
    for factors in faces:
        draw_face(factors, size)
    drawn = time.process_time()
    return (sampled - start) / count, (drawn - sampled) / count


def main() -> None:
    """Print one line for each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 224])
    arguments = parser.parse_args()
    for size in arguments.sizes:
        sample, draw = seconds_per_face(size, arguments.count)
        print(
            f"{size} px: {1 / (sample + draw):.0f} faces/s with all masks "
            f"(sampling {sample * 1e3:.2f} ms, drawing {draw * 1e3:.2f} ms a face, {arguments.count} faces)"
        )


if __name__ == "__main__":
    main()
