"""Savings and cheapest insertion for vehicle routing with asymmetric ways or time windows."""

from __future__ import annotations

import numpy as np

from cosolve.core.monitor import Monitor
from cosolve.instances.cvrp import Routes, VehicleRoutingInstance
from cosolve.instances.routing_arrays import RoutingArrays, routing_arrays
from cosolve.search.directed_savings import directed_savings
from cosolve.search.insertion import insertion


def construct(instance: VehicleRoutingInstance, monitor: Monitor, rng: np.random.Generator) -> Routes | None:
    """Routes of :func:`build_routes`."""
    return build_routes(instance)


def build_routes(instance: VehicleRoutingInstance) -> Routes | None:
    """
    The shortest of the routes by savings and by cheapest insertion, farthest or most urgent customers first.

    ``None`` if a customer fits nowhere; savings are left out if one cannot be served by a vehicle of its own.
    """
    arrays = routing_arrays(instance)
    data = (
        arrays.distance, arrays.duration, arrays.demand, arrays.capacity, arrays.opens, arrays.closes, arrays.service,
    )  # fmt: skip
    found: list[tuple[float, np.ndarray, np.ndarray]] = []
    if _is_each_servable_alone(arrays):
        nodes, offsets = directed_savings(*data)
        used = np.diff(offsets) > 0
        first, last = nodes[offsets[:-1][used]], nodes[offsets[1:][used] - 1]
        inside = np.delete(arrays.distance[nodes[:-1], nodes[1:]], offsets[1:-1] - 1)
        found.append((inside.sum() + arrays.distance[0, first].sum() + arrays.distance[last, 0].sum(), nodes, offsets))
    for urgency in (-arrays.distance[0, 1:], arrays.closes[1:]):
        nodes, offsets, length = insertion(*data, np.argsort(urgency, kind="stable") + 1)
        if len(nodes) == arrays.num_customers:
            found.append((length, nodes, offsets))
    if not found:
        return None
    _, nodes, offsets = min(found, key=lambda one: one[0])
    return Routes.from_flat(arrays.nodes[nodes], offsets)


def _is_each_servable_alone(arrays: RoutingArrays) -> bool:
    arrival = arrays.opens[0] + arrays.duration[0]
    home = np.maximum(arrival, arrays.opens) + arrays.service + arrays.duration[:, 0]
    in_time = (arrival <= arrays.closes) & (home <= arrays.closes[0])
    return bool(np.isfinite(arrays.distance[0]).all() and np.isfinite(arrays.distance[:, 0]).all() and in_time.all())
