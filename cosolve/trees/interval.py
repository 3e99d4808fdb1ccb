"""
Optimal regression trees by best-first search over intervals of root cuts.

The root's cuts of all features are covered by spans (:mod:`cosolve.trees.spans`). The span of the lowest bound is
taken from a heap, the cut that halves its rows is evaluated - both children are solved, or bounded far enough - and
the two halves go back. The least bound of all spans is at every moment a lower bound of the whole problem. Children
are solved by the same idea in compiled code (:mod:`cosolve.trees.recursion`, :mod:`cosolve.trees.depth_two`), several
cuts at a time by threads. The interval bound is that of [1]_ and [2]_ for squared errors.

Targets are set to (1 - ``gap_tol``) times the best objective and searched strictly at every level, so the reported
lower bound is a true one: tolerances of different levels do not add up.

References
----------
.. [1] Mazumder, R., Meng, X., Wang, H. (2022). Quant-BnB: a scalable branch-and-bound method for optimal decision
       trees with continuous features. *Proceedings of the 39th International Conference on Machine Learning*,
       15255-15277.
.. [2] Briţa, C. E., van der Linden, J. G. M., Demirović, E. (2025). Optimal classification trees for continuous
       feature data using dynamic programming with branch-and-bound. *Proceedings of the AAAI Conference on Artificial
       Intelligence* 39.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from cosolve.core.result import Limit
from cosolve.trees.data import TrainingData, prepare
from cosolve.trees.outcome import OnImprovement, SearchOutcome, is_proven
from cosolve.trees.root import RootSearch
from cosolve.trees.tree import Tree, canonical, leaf, split

#: Deepest tree: a tree is kept as a complete binary one, and no deeper one can be proven optimal anyway.
MAX_DEPTH = 12


def fit_interval(
    data: TrainingData,
    *,
    max_depth: int,
    min_samples_leaf: int = 1,
    penalty: float = 0.0,
    max_splits: int | None = None,
    time_limit: float = math.inf,
    gap_tol: float = 1e-4,
    n_jobs: int = 1,
    initial: Tree | None = None,
    on_improvement: OnImprovement | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> SearchOutcome:
    """
    Tree of least weighted squared error plus penalty, proven optimal if the time suffices.

    Parameters
    ----------
    data
        Training data.
    max_depth
        Most splits from the root to a leaf, in 0..``MAX_DEPTH``.
    min_samples_leaf
        Fewest rows in a leaf, >= 1.
    penalty
        Price of a split, >= 0, in units of the squared error.
    max_splits
        Most splits in all; ``None`` for as many as the depth allows.
    time_limit
        Wall-clock seconds.
    gap_tol
        Relative gap at which to stop, in [0, 1).
    n_jobs
        Threads.
    initial
        Tree to start from, which must keep to the limits; its values are fitted again.
    on_improvement
        Called with (seconds, upper, lower, tree), the tree being ``None`` if only the lower bound moved.
    should_stop
        Asked about every 20 milliseconds.

    Returns
    -------
    SearchOutcome
        Of a single leaf at least.

    Raises
    ------
    ValueError
        If an argument is out of range, or ``initial`` breaks a limit.
    """
    if not 0 <= max_depth <= MAX_DEPTH:
        raise ValueError(f"max_depth must be in 0..{MAX_DEPTH}, got {max_depth}.")
    if min_samples_leaf < 1:
        raise ValueError(f"min_samples_leaf must be >= 1, got {min_samples_leaf}.")
    if not 0 <= penalty < math.inf:
        raise ValueError(f"penalty must be >= 0 and finite, got {penalty}.")
    if max_splits is not None and max_splits < 0:
        raise ValueError(f"max_splits must be >= 0, got {max_splits}.")
    if not 0 <= gap_tol < 1:
        raise ValueError(f"gap_tol must be in [0, 1), got {gap_tol}.")
    if n_jobs < 1:
        raise ValueError(f"n_jobs must be >= 1, got {n_jobs}.")
    full = (1 << max_depth) - 1
    splits = full if max_splits is None else min(max_splits, full)
    search = RootSearch(data, max_depth, min_samples_leaf, penalty, splits, gap_tol, on_improvement)
    search.offer(leaf(data.y_mean))
    if initial is not None:
        check_limits(data, initial, max_depth, min_samples_leaf, splits)
        search.offer(data.with_means(initial))

    def limit_reached() -> Limit | None:
        if time.perf_counter() - search.start >= time_limit:
            return Limit.TIME
        return Limit.INTERRUPTED if should_stop is not None and should_stop() else None

    limit = None
    if search.splits and data.num_rows >= 2 * min_samples_leaf and search.objective > 0:
        if search.depth == 1:
            search.take(search.best_stump())
        else:
            limit = search.run(n_jobs, limit_reached)
    else:
        search.closed = search.cost
    search.report(None)

    def is_done() -> bool:
        return is_proven(search.objective, search.lower_bound, data.no_error, gap_tol, has_ended=limit is None)

    if limit is None and not is_done() and search.tree is not None and search.tree.num_splits:
        # Sums over all rows were too rough. Those of a side need not be, where the other one has the outliers.
        fit_side = partial(
            fit_interval,
            max_depth=max_depth - 1,
            min_samples_leaf=min_samples_leaf,
            penalty=penalty,
            gap_tol=gap_tol,
            n_jobs=n_jobs,
            should_stop=lambda: limit_reached() is not None,
        )
        search.offer(fit_sides(data, search.tree, splits - 1, fit_side))
    assert search.tree is not None
    return SearchOutcome(search.tree, search.objective, search.lower_bound, is_done(), search.num_evals, limit)


def fit_sides(data: TrainingData, tree: Tree, splits: int, fit_side: Callable[..., SearchOutcome]) -> Tree:
    """
    Fit both sides of the root again, as data of their own.

    Parameters
    ----------
    data
        Training data.
    tree
        A tree with a split.
    splits
        Splits that both sides may have together.
    fit_side
        :func:`fit_interval` for one of them.
    """
    nodes = tree.feature, tree.threshold, tree.left, tree.right, tree.value
    left, right = (canonical(*nodes, root=int(child[0])) for child in (tree.left, tree.right))
    feature, threshold = int(tree.feature[0]), float(tree.threshold[0])
    goes_left = data.X[:, feature] <= threshold

    def fit(chosen: np.ndarray, side: Tree, other: Tree) -> Tree:
        part = prepare(data.X[chosen], data.y[chosen], data.weights[chosen])
        return fit_side(part, max_splits=splits - other.num_splits, initial=side).tree

    left = fit(goes_left, left, right)
    right = fit(~goes_left, right, left)
    return data.with_means(split(feature, threshold, left, right))


def check_limits(data: TrainingData, tree: Tree, max_depth: int, min_samples_leaf: int, splits: int) -> None:
    """
    Check that a tree keeps to the limits on these data.

    Raises
    ------
    ValueError
        If it is too deep, has too many splits, uses an unknown feature or has a leaf with too few rows.
    """
    if tree.feature.max() >= data.num_features:
        raise ValueError(f"the tree splits by feature {tree.feature.max()}, there are {data.num_features}.")
    if tree.depth > max_depth:
        raise ValueError(f"the tree has depth {tree.depth}, allowed is {max_depth}.")
    if tree.num_splits > splits:
        raise ValueError(f"the tree has {tree.num_splits} splits, allowed are {splits}.")
    fewest = int(np.bincount(tree.apply(data.X), minlength=tree.num_nodes)[tree.is_leaf].min())
    if tree.num_splits and fewest < min_samples_leaf:
        raise ValueError(f"the tree has a leaf with {fewest} rows, at least {min_samples_leaf} are asked for.")
