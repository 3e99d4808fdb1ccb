"""Iterated local search for orienteering with time windows."""

from __future__ import annotations

import math

import numpy as np

from cosolve.core.monitor import Monitor
from cosolve.core.result import Limit
from cosolve.core.solver import Outcome
from cosolve.instances.orienteering import OPTWVPInstance, TimedRoute
from cosolve.search import orienteering_local
from cosolve.solvers.orienteering import arrays_of, in_own_units, timed

#: Iterations between two looks at the clock: 2 to 30 ms.
SLICE = 100


def search(instance: OPTWVPInstance, first: TimedRoute, monitor: Monitor, rng: np.random.Generator) -> Outcome:
    """Ruin, insert and rearrange from ``first`` until the limit; see :mod:`cosolve.search.orienteering_local`."""
    limit = math.inf if monitor.stop.iterations is None else monitor.stop.iterations
    instance, monitor = in_own_units(instance, monitor)
    arrays = arrays_of(instance)
    # What everybody earns if time is no matter; routes that reach it need no search.
    most = float(arrays.worth.sum())
    monitor.report_bound(most)
    place = np.full(instance.size, -1, np.int64)
    place[arrays.places] = np.arange(len(arrays.places))
    begin = place[first.customers]
    # A route given may visit places that are worth nothing.
    begin = begin[begin > 0]
    if arrays.profit(begin) < 0:
        begin = begin[:0]
    state = orienteering_local.start(arrays, begin, seed=int(rng.integers(2**62)))
    reported = -1.0
    while not monitor.should_stop() and state.iteration < limit and state.best < most - 1e-9:
        orienteering_local.run(arrays, state, int(min(SLICE, limit - state.iteration)))
        if state.best > reported:
            monitor.report(timed(instance, arrays.places[state.best_visits]), state.best)
            reported = state.best
    if state.iteration >= limit:
        monitor.interrupt(Limit.ITERATION)
    return Outcome(stats={"iterations": state.iteration})
