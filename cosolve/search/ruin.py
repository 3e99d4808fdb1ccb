"""
Slack induction by string removals on matrices, with or without time windows.

The search of [1]_ as :mod:`cosolve.search.cvrp` has it, where distances and durations are two matrices, neither of
them symmetric. An iteration takes strings of customers out of neighbouring routes and puts them back at the cheapest
place, overlooking one now and then; simulated annealing decides whether that stays. Since a way between two routes
may save more than it costs on roads, a new route is opened wherever it is the cheapest place. Routes are saved
when first touched, so that a rejected iteration is taken back by copying. What to accept is drawn first: where the
triangle inequality holds, an iteration ends as soon as it costs too much. Routes whose nearest customer, by distance
and windows, is too far for a better place are passed over; without windows nothing is missed by that.

The temperature falls in cycles, each twice as long as the one before and each starting from the best solution: a
function of the iteration's number, not of the clock. As long as the best solution lacks customers or takes ways that do
not exist, the temperature is in units of their price, far too hot for the rest: with the first complete solution cycles
begin anew.

References
----------
.. [1] Christiaens, J., Vanden Berghe, G. (2020). Slack Induction by String Removals for Vehicle Routing Problems.
       *Transportation Science* 54(2): 417-433.
"""

from __future__ import annotations

import math

import numpy as np

from cosolve.core.jit import jit
from cosolve.search import route_state as row
from cosolve.search.chains import choose_string, save_routes, sort_by_key
from cosolve.search.cvrp import AVERAGE_REMOVED, BLINK, MAX_STRING, SPLIT, SPLIT_DEPTH
from cosolve.search.random import below, uniform
from cosolve.search.route_state import Data, State, close_route, insert, load_best, new_state, open_route, set_times

#: First and last temperature of a cycle, in units of the average way of the start.
FIRST_TEMPERATURE = 0.5
LAST_TEMPERATURE = 0.01

#: Iterations of the first cycle, per customer.
FIRST_CYCLE = 200

#: Customers that are taken out on average where there are windows: with a half more than in the paper, that is up to
#: five strings of ten and not three, ORTEC's hard instances end 0.15 % better at 15, 30 and 60 s; without windows that
#: costs 0.1 to 0.4 %.
AVERAGE_REMOVED_IN_WINDOWS = 15.0


def start(data: Data, nodes: np.ndarray, offsets: np.ndarray, seed: int, first_cycle: int = FIRST_CYCLE) -> State:
    """
    State of a search from routes that keep all limits, maybe not of all customers; see :func:`new_state`.

    Parameters
    ----------
    first_cycle
        Iterations of the first cycle, per customer.
    """
    state = new_state(data, nodes, offsets, seed)
    if state.ints[row.NUM_ABSENT]:
        run(data, state, 1)
        state.ints[row.ITERATION] = 0
    n = len(data.distance) - 1
    state.ints[row.CYCLE_LENGTH] = first_cycle * n
    way = float(state.values[row.AHEAD].sum()) / max(1, n + int(state.ints[row.NUM_ROUTES]))
    state.ints[row.IS_COMPLETE] = row.is_complete(data, state)
    _begin_cycles(state.ints, state.floats, way)
    return state


def run(data: Data, state: State, iterations: int) -> None:
    """Do so many iterations, for two customers or more; how they are sliced into calls changes nothing."""
    m, num_nodes = len(data.distance), state.links.shape[1]
    scratch = np.empty(num_nodes, np.int32), np.empty((3, num_nodes)), np.empty(m), np.empty(m, np.int32)
    _run(*data, *state, iterations, *scratch)


@jit
def _begin_cycles(ints: np.ndarray, floats: np.ndarray, way: float) -> None:
    """Begin the first cycle now, the average way of the current solution being this long."""
    floats[row.HOT] = FIRST_TEMPERATURE * way
    floats[row.COLD] = LAST_TEMPERATURE * way
    ints[row.CYCLE_END] = ints[row.ITERATION] + ints[row.CYCLE_LENGTH]
    _heat(ints, floats)


@jit
def _heat(ints: np.ndarray, floats: np.ndarray) -> None:
    floats[row.TEMPERATURE] = floats[row.HOT]
    floats[row.COOLING] = 1.0
    if floats[row.HOT] > 0.0:
        floats[row.COOLING] = (floats[row.COLD] / floats[row.HOT]) ** (1.0 / ints[row.CYCLE_LENGTH])


