"""Iterated 3-opt; see :mod:`cosolve.search.tsp`."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import numpy as np

from cosolve.core.monitor import Monitor
from cosolve.core.result import Limit
from cosolve.core.solver import Outcome
from cosolve.instances.tsp import Tour, TSPInstance
from cosolve.search import tsp
from cosolve.search.tours import shortest_tour

#: Up to this many cities dynamic programming finds the optimum at once.
TINY = 10

#: Cities or kicks between two looks at the clock.
_STEPS, _KICKS = 1_000, 100


def search(instance: TSPInstance, start: Tour, monitor: Monitor, rng: np.random.Generator) -> Outcome:
    """Descend from ``start``, then kick and repair until the limit."""
    if instance.size <= TINY:
        monitor.report(Tour(order=shortest_tour(instance.distances.dense())))
        return Outcome(message="solved by dynamic programming.")
    prepared, numbering = tsp.prepare(*instance.distances.kernel_args, is_integral=instance.is_integral)
    number = np.empty(instance.size, np.int32)
    number[numbering] = np.arange(instance.size, dtype=np.int32)
    state = tsp.start(number[start.order], rng)
    reporter = Reporter(monitor)
    while not state.is_settled and not monitor.should_stop():
        reporter.add(prepared.descend(state, _STEPS))
        reporter.report(lambda: Tour(order=numbering[state.order]))
    limit = monitor.stop.iterations
    while state.is_settled and not monitor.should_stop() and (limit is None or state.kicks < limit):
        reporter.add(prepared.iterate(state, _KICKS if limit is None else min(_KICKS, limit - state.kicks)))
        reporter.report(lambda: Tour(order=numbering[state.order]))
    reporter.report(lambda: Tour(order=numbering[state.order]), final=True)
    is_out = state.is_settled and limit is not None and state.kicks >= limit
    return Outcome(limit=Limit.ITERATION if is_out else None, stats={"iterations": state.kicks})


class Reporter:
    """Reports an improved tour, yet spends little of the time on judging: large tours come seldom."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self._gain = 0.0
        self._next = 0.0

    def add(self, gain: float) -> None:
        """Note an improvement."""
        self._gain += gain

    def report(self, tour: Callable[[], Tour], *, final: bool = False) -> None:
        """Report ``tour()`` if it is better than the last and it is time, or the end."""
        now = perf_counter()
        if self._gain > 0 and (final or now >= self._next):
            self._gain = 0.0
            self._monitor.report(tour())
            done = perf_counter()
            self._next = done + max(0.05, 20 * (done - now))
