"""The CP-SAT adapter on small models of its own; the problems' models have tests of theirs."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from time import perf_counter
from types import SimpleNamespace

import numpy as np
import pytest

import cosolve
from cosolve.core.monitor import Monitor, OutOfTime
from cosolve.instances.distances import Distances
from cosolve.instances.milp import MILPInstance, Values
from cosolve.instances.stp import STPInstance
from cosolve.instances.tsp import TSPInstance
from cosolve.solvers.cpsat import MAX_PRESOLVED, CpSat, CpSatOptions, Model, run
from cosolve.solvers.cpsat.milp import build as milp_model
from tests.solvers.milps import INF, brute_force, hard_cover, milp, random_milp


def build(instance: MILPInstance, **changes) -> Model:
    return replace(milp_model(instance), **changes)


def solve(instance, model=None, *, time_limit=20.0, options=None, **stop):
    monitor = Monitor(instance, cosolve.Stop(time_limit=time_limit, **stop))
    outcome = run(model or build(instance), monitor, seed=1, threads=1, options=options or CpSatOptions())
    return monitor, outcome


def test_random_models_agree_with_brute_force():
    """A bound or objective that is not scaled back, or a lost sense, would show here."""
    for seed in range(12):
        instance = random_milp(seed)
        expected = brute_force(instance)
        monitor, outcome = solve(instance)
        if expected is None:
            assert outcome.status == cosolve.Status.INFEASIBLE
            assert monitor.best is None
        else:
            assert outcome.status == cosolve.Status.OPTIMAL
            assert monitor.best is not None
            assert monitor.best.objective == pytest.approx(expected)
            assert monitor.bound == pytest.approx(expected)
            assert monitor.claimed_objective == pytest.approx(expected)


def test_rounded_model_passes_up_neither_bound_nor_proof():
    """A model with rounded data is another instance: its OPTIMAL and INFEASIBLE say nothing of this one."""
    instance = cosolve.generate("milp", "steiner-triple", n=9)
    monitor, outcome = solve(instance, build(instance, bound_is_valid=False))
    assert monitor.best is not None
    assert monitor.bound is None
    assert outcome.status == cosolve.Status.FEASIBLE
    impossible = milp([[1, 1]], 1, upper=1, row_lower=3)
    monitor, outcome = solve(impossible, build(impossible, bound_is_valid=False))
    assert outcome.status == cosolve.Status.FEASIBLE
    assert "rounded" in outcome.message


def test_large_numbers_are_no_reason_to_miss_the_optimum():
    """CP-SAT 9.15's presolve closes such models at a wrong value now and then: the first of these at -21 for -52."""
    for seed in (6, 436, 723):
        rng = np.random.default_rng(seed)
        scale = 10**13
        rows = rng.integers(-scale, scale, (4, 6)) * (rng.random((4, 6)) < 0.6)
        cost, sides = rng.integers(-50, 50, 6), (rows.sum(1) * rng.uniform(0.2, 0.8, 4)).astype(np.int64)
        upper = np.append(np.ones(6, np.int64), rng.integers(1, 4, 2))
        rows = np.hstack([rows, rng.integers(-scale, scale, (4, 2)) * (rng.random((4, 2)) < 0.6)])
        cost = np.append(cost, rng.integers(-50, 50, 2))
        instance = milp(rows, cost, upper=upper, row_upper=sides)
        assert build(instance).magnitude > MAX_PRESOLVED
        monitor, outcome = solve(instance)
        assert outcome.status == cosolve.Status.OPTIMAL
        assert monitor.best.objective == brute_force(instance)


def test_invalid_model_is_an_error_with_cp_sats_own_words():
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    y = model.new_int_var(0, 2**62, "")
    model.minimize(y)
    instance = milp([[1]], 1, upper=1)
    _, outcome = solve(instance, Model(model, [y], lambda values: Values(values=np.array(values, dtype=float))))
    assert outcome.status == cosolve.Status.ERROR
    assert "domain" in outcome.message


