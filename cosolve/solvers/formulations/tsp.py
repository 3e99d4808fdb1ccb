"""
Symmetric TSP by edges: degree rows, subtour elimination separated exactly (Dantzig, Fulkerson, Johnson 1954).

All n (n - 1) / 2 edges are columns, so the bound is one of the whole instance; that is for a few hundred cities.
"""

from __future__ import annotations

import numpy as np

from cosolve.core.errors import UnsupportedProblemError
from cosolve.core.monitor import Monitor
from cosolve.instances.milp import MILPInstance
from cosolve.instances.tsp import Tour, TSPInstance
from cosolve.search.cuts import components, cuts_below
from cosolve.solvers.formulations import Formulation, Rows
from cosolve.solvers.formulations.edges import Edges

#: More cities than this would make a model of over 300,000 columns.
MAX_CITIES = 800

_TOLERANCE = 1e-4


def formulate(instance: TSPInstance, monitor: Monitor | None = None) -> Formulation:
    """
    Edge formulation with lazily separated subtour elimination.

    Raises
    ------
    UnsupportedProblemError
        Above :data:`MAX_CITIES` cities.
    """
    n = instance.size
    if n > MAX_CITIES:
        raise UnsupportedProblemError(f"the edge formulation takes at most {MAX_CITIES} cities, got {n}.")
    if n < 3:
        return _only_tour(instance)
    edges = Edges(n)
    cost = instance.distances.dense()[edges.tails, edges.heads]
    indices, indptr = edges.degree_rows(np.arange(n))
    model = MILPInstance(
        cost=cost,
        col_lower=np.zeros(len(edges)),
        col_upper=np.ones(len(edges)),
        is_integer=np.ones(len(edges), np.bool_),
        data=np.ones(len(indices)),
        indices=indices,
        indptr=indptr,
        row_lower=np.full(n, 2.0),
        row_upper=np.full(n, 2.0),
        name=instance.name,
    )

    def decode(x: np.ndarray) -> Tour:
        return Tour(order=_walk(edges, x))

    def encode(tour: Tour) -> np.ndarray:
        x = np.zeros(len(edges))
        x[edges.index(tour.order, np.roll(tour.order, -1))] = 1.0
        return x

    def separate(x: np.ndarray) -> Rows | None:
        used = x > 1e-6
        roots = components(n, edges.tails[used], edges.heads[used])
        parts = [np.flatnonzero(roots == root) for root in np.unique(roots)]
        if len(parts) > 1:
            sets = parts
        else:
            sets = [np.flatnonzero(row) for row in cuts_below(edges.weights(x), 2.0 - _TOLERANCE, n)]
        if not sets:
            return None
        # A set and its complement give the same constraint; the smaller side has the fewer entries.
        sets = [s if 2 * len(s) <= n else np.setdiff1d(np.arange(n), s) for s in sets]
        return edges.inner_rows(sets, [len(s) - 1.0 for s in sets])

    return Formulation(model, decode, encode, separate)


def _only_tour(instance: TSPInstance) -> Formulation:
    """No columns for 1 or 2 cities: the tour would use its only edge twice."""
    none, order = np.empty(0), np.arange(instance.size)
    model = MILPInstance(
        cost=none,
        col_lower=none,
        col_upper=none,
        is_integer=np.empty(0, np.bool_),
        data=none,
        indices=np.empty(0, np.int64),
        indptr=np.zeros(1, np.int64),
        row_lower=none,
        row_upper=none,
        offset=2 * instance.distances.between(0, instance.size - 1),
        name=instance.name,
    )
    return Formulation(model, lambda x: Tour(order=order))


def _walk(edges: Edges, x: np.ndarray) -> np.ndarray:
    """Cities in the order of the cycle through city 0; shorter than n where there are subtours."""
    used = np.flatnonzero(x > 0.5)
    neighbours: list[list[int]] = [[] for _ in range(edges.num_nodes)]
    for e in used:
        neighbours[edges.tails[e]].append(int(edges.heads[e]))
        neighbours[edges.heads[e]].append(int(edges.tails[e]))
    order, previous, city = [0], -1, 0
    while True:
        following = [v for v in neighbours[city] if v != previous]
        if not following or following[0] == 0 or len(order) > edges.num_nodes:
            return np.array(order)
        previous, city = city, following[0]
        order.append(city)
