"""Vehicle routing with time windows, symmetric (vrptw) and asymmetric (acvrptw): instance and judge."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from cosolve.core.instance import frozen_array, plain_zeros
from cosolve.core.jit import jit_allocating
from cosolve.core.metric import distance
from cosolve.core.problem import JudgeMode, Problem
from cosolve.core.verdict import Verdict, Violation
from cosolve.instances import cvrp
from cosolve.instances.cvrp import TOLERANCE, Routes, VehicleRoutingInstance, missing_ways, require_reachable
from cosolve.instances.distances import Distances

_LISTED = 5


@dataclass(frozen=True, eq=False, kw_only=True)
class VRPTWInstance(VehicleRoutingInstance):
    """
    Routes of least total distance that serve every customer once, within its time window, by equal vehicles.

    Any number of vehicles leaves the depot when it opens or later and is back before it closes. Service starts
    within the window of its place: who comes early waits, free of charge; who comes late is not served. A way whose
    distance or duration is infinite does not exist.

    Parameters
    ----------
    distances
        What the objective adds up.
    demand, capacity, depot
        See :class:`VehicleRoutingInstance`.
    opens, closes
        (n,) float64, first and last start of service; at the depot first departure and last return.
    service
        (n,) float64 >= 0, time of service; 0 at the depot.
    durations
        Times of travel between the same places; ``None`` for the distances themselves.

    Raises
    ------
    ValueError
        If shapes do not fit, a number is out of range, distances or durations of a "vrptw" are not symmetric, or no
        route can serve some customer in time.
    """

    problem: ClassVar[str] = "vrptw"

    opens: np.ndarray
    closes: np.ndarray
    service: np.ndarray
    durations: Distances = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        super().__post_init__()
        n = self.distances.num_nodes
        if self.durations is None:
            object.__setattr__(self, "durations", self.distances)
        if self.durations.num_nodes != n:
            raise ValueError(f"durations of {self.durations.num_nodes} places do not fit distances of {n}.")
        if self.problem == "vrptw":
            for what in ("distances", "durations"):
                getattr(self, what).require_complete("a vrptw")
                if not getattr(self, what).is_symmetric:
                    raise ValueError(f"{what} of a vrptw must be symmetric; these make an acvrptw.")
        for name in ("opens", "closes", "service"):
            values = plain_zeros(frozen_array(getattr(self, name), np.float64, ndim=1, what=name))
            object.__setattr__(self, name, values)
            if len(values) != n:
                raise ValueError(f"{name} must have one entry per node ({n}), got {len(values)}.")
            if not np.isfinite(values).all():
                raise ValueError(f"{name} must hold finite numbers.")
        if self.service.min() < 0 or self.service[self.depot] != 0:
            raise ValueError("service must be >= 0, and 0 at the depot.")
        shut = np.flatnonzero(self.opens > self.closes)
        if len(shut):
            i = int(shut[0])
            raise ValueError(
                f"window of node {i} (counted from 0) closes at {self.closes[i]:g}, before it opens at "
                f"{self.opens[i]:g}."
            )
        if not self.distances.is_complete or not self.durations.is_complete:
            require_reachable(np.maximum(self.distances.dense(), self.durations.dense()), self.depot)
        self._require_servable()

    def _require_servable(self) -> None:
        """Refuse customers that are too late by the fastest way there, or whose vehicle is too late back."""
        args = self.durations.kernel_args
        there, back = _direct(*args, self.depot)
        late = self._first_late(there, back)
        if late is not None and self.durations.is_complete and self.distances.is_complete:
            # Ways over other places may be faster: the triangle inequality need not hold.
            there, back = (fastest(*args, self.depot, way) for way in (True, False))
            late = self._first_late(there, back)
        elif late is not None:
            open_ways = np.where(np.isfinite(self.distances.dense()), self.durations.dense(), np.inf)
            there, back = (fastest(0, args[1], open_ways, self.depot, way) for way in (True, False))
            late = self._first_late(there, back)
        if late is not None:
            raise ValueError(f"no route can serve node {late[0]} (counted from 0): {late[1]}.")

    def _first_late(self, there: np.ndarray, back: np.ndarray) -> tuple[int, str] | None:
        """First customer that is out of time with these durations from the depot and to it, and why."""
        start = self.opens[self.depot] + there
        home = np.maximum(start, self.opens) + self.service + back
        start[self.depot], home[self.depot] = -np.inf, -np.inf
        late = np.flatnonzero(start > self.closes + self.time_slack)
        if len(late):
            i = int(late[0])
            return i, f"its window closes at {self.closes[i]:g}, the earliest arrival is {start[i]:g}"
        late = np.flatnonzero(home > self.closes[self.depot] + self.time_slack[self.depot])
        if len(late):
            i = int(late[0])
            return i, f"the depot closes at {self.closes[self.depot]:g}, the earliest return is {home[i]:g}"
        return None

    @cached_property
    def time_slack(self) -> np.ndarray:
        """
        What sums of fractional times may be late by at each node, (n,) float64; 0 if all times are whole numbers.

        A share of the time from the depot's opening to the node's own closing, for another may close at a number that
        stands for "never"; and what the numbers themselves leave open, as of seconds since 1970.
        """
        times = (self.opens, self.closes, self.service)
        if self.durations.is_integral and all((t == np.rint(t)).all() for t in times):
            return frozen_array(np.zeros(len(self.closes)))
        start = self.opens[self.depot]
        digits = np.spacing(np.maximum(np.abs(self.closes), abs(start)))
        return frozen_array(TOLERANCE * np.maximum(1.0, np.abs(self.closes - start)) + 4.0 * digits)


@dataclass(frozen=True, eq=False, kw_only=True)
class ACVRPTWInstance(VRPTWInstance):
    """Vehicle routing with time windows where the two directions may differ; see :class:`VRPTWInstance`."""

    problem: ClassVar[str] = "acvrptw"


def evaluate(instance: VRPTWInstance, solution: Routes, mode: JudgeMode = "strict") -> Verdict:
    """
    Total distance, and whether the routes serve every customer once, in time, within the capacity; O(n).

    Both modes are the same; FrontierCO has no such problem.
    """
    verdict = cvrp.evaluate(instance, solution)
    if any(v.what == "no such node" for v in verdict.violations):
        return verdict
    flat, offsets = solution.flat
    violations = list(verdict.violations)
    closed: list[Violation] = []
    if not instance.durations.is_complete:
        closed = missing_ways(instance.durations.matrix, instance.depot, flat, offsets)
        violations += closed
    slack = instance.time_slack
    late, late_back = _lateness(
        *instance.durations.kernel_args,
        instance.opens,
        instance.closes,
        instance.service,
        instance.depot,
        flat,
        offsets,
    )
    if closed:  # what took such a way is infinitely late, and that is said already
        late[np.isinf(late)] = late_back[np.isinf(late_back)] = -np.inf
    for k in np.flatnonzero(late > slack[flat])[:_LISTED].tolist():
        route = int(np.searchsorted(offsets, k, side="right")) - 1
        violations.append(
            Violation("arrives after the window closes", f"node {flat[k]} in route {route}", float(late[k]))
        )
    for k in np.flatnonzero(late_back > slack[instance.depot])[:_LISTED].tolist():
        violations.append(Violation("returns after the depot closes", f"route {k}", float(late_back[k])))
    return Verdict(verdict.objective, tuple(violations))


@jit_allocating
def _lateness(
    metric: int,
    coords: np.ndarray,
    matrix: np.ndarray,
    opens: np.ndarray,
    closes: np.ndarray,
    service: np.ndarray,
    depot: int,
    flat: np.ndarray,
    offsets: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Time after closing, at each position of the routes and at the return of each route; negative if in time."""
    late = np.empty(len(flat))
    late_back = np.full(len(offsets) - 1, -np.inf)
    for route in range(len(offsets) - 1):
        time, last = opens[depot], depot
        for k in range(offsets[route], offsets[route + 1]):
            node = flat[k]
            time += distance(metric, coords, matrix, last, node)
            late[k] = time - closes[node]
            time = max(time, opens[node]) + service[node]
            last = node
        if offsets[route + 1] > offsets[route]:
            late_back[route] = time + distance(metric, coords, matrix, last, depot) - closes[depot]
    return late, late_back


