"""One look at every value of a batch of maps: extremes of each map, and each unit's largest values so far.

Floats are compared by keys: their bits as a signed integer, turned so that integers order as the numbers do. Extremes of integers
are found many at a time, and NaN, whose keys lie beyond those of the infinities, is noticed on the way.
"""

from __future__ import annotations

import numpy as np

from .compile import compiled

TURN = np.int32(0x7FFFFFFF)
HIGHEST = np.int32(0x7F800000)  # the key of infinity
LOWEST = np.int32(-0x7F800001)  # and of minus infinity
NAN = np.int32(0x7FC00000)


@compiled
def survey(thread, threads, bits, local, capacity, bound, kept, filled, highest, lowest):
    """Take in a batch.

    Args:
        bits: (image, unit, value) the maps' floats as int32.
        local: (image) whether its values count for the thresholds.
        capacity: how many of the largest values of a unit matter; 0 for none.
        bound: (unit) key that a value must exceed to matter, no more than that of the unit's `capacity`-th largest value.
        kept: (unit, room) keys of values that may matter, `filled` of them; twice `capacity` is room enough.
        highest, lowest: (image, unit) extremes as int32 bits, written; NaN where a map has one.
    """
    images, units, values = bits.shape
    begin, end = thread * units // threads, (thread + 1) * units // threads
    for image in range(images):
        for unit in range(begin, end):
            row = bits[image, unit]
            high, low = np.int32(-0x7FFFFFFF), TURN
            for place in range(values):
                key = row[place] ^ ((row[place] >> np.int32(31)) & TURN)
                high = max(high, key)
                low = min(low, key)
            if high > HIGHEST or low < LOWEST:
                highest[image, unit] = NAN
                lowest[image, unit] = NAN
                continue  # such a unit has no threshold
            highest[image, unit] = high ^ ((high >> np.int32(31)) & TURN)
            lowest[image, unit] = low ^ ((low >> np.int32(31)) & TURN)
            if capacity and local[image] and high > bound[unit]:
                for place in range(values):
                    key = row[place] ^ ((row[place] >> np.int32(31)) & TURN)
                    if key > bound[unit]:
                        _keep(key, unit, capacity, bound, kept, filled)


@compiled
def keep(thread, threads, keys, units, capacity, bound, kept, filled):
    """Take in single values, by their keys and units; `bound`, `kept` and `filled` as for `survey`."""
    for place in range(keys.shape[0]):
        unit = units[place]
        if unit % threads == thread and keys[place] > bound[unit]:
            _keep(keys[place], unit, capacity, bound, kept, filled)


@compiled
def _keep(key, unit, capacity, bound, kept, filled):
    if filled[unit] == kept.shape[1]:
        _select(kept[unit], capacity)
        filled[unit] = capacity
        least = kept[unit, 0]
        for place in range(1, capacity):
            least = min(least, kept[unit, place])
        bound[unit] = least
        if key <= least:
            return
    kept[unit, filled[unit]] = key
    filled[unit] += 1


@compiled
def settle(thread, threads, capacity, bound, kept, filled):
    """Raise every bound to the `capacity`-th largest value seen."""
    for unit in range(thread, filled.shape[0], threads):
        if filled[unit] >= capacity:
            _select(kept[unit, : filled[unit]], capacity)
            filled[unit] = capacity
            least = kept[unit, 0]
            for place in range(1, capacity):
                least = min(least, kept[unit, place])
            bound[unit] = least


@compiled
def _select(keys, count):
    """Move the `count` largest keys to the front (Hoare's quickselect; many equal keys do not slow it down)."""
    left, right = 0, keys.shape[0] - 1
    while left < right:
        a, b, c = keys[left], keys[(left + right) // 2], keys[right]
        pivot = max(min(a, b), min(max(a, b), c))
        i, j = left, right
        while i <= j:
            while keys[i] > pivot:
                i += 1
            while keys[j] < pivot:
                j -= 1
            if i <= j:
                keys[i], keys[j] = keys[j], keys[i]
                i += 1
                j -= 1
        if count - 1 <= j:
            right = j
        elif count - 1 >= i:
            left = i
        else:
            return


@compiled
def rank_top_faces(thread, threads, highest, order, peaks, faces, source):
    """Keep each unit's faces with the highest peaks, best first; of equals the first in order, NaN last.

    Args:
        highest: (image, unit) peaks of a batch.
        order: (image) the face's place in the order of all.
        peaks, faces: (unit, place) those so far, changed; faces is -1 where there is none yet.
        source: (unit, place) written: the image that a place is taken from, or -1 - the place where it was.
    """
    places = peaks.shape[1]
    for unit in range(thread, peaks.shape[0], threads):
        for place in range(places):
            source[unit, place] = -1 - place
        for image in range(highest.shape[0]):
            peak = highest[image, unit]
            place = places
            while place > 0 and _before(peak, order[image], peaks[unit, place - 1], faces[unit, place - 1]):
                place -= 1
            if place < places:
                for later in range(places - 1, place, -1):
                    peaks[unit, later] = peaks[unit, later - 1]
                    faces[unit, later] = faces[unit, later - 1]
                    source[unit, later] = source[unit, later - 1]
                peaks[unit, place] = peak
                faces[unit, place] = order[image]
                source[unit, place] = image


@compiled
def _before(peak, face, other, other_face):
    if other_face < 0:
        return True
    if np.isnan(peak) or np.isnan(other):
        known, other_known = not np.isnan(peak), not np.isnan(other)
        return (known and not other_known) or (known == other_known and face < other_face)
    return peak > other or (peak == other and face < other_face)
