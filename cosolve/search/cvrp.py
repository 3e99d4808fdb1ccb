"""
Slack induction by string removals for capacitated vehicle routing.

Each iteration removes strings of customers from neighbouring routes, puts them back greedily while now and
then overlooking a place ("blinks"), and keeps the result by simulated annealing [1]_. Three things differ from
the paper. Places are sought beside the nearest neighbours of a customer only, and an iteration logs its changes
so that a rejected one is taken back: an iteration costs O(removed x neighbours) whatever the number of customers.
What to accept is drawn first, so that an iteration ends as soon as it costs too much, since whoever is put back
costs something. And since the number of iterations is not known beforehand, the temperature falls in cycles, each
twice as long as the one before and each starting from the best solution: a function of the iteration's number, not
of the clock.

Routes are circular doubly linked lists; node ``n + r`` stands for the depot in route r.

References
----------
.. [1] Christiaens, J., Vanden Berghe, G. (2020). Slack Induction by String Removals for Vehicle Routing Problems.
       *Transportation Science* 54(2): 417-433.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cosolve.core.jit import jit, jit_allocating
from cosolve.core.metric import Metric, distance
from cosolve.search.chains import chain, choose_string, save_routes, sort_by_key, unchain
from cosolve.search.neighbours import nearest
from cosolve.search.random import below, stream, uniform

#: Parameters of the paper, section 5.2: average number of customers removed, longest string, probability of a
#: string with a gap, of a longer gap, and of a blink.
AVERAGE_REMOVED = 10.0
MAX_STRING = 10.0
SPLIT = 0.5
SPLIT_DEPTH = 0.01
BLINK = 0.01

#: First and last temperature of a cycle, in units of the average edge of the start.
HOT = 0.5
COLD = 0.01

#: Iterations of the first cycle: a constant, and so many per customer.
FIRST_CYCLE = 50_000
FIRST_CYCLE_PER_CUSTOMER = 300

_MATRIX, _EXACT = int(Metric.MATRIX), int(Metric.EXACT_2D)

# Places in the state arrays.
_ITERATION, _CYCLE_END, _CYCLE_LENGTH, _NUM_ROUTES, _NUM_FREE, _NUM_DIRTY, _BLINK_IN = range(7)
_COST, _BEST, _TEMPERATURE, _COOLING, _HOT, _COLD = range(6)


@dataclass
class SearchState:
    """All that :func:`run` carries from slice to slice; arrays are changed in place."""

    ints: np.ndarray
    floats: np.ndarray
    random: np.ndarray
    links: np.ndarray
    """Rows: next, previous, route (-1 while removed), next in the best solution; columns: nodes, depot copies."""
    ahead: np.ndarray
    """Distance to the next node."""
    routes: np.ndarray
    """Rows: number of customers, free list, whether in it, changed routes, whether changed."""
    loads: np.ndarray
    """Rows: load, length with service times."""

    @property
    def iteration(self) -> int:
        """Iterations done."""
        return int(self.ints[_ITERATION])

    @property
    def best(self) -> float:
        """Length of the best solution found, as the search sums it up."""
        return float(self.floats[_BEST])


@dataclass(frozen=True)
class SearchData:
    """The instance as plain arrays; ``neighbours`` is (n, k) int32, nearest first, -1 where there are fewer."""

    metric: int
    coords: np.ndarray
    matrix: np.ndarray
    demand: np.ndarray
    depot: int
    capacity: float
    max_length: float
    service_time: float
    neighbours: np.ndarray


def nearest_customers(metric: int, coords: np.ndarray, matrix: np.ndarray, depot: int, k: int) -> np.ndarray:
    """(n, k) int32 nearest customers of each node, the depot left out, -1 where there are fewer; nearest first."""
    return _without(nearest(metric, coords, matrix, k + 1), depot, k)


@jit_allocating
def _without(neighbours: np.ndarray, depot: int, k: int) -> np.ndarray:
    out = np.full((len(neighbours), k), -1, np.int32)
    for i in range(len(neighbours)):
        filled = 0
        for j in neighbours[i]:
            if j != depot and filled < k:
                out[i, filled] = j
                filled += 1
    return out


def start(data: SearchData, nodes: np.ndarray, offsets: np.ndarray, seed: int) -> SearchState:
    """
    State of a search that begins at the routes ``nodes[offsets[k]:offsets[k + 1]]``.

    Parameters
    ----------
    data
        The instance.
    nodes, offsets
        A feasible solution.
    seed
        Non-negative; any value gives a good random stream.
    """
    n = len(data.demand)
    num_routes = max(n, len(offsets) - 1)
    links = np.full((4, n + num_routes), -1, np.int32)
    chain(links[3], nodes, offsets, n)
    ints = np.zeros(7, np.int64)
    floats = np.zeros(6)
    state = SearchState(
        ints,
        floats,
        stream(seed),
        links,
        np.zeros(n + num_routes),
        np.zeros((5, num_routes), np.int32),
        np.zeros((2, num_routes)),
    )
    cost = _load_best(
        data.metric, data.coords, data.matrix, data.demand, data.depot, data.service_time,
        ints, links, state.ahead, state.routes, state.loads,
    )  # fmt: skip
    edge = cost / max(1, n - 1 + int(ints[_NUM_ROUTES]))
    floats[:] = (cost, cost, 0.0, 1.0, HOT * edge, COLD * edge)
    ints[_CYCLE_LENGTH] = FIRST_CYCLE + FIRST_CYCLE_PER_CUSTOMER * n
    return state


def run(data: SearchData, state: SearchState, iterations: int) -> None:
    """Do so many iterations; how they are sliced into calls changes nothing."""
    _run(
        data.metric, data.coords, data.matrix, data.demand, data.depot, data.capacity, data.max_length,
        data.service_time, data.neighbours, state.ints, state.floats, state.random, state.links, state.ahead,
        state.routes, state.loads, iterations,
    )  # fmt: skip


def best_routes(data: SearchData, state: SearchState) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and offsets of the best solution, empty routes left out."""
    return unchain(state.links[3], len(data.demand))


