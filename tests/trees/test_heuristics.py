"""First trees: as good as CART, and within the limits after pruning."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cosolve.trees.data import TrainingData, prepare
from cosolve.trees.depth_two import make_pairs
from cosolve.trees.heuristics import greedy, prune_tree
from cosolve.trees.kernels import Rows
from cosolve.trees.merging import merge
from cosolve.trees.points import make_points


def grow(data: TrainingData, depth: int, splits: int, look_ahead: int, penalty: float = 0.0):
    sums = np.stack([np.ones(data.num_rows), data.weights, data.weights * data.y, data.weights * data.y**2], axis=1)
    rows = Rows(data.rank, sums, penalty, 1, 1e-12)
    pairs = make_pairs(data.num_rows, data.num_features)
    points = make_points(merge(data.rank, [len(values) for values in data.values]))
    levels = np.empty((1, data.num_features, data.num_rows), np.int32)
    return greedy(rows, data.order, depth, splits, look_ahead, levels, pairs, points, np.zeros(1, np.int64))


@pytest.fixture(scope="module")
def table() -> TrainingData:
    rng = np.random.default_rng(0)
    X = rng.random((300, 4)).astype(np.float32).astype(np.float64)
    return prepare(X, np.sin(6 * X[:, 0]) * X[:, 1] + X[:, 2] ** 2 + 0.1 * rng.normal(size=300))


def test_look_ahead_of_one_is_cart(table):
    """scikit-learn's trees are the reference; ties between features do not occur in these data."""
    from sklearn.tree import DecisionTreeRegressor

    for depth in (1, 2, 4):
        cost, features, cuts = grow(table, depth, 2**depth - 1, 1)
        cart = DecisionTreeRegressor(max_depth=depth, random_state=0).fit(table.X, table.y)
        assert cost == pytest.approx(np.sum((table.y - cart.predict(table.X)) ** 2), rel=1e-6)
        assert table.sse(table.tree(features, cuts)) == pytest.approx(cost)


def test_look_ahead_of_two_sees_what_one_does_not():
    """In a chessboard no single split helps, and CART's first one is arbitrary."""
    X = np.array([[a, b, c] for a in (0.0, 1.0) for b in (0.0, 1.0) for c in (0.0, 1.0)])
    y = (X[:, 1] != X[:, 2]) + 0.01 * X[:, 0]
    data = prepare(X, y)
    assert grow(data, 2, 3, 2)[0] < 0.1 * grow(data, 2, 3, 1)[0]


def test_cost_is_that_of_the_pruned_tree(table):
    """A cost that does not fit its tree would set a target that nothing reaches."""
    for splits in (0, 1, 3, 6):
        for penalty in (0.0, 0.5):
            cost, features, cuts = grow(table, 4, splits, 2, penalty)
            tree = table.tree(features, cuts)
            assert tree.num_splits <= splits
            assert cost == pytest.approx(table.sse(tree) + penalty * tree.num_splits)


def test_weakest_split_goes_first():
    """Leaf SSEs by hand: the left twig saves 3, the right one 1, so with 2 splits the right one becomes a leaf."""
    features = np.array([0, 1, 1, -1, -1, -1, -1])
    sse = np.array([20.0, 5.0, 4.0, 1.0, 1.0, 2.0, 1.0])
    assert prune_tree(features, sse, 2, 0.0) == 6.0
    assert features.tolist() == [0, 1, -1, -1, -1, -1, -1]
    assert prune_tree(features, sse, 1, 0.0) == 9.0
    assert features[1] == -1
    assert prune_tree(features, sse, 7, 100.0) == 20.0
    assert (features == -1).all()
    assert math.isfinite(prune_tree(features, sse, 0, 0.0))
