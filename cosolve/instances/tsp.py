"""Travelling salesman, symmetric (tsp) and asymmetric (atsp): instance, tour, judge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cosolve.core.instance import Instance, Solution, frozen_array
from cosolve.core.jit import jit, jit_allocating
from cosolve.core.metric import Metric, distance
from cosolve.core.problem import JudgeMode, Problem
from cosolve.core.verdict import Verdict, Violation
from cosolve.instances.distances import Distances


@dataclass(frozen=True, eq=False, kw_only=True)
class TSPInstance(Instance):
    """
    Shortest closed tour through all cities.

    Parameters
    ----------
    distances
        Distances of n >= 1 cities; symmetric for problem "tsp".

    Raises
    ------
    ValueError
        If there are no cities, or the distances of a "tsp" are not symmetric.
    """

    problem: ClassVar[str] = "tsp"

    distances: Distances

    def __post_init__(self) -> None:
        if self.distances.num_nodes < 1:
            raise ValueError("a tour needs at least 1 city, got 0.")
        self.distances.require_complete(f"a tour ({self.problem})")
        if self.problem == "tsp" and not self.distances.is_symmetric:
            raise ValueError("distances of a tsp must be symmetric; this matrix makes an atsp.")

    @property
    def size(self) -> int:
        """Number of cities."""
        return self.distances.num_nodes

    @property
    def is_integral(self) -> bool:
        """Whether all distances are integers."""
        return self.distances.is_integral

    @property
    def magnitude(self) -> float:
        """Of the largest distance."""
        return self.distances.magnitude


@dataclass(frozen=True, eq=False, kw_only=True)
class ATSPInstance(TSPInstance):
    """Shortest closed tour where the two directions between cities may differ; see :class:`TSPInstance`."""

    problem: ClassVar[str] = "atsp"


@dataclass(frozen=True, eq=False, kw_only=True)
class Tour(Solution):
    """
    Order in which the cities are visited; the way from the last back to the first is understood.

    Parameters
    ----------
    order
        0-based city indices, int64, shape (n,).
    """

    problem: ClassVar[str] = "tsp"

    order: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "order", frozen_array(self.order, np.int64, ndim=1, what="order"))


def evaluate(instance: TSPInstance, tour: Tour, mode: JudgeMode = "strict") -> Verdict:
    """
    Length of the closed tour, and whether it visits every city exactly once; O(n).

    The "frontierco" mode measures unrounded Euclidean lengths whatever the instance says, as that harness does.
    """
    n = instance.size
    if len(tour.order) != n:
        return Verdict(None, (Violation("wrong number of cities", f"{len(tour.order)} of {n}"),))
    position, kind = _check_order(tour.order, n)
    if kind == 1:
        return Verdict(None, (Violation("no such city", f"city {tour.order[position]} at position {position}"),))
    metric, coords, matrix = instance.distances.kernel_args
    if mode == "frontierco" and metric != Metric.MATRIX:
        metric, coords = int(Metric.EXACT_2D), instance.distances.coords
    length = float(_tour_length(metric, coords, matrix, tour.order))
    if kind == 2:
        violation = Violation("city visited twice", f"city {tour.order[position]} at position {position}")
        return Verdict(length, (violation,))
    return Verdict(length)


@jit_allocating
def _check_order(order: np.ndarray, n: int) -> tuple[int, int]:
    """Position and kind of the first fault: 0 none, 1 out of range, 2 repeated; out of range wins."""
    seen = np.zeros(n, np.uint8)
    repeated = -1
    for position in range(len(order)):
        city = order[position]
        if city < 0 or city >= n:
            return position, 1
        if seen[city] and repeated < 0:
            repeated = position
        seen[city] = 1
    return (repeated, 2) if repeated >= 0 else (0, 0)


@jit
def _tour_length(metric: int, coords: np.ndarray, matrix: np.ndarray, order: np.ndarray) -> float:
    n = len(order)
    if n < 2:
        return 0.0
    length = distance(metric, coords, matrix, order[n - 1], order[0])
    for k in range(n - 1):
        length += distance(metric, coords, matrix, order[k], order[k + 1])
    return length


TSP = Problem("tsp", "Travelling salesman", TSPInstance, Tour, evaluate)
ATSP = Problem("atsp", "Asymmetric travelling salesman", ATSPInstance, Tour, evaluate)
