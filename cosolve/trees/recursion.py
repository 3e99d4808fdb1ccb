"""Optimal trees of any depth for one node: spans of cuts are halved until their bounds reach the target."""

from __future__ import annotations

import numpy as np

from cosolve.core.jit import jit, jit_allocating
from cosolve.trees.depth_two import Pairs, solve_two
from cosolve.trees.kernels import Rows, add_up, best_stump, nearest_cut, take_side
from cosolve.trees.points import Points, open_node, solve_points
from cosolve.trees.rounds import relax
from cosolve.trees.spans import cap, join_bounds, least, most_splits, prune, split_bound

#: Depth-first halving keeps at most two spans per halving, twice that where ties are in the way.
_MAX_SPANS = 136

#: Children are solved far beyond what their parent asks, in effect to the optimum. Any value is exact, for a child's
#: target only says when to give up; tight bounds of a solved child also prune the neighbouring cuts.
_OVERSHOOT = 1e6


@jit_allocating
def solve_one(
    rows: Rows,
    order: np.ndarray,
    size: int,
    splits: int,
    relaxed: int,
    target: float,
    bounds: np.ndarray,
    features: np.ndarray,
    cuts: np.ndarray,
) -> tuple[float, float]:
    """Like :func:`cosolve.trees.depth_two.solve_two` for at most one split."""
    total = np.zeros(4)
    leaf = add_up(rows, order[0, :size], total)
    cost = np.inf
    if size >= rows.min_rows and leaf < target:
        cost, target = leaf, leaf - rows.slack
        features[0] = -1
    bounds[:] = leaf
    if splits == 0 or size < 2 * relaxed:
        return cost, leaf
    for feature in range(len(order)):
        listed, rank = order[feature, :size], rows.rank[feature]
        sse, _, cut = best_stump(rows, listed, rank, total, rows.min_rows)
        if sse + rows.penalty < target:
            cost, target = sse + rows.penalty, sse + rows.penalty - rows.slack
            features[0], cuts[0] = feature, cut
        if relaxed < rows.min_rows:
            sse, _, _ = best_stump(rows, listed, rank, total, relaxed)
        bounds[feature] = min(leaf, sse + rows.penalty)
    return cost, bounds.min()


@jit
def graft(child: np.ndarray, side: int, parent: np.ndarray) -> None:
    """Copy a complete binary tree in breadth-first order below the root of another one."""
    start, width = 0, 1
    while start < len(child):
        # Level k of the child is level k + 1 of the parent, whose levels are twice as wide.
        target = 2 * start + 1 + side * width
        for index in range(width):
            parent[target + index] = child[start + index]
        start += width
        width *= 2


