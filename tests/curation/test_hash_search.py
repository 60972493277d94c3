"""The search by quarters finds the same pairs as comparing each with each."""

from __future__ import annotations

import numpy as np
import pytest

from facedissect.curation.hash_search import near_hashes


def clustered(count: int, seed: int) -> np.ndarray:
    """Hashes of which many are near each other: few centres, each with none to several bits flipped."""
    rng = np.random.default_rng(seed)
    centres = rng.integers(0, 1 << 63, 12, dtype=np.uint64)
    hashes = rng.choice(centres, count)
    for _ in range(12):
        flip = rng.random(count) < 0.3
        hashes[flip] ^= np.uint64(1) << rng.integers(0, 64, count, dtype=np.uint64)[flip]
    return hashes


@pytest.mark.parametrize("distance", [0, 1, 3, 4, 7, 10, 11])
def test_the_pairs_are_those_of_a_full_comparison(distance: int) -> None:
    queries = clustered(150, 1)
    index = np.concatenate([clustered(120, 2), queries[::9], clustered(60, 1)])
    full = [
        (left, right)
        for left, one in enumerate(queries.tolist())
        for right, other in enumerate(index.tolist())
        if (one ^ other).bit_count() <= distance
    ]
    assert near_hashes(queries, index, distance).tolist() == [list(pair) for pair in full]
    assert full


def test_repeated_pairs_are_struck_out_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = clustered(100, 3)
    whole = near_hashes(hashes, hashes, 8)
    monkeypatch.setattr("facedissect.curation.hash_search._FLUSH", 50)
    assert near_hashes(hashes, hashes, 8).tolist() == whole.tolist()


def test_nothing_is_near_nothing() -> None:
    none = np.zeros(0, np.uint64)
    assert near_hashes(none, none, 10).shape == (0, 2)
