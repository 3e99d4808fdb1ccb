"""Local search and bins: better first trees that keep to the limits, and costs that are those of the trees."""

from __future__ import annotations

import numpy as np
import pytest

from cosolve.trees.coarse import coarsen
from cosolve.trees.data import TrainingData, prepare
from cosolve.trees.depth_two import make_pairs
from cosolve.trees.heuristics import greedy
from cosolve.trees.kernels import Rows
from cosolve.trees.local_search import best_split, improve
from cosolve.trees.merging import merge
from cosolve.trees.points import make_points


def table(seed: int, n: int = 200) -> TrainingData:
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.random((n, 2)), rng.integers(0, 6, n)])
    y = np.sin(5 * X[:, 0]) * X[:, 2] + (X[:, 1] > 0.4) * X[:, 0] + 0.2 * rng.normal(size=n)
    return prepare(X, y, rng.integers(1, 3, n).astype(float))


def rows_of(data: TrainingData, min_rows: int = 1, penalty: float = 0.0) -> Rows:
    w, y = data.weights, data.y
    return Rows(data.rank, np.stack([np.ones_like(w), w, w * y, w * y * y], axis=1), penalty, min_rows, 1e-10)


def start(data: TrainingData, rows: Rows, depth: int):
    """CART, and the scratch."""
    pairs = make_pairs(data.num_rows, data.num_features)
    points = make_points(merge(data.rank, [len(values) for values in data.values]))
    levels = np.empty((depth, data.num_features, data.num_rows), np.int32)
    stop = np.zeros(1, np.int64)
    cost, features, cuts = greedy(rows, data.order, depth, (1 << depth) - 1, 1, levels, pairs, points, stop)
    return cost, features, cuts, (pairs, points, stop)


@pytest.mark.parametrize(("min_rows", "penalty"), [(1, 0.0), (9, 0.0), (1, 0.5)])
@pytest.mark.parametrize("depth", [3, 5])
def test_local_search_improves_cart_within_the_limits(depth, min_rows, penalty):
    """A cost that is not that of the tree would cut off the optimum; a leaf too small would be no admissible tree."""
    gains = []
    for seed in range(4):
        data = table(seed)
        rows = rows_of(data, min_rows, penalty)
        before, features, cuts, scratch = start(data, rows, depth)
        cost = improve(rows, data.order, depth, before, features, cuts, *scratch)
        tree = data.tree(features, cuts)
        assert tree.depth <= depth
        assert cost == pytest.approx(data.sse(tree) + penalty * tree.num_splits)
        assert np.bincount(tree.apply(data.X))[tree.is_leaf].min() >= min_rows
        assert cost <= before + 1e-9
        gains.append(before - cost)
    assert max(gains) > 0.0


def test_a_local_optimum_stays_as_it_is():
    """The search ends where it can improve nothing; going on from there must not make the tree worse."""
    data = table(7)
    rows = rows_of(data)
    before, features, cuts, scratch = start(data, rows, 4)
    cost = improve(rows, data.order, 4, before, features, cuts, *scratch)
    again = features.copy(), cuts.copy()
    assert improve(rows, data.order, 4, cost, *again, *scratch) == pytest.approx(cost)
    assert np.array_equal(features, again[0])


def test_best_split_between_fixed_subtrees_is_that_of_trying_all():
    """Sums of errors on either side, by the definition, for every feature and cut of the root and of a child."""
    data = table(3, n=60)
    rows = rows_of(data, min_rows=2)
    _, features, cuts, _ = start(data, rows, 3)
    tree = data.tree(features, cuts)
    means = {number: tree.value[leaf] - data.y_mean for leaf, number in _places(tree).items()}

    def prediction(node: int, row: int) -> float:
        while features[node] >= 0:
            node = 2 * node + (1 if data.rank[features[node], row] <= cuts[node] else 2)
        return means[node]

    for node in (0, 2):
        inside = [r for r in range(60) if node == 0 or data.rank[features[0], r] > cuts[0]]
        errors = {}
        for feature in range(3):
            for cut in np.unique(data.rank[feature, inside])[:-1]:
                left = [data.rank[feature, r] <= cut for r in inside]
                if min(sum(left), len(left) - sum(left)) >= 2:
                    goes = [2 * node + (1 if is_left else 2) for is_left in left]
                    values = np.array([prediction(t, r) for t, r in zip(goes, inside, strict=True)])
                    errors[feature, cut] = data.weights[inside] @ (data.y[inside] - values) ** 2
        found = best_split(rows, data.order, features, cuts, node)
        assert errors[found] == pytest.approx(min(errors.values()))


def _places(tree) -> dict[int, int]:
    """Breadth-first number of each node."""
    places = {0: 0}
    for node in np.flatnonzero(~tree.is_leaf):
        places[int(tree.left[node])] = 2 * places[node] + 1
        places[int(tree.right[node])] = 2 * places[node] + 2
    return places


def test_bins_hold_equally_many_rows_and_name_their_greatest_rank():
    """A cut between bins must be the same cut of the rows when it is put back."""
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.random(500), rng.integers(0, 3, 500), np.r_[np.zeros(300), rng.random(200)]])
    data = prepare(X, rng.random(500))
    coarse = coarsen(data.rank, data.order)
    assert coarse.num_bins[0] == 41
    assert np.bincount(coarse.rank[0]).max() <= 13
    assert np.array_equal(coarse.rank[1], data.rank[1])
    for feature in range(3):
        assert (np.diff(coarse.rank[feature, data.order[feature]]) >= 0).all()
        for code in range(coarse.num_bins[feature]):
            features, cuts = np.array([feature]), np.array([code])
            coarse.refine(features, cuts)
            assert np.array_equal(data.rank[feature] <= cuts[0], coarse.rank[feature] <= code)
