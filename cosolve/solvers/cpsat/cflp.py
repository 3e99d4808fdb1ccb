"""CP-SAT model of facility location: integer amounts from each facility to each customer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cosolve.core.errors import UnsupportedProblemError
from cosolve.core.monitor import Monitor
from cosolve.instances.cflp import CFLPInstance, Supply
from cosolve.solvers.cpsat import Model
from cosolve.solvers.cpsat.until import until

#: Pairs of facility and customer; above, the model takes gigabytes.
MAX_PAIRS = 200_000

#: Units of the largest demand where demands or capacities are no integers, and of cost.
_STEPS, _COST_STEPS = 1000, 10_000_000


def build(instance: CFLPInstance, monitor: Monitor | None = None) -> Model:
    """
    Amounts in whole units; costs are rounded, so its bound is none of the instance.

    Raises
    ------
    UnsupportedProblemError
        Above :data:`MAX_PAIRS` pairs.
    """
    from ortools.sat.python import cp_model

    m, n = instance.cost.shape
    if m * n > MAX_PAIRS:
        raise UnsupportedProblemError(f"the CP-SAT model takes at most {MAX_PAIRS} pairs, got {m * n}.")
    most, unit = float(instance.demand.max(initial=0.0)) or 1.0, 1.0
    capacity = np.minimum(instance.capacity, instance.total_demand + most)
    # All costs together must stay below 2^63, in units of the largest demand too.
    whole = all(bool((v == np.rint(v)).all()) for v in (instance.demand, instance.capacity))
    if not whole or most * _COST_STEPS * (instance.cost.size + m) > 2**62:
        unit = most / _STEPS
    # Demands are rounded up and capacities down, so that what fits the model fits the instance.
    demand = np.maximum(np.ceil(instance.demand / unit - 1e-9), instance.demand > 0).astype(np.int64)
    capacity = np.floor(capacity / unit + 1e-9).astype(np.int64)
    unit_cost = np.divide(instance.cost, demand, out=np.zeros((m, n)), where=demand > 0)
    largest = max(float(instance.fixed_cost.max()), float(instance.cost.max(initial=0.0)), 1e-9)
    scale = largest / (_COST_STEPS * max(1, int(demand.max(initial=0))))
    model = cp_model.CpModel()
    is_open = [model.new_bool_var("") for _ in range(m)]
    amount = [
        [model.new_int_var(0, int(min(demand[j], capacity[i])), "") for j in until(monitor, range(n))] for i in range(m)
    ]
    for j in until(monitor, range(n)):
        model.add(sum(amount[i][j] for i in range(m)) == int(demand[j]))
    for i in range(m):
        model.add(sum(amount[i]) <= int(capacity[i]) * is_open[i])
        for j in until(monitor, range(n)):
            model.add(amount[i][j] <= int(demand[j]) * is_open[i])
    flat = [x for row in amount for x in row]
    coefficients = [int(v) for v in np.rint(np.append(instance.fixed_cost, unit_cost.ravel()) / scale)]
    model.minimize(cp_model.LinearExpr.weighted_sum([*is_open, *flat], coefficients))

    def decode(values: Sequence[int]) -> Supply:
        array = np.asarray(values)
        table = array[m:].reshape(m, n)
        facility, customer = np.nonzero(table)
        share = table[facility, customer] / demand[customer]
        return Supply(is_open=array[:m], facility=facility, customer=customer, amount=share * instance.demand[customer])

    return Model(
        model, [*is_open, *flat], decode, None, scale=scale, magnitude=float(capacity.max()), bound_is_valid=False
    )
