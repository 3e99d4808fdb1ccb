"""
Populations of 3-opt tours that meet; see :mod:`cosolve.search.tsp` and :mod:`cosolve.search.edge_assembly`.

One population after the other, each but the first with the best tour so far in it. Where there are too many cities for
that, one tour is kicked until the limit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from time import perf_counter

import numpy as np

from cosolve.core.monitor import Monitor
from cosolve.core.result import Limit
from cosolve.core.solver import Outcome
from cosolve.instances.tsp import Tour, TSPInstance
from cosolve.search import tsp
from cosolve.search.edge_assembly import assemble, length_of
from cosolve.search.tours import shortest_tour

#: Up to this many cities dynamic programming finds the optimum at once.
TINY = 10

#: Tours of the first population, at least; each later one has twice as many, up to the most.
_FIRST, _MOST = 30, 300

#: Kicks of the first tour, per city, so that there is a good one soon.
KICKS = 10

#: Above this many cities a population takes minutes.
_MAX_POPULATION = 12_000


def search(instance: TSPInstance, start: Tour, monitor: Monitor, rng: np.random.Generator) -> Outcome:
    """Improve ``start`` until the limit; iterations are kicks, and pairs of tours that meet."""
    n = instance.size
    if n <= TINY:
        monitor.report(Tour(order=shortest_tour(instance.distances.dense())))
        return Outcome(message="solved by dynamic programming.")
    prepared, numbering = tsp.prepare(*instance.distances.kernel_args, is_integral=instance.is_integral)
    number = np.empty(n, np.int32)
    number[numbering] = np.arange(n, dtype=np.int32)
    metric = prepared.metric, prepared.coords, prepared.matrix
    best = Best(monitor, number[start.order], lambda order: length_of(*metric, order), lambda order: numbering[order])
    if n > _MAX_POPULATION:
        best.kick(tsp.kick(prepared, best.order, math.inf, rng, best.left))
        return best.outcome()
    tours: Iterator[tuple[np.ndarray, int]]
    tours = ((order, done) for order, _, done in tsp.kick(prepared, best.order, KICKS * n, rng, best.left))
    size = _FIRST
    while best.follow(tours):
        tours = assemble(prepared, [best.order], size, rng, best.left)
        size = min(_MOST, 2 * size)
    return best.outcome()


class Best:
    """
    The best tour of a search so far, which is reported as it gets better, and what is left of the iterations.

    Parameters
    ----------
    monitor
        Knows the limits.
    order
        The first tour.
    length
        Of a tour.
    cities
        What the instance calls the cities of a tour.
    """

    def __init__(
        self,
        monitor: Monitor,
        order: np.ndarray,
        length: Callable[[np.ndarray], float],
        cities: Callable[[np.ndarray], np.ndarray],
    ) -> None:
        self.order = order
        self.left = math.inf if monitor.stop.iterations is None else monitor.stop.iterations
        self._monitor, self._length, self._cities = monitor, length, cities
        self._shortest, self._done = math.inf, 0
        self._gain = self._next = 0.0

    def follow(self, tours: Iterator[tuple[np.ndarray, int]]) -> bool:
        """Look at tours and iterations since the last one; whether the limits leave time for more."""
        for order, done in tours:
            length = self._length(order)
            if length < self._shortest:
                self._gain += self._shortest - length
                self.order, self._shortest = order.copy(), length
            if not self._goes_on(done):
                return False
        return self.left > 0

    def kick(self, tour: Iterator[tuple[np.ndarray, float, int]]) -> None:
        """Follow one tour that only gets better, by its gains: looking at all of it would take too long."""
        for self.order, gain, done in tour:
            self._gain += gain
            if not self._goes_on(done):
                return

    def _goes_on(self, done: int) -> bool:
        self._done += done
        self.left -= done
        self._report()
        return not self._monitor.should_stop()

    def _report(self, *, final: bool = False) -> None:
        """Report an improved tour, yet spend little of the time on judging: large tours come seldom."""
        now = perf_counter()
        if self._gain > 0 and (final or now >= self._next):
            self._gain = 0.0
            self._monitor.report(Tour(order=self._cities(self.order)))
            done = perf_counter()
            self._next = done + max(0.05, 20 * (done - now))

    def outcome(self) -> Outcome:
        """Report what has not been reported yet."""
        self._report(final=True)
        return Outcome(limit=Limit.ITERATION if self.left <= 0 else None, stats={"iterations": self._done})
