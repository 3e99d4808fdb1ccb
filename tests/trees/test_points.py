"""Pair tables: the same optimum as brute force and as the search over sorted rows."""

from __future__ import annotations

import numpy as np
import pytest
from tree_oracle import Case, close, optimum, total_sse

from cosolve.trees import merging
from cosolve.trees.data import prepare
from cosolve.trees.interval import fit_interval
from cosolve.trees.merging import merge, nested, number_rows
from cosolve.trees.warm_up import warm_up


@pytest.fixture(scope="module", autouse=True)
def _compiled():
    warm_up()


def thermometer(rng: np.random.Generator, n: int) -> np.ndarray:
    """Thresholds of two features and a lonely 0/1 column, in mixed order."""
    a, b = rng.integers(0, 4, n), rng.integers(0, 3, n)
    columns = [a > 0, a > 1, a > 2, b > 0, b > 1, rng.random(n) < 0.5]
    return np.array(columns, dtype=float)[rng.permutation(6)].T.copy()


@pytest.mark.parametrize("depth", [2, 3])
def test_tables_find_the_optimum_of_brute_force(depth):
    """Weights, penalties, larger leaves and limits on splits, on rows that are mostly equal to others."""
    for seed in range(40):
        rng = np.random.default_rng([seed, depth])
        n = int(rng.integers(12, 30))
        X = thermometer(rng, n) if seed % 2 else rng.integers(0, 4, (n, 3)).astype(float)
        y = rng.normal(size=n).round(seed % 3)
        weights = rng.integers(1, 4, n).astype(float) if seed % 4 < 2 else np.ones(n)
        splits = None if seed % 3 else int(rng.integers(2, 2**depth))
        case = Case(X, y, weights, depth, int(rng.choice([1, 1, 2, 4])), 0.0, splits)
        case = case._replace(penalty=float(rng.choice([0.0, 0.02])) * total_sse(case))
        outcome = fit_interval(
            prepare(X, y, weights),
            max_depth=depth,
            min_samples_leaf=case.min_rows,
            penalty=case.penalty,
            max_splits=splits,
            gap_tol=0.0,
        )
        assert outcome.is_proven
        assert close(outcome.objective, optimum(case), total_sse(case)), case


@pytest.mark.parametrize(("depth", "min_rows", "splits"), [(3, 1, None), (3, 6, None), (3, 1, 5), (4, 1, None)])
def test_tables_agree_with_sorted_rows(monkeypatch, depth, min_rows, splits):
    """Two ways to the same optimum; at depth 4 the tables serve the children of the root only."""
    for seed in range(3):
        rng = np.random.default_rng([seed, depth])
        X = np.column_stack([rng.integers(0, 6, (200, 3)), thermometer(rng, 200)]).astype(float)
        y = X[:, 0] * X[:, 1] % 4 + X[:, 4] * X[:, 2] + rng.normal(size=200)
        data = prepare(X, y, rng.integers(1, 3, 200).astype(float))
        options = {"max_depth": depth, "min_samples_leaf": min_rows, "max_splits": splits, "gap_tol": 0.0}
        with_tables = fit_interval(data, **options)
        with monkeypatch.context() as patch:
            patch.setattr(merging, "MAX_CUTS", -1)
            without = fit_interval(data, **options)
        assert with_tables.is_proven
        assert without.is_proven
        assert with_tables.n_evals != without.n_evals  # or the same way was taken twice
        assert with_tables.objective == pytest.approx(without.objective, rel=1e-9)


def test_nested_columns_become_one_feature():
    """Five thresholds of one feature in any order are one chain; a column that crosses them is not in it."""
    rng = np.random.default_rng(0)
    value = rng.integers(0, 6, 50)
    columns = np.array([*(value > t for t in (3, 0, 4, 1, 2)), rng.random(50) < 0.5], dtype=np.int32)
    order, chain = nested(np.arange(6), columns)
    chains = [order[chain == number].tolist() for number in range(2)]
    assert sorted(chains) == [[1, 3, 4, 0, 2], [5]]
    merged = merge(columns, [2] * 6)
    assert merged.num_cuts == 6
    assert len(set(merged.group[:5])) == 1
    assert merged.values.shape[1] == 2
    joined = merged.values[merged.point, merged.group[0]]
    assert (joined == value).all()


def test_equal_rows_get_equal_numbers():
    """Rows that are told apart are the points; a number shared by two different rows would merge their targets."""
    rng = np.random.default_rng(1)
    table = rng.integers(0, 2, (70, 40)).astype(np.int32)
    table[:, 20:] = table[:, :20]
    table[0, 30:] += 1
    group = np.arange(70, dtype=np.int32)
    point, values = number_rows(table, group, 70)
    assert (values[point] == table.T).all()
    assert len(values) == len(np.unique(table, axis=1).T)
    joined, values = number_rows(table, group // 2, 35)
    assert (values[joined] == (table[::2] + table[1::2]).T).all()


def test_too_many_cuts_leave_the_tables_empty():
    """Tables grow with the square of the cuts: 10,000 values would take gigabytes."""
    rank = np.arange(10_000, dtype=np.int32)[None, :]
    merged = merge(rank, [10_000])
    assert len(merged.point) == 0
    assert merged.num_cuts == 0
