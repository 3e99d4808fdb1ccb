"""Best-first search over the spans of root cuts, with threads; see :mod:`cosolve.trees.interval`."""

from __future__ import annotations

import heapq
import itertools
import math
import queue
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from cosolve.core.result import Limit
from cosolve.trees.coarse import coarse_tree
from cosolve.trees.cores import clusters
from cosolve.trees.data import TrainingData
from cosolve.trees.depth_two import Pairs, make_pairs
from cosolve.trees.heuristics import greedy
from cosolve.trees.kernels import Rows, add_up, best_stump, cut_blocks, max_blocks, nearest_cut
from cosolve.trees.lanes import MAX_LANES
from cosolve.trees.local_search import improve
from cosolve.trees.merging import Merged, merge
from cosolve.trees.outcome import OnImprovement
from cosolve.trees.points import MANY_STEPS, Points, make_points, table_steps
from cosolve.trees.recursion import solve, solve_one
from cosolve.trees.rounds import evaluate_lanes, lane_bounds, lane_cost, relax, spread, write_lane
from cosolve.trees.spans import most_splits, prune, split_bound
from cosolve.trees.tree import Tree

#: Improvements below this share of the SSE of the constant predictor are rounding.
ROUNDING = 1e-11

#: Seconds between looks at the clock and at ``should_stop`` while threads work.
_POLL = 0.02

#: Rows times leaves up to which a bound by targets alone is worth a part of a second.
_FLOOR_STEPS = 2e7

#: Steps by tables that are done before a thread would have been started.
_AT_ONCE = 1e8

#: Relative progress of the lower bound that is reported.
_STEP = 1e-3


@dataclass(order=True)
class Span:
    """Open interval of root cuts of one feature; see :mod:`cosolve.trees.spans` for the two arrays."""

    bound: float
    number: int
    feature: int = field(compare=False)
    low: int = field(compare=False)
    high: int = field(compare=False)
    top: np.ndarray = field(compare=False)
    fewer: np.ndarray = field(compare=False)


@dataclass(frozen=True)
class Found:
    """Result of a task: the best tree (cost inf if none), what is proven about the evaluated cuts, the spans left."""

    cost: float
    features: np.ndarray
    cuts: np.ndarray
    closed: float
    spans: list[Span]


class _Worker:
    """Scratch of one thread."""

    def __init__(self, num_features: int, num_rows: int, depth: int, points: Points) -> None:
        self.pairs: Pairs = make_pairs(num_rows, num_features)
        self.points = points
        self.levels = np.empty((max(depth - 2, 0), num_features, num_rows if depth > 2 else 0), np.int32)


