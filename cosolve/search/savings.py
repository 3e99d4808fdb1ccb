"""
Savings algorithm for capacitated vehicle routing, parallel version, over nearest neighbours.

Every customer starts on a route of its own; pairs of route ends are joined in order of the saving
``d(depot, i) + d(depot, j) - d(i, j)`` while capacity and length allow [1]_. Only pairs of k nearest neighbours
are looked at: O(n k log(n k)) time, O(n k) memory.

References
----------
.. [1] Clarke, G., Wright, J. W. (1964). Scheduling of Vehicles from a Central Depot to a Number of Delivery
       Points. *Operations Research* 12(4): 568-581.
"""

from __future__ import annotations

import numpy as np

from cosolve.core.jit import jit_allocating
from cosolve.core.metric import distance
from cosolve.core.union_find import find
from cosolve.search.cvrp import SearchData


def savings(data: SearchData) -> tuple[np.ndarray, np.ndarray]:
    """
    Routes by savings; every customer alone must be within the limits.

    Returns
    -------
    nodes, offsets
        Route r is ``nodes[offsets[r]:offsets[r + 1]]``.
    """
    first, second, saving = _pairs(data.metric, data.coords, data.matrix, data.depot, data.neighbours)
    order = np.argsort(-saving, kind="stable")
    return _merge(
        data.metric, data.coords, data.matrix, data.demand, data.depot, data.capacity, data.max_length,
        data.service_time, first[order], second[order], saving[order],
    )  # fmt: skip


@jit_allocating
def _pairs(
    metric: int, coords: np.ndarray, matrix: np.ndarray, depot: int, neighbours: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of neighbours that save something; a mutual pair comes twice, which does no harm."""
    n, k = neighbours.shape
    to_depot = np.empty(n)
    for i in range(n):
        to_depot[i] = distance(metric, coords, matrix, depot, i)
    first = np.empty(n * k, np.int32)
    second = np.empty(n * k, np.int32)
    saving = np.empty(n * k)
    filled = 0
    for i in range(n):
        if i == depot:
            continue
        for p in range(k):
            j = neighbours[i, p]
            if j < 0:
                break
            value = to_depot[i] + to_depot[j] - distance(metric, coords, matrix, i, j)
            if value > 0:
                first[filled], second[filled], saving[filled] = i, j, value
                filled += 1
    return first[:filled], second[:filled], saving[:filled]


@jit_allocating
def _merge(
    metric: int,
    coords: np.ndarray,
    matrix: np.ndarray,
    demand: np.ndarray,
    depot: int,
    capacity: float,
    max_length: float,
    service_time: float,
    first: np.ndarray,
    second: np.ndarray,
    saving: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    n = len(demand)
    parent = np.arange(n)
    load = demand.copy()
    length = np.empty(n)
    for i in range(n):
        length[i] = 2.0 * distance(metric, coords, matrix, depot, i) + service_time
    # Up to two neighbours on the route; -1 is the depot.
    joined = np.full((n, 2), -1, np.int32)
    for p in range(len(saving)):
        i, j = first[p], second[p]
        if joined[i, 1] >= 0 or joined[j, 1] >= 0:
            continue
        a, b = find(parent, i), find(parent, j)
        if a == b or load[a] + load[b] > capacity or length[a] + length[b] - saving[p] > max_length:
            continue
        joined[i, 1 if joined[i, 0] >= 0 else 0] = j
        joined[j, 1 if joined[j, 0] >= 0 else 0] = i
        parent[b] = a
        load[a] += load[b]
        length[a] += length[b] - saving[p]
    nodes = np.empty(n, np.int64)
    offsets = np.zeros(n + 1, np.int64)
    filled, num_routes = 0, 0
    done = np.zeros(n, np.uint8)
    done[depot] = 1
    for i in range(n):
        if done[i] or joined[i, 1] >= 0:
            continue
        before, node = -1, i
        while node >= 0:
            nodes[filled] = node
            done[node] = 1
            filled += 1
            following = joined[node, 0] if joined[node, 0] != before else joined[node, 1]
            before, node = node, following
        num_routes += 1
        offsets[num_routes] = filled
    return nodes[:filled], offsets[: num_routes + 1]
