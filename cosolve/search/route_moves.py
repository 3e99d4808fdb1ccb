"""
Descent of vehicle routes to a local optimum: segments exchanged, moved and turned round, tails swapped.

The moves are those of granular searches [1]_: up to three customers in a row change places with up to three of another
route (Or-opt and swap, in general CROSS-exchange), the tails of two routes are swapped (2-opt*), and within a route a
segment moves (Or-opt) or is turned round (2-opt). Each is tried only where it makes a way between near customers. What
it costs is told in O(1), for a segment turned round in an asymmetric matrix by sums of the ways in both directions. So
is whether two routes joined anew keep their windows, from the earliest time to leave each customer and the latest to
reach it [2]_; within one route the windows are checked by walking along it. A pass looks at O(m k) pairs, m customers
with k neighbours, but passes over pairs of routes that did not change since. Memory is O(m) beside the routes.

References
----------
.. [1] Vidal, T., Crainic, T. G., Gendreau, M., Prins, C. (2013). A hybrid genetic algorithm with adaptive diversity
       management for a large class of vehicle routing problems with time-windows. *Computers & Operations Research*
       40(1): 475-489.
.. [2] Kindervater, G. A. P., Savelsbergh, M. W. P. (1997). Vehicle routing: handling edge exchanges. In *Local Search
       in Combinatorial Optimization*, 337-360.
"""

from __future__ import annotations

import numpy as np

from cosolve.core.jit import NEVER, jit, jit_allocating
from cosolve.search import route_state as row
from cosolve.search.route_state import Data, State, adopt, close_route, load_best, new_state, open_route, set_times

#: Customers in a row that change places, at most.
LONGEST = 3

#: Rows of the sums along a route up to a customer: demand, ways there, ways back, and its place in the route.
_LOAD, _THERE, _BACK, _PLACE = range(4)

#: A gain below this share of the cost is noise of sums.
_NOISE = 1e-9


def descend(data: Data, nodes: np.ndarray, offsets: np.ndarray, stop: np.ndarray = NEVER) -> State:
    """
    State at the local optimum that a descent from given routes ends in.

    Parameters
    ----------
    data
        The instance, see :func:`cosolve.search.route_state.prepare`.
    nodes, offsets
        Routes ``nodes[offsets[r]:offsets[r + 1]]`` that keep all limits; customers on none of them stay away.
    stop
        (1,) ends the descent where it is once it is not 0: to a local optimum of 8,000 customers it takes seconds.
    """
    state = new_state(data, nodes, offsets, 0)
    _descend(*data, *state, stop)
    return state


def settle(data: Data, state: State, stop: np.ndarray = NEVER) -> None:
    """
    Descend from the best solution of a search; if that pays, it goes on from the end of the descent.

    Parameters
    ----------
    data
        The instance, maybe with fewer neighbours than the search has.
    state
        The search.
    stop
        See :func:`descend`.
    """
    other = descend(data, *state.best_routes(), stop)
    if other.best < state.best * (1.0 - _NOISE):
        adopt(data, state, *other.best_routes())


@jit
def _sum_up(
    distance: np.ndarray, backward: np.ndarray, places: np.ndarray, links: np.ndarray, sums: np.ndarray, r: int
) -> None:
    """Sums along route r."""
    m = len(distance)
    load, there, back, place, last = 0.0, 0.0, 0.0, 0, 0
    node = links[row.NEXT, m + r]
    while node < m:
        load += places[row.DEMAND, node]
        there += distance[last, node]
        back += backward[last, node]
        place += 1
        sums[_LOAD, node], sums[_THERE, node] = load, there
        sums[_BACK, node], sums[_PLACE, node] = back, place
        last, node = node, links[row.NEXT, node]


@jit
def _append(links: np.ndarray, tour: np.ndarray, size: int, first: int, stop: int) -> int:
    """Append what follows from ``first`` on, before ``stop``; new size."""
    while first != stop:
        tour[size] = first
        size += 1
        first = links[row.NEXT, first]
    return size


