"""Orienteering instances to the arrays of the kernels, and routes back to solutions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cosolve.core.monitor import Monitor, ScaledMonitor, unit_factor
from cosolve.instances.orienteering import OPTWInstance, OPTWRoute, OPTWVPInstance, TimedRoute
from cosolve.search import orienteering
from cosolve.search.service_times import best_service_times


def arrays_of(instance: OPTWVPInstance) -> orienteering.Arrays:
    """The instance as the kernels see it."""
    return orienteering.prepare(*instance.kernel_args, **instance.kernel_facts)


def in_own_units(instance: OPTWVPInstance, monitor: Monitor) -> tuple[OPTWVPInstance, Monitor]:
    """The instance with profits that kernels tell from their noise of 1e-9, and a monitor that takes those."""
    factor = unit_factor(instance.magnitude)
    if factor == 1:
        return instance, monitor
    scaled = replace(instance, prize=instance.prize * factor, segment_rate=instance.segment_rate * factor)
    return scaled, ScaledMonitor(monitor, factor)


def timed(instance: OPTWVPInstance, customers: np.ndarray) -> TimedRoute:
    """The route with its best service times; as early as can be where it is not feasible."""
    start, duration = np.zeros(len(customers)), np.zeros(len(customers))
    best_service_times(customers, *instance.kernel_args, start, duration)
    kind = OPTWRoute if isinstance(instance, OPTWInstance) else TimedRoute
    return kind(customers=customers, start=start, duration=duration)


def timed_part(instance: OPTWVPInstance, customers: np.ndarray) -> TimedRoute:
    """The route as :func:`timed`, without the visits that come too late: the tolerances of a backend let some pass."""
    args = instance.kernel_args

    def is_in_time(route: np.ndarray) -> bool:
        times = np.empty((2, len(route)))
        return bool(best_service_times(route, *args, times[0], times[1]) >= 0)

    kept = customers
    if not is_in_time(customers):
        kept = customers[:0]
        for customer in customers:
            longer = np.append(kept, customer)
            if is_in_time(longer):
                kept = longer
    return timed(instance, kept)


def report_empty(instance: OPTWVPInstance, monitor: Monitor | None) -> None:
    """The route that never leaves is a solution of every instance: no run has to end without one."""
    if monitor is not None:
        monitor.report_start(timed(instance, np.empty(0, np.int64)))
