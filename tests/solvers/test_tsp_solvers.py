"""Solvers of tsp and atsp on tiny and on published instances."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

import cosolve
from cosolve.core.metric import Metric
from cosolve.core.monitor import Monitor
from cosolve.core.solver import solvers
from cosolve.core.stop import Stop
from cosolve.instances.distances import Distances
from cosolve.instances.tsp import ATSPInstance, TSPInstance

SOLVERS = ["greedy", "local-search", "held-karp", "cpsat"]


def tiny(problem: str, n: int, seed: int = 0) -> TSPInstance:
    rng = np.random.default_rng(seed)
    if problem == "tsp":
        return TSPInstance(distances=Distances.from_coords(rng.integers(0, 100, (n, 2)).astype(float)))
    return ATSPInstance(distances=Distances.from_matrix(rng.integers(1, 100, (n, n)).astype(float)))


def optimum(instance: TSPInstance) -> float:
    n, between = instance.size, instance.distances.between
    if n == 1:
        return 0.0
    return min(
        sum(between(a, b) for a, b in zip((0, *rest), (*rest, 0), strict=True)) for rest in permutations(range(1, n))
    )


@pytest.mark.parametrize("problem", ["tsp", "atsp"])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("n", [1, 2, 3, 4, 7])
def test_bound_optimum_and_tour_are_in_order(problem: str, solver: str, n: int):
    """For one, two and three cities too, where there is nothing to choose."""
    instance = tiny(problem, n)
    result = cosolve.solve(instance, solver, time_limit=10, iterations=50 if solver == "local-search" else None)
    best = optimum(instance)
    assert result.status is not cosolve.Status.ERROR, result.message
    if solver == "held-karp":
        assert result.bound is not None
    else:
        assert result.objective is not None
        assert result.objective >= best
    if result.bound is not None:
        assert result.bound <= best
    if solver in ("local-search", "cpsat"):
        assert result.objective == best


@pytest.mark.parametrize("problem", [TSPInstance, ATSPInstance])
@pytest.mark.parametrize("noise", [0.5, 1e-8, 1e-12])
def test_rounded_lengths_leave_a_proof_and_a_bound_below_the_optimum(problem, noise):
    """CP-SAT rounds fractions to whole numbers: its bound is less by what that may change, which is next to nothing."""
    for seed in range(5):
        matrix = 1.0 + noise * np.random.default_rng(seed).random((7, 7))
        matrix = matrix + matrix.T if problem is TSPInstance else matrix
        instance = problem(distances=Distances.from_matrix(matrix))
        monitor = Monitor(instance, Stop(20))
        adapter = solvers.get("cpsat")()
        adapter.solve(instance, monitor, seed=0, threads=1, initial=None, options=adapter.options_type())
        assert monitor.is_proven  # whether CP-SAT came to its end, or was stopped as bound and solution had met
        assert monitor.best.objective == pytest.approx(optimum(instance), rel=1e-8)
        assert optimum(instance) * (1 - 1e-7) <= monitor.bound <= optimum(instance)


@pytest.mark.parametrize("solver", ["greedy", "local-search", "held-karp"])
@pytest.mark.parametrize("metric", [Metric.EUC_2D, Metric.EXACT_2D, Metric.GEO, Metric.MAX_2D])
def test_duplicate_points_are_no_trouble(solver: str, metric: Metric):
    """Forty cities on four places: zero lengths everywhere."""
    coords = np.array([[0, 0], [0, 9], [9, 9], [9, 0]], float)[np.arange(40) % 4]
    instance = TSPInstance(distances=Distances.from_coords(coords, metric))
    result = cosolve.solve(instance, solver, time_limit=20, iterations=50 if solver == "local-search" else None)
    assert result.status is not cosolve.Status.ERROR, result.message
    if solver == "local-search" and metric is not Metric.GEO:  # GEO is 1 between equal points
        assert result.objective == 36


@pytest.mark.parametrize("name", ["dj38", "berlin52", "gr17", "burma14", "bays29", "att48"])
def test_local_search_finds_the_optimum_of_small_published_instances(data: Path, name: str):
    """All the metrics and layouts of TSPLIB; optimal values from its list (dj38: Waterloo)."""
    best = {"dj38": 6656, "berlin52": 7542, "gr17": 2085, "burma14": 3323, "bays29": 2020, "att48": 10628}[name]
    instance = cosolve.read(data / "tsp" / f"{name}.tsp", format="tsplib")
    result = cosolve.solve(instance, "local-search", time_limit=30, iterations=3000, target=best)
    assert result.objective == best


@pytest.mark.parametrize(("name", "best"), [("br17", 39), ("ft53", 6905), ("ftv33", 1286), ("p43", 5620)])
def test_directed_search_and_bound_enclose_the_published_optimum(data: Path, name: str, best: int):
    """Optimal values from the TSPLIB report."""
    instance = cosolve.read(data / "atsp" / f"{name}.atsp", format="tsplib")
    result = cosolve.solve(instance, "local-search", time_limit=30, iterations=40_000, target=best)
    assert result.objective is not None
    assert best <= result.objective <= 1.01 * best
    bound = cosolve.solve(instance, "held-karp", time_limit=3).bound
    assert bound is not None
    assert bound <= best


def test_the_bound_of_e1k_is_that_of_the_literature():
    """Held-Karp is 0.7 to 0.8 % below the optimum 23,360,648 of E1k.0 and never above it."""
    instance = cosolve.generate("tsp", "dimacs", name="E1k.0")
    bound = cosolve.solve(instance, "held-karp", time_limit=4).bound
    assert bound is not None
    assert 0.985 * 23_360_648 < bound < 23_360_648


def test_local_search_of_e1k_is_within_two_percent_after_few_kicks():
    """Plain 3-opt is 3 % above the Held-Karp bound; kicks must help."""
    instance = cosolve.generate("tsp", "dimacs", name="E1k.0")
    result = cosolve.solve(instance, "local-search", time_limit=30, iterations=3000)
    assert result.objective is not None
    assert 23_360_648 <= result.objective < 1.02 * 23_360_648


@pytest.mark.parametrize("problem", ["tsp", "atsp"])
def test_larger_circuit_models_have_candidate_arcs_only_and_no_bound(problem: str):
    """A bound over a part of the arcs is no bound."""
    from cosolve.solvers.cpsat.tsp import MAX_COMPLETE, build

    instance = cosolve.generate(problem, "uniform", size=MAX_COMPLETE + 10, seed=1)
    model = build(instance)
    assert not model.bound_is_valid
    start = cosolve.solve(instance, "greedy").solution
    assert model.encode is not None
    assert sum(model.encode(start)) == instance.size
    assert cosolve.judge(instance, model.decode(model.encode(start))).feasible


@pytest.mark.parametrize("problem", ["tsp", "atsp"])
@pytest.mark.parametrize("n", [2, 7])
def test_lkh_runs_apart_until_the_limit_and_keeps_its_best(problem: str, n: int):
    """On tiny instances it is called thousands of times, with more runs than it takes if nobody counts."""
    if not solvers.get("lkh")().available().ok:
        pytest.skip("elkai is not installed")
    instance = tiny(problem, n)
    result = cosolve.solve(instance, "lkh", time_limit=3)
    assert result.status is cosolve.Status.FEASIBLE, result.message
    assert result.objective == optimum(instance)
