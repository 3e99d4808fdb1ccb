"""CP-SAT model of the capacitated p-median: a literal for each assignment and each median."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cosolve.core.errors import UnsupportedProblemError
from cosolve.core.monitor import Monitor
from cosolve.instances.cpmp import Clustering, CPMPInstance
from cosolve.solvers.cpsat import Model
from cosolve.solvers.cpsat.until import until

#: Above, the model takes gigabytes.
MAX_NODES = 1000

#: Distances that are no integers are rounded to this part of the largest one.
_STEPS = 1_000_000


def build(instance: CPMPInstance, monitor: Monitor | None = None) -> Model:
    """
    Every node at one open median, p medians, loads within capacities.

    Raises
    ------
    UnsupportedProblemError
        Above :data:`MAX_NODES` nodes.
    """
    from ortools.sat.python import cp_model

    n = instance.size
    if n > MAX_NODES:
        raise UnsupportedProblemError(f"the CP-SAT model takes at most {MAX_NODES} nodes, got {n}.")
    distance = instance.distances.dense()
    scale = 1.0 if instance.is_integral else max(float(distance.max()), 1e-9) / _STEPS
    cost = np.rint(distance / scale).astype(np.int64)
    # Demands are rounded up and capacities down, so that what fits the model fits the instance.
    whole = bool((instance.demand == np.rint(instance.demand)).all())
    unit = 1.0 if whole else max(float(instance.demand.max()), 1e-9) / _STEPS
    demand = np.ceil(instance.demand / unit - 1e-12).astype(np.int64)
    capacity = np.floor(np.minimum(instance.load_limit, instance.demand.sum() + 1) / unit).astype(np.int64)
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

    exact = instance.is_integral and whole
    largest = float(max(demand.max(), capacity.max()))
    return Model(model, [*is_median, *flat], decode, encode, scale=scale, magnitude=largest, bound_is_valid=exact)
