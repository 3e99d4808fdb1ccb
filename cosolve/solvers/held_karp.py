"""Solver "held-karp": a proven lower bound for tsp and atsp, no tours."""

from __future__ import annotations

from typing import Any

import numpy as np

import cosolve
from cosolve.core.instance import Solution
from cosolve.core.jit import frozen
from cosolve.core.metric import Metric
from cosolve.core.monitor import Monitor
from cosolve.core.solver import Availability, Feature, Outcome
from cosolve.instances.tsp import Tour, TSPInstance, evaluate
from cosolve.search import held_karp
from cosolve.search.atsp import assignment, patch
from cosolve.search.tours import candidates, greedy_edge, shortest_tour
from cosolve.solvers.compiled import CompiledSolver

#: Up to this many cities every 1-tree of the last phase is taken over the complete graph.
MAX_DENSE = 3_000

#: Above this many cities even one complete 1-tree takes minutes.
MAX_CITIES = 200_000

#: Candidates of the sparse phase.
_CANDIDATES = 10

#: Pairs looked at between two looks at the clock.
_PAIRS = 5_000_000


class HeldKarp(CompiledSolver):
    """
    Held-Karp bound by subgradient ascent over 1-trees, about 0.7 % below the optimum for uniform points.

    The ascent runs on candidate edges; every bound that is reported comes from a 1-tree over all edges. For the
    asymmetric problem it starts from the assignment bound and goes on over the symmetric instance of 2n nodes.
    """

    name = "held-karp"
    title = "Held-Karp lower bound by 1-trees (no tours)"
    problems = frozenset({"tsp", "atsp"})
    features = Feature.BOUND | Feature.DETERMINISTIC

    def available(self) -> Availability:
        """Always."""
        return Availability(True, cosolve.__version__)

    def solve(
        self,
        instance: TSPInstance,
        monitor: Monitor,
        *,
        seed: int,
        threads: int,
        initial: Solution | None,
        options: Any,
    ) -> Outcome:
        """See :meth:`Solver.solve`."""
        n = instance.size
        if monitor.should_stop():
            return Outcome()
        if n <= 3:
            tour = Tour(order=shortest_tour(instance.distances.dense()))
            monitor.report_bound(evaluate(instance, tour).objective or 0.0)
            return Outcome()
        if instance.problem == "atsp":
            return _directed(instance, monitor)
        if n > MAX_CITIES:
            return Outcome(message=f"no bound above {MAX_CITIES} cities.")
        return _symmetric(instance, monitor)


def _directed(instance: TSPInstance, monitor: Monitor) -> Outcome:
    n = instance.size
    if 2 * n > 2 * MAX_DENSE:
        return Outcome(message=f"no bound above {MAX_DENSE} cities.")
    matrix = instance.distances.dense()
    columns, rows, duals = assignment(matrix)
    # Duals may be off by rounding: what they prove is their sum plus the most negative reduced length, n times.
    reduced = matrix - rows[:, None] - duals
    np.fill_diagonal(reduced, 0.0)
    bound = float(rows.sum() + duals.sum()) + n * min(0.0, float(reduced.min()))
    monitor.report_bound(held_karp.safe(bound, np.concatenate([rows, duals])))
    tour = patch(matrix, columns)
    upper = float(matrix[tour, np.roll(tour, -1)].sum())
    symmetric, prices, constant = held_karp.two_node_matrix(matrix, rows, duals)
    ascent = held_karp.Ascent(prices, upper - constant)
    iterations = _dense_phase(int(Metric.MATRIX), np.empty((0, 2)), symmetric, ascent, monitor, constant)
    return Outcome(stats={"iterations": iterations})


def _symmetric(instance: TSPInstance, monitor: Monitor) -> Outcome:
    metric, coords, matrix = instance.distances.kernel_args
    coords, matrix = frozen(coords), frozen(matrix)
    n = instance.size
    neighbours, lengths = candidates(metric, coords, matrix, _CANDIDATES)
    tour = greedy_edge(metric, coords, matrix, neighbours, lengths)
    tour_lengths = held_karp.edge_lengths(metric, coords, matrix, tour)
    # A greedy tour is some 16 % long; the best known tour makes better steps, if there is one.
    upper = 0.88 * float(tour_lengths.sum()) if monitor.best is None else monitor.best.objective
    graph = held_karp.sparse_graph(neighbours, lengths, tour, tour_lengths)
    degree = np.zeros(n, np.int64)
    ascent = held_karp.Ascent(np.zeros(n), upper)
    iterations, reported = 0, 0.0
    while not ascent.is_over and not monitor.should_stop():
        ascent.step(held_karp.sparse_one_tree(*graph, ascent.prices, degree), degree)
        iterations += 1
        # Now and then a complete 1-tree, so that a run that is cut short has a bound: it costs n / 100 sparse ones.
        if iterations % max(100, n // 20) == 0 and ascent.best > reported:
            reported = ascent.best
            _report_dense(metric, coords, matrix, ascent.best_prices, monitor)
    _report_dense(metric, coords, matrix, ascent.best_prices, monitor)
    if n <= MAX_DENSE and not monitor.should_stop():
        ascent = held_karp.Ascent(ascent.best_prices, ascent.upper)
        ascent.factor = 0.1
        iterations += _dense_phase(metric, coords, matrix, ascent, monitor, 0.0)
    return Outcome(stats={"iterations": iterations})


def _dense_phase(
    metric: int,
    coords: np.ndarray,
    matrix: np.ndarray,
    ascent: held_karp.Ascent,
    monitor: Monitor,
    constant: float,
) -> int:
    """Ascend over complete 1-trees, each of which may be reported; the number of iterations."""
    coords, matrix = frozen(coords), frozen(matrix)
    degree = np.zeros(len(ascent.prices), np.int64)
    iterations = 0
    while not ascent.is_over and not monitor.should_stop():
        length = held_karp.dense_one_tree(metric, coords, matrix, ascent.prices, degree)
        margin = held_karp.safe(length, ascent.prices) + constant
        iterations += 1
        if ascent.step(length, degree):
            monitor.report_bound(margin - 1e-12 * abs(constant))
    return iterations


def _report_dense(metric: int, coords: np.ndarray, matrix: np.ndarray, prices: np.ndarray, monitor: Monitor) -> None:
    """Report the bound of a complete 1-tree, unless time is up before it is done."""
    n = len(prices)
    key, parent, outside = held_karp.prim_start(n, 1)
    left = n - 1
    while left > 0:
        if monitor.should_stop():
            return
        left = held_karp.prim_continue(
            metric, coords, matrix, prices, key, parent, outside, left, max(1, _PAIRS // left)
        )
    degree = np.zeros(n, np.int64)
    length = held_karp.finish_one_tree(metric, coords, matrix, prices, key, parent, degree)
    monitor.report_bound(held_karp.safe(length, prices))
