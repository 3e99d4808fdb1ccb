"""
Dynamic local search for maximum independent sets of dense graphs, with penalties of nodes (DLS-MC).

A phase takes free nodes, and where there are none exchanges one node for another, until nothing is left that it has
not taken before or nothing of the solution that the exchanges began with. Of the candidates it takes those with the
least penalty. Then the nodes of the solution get a penalty more, and the next phase begins from the node that was taken
last [1]_. Now and then all penalties fall; so often that three quarters of the nodes have one [2]_. So every node gets
its turn, where other searches keep to nodes of low degree and weights of edges (:mod:`cosolve.search.numvc`) look in
vain for sets that are hidden among the others (brock, DIMACS).

References
----------
.. [1] Pullan, W., Hoos, H. H. (2006). Dynamic local search for the maximum clique problem. *Journal of Artificial
       Intelligence Research* 25: 159-185.
.. [2] Pullan, W. (2006). Phased local search for the maximum clique problem. *Journal of Combinatorial Optimization*
       12(3): 303-323.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cosolve.core.jit import jit
from cosolve.search.mis import below

# Entries of State.counts: sizes of the lists, then the rest.
FREE, LOOSE, SIZE, BEST, ITERATION, PHASE, PLATEAU, OVERLAP, LAST, DELAY, UPDATES = range(11)

#: Rows of State.lists and State.places.
_FREE, _LOOSE, _TAKEN = range(3)

#: Share of the nodes that are to have a penalty.
_PENALISED = 0.75


class State(NamedTuple):
    """
    A solution, the candidates, and the penalties, of n nodes.

    Parameters
    ----------
    counts
        Numbers of free, loose and taken nodes, size of the best solution, iterations, number of the phase and of the
        plateau, nodes left of what the plateau began with (negative where none has begun), node taken last, phases
        between two falls of the penalties, and since the last.
    lists, places
        (3, n) int32: the nodes with no neighbour in the solution, those with one, and the solution; place of each node
        in each list, -1 where it is not.
    tight, owners
        Number of neighbours in the solution, and sum of their ids: the only one where there is one.
    penalty
        Of each node.
    taken_in, began
        Phase in which a node was taken last, and plateau that had it in its solution at the beginning.
    best, random
        The best solution, and a random stream as in :mod:`cosolve.search.mis`.
    """

    counts: np.ndarray
    lists: np.ndarray
    places: np.ndarray
    tight: np.ndarray
    owners: np.ndarray
    penalty: np.ndarray
    taken_in: np.ndarray
    began: np.ndarray
    best: np.ndarray
    random: np.ndarray


def make_state(n: int, seed: int) -> State:
    """State with an empty solution for n nodes."""
    counts = np.zeros(11, np.int64)
    counts[[FREE, PHASE, PLATEAU, LAST, DELAY]] = n, 1, 1, -1, 2
    places = np.full((3, n), -1, np.int32)
    places[_FREE] = np.arange(n)
    return State(
        counts=counts,
        lists=places.copy(),
        places=places,
        tight=np.zeros(n, np.int32),
        owners=np.zeros(n, np.int64),
        penalty=np.zeros(n, np.int64),
        taken_in=np.zeros(n, np.int64),
        began=np.zeros(n, np.int64),
        best=np.zeros(n, np.bool_),
        random=np.array([seed * 2 + 1], np.uint64),
    )


@jit
def _enter(state: State, kind: int, v: int) -> None:
    """Append v to a list."""
    size = state.counts[kind]
    state.lists[kind, size] = v
    state.places[kind, v] = size
    state.counts[kind] = size + 1


@jit
def _leave(state: State, kind: int, v: int) -> None:
    """Take v out of a list."""
    size = state.counts[kind] - 1
    place, last = state.places[kind, v], state.lists[kind, size]
    state.lists[kind, place] = last
    state.places[kind, last] = place
    state.places[kind, v] = -1
    state.counts[kind] = size


@jit
def _take(indptr: np.ndarray, indices: np.ndarray, state: State, v: int) -> None:
    """Take a free node."""
    _leave(state, _FREE, v)
    _enter(state, _TAKEN, v)
    for k in range(indptr[v], indptr[v + 1]):
        w = indices[k]
        state.tight[w] += 1
        state.owners[w] += v
        if state.tight[w] == 1:
            _leave(state, _FREE, w)
            _enter(state, _LOOSE, w)
        elif state.tight[w] == 2:
            _leave(state, _LOOSE, w)


@jit
def _drop(indptr: np.ndarray, indices: np.ndarray, state: State, v: int) -> None:
    """Drop a node of the solution."""
    _leave(state, _TAKEN, v)
    _enter(state, _FREE, v)
    for k in range(indptr[v], indptr[v + 1]):
        w = indices[k]
        state.tight[w] -= 1
        state.owners[w] -= v
        if state.tight[w] == 0:
            _leave(state, _LOOSE, w)
            _enter(state, _FREE, w)
        elif state.tight[w] == 1:
            _enter(state, _LOOSE, w)
    if state.began[v] == state.counts[PLATEAU]:
        state.counts[OVERLAP] -= 1


@jit
def _choose(state: State, kind: int) -> int:
    """Of the nodes in a list that were not taken in this phase one with the least penalty; -1 if there is none."""
    least, chosen, ties = 0, -1, 0
    for k in range(state.counts[kind]):
        v = state.lists[kind, k]
        if state.taken_in[v] == state.counts[PHASE]:
            continue
        if chosen < 0 or state.penalty[v] < least:
            least, chosen, ties = state.penalty[v], v, 1
        elif state.penalty[v] == least:
            ties += 1
            if below(state.random, ties) == 0:
                chosen = v
    return chosen


@jit
def _begin_plateau(state: State) -> None:
    counts = state.counts
    counts[PLATEAU] += 1
    counts[OVERLAP] = counts[SIZE]
    for k in range(counts[SIZE]):
        state.began[state.lists[_TAKEN, k]] = counts[PLATEAU]


@jit
def _begin_phase(indptr: np.ndarray, indices: np.ndarray, state: State) -> None:
    """Punish the solution, and keep of it what was taken last; with penalties that fall at once also a random node."""
    counts, n = state.counts, len(state.penalty)
    for k in range(counts[SIZE]):
        state.penalty[state.lists[_TAKEN, k]] += 1
    counts[UPDATES] += 1
    if counts[UPDATES] >= counts[DELAY]:
        counts[UPDATES] = 0
        penalised = 0
        for v in range(n):
            if state.penalty[v] > 0:
                state.penalty[v] -= 1
            if state.penalty[v] > 0:
                penalised += 1
        if penalised < _PENALISED * n:
            counts[DELAY] += 1
        elif counts[DELAY] > 1:
            counts[DELAY] -= 1
    kept = counts[LAST]
    if counts[DELAY] == 1:
        kept = below(state.random, n)
    for k in range(counts[SIZE] - 1, -1, -1):
        v = state.lists[_TAKEN, k]
        if v != kept:
            _drop(indptr, indices, state, v)
    if state.places[_TAKEN, kept] < 0:
        _take(indptr, indices, state, kept)
    counts[PHASE] += 1
    counts[OVERLAP] = -1


@jit
def run(indptr: np.ndarray, indices: np.ndarray, state: State, iterations: int, target: int) -> None:
    """Take ``iterations`` nodes, or until the best solution has ``target``; how that is sliced changes nothing."""
    counts = state.counts
    for _ in range(iterations):
        if counts[BEST] >= target:
            return
        counts[ITERATION] += 1
        v = _choose(state, _FREE)
        if v >= 0:
            _take(indptr, indices, state, v)
            counts[OVERLAP] = -1
            if counts[SIZE] > counts[BEST]:
                counts[BEST] = counts[SIZE]
                for u in range(len(state.best)):
                    state.best[u] = state.places[_TAKEN, u] >= 0
        else:
            if counts[OVERLAP] < 0:
                _begin_plateau(state)
            v = _choose(state, _LOOSE) if counts[OVERLAP] > 0 else -1
            if v < 0:
                _begin_phase(indptr, indices, state)
                continue
            _drop(indptr, indices, state, state.owners[v])
            _take(indptr, indices, state, v)
        counts[LAST] = v
        state.taken_in[v] = counts[PHASE]
