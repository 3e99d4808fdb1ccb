"""Facility location: simulated annealing over open facilities with the exact supply of each choice."""

from __future__ import annotations

import numpy as np

from cosolve.core.monitor import Monitor
from cosolve.core.result import Limit
from cosolve.core.solver import Outcome
from cosolve.instances.cflp import CFLPInstance, Supply
from cosolve.search.cflp import improve, transport
from cosolve.solvers.formulations.location import relax
from cosolve.solvers.greedy.cflp import construct, supply_of

#: Facilities that an open one is swapped with.
_NEAR = 10
#: Moves of one cooling, and the temperatures as parts of the mean fixed cost of an open facility.
_CYCLE, _HOT, _COLD = 400, 0.05, 0.001


def search(instance: CFLPInstance, start: Supply, monitor: Monitor, rng: np.random.Generator) -> Outcome:
    """One iteration is one move tried: open, close or swap."""
    m = instance.num_facilities
    is_open = start.is_open.copy()
    if instance.total_demand == 0:
        monitor.report(construct(instance, monitor, rng) or start)  # an initial solution may have opened something
    if instance.total_demand == 0 or m < 2:
        return Outcome()
    unit = instance.unit_cost.T.copy()
    flow, slack = np.zeros(instance.cost.shape), np.zeros(m)
    is_served, is_exact = transport(unit, instance.demand, instance.capacity, is_open, flow, slack, monitor.should_stop)
    if not is_served:
        return Outcome(message="the start has too little capacity for an exact supply.")
    first = supply_of(instance, is_open, flow)
    monitor.report(first)
    if not is_exact:
        return Outcome()
    cost = best = float((flow.T * unit).sum() + instance.fixed_cost[is_open].sum())
    customers = np.flatnonzero(instance.demand > 0)
    root = relax(
        instance.cost[:, customers],
        instance.demand[customers],
        instance.capacity,
        instance.fixed_cost,
        None,
        monitor,
        best,
        iterations=int(np.clip(3e8 / instance.cost.size, 20, 200)),
    )
    monitor.report_bound(root.bound)
    # Facilities whose reduced cost fills the gap are in no better solution; the others by how little they lack.
    room = max(best - root.bound, 1e-9 * abs(best))
    weight = np.exp(-3.0 * np.maximum(root.reduced_y, 0.0) / room) * (instance.capacity > 0) + 1e-12
    near = _neighbours(instance, unit, min(_NEAR, m - 1))
    scale = float(instance.fixed_cost[is_open].mean()) or cost / max(1, int(is_open.sum()))
    size = int(np.clip(2e8 / (instance.cost.size * 10), 1, 20))
    done, limit = 0, monitor.stop.iterations
    while not monitor.should_stop():
        count = size if limit is None else min(size, limit - done)
        if count <= 0:
            return Outcome(limit=Limit.ITERATION, stats={"iterations": done})
        age = (done % _CYCLE) / _CYCLE
        temperature = scale * _HOT * (_COLD / _HOT) ** age if age < 0.9 else 0.0
        cost = improve(
            unit,
            instance.capacity,
            instance.fixed_cost,
            weight,
            near,
            flow,
            slack,
            is_open,
            rng.random((count, 4)),
            temperature,
            cost,
        )
        done += count
        if cost < best - 1e-9 * abs(best):
            best = cost
            monitor.report(supply_of(instance, is_open, flow), cost)
    return Outcome(stats={"iterations": done})


def _neighbours(instance: CFLPInstance, unit: np.ndarray, k: int) -> np.ndarray:
    """Facilities of the most similar costs; on a sample of customers, which is enough to tell."""
    step = max(1, len(unit) // 200)
    sample = unit[::step].T
    squares = (sample * sample).sum(axis=1)
    distance = squares[:, None] + squares[None, :] - 2.0 * sample @ sample.T
    np.fill_diagonal(distance, np.inf)
    distance[:, instance.capacity <= 0] = np.inf
    return np.ascontiguousarray(np.argsort(distance, axis=1, kind="stable")[:, :k])
