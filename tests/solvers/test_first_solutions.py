"""First solutions of models whose binaries are safe on one side: feasible, soon, and none of other models."""

from __future__ import annotations

import numpy as np
import pytest

import cosolve
from cosolve.core.monitor import Monitor
from cosolve.core.problem import judge
from cosolve.core.solver import solvers
from cosolve.core.stop import Stop
from cosolve.instances.generators import generate
from cosolve.instances.milp import Values
from cosolve.models.ctc.covering import first_solutions
from cosolve.solvers.formulations import formulate
from cosolve.solvers.reduction.reduce import Reduction, reduce
from tests.solvers.milps import INF, brute_force, milp


def one_sided(seed):
    """A random MILP of binaries (some of them fixed, some 2 or 3, some free of rows) that have a safe side each."""
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(3, 9)), int(rng.integers(1, 6))
    matrix = rng.integers(1, 5, (m, n)) * rng.choice([-1, 1], n) * (rng.random((m, n)) < 0.6)
    matrix = matrix * rng.choice([1.0, 0.3], (m, 1)) * (rng.random(n) < 0.9)
    is_upper = rng.random(m) < 0.5
    matrix = matrix.astype(float)
    matrix[is_upper] *= -1
    lower = rng.choice([0.0, 0.0, 0.0, 2.0, -1.0], n)
    upper = lower + rng.choice([1.0, 1.0, 1.0, 0.0], n)
    low = np.where(matrix > 0, lower, upper)
    least, greatest = (matrix * low).sum(axis=1), (matrix * (lower + upper - low)).sum(axis=1)
    side = least + rng.random(m) * (greatest - least)
    side = np.where(is_upper, np.ceil(side), np.floor(side))
    far = np.where(rng.random(m) < 0.3, 100.0, INF)
    return milp(
        matrix,
        rng.integers(-3, 9, n).astype(float),
        lower=lower,
        upper=upper,
        row_lower=np.where(is_upper, -far, side),
        row_upper=np.where(is_upper, side, far),
        maximize=bool(rng.integers(2)),
    )


def test_solutions_are_feasible_and_the_second_is_no_worse():
    near = 0
    for seed in range(150):
        instance = one_sided(seed)
        sign = -1 if instance.maximize else 1
        found = [judge(instance, Values(values=values)) for values in first_solutions(instance, seed)]
        best = brute_force(instance)
        if best is None:
            assert not found, seed
            continue
        assert len(found) == 2, seed
        assert all(verdict.feasible for verdict in found), seed
        assert sign * found[1].objective <= sign * found[0].objective, seed
        near += sign * (found[1].objective - best) <= 1e-9
    assert near >= 140


@pytest.mark.parametrize(
    ("distribution", "sizes", "gap"),
    [
        ("set-cover", {"rows": 100, "columns": 200}, 0.04),
        ("independent-set", {"nodes": 150}, 0.01),
        ("vertex-cover", {"nodes": 100}, 0.01),
        ("auction", {"items": 50, "bids": 150}, 0.04),
    ],
)
def test_they_are_near_the_best_of_published_families(distribution, sizes, gap):
    gaps = []
    for seed in range(4):
        instance = generate("milp", distribution, seed=seed, **sizes)
        *_, values = first_solutions(instance, 0)
        best = cosolve.solve(instance, "highs", time_limit=60)
        assert best.status is cosolve.Status.OPTIMAL
        found = judge(instance, Values(values=values)).objective
        gaps.append(abs(found - best.objective) / best.objective)
    assert np.mean(gaps) <= gap


@pytest.mark.parametrize(
    "instance",
    [
        milp([[1, 1]], [1, 1], upper=1, row_lower=[1], row_upper=[1]),
        milp([[1, 1], [1, -1]], [1, 1], upper=1, row_lower=[1, 0]),
        milp([[1, 1]], [1, 1], upper=1, row_lower=[1], integer=False),
        milp([[1, 1]], [1, 1], upper=2, row_lower=[1]),
        milp([[1, 1]], [1, 1], lower=0.5, upper=1.5, row_lower=[1]),
        milp([[1, 1]], [1, 1], upper=1, row_lower=[3]),
    ],
    ids=["equality", "two sides", "continuous", "general integers", "fractional bounds", "infeasible"],
)
def test_others_have_none(instance):
    assert list(first_solutions(instance, 0)) == []


@pytest.mark.parametrize("is_wanted", [True, False])
@pytest.mark.parametrize(
    "instance",
    [
        generate("milp", "set-cover", seed=1, rows=100, columns=200),
        generate("milp", "facility", seed=1, facilities=10, customers=20),
        generate("cpmp", "osman", seed=1, n=20, p=3),
    ],
    ids=["cover", "continuous", "cpmp"],
)
def test_a_solution_is_there_before_a_network_is_asked(instance, is_wanted):
    """A network and its relaxation take as long as many instances need in all; nothing without first solutions."""
    monitor = Monitor(instance, Stop(time_limit=60))
    solver = solvers.get("ctc")()

    def predict(*given):
        assert (monitor.best is not None) == is_wanted
        raise KeyError("asked")

    solver.predict = predict
    options = solver.options_type(first_solutions=is_wanted)
    with pytest.raises(KeyError, match="asked"):
        solver.solve(instance, monitor, seed=0, threads=1, initial=None, options=options)


def test_a_reduced_model_leaves_out_what_is_decided():
    """Columns held, rows they decide; what remains has the same objective, and infeasible rows stay."""
    instance = milp(
        [[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]], [1, 2, 3, 4], upper=1, row_lower=[1, 1, 1], maximize=False
    )
    held = Reduction(np.empty(0, np.int64), 0, np.array([1]), np.array([1.0]), 0)
    reduced = reduce(formulate(instance), held)
    assert (reduced.model.size, len(reduced.model.row_lower), reduced.model.offset) == (3, 1, 2.0)
    x = np.array([0.0, 1.0, 0.0])
    assert reduced.decode(x).values.tolist() == [0, 1, 1, 0]
    assert reduced.model.cost @ x + reduced.model.offset == instance.cost @ reduced.decode(x).values
    decided = Reduction(np.empty(0, np.int64), 0, np.array([1, 3]), np.array([1.0, 1.0]), 0)
    assert len(reduce(formulate(instance), decided).model.row_lower) == 3  # backends do not like models without rows
    impossible = Reduction(np.empty(0, np.int64), 0, np.array([0, 1]), np.array([0.0, 0.0]), 0)
    result = cosolve.solve(reduce(formulate(instance), impossible).model, "scip", time_limit=10)
    assert result.status is cosolve.Status.INFEASIBLE
