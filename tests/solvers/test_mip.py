"""The parts that the MILP backends share, with scripted engines instead of backends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import cosolve
from cosolve.core.monitor import Monitor
from cosolve.instances.milp import Values, evaluate
from cosolve.solvers.formulations import Formulation, formulate
from cosolve.solvers.mip import (
    MAX_STALLED,
    Answer,
    Incumbents,
    complete,
    csr,
    is_unbounded,
    solve_trivial,
    solve_with_rows,
    with_rows,
)
from tests.solvers.milps import INF, milp, random_milp


def monitor_of(instance, **stop):
    return Monitor(instance, cosolve.Stop(**{"time_limit": 20, **stop}))


def test_values_broken_by_rounding_are_repaired():
    """
    y <= 1e6 z with z = 1e-7 and y = 0.1 is feasible for a backend and infeasible once z is 0.

    Fixing z = 0 and solving for y again gives the solution that was meant.
    """
    instance = milp([[1, -1e6]], [1, 1], lower=[0, 0], upper=[10, 1], integer=[False, True], row_upper=0)
    monitor = monitor_of(instance)
    incumbents = Incumbents(formulate(instance), monitor)
    incumbents.offer(np.array([0.1, 1e-7]))
    assert monitor.best is None
    incumbents.repair()
    assert monitor.best is not None
    assert monitor.best.objective == 0


def test_completion_gives_up_where_the_integers_allow_nothing():
    instance = milp([[1, 1]], [1, 1], upper=1, integer=[False, True], row_lower=1.5)
    assert complete(instance, np.array([1.0, 0.0]), 5.0) is None
    x = complete(instance, np.array([0.0, 0.9999999]), 5.0)
    assert x is not None
    assert x.tolist() == [0.5, 1.0]


def test_matrix_has_sorted_rows_without_repeats():
    """Backends refuse repeated indices."""
    base = milp([[1, 0, 2]], 1)
    instance = type(base)(
        cost=base.cost,
        col_lower=base.col_lower,
        col_upper=base.col_upper,
        is_integer=base.is_integer,
        data=np.array([1.0, 2.0, 3.0]),
        indices=np.array([2, 0, 2]),
        indptr=np.array([0, 3]),
        row_lower=base.row_lower,
        row_upper=base.row_upper,
    )
    data, indices, indptr = csr(instance)
    assert (data.tolist(), indices.tolist(), indptr.tolist()) == ([2.0, 4.0], [0, 2], [0, 2])
    assert indptr.dtype == np.int32
    assert instance == base.__class__.from_scipy(np.array([[2.0, 0.0, 4.0]]), cost=1, is_integer=True)


def test_added_rows_are_judged_like_the_model_s_own():
    """Row pointers of several additions must be shifted one after the other."""
    whole = random_milp(3, rows=5)
    cut = int(whole.indptr[2])
    model = type(whole)(
        **{f: getattr(whole, f) for f in ("cost", "col_lower", "col_upper", "is_integer", "offset", "maximize")},
        data=whole.data[:cut],
        indices=whole.indices[:cut],
        indptr=whole.indptr[:3],
        row_lower=whole.row_lower[:2],
        row_upper=whole.row_upper[:2],
    )
    pool = []
    for first, last in ((2, 3), (3, 5)):
        part = slice(int(whole.indptr[first]), int(whole.indptr[last]))
        indptr = whole.indptr[first : last + 1] - whole.indptr[first]
        sides = whole.row_lower[first:last], whole.row_upper[first:last]
        pool.append((whole.data[part], whole.indices[part], indptr, *sides))
    assert with_rows(model, pool) == whole
    x = Values(values=np.arange(6.0) % 4)
    assert evaluate(with_rows(model, pool), x) == evaluate(whole, x)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (cosolve.Status.OPTIMAL, cosolve.Status.UNBOUNDED),
        (cosolve.Status.INFEASIBLE, cosolve.Status.INFEASIBLE),
        (cosolve.Status.FEASIBLE, cosolve.Status.INFEASIBLE_OR_UNBOUNDED),
    ],
)
def test_unboundedness_is_decided_by_feasibility_alone(answer, expected):
    """The second run must have no objective, or it is unbounded again."""
    seen = []

    def solve(model):
        seen.append(model.cost.tolist())
        return Answer(answer, limit=limit)

    instance = milp([[1, -1]], [-1, 0], row_lower=0)
    limit = cosolve.Limit.TIME if answer is cosolve.Status.FEASIBLE else None
    assert is_unbounded(instance, monitor_of(instance), solve) == Answer(expected, limit=limit)
    assert seen == [[0.0, 0.0]]
    # Without time to ask both remain possible.
    late = is_unbounded(instance, monitor_of(instance, time_limit=0), solve)
    assert late.status is cosolve.Status.INFEASIBLE_OR_UNBOUNDED
    # A solution answers without asking.
    monitor = monitor_of(instance, solutions=1)
    monitor.report(Values(values=np.zeros(2)))
    assert is_unbounded(instance, monitor, solve) == Answer(cosolve.Status.UNBOUNDED)
    assert len(seen) == 1


def test_crossed_bounds_count_between_integers_too():
    """0.2 <= x <= 0.8 holds no integer."""
    instance = milp([[1]], 1, lower=0.2, upper=0.8)
    outcome = solve_trivial(formulate(instance), monitor_of(instance))
    assert outcome is not None
    assert outcome.status == cosolve.Status.INFEASIBLE
    relaxed = milp([[1]], 1, lower=0.2, upper=0.8, integer=False, row_upper=5)
    assert solve_trivial(formulate(relaxed), monitor_of(relaxed)) is None


def test_only_rows_of_integers_get_whole_sides():
    """With another coefficient or a continuous column a row may take any value; names stay where they are."""
    instance = milp(
        [[1, -2, 0], [0.5, 1, 0], [1, 0, 1], [0, 0, 0]], 1, integer=[True, True, False],
        row_lower=[-INF, 0.5, 0.5, -0.5], row_upper=[2.5, 2.5, 2.5, INF],
    )  # fmt: skip
    instance = replace(instance, row_names=("a", "b", "c", "d"))
    model = formulate(instance).model
    assert instance.is_integer_row.tolist() == [True, False, False, True]
    assert model.row_lower.tolist() == [-INF, 0.5, 0.5, 0]
    assert model.row_upper.tolist() == [2, 2.5, 2.5, INF]
    assert (model.row_names, model.matrix.toarray().tolist()) == (
        instance.row_names,
        instance.matrix.toarray().tolist(),
    )


class Script:
    """An engine that gives prepared answers; the relaxation grows by ``growth`` each time."""

    def __init__(self, incumbents, answers, growth=0.0):
        self.incumbents = incumbents
        self.answers = answers
        self.growth = growth
        self.relaxations = 0
        self.milps = 0
        self.rows = 0

    def solve_relaxation(self):
        self.relaxations += 1
        return Answer(cosolve.Status.OPTIMAL, np.array([0.5, 0.5]), 1.0 + self.growth * self.relaxations)

    def solve_milp(self):
        self.milps += 1
        x = np.array(self.answers[self.milps - 1], dtype=float)
        self.incumbents.offer(x)
        return Answer(cosolve.Status.OPTIMAL, x, float(x.sum()))

    def add_rows(self, rows):
        self.rows += len(rows[3])


def scripted(answers, growth=0.0, **stop):
    """x + y >= 2 is the hidden row; the visible model has none, and all fractional points count as violated."""
    instance = milp([[1, 1]], [1, 1], upper=2, row_lower=2)
    row = (np.ones(2), np.arange(2), np.array([0, 2]), np.array([2.0]), np.array([np.inf]))

    def separate(x):
        return row if x.sum() < 2 or (x != np.rint(x)).any() else None

    formulation = Formulation(instance, lambda x: Values(values=x), None, separate)
    monitor = monitor_of(instance, **stop)
    incumbents = Incumbents(formulation, monitor)
    engine = Script(incumbents, answers, growth)
    return solve_with_rows(engine, formulation, incumbents, monitor), engine, monitor


def test_stalled_relaxation_is_left_for_branch_and_bound():
    """Cutting planes alone may go on for ever."""
    outcome, engine, monitor = scripted([[2, 0]])
    assert engine.relaxations == MAX_STALLED + 1
    assert engine.milps == 1
    assert outcome.status == cosolve.Status.OPTIMAL
    assert monitor.best is not None
    assert monitor.best.objective == 2


def test_milp_solution_that_breaks_a_hidden_row_is_no_solution():
    """The model's optimum (1, 0) is a bound of 1, not an answer; after its row the loop goes on."""
    outcome, engine, monitor = scripted([[1, 0], [0, 1], [1, 1]])
    assert engine.milps == 3
    assert outcome.stats["restarts"] == 2
    assert outcome.status == cosolve.Status.OPTIMAL
    assert monitor.trajectory[-1].objective == 2
    assert monitor.bound == 2


def test_growing_relaxation_goes_on_until_the_clock_stops_it():
    """Its bounds are kept."""
    outcome, engine, monitor = scripted([[2, 0]], growth=1e-3, time_limit=0.2)
    assert engine.milps == 0
    assert outcome.status == cosolve.Status.FEASIBLE
    assert monitor.limit == cosolve.Limit.TIME
    assert monitor.bound is not None
    assert monitor.bound >= 2