@jit
def _load_best(
    metric: int,
    coords: np.ndarray,
    matrix: np.ndarray,
    demand: np.ndarray,
    depot: int,
    service_time: float,
    ints: np.ndarray,
    links: np.ndarray,
    ahead: np.ndarray,
    routes: np.ndarray,
    loads: np.ndarray,
) -> float:
    """Make the best solution the current one; its length, summed up anew, is returned."""
    n = len(demand)
    cost = 0.0
    ints[_NUM_ROUTES] = 0
    ints[_NUM_FREE] = 0
    for r in range(routes.shape[1]):
        sentinel = n + r
        size, load, length = 0, 0.0, 0.0
        node = sentinel
        while True:
            following = links[3, node]
            links[0, node] = following
            links[1, following] = node
            links[2, node] = r
            a = depot if node >= n else node
            b = depot if following >= n else following
            ahead[node] = 0.0 if node == following else distance(metric, coords, matrix, a, b)
            length += ahead[node]
            node = following
            if node == sentinel:
                break
            size += 1
            load += demand[node]
        cost += length
        routes[0, r] = size
        routes[2, r] = 0
        loads[0, r] = load
        loads[1, r] = length + service_time * size
        if size > 0:
            ints[_NUM_ROUTES] += 1
    # Route 0 is opened first.
    for r in range(routes.shape[1] - 1, -1, -1):
        if routes[0, r] == 0:
            routes[1, ints[_NUM_FREE]] = r
            routes[2, r] = 1
            ints[_NUM_FREE] += 1
    return cost


