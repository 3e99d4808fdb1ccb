"""
Separation of cuts for routing polytopes over a support graph given as edge arrays.

Subtour elimination constraints are separated exactly by a minimum cut of Stoer and Wagner (1997), O(n^3) on a
dense matrix of n nodes. Rounded capacity inequalities are NP-hard to separate; the greedy construction of
Augerat et al. (1998), as in Lysgaard, Letchford and Eglese (2004), grows a set from every customer and is
exact on integer points because it also looks at every connected component.

References
----------
.. [1] Stoer, M., and Wagner, F. (1997). A simple min-cut algorithm. *Journal of the ACM* 44(4): 585-591.
.. [2] Augerat, P., Belenguer, J. M., Benavent, E., Corberan, A., and Naddef, D. (1998). Separating capacity
       constraints in the CVRP using tabu search. *European Journal of Operational Research* 106: 546-557.
.. [3] Lysgaard, J., Letchford, A. N., and Eglese, R. W. (2004). A new branch-and-cut algorithm for the
       capacitated vehicle routing problem. *Mathematical Programming* 100: 423-445.
"""

from __future__ import annotations

import numpy as np

from cosolve.core.jit import jit_allocating


@jit_allocating
def components(num_nodes: int, tails: np.ndarray, heads: np.ndarray) -> np.ndarray:
    """Smallest node of the connected component of each node, (num_nodes,) int64; union-find, near linear."""
    parent = np.arange(num_nodes)
    for k in range(len(tails)):
        a, b = tails[k], heads[k]
        while parent[a] != a:
            parent[a] = parent[parent[a]]
            a = parent[a]
        while parent[b] != b:
            parent[b] = parent[parent[b]]
            b = parent[b]
        if a < b:
            parent[b] = a
        elif b < a:
            parent[a] = b
    for v in range(num_nodes):
        root = v
        while parent[root] != root:
            root = parent[root]
        parent[v] = root
    return parent


@jit_allocating
def cuts_below(weights: np.ndarray, threshold: float, max_cuts: int) -> np.ndarray:
    """
    Node sets whose cut has less than ``threshold`` weight, found on the way to a global minimum cut [1]_.

    Parameters
    ----------
    weights
        (n, n) symmetric weights >= 0; not changed.
    threshold
        Cuts of at least this weight are of no interest.
    max_cuts
        Most sets to return.

    Returns
    -------
    ndarray
        (k, n) bool, one set per row; k = 0 proves that there is no cut below the threshold.
    """
    n = len(weights)
    w = weights.copy()
    merged = np.zeros((n, n), np.bool_)  # merged[v]: original nodes that v stands for
    for v in range(n):
        merged[v, v] = True
    alive = np.arange(n)
    found = np.zeros((max_cuts, n), np.bool_)
    num_found = 0
    size = n
    key = np.zeros(n)
    done = np.zeros(n, np.bool_)
    while size > 1 and num_found < max_cuts:
        for k in range(size):
            key[alive[k]] = 0.0
            done[alive[k]] = False
        last = -1
        before = -1
        for _ in range(size):
            best = -1
            for k in range(size):
                v = alive[k]
                if not done[v] and (best < 0 or key[v] > key[best]):
                    best = v
            done[best] = True
            before, last = last, best
            for k in range(size):
                v = alive[k]
                if not done[v]:
                    key[v] += w[best, v]
        if key[last] < threshold:
            for v in range(n):
                found[num_found, v] = merged[last, v]
            num_found += 1
        for k in range(size):
            v = alive[k]
            w[before, v] += w[last, v]
            w[v, before] = w[before, v]
        w[before, before] = 0.0
        for v in range(n):
            merged[before, v] |= merged[last, v]
        for k in range(size):
            if alive[k] == last:
                alive[k] = alive[size - 1]
                break
        size -= 1
    return found[:num_found]


@jit_allocating
def capacity_cuts(weights: np.ndarray, demand: np.ndarray, capacity: float, tolerance: float) -> np.ndarray:
    """
    Sets of customers that violate their rounded capacity inequality x(E(S)) <= |S| - ceil(d(S) / Q).

    Parameters
    ----------
    weights
        (n, n) symmetric edge values among customers (the depot left out).
    demand
        (n,) demands.
    capacity
        Capacity Q of a vehicle.
    tolerance
        Least violation of interest.

    Returns
    -------
    ndarray
        (k, n) bool, at most one set per seed customer: the most violated on the greedy path from it.
    """
    n = len(demand)
    found = np.zeros((n, n), np.bool_)
    num_found = 0
    gain = np.zeros(n)
    inside = np.zeros(n, np.bool_)
    best_set = np.zeros(n, np.bool_)
    for seed in range(n):
        for v in range(n):
            gain[v] = weights[seed, v]
            inside[v] = False
        inside[seed] = True
        load = demand[seed]
        internal = 0.0
        size = 1
        best_violation = tolerance
        is_found = False
        while size < n:
            pick = -1
            for v in range(n):
                # Equal gains: the larger demand lifts the right-hand side sooner.
                if not inside[v] and (
                    pick < 0
                    or gain[v] > gain[pick] + 1e-9
                    or (gain[v] > gain[pick] - 1e-9 and demand[v] > demand[pick])
                ):
                    pick = v
            if gain[pick] <= 1e-9:
                break  # a component is complete: adding strangers only loosens the inequality
            inside[pick] = True
            internal += gain[pick]
            load += demand[pick]
            size += 1
            for v in range(n):
                gain[v] += weights[pick, v]
            violation = internal - (size - np.ceil(load / capacity - 1e-9))
            if violation > best_violation:
                best_violation = violation
                best_set[:] = inside
                is_found = True
        if is_found:
            is_new = True
            for k in range(num_found):
                same = True
                for v in range(n):
                    if found[k, v] != best_set[v]:
                        same = False
                        break
                if same:
                    is_new = False
                    break
            if is_new:
                found[num_found] = best_set
                num_found += 1
    return found[:num_found]
