"""
Reduced-space branch and bound: best-first over boxes of splits, features and threshold intervals.

The variables of a tree are, for each node above the last layer of splits, whether it splits (d), its feature (a) and
the index of its threshold among the values of the feature (b); leaf predictions and the last layer follow in closed
form. A box fixes some of them and bounds the others. Samples that take the same way in all trees of the box are its
core, and squared errors only grow with further samples, so the cores' own optima add up to a lower bound. The number
of variables does not depend on the number of samples. [1]_ [2]_

This is the method as published, for comparison and as a check of :mod:`cosolve.trees.interval`, which solves the two
sides of a split apart and is faster by orders of magnitude from depth 3 on.

References
----------
.. [1] Heredia Galleguillos, C., Chumpitaz-Flores, P., Hua, K. (2026). RS-ORT: a reduced-space branch-and-bound
       algorithm for optimal regression trees. *International Conference on Learning Representations*. arXiv
       2510.23901.
.. [2] Hua, K., Ren, J., Cao, Y. (2022). A scalable deterministic global optimization algorithm for training optimal
       decision tree. *Advances in Neural Information Processing Systems* 35.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from cosolve.core.result import Limit
from cosolve.trees.cores import ANY, LEAF, OPEN, SPLIT, Stumps, best_stumps, clusters, route
from cosolve.trees.data import TrainingData
from cosolve.trees.interval import MAX_DEPTH, check_limits
from cosolve.trees.outcome import OnImprovement, SearchOutcome, is_proven
from cosolve.trees.tree import Tree, leaf, split

#: Sums of squares are no better than this, relative to the squared error of the constant.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class _Box:
    """
    A set of trees.

    Parameters
    ----------
    nodes
        (m, 4) int32, for each node above the last layer of splits in heap order: ``OPEN``, ``LEAF`` or ``SPLIT``;
        its feature or ``ANY``; first and last index of its threshold. Index k sends ranks <= k to the left.
    bound
        No tree of the box has a smaller objective.
    undecided
        (m,) samples that surely come to each node and whose way from there the box leaves open.
    """

    nodes: np.ndarray
    bound: float
    undecided: np.ndarray


def fit_rsbb(
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
        Longest path of splits, in 0..12.
    min_samples_leaf
        Fewest rows in a leaf.
    penalty
        Price of a split, >= 0, in units of the squared error.
    max_splits
        Most splits; ``None`` for no limit.
    time_limit
        Wall-clock seconds.
    gap_tol
        Relative gap at which to stop, in [0, 1].
    n_jobs
        Threads; each works on boxes of its own.
    initial
        Feasible tree to start from.
    on_improvement
        Called with (seconds, upper, lower, tree), the tree being ``None`` if only the lower bound moved.
    should_stop
        Asked after each box.

    Returns
    -------
    SearchOutcome

    Raises
    ------
    ValueError
        If an argument is out of range, or ``initial`` breaks a limit.
    """
    if not 0 <= max_depth <= MAX_DEPTH:
        raise ValueError(f"max_depth must be in 0..{MAX_DEPTH}, got {max_depth}.")
    full = (1 << max_depth) - 1
    for name, value, least in (
        ("min_samples_leaf", min_samples_leaf, 1),
        ("penalty", penalty, 0),
        ("max_splits", full if max_splits is None else max_splits, 0),
        ("gap_tol", gap_tol, 0),
        ("n_jobs", n_jobs, 1),
    ):
        if not least <= value < math.inf:
            raise ValueError(f"{name} must be a finite number >= {least}, got {value}.")
    splits = full if max_splits is None else min(max_splits, full)
    search = _Search(data, max_depth, min_samples_leaf, penalty, splits)
    search.on_improvement = on_improvement
    search.deadline = search.start + time_limit
    search.should_stop = should_stop
    search.offer(leaf(data.y_mean))
    if initial is not None:
        check_limits(data, initial, max_depth, min_samples_leaf, splits)
        search.offer(data.with_means(initial))
    if n_jobs == 1:
        return search.run(map, 1, gap_tol)
    with ThreadPoolExecutor(n_jobs) as pool:  # the kernels hold no lock
        return search.run(pool.map, n_jobs, gap_tol)


