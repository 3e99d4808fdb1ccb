"""Capacitated vehicle routing, symmetric (cvrp) and asymmetric (acvrp): instance, routes, judge."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, ClassVar, Self

import numpy as np

from cosolve.core.instance import Instance, Solution, freeze, frozen_array, plain_zeros, whole_number
from cosolve.core.jit import jit_allocating
from cosolve.core.metric import Metric, distance
from cosolve.core.problem import JudgeMode, Problem
from cosolve.core.verdict import Verdict, Violation
from cosolve.instances.distances import Distances

#: Relative slack for capacities and route lengths that are not whole numbers; whole ones are compared exactly.
TOLERANCE = 1e-9

#: What violations say of a customer in no route, and of a route with too much demand.
UNVISITED, OVERLOADED = "customer not visited", "capacity exceeded"

#: At most this many violations of one kind are listed.
_LISTED = 5


@dataclass(frozen=True, eq=False, kw_only=True)
class VehicleRoutingInstance(Instance):
    """
    What all problems of one depot and any number of equal vehicles share.

    Parameters
    ----------
    distances
        Distances of n >= 1 places, the depot among them.
    demand
        (n,) float64, >= 0 and at most ``capacity``; 0 at the depot.
    capacity
        Largest sum of demands on a route.
    depot
        0-based index of the depot.

    Raises
    ------
    ValueError
        If shapes do not fit or a number is out of range.
    """

    distances: Distances
    demand: np.ndarray
    capacity: float
    depot: int = 0

    def __post_init__(self) -> None:
        n = self.distances.num_nodes
        demand = plain_zeros(frozen_array(self.demand, np.float64, ndim=1, what="demand"))
        object.__setattr__(self, "demand", demand)
        object.__setattr__(self, "capacity", float(self.capacity) + 0.0)
        object.__setattr__(self, "depot", whole_number(self.depot, "depot"))
        if n < 1:
            raise ValueError("a routing instance needs at least the depot, got 0 nodes.")
        if len(demand) != n:
            raise ValueError(f"demand must have one entry per node ({n}), got {len(demand)}.")
        if not 0 <= self.depot < n:
            raise ValueError(f"depot must be in 0..{n - 1}, got {self.depot}.")
        if not (math.isfinite(self.capacity) and self.capacity >= 0):
            raise ValueError(f"capacity must be a finite number >= 0, got {self.capacity}.")
        if not np.isfinite(demand).all() or (demand < 0).any():
            raise ValueError("demands must be finite numbers >= 0.")
        if demand[self.depot] != 0:
            raise ValueError(f"the demand of the depot must be 0, got {demand[self.depot]:g}.")
        if demand.max() > self.capacity:
            node = int(demand.argmax())
            raise ValueError(
                f"the demand of node {node} (counted from 0) is {demand[node]:g}, more than the capacity "
                f"{self.capacity:g}: no route can visit it."
            )

    @property
    def size(self) -> int:
        """Number of customers."""
        return self.distances.num_nodes - 1

    @property
    def is_integral(self) -> bool:
        """Whether all distances are integers."""
        return self.distances.is_integral

    @property
    def magnitude(self) -> float:
        """Of the largest distance."""
        return self.distances.magnitude

    @cached_property
    def customers(self) -> np.ndarray:
        """0-based node indices of the customers, in order."""
        nodes = np.arange(self.distances.num_nodes)
        return frozen_array(np.delete(nodes, self.depot))

    @cached_property
    def load_limit(self) -> float:
        """Capacity plus the slack that sums of fractional demands need; exactly the capacity for whole numbers."""
        whole = self.capacity.is_integer() and bool((self.demand == np.rint(self.demand)).all())
        return self.capacity if whole else self.capacity + TOLERANCE * max(1.0, self.capacity)


@dataclass(frozen=True, eq=False, kw_only=True)
class CVRPInstance(VehicleRoutingInstance):
    """
    Cheapest routes from a depot that visit every customer once, with any number of vehicles of one capacity.

    Parameters
    ----------
    distances
        Symmetric and finite.
    demand, capacity, depot
        See :class:`VehicleRoutingInstance`.
    max_length
        Largest length of a route, ``service_time`` per customer included; ``None`` for no limit. The
        FrontierCO harness ignores it.
    service_time
        Counts towards ``max_length``, never towards the objective.

    Raises
    ------
    ValueError
        If shapes do not fit, a number is out of range, or the distances are not symmetric.
    """

    problem: ClassVar[str] = "cvrp"

    max_length: float | None = None
    service_time: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.distances.require_complete("a cvrp")
        if not self.distances.is_symmetric:
            raise ValueError("distances of a cvrp must be symmetric; these make an acvrp.")
        object.__setattr__(self, "service_time", float(self.service_time) + 0.0)
        if self.max_length is not None:
            object.__setattr__(self, "max_length", float(self.max_length) + 0.0)
            if not (math.isfinite(self.max_length) and self.max_length >= 0):
                raise ValueError(f"max_length must be a finite number >= 0 or None, got {self.max_length}.")
        if not (math.isfinite(self.service_time) and self.service_time >= 0):
            raise ValueError(f"service_time must be a finite number >= 0, got {self.service_time}.")

    @cached_property
    def length_limit(self) -> float:
        """``max_length`` plus the slack that sums of fractional distances need; infinite without a limit."""
        if self.max_length is None:
            return math.inf
        whole = self.distances.is_integral and self.max_length.is_integer() and self.service_time.is_integer()
        return self.max_length if whole else self.max_length + TOLERANCE * max(1.0, self.max_length)


@dataclass(frozen=True, eq=False, kw_only=True)
class ACVRPInstance(VehicleRoutingInstance):
    """
    Capacitated vehicle routing where the two directions between places may differ.

    An infinite distance says that there is no way from the one place to the other. There is no limit of the length of
    a route; an acvrptw whose durations are the distances has one.

    Raises
    ------
    ValueError
        As for :class:`VehicleRoutingInstance`, or if a customer cannot be reached from the depot or not return to it.
    """

    problem: ClassVar[str] = "acvrp"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.distances.is_complete:
            require_reachable(self.distances.matrix, self.depot)


def require_reachable(matrix: np.ndarray, depot: int) -> None:
    """
    Check that every place has a chain of finite entries from the depot and one back.

    Raises
    ------
    ValueError
        Naming the first place that has none.
    """
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import breadth_first_order

    open_ways = csr_matrix(np.isfinite(matrix))
    for graph, which in ((open_ways, "to"), (open_ways.T.tocsr(), "back from")):
        reached = breadth_first_order(graph, depot, return_predecessors=False)
        lost = np.setdiff1d(np.arange(len(matrix)), reached)
        if len(lost):
            raise ValueError(f"there is no way {which} node {lost[0]} (counted from 0): no route can visit it.")


@dataclass(frozen=True, eq=False, kw_only=True)
class Routes(Solution):
    """
    Routes of the vehicles; the way from the depot to the first customer and back from the last is understood.

    Parameters
    ----------
    routes
        One array of 0-based node indices per route, without the depot; empty routes are allowed.
    """

    problem: ClassVar[str] = "cvrp"

    routes: tuple[np.ndarray, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.routes, Iterable) or isinstance(self.routes, str | bytes):
            raise ValueError(f"routes must be a sequence of routes, got {type(self.routes).__name__}.")
        arrays = [_route(route, k) for k, route in enumerate(self.routes)]
        offsets = np.zeros(len(arrays) + 1, np.int64)
        np.cumsum([len(a) for a in arrays], out=offsets[1:])
        flat = np.concatenate(arrays) if arrays else np.empty(0, np.int64)
        self._set(flat, offsets)

    def _set(self, flat: np.ndarray, offsets: np.ndarray) -> None:
        # Routes are views of one read-only array: a million customers make 100,000 routes.
        freeze((flat, offsets))
        object.__setattr__(self, "_flat", (flat, offsets))
        routes = tuple(flat[i:j] for i, j in pairwise(offsets.tolist()))
        object.__setattr__(self, "routes", routes)

    @classmethod
    def from_flat(cls, nodes: np.ndarray, offsets: np.ndarray) -> Self:
        """Routes ``nodes[offsets[k]:offsets[k + 1]]``; for kernels."""
        routes = cls.__new__(cls)
        routes._set(np.array(nodes, np.int64), np.array(offsets, np.int64))
        return routes

    @property
    def flat(self) -> tuple[np.ndarray, np.ndarray]:
        """All routes one after the other, and where each begins (one more entry than routes)."""
        flat: tuple[np.ndarray, np.ndarray] = self._flat  # type: ignore[attr-defined]
        return flat

    def __getstate__(self) -> tuple[np.ndarray, np.ndarray]:
        return self.flat

    def __setstate__(self, state: tuple[np.ndarray, np.ndarray]) -> None:
        self._set(*state)


def _route(values: Any, k: int) -> np.ndarray:
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"route {k} must be a list of node indices, got {array.ndim} dimension(s).")
    if len(array) and array.dtype.kind not in "iu":
        raise ValueError(f"route {k} must hold integers, got {array.dtype}.")
    return array.astype(np.int64)


def evaluate(instance: VehicleRoutingInstance, solution: Routes, mode: JudgeMode = "strict") -> Verdict:
    """
    Total length of the routes, and whether they visit every customer once within the limits; O(n).

    The "frontierco" mode does as that harness: unrounded Euclidean lengths whatever the instance says, a
    customer may be visited more than once, and there is no limit on the length of a route.
    """
    n, depot = instance.distances.num_nodes, instance.depot
    flat, offsets = solution.flat
    outside = np.flatnonzero((flat < 0) | (flat >= n))
    if len(outside):
        return Verdict(None, tuple(_at("no such node", p, flat, offsets) for p in outside[:_LISTED].tolist()))
    compat = mode == "frontierco"
    metric, coords, matrix = instance.distances.kernel_args
    if compat and metric != Metric.MATRIX:
        metric, coords = int(Metric.EXACT_2D), instance.distances.coords
    visits, repeats, loads, lengths = _measure(metric, coords, matrix, instance.demand, depot, flat, offsets)
    violations = [_at("depot inside a route", p, flat, offsets) for p in np.flatnonzero(flat == depot)[:_LISTED]]
    if not compat:
        violations += [_at("customer visited twice", p, flat, offsets) for p in repeats[:_LISTED].tolist()]
    visits[depot] = 1
    missing = np.flatnonzero(visits == 0)
    violations += [Violation(UNVISITED, f"node {node}") for node in missing[:_LISTED].tolist()]
    for route in np.flatnonzero(loads > instance.load_limit)[:_LISTED].tolist():
        excess = float(loads[route]) - instance.capacity
        violations.append(Violation(OVERLOADED, f"route {route}", excess))
    if not instance.distances.is_complete:
        violations += missing_ways(instance.distances.matrix, instance.depot, flat, offsets)
    if not compat and isinstance(instance, CVRPInstance) and instance.max_length is not None:
        durations = lengths + instance.service_time * np.diff(offsets)
        for route in np.flatnonzero(durations > instance.length_limit)[:_LISTED].tolist():
            excess = float(durations[route]) - instance.max_length
            violations.append(Violation("route too long", f"route {route}", excess))
    length = float(lengths.sum())
    # Without a way that is missing, only numbers near the largest double add up to infinity: the judge's to name.
    return Verdict(None if violations and not math.isfinite(length) else length, tuple(violations))


def missing_ways(matrix: np.ndarray, depot: int, flat: np.ndarray, offsets: np.ndarray) -> list[Violation]:
    """A violation for each step of the routes that is infinite in the matrix, the first few of them."""
    used = np.diff(offsets) > 0
    tails = np.concatenate((np.append(depot, flat[:-1])[: len(flat)], flat[offsets[1:][used] - 1]))
    tails[offsets[:-1][used]] = depot
    heads = np.concatenate((flat, np.full(int(used.sum()), depot)))
    closed = np.flatnonzero(np.isinf(matrix[tails, heads]))[:_LISTED]
    return [Violation("no such way", f"node {tails[k]} to node {heads[k]}") for k in closed.tolist()]


def _at(what: str, position: int, flat: np.ndarray, offsets: np.ndarray) -> Violation:
    route = int(np.searchsorted(offsets, position, side="right")) - 1
    return Violation(what, f"node {flat[position]} in route {route}")


@jit_allocating
def _measure(
    metric: int,
    coords: np.ndarray,
    matrix: np.ndarray,
    demand: np.ndarray,
    depot: int,
    flat: np.ndarray,
    offsets: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Visits per node, positions of repeated visits, load and length per route; all nodes are in range."""
    num_routes = len(offsets) - 1
    visits = np.zeros(len(demand), np.int64)
    repeats = np.empty(len(flat), np.int64)
    num_repeats = 0
    loads = np.zeros(num_routes)
    lengths = np.zeros(num_routes)
    for route in range(num_routes):
        load, length, last = 0.0, 0.0, depot
        for k in range(offsets[route], offsets[route + 1]):
            node = flat[k]
            if visits[node] > 0 and node != depot:
                repeats[num_repeats] = k
                num_repeats += 1
            visits[node] += 1
            load += demand[node]
            length += distance(metric, coords, matrix, last, node)
            last = node
        if offsets[route + 1] > offsets[route]:
            length += distance(metric, coords, matrix, last, depot)
        loads[route] = load
        lengths[route] = length
    return visits, repeats[:num_repeats], loads, lengths


CVRP = Problem("cvrp", "Capacitated vehicle routing", CVRPInstance, Routes, evaluate)
ACVRP = Problem("acvrp", "Asymmetric capacitated vehicle routing", ACVRPInstance, Routes, evaluate)