class RootSearch:
    """One run of the interval search; all costs inside are in units of the variance of the target."""

    def __init__(
        self,
        data: TrainingData,
        depth: int,
        min_samples_leaf: int,
        penalty: float,
        splits: int,
        gap_tol: float,
        on_improvement: OnImprovement | None,
    ) -> None:
        self.start = time.perf_counter()
        self.data = data
        self.depth = min(depth, splits)
        self.splits = most_splits(self.depth, splits)
        self.richest = most_splits(max(self.depth - 1, 0), max(self.splits - 1, 0))
        self.gap_tol = gap_tol
        self.penalty = penalty
        self.on_improvement = on_improvement
        # Rounding is a matter of the size of the sums: targets of unit variance keep it the same for all data.
        self.unit = data.total_sse / data.weights.sum() or 1.0
        y, weights, self.excess = data.for_sums()
        y = y / math.sqrt(self.unit)
        sums = np.stack([np.ones_like(y), weights, weights * y, weights * y * y], axis=1)
        slack = ROUNDING * data.weights.sum()
        self.rows = Rows(data.rank, sums, penalty / self.unit, min_samples_leaf, slack)
        self.order = data.order
        self.stop = np.zeros(1, np.int64)
        self.numbers = itertools.count()
        self.workers: queue.SimpleQueue[_Worker] = queue.SimpleQueue()

        self.spans: list[list[Span]] = [[] for _ in range(data.num_features)]
        self.running: dict[Future[Found], float] = {}
        self.closed = -math.inf
        self.floor = 0.0
        self.tree: Tree | None = None
        self.objective = self.cost = math.inf
        self.reported = -math.inf

    # What is known.

    @property
    def target(self) -> float:
        """Only trees that cost less are still wanted."""
        return min(self.cost * (1.0 - self.gap_tol), self.cost - self.rows.slack)

    @property
    def bound(self) -> float:
        """Proven lower bound."""
        heads = [spans[0].bound for spans in self.spans if spans]
        return min(self.cost, max(self.floor, min([self.closed, *heads, *self.running.values()])))

    @property
    def lower_bound(self) -> float:
        """Proven lower bound in the unit of the data: less than trees that cost less by rounding, and sums that do."""
        return max(0.0, min((self.bound - 2 * self.rows.slack) * self.unit - self.excess, self.objective))

    def offer(self, tree: Tree) -> None:
        """Keep a tree if it is the best so far, and tell the caller."""
        if self._keep(tree):
            self.report(tree)

    def _keep(self, tree: Tree) -> bool:
        objective = self.data.sse(tree) + self.penalty * tree.num_splits
        if objective >= self.objective:
            return False
        self.tree, self.objective, self.cost = tree, objective, objective / self.unit
        return True

    def report(self, tree: Tree | None = None) -> None:
        """Tell the caller about a new tree, or about the bound if it has moved enough."""
        if self.on_improvement is None:
            return
        bound = self.lower_bound
        if tree is not None or bound > self.reported + _STEP * self.objective:
            self.reported = max(self.reported, bound)
            self.on_improvement(time.perf_counter() - self.start, self.objective, self.reported, tree)

    # Tasks; they run in threads, each with a worker of its own.

    def first_tree(self, look_ahead: int) -> Found:
        """Greedy tree: with a look-ahead of three on quantile bins, and from two on improved by local search."""
        worker = self.workers.get()
        shape = self.rows, self.order, self.depth, self.splits
        if look_ahead < 3:
            cost, features, cuts = greedy(*shape, look_ahead, worker.levels, worker.pairs, worker.points, self.stop)
        else:
            cost, features, cuts = coarse_tree(*shape, worker.levels, worker.pairs, self.stop)
        if look_ahead > 1 and cost < math.inf and self.splits == (1 << self.depth) - 1:
            cost = improve(
                self.rows, self.order, self.depth, cost, features, cuts, worker.pairs, worker.points, self.stop
            )
        self.workers.put(worker)
        return Found(cost, features, cuts, math.inf, [])

    def whole_tree(self) -> Found:
        """The whole answer for a depth and data that tables solve at once."""
        worker = self.workers.get()
        num_features = len(self.order)
        features, cuts = np.full((1 << self.depth) - 1, -1), np.zeros((1 << self.depth) - 1, np.int64)
        nothing, no_edge, target = np.zeros(num_features), np.empty((2, 1)), self.target
        cost, bound = solve(
            self.rows, self.order, self.data.num_rows, worker.levels, 0, self.depth, self.splits, self.rows.min_rows,
            target, nothing, worker.pairs, worker.points, self.stop, np.empty(num_features), features, cuts,
            np.array([-1, 0, 0, 0]), no_edge, no_edge,
        )  # fmt: skip
        self.workers.put(worker)
        return Found(cost, features, cuts, max(bound, min(cost, target)), [])

    def best_stump(self) -> Found:
        """The whole answer for depth 1."""
        num_features = len(self.order)
        features, cuts = np.full(1, -1), np.zeros(1, np.int64)
        self.closed = math.inf
        cost, _ = solve_one(
            self.rows, self.order, self.data.num_rows, 1, self.rows.min_rows, math.inf, np.empty(num_features),
            features, cuts,
        )  # fmt: skip
        return Found(cost, features, cuts, cost, [])

    def split_spans(self, spans: list[Span], target: float) -> Found:
        """Evaluate cuts in spans of one feature."""
        worker = self.workers.get()
        found = (self._many_cuts if self.depth == 2 else self._one_cut)(worker, spans, target)
        self.workers.put(worker)
        return found

    def _many_cuts(self, worker: _Worker, spans: list[Span], target: float) -> Found:
        lanes, feature = worker.pairs.lanes, spans[0].feature
        listed, rank = self.order[feature], self.data.rank[feature]
        # A pass over the rows costs little more for all lanes than for one, so a feature starts with a full one.
        is_first = spans[0].bound <= self.rows.penalty
        each = max(1, MAX_LANES // len(spans)) if is_first else 1
        members: list[list[int]] = []
        count = 0
        for span in spans:
            number = spread(listed, rank, span.low, span.high, each, count, lanes)
            members.append(list(range(count, count + number)))
            for lane in members[-1]:
                lanes.relaxed[lane] = relax(self.rows.min_rows, lanes.position[lane], span.low, span.high)
                lanes.known[:, lane] = span.top
            count += number
        found = Found(math.inf, np.full(3, -1), np.zeros(3, np.int64), math.inf, [])
        if not count:
            return found
        evaluate_lanes(
            self.rows, self.order, len(listed), self.total, feature, self.by_promise, self.starts, self.num_blocks,
            count, self.splits, target, lanes, self.stop,
        )  # fmt: skip
        if self.stop[0]:
            return found
        cost, closed = math.inf, math.inf
        pieces = []
        for span, chosen in zip(spans, members, strict=True):
            edges = [(span.low, span.top, span.fewer)]
            for lane in chosen:
                top, fewer = np.empty_like(span.top), np.empty_like(span.fewer)
                lane_bounds(self.rows, lanes, lane, top, fewer)
                here, is_split_left, is_split_right = lane_cost(self.rows, lanes, lane, self.splits)
                if here < min(cost, target):
                    cost = here
                    write_lane(
                        rank, listed, feature, lanes, lane, is_split_left, is_split_right, found.features, found.cuts
                    )
                bound = split_bound(top, fewer, self.splits, self.richest, self.rows.penalty)
                closed = min(closed, max(bound, min(here, target)))
                edges.append((int(lanes.position[lane]), top, fewer))
            edges.append((span.high, span.top, span.fewer))
            if chosen:
                pieces += [self._between(feature, *pair) for pair in itertools.pairwise(edges)]
        return Found(cost, found.features, found.cuts, closed, pieces)

    def _one_cut(self, worker: _Worker, spans: list[Span], target: float) -> Found:
        (span,) = spans
        feature = span.feature
        listed, rank = self.order[feature], self.data.rank[feature]
        features, cuts = np.full((1 << self.depth) - 1, -1), np.zeros((1 << self.depth) - 1, np.int64)
        position = nearest_cut(listed, rank, (span.low + span.high) // 2, span.low, span.high)
        if position < 0:
            return Found(math.inf, features, cuts, math.inf, [])
        top, fewer = span.top.copy(), span.fewer.copy()
        num_features = len(self.order)
        cost, bound = solve(
            self.rows, self.order, len(listed), worker.levels, 0, self.depth, self.splits, self.rows.min_rows, target,
            np.zeros(num_features), worker.pairs, worker.points, self.stop, np.empty(num_features), features, cuts,
            np.array([feature, span.low, span.high, position]), top, fewer,
        )  # fmt: skip
        edges = [(span.low, span.top, span.fewer), (position, top, fewer), (span.high, span.top, span.fewer)]
        pieces = [self._between(feature, *pair) for pair in itertools.pairwise(edges)]
        return Found(cost, features, cuts, max(bound, min(cost, target)), pieces)

    def _between(
        self, feature: int, left: tuple[int, np.ndarray, np.ndarray], right: tuple[int, np.ndarray, np.ndarray]
    ) -> Span:
        """Span between two evaluated cuts, given as (position, top, fewer)."""
        top, fewer = np.stack([left[1][0], right[1][1]]), np.stack([left[2][0], right[2][1]])
        bound = split_bound(top, fewer, self.splits, self.richest, self.rows.penalty)
        return Span(bound, next(self.numbers), feature, left[0], right[0], top, fewer)

    # The search.

    def bound_below(self, merged: Merged) -> None:
        """
        Bound by targets alone: no tree tells rows with equal features apart, and none has more groups than leaves.

        The best groups on a line cost no more than those of any tree; see [1]_ for both parts. The bound is there
        before the search has one, and what it takes is a small share of the search from depth 3 on.

        References
        ----------
        .. [1] Zhang, R., Xin, R., Seltzer, M., Rudin, C. (2023). Optimal sparse regression trees. *Proceedings of the
               AAAI Conference on Artificial Intelligence* 37.
        """
        leaves = min(1 << self.depth, self.splits + 1)
        if self.depth < 3 or leaves * self.data.num_rows > _FLOOR_STEPS:
            return
        _, weight, total, squares = self.rows.sums.T
        within = 0.0
        if len(merged.point):
            weight, total = np.bincount(merged.point, weight), np.bincount(merged.point, total)
            within = squares.sum() - float(np.sum(total * total / weight))
        mean = total / weight
        order = np.argsort(mean)
        self.floor = max(0.0, within + clusters(mean[order], weight[order], leaves) - 2 * self.rows.slack)

    def prepare_root(self) -> None:
        """Cover all cuts with spans, and sort features by their best stump."""
        self.closed = math.inf
        num_features, size = self.order.shape
        self.total = np.zeros(4)
        add_up(self.rows, self.order[0], self.total)
        ranks = self.data.rank
        stumps = [best_stump(self.rows, self.order[f], ranks[f], self.total, 1)[0] for f in range(num_features)]
        self.by_promise = np.argsort(np.array(stumps), kind="stable")
        width = max(1, self.richest) if self.splits <= 2 * self.richest else 1
        min_rows = self.rows.min_rows
        for feature in range(num_features):
            top, fewer = np.zeros((2, num_features)), np.zeros((2, width))
            span = Span(self.rows.penalty, next(self.numbers), feature, min_rows - 1, size - min_rows + 1, top, fewer)
            self.spans[feature].append(span)
        if self.depth == 2:
            self.starts = np.empty((num_features, max_blocks(size) + 1), np.int32)
            self.num_blocks = np.array(
                [cut_blocks(self.order[f], ranks[f], self.starts[f]) for f in range(num_features)], np.int32
            )

    def next_spans(self) -> list[Span]:
        """Spans to work on next, none if nothing below the target is left."""
        open_features = [f for f, spans in enumerate(self.spans) if spans and spans[0].bound < self.target]
        if not open_features:
            return []
        spans = self.spans[min(open_features, key=lambda f: self.spans[f][0].bound)]
        limit = MAX_LANES if self.depth == 2 else 1
        chosen: list[Span] = []
        while spans and len(chosen) < limit and spans[0].bound < self.target:
            chosen.append(heapq.heappop(spans))
        return sorted(chosen, key=lambda span: span.low)

    def take(self, found: Found) -> None:
        """Take note of what a task has found."""
        is_better = found.cost < self.cost and found.features[0] >= 0
        is_better = is_better and self._keep(self.data.tree(found.features, found.cuts))
        self.closed = min(self.closed, found.closed)
        for span in found.spans:
            if span.high - span.low < 2:
                continue
            is_open, dropped = prune(span.top, span.fewer, self.splits, self.richest, self.rows.penalty, self.target)
            self.closed = min(self.closed, dropped)
            if is_open:
                heapq.heappush(self.spans[span.feature], span)
        if is_better:
            self.report(self.tree)  # not before all that the task has left open is known again: the bound goes with it

    def run(self, n_jobs: int, should_stop: Callable[[], Limit | None]) -> Limit | None:
        """Search until done or told to stop; returns why it stopped early."""
        limit: Limit | None = None
        merged = merge(self.data.rank, [len(values) for values in self.data.values])
        for _ in range(n_jobs):
            self.workers.put(_Worker(self.data.num_features, self.data.num_rows, self.depth, make_points(merged)))
        steps = table_steps(merged, *self.data.X.shape) if self.depth <= 3 else math.inf
        first: list[Callable[[], Found]]
        if steps <= _AT_ONCE:
            self.closed = math.inf
            self.take(self.whole_tree())
            return None
        self.bound_below(merged)
        if steps <= MANY_STEPS:
            self.closed = math.inf
            first = [self.whole_tree]
        else:
            self.prepare_root()
            # Look-ahead makes sense above the last two levels only; below, it is the exact solution itself.
            first = [partial(self.first_tree, ahead) for ahead in range(1, max(1, min(self.depth - 1, 3)) + 1)]
        with ThreadPoolExecutor(n_jobs) as pool:
            try:
                while True:
                    if first:
                        if not self.running:
                            # Nothing is known while the only task runs; greedy trees leave the spans to speak.
                            self.running[pool.submit(first.pop(0))] = math.inf if any(self.spans) else -math.inf
                    else:
                        while len(self.running) < n_jobs and (spans := self.next_spans()):
                            future = pool.submit(self.split_spans, spans, self.target)
                            self.running[future] = min(span.bound for span in spans)
                        if not self.running:
                            break
                    done, _ = wait(self.running, _POLL, FIRST_COMPLETED)
                    limit = should_stop()
                    if limit is not None:
                        break
                    for future in done:
                        found = future.result()
                        del self.running[future]
                        self.take(found)
                    self.report()
            except KeyboardInterrupt:
                limit = Limit.INTERRUPTED
            finally:
                self.stop[0] = 1
                for future in wait(self.running).done:
                    # What an interrupted task has found counts; what it has proven is not complete.
                    if future.exception() is None and future.result().cost < self.cost:
                        self.offer(self.data.tree(future.result().features, future.result().cuts))
        return limit

    @property
    def num_evals(self) -> int:
        """Evaluated cuts of all workers, which must be idle."""
        count = 0
        for _ in range(self.workers.qsize()):
            worker = self.workers.get()
            count += int(worker.pairs.lanes.num_evals[0])
            self.workers.put(worker)
        return count
