"""
Steiner trees by annealing over sets of Steiner nodes, for graphs of many short ways.

A set costs the minimum spanning tree of itself and the terminals, plus a penalty for each part that stays apart;
single nodes enter and leave by the rule of Metropolis while it cools [1]_. Where edges weigh about the same and every
node has many alike (hypercubes, covering codes and the other families of [2]_), exchanges of key paths find no way
down, while nodes that enter and leave walk over plateaus and through infeasible sets.

The edges within the set are kept in the order of their weights: a move costs one pass of Kruskal's algorithm over
them, and most entries and exits are refused by a bound that only looks at the node's own edges. Memory O(n + m).

References
----------
.. [1] Dowsland, K. A. (1991). Hill-climbing, simulated annealing and the Steiner problem in graphs.
       *Engineering Optimization* 17(1-2): 91-107.
.. [2] Rosseti, I., Poggi de Aragao, M., Ribeiro, C. C., Uchoa, E., Werneck, R. F. (2001). New benchmark instances for
       the Steiner problem in graphs. *Proceedings of the 4th Metaheuristics International Conference*, 557-561.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosolve.core.jit import frozen, jit, jit_allocating
from cosolve.core.union_find import find
from cosolve.search.random import below, uniform
from cosolve.search.stp_graph import Adjacency, adjacency_of

#: First temperature, in units of the median weight.
HOT = 0.3

#: Penalties of a part that stays apart. A little below two edges, the price of a node that joins two parts, is best
#: where single nodes join many. Where terminals are so rare that joining takes ways of several nodes, it would leave
#: all apart: SteinLib's cc9-2n and cc10-2n want more.
_NEAR, _FAR = 1.8, 2.2

#: Last temperatures are drawn from here: hypercubes of 11 and 12 dimensions want the least, of 10 the greatest.
COLD = (0.1, 0.2)

# Slots of State.counters.
_CHOSEN, _INDUCED, _ITERATION = range(3)

# Slots of State.measures.
_COST, _HEAVIEST, _BEST = range(3)


@dataclass
class State:
    """
    A run between two slices; the arrays are changed in place.

    Parameters
    ----------
    alive
        Flag per node: terminal or chosen.
    near
        Neighbours of each node that are alive.
    chosen
        The chosen nodes.
    induced
        Edges between nodes that are alive, ascending.
    part, trial
        Union-find forests of the set and of the move that is tried.
    best
        Flag per node of the cheapest connected set.
    counters, measures
        Chosen nodes, induced edges, iterations; cost and heaviest tree edge of the set, weight of the best.
    """

    alive: np.ndarray
    near: np.ndarray
    chosen: np.ndarray
    induced: np.ndarray
    part: np.ndarray
    trial: np.ndarray
    best: np.ndarray
    counters: np.ndarray
    measures: np.ndarray


class Annealing:
    """
    Runs on one graph.

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
        order = np.argsort(weights, kind="stable")
        self._ends, self._weights = frozen(ends[order]), frozen(weights[order])
        self._adjacency: Adjacency = adjacency_of(num_nodes, self._ends)
        self._is_terminal = is_terminal
        self._free = np.flatnonzero(~is_terminal)
        self._unit = float(np.median(weights))
        self._penalty = penalty_of(ends, is_terminal) * self._unit
        self._random = random
        self.begin()

    def begin(self) -> None:
        """Start again, from the terminals alone."""
        n, m = len(self._is_terminal), len(self._ends)
        state = State(
            self._is_terminal.copy(),
            np.bincount(self._ends[self._is_terminal[self._ends[:, ::-1]]], minlength=n),
            np.empty(n, np.int64),
            np.empty(m, np.int64),
            np.empty(n, np.int64),
            np.empty(n, np.int64),
            np.zeros(n, np.bool_),
            np.zeros(3, np.int64),
            np.zeros(3),
        )
        inside = np.flatnonzero(state.alive[self._ends].all(axis=1))
        state.induced[: len(inside)] = inside
        state.counters[_INDUCED] = len(inside)
        weight, parts, heaviest = _tree(
            self._ends, self._weights, state.alive, state.induced, len(inside), -1, state.chosen, 0, state.part
        )
        state.measures[:] = weight + self._penalty * (parts - 1), heaviest, np.inf
        self._state = state
        self._cold = last_temperature(self._random)

    def run(self, length: int, budget: int) -> bool:
        """Go on with a run of ``length`` iterations for ``budget`` work units (edges looked at); True at its end."""
        state = self._state
        _run(
            *self._adjacency,
            self._ends,
            self._weights,
            self._free,
            state.alive,
            state.near,
            state.chosen,
            state.induced,
            state.part,
            state.trial,
            state.best,
            state.counters,
            state.measures,
            self._unit,
            self._penalty,
            self._cold,
            self._random,
            length,
            budget,
        )
        return bool(state.counters[_ITERATION] >= length)

    @property
    def alive(self) -> np.ndarray:
        """Flag per node of the present set with the terminals; it need not be connected."""
        return self._state.alive

    @property
    def weight(self) -> float:
        """Weight of the lightest tree of this run, branches to no terminal included; infinite before the first."""
        return float(self._state.measures[_BEST])

    @property
    def nodes(self) -> np.ndarray:
        """Flag per node of that tree."""
        return self._state.best


