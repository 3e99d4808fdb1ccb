"""Iterated local search for maximum independent sets of sparse graphs (ARW)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from cosolve.core.jit import jit, jit_allocating

#: Candidates for swaps, as many as there may be.
_ALL = 2**62

# Entries of State.counts.
SIZE, FREE, BEST, ITERATION, TOUCHED, LOGGED, CANDIDATES, HEAD = range(8)


class State(NamedTuple):
    """
    A solution, the best one, and the bookkeeping of the search.

    ``order`` holds the nodes in three blocks: solution, free (no neighbour in the solution), the rest; ``place``
    is its inverse. ``tight[v]`` counts solution neighbours of v and ``owners[v]`` is the sum of their ids, so
    that the only one is known when there is one.
    """

    counts: np.ndarray
    order: np.ndarray
    place: np.ndarray
    tight: np.ndarray
    owners: np.ndarray
    left_at: np.ndarray
    best: np.ndarray
    touched: np.ndarray
    is_touched: np.ndarray
    log: np.ndarray
    queue: np.ndarray
    queued: np.ndarray
    random: np.ndarray


def make_state(n: int, seed: int) -> State:
    """State with an empty solution for n nodes."""
    return State(
        counts=np.array([0, n, 0, 0, 0, 0, 0, 0], np.int64),
        order=np.arange(n, dtype=np.int32),
        place=np.arange(n, dtype=np.int32),
        tight=np.zeros(n, np.int32),
        owners=np.zeros(n, np.int64),
        left_at=np.zeros(n, np.int64),
        best=np.zeros(n, np.bool_),
        touched=np.empty(n, np.int32),
        is_touched=np.zeros(n, np.bool_),
        log=np.empty(1024, np.int32),
        queue=np.empty(n, np.int32),
        queued=np.zeros(n, np.bool_),
        random=np.array([seed * 2 + 1], np.uint64),
    )


@jit
def below(random: np.ndarray, limit: int) -> int:
    """Random integer in 0..limit-1 by xorshift64* (Vigna 2016)."""
    x = random[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    random[0] = x
    value: int = np.int64(((x * np.uint64(2685821657736338717)) >> np.uint64(33)) % np.uint64(limit))  # type: ignore[assignment]
    return value


@jit
def move(state: Any, v: int, target: int) -> None:
    """Exchange a node and that at a place of the order, in any state that has lists as :class:`State` has them."""
    order, place = state.order, state.place
    source = place[v]
    other = order[target]
    order[source] = other
    place[other] = source
    order[target] = v
    place[v] = target


@jit
def touch(state: Any, v: int) -> None:
    """Remember that a node came or went."""
    if not state.is_touched[v]:
        state.is_touched[v] = True
        state.touched[state.counts[TOUCHED]] = v
        state.counts[TOUCHED] += 1


@jit
def enqueue(state: Any, v: int) -> None:
    """Have a node looked at."""
    counts, queue = state.counts, state.queue
    if not state.queued[v]:
        state.queued[v] = True
        tail = counts[HEAD] + counts[CANDIDATES]
        queue[tail if tail < len(queue) else tail - len(queue)] = v
        counts[CANDIDATES] += 1


@jit
def _insert(indptr: np.ndarray, indices: np.ndarray, state: State, v: int) -> None:
    """Take a free node."""
    counts = state.counts
    move(state, v, counts[SIZE])
    counts[SIZE] += 1
    counts[FREE] -= 1
    for k in range(indptr[v], indptr[v + 1]):
        w = indices[k]
        state.tight[w] += 1
        state.owners[w] += v
        if state.tight[w] == 1:
            counts[FREE] -= 1
            move(state, w, counts[SIZE] + counts[FREE])
    touch(state, v)
    enqueue(state, v)


@jit
def _remove(indptr: np.ndarray, indices: np.ndarray, state: State, v: int) -> None:
    """Drop a solution node, which becomes free."""
    counts = state.counts
    counts[SIZE] -= 1
    move(state, v, counts[SIZE])
    counts[FREE] += 1
    for k in range(indptr[v], indptr[v + 1]):
        w = indices[k]
        state.tight[w] -= 1
        state.owners[w] -= v
        if state.tight[w] == 0:
            move(state, w, counts[SIZE] + counts[FREE])
            counts[FREE] += 1
        elif state.tight[w] == 1:
            # Its owner may have a swap now.
            enqueue(state, state.owners[w])
    touch(state, v)
    state.left_at[v] = counts[ITERATION]


@jit_allocating
def _record(state: State, log: np.ndarray, entry: int) -> np.ndarray:
    count = state.counts[LOGGED]
    if count == len(log):
        larger = np.empty(2 * count, np.int32)
        larger[:count] = log
        log = larger
    log[count] = entry
    state.counts[LOGGED] += 1
    return log


@jit_allocating
def _fill(indptr: np.ndarray, indices: np.ndarray, state: State, log: np.ndarray) -> np.ndarray:
    counts = state.counts
    while counts[FREE] > 0:
        v = state.order[counts[SIZE] + below(state.random, counts[FREE])]
        _insert(indptr, indices, state, v)
        log = _record(state, log, v + 1)
    return log


@jit
def _find_swap(indptr: np.ndarray, indices: np.ndarray, state: State, x: int, loose: np.ndarray) -> tuple[int, int]:
    """Two non-adjacent nodes whose only solution neighbour is x, or -1; O(m) for all x together ([1]_)."""
    count = 0
    for k in range(indptr[x], indptr[x + 1]):
        if state.tight[indices[k]] == 1:
            loose[count] = indices[k]
            count += 1
    if count < 2:
        return -1, -1
    offset = below(state.random, count)
    for i in range(count):
        v = loose[(i + offset) % count]
        k = indptr[v]
        end = indptr[v + 1]
        for j in range(count):
            w = loose[j]
            while k < end and indices[k] < w:
                k += 1
            if w != v and (k == end or indices[k] != w):
                return v, w
    return -1, -1


@jit_allocating
def _descend(
    indptr: np.ndarray, indices: np.ndarray, state: State, log: np.ndarray, loose: np.ndarray, most: int
) -> np.ndarray:
    """(1,2)-swaps until none is left among the candidates, or ``most`` of these have been looked at."""
    counts = state.counts
    log = _fill(indptr, indices, state, log)
    while counts[CANDIDATES] > 0 and most > 0:
        most -= 1
        x = state.queue[counts[HEAD]]
        counts[HEAD] = counts[HEAD] + 1 if counts[HEAD] + 1 < len(state.queue) else 0
        counts[CANDIDATES] -= 1
        state.queued[x] = False
        if state.place[x] >= counts[SIZE]:
            continue
        v, w = _find_swap(indptr, indices, state, x, loose)
        if v >= 0:
            _remove(indptr, indices, state, x)
            log = _record(state, log, -x - 1)
            _insert(indptr, indices, state, v)
            log = _record(state, log, v + 1)
            _insert(indptr, indices, state, w)
            log = _record(state, log, w + 1)
            log = _fill(indptr, indices, state, log)
    return log


@jit_allocating
def _force(indptr: np.ndarray, indices: np.ndarray, state: State, log: np.ndarray, v: int) -> np.ndarray:
    """Take a node of the third block or a free one, dropping its solution neighbours."""
    for k in range(indptr[v], indptr[v + 1]):
        w = indices[k]
        if state.place[w] < state.counts[SIZE]:
            _remove(indptr, indices, state, w)
            log = _record(state, log, -w - 1)
    _insert(indptr, indices, state, v)
    return _record(state, log, v + 1)


@jit
def _keep_best(state: State) -> None:
    counts = state.counts
    counts[BEST] = counts[SIZE]
    for i in range(counts[TOUCHED]):
        v = state.touched[i]
        state.is_touched[v] = False
        state.best[v] = state.place[v] < counts[SIZE]
    counts[TOUCHED] = 0


@jit
def load(indptr: np.ndarray, indices: np.ndarray, state: State, nodes: np.ndarray) -> None:
    """Start from an independent set, which :func:`settle` makes maximal and free of (1,2)-swaps."""
    for v in nodes:
        _insert(indptr, indices, state, v)
    _keep_best(state)


@jit_allocating
def settle(indptr: np.ndarray, indices: np.ndarray, state: State, most: int) -> bool:
    """Look at up to ``most`` candidates for swaps, and take what there is; whether none is left."""
    counts = state.counts
    if counts[FREE] > 0 or counts[CANDIDATES] > 0:
        counts[LOGGED] = 0
        _descend(indptr, indices, state, state.log, np.empty(len(indptr) - 1, np.int32), most)
        _keep_best(state)
    return counts[CANDIDATES] == 0


@jit_allocating
def run(indptr: np.ndarray, indices: np.ndarray, state: State, iterations: int, target: int) -> None:
    """
    Perturb, descend, accept or undo, ``iterations`` times or until the best has ``target`` nodes.

    A perturbation forces one node in, of four random ones that which has been out longest; with probability
    1 / (2 |S|) it forces k + 1 nodes with probability 2^-k, the others near the first. A worse solution is accepted
    with probability 1 / (1 + d d*) for its distances to the last and to the best ([1]_, section 4).

    References
    ----------
    .. [1] Andrade, D. V., Resende, M. G. C., Werneck, R. F. (2012). Fast local search for the maximum independent
           set problem. *Journal of Heuristics* 18(4): 525-547.
    """
    n = len(indptr) - 1
    counts = state.counts
    loose = np.empty(n, np.int32)
    log = state.log
    for _ in range(iterations):
        if counts[BEST] >= target or counts[SIZE] == n:
            return
        counts[ITERATION] += 1
        counts[LOGGED] = 0
        size = counts[SIZE]
        v = -1
        for _ in range(4):
            u = state.order[size + below(state.random, n - size)]
            if v < 0 or state.left_at[u] < state.left_at[v]:
                v = u
        log = _force(indptr, indices, state, log, v)
        if below(state.random, 2 * size) == 0:
            extra = 1
            while below(state.random, 2) == 0:
                extra += 1
            for _ in range(extra):
                # A random walk of two steps stays within distance 2.
                u = v
                for _ in range(2):
                    if indptr[u + 1] > indptr[u]:
                        u = indices[indptr[u] + below(state.random, indptr[u + 1] - indptr[u])]
                if state.place[u] >= counts[SIZE]:
                    log = _force(indptr, indices, state, log, u)
        log = _descend(indptr, indices, state, log, loose, _ALL)
        if counts[SIZE] > counts[BEST]:
            _keep_best(state)
        elif counts[SIZE] < size:
            worse = (size - counts[SIZE]) * (counts[BEST] - counts[SIZE])
            if below(state.random, 1 + worse) != 0:
                for i in range(counts[LOGGED] - 1, -1, -1):
                    entry = log[i]
                    if entry > 0:
                        _remove(indptr, indices, state, entry - 1)
                    else:
                        _insert(indptr, indices, state, -entry - 1)
                # What the undoing queued was without a swap before.
                for i in range(counts[CANDIDATES]):
                    state.queued[state.queue[(counts[HEAD] + i) % n]] = False
                counts[CANDIDATES] = 0
