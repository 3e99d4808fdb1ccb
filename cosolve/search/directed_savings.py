"""
Savings for vehicle routing with asymmetric ways and time windows, over dense arrays with the depot as place 0.

As Clarke and Wright's parallel savings, but a pair joins the end of one route to the beginning of another, never turned
round: the saving is ``d(i, 0) + d(0, j) - d(i, j)``. Whether the joined route is in time takes O(1) by the total
duration, earliest and latest start of each part [1]_.

References
----------
.. [1] Vidal, T., Crainic, T. G., Gendreau, M., Prins, C. (2013). A hybrid genetic algorithm with adaptive diversity
       management for a large class of vehicle routing problems with time-windows. *Computers & Operations Research*
       40(1): 475-489.
"""

from __future__ import annotations

import numpy as np

from cosolve.core.jit import jit_allocating

#: Up to this many customers all pairs are looked at, above the best successors of each.
_ALL_PAIRS = 1500
_SUCCESSORS = 100

#: Customers whose savings are computed together: all of them would take several matrices more.
_BLOCK = 256


def directed_savings(
    distance: np.ndarray,
    duration: np.ndarray,
    demand: np.ndarray,
    capacity: float,
    opens: np.ndarray,
    closes: np.ndarray,
    service: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """
    Routes by savings; every customer must be served in time by a vehicle of its own.

    Parameters
    ----------
    distance, duration, demand, capacity, opens, closes, service
        As in :class:`cosolve.instances.routing_arrays.RoutingArrays`.

    Returns
    -------
    nodes, offsets
        Route r is ``nodes[offsets[r]:offsets[r + 1]]``.
    """
    n = len(demand) - 1
    parts = []
    for first in range(0, max(1, n), _BLOCK):
        tails = np.arange(first, min(n, first + _BLOCK))
        saving = distance[tails + 1, :1] + distance[0, 1:] - distance[tails + 1, 1:]
        saving[tails - first, tails] = -np.inf
        if n <= _ALL_PAIRS:
            rows, columns = np.nonzero(saving > 0)
        else:
            best = np.argpartition(-saving, _SUCCESSORS, axis=1)[:, :_SUCCESSORS]
            rows, columns = np.repeat(tails - first, _SUCCESSORS), best.ravel()
        value = saving[rows, columns]
        pays = value > 0
        parts.append((value[pays], rows[pays] + first, columns[pays]))
    values, rows, columns = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(-values, kind="stable")
    return _join(duration, demand, capacity, opens, closes, service, rows[order] + 1, columns[order] + 1)


@jit_allocating
def _join(
    duration: np.ndarray,
    demand: np.ndarray,
    capacity: float,
    opens: np.ndarray,
    closes: np.ndarray,
    service: np.ndarray,
    tails: np.ndarray,
    heads: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    n = len(demand)
    # Of a route: its other end at each end, and at its first customer load, duration, earliest and latest start.
    other = np.arange(n)
    is_first, is_last = np.ones(n, np.uint8), np.ones(n, np.uint8)
    after = np.zeros(n, np.int64)
    load, total, earliest, latest = demand.copy(), service.copy(), opens.copy(), closes.copy()
    for k in range(len(tails)):
        i, j = tails[k], heads[k]
        if not is_last[i] or not is_first[j] or other[i] == j:
            continue
        a, last = other[i], other[j]
        if load[a] + load[j] > capacity:
            continue
        until = total[a] + duration[i, j]
        if earliest[a] + until > latest[j]:
            continue
        wait = max(earliest[j] - until - latest[a], 0.0)
        start = max(earliest[j] - until, earliest[a]) - wait
        end = min(latest[j] - until, latest[a])
        spent = until + wait + total[j]
        begin = max(start, opens[0] + duration[0, a])
        if begin > end or begin + spent + duration[last, 0] > closes[0]:
            continue
        after[i] = j
        is_last[i], is_first[j] = 0, 0
        other[a], other[last] = last, a
        load[a] += load[j]
        total[a], earliest[a], latest[a] = spent, start, end
    nodes = np.empty(n - 1, np.int64)
    offsets = np.zeros(n, np.int64)
    routes, filled = 0, 0
    for node in range(1, n):
        if is_first[node]:
            while node:
                nodes[filled] = node
                filled += 1
                node = after[node]
            routes += 1
            offsets[routes] = filled
    return nodes, offsets[: routes + 1]
