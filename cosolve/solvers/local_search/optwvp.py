"""Iterated local search for orienteering with time windows."""

from __future__ import annotations

import numpy as np

from cosolve.core.monitor import Monitor
from cosolve.core.result import Limit
from cosolve.core.solver import Outcome
from cosolve.instances.orienteering import OPTWVPInstance, TimedRoute
from cosolve.search import orienteering_local
from cosolve.search.slices import Slices
from cosolve.solvers.orienteering import arrays_of, in_own_units, timed


def search(instance: OPTWVPInstance, first: TimedRoute, monitor: Monitor, rng: np.random.Generator) -> Outcome:
    """Ruin, insert and rearrange from ``first`` until the limit; see :mod:`cosolve.search.orienteering_local`."""
    slices = Slices(monitor.stop.iterations)
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
    while not monitor.should_stop() and not slices.is_out and state.best < most - 1e-9:
        slices.run(lambda iterations: orienteering_local.run(arrays, state, iterations))
        if state.best > reported:
            monitor.report(timed(instance, arrays.places[state.best_visits]), state.best)
            reported = state.best
    return Outcome(limit=Limit.ITERATION if slices.is_out else None, stats={"iterations": slices.done})
