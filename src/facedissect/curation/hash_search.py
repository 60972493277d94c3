"""All pairs of 64-bit hashes that differ in few bits, without comparing each with each.

Multi-index hashing (Norouzi, Punjani and Fleet, CVPR 2012): of two hashes that differ in `distance` bits or less, one of
the four quarters differs in a quarter of that or less. So the hashes are sorted by each quarter in turn, and only those are
compared whose quarter is among the few near ones.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Int, UInt16, UInt64

_QUARTERS = 4
_VALUES = 1 << 16
_ONES = np.unpackbits(np.arange(_VALUES, dtype=">u2").view(np.uint8)).reshape(_VALUES, 16).sum(1, dtype=np.uint8)
"""Number of ones in each 16-bit number."""
_FLUSH = 1 << 22  # pairs collected before repeated ones are struck out


def near_hashes(
    queries: UInt64[np.ndarray, " query"], index: UInt64[np.ndarray, " entry"], distance: int
) -> Int[np.ndarray, "pair 2"]:
    """Places (query, entry) of all pairs that differ in `distance` bits or less, sorted, each once."""
    query_quarters, index_quarters = _quarters(queries), _quarters(index)
    pairs = np.zeros((0, 2), np.int64)
    found: list[Int[np.ndarray, "pair 2"]] = []
    waiting = 0
    for quarter in range(_QUARTERS):
        for left, right in _with_near_quarter(query_quarters[:, quarter], index_quarters[:, quarter], distance):
            near = _within(queries[left], index[right], distance)
            found.append(np.stack([left[near], right[near]], axis=1))
            waiting += len(found[-1])
            if waiting > _FLUSH:
                pairs, found, waiting = _distinct([pairs, *found]), [], 0
    return _distinct([pairs, *found])


def _with_near_quarter(
    queries: UInt16[np.ndarray, " query"], index: UInt16[np.ndarray, " entry"], distance: int
) -> Iterator[tuple[Int[np.ndarray, " pair"], Int[np.ndarray, " pair"]]]:
    """Places of pairs whose quarter differs in each of the possible ways, one after the other."""
    order = np.argsort(index, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(index, minlength=_VALUES))])
    for difference in np.flatnonzero(distance // _QUARTERS >= _ONES).astype(np.uint16):
        wanted = (queries ^ difference).astype(np.int64)
        counts = starts[wanted + 1] - starts[wanted]
        left = np.repeat(np.arange(len(queries)), counts)
        within = np.arange(len(left)) - np.repeat(np.cumsum(counts) - counts, counts)
        yield left, order[np.repeat(starts[wanted], counts) + within]


def _within(
    left: UInt64[np.ndarray, " pair"], right: UInt64[np.ndarray, " pair"], distance: int
) -> Bool[np.ndarray, " pair"]:
    near: Bool[np.ndarray, " pair"] = _ONES[_quarters(left ^ right)].sum(axis=1) <= distance
    return near


def _quarters(hashes: UInt64[np.ndarray, " hash"]) -> UInt16[np.ndarray, "hash quarter"]:
    return np.ascontiguousarray(hashes).view(np.uint16).reshape(-1, _QUARTERS)


def _distinct(pairs: list[Int[np.ndarray, "pair 2"]]) -> Int[np.ndarray, "pair 2"]:
    return np.unique(np.concatenate(pairs), axis=0)
