"""
Capacitated p-median by assignments: the rows x_ij <= y_j that bind at the root, and only pairs that can pay.

Given a feasible solution, an assignment or a median whose reduced cost in the relaxation fills the gap to it is in
no better solution and is left out: the model stays exact.
"""

from __future__ import annotations

import numpy as np

from cosolve.core.errors import UnsupportedProblemError
from cosolve.core.monitor import Monitor, StageMonitor
from cosolve.instances.cpmp import Clustering, CPMPInstance
from cosolve.instances.milp import MILPInstance
from cosolve.solvers.formulations import Formulation
from cosolve.solvers.formulations.location import relax, row_unit

#: Above, the dense matrices of the relaxation take gigabytes.
MAX_NODES = 3000

#: Assignments in the model; more can't be handed to a backend.
MAX_PAIRS = 4_000_000

_SHARE = 0.5
_MARGIN = 1e-6

# Part of a capacity that the 10^-6 by which backends may miss a row or a whole number hides.
_NEGLIGIBLE = 1e-5


def formulate(instance: CPMPInstance, monitor: Monitor | None = None) -> Formulation:
    """
    Assignment formulation; with an incumbent in ``monitor``, columns are left out by reduced costs.

    Raises
    ------
    UnsupportedProblemError
        Above :data:`MAX_NODES` nodes, or if more than :data:`MAX_PAIRS` assignments remain.
    """
    n, p = instance.size, instance.p
    if n > MAX_NODES:
        raise UnsupportedProblemError(f"the assignment formulation takes at most {MAX_NODES} nodes, got {n}.")
    # Entry (i, j): median i for node j.
    cost = np.ascontiguousarray(instance.distances.dense().T)
    unit = row_unit(instance.demand, instance.load_limit)
    demand, capacity = instance.demand / unit, instance.load_limit / unit
    keep = demand <= capacity[:, None]
    may_open, must_open = np.ones(n, bool), np.zeros(n, bool)
    strong = np.zeros((n, n), bool)
    stage = None if monitor is None else StageMonitor(monitor, _SHARE * monitor.time_left())
    best = None if monitor is None or monitor.best is None else monitor.best.objective
    root = relax(cost, demand, capacity, np.zeros(n), p, stage, best)
    strong[root.facility, root.customer] = True
    # What takes no capacity, or less than a backend's tolerances see, has no other row to keep it from a closed median.
    strong |= demand <= _NEGLIGIBLE * capacity[:, None]
    if monitor is not None:
        monitor.report_bound(root.bound)
    if best is not None:
        room = best + _MARGIN * max(1.0, abs(best)) - root.bound
        may_open = root.reduced_y <= room
        must_open = root.reduced_y < -room
        keep &= root.reduced_x + np.maximum(root.reduced_y, 0.0)[:, None] <= room
        keep &= may_open[:, None]
    medians = np.flatnonzero(may_open)
    i, j = np.nonzero(keep)
    if len(i) > MAX_PAIRS:
        raise UnsupportedProblemError(
            f"the assignment formulation takes at most {MAX_PAIRS} assignments, got {len(i)}."
        )
    position = np.full(n, -1)
    position[medians] = np.arange(len(medians))
    k, num_pairs = len(medians), len(i)
    pair = k + np.arange(num_pairs)
    by_node = np.argsort(j, kind="stable")
    tight = np.flatnonzero(strong[i, j])
    # Rows: each node once, capacities (all pairs of a median, then its own column), number of medians, x <= y.
    order = np.argsort(np.concatenate([position[i], np.arange(k)]), kind="stable")
    indices = [
        pair[by_node],
        np.concatenate([pair, np.arange(k)])[order],
        np.arange(k),
        np.column_stack([pair[tight], position[i[tight]]]).ravel(),
    ]
    data = [
        np.ones(num_pairs),
        np.concatenate([demand[j], -capacity[medians]])[order],
        np.ones(k),
        np.tile([1.0, -1.0], len(tight)),
    ]
    lengths: list[np.ndarray | list[int]] = [
        np.bincount(j, minlength=n),
        np.bincount(position[i], minlength=k) + 1,
        [k],
        np.full(len(tight), 2),
    ]
    below = np.full(k + len(tight), -np.inf)
    model = MILPInstance(
        name=instance.name,
        cost=np.concatenate([np.zeros(k), cost[i, j]]),
        col_lower=np.concatenate([must_open[medians].astype(float), np.zeros(num_pairs)]),
        col_upper=np.ones(k + num_pairs),
        is_integer=np.ones(k + num_pairs, bool),
        data=np.concatenate(data),
        indices=np.concatenate(indices),
        indptr=np.concatenate([[0], np.cumsum(np.concatenate(lengths))]),
        row_lower=np.concatenate([np.ones(n), below[:k], [p], below[k:]]),
        row_upper=np.concatenate([np.ones(n), np.zeros(k), [p], np.zeros(len(tight))]),
    )

    def decode(x: np.ndarray) -> Clustering:
        chosen = np.flatnonzero(x[k:] > 0.5)
        assignment = np.zeros(n, np.int64)
        assignment[j[chosen]] = i[chosen]
        return Clustering(medians=medians[x[:k] > 0.5], assignment=assignment)

    def encode(solution: Clustering) -> np.ndarray:
        x = np.zeros(k + num_pairs)
        opened = position[solution.medians]
        x[opened[opened >= 0]] = 1.0
        x[k:][solution.assignment[j] == i] = 1.0
        return x

    return Formulation(model, decode, encode)
