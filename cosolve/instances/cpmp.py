"""Capacitated p-median: instance, clustering, judge."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from cosolve.core.instance import Instance, Solution, frozen_array, plain_zeros, whole_number
from cosolve.core.jit import jit
from cosolve.core.metric import Metric, distance
from cosolve.core.problem import JudgeMode, Problem
from cosolve.core.verdict import Verdict, Violation
from cosolve.instances.distances import Distances

#: Slack of capacities where demands are no whole numbers: relative ("strict"), absolute ("frontierco").
TOLERANCE = 1e-6

#: At most this many violations of one kind are listed.
_LISTED = 5


@dataclass(frozen=True, eq=False, kw_only=True)
class CPMPInstance(Instance):
    """
    Cheapest assignment of all nodes to p of them, the medians, within the medians' capacities.

    Parameters
    ----------
    distances
        Distances of n >= 1 nodes; the cost of a node is its distance to its median, whatever its demand. A
        matrix need not be symmetric: entry (i, j) is the cost of node i at median j.
    capacity
        (n,) float64, >= 0: the largest sum of demands that a node takes if it is a median.
    demand
        (n,) float64, >= 0.
    p
        Number of medians, in 1..n.

    Raises
    ------
    ValueError
        If shapes do not fit or a number is out of range.
    """

    problem: ClassVar[str] = "cpmp"

    distances: Distances
    capacity: np.ndarray
    demand: np.ndarray
    p: int

    def __post_init__(self) -> None:
        n = self.distances.num_nodes
        object.__setattr__(self, "p", whole_number(self.p, "p"))
        if n < 1:
            raise ValueError("an instance needs at least 1 node, got 0.")
        self.distances.require_complete("a cpmp")
        for name in ("capacity", "demand"):
            values = plain_zeros(frozen_array(getattr(self, name), np.float64, ndim=1, what=name))
            object.__setattr__(self, name, values)
            if len(values) != n:
                raise ValueError(f"{name} must have one entry per node ({n}), got {len(values)}.")
            if not (np.isfinite(values).all() and (values >= 0).all()):
                raise ValueError(f"{name} must hold finite numbers >= 0.")
        if not 1 <= self.p <= n:
            raise ValueError(f"p must be in 1..{n}, got {self.p}.")

    @property
    def size(self) -> int:
        """Number of nodes."""
        return self.distances.num_nodes

    @property
    def is_integral(self) -> bool:
        """Whether all distances are integers."""
        return self.distances.is_integral

    @property
    def magnitude(self) -> float:
        """Of the largest distance."""
        return self.distances.magnitude

    @cached_property
    def load_limit(self) -> np.ndarray:
        """(n,) largest load as a median: the capacity, plus slack for sums where demands are no whole numbers."""
        whole = bool((self.demand == np.rint(self.demand)).all())
        return self.capacity if whole else frozen_array(self.capacity * (1 + TOLERANCE))


@dataclass(frozen=True, eq=False, kw_only=True)
class Clustering(Solution):
    """
    Medians and the median of every node; a median may be assigned to another one.

    Parameters
    ----------
    medians
        (p,) int64, 0-based nodes.
    assignment
        (n,) int64: the median (a node, not a position in ``medians``) of each node.
    """

    problem: ClassVar[str] = "cpmp"

    medians: np.ndarray
    assignment: np.ndarray

    def __post_init__(self) -> None:
        for name in ("medians", "assignment"):
            object.__setattr__(self, name, frozen_array(getattr(self, name), np.int64, ndim=1, what=name))


def evaluate(instance: CPMPInstance, solution: Clustering, mode: JudgeMode = "strict") -> Verdict:
    """
    Sum of distances of all nodes to their medians; O(n + p).

    There must be p different medians, every node assigned to one of them, and no capacity exceeded. The
    "frontierco" mode does as that harness: distances by coordinates are truncated to integers, and a median
    may be listed twice.
    """
    n, compat = instance.size, mode == "frontierco"
    medians, assignment = solution.medians, solution.assignment
    violations = []
    if len(medians) != instance.p:
        violations.append(Violation("wrong number of medians", f"{len(medians)} of {instance.p}"))
    if len(assignment) != n:
        violations.append(Violation("wrong number of nodes", f"{len(assignment)} of {n}"))
    for what, ids in (("no such node as a median", medians), ("no such median", assignment)):
        for k in np.flatnonzero((ids < 0) | (ids >= n))[:_LISTED].tolist():
            violations.append(Violation(what, f"node {ids[k]} at position {k}"))
    if violations:
        return Verdict(None, tuple(violations))
    count = np.bincount(medians, minlength=n)
    if not compat:
        for node in np.flatnonzero(count > 1)[:_LISTED].tolist():
            violations.append(Violation("median listed twice", f"node {node}"))
    for node in np.flatnonzero(count[assignment] == 0)[:_LISTED].tolist():
        violations.append(Violation("assigned to a node that is no median", f"node {node}"))
    load = np.bincount(assignment, instance.demand, n)
    limit = instance.capacity + TOLERANCE if compat else instance.load_limit
    for node in np.flatnonzero(load > limit)[:_LISTED].tolist():
        violations.append(Violation("capacity exceeded", f"median {node}", float(load[node] - instance.capacity[node])))
    metric, coords, matrix = instance.distances.kernel_args
    if compat and metric != Metric.MATRIX:
        metric, coords = int(Metric.FLOOR_2D), instance.distances.coords
    return Verdict(float(_total_distance(metric, coords, matrix, assignment)), tuple(violations))


@jit
def _total_distance(metric: int, coords: np.ndarray, matrix: np.ndarray, assignment: np.ndarray) -> float:
    total = 0.0
    for node in range(len(assignment)):
        if assignment[node] != node:
            total += distance(metric, coords, matrix, node, assignment[node])
    return total


CPMP = Problem("cpmp", "Capacitated p-median", CPMPInstance, Clustering, evaluate)
