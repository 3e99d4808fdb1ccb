"""Optimal regression trees as a scikit-learn estimator."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from cosolve.core.result import Limit
from cosolve.trees import export
from cosolve.trees.data import prepare, weight_unit
from cosolve.trees.interval import fit_interval
from cosolve.trees.outcome import SearchOutcome
from cosolve.trees.rsbb import fit_rsbb
from cosolve.trees.tree import Tree, canonical
from cosolve.trees.warm_up import warm_up

if TYPE_CHECKING:
    from sklearn.tree import DecisionTreeRegressor

_METHODS = {"interval": fit_interval, "rsbb": fit_rsbb}

_LIMITS = {Limit.TIME: "time_limit", Limit.INTERRUPTED: "interrupted", None: "rounding"}


class OptimalRegressionTree(RegressorMixin, BaseEstimator):
    """
    Regression tree of least squared error among all trees of its depth, with a proof.

    Among all binary trees with axis-parallel splits within the limits below, ``fit`` looks for one that minimises the
    weighted sum of squared errors plus ``alpha`` times the sum of squares of the constant predictor for each split.
    It reports a lower bound that no such tree can beat, also when it is stopped early.

    Parameters
    ----------
    max_depth
        Most splits from the root to a leaf, in 0..12. Depth 2 takes milliseconds to seconds, each further level some
        ten to hundred times longer.
    min_samples_leaf
        Fewest rows in a leaf, >= 1; rows of weight 0 don't count.
    alpha
        Price of a split, >= 0, relative to the weighted sum of squares of the constant predictor.
    max_splits
        Most splits in the whole tree, >= 0; ``None`` for as many as the depth allows.
    time_limit
        Wall-clock seconds for ``fit``, > 0, sorting included, compilation of the kernels on first use not; ``None`` for
        none.
    gap_tol
        Relative gap of objective and lower bound at which the tree counts as optimal, in [0, 1).
    method
        "interval": best-first search over intervals of thresholds (:mod:`cosolve.trees.interval`). "rsbb":
        reduced-space branch and bound (:mod:`cosolve.trees.rsbb`), slower, for comparison.
    n_jobs
        Threads; -1 for all processors, ``None`` for 1. The optimum does not depend on it; the tree may, among trees
        whose objectives differ by less than ``gap_tol``.
    warm_start_tree
        Tree to start from: a :class:`cosolve.trees.tree.Tree`, a fitted ``OptimalRegressionTree`` or a fitted
        ``DecisionTreeRegressor``; it must keep to the limits. ``None`` for none but the method's own. Where the
        estimator is cloned, as in cross-validation, give the tree, ``fitted.tree_``, or a ``FrozenEstimator``: clones
        lose the fit of estimators in them.
    random_state
        Has no effect: both methods are deterministic. It is there because tools for model selection set it.

    Attributes
    ----------
    tree_
        The tree, :class:`cosolve.trees.tree.Tree`.
    objective_
        Weighted sum of squared errors plus the price of the splits.
    lower_bound_
        Proven lower bound of the objective of all trees within the limits.
    gap_
        Relative gap of the two, in [0, 1].
    status_
        "optimal" (within ``gap_tol``), "time_limit", "interrupted", or "rounding": the search ended, but outliers make
        the sums so large that their rounding hides the rest of the gap, above all those of next to no weight.
    n_evals_
        Evaluated splits.
    trace_
        Shape (events, 3): seconds since the call of ``fit``, objective, lower bound.
    n_features_in_, feature_names_in_
        As in all of scikit-learn.

    Examples
    --------
    >>> import numpy as np
    >>> from cosolve.trees.estimator import OptimalRegressionTree
    >>> X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> model = OptimalRegressionTree(max_depth=2).fit(X, [0.0, 1.0, 1.0, 0.0])
    >>> model.predict(X)
    array([0., 1., 1., 0.])
    >>> model.status_
    'optimal'
    """

    def __init__(
        self,
        max_depth: int = 2,
        *,
        min_samples_leaf: int = 1,
        alpha: float = 0.0,
        max_splits: int | None = None,
        time_limit: float | None = None,
        gap_tol: float = 1e-4,
        method: str = "interval",
        n_jobs: int | None = 1,
        warm_start_tree: Tree | BaseEstimator | None = None,
        random_state: Any = None,
    ) -> None:
        self.max_depth = max_depth
        self.min_samples_leaf = min_samples_leaf
        self.alpha = alpha
        self.max_splits = max_splits
        self.time_limit = time_limit
        self.gap_tol = gap_tol
        self.method = method
        self.n_jobs = n_jobs
        self.warm_start_tree = warm_start_tree
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """
        Search for an optimal tree.

        Ctrl-C ends the search and keeps the best tree found so far.

        Parameters
        ----------
        X
            Shape (rows, features), finite numbers.
        y
            Shape (rows,), finite numbers.
        sample_weight
            Shape (rows,), >= 0; ``None`` for equal weights.

        Returns
        -------
        OptimalRegressionTree
            The estimator itself.

        Raises
        ------
        ValueError
            If data or a parameter is out of range.
        """
        self._check_parameters()
        X, y = validate_data(self, X, y, y_numeric=True, dtype=np.float64)
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        warm_up()
        start = time.perf_counter()
        unit = weight_unit(weights)
        data = prepare(X, y, weights / unit)
        shift = time.perf_counter() - start
        trace: list[tuple[float, float, float]] = []
        outcome: SearchOutcome = _METHODS[self.method](
            data,
            # For other kinds of numbers than Python's all kernels would be compiled again, in the time of the search.
            max_depth=int(self.max_depth),
            min_samples_leaf=int(self.min_samples_leaf),
            penalty=float(self.alpha) * data.total_sse,
            max_splits=None if self.max_splits is None else int(self.max_splits),
            time_limit=math.inf if self.time_limit is None else max(0.0, float(self.time_limit) - shift),
            gap_tol=float(self.gap_tol),
            n_jobs=self._num_threads(),
            initial=_as_tree(self.warm_start_tree),
            on_improvement=lambda seconds, upper, lower, tree: trace.append(
                (shift + seconds, upper * unit, lower * unit)
            ),
        )
        self.tree_ = outcome.tree
        self.objective_ = outcome.objective * unit
        self.lower_bound_ = outcome.lower_bound * unit
        trace.append((time.perf_counter() - start, self.objective_, self.lower_bound_))
        self.gap_ = outcome.gap
        self.status_ = "optimal" if outcome.is_proven else _LIMITS[outcome.limit]
        self.n_evals_ = outcome.n_evals
        self.trace_ = np.array(trace)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Predictions, shape (rows,), for ``X``, shape (rows, features)."""
        leaves = self.apply(X)
        return self.tree_.value[leaves]

    def apply(self, X: Any) -> np.ndarray:
        """Leaf (node number in ``tree_``) of each row of ``X``, shape (rows, features)."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=np.float64)
        return self.tree_.apply(X)

    def decision_path(self, X: Any) -> Any:
        """Sparse matrix (rows, nodes) with a 1 for each node on the way of a row of ``X`` to its leaf."""
        leaves = self.apply(X)
        return export.node_path(self.tree_, leaves)

    def get_depth(self) -> int:
        """Splits on the longest way from the root to a leaf."""
        check_is_fitted(self)
        return self.tree_.depth

    def get_n_leaves(self) -> int:
        """Number of leaves."""
        check_is_fitted(self)
        return self.tree_.num_leaves

    def export_text(self, feature_names: Sequence[str] | None = None, decimals: int = 2) -> str:
        """Tree as indented text; names default to those seen in ``fit``."""
        check_is_fitted(self)
        return export.export_text(self.tree_, self._feature_names(feature_names), decimals)

    def plot(self, X: Any, feature_names: Sequence[str] | None = None, decimals: int = 2, ax: Any = None) -> Any:
        """
        Draw the tree with matplotlib.

        Parameters
        ----------
        X
            Rows to count in the nodes, for example the training rows.
        feature_names
            ``None`` for the names seen in ``fit``.
        decimals
            Digits after the point.
        ax
            matplotlib axes; ``None`` for a new figure.

        Returns
        -------
        matplotlib.axes.Axes
        """
        counts = np.asarray(self.decision_path(X).sum(axis=0)).ravel()
        return export.plot_tree(self.tree_, counts, self._feature_names(feature_names), decimals, ax)

    def to_sklearn(self, X: Any, y: Any, sample_weight: Any = None) -> DecisionTreeRegressor:
        """
        Fitted ``DecisionTreeRegressor`` with the same splits, for tools made for scikit-learn's trees.

        scikit-learn compares features in single precision: a row closer to a threshold than that may go the other way.
        A warning says so if one of these does.

        Parameters
        ----------
        X, y, sample_weight
            The training rows: counts and impurities of the nodes come from them.
        """
        check_is_fitted(self)
        X, y = validate_data(self, X, y, reset=False, y_numeric=True, dtype=np.float64)
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        return export.to_sklearn(self.tree_, X, y, weights)

    def _feature_names(self, given: Sequence[str] | None) -> Sequence[str] | None:
        return getattr(self, "feature_names_in_", None) if given is None else given

    def _num_threads(self) -> int:
        n_jobs = 1 if self.n_jobs is None else int(self.n_jobs)
        return n_jobs if n_jobs > 0 else max(1, (os.cpu_count() or 1) + 1 + n_jobs)

    def _check_parameters(self) -> None:
        for name, least in (("max_depth", 0), ("min_samples_leaf", 1), ("max_splits", 0), ("n_jobs", None)):
            value = getattr(self, name)
            if value is None and name in ("max_splits", "n_jobs"):
                continue
            if not isinstance(value, Integral) or isinstance(value, bool) or (least is not None and value < least):
                raise ValueError(f"{name} must be an integer{'' if least is None else f' >= {least}'}, got {value!r}.")
        if self.n_jobs == 0:
            raise ValueError("n_jobs must not be 0.")
        if not isinstance(self.alpha, Real) or not 0 <= self.alpha < math.inf:
            raise ValueError(f"alpha must be a finite number >= 0, got {self.alpha!r}.")
        if not isinstance(self.gap_tol, Real) or not 0 <= self.gap_tol < 1:
            raise ValueError(f"gap_tol must be a number in [0, 1), got {self.gap_tol!r}.")
        if self.time_limit is not None and (not isinstance(self.time_limit, Real) or not self.time_limit > 0):
            raise ValueError(f"time_limit must be a number of seconds > 0 or None, got {self.time_limit!r}.")
        if self.method not in _METHODS:
            raise ValueError(f"method must be one of {', '.join(_METHODS)}, got {self.method!r}.")


def _as_tree(given: Any) -> Tree | None:
    """
    Tree of what ``warm_start_tree`` may be.

    Raises
    ------
    ValueError
        If it is something else, or not fitted.
    """
    if given is None or isinstance(given, Tree):
        return given
    fitted: Any = getattr(given, "tree_", None)
    if isinstance(fitted, Tree):
        return fitted
    if fitted is None and isinstance(given, BaseEstimator):
        raise ValueError(
            f"warm_start_tree must be fitted, and {given!r} is not; scikit-learn's clones of an estimator lose the fit "
            "of those in it: give the tree itself, warm_start_tree=fitted.tree_, or a FrozenEstimator."
        )
    if not hasattr(fitted, "children_left") or fitted.value.shape[1:] != (1, 1):
        raise ValueError(
            "warm_start_tree must be a Tree, or a fitted OptimalRegressionTree or DecisionTreeRegressor with one "
            f"output, got {given!r}."
        )
    return canonical(
        fitted.feature, fitted.threshold, fitted.children_left, fitted.children_right, fitted.value[:, 0, 0]
    )
