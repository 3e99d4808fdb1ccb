"""Training data, sorted once: what every search works on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosolve.core.jit import jit
from cosolve.trees.tree import Tree, leaf, split


@dataclass(frozen=True)
class TrainingData:
    """
    Rows of positive weight with centred targets, presorted by every feature; made by :func:`prepare`.

    Parameters
    ----------
    X
        Values, float64, shape (rows, features).
    y
        Targets minus ``y_mean``, float64.
    weights
        Weights > 0, float64.
    y_mean
        Weighted mean of the targets.
    order
        Rows by increasing value, ties by row, int32, shape (features, rows).
    rank
        Dense rank of each row's value, from 0, int32, shape (features, rows): equal values have equal ranks.
    values
        Distinct values of each feature, increasing.
    is_unweighted
        Whether all weights are 1.
    """

    X: np.ndarray
    y: np.ndarray
    weights: np.ndarray
    y_mean: float
    order: np.ndarray
    rank: np.ndarray
    values: tuple[np.ndarray, ...]
    is_unweighted: bool

    @property
    def num_rows(self) -> int:
        """Rows of positive weight."""
        return len(self.y)

    @property
    def num_features(self) -> int:
        """Columns of ``X``."""
        return self.X.shape[1]

    @property
    def total_sse(self) -> float:
        """Weighted SSE of the constant predictor: the unit of ``alpha``."""
        return float(np.dot(self.weights, self.y * self.y))

    def threshold(self, feature: int, rank: int) -> float:
        """Threshold that sends ranks <= ``rank`` of a feature left and the others right."""
        return threshold_between(*self.values[feature][rank : rank + 2])

    def tree(self, features: np.ndarray, cuts: np.ndarray) -> Tree:
        """
        Tree of a complete binary tree of splits in breadth-first order.

        Parameters
        ----------
        features
            Feature of each split, -1 at a leaf; what lies below a leaf does not count.
        cuts
            Greatest rank that goes left.

        Returns
        -------
        Tree
            With the weighted mean of its rows at every node, and each threshold in the middle of the two values that
            it separates among the rows of its node.
        """

        def grow(node: int, rows: np.ndarray) -> Tree:
            value = self.y_mean + float(np.average(self.y[rows], weights=self.weights[rows]))
            if node >= len(features) or features[node] < 0:
                return leaf(value)
            feature = int(features[node])
            goes_left = self.rank[feature, rows] <= cuts[node]
            left, right = rows[goes_left], rows[~goes_left]
            middle = threshold_between(self.X[left, feature].max(), self.X[right, feature].min())
            return split(feature, middle, grow(2 * node + 1, left), grow(2 * node + 2, right), value)

        return grow(0, np.arange(self.num_rows))

    def with_means(self, tree: Tree) -> Tree:
        """The tree with the weighted mean of its own rows (not centred) at every node."""
        leaves = tree.apply(self.X)
        weight = np.bincount(leaves, self.weights, tree.num_nodes)
        total = np.bincount(leaves, self.weights * self.y, tree.num_nodes)
        for node in np.flatnonzero(~tree.is_leaf)[::-1]:  # in preorder, children come after their parent
            for sums in (weight, total):
                sums[node] = sums[tree.left[node]] + sums[tree.right[node]]
        mean = np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)
        return Tree(tree.feature, tree.threshold, tree.left, tree.right, mean + self.y_mean)

    def sse(self, tree: Tree) -> float:
        """Weighted sum of squared errors of a tree's predictions on these rows."""
        error = tree.predict(self.X) - self.y_mean - self.y
        return float(np.dot(self.weights, error * error))


def threshold_between(lower: float, upper: float) -> float:
    """Middle of two values, or the lower one where the middle rounds to the upper one: rows <= it go left."""
    middle = lower / 2 + upper / 2
    return float(middle if lower <= middle < upper else lower)


def prepare(X: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> TrainingData:
    """
    Check, centre and sort training data.

    Parameters
    ----------
    X
        Shape (rows, features), finite.
    y
        Shape (rows,), finite.
    weights
        Shape (rows,), finite and >= 0, ``None`` for all 1. Rows of weight 0 are left out: they are no samples.

    Raises
    ------
    ValueError
        If shapes don't match, a number is not finite, a weight is negative, or no row has a positive weight.
    """
    X = np.asarray(X, dtype=np.float64)
    y = np.asarray(y, dtype=np.float64)
    if X.ndim != 2 or not X.shape[1]:
        raise ValueError(f"X must be a table with at least one column, got shape {X.shape}.")
    if y.shape != (len(X),):
        raise ValueError(f"y must have one entry per row of X, {len(X)}, got shape {y.shape}.")
    if len(y) > np.iinfo(np.int32).max:
        raise ValueError(f"at most {np.iinfo(np.int32).max} rows are supported, got {len(y)}.")
    weights = np.ones(len(y)) if weights is None else np.asarray(weights, dtype=np.float64)
    if weights.shape != y.shape:
        raise ValueError(f"weights must have one entry per row of X, {len(X)}, got shape {weights.shape}.")
    for name, array in (("X", X), ("y", y), ("weights", weights)):
        if not np.isfinite(array).all():
            raise ValueError(f"{name} must be finite, got NaN or infinity.")
    if (weights < 0).any():
        raise ValueError(f"weights must be >= 0, got {weights.min()}.")
    if not weights.any():
        raise ValueError("at least one row must have a positive weight.")
    if not weights.all():
        kept = weights > 0
        X, y, weights = X[kept], y[kept], weights[kept]

    # The mean of the differences to one target: exact for a constant target, small rounding for a large offset.
    y_mean = float(y[0] + np.dot(weights, y - y[0]) / weights.sum())
    order = np.empty((X.shape[1], len(y)), np.int32)
    rank = np.empty_like(order)
    values = []
    for feature, column in enumerate(np.ascontiguousarray(X[:, f]) for f in range(X.shape[1])):
        order[feature] = np.argsort(column, kind="stable")
        values.append(_rank(column, order[feature], rank[feature]))
    return TrainingData(X, y - y_mean, weights, y_mean, order, rank, tuple(values), bool((weights == 1).all()))


@jit
def _rank(column: np.ndarray, order: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """Fill in the dense ranks of a column and return its distinct values."""
    values = np.empty(len(column))
    count = 0
    for position in range(len(order)):
        value = column[order[position]]
        if count == 0 or value > values[count - 1]:
            values[count] = value
            count += 1
        rank[order[position]] = count - 1
    return values[:count].copy()
