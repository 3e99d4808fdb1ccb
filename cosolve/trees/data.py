"""Training data, sorted once: what every search works on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosolve.core.jit import frozen, jit_allocating
from cosolve.trees.tree import NO_CHILD, NO_FEATURE, Tree

#: Most values of a column that is sorted by counting.
MAX_FEW = 4

#: Columns that are looked at together: as many numbers as a line of the cache holds.
_BESIDE = 8


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

    @property
    def no_error(self) -> float:
        """SSE that a tree without any error may come out at: the mean of n equal targets is off by n roundings."""
        return (self.num_rows * float(np.finfo(float).eps)) ** 2 * self.total_sse

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

        feature, left, right, value, low, high = _grow(features, cuts, self.rank, self.y, self.weights)
        threshold = np.full(len(feature), np.nan)
        for node in np.flatnonzero(left >= 0):
            values = self.values[feature[node]]
            threshold[node] = threshold_between(values[low[node]], values[high[node]])
        return Tree(feature, threshold, left, right, self.y_mean + value)

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

    def for_sums(self) -> tuple[np.ndarray, np.ndarray, float]:
        """
        Targets and weights for a search by sums, in which a weight next to nothing beside that of all rows is lost.

        Where the search takes the difference of two sums for the weight of such a row, nonsense comes out: an error
        of 0, or infinite. Light rows get the least weight that sums can tell apart, and a target with which their
        share of the squared error stays the same.

        Returns
        -------
        (numpy.ndarray, numpy.ndarray, float)
            Targets, weights, and by how much the SSE of a tree may seem greater than it is, for both reasons.
        """
        if self.is_unweighted:
            return frozen(self.y), frozen(self.weights), 0.0
        # The rounding of a sum of n numbers grows with the square root of n; 4 is for safety.
        least = 4 * float(np.finfo(float).eps * np.sqrt(self.num_rows) * self.weights.sum())
        weights = np.maximum(self.weights, least)
        y = self.y * np.sqrt(self.weights / weights)
        # A light row of target t, at first y, is in a leaf of mean m: ``least`` (t - m)^2 is more than its error by
        # ``least`` (m^2 + 2 |m t|) at most. A wrong ``least`` in the weight of a leaf costs ``least`` m^2.
        num_light = int(np.count_nonzero(self.weights < least))
        return frozen(y), frozen(weights), (1 + 3 * num_light) * least * float(np.abs(self.y).max()) ** 2


def threshold_between(lower: float, upper: float) -> float:
    """Middle of two values, or the lower one where the middle rounds to the upper one: rows <= it go left."""
    middle = lower / 2 + upper / 2
    return float(middle if lower <= middle < upper else lower)


def weight_unit(weights: np.ndarray) -> float:
    """
    What to divide weights by so that the largest is in [1, 2): a power of two, which changes no digit.

    Sums of weights such as 1e-200 or 1e200, squared in a search, would vanish or overflow.
    """
    return float(np.ldexp(1.0, int(np.frexp(weights.max(initial=0.0))[1]) - 1))


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
    X = np.ascontiguousarray(X)
    order = np.empty((X.shape[1], len(y)), np.int32)
    rank = np.empty_like(order)
    few = np.empty((X.shape[1], MAX_FEW))
    num_values = _sort_few(X, few, order, rank)
    values = []
    for feature, count in enumerate(num_values):
        if count:
            values.append(few[feature, :count])
        else:
            column = np.ascontiguousarray(X[:, feature])
            order[feature] = np.argsort(column, kind="stable")
            values.append(_rank(column, order[feature], rank[feature]))
    return TrainingData(X, y - y_mean, weights, y_mean, order, rank, tuple(values), bool((weights == 1).all()))


@jit_allocating
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


@jit_allocating
def _sort_few(X: np.ndarray, values: np.ndarray, order: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """
    Order, ranks and values of the columns that have few values; returns their number of values, 0 for other columns.

    Sorting by counting takes two passes; the first one gives each value a code in order of appearance.
    """
    num_rows, num_columns = X.shape
    num_values = np.ones(num_columns, np.int64)
    values[:, 0] = X[0]
    codes = np.empty((_BESIDE, num_rows), np.uint8)
    code_rank = np.empty(MAX_FEW, np.int32)
    for begin in range(0, num_columns, _BESIDE):
        end = min(begin + _BESIDE, num_columns)
        for row in range(num_rows):
            for column in range(begin, end):
                count = num_values[column]
                if count > MAX_FEW:
                    continue
                # Two values are told apart without a branch: nobody could predict it.
                value = X[row, column]
                code = np.int64(values[column, 0] != value)
                while code < count and values[column, code] != value:
                    code += 1
                if code == count:
                    num_values[column] += 1
                    if count == MAX_FEW:
                        continue
                    values[column, code] = value
                codes[column - begin, row] = code
        for column in range(begin, end):
            count = num_values[column]
            if count > MAX_FEW:
                num_values[column] = 0
                continue
            increasing = np.argsort(values[column, :count])
            values[column, :count] = values[column, :count][increasing]
            for number in range(count):
                code_rank[increasing[number]] = number
            for row in range(num_rows):
                rank[column, row] = code_rank[codes[column - begin, row]]
            at = 0
            for number in range(count):
                for row in range(num_rows):
                    order[column, at] = row
                    at += rank[column, row] == number
                    if at == num_rows:
                        break
    return num_values


@jit_allocating
def _grow(
    features: np.ndarray, cuts: np.ndarray, rank: np.ndarray, y: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Feature, children, mean, and the two ranks around the cut of each node, in preorder."""
    size = len(features)
    weight, total = np.zeros(2 * size + 1), np.zeros(2 * size + 1)
    low, high = np.full(size, -1, np.int64), np.full(size, np.iinfo(np.int64).max)
    for row in range(len(y)):
        node = 0
        while True:
            weight[node] += weights[row]
            total[node] += weights[row] * y[row]
            if node >= size or features[node] < 0:
                break
            at = np.int64(rank[features[node], row])
            if at <= cuts[node]:
                low[node] = max(low[node], at)
                node = 2 * node + 1
            else:
                high[node] = min(high[node], at)
                node = 2 * node + 2

    feature = np.full(2 * size + 1, NO_FEATURE, np.int32)
    left, right = np.full(2 * size + 1, NO_CHILD, np.int32), np.full(2 * size + 1, NO_CHILD, np.int32)
    value = np.empty(2 * size + 1)
    lows, highs = np.zeros(2 * size + 1, np.int64), np.zeros(2 * size + 1, np.int64)
    # Entries: a node in breadth-first order, and the parent in preorder of which it is the right child, or -1.
    stack = np.empty((2 * size + 1, 2), np.int64)
    stack[0, 0], stack[0, 1] = 0, -1
    waiting, count = 1, 0
    while waiting:
        waiting -= 1
        node, parent = stack[waiting, 0], stack[waiting, 1]
        if parent >= 0:
            right[parent] = count
        value[count] = total[node] / weight[node]
        if node < size and features[node] >= 0:
            feature[count], left[count] = features[node], count + 1
            lows[count], highs[count] = low[node], high[node]
            stack[waiting, 0], stack[waiting, 1] = 2 * node + 2, count
            stack[waiting + 1, 0], stack[waiting + 1, 1] = 2 * node + 1, -1
            waiting += 2
        count += 1
    return feature[:count], left[:count], right[:count], value[:count], lows[:count], highs[:count]
