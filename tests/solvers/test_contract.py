"""Every registered solver keeps the contract on every problem it handles."""

from __future__ import annotations

import pytest

import cosolve
from cosolve.core.solver import solvers
from cosolve.testing import check_solver, tiny_instances

#: One worker compiles the kernels of a problem: two would do it at the same time.
CASES = [
    pytest.param(name, problem, id=f"{name}-{problem}", marks=pytest.mark.xdist_group(f"contract-{problem}"))
    for name in solvers.names()
    for problem in sorted(solvers.get(name).problems)
]


@pytest.mark.parametrize(("name", "problem"), CASES)
def test_solver_keeps_its_contract(name, problem):
    """A solver that breaks a promise would make every comparison with it worthless."""
    availability = solvers.get(name)().available()
    if not availability.ok:
        pytest.skip(availability.reason)
    # CP-SAT knows integers only: shares of demand are rounded, and nothing is proven by that.
    proves = (name, problem) != ("cpsat", "cflp")
    cases = tiny_instances(problem)
    if solvers.get(name).isolated:
        cases = cases[-1:]  # each of its runs starts a process
    # pystreed imports pandas and scikit-survival in its process: seconds before it begins.
    time_limit = 30.0 if name == "streed" else 5.0
    for instance, optimum in cases:
        check_solver(name, instance, optimum, time_limit=time_limit, proves=proves)


@pytest.mark.parametrize("name", solvers.names())
def test_solver_says_what_it_is(name):
    """The listing for people would have holes."""
    adapter = solvers.get(name)
    assert adapter.name == name
    assert adapter.title
    assert adapter.problems <= set(cosolve.problems.names())