@jit
def _unlink(
    metric: int,
    coords: np.ndarray,
    matrix: np.ndarray,
    demand: np.ndarray,
    depot: int,
    service_time: float,
    ints: np.ndarray,
    links: np.ndarray,
    ahead: np.ndarray,
    routes: np.ndarray,
    loads: np.ndarray,
    c: int,
) -> float:
    """Take customer c out of its route; change of the total length."""
    n = len(demand)
    p, q, r = links[1, c], links[0, c], links[2, c]
    closing = 0.0
    if p != q:
        closing = distance(metric, coords, matrix, depot if p >= n else p, depot if q >= n else q)
    delta = closing - ahead[p] - ahead[c]
    links[0, p] = q
    links[1, q] = p
    links[2, c] = -1
    ahead[p] = closing
    routes[0, r] -= 1
    loads[0, r] -= demand[c]
    loads[1, r] += delta - service_time
    if routes[0, r] == 0:
        # An empty route is exactly empty: no rounding noise is carried over.
        loads[0, r] = 0.0
        loads[1, r] = 0.0
        ints[_NUM_ROUTES] -= 1
        if routes[2, r] == 0:
            routes[1, ints[_NUM_FREE]] = r
            routes[2, r] = 1
            ints[_NUM_FREE] += 1
    return delta


@jit
def _link(
    metric: int,
    coords: np.ndarray,
    matrix: np.ndarray,
    demand: np.ndarray,
    depot: int,
    service_time: float,
    ints: np.ndarray,
    links: np.ndarray,
    ahead: np.ndarray,
    routes: np.ndarray,
    loads: np.ndarray,
    c: int,
    p: int,
) -> float:
    """Put customer c behind node p; change of the total length."""
    n = len(demand)
    q, r = links[0, p], links[2, p]
    before = distance(metric, coords, matrix, depot if p >= n else p, c)
    after = distance(metric, coords, matrix, c, depot if q >= n else q)
    delta = before + after - ahead[p]
    links[0, p] = c
    links[1, c] = p
    links[0, c] = q
    links[1, q] = c
    links[2, c] = r
    ahead[p] = before
    ahead[c] = after
    if routes[0, r] == 0:
        ints[_NUM_ROUTES] += 1
    routes[0, r] += 1
    loads[0, r] += demand[c]
    loads[1, r] += delta + service_time
    return delta


@jit
def _ruin(
    metric: int,
    coords: np.ndarray,
    matrix: np.ndarray,
    demand: np.ndarray,
    depot: int,
    service_time: float,
    neighbours: np.ndarray,
    ints: np.ndarray,
    random: np.ndarray,
    links: np.ndarray,
    ahead: np.ndarray,
    routes: np.ndarray,
    loads: np.ndarray,
    ruined: np.ndarray,
    absent: np.ndarray,
    log_ints: np.ndarray,
    log_floats: np.ndarray,
) -> tuple[int, float]:
    """Remove strings near a random customer; number of customers removed and change of the total length."""
    n = len(demand)
    average = (n - 1) / max(1, ints[_NUM_ROUTES])
    longest = max(1.0, min(MAX_STRING, average))
    most = 4.0 * AVERAGE_REMOVED / (1.0 + longest) - 1.0
    num_strings = int(uniform(random) * most + 1.0)
    seed = below(random, n - 1)
    if seed >= depot:
        seed += 1
    num_ruined, num_absent, delta = 0, 0, 0.0
    for k in range(-1, neighbours.shape[1]):
        if num_ruined >= num_strings:
            break
        c = seed if k < 0 else neighbours[seed, k]
        if c < 0 or links[2, c] < 0:
            continue
        r = links[2, c]
        known = False
        for j in range(num_ruined):
            known = known or ruined[j] == r
        if known:
            continue
        size = routes[0, r]
        length = int(uniform(random) * min(longest, float(size)) + 1.0)
        length = min(length, size)
        kept = 0
        if length > 1 and length < size and uniform(random) <= SPLIT:
            kept = 1
            while length + kept < size and uniform(random) <= SPLIT_DEPTH:
                kept += 1
        node = choose_string(links, random, n, c, length + kept)
        gap_from = length if kept == 0 else 1 + below(random, length - 1)
        for position in range(length + kept):
            following = links[0, node]
            if not gap_from <= position < gap_from + kept:
                log_ints[num_absent, 0] = node
                log_ints[num_absent, 1] = links[1, node]
                log_ints[num_absent, 2] = r
                log_floats[num_absent, 0] = loads[0, r]
                log_floats[num_absent, 1] = loads[1, r]
                delta += _unlink(
                    metric, coords, matrix, demand, depot, service_time, ints, links, ahead, routes, loads, node
                )
                absent[num_absent] = node
                num_absent += 1
            node = following
        ruined[num_ruined] = r
        num_ruined += 1
    return num_absent, delta


