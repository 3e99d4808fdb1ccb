"""Iterated local search for orienteering with time windows: ruin, insert what pays, rearrange.

Whether a customer fits between two others is told in O(1) by the earliest and latest start at each position, and which
goes first by the square of what it can earn over the time that it takes [1]_, [2]_, with noise. Where profits grow with
the time of service, the best few candidates are compared by the route's exact profit (see
:mod:`cosolve.search.service_times`). A new route is accepted by simulated annealing in cycles, each twice as long as
the one before and each from the best route: a function of the iteration's number alone.

References
----------
.. [1] Vansteenwegen, P., Souffriau, W., Vanden Berghe, G., Van Oudheusden, D. (2009). Iterated local search for the
       team orienteering problem with time windows. *Computers & Operations Research* 36(12): 3281-3290.
.. [2] Gunawan, A., Lau, H. C., Lu, K. (2015). An iterated local search algorithm for solving the orienteering problem
       with time windows. *Evolutionary Computation in Combinatorial Optimization*, LNCS 9026: 61-73.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosolve.core.jit import NEVER, jit, jit_allocating
from cosolve.search.label_arrays import Data
from cosolve.search.orienteering import Arrays
from cosolve.search.service_times import EPS, best_service_times
from cosolve.search.stp_graph import next_random

#: Candidates of an insertion whose exact profit is computed, where profits vary.
CANDIDATES = 4

#: First and last temperature of a cycle, in average profits of a visit, and iterations of the first cycle.
HOT, COLD, FIRST_CYCLE = 0.5, 0.005, 2000

#: Longest string of visits that is removed, as a share of the route; half the ruins take single visits instead.
RUINED = 0.5

#: Noise on the order of insertions, relative.
NOISE = 0.7

#: Longest string of visits that is turned round or shifted by one, and how seldom without a new best route.
LONGEST, SELDOM = 12, 64

_ITERATION, _CYCLE_END, _CYCLE_LENGTH, _LENGTH, _BEST_LENGTH = range(5)
_PROFIT, _BEST, _TEMPERATURE, _COOLING = range(4)


@dataclass
class SearchState:
    """All that :func:`run` carries from slice to slice; arrays are changed in place."""

    ints: np.ndarray
    floats: np.ndarray
    random: np.ndarray
    route: np.ndarray
    best_route: np.ndarray

    @property
    def iteration(self) -> int:
        """Iterations done."""
        return int(self.ints[_ITERATION])

    @property
    def best(self) -> float:
        """Profit of the best route found."""
        return float(self.floats[_BEST])

    @property
    def best_visits(self) -> np.ndarray:
        """The best route found, by numbers of the search."""
        return self.best_route[: self.ints[_BEST_LENGTH]].copy()


def start(arrays: Arrays, route: np.ndarray, seed: int) -> SearchState:
    """State of a search that begins at a feasible route, by numbers of ``arrays``."""
    n = len(arrays.places)
    state = SearchState(
        np.array([0, 0, FIRST_CYCLE // 2, 0, len(route)], np.int64),
        np.array([0.0, arrays.profit(route), 0.0, 1.0]),
        np.array([seed * 2 + 1], np.uint64),
        np.zeros(n, np.int64),
        np.zeros(n, np.int64),
    )
    state.best_route[: len(route)] = route
    return state


def run(arrays: Arrays, state: SearchState, iterations: int) -> int:
    """Do so many iterations, and say how many there have been; how they are sliced into calls changes nothing."""
    if len(arrays.places) > 1:
        _run(arrays.data(False), state.ints, state.floats, state.random, state.route, state.best_route, iterations)
    return state.iteration


def construct(arrays: Arrays, stop: np.ndarray = NEVER) -> np.ndarray:
    """
    Route by insertions without noise: the customer of the best profit^2 over time first, as long as it pays.

    Parameters
    ----------
    arrays
        The instance.
    stop
        (1,) ends it where it is once it is not 0: for a thousand customers it takes seconds.
    """
    route = np.zeros(len(arrays.places), np.int64)
    if len(arrays.places) < 2:
        return route[:0]
    length, _ = _recreate(arrays.data(False), route, 0, 0.0, 0.0, np.ones(1, np.uint64), stop)
    return route[:length]


@jit
def _exact(data: Data, route: np.ndarray, length: int, start: np.ndarray, duration: np.ndarray) -> float:
    """Profit of a route, -1 if it can't be done."""
    visits = route[:length]
    gained = best_service_times(
        visits, data.travel, data.opens, data.closes, data.horizon, data.service, data.segment_ptr,
        data.segment_length, data.segment_rate, start[:length], duration[:length],
    )  # fmt: skip
    if gained < 0.0:
        return -1.0
    for k in visits:
        gained += data.prize[k]
    return gained