def test_reason_of_an_invalid_model_is_a_short_one():
    """CP-SAT tells of an objective that is too large by printing all of it: half a megabyte for 120 cities."""
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    literals = [model.new_bool_var("") for _ in range(1000)]
    model.minimize(cp_model.LinearExpr.weighted_sum(literals, [2**60] * 1000))
    _, outcome = solve(milp([[1]], 1, upper=1), Model(model, literals, lambda values: Values(values=np.array([1.0]))))
    assert outcome.status == cosolve.Status.ERROR
    assert "overflow" in outcome.message
    assert len(outcome.message) < 250


def test_whole_costs_make_valid_models_however_large():
    """CP-SAT adds up the costs of all variables, not of as many as a solution has: these models were invalid."""
    matrix = 1.5e15 * (1.0 - np.eye(60))
    cities = TSPInstance(distances=Distances.from_matrix(matrix))
    graph = cosolve.generate("stp", "hypercube", dimensions=6, perturbed=True)
    trees = STPInstance(
        num_nodes=graph.num_nodes, edges=graph.edges, weights=2e14 * graph.weights, terminals=graph.terminals
    )
    for instance in (cities, trees):
        assert instance.is_integral
        model = importlib.import_module(f"cosolve.solvers.cpsat.{instance.problem}").build(instance)
        assert model.scale > 1.0
        assert model.model.validate() == ""


@pytest.mark.parametrize("delay", [0.0, 0.05, 0.6])
def test_interrupt_at_any_moment_ends_soon(delay):
    """``stop_search`` before the search has begun is lost: it must be repeated."""
    instance = hard_cover(rows=300, columns=400)
    model = build(instance)
    monitor = Monitor(instance, cosolve.Stop(time_limit=60))
    threading.Timer(delay, monitor.interrupt).start()
    started = perf_counter()
    run(model, monitor, seed=0, threads=1, options=CpSatOptions())
    assert perf_counter() - started < delay + 2.0
    assert monitor.limit == cosolve.Limit.INTERRUPTED


def test_time_limit_keeps_solution_and_bound():
    started = perf_counter()
    monitor, outcome = solve(hard_cover(), time_limit=1.5)
    assert perf_counter() - started < 3.5
    assert outcome.status == cosolve.Status.FEASIBLE
    assert monitor.best is not None
    assert monitor.bound is not None
    assert monitor.bound <= monitor.best.objective


@pytest.mark.parametrize(
    ("problem", "parameters", "looks"), [("cvrp", {"n": 45}, 6), ("vrptw", {"n": 60}, 8), ("optw", {"size": 60}, 6)]
)
def test_models_of_routes_look_at_the_clock_in_every_loop(problem, parameters, looks):
    """Models of 1,000 to 2,000 arcs: two looks in each loop over them; they were built to their end."""
    instance = cosolve.generate(problem, "uniform", seed=1, **parameters)
    build = importlib.import_module(f"cosolve.solvers.cpsat.{problem}").build

    class Clock(Monitor):
        looks, last = 0, 100

        def should_stop(self):
            self.looks += 1
            return self.looks > self.last

    clock = Clock(instance, cosolve.Stop())
    build(instance, clock)
    assert clock.looks == looks
    for last in range(looks):
        clock = Clock(instance, cosolve.Stop())
        clock.last = last
        with pytest.raises(OutOfTime):
            build(instance, clock)


def test_target_stops_the_search():
    instance = hard_cover()
    monitor, _ = solve(instance, target=float(instance.size))
    assert monitor.limit == cosolve.Limit.TARGET


def test_failing_decoder_is_an_error_not_a_crash():
    """The callback runs inside C++ frames, on a thread of CP-SAT."""
    instance = hard_cover()
    model = build(instance)

    def decode(values):
        raise RuntimeError("decoder is broken")

    broken = Model(model.model, model.variables, decode)
    with pytest.raises(RuntimeError, match="decoder is broken"):
        solve(instance, broken)


