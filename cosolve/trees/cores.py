"""Kernels of reduced-space branch and bound: where samples surely go, optimal last layers, groups on a line."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cosolve.core.jit import jit, jit_allocating

#: What a box says of a node's split: nothing yet, there is none, or there is one.
OPEN, LEAF, SPLIT = 0, 1, 2

#: Feature of a node that splits on a feature not yet chosen.
ANY = -1


class Stumps(NamedTuple):
    """
    Best single splits of buckets of samples.

    Parameters
    ----------
    error
        (buckets,) squared error of each.
    gain
        (buckets,) by how much its best split lowers it, 0 where there is none.
    feature, rank
        (buckets,) that split: ranks <= ``rank`` go left.
    size
        (buckets,) number of samples.
    feature_gain
        (features,) greatest gain of each in any bucket.
    """

    error: np.ndarray
    gain: np.ndarray
    feature: np.ndarray
    rank: np.ndarray
    size: np.ndarray
    feature_gain: np.ndarray


@jit
def route(nodes: np.ndarray, rank: np.ndarray, label: np.ndarray) -> None:
    """Write the heap index of the leaf or last-layer node that each sample surely comes to, or -1 - t if lost at t."""
    num_nodes = len(nodes)
    for i in range(len(label)):
        t = 0
        while t < num_nodes and nodes[t, 0] != LEAF:
            feature = nodes[t, 1]
            if nodes[t, 0] == OPEN or feature == ANY:
                t = -1 - t
                break
            r = rank[feature, i]
            if r <= nodes[t, 2]:
                t = 2 * t + 1
            elif r > nodes[t, 3]:
                t = 2 * t + 2
            else:
                t = -1 - t
                break
        label[i] = t


@jit_allocating
def best_stumps(
    label: np.ndarray,
    num_buckets: int,
    first_last: int,
    y: np.ndarray,
    weights: np.ndarray,
    order: np.ndarray,
    rank: np.ndarray,
    min_samples_leaf: int,
) -> Stumps:
    """Buckets by the (n,) ``label`` of each sample, negative for none; those from ``first_last`` on may be split."""
    count = np.zeros(num_buckets, np.int64)
    weight, total, square = np.zeros(num_buckets), np.zeros(num_buckets), np.zeros(num_buckets)
    for i in range(len(label)):
        b = label[i]
        if b >= 0:
            count[b] += 1
            weight[b] += weights[i]
            total[b] += weights[i] * y[i]
            square[b] += weights[i] * y[i] * y[i]
    error, gain = np.zeros(num_buckets), np.zeros(num_buckets)
    for b in range(num_buckets):
        if count[b] > 0:
            error[b] = max(0.0, square[b] - total[b] * total[b] / weight[b])
    feature, cut = np.full(num_buckets, -1, np.int32), np.full(num_buckets, -1, np.int32)
    feature_gain = np.zeros(len(order))
    left_count, last = np.empty(num_buckets, np.int64), np.empty(num_buckets, np.int64)
    left_weight, left_total = np.empty(num_buckets), np.empty(num_buckets)
    for j in range(len(order)):
        left_count[:] = 0
        left_weight[:] = 0.0
        left_total[:] = 0.0
        last[:] = -1
        for position in range(len(label)):
            i = order[j, position]
            b = label[i]
            if b < first_last:
                continue
            r = rank[j, i]
            if r != last[b]:
                n_left, n_right = left_count[b], count[b] - left_count[b]
                if n_left >= min_samples_leaf and n_right >= min_samples_leaf:
                    w, s = left_weight[b], left_total[b]
                    rest = total[b] - s
                    g = s * s / w + rest * rest / (weight[b] - w) - total[b] * total[b] / weight[b]
                    feature_gain[j] = max(feature_gain[j], g)
                    if g > gain[b]:
                        gain[b], feature[b], cut[b] = g, j, last[b]
                last[b] = r
            left_count[b] += 1
            left_weight[b] += weights[i]
            left_total[b] += weights[i] * y[i]
    for b in range(num_buckets):
        gain[b] = min(gain[b], error[b])
    return Stumps(error, gain, feature, cut, count, feature_gain)


@jit_allocating
def clusters(y: np.ndarray, weights: np.ndarray, k: int) -> float:
    """
    Least weighted squared error of sorted numbers in at most k groups; O(k n log n).

    Groups are intervals, and the start of the last one does not move back as numbers are added: divide and conquer
    over that start (Grønlund et al. 2017, "Fast exact k-means, k-medians and Bregman divergence clustering in 1D").
    """
    n = len(y)
    if n <= k:
        return 0.0
    w, s, q = np.zeros(n + 1), np.zeros(n + 1), np.zeros(n + 1)
    for i in range(n):
        w[i + 1] = w[i] + weights[i]
        s[i + 1] = s[i] + weights[i] * y[i]
        q[i + 1] = q[i] + weights[i] * y[i] * y[i]
    best = np.zeros(n + 1)
    for i in range(1, n + 1):
        best[i] = max(0.0, q[i] - s[i] * s[i] / w[i])
    following = np.empty(n + 1)
    stack = np.empty((128, 4), np.int64)  # one entry for each halving that is under way
    for _ in range(k - 1):
        following[0] = 0.0
        # Entries: first and last end to fill in, first and last start that can be best there.
        stack[0] = (1, n, 0, n - 1)
        size = 1
        while size > 0:
            size -= 1
            first, end, low, high = stack[size]
            middle = (first + end) // 2
            least, at = np.inf, low
            for start in range(low, min(high, middle - 1) + 1):
                mass = w[middle] - w[start]
                part = s[middle] - s[start]
                value = best[start] + max(0.0, q[middle] - q[start] - part * part / mass)
                if value < least:
                    least, at = value, start
            following[middle] = least
            if first < middle:
                stack[size] = (first, middle - 1, low, at)
                size += 1
            if middle < end:
                stack[size] = (middle + 1, end, at, high)
                size += 1
        best, following = following, best
    return best[n]
