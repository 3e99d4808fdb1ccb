"""Optimal regression trees: a table of samples with limits on the tree, trees, judge."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import numpy as np

from cosolve.core.instance import Instance, Solution, frozen_array, plain_zeros, whole_number
from cosolve.core.jit import jit_allocating
from cosolve.core.problem import JudgeMode, Problem
from cosolve.core.verdict import Verdict, Violation

#: ``left`` and ``right`` of a leaf, and its ``feature``: the marks that scikit-learn uses.
NO_CHILD, NO_FEATURE = -1, -2

#: At most this many violations of one kind are listed.
_LISTED = 5


@dataclass(frozen=True, eq=False, kw_only=True)
class RegressionTreeInstance(Instance):
    """
    Find the binary tree of axis-aligned splits with the least squared error plus a price for each split.

    Parameters
    ----------
    X
        (n, p) float64, finite: n >= 1 samples of p >= 1 features.
    y
        (n,) float64, finite: the target.
    weights
        (n,) float64, finite and > 0: weight of each sample's squared error; ``None`` for 1 each.
    feature_names
        p names for people; ``None`` for x0, x1, ... Not part of the data.
    max_depth
        Longest path from the root to a leaf, in splits, >= 0.
    min_samples_leaf
        Fewest samples (rows, whatever their weight) in a leaf, in 1..n.
    alpha
        Price of a split, >= 0, in units of the weighted squared error of the best constant.
    max_splits
        Most splits, >= 0; ``None`` for as many as the depth allows.

    Raises
    ------
    ValueError
        If shapes do not fit or a number is out of range.
    """

    problem: ClassVar[str] = "regtree"

    X: np.ndarray
    y: np.ndarray
    weights: np.ndarray | None = None
    feature_names: tuple[str, ...] | None = field(default=None, compare=False, repr=False)
    max_depth: int = 2
    min_samples_leaf: int = 1
    alpha: float = 0.0
    max_splits: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "X", plain_zeros(frozen_array(self.X, np.float64, ndim=2, what="X")))
        n, p = self.X.shape
        if n < 1 or p < 1:
            raise ValueError(f"X must have at least 1 row and 1 column, got {n} x {p}.")
        if not np.isfinite(self.X).all():
            raise ValueError("X must hold finite numbers.")
        for name in ("y", "weights"):
            if getattr(self, name) is None and name == "weights":
                continue
            values = plain_zeros(frozen_array(getattr(self, name), np.float64, ndim=1, what=name))
            object.__setattr__(self, name, values)
            if len(values) != n:
                raise ValueError(f"{name} must have one entry per sample ({n}), got {len(values)}.")
            if not np.isfinite(values).all() or (name == "weights" and not (values > 0).all()):
                raise ValueError(f"{name} must hold finite numbers{' > 0' if name == 'weights' else ''}.")
        names = tuple(f"x{j}" for j in range(p)) if self.feature_names is None else tuple(map(str, self.feature_names))
        object.__setattr__(self, "feature_names", names)
        if len(names) != p:
            raise ValueError(f"feature_names must have one entry per feature ({p}), got {len(names)}.")
        for name, least in (("max_depth", 0), ("min_samples_leaf", 1), ("max_splits", 0)):
            value = getattr(self, name)
            if value is None and name == "max_splits":
                continue
            object.__setattr__(self, name, whole_number(value, name, least))
        if self.min_samples_leaf > n:
            raise ValueError(f"min_samples_leaf must be in 1..{n}, got {self.min_samples_leaf}.")
        object.__setattr__(self, "alpha", float(self.alpha) + 0.0)
        if not (math.isfinite(self.alpha) and self.alpha >= 0):
            raise ValueError(f"alpha must be a finite number >= 0, got {self.alpha}.")
        with np.errstate(over="ignore", invalid="ignore"):
            if not math.isfinite(self.baseline):
                raise ValueError("y or weights are so large that the squared error is not finite.")

    @property
    def size(self) -> int:
        """Number of samples."""
        return len(self.y)

    @property
    def num_features(self) -> int:
        """Number of features."""
        return self.X.shape[1]

    @cached_property
    def baseline(self) -> float:
        """Weighted squared error of the best constant, which is the weighted mean."""
        mean = np.average(self.y, weights=self.weights)
        residuals = (self.y - mean) ** 2
        return float(residuals.sum() if self.weights is None else residuals @ self.weights)

    @cached_property
    def magnitude(self) -> float:
        """Of the error without any split."""
        return self.baseline

    @property
    def penalty(self) -> float:
        """Price of a split in units of the objective."""
        return self.alpha * self.baseline


@dataclass(frozen=True, eq=False, kw_only=True)
class RegressionTree(Solution):
    """
    A binary tree; sample x goes left at a node if ``x[feature] <= threshold``.

    Parameters
    ----------
    feature
        (m,) int32, the feature each node splits on; -2 for a leaf.
    threshold
        (m,) float64; of no meaning for a leaf.
    left, right
        (m,) int32, children of each node, -1 for a leaf. Node 0 is the root; every other node has one parent.
    value
        (m,) float64, what each leaf predicts; of no meaning for an inner node.
    """

    problem: ClassVar[str] = "regtree"

    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    value: np.ndarray

    def __post_init__(self) -> None:
        for name, kind in (
            ("feature", np.int32),
            ("threshold", np.float64),
            ("left", np.int32),
            ("right", np.int32),
            ("value", np.float64),
        ):
            object.__setattr__(self, name, frozen_array(getattr(self, name), kind, ndim=1, what=name))

    @property
    def num_splits(self) -> int:
        """Number of nodes that are no leaves."""
        return int(np.count_nonzero(self.left != NO_CHILD))


def evaluate(instance: RegressionTreeInstance, solution: RegressionTree, mode: JudgeMode = "strict") -> Verdict:
    """
    Weighted squared error of the tree's predictions plus the penalty of its splits; O(n * depth).

    The arrays must be one binary tree whose leaves all hold enough samples, within the limits on depth and splits.
    The "frontierco" mode is the same: that benchmark has no such problem.
    """
    violations = _structure(instance, solution)
    if violations:
        return Verdict(None, tuple(violations))
    feature, threshold, left, right, value = (
        getattr(solution, name) for name in ("feature", "threshold", "left", "right", "value")
    )
    depth = int(_depth(left, right))
    if depth > instance.max_depth:
        violations.append(Violation("tree too deep", f"depth {depth} of at most {instance.max_depth}"))
    splits = solution.num_splits
    if instance.max_splits is not None and splits > instance.max_splits:
        violations.append(Violation("too many splits", f"{splits} of at most {instance.max_splits}"))
    leaf = _apply(instance.X, feature, threshold, left, right)
    count = np.bincount(leaf, minlength=len(left))
    for node in np.flatnonzero((left == NO_CHILD) & (count < instance.min_samples_leaf))[:_LISTED].tolist():
        missing = float(instance.min_samples_leaf - count[node])
        violations.append(Violation("too few samples in a leaf", f"node {node}", missing))
    with np.errstate(over="ignore", invalid="ignore"):  # the judge refuses what is not finite
        squares = (instance.y - value[leaf]) ** 2
        error = float(squares.sum() if instance.weights is None else squares @ instance.weights)
        return Verdict(error + instance.penalty * splits, tuple(violations))


def _structure(instance: RegressionTreeInstance, tree: RegressionTree) -> list[Violation]:
    """What keeps the arrays from being one binary tree over the features of the instance."""
    m = len(tree.left)
    if m == 0:
        return [Violation("no node")]
    lengths = {len(getattr(tree, name)) for name in ("feature", "threshold", "right", "value")}
    if lengths != {m}:
        return [Violation("arrays of different lengths", f"{m} nodes by left, {sorted(lengths)} by others")]
    is_leaf = tree.left == NO_CHILD
    inner, leaves = np.flatnonzero(~is_leaf), np.flatnonzero(is_leaf)
    wrong = {
        "child out of range": inner[((tree.left < 1) | (tree.left >= m) | (tree.right < 1) | (tree.right >= m))[inner]],
        "leaf with a right child": leaves[tree.right[leaves] != NO_CHILD],
        "leaf with a feature": leaves[tree.feature[leaves] != NO_FEATURE],
        "no such feature": inner[(tree.feature[inner] < 0) | (tree.feature[inner] >= instance.num_features)],
        "threshold is not finite": inner[~np.isfinite(tree.threshold[inner])],
        "value is not finite": leaves[~np.isfinite(tree.value[leaves])],
    }
    found = [Violation(what, f"node {k}") for what, nodes in wrong.items() for k in nodes[:_LISTED].tolist()]
    if found:
        return found
    # With exactly one parent for each node but the root, what is not reached from the root lies on a cycle.
    parents = np.bincount(np.concatenate([tree.left[inner], tree.right[inner]]), minlength=m)
    parents[0] += 1
    found = [
        Violation("node without a parent" if parents[k] == 0 else "node with two parents", f"node {k}")
        for k in np.flatnonzero(parents != 1)[:_LISTED].tolist()
    ]
    if not found and _depth(tree.left, tree.right) < 0:
        found.append(Violation("nodes on a cycle"))
    return found


@jit_allocating
def _depth(left: np.ndarray, right: np.ndarray) -> int:
    """Depth of the tree below node 0, where every node has one parent; -1 if a node is not below it."""
    level = np.zeros(len(left), np.int64)
    stack = np.empty(len(left), np.int64)
    stack[0] = 0
    size, seen, deepest = 1, 0, 0
    while size > 0:
        size -= 1
        node = stack[size]
        seen += 1
        deepest = max(deepest, level[node])
        if left[node] >= 0:
            for child in (left[node], right[node]):
                level[child] = level[node] + 1
                stack[size] = child
                size += 1
    return deepest if seen == len(left) else -1


@jit_allocating
def _apply(
    X: np.ndarray, feature: np.ndarray, threshold: np.ndarray, left: np.ndarray, right: np.ndarray
) -> np.ndarray:
    """Leaf of each sample."""
    leaf = np.empty(len(X), np.int32)
    for i in range(len(X)):
        node = 0
        while left[node] >= 0:
            node = left[node] if X[i, feature[node]] <= threshold[node] else right[node]
        leaf[i] = node
    return leaf


REGTREE = Problem("regtree", "Optimal regression tree", RegressionTreeInstance, RegressionTree, evaluate)
