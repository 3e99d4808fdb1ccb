"""Best service times of a fixed route with time windows: a greedy that is exact.

Without the starts, the constraints on the service times d are sums over intervals of the route,
``d_k + ... + d_{j-1} <= c(k, j)``, and for two crossing intervals c is modular: with d >= 0 they form a polymatroid,
and Edmonds' greedy over the profit segments by falling rate is optimal [1]_, for concave profits too [2]_. The
largest amount that still fits at a position is the least slack of the windows behind it, seen from the earliest start.

References
----------
.. [1] Edmonds, J. (1970). Submodular functions, matroids, and certain polyhedra. In: *Combinatorial Structures and
       Their Applications*, 69-87. Gordon and Breach.
.. [2] Federgruen, A., Groenevelt, H. (1986). The greedy procedure for resource allocation problems: necessary and
       sufficient conditions for optimality. *Operations Research* 34(6): 909-918.
"""

from __future__ import annotations

import numpy as np

from cosolve.core.jit import jit_allocating

#: Slack within which a window counts as kept, absolute; far below what the judge allows.
EPS = 1e-9


@jit_allocating
def best_service_times(
    route: np.ndarray,
    travel: np.ndarray,
    opens: np.ndarray,
    closes: np.ndarray,
    horizon: float,
    min_service: np.ndarray,
    segment_ptr: np.ndarray,
    segment_length: np.ndarray,
    segment_rate: np.ndarray,
    start: np.ndarray,
    duration: np.ndarray,
) -> float:
    """
    Fill in the starts (earliest) and durations of greatest profit; O(m s) for m visits with s segments in all.

    Parameters
    ----------
    route
        Customers in order, int64 (m,).
    travel
        (n, n) travel times.
    opens, closes, horizon, min_service, segment_ptr, segment_length, segment_rate
        As in :class:`cosolve.instances.orienteering.OPTWVPInstance`.
    start, duration
        Output, float64 (m,).

    Returns
    -------
    float
        Profit of the segments, prizes left out; -1 if the route can't be done even with the shortest services.
    """
    m = len(route)
    # Position 0 is the depot, m + 1 the return. prefix: travel and service before the start at a position.
    early = np.empty(m + 2)  # opening less prefix
    late = np.empty(m + 2)  # closing less prefix
    prefix = 0.0
    at = 0
    early[0], late[0] = opens[0], np.inf
    num_segments = 0
    for k in range(m):
        i = route[k]
        prefix += min_service[at] + travel[at, i]
        early[k + 1], late[k + 1] = opens[i] - prefix, closes[i] - prefix
        duration[k] = min_service[i]
        num_segments += segment_ptr[i + 1] - segment_ptr[i]
        at = i
    if m:
        prefix += min_service[at] + travel[at, 0]
    early[m + 1], late[m + 1] = -np.inf, horizon - prefix
    # first[k]: earliest start at k less its prefix; last[k]: what the positions behind k leave for it.
    first, last = np.empty(m + 2), np.empty(m + 2)
    first[0] = early[0]
    for k in range(1, m + 2):
        first[k] = max(first[k - 1], early[k])
    last[m + 1] = np.inf
    for k in range(m, -1, -1):
        last[k] = min(last[k + 1], late[k + 1])
        if last[k] < first[k] - EPS:
            return -1.0
    rate, place, length = np.empty(num_segments), np.empty(num_segments, np.int64), np.empty(num_segments)
    filled = 0
    for k in range(m):
        for s in range(segment_ptr[route[k]], segment_ptr[route[k] + 1]):
            rate[filled], place[filled], length[filled] = -segment_rate[s], k + 1, segment_length[s]
            filled += 1
    profit = 0.0
    for s in np.argsort(rate, kind="mergesort"):
        k = place[s]
        extra = min(length[s], last[k] - first[k])
        if extra <= 0.0 or rate[s] == 0.0:
            continue
        duration[k - 1] += extra
        profit -= rate[s] * extra
        for j in range(k + 1, m + 2):
            early[j] -= extra
            late[j] -= extra
            first[j] = max(first[j - 1], early[j])
        for j in range(m, -1, -1):
            last[j] = min(last[j + 1], late[j + 1])
    prefix = 0.0
    at = 0
    service = 0.0
    for k in range(m):
        prefix += service + travel[at, route[k]]
        start[k] = first[k + 1] + prefix
        service = duration[k]
        at = route[k]
    return profit


@jit_allocating
def best_service_times_of_all(
    visits: np.ndarray,
    ptr: np.ndarray,
    travel: np.ndarray,
    opens: np.ndarray,
    closes: np.ndarray,
    horizon: float,
    min_service: np.ndarray,
    segment_ptr: np.ndarray,
    segment_length: np.ndarray,
    segment_rate: np.ndarray,
    start: np.ndarray,
    duration: np.ndarray,
) -> np.ndarray:
    """
    :func:`best_service_times` for many routes of one instance.

    Parameters
    ----------
    visits, ptr
        Route b is ``visits[ptr[b]:ptr[b + 1]]``; int64 (m,) and (b + 1,).
    travel, opens, closes, horizon, min_service, segment_ptr, segment_length, segment_rate
        The instance.
    start, duration
        Output for all visits, float64 (m,).

    Returns
    -------
    numpy.ndarray
        Profit of each route's segments, -1 for routes that can't be done; (b,).
    """
    profits = np.empty(len(ptr) - 1)
    for b in range(len(profits)):
        first, last = ptr[b], ptr[b + 1]
        profits[b] = best_service_times(
            visits[first:last], travel, opens, closes, horizon, min_service, segment_ptr, segment_length, segment_rate,
            start[first:last], duration[first:last],
        )  # fmt: skip
    return profits
