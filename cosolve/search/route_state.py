"""
Vehicle routing on matrices, with or without time windows, as the searches see it: data, routes, times.

Routes are circular doubly linked lists as in :mod:`cosolve.search.chains`. Every customer knows the earliest time at
which it can be left and the latest at which it may be reached without any later visit being late [1]_, so whether
a visit can be put between two others is known in O(1). Customers may be on no route at all, at a price: so a search
also starts where nobody can be served by a vehicle of its own. Ways that do not exist have that price too.

References
----------
.. [1] Savelsbergh, M. W. P. (1992). The vehicle routing problem with time windows: minimizing route duration. *ORSA
       Journal on Computing* 4(2): 146-154.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from cosolve.core.jit import jit, jit_allocating
from cosolve.search.chains import chain, unchain
from cosolve.search.random import stream

#: Rows of ``Data.places``.
DEMAND, OPENS, CLOSES, SERVICE, LAST_LEAVE, FIRST_NEXT = range(6)

#: Rows of ``State.links``.
NEXT, PREVIOUS, ROUTE, BEST_NEXT = range(4)

#: Rows of ``State.values``.
AHEAD, LEAVE, LATEST, LONGEST = range(4)

#: Rows of ``State.routes``.
SIZE, LISTED, PLACE, CHANGED, IS_CHANGED, IS_SAVED, SEEN = range(7)

#: Slots of ``State.ints`` and ``State.floats``.
NUM_ROUTES, NUM_ABSENT, NUM_CHANGED, STAMP, ITERATION, CYCLE_END, CYCLE_LENGTH, BLINK_IN, IS_COMPLETE = range(9)
COST, BEST, TEMPERATURE, COOLING, HOT, COLD = range(6)

#: Weights of waiting and of being late in the distance between customers [Vidal et al. 2013, section 4.5].
_WAITING, _LATE = 0.2, 1.0

#: Detours that are looked at, and share of shorter ones at which they are not rare.
_SAMPLE, _RARE = 20_000, 0.01

#: Rows that are compared with columns at a time, few enough for the cache.
_STRIP = 32


class Data(NamedTuple):
    """
    An instance with m places, the depot the first.

    Parameters
    ----------
    distance, backward, duration
        (m, m); ``backward`` is the transposed distance.
    places
        (6, m): demand, window, service time, last time to leave any other place for it, and the earliest that any
        other place can be reached from it.
    neighbours
        (m, k) int32: customers nearest in distance and time, the nearest first.
    capacity
        Largest load.
    penalty
        Price of a customer on no route, more than any routes cost.
    is_timed
        Whether there is a window at all.
    is_metric
        Whether detours are hardly ever shorter than direct ways, so that a customer less costs less.
    """

    distance: np.ndarray
    backward: np.ndarray
    duration: np.ndarray
    places: np.ndarray
    neighbours: np.ndarray
    capacity: float
    penalty: float
    is_timed: bool
    is_metric: bool


class State(NamedTuple):
    """
    Routes of a search, changed in place; places are m customers with the depot, then a depot per route.

    Parameters
    ----------
    links
        (4, m + R) int32: next, previous, route (-1 if on none), next in the best solution.
    values
        (4, m + R): distance to the next, earliest time to leave, latest to arrive; for the depot of a route the
        longest way between two of its customers, or more than that.
    routes
        (7, R): number of customers; the routes, those in use first; place in that list; changed routes since the best
        was stored; whether among them; whether saved; when last looked at.
    loads
        (R,) sums of demands.
    absent
        Customers on no route.
    ints, floats, random
        Counters, costs and temperatures, random stream.
    """

    links: np.ndarray
    values: np.ndarray
    routes: np.ndarray
    loads: np.ndarray
    absent: np.ndarray
    ints: np.ndarray
    floats: np.ndarray
    random: np.ndarray

    @property
    def iteration(self) -> int:
        """Iterations done."""
        return int(self.ints[ITERATION])

    @property
    def best(self) -> float:
        """Cost of the best solution found, prices of what it lacks included."""
        return float(self.floats[BEST])

    def current_routes(self) -> tuple[np.ndarray, np.ndarray]:
        """Nodes and offsets of the current solution."""
        return unchain(self.links[NEXT], self.links.shape[1] - self.routes.shape[1])

    def best_routes(self) -> tuple[np.ndarray, np.ndarray]:
        """Nodes and offsets of the best solution."""
        return unchain(self.links[BEST_NEXT], self.links.shape[1] - self.routes.shape[1])


def prepare(
    distance: np.ndarray,
    duration: np.ndarray,
    demand: np.ndarray,
    capacity: float,
    opens: np.ndarray,
    closes: np.ndarray,
    service: np.ndarray,
    num_neighbours: int,
) -> Data:
    """
    The instance as the kernels want it.

    Parameters
    ----------
    distance, duration, demand, capacity, opens, closes, service
        As in :class:`cosolve.instances.routing_arrays.RoutingArrays`.
    num_neighbours
        Neighbours of each customer, at most.
    """
    m = len(demand)
    exists = np.isfinite(distance) & np.isfinite(duration)
    penalty = 2.0 * m * float(np.max(distance, where=exists, initial=0.0)) + 1.0
    ways = np.where(exists, distance, penalty)
    # A way that costs more than any solution need not be late as well, and infinite times would make NaN. One matrix
    # serves for what is the same.
    is_one = exists.all() and (duration is distance or np.array_equal(distance, duration))
    times = ways if is_one else np.where(exists, duration, 0.0)
    backward = _transposed(ways)
    stay = times.diagonal().copy()
    np.fill_diagonal(times, np.inf)
    last_leave = closes - times.min(axis=0, initial=np.inf)
    first_next = opens + service + times.min(axis=1, initial=np.inf)
    np.fill_diagonal(times, stay)
    return Data(
        ways,
        backward,
        times,
        np.stack([demand, opens, closes, service, last_leave, first_next]),
        _neighbours(ways, backward, times, exists, opens, closes, service, num_neighbours),
        float(capacity),
        penalty,
        bool(np.isfinite(closes).any()),
        bool(exists.all()) and _is_metric(ways),
    )


def _is_metric(ways: np.ndarray) -> bool:
    """Whether hardly any detour by a customer in a sample is shorter than the direct way, but for rounding."""
    if len(ways) < 4:
        return False
    a, b, c = np.random.default_rng(0).integers(1, len(ways), size=(3, _SAMPLE))
    apart = (a != b) & (a != c) & (b != c)
    a, b, c = a[apart], b[apart], c[apart]
    with np.errstate(over="ignore"):
        # From the depot, to the depot, and between customers.
        ends = (np.zeros_like(a), b), (a, np.zeros_like(b)), (a, b)
        return all(np.mean(ways[i, j] > 1.01 * (ways[i, c] + ways[c, j])) < _RARE for i, j in ends)


def _transposed(matrix: np.ndarray) -> np.ndarray:
    """The matrix itself if it is symmetric."""
    strips = (slice(first, first + _STRIP) for first in range(0, len(matrix), _STRIP))
    if all(np.array_equal(matrix[strip], matrix[:, strip].T) for strip in strips):
        return matrix
    return np.ascontiguousarray(matrix.T)


def _neighbours(
    ways: np.ndarray, backward: np.ndarray, times: np.ndarray, exists: np.ndarray,
    opens: np.ndarray, closes: np.ndarray, service: np.ndarray, k: int,
) -> np.ndarray:  # fmt: skip
    """Nearest customers by distance, waiting and lateness on the way from one to the other, the better direction."""
    scale, times_back = 0.0, times
    if np.isfinite(closes).all():
        # Prices of ways that do not exist say nothing about the units; their times are 0.
        known = ways if exists.all() else np.where(exists, ways, 0.0)
        scale = known.mean() / max(times.mean(), 1e-300)
        times_back = backward if times is ways else _transposed(times)
    k = max(0, min(k, len(ways) - 2))
    return _nearest(ways, backward, times, times_back, opens, closes, service, scale, k)


@jit_allocating
def _nearest(
    ways: np.ndarray, backward: np.ndarray, times: np.ndarray, times_back: np.ndarray,
    opens: np.ndarray, closes: np.ndarray, service: np.ndarray, scale: float, k: int,
) -> np.ndarray:  # fmt: skip
    """(m, k) the nearest, of equal ones the first; windows count if ``scale`` is not 0."""
    m = len(ways)
    neighbours = np.empty((m, k), np.int32)
    far = np.empty(k)
    for c in range(m if k > 0 else 0):
        ready, late = opens[c] + service[c], closes[c] + service[c]
        size = 0
        for j in range(1, m):
            if j == c:
                continue
            there, back = ways[c, j], backward[c, j]
            if scale != 0.0:
                there += scale * (
                    _WAITING * max(0.0, opens[j] - times[c, j] - late)
                    + _LATE * max(0.0, ready + times[c, j] - closes[j])
                )
                back += scale * (
                    _WAITING * max(0.0, opens[c] - times_back[c, j] - (closes[j] + service[j]))
                    + _LATE * max(0.0, opens[j] + service[j] + times_back[c, j] - closes[c])
                )
            away = min(there, back)
            if size == k and not away < far[k - 1]:
                continue
            place = size if size < k else k - 1
            while place > 0 and away < far[place - 1]:
                far[place], neighbours[c, place] = far[place - 1], neighbours[c, place - 1]
                place -= 1
            far[place], neighbours[c, place] = away, j
            size = min(k, size + 1)
    return neighbours


def with_nearest(data: Data, num_neighbours: int) -> Data:
    """The instance with the nearest of each customer's neighbours only."""
    return data._replace(neighbours=np.ascontiguousarray(data.neighbours[:, :num_neighbours]))


