"""Placements and ranks within strata, read off by the same walk along each unit's sorted peaks as its scores are.

The *placement* of an image is how many images of another group lie below it, one that is equal counting half. Sums run in the
order of the peaks, and equal peaks of a group add the same number, so that a sum does not depend on the order of the images.
"""

from __future__ import annotations

import numpy as np

from .compile import compiled


@compiled
def add_placements(thread, threads, peaks, order, cell, sizes, placements, squares, other_squares, second, third):
    """Compare each group with all others of its stratum.

    The squares of the others' placements are added where the members are met: with each of them, those of all others above grow.

    Args:
        peaks, order: (unit, image) as `ranking.sort_peaks` leaves them.
        cell: (image) int32, its stratum times the number of groups, and its group; -1 for an image that does not count.
        sizes: (stratum, group) int64, images.
        placements, squares: (unit, stratum, group) float64, added to: placements of the members among the others, and their
            squares; NaN for a unit with peaks that are not finite.
        other_squares: (unit, stratum, group) float64, added to: squares of the placements of the others among the members.
        second, third: (unit, stratum) float64, added to: powers of the ranks within the stratum less their mean.
    """
    images, (strata, groups) = cell.shape[0], sizes.shape
    cells, values = np.empty(images + 1, np.int32), np.empty(images + 1, np.float32)
    stratum, others, whole = np.empty(strata * groups, np.int32), np.empty(strata * groups), np.zeros(strata)
    for row in range(strata):
        for group in range(groups):
            stratum[row * groups + group] = row
            whole[row] += sizes[row, group]
    for row in range(strata):
        for group in range(groups):
            others[row * groups + group] = whole[row] - sizes[row, group]
    # Images seen so far, and those that are equal to the present one: of each cell, and of the whole stratum.
    below, equal = np.empty(strata * groups), np.zeros(strata * groups)
    all_below, all_equal = np.empty(strata), np.zeros(strata)
    sums, powers = np.empty((strata * groups, 3)), np.empty((strata, 2))
    for unit in range(thread, peaks.shape[0], threads):
        count = 0
        for place in range(images):
            cells[count] = cell[order[unit, place]]
            values[count] = peaks[unit, place]
            count += cells[count] >= 0
        if count == 0:
            continue
        if not (np.isfinite(values[0]) and np.isfinite(values[count - 1])):
            placements[unit] = np.nan
            continue
        below[:] = 0
        all_below[:] = 0
        sums[:] = 0
        powers[:] = 0
        start = 0
        while start < count:
            stop = start + 1
            while stop < count and values[stop] == values[start]:
                stop += 1
            if stop == start + 1:
                own = cells[start]
                row = stratum[own]
                value = all_below[row] - below[own]
                sums[own, 0] += value
                sums[own, 1] += value * value
                sums[own, 2] += (2 * below[own] + 1) * (others[own] - value)
                away = all_below[row] + 0.5 - whole[row] / 2
                powers[row, 0] += away * away
                powers[row, 1] += away * away * away
                below[own] += 1
                all_below[row] += 1
                start = stop
                continue
            for place in range(start, stop):
                own = cells[place]
                equal[own] += 1
                all_equal[stratum[own]] += 1
            for place in range(start, stop):
                own = cells[place]
                members = equal[own]
                if members > 0:
                    row = stratum[own]
                    beside = all_equal[row] - members
                    under = all_below[row] - below[own]
                    value = under + beside / 2
                    sums[own, 0] += members * value
                    sums[own, 1] += members * (value * value)
                    sums[own, 2] += (2 * below[own] + members) * members * (others[own] - under - beside)
                    sums[own, 2] += (below[own] + members / 4) * members * beside
                    equal[own] = -members  # the cell is done
            for place in range(start, stop):
                own = cells[place]
                row = stratum[own]
                below[own] -= equal[own]
                equal[own] = 0
                if all_equal[row] > 0:
                    away = all_below[row] + all_equal[row] / 2 - whole[row] / 2
                    powers[row, 0] += all_equal[row] * (away * away)
                    powers[row, 1] += all_equal[row] * (away * away * away)
                    all_below[row] += all_equal[row]
                    all_equal[row] = 0
            start = stop
        for row in range(strata):
            for group in range(groups):
                placements[unit, row, group] += sums[row * groups + group, 0]
                squares[unit, row, group] += sums[row * groups + group, 1]
                other_squares[unit, row, group] += sums[row * groups + group, 2]
            second[unit, row] += powers[row, 0]
            third[unit, row] += powers[row, 1]


@compiled
def add_products(thread, threads, peaks, order, stratum, sizes, weights, others, products, squares):
    """Multiply the ranks of peaks within their strata, less their mean, with those of other things.

    Here the images of equal peaks add in their own order.

    Args:
        peaks, order: (unit, image) as `ranking.sort_peaks` leaves them.
        stratum: (image) int32, within which it is ranked; -1 for an image that does not count.
        sizes: (stratum) int64, images that count.
        weights: (stratum) float64, of each product.
        others: (image, measure) float64, the ranks of other things less their mean.
        products: (unit, measure) float64, added to; NaN for a unit with peaks that are not finite.
        squares: (unit) float64, added to: weighted squares of the ranks of peaks.
    """
    images, measures = others.shape
    chosen, values = np.empty(images + 1, np.uint32), np.empty(images + 1, np.float32)
    below, equal = np.empty(sizes.shape[0]), np.empty(sizes.shape[0])
    for unit in range(thread, peaks.shape[0], threads):
        count = 0
        for place in range(images):
            image = order[unit, place]
            chosen[count] = image
            values[count] = peaks[unit, place]
            count += stratum[image] >= 0
        if count == 0:
            continue
        if not (np.isfinite(values[0]) and np.isfinite(values[count - 1])):
            products[unit] = np.nan
            continue
        below[:] = 0
        equal[:] = 0
        start = 0
        while start < count:
            stop = start + 1
            while stop < count and values[stop] == values[start]:
                stop += 1
            for place in range(start, stop):
                equal[stratum[chosen[place]]] += 1
            for place in range(start, stop):
                image = chosen[place]
                row = stratum[image]
                away = below[row] + equal[row] / 2 - sizes[row] / 2
                squares[unit] += weights[row] * (away * away)
                for measure in range(measures):
                    products[unit, measure] += weights[row] * (away * others[image, measure])
            for place in range(start, stop):
                below[stratum[chosen[place]]] += 1
                equal[stratum[chosen[place]]] = 0
            start = stop