def test_workers_are_eight_whatever_the_threads(monkeypatch):
    """With fewer, CP-SAT drops its linear-programming workers; the result must say how many there were."""
    instance = cosolve.generate("milp", "steiner-triple", n=9)
    _, outcome = solve(instance)
    assert outcome.stats["workers"] == 8
    _, outcome = solve(instance, options=CpSatOptions(workers=2))
    assert outcome.stats["workers"] == 2


def test_interleaved_search_repeats_exactly():
    """The documented way to a reproducible run."""
    instance = cosolve.generate("milp", "steiner-triple", n=15)
    options = CpSatOptions(interleave=True, deterministic_time=0.05)
    first, second = (solve(instance, options=options)[0] for _ in range(2))
    assert first.best is not None
    assert second.best is not None
    assert first.best.solution == second.best.solution
    assert first.bound == second.bound


def test_warm_start_is_a_hint_for_cp_sat(monkeypatch):
    """The hint must reach the model, and a second build must not add to the first one's."""
    instance = cosolve.generate("milp", "steiner-triple", n=9)
    models = []

    def remember(it, monitor):
        models.append(build(it))
        return models[-1]

    monkeypatch.setitem(sys.modules, "cosolve.solvers.cpsat.milp", SimpleNamespace(build=remember))
    monitor = Monitor(instance, cosolve.Stop(time_limit=20))
    initial = Values(values=np.ones(9))
    CpSat().solve(instance, monitor, seed=0, threads=1, initial=initial, options=CpSatOptions())
    assert list(models[0].model.proto.solution_hint.values) == [1] * 9
    assert monitor.best is not None
    assert monitor.best.objective == 5


@pytest.mark.parametrize(
    "options",
    [{"workers": 0}, {"linearization_level": 3}, {"deterministic_time": -1.0}, {"deterministic_time": float("nan")}],
)
def test_options_out_of_range_are_refused(options):
    with pytest.raises(ValueError, match="must be"):
        CpSatOptions(**options)


def test_milp_of_decimals_is_solved_exactly():
    """Costs and weights with places behind the point: 0.1 + 0.2 <= 0.3 holds, though not in floating point."""
    instance = milp([[0.1, 0.2, 0.05]], [1.25, 2.5, 0.6], upper=1, row_upper=0.3, maximize=True, offset=0.1)
    result = cosolve.solve(instance, "cpsat", time_limit=20)
    assert result.status == cosolve.Status.OPTIMAL
    assert result.solution.values.tolist() == [1, 1, 0]
    assert result.objective == pytest.approx(3.85)
    assert result.bound == pytest.approx(3.85)


@pytest.mark.parametrize(
    ("changes", "optimum"),
    [
        ({"lower": -2.5, "upper": 1.5, "row_lower": -2.2}, -2),
        ({"upper": 3, "row_lower": 1.5, "row_upper": 2.9}, 2),
        ({"upper": 3, "row_lower": 1.2, "row_upper": 1.9}, None),
        ({"lower": 0.3, "upper": 0.7}, None),
        ({"upper": 9, "row_lower": 0, "row_upper": 1e18}, 0),
        ({"upper": 9, "row_lower": 2.0000001}, 2),
        ({"lower": 1 + 1e-9, "upper": 1 + 2e-9}, 1),
    ],
)
def test_milp_sides_and_bounds_move_to_whole_numbers_inside(changes, optimum):
    """min x: -2.2 <= x is x >= -2; nothing whole lies between 1.2 and 1.9."""
    result = cosolve.solve(milp([[1]], 1, **changes), "cpsat", time_limit=20)
    assert result.status == (cosolve.Status.INFEASIBLE if optimum is None else cosolve.Status.OPTIMAL)
    assert result.objective == optimum


