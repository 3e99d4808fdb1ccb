"""CP-SAT model of the capacitated p-median: a literal for each assignment and each median."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cosolve.core.errors import UnsupportedProblemError
from cosolve.core.monitor import Monitor
from cosolve.instances.cpmp import Clustering, CPMPInstance
from cosolve.solvers.cpsat import Model
from cosolve.solvers.cpsat.costs import whole_costs
from cosolve.solvers.cpsat.until import until
from cosolve.solvers.whole_numbers import relaxed_loads

#: Above, the model takes gigabytes.
MAX_NODES = 1000


def build(instance: CPMPInstance, monitor: Monitor | None = None) -> Model:
    """
    Every node at one open median, p medians, loads within capacities.

    Where distances had to be rounded, the bound is less by as much as that may change. Demands that are no whole
    numbers are rounded so that all feasible solutions stay feasible; the few others that become so are refused by the
    judge, and excluded.

    Raises
    ------
    UnsupportedProblemError
        Above :data:`MAX_NODES` nodes.
    """
    from ortools.sat.python import cp_model

    n = instance.size
    if n > MAX_NODES:
        raise UnsupportedProblemError(f"the CP-SAT model takes at most {MAX_NODES} nodes, got {n}.")
    cost, unit, slack = whole_costs(instance.distances.dense(), instance.is_integral, n)
    demand, capacity = relaxed_loads(instance.demand, instance.load_limit)
    model = cp_model.CpModel()
    is_median = [model.new_bool_var("") for _ in range(n)]
    at = [[model.new_bool_var("") for _ in until(monitor, range(n))] for _ in range(n)]
    for i in until(monitor, range(n)):
        model.add_exactly_one(at[i])
    for j in range(n):
        for i in until(monitor, range(n)):
            model.add_implication(at[i][j], is_median[j])
        model.add(sum(int(demand[i]) * at[i][j] for i in range(n)) <= int(capacity[j]) * is_median[j])
    model.add(sum(is_median) == instance.p)
    flat = [x for row in at for x in row]
    model.minimize(cp_model.LinearExpr.weighted_sum(flat, cost.ravel().tolist()))

    def decode(values: Sequence[int]) -> Clustering:
        array = np.asarray(values)
        return Clustering(medians=np.flatnonzero(array[:n] > 0), assignment=array[n:].reshape(n, n).argmax(axis=1))

    def encode(solution: Clustering) -> Sequence[int]:
        array = np.zeros(n + n * n, np.int64)
        array[solution.medians] = 1
        array[n + np.arange(n) * n + solution.assignment] = 1
        return [int(v) for v in array]

    def exclude(values: Sequence[int]) -> None:
        assignment = decode(values).assignment
        load = np.bincount(assignment, instance.demand, n)
        for median in np.flatnonzero(load > instance.load_limit):
            together = np.flatnonzero(assignment == median)
            for k in np.flatnonzero(instance.load_limit <= instance.load_limit[median]):
                model.add(sum(at[i][k] for i in together) <= len(together) - 1)

    return Model(model, [*is_median, *flat], decode, encode, exclude, scale=unit, bound_slack=-slack)