@jit
def _save(
    links: np.ndarray,
    values: np.ndarray,
    routes: np.ndarray,
    loads: np.ndarray,
    saved: np.ndarray,
    saved_values: np.ndarray,
    filled: int,
    r: int,
) -> int:
    """Copy route r to what is saved, once per iteration; entries filled then."""
    if routes[row.IS_SAVED, r]:
        return filled
    routes[row.IS_SAVED, r] = 1
    node = sentinel = links.shape[1] - len(loads) + r
    saved_values[row.LEAVE, filled] = loads[r]
    saved_values[row.LATEST, filled] = values[row.LONGEST, sentinel]
    while True:
        saved[filled] = node
        saved_values[row.AHEAD, filled] = values[row.AHEAD, node]
        if node != sentinel:
            saved_values[row.LEAVE, filled] = values[row.LEAVE, node]
            saved_values[row.LATEST, filled] = values[row.LATEST, node]
        filled += 1
        node = links[row.NEXT, node]
        if node == sentinel:
            return filled


@jit
def _restore(
    links: np.ndarray,
    values: np.ndarray,
    routes: np.ndarray,
    loads: np.ndarray,
    ints: np.ndarray,
    saved: np.ndarray,
    saved_values: np.ndarray,
    filled: int,
) -> None:
    """Undo :func:`_save`."""
    m = links.shape[1] - len(loads)
    at = 0
    while at < filled:
        sentinel = last = saved[at]
        r = sentinel - m
        loads[r] = saved_values[row.LEAVE, at]
        values[row.LONGEST, sentinel] = saved_values[row.LATEST, at]
        values[row.AHEAD, sentinel] = saved_values[row.AHEAD, at]
        at += 1
        size = 0
        while at < filled and saved[at] < m:
            node = saved[at]
            links[row.NEXT, last] = node
            links[row.PREVIOUS, node] = last
            links[row.ROUTE, node] = r
            values[row.AHEAD, node] = saved_values[row.AHEAD, at]
            values[row.LEAVE, node] = saved_values[row.LEAVE, at]
            values[row.LATEST, node] = saved_values[row.LATEST, at]
            size += 1
            last = node
            at += 1
        links[row.NEXT, last] = sentinel
        links[row.PREVIOUS, sentinel] = last
        if size > 0 and routes[row.SIZE, r] == 0:
            open_route(routes, ints, r)
        elif size == 0 and routes[row.SIZE, r] > 0:
            close_route(routes, ints, r)
        routes[row.SIZE, r] = size
        routes[row.IS_SAVED, r] = 0


@jit
def _remove_string(
    distance: np.ndarray,
    duration: np.ndarray,
    places: np.ndarray,
    is_timed: bool,
    links: np.ndarray,
    values: np.ndarray,
    routes: np.ndarray,
    loads: np.ndarray,
    absent: np.ndarray,
    ints: np.ndarray,
    r: int,
    node: int,
    length: int,
    gap_from: int,
    kept: int,
) -> float:
    """Take ``length`` customers from ``node`` on out of route r but for a gap; change of the cost, inf if late now."""
    m = len(distance)
    delta = 0.0
    for position in range(length + kept):
        following = links[row.NEXT, node]
        if not gap_from <= position < gap_from + kept:
            p = links[row.PREVIOUS, node]
            delta -= values[row.AHEAD, p] + values[row.AHEAD, node]
            links[row.NEXT, p] = following
            links[row.PREVIOUS, following] = p
            links[row.ROUTE, node] = -1
            values[row.AHEAD, p] = 0.0
            if p != following:
                values[row.AHEAD, p] = distance[p if p < m else 0, following if following < m else 0]
                delta += values[row.AHEAD, p]
                if max(p, following) < m:
                    values[row.LONGEST, m + r] = max(values[row.LONGEST, m + r], values[row.AHEAD, p])
            routes[row.SIZE, r] -= 1
            loads[r] -= places[row.DEMAND, node]
            absent[ints[row.NUM_ABSENT]] = node
            ints[row.NUM_ABSENT] += 1
        node = following
    if routes[row.SIZE, r] == 0:
        close_route(routes, ints, r)
        values[row.LONGEST, m + r] = 0.0
        loads[r] = 0.0  # an empty route is exactly empty: no rounding noise is carried over
    elif is_timed and not set_times(duration, places, links, values, r):
        return math.inf  # only where a detour is faster than the direct way
    return delta


