"""Iterated greedy for covering programs against all subsets, and its books after every step."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.sparse import csc_array

from cosolve.search.covering import greedy, improve, make_covering


def program(seed, *, whole=True):
    """A, b and costs of a program that all columns together can meet."""
    rng = np.random.default_rng(seed)
    rows, columns = int(rng.integers(2, 9)), int(rng.integers(3, 11))
    matrix = rng.integers(0, 4, (rows, columns)).astype(float) if whole else rng.random((rows, columns))
    matrix[rng.random(matrix.shape) < 0.5] = 0.0
    need = np.floor(rng.random(rows) * matrix.sum(axis=1)) if whole else rng.random(rows) * matrix.sum(axis=1)
    return matrix, need, rng.integers(0, 6, columns).astype(float)


def covering(matrix, need, cost, seed=0):
    part = csc_array(matrix)
    return make_covering(part.indptr, part.indices, part.data, cost, need, 1e-9 * np.ones(len(need)), seed)


def check(c, matrix, need, cost, total):
    chosen = c.is_in.astype(float)
    assert (matrix @ chosen >= need - 1e-8).all()
    assert total == pytest.approx(cost @ chosen)
    np.testing.assert_allclose(c.need, need - matrix @ chosen, atol=1e-9)


@pytest.mark.parametrize("seed", range(60))
def test_solutions_are_feasible_and_near_the_best(seed):
    """Nothing is in without need; fifty rounds find the optimum of ten columns, or all but."""
    matrix, need, cost = program(seed, whole=seed % 2 == 0)
    c = covering(matrix, need, cost)
    first = greedy(c)
    check(c, matrix, need, cost, first)
    for j in np.flatnonzero(c.is_in):
        assert (matrix @ c.is_in - matrix[:, j] < need - 1e-9).any()
    total = improve(c, first, 50)
    check(c, matrix, need, cost, total)
    best = min(
        cost @ np.array(x) for x in itertools.product([0, 1], repeat=len(cost)) if (matrix @ x >= need - 1e-9).all()
    )
    assert best - 1e-9 <= total <= min(first, 1.2 * best + 1e-9)


def test_rounds_improve_and_can_be_repeated():
    """Unicost covers are all ties to greedy: where one taste finds nothing, others do."""
    rng = np.random.default_rng(5)
    matrix = (rng.random((80, 120)) < 0.06).astype(float)
    matrix[np.arange(80), rng.integers(0, 120, 80)] = 1.0
    totals = []
    for seed in (1, 1, 2):
        c = covering(matrix, np.ones(80), np.ones(120), seed)
        first = greedy(c)
        totals.append((first, improve(c, first, 100), c.is_in.tolist()))
        check(c, matrix, np.ones(80), np.ones(120), totals[-1][1])
    assert totals[0] == totals[1] != totals[2]
    assert all(total < first for first, total, _ in totals)


def test_large_needs_and_nothing_to_do():
    c = covering(np.array([[3.0, 5.0, 2.0]]), np.array([7.0]), np.array([1.0, 4.0, 1.0]))
    assert greedy(c) == 5.0
    assert c.is_in.tolist() == [True, True, False] or c.is_in.tolist() == [False, True, True]
    c = covering(np.array([[1.0, 1.0]]), np.array([0.0]), np.array([1.0, 1.0]))
    assert improve(c, greedy(c), 5) == 0.0
