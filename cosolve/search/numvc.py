"""Edge-weighting local search for minimum vertex covers, that is maximum independent sets, of dense graphs (NuMVC)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cosolve.core.jit import jit, jit_allocating
from cosolve.search.mis import below

# Entries of State.counts.
COVER, UNCOVERED, BEST, ITERATION, TOTAL, LAST = range(6)


class State(NamedTuple):
    """
    A set of cover nodes that misses few edges, the best cover, and the weights.

    ``score[v]`` is the weight that would be uncovered (negative) if v left, or covered if it came in. ``cover``
    lists the cover nodes with ``place`` as inverse (-1 outside); ``open`` lists uncovered edges likewise.
    """

    counts: np.ndarray
    tails: np.ndarray
    heads: np.ndarray
    edge_ids: np.ndarray
    weight: np.ndarray
    score: np.ndarray
    moved_at: np.ndarray
    may_enter: np.ndarray
    cover: np.ndarray
    place: np.ndarray
    open: np.ndarray
    open_place: np.ndarray
    best: np.ndarray
    random: np.ndarray


def make_state(indptr: np.ndarray, indices: np.ndarray, independent: np.ndarray, seed: int) -> State:
    """State whose cover is the complement of an independent set, given as node ids."""
    n, m = len(indptr) - 1, len(indices) // 2
    tails, heads, edge_ids = _number_edges(indptr, indices, m)
    inside = np.ones(n, np.bool_)
    inside[independent] = False
    cover = np.empty(n, np.int32)
    nodes = np.flatnonzero(inside)
    cover[: len(nodes)] = nodes
    place = np.full(n, -1, np.int32)
    place[nodes] = np.arange(len(nodes))
    state = State(
        counts=np.array([len(nodes), 0, len(nodes), 0, m, -1], np.int64),
        tails=tails,
        heads=heads,
        edge_ids=edge_ids,
        weight=np.ones(m, np.int64),
        score=np.zeros(n, np.int64),
        moved_at=np.zeros(n, np.int64),
        may_enter=np.ones(n, np.bool_),
        cover=cover,
        place=place,
        open=np.empty(m, np.int32),
        open_place=np.full(m, -1, np.int32),
        best=~inside,
        random=np.array([seed * 2 + 1], np.uint64),
    )
    _rescore(state)
    return state


@jit_allocating
def _number_edges(indptr: np.ndarray, indices: np.ndarray, m: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n = len(indptr) - 1
    tails = np.empty(m, np.int32)
    heads = np.empty(m, np.int32)
    edge_ids = np.empty(2 * m, np.int32)
    cursor = indptr[:-1].copy()
    count = 0
    for v in range(n):
        for k in range(indptr[v], indptr[v + 1]):
            w = indices[k]
            if w > v:
                tails[count] = v
                heads[count] = w
                edge_ids[k] = count
                # Rows are ascending, so w meets its smaller neighbours in this very order.
                edge_ids[cursor[w]] = count
                cursor[w] += 1
                count += 1
    return tails, heads, edge_ids


@jit
def _rescore(state: State) -> None:
    state.score[:] = 0
    total = 0
    for e in range(len(state.tails)):
        a = state.tails[e]
        b = state.heads[e]
        total += state.weight[e]
        if state.place[a] >= 0:
            if state.place[b] < 0:
                state.score[a] -= state.weight[e]
        elif state.place[b] >= 0:
            state.score[b] -= state.weight[e]
        else:
            state.score[a] += state.weight[e]
            state.score[b] += state.weight[e]
    state.counts[TOTAL] = total


@jit
def _leave(indptr: np.ndarray, indices: np.ndarray, state: State, v: int) -> None:
    counts = state.counts
    hole = state.place[v]
    counts[COVER] -= 1
    last = state.cover[counts[COVER]]
    state.cover[hole] = last
    state.place[last] = hole
    state.place[v] = -1
    state.score[v] = -state.score[v]
    state.may_enter[v] = False
    for k in range(indptr[v], indptr[v + 1]):
        w = indices[k]
        e = state.edge_ids[k]
        if state.place[w] >= 0:
            state.score[w] -= state.weight[e]
        else:
            state.score[w] += state.weight[e]
            state.may_enter[w] = True
            state.open_place[e] = counts[UNCOVERED]
            state.open[counts[UNCOVERED]] = e
            counts[UNCOVERED] += 1
    state.moved_at[v] = counts[ITERATION]


@jit
def _enter(indptr: np.ndarray, indices: np.ndarray, state: State, v: int) -> None:
    counts = state.counts
    state.place[v] = counts[COVER]
    state.cover[counts[COVER]] = v
    counts[COVER] += 1
    state.score[v] = -state.score[v]
    for k in range(indptr[v], indptr[v + 1]):
        w = indices[k]
        e = state.edge_ids[k]
        if state.place[w] >= 0:
            state.score[w] += state.weight[e]
        else:
            state.score[w] -= state.weight[e]
            state.may_enter[w] = True
            counts[UNCOVERED] -= 1
            moved = state.open[counts[UNCOVERED]]
            state.open[state.open_place[e]] = moved
            state.open_place[moved] = state.open_place[e]
    state.moved_at[v] = counts[ITERATION]
    counts[LAST] = v


@jit
def _cheapest(state: State, samples: int) -> int:
    """Cover node with the least loss, the oldest of equals; among ``samples`` random ones if there are more."""
    counts = state.counts
    count = counts[COVER]
    best = -1
    if count <= samples:
        for i in range(count):
            v = state.cover[i]
            if v != counts[LAST] and (
                best < 0
                or state.score[v] > state.score[best]
                or (state.score[v] == state.score[best] and state.moved_at[v] < state.moved_at[best])
            ):
                best = v
    else:
        for _ in range(samples):
            v = state.cover[below(state.random, count)]
            if v != counts[LAST] and (
                best < 0
                or state.score[v] > state.score[best]
                or (state.score[v] == state.score[best] and state.moved_at[v] < state.moved_at[best])
            ):
                best = v
    return best


@jit
def run(indptr: np.ndarray, indices: np.ndarray, state: State, iterations: int, target: int, samples: int) -> None:
    """
    Exchange nodes ``iterations`` times, or until the best cover leaves ``target`` independent nodes.

    One node of least loss leaves; a random uncovered edge gets its better end that may enter (a node may come
    back only when a neighbour has moved since); uncovered edges grow heavier, and all weights shrink to 0.3 when
    their mean exceeds n / 2 ([1]_).

    References
    ----------
    .. [1] Cai, S., Su, K., Luo, C., Sattar, A. (2013). NuMVC: an efficient local search algorithm for minimum vertex
           cover. *Journal of Artificial Intelligence Research* 46: 687-716.
    """
    counts = state.counts
    n = len(indptr) - 1
    m = len(state.tails)
    for _ in range(iterations):
        while counts[UNCOVERED] == 0:
            if counts[COVER] < counts[BEST] or counts[ITERATION] == 0:
                counts[BEST] = counts[COVER]
                for v in range(n):
                    state.best[v] = state.place[v] < 0
            if n - counts[BEST] >= target or counts[COVER] == 0:
                return
            counts[LAST] = -1
            _leave(indptr, indices, state, _cheapest(state, n))
        counts[ITERATION] += 1
        v = _cheapest(state, samples)
        if v >= 0:
            _leave(indptr, indices, state, v)
        e = state.open[below(state.random, counts[UNCOVERED])]
        a = state.tails[e]
        b = state.heads[e]
        is_better = state.score[a] > state.score[b] or (
            state.score[a] == state.score[b] and state.moved_at[a] < state.moved_at[b]
        )
        v = a if state.may_enter[a] and (is_better or not state.may_enter[b]) else b
        _enter(indptr, indices, state, v)
        for i in range(counts[UNCOVERED]):
            e = state.open[i]
            state.weight[e] += 1
            state.score[state.tails[e]] += 1
            state.score[state.heads[e]] += 1
        counts[TOTAL] += counts[UNCOVERED]
        if counts[TOTAL] > 0.5 * n * m:
            for e in range(m):
                state.weight[e] = int(0.3 * state.weight[e])
            _rescore(state)
    if counts[UNCOVERED] == 0 and counts[COVER] < counts[BEST]:
        counts[BEST] = counts[COVER]
        for v in range(n):
            state.best[v] = state.place[v] < 0
