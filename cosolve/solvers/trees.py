"""Solver "trees": cosolve's own exact searches for optimal regression trees."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np

import cosolve
from cosolve.core.instance import Instance, Solution
from cosolve.core.monitor import Monitor
from cosolve.core.solver import Availability, Feature, Outcome
from cosolve.instances.regtree import RegressionTree, RegressionTreeInstance
from cosolve.solvers.compiled import CompiledSolver, small_instances
from cosolve.trees.data import TrainingData, prepare, weight_unit
from cosolve.trees.tree import Tree, canonical

METHODS = ("interval", "rsbb")

#: Relative gap that counts as none: half of what the judge's comparison allows.
_NO_GAP = 5e-7

#: Relative gap that any tree has: the searches want less than 1.
_ANY_GAP = 1 - 1e-9


@dataclass(frozen=True)
class TreesOptions:
    """
    Options of :class:`Trees`.

    Parameters
    ----------
    method
        "interval", a search over intervals of root thresholds that solves both sides of a split apart, or "rsbb",
        reduced-space branch and bound over whole trees as published.
    """

    method: Literal["interval", "rsbb"] = "interval"

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"method must be one of {', '.join(METHODS)}, got {self.method!r}.")


class Trees(CompiledSolver):
    """
    Exact search over features and thresholds as they are, in compiled code; the bound holds at every moment.

    See :mod:`cosolve.trees` for the algorithms.
    """

    name = "trees"
    title = "exact search for regression trees (cosolve)"
    problems = frozenset({"regtree"})
    features = (
        Feature.EXACT
        | Feature.BOUND
        | Feature.TRAJECTORY
        | Feature.WARM_START
        | Feature.THREADS
        | Feature.DETERMINISTIC
    )
    options_type = TreesOptions

    def available(self) -> Availability:
        """Always."""
        return Availability(True, cosolve.__version__)

    def warm_up(self, instance: Instance) -> None:
        """Compile, or load from disk, the kernels of both methods."""
        super().warm_up(instance)
        _warm_up_rsbb()

    def solve(
        self,
        instance: RegressionTreeInstance,
        monitor: Monitor,
        *,
        seed: int,
        threads: int,
        initial: Solution | None,
        options: TreesOptions,
    ) -> Outcome:
        """See :meth:`Solver.solve`."""
        if monitor.should_stop():
            return Outcome()
        unit = 1.0 if instance.weights is None else weight_unit(instance.weights)
        data = prepare(instance.X, instance.y, None if instance.weights is None else instance.weights / unit)

        def on_improvement(seconds: float, upper: float, lower: float, tree: Tree | None) -> None:
            if tree is not None:
                monitor.report(to_solution(tree), upper * unit)
            monitor.report_bound(lower * unit)

        if options.method == "rsbb":
            from cosolve.trees.rsbb import fit_rsbb as fit
        else:
            from cosolve.trees.interval import fit_interval as fit
        outcome = fit(
            data,
            max_depth=instance.max_depth,
            min_samples_leaf=instance.min_samples_leaf,
            penalty=instance.penalty / unit,
            max_splits=instance.max_splits,
            time_limit=monitor.time_left(),
            gap_tol=min(monitor.stop.gap or _NO_GAP, _ANY_GAP),
            n_jobs=threads,
            initial=to_tree(initial) if isinstance(initial, RegressionTree) else None,
            on_improvement=on_improvement,
            should_stop=monitor.should_stop,
        )
        monitor.report(to_solution(outcome.tree), outcome.objective * unit)
        monitor.report_bound(outcome.lower_bound * unit)
        return Outcome(limit=outcome.limit, stats={"method": options.method, "evaluations": outcome.n_evals})


@cache
def _warm_up_rsbb() -> None:
    from cosolve.trees.rsbb import fit_rsbb

    for instance in small_instances("regtree"):
        assert isinstance(instance, RegressionTreeInstance)
        fit_rsbb(training_data(instance), max_depth=2)


def training_data(instance: RegressionTreeInstance) -> TrainingData:
    """The samples of an instance, sorted for a search."""
    return prepare(instance.X, instance.y, instance.weights)


def to_solution(tree: Tree) -> RegressionTree:
    """Tree of a search as a solution; JSON knows no NaN, so what means nothing becomes 0."""
    return RegressionTree(
        feature=tree.feature,
        threshold=np.where(tree.is_leaf, 0.0, tree.threshold),
        left=tree.left,
        right=tree.right,
        value=np.where(tree.is_leaf, tree.value, 0.0),
    )


def to_tree(solution: RegressionTree) -> Tree:
    """Solution as a tree of a search, its nodes in preorder."""
    return canonical(solution.feature, solution.threshold, solution.left, solution.right, solution.value)