@jit_allocating
def solve(
    rows: Rows,
    order: np.ndarray,
    size: int,
    levels: np.ndarray,
    level: int,
    depth: int,
    splits: int,
    relaxed: int,
    target: float,
    known: np.ndarray,
    pairs: Pairs,
    points: Points,
    stop: np.ndarray,
    bounds: np.ndarray,
    features: np.ndarray,
    cuts: np.ndarray,
    only: np.ndarray,
    edge_top: np.ndarray,
    edge_fewer: np.ndarray,
) -> tuple[float, float]:
    """
    Best tree of bounded depth on a node, if it costs less than a target.

    Parameters
    ----------
    rows
        The training rows.
    order, size
        Lists of the node, of which the first ``size`` entries count.
    levels, level
        Room for the lists of its descendants: ``levels[level]`` for those of its children.
    depth, splits
        Depth and splits that the tree may have.
    relaxed
        Rows per leaf that lower bounds count on, at most ``rows.min_rows``.
    target
        Only trees that cost less are wanted.
    known
        Lower bounds by top feature known before.
    pairs, points
        Scratch.
    stop
        Nonzero to give up.
    bounds
        Result: lower bounds by top feature for this node and all that contain it, see :mod:`cosolve.trees.spans`.
    features, cuts
        Result: the tree found, as a complete binary tree in breadth-first order: feature and greatest rank that goes
        left; feature -1 at a leaf, and anything below it.
    only
        (-1, 0, 0, 0), or (feature, low, high, position) to evaluate a single cut, which lies in the span low < cut <
        high of a feature: then ``edge_top`` and ``edge_fewer`` (see :mod:`cosolve.trees.spans`) hold the bounds of
        that span, and on return those of the cut; the bound returned is that of the cut.

    Returns
    -------
    (float, float)
        Cost of the tree found, inf if there is none below the target; lower bound for trees whose leaves have
        ``relaxed`` rows.
    """
    features[:] = -1
    depth = min(depth, splits)
    splits = most_splits(depth, splits)
    if only[0] < 0:
        if depth <= 1:
            return solve_one(rows, order, size, splits, relaxed, target, bounds, features, cuts)
        count = open_node(points, rows, order[0, :size]) if depth <= 3 else 0
        if count:
            return solve_points(
                points, count, rows, depth, splits, target, known, pairs.lanes.num_evals, stop, bounds, features, cuts
            )
        if depth == 2:
            return solve_two(rows, order, size, splits, relaxed, target, known, pairs, stop, bounds, features, cuts)
    num_features = len(order)
    penalty = rows.penalty
    total = np.zeros(4)
    leaf = add_up(rows, order[0, :size], total)
    cost = np.inf
    bounds[:] = np.inf
    by_promise = np.empty(num_features, np.int64)
    if only[0] >= 0:
        by_promise[:] = only[0]
        num_tops = 1
    else:
        num_tops = num_features
        if size >= rows.min_rows and leaf < target:
            cost, target = leaf, leaf - rows.slack
            features[0] = -1
        bounds[:] = leaf
        if size < 2 * relaxed or leaf <= penalty:
            return cost, leaf
        stumps = np.empty(num_features)
        for feature in range(num_features):
            sse, _, cut = best_stump(rows, order[feature, :size], rows.rank[feature], total, rows.min_rows)
            stumps[feature] = sse
            if sse + penalty < target:
                cost, target = sse + penalty, sse + penalty - rows.slack
                features[0], features[1], features[2] = feature, -1, -1
                cuts[0] = cut
        by_promise[:] = np.argsort(stumps)

    richest = most_splits(depth - 1, splits - 1)
    width = edge_fewer.shape[1] if only[0] >= 0 else (richest if splits <= 2 * richest else 1)
    ends = np.empty((_MAX_SPANS, 2), np.int64)
    tops = np.empty((_MAX_SPANS, 2, num_features))
    fewers = np.empty((_MAX_SPANS, 2, width))
    top = np.empty((2, num_features))
    fewer = np.empty((2, width))
    child_size = (len(features) - 1) // 2
    child_features = np.empty((2, child_size), np.int64)
    child_cuts = np.empty((2, child_size), np.int64)
    child_bounds = np.empty(num_features)
    everything = np.array([-1, 0, 0, 0])
    nothing = np.zeros(num_features)
    no_edge = np.empty((2, 1))

    for feature in by_promise[:num_tops]:
        if known[feature] >= target:
            bounds[feature] = min(leaf, known[feature])
            continue
        listed, rank = order[feature, :size], rows.rank[feature]
        bound = np.inf
        num_spans = 1
        if only[0] >= 0:
            ends[0, 0], ends[0, 1] = only[1], only[2]
            join_bounds(edge_top, edge_fewer, edge_top, edge_fewer, tops[0], fewers[0])
        else:
            ends[0, 0], ends[0, 1] = relaxed - 1, size - relaxed + 1
            tops[0] = 0.0
            fewers[0] = 0.0
        while num_spans:
            if stop[0]:
                bounds[:] = 0.0
                return cost, 0.0
            span = num_spans - 1
            is_open, dropped = prune(tops[span], fewers[span], splits, richest, penalty, target)
            bound = min(bound, dropped)
            low, high = ends[span, 0], ends[span, 1]
            if only[0] >= 0:
                position = only[3]
            elif is_open:
                position = nearest_cut(listed, rank, (low + high) // 2, low, high)
            else:
                position = -1
            if position < 0:
                num_spans -= 1
                continue

            pairs.lanes.num_evals[0] += 1
            cut = rank[listed[position - 1]]
            child_relaxed = relax(relaxed, position, low, high)
            join_bounds(tops[span], fewers[span], tops[span], fewers[span], top, fewer)
            first = 0 if 2 * position >= size else 1
            taken = -1
            for left in range(max(0, splits - 1 - richest), min(richest, splits - 1) + 1):
                given = (left, splits - 1 - left) if splits <= 2 * richest else (richest, richest)
                other = 0.0  # cost, or what is known of it, of the side that is not being solved
                spent = 0.0
                for turn in range(2):
                    side = first if turn == 0 else 1 - first
                    share, rest = given[side], given[1 - side]
                    if turn == 0:
                        other = least(top, 1 - side) if rest == richest else fewer[1 - side, rest]
                    else:
                        other = spent
                    known_bound = least(top, side) if share == richest else fewer[side, share]
                    goal = target - penalty - other
                    spent = np.inf
                    if known_bound >= goal:
                        break
                    if taken != side:
                        child_rows = take_side(order, size, rank, cut, side == 0, levels[level])
                        taken = side
                    else:
                        child_rows = position if side == 0 else size - position
                    spent, proven = solve(
                        rows,
                        levels[level],
                        child_rows,
                        levels,
                        level + 1,
                        depth - 1,
                        share,
                        child_relaxed,
                        goal * (1.0 + _OVERSHOOT),
                        top[side] if share == richest else nothing,
                        pairs,
                        points,
                        stop,
                        child_bounds,
                        child_features[side],
                        child_cuts[side],
                        everything,
                        top,
                        no_edge,
                    )
                    if share == richest:
                        for lower in range(num_features):
                            top[side, lower] = max(top[side, lower], child_bounds[lower])
                    if splits <= 2 * richest:
                        for less in range(min(share + 1, richest)):
                            fewer[side, less] = max(fewer[side, less], proven)
                    if spent >= goal:
                        spent = np.inf
                        break
                found = penalty + other + spent
                if found < target:
                    cost, target = found, found - rows.slack
                    features[0], cuts[0] = feature, cut
                    for side in range(2):
                        graft(child_features[side], side, features)
                        graft(child_cuts[side], side, cuts)
            if stop[0]:
                bounds[:] = 0.0
                return cost, 0.0
            bound = min(bound, split_bound(top, fewer, splits, richest, penalty))
            if only[0] >= 0:
                join_bounds(top, fewer, top, fewer, edge_top, edge_fewer)
                return cost, bound

            # The halves take the place of the span.
            join_bounds(top, fewer, tops[span], fewers[span], tops[span + 1], fewers[span + 1])
            join_bounds(tops[span], fewers[span], top, fewer, tops[span], fewers[span])
            ends[span + 1, 0], ends[span + 1, 1] = position, high
            ends[span, 1] = position
            num_spans += 1
        bounds[feature] = min(leaf, bound)
    lower = bounds.min()
    most = bounds.max()
    if relaxed == 1 and lower + penalty < most:
        _, without = solve(
            rows, order, size, levels, level, depth - 1, splits - 1, relaxed, most - penalty, nothing, pairs, points,
            stop, child_bounds, child_features[0], child_cuts[0], everything, top, no_edge,
        )  # fmt: skip
        cap(bounds, penalty + max(lower, without))
    return cost, lower