@jit
def _order(
    metric: int,
    coords: np.ndarray,
    matrix: np.ndarray,
    demand: np.ndarray,
    depot: int,
    random: np.ndarray,
    absent: np.ndarray,
    keys: np.ndarray,
    count: int,
) -> None:
    """Sort the removed customers: at random, by demand, far or close first with weights 4, 4, 2, 1 (section 5.2)."""
    rule = below(random, 11)
    for k in range(count):
        if rule < 4:
            keys[k] = uniform(random)
        elif rule < 8:
            keys[k] = -demand[absent[k]]
        else:
            to_depot = distance(metric, coords, matrix, depot, absent[k])
            keys[k] = -to_depot if rule < 10 else to_depot
    sort_by_key(absent, keys, count)


@jit
def _best_place(
    metric: int,
    coords: np.ndarray,
    matrix: np.ndarray,
    demand: np.ndarray,
    depot: int,
    capacity: float,
    max_length: float,
    service_time: float,
    neighbours: np.ndarray,
    ints: np.ndarray,
    random: np.ndarray,
    links: np.ndarray,
    ahead: np.ndarray,
    loads: np.ndarray,
    c: int,
) -> int:
    """Node behind which c costs least, or -1 if no route near by can take it."""
    n = len(demand)
    best, place = math.inf, -1
    room = capacity - demand[c]
    for k in range(neighbours.shape[1]):
        v = neighbours[c, k]
        if v < 0:
            break
        r = links[2, v]
        if r < 0 or loads[0, r] > room:
            continue
        slack = max_length - service_time - loads[1, r]
        to_v = distance(metric, coords, matrix, c, v)
        # By the triangle inequality a place beside v costs at least twice what v is farther than its partner.
        if 2.0 * (to_v - ahead[v]) < best:
            ints[_BLINK_IN] -= 1
            if ints[_BLINK_IN] <= 0:
                ints[_BLINK_IN] = 1 + int(math.log(uniform(random)) / math.log(1.0 - BLINK))
            else:
                w = links[0, v]
                delta = to_v + distance(metric, coords, matrix, c, depot if w >= n else w) - ahead[v]
                if delta < best and delta <= slack:
                    best, place = delta, v
        u = links[1, v]
        if 2.0 * (to_v - ahead[u]) < best:
            ints[_BLINK_IN] -= 1
            if ints[_BLINK_IN] <= 0:
                ints[_BLINK_IN] = 1 + int(math.log(uniform(random)) / math.log(1.0 - BLINK))
            else:
                delta = to_v + distance(metric, coords, matrix, depot if u >= n else u, c) - ahead[u]
                if delta < best and delta <= slack:
                    best, place = delta, u
    return place


@jit
def _open_route(ints: np.ndarray, routes: np.ndarray) -> int:
    """An empty route; there is always one, as there are as many routes as nodes."""
    while True:
        ints[_NUM_FREE] -= 1
        r = routes[1, ints[_NUM_FREE]]
        routes[2, r] = 0
        if routes[0, r] == 0:
            return r


