"""Solver "cart": greedy regression trees by scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np

from cosolve.core.instance import Solution
from cosolve.core.monitor import Monitor
from cosolve.core.solver import Availability, Feature, Outcome, Solver
from cosolve.instances.regtree import RegressionTreeInstance
from cosolve.solvers.packages import availability
from cosolve.solvers.trees import to_solution, training_data
from cosolve.trees.tree import canonical, leaf


class Cart(Solver):
    """
    CART (Breiman et al. 1984): the best split of each node as if it were the last, then cost-complexity pruning.

    The tree is grown on the ranks of the values: scikit-learn holds features in single precision, where different
    values may become equal, and the splits depend on the order alone. With ``max_splits`` the nodes of the greatest
    gain are split first.
    """

    name = "cart"
    title = "CART (scikit-learn)"
    problems = frozenset({"regtree"})
    features = Feature.SEED | Feature.DETERMINISTIC

    def available(self) -> Availability:
        """Whether ``scikit-learn`` is installed."""
        return availability("scikit-learn")

    def solve(
        self,
        instance: RegressionTreeInstance,
        monitor: Monitor,
        *,
        seed: int,
        threads: int,
        initial: Solution | None,
        options: Any,
    ) -> Outcome:
        """See :meth:`Solver.solve`; the tree is grown before a clock matters."""
        from sklearn.tree import DecisionTreeRegressor

        if monitor.should_stop():
            return Outcome()
        data = training_data(instance)
        if instance.max_depth == 0 or instance.max_splits == 0:
            monitor.report(to_solution(leaf(data.y_mean)))
            return Outcome()
        y, weights, _ = data.for_sums()
        model = DecisionTreeRegressor(
            max_depth=instance.max_depth,
            min_samples_leaf=instance.min_samples_leaf,
            max_leaf_nodes=None if instance.max_splits is None else instance.max_splits + 1,
            # It minimises the mean squared error plus this for each leaf.
            ccp_alpha=instance.penalty / float(weights.sum()),
            random_state=seed % 2**32,
        )
        model.fit(data.rank.T.astype(np.float32), y, sample_weight=weights)
        nodes = model.tree_
        threshold = [
            data.threshold(j, int(np.floor(rank))) if j >= 0 else 0.0
            for j, rank in zip(nodes.feature.tolist(), nodes.threshold.tolist(), strict=True)
        ]
        tree = canonical(
            nodes.feature, np.array(threshold), nodes.children_left, nodes.children_right, nodes.value.ravel()
        )
        monitor.report(to_solution(data.with_means(tree)))
        return Outcome()