@jit
def _ruin(
    distance: np.ndarray,
    duration: np.ndarray,
    places: np.ndarray,
    neighbours: np.ndarray,
    is_timed: bool,
    links: np.ndarray,
    values: np.ndarray,
    routes: np.ndarray,
    loads: np.ndarray,
    absent: np.ndarray,
    ints: np.ndarray,
    random: np.ndarray,
    saved: np.ndarray,
    saved_values: np.ndarray,
) -> tuple[int, float]:
    """Take strings out of routes near a random customer; entries saved, and change of the cost."""
    m = len(distance)
    average = (m - 1) / max(1, ints[row.NUM_ROUTES])
    longest = max(1.0, min(MAX_STRING, average))
    removed = AVERAGE_REMOVED_IN_WINDOWS if is_timed else AVERAGE_REMOVED
    most = 4.0 * removed / (1.0 + longest) - 1.0
    num_strings = int(uniform(random) * most + 1.0)
    seed = 1 + below(random, m - 1)
    filled, num_ruined, delta = 0, 0, 0.0
    for k in range(-1, neighbours.shape[1]):
        if num_ruined == num_strings:
            break
        c = seed if k < 0 else neighbours[seed, k]
        r = links[row.ROUTE, c]
        if r < 0 or routes[row.IS_SAVED, r]:
            continue
        filled = _save(links, values, routes, loads, saved, saved_values, filled, r)
        size = routes[row.SIZE, r]
        length = min(size, int(uniform(random) * min(longest, float(size)) + 1.0))
        kept = 0
        if 1 < length < size and uniform(random) <= SPLIT:
            kept = 1
            while length + kept < size and uniform(random) <= SPLIT_DEPTH:
                kept += 1
        first = choose_string(links, random, m, c, length + kept)
        gap_from = length if kept == 0 else 1 + below(random, length - 1)
        delta += _remove_string(
            distance, duration, places, is_timed, links, values, routes, loads, absent, ints,
            r, first, length, gap_from, kept,
        )  # fmt: skip
        num_ruined += 1
    return filled, delta


@jit
def _order(
    distance: np.ndarray,
    places: np.ndarray,
    is_timed: bool,
    absent: np.ndarray,
    ints: np.ndarray,
    random: np.ndarray,
    keys: np.ndarray,
) -> None:
    """
    Sort the absent customers by a rule drawn at random.

    At random, by demand, far or close first with weights 4, 4, 2, 1 (section 5.2), and with time windows also short,
    early or late ones first with weights 2, 2, 2 (section 5.4).
    """
    rule = below(random, 17 if is_timed else 11)
    for k in range(ints[row.NUM_ABSENT]):
        c = absent[k]
        if rule < 4:
            keys[k] = uniform(random)
        elif rule < 8:
            keys[k] = -places[row.DEMAND, c]
        elif rule < 10:
            keys[k] = -distance[0, c]
        elif rule < 11:
            keys[k] = distance[0, c]
        elif rule < 13:
            keys[k] = places[row.CLOSES, c] - places[row.OPENS, c]
        elif rule < 15:
            keys[k] = places[row.OPENS, c]
        else:
            keys[k] = -places[row.CLOSES, c]
    sort_by_key(absent, keys, ints[row.NUM_ABSENT])


@jit
def _blinks(ints: np.ndarray, random: np.ndarray) -> bool:
    """Whether this place is overlooked; the time until the next is drawn at once."""
    ints[row.BLINK_IN] -= 1
    if ints[row.BLINK_IN] > 0:
        return False
    ints[row.BLINK_IN] = 1 + int(math.log(uniform(random)) / math.log(1.0 - BLINK))
    return True


@jit
def _best_place(
    distance: np.ndarray,
    backward: np.ndarray,
    duration: np.ndarray,
    places: np.ndarray,
    neighbours: np.ndarray,
    capacity: float,
    is_timed: bool,
    links: np.ndarray,
    values: np.ndarray,
    routes: np.ndarray,
    loads: np.ndarray,
    ints: np.ndarray,
    random: np.ndarray,
    c: int,
) -> int:
    """Node behind which c costs least, among the routes of its neighbours and a new one; -1 if it fits nowhere."""
    m = len(distance)
    to, back, away = distance[c], backward[c], duration[c]
    room = capacity - places[row.DEMAND, c]
    opens, closes, service = places[row.OPENS, c], places[row.CLOSES, c], places[row.SERVICE, c]
    last_leave, first_next = places[row.LAST_LEAVE, c], places[row.FIRST_NEXT, c]
    ints[row.STAMP] += 1
    stamp, unseen = ints[row.STAMP], ints[row.NUM_ROUTES]
    best, place = math.inf, -1
    for k in range(neighbours.shape[1]):
        if unseen == 0:
            break
        v = neighbours[c, k]
        r = links[row.ROUTE, v]
        if r < 0 or routes[row.SEEN, r] == stamp:
            continue
        routes[row.SEEN, r] = stamp
        unseen -= 1
        if loads[r] > room:
            continue
        near = min(to[v], back[v])
        if (
            2.0 * near - values[row.LONGEST, m + r] >= best
            and back[0] + near - values[row.AHEAD, m + r] >= best
            and near + to[0] - values[row.AHEAD, links[row.PREVIOUS, m + r]] >= best
        ):
            continue  # without windows v is the nearest in this route, and every place costs more
        u, a = m + r, 0
        while True:
            if is_timed and values[row.LEAVE, u] > last_leave:
                break
            v = links[row.NEXT, u]
            b = v if v < m else 0
            delta = back[a] + to[b] - values[row.AHEAD, u]
            if delta < best:
                fits = True
                if is_timed:
                    fits = values[row.LATEST, v] >= first_next
                    if fits:
                        begin = max(values[row.LEAVE, u] + duration[a, c], opens)
                        fits = begin <= closes and begin + service + away[b] <= values[row.LATEST, v]
                if fits and not _blinks(ints, random):
                    best, place = delta, u
            if b == 0:
                break
            u = a = v
    if back[0] + to[0] < best:
        begin = max(places[row.OPENS, 0] + duration[0, c], opens)
        if not is_timed or (begin <= closes and begin + service + away[0] <= places[row.CLOSES, 0]):
            place = m + routes[row.LISTED, ints[row.NUM_ROUTES]]
    return place


