"""Facility location: facilities that Lagrangian prices favour, then the optimal supply from them."""

from __future__ import annotations

import numpy as np

from cosolve.core.monitor import Monitor
from cosolve.instances.cflp import CFLPInstance, Supply
from cosolve.search.cflp import transport
from cosolve.solvers.formulations.location import relax


def construct(instance: CFLPInstance, monitor: Monitor, rng: np.random.Generator) -> Supply | None:
    """
    Open what the relaxation opens most until the capacity suffices, and supply optimally; ``None`` if infeasible.
    """
    m = instance.num_facilities
    if instance.capacity.sum() < instance.least_capacity:
        return None
    if instance.total_demand == 0:
        empty = np.empty(0, np.int64)
        return Supply(is_open=np.zeros(m, np.int8), facility=empty, customer=empty, amount=np.empty(0))
    customers = np.flatnonzero(instance.demand > 0)
    # A fixed amount of work, so that the result does not depend on the clock.
    iterations = int(np.clip(3e8 / instance.cost.size, 20, 200))
    root = relax(
        instance.cost[:, customers],
        instance.demand[customers],
        instance.capacity,
        instance.fixed_cost,
        None,
        monitor,
        iterations=iterations,
    )
    monitor.report_bound(root.bound)
    order = np.lexsort((root.reduced_y, -np.round(root.share, 6)))
    order = order[instance.capacity[order] > 0]
    total = np.cumsum(instance.capacity[order])
    enough = int(np.searchsorted(total, instance.total_demand)) + 1
    likely = int((root.share > 0.5).sum())
    is_open = np.zeros(m, bool)
    is_open[order[: max(enough, likely)]] = True
    flow, slack = np.zeros(instance.cost.shape), np.zeros(m)
    unit = instance.unit_cost.T.copy()
    if not transport(unit, instance.demand, instance.capacity, is_open, flow, slack, monitor.should_stop)[0]:
        is_open[:] = instance.capacity > 0
        if not transport(unit, instance.demand, instance.capacity, is_open, flow, slack, monitor.should_stop)[0]:
            return None
    return supply_of(instance, is_open & (flow.sum(axis=1) > 0), flow)


def supply_of(instance: CFLPInstance, is_open: np.ndarray, flow: np.ndarray) -> Supply:
    """Solution from dense amounts; what rounding has left over is put right."""
    facility, customer = np.nonzero(flow > 0)
    amount = flow[facility, customer]
    served = np.bincount(customer, amount, instance.num_customers)
    amount = amount * (instance.demand / np.where(served > 0, served, 1.0))[customer]
    return Supply(is_open=is_open.astype(np.int8), facility=facility, customer=customer, amount=amount)
