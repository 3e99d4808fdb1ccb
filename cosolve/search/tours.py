"""
Tour construction: greedy edge and a space-filling curve.

Greedy edge takes the shortest edge that keeps degrees <= 2 and closes no cycle, from candidate lists; the
fragments' ends are then matched in the same way among themselves until one path is left. O(n log n) [1]_; a tour
is 14 to 20 % above the optimum for uniform points.

References
----------
.. [1] Bentley, J. L. (1992). Fast algorithms for geometric traveling salesman problems.
       *ORSA Journal on Computing* 4(4): 387-411.
"""

from __future__ import annotations

import numpy as np

from cosolve.core.jit import frozen, jit, jit_allocating
from cosolve.core.metric import Metric, distance
from cosolve.core.union_find import find
from cosolve.search.neighbours import nearest, neighbour_distances, quadrant_points

#: Candidates of each end when fragments are joined; below this many ends all pairs are tried.
_JOIN = 6


@jit
def _take_edges(
    first: np.ndarray, second: np.ndarray, ranking: np.ndarray, links: np.ndarray, parent: np.ndarray
) -> int:
    """Add edges in the order of ``ranking`` while degrees stay <= 2 and no cycle closes; how many were added."""
    added = 0
    for e in ranking:
        a, b = first[e], second[e]
        if links[a, 1] >= 0 or links[b, 1] >= 0:
            continue
        root_a, root_b = find(parent, a), find(parent, b)
        if root_a == root_b:
            continue
        parent[root_a] = root_b
        links[a, 0 if links[a, 0] < 0 else 1] = b
        links[b, 0 if links[b, 0] < 0 else 1] = a
        added += 1
    return added


