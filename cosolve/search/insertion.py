"""
Cheapest insertion for vehicle routing with time windows, over dense arrays with the depot as place 0.

Customers are taken in a given order, and each goes to the cheapest position of all routes, an empty one included [1]_.
Earliest and latest starts of service along the routes make the test of a position O(1) [2]_.

References
----------
.. [1] Solomon, M. M. (1987). Algorithms for the vehicle routing and scheduling problems with time window constraints.
       *Operations Research* 35(2): 254-265.
.. [2] Savelsbergh, M. W. P. (1992). The vehicle routing problem with time windows: minimizing route duration. *ORSA
       Journal on Computing* 4(2): 146-154.
"""

from __future__ import annotations

import numpy as np

from cosolve.core.jit import jit_allocating


@jit_allocating
def insertion(
    distance: np.ndarray,
    duration: np.ndarray,
    demand: np.ndarray,
    capacity: float,
    opens: np.ndarray,
    closes: np.ndarray,
    service: np.ndarray,
    order: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, float]:
    """
    Routes by cheapest insertion; O(n^2) as long as routes are short.

    Parameters
    ----------
    distance, duration, demand, capacity, opens, closes, service
        As in :class:`cosolve.instances.routing_arrays.RoutingArrays`.
    order
        Customers, 1..n, in the order of their insertion.

    Returns
    -------
    nodes, offsets
        Route r is ``nodes[offsets[r]:offsets[r + 1]]``. A customer is missing if it fits nowhere, not even alone.
    length
        Total distance.
    """
    n = len(demand)
    # Route r has two depots, n + 2r at its beginning and n + 2r + 1 at its end; the last route is empty.
    after = np.full(3 * n + 2, -1, np.int64)
    before = np.full(3 * n + 2, -1, np.int64)
    start = np.empty(3 * n + 2)
    latest = np.empty(3 * n + 2)
    route_of = np.full(n, -1, np.int64)
    load = np.zeros(n + 1)
    routes, length = 0, 0.0
    waiting = order.copy()
    num_waiting = len(order)
    progress = True
    while progress:
        progress = False
        left = 0
        for w in range(num_waiting):
            u = waiting[w]
            first, last = n + 2 * routes, n + 2 * routes + 1
            if after[first] < 0:
                after[first], before[last] = last, first
                start[first], latest[last] = opens[0], closes[0]
            best, place = np.inf, -1
            for r in range(routes + 1):
                if load[r] + demand[u] > capacity:
                    continue
                slot = n + 2 * r
                while slot != n + 2 * r + 1:
                    following = after[slot]
                    i = slot if slot < n else 0
                    j = following if following < n else 0
                    extra = distance[i, u] + distance[u, j] - distance[i, j]
                    if extra < best:
                        time = start[slot] + service[i] + duration[i, u]
                        if time <= closes[u]:
                            time = max(time, opens[u]) + service[u] + duration[u, j]
                            if time <= latest[following]:
                                best, place = extra, slot
                    slot = following
            if place < 0:
                # A way round by customers that come later may still be fast enough.
                waiting[left] = u
                left += 1
                continue
            progress = True
            length += best
            r = (place - n) // 2 if place >= n else route_of[place]
            routes += r == routes
            route_of[u] = r
            load[r] += demand[u]
            following = after[place]
            after[place], after[u], before[u], before[following] = u, following, place, u
            slot = u
            while slot < n:
                previous = before[slot]
                i = previous if previous < n else 0
                start[slot] = max(start[previous] + service[i] + duration[i, slot], opens[slot])
                slot = after[slot]
            slot = u
            while slot < n:
                following = after[slot]
                j = following if following < n else 0
                latest[slot] = min(closes[slot], latest[following] - duration[slot, j] - service[slot])
                slot = before[slot]
        num_waiting = left
    nodes = np.empty(len(order) - num_waiting, np.int64)
    offsets = np.zeros(routes + 1, np.int64)
    filled = 0
    for r in range(routes):
        slot = after[n + 2 * r]
        while slot < n:
            nodes[filled] = slot
            filled += 1
            slot = after[slot]
        offsets[r + 1] = filled
    return nodes, offsets, length
