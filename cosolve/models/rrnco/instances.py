"""Instances of all kinds as arrays that the network takes, and its choices as their solutions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from cosolve.core.instance import Instance, Solution
from cosolve.instances.cvrp import VehicleRoutingInstance
from cosolve.instances.routing_arrays import RoutingArrays, routing_arrays
from cosolve.instances.tsp import Tour, TSPInstance

#: Places that points in the plane are made from.
_LANDMARKS = 500


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
    Points in the plane whose distances are near the given ones' means of both ways, (n, 2) [1]_ [2]_.

    References
    ----------
    .. [1] Torgerson, W. S. (1952). Multidimensional scaling: I. Theory and method. *Psychometrika* 17: 401-419.
    .. [2] de Silva, V., Tenenbaum, J. B. (2004). Sparse multidimensional scaling using landmark points. Stanford.
    """
    longest = distance[np.isfinite(distance)].max(initial=0.0)
    # Scaling takes the cube of the number of places: those beyond some are put where their distances to these say.
    marks = np.linspace(0, len(distance) - 1, min(len(distance), _LANDMARKS)).round().astype(np.int64)
    there, back = (np.where(np.isfinite(d), d, 2 * longest) for d in (distance[:, marks], distance[marks].T))
    square = ((there + back) / 2) ** 2
    known = square[marks]
    centred = known - known.mean(axis=0) - known.mean(axis=1, keepdims=True) + known.mean()
    values, vectors = np.linalg.eigh(-centred / 2)
    values, vectors = values[-2:], vectors[:, -2:]
    if len(marks) == len(distance):
        points = vectors * np.sqrt(np.maximum(values, 0.0))
    else:
        scale = np.sqrt(np.where(values > 1e-12 * longest**2, values, np.inf))
        points = (known.mean(axis=0) - square) / 2 @ (vectors / scale)
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