@jit_allocating
def _run(
    metric: int,
    coords: np.ndarray,
    matrix: np.ndarray,
    demand: np.ndarray,
    depot: int,
    capacity: float,
    max_length: float,
    service_time: float,
    neighbours: np.ndarray,
    ints: np.ndarray,
    floats: np.ndarray,
    random: np.ndarray,
    links: np.ndarray,
    ahead: np.ndarray,
    routes: np.ndarray,
    loads: np.ndarray,
    iterations: int,
) -> None:
    n = len(demand)
    slack = 0.0 if metric == _EXACT else 1.0
    # Fewer than 4 x AVERAGE_REMOVED customers are removed: each is logged twice, once out and once in.
    absent = np.empty(64, np.int32)
    ruined = np.empty(64, np.int32)
    keys = np.empty(64)
    log_ints = np.empty((128, 3), np.int32)
    log_floats = np.empty((128, 2))
    for _ in range(iterations):
        if ints[_ITERATION] == ints[_CYCLE_END]:
            if ints[_ITERATION] > 0:
                ints[_CYCLE_LENGTH] *= 2
                cost = _load_best(
                    metric, coords, matrix, demand, depot, service_time, ints, links, ahead, routes, loads
                )
                floats[_COST] = cost
                floats[_BEST] = cost
            ints[_CYCLE_END] += ints[_CYCLE_LENGTH]
            floats[_TEMPERATURE] = floats[_HOT]
            floats[_COOLING] = 1.0
            if floats[_HOT] > 0:
                floats[_COOLING] = (floats[_COLD] / floats[_HOT]) ** (1.0 / ints[_CYCLE_LENGTH])
        ints[_ITERATION] += 1
        count, delta = _ruin(
            metric, coords, matrix, demand, depot, service_time, neighbours, ints, random, links, ahead, routes,
            loads, ruined, absent, log_ints, log_floats,
        )  # fmt: skip
        _order(metric, coords, matrix, demand, depot, random, absent, keys, count)
        limit = -floats[_TEMPERATURE] * math.log(uniform(random))
        floats[_TEMPERATURE] *= floats[_COOLING]
        logged = count
        for k in range(count):
            # By the triangle inequality whoever is put back costs something; rounded sides may miss it by 1.
            if metric != _MATRIX and delta - slack * (count - k) >= limit:
                break
            logged += 1
            c = absent[k]
            place = _best_place(
                metric, coords, matrix, demand, depot, capacity, max_length, service_time, neighbours, ints, random,
                links, ahead, loads, c,
            )  # fmt: skip
            if place < 0:
                place = n + _open_route(ints, routes)
            r = links[2, place]
            log_ints[count + k, 0] = c
            log_ints[count + k, 2] = r
            log_floats[count + k, 0] = loads[0, r]
            log_floats[count + k, 1] = loads[1, r]
            delta += _link(
                metric, coords, matrix, demand, depot, service_time, ints, links, ahead, routes, loads, c, place
            )
        if delta < limit:
            floats[_COST] += delta
            for k in range(2 * count):
                r = log_ints[k, 2]
                if routes[4, r] == 0:
                    routes[4, r] = 1
                    routes[3, ints[_NUM_DIRTY]] = r
                    ints[_NUM_DIRTY] += 1
            # Sums of fractional lengths carry noise: a gain below it is none.
            if floats[_COST] < floats[_BEST] - 1e-9 * floats[_BEST]:
                floats[_BEST] = floats[_COST]
                save_routes(links, routes, ints[_NUM_DIRTY], n)
                ints[_NUM_DIRTY] = 0
        else:
            for k in range(logged - 1, -1, -1):
                c, r = log_ints[k, 0], log_ints[k, 2]
                if k >= count:
                    _unlink(metric, coords, matrix, demand, depot, service_time, ints, links, ahead, routes, loads, c)
                else:
                    p = log_ints[k, 1]
                    _link(metric, coords, matrix, demand, depot, service_time, ints, links, ahead, routes, loads, c, p)
                loads[0, r] = log_floats[k, 0]
                loads[1, r] = log_floats[k, 1]
