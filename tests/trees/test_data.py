"""Sorted training data, thresholds and trees made from ranks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cosolve.trees.data import prepare, threshold_between
from cosolve.trees.tree import leaf, split

finite = st.floats(-1e300, 1e300, allow_nan=False)


@given(finite, finite)
def test_threshold_separates_any_two_values(a, b):
    """The middle of two neighbouring doubles rounds to one of them; at the upper one all rows would go left."""
    lower, upper = min(a, b), max(a, b)
    if lower < upper:
        assert lower <= threshold_between(lower, upper) < upper


def test_threshold_of_neighbouring_doubles_is_the_lower_one():
    """1 + eps and 1 + 2 eps have no double between them, and their middle rounds to even, the upper one."""
    lower = np.nextafter(1.0, 2.0)
    upper = np.nextafter(lower, 2.0)
    assert lower / 2 + upper / 2 == upper
    assert threshold_between(lower, upper) == lower


@given(arrays(np.float64, (7, 2), elements=st.integers(0, 3).map(float)))
def test_ranks_and_orders_describe_the_columns(X):
    """Everything downstream sees ranks only; ties must share one."""
    data = prepare(X, np.arange(7.0))
    for feature in range(2):
        assert (data.values[feature][data.rank[feature]] == X[:, feature]).all()
        assert (np.diff(X[data.order[feature], feature]) >= 0).all()
        assert sorted(data.order[feature]) == list(range(7))


def test_targets_are_centred_by_weight():
    """Sums of squares of targets with a large mean would drown in rounding."""
    data = prepare(np.zeros((3, 1)), np.array([1e9, 1e9 + 1, 1e9 + 5]), np.array([1.0, 1.0, 2.0]))
    assert data.y_mean == 1e9 + 2.75
    assert data.y.tolist() == [-2.75, -1.75, 2.25]
    assert data.total_sse == 2.75**2 + 1.75**2 + 2 * 2.25**2


def test_rows_of_weight_zero_are_left_out():
    """scikit-learn's rule: weight 0 is as good as not being there, also for rows per leaf and thresholds."""
    X = np.array([[0.0], [5.0], [10.0]])
    data = prepare(X, np.array([1.0, 100.0, 3.0]), np.array([1.0, 0.0, 1.0]))
    assert data.num_rows == 2
    assert data.threshold(0, 0) == 5.0
    assert data.y_mean == 2.0


def test_tree_from_ranks_puts_thresholds_between_the_rows_of_the_node():
    """Within a node, the neighbouring value may be further away than in the whole table."""
    X = np.array([[0.0, 0.0], [0.0, 4.0], [1.0, 1.0], [1.0, 2.0]])
    data = prepare(X, np.array([0.0, 1.0, 10.0, 30.0]))
    tree = data.tree(np.array([0, 1, 1]), np.array([0, 0, 1]))
    assert tree.threshold[~tree.is_leaf].tolist() == [0.5, 2.0, 1.5]
    assert tree.value.tolist() == pytest.approx([10.25, 0.5, 0.0, 1.0, 20.0, 10.0, 30.0])
    assert data.sse(tree) == pytest.approx(0.0)


def test_means_are_fitted_again():
    """A start from another data set has other values at its leaves, and nodes that no row reaches."""
    data = prepare(np.array([[0.0], [1.0], [2.0]]), np.array([0.0, 2.0, 7.0]), np.array([1.0, 3.0, 1.0]))
    tree = data.with_means(split(0, 1.0, leaf(99.0), split(0, 9.0, leaf(0.0), leaf(0.0))))
    assert tree.value[:4].tolist() == pytest.approx([2.6, 1.5, 7.0, 7.0])
    assert data.sse(tree) == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("message", "X", "y", "weights"),
    [
        ("X must be a table", np.zeros(3), np.zeros(3), None),
        ("X must be a table", np.zeros((3, 0)), np.zeros(3), None),
        ("one entry per row of X, 3", np.zeros((3, 1)), np.zeros(2), None),
        ("weights must have one entry", np.zeros((3, 1)), np.zeros(3), np.ones(2)),
        ("X must be finite", np.full((3, 1), np.nan), np.zeros(3), None),
        ("y must be finite", np.zeros((3, 1)), np.full(3, np.inf), None),
        ("weights must be >= 0", np.zeros((3, 1)), np.zeros(3), np.array([1.0, -1.0, 1.0])),
        ("positive weight", np.zeros((3, 1)), np.zeros(3), np.zeros(3)),
    ],
)
def test_bad_data_are_named(message, X, y, weights):
    """NaN would sort to the end and be split as if it were a large value."""
    with pytest.raises(ValueError, match=message):
        prepare(X, y, weights)
