"""A binary regression tree as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosolve.core.jit import jit_allocating

#: ``feature`` of a leaf, and ``left`` and ``right`` of a leaf: scikit-learn's marks.
NO_FEATURE = -2
NO_CHILD = -1


@dataclass(frozen=True)
class Tree:
    """
    Binary regression tree; node 0 is the root and nodes are numbered in preorder, left before right.

    Parameters
    ----------
    feature
        Feature of each split, int32; ``NO_FEATURE`` (-2) at a leaf.
    threshold
        A row goes left if its value is <= this, float64; NaN at a leaf.
    left, right
        Children, int32; ``NO_CHILD`` (-1) at a leaf.
    value
        Prediction of each node, float64: the weighted mean of the training targets in it. A search may leave the
        values of inner nodes NaN.

    Raises
    ------
    ValueError
        If lengths differ, or the nodes are not one tree in preorder.
    """

    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    value: np.ndarray

    def __post_init__(self) -> None:
        for name, dtype in (
            ("feature", np.int32),
            ("threshold", np.float64),
            ("left", np.int32),
            ("right", np.int32),
            ("value", np.float64),
        ):
            array = np.array(getattr(self, name), dtype=dtype)
            if array.ndim != 1 or len(array) != len(self.feature) or not len(array):
                raise ValueError(f"{name} must have one entry per node, at least one, got shape {array.shape}.")
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        if not is_preorder(self.feature, self.left, self.right):
            raise ValueError("nodes must form one binary tree in preorder, with -2 and -1 as the marks of a leaf.")

    @property
    def num_nodes(self) -> int:
        """Splits and leaves."""
        return len(self.feature)

    @property
    def is_leaf(self) -> np.ndarray:
        """Whether each node is a leaf."""
        return self.left == NO_CHILD

    @property
    def num_leaves(self) -> int:
        """Number of leaves."""
        return int(np.count_nonzero(self.is_leaf))

    @property
    def num_splits(self) -> int:
        """Number of inner nodes."""
        return self.num_nodes - self.num_leaves

    @property
    def depths(self) -> np.ndarray:
        """Splits above each node, int32."""
        depths = np.zeros(self.num_nodes, dtype=np.int32)
        for node in np.flatnonzero(~self.is_leaf):
            depths[self.left[node]] = depths[self.right[node]] = depths[node] + 1
        return depths

    @property
    def depth(self) -> int:
        """Splits on the longest way from the root to a leaf."""
        return int(self.depths.max())

    def apply(self, X: np.ndarray) -> np.ndarray:
        """
        Leaf that each row falls into.

        Parameters
        ----------
        X
            Shape (rows, features); finite numbers.

        Returns
        -------
        numpy.ndarray
            Node numbers, int32.
        """
        X = np.asarray(X, dtype=np.float64)
        used = int(self.feature.max()) + 1
        if X.ndim != 2 or X.shape[1] < used:
            raise ValueError(f"X must be a table with at least {used} columns, got shape {X.shape}.")
        return _apply(X, self.feature, self.threshold, self.left, self.right)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Value of the leaf that each row of ``X`` (rows, features) falls into."""
        return self.value[self.apply(X)]


def leaf(value: float) -> Tree:
    """A tree without splits."""
    return Tree(*(np.array([entry]) for entry in (NO_FEATURE, np.nan, NO_CHILD, NO_CHILD, value)))


def split(feature: int, threshold: float, left: Tree, right: Tree, value: float = np.nan) -> Tree:
    """Tree that sends rows with ``x[feature] <= threshold`` to ``left`` and the others to ``right``."""
    start = 1 + left.num_nodes

    def shifted(children: np.ndarray, by: int) -> np.ndarray:
        return np.where(children == NO_CHILD, NO_CHILD, children + by)

    return Tree(
        np.concatenate([[feature], left.feature, right.feature]),
        np.concatenate([[threshold], left.threshold, right.threshold]),
        np.concatenate([[1], shifted(left.left, 1), shifted(right.left, start)]),
        np.concatenate([[start], shifted(left.right, 1), shifted(right.right, start)]),
        np.concatenate([[value], left.value, right.value]),
    )


def canonical(
    feature: np.ndarray, threshold: np.ndarray, left: np.ndarray, right: np.ndarray, value: np.ndarray, root: int = 0
) -> Tree:
    """Tree below ``root`` of nodes in any numbering, renumbered in preorder; nodes out of reach are left out."""
    if left[root] < 0:
        return leaf(float(value[root]))
    below = [canonical(feature, threshold, left, right, value, int(child[root])) for child in (left, right)]
    return split(int(feature[root]), float(threshold[root]), below[0], below[1], float(value[root]))


@jit_allocating
def is_preorder(feature: np.ndarray, left: np.ndarray, right: np.ndarray) -> bool:
    """Whether the nodes form one binary tree in preorder with scikit-learn's marks."""
    # In preorder the left child follows its parent and the right child follows the last node of the left subtree.
    expected = np.empty(len(feature) + 1, np.int64)
    waiting = 0
    for node in range(len(feature)):
        if left[node] == -1:
            if right[node] != -1 or feature[node] != -2:
                return False
            if waiting == 0:
                return node == len(feature) - 1
            waiting -= 1
            if expected[waiting] != node + 1:
                return False
        else:
            if feature[node] < 0 or left[node] != node + 1:
                return False
            expected[waiting] = right[node]
            waiting += 1
    return False


@jit_allocating
def _apply(
    X: np.ndarray, feature: np.ndarray, threshold: np.ndarray, left: np.ndarray, right: np.ndarray
) -> np.ndarray:
    leaves = np.empty(len(X), np.int32)
    for row in range(len(X)):
        node = np.int32(0)
        while left[node] >= 0:
            node = left[node] if X[row, feature[node]] <= threshold[node] else right[node]
        leaves[row] = node
    return leaves