@pytest.mark.parametrize(("side", "optimum"), [(0.9999995, 2), (0.99, 1), (5_000.0045, 10_000)])
def test_sides_of_decimal_rows_hold_the_judges_tolerance(side, optimum):
    """It is relative to the side there: 5,000 is at least 5,000.0045 to the judge, and 1 at most 0.9999995."""
    sides = {"row_lower": side, "row_upper": side} if optimum > 2 else {"row_upper": side}
    instance = milp([[0.5, 0.5]], 1, upper=10_000, maximize=True, **sides)
    result = cosolve.solve(instance, "cpsat", time_limit=20)
    assert (result.status, result.objective) == (cosolve.Status.OPTIMAL, optimum)


def test_far_sides_of_whole_rows_are_exact():
    """A relative tolerance would take 3 x + 7 y for 3,000,000,001 within three."""
    instance = milp([[3, 7]], 1, upper=1e9, row_lower=3_000_000_001, row_upper=3_000_000_001)
    result = cosolve.solve(instance, "cpsat", time_limit=20)
    assert (result.status, result.objective) == (cosolve.Status.OPTIMAL, 428_571_431)


@pytest.mark.parametrize(
    ("instance", "message"),
    [
        (milp([[1, 1]], 1, upper=5, integer=[True, False]), "column 1 is continuous"),
        (milp([[1, 1]], 1, upper=[5, INF]), "column 1 has no finite bounds"),
        (milp([[1, 1]], 1, upper=[5, 1e17]), "column 1 has bounds beyond"),
        (milp([[1, 1 / 3]], 1, upper=5), "at most 12 places: row 0 has others"),
        (milp([[1, 1]], [1, np.pi], upper=5), "at most 12 places: the objective has others"),
        (milp([[1, 1e18]], 1, upper=5), "numbers of row 0 are too large"),
    ],
)
def test_milp_that_cp_sat_would_have_to_round_is_refused(instance, message):
    """A rounded model proves nothing, and silently rounded coefficients give solutions that are none."""
    with pytest.raises(cosolve.UnsupportedProblemError, match=message):
        cosolve.solve(instance, "cpsat")


_INTERRUPTED = """
import cosolve

instance = cosolve.generate("fjsp", "sd2", seed=1, jobs=15, machines=8, operations=8)
result = cosolve.solve(instance, "cpsat", time_limit=60, on_incumbent=lambda it: print("found", flush=True))
print(result.status.value, result.limit.value, cosolve.judge(instance, result.solution).feasible)
"""


@pytest.mark.skipif(os.name != "posix", reason="signals as on POSIX")
def test_ctrl_c_while_it_searches_keeps_the_best():
    """CP-SAT's own handler of the signal called into our threads and the process died with all that was found."""
    with subprocess.Popen([sys.executable, "-c", _INTERRUPTED], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "found\n"
        time.sleep(1.0)
        process.send_signal(signal.SIGINT)
        assert process.stdout.read().splitlines()[-1] == "feasible interrupted True"
        assert process.wait(20) == 0


def test_the_end_of_its_own_clock_is_a_limit():
    """No proof and no limit would say that there was nothing left to do."""
    instance = cosolve.generate("fjsp", "sd2", seed=1, jobs=15, machines=8, operations=8)
    result = cosolve.solve(instance, "cpsat", time_limit=60, options={"deterministic_time": 0.01})
    assert result.status in (cosolve.Status.FEASIBLE, cosolve.Status.NO_SOLUTION)
    assert result.limit is cosolve.Limit.TIME


def test_reductions_of_steiner_trees_heed_the_clock():
    """They went on for ten seconds after a limit of one, and the run was left behind without a tree."""
    instance = cosolve.generate("stp", "hypercube", seed=1, dimensions=10)
    result = cosolve.solve(instance, "cpsat", time_limit=1)
    assert result.objective is not None
    assert result.limit is cosolve.Limit.TIME
    assert "did not stop" not in result.message
