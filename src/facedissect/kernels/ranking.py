"""Each unit's peaks sorted once, and the ranks of any set of images read off by a walk along the sorted order.

The sort is a radix sort (least significant digit first, which keeps equal keys in order) on the bits of the floats as unsigned
integers, turned so that integers order as the numbers do. The walk meets equal peaks one after the other, so it averages the
ranks of ties as it goes, and it adds in the order of the peaks: a sum does not depend on the order of the images.
"""

from __future__ import annotations

import numpy as np

from .compile import compiled

SIGN = np.uint32(0x80000000)
EVERY = np.uint32(0xFFFFFFFF)
DIGIT = np.uint32(2047)


@compiled
def sort_peaks(thread, threads, peaks, order):
    """Sort each unit's peaks. NaN comes beyond the infinities, at the end that its sign bit says.

    Args:
        peaks: (unit, image) float32, sorted in place.
        order: (unit, image) uint32, written: the image of each sorted peak.
    """
    units, images = peaks.shape
    keys, moved_keys = np.empty(images, np.uint32), np.empty(images, np.uint32)
    source, moved_source = np.empty(images, np.uint32), np.empty(images, np.uint32)
    unsorted = np.empty(images, np.float32)
    bits = unsorted.view(np.uint32)
    place = np.empty((3, 2048), np.int32)
    for unit in range(thread, units, threads):
        place[:] = 0
        for image in range(images):
            unsorted[image] = peaks[unit, image]
            key = np.uint32(bits[image] ^ (EVERY if bits[image] & SIGN else SIGN))
            keys[image] = key
            source[image] = image
            place[0, key & DIGIT] += 1
            place[1, (key >> np.uint32(11)) & DIGIT] += 1
            place[2, key >> np.uint32(22)] += 1
        for digit in range(3):
            start = np.int32(0)
            for value in range(2048):
                count = place[digit, value]
                place[digit, value] = start
                start += count
        _move(keys, source, np.uint32(0), place[0], moved_keys, moved_source)
        _move(moved_keys, moved_source, np.uint32(11), place[1], keys, source)
        _move(keys, source, np.uint32(22), place[2], moved_keys, order[unit])
        for image in range(images):
            peaks[unit, image] = unsorted[order[unit, image]]


@compiled
def _move(keys, source, shift, place, moved_keys, moved_source):
    """One pass of the sort: by the digit at `shift`, whose values start at `place`."""
    for image in range(keys.shape[0]):
        digit = (keys[image] >> shift) & DIGIT
        moved_keys[place[digit]] = keys[image]
        moved_source[place[digit]] = source[image]
        place[digit] += 1


@compiled
def add_scores(thread, threads, peaks, order, units, low, high, within, first, subsets, sums):
    """Add `rank_u(x) / |X| * a_u(x)` of every image x of X to the subsets that hold it.

    Args:
        peaks, order: (unit, image) as `sort_peaks` leaves them.
        units: (chosen) which units.
        low, high: (chosen) float64, the ends to which peaks are scaled.
        within: (image) whether it is in X.
        first: (image + 1) where the subsets of each image of X start in `subsets`.
        subsets: positions of subsets, one image after the other.
        sums: (chosen, subset) float64, added to; NaN for a unit with low = high and one whose peaks over X are not all finite.
    """
    images = within.shape[0]
    # One place more than images, since a place is written before it is known whether it counts: no branch to guess.
    chosen, values = np.empty(images + 1, np.uint32), np.empty(images + 1, np.float32)
    for row in range(thread, units.shape[0], threads):
        unit = units[row]
        count = 0
        for place in range(images):
            image = order[unit, place]
            chosen[count] = image
            values[count] = peaks[unit, place]
            count += within[image]
        least, most = low[row], high[row]
        if not (np.isfinite(least) and np.isfinite(most) and most > least):
            sums[row] = np.nan
            continue
        if count == 0:
            continue
        if not (np.isfinite(values[0]) and np.isfinite(values[count - 1])):
            sums[row] = np.nan
            continue
        start = 0
        while start < count:
            stop = start + 1
            while stop < count and values[stop] == values[start]:
                stop += 1
            rank = (start + 1 + stop) / 2
            score = rank / count * ((np.float64(values[start]) - least) / (most - least))
            for place in range(start, stop):
                image = chosen[place]
                for member in range(first[image], first[image + np.uint32(1)]):
                    sums[row, subsets[member]] += score
            start = stop