@jit
def _schedule(data: Data, route: np.ndarray, length: int, leave: np.ndarray, latest: np.ndarray) -> bool:
    """Earliest departures (position 0 the depot) and latest arrivals (position length + 1 the return); if feasible."""
    travel, opens, closes, service = data.travel, data.opens, data.closes, data.service
    leave[0] = opens[0]
    at = 0
    for p in range(length):
        k = route[p]
        begin = max(leave[p] + travel[at, k], opens[k])
        if begin > closes[k] + EPS:
            return False
        leave[p + 1] = begin + service[k]
        at = k
    if length and leave[length] + travel[at, 0] > data.horizon + EPS:
        return False
    latest[length + 1] = data.horizon
    following = 0
    for p in range(length, 0, -1):
        k = route[p - 1]
        latest[p] = min(closes[k], latest[p + 1] - travel[k, following] - service[k])
        following = k
    return True


@jit_allocating
def _recreate(
    data: Data,
    route: np.ndarray,
    length: int,
    profit: float,
    noise: float,
    random: np.ndarray,
    stop: np.ndarray,
) -> tuple[int, float]:
    """Insert as long as it pays and ``stop`` is 0; ``route`` grows in place. New length and profit."""
    # Fields are taken out of the tuple once: in a loop each use would count references.
    travel, opens, closes, service, prize = data.travel, data.opens, data.closes, data.service, data.prize
    horizon, segment_ptr, segment_length, segment_rate = (
        data.horizon, data.segment_ptr, data.segment_length, data.segment_rate,
    )  # fmt: skip
    n = len(travel)
    varies = len(segment_rate) > 0
    leave, latest = np.empty(n + 2), np.empty(n + 2)
    start, duration = np.empty(n), np.empty(n)
    inside = np.zeros(n, np.bool_)
    inside[0] = True
    for p in range(length):
        inside[route[p]] = True
    weight = np.ones(n)
    if noise > 0.0:
        for k in range(n):
            weight[k] = 1.0 + noise * (2.0 * next_random(random) - 1.0)
    trial = np.empty(n, np.int64)
    while stop[0] == 0:
        _schedule(data, route, length, leave, latest)
        chosen = np.full(CANDIDATES, -1, np.int64)
        position = np.zeros(CANDIDATES, np.int64)
        score = np.full(CANDIDATES, -1.0)
        for k in range(1, n):
            if inside[k]:
                continue
            best_score, best_at = -1.0, -1
            for p in range(length + 1):
                i = 0 if p == 0 else route[p - 1]
                j = 0 if p == length else route[p]
                arrival = leave[p] + travel[i, k]
                if arrival > closes[k] + EPS:
                    continue
                begin = max(arrival, opens[k])
                back = begin + service[k] + travel[k, j]
                slack = latest[p + 1] - back
                if slack < -EPS:
                    continue
                earned = prize[k]
                served, left = 0.0, max(slack, 0.0)
                for s in range(segment_ptr[k], segment_ptr[k + 1]):
                    used = min(left, segment_length[s])
                    earned += used * segment_rate[s]
                    served += used
                    left -= used
                before = leave[p] + travel[i, j]
                if j > 0:
                    before, back = max(before, opens[j]), max(back, opens[j])
                value = earned * earned * weight[k] / (max(back - before, 0.0) + served + 1e-3 * horizon + 1e-9)
                if value > best_score:
                    best_score, best_at = value, p
            if best_at < 0 or best_score <= score[CANDIDATES - 1]:
                continue
            c = CANDIDATES - 1
            while c > 0 and score[c - 1] < best_score:
                score[c], chosen[c], position[c] = score[c - 1], chosen[c - 1], position[c - 1]
                c -= 1
            score[c], chosen[c], position[c] = best_score, k, best_at
        if chosen[0] < 0:
            return length, profit
        best_candidate, best_profit = -1, profit
        if varies:
            for c in range(CANDIDATES):
                if chosen[c] < 0:
                    break
                for p in range(length):
                    trial[p + (p >= position[c])] = route[p]
                trial[position[c]] = chosen[c]
                value = _exact(data, trial, length + 1, start, duration)
                if value > best_profit + EPS:
                    best_candidate, best_profit = c, value
                elif best_candidate < 0:
                    inside[chosen[c]] = True  # it does not pay here, nor later
        else:
            best_candidate, best_profit = 0, profit + prize[chosen[0]]
        if best_candidate < 0:
            continue
        for p in range(length, position[best_candidate], -1):
            route[p] = route[p - 1]
        route[position[best_candidate]] = chosen[best_candidate]
        inside[chosen[best_candidate]] = True
        length += 1
        profit = best_profit
    return length, profit


