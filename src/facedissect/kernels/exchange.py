"""How likely a sum of independent draws, one from each of some groups, is at least what was observed.

Exact by counting where there are few groups or the sum is the largest there is, else by the saddlepoint approximation of
Lugannani and Rice (1980) to the exact distribution, whose relative error is small far out in the tail too.
"""

from __future__ import annotations

import math

import numpy as np

from .compile import compiled

HALF = 4096
"""Sums of either half of the groups up to which all combinations are looked at."""


@compiled
def tails(thread, threads, start, sums, sizes, p):
    """The first of the values of each group is the observed one; every value is as likely as the others."""
    groups, shifts = sums.shape
    centred = np.zeros((groups, shifts))
    size = np.zeros(groups, np.int64)
    one, other = np.zeros(HALF), np.zeros(HALF)
    for test in range(start.shape[0] - 1):
        if test % threads != thread:
            continue
        used, variance = 0, 0.0
        for group in range(start[test], start[test + 1]):
            count = sizes[group]
            mean, spread = 0.0, 0.0
            for s in range(count):
                mean += sums[group, s] / count
            for s in range(count):
                centred[used, s] = sums[group, s] - mean
                spread += centred[used, s] ** 2 / count
            if spread > 0:
                variance += spread
                size[used] = count
                used += 1
        if used == 0:
            p[test] = 1.0
            continue
        scale = 1 / math.sqrt(variance)
        observed, most, all_most = 0.0, 0.0, 1.0
        half, ones, others = 0, 1, 1
        for group in range(used):
            for s in range(size[group]):
                centred[group, s] *= scale
            high = centred[group, 0]
            for s in range(size[group]):
                high = max(high, centred[group, s])
            equal = 0
            for s in range(size[group]):
                equal += centred[group, s] == high
            observed += centred[group, 0]
            most += high
            all_most *= equal / size[group]
            if half == group and ones * size[group] <= HALF:
                half, ones = group + 1, ones * size[group]
            elif others <= HALF:
                others *= size[group]
        if observed >= most - 1e-9:
            p[test] = all_most
        elif half and others <= HALF:
            p[test] = _counted(centred, size, used, half, observed, one, other)
        else:
            p[test] = min(1.0, max(all_most, _saddlepoint(centred, size, used, observed)))


@compiled
def _counted(values, size, used, half, observed, one, other):
    """The share of all combinations whose sum is at least the observed one, by the sums of either half of the groups."""
    ones = _all_sums(values, size, 0, half, one)
    others = _all_sums(values, size, half, used, other)
    ordered = np.sort(other[:others])
    reached = 0
    for place in range(ones):
        reached += others - np.searchsorted(ordered, observed - 1e-9 - one[place])
    return reached / (ones * others)


@compiled
def _all_sums(values, size, begin, end, sums):
    """Every sum of one value of each group; how many there are."""
    count = 1
    sums[0] = 0.0
    for group in range(begin, end):
        for s in range(size[group] - 1, -1, -1):
            for place in range(count):
                sums[s * count + place] = sums[place] + values[group, s]
        count *= size[group]
    return count


@compiled
def _cumulants(values, size, used, t):
    """The cumulant generating function of the sum at t, and its first three derivatives."""
    k, k1, k2, k3 = 0.0, 0.0, 0.0, 0.0
    for group in range(used):
        count = size[group]
        high = t * values[group, 0]
        for s in range(1, count):
            high = max(high, t * values[group, s])
        weight, m1, m2, m3 = 0.0, 0.0, 0.0, 0.0
        for s in range(count):
            v = values[group, s]
            w = math.exp(t * v - high)
            weight += w
            m1 += w * v
            m2 += w * v * v
            m3 += w * v * v * v
        m1, m2, m3 = m1 / weight, m2 / weight, m3 / weight
        k += high + math.log(weight / count)
        k1 += m1
        k2 += m2 - m1 * m1
        k3 += m3 - 3 * m1 * m2 + 2 * m1**3
    return k, k1, k2, k3


@compiled
def _saddlepoint(values, size, used, observed):
    low, high = -1e6, 1e6
    t = min(max(observed, -30.0), 30.0)
    k, k1, k2, _ = _cumulants(values, size, used, t)
    for _ in range(100):
        if abs(k1 - observed) < 1e-10:
            break
        if k1 < observed:
            low = t
        else:
            high = t
        following = t + (observed - k1) / k2 if k2 > 0 else high
        if not low < following < high:
            # Where Newton leaves the bracket: double from an open end, else halve.
            if high >= 1e6 and low > 0:
                following = 2 * low + 1
            elif low <= -1e6 and high < 0:
                following = 2 * high - 1
            else:
                following = (low + high) / 2
        t = following
        k, k1, k2, _ = _cumulants(values, size, used, t)
    if abs(t) < 1e-3:
        # Where the formula is 0/0: its limit, with the skewness.
        _, _, spread, skew = _cumulants(values, size, used, 0.0)
        density = 1 / math.sqrt(2 * math.pi)
        return 0.5 - density * (observed / math.sqrt(spread) + skew / (6 * spread**1.5))
    w = math.copysign(math.sqrt(max(0.0, 2 * (t * observed - k))), t)
    u = t * math.sqrt(k2)
    tail = 0.5 * math.erfc(w / math.sqrt(2))
    return tail + math.exp(-w * w / 2) / math.sqrt(2 * math.pi) * (1 / u - 1 / w)