@jit
def _leads_on(
    duration: np.ndarray, places: np.ndarray, links: np.ndarray, values: np.ndarray,
    before: int, first: int, stop: int, after: int,
) -> bool:  # fmt: skip
    """Whether the segment from ``first`` on, before ``stop``, fits behind ``before`` and in front of ``after``."""
    m = len(duration)
    leave, at = values[row.LEAVE, before], before if before < m else 0
    while first != stop:
        begin = max(leave + duration[at, first], places[row.OPENS, first])
        if begin > places[row.CLOSES, first]:
            return False
        leave = begin + places[row.SERVICE, first]
        at, first = first, links[row.NEXT, first]
    return leave + duration[at, after if after < m else 0] <= values[row.LATEST, after]


@jit
def _keeps_windows(duration: np.ndarray, places: np.ndarray, tour: np.ndarray, size: int) -> bool:
    leave, at = places[row.OPENS, 0], 0
    for k in range(size):
        node = tour[k]
        begin = max(leave + duration[at, node], places[row.OPENS, node])
        if begin > places[row.CLOSES, node]:
            return False
        leave, at = begin + places[row.SERVICE, node], node
    return leave + duration[at, 0] <= places[row.CLOSES, 0]


@jit
def _rewrite(
    distance: np.ndarray, backward: np.ndarray, duration: np.ndarray, places: np.ndarray, is_timed: bool,
    links: np.ndarray, values: np.ndarray, routes: np.ndarray, loads: np.ndarray, ints: np.ndarray, sums: np.ndarray,
    r: int, tour: np.ndarray, size: int,
) -> None:  # fmt: skip
    """Make route r this one."""
    m = len(distance)
    sentinel = last = m + r
    loads[r] = 0.0
    for k in range(size):
        node = tour[k]
        links[row.NEXT, last], links[row.PREVIOUS, node], links[row.ROUTE, node] = node, last, r
        values[row.AHEAD, last] = distance[last if last < m else 0, node]
        loads[r] += places[row.DEMAND, node]
        last = node
    links[row.NEXT, last], links[row.PREVIOUS, sentinel] = sentinel, last
    values[row.AHEAD, last] = distance[last, 0] if last < m else 0.0
    if size > 0 and routes[row.SIZE, r] == 0:
        open_route(routes, ints, r)
    elif size == 0 and routes[row.SIZE, r] > 0:
        close_route(routes, ints, r)
    routes[row.SIZE, r] = size
    if is_timed:
        set_times(duration, places, links, values, r)
    _sum_up(distance, backward, places, links, sums, r)