def penalty_of(ends: np.ndarray, is_terminal: np.ndarray) -> float:
    """Of a part that stays apart, in units of the median weight: by how many terminals nodes have beside them."""
    mixed = np.count_nonzero(is_terminal[ends[:, 0]] != is_terminal[ends[:, 1]])
    return _NEAR if mixed >= 2 * np.count_nonzero(~is_terminal) else _FAR


def last_temperature(random: np.ndarray) -> float:
    """Where the next run ends, drawn evenly on the scale of logarithms."""
    least, greatest = COLD
    return float(least * (greatest / least) ** uniform(random))


@jit
def _tree(
    ends: np.ndarray,
    weights: np.ndarray,
    alive: np.ndarray,
    induced: np.ndarray,
    num_induced: int,
    without: int,
    extra: np.ndarray,
    num_extra: int,
    parent: np.ndarray,
) -> tuple[float, int, float]:
    """Weight, parts and heaviest edge of the spanning forest, less one node or with a node's edges (ascending)."""
    parts = 0
    for v in range(len(parent)):
        parent[v] = v
        parts += alive[v]
    parts += (num_extra > 0) - (without >= 0)
    weight = heaviest = 0.0
    i = j = 0
    while parts > 1 and (i < num_induced or j < num_extra):
        if j == num_extra or (i < num_induced and induced[i] < extra[j]):
            e = induced[i]
            i += 1
        else:
            e = extra[j]
            j += 1
        u, v = ends[e, 0], ends[e, 1]
        if u == without or v == without:
            continue
        u, v = find(parent, u), find(parent, v)
        if u != v:
            parent[u] = v
            parts -= 1
            weight += weights[e]
            heaviest = weights[e]
    return weight, parts, heaviest


@jit
def _least_loss(
    indptr: np.ndarray,
    neighbours: np.ndarray,
    edge_ids: np.ndarray,
    weights: np.ndarray,
    alive: np.ndarray,
    near: np.ndarray,
    v: int,
    penalty: float,
) -> float:
    """
    Lower bound of what the cost grows by when ``v`` leaves.

    Neighbours that have no other stay apart. Each of the rest stays apart as well, or is joined by what weighs no less
    than the edge of ``v`` in the tree that it had; one of them needs neither.
    """
    loss = heaviest = 0.0
    is_apart = True
    for k in range(indptr[v], indptr[v + 1]):
        if not alive[neighbours[k]]:
            continue
        weight = weights[edge_ids[k]]
        if near[neighbours[k]] == 1:
            loss += penalty - weight
        else:
            is_apart = False
            loss += min(0.0, penalty - weight)
            heaviest = max(heaviest, weight)
    return loss - (penalty if is_apart else min(penalty, heaviest))