@jit
def _travel(data: Data, route: np.ndarray, length: int) -> float:
    travel = data.travel
    total, at = 0.0, 0
    for p in range(length):
        total += travel[at, route[p]]
        at = route[p]
    return total + travel[at, 0]


@jit_allocating
def _rearrange(data: Data, route: np.ndarray, length: int, profit: float) -> float:
    """Turn round or move strings of visits as long as profit rises, or travel falls at no loss; new profit."""
    n = len(data.travel)
    start, duration = np.empty(n), np.empty(n)
    trial = np.empty(n, np.int64)
    distance = _travel(data, route, length)
    improves = True
    while improves:
        improves = False
        for a in range(length):
            for b in range(a + 1, min(length, a + LONGEST) + 1):
                for kind in range(3):
                    # Turn visits a .. b - 1 round, or move the first of them to their end, or the last to their front.
                    if b - a < (2 if kind == 0 else 3):
                        continue
                    trial[:length] = route[:length]
                    for p in range(a, b):
                        if kind == 0:
                            trial[p] = route[a + b - 1 - p]
                        elif kind == 1:
                            trial[p] = route[p + 1] if p < b - 1 else route[a]
                        else:
                            trial[p] = route[p - 1] if p > a else route[b - 1]
                    way = _travel(data, trial, length)
                    if way >= distance - EPS and len(data.segment_rate) == 0:
                        continue
                    value = _exact(data, trial, length, start, duration)
                    if value > profit + EPS or (value >= profit - EPS and way < distance - EPS):
                        route[:length] = trial[:length]
                        profit, distance, improves = value, way, True
    return profit


@jit
def _ruin(route: np.ndarray, length: int, random: np.ndarray) -> int:
    """Remove a string of visits, short ones more often, or as many single ones; new length."""
    size = 1 + int(next_random(random) * next_random(random) * RUINED * length)
    if next_random(random) < 0.5:
        first = int(next_random(random) * (length - size + 1))
        for p in range(first + size, length):
            route[p - size] = route[p]
        return length - size
    for _ in range(size):
        out = int(next_random(random) * length)
        for p in range(out + 1, length):
            route[p - 1] = route[p]
        length -= 1
    return length


@jit_allocating
def _run(
    data: Data,
    ints: np.ndarray,
    floats: np.ndarray,
    random: np.ndarray,
    route: np.ndarray,
    best_route: np.ndarray,
    iterations: int,
) -> None:
    n = len(data.travel)
    never = np.zeros(1, np.int64)
    trial, start, duration = np.empty(n, np.int64), np.empty(n), np.empty(n)
    for _ in range(iterations):
        if ints[_ITERATION] == ints[_CYCLE_END]:
            ints[_CYCLE_LENGTH] *= 2
            ints[_CYCLE_END] += ints[_CYCLE_LENGTH]
            route[:] = best_route
            ints[_LENGTH], floats[_PROFIT] = ints[_BEST_LENGTH], floats[_BEST]
            visit = floats[_BEST] / max(1, ints[_BEST_LENGTH])
            floats[_TEMPERATURE] = HOT * visit
            floats[_COOLING] = (COLD / HOT) ** (1.0 / ints[_CYCLE_LENGTH])
        ints[_ITERATION] += 1
        floats[_TEMPERATURE] *= floats[_COOLING]
        length = ints[_LENGTH]
        trial[:length] = route[:length]
        if length:
            length = _ruin(trial, length, random)
        profit = _exact(data, trial, length, start, duration)
        if profit < 0.0:
            continue  # a removal may make the way longer where the triangle inequality does not hold
        length, profit = _recreate(data, trial, length, profit, NOISE * next_random(random), random, never)
        if profit > floats[_BEST] + EPS or next_random(random) * SELDOM < 1.0:
            profit = _rearrange(data, trial, length, profit)
            length, profit = _recreate(data, trial, length, profit, 0.0, random, never)
        if profit > floats[_PROFIT] + floats[_TEMPERATURE] * np.log(next_random(random) + 1e-300):
            route[:length] = trial[:length]
            ints[_LENGTH], floats[_PROFIT] = length, profit
        if profit > floats[_BEST] + EPS:
            best_route[:length] = trial[:length]
            ints[_BEST_LENGTH], floats[_BEST] = length, profit