def new_state(data: Data, nodes: np.ndarray, offsets: np.ndarray, seed: int) -> State:
    """
    The routes ``nodes[offsets[r]:offsets[r + 1]]``; customers on none of them are absent.

    Parameters
    ----------
    data
        The instance.
    nodes, offsets
        Routes that keep all limits, each customer on one at most.
    seed
        Non-negative.
    """
    m = len(data.distance)
    # One route beyond those that there can be.
    num_routes = max(m, len(offsets))
    state = State(
        links=np.full((4, m + num_routes), -1, np.int32),
        values=np.zeros((4, m + num_routes)),
        routes=np.zeros((7, num_routes), np.int64),
        loads=np.zeros(num_routes),
        absent=np.zeros(m, np.int32),
        ints=np.zeros(9, np.int64),
        floats=np.zeros(6),
        random=stream(seed),
    )
    state.values[LEAVE, m:] = data.places[OPENS, 0]
    state.values[LATEST, m:] = data.places[CLOSES, 0]
    chain(state.links[BEST_NEXT], nodes, offsets, m)
    load_best(*data, *state)
    state.floats[BEST] = state.floats[COST]
    return state


@jit
def load_best(
    distance: np.ndarray,
    backward: np.ndarray,
    duration: np.ndarray,
    places: np.ndarray,
    neighbours: np.ndarray,
    capacity: float,
    penalty: float,
    is_timed: bool,
    is_metric: bool,
    links: np.ndarray,
    values: np.ndarray,
    routes: np.ndarray,
    loads: np.ndarray,
    absent: np.ndarray,
    ints: np.ndarray,
    floats: np.ndarray,
    random: np.ndarray,
) -> None:
    """Make the best solution the current one and sum up its cost anew."""
    m, num_routes = len(distance), len(loads)
    cost = 0.0
    ints[NUM_ROUTES] = 0
    for r in range(num_routes):
        routes[LISTED, r] = routes[PLACE, r] = r
        routes[SIZE, r] = 0
        loads[r] = 0.0
    links[ROUTE, :m] = -1
    for r in range(num_routes):
        node, a = m + r, 0
        while True:
            following = links[BEST_NEXT, node]
            b = following if following < m else 0
            links[NEXT, node] = following
            links[PREVIOUS, following] = node
            links[ROUTE, following] = r
            values[AHEAD, node] = 0.0 if node == following else distance[a, b]
            cost += values[AHEAD, node]
            if b == 0:
                break
            routes[SIZE, r] += 1
            loads[r] += places[DEMAND, b]
            node = a = following
        values[LONGEST, m + r] = longest_way(links, values, m, r)
        if routes[SIZE, r] > 0:
            open_route(routes, ints, r)
            if is_timed:
                set_times(duration, places, links, values, r)
    ints[NUM_ABSENT] = 0
    for c in range(1, m):
        if links[ROUTE, c] < 0:
            absent[ints[NUM_ABSENT]] = c
            ints[NUM_ABSENT] += 1
            cost += penalty
    floats[COST] = cost


