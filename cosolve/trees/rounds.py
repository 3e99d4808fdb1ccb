"""Rounds of cuts of one feature: which cuts, what their lanes say about trees of depth two and about other cuts."""

from __future__ import annotations

import numpy as np

from cosolve.core.jit import jit
from cosolve.trees.kernels import COUNT, Rows, nearest_cut
from cosolve.trees.lanes import (
    Lanes,
    fill_table,
    is_wanted,
    look_inside,
    open_lanes,
    scan_pair,
    side_leaf,
    side_total,
)

#: Sides are looked into a little beyond what the target asks for. Their bounds also serve the neighbouring cuts, and
#: bounds that just reach the target leave many of them open: with millions of rows, hundreds around the best cut.
_REACH = 1.001


@jit
def evaluate_lanes(
    rows: Rows,
    order: np.ndarray,
    size: int,
    total: np.ndarray,
    feature: int,
    by_promise: np.ndarray,
    starts: np.ndarray,
    num_blocks: np.ndarray,
    count: int,
    splits: int,
    target: float,
    lanes: Lanes,
    stop: np.ndarray,
) -> None:
    """
    Best stumps on both sides of ``count`` cuts of a feature, as far as they lead to trees below a target.

    Parameters
    ----------
    rows
        The training rows.
    order, size
        Lists of the node, of which the first ``size`` entries count.
    total
        Sums of the node.
    feature
        Feature of the cuts.
    by_promise
        All features; those that come early had better give good stumps, for the others are then bounded only.
    starts, num_blocks
        Blocks of each feature.
    count
        Number of cuts.
    splits
        Splits that the node may use, 2 or 3.
    target
        Only trees that cost less are wanted.
    lanes
        With ``position``, ``relaxed`` and ``known`` filled in.
    stop
        Nonzero to give up; the results are then worthless.
    """
    open_lanes(rows, order[feature, :size], total, count, lanes)
    for lower in by_promise:
        wanted = False
        for lane in range(count):
            wanted |= is_wanted(lanes, lane, lower)
        if wanted and not stop[0]:
            scan_pair(rows, lower, order[lower, :size], starts[lower], num_blocks[lower], count, lanes)

    limits = lanes.limit
    for lane in range(count):
        cost, _, _ = lane_cost(rows, lanes, lane, splits)
        target = min(target, cost - rows.slack)
        set_limits(rows, lanes, lane, _REACH * target, limits)
    for lower in by_promise:
        is_filled = False
        for lane in range(count):
            for side in range(2):
                bound = lanes.bound[side, lane, lower]
                if bound >= lanes.best[side, lane] or bound >= limits[side, lane] or stop[0]:
                    continue
                listed = order[lower, :size]
                if not is_filled:
                    fill_table(rows, lower, listed, starts[lower], num_blocks[lower], count, lanes)
                    is_filled = True
                look_inside(
                    rows, lower, listed, starts[lower], num_blocks[lower], side, lane, limits[side, lane], lanes
                )
                cost, _, _ = lane_cost(rows, lanes, lane, splits)
                target = min(target, cost - rows.slack)
                set_limits(rows, lanes, lane, _REACH * target, limits)


@jit
def set_limits(rows: Rows, lanes: Lanes, lane: int, target: float, limits: np.ndarray) -> None:
    """Squared error that a split of either side must beat for the tree to cost less than a target."""
    for side in range(2):
        leaf = side_leaf(lanes, 1 - side, lane)
        other = np.inf
        for feature in range(lanes.bound.shape[2]):
            other = min(other, top_bound(rows, lanes, 1 - side, lane, feature, leaf))
        limits[side, lane] = target - 2.0 * rows.penalty - other


@jit
def top_bound(rows: Rows, lanes: Lanes, side: int, lane: int, feature: int, leaf: float) -> float:
    """Bound of a side that is split by a feature or is a leaf."""
    return max(lanes.known[side, lane, feature], min(leaf, lanes.bound[side, lane, feature] + rows.penalty))


@jit
def lane_bounds(rows: Rows, lanes: Lanes, lane: int, top: np.ndarray, fewer: np.ndarray) -> None:
    """Bounds by top feature of both sides of an evaluated lane, and of both as leaves."""
    for side in range(2):
        leaf = side_leaf(lanes, side, lane)
        fewer[side, 0] = leaf
        for feature in range(top.shape[1]):
            top[side, feature] = top_bound(rows, lanes, side, lane, feature, leaf)


@jit
def lane_cost(rows: Rows, lanes: Lanes, lane: int, splits: int) -> tuple[float, bool, bool]:
    """Cost of the best admissible tree found of an evaluated lane (inf if none), and whether its children split."""
    best = np.inf
    is_split_left, is_split_right = False, False
    for left in range(2):
        for right in range(2):
            if left + right >= splits:
                continue
            cost = rows.penalty
            for side, split in ((0, left), (1, right)):
                if side_total(lanes, side, lane)[COUNT] < rows.min_rows:
                    cost = np.inf
                elif split:
                    cost += lanes.best[side, lane] + rows.penalty
                else:
                    cost += side_leaf(lanes, side, lane)
            if cost < best:
                best = cost
                is_split_left, is_split_right = left == 1, right == 1
    return best, is_split_left, is_split_right


@jit
def write_lane(
    rank: np.ndarray,
    listed: np.ndarray,
    feature: int,
    lanes: Lanes,
    lane: int,
    is_split_left: bool,
    is_split_right: bool,
    features: np.ndarray,
    cuts: np.ndarray,
) -> None:
    """Write the tree of a lane as (feature, greatest rank that goes left) of root, left and right child."""
    features[0] = feature
    cuts[0] = rank[listed[lanes.position[lane] - 1]]
    features[1], features[2] = -1, -1
    if is_split_left:
        features[1], cuts[1] = lanes.feature[0, lane], lanes.cut[0, lane]
    if is_split_right:
        features[2], cuts[2] = lanes.feature[1, lane], lanes.cut[1, lane]


@jit
def spread(
    listed: np.ndarray, rank: np.ndarray, low: int, high: int, wanted: int, first_lane: int, lanes: Lanes
) -> int:
    """Put up to ``wanted`` different cuts with ``low`` < cut < ``high``, evenly spread, into lanes; their number."""
    count = 0
    last = low
    for number in range(wanted):
        aim = low + (high - low) * (number + 1) // (wanted + 1)
        position = nearest_cut(listed, rank, aim, last, high)
        if position < 0:
            break
        lanes.position[first_lane + count] = position
        last = position
        count += 1
    return count


@jit
def relax(relaxed: int, position: int, low: int, high: int) -> int:
    """
    Rows per leaf that a bound from one cut may count on at all other cuts of the span around it.

    A leaf of an admissible tree at another cut loses at most the rows between both cuts when the tree is applied to
    the side that is a subset; only what is left of the minimum is certain. Without this the bound would be wrong.
    """
    return max(1, relaxed - max(position - low, high - position) + 1)
