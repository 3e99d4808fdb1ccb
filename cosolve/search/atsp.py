"""
Iterated directed 3-opt for the asymmetric TSP, and the assignment bound it leans on.

The only sequential 3-opt move that reverses nothing swaps two neighbouring segments [1]_; it is searched along
candidate arcs with positive partial gain. All lengths are reduced by the dual values of the assignment problem
first: that changes every tour by the same constant, makes candidate lists and the gain criterion meaningful on
strongly asymmetric matrices, and is the idea of [2]_. Kicks are double bridges of three short segments; a kick
that does not pay is undone by copying.

References
----------
.. [1] Kanellakis, P.-C., Papadimitriou, C. H. (1980). Local search for the asymmetric traveling salesman problem.
       *Operations Research* 28(5): 1086-1099.
.. [2] Zhang, W. (1993). Truncated branch-and-bound: a case study on the asymmetric TSP. *AAAI Spring Symposium*.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from cosolve.core.jit import jit, jit_allocating
from cosolve.search.neighbours import nearest_by_matrix
from cosolve.search.random import below, uniform

#: Above this many cities the duals of the assignment problem take too long.
MAX_ASSIGNMENT = 5_000

#: Candidate successors of a city.
_CANDIDATES = 8

#: Longest segment of a kick.
_SEGMENT = 30

# Slots of counters.
_HEAD, _LENGTH, _RANDOM, KICKS = range(4)


class Data(NamedTuple):
    """
    An instance as the kernels want it.

    Parameters
    ----------
    matrix
        Lengths; up to :data:`MAX_ASSIGNMENT` cities reduced by the duals of :func:`assignment`.
    successors
        Candidates of each city, int32 (n, K), in the order of ``matrix``.
    epsilon
        Smallest gain that counts.
    """

    matrix: np.ndarray
    successors: np.ndarray
    epsilon: float


def prepare(matrix: np.ndarray, *, is_integral: bool) -> Data:
    """Lengths, (n, n), as :class:`Data`."""
    finite = matrix[np.isfinite(matrix)]
    epsilon = 0.5 if is_integral else 1e-9 * float(finite.max(initial=0.0)) + 1e-300
    if len(matrix) <= MAX_ASSIGNMENT:
        _, rows, columns = assignment(matrix)
        matrix = matrix - rows[:, None] - columns
    return Data(matrix, nearest_by_matrix(matrix, _CANDIDATES), epsilon)


def kick(
    data: Data, order: np.ndarray, kicks: float, slack: float, rng: np.random.Generator, most: float = math.inf
) -> Iterator[tuple[np.ndarray, int]]:
    """
    Descend from a tour, then kick and repair.

    Parameters
    ----------
    order
        Cities, int32 (n,), n >= 8.
    kicks, most
        How many; the lesser.
    slack
        A tour is kept as long as it is at most this much longer than the best.

    Yields
    ------
    tuple
        Some tens of milliseconds apart, the best tour so far and kicks since the last one.
    """
    order, best, excess, counters = order.copy(), order.copy(), np.zeros(1), new_counters(rng)
    per_slice = max(1, min(500, 200_000 // len(order)))
    left = min(kicks, most)
    while left > 0:
        some = int(min(per_slice, left))
        iterate(data.matrix, data.successors, order, best, excess, counters, some, _SEGMENT, slack, data.epsilon)
        left -= some
        yield best, some


@jit_allocating
def assignment(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """
    Minimum-cost assignment without fixed points, by shortest augmenting paths [1]_; O(n^3), n >= 2.

    Returns
    -------
    columns, row_dual, column_dual
        Column of each row, and duals with ``row_dual[i] + column_dual[j] <= matrix[i, j]`` for all i != j up to
        rounding, with equality on the assignment.

    References
    ----------
    .. [1] Jonker, R., Volgenant, A. (1987). A shortest augmenting path algorithm for dense and sparse linear
           assignment problems. *Computing* 38: 325-340.
    """
    n = len(matrix)
    row_of = np.full(n + 1, -1, np.int64)  # column n is the root of the search
    u = np.zeros(n)
    v = np.zeros(n + 1)
    before = np.empty(n + 1, np.int64)
    reach = np.empty(n + 1)
    done = np.empty(n + 1, np.uint8)
    for row in range(n):
        row_of[n] = row
        reach[:] = np.inf
        done[:] = 0
        column = n
        while row_of[column] >= 0:
            done[column] = 1
            i = row_of[column]
            step = np.inf
            following = -1
            for j in range(n):
                if not done[j]:
                    if i != j:
                        slack = matrix[i, j] - u[i] - v[j]
                        if slack < reach[j]:
                            reach[j] = slack
                            before[j] = column
                    if reach[j] < step:
                        step = reach[j]
                        following = j
            for j in range(n + 1):
                if done[j]:
                    u[row_of[j]] += step
                    v[j] -= step
                else:
                    reach[j] -= step
            column = following
        while column != n:
            row_of[column] = row_of[before[column]]
            column = before[column]
    columns = np.empty(n, np.int64)
    for j in range(n):
        columns[row_of[j]] = j
    return columns, u, v[:n].copy()


@jit_allocating
def patch(matrix: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """
    Join the cycles of an assignment to a tour, the cheapest pair of arcs of the two longest cycles first [1]_.

    References
    ----------
    .. [1] Karp, R. M. (1979). A patching algorithm for the nonsymmetric traveling-salesman problem.
           *SIAM Journal on Computing* 8(4): 561-573.
    """
    n = len(matrix)
    following = columns.copy()
    cycle = np.full(n, -1, np.int64)
    sizes = np.zeros(n, np.int64)
    count = 0
    for first in range(n):
        if cycle[first] >= 0:
            continue
        city = first
        while cycle[city] < 0:
            cycle[city] = count
            sizes[count] += 1
            city = following[city]
        count += 1
    for _ in range(count - 1):
        a = int(np.argmax(sizes))
        size_a = sizes[a]
        sizes[a] = 0
        b = int(np.argmax(sizes))
        best = np.inf
        best_i = best_j = -1
        for i in range(n):
            if cycle[i] == a:
                for j in range(n):
                    if cycle[j] == b:
                        change = (
                            matrix[i, following[j]]
                            + matrix[j, following[i]]
                            - matrix[i, following[i]]
                            - matrix[j, following[j]]
                        )
                        if change < best:
                            best, best_i, best_j = change, i, j
        following[best_i], following[best_j] = following[best_j], following[best_i]
        for i in range(n):
            if cycle[i] == b:
                cycle[i] = a
        sizes[a] = size_a + sizes[b]
        sizes[b] = 0
    order = np.empty(n, np.int32)
    city = 0
    for k in range(n):
        order[k] = city
        city = following[city]
    return order


@jit
def _random(counters: np.ndarray, bound: int) -> int:
    """Integer in [0, bound) by xorshift64."""
    x = counters[_RANDOM]
    x ^= x << 13
    x ^= (x >> 7) & 0x01FFFFFFFFFFFFFF
    x ^= x << 17
    counters[_RANDOM] = x
    return (((x >> 16) & 0xFFFFFFFF) * bound) >> 32


@jit
def _push(city: int, queue: np.ndarray, is_queued: np.ndarray, counters: np.ndarray) -> None:
    if not is_queued[city]:
        is_queued[city] = 1
        queue[(counters[_HEAD] + counters[_LENGTH]) % len(queue)] = city
        counters[_LENGTH] += 1


@jit
def _swap_blocks(order: np.ndarray, position: np.ndarray, first: int, x: int, y: int, buffer: np.ndarray) -> None:
    """Swap the ``x`` cities from ``first`` on with the ``y`` cities behind them, moving the fewest."""
    n = len(order)
    z = n - x - y
    # As a cycle, swapping any two of the three blocks is the same.
    if x >= y and x >= z:
        first, x, y = (first + x) % n, y, z
    elif y >= z:
        first, x, y = (first + x + y) % n, z, x
    total = x + y
    for k in range(total):
        buffer[k] = order[(first + k) % n]
    for k in range(total):
        city = buffer[k + x if k < y else k - y]
        at = (first + k) % n
        order[at] = city
        position[city] = at


@jit
def _improve_city(
    matrix: np.ndarray,
    neighbours: np.ndarray,
    order: np.ndarray,
    position: np.ndarray,
    queue: np.ndarray,
    is_queued: np.ndarray,
    counters: np.ndarray,
    buffer: np.ndarray,
    t1: int,
    epsilon: float,
) -> float:
    """Carry out the best segment swap that removes the arc out of t1; its gain, 0 if there is none."""
    n = len(order)
    base = (position[t1] + 1) % n
    t2 = order[base]
    best = epsilon
    found = False
    m3 = m4 = m5 = m6 = 0
    d12 = matrix[t1, t2]
    for k6 in range(neighbours.shape[1]):
        t6 = neighbours[t1, k6]
        g1 = d12 - matrix[t1, t6]
        if g1 <= epsilon:
            break
        o6 = (position[t6] - base + n) % n
        t5 = order[(base + o6 - 1 + n) % n]
        g1 += matrix[t5, t6]
        for k4 in range(neighbours.shape[1]):
            t4 = neighbours[t5, k4]
            g2 = g1 - matrix[t5, t4]
            if g2 <= epsilon:
                break
            o4 = (position[t4] - base + n) % n
            if o4 <= o6:
                continue
            t3 = order[(base + o4 - 1) % n]
            gain = g2 + matrix[t3, t4] - matrix[t3, t2]
            if gain > best:
                best, found = gain, True
                m3, m4, m5, m6 = t3, t4, t5, t6
    if not found:
        return 0.0
    x = (position[m6] - base + n) % n
    y = (position[m4] - base + n) % n - x
    _swap_blocks(order, position, base, x, y, buffer)
    _push(t1, queue, is_queued, counters)
    _push(t2, queue, is_queued, counters)
    _push(m3, queue, is_queued, counters)
    _push(m4, queue, is_queued, counters)
    _push(m5, queue, is_queued, counters)
    _push(m6, queue, is_queued, counters)
    return best


@jit
def _descend(
    matrix: np.ndarray,
    neighbours: np.ndarray,
    order: np.ndarray,
    position: np.ndarray,
    queue: np.ndarray,
    is_queued: np.ndarray,
    counters: np.ndarray,
    buffer: np.ndarray,
    epsilon: float,
) -> float:
    total = 0.0
    while counters[_LENGTH] > 0:
        city = queue[counters[_HEAD]]
        counters[_HEAD] = (counters[_HEAD] + 1) % len(queue)
        counters[_LENGTH] -= 1
        is_queued[city] = 0
        while True:
            gain = _improve_city(matrix, neighbours, order, position, queue, is_queued, counters, buffer, city, epsilon)
            if gain <= 0.0:
                break
            total += gain
    return total


@jit_allocating
def iterate(
    matrix: np.ndarray,
    neighbours: np.ndarray,
    order: np.ndarray,
    best: np.ndarray,
    excess: np.ndarray,
    counters: np.ndarray,
    kicks: int,
    segment: int,
    slack: float,
    epsilon: float,
) -> float:
    """
    Up to ``kicks`` iterations of kick, repair, keep or undo; by how much ``best`` got better. n >= 8.

    Parameters
    ----------
    matrix
        Lengths, best reduced by the duals of :func:`assignment`.
    neighbours
        Candidate successors of each city, in the order of ``matrix``.
    order, best
        The current and the best tour, changed in place.
    excess
        By how much the current tour is longer than the best, one element.
    counters
        From :func:`new_counters`.
    segment
        Longest segment of a kick.
    slack
        A tour is kept as long as it is at most this much longer than the best.
    epsilon
        Smallest gain that counts.
    """
    n = len(order)
    position = np.empty(n, np.int32)
    for k in range(n):
        position[order[k]] = k
    queue = np.empty(n, np.int32)
    is_queued = np.zeros(n, np.uint8)
    buffer = np.empty(n, np.int32)
    counters[_HEAD] = counters[_LENGTH] = 0
    total = 0.0
    if counters[KICKS] == 0:
        for k in range(n):
            _push(order[k], queue, is_queued, counters)
        total = _descend(matrix, neighbours, order, position, queue, is_queued, counters, buffer, epsilon)
        best[:] = order
    saved_order, saved_position = order.copy(), position.copy()
    longest = min(segment, (n - 2) // 3)
    for _ in range(kicks):
        counters[KICKS] += 1
        first = _random(counters, n)
        b = 1 + _random(counters, longest)
        c = 1 + _random(counters, longest)
        d = 1 + _random(counters, longest)
        before, behind = order[first], order[(first + b + c + d + 1) % n]
        b1, b2 = order[(first + 1) % n], order[(first + b) % n]
        c1, c2 = order[(first + b + 1) % n], order[(first + b + c) % n]
        d1, d2 = order[(first + b + c + 1) % n], order[(first + b + c + d) % n]
        change = matrix[before, d1] + matrix[d2, c1] + matrix[c2, b1] + matrix[b2, behind]
        change -= matrix[before, b1] + matrix[b2, c1] + matrix[c2, d1] + matrix[d2, behind]
        total_length = b + c + d
        for k in range(total_length):  # B C D -> D C B
            if k < d:
                source = first + 1 + b + c + k
            elif k < d + c:
                source = first + 1 + b + k - d
            else:
                source = first + 1 + k - d - c
            buffer[k] = order[source % n]
        for k in range(total_length):
            at = (first + 1 + k) % n
            order[at] = buffer[k]
            position[buffer[k]] = at
        for city in (before, b1, b2, c1, c2, d1, d2, behind):
            _push(city, queue, is_queued, counters)
        change -= _descend(matrix, neighbours, order, position, queue, is_queued, counters, buffer, epsilon)
        if change <= epsilon or excess[0] + change <= slack:
            excess[0] += change
            saved_order[:] = order
            saved_position[:] = position
            if excess[0] < -epsilon:
                total -= excess[0]
                excess[0] = 0.0
                best[:] = order
        else:
            order[:] = saved_order
            position[:] = saved_position
    return total


@jit_allocating
def nearest_tour(matrix: np.ndarray, neighbours: np.ndarray, random: np.ndarray) -> np.ndarray:
    """
    Tour that goes on to the first candidate that is free, overlooking one in five; int32 (n,).

    Where no candidate is left it goes to the nearest free city.
    """
    n = len(matrix)
    order, is_free = np.empty(n, np.int32), np.ones(n, np.uint8)
    city = below(random, n)
    for k in range(n):
        order[k] = city
        is_free[city] = 0
        following = -1
        for t in neighbours[city]:
            if is_free[t] and uniform(random) > 0.2:
                following = t
                break
        if following < 0:
            for t in range(n):
                if is_free[t] and (following < 0 or matrix[city, t] < matrix[city, following]):
                    following = t
        city = following
    return order


def new_counters(rng: np.random.Generator) -> np.ndarray:
    """Counters of a fresh run."""
    counters = np.zeros(4, np.int64)
    counters[_RANDOM] = rng.integers(1, 2**62)
    return counters
