"""Insertion for orienteering with time windows, then the best service times."""

from __future__ import annotations

import numpy as np

from cosolve.core.monitor import Monitor
from cosolve.core.watcher import stop_flag
from cosolve.instances.orienteering import OPTWVPInstance, TimedRoute
from cosolve.search.orienteering_local import construct as insert
from cosolve.solvers.orienteering import arrays_of, in_own_units, report_empty, timed


def construct(instance: OPTWVPInstance, monitor: Monitor, rng: np.random.Generator) -> TimedRoute:
    """Insert what earns most for its time as long as it pays."""
    report_empty(instance, monitor)  # insertion takes seconds where there are a thousand customers
    instance, monitor = in_own_units(instance, monitor)
    arrays = arrays_of(instance)
    with stop_flag(monitor) as stop:
        return timed(instance, arrays.places[insert(arrays, stop)])