@jit
def _between(
    distance: np.ndarray, duration: np.ndarray, places: np.ndarray, capacity: float, is_timed: bool,
    links: np.ndarray, values: np.ndarray, loads: np.ndarray, sums: np.ndarray, noise: float,
    a: int, b: int, tours: np.ndarray,
) -> tuple[int, int]:  # fmt: skip
    """
    A move that makes b of one route follow a of another and pays.

    Returns
    -------
    int, int
        Sizes of the two new routes in ``tours``; -1 and -1 if there is none.
    """
    m = len(distance)
    ra, rb = links[row.ROUTE, a], links[row.ROUTE, b]
    home, away = m + ra, m + rb
    x, p = links[row.NEXT, a], links[row.PREVIOUS, b]
    at_a, at_p = a if a < m else 0, p if p < m else 0
    way = distance[at_a, b]
    # Tails swapped.
    up_to_a = sums[_LOAD, a] if a < m else 0.0
    up_to_p = sums[_LOAD, p] if p < m else 0.0
    gain = values[row.AHEAD, a] + values[row.AHEAD, p] - way
    if p != away or x != home:
        gain -= distance[at_p, x if x < m else 0]
    if (
        gain > noise
        and up_to_a + loads[rb] - up_to_p <= capacity
        and up_to_p + loads[ra] - up_to_a <= capacity
        and (
            not is_timed
            or (
                values[row.LEAVE, a] + duration[at_a, b] <= values[row.LATEST, b]
                and values[row.LEAVE, p] + duration[at_p, x if x < m else 0] <= values[row.LATEST, x]
            )
        )
    ):
        size = _append(links, tours[0], 0, links[row.NEXT, home], x)
        size = _append(links, tours[0], size, b, away)
        other = _append(links, tours[1], 0, links[row.NEXT, away], b)
        other = _append(links, tours[1], other, x, home)
        return size, other
    # Up to three customers from b on for up to three behind a.
    q, moved = b, 0.0
    for _ in range(LONGEST):
        if q == away:
            break
        last_b = q
        moved += places[row.DEMAND, q]
        q = links[row.NEXT, q]
        at_q = q if q < m else 0
        y, taken, last_x = x, 0.0, a
        for length in range(LONGEST + 1):
            if length:
                if y == home:
                    break
                last_x = y
                taken += places[row.DEMAND, y]
                y = links[row.NEXT, y]
            at_y = y if y < m else 0
            gain = (
                values[row.AHEAD, a] + values[row.AHEAD, p] + values[row.AHEAD, last_b] - way - distance[last_b, at_y]
            )
            if length:
                gain += values[row.AHEAD, last_x] - distance[at_p, x] - distance[last_x, at_q]
            elif p != q:
                gain -= distance[at_p, at_q]
            if (
                gain > noise
                and loads[ra] + moved - taken <= capacity
                and loads[rb] + taken - moved <= capacity
                and (
                    not is_timed
                    or (
                        _leads_on(duration, places, links, values, a, b, q, y)
                        and _leads_on(duration, places, links, values, p, x, y, q)
                    )
                )
            ):
                size = _append(links, tours[0], 0, links[row.NEXT, home], x)
                size = _append(links, tours[0], size, b, q)
                size = _append(links, tours[0], size, y, home)
                other = _append(links, tours[1], 0, links[row.NEXT, away], b)
                other = _append(links, tours[1], other, x, y)
                other = _append(links, tours[1], other, q, away)
                return size, other
    # Up to three customers that end with a, in front of b.
    first, moved = a, 0.0
    for _ in range(LONGEST):
        if first >= m:
            break
        moved += places[row.DEMAND, first]
        before = links[row.PREVIOUS, first]
        at_before = before if before < m else 0
        gain = values[row.AHEAD, before] + values[row.AHEAD, a] + values[row.AHEAD, p] - way - distance[at_p, first]
        if before != x:
            gain -= distance[at_before, x if x < m else 0]
        if (
            gain > noise
            and loads[rb] + moved <= capacity
            and (
                not is_timed
                or (
                    _leads_on(duration, places, links, values, p, first, x, b)
                    and _leads_on(duration, places, links, values, before, x, x, x)
                )
            )
        ):
            size = _append(links, tours[0], 0, links[row.NEXT, home], first)
            size = _append(links, tours[0], size, x, home)
            other = _append(links, tours[1], 0, links[row.NEXT, away], b)
            other = _append(links, tours[1], other, first, x)
            other = _append(links, tours[1], other, b, away)
            return size, other
        first = before
    return -1, -1


@jit
def _within(
    distance: np.ndarray, duration: np.ndarray, places: np.ndarray, is_timed: bool,
    links: np.ndarray, values: np.ndarray, sums: np.ndarray, noise: float, a: int, b: int, tour: np.ndarray,
) -> int:  # fmt: skip
    """A move that makes b follow a in their route and pays; size of the new route in ``tour``, or -1."""
    m = len(distance)
    home = m + links[row.ROUTE, a]
    begin, x, p = links[row.NEXT, home], links[row.NEXT, a], links[row.PREVIOUS, b]
    at_p = p if p < m else 0
    is_ahead = sums[_PLACE, b] > sums[_PLACE, a]
    # Segments from b on move behind a.
    q = b
    for _ in range(LONGEST):
        if q in (home, a):
            break
        last, q = q, links[row.NEXT, q]
        gain = values[row.AHEAD, a] + values[row.AHEAD, p] + values[row.AHEAD, last]
        gain -= distance[a, b] + distance[last, x if x < m else 0] + distance[at_p, q if q < m else 0]
        if gain > noise:
            size = _append(links, tour, 0, begin, x if is_ahead else b)
            if is_ahead:
                size = _append(links, tour, size, b, q)
                size = _append(links, tour, size, x, b)
                size = _append(links, tour, size, q, home)
            else:
                size = _append(links, tour, size, q, x)
                size = _append(links, tour, size, b, q)
                size = _append(links, tour, size, x, home)
            if not is_timed or _keeps_windows(duration, places, tour, size):
                return size
    # Segments that end with a move in front of b.
    first = a
    for _ in range(LONGEST):
        if first >= m or first == b:
            break
        before = links[row.PREVIOUS, first]
        gain = values[row.AHEAD, before] + values[row.AHEAD, a] + values[row.AHEAD, p]
        gain -= distance[a, b] + distance[at_p, first] + distance[before if before < m else 0, x if x < m else 0]
        if gain > noise:
            if is_ahead:
                size = _append(links, tour, 0, begin, first)
                size = _append(links, tour, size, x, b)
                size = _append(links, tour, size, first, x)
                size = _append(links, tour, size, b, home)
            else:
                size = _append(links, tour, 0, begin, b)
                size = _append(links, tour, size, first, x)
                size = _append(links, tour, size, b, first)
                size = _append(links, tour, size, x, home)
            if not is_timed or _keeps_windows(duration, places, tour, size):
                return size
        first = before
    if not is_ahead:
        return -1
    # What lies between is turned round.
    y = links[row.NEXT, b]
    gain = values[row.AHEAD, a] + values[row.AHEAD, b] - distance[a, b] - distance[x, y if y < m else 0]
    gain += sums[_THERE, b] - sums[_THERE, x] - sums[_BACK, b] + sums[_BACK, x]
    if gain > noise:
        size = _append(links, tour, 0, begin, x)
        node = b
        while node != a:
            tour[size] = node
            size += 1
            node = links[row.PREVIOUS, node]
        size = _append(links, tour, size, y, home)
        if not is_timed or _keeps_windows(duration, places, tour, size):
            return size
    return -1