@jit_allocating
def _run(
    indptr: np.ndarray,
    neighbours: np.ndarray,
    edge_ids: np.ndarray,
    ends: np.ndarray,
    weights: np.ndarray,
    free: np.ndarray,
    alive: np.ndarray,
    near: np.ndarray,
    chosen: np.ndarray,
    induced: np.ndarray,
    part: np.ndarray,
    trial: np.ndarray,
    best: np.ndarray,
    counters: np.ndarray,
    measures: np.ndarray,
    unit: float,
    penalty: float,
    cold: float,
    random: np.ndarray,
    length: int,
    budget: int,
) -> None:
    """Iterations until the budget or the length is used up."""
    own, seen = np.empty(np.diff(indptr).max(), np.int64), np.zeros(len(alive), np.int64)
    work = 0
    while work < budget and counters[_ITERATION] < length:
        temperature = unit * HOT * (cold / HOT) ** (counters[_ITERATION] / length)
        counters[_ITERATION] += 1
        work += 20
        allowed = -temperature * np.log(uniform(random))
        num_own, position = 0, -1
        leaves = counters[_CHOSEN] > 0 and uniform(random) < 0.5
        if leaves:
            position = below(random, counters[_CHOSEN])
            v = chosen[position]
            if _least_loss(indptr, neighbours, edge_ids, weights, alive, near, v, penalty) > allowed:
                work += indptr[v + 1] - indptr[v]
                continue
        else:
            v = free[below(random, len(free))]
            if alive[v]:
                continue
            # At best each further edge joins a part, or takes the place of the heaviest edge.
            least = penalty
            for k in range(indptr[v], indptr[v + 1]):
                if not alive[neighbours[k]]:
                    continue
                weight, root = weights[edge_ids[k]], find(part, neighbours[k])
                if num_own == 0:
                    least = weight
                else:
                    is_new = seen[root] != counters[_ITERATION]
                    least += weight - penalty if is_new else min(0.0, weight - measures[_HEAVIEST])
                seen[root] = counters[_ITERATION]
                own[num_own] = edge_ids[k]
                num_own += 1
            work += num_own
            if least > allowed:
                continue
        without = v if leaves else -1
        num_induced = counters[_INDUCED]
        weight, parts, heaviest = _tree(ends, weights, alive, induced, num_induced, without, own, num_own, trial)
        if not leaves and num_own == 0:
            parts += 1
        work += num_induced + num_own + len(alive) // 8
        cost = weight + penalty * (parts - 1)
        if cost - measures[_COST] > allowed:
            continue
        if leaves:
            counters[_CHOSEN] -= 1
            chosen[position] = chosen[counters[_CHOSEN]]
            kept = 0
            for i in range(num_induced):
                e = induced[i]
                if ends[e, 0] != v and ends[e, 1] != v:
                    induced[kept] = e
                    kept += 1
            counters[_INDUCED] = kept
        else:
            chosen[counters[_CHOSEN]] = v
            counters[_CHOSEN] += 1
            i, j = num_induced - 1, num_own - 1
            while j >= 0:
                if i >= 0 and induced[i] > own[j]:
                    induced[i + j + 1] = induced[i]
                    i -= 1
                else:
                    induced[i + j + 1] = own[j]
                    j -= 1
            counters[_INDUCED] += num_own
        alive[v] = not leaves
        for k in range(indptr[v], indptr[v + 1]):
            near[neighbours[k]] += -1 if leaves else 1
        part[:] = trial
        measures[_COST], measures[_HEAVIEST] = cost, heaviest
        if parts == 1 and weight < measures[_BEST]:
            measures[_BEST] = weight
            best[:] = alive