@jit
def longest_way(links: np.ndarray, values: np.ndarray, m: int, r: int) -> float:
    """Longest way between two customers of route r."""
    node, longest = links[NEXT, m + r], 0.0
    while node < m:
        following = links[NEXT, node]
        if following < m:
            longest = max(longest, values[AHEAD, node])
        node = following
    return longest


@jit
def open_route(routes: np.ndarray, ints: np.ndarray, r: int) -> None:
    """Route r is in use from now on."""
    _swap_listed(routes, r, ints[NUM_ROUTES])
    ints[NUM_ROUTES] += 1


@jit
def close_route(routes: np.ndarray, ints: np.ndarray, r: int) -> None:
    """Route r is no longer in use."""
    ints[NUM_ROUTES] -= 1
    _swap_listed(routes, r, ints[NUM_ROUTES])


@jit
def _swap_listed(routes: np.ndarray, r: int, to: int) -> None:
    at, other = routes[PLACE, r], routes[LISTED, to]
    routes[LISTED, to], routes[LISTED, at] = r, other
    routes[PLACE, r], routes[PLACE, other] = to, at


@jit
def set_times(duration: np.ndarray, places: np.ndarray, links: np.ndarray, values: np.ndarray, r: int) -> bool:
    """Earliest and latest times of route r; false, and only some of them, if it is late somewhere."""
    m = len(duration)
    sentinel = m + r
    last, node, leave = 0, links[NEXT, sentinel], places[OPENS, 0]
    while node != sentinel:
        begin = max(leave + duration[last, node], places[OPENS, node])
        if begin > places[CLOSES, node]:
            return False
        leave = begin + places[SERVICE, node]
        values[LEAVE, node] = leave
        last, node = node, links[NEXT, node]
    if leave + duration[last, 0] > places[CLOSES, 0]:
        return False
    latest, following, node = places[CLOSES, 0], 0, links[PREVIOUS, sentinel]
    while node != sentinel:
        latest = min(places[CLOSES, node], latest - duration[node, following] - places[SERVICE, node])
        values[LATEST, node] = latest
        following, node = node, links[PREVIOUS, node]
    return True


