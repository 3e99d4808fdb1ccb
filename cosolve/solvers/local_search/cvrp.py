"""Slack induction by string removals for capacitated vehicle routing."""

from __future__ import annotations

import math

import numpy as np

from cosolve.core.monitor import Monitor
from cosolve.core.result import Limit
from cosolve.core.solver import Outcome
from cosolve.instances.cvrp import CVRPInstance, Routes
from cosolve.search.cvrp import best_routes, run, start
from cosolve.solvers.greedy.cvrp import search_data

#: Neighbours beside which a customer may be put back.
NUM_NEIGHBOURS = 60

#: Iterations between two looks at the clock: 20 to 60 ms.
SLICE = 2000

#: Customers per second that are unpacked, judged and stored at most: rare reports for huge instances.
REPORTED_PER_SECOND = 100_000


def search(instance: CVRPInstance, first: Routes, monitor: Monitor, rng: np.random.Generator) -> Outcome:
    """Ruin and recreate from ``first`` until the limit; see :mod:`cosolve.search.cvrp`."""
    limit = math.inf if monitor.stop.iterations is None else monitor.stop.iterations
    if instance.size < 2:
        return Outcome()
    data = search_data(instance, NUM_NEIGHBOURS)
    state = start(data, *first.flat, seed=int(rng.integers(2**62)))
    reported, due = state.best, 0.0
    while not monitor.should_stop() and state.iteration < limit:
        run(data, state, int(min(SLICE, limit - state.iteration)))
        if state.best < reported and monitor.elapsed() >= due:
            monitor.report(Routes.from_flat(*best_routes(data, state)), state.best)
            reported, due = state.best, monitor.elapsed() + instance.size / REPORTED_PER_SECOND
    if state.best < reported:
        monitor.report(Routes.from_flat(*best_routes(data, state)), state.best)
    if state.iteration >= limit:
        monitor.interrupt(Limit.ITERATION)
    return Outcome(stats={"iterations": state.iteration})
