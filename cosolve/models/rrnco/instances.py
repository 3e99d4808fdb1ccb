"""Instances of all kinds as arrays that the network takes, and its choices as their solutions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from cosolve.core.instance import Instance, Solution
from cosolve.instances.cvrp import VehicleRoutingInstance
from cosolve.instances.routing_arrays import RoutingArrays, routing_arrays
from cosolve.instances.tsp import Tour, TSPInstance


def arrays_of(instance: Instance) -> RoutingArrays:
    """
    An instance as arrays, the depot first; a tour's are those of customers without demand, the first city for depot.

    Instances without coordinates get some that fit their distances.
    """
    if isinstance(instance, TSPInstance):
        n = instance.size
        distance, coords, nothing = instance.distances.dense(), instance.distances.coords, np.zeros(n)
        known = coords if len(coords) else None
        never = np.full(n, np.inf)
        arrays = RoutingArrays(np.arange(n), known, distance, distance, nothing, np.inf, nothing, never, nothing)
    else:
        assert isinstance(instance, VehicleRoutingInstance)
        arrays = routing_arrays(instance)
    return arrays if arrays.coords is not None else replace(arrays, coords=planar(arrays.distance))


def solution_of(instance: Instance, arrays: RoutingArrays, choices: np.ndarray) -> Solution:
    """Choices of a rollout, (L,), as a solution of the instance."""
    if isinstance(instance, TSPInstance):
        return Tour(order=choices)
    return arrays.routes(part[part > 0].tolist() for part in np.split(choices, np.flatnonzero(choices == 0)))


def planar(distance: np.ndarray) -> np.ndarray:
    """
    Points in the plane whose distances are near the given ones' means of both ways, (n, 2) [1]_.

    References
    ----------
    .. [1] Torgerson, W. S. (1952). Multidimensional scaling: I. Theory and method. *Psychometrika* 17: 401-419.
    """
    longest = distance[np.isfinite(distance)].max(initial=0.0)
    square = np.where(np.isfinite(distance), distance, 2 * longest)
    square = ((square + square.T) / 2) ** 2
    centred = square - square.mean(axis=0) - square.mean(axis=1, keepdims=True) + square.mean()
    values, vectors = np.linalg.eigh(-centred / 2)
    points = vectors[:, -2:] * np.sqrt(np.maximum(values[-2:], 0.0))
    return np.pad(points, ((0, 0), (0, 2 - points.shape[1])))


def facts(arrays: RoutingArrays, is_tour: bool) -> Mapping[str, float]:
    """What a checkpoint's coverage is about: numbers that do not depend on the units of the instance."""
    n = len(arrays.distance)
    finite = np.where(np.isfinite(arrays.distance), arrays.distance, 0.0)
    total = max(float(finite.sum()), 1e-300)
    out = {
        "customers": float(n),
        "asymmetry": float(np.abs(finite - finite.T).sum() / total),
        "mean_distance": total / max(1, n * (n - 1)) / max(float(finite.max()), 1e-300),
    }
    if is_tour:
        return out
    out["customers"] = float(n - 1)
    if n > 1:
        out["mean_demand"] = float(arrays.demand[1:].mean() / max(arrays.capacity, 1e-300))
    if n > 1 and np.isfinite(arrays.closes).all():
        longest = max(float(np.where(np.isfinite(arrays.duration), arrays.duration, 0.0).max()), 1e-300)
        out["horizon"] = float(arrays.closes[0] - arrays.opens[0]) / longest
        out["mean_window"] = float((arrays.closes - arrays.opens)[1:].mean()) / longest
        out["mean_service"] = float(arrays.service[1:].mean()) / longest
    return out
