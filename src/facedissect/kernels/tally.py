"""What fires and what it shares with masks: upsample, compare and intersect row by row as bits; no upsampled map is ever held.

Within the pixels between two neighbouring columns of a map, `a + t (b - a)` is monotone in t, in floating point too, since
rounding is monotone. What fires there is therefore all, nothing, or a run from one end that a binary search finds; and where
neither neighbour exceeds the threshold nothing can. So a row costs a few comparisons for each column of the map that is near the
threshold, and not one for each pixel.
"""

from __future__ import annotations

import numpy as np

from .compile import compiled, popcount


@compiled
def overlaps(
    thread,
    threads,
    maps,
    rows_of_maps,
    units,
    images,
    thresholds,
    ignore_zeros,
    row_low,
    row_high,
    row_weight,
    first,
    last,
    left,
    right,
    weight,
    mask_of_image,
    mask_first,
    mask_start,
    mask_words,
    area,
    shared,
):
    height = row_low.shape[0]
    columns = maps.shape[2]
    words = mask_words.shape[1]
    lit = np.zeros((height, words), np.uint64)
    row = np.zeros(columns, np.float32)
    above = np.zeros(maps.shape[1], np.bool_)
    for pair in range(units.shape[0]):
        unit = units[pair]
        if unit % threads != thread:
            continue
        threshold = thresholds[unit]
        image = images[pair]
        values = maps[rows_of_maps[pair]]
        for i in range(values.shape[0]):
            hot = False
            for j in range(columns):
                hot |= values[i, j] > threshold
            above[i] = hot
        fires = 0
        by_pixel = ignore_zeros and threshold < 0
        top, bottom = height, 0
        for y in range(height):
            for word in range(words):
                lit[y, word] = 0
            low, high = row_low[y], row_high[y]
            if not (above[low] or above[high]):
                continue
            t = row_weight[y]
            hot = False
            for j in range(columns):
                a = values[low, j]
                v = a + t * (values[high, j] - a)
                row[j] = v
                hot |= v > threshold
            if not hot:
                continue
            for segment in range(first.shape[0]):
                a, b = row[left[segment]], row[right[segment]]
                if not (a > threshold or b > threshold):
                    continue
                start, stop = first[segment], last[segment]
                d = b - a
                if by_pixel:
                    for x in range(start, stop + 1):
                        v = a + weight[x] * d
                        if v > threshold and v != 0:
                            lit[y, x >> 6] |= np.uint64(1) << np.uint64(x & 63)
                    continue
                at_start = a + weight[start] * d > threshold
                at_stop = a + weight[stop] * d > threshold
                if at_start != at_stop:
                    # The last pixel that is as the first one is.
                    near, far = start, stop
                    while far - near > 1:
                        middle = (near + far) >> 1
                        if (a + weight[middle] * d > threshold) == at_start:
                            near = middle
                        else:
                            far = middle
                    if at_start:
                        stop = near
                    else:
                        start = far
                elif not at_start:
                    continue
                from_word, to_word = start >> 6, stop >> 6
                head = ~np.uint64(0) << np.uint64(start & 63)
                tail = ~np.uint64(0) >> np.uint64(63 - (stop & 63))
                if from_word == to_word:
                    lit[y, from_word] |= head & tail
                else:
                    lit[y, from_word] |= head
                    for word in range(from_word + 1, to_word):
                        lit[y, word] = ~np.uint64(0)
                    lit[y, to_word] |= tail
            for word in range(words):
                fires += popcount(lit[y, word])
            top = min(top, y)
            bottom = y + 1
        area[pair] = fires
        if fires == 0:
            continue
        for mask in range(mask_of_image[image], mask_of_image[image + 1]):
            start = mask_start[mask] - mask_first[mask]
            begin = max(top, mask_first[mask])
            end = min(bottom, mask_first[mask] + mask_start[mask + 1] - mask_start[mask])
            together = 0
            for y in range(begin, end):
                for word in range(words):
                    together += popcount(lit[y, word] & mask_words[start + y, word])
            shared[pair, mask - mask_of_image[image]] = together


@compiled
def add_up(
    thread,
    threads,
    units,
    images,
    area,
    shared,
    mask_of_image,
    mask_concept,
    mask_area,
    absent_of_image,
    absent_concept,
    intersection,
    unit_area,
    firing_area,
    firing_images,
    absent_area,
):
    for pair in range(units.shape[0]):
        unit = units[pair]
        if unit % threads != thread or area[pair] == 0:
            continue
        image = images[pair]
        begin = mask_of_image[image]
        for mask in range(begin, mask_of_image[image + 1]):
            concept = mask_concept[mask]
            intersection[unit, concept] += shared[pair, mask - begin]
            unit_area[unit, concept] += area[pair]
            firing_area[unit, concept] += mask_area[mask]
            firing_images[unit, concept] += 1
        for place in range(absent_of_image[image], absent_of_image[image + 1]):
            absent_area[unit, absent_concept[place]] += area[pair]
