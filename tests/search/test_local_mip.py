"""Weighted local search for MILPs: its books after every move, slices, and what it finds against all points."""

from __future__ import annotations

import numpy as np
import pytest

from cosolve.core.problem import judge
from cosolve.instances.generators import generate
from cosolve.instances.milp import Values
from cosolve.search import local_mip
from cosolve.search.local_mip import BEST, FOUND, ITERATION, VIOLATED
from cosolve.solvers.local_search.milp import make_model
from tests.solvers.milps import INF, brute_force, milp, random_milp


def begin(instance, seed=0):
    model = make_model(instance)
    return model, local_mip.make_state(model, np.zeros(instance.size), seed), local_mip.make_choice()


def mixed(seed, *, integer_share=0.5):
    """Ranges and equalities, free columns, fractions."""
    rng = np.random.default_rng(seed)
    m, n = 6, 9
    matrix = rng.integers(-4, 5, (m, n)) * (rng.random((m, n)) < 0.6) * rng.choice([1.0, 0.37], (m, 1))
    inside = rng.integers(-3, 4, n).astype(float)
    activity = matrix @ inside
    kind = rng.integers(3, size=m)
    return milp(
        matrix,
        rng.integers(-5, 6, n) * rng.choice([1.0, 0.1]),
        lower=np.where(rng.random(n) < 0.2, -INF, -4.0),
        upper=4.0,
        integer=rng.random(n) < integer_share,
        row_lower=np.where(kind == 0, -INF, activity - (kind == 1) * rng.random(m)),
        row_upper=activity + (kind == 0) * 2.0,
        maximize=bool(seed % 2),
    )


@pytest.mark.parametrize("seed", range(12))
def test_books_after_every_move(seed):
    """Activities, violated rows and cost are those of the point, which keeps to bounds and whole numbers."""
    instance = random_milp(seed, columns=8, rows=6) if seed % 3 == 0 else mixed(seed)
    model, state, choice = begin(instance, seed)
    matrix, sign = instance.matrix, -1.0 if instance.maximize else 1.0
    furthest, dearest = np.zeros(len(instance.row_lower)), 0.0  # what has been rounded at may stay until a refresh
    for _ in range(400):
        local_mip.run(model, state, choice, 1)
        point = state.value
        assert (point >= instance.col_lower).all()
        assert (point <= instance.col_upper).all()
        assert (point == np.rint(point))[instance.is_integer].all()
        furthest = np.maximum(furthest, abs(matrix) @ abs(point))
        assert (abs(state.activity - matrix @ point) <= 1e-9 + 1e-13 * furthest).all()
        dearest = max(dearest, float(abs(instance.cost) @ abs(point)))
        assert abs(sign * (instance.cost @ point) - state.numbers[0]) <= 1e-9 + 1e-13 * dearest
        is_violated = (state.activity < model.least) | (state.activity > model.most)
        count = state.counts[VIOLATED]
        assert sorted(state.violated[:count]) == np.flatnonzero(is_violated).tolist()
        assert (state.violated[state.place[is_violated]] == np.flatnonzero(is_violated)).all()
        assert (state.place[~is_violated] == -1).all()
        assert (state.weight >= 1).all()


@pytest.mark.parametrize("seed", range(60))
def test_finds_the_best_of_all_points(seed):
    """Whatever it calls a solution is one; of six columns with four values each it finds the best, or there is none."""
    instance = random_milp(seed)
    model, state, choice = begin(instance, seed)
    local_mip.run(model, state, choice, 20_000)
    local_mip.record(model, state)
    best = brute_force(instance)
    if best is None:
        assert state.counts[FOUND] == 0
        return
    verdict = judge(instance, Values(values=state.best))
    assert verdict.feasible
    assert verdict.objective == pytest.approx(best)
    assert (-1 if instance.maximize else 1) * (best - instance.offset) == pytest.approx(state.numbers[BEST])


def test_slices_change_nothing():
    instance = generate("milp", "set-cover", seed=3, rows=40, columns=80)
    once, many = begin(instance, 7), begin(instance, 7)
    local_mip.run(*once, 3000)
    for steps in (1, 2, 997, 2000):
        local_mip.run(*many, steps)
    assert once[1].counts[ITERATION] == many[1].counts[ITERATION] == 3000
    for name, array in once[1]._asdict().items():
        np.testing.assert_array_equal(array, getattr(many[1], name), err_msg=name)
    other = begin(instance, 8)
    local_mip.run(*other, 3000)
    assert (other[1].moved != once[1].moved).any()


def test_costs_that_differ_count_by_how_much():
    """On covers with costs from 1 to 100 a step by the sign of the cost alone ends far from the best."""
    instance = generate("milp", "set-cover", seed=1, rows=100, columns=200)
    model, state, choice = begin(instance)
    local_mip.run(model, state, choice, 60_000)
    assert 445 <= state.numbers[BEST] <= 1.02 * 445  # the optimum, by HiGHS


@pytest.mark.parametrize("columns", [2, 5])
def test_equalities_of_many_columns(columns):
    """Moves of one column alone must walk through points that break a row."""
    instance = milp([[3.0] * columns + [-5.0], [1.0] * columns + [1.0]], [1.0] * columns + [-2.0], upper=50,
                    row_lower=[0, 8], row_upper=[0, 40])  # fmt: skip
    model, state, choice = begin(instance)
    local_mip.run(model, state, choice, 20_000)
    assert state.counts[FOUND] > 0
    assert judge(instance, Values(values=state.best)).feasible


def test_columns_without_bounds_end_somewhere():
    instance = milp([[1.0, -1.0]], [-1.0, 0.0], row_upper=[3.0])
    model, state, choice = begin(instance)
    local_mip.run(model, state, choice, 2000)
    assert np.isfinite(state.value).all()
    assert judge(instance, Values(values=state.best)).feasible
