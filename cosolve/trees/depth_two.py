"""Optimal trees of depth two for one node: rounds of cuts over all spans of a feature, many cuts in one pass."""

from __future__ import annotations

import numpy as np

from cosolve.core.jit import jit
from cosolve.trees.kernels import Rows, add_up, best_stump, cut_blocks
from cosolve.trees.lanes import MAX_DIRECT, MAX_LANES, Lanes
from cosolve.trees.rounds import evaluate_lanes, lane_bounds, lane_cost, relax, spread, write_lane
from cosolve.trees.spans import cap, join_bounds, prune, split_bound

#: Cuts of a feature in the first round: one where rows are scanned anew for each cut (``MAX_DIRECT``), else some, or
#: many above ``MANY_ROWS`` rows, where all cuts of a pass together cost little more than one.
SOME_CUTS, MANY_CUTS = 3, 7
MANY_ROWS = 1000


@jit
def solve_two(
    rows: Rows,
    order: np.ndarray,
    size: int,
    splits: int,
    relaxed: int,
    target: float,
    known: np.ndarray,
    lanes: Lanes,
    stop: np.ndarray,
    bounds: np.ndarray,
    features: np.ndarray,
    cuts: np.ndarray,
) -> tuple[float, float]:
    """
    Best tree of depth <= 2 on a node, if it costs less than a target.

    Parameters
    ----------
    rows
        The training rows.
    order, size
        Lists of the node, of which the first ``size`` entries count.
    splits
        Splits it may have, 2 or 3.
    relaxed
        Rows per leaf that lower bounds count on, at most ``rows.min_rows``.
    target
        Only trees that cost less are wanted.
    known
        Lower bounds by top feature known before.
    lanes
        Scratch.
    stop
        Nonzero to give up.
    bounds
        Result: lower bounds by top feature for this node and all that contain it, see :mod:`cosolve.trees.spans`.
    features, cuts
        Result: the tree, if one was found.

    Returns
    -------
    (float, float)
        Cost of the tree found, inf if there is none below the target; lower bound for trees whose leaves have
        ``relaxed`` rows.
    """
    num_features = len(order)
    total = np.zeros(4)
    leaf = add_up(rows, order[0, :size], total)
    penalty = rows.penalty
    cost = np.inf
    if size >= rows.min_rows and leaf < target:
        cost, target = leaf, leaf - rows.slack
        features[0] = -1
    bounds[:] = leaf
    if size < 2 * relaxed or leaf <= penalty:
        return cost, leaf

    # Order by stumps; the best of them is a first tree.
    stumps = np.empty(num_features)
    for feature in range(num_features):
        sse, _, cut = best_stump(rows, order[feature, :size], rows.rank[feature], total, rows.min_rows)
        stumps[feature] = sse
        if sse + penalty < target:
            cost, target = sse + penalty, sse + penalty - rows.slack
            features[0], features[1], features[2] = feature, -1, -1
            cuts[0] = cut
    by_promise = np.argsort(stumps)

    starts = np.empty((num_features, len(lanes.before) + 1), np.int32)
    num_blocks = np.empty(num_features, np.int32)
    for feature in range(num_features):
        num_blocks[feature] = cut_blocks(order[feature, :size], rows.rank[feature], starts[feature])

    first_cuts = 1
    if size > MAX_DIRECT:
        first_cuts = MANY_CUTS if size > MANY_ROWS else SOME_CUTS

    capacity = 4 * MAX_LANES
    ends = np.empty((2, capacity, 2), np.int32)
    tops = np.empty((2, capacity, 2, num_features))
    fewers = np.empty((2, capacity, 2, 1))
    lane_top = np.empty((MAX_LANES, 2, num_features))
    lane_fewer = np.empty((MAX_LANES, 2, 1))
    first_lane = np.empty(capacity + 1, np.int32)  # of each span at hand

    for feature in by_promise:
        if known[feature] >= target:
            bounds[feature] = min(leaf, known[feature])
            continue
        listed, rank = order[feature, :size], rows.rank[feature]
        bound = np.inf
        now, num_spans = 0, 1
        ends[now, 0, 0], ends[now, 0, 1] = relaxed - 1, size - relaxed + 1
        tops[now, 0] = 0.0
        fewers[now, 0] = 0.0
        wanted = first_cuts
        while num_spans:
            new, num_new = 1 - now, 0
            span = 0
            while span < num_spans:
                # As many spans as there are lanes.
                begin, count = span, 0
                while span < num_spans and count + wanted <= MAX_LANES:
                    first_lane[span - begin] = count
                    top, fewer = tops[now, span], fewers[now, span]
                    is_open, dropped = prune(top, fewer, splits, 1, penalty, target)
                    bound = min(bound, dropped)
                    if is_open:
                        low, high = ends[now, span, 0], ends[now, span, 1]
                        more = spread(listed, rank, low, high, wanted, count, lanes)
                        for lane in range(count, count + more):
                            lanes.relaxed[lane] = relax(relaxed, lanes.position[lane], low, high)
                            for side in range(2):
                                for lower in range(num_features):
                                    lanes.live[side, lane, lower] = top[side, lower] < np.inf
                        count += more
                    span += 1
                first_lane[span - begin] = count
                if not count:
                    continue
                evaluate_lanes(rows, order, size, total, feature, by_promise, starts, num_blocks, count, lanes, stop)
                if stop[0]:
                    bounds[:] = 0.0
                    return cost, 0.0

                if num_new + count + (span - begin) > capacity:
                    capacity *= 2
                    ends, tops, fewers = _grown(ends), _grown(tops), _grown(fewers)
                    first_lane = np.concatenate((first_lane, first_lane))
                for old in range(begin, span):
                    low, high = ends[now, old, 0], ends[now, old, 1]
                    begin_lane, end_lane = first_lane[old - begin], first_lane[old - begin + 1]
                    for lane in range(begin_lane, end_lane):
                        lane_bounds(rows, lanes, lane, tops[now, old], lane_top[lane], lane_fewer[lane])
                        here = split_bound(lane_top[lane], lane_fewer[lane], splits, 1, penalty)
                        bound = min(bound, here)
                        found, is_split_left, is_split_right = lane_cost(rows, lanes, lane, splits)
                        if found < target:
                            cost, target = found, found - rows.slack
                            write_lane(
                                rank, listed, feature, lanes, lane, is_split_left, is_split_right, features, cuts
                            )
                    for lane in range(begin_lane, end_lane + (end_lane > begin_lane)):
                        is_first, is_last = lane == begin_lane, lane == end_lane
                        ends[new, num_new, 0] = low if is_first else lanes.position[lane - 1]
                        ends[new, num_new, 1] = high if is_last else lanes.position[lane]
                        if ends[new, num_new, 1] - ends[new, num_new, 0] < 2:
                            continue
                        join_bounds(
                            tops[now, old] if is_first else lane_top[lane - 1],
                            fewers[now, old] if is_first else lane_fewer[lane - 1],
                            tops[now, old] if is_last else lane_top[lane],
                            fewers[now, old] if is_last else lane_fewer[lane],
                            tops[new, num_new],
                            fewers[new, num_new],
                        )
                        num_new += 1
            now, num_spans = new, num_new
            wanted = 1
        bounds[feature] = min(leaf, bound)
    lower = bounds.min()
    if relaxed == 1:
        least_stump = np.inf
        for feature in range(num_features):
            sse = stumps[feature]
            if rows.min_rows > 1:
                sse, _, _ = best_stump(rows, order[feature, :size], rows.rank[feature], total, 1)
            least_stump = min(least_stump, sse)
        cap(bounds, 2.0 * penalty + least_stump)
    return cost, lower


@jit
def _grown(array: np.ndarray) -> np.ndarray:
    """The array with twice the capacity in its second axis."""
    return np.concatenate((array, array), axis=1)
