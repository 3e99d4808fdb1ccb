"""Optimal trees of depth two for one node: batches of cuts over the spans of a feature, many cuts in one pass."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from cosolve.core.jit import jit
from cosolve.trees.kernels import Rows, add_up, best_stump, cut_blocks, max_blocks, sort_by
from cosolve.trees.lanes import MAX_LANES, Lanes, make_lanes
from cosolve.trees.rounds import evaluate_lanes, lane_bounds, lane_cost, relax, spread, write_lane
from cosolve.trees.spans import cap, join_bounds, prune, split_bound


class Pairs(NamedTuple):
    """Scratch for trees of depth two; one per thread."""

    lanes: Lanes
    total: np.ndarray  # float64, (4,)
    stumps: np.ndarray  # float64, (features,)
    by_promise: np.ndarray  # int64, (features,)
    starts: np.ndarray  # int32, (features, blocks + 1)
    num_blocks: np.ndarray  # int32, (features,)
    ends: np.ndarray  # int64, (spans, 2): a stack in the order of the cuts
    tops: np.ndarray  # float64, (spans, 2, features)
    fewers: np.ndarray  # float64, (spans, 2, 1)
    batch_ends: np.ndarray  # the same for the spans that are being split: as many as there are lanes
    batch_tops: np.ndarray
    batch_fewers: np.ndarray
    first_lane: np.ndarray  # int32, (lanes + 1,): of each of them
    lane_tops: np.ndarray  # float64, (lanes, 2, features)
    lane_fewers: np.ndarray  # float64, (lanes, 2, 1)


def make_pairs(num_rows: int, num_features: int) -> Pairs:
    """Scratch for nodes of up to ``num_rows`` rows."""
    # A batch takes at most as many spans as there are lanes from the top and puts back at most that many more. Those
    # have half the size, or a quarter after two batches where ties are in the way: at most 2 log2(n) + 2 batches leave
    # spans behind. ``solve_two`` keeps the rest for going on span by span, should that ever not be so.
    spans = 2 * MAX_LANES * (int(math.log2(num_rows)) + 4)
    return Pairs(
        make_lanes(num_rows, num_features),
        np.zeros(4),
        np.zeros(num_features),
        np.zeros(num_features, np.int64),
        np.zeros((num_features, max_blocks(num_rows) + 1), np.int32),
        np.zeros(num_features, np.int32),
        np.zeros((spans, 2), np.int64),
        np.zeros((spans, 2, num_features)),
        np.zeros((spans, 2, 1)),
        np.zeros((MAX_LANES, 2), np.int64),
        np.zeros((MAX_LANES, 2, num_features)),
        np.zeros((MAX_LANES, 2, 1)),
        np.zeros(MAX_LANES + 1, np.int32),
        np.zeros((MAX_LANES, 2, num_features)),
        np.zeros((MAX_LANES, 2, 1)),
    )


@jit
def solve_two(
    rows: Rows,
    order: np.ndarray,
    size: int,
    splits: int,
    relaxed: int,
    target: float,
    known: np.ndarray,
    pairs: Pairs,
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
    pairs
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
    total, lanes = pairs.total, pairs.lanes
    leaf = add_up(rows, order[0, :size], total)
    penalty = rows.penalty
    cost = np.inf
    if size >= rows.min_rows and leaf < target:
        cost, target = leaf, leaf - rows.slack
        features[0] = -1
    for feature in range(num_features):
        bounds[feature] = leaf
    if size < 2 * relaxed or leaf <= penalty:
        return cost, leaf

    # Order by stumps; the best of them is a first tree.
    stumps, by_promise = pairs.stumps, pairs.by_promise
    for feature in range(num_features):
        sse, _, cut = best_stump(rows, order[feature, :size], rows.rank[feature], total, rows.min_rows)
        stumps[feature] = sse
        if sse + penalty < target:
            cost, target = sse + penalty, sse + penalty - rows.slack
            features[0], features[1], features[2] = feature, -1, -1
            cuts[0] = cut
    sort_by(stumps, by_promise)

    starts, num_blocks = pairs.starts, pairs.num_blocks
    for feature in range(num_features):
        num_blocks[feature] = cut_blocks(order[feature, :size], rows.rank[feature], starts[feature])

    ends, tops, fewers = pairs.ends, pairs.tops, pairs.fewers
    batch_ends, batch_tops, batch_fewers = pairs.batch_ends, pairs.batch_tops, pairs.batch_fewers
    lane_tops, lane_fewers, first_lane = pairs.lane_tops, pairs.lane_fewers, pairs.first_lane
    for feature in by_promise:
        if known[feature] >= target:
            bounds[feature] = min(leaf, known[feature])
            continue
        listed, rank = order[feature, :size], rows.rank[feature]
        bound = np.inf
        ends[0, 0], ends[0, 1] = relaxed - 1, size - relaxed + 1
        for side in range(2):
            fewers[0, side, 0] = 0.0
            for lower in range(num_features):
                tops[0, side, lower] = 0.0
        num_spans = 1
        while num_spans:
            # From the top of the stack, as many spans as there are lanes.
            wanted = max(1, MAX_LANES // num_spans)
            batch = min(num_spans, MAX_LANES // wanted)
            if num_spans > len(ends) - 4 * MAX_LANES:
                wanted = batch = 1
            num_spans -= batch
            count = 0
            for number in range(batch):
                span = num_spans + number
                first_lane[number] = count
                low, high = ends[span, 0], ends[span, 1]
                batch_ends[number, 0], batch_ends[number, 1] = low, high
                top, fewer = batch_tops[number], batch_fewers[number]
                join_bounds(tops[span], fewers[span], tops[span], fewers[span], top, fewer)
                is_open, dropped = prune(top, fewer, splits, 1, penalty, target)
                bound = min(bound, dropped)
                if is_open:
                    more = spread(listed, rank, low, high, wanted, count, lanes)
                    for lane in range(count, count + more):
                        lanes.relaxed[lane] = relax(relaxed, lanes.position[lane], low, high)
                        for side in range(2):
                            for lower in range(num_features):
                                lanes.known[side, lane, lower] = top[side, lower]
                    count += more
            first_lane[batch] = count
            if not count:
                continue
            evaluate_lanes(
                rows, order, size, total, feature, by_promise, starts, num_blocks, count, splits, target, lanes, stop
            )
            if stop[0]:
                for lower in range(num_features):
                    bounds[lower] = 0.0
                return cost, 0.0

            for lane in range(count):
                lane_bounds(rows, lanes, lane, lane_tops[lane], lane_fewers[lane])
                bound = min(bound, split_bound(lane_tops[lane], lane_fewers[lane], splits, 1, penalty))
                found, is_split_left, is_split_right = lane_cost(rows, lanes, lane, splits)
                if found < target:
                    cost, target = found, found - rows.slack
                    write_lane(rank, listed, feature, lanes, lane, is_split_left, is_split_right, features, cuts)
            for number in range(batch):
                begin, end = first_lane[number], first_lane[number + 1]
                if begin == end:
                    continue
                top, fewer = batch_tops[number], batch_fewers[number]
                for lane in range(begin, end + 1):
                    low = batch_ends[number, 0] if lane == begin else lanes.position[lane - 1]
                    high = batch_ends[number, 1] if lane == end else lanes.position[lane]
                    if high - low < 2:
                        continue
                    ends[num_spans, 0], ends[num_spans, 1] = low, high
                    join_bounds(
                        top if lane == begin else lane_tops[lane - 1],
                        fewer if lane == begin else lane_fewers[lane - 1],
                        top if lane == end else lane_tops[lane],
                        fewer if lane == end else lane_fewers[lane],
                        tops[num_spans],
                        fewers[num_spans],
                    )
                    num_spans += 1
        bounds[feature] = min(leaf, bound)
    lower_bound = np.inf
    for feature in range(num_features):
        lower_bound = min(lower_bound, bounds[feature])
    if relaxed == 1:
        least_stump = np.inf
        for feature in range(num_features):
            sse = stumps[feature]
            if rows.min_rows > 1:
                sse, _, _ = best_stump(rows, order[feature, :size], rows.rank[feature], total, 1)
            least_stump = min(least_stump, sse)
        cap(bounds, 2.0 * penalty + least_stump)
    return cost, lower_bound
