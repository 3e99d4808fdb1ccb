"""Solvers of the flexible job shop: dispatching, tabu search, CP-SAT."""

from __future__ import annotations

import numpy as np
import pytest
from fjsp_cases import GOOD, TWO, sequential, shop

import cosolve
from cosolve.core.result import Status
from cosolve.instances.fjsp import Schedule
from cosolve.instances.generators import generate
from cosolve.testing.contract import check_solver


@pytest.mark.parametrize("name", ["greedy", "local-search", "cpsat"])
def test_every_solver_keeps_the_contract(name):
    """TWO is solved by hand: its makespan is 7."""
    check_solver(name, TWO, 7.0, time_limit=60.0 if name == "cpsat" else 1.0)


@pytest.mark.parametrize("name", ["greedy", "local-search", "cpsat"])
@pytest.mark.parametrize(
    ("jobs", "best"),
    [
        ([[]], 0),
        ([[], [{1: 5}], []], 5),
        ([[{0: 0}, {0: 0}]], 0),
        ([[{0: 2}, {0: 3}], [{0: 1}]], 6),
    ],
)
def test_degenerate_shops_are_solved(name, jobs, best):
    """No operations, empty jobs, times of 0, a job that comes back to its machine."""
    assert cosolve.solve(shop(jobs, 2), name, time_limit=30.0, target=best).objective == best


def test_cpsat_and_tabu_search_agree_on_a_small_shop():
    """A proof of CP-SAT below or above what the search finds would be a wrong model."""
    instance = generate("fjsp", "sd2", seed=1, jobs=5, machines=3, operations=3)
    exact = cosolve.solve(instance, "cpsat", time_limit=60.0)
    assert exact.status is Status.OPTIMAL
    found = cosolve.solve(instance, "local-search", time_limit=60.0, iterations=30_000)
    assert found.objective == exact.objective


def test_a_full_hint_is_a_solution_of_the_model():
    """A warm start that the model refuses would be lost without a word."""
    from ortools.sat.python import cp_model

    from cosolve.solvers.cpsat.fjsp import build

    model = build(TWO)
    assert model.encode is not None
    for variable, value in zip(model.variables, model.encode(GOOD), strict=True):
        model.model.add(variable == int(value))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    assert solver.solve(model.model) == cp_model.OPTIMAL
    assert solver.objective_value == 7
    assert model.decode([solver.value(v) for v in model.variables]) == GOOD


def test_a_start_with_gaps_and_fractions_is_taken_up():
    """Starts of other programs need not be integers or early."""
    base = sequential(TWO)
    late = Schedule(machine=base.machine, start=base.start * 2 + 0.5)
    for name in ("local-search", "cpsat"):
        assert cosolve.solve(TWO, name, time_limit=30.0, initial=late, target=7.0).objective == 7.0


def test_tabu_search_repeats_itself_whatever_the_time():
    """Equal seeds and iterations give equal schedules; another seed gives another path."""
    instance = generate("fjsp", "sd2", seed=3, jobs=10, machines=5, operations=5)
    runs = [
        cosolve.solve(instance, "local-search", seed=s, time_limit=t, iterations=3000) for s, t in ((1, 60), (1, 90))
    ]
    assert runs[0].solution == runs[1].solution
    assert runs[0].stats["iterations"] <= 3000
    assert np.isfinite(runs[0].objective)
