"""Solvers for orienteering with time windows against each other and against published optima."""

from __future__ import annotations

import numpy as np
import pytest
from orienteering_cases import optimum, random_instance

import cosolve
from cosolve.core.result import Status
from cosolve.core.solver import Feature, solvers

#: Optima proven by Righini and Salani's decremental state space relaxation (1xx, pr01-pr05), and best known values
#: (c201, r201, pr10, pr11) that the search proves.
FAST = {"c101": 320, "c104": 420, "c201": 870, "r101": 198, "rc101": 219, "rc104": 301, "pr01": 308, "pr02": 404}
SLOW = {"r104": 303, "r201": 797, "pr04": 489, "pr05": 595, "pr10": 594, "pr11": 353}

#: A learned solver needs a checkpoint for the instance's size; its own tests compare it.
OURS = ("auto", "labelling", "beam", "greedy", "local-search", "highs", "scip", "cpsat")


@pytest.mark.parametrize(
    ("name", "best"), [*FAST.items(), *(pytest.param(*item, marks=pytest.mark.slow) for item in SLOW.items())]
)
def test_published_optima_are_proven(data, name, best):
    """Distances cut off at the wrong decimal, or a label lost, change these values."""
    result = cosolve.solve(cosolve.read(data / "optw" / f"{name}.txt"), "labelling", time_limit=120)
    assert result.objective == best
    assert result.bound == best
    assert result.status is Status.OPTIMAL


@pytest.mark.parametrize("seed", range(8))
def test_nobody_reports_a_bound_that_a_verified_solution_beats(seed):
    """One false bound, and every gap in a table is worthless."""
    instance = random_instance(1000 + seed, 3 + seed % 4)
    best = optimum(instance)
    for name in OURS:
        adapter = solvers.get(name)
        if instance.problem not in adapter.problems or not adapter().available().ok:
            continue
        limits = {"iterations": 200} if name == "local-search" else {}
        result = cosolve.solve(instance, name, time_limit=20, **limits)
        assert result.objective is not None, name
        assert result.objective <= best + 1e-6, name
        assert result.bound is None or result.bound >= best - 1e-6 * max(1, best), name
        if Feature.EXACT in adapter.features and name != "cpsat":
            assert result.status is Status.OPTIMAL, name
            assert result.objective == pytest.approx(best, abs=1e-6), name


@pytest.mark.parametrize("problem", ["optw", "optwvp"])
def test_bounds_and_solutions_are_in_order_on_larger_instances(problem):
    """On instances that no one enumerates, all bounds still lie above all solutions."""
    family, parameters = ("uniform", {}) if problem == "optw" else ("hard", {"width": 4.0})
    instance = cosolve.generate(problem, family, seed=3, size=14, **parameters)
    results = {
        name: cosolve.solve(instance, name, time_limit=3, **({"iterations": 500} if name == "local-search" else {}))
        for name in ("labelling", "beam", "greedy", "local-search", "scip")
    }
    most = max(result.objective for result in results.values())
    assert results["labelling"].status is Status.OPTIMAL
    assert results["labelling"].objective == pytest.approx(most, abs=1e-6)
    for name, result in results.items():
        assert result.bound is None or result.bound >= most - 1e-6 * most, name


def test_hard_instance_has_a_bound_within_the_limit():
    """Before any pass over labels ends, the grid of times must have given one."""
    instance = cosolve.generate("optwvp", "hard", width=5.0, cap=0.25)
    result = cosolve.solve(instance, "labelling", time_limit=5)
    assert result.bound is not None
    assert result.objective > 35
    assert result.objective <= result.bound <= float((instance.caps[1:] * instance.segment_rate).sum()) + 1e-6
    assert result.runtime < 5 + 5


def test_local_search_reaches_the_optimum_from_any_start():
    """c104's optimum is 420, the insertion's route is worth less; a start may hold a place that earns nothing."""
    instance = cosolve.generate("optwvp", "hard", seed=1, size=20, width=3.0)
    best = cosolve.solve(instance, "labelling", time_limit=60)
    assert best.status is Status.OPTIMAL
    poor = cosolve.solve(instance, "greedy")
    found = cosolve.solve(instance, "local-search", iterations=20_000, initial=poor.solution)
    assert poor.objective <= found.objective <= best.objective + 1e-6
    assert found.objective >= 0.99 * best.objective


def test_same_seed_same_route():
    """Two runs that differ make no experiment."""
    instance = cosolve.generate("optwvp", "hard", seed=2, size=25)
    first, again = (cosolve.solve(instance, "local-search", iterations=500, seed=5).solution for _ in range(2))
    assert np.array_equal(first.customers, again.customers)


@pytest.mark.parametrize(
    ("solver", "options", "message"),
    [
        ("labelling", {"neighbours": -1}, "neighbours must be >= 0"),
        ("labelling", {"max_labels": 10}, "max_labels must be >= 1000"),
        ("beam", {"width": 0}, "width must be >= 1"),
    ],
)
def test_impossible_options_are_refused(solver, options, message):
    """Before the search."""
    with pytest.raises(ValueError, match=message):
        cosolve.solve(cosolve.generate("optw", "uniform", size=5), solver, options=options)
