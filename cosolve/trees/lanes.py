"""
Lanes: the best stumps on both sides of many cuts of a node at a time.

The work horse is :func:`scan_pair`. For one feature at the node, up to ``MAX_LANES`` cuts of it (*lanes*) and one
feature below, it finds the best split of each side of each lane. It cuts the list of the lower feature into blocks of
neighbouring values, sums the rows of each block by lane in one pass, and evaluates the ends of the blocks exactly. A
split inside a block can't be better than one that pays nothing for the rows of the block on that side, because a sum
of squared errors grows with its rows; only the blocks for which this bound beats the best split known are looked into.
The answer is exact, and a lane costs a fraction of a pass over the rows. Where a feature has few distinct values, the
table of blocks and lanes is the two-dimensional histogram of both features.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cosolve.core.jit import jit
from cosolve.trees.kernels import COUNT, MAX_BLOCKS, MIN_BLOCK, SQUARES, SUM, WEIGHT, Rows

#: Most cuts that one pass over the rows evaluates.
MAX_LANES = 15

#: Nodes of up to this many rows are scanned row by row: their blocks would bound nothing.
MAX_DIRECT = 250


class Lanes(NamedTuple):
    """
    Scratch and results of an evaluation of up to ``MAX_LANES`` cuts of one feature; one per thread.

    ``best``, ``feature`` and ``cut`` describe the best admissible split of each side, ``bound`` holds for each side,
    lane and lower feature a lower bound on every split of that side by that feature whose parts have at least
    ``relaxed[lane]`` rows; the least of them over the features is attained, if it is below the leaf.
    """

    num_evals: np.ndarray  # int64, (1,): evaluated cuts so far
    position: np.ndarray  # int32, (lanes,): rows left of the cut
    relaxed: np.ndarray  # int32, (lanes,): rows per leaf that bounds may count on
    live: np.ndarray  # bool, (2, lanes, features): whether the split of a side by a feature is wanted
    total: np.ndarray  # float64, (2, lanes, 4): sums of each side
    best: np.ndarray  # float64, (2, lanes): SSE after the best admissible split
    feature: np.ndarray  # int32, (2, lanes): its feature, -1 if there is none
    cut: np.ndarray  # int32, (2, lanes): the greatest rank that goes left
    bound: np.ndarray  # float64, (2, lanes, features)
    bin: np.ndarray  # uint8, (rows,): number of cuts at or before each row
    table: np.ndarray  # float64, (blocks, lanes + 1, 4)
    before: np.ndarray  # float64, (blocks, 3): sums of the side before each block
    inside: np.ndarray  # float64, (blocks,): bound on splits inside each block


def make_lanes(num_rows: int, num_features: int) -> Lanes:
    """Scratch for nodes of up to ``num_rows`` rows."""
    blocks = min(num_rows // MIN_BLOCK, MAX_BLOCKS) + 2
    return Lanes(
        np.zeros(1, np.int64),
        np.zeros(MAX_LANES, np.int32),
        np.ones(MAX_LANES, np.int32),
        np.ones((2, MAX_LANES, num_features), np.bool_),
        np.zeros((2, MAX_LANES, 4)),
        np.zeros((2, MAX_LANES)),
        np.zeros((2, MAX_LANES), np.int32),
        np.zeros((2, MAX_LANES), np.int32),
        np.zeros((2, MAX_LANES, num_features)),
        np.zeros(num_rows, np.uint8),
        np.zeros((blocks, MAX_LANES + 1, 4)),
        np.zeros((blocks, 3)),
        np.zeros(blocks),
    )


@jit
def open_lanes(rows: Rows, listed: np.ndarray, total: np.ndarray, count: int, lanes: Lanes) -> None:
    """Prepare ``count`` cuts, increasing ``lanes.position`` of the list of one feature, for :func:`scan_pair`."""
    running = np.zeros(4)
    lane = 0
    for position in range(len(listed)):
        while lane < count and lanes.position[lane] == position:
            for slot in range(4):
                lanes.total[0, lane, slot] = running[slot]
                lanes.total[1, lane, slot] = total[slot] - running[slot]
            lane += 1
        row = listed[position]
        lanes.bin[row] = lane
        for slot in range(4):
            running[slot] += rows.sums[row, slot]
    for lane in range(count):
        for side in range(2):
            lanes.best[side, lane] = np.inf
            lanes.feature[side, lane] = -1
            lanes.cut[side, lane] = -1
    lanes.num_evals[0] += count


@jit
def scan_pair(
    rows: Rows, feature: int, listed: np.ndarray, starts: np.ndarray, num_blocks: int, count: int, lanes: Lanes
) -> None:
    """
    Split both sides of all open lanes by one feature and keep what is better than before.

    Parameters
    ----------
    rows
        The training rows.
    feature
        The lower feature.
    listed
        Rows of the node by increasing value of it.
    starts, num_blocks
        Its blocks, see :func:`cut_blocks`.
    count
        Number of lanes.
    lanes
        Opened by :func:`open_lanes`; ``live[side, lane, feature]`` says what is wanted.
    """
    if len(listed) <= MAX_DIRECT:
        for lane in range(count):
            if lanes.live[0, lane, feature] or lanes.live[1, lane, feature]:
                _scan_rows(rows, feature, listed, lane, lanes)
        return
    table = lanes.table
    for block in range(num_blocks):
        for lane in range(count + 1):
            for slot in range(4):
                table[block, lane, slot] = 0.0
        for position in range(starts[block], starts[block + 1]):
            row = listed[position]
            lane = lanes.bin[row]
            table[block, lane, 0] += rows.sums[row, 0]
            table[block, lane, 1] += rows.sums[row, 1]
            table[block, lane, 2] += rows.sums[row, 2]
            table[block, lane, 3] += rows.sums[row, 3]
        for lane in range(count):
            for slot in range(4):
                table[block, lane + 1, slot] += table[block, lane, slot]
    for lane in range(count):
        for side in range(2):
            if lanes.live[side, lane, feature]:
                _scan_side(rows, feature, listed, starts, num_blocks, count, lane, side, lanes)


@jit
def _scan_rows(rows: Rows, feature: int, listed: np.ndarray, lane: int, lanes: Lanes) -> None:
    """Both sides of one lane in one pass over the rows, without blocks."""
    rank = rows.rank[feature]
    relaxed, strict = lanes.relaxed[lane], rows.min_rows
    left_size, right_size = lanes.total[0, lane, COUNT], lanes.total[1, lane, COUNT]
    left_weight, right_weight = lanes.total[0, lane, WEIGHT], lanes.total[1, lane, WEIGHT]
    left_total, right_total = lanes.total[0, lane, SUM], lanes.total[1, lane, SUM]
    # The gain of a split is what it takes from the sum of squares: large is good.
    left_squares, right_squares = lanes.total[0, lane, SQUARES], lanes.total[1, lane, SQUARES]
    left_best, right_best = left_squares - lanes.best[0, lane], right_squares - lanes.best[1, lane]
    left_most, right_most = -np.inf, -np.inf
    left_count, left_w, left_s, left_is_new = 0.0, 0.0, 0.0, False
    right_count, right_w, right_s, right_is_new = 0.0, 0.0, 0.0, False
    for position in range(len(listed) - 1):
        row = listed[position]
        if lanes.bin[row] <= lane:
            left_count += 1.0
            left_w += rows.sums[row, WEIGHT]
            left_s += rows.sums[row, SUM]
            left_is_new = True
        else:
            right_count += 1.0
            right_w += rows.sums[row, WEIGHT]
            right_s += rows.sums[row, SUM]
            right_is_new = True
        if rank[row] == rank[listed[position + 1]]:
            continue
        if left_is_new:
            left_is_new = False
            if relaxed <= left_count <= left_size - relaxed:
                w, s = left_weight - left_w, left_total - left_s
                gain = (left_s * left_s * w + s * s * left_w) / (left_w * w)
                left_most = max(left_most, gain)
                if gain > left_best and strict <= left_count <= left_size - strict:
                    left_best = gain
                    lanes.feature[0, lane], lanes.cut[0, lane] = feature, rank[row]
        if right_is_new:
            right_is_new = False
            if relaxed <= right_count <= right_size - relaxed:
                w, s = right_weight - right_w, right_total - right_s
                gain = (right_s * right_s * w + s * s * right_w) / (right_w * w)
                right_most = max(right_most, gain)
                if gain > right_best and strict <= right_count <= right_size - strict:
                    right_best = gain
                    lanes.feature[1, lane], lanes.cut[1, lane] = feature, rank[row]
    lanes.bound[0, lane, feature] = max(0.0, left_squares - left_most)
    lanes.bound[1, lane, feature] = max(0.0, right_squares - right_most)
    # Not where nothing was found: the difference of a difference is not quite what it was.
    if lanes.feature[0, lane] == feature:
        lanes.best[0, lane] = left_squares - left_best
    if lanes.feature[1, lane] == feature:
        lanes.best[1, lane] = right_squares - right_best


@jit
def _scan_side(
    rows: Rows,
    feature: int,
    listed: np.ndarray,
    starts: np.ndarray,
    num_blocks: int,
    count: int,
    lane: int,
    side: int,
    lanes: Lanes,
) -> None:
    table, before, inside = lanes.table, lanes.before, lanes.inside
    rank = rows.rank[feature]
    size, weight, total, squares = lanes.total[side, lane]
    relaxed, strict = lanes.relaxed[lane], rows.min_rows
    best, least = lanes.best[side, lane], np.inf

    # The ends of the blocks, and a bound for what lies between them.
    c, w, s, gain = 0.0, 0.0, 0.0, 0.0
    for block in range(num_blocks):
        before[block, 0], before[block, 1], before[block, 2] = c, w, s
        dc, dw = table[block, lane, COUNT], table[block, lane, WEIGHT]
        ds, dq = table[block, lane, SUM], table[block, lane, SQUARES]
        if side == 1:
            dc, dw = table[block, count, COUNT] - dc, table[block, count, WEIGHT] - dw
            ds, dq = table[block, count, SUM] - ds, table[block, count, SQUARES] - dq
        inside[block] = np.inf
        if dc == 0.0:
            continue
        c += dc
        w += dw
        s += ds
        earlier, gain = gain, s * s / w
        rest = (total - s) * (total - s) / (weight - w) if c < size else 0.0
        first, last = listed[starts[block]], listed[starts[block + 1] - 1]
        if dc > 1.0 and rank[first] != rank[last]:
            inside[block] = squares - dq - earlier - rest
        if relaxed <= c <= size - relaxed:
            sse = squares - gain - rest
            least = min(least, sse)
            if sse < best and strict <= c <= size - strict:
                best = sse
                lanes.feature[side, lane] = feature
                lanes.cut[side, lane] = rank[last]

    for block in range(num_blocks):
        if inside[block] >= best:
            least = min(least, inside[block])
            continue
        c, w, s = before[block, 0], before[block, 1], before[block, 2]
        is_new = False
        for position in range(starts[block], starts[block + 1] - 1):
            row = listed[position]
            if (lanes.bin[row] <= lane) == (side == 0):
                c += 1.0
                w += rows.sums[row, WEIGHT]
                s += rows.sums[row, SUM]
                is_new = True
            if is_new and rank[row] != rank[listed[position + 1]]:
                is_new = False
                if relaxed <= c <= size - relaxed:
                    sse = squares - s * s / w - (total - s) * (total - s) / (weight - w)
                    least = min(least, sse)
                    if sse < best and strict <= c <= size - strict:
                        best = sse
                        lanes.feature[side, lane] = feature
                        lanes.cut[side, lane] = rank[row]
    lanes.best[side, lane] = best
    lanes.bound[side, lane, feature] = max(0.0, least)