@jit_allocating
def _direct(metric: int, coords: np.ndarray, matrix: np.ndarray, depot: int) -> tuple[np.ndarray, np.ndarray]:
    """Durations from the depot to each place, and back."""
    n = max(len(coords), len(matrix))
    there, back = np.zeros(n), np.zeros(n)
    for i in range(n):
        if i != depot:
            there[i] = distance(metric, coords, matrix, depot, i)
            back[i] = distance(metric, coords, matrix, i, depot)
    return there, back


@jit_allocating
def fastest(metric: int, coords: np.ndarray, matrix: np.ndarray, depot: int, there: bool) -> np.ndarray:
    """Least durations from the depot to each place over any others, or back: Dijkstra on a dense graph, O(n^2)."""
    n = max(len(coords), len(matrix))
    time = np.full(n, np.inf)
    time[depot] = 0.0
    done = np.zeros(n, np.uint8)
    for _ in range(n):
        node, least = -1, np.inf
        for i in range(n):
            if not done[i] and time[i] < least:
                node, least = i, time[i]
        if node < 0:
            break
        done[node] = 1
        for i in range(n):
            if not done[i]:
                step = distance(metric, coords, matrix, node, i) if there else distance(metric, coords, matrix, i, node)
                time[i] = min(time[i], least + step)
    return time


VRPTW = Problem("vrptw", "Vehicle routing, time windows", VRPTWInstance, Routes, evaluate)
ACVRPTW = Problem("acvrptw", "Asymmetric vehicle routing, time windows", ACVRPTWInstance, Routes, evaluate)
