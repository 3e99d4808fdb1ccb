import math

import numpy as np
import pytest

import cosolve
from cosolve.core.problem import Problem, problems
from cosolve.core.verdict import Verdict, Violation
from cosolve.instances.milp import Values
from cosolve.instances.tsp import Tour


def test_verdict_without_objective_must_say_why():
    """Otherwise a solution without a value would count as feasible."""
    with pytest.raises(ValueError, match="violation"):
        Verdict(None)


def test_violation_reads_as_a_sentence():
    """It is printed as it is."""
    assert str(Violation("capacity exceeded", "route 3", 2.5)) == "capacity exceeded: route 3 (by 2.5)"
    assert str(Violation("empty")) == "empty"


def test_feasible_means_no_violations():
    """An objective alone is no proof of feasibility."""
    assert Verdict(1.0).feasible
    assert not Verdict(1.0, (Violation("broken"),)).feasible


def test_solution_of_another_problem_is_a_type_error(square):
    """A judge that guesses would accept a MILP's values as a tour."""
    with pytest.raises(TypeError, match="tsp needs a Tour, got Values"):
        cosolve.judge(square, Values(values=np.zeros(4)))


def test_unknown_judge_mode_is_refused(square):
    """A typo must not fall back to the lenient rules."""
    with pytest.raises(ValueError, match="'strict' or 'frontierco'"):
        cosolve.judge(square, Tour(order=np.arange(4)), "Strict")  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_objective_that_is_no_number_makes_a_solution_infeasible(square, monkeypatch, value):
    """NaN compares false with everything: it would stay the best solution for ever."""
    tsp = problems.get("tsp")
    broken = Problem(tsp.key, tsp.title, tsp.instance_type, tsp.solution_type, lambda *_: Verdict(value))
    monkeypatch.setitem(problems._loaded, "tsp", broken)
    verdict = cosolve.judge(square, Tour(order=np.arange(4)))
    assert verdict.objective is None
    assert not verdict.feasible