@jit
def insert(
    distance: np.ndarray,
    duration: np.ndarray,
    places: np.ndarray,
    is_timed: bool,
    links: np.ndarray,
    values: np.ndarray,
    routes: np.ndarray,
    loads: np.ndarray,
    ints: np.ndarray,
    c: int,
    p: int,
) -> float:
    """Put customer c behind node p, where it fits; change of the cost."""
    m = len(distance)
    q, r = links[NEXT, p], links[ROUTE, p]
    a, b = (p if p < m else 0), (q if q < m else 0)
    before, after = distance[a, c], distance[c, b]
    delta = before + after - values[AHEAD, p]
    values[AHEAD, p], values[AHEAD, c] = before, after
    values[LONGEST, m + r] = max(values[LONGEST, m + r], before if p < m else 0.0, after if q < m else 0.0)
    links[NEXT, p] = links[PREVIOUS, q] = c
    links[PREVIOUS, c], links[NEXT, c] = p, q
    links[ROUTE, c] = r
    if routes[SIZE, r] == 0:
        open_route(routes, ints, r)
    routes[SIZE, r] += 1
    loads[r] += places[DEMAND, c]
    if is_timed:
        # Times beyond the first that stays as it was stay as well.
        last, node, leave = a, c, values[LEAVE, p]
        while node < m:
            time = max(leave + duration[last, node], places[OPENS, node]) + places[SERVICE, node]
            if node != c and time == values[LEAVE, node]:
                break
            values[LEAVE, node] = leave = time
            last, node = node, links[NEXT, node]
        following, node, latest = b, c, values[LATEST, q]
        while node < m:
            time = min(places[CLOSES, node], latest - duration[node, following] - places[SERVICE, node])
            if node != c and time == values[LATEST, node]:
                break
            values[LATEST, node] = latest = time
            following, node = node, links[PREVIOUS, node]
    return delta


def adopt(data: Data, state: State, nodes: np.ndarray, offsets: np.ndarray) -> None:
    """Make these routes, which keep all limits, the best and the current solution."""
    chain(state.links[BEST_NEXT], nodes, offsets, len(data.distance))
    load_best(*data, *state)
    state.floats[BEST] = state.floats[COST]


def replace_current(data: Data, state: State, nodes: np.ndarray, offsets: np.ndarray) -> None:
    """Make these routes, which keep all limits, the current solution; the best stays."""
    best = state.links[BEST_NEXT].copy()
    chain(state.links[BEST_NEXT], nodes, offsets, len(data.distance))
    load_best(*data, *state)
    state.links[BEST_NEXT] = best
    # Not one route need be where the best has it.
    num_routes = state.routes.shape[1]
    state.routes[CHANGED] = np.arange(num_routes)
    state.routes[IS_CHANGED] = 1
    state.ints[NUM_CHANGED] = num_routes


def is_complete(data: Data, state: State) -> bool:
    """Whether the best solution serves everybody on ways that exist."""
    return math.isfinite(state.best) and state.best < data.penalty
