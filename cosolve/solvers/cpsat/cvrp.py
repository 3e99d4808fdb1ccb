"""
Vehicle routing as circuits through the depot with loads and times along the arcs (Miller, Tucker, Zemlin 1960).

For small instances: the bound of such sums is weak, and the model has one variable per arc.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, permutations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosolve.core.errors import UnsupportedProblemError
from cosolve.core.monitor import Monitor
from cosolve.core.problem import judge
from cosolve.instances.cvrp import OVERLOADED, UNVISITED, CVRPInstance, Routes, VehicleRoutingInstance
from cosolve.instances.vrptw import VRPTWInstance
from cosolve.solvers.cpsat import Model
from cosolve.solvers.cpsat.costs import whole_costs
from cosolve.solvers.cpsat.until import until
from cosolve.solvers.greedy.cvrp import first_out_of_reach, known_routes
from cosolve.solvers.whole_numbers import relaxed_clock, relaxed_demand, relaxed_length

if TYPE_CHECKING:
    from ortools.sat.python.cp_model import CpModel, IntVar

#: More customers than this make models of tens of thousands of arcs that CP-SAT can do little with.
MAX_CUSTOMERS = 200


def build(instance: VehicleRoutingInstance, monitor: Monitor | None = None) -> Model:
    """
    Model of a cvrp, acvrp, vrptw or acvrptw.

    Demands, times and lengths that are not whole numbers are rounded so that all feasible routes stay feasible; the few
    others that become so are refused by the judge, and excluded route by route. Where distances are not whole, the
    bound is less by as much as rounding may change.

    Raises
    ------
    UnsupportedProblemError
        Above :data:`MAX_CUSTOMERS` customers.
    """
    from ortools.sat.python import cp_model

    if instance.size > MAX_CUSTOMERS:
        raise UnsupportedProblemError(
            f"cpsat takes {instance.problem} instances of at most {MAX_CUSTOMERS} customers, got {instance.size}."
        )
    model = cp_model.CpModel()
    if instance.size == 0 or first_out_of_reach(instance) is not None:
        if instance.size:
            model.add_bool_or([])  # infeasible: a customer's own route is too long
        return Model(model, [], lambda values: Routes(routes=()))
    nodes = np.concatenate([[instance.depot], instance.customers])
    matrix = instance.distances.dense()[np.ix_(nodes, nodes)]
    demand, capacity = relaxed_demand(instance)
    demand = demand[nodes]
    tails, heads = _arcs(demand, capacity)
    if not instance.distances.is_complete:
        exists = np.isfinite(matrix[tails, heads])
        tails, heads = tails[exists], heads[exists]
    opens, service = np.zeros(len(nodes), np.int64), np.zeros(len(nodes), np.int64)
    clock = relaxed_clock(instance) if isinstance(instance, VRPTWInstance) else None
    if clock is not None:
        if monitor is not None and monitor.best is None:
            known_routes(instance, monitor, None, clock)
        steps = clock.duration[np.ix_(nodes, nodes)]
        opens, closes, service = clock.opens[nodes], clock.closes[nodes], clock.service[nodes]
        in_time = opens[tails] + service[tails] + steps[tails, heads] <= closes[heads]
        tails, heads = tails[in_time], heads[in_time]
    arcs = [model.new_bool_var("") for _ in until(monitor, tails)]
    customers = np.arange(1, len(nodes))
    if np.isin(customers, tails).all() and np.isin(customers, heads).all():
        model.add_multiple_circuit(list(zip(tails.tolist(), heads.tolist(), arcs, strict=True)))
    else:
        model.add_bool_or([])  # infeasible: no way to or from a customer is left, which a circuit refuses or overlooks
    if capacity > 0:
        leaving = [arc for arc, tail in zip(arcs, tails.tolist(), strict=True) if tail == 0]
        model.add(sum(leaving) >= -(-int(demand.sum()) // capacity))
    sums = [_accumulate(model, arcs, tails, heads, demand[heads], demand, np.full(len(nodes), capacity), monitor)]
    latest = None
    if clock is not None:
        latest = clock.horizon
        least, most = opens + service, closes + service
    elif isinstance(instance, CVRPInstance) and instance.max_length is not None:
        steps, service[1:], latest = relaxed_length(instance)
        steps = steps[np.ix_(nodes, nodes)]
        least, most = service, np.full(len(nodes), latest)
    if latest is not None:
        # The sum is the end of service, or the length until then; its limits at the depot hold by the ways there, for
        # others may be faster: neither a matrix nor rounding keeps the triangle inequality.
        ends = _accumulate(model, arcs, tails, heads, steps[tails, heads] + service[heads], least, most, monitor)
        for arc, tail, head in until(monitor, zip(arcs, tails.tolist(), heads.tolist(), strict=True)):
            if tail == 0:
                model.add(ends[head - 1] >= int(steps[0, head] + service[head])).only_enforce_if(arc)
            elif head == 0:
                model.add(ends[tail - 1] <= int(latest - steps[tail, 0])).only_enforce_if(arc)
        sums.append(ends)
    # At most two arcs a customer.
    costs, unit, slack = whole_costs(matrix[tails, heads], instance.distances.is_integral, 2 * instance.size)
    model.minimize(cp_model.LinearExpr.weighted_sum(arcs, costs.tolist()))

    def decode(values: Sequence[int]) -> Routes:
        used = np.flatnonzero(np.array(values[: len(arcs)]))
        following = {int(t): int(h) for t, h in zip(tails[used], heads[used], strict=True) if t > 0}
        routes = []
        for first in heads[used][tails[used] == 0].tolist():
            route = [first]
            while following[route[-1]] != 0:
                route.append(following[route[-1]])
            routes.append(nodes[route])
        return Routes(routes=tuple(routes))

    place = np.zeros(instance.distances.num_nodes, np.int64)
    place[nodes] = np.arange(len(nodes))

    def encode(solution: Routes) -> list[int]:
        used = set()
        along: list[list[int]] = [[0] * len(nodes) for _ in sums]
        for route in solution.routes:
            last, load, time = 0, 0, 0
            for node in place[route].tolist():
                used.add((last, node))
                load += int(demand[node])
                along[0][node] = load
                if len(sums) > 1:
                    time = int(max(time + steps[last, node], opens[node]) + service[node])
                    along[1][node] = time
                last = node
            used.add((last, 0))
        values = [int((t, h) in used) for t, h in zip(tails.tolist(), heads.tolist(), strict=True)]
        return values + [value for one in along for value in one[1:]]

    def exclude(values: Sequence[int]) -> None:
        literals = dict(zip(zip(tails.tolist(), heads.tolist(), strict=True), arcs, strict=True))
        refused = 0
        for route in decode(values).routes:
            faults = {v.what for v in judge(instance, Routes(routes=(route,))).violations} - {UNVISITED}
            stops = place[route].tolist()
            if OVERLOADED in faults:  # whatever the order
                inside = [literals[way] for way in permutations(stops, 2) if way in literals]
                model.add(sum(inside) <= len(stops) - 2)
            elif faults:
                model.add_bool_or([~literals[way] for way in pairwise([0, *stops, 0])])
            refused += bool(faults)
        assert refused

    variables = arcs + [variable for one in sums for variable in one]
    return Model(model, variables, decode, encode, exclude, scale=unit, bound_slack=-slack)


def _arcs(demand: NDArray[Any], capacity: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """All arcs but those between customers that fit no vehicle together."""
    n = len(demand)
    tails, heads = (index.ravel() for index in np.indices((n, n)))
    fits = (tails == 0) | (heads == 0) | (demand[tails] + demand[heads] <= capacity)
    keep = (tails != heads) & fits
    return tails[keep], heads[keep]


def _accumulate(
    model: CpModel,
    arcs: Sequence[IntVar],
    tails: NDArray[Any],
    heads: NDArray[Any],
    steps: NDArray[Any],
    least: NDArray[Any],
    most: NDArray[Any],
    monitor: Monitor | None,
) -> list[IntVar]:
    """A sum along each route, for the customers: at least ``least``, at most ``most``, growing by ``steps``."""
    upper = np.maximum(least, most)
    sums = [model.new_int_var(int(least[k]), int(upper[k]), "") for k in range(1, len(least))]
    for arc, tail, head, step in until(monitor, zip(arcs, tails.tolist(), heads.tolist(), steps.tolist(), strict=True)):
        if tail > 0 and head > 0:
            model.add(sums[head - 1] >= sums[tail - 1] + step).only_enforce_if(arc)
    return sums
