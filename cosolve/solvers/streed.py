"""Solver "streed": optimal regression trees over binary features by pystreed."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from cosolve.core.errors import UnsupportedProblemError
from cosolve.core.instance import Solution
from cosolve.core.monitor import Monitor
from cosolve.core.problem import judge
from cosolve.core.result import Limit, Status
from cosolve.core.solver import Availability, Feature, Outcome, Solver
from cosolve.instances.regtree import RegressionTreeInstance
from cosolve.solvers.packages import availability
from cosolve.solvers.trees import to_solution, training_data
from cosolve.trees.data import TrainingData
from cosolve.trees.tree import Tree, leaf, split

#: Seconds kept back for the way in and out, and the longest run without a time limit.
_RESERVE, _UNLIMITED = 0.2, 86_400.0

#: Deepest tree that pystreed takes.
_MAX_DEPTH = 20


@dataclass(frozen=True)
class StreedOptions:
    """
    Options of :class:`Streed`.

    Parameters
    ----------
    thresholds
        Most thresholds of each feature, at even steps through its distinct values; ``None`` for all there are.
        Only the answer for all of them can be optimal for the instance.
    """

    thresholds: int | None = None

    def __post_init__(self) -> None:
        if self.thresholds is not None and self.thresholds < 1:
            raise ValueError(f"thresholds must be >= 1, got {self.thresholds}.")


class Streed(Solver):
    """
    STreeD: dynamic programming with bounds over trees of binary features (van der Linden et al. 2023, 2024).

    Each threshold becomes a binary feature. It holds the interpreter's lock and tells its tree at the end only, so it
    runs in a process of its own. Sample weights are none of its business, nor a limit on splits beside a penalty.

    References
    ----------
    .. [1] van der Linden, J. G. M., de Weerdt, M. M., Demirović, E. (2023). Necessary and sufficient conditions for
           optimal decision trees using dynamic programming. *Advances in Neural Information Processing Systems* 36.
    .. [2] van den Bos, M., van der Linden, J. G. M., Demirović, E. (2024). Piecewise constant and linear regression
           trees: an optimal dynamic programming approach. *Proceedings of the 41st International Conference on
           Machine Learning*.
    """

    name = "streed"
    title = "STreeD on binarised features (pystreed)"
    problems = frozenset({"regtree"})
    features = Feature.EXACT | Feature.BOUND
    isolated = True
    options_type = StreedOptions

    def available(self) -> Availability:
        """Whether ``pystreed`` is installed."""
        return availability("pystreed", "peers")

    def solve(
        self,
        instance: RegressionTreeInstance,
        monitor: Monitor,
        *,
        seed: int,
        threads: int,
        initial: Solution | None,
        options: StreedOptions,
    ) -> Outcome:
        """See :meth:`Solver.solve`."""
        from pystreed import STreeDRegressor

        data = training_data(instance)
        if not data.is_unweighted:
            raise UnsupportedProblemError("streed takes no sample weights.")
        if instance.max_splits is not None and instance.alpha > 0:
            raise UnsupportedProblemError("streed takes a penalty or a limit on splits, not both.")
        if instance.max_depth > _MAX_DEPTH:
            raise UnsupportedProblemError(f"streed takes at most depth {_MAX_DEPTH}, got {instance.max_depth}.")
        left = monitor.time_left() - _RESERVE
        if monitor.should_stop() or left <= 0:
            return Outcome()
        cuts = [_cuts(values, options.thresholds) for values in data.values]
        columns = [(j, rank) for j, ranks in enumerate(cuts) for rank in ranks]
        all_used = all(len(ranks) == len(values) - 1 for ranks, values in zip(cuts, data.values, strict=True))
        stats = {"binary_features": len(columns), "all_thresholds": all_used}
        if not columns or instance.max_depth == 0 or instance.max_splits == 0 or instance.alpha >= 1:
            # No split is possible, or none is worth its price: pystreed wants something to choose from.
            tree = leaf(data.y_mean)
            monitor.report(to_solution(tree))
            monitor.report_bound(data.sse(tree))
            return Outcome(Status.OPTIMAL, stats=stats)
        binary = np.column_stack([data.rank[j] > rank for j, rank in columns]).astype(np.int32)
        model = STreeDRegressor(
            # The task with a penalty knows no limit on splits.
            "regression" if instance.max_splits is not None else "cost-complex-regression",
            max_depth=instance.max_depth,
            max_num_nodes=_num_nodes(instance),
            min_leaf_node_size=instance.min_samples_leaf,
            cost_complexity=instance.alpha,
            time_limit=left if math.isfinite(left) else _UNLIMITED,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it found no tree: the result says so
            model.fit(binary, data.y)
        if not model.is_fitted():
            return Outcome(limit=Limit.TIME, stats=stats, message="streed found no tree in time.")
        solution = to_solution(data.with_means(_tree(model.tree_, columns, data)))
        monitor.report(solution)
        is_optimal = bool(model.fit_result.is_optimal())
        if is_optimal and all_used:
            monitor.report_bound(judge(instance, solution).objective or 0.0)
            return Outcome(Status.OPTIMAL, stats=stats)
        if is_optimal:
            message = f"optimal for the {len(columns)} thresholds given, not for all there are."
            return Outcome(stats=stats, message=message)
        return Outcome(limit=Limit.TIME, stats=stats)


def _cuts(values: np.ndarray, most: int | None) -> list[int]:
    """Ranks that stay on the left of a threshold."""
    num_cuts = len(values) - 1
    if most is None or num_cuts <= most:
        return list(range(num_cuts))
    return np.unique(np.linspace(0, num_cuts - 1, most + 2)[1:-1].astype(int)).tolist()


def _num_nodes(instance: RegressionTreeInstance) -> int:
    full = (1 << instance.max_depth) - 1
    return full if instance.max_splits is None else min(full, instance.max_splits)


def _tree(node: Any, columns: list[tuple[int, int]], data: TrainingData) -> Tree:
    """A tree of pystreed, whose left children are those without the binary feature."""
    if node.is_leaf_node():
        return leaf(0.0)
    j, rank = columns[node.feature]
    left, right = (_tree(child, columns, data) for child in (node.left_child, node.right_child))
    return split(j, data.threshold(j, rank), left, right)
