"""
Iterated 3-opt for the symmetric TSP on candidate lists, with an array tour, local kicks and exact undo.

The local search tries, for each city in a queue, all sequential 2-opt and 3-opt moves that start at it (both
directions, both choices of the second removed edge, hence also Or-opt in all forms) along candidate edges with
positive partial gain [1]_ [2]_. A move is evaluated by positions alone and only an improving one is carried out,
by at most three reversals of the shorter side. A kick is a double bridge of three short neighbouring segments;
only the cities it touches are queued, and a kick that does not pay is undone from a journal of reversals, so that
an iteration costs microseconds whatever n is (segment-local double bridges: [3]_).

Cost of an iteration: O(K1 K2) evaluations per touched city and the reversals, at most ``max_reversal`` long.

References
----------
.. [1] Johnson, D. S., McGeoch, L. A. (1997). The traveling salesman problem: a case study in local optimization.
       In: Aarts, E., Lenstra, J. K. (eds.) *Local Search in Combinatorial Optimization*, 215-310. Wiley.
.. [2] Helsgaun, K. (2000). An effective implementation of the Lin-Kernighan traveling salesman heuristic.
       *European Journal of Operational Research* 126(1): 106-130.
.. [3] Applegate, D., Cook, W., Rohe, A. (2003). Chained Lin-Kernighan for large traveling salesman problems.
       *INFORMS Journal on Computing* 15(1): 82-92.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from cosolve.core.jit import frozen, jit, jit_allocating
from cosolve.core.metric import Metric, distance
from cosolve.search.neighbours import build_tree, points_of
from cosolve.search.tours import candidates

#: Candidates of the first and of the second added edge.
BREADTH = (10, 6)

#: Length of the candidate lists, and how many of them are the nearest; the others come from the quadrants.
CANDIDATES, NEAREST = 10, 5

#: Longest segment of a kick.
KICK_SEGMENT = 30

#: Longest reversal above 150,000 cities, where a reversal of a quarter of the tour would take a millisecond.
MAX_REVERSAL = 30_000

#: Cities or kicks between two looks at the clock.
_STEPS, _KICKS = 1_000, 100

#: Up to this many cities, costly GEO distances are tabulated.
_MAX_TABLE = 3_000

_GEO = int(Metric.GEO)

#: Reversals of one iteration that can be undone; an iteration that needs more is broken off and undone.
_JOURNAL = 10_000

# Slots of State.counters.
_HEAD, _LENGTH, _USED, _RANDOM, _KICKS, _ACCEPTED = range(6)


@dataclass
class State:
    """
    Everything that a run carries from slice to slice; the arrays are changed in place.

    Parameters
    ----------
    order, position
        The tour and its inverse, int32.
    queue, is_queued
        Cities to look at, a circular buffer.
    journal
        Executed reversals (first position, number of cities) since the last kick.
    counters
        Head and length of the queue, used journal entries, random state, kicks, accepted kicks.
    """

    order: np.ndarray
    position: np.ndarray
    queue: np.ndarray
    is_queued: np.ndarray
    journal: np.ndarray
    counters: np.ndarray

    @property
    def kicks(self) -> int:
        """Iterations so far."""
        return int(self.counters[_KICKS])

    @property
    def is_settled(self) -> bool:
        """Whether no city is left to look at."""
        return self.counters[_LENGTH] == 0


def start(order: np.ndarray, rng: np.random.Generator) -> State:
    """State for a tour, all cities queued in its order."""
    n = len(order)
    order = order.astype(np.int32)
    position = np.empty(n, np.int32)
    position[order] = np.arange(n, dtype=np.int32)
    counters = np.zeros(8, np.int64)
    counters[_LENGTH] = n
    counters[_RANDOM] = rng.integers(1, 2**62)
    return State(order, position, order.copy(), np.ones(n, np.uint8), np.empty((_JOURNAL, 2), np.int32), counters)


@jit
def _random(counters: np.ndarray, bound: int) -> int:
    """Integer in [0, bound) by xorshift64; the bias is below bound / 2^32."""
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
        at = counters[_HEAD] + counters[_LENGTH]
        queue[at - len(queue) if at >= len(queue) else at] = city
        counters[_LENGTH] += 1


@jit
def _swap_range(order: np.ndarray, position: np.ndarray, first: int, count: int) -> None:
    """Reverse ``count`` cities from a position on, around the end of the array if need be."""
    n = len(order)
    i = first
    j = first + count - 1
    if j < n:
        while i < j:
            a, b = order[i], order[j]
            order[i], order[j] = b, a
            position[b], position[a] = i, j
            i += 1
            j -= 1
        return
    j -= n
    for _ in range(count // 2):
        a, b = order[i], order[j]
        order[i], order[j] = b, a
        position[b], position[a] = i, j
        i += 1
        if i == n:
            i = 0
        j -= 1
        if j < 0:
            j = n - 1


@jit
def _reverse(
    order: np.ndarray, position: np.ndarray, journal: np.ndarray, counters: np.ndarray, a: int, b: int, mirror: bool
) -> bool:
    """
    Reverse the path from city a to city b as seen in the view; returns the view after it.

    Reversing the other side gives the same cycle in the other direction: the view is mirrored then.
    """
    n = len(order)
    if mirror:
        a, b = b, a
    first = position[a]
    count = position[b] - first + 1
    if count <= 0:
        count += n
    flipped = 2 * count > n
    if flipped:
        first += count
        if first >= n:
            first -= n
        count = n - count
    if count >= 2:
        _swap_range(order, position, first, count)
        if counters[_USED] < len(journal):
            journal[counters[_USED], 0] = first
            journal[counters[_USED], 1] = count
        counters[_USED] += 1
    return mirror != flipped


@jit
def _cost(count: int, n: int) -> int:
    return min(count, n - count)


@jit
def improve_city(
    metric: int,
    coords: np.ndarray,
    matrix: np.ndarray,
    neighbours: np.ndarray,
    lengths: np.ndarray,
    order: np.ndarray,
    position: np.ndarray,
    queue: np.ndarray,
    is_queued: np.ndarray,
    journal: np.ndarray,
    counters: np.ndarray,
    t1: int,
    breadth1: int,
    breadth2: int,
    max_reversal: int,
    epsilon: float,
) -> float:
    """Carry out the best 2-opt or 3-opt move that removes an edge at t1; its gain, 0 if there is none."""
    n = len(order)
    best = epsilon
    kind = 0
    m2 = m3 = m4 = m5 = m6 = 0
    best_mirror = False
    unbounded = 2 * max_reversal >= n
    breadth1 = min(breadth1, neighbours.shape[1])
    breadth2 = min(breadth2, neighbours.shape[1])
    for side in range(2):
        mirror = side == 1
        # The view runs from t2 (offset 0) to t1 (offset n - 1).
        at = position[t1] + (-1 if mirror else 1)
        if at < 0:
            at = n - 1
        elif at == n:
            at = 0
        t2 = order[at]
        d12 = distance(metric, coords, matrix, t1, t2)
        base = at
        for k3 in range(breadth1):
            g1 = d12 - lengths[t2, k3]
            if g1 <= epsilon:
                break
            t3 = neighbours[t2, k3]
            o3 = base - position[t3] if mirror else position[t3] - base
            if o3 < 0:
                o3 += n
            if o3 <= 1 or o3 == n - 1:
                continue
            # Case A: remove (t4, t3) with t4 before t3; the closing edge (t4, t1) makes it 2-opt.
            at = position[t3] + (1 if mirror else -1)
            if at < 0:
                at = n - 1
            elif at == n:
                at = 0
            t4 = order[at]
            g2 = g1 + distance(metric, coords, matrix, t3, t4)
            gain = g2 - distance(metric, coords, matrix, t4, t1)
            if gain > best and (unbounded or _cost(o3, n) <= max_reversal):
                best, kind, best_mirror = gain, 1, mirror
                m2, m3, m4 = t2, t3, t4
            for k5 in range(breadth2):
                g3 = g2 - lengths[t4, k5]
                if g3 <= epsilon:
                    break
                t5 = neighbours[t4, k5]
                if t5 == t3:
                    continue
                o5 = base - position[t5] if mirror else position[t5] - base
                if o5 < 0:
                    o5 += n
                if o5 > o3:
                    at = position[t5] + (1 if mirror else -1)  # t6 before t5
                else:
                    at = position[t5] + (-1 if mirror else 1)  # t6 behind t5
                if at < 0:
                    at = n - 1
                elif at == n:
                    at = 0
                t6 = order[at]
                gain = g3 + distance(metric, coords, matrix, t5, t6) - distance(metric, coords, matrix, t6, t1)
                if gain > best and t6 != t4 and t5 != t1:
                    if not unbounded:
                        whole = o5 if o5 > o3 else o3
                        part = o3 if o5 > o3 else o3 - o5 - 1
                        if _cost(whole, n) + _cost(part, n) > max_reversal:
                            continue
                    best, kind, best_mirror = gain, (2 if o5 > o3 else 3), mirror
                    m2, m3, m4, m5, m6 = t2, t3, t4, t5, t6
            # Case B: remove (t3, t4) with t4 behind t3; only a second edge out of t2..t3 makes it a tour again.
            at = position[t3] + (-1 if mirror else 1)
            if at < 0:
                at = n - 1
            elif at == n:
                at = 0
            t4 = order[at]
            g2 = g1 + distance(metric, coords, matrix, t3, t4)
            for k5 in range(breadth2):
                g3 = g2 - lengths[t4, k5]
                if g3 <= epsilon:
                    break
                t5 = neighbours[t4, k5]
                o5 = base - position[t5] if mirror else position[t5] - base
                if o5 < 0:
                    o5 += n
                if o5 >= o3:
                    continue
                at = position[t5] + (-1 if mirror else 1)  # t6 behind t5: t2..t5 and t6..t3 change places
                if at < 0:
                    at = n - 1
                elif at == n:
                    at = 0
                t6 = order[at]
                gain = g3 + distance(metric, coords, matrix, t5, t6) - distance(metric, coords, matrix, t6, t1)
                if gain > best and (
                    unbounded or _cost(o3 + 1, n) + _cost(o5 + 1, n) + _cost(o3 - o5, n) <= max_reversal
                ):
                    best, kind, best_mirror = gain, 4, mirror
                    m2, m3, m4, m5, m6 = t2, t3, t4, t5, t6
                if o5 > 0:
                    at = position[t5] + (1 if mirror else -1)  # t6 before t5: both parts are reversed in place
                    if at < 0:
                        at = n - 1
                    elif at == n:
                        at = 0
                    t6 = order[at]
                    gain = g3 + distance(metric, coords, matrix, t5, t6) - distance(metric, coords, matrix, t6, t1)
                    if gain > best and (unbounded or _cost(o5, n) + _cost(o3 - o5 + 1, n) <= max_reversal):
                        best, kind, best_mirror = gain, 5, mirror
                        m2, m3, m4, m5, m6 = t2, t3, t4, t5, t6
    if kind == 0:
        return 0.0
    # Paths to reverse one after the other. One call in a loop instead of ten keeps the compiled code small.
    if kind == 1:  # t1 [t2..t4] t3 -> t1 [t4..t2] t3
        paths = ((m2, m4), (m2, m2), (m2, m2))
    elif kind == 2:  # t1 [t2..t4][t3..t6] t5 -> t1 [t6..t3][t2..t4] t5
        paths = ((m2, m6), (m4, m2), (m2, m2))
    elif kind == 3:  # t1 [t2..t5][t6..t4] t3 -> t1 [t6..t4][t5..t2] t3
        paths = ((m2, m4), (m4, m6), (m2, m2))
    elif kind == 4:  # t1 [t2..t5][t6..t3] t4 -> t1 [t6..t3][t2..t5] t4
        paths = ((m2, m3), (m3, m6), (m5, m2))
    else:  # t1 [t2..t6][t5..t3] t4 -> t1 [t6..t2][t3..t5] t4
        paths = ((m2, m6), (m5, m3), (m2, m2))
    view = best_mirror
    for a, b in paths:
        if a != b:
            view = _reverse(order, position, journal, counters, a, b, view)
    for city in (t1, m2, m3, m4):
        _push(city, queue, is_queued, counters)
    if kind > 1:
        for city in (m5, m6):
            _push(city, queue, is_queued, counters)
    return best


@jit
def _descend(
    metric: int,
    coords: np.ndarray,
    matrix: np.ndarray,
    neighbours: np.ndarray,
    lengths: np.ndarray,
    order: np.ndarray,
    position: np.ndarray,
    queue: np.ndarray,
    is_queued: np.ndarray,
    journal: np.ndarray,
    counters: np.ndarray,
    breadth1: int,
    breadth2: int,
    max_reversal: int,
    epsilon: float,
    max_steps: int,
    max_used: int,
) -> float:
    """Work off the queue; total gain. Stops early after ``max_steps`` cities or ``max_used`` reversals."""
    total = 0.0
    for _ in range(max_steps):
        if counters[_LENGTH] == 0 or counters[_USED] > max_used:
            break
        head = counters[_HEAD]
        city: Any = np.int64(queue[head])  # of one type with the cities that a move names
        counters[_HEAD] = 0 if head + 1 == len(queue) else head + 1
        counters[_LENGTH] -= 1
        is_queued[city] = 0
        gain = 1.0
        while gain > 0.0 and counters[_USED] <= max_used:
            gain = improve_city(
                metric,
                coords,
                matrix,
                neighbours,
                lengths,
                order,
                position,
                queue,
                is_queued,
                journal,
                counters,
                city,
                breadth1,
                breadth2,
                max_reversal,
                epsilon,
            )
            total += gain
    return total


@jit
def _kick(
    metric: int,
    coords: np.ndarray,
    matrix: np.ndarray,
    order: np.ndarray,
    position: np.ndarray,
    queue: np.ndarray,
    is_queued: np.ndarray,
    journal: np.ndarray,
    counters: np.ndarray,
    segment: int,
) -> float:
    """Double bridge of three neighbouring segments, B C D -> D C B; by how much the tour got longer. n >= 8."""
    n = len(order)
    longest = min(segment, (n - 2) // 3)
    first = _random(counters, n)
    b = 1 + _random(counters, longest)
    c = 1 + _random(counters, longest)
    d = 1 + _random(counters, longest)
    before = order[first]
    b1, b2 = order[(first + 1) % n], order[(first + b) % n]
    c1, c2 = order[(first + b + 1) % n], order[(first + b + c) % n]
    d1, d2 = order[(first + b + c + 1) % n], order[(first + b + c + d) % n]
    behind = order[(first + b + c + d + 1) % n]
    change = 0.0
    for tail, head, sign in (
        (before, d1, 1.0),
        (d2, c1, 1.0),
        (c2, b1, 1.0),
        (b2, behind, 1.0),
        (before, b1, -1.0),
        (b2, c1, -1.0),
        (c2, d1, -1.0),
        (d2, behind, -1.0),
    ):
        change += sign * distance(metric, coords, matrix, tail, head)
    view = False
    for a, z in ((b1, d2), (d2, d1), (c2, c1), (b2, b1)):
        view = _reverse(order, position, journal, counters, a, z, view)
    for city in (before, b1, b2, c1, c2, d1, d2, behind):
        _push(city, queue, is_queued, counters)
    return change


@jit
def _iterate(
    metric: int,
    coords: np.ndarray,
    matrix: np.ndarray,
    neighbours: np.ndarray,
    lengths: np.ndarray,
    order: np.ndarray,
    position: np.ndarray,
    queue: np.ndarray,
    is_queued: np.ndarray,
    journal: np.ndarray,
    counters: np.ndarray,
    breadth1: int,
    breadth2: int,
    max_reversal: int,
    epsilon: float,
    segment: int,
    kicks: int,
) -> float:
    """Kick, repair, keep or undo, ``kicks`` times; total gain. The queue must be empty."""
    total = 0.0
    for _ in range(kicks):
        counters[_KICKS] += 1
        counters[_USED] = 0
        change = _kick(metric, coords, matrix, order, position, queue, is_queued, journal, counters, segment)
        change -= _descend(
            metric,
            coords,
            matrix,
            neighbours,
            lengths,
            order,
            position,
            queue,
            is_queued,
            journal,
            counters,
            breadth1,
            breadth2,
            max_reversal,
            epsilon,
            1 << 40,
            len(journal) - 8,
        )
        if change <= epsilon and counters[_LENGTH] == 0:
            counters[_ACCEPTED] += 1
            total -= change
            continue
        while counters[_LENGTH] > 0:  # broken off: forget who is left
            is_queued[queue[counters[_HEAD]]] = 0
            counters[_HEAD] = 0 if counters[_HEAD] + 1 == len(queue) else counters[_HEAD] + 1
            counters[_LENGTH] -= 1
        for entry in range(counters[_USED] - 1, -1, -1):
            _swap_range(order, position, journal[entry, 0], journal[entry, 1])
    return total


@dataclass(frozen=True)
class Search:
    """
    An instance prepared for :func:`start`'s states.

    Parameters
    ----------
    metric, coords, matrix
        As for :func:`cosolve.core.metric.distance`.
    neighbours, lengths
        Candidate lists and their distances.
    max_reversal
        Longest reversal, in cities, that a move may need.
    epsilon
        Smallest gain that counts.
    breadth
        Candidates of the first and of the second added edge.
    segment
        Longest segment of a kick.
    """

    metric: int
    coords: np.ndarray
    matrix: np.ndarray
    neighbours: np.ndarray
    lengths: np.ndarray
    max_reversal: int
    epsilon: float
    breadth: tuple[int, int] = BREADTH
    segment: int = KICK_SEGMENT

    def descend(self, state: State, max_steps: int) -> float:
        """Look at up to ``max_steps`` queued cities; the gain. Done when ``state.is_settled``."""
        state.counters[_USED] = 0
        return _descend(
            self.metric,
            self.coords,
            self.matrix,
            self.neighbours,
            self.lengths,
            state.order,
            state.position,
            state.queue,
            state.is_queued,
            state.journal,
            state.counters,
            *self.breadth,
            self.max_reversal,
            self.epsilon,
            max_steps,
            1 << 62,
        )

    def iterate(self, state: State, kicks: int) -> float:
        """Up to ``kicks`` iterations on a settled state of at least 8 cities; the gain."""
        return _iterate(
            self.metric,
            self.coords,
            self.matrix,
            self.neighbours,
            self.lengths,
            state.order,
            state.position,
            state.queue,
            state.is_queued,
            state.journal,
            state.counters,
            *self.breadth,
            self.max_reversal,
            self.epsilon,
            self.segment,
            kicks,
        )


def kick(
    search: Search, order: np.ndarray, kicks: float, rng: np.random.Generator, most: float = math.inf
) -> Iterator[tuple[np.ndarray, float, int]]:
    """
    Descend from a tour, then kick and repair.

    Parameters
    ----------
    order
        Cities, (n,), n >= 8.
    kicks, most
        How many; the lesser.

    Yields
    ------
    tuple
        Some milliseconds apart, the tour, what it has gained since the last one, and kicks since then.
    """
    state = start(order, rng)
    while not state.is_settled:
        yield state.order, search.descend(state, _STEPS), 0
    left = min(kicks, most)
    while left > 0:
        some = int(min(_KICKS, left))
        left -= some
        yield state.order, search.iterate(state, some), some


def renumber(metric: int, coords: np.ndarray, matrix: np.ndarray) -> tuple[int, np.ndarray, np.ndarray, np.ndarray]:
    """
    Number the cities for memory.

    Returns
    -------
    metric, coords, matrix, numbering
        Arguments for :func:`cosolve.core.metric.distance` where city k is what the instance calls ``numbering[k]``.
    """
    n = len(matrix) if metric == 0 else len(coords)
    numbering = np.arange(n, dtype=np.int32)
    if metric == _GEO and n <= _MAX_TABLE:
        metric, matrix = 0, _table(metric, coords)
    elif metric != 0:
        numbering = build_tree(points_of(metric, coords))[0]
        coords = coords[numbering]
    return metric, frozen(coords), frozen(matrix), numbering


def prepare(metric: int, coords: np.ndarray, matrix: np.ndarray, *, is_integral: bool) -> tuple[Search, np.ndarray]:
    """
    Number the cities for memory, and collect their candidates.

    Returns
    -------
    search, numbering
        The search knows city k as what the instance calls ``numbering[k]``.
    """
    metric, coords, matrix, numbering = renumber(metric, coords, matrix)
    neighbours, lengths = candidates(metric, coords, matrix, CANDIDATES, NEAREST)
    # Rounding errors of float sums must not look like gains.
    epsilon = 0.5 if is_integral else 1e-7 * float(lengths.mean()) + 1e-12 * float(lengths.max(initial=0.0)) + 1e-300
    n = len(numbering)
    reversal = n if n <= 150_000 else MAX_REVERSAL
    return Search(metric, coords, matrix, neighbours, lengths, reversal, epsilon), numbering


@jit_allocating
def _table(metric: int, coords: np.ndarray) -> np.ndarray:
    n = len(coords)
    matrix = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            if i != j:
                matrix[i, j] = distance(metric, coords, matrix, i, j)
    return matrix
