"""Solvers for orienteering with time windows against each other and against published optima."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from orienteering_cases import optimum, random_instance

import cosolve
from cosolve.core.metric import Metric
from cosolve.core.monitor import Monitor
from cosolve.core.problem import judge
from cosolve.core.result import Status
from cosolve.core.solver import Feature, solvers
from cosolve.core.stop import Stop
from cosolve.instances.distances import Distances
from cosolve.instances.generators.orienteering import hard
from cosolve.instances.orienteering import TOLERANCE, OPTWInstance, OPTWRoute, OPTWVPInstance, TimedRoute, evaluate
from cosolve.search import orienteering_local
from cosolve.solvers.formulations import formulate
from cosolve.solvers.greedy.optwvp import construct
from cosolve.solvers.highs import Highs, HighsOptions
from cosolve.solvers.orienteering import arrays_of
from cosolve.solvers.proofs import doubt

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


def _there_and_back(lateness: float) -> tuple[OPTWInstance, OPTWRoute]:
    """One customer, and the route to him that is back so long after the horizon."""
    way = 2**0.5
    instance = OPTWInstance(
        distances=Distances.from_coords(np.array([[0.0, 0], [1, 1]]), Metric.EXACT_2D),
        opens=np.zeros(2), closes=np.full(2, 9.0), horizon=2 * way - lateness, prize=np.array([0.0, 10]),
    )  # fmt: skip
    return instance, OPTWRoute(customers=np.array([1]), start=np.array([way]), duration=np.zeros(1))


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("lateness", [1.25e-7, 9e-7])
def test_what_the_judge_takes_for_in_time_is_found_and_proven(name, lateness):
    """Proofs with a slack of 1e-9 said that nothing can be earned, while the judge, who allows 1e-6, took the route."""
    instance, route = _there_and_back(lateness)
    assert evaluate(instance, route).feasible
    result = cosolve.solve(instance, name, time_limit=10)
    assert result.objective == 10
    assert result.bound is None or result.bound == 10


@pytest.mark.parametrize("name", ["labelling", "local-search", "highs", "scip", "auto"])
@pytest.mark.parametrize("lateness", [TOLERANCE - 1e-9, TOLERANCE, TOLERANCE + 1e-9])
def test_where_the_judge_takes_a_route_by_its_last_digits_nothing_is_proven_against_it(name, lateness):
    """The kernels add times up in another order than the judge: within that noise there is a bound but no proof."""
    instance, _ = _there_and_back(lateness)
    result = cosolve.solve(instance, name, time_limit=2)
    assert result.bound >= 10 or result.objective == 10


@pytest.mark.parametrize("name", ["highs", "scip"])
def test_visits_that_come_too_late_leave_the_rest_of_the_route(name):
    """HiGHS takes a window that is missed by a hair, the judge does not: there was no solution at all."""
    travel = np.array([[0.0, 4, 9], [4, 0, 5], [9, 5, 0]])
    instance = OPTWInstance(
        distances=Distances.from_matrix(travel), opens=np.zeros(3),
        closes=np.array([0, 4, 9 - TOLERANCE - 1e-10]), horizon=18, prize=np.array([0.0, 3, 5]),
    )  # fmt: skip
    result = cosolve.solve(instance, name, time_limit=10)
    assert result.objective == 3


@pytest.mark.parametrize("name", ["highs", "scip", "pulp", "cpsat"])
def test_the_empty_route_is_there_before_the_model_and_counts_as_none_that_was_found(name):
    """Where time was up before a backend had found it, there was none; PuLP's comes out of a process of its own."""
    instance, _ = _there_and_back(0.0)
    result = cosolve.solve(instance, name, time_limit=20, solutions=1)
    assert next(point.objective for point in result.trajectory if point.objective is not None) == 0
    assert result.objective == 10


@pytest.mark.parametrize("name", ["c101", "r101", "pr10"])
def test_no_big_m_is_so_small_that_backends_are_not_trusted(data, name):
    """Windows that overlap by the judge's slack have one of a millionth: HiGHS would prove nothing."""
    model = formulate(cosolve.read(data / "optw" / f"{name}.txt")).model
    assert doubt(model, Highs().precision(HighsOptions())) == ""


@pytest.mark.parametrize("name", ["highs", "scip"])
@pytest.mark.parametrize("unit", [2.0**-27, 2.0**-40])
def test_small_times_earn_what_they_are_worth(name, unit):
    """Serving for less than a backend's tolerance was nothing to it, and the empty route optimal."""
    instance = random_instance(14, 5, fixed=False)
    names = ("opens", "closes", "horizon", "min_service", "segment_length")
    times = {key: getattr(instance, key) * unit for key in names}
    matrix = Distances.from_matrix(instance.distances.dense() * unit)
    small = replace(instance, distances=matrix, segment_rate=instance.segment_rate / unit, **times)
    best = optimum(small)
    result = cosolve.solve(small, name, time_limit=30)
    assert best > 0
    assert result.objective == pytest.approx(best)
    assert result.bound is None or result.bound >= best * (1 - 1e-9)


