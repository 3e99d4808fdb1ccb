"""
Optimal regression trees after Bertsimas and Dunn (2017): a complete binary tree, samples routed by indicators.

The routing is theirs, on the ranks of the values instead of the values, so that the smallest step of every feature
is at least 1/n. Their squared errors make a quadratic program; here each is bounded from below by tangents, which are
added where a solution lies below its own error. One such round makes the error of that routing exact, so the
MILP ends after finitely many, yet for a few dozen samples only: its relaxation says next to nothing.

Bertsimas, D., Dunn, J. (2017). Optimal classification trees. *Machine Learning* 106(7): 1039-1082.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cosolve.core.errors import UnsupportedProblemError
from cosolve.core.monitor import Monitor
from cosolve.instances.milp import MILPInstance
from cosolve.instances.regtree import NO_CHILD, NO_FEATURE, RegressionTree, RegressionTreeInstance
from cosolve.solvers.formulations import Formulation, Rows

#: More samples times leaves than this would make a model that no backend does anything with.
MAX_ASSIGNMENTS = 20_000

#: Tangents of every sample's error that are there from the start.
_FIRST_TANGENTS = 9

#: Relative to the squared error of the constant: by how much the error of a routing may be underrated. The backends
#: keep rows to 1e-7 only: a smaller number would have them add the same tangents forever.
_TOLERANCE = 3e-7


def formulate(instance: RegressionTreeInstance, monitor: Monitor | None = None) -> Formulation:
    """
    Routing of all samples through a complete tree with lazily added tangents of the squared errors.

    Raises
    ------
    UnsupportedProblemError
        Above :data:`MAX_ASSIGNMENTS` samples times leaves.
    """
    n = instance.size
    if n << min(instance.max_depth, 40) > MAX_ASSIGNMENTS:
        raise UnsupportedProblemError(
            f"the routing formulation takes at most {MAX_ASSIGNMENTS} samples times leaves, "
            f"got {n} x 2^{instance.max_depth}."
        )
    layout = _Layout.of(instance)
    scale = _Scale.of(instance)
    model = _model(instance, layout, scale)

    def decode(x: np.ndarray) -> RegressionTree:
        return _decode(instance, layout, x)

    def encode(tree: RegressionTree) -> np.ndarray:
        return _encode(instance, layout, scale, tree)

    def separate(x: np.ndarray) -> Rows | None:
        if not _is_whole(x[: layout.num_binary]):
            return None  # measured: tangents at fractional points cost more than they raise the bound
        # Whatever its errors were taken for, a routing is a tree.
        if monitor is not None:
            monitor.report(decode(x))
        leaf = np.argmax(x[layout.leaf], axis=1)
        weight = np.bincount(leaf, scale.weight, layout.num_leaves)
        total = np.bincount(leaf, scale.weight * scale.y, layout.num_leaves)
        mean = np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)[leaf]
        error = scale.weight @ (scale.y - mean) ** 2
        if scale.weight @ x[layout.loss] >= error - _TOLERANCE * n:
            return None
        # At the mean the tangents of a leaf add up to its error exactly, so that this routing never comes back.
        height = (scale.y - mean) ** 2 + 2 * (mean - scale.y) * (x[layout.fit] - mean)
        low = np.flatnonzero(x[layout.loss] < height)
        return _tangents(layout, scale, low, mean[low])

    return Formulation(model, decode, encode, separate)


def _is_whole(values: np.ndarray) -> bool:
    return bool((np.abs(values - np.rint(values)) <= 1e-6).all())


@dataclass(frozen=True)
class _Scale:
    """Targets moved and scaled to mean 0 and variance 1, weights to mean 1; ``unit`` is one scaled square."""

    y: np.ndarray
    weight: np.ndarray
    unit: float

    @classmethod
    def of(cls, instance: RegressionTreeInstance) -> _Scale:
        weights = np.ones(instance.size) if instance.weights is None else instance.weights
        weight = weights / weights.mean()
        deviation = instance.y - np.average(instance.y, weights=weights)
        spread = np.sqrt(weight @ deviation**2 / len(weight)) or 1.0
        return cls(deviation / spread, weight, float(spread**2 * weights.mean()))


@dataclass(frozen=True)
class _Layout:
    """
    Where the columns are, and the ranks that the rows are made of.

    Inner nodes are 0..m-1 in heap order, leaves 0..m. Columns: for each inner node whether it splits, its feature
    and its threshold; for each leaf whether it is used; for each sample its leaf; prediction of each leaf; prediction
    and squared error of each sample.
    """

    splits: np.ndarray
    feature: np.ndarray
    used: np.ndarray
    leaf: np.ndarray
    threshold: np.ndarray
    prediction: np.ndarray
    fit: np.ndarray
    loss: np.ndarray
    rank: np.ndarray
    values: tuple[np.ndarray, ...]
    step: np.ndarray

    @classmethod
    def of(cls, instance: RegressionTreeInstance) -> _Layout:
        n, p = instance.X.shape
        num_leaves = 1 << instance.max_depth
        m = num_leaves - 1
        start = 0

        def columns(*shape: int) -> np.ndarray:
            nonlocal start
            start += math.prod(shape)
            return np.arange(start - math.prod(shape), start).reshape(shape)

        pairs = [np.unique(instance.X[:, j], return_inverse=True) for j in range(p)]
        values = tuple(pair[0] for pair in pairs)
        step = np.array([1.0 / max(1, len(v) - 1) for v in values])
        return cls(
            splits=columns(m),
            feature=columns(m, p),
            used=columns(num_leaves),
            leaf=columns(n, num_leaves),
            threshold=columns(m),
            prediction=columns(num_leaves),
            fit=columns(n),
            loss=columns(n),
            rank=np.column_stack([inverse for _, inverse in pairs]) * step,
            values=values,
            step=step,
        )

    @property
    def num_leaves(self) -> int:
        return len(self.used)

    @property
    def num_binary(self) -> int:
        """Columns of integers, which come first."""
        return int(self.threshold[0]) if len(self.threshold) else int(self.prediction[0])

    def ancestors(self, leaf: int) -> list[tuple[int, bool]]:
        """Inner nodes above a leaf, and whether it lies left of each."""
        node, found = leaf + self.num_leaves, []
        while node > 1:
            found.append((node // 2 - 1, node % 2 == 0))
            node //= 2
        return found


def _tangents(layout: _Layout, scale: _Scale, samples: np.ndarray, at: np.ndarray) -> Rows:
    """Rows loss >= (y - at)^2 + 2 (at - y) (fit - at) of some samples."""
    y, k = scale.y[samples], len(samples)
    slope = 2 * (at - y)
    data = np.column_stack([np.ones(k), -slope]).ravel()
    indices = np.column_stack([layout.loss[samples], layout.fit[samples]]).ravel()
    lower = (y - at) ** 2 - slope * at
    return data, indices, 2 * np.arange(k + 1), lower, np.full(k, np.inf)


class _RowList:
    """Rows of a sparse matrix, collected one by one."""

    def __init__(self) -> None:
        self._rows: list[tuple[np.ndarray, np.ndarray]] = []
        self._sides: list[tuple[float, float]] = []

    def add(self, columns: np.ndarray, data: np.ndarray, lower: float, upper: float) -> None:
        self._rows.append((columns, data))
        self._sides.append((lower, upper))

    def rows(self) -> Rows:
        lengths = [len(columns) for columns, _ in self._rows]
        sides = np.array(self._sides).reshape(-1, 2)
        return (
            np.concatenate([data for _, data in self._rows]),
            np.concatenate([columns for columns, _ in self._rows]),
            np.cumsum([0, *lengths]),
            sides[:, 0],
            sides[:, 1],
        )


def _model(instance: RegressionTreeInstance, layout: _Layout, scale: _Scale) -> MILPInstance:
    n, p = instance.X.shape
    num_leaves, m, inf = layout.num_leaves, layout.num_leaves - 1, np.inf
    num_columns = int(layout.loss[-1]) + 1
    low, high = float(scale.y.min()), float(scale.y.max())
    rows = _RowList()
    for t in range(m):
        # A node that splits has one feature; its threshold is a rank, and one that does not split has rank 0.
        rows.add(np.append(layout.feature[t], layout.splits[t]), np.append(np.ones(p), -1.0), 0.0, 0.0)
        rows.add(np.array([layout.threshold[t], layout.splits[t]]), np.array([1.0, -1.0]), -inf, 0.0)
        if t:
            rows.add(layout.splits[[t, (t - 1) // 2]], np.array([1.0, -1.0]), -inf, 0.0)
    if instance.max_splits is not None and m:
        rows.add(layout.splits, np.ones(m), -inf, float(instance.max_splits))
    most = 1.0 + float(layout.step.max())
    for t in range(num_leaves):
        least = np.append(np.ones(n), -float(instance.min_samples_leaf))
        rows.add(np.append(layout.leaf[:, t], layout.used[t]), least, 0.0, inf)
        for i in range(n):
            rows.add(np.array([layout.leaf[i, t], layout.used[t]]), np.array([1.0, -1.0]), -inf, 0.0)
            for node, is_left in layout.ancestors(t):
                columns = np.concatenate([layout.feature[node], [layout.threshold[node], layout.leaf[i, t]]])
                if is_left:
                    # Left: the next rank is at most the threshold; where nothing splits, nothing goes left.
                    data = np.concatenate([layout.rank[i] + layout.step, [-1.0, most]])
                    columns, data = np.append(columns, layout.splits[node]), np.append(data, -most)
                    rows.add(columns, data, -inf, 0.0)
                else:
                    rows.add(columns, np.concatenate([layout.rank[i], [-1.0, -1.0]]), -1.0, inf)
            # The prediction of a sample is that of its leaf.
            columns = np.array([layout.fit[i], layout.prediction[t], layout.leaf[i, t]])
            rows.add(columns, np.array([1.0, -1.0, high - low]), -inf, high - low)
            rows.add(columns, np.array([1.0, -1.0, low - high]), low - high, inf)
    for i in range(n):
        rows.add(layout.leaf[i], np.ones(num_leaves), 1.0, 1.0)
    everyone = np.arange(n)
    first = [_tangents(layout, scale, everyone, np.full(n, at)) for at in np.linspace(low, high, _FIRST_TANGENTS)]
    data, indices, indptr, lower, upper = _stack([rows.rows(), *first])
    cost, col_lower, col_upper = np.zeros(num_columns), np.zeros(num_columns), np.ones(num_columns)
    cost[layout.splits] = instance.penalty
    cost[layout.loss] = scale.weight * scale.unit
    for columns in (layout.prediction, layout.fit):
        col_lower[columns], col_upper[columns] = low, high
    col_upper[layout.loss] = (high - low) ** 2
    is_integer = np.arange(num_columns) < layout.num_binary
    return MILPInstance(
        name=instance.name,
        cost=cost,
        col_lower=col_lower,
        col_upper=col_upper,
        is_integer=is_integer,
        data=data,
        indices=indices,
        indptr=indptr,
        row_lower=lower,
        row_upper=upper,
    )


def _stack(parts: list[Rows]) -> Rows:
    indptr = [parts[0][2]]
    for part in parts[1:]:
        indptr.append(part[2][1:] + indptr[-1][-1])
    joined = [np.concatenate([part[k] for part in parts]) for k in (0, 1, 3, 4)]
    return joined[0], joined[1], np.concatenate(indptr), joined[2], joined[3]


def _decode(instance: RegressionTreeInstance, layout: _Layout, x: np.ndarray) -> RegressionTree:
    """The tree that the columns of splits, features and thresholds describe, without splits of empty sides."""
    nodes: list[tuple[int, float, int, int, float]] = []
    weights = np.ones(instance.size) if instance.weights is None else instance.weights

    def grow(node: int, samples: np.ndarray) -> int:
        while node < layout.num_leaves - 1 and x[layout.splits[node]] > 0.5:
            j = int(np.argmax(x[layout.feature[node]]))
            goes_left = layout.rank[samples, j] < x[layout.threshold[node]] - layout.step[j] / 2
            if goes_left.any() and not goes_left.all():
                break
            node = 2 * node + 1 if goes_left.any() else 2 * node + 2
        else:
            mean = float(np.average(instance.y[samples], weights=weights[samples]))
            nodes.append((NO_FEATURE, 0.0, NO_CHILD, NO_CHILD, mean))
            return len(nodes) - 1
        lower = instance.X[samples[goes_left], j].max()
        upper = layout.values[j][np.searchsorted(layout.values[j], lower) + 1]
        middle = lower / 2 + upper / 2
        this = len(nodes)
        nodes.append((j, 0.0, 0, 0, 0.0))
        left = grow(2 * node + 1, samples[goes_left])
        right = grow(2 * node + 2, samples[~goes_left])
        nodes[this] = (j, float(middle if lower <= middle < upper else lower), left, right, 0.0)
        return this

    grow(0, np.arange(instance.size))
    feature, threshold, left, right, value = (np.array(column) for column in zip(*nodes, strict=True))
    return RegressionTree(feature=feature, threshold=threshold, left=left, right=right, value=value)


def _encode(instance: RegressionTreeInstance, layout: _Layout, scale: _Scale, tree: RegressionTree) -> np.ndarray:
    """Columns of a tree; its leaves predict their means whatever it says."""
    x = np.zeros(int(layout.loss[-1]) + 1)
    m = layout.num_leaves - 1

    def place(node: int, at: int, samples: np.ndarray) -> None:
        if tree.left[node] == NO_CHILD or at >= m:
            while at < m:
                at = 2 * at + 2  # what does not split sends all to the right
            leaf = at - m
            x[layout.used[leaf]] = 1.0
            x[layout.leaf[samples, leaf]] = 1.0
            mean = np.average(scale.y[samples], weights=scale.weight[samples])
            x[layout.prediction[leaf]] = mean
            x[layout.fit[samples]] = mean
            x[layout.loss[samples]] = (scale.y[samples] - mean) ** 2
            return
        j, threshold = int(tree.feature[node]), tree.threshold[node]
        x[layout.splits[at]] = x[layout.feature[at, j]] = 1.0
        x[layout.threshold[at]] = np.count_nonzero(layout.values[j] <= threshold) * layout.step[j]
        goes_left = instance.X[samples, j] <= threshold
        place(int(tree.left[node]), 2 * at + 1, samples[goes_left])
        place(int(tree.right[node]), 2 * at + 2, samples[~goes_left])

    place(0, 0, np.arange(instance.size))
    return x
