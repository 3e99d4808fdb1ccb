"""
Iterated local search for independent sets of greatest weight, after HILS.

A descent takes any node that weighs more than its neighbours in the solution together, and exchanges one node of the
solution for two; only nodes whose neighbourhood has changed are looked at again. A perturbation forces a node in [1]_:
of two random ones that which costs less, unless it went out just now. What is worse is accepted seldom, by its
distances to the last solution and to the best, as in the search for sets of greatest number
(:mod:`cosolve.search.mis`), measured by the mean weight of a node of the solution.

Weights are whole numbers, so that sums are exact and no move gains by rounding.

References
----------
.. [1] Nogueira, B., Pinheiro, R. G. S., Subramanian, A. (2018). A hybrid iterated local search heuristic for the
       maximum weight independent set problem. *Optimization Letters* 12(3): 567-583.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cosolve.core.jit import jit, jit_allocating
from cosolve.search.mis import BEST, CANDIDATES, HEAD, ITERATION, SIZE, TOUCHED, below, enqueue, move, touch

# Entries of State.counts beside those of cosolve.search.mis: weights of the solution and of the last accepted one; BEST
# is a weight here, too.
WEIGHT, ACCEPTED = 8, 9

#: Most pairs of nodes of a common neighbour that are looked at for an exchange; in cliques of thousands none fits.
_MOST_PAIRS = 10_000

#: Iterations for which a node that was dropped is forced in only against another such.
_REST = 10

#: What is d worse than the last and d* worse than the best is accepted with probability 1 / (1 + d d*); d = 1 is so
#: large a part of the mean weight of a node of the solution. Measured by the whole solution's weight, larger graphs
#: would be searched more loosely.
_UNIT = 0.2


class State(NamedTuple):
    """
    A solution, the last accepted and the best one, and the bookkeeping of the search, for n nodes.

    Parameters
    ----------
    counts
        Weights of the three solutions, iterations, nodes of the solution, and sizes of the lists.
    order, place
        (n,) nodes with those of the solution first, and its inverse.
    load, tight, owners
        (n,) weight, number, and sum of the ids of a node's neighbours in the solution.
    left_at
        (n,) iteration in which a node was dropped last.
    queue, queued
        (n,) ring of the nodes whose moves are to be looked at, and which are in it.
    touched, is_touched
        (n,) nodes that came or went since the last accepted solution, and which do.
    accepted, best
        (n,) whether a node is in that solution.
    random
        A random stream as in :mod:`cosolve.search.mis`.
    """

    counts: np.ndarray
    order: np.ndarray
    place: np.ndarray
    load: np.ndarray
    tight: np.ndarray
    owners: np.ndarray
    left_at: np.ndarray
    queue: np.ndarray
    queued: np.ndarray
    touched: np.ndarray
    is_touched: np.ndarray
    accepted: np.ndarray
    best: np.ndarray
    random: np.ndarray


def make_state(n: int, seed: int) -> State:
    """State with an empty solution, and every node to be looked at, in random order."""
    counts = np.zeros(10, np.int64)
    counts[CANDIDATES] = n
    return State(
        counts=counts,
        order=np.arange(n, dtype=np.int32),
        place=np.arange(n, dtype=np.int32),
        load=np.zeros(n, np.int64),
        tight=np.zeros(n, np.int32),
        owners=np.zeros(n, np.int64),
        left_at=np.zeros(n, np.int64),
        queue=np.random.default_rng(seed).permutation(n).astype(np.int32),
        queued=np.ones(n, np.bool_),
        touched=np.zeros(n, np.int32),
        is_touched=np.zeros(n, np.bool_),
        accepted=np.zeros(n, np.bool_),
        best=np.zeros(n, np.bool_),
        random=np.array([seed * 2 + 1], np.uint64),
    )


@jit
def _enter(indptr: np.ndarray, indices: np.ndarray, weight: np.ndarray, state: State, v: int) -> None:
    counts = state.counts
    move(state, v, counts[SIZE])
    counts[SIZE] += 1
    counts[WEIGHT] += weight[v]
    for k in range(indptr[v], indptr[v + 1]):
        w = indices[k]
        state.load[w] += weight[v]
        state.tight[w] += 1
        state.owners[w] += v


@jit
def _leave(indptr: np.ndarray, indices: np.ndarray, weight: np.ndarray, state: State, v: int) -> None:
    counts = state.counts
    counts[SIZE] -= 1
    move(state, v, counts[SIZE])
    counts[WEIGHT] -= weight[v]
    for k in range(indptr[v], indptr[v + 1]):
        w = indices[k]
        state.load[w] -= weight[v]
        state.tight[w] -= 1
        state.owners[w] -= v


@jit
def _take(indptr: np.ndarray, indices: np.ndarray, weight: np.ndarray, state: State, v: int) -> None:
    """Take a node that has no neighbour in the solution."""
    _enter(indptr, indices, weight, state, v)
    touch(state, v)
    enqueue(state, v)


@jit
def _drop(indptr: np.ndarray, indices: np.ndarray, weight: np.ndarray, state: State, v: int) -> None:
    """Drop a node of the solution."""
    _leave(indptr, indices, weight, state, v)
    for k in range(indptr[v], indptr[v + 1]):
        w = indices[k]
        if state.load[w] < weight[w]:
            enqueue(state, w)
        if state.tight[w] == 1:
            # Its owner may have a swap now.
            enqueue(state, state.owners[w])
    enqueue(state, v)
    state.left_at[v] = state.counts[ITERATION]
    touch(state, v)


@jit
def _force(indptr: np.ndarray, indices: np.ndarray, weight: np.ndarray, state: State, v: int) -> None:
    """Take a node, dropping its neighbours in the solution."""
    if state.tight[v] > 0:
        for k in range(indptr[v], indptr[v + 1]):
            if state.place[indices[k]] < state.counts[SIZE]:
                _drop(indptr, indices, weight, state, indices[k])
    _take(indptr, indices, weight, state, v)


@jit
def _are_adjacent(indptr: np.ndarray, indices: np.ndarray, v: int, w: int) -> bool:
    low, high = indptr[v], indptr[v + 1]
    while low < high:
        middle = (low + high) // 2
        if indices[middle] < w:
            low = middle + 1
        else:
            high = middle
    found: bool = low < indptr[v + 1] and indices[low] == w
    return found


@jit
def _find_swap(
    indptr: np.ndarray, indices: np.ndarray, weight: np.ndarray, state: State, x: int, loose: np.ndarray
) -> tuple[int, int]:
    """The heaviest two non-adjacent nodes whose only solution neighbour is x and that outweigh it, or -1."""
    count, heaviest = 0, 0
    for k in range(indptr[x], indptr[x + 1]):
        v = indices[k]
        if state.tight[v] == 1:
            loose[count] = v
            count += 1
            heaviest = max(heaviest, weight[v])
    most, first, second = weight[x], -1, -1
    pairs = 0
    for i in range(1, count):
        v = loose[i]
        if weight[v] + heaviest <= most:
            continue
        for j in range(i):
            w = loose[j]
            if weight[v] + weight[w] > most and not _are_adjacent(indptr, indices, v, w):
                most, first, second = weight[v] + weight[w], v, w
        pairs += i
        if pairs > _MOST_PAIRS:
            break
    return first, second


@jit
def _descend(indptr: np.ndarray, indices: np.ndarray, weight: np.ndarray, state: State, loose: np.ndarray) -> None:
    """Improve until no queued node has a move."""
    counts = state.counts
    while counts[CANDIDATES] > 0:
        v = state.queue[counts[HEAD]]
        counts[HEAD] = counts[HEAD] + 1 if counts[HEAD] + 1 < len(state.queue) else 0
        counts[CANDIDATES] -= 1
        state.queued[v] = False
        if state.place[v] >= counts[SIZE]:
            if weight[v] > state.load[v]:
                _force(indptr, indices, weight, state, v)
        else:
            first, second = _find_swap(indptr, indices, weight, state, v, loose)
            if first >= 0:
                _drop(indptr, indices, weight, state, v)
                _take(indptr, indices, weight, state, first)
                _take(indptr, indices, weight, state, second)


@jit
def _accept(state: State) -> None:
    counts = state.counts
    for i in range(counts[TOUCHED]):
        v = state.touched[i]
        state.is_touched[v] = False
        state.accepted[v] = state.place[v] < counts[SIZE]
    counts[TOUCHED] = 0
    counts[ACCEPTED] = counts[WEIGHT]
    if counts[WEIGHT] > counts[BEST]:
        counts[BEST] = counts[WEIGHT]
        for v in range(len(state.best)):
            state.best[v] = state.accepted[v]


@jit
def _undo(indptr: np.ndarray, indices: np.ndarray, weight: np.ndarray, state: State) -> None:
    """Back to the accepted solution; the queue is empty, and no node of that has a move."""
    counts = state.counts
    for i in range(counts[TOUCHED]):
        v = state.touched[i]
        if not state.accepted[v] and state.place[v] < counts[SIZE]:
            _leave(indptr, indices, weight, state, v)
    for i in range(counts[TOUCHED]):
        v = state.touched[i]
        state.is_touched[v] = False
        if state.accepted[v] and state.place[v] >= counts[SIZE]:
            _enter(indptr, indices, weight, state, v)
    counts[TOUCHED] = 0


@jit
def _draw(weight: np.ndarray, state: State) -> int:
    """Of two random nodes outside the rested one, or, if both or none are, that which costs less."""
    counts = state.counts
    outside = len(weight) - counts[SIZE]
    v = state.order[counts[SIZE] + below(state.random, outside)]
    w = state.order[counts[SIZE] + below(state.random, outside)]
    latest = counts[ITERATION] - _REST
    is_v_rested, is_w_rested = state.left_at[v] <= latest, state.left_at[w] <= latest
    if is_v_rested != is_w_rested:
        return v if is_v_rested else w
    return v if state.load[v] - weight[v] <= state.load[w] - weight[w] else w


@jit
def begin(indptr: np.ndarray, indices: np.ndarray, weight: np.ndarray, state: State, nodes: np.ndarray) -> None:
    """Take these nodes before the first iteration; of neighbours the later ones stay."""
    for v in nodes:
        _force(indptr, indices, weight, state, v)


@jit_allocating
def run(indptr: np.ndarray, indices: np.ndarray, weight: np.ndarray, state: State, iterations: int) -> None:
    """
    Perturb, descend, accept or undo, ``iterations`` times; how that is sliced changes nothing.

    Parameters
    ----------
    indptr, indices
        Neighbours of each node, in order.
    weight
        (n,) int64 >= 0.
    """
    n = len(weight)
    counts = state.counts
    loose = np.empty(n, np.int32)
    for _ in range(iterations):
        if counts[ITERATION] > 0:
            if counts[SIZE] == n:
                return
            _force(indptr, indices, weight, state, _draw(weight, state))
        counts[ITERATION] += 1
        _descend(indptr, indices, weight, state, loose)
        worse = counts[ACCEPTED] - counts[WEIGHT]
        if worse > 0:
            scale = counts[SIZE] / (_UNIT * counts[BEST])
            odds = 1.0 + worse * scale * (counts[BEST] - counts[WEIGHT]) * scale
            if below(state.random, 1 << 30) * odds >= 1 << 30:
                _undo(indptr, indices, weight, state)
                continue
        _accept(state)