@jit
def _run(
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
    iterations: int,
    saved: np.ndarray,
    saved_values: np.ndarray,
    keys: np.ndarray,
    absent_before: np.ndarray,
) -> None:
    m = len(distance)
    for _ in range(iterations):
        if not ints[row.IS_COMPLETE] and floats[row.BEST] < penalty:
            # It became the best, and the current one, just before: here or by a descent.
            ints[row.IS_COMPLETE] = 1
            _begin_cycles(ints, floats, floats[row.COST] / (m - 1 + ints[row.NUM_ROUTES]))
        if ints[row.ITERATION] == ints[row.CYCLE_END] and ints[row.ITERATION] > 0:
            if ints[row.IS_COMPLETE]:
                ints[row.CYCLE_LENGTH] *= 2
            ints[row.CYCLE_END] += ints[row.CYCLE_LENGTH]
            load_best(
                distance, backward, duration, places, neighbours, capacity, penalty, is_timed, is_metric,
                links, values, routes, loads, absent, ints, floats, random,
            )  # fmt: skip
            _heat(ints, floats)
        ints[row.ITERATION] += 1
        num_before = ints[row.NUM_ABSENT]
        for k in range(num_before):
            absent_before[k] = absent[k]
        filled, delta = _ruin(
            distance, duration, places, neighbours, is_timed, links, values, routes, loads, absent, ints, random,
            saved, saved_values,
        )  # fmt: skip
        limit = -floats[row.TEMPERATURE] * math.log(uniform(random))
        floats[row.TEMPERATURE] *= floats[row.COOLING]
        if delta < math.inf:
            delta -= num_before * penalty
            _order(distance, places, is_timed, absent, ints, random, keys)
            count = ints[row.NUM_ABSENT]
            ints[row.NUM_ABSENT] = 0
            for k in range(count):
                if is_metric and delta >= limit:
                    break  # whoever is put back costs something
                c = absent[k]
                place = _best_place(
                    distance, backward, duration, places, neighbours, capacity, is_timed,
                    links, values, routes, loads, ints, random, c,
                )  # fmt: skip
                if place < 0:
                    absent[ints[row.NUM_ABSENT]] = c
                    ints[row.NUM_ABSENT] += 1
                    delta += penalty
                else:
                    filled = _save(links, values, routes, loads, saved, saved_values, filled, links[row.ROUTE, place])
                    delta += insert(distance, duration, places, is_timed, links, values, routes, loads, ints, c, place)
        if delta < limit:
            floats[row.COST] += delta
            for k in range(filled):
                r = saved[k] - m
                if r >= 0:
                    routes[row.IS_SAVED, r] = 0
                    values[row.LONGEST, saved[k]] = row.longest_way(links, values, m, r)
                    if not routes[row.IS_CHANGED, r]:
                        routes[row.IS_CHANGED, r] = 1
                        routes[row.CHANGED, ints[row.NUM_CHANGED]] = r
                        ints[row.NUM_CHANGED] += 1
            # Sums of fractional lengths carry noise: a gain below it is none.
            if floats[row.COST] < floats[row.BEST] - 1e-9 * floats[row.BEST]:
                floats[row.BEST] = floats[row.COST]
                save_routes(links, routes, ints[row.NUM_CHANGED], m)
                ints[row.NUM_CHANGED] = 0
        else:
            ints[row.NUM_ABSENT] = num_before
            for k in range(num_before):
                absent[k] = absent_before[k]
                links[row.ROUTE, absent[k]] = -1
            _restore(links, values, routes, loads, ints, saved, saved_values, filled)
