"""Savings for capacitated vehicle routing."""

from __future__ import annotations

import math

import numpy as np

from cosolve.core.monitor import Monitor
from cosolve.instances.cvrp import CVRPInstance, Routes, VehicleRoutingInstance
from cosolve.instances.distances import MAX_DENSE
from cosolve.instances.vrptw import fastest
from cosolve.search.cvrp import SearchData, nearest_customers
from cosolve.search.savings import savings
from cosolve.solvers.greedy.acvrptw import build_routes
from cosolve.solvers.whole_numbers import WholeClock

#: Neighbours of a customer that the savings look at.
NUM_NEIGHBOURS = 100


def search_data(instance: CVRPInstance, num_neighbours: int) -> SearchData:
    """The instance as the kernels want it, with so many neighbours of each customer."""
    metric, coords, matrix = instance.distances.kernel_args
    num_neighbours = min(num_neighbours, max(0, instance.size - 1))
    neighbours = nearest_customers(metric, coords, matrix, instance.depot, num_neighbours)
    return SearchData(
        metric,
        coords,
        matrix,
        instance.demand,
        instance.depot,
        instance.load_limit,
        instance.length_limit,
        instance.service_time,
        neighbours,
    )


def first_out_of_reach(instance: VehicleRoutingInstance) -> int | None:
    """A customer out of reach of any route within ``max_length``: if there is one, the instance is infeasible."""
    if not isinstance(instance, CVRPInstance):
        return None
    far = _too_far_alone(instance)
    if far:
        # The shortest way there may lead over others: neither a matrix nor rounding keeps the triangle inequality.
        least = fastest(*instance.distances.kernel_args, instance.depot, True)
        # By more than the order of the judge's sum may round.
        far = [node for node in far if least[node] > _farthest(instance) + 4.0 * np.spacing(instance.length_limit)]
    return far[0] if far else None


def _too_far_alone(instance: CVRPInstance) -> list[int]:
    """Customers that no vehicle can serve alone and go straight home within ``max_length``."""
    if instance.max_length is None:
        return []
    farthest = _farthest(instance)
    return [node for node in instance.customers.tolist() if instance.distances.between(instance.depot, node) > farthest]


def _farthest(instance: CVRPInstance) -> float:
    return (instance.length_limit - instance.service_time) / 2


def construct(
    instance: CVRPInstance, monitor: Monitor | None = None, rng: np.random.Generator | None = None
) -> Routes | None:
    """
    Routes of Clarke and Wright's savings algorithm.

    These begin with a route for each customer alone. Where one is too long for that, over others within the limit,
    :func:`build_routes` inserts; ``None`` if it fails, or a customer is out of reach.
    """
    if instance.size == 0:
        return Routes(routes=())
    if first_out_of_reach(instance) is not None:
        return None
    if _too_far_alone(instance):
        return build_routes(instance) if instance.distances.num_nodes <= MAX_DENSE else None
    return Routes.from_flat(*savings(search_data(instance, NUM_NEIGHBOURS)))


def generous_fleet(instance: VehicleRoutingInstance, initial: Routes | None = None) -> int:
    """
    Vehicles for backends that want a number: more than a good solution uses, and enough for a feasible one.

    HGS-CVRP's rule (1.3 times the bound by load, and 3), or what ``initial`` or a greedy construction uses, and 2; with
    time windows half as many again, for the shortest routes may be many there.
    """
    bound = math.ceil(float(instance.demand.sum()) / instance.capacity) if instance.capacity else 1
    known, spare = initial, 2
    if not isinstance(instance, CVRPInstance):
        known = known or build_routes(instance)
        spare += len(known.routes) // 2 if known else 0
    elif known is None:
        known = construct(instance)
    used = instance.size if known is None else len(known.routes)
    return max(1, min(max(math.ceil(1.3 * bound) + 3, used + spare), max(instance.size, used)))


def known_routes(
    instance: VehicleRoutingInstance, monitor: Monitor, initial: Routes | None, clock: WholeClock | None
) -> Routes | None:
    """
    ``initial``; without it, where the clock had to be rounded, routes of :func:`build_routes`, reported.

    Times rounded to the safe side may leave a backend none.
    """
    if initial is not None or clock is None or clock.is_exact:
        return initial
    routes = build_routes(instance)
    if routes is not None:
        monitor.report(routes)
    return routes
