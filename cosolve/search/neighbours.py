"""
Candidate lists: the k nearest neighbours of every point, or the nearest in each quadrant, by a k-d tree or by brute
force on a matrix.

The tree is balanced and implicit: node t covers ``tree_order[lo:hi]``, its halves meet at the middle, and only the
splitting dimension and value are stored. Building takes O(n log n), a query O(k + log n) on the average [1]_.

References
----------
.. [1] Bentley, J. L. (1992). Fast algorithms for geometric traveling salesman problems.
       *ORSA Journal on Computing* 4(4): 387-411.
"""

from __future__ import annotations

import numpy as np

from cosolve.core.jit import jit, jit_allocating
from cosolve.core.metric import Metric, distance

_GEO = int(Metric.GEO)

#: Points in a leaf, at most.
_LEAF = 8

#: Leaves that the search of one quadrant looks at, at most.
_MAX_LEAVES = 100


@jit_allocating
def points_of(metric: int, coords: np.ndarray) -> np.ndarray:
    """Points whose straight-line distances rank as the metric does: on the unit sphere for GEO, else as they are."""
    if metric != _GEO:
        return coords
    points = np.empty((len(coords), 3))
    for i in range(len(coords)):
        points[i, 0] = np.cos(coords[i, 0]) * np.cos(coords[i, 1])
        points[i, 1] = np.cos(coords[i, 0]) * np.sin(coords[i, 1])
        points[i, 2] = np.sin(coords[i, 0])
    return points