@jit_allocating
def _pairs(neighbours: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Candidate edges, each once: a list that does not hold the way back keeps its own."""
    n, k = neighbours.shape
    first = np.empty(n * k, np.int32)
    second = np.empty(n * k, np.int32)
    length = np.empty(n * k)
    count = 0
    for i in range(n):
        for p in range(k):
            j = neighbours[i, p]
            is_double = False
            if j < i:
                for q in range(k):
                    is_double = is_double or neighbours[j, q] == i
            if not is_double:
                first[count], second[count], length[count] = i, j, lengths[i, p]
                count += 1
    return first[:count].copy(), second[:count].copy(), length[:count].copy()


@jit_allocating
def _walk(links: np.ndarray) -> np.ndarray:
    """Cities in the order of the one path that is left, or of the cycle of a single city."""
    n = len(links)
    order = np.empty(n, np.int32)
    city = 0
    for i in range(n):
        if links[i, 1] < 0:
            city = i
            break
    previous = -1
    for k in range(n):
        order[k] = city
        following = links[city, 0] if links[city, 0] != previous else links[city, 1]
        # Two cities joined by an edge have each other as both ends' only link.
        previous, city = city, following
    return order


def greedy_edge(
    metric: int, coords: np.ndarray, matrix: np.ndarray, neighbours: np.ndarray, lengths: np.ndarray
) -> np.ndarray:
    """
    Greedy-edge tour of a symmetric instance.

    Parameters
    ----------
    metric, coords, matrix
        As for :func:`cosolve.core.metric.distance`.
    neighbours, lengths
        Candidate lists and their distances.

    Returns
    -------
    numpy.ndarray
        (n,) int32 city order.
    """
    n = max(len(coords), len(matrix)) if metric == 0 else len(coords)
    links = np.full((n, 2), -1, np.int32)
    parent = np.arange(n, dtype=np.int32)
    first, second, length = _pairs(neighbours, lengths)
    fragments = n - _take_edges(first, second, np.argsort(length, kind="stable"), links, parent)
    k = _JOIN
    while fragments > 1:
        ends = np.flatnonzero(links[:, 1] < 0).astype(np.int32)
        k = min(k, len(ends) - 1)
        if metric == 0:
            near = nearest(metric, coords, frozen(matrix[np.ix_(ends, ends)]), k)
        else:
            near = nearest(metric, frozen(coords[ends]), matrix, k)
        first, second, length = _end_pairs(metric, coords, matrix, ends, near)
        added = _take_edges(first, second, np.argsort(length, kind="stable"), links, parent)
        fragments -= added
        # Ends whose candidates all belong to fragments that are joined by now need to look further.
        k = _JOIN if added * 8 > len(ends) else 2 * k
    return _walk(links)


@jit_allocating
def _end_pairs(
    metric: int, coords: np.ndarray, matrix: np.ndarray, ends: np.ndarray, near: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    m, k = near.shape
    first = np.empty(m * k, np.int32)
    second = np.empty(m * k, np.int32)
    length = np.empty(m * k)
    for i in range(m):
        for p in range(k):
            first[i * k + p], second[i * k + p] = ends[i], ends[near[i, p]]
            length[i * k + p] = distance(metric, coords, matrix, ends[i], ends[near[i, p]])
    return first, second, length


@jit_allocating
def _hilbert_keys(coords: np.ndarray) -> np.ndarray:
    """Position of each point on a Hilbert curve of 2^16 x 2^16 cells over the bounding box."""
    n = len(coords)
    low_x, high_x = coords[:, 0].min(), coords[:, 0].max()
    low_y, high_y = coords[:, 1].min(), coords[:, 1].max()
    scale = 65535.0 / max(high_x - low_x, high_y - low_y, 1e-300)
    keys = np.empty(n, np.int64)
    for i in range(n):
        x = int((coords[i, 0] - low_x) * scale)
        y = int((coords[i, 1] - low_y) * scale)
        key = 0
        side = 1 << 15
        while side > 0:
            right = 1 if x & side else 0
            upper = 1 if y & side else 0
            key += side * side * ((3 * right) ^ upper)
            if upper == 0:
                if right == 1:
                    x = 65535 - x
                    y = 65535 - y
                x, y = y, x
            side >>= 1
        keys[i] = key
    return keys


def space_filling_curve(coords: np.ndarray) -> np.ndarray:
    """
    Cities in the order of a Hilbert curve, about 25 % above the optimum for uniform points; O(n log n) [1]_.

    References
    ----------
    .. [1] Platzman, L. K., Bartholdi, J. J. (1989). Spacefilling curves and the planar travelling salesman
           problem. *Journal of the ACM* 36(4): 719-737.
    """
    if len(coords) < 2:
        return np.arange(len(coords), dtype=np.int32)
    return np.argsort(_hilbert_keys(coords), kind="stable").astype(np.int32)


@jit_allocating
def shortest_tour(matrix: np.ndarray) -> np.ndarray:
    """Optimal tour, directed, by dynamic programming over subsets; O(2^n n^2), for n <= 12 or so [1]_.

    References
    ----------
    .. [1] Held, M., Karp, R. M. (1962). A dynamic programming approach to sequencing problems.
           *Journal of the SIAM* 10(1): 196-210.
    """
    n = len(matrix)
    m = n - 1  # the last city is where the tour starts
    order = np.empty(n, np.int32)
    order[0] = m
    if m == 0:
        return order
    best = np.full((1 << m, m), np.inf)
    for j in range(m):
        best[1 << j, j] = matrix[m, j]
    for subset in range(1, 1 << m):
        for j in range(m):
            if best[subset, j] < np.inf:
                for k in range(m):
                    if not (subset >> k) & 1:
                        length = best[subset, j] + matrix[j, k]
                        if length < best[subset | (1 << k), k]:
                            best[subset | (1 << k), k] = length
    subset = (1 << m) - 1
    city = m
    for position in range(n - 1, 0, -1):
        chosen = -1
        for j in range(m):
            if (subset >> j) & 1:
                length = best[subset, j] + matrix[j, city]
                if chosen < 0 or length < best[subset, chosen] + matrix[chosen, city]:
                    chosen = j
        order[position] = chosen
        subset ^= 1 << chosen
        city = chosen
    return order


@jit_allocating
def nearest_neighbour(matrix: np.ndarray, start: int) -> np.ndarray:
    """Directed nearest-neighbour tour on a matrix; O(n^2)."""
    n = len(matrix)
    order = np.empty(n, np.int32)
    seen = np.zeros(n, np.uint8)
    city = start
    for k in range(n):
        order[k] = city
        seen[city] = 1
        best = -1
        for other in range(n):
            if not seen[other] and (best < 0 or matrix[city, other] < matrix[city, best]):
                best = other
        city = best
    return order


def candidates(
    metric: int, coords: np.ndarray, matrix: np.ndarray, k: int, num_nearest: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """
    Candidate lists (n, k) and their distances, nearest first.

    With ``num_nearest``, only so many are the nearest and the others come from the quadrants, where cities have
    coordinates in the plane.
    """
    if num_nearest is None or metric in (int(Metric.MATRIX), int(Metric.GEO)):
        neighbours = nearest(metric, coords, matrix, k)
    else:
        neighbours = quadrant_points(coords, k, num_nearest)
    return neighbours, neighbour_distances(metric, coords, matrix, neighbours)