class _Search:
    """The state of one run."""

    on_improvement: OnImprovement | None = None
    should_stop: Callable[[], bool] | None = None
    deadline = math.inf

    def __init__(
        self, data: TrainingData, max_depth: int, min_samples_leaf: int, penalty: float, max_splits: int
    ) -> None:
        self.data = data
        self.max_depth = max_depth
        self.min_samples_leaf = min_samples_leaf
        self.penalty = penalty
        self.max_splits = max_splits
        self.num_nodes = max(0, (1 << max_depth >> 1) - 1)
        self.total = data.total_sse
        self.start = perf_counter()
        self.upper, self.lower, self.told = math.inf, 0.0, 0.0
        self.tree: Tree | None = None
        self.limit: Limit | None = None
        self.n_evals = 0
        # How many levels of the tree begin at each node.
        self._levels = max_depth - np.log2(np.arange(1, self.num_nodes + 1)).astype(int)
        self._y, self._weights, self._excess = data.for_sums()
        self._by_target = np.argsort(self._y, kind="stable").astype(np.int32)
        # Features that explain more come first: their boxes give good trees early.
        everyone = np.zeros(data.num_rows, np.int32)
        gains = best_stumps(everyone, 1, 0, self._y, self._weights, data.order, data.rank, 1).feature_gain
        intervals = {int(j): self._full_interval(int(j)) for j in np.argsort(-gains, kind="stable")}
        self._ranges = {j: interval for j, interval in intervals.items() if interval is not None}

    def _full_interval(self, feature: int) -> tuple[int, int] | None:
        """Thresholds that leave enough rows on either side; ``None`` if there are none."""
        ranks = self.data.rank[feature]
        left = np.cumsum(np.bincount(ranks))[:-1]
        allowed = np.flatnonzero((left >= self.min_samples_leaf) & (len(ranks) - left >= self.min_samples_leaf))
        return (int(allowed[0]), int(allowed[-1])) if len(allowed) else None

    # -- the loop -------------------------------------------------------------------------------------------

    def run(self, run: Callable[..., Iterable[tuple[_Box, Tree | None]]], width: int, gap_tol: float) -> SearchOutcome:
        """Take the boxes of the least bounds, branch, bound, until the gap is closed or a limit is reached."""
        counter = itertools.count()  # of two boxes with equal bounds the older comes first: boxes have no order
        heap: list[tuple[float, int, _Box]] = []
        floor = math.inf  # least bound among the boxes that were dropped

        jobs = [(np.tile(np.array([OPEN, ANY, 0, 0], np.int32), (self.num_nodes, 1)), 0.0)] * bool(self.max_depth)
        while True:
            self.n_evals += len(jobs)
            for box, tree in run(lambda job: self._bound(*job), jobs):
                if tree is not None:
                    self.offer(tree)
                if box.bound < self._cutoff(gap_tol):
                    heapq.heappush(heap, (box.bound, next(counter), box))
                else:
                    floor = min(floor, box.bound)
            is_done = not heap or heap[0][0] >= self._cutoff(gap_tol)
            self._raise(min(floor, heap[0][0] if heap else math.inf), is_last=is_done)
            if is_done or self._is_over():
                break
            boxes = [heapq.heappop(heap)[2] for _ in range(min(width, len(heap)))]
            jobs = [(nodes, box.bound) for box in boxes for nodes in self._branch(box)]
        assert self.tree is not None
        proven = is_proven(self.upper, self.lower, self.data.no_error, gap_tol, has_ended=is_done)
        return SearchOutcome(self.tree, self.upper, self.lower, proven, self.n_evals, self.limit)

    def _is_over(self) -> bool:
        if self.limit is None:
            if perf_counter() >= self.deadline:
                self.limit = Limit.TIME
            elif self.should_stop is not None and self.should_stop():
                self.limit = Limit.INTERRUPTED
        return self.limit is not None

    def _cutoff(self, gap_tol: float) -> float:
        """Boxes with a bound of at least this are not worth a look."""
        return self.upper - max(gap_tol * abs(self.upper), _ROUNDING * self.total)

    def _raise(self, lower: float, *, is_last: bool) -> None:
        self.lower = max(self.lower, min(lower, self.upper) - 2 * _ROUNDING * self.total - self._excess)
        # Nearly every box lifts the bound a little: only steps that matter are told.
        step = self.lower - self.told
        if self.on_improvement is not None and step > 0 and (is_last or step > 0.01 * (self.upper - self.told)):
            self.told = self.lower
            self.on_improvement(perf_counter() - self.start, self.upper, self.lower, None)

    def offer(self, tree: Tree) -> None:
        """Keep a feasible tree if it is better."""
        objective = self.data.sse(tree) + self.penalty * tree.num_splits
        if objective < self.upper:
            self.upper, self.tree = objective, tree
            self.lower = min(self.lower, objective)  # both are sums of squares: rounding may cross them
            if self.on_improvement is not None:
                self.on_improvement(perf_counter() - self.start, objective, self.lower, tree)

    # -- branching ------------------------------------------------------------------------------------------

    def _reached(self, nodes: np.ndarray) -> list[int]:
        return [t for t in range(self.num_nodes) if t == 0 or nodes[(t - 1) // 2, 0] == SPLIT]

    def _branch(self, box: _Box) -> list[np.ndarray]:
        """Boxes that share out a box: by a split, else by a feature, else by a threshold at the median index."""
        nodes = box.nodes
        reached = self._reached(nodes)
        for t in reached:
            if nodes[t, 0] == OPEN:
                return [_with(nodes, t, [kind, ANY, 0, 0]) for kind in (LEAF, SPLIT)]
        for t in reached:
            if nodes[t, 0] == SPLIT and nodes[t, 1] == ANY:
                # a_jt = 1 for one feature j and 0 for the others: the binary branchings on a_jt, all at once.
                return [_with(nodes, t, [SPLIT, j, *self._ranges[j]]) for j in self._ranges]
        # The widest interval, counted in the samples that it leaves undecided, and weighted by the levels below.
        weighted = self._levels * box.undecided
        if not weighted.any():
            return []  # all trees of the box route all samples alike, and one of them was evaluated
        t = int(np.argmax(weighted))
        feature, first, last = nodes[t, 1:].tolist()
        middle = (first + last) // 2
        return [_with(nodes, t, [SPLIT, feature, *ends]) for ends in ((first, middle), (middle + 1, last))]

    # -- bounding -------------------------------------------------------------------------------------------

    def _bound(self, nodes: np.ndarray, parent: float) -> tuple[_Box, Tree | None]:
        """A box with its bound, and a tree of it that is better than the best one, if all features are chosen."""
        none = np.zeros(self.num_nodes, np.int64)
        splits = int(np.count_nonzero(nodes[:, 0] == SPLIT))
        if splits > self.max_splits:
            return _Box(nodes, math.inf, none), None
        if self._is_over():
            return _Box(nodes, parent, none), None  # not looked at, and not to be branched on any more
        label, stumps = self._last_layer(nodes, 1)
        undecided = np.bincount(-1 - label[label < 0], minlength=self.num_nodes)
        bound = max(parent, self._objective(splits, stumps)[0])
        cutoff = self._cutoff(0.0)
        if bound < cutoff and undecided.any():
            bound = max(bound, self._objective(splits, stumps)[0] + self._spread(label, undecided, cutoff - bound))
        box = _Box(nodes, bound, undecided)
        is_open = any(nodes[t, 0] == OPEN or nodes[t, :2].tolist() == [SPLIT, ANY] for t in self._reached(nodes))
        return box, None if is_open or bound >= cutoff else self._sample(nodes, splits)

    def _last_layer(self, nodes: np.ndarray, min_samples_leaf: int) -> tuple[np.ndarray, Stumps]:
        """Where each sample surely ends up, and the optimal last layer of splits for those that do."""
        data = self.data
        label = np.empty(data.num_rows, np.int32)
        route(nodes, data.rank, label)
        num_buckets, first_last = 2 * self.num_nodes + 1, self.num_nodes
        return label, best_stumps(
            label, num_buckets, first_last, self._y, self._weights, data.order, data.rank, min_samples_leaf
        )

    def _objective(self, splits: int, stumps: Stumps) -> tuple[float, np.ndarray]:
        """Objective with the best choice of splits in the last layer, and the nodes that split there."""
        order = np.argsort(-stumps.gain, kind="stable")[: self.max_splits - splits]
        chosen = order[stumps.gain[order] > self.penalty]
        error = float(stumps.error.sum() - stumps.gain[chosen].sum())
        return max(0.0, error) + self.penalty * (splits + len(chosen)), chosen

    def _spread(self, label: np.ndarray, undecided: np.ndarray, needed: float) -> float:
        """
        What the undecided samples add to the cores' errors at least.

        Those of node t end up in at most as many groups as there are leaves below t, and no grouping has a smaller
        error than the best one of the targets on a line.
        """
        added = 0.0
        lost = label < 0
        if np.dot(self._weights[lost], self._y[lost] ** 2) < needed:
            return 0.0  # not even a single group of all of them has the error that would prune the box
        for t in np.argsort(-undecided, kind="stable"):
            if undecided[t] == 0 or added >= needed:
                break
            members = self._by_target[label[self._by_target] == -1 - t]
            added += clusters(self._y[members], self._weights[members], 1 << int(self._levels[t]))
        return max(0.0, added - _ROUNDING * self.total)

    def _sample(self, nodes: np.ndarray, splits: int) -> Tree | None:
        """The tree of the median thresholds and the best last layer for them, if it is the best so far."""
        middle = nodes.copy()
        middle[:, 2] = middle[:, 3] = (nodes[:, 2] + nodes[:, 3]) // 2
        _, stumps = self._last_layer(middle, self.min_samples_leaf)
        objective, chosen = self._objective(splits, stumps)
        if objective >= self.upper:
            return None
        is_chosen = np.zeros(len(stumps.gain), np.bool_)
        is_chosen[chosen] = True

        def grow(t: int) -> Tree | None:
            if t < self.num_nodes and middle[t, 0] == SPLIT:
                j, index = int(middle[t, 1]), int(middle[t, 2])
                left, right = grow(2 * t + 1), grow(2 * t + 2)
                return None if left is None or right is None else split(j, self.data.threshold(j, index), left, right)
            if stumps.size[t] < self.min_samples_leaf:
                return None
            if is_chosen[t]:
                j = int(stumps.feature[t])
                return split(j, self.data.threshold(j, int(stumps.rank[t])), leaf(0.0), leaf(0.0))
            return leaf(0.0)

        tree = grow(0)
        return None if tree is None else self.data.with_means(tree)


def _with(nodes: np.ndarray, t: int, row: list[int]) -> np.ndarray:
    changed = nodes.copy()
    changed[t] = row
    return changed