@jit
def _select(points: np.ndarray, order: np.ndarray, lo: int, hi: int, middle: int, axis: int) -> None:
    """Partition ``order[lo:hi]`` so that the element at ``middle`` is in its sorted place (Hoare's selection)."""
    left, right = lo, hi - 1
    while left < right:
        # Median of three against sorted input.
        a, b, c = points[order[left], axis], points[order[(left + right) // 2], axis], points[order[right], axis]
        pivot = max(min(a, b), min(max(a, b), c))
        i, j = left, right
        while i <= j:
            while points[order[i], axis] < pivot:
                i += 1
            while points[order[j], axis] > pivot:
                j -= 1
            if i <= j:
                order[i], order[j] = order[j], order[i]
                i += 1
                j -= 1
        if middle <= j:
            right = j
        elif middle >= i:
            left = i
        else:
            return


@jit_allocating
def build_tree(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """
    Balanced k-d tree over (n, d) points.

    Returns
    -------
    order, axis, value
        Points in the order of the leaves (also a good order to number them in, for memory), and splitting
        dimension (-1: leaf) and value of each node, children of t at 2t + 1 and 2t + 2.
    """
    n, dimensions = points.shape
    order = np.arange(n).astype(np.int32)
    depth = 0
    while (n >> depth) > _LEAF:
        depth += 1
    axis = np.full(2 << depth, -1, np.int8)
    value = np.zeros(2 << depth)
    stack = np.empty((4 * depth + 8, 3), np.int64)
    stack[0, 0], stack[0, 1], stack[0, 2] = 0, 0, n
    top = 1
    while top > 0:
        top -= 1
        node, lo, hi = stack[top, 0], stack[top, 1], stack[top, 2]
        if hi - lo <= _LEAF or 2 * node + 2 >= len(axis):
            continue
        widest, best = 0, -1.0
        for d in range(dimensions):
            least = greatest = points[order[lo], d]
            for k in range(lo + 1, hi):
                x = points[order[k], d]
                least = min(least, x)
                greatest = max(greatest, x)
            if greatest - least > best:
                widest, best = d, greatest - least
        middle = (lo + hi) // 2
        _select(points, order, lo, hi, middle, widest)
        axis[node] = widest
        value[node] = points[order[middle], widest]
        stack[top, 0], stack[top, 1], stack[top, 2] = 2 * node + 1, lo, middle
        stack[top + 1, 0], stack[top + 1, 1], stack[top + 1, 2] = 2 * node + 2, middle, hi
        top += 2
    return order, axis, value


@jit
def _quadrant(points: np.ndarray, centre: int, other: int) -> int:
    return (points[other, 0] >= points[centre, 0]) + 2 * (points[other, 1] >= points[centre, 1])


@jit
def query(
    points: np.ndarray,
    order: np.ndarray,
    axis: np.ndarray,
    value: np.ndarray,
    centre: int,
    found: np.ndarray,
    squares: np.ndarray,
    stack: np.ndarray,
    offsets: np.ndarray,
    quadrant: int,
) -> int:
    """
    The ``len(found)`` points nearest to ``centre``, itself left out, by insertion into a sorted list; how many.

    Quadrant 0 to 3 takes those in one quadrant around the centre only: bit 0 is set where the first coordinate is
    not smaller, bit 1 for the second. -1 takes all. A quadrant is given up after ``_MAX_LEAVES`` leaves: where
    there is next to nothing in it, the tree can't know.
    """
    k = len(found)
    size = 0
    stack[0, 0], stack[0, 1], stack[0, 2] = 0, 0, len(order)
    offsets[0] = 0.0
    top = 1
    leaves = 0
    while top > 0 and (quadrant < 0 or leaves < _MAX_LEAVES):
        leaves += 1
        top -= 1
        node, lo, hi = stack[top, 0], stack[top, 1], stack[top, 2]
        if size == k and offsets[top] >= squares[k - 1]:
            continue
        while axis[node] >= 0:
            gap = points[centre, axis[node]] - value[node]
            middle = (lo + hi) // 2
            is_wanted = quadrant < 0 or ((quadrant >> axis[node]) & 1 == 1) == (gap < 0)
            if gap < 0:
                stack[top, 0], stack[top, 1], stack[top, 2] = 2 * node + 2, middle, hi
                node, hi = 2 * node + 1, middle
            else:
                stack[top, 0], stack[top, 1], stack[top, 2] = 2 * node + 1, lo, middle
                node, lo = 2 * node + 2, middle
            offsets[top] = gap * gap
            top += is_wanted
        for p in range(lo, hi):
            other = order[p]
            if other == centre or (quadrant >= 0 and _quadrant(points, centre, other) != quadrant):
                continue
            square = 0.0
            for d in range(points.shape[1]):
                gap = points[other, d] - points[centre, d]
                square += gap * gap
            if size < k:
                at = size
                size += 1
            elif square < squares[k - 1]:
                at = k - 1
            else:
                continue
            while at > 0 and squares[at - 1] > square:
                squares[at] = squares[at - 1]
                found[at] = found[at - 1]
                at -= 1
            squares[at] = square
            found[at] = other
    return size


@jit_allocating
def nearest_points(points: np.ndarray, k: int) -> np.ndarray:
    """(n, min(k, n - 1)) int32 indices of the nearest points, nearest first; O(n (k + log n)) on the average."""
    n = len(points)
    k = min(k, n - 1)
    neighbours = np.empty((n, k), np.int32)
    if k == 0:
        return neighbours
    order, axis, value = build_tree(points)
    stack = np.empty((128, 3), np.int64)
    offsets = np.empty(128)
    squares = np.empty(k)
    for p in range(n):  # in the order of the leaves: consecutive queries touch the same memory
        query(points, order, axis, value, order[p], neighbours[order[p]], squares, stack, offsets, -1)
    return neighbours


@jit_allocating
def quadrant_points(points: np.ndarray, k: int, num_nearest: int) -> np.ndarray:
    """
    (n, min(k, n - 1)) int32 candidates: some nearest points, then the nearest two of each quadrant.

    Lists are filled up by the next nearest. Where points form clusters, the nearest alone never lead out of
    one [1]_. O(n (k + log n)) on the average.

    References
    ----------
    .. [1] Johnson, D. S., McGeoch, L. A. (1997). The traveling salesman problem: a case study in local
           optimization. In: Aarts, E., Lenstra, J. K. (eds.) *Local Search in Combinatorial Optimization*. Wiley.
    """
    n = len(points)
    k = min(k, n - 1)
    neighbours = np.empty((n, k), np.int32)
    if k == 0:
        return neighbours
    order, axis, value = build_tree(points)
    stack = np.empty((128, 3), np.int64)
    offsets = np.empty(128)
    near, near_squares = np.empty(k, np.int32), np.empty(k)
    found, squares = np.empty(2, np.int32), np.empty(2)
    wanted, distances = np.empty(8, np.int32), np.empty(8)
    for p in range(n):
        i = order[p]
        query(points, order, axis, value, i, near, near_squares, stack, offsets, -1)
        count = 0
        for quadrant in range(4):
            size = query(points, order, axis, value, i, found, squares, stack, offsets, quadrant)
            for q in range(size):
                at = count
                while at > 0 and distances[at - 1] > squares[q]:
                    distances[at], wanted[at] = distances[at - 1], wanted[at - 1]
                    at -= 1
                distances[at], wanted[at] = squares[q], found[q]
                count += 1
        filled = min(num_nearest, k)
        neighbours[i, :filled] = near[:filled]
        filled = _add_new(neighbours[i], filled, wanted[:count])
        _add_new(neighbours[i], filled, near)
    return neighbours


@jit
def _add_new(row: np.ndarray, filled: int, others: np.ndarray) -> int:
    """Put those that are not there yet behind the first entries, while there is room; how many entries there are."""
    for other in others:
        is_there = False
        for q in range(filled):
            is_there = is_there or row[q] == other
        if not is_there and filled < len(row):
            row[filled] = other
            filled += 1
    return filled


@jit_allocating
def nearest_by_matrix(matrix: np.ndarray, k: int) -> np.ndarray:
    """(n, min(k, n - 1)) int32 columns of the smallest entries of each row, of equal ones the first; no diagonal."""
    n = len(matrix)
    k = min(k, n - 1)
    neighbours = np.empty((n, k), np.int32)
    lengths = np.empty(k)
    for i in range(n if k > 0 else 0):
        size = 0
        for j in range(n):
            length = matrix[i, j]
            if j == i or (size == k and not length < lengths[k - 1]):
                continue
            place = size if size < k else k - 1
            while place > 0 and length < lengths[place - 1]:
                lengths[place], neighbours[i, place] = lengths[place - 1], neighbours[i, place - 1]
                place -= 1
            lengths[place], neighbours[i, place] = length, j
            size = min(k, size + 1)
    return neighbours


@jit_allocating
def nearest(metric: int, coords: np.ndarray, matrix: np.ndarray, k: int) -> np.ndarray:
    """Candidate lists for :func:`cosolve.core.metric.distance` arguments; see :func:`nearest_points`."""
    if metric == 0:
        return nearest_by_matrix(matrix, k)
    return nearest_points(points_of(metric, coords), k)


@jit_allocating
def neighbour_distances(metric: int, coords: np.ndarray, matrix: np.ndarray, neighbours: np.ndarray) -> np.ndarray:
    """Distance to every candidate; also sorts each list by it, since the tree ranks by straight lines."""
    n, k = neighbours.shape
    lengths = np.empty((n, k))
    for i in range(n):
        for p in range(k):
            other = neighbours[i, p]
            length = distance(metric, coords, matrix, i, other)
            at = p
            while at > 0 and lengths[i, at - 1] > length:
                lengths[i, at] = lengths[i, at - 1]
                neighbours[i, at] = neighbours[i, at - 1]
                at -= 1
            lengths[i, at] = length
            neighbours[i, at] = other
    return lengths
