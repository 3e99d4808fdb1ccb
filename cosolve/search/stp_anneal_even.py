"""
Annealing over sets of Steiner nodes where all edges weigh the same.

The same search as :mod:`cosolve.search.stp_anneal`, whose Kruskal passes are not needed here: a set costs its nodes and
a penalty for each part that stays apart. Parts are labelled. A node that enters relabels all parts that it joins but
the largest. For a node that leaves, searches from its neighbours take turns until all have met but for what they have
seen whole [1]_: that ends early where ways round the node are short, as they are in a cube, or what it cuts off is
small. Entries are refused in O(degree). Memory O(n + m).

References
----------
.. [1] Even, S., Shiloach, Y. (1981). An on-line edge-deletion problem. *Journal of the ACM* 28(1): 1-4.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cosolve.core.jit import jit, jit_allocating
from cosolve.core.union_find import find
from cosolve.search.random import below, uniform
from cosolve.search.stp_anneal import HOT, last_temperature, penalty_of
from cosolve.search.stp_graph import adjacency_of

# Slots of State.counters.
_CHOSEN, _PARTS, _LABELS, _ITERATION, _BEST = range(5)


class State(NamedTuple):
    """
    A run between two slices; the arrays are changed in place.

    Parameters
    ----------
    alive
        Flag per node: terminal or chosen.
    near
        Edges of each node to nodes that are alive.
    chosen
        The chosen nodes.
    label, size
        Part of each node that is alive, and nodes of each part.
    labels
        Labels that are free: the first ``counters[_LABELS]``.
    best
        Flag per node of the smallest connected set.
    counters
        Chosen nodes, parts, free labels, iterations, nodes of the best.
    """

    alive: np.ndarray
    near: np.ndarray
    chosen: np.ndarray
    label: np.ndarray
    size: np.ndarray
    labels: np.ndarray
    best: np.ndarray
    counters: np.ndarray


class Fronts(NamedTuple):
    """
    Scratch memory of the searches from the neighbours of a node that leaves.

    Parameters
    ----------
    owner
        Front that reached each node, valid where ``stamp`` is that of the search.
    stamp
        Number of the last search that reached each node.
    following
        The node that the same front reached next (-1: none).
    first, head, last
        Of each front: its first node, the next one to be looked at, its last.
    group
        Union-find forest over the fronts.
    waiting
        Nodes of each group still to be looked at.
    turn
        Fronts that have nodes to be looked at.
    """

    owner: np.ndarray
    stamp: np.ndarray
    following: np.ndarray
    first: np.ndarray
    head: np.ndarray
    last: np.ndarray
    group: np.ndarray
    waiting: np.ndarray
    turn: np.ndarray


class EvenAnnealing:
    """
    Runs on one graph whose edges all weigh the same.

    Parameters
    ----------
    num_nodes, ends, weights, is_terminal
        The graph: (m, 2) int64, (m,) float64, (n,) bool; at least two terminals, some node that is none.
    random
        State of the random stream, see :mod:`cosolve.search.random`.
    """

    def __init__(
        self, num_nodes: int, ends: np.ndarray, weights: np.ndarray, is_terminal: np.ndarray, random: np.ndarray
    ) -> None:
        self._indptr, self._neighbours, _ = adjacency_of(num_nodes, ends)
        self._unit = float(weights[0])
        self._penalty = penalty_of(ends, is_terminal)
        self._is_terminal = is_terminal
        self._free = np.flatnonzero(~is_terminal)
        self._random = random
        self.begin()

    def begin(self) -> None:
        """Start again, from the terminals alone."""
        self._state = _new_state(self._indptr, self._neighbours, self._is_terminal)
        self._fronts = _new_fronts(self._indptr)
        self._cold = last_temperature(self._random)

    def run(self, length: int, budget: int) -> bool:
        """Go on with a run of ``length`` iterations for ``budget`` work units (edges looked at); True at its end."""
        _run(
            self._indptr,
            self._neighbours,
            self._free,
            self._state,
            self._fronts,
            self._penalty,
            self._cold,
            self._random,
            length,
            budget,
        )
        return bool(self._state.counters[_ITERATION] >= length)

    @property
    def alive(self) -> np.ndarray:
        """Flag per node of the present set with the terminals; it need not be connected."""
        return self._state.alive

    @property
    def weight(self) -> float:
        """Weight of the lightest tree of this run, branches to no terminal included; infinite before the first."""
        nodes = int(self._state.counters[_BEST])
        return (nodes - 1) * self._unit if nodes <= len(self._is_terminal) else np.inf

    @property
    def nodes(self) -> np.ndarray:
        """Flag per node of that tree."""
        return self._state.best


def _new_state(indptr: np.ndarray, neighbours: np.ndarray, is_terminal: np.ndarray) -> State:
    """The terminals alone."""
    n = len(is_terminal)
    state = State(
        is_terminal.copy(),
        np.zeros(n, np.int64),
        np.empty(n, np.int64),
        np.full(n, -1, np.int64),
        np.zeros(n, np.int64),
        np.arange(n),
        np.zeros(n, np.bool_),
        np.array([0, 0, n, 0, n + 1], np.int64),
    )
    _label_all(indptr, neighbours, state)
    return state


def _new_fronts(indptr: np.ndarray) -> Fronts:
    """Scratch memory for any node of a graph."""
    n, most = len(indptr) - 1, int(np.diff(indptr).max())
    nodes, fronts = np.zeros((3, n), np.int64), np.zeros((6, most), np.int64)
    return Fronts(*nodes, *fronts)


@jit_allocating
def _label_all(indptr: np.ndarray, neighbours: np.ndarray, state: State) -> None:
    """Count neighbours and label the parts of a new state."""
    stack = np.empty(len(state.alive), np.int64)
    for root in range(len(state.alive)):
        for k in range(indptr[root], indptr[root + 1]):
            state.near[root] += state.alive[neighbours[k]]
        if state.alive[root] and state.label[root] < 0:
            label = _take_label(state)
            state.label[root] = label
            state.size[label], _ = _relabel(indptr, neighbours, state, root, label, stack)
            state.counters[_PARTS] += 1


@jit
def _take_label(state: State) -> int:
    state.counters[_LABELS] -= 1
    return state.labels[state.counters[_LABELS]]


@jit
def _free_label(state: State, label: int) -> None:
    state.labels[state.counters[_LABELS]] = label
    state.counters[_LABELS] += 1


@jit
def _relabel(
    indptr: np.ndarray, neighbours: np.ndarray, state: State, root: int, label: int, stack: np.ndarray
) -> tuple[int, int]:
    """Label what is alive and connected with ``root`` if it has another label; returns the nodes and the work."""
    stack[0], height, count, work = root, 1, 1, 0
    state.label[root] = label
    while height:
        height -= 1
        v = stack[height]
        work += indptr[v + 1] - indptr[v]
        for k in range(indptr[v], indptr[v + 1]):
            u = neighbours[k]
            if state.alive[u] and state.label[u] != label:
                state.label[u] = label
                stack[height] = u
                height += 1
                count += 1
    return count, work


@jit
def _enter(indptr: np.ndarray, neighbours: np.ndarray, state: State, v: int, stack: np.ndarray) -> int:
    """Let a node enter; returns the work."""
    begin, end = indptr[v], indptr[v + 1]
    largest = -1
    for k in range(begin, end):
        u = neighbours[k]
        state.near[u] += 1
        if state.alive[u] and (largest < 0 or state.size[state.label[u]] > state.size[largest]):
            largest = state.label[u]
    if largest < 0:
        largest = _take_label(state)
        state.size[largest] = 0
        state.counters[_PARTS] += 1
    size, work = 1, 2 * (end - begin)
    for k in range(begin, end):
        u = neighbours[k]
        if state.alive[u] and state.label[u] != largest:
            _free_label(state, state.label[u])
            count, scanned = _relabel(indptr, neighbours, state, u, largest, stack)
            size += count
            work += scanned
            state.counters[_PARTS] -= 1
    state.label[v] = largest
    state.size[largest] += size
    state.alive[v] = True
    state.chosen[state.counters[_CHOSEN]] = v
    state.counters[_CHOSEN] += 1
    return work


@jit
def _leave(
    indptr: np.ndarray, neighbours: np.ndarray, state: State, fronts: Fronts, position: int, stamp: int, most: int
) -> int:
    """
    Let the chosen node in a position leave unless its part falls into more than ``most``.

    Returns the work, negative if the node stays.
    """
    v = state.chosen[position]
    begin, end = indptr[v], indptr[v + 1]
    work = end - begin
    alone = num = 0
    for k in range(begin, end):
        u = neighbours[k]
        if not state.alive[u] or fronts.stamp[u] == stamp:
            continue  # a second edge to the same neighbour starts no second front
        if state.near[u] == 1:
            alone += 1
            continue
        fronts.owner[u], fronts.stamp[u], fronts.following[u] = num, stamp, -1
        fronts.first[num] = fronts.head[num] = fronts.last[num] = u
        fronts.group[num], fronts.waiting[num], fronts.turn[num] = num, 1, num
        num += 1
    growing, ended, turns, i = num, 0, num, 0
    while growing > 1:
        if alone + ended + 1 > most:
            return -work
        f = fronts.turn[i]
        x = fronts.head[f]
        group = find(fronts.group, f)
        work += indptr[x + 1] - indptr[x]
        for k in range(indptr[x], indptr[x + 1]):
            u = neighbours[k]
            if u == v or not state.alive[u]:
                continue
            if fronts.stamp[u] != stamp:
                fronts.owner[u], fronts.stamp[u], fronts.following[u] = f, stamp, -1
                fronts.following[fronts.last[f]] = u
                fronts.last[f] = u
                fronts.waiting[group] += 1
                continue
            other = find(fronts.group, fronts.owner[u])
            if other != group:
                fronts.group[other] = group
                fronts.waiting[group] += fronts.waiting[other]
                growing -= 1
        fronts.head[f] = fronts.following[x]
        if fronts.head[f] < 0:
            turns -= 1
            fronts.turn[i] = fronts.turn[turns]
        else:
            i += 1
        i = 0 if i >= turns else i
        fronts.waiting[group] -= 1
        if fronts.waiting[group] == 0:
            growing -= 1
            ended += 1
    if alone + ended + growing > most:
        return -work
    # The group that still grows keeps the label, or the first of the neighbours that have no other.
    label, is_kept = state.label[v], num > 0
    state.size[label] -= 1
    for g in range(num):
        if find(fronts.group, g) != g or fronts.waiting[g] > 0:
            continue
        fresh = _take_label(state)
        size = 0
        for h in range(num):
            if find(fronts.group, h) != g:
                continue
            x = fronts.first[h]
            while x >= 0:
                state.label[x] = fresh
                size += 1
                x = fronts.following[x]
        state.size[fresh] = size
        state.size[label] -= size
        work += size
    for k in range(begin, end):
        u = neighbours[k]
        if state.alive[u] and state.near[u] == 1 and fronts.stamp[u] != stamp:
            if is_kept:
                fresh = _take_label(state)
                state.label[u], state.size[fresh] = fresh, 1
                state.size[label] -= 1
            is_kept = True
        state.near[u] -= 1
    if not is_kept:
        _free_label(state, label)
    state.alive[v] = False
    state.counters[_CHOSEN] -= 1
    state.chosen[position] = state.chosen[state.counters[_CHOSEN]]
    state.counters[_PARTS] += alone + ended + growing - 1
    return work


@jit_allocating
def _run(
    indptr: np.ndarray,
    neighbours: np.ndarray,
    free: np.ndarray,
    state: State,
    fronts: Fronts,
    penalty: float,
    cold: float,
    random: np.ndarray,
    length: int,
    budget: int,
) -> None:
    """Iterations until the budget or the length is used up; all costs in units of an edge's weight."""
    stack, seen = np.empty(len(state.alive), np.int64), np.zeros(len(state.alive), np.int64)
    counters = state.counters
    num_terminals = len(state.alive) - len(free)
    work = 0
    while work < budget and counters[_ITERATION] < length:
        temperature = HOT * (cold / HOT) ** (counters[_ITERATION] / length)
        counters[_ITERATION] += 1
        work += 20
        allowed = -temperature * np.log(uniform(random))
        if counters[_CHOSEN] > 0 and uniform(random) < 0.5:
            position = below(random, counters[_CHOSEN])
            # A node that leaves k parts behind costs (k - 1) (penalty - 1) - 1.
            most = int(np.floor((allowed + 1.0) / (penalty - 1.0) + 1.0))
            used = _leave(indptr, neighbours, state, fronts, position, counters[_ITERATION], most)
            work += abs(used)
            if used < 0:
                continue
        else:
            v = free[below(random, len(free))]
            if state.alive[v]:
                continue
            joined = 0
            for k in range(indptr[v], indptr[v + 1]):
                u = neighbours[k]
                if state.alive[u] and seen[state.label[u]] != counters[_ITERATION]:
                    seen[state.label[u]] = counters[_ITERATION]
                    joined += 1
            work += indptr[v + 1] - indptr[v]
            if joined + penalty * (1 - joined) > allowed:
                continue
            work += _enter(indptr, neighbours, state, v, stack)
        if counters[_PARTS] == 1 and num_terminals + counters[_CHOSEN] < counters[_BEST]:
            counters[_BEST] = num_terminals + counters[_CHOSEN]
            state.best[:] = state.alive
