"""An upper bound for orienteering with time windows, and on the rest of every route, from a grid of times.

Times are rounded down to a grid and customers may come again: what is left is a longest path over (customer, time),
filled in backwards in O(n^2 T) for T spans of time, with a sliding maximum for each profit segment. Repeated visits are
priced out: a multiplier for each customer is charged for every visit and paid back once, which no route that visits it
at most once can gain from; the multipliers follow the subgradient [1]_, [2]_. The table for the best multipliers bounds
what any label can still earn, before a single label exists.

References
----------
.. [1] Christofides, N., Mingozzi, A., Toth, P. (1981). State-space relaxation procedures for the computation of bounds
       to routing problems. *Networks* 11(2): 145-164.
.. [2] Held, M., Wolfe, P., Crowder, H. P. (1974). Validation of subgradient optimization. *Mathematical Programming*
       6: 62-88.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from cosolve.core.jit import jit, jit_allocating
from cosolve.search.label_arrays import Data
from cosolve.search.orienteering import Arrays

#: Times this close count as equal; twice what labels allow themselves.
_EPS = 2e-9

#: Spans at most; steps of the multipliers; and n^2 times the spans, which bounds the work of a step.
MAX_SPANS, STEPS, WORK = 20_000, 100, 20_000_000

#: First multipliers, as shares of what each customer is worth.
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)

#: The table that labels look into has so many times the spans of the one that the multipliers are found with.
FINER = 4

#: Spans of that table that are kept at most: times are rounded once more, and no longer along a whole route.
TABLE_SPANS = 2000


class TimeGrid:
    """
    The bound of an instance: multipliers, and tables for both directions of time.

    Parameters
    ----------
    arrays
        The instance.
    """

    def __init__(self, arrays: Arrays) -> None:
        n = len(arrays.places)
        self.bound = math.inf
        self._arrays = arrays
        self._spans = max(200, min(MAX_SPANS // FINER, WORK // (n * n)))
        self._has_steps = n > 1 and arrays.horizon > 0

    def optimise(
        self, best: float, stop: np.ndarray, report_bound: Callable[[float], None] | None = None
    ) -> np.ndarray:
        """
        Multipliers (n,), >= 0, after a fixed number of steps down the subgradient; :attr:`bound` goes with them.

        Parameters
        ----------
        best
            Profit of a known route, which the length of a step is measured by.
        stop
            One value; ends the steps when it is set.
        report_bound
            Takes each better bound.
        """
        n = len(self._arrays.places)
        kept = np.zeros(n)
        direction, pace, wasted = np.zeros(n), 1.0, 0
        worth = self._arrays.worth
        for step in range(STEPS):
            if stop[0]:
                break
            # The first steps try shares of what customers are worth; with all of it, the bound is the sum of them.
            if step <= len(SHARES):
                multipliers = SHARES[step] * worth if step < len(SHARES) else kept
            tables = self._fill(False, multipliers)
            if tables is None:
                break
            data, rest, enter, stages = tables
            bound = float(rest[0, 0] + multipliers.sum())
            if bound < self.bound:
                self.bound, kept, wasted = bound, multipliers, 0
                if report_bound is not None:
                    report_bound(bound)
            else:
                wasted += 1
                if wasted == 5:
                    pace, wasted = pace / 1.5, 0
            if step < len(SHARES):
                continue
            visits = np.zeros(n)
            follow(data, rest, enter, stages, visits)
            slope = visits - 1.0
            slope[0] = 0.0
            slope[(multipliers <= 0) & (slope < 0)] = 0.0
            direction = slope + 0.5 * direction
            size = float(direction @ direction)
            if size == 0.0 or self.bound <= best + 1e-9:
                break
            multipliers = np.maximum(0.0, multipliers + pace * (self.bound - best) / size * direction)
        return kept

    def table(self, reverse: bool, multipliers: np.ndarray) -> np.ndarray | None:
        """
        Most profit, less multipliers, after leaving i in a span of time or later; (n, spans).

        For labels of the direction ``reverse``; ``None`` if customers follow each other faster than any grid can show.
        """
        tables = self._fill(reverse, multipliers, FINER)
        if tables is None:
            return None
        # The rest of a route is worth the less the later it begins: a span is bounded by its first part.
        spans = tables[1].shape[1] - 1
        kept = min(spans, TABLE_SPANS)
        return np.ascontiguousarray(tables[1][:, np.arange(kept) * spans // kept])

    def _fill(
        self, reverse: bool, multipliers: np.ndarray, finer: int = 1
    ) -> tuple[Data, np.ndarray, np.ndarray, np.ndarray] | None:
        while self._has_steps:
            data = self._arrays.data(reverse, multipliers)
            n, segments, spans = len(data.travel), len(data.segment_rate), self._spans * finer
            rest, enter = np.empty((n, spans + 1)), np.empty((n, spans + 1))
            stages, queue = np.empty((segments + 1, spans + 1)), np.empty((segments + 1, spans + 2), np.int64)
            if fill(data, reverse, rest, enter, stages, queue):
                return data, rest, enter, stages
            if self._spans * 2 * FINER > MAX_SPANS:
                self._has_steps = False
            self._spans *= 2
        return None


@jit_allocating
def fill(data: Data, reverse: bool, rest: np.ndarray, enter: np.ndarray, stages: np.ndarray, queue: np.ndarray) -> bool:
    """
    Fill in the most profit of the rest of a path, customers allowed again, times rounded down.

    Parameters
    ----------
    data
        The instance in the direction of the labels that the table is for.
    reverse
        Backwards: the window binds the end of a service as this direction sees it.
    rest
        Output (n, T + 1): leaving i not before q * horizon / T; -inf if the depot is out of reach.
    enter
        Output (n, T + 1): having arrived at k and spent the minimum service not before that time.
    stages
        Scratch (segments + 1, T + 1).
    queue
        Scratch (segments + 1, T + 2) int64.

    Returns
    -------
    bool
        False, and nothing filled in, if some customer follows another within one span: the grid is too coarse.
    """
    n, spans = rest.shape[0], rest.shape[1] - 1
    travel, opens, closes, horizon, service = data.travel, data.opens, data.closes, data.horizon, data.service
    least, prize = data.least, data.prize
    segment_ptr, segment_length, segment_rate = data.segment_ptr, data.segment_length, data.segment_rate
    grid = horizon / spans
    step = np.empty((n, n), np.int64)
    last = np.full((n, n), -1, np.int64)  # latest span in which i can be left for k
    first_span, last_span, away = np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n, np.int64)
    block = spans + 1
    for k in range(1, n):
        shift = 0.0 if reverse else service[k]
        first_span[k] = max(0, math.floor((opens[k] + shift) / grid))
        last_span[k] = min(spans, math.floor((closes[k] + shift + _EPS) / grid))
    for i in range(n):
        away[i] = min(spans, math.floor((horizon - least[i, 0] + _EPS) / grid))
    for i in range(n):
        for k in range(1, n):
            if k == i:
                continue
            step[i, k] = math.floor((travel[i, k] + service[k]) / grid)
            last[i, k] = min(away[i], min(away[k], last_span[k]) - step[i, k])
            if i > 0 and last[i, k] >= 0:
                block = min(block, step[i, k])
    if block == 0:
        return False
    rest[:] = -np.inf
    enter[:] = -np.inf
    stages[:] = -np.inf
    front, back = np.zeros(len(queue), np.int64), np.zeros(len(queue), np.int64)
    high = spans
    while high >= 0:
        low = max(0, high - block + 1)
        for i in range(1, n):
            row = rest[i]
            for q in range(low, min(high, away[i]) + 1):
                row[q] = 0.0
            for k in range(1, n):
                until = min(high, last[i, k])
                if until < low:
                    continue
                source, shift = enter[k], step[i, k]
                for q in range(low, until + 1):
                    value = source[q + shift]
                    if value > row[q]:
                        row[q] = value
        for k in range(1, n):
            begin, end = segment_ptr[k], segment_ptr[k + 1]
            for q in range(high, low - 1, -1):
                if not reverse:
                    value = rest[k, q]
                elif q > last_span[k]:
                    value = -np.inf
                else:
                    value = rest[k, max(q, first_span[k])]
                for s in range(begin, end):
                    # Serving for m whole spans earns less than rate * (m + 1) * grid, and no more than all of it.
                    rate, size = segment_rate[s] * grid, segment_length[s] / grid
                    whole = math.floor(size)
                    stages[s, q] = value
                    key = value + rate * q
                    while back[s] > front[s]:
                        other = queue[s, back[s] - 1]
                        if stages[s, other] + rate * other > key:
                            break
                        back[s] -= 1
                    queue[s, back[s]] = q
                    back[s] += 1
                    while back[s] > front[s] and queue[s, front[s]] > q + whole - 1:
                        front[s] += 1
                    value = -np.inf
                    if back[s] > front[s]:
                        best = queue[s, front[s]]
                        value = stages[s, best] + rate * (best - q + 1)
                    if q + whole <= spans:
                        value = max(value, stages[s, q + whole] + rate * size)
                enter[k, q] = value + prize[k] if reverse or q <= last_span[k] else -np.inf
            if not reverse and low <= first_span[k]:
                # Whoever comes early waits.
                for q in range(low, min(high, first_span[k]) + 1):
                    if first_span[k] <= high:
                        enter[k, q] = enter[k, first_span[k]]
                    else:
                        enter[k, q] = enter[k, high + 1]
        high = low - 1
    for q in range(min(spans, away[0]) + 1):
        rest[0, q] = 0.0
        for k in range(1, n):
            if q <= last[0, k]:
                rest[0, q] = max(rest[0, q], enter[k, q + step[0, k]])
    return True


@jit
def follow(data: Data, rest: np.ndarray, enter: np.ndarray, stages: np.ndarray, visits: np.ndarray) -> None:
    """Count how often each customer is on a best path of the tables that :func:`fill` made forwards; (n,) float64."""
    n, spans = rest.shape[0], rest.shape[1] - 1
    travel, opens, service, segment_ptr = data.travel, data.opens, data.service, data.segment_ptr
    grid = data.horizon / spans
    visits[:] = 0
    i, q = 0, 0
    while rest[i, q] > 0.0 or i == 0:
        following = -1
        for k in range(1, n):
            if k == i:
                continue
            at = q + math.floor((travel[i, k] + service[k]) / grid)
            if at <= spans and enter[k, at] >= rest[i, q] > -np.inf:
                following = k
                q = at
                break
        if following < 0:
            return
        k = following
        visits[k] += 1
        q = max(q, math.floor((opens[k] + service[k]) / grid))
        for s in range(segment_ptr[k + 1] - 1, segment_ptr[k] - 1, -1):
            # The value behind the last segment is what the next stage began with; the best split is sought again.
            rate, size = data.segment_rate[s] * grid, data.segment_length[s] / grid
            whole = math.floor(size)
            best, most = q, -np.inf
            for m in range(min(whole, spans - q) + 1):
                gained = stages[s, q + m] + (rate * size if m == whole else rate * (m + 1))
                if gained > most:
                    best, most = q + m, gained
            q = best
        i = k
