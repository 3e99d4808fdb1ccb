"""Cheapest insertion for vehicle routing with asymmetric ways or time windows."""

from __future__ import annotations

import numpy as np

from cosolve.core.monitor import Monitor
from cosolve.instances.cvrp import Routes, VehicleRoutingInstance
from cosolve.instances.routing_arrays import routing_arrays
from cosolve.search.insertion import insertion


def construct(instance: VehicleRoutingInstance, monitor: Monitor, rng: np.random.Generator) -> Routes | None:
    """Routes of :func:`insert_all`."""
    return insert_all(instance, rng)


def insert_all(instance: VehicleRoutingInstance, rng: np.random.Generator) -> Routes | None:
    """
    The shortest of cheapest insertions in four orders; ``None`` if a customer fits nowhere.

    Customers come by random, greatest demand, farthest from the depot, or earliest end of the window: the orders of
    the SISR search [1]_ but for the last.

    References
    ----------
    .. [1] Christiaens, J., Vanden Berghe, G. (2020). Slack induction by string removals for vehicle routing problems.
           *Transportation Science* 54(2): 417-433.
    """
    arrays = routing_arrays(instance)
    best: tuple[float, Routes] | None = None
    for order in (
        rng.permutation(arrays.num_customers),
        np.argsort(-arrays.demand[1:], kind="stable"),
        np.argsort(-arrays.distance[0, 1:], kind="stable"),
        np.argsort(arrays.closes[1:], kind="stable"),
    ):
        nodes, offsets, length = insertion(
            arrays.distance, arrays.duration, arrays.demand, arrays.capacity, arrays.opens, arrays.closes,
            arrays.service, order + 1,
        )  # fmt: skip
        if len(nodes) == arrays.num_customers and (best is None or length < best[0]):
            best = length, Routes.from_flat(arrays.nodes[nodes], offsets)
    return None if best is None else best[1]