@jit_allocating
def _descend(
    distance: np.ndarray, backward: np.ndarray, duration: np.ndarray, places: np.ndarray, neighbours: np.ndarray,
    capacity: float, penalty: float, is_timed: bool, is_metric: bool,
    links: np.ndarray, values: np.ndarray, routes: np.ndarray, loads: np.ndarray, absent: np.ndarray,
    ints: np.ndarray, floats: np.ndarray, random: np.ndarray, stop: np.ndarray,
) -> None:  # fmt: skip
    m, num_routes = len(distance), len(loads)
    noise = _NOISE * abs(floats[row.COST])
    sums = np.zeros((4, m + num_routes))
    for r in range(num_routes):
        _sum_up(distance, backward, places, links, sums, r)
    tours = np.empty((2, m), np.int64)
    changed, seen = np.zeros(num_routes, np.int64), np.full(m, -1, np.int64)
    clock, is_over = 0, False
    while not is_over:
        is_over = True
        for u in range(1, m):
            if stop[0] != 0:
                is_over = True
                break
            if links[row.ROUTE, u] < 0:
                continue
            last_seen, seen[u] = seen[u], clock
            for k in range(-1, 2 * neighbours.shape[1]):
                if k < 0:
                    # A route of its own, or with what follows; there is always an empty one.
                    a, b = m + routes[row.LISTED, ints[row.NUM_ROUTES]], u
                elif k % 2 == 0:
                    a, b = neighbours[u, k // 2], u
                else:
                    a, b = u, neighbours[u, k // 2]
                ra, rb = links[row.ROUTE, a], links[row.ROUTE, b]
                if ra < 0 or rb < 0 or links[row.NEXT, a] == b or max(changed[ra], changed[rb]) <= last_seen:
                    continue
                if ra == rb:
                    size = _within(distance, duration, places, is_timed, links, values, sums, noise, a, b, tours[0])
                    other = -1
                else:
                    size, other = _between(
                        distance, duration, places, capacity, is_timed, links, values, loads, sums, noise, a, b, tours
                    )
                if size < 0:
                    continue
                if other >= 0 and is_timed:
                    # Sums forward and backward may differ in the last digit: what is rewritten must hold forward.
                    first_holds = _keeps_windows(duration, places, tours[0], size)
                    if not first_holds or not _keeps_windows(duration, places, tours[1], other):
                        continue
                clock += 1
                is_over = False
                _rewrite(
                    distance, backward, duration, places, is_timed, links, values, routes, loads, ints, sums,
                    ra, tours[0], size,
                )  # fmt: skip
                changed[ra] = clock
                if other >= 0:
                    _rewrite(
                        distance, backward, duration, places, is_timed, links, values, routes, loads, ints, sums,
                        rb, tours[1], other,
                    )  # fmt: skip
                    changed[rb] = clock
    links[row.BEST_NEXT] = links[row.NEXT]
    load_best(
        distance, backward, duration, places, neighbours, capacity, penalty, is_timed, is_metric,
        links, values, routes, loads, absent, ints, floats, random,
    )  # fmt: skip
    floats[row.BEST] = floats[row.COST]