@pytest.mark.parametrize("unit", [1.0, 1e3 / 3, 1e7 / 3])
def test_tight_routes_are_found_whatever_the_unit_of_time(unit):
    """At 1e7 rounding exceeds 1e-9: routes that fill the horizon exactly were lost, and less was proven optimal."""
    for seed in range(20):
        # One order alone is in time, and that to the instant: at each window and at the horizon.
        rng = np.random.default_rng(seed)
        legs, service = rng.integers(1, 12, 6).astype(float), np.append(0.0, rng.integers(0, 5, 5))
        travel = np.full((6, 6), 99.0)
        travel[np.arange(6), (np.arange(6) + 1) % 6] = legs
        at = np.cumsum(legs) + np.append(0.0, np.cumsum(service[1:]))
        instance = OPTWInstance(
            distances=Distances.from_matrix(travel * unit), opens=np.zeros(6),
            closes=np.append(9.0, at[:-1]) * unit, horizon=at[-1] * unit,
            prize=np.array([0.0, 1, 1, 1, 1, 1]), min_service=service * unit,
        )  # fmt: skip
        result = cosolve.solve(instance, "labelling", time_limit=20)
        assert result.objective == 5, seed
        assert result.status is Status.OPTIMAL, seed


@pytest.mark.parametrize("unit", [1.0, 1e5 / 3, 1e7 / 3])
def test_service_times_that_use_up_the_slack_pass_the_judge(unit):
    """Where profits grow with time the best route always ends at the limit: slacks that add up would break it there."""
    for seed in range(40):
        instance = random_instance(seed, 6, fixed=False)
        scaled = OPTWVPInstance(
            distances=Distances.from_matrix(instance.distances.dense() * unit), opens=instance.opens * unit,
            closes=instance.closes * unit, horizon=instance.horizon * unit, prize=instance.prize,
            min_service=instance.min_service * unit, segment_ptr=instance.segment_ptr,
            segment_length=instance.segment_length * unit, segment_rate=instance.segment_rate / unit,
        )  # fmt: skip
        result = cosolve.solve(scaled, "labelling", time_limit=20)
        assert result.status is Status.OPTIMAL, seed
        assert result.objective == pytest.approx(optimum(instance), abs=1e-5), seed


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("unit", [1e-9, 1e-13])
def test_small_profits_are_told_apart(name, unit):
    """Within a tolerance of 1e-9 any route was the best one, and proven so."""
    instance = random_instance(3, 7, fixed=False)
    small = replace(instance, prize=instance.prize * unit, segment_rate=instance.segment_rate * unit)
    result, expected = (cosolve.solve(it, name, time_limit=10) for it in (small, instance))
    assert result.objective / unit == pytest.approx(expected.objective)
    if expected.bound is not None:
        assert result.bound / unit == pytest.approx(expected.bound)
    assert result.status == expected.status


def test_iterations_end_the_search_of_small_profits_too():
    instance = cosolve.generate("optw", "uniform", size=30, seed=1)
    small = replace(instance, prize=instance.prize * 1e-9)
    result = cosolve.solve(small, "local-search", iterations=50, time_limit=20)
    assert result.limit is cosolve.Limit.ITERATION


def test_times_that_are_whole_but_for_a_little_are_not_called_whole():
    """Five digits before the point and four behind it were rounded, up and down: nobody could be visited, "optimal"."""
    way, horizon = 100000.00005, 200000.0001
    instance = OPTWInstance(
        distances=Distances.from_matrix(np.array([[0.0, way], [way, 0.0]])),
        opens=np.zeros(2), closes=np.full(2, horizon), horizon=horizon, prize=np.array([0.0, 5.0]),
    )  # fmt: skip
    result = cosolve.solve(instance, "cpsat", time_limit=20)
    assert result.objective == 5.0
    assert result.bound is None or result.bound >= 5.0


def test_service_within_the_slack_is_part_of_the_bound():
    """At a high rate what the judge's slack allows to earn is much: it was beyond the bound, and less was "optimal"."""
    way, horizon = 0.6000000000000001, 0.8000000000000002
    instance = OPTWVPInstance(
        distances=Distances.from_matrix(np.array([[0.0, way], [way, 0.0]])),
        opens=np.full(2, -0.4), closes=np.full(2, horizon), horizon=horizon, prize=np.zeros(2),
        segment_ptr=np.array([0, 0, 1]), segment_length=np.array([0.2]), segment_rate=np.array([77475864.0]),
    )  # fmt: skip
    latest = evaluate(instance, TimedRoute(customers=[1], start=[0.20000000000000007], duration=[1e-6]))
    assert latest.feasible
    assert latest.objective <= cosolve.solve(instance, "labelling", time_limit=20).bound


def test_an_insertion_that_is_stopped_has_the_route_so_far():
    """Of a thousand customers it takes seconds."""
    instance = hard(seed=1, size=30)
    arrays = arrays_of(instance)
    assert len(orienteering_local.construct(arrays)) > 0
    assert len(orienteering_local.construct(arrays, np.ones(1, np.int64))) == 0
    monitor = Monitor(instance, Stop(time_limit=0.0))
    route = construct(instance, monitor, np.random.default_rng(0))
    assert judge(instance, route).feasible
    assert monitor.best.objective == 0.0
