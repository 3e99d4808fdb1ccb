"""Any vehicle-routing instance as dense arrays with the depot first: what searches, networks and backends work on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from cosolve.core.instance import freeze, frozen_array
from cosolve.instances.cvrp import CVRPInstance, Routes, VehicleRoutingInstance
from cosolve.instances.distances import Distances
from cosolve.instances.vrptw import VRPTWInstance


@dataclass(frozen=True, eq=False)
class RoutingArrays:
    """
    A depot, place 0, and customers 1..n; all arrays are read-only.

    A route leaves at ``opens[0]`` or later, reaches each customer by ``closes``, waits for ``opens``, serves for
    ``service``, and is back by ``closes[0]``; its demands add up to at most ``capacity``. Compare with ``<=``: the
    limits hold the judge's slack for sums of fractions, so that what keeps them is feasible, and no more.

    Parameters
    ----------
    nodes
        Node of the instance that each place stands for, (n + 1,) int64.
    coords
        (n + 1, 2) float64; ``None`` if the instance has none.
    distance, duration
        (n + 1, n + 1) float64 with a zero diagonal; infinite in both where there is no way. Without time windows the
        durations are the distances.
    demand, opens, closes, service
        (n + 1,) float64; demand and service of the depot are 0. Without time windows ``opens`` is 0 and ``closes``
        infinite, or at the depot the largest length of a route.
    capacity
        Largest sum of demands.
    """

    nodes: np.ndarray
    coords: np.ndarray | None
    distance: np.ndarray
    duration: np.ndarray
    demand: np.ndarray
    capacity: float
    opens: np.ndarray
    closes: np.ndarray
    service: np.ndarray

    @property
    def num_customers(self) -> int:
        """Number of places less the depot."""
        return len(self.nodes) - 1

    def routes(self, visits: Iterable[Sequence[int] | np.ndarray]) -> Routes:
        """Solution with these places, depot left out, per route; empty routes are dropped."""
        return Routes(routes=tuple(self.nodes[np.array(route, np.int64)] for route in visits if len(route)))

    def visits(self, solution: Routes) -> list[np.ndarray]:
        """Places per route; the inverse of :meth:`routes`."""
        place = np.empty(len(self.nodes), np.int64)
        place[self.nodes] = np.arange(len(self.nodes))
        return [place[route] for route in solution.routes if len(route)]


def routing_arrays(instance: VehicleRoutingInstance) -> RoutingArrays:
    """
    Arrays of a cvrp, acvrp, vrptw or acvrptw.

    Raises
    ------
    ValueError
        If the instance is too large for dense matrices.
    """
    n = instance.distances.num_nodes
    nodes = np.concatenate(([instance.depot], instance.customers))
    distance = duration = _table(instance.distances, nodes)
    opens, closes, service = np.zeros(n), np.full(n, np.inf), np.zeros(n)
    if isinstance(instance, VRPTWInstance):
        if instance.durations is not instance.distances:
            duration = _table(instance.durations, nodes)
        opens, service = instance.opens[nodes], instance.service[nodes]
        closes = (instance.closes + instance.time_slack)[nodes]
    elif isinstance(instance, CVRPInstance):
        closes[0] = instance.length_limit
        service[1:] = instance.service_time
    no_way = np.isinf(distance) | np.isinf(duration)
    if no_way.any():
        distance, duration = (np.where(no_way, np.inf, matrix) for matrix in (distance, duration))
    freeze((distance, duration))
    arrays = (instance.demand[nodes], opens, closes, service)
    demand, opens, closes, service = (frozen_array(a, np.float64) for a in arrays)
    coords = instance.distances.coords
    return RoutingArrays(
        nodes=frozen_array(nodes),
        coords=frozen_array(coords[nodes]) if len(coords) else None,
        distance=distance,
        duration=duration,
        demand=demand,
        capacity=instance.load_limit,
        opens=opens,
        closes=closes,
        service=service,
    )


def _table(distances: Distances, nodes: np.ndarray) -> np.ndarray:
    """The dense matrix in this order of the nodes, itself where that is theirs."""
    dense = distances.dense()
    return dense if np.array_equal(nodes, np.arange(len(dense))) else dense[np.ix_(nodes, nodes)]
