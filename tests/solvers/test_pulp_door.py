"""PuLP models in and out, and cosolve as a solver of PuLP."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import cosolve
from tests.solvers.milps import INF, milp, random_milp

pulp = pytest.importorskip("pulp")


@pytest.fixture
def model():
    """max 3 x + 2 y + z + 1: 2 x + y <= 7.5, x - z >= -1; x in 0..3, y in [0, 5], z binary: 3 + 10 + 1 + 1."""
    problem = pulp.LpProblem("small", pulp.LpMaximize)
    x = problem.add_variable("x", 0, 3, pulp.LpInteger)
    y = problem.add_variable("y", 0, 5)
    z = problem.add_variable("z", cat=pulp.LpBinary)
    problem += 3 * x + 2 * y + z + 1
    problem += 2 * x + y <= 7.5, "cap"
    problem += x - z >= -1
    return problem


def test_models_come_in_as_they_are(model):
    instance = cosolve.from_pulp(model)
    assert instance.name == "small"
    assert instance.sense == "max"
    assert instance.offset == 1
    assert instance.col_names == ("x", "y", "z")
    assert instance.row_names == ("cap", "_C2")
    assert instance.cost.tolist() == [3, 2, 1]
    assert instance.matrix.toarray().tolist() == [[2, 1, 0], [1, 0, -1]]
    assert (instance.row_lower.tolist(), instance.row_upper.tolist()) == ([-INF, -1], [7.5, INF])
    assert (instance.col_lower.tolist(), instance.col_upper.tolist()) == ([0, 0, 0], [3, 5, 1])
    assert instance.is_integer.tolist() == [True, False, True]


@pytest.mark.parametrize("solver", [None, "scip", "cpsat"])
def test_solver_for_pulp(model, solver):
    """Status, values, slacks and objective where PuLP's users look for them."""
    if solver == "cpsat":
        model.variablesDict()["y"].cat = pulp.LpInteger
    status = model.solve(cosolve.COSOLVE(solver, timeLimit=20))
    assert status == pulp.LpStatusOptimal
    assert model.sol_status == pulp.LpSolutionOptimal
    assert pulp.value(model.objective) == pytest.approx(15)
    assert [variable.value() for variable in model.variables()] == pytest.approx([1, 5, 1])
    assert [constraint.slack for constraint in model.constraints()] == pytest.approx([0.5, -1])
    assert model.solverModel.bound == pytest.approx(15)


def test_infeasible_and_unbounded_models_say_so(model):
    model += model.variablesDict()["x"] >= 4
    assert model.solve(cosolve.COSOLVE()) == pulp.LpStatusInfeasible
    free = pulp.LpProblem("free", pulp.LpMaximize)
    free += free.add_variable("x", 0)
    assert free.solve(cosolve.COSOLVE()) == pulp.LpStatusUnbounded


def test_model_without_objective_is_a_question_of_feasibility():
    """PuLP puts a dummy variable into an empty objective for the time of the call."""
    problem = pulp.LpProblem("feasible")
    x = problem.add_variable("x", 0, 9, pulp.LpInteger)
    problem += 2 * x == 8
    assert problem.solve(cosolve.COSOLVE()) == pulp.LpStatusOptimal
    assert x.value() == 4


def test_relaxation_limit_warm_start_and_progress(model, capsys):
    model.solve(cosolve.COSOLVE(mip=False))
    assert pulp.value(model.objective) == pytest.approx(3 * 1.25 + 10 + 1 + 1)
    for variable in model.variables():
        variable.setInitialValue(0)
    model.solve(cosolve.COSOLVE("scip", msg=True, warmStart=True, timeLimit=20, gapRel=0.0))
    assert "objective 1\n" in capsys.readouterr().out  # the start is the first line
    assert model.solverModel.objective == pytest.approx(15)


def test_time_limit_of_zero_is_not_called_optimal(model):
    assert model.solve(cosolve.COSOLVE(timeLimit=0)) == pulp.LpStatusNotSolved
    assert model.sol_status == pulp.LpSolutionNoSolutionFound


def test_special_ordered_sets_are_refused(model):
    model.sos1["s"] = dict.fromkeys(model.variables(), 1)
    with pytest.raises(cosolve.UnsupportedProblemError, match="special ordered sets"):
        model.solve(cosolve.COSOLVE())


def test_what_is_no_model_is_refused():
    """The message was that of an attribute that numbers lack."""
    with pytest.raises(TypeError, match=r"problem must be an LpProblem, got int\."):
        cosolve.from_pulp(3)
    with pytest.raises(TypeError, match=r"instance must be a MILPInstance, got int\."):
        cosolve.to_pulp(3)


def test_availability_is_that_of_the_package():
    assert cosolve.COSOLVE().available()
    assert cosolve.COSOLVE("scip").available()
    with pytest.raises(cosolve.SolverUnavailableError):
        cosolve.COSOLVE("no such").available()


def test_instances_go_out_and_come_back():
    """Double-sided rows become two, free ones go; everything else is equal."""
    for seed in range(20):
        instance = random_milp(seed)
        keep = np.isfinite(instance.row_lower) ^ np.isfinite(instance.row_upper)
        keep |= instance.row_lower == instance.row_upper
        one_sided = cosolve.MILPInstance.from_scipy(
            instance.matrix[np.flatnonzero(keep)],
            cost=np.where(instance.cost == 0, 1, instance.cost),
            row_lower=instance.row_lower[keep],
            row_upper=instance.row_upper[keep],
            col_upper=3,
            is_integer=True,
            offset=instance.offset,
            maximize=instance.maximize,
        )
        problem, variables = cosolve.to_pulp(one_sided)
        assert [variable.name for variable in variables] == [f"x{k}" for k in range(6)]
        assert cosolve.from_pulp(problem) == one_sided


def test_double_sided_rows_become_two():
    problem, _ = cosolve.to_pulp(replace(milp([[1, 2]], 1, row_lower=1, row_upper=5), row_names=("width",)))
    assert [(c.name, c.getLb(), c.getUb()) for c in problem.constraints()] == [
        ("width", 1, None),
        ("width_upper", None, 5),
    ]


def test_names_that_pulp_would_merge_are_replaced():
    """It turns [, ] and - into underscores: x[1] and x-1- would be one variable."""
    instance = milp([[1, 2]], 1, row_upper=5)
    clash = replace(instance, col_names=("x[1]", "x-1-"))
    assert [v.name for v in cosolve.to_pulp(clash)[1]] == ["x0", "x1"]
    kept = replace(instance, col_names=("x[1]", "y[1]"))
    assert [v.name for v in cosolve.to_pulp(kept)[1]] == ["x_1_", "y_1_"]


def test_columns_without_cost_and_row_keep_their_bounds():
    """PuLP passes over variables that it finds nowhere: an infeasible model came back optimal."""
    model = cosolve.MILPInstance.from_scipy(
        np.array([[1.0, 0.0]]), cost=[1, 0], row_lower=2.5, col_lower=[0, 0.4], col_upper=[9, 0.6], is_integer=[1, 1]
    )
    problem, _ = cosolve.to_pulp(model)
    assert cosolve.from_pulp(problem).size == 2
    assert problem.solve(cosolve.COSOLVE("scip")) == pulp.LpStatusInfeasible
