"""Trees as arrays: numbering, routing, marks."""

from __future__ import annotations

import numpy as np
import pytest

from cosolve.trees.tree import Tree, canonical, leaf, split

#: x0 <= 1 ? (x1 <= 5 ? 10 : 20) : 30
SMALL = split(0, 1.0, split(1, 5.0, leaf(10.0), leaf(20.0)), leaf(30.0))


def test_rows_on_a_threshold_go_left():
    """scikit-learn's convention; the other one would move every row that equals a threshold."""
    X = np.array([[1.0, 5.0], [1.0, 5.1], [1.1, 0.0]])
    assert SMALL.predict(X).tolist() == [10.0, 20.0, 30.0]
    assert SMALL.apply(X).tolist() == [2, 3, 4]


def test_counts_and_depth():
    """Splits are inner nodes: the penalty is paid for them."""
    assert (SMALL.num_nodes, SMALL.num_leaves, SMALL.num_splits, SMALL.depth) == (5, 3, 2, 2)
    assert SMALL.depths.tolist() == [0, 1, 2, 2, 1]
    assert (leaf(1.0).num_splits, leaf(1.0).depth) == (0, 0)


def test_nodes_are_numbered_in_preorder():
    """Equal trees must have equal arrays, whatever built them."""
    # The same tree with the root last and its subtrees in another order; node 0 is not in it.
    tree = canonical(
        feature=np.array([-2, -2, -2, -2, 1, 0]),
        threshold=np.array([0, 0, 0, 0, 5.0, 1.0]),
        left=np.array([-1, -1, -1, -1, 2, 4]),
        right=np.array([-1, -1, -1, -1, 3, 1]),
        value=np.array([99.0, 30.0, 10.0, 20.0, 15.0, 25.0]),
        root=5,
    )
    for name in ("feature", "left", "right"):
        assert getattr(tree, name).tolist() == getattr(SMALL, name).tolist()
    assert tree.value.tolist() == [25.0, 15.0, 10.0, 20.0, 30.0]


@pytest.mark.parametrize(
    ("feature", "left", "right"),
    [
        ([0, -2], [1, -1], [2, -1]),  # a child is missing
        ([0, -2, -2], [2, -1, -1], [1, -1, -1]),  # left and right swapped
        ([0, -2, -2, -2], [1, -1, -1, -1], [2, -1, -1, -1]),  # a node too many
        ([-1, -2, -2], [1, -1, -1], [2, -1, -1]),  # no feature
        ([0, 0, -2], [1, -1, -1], [2, -1, -1]),  # a leaf with a feature
        ([0, -2, 1, -2, -2], [1, -1, 3, -1, -1], [2, -1, 0, -1, -1]),  # a cycle
    ],
)
def test_arrays_that_are_no_tree_are_refused(feature, left, right):
    """Routing would not end, or read outside of the arrays."""
    count = len(feature)
    with pytest.raises(ValueError, match="preorder"):
        Tree(np.array(feature), np.zeros(count), np.array(left), np.array(right), np.zeros(count))


def test_arrays_of_different_lengths_are_refused():
    """Routing would read outside of the arrays."""
    with pytest.raises(ValueError, match="value must have one entry per node"):
        Tree(np.array([-2]), np.array([0.0]), np.array([-1]), np.array([-1]), np.zeros(2))


def test_tables_with_too_few_columns_are_refused():
    """The kernel would read the next row's values."""
    with pytest.raises(ValueError, match="at least 2 columns"):
        SMALL.predict(np.zeros((3, 1)))
