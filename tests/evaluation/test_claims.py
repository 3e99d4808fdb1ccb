"""What a solver claims beside its solution: bounds and proofs, which count only if they stand and were in time."""

from __future__ import annotations

import pytest

from cosolve.core.result import Limit, Status
from cosolve.evaluation.records import Failure
from cosolve.evaluation.runner import evaluate
from cosolve.evaluation.scores import is_solved
from tests.evaluation.tiny import STUBS, tiny_suite

SOLVERS = (
    "Proves",
    "ProvesTooLate",
    "ProvesAndLingers",
    "Infeasible",
    "InfeasibleAfterABound",
    "InfeasibleTooLate",
    "CutsOffItsSolution",
    "CutsOffAndHangs",
)


def run_all(folder, *solvers, **fields):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(STUBS)
        suite = tiny_suite(*solvers, **fields)
        return {record.solver: record for record in evaluate(suite, folder / "run.jsonl", workers=2)}


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    return run_all(tmp_path_factory.mktemp("claims"), *SOLVERS, time_limit=0.5, grace=0.75)


def test_a_proof_in_time_counts(records):
    """Objective and bound are the same number, and an empty answer may be a proof."""
    proof = records["Proves"]
    assert (proof.status, proof.limit, proof.failure, proof.bound) == (Status.OPTIMAL, None, None, proof.objective)
    assert is_solved(proof)
    for name in ("Infeasible", "InfeasibleAfterABound"):
        record = records[name]
        assert (record.status, record.limit, record.failure, record.bound) == (Status.INFEASIBLE, None, None, None)
        assert is_solved(record)


def test_a_proof_in_the_grace_period_does_not_count(records):
    """A solver would else be given 5 s more than it is said to have; nor does its bound."""
    late = records["ProvesTooLate"]
    assert (late.status, late.limit, late.failure, late.bound) == (Status.FEASIBLE, Limit.TIME, None, None)
    assert late.is_feasible
    infeasible = records["InfeasibleTooLate"]
    assert (infeasible.status, infeasible.limit, infeasible.failure) == (Status.NO_SOLUTION, Limit.TIME, None)
    assert not is_solved(late)
    assert not is_solved(infeasible)


def test_a_proof_in_time_counts_although_the_solver_returns_late(records):
    """The curve says when objective and bound met."""
    record = records["ProvesAndLingers"]
    assert (record.status, record.failure, record.bound) == (Status.OPTIMAL, None, record.objective)


@pytest.mark.parametrize(
    ("solver", "failure", "status"),
    [("CutsOffItsSolution", Failure.ERROR, Status.ERROR), ("CutsOffAndHangs", Failure.HANG, Status.FEASIBLE)],
)
def test_a_bound_beyond_the_verified_solution_is_an_error_and_no_bound(records, solver, failure, status):
    """It would close the optimality gap and the primal-dual integral of a solver that is wrong."""
    record = records[solver]
    assert (record.failure, record.status, record.bound) == (failure, status, None)
    assert [(point.objective, point.bound) for point in record.trajectory] == [(record.objective, None)]
    assert record.optimality_gap == 1.0
    if failure is Failure.ERROR:
        assert "contradicts the verified objective" in record.message


def test_proofs_under_other_rules_are_none(tmp_path):
    """What is optimal with rounded distances need not be so with exact ones."""
    found = run_all(tmp_path, "Proves", "Infeasible", judge="frontierco")
    assert (found["Proves"].status, found["Proves"].bound) == (Status.FEASIBLE, None)
    assert found["Infeasible"].status is Status.NO_SOLUTION
    assert not is_solved(found["Infeasible"])
