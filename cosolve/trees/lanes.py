"""
Lanes: the best stumps on both sides of many cuts of a node at a time.

The work horse is :func:`scan_pair`. For one feature at the node, up to ``MAX_LANES`` cuts of it (*lanes*) and one
feature below, it bounds the splits of each side of each lane. It cuts the list of the lower feature into blocks of
neighbouring values, sums the rows of each block by side in one pass, and evaluates the ends of the blocks exactly. A
split inside a block can't be better than one that pays nothing for the rows of the block on that side, because a sum
of squared errors grows with its rows. Only where this bound does not settle a lane, :func:`look_inside` evaluates the
splits inside the blocks that could matter; then the answer is exact, and a lane costs a fraction of a pass over the
rows. Where a feature has few distinct values, the table of blocks and sides is the two-dimensional histogram of both
features.

The sides of a cut are numbered ``lane`` for its left and ``ROOM + lane`` for its right side, and what is known of them
lies next to each other in memory: one instruction treats several. Loops over them have fixed distances between their
operands for the same reason.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cosolve.core.jit import jit
from cosolve.trees.kernels import SUM, WEIGHT, Rows, max_blocks

#: Most cuts that one pass over the rows evaluates: as many as there is room for, less one for the rows behind the last.
ROOM = 16
MAX_LANES = ROOM - 1

#: Numbers from one slot of a table to the next.
SIDES = 2 * ROOM

#: Slots of ``Lanes.state``: least SSE after a split at an end of a block and inside of one, at an admissible end of a
#: block, the number of that block, and what the rows before the block at hand explain.
_ENDS, _INSIDE, _BEST, _AT, _EARLIER = (slot * SIDES for slot in range(5))


class Lanes(NamedTuple):
    """
    Scratch and results of an evaluation of up to ``MAX_LANES`` cuts of one feature; one per thread.

    ``best``, ``feature`` and ``cut`` describe the best admissible split found of each side, ``bound`` holds for each
    side, lane and lower feature a lower bound on every split of that side by that feature whose parts have at least
    ``relaxed[lane]`` rows.
    """

    num_evals: np.ndarray  # int64, (1,): evaluated cuts so far
    position: np.ndarray  # int32, (lanes,): rows left of the cut
    relaxed: np.ndarray  # int32, (lanes,): rows per leaf that bounds may count on
    known: np.ndarray  # float64, (2, lanes, features): bounds by top feature known before, inf where struck out
    best: np.ndarray  # float64, (2, lanes): SSE after the best admissible split found
    feature: np.ndarray  # int32, (2, lanes): its feature, -1 if there is none
    cut: np.ndarray  # int32, (2, lanes): the greatest rank that goes left
    bound: np.ndarray  # float64, (2, lanes, features)
    total: np.ndarray  # float64, (5 * SIDES,): sums of each side, and ``relaxed``
    bin: np.ndarray  # uint8, (rows,): number of cuts at or before each row
    part: np.ndarray  # float64, (4 * SIDES,): sums of each side in one block
    table: np.ndarray  # float64, ((blocks + 1) * 4 * SIDES,): sums of each side before each block
    inside: np.ndarray  # float64, (blocks * SIDES,): bound on splits inside each block
    state: np.ndarray  # float64, (5 * SIDES,)
    limit: np.ndarray


def make_lanes(num_rows: int, num_features: int) -> Lanes:
    """Scratch for nodes of up to ``num_rows`` rows."""
    blocks = max_blocks(num_rows)
    return Lanes(
        np.zeros(1, np.int64),
        np.zeros(MAX_LANES, np.int32),
        np.ones(MAX_LANES, np.int32),
        np.zeros((2, MAX_LANES, num_features)),
        np.zeros((2, MAX_LANES)),
        np.zeros((2, MAX_LANES), np.int32),
        np.zeros((2, MAX_LANES), np.int32),
        np.zeros((2, MAX_LANES, num_features)),
        np.zeros(5 * SIDES),
        np.zeros(num_rows, np.uint8),
        np.zeros(4 * SIDES),
        np.zeros((blocks + 1) * 4 * SIDES),
        np.zeros(blocks * SIDES),
        np.zeros(5 * SIDES),
        np.zeros((2, MAX_LANES)),
    )


@jit
def side_total(lanes: Lanes, side: int, lane: int) -> tuple[float, float, float, float]:
    """Count, weight, sum and squares of a side."""
    k = side * ROOM + lane
    return lanes.total[k], lanes.total[SIDES + k], lanes.total[2 * SIDES + k], lanes.total[3 * SIDES + k]


@jit
def side_leaf(lanes: Lanes, side: int, lane: int) -> float:
    """SSE of a side as a leaf; rounding below 0 is clipped."""
    count, weight, value, squares = side_total(lanes, side, lane)
    return max(0.0, squares - value * value / weight) if count > 1.5 else 0.0


@jit
def open_lanes(rows: Rows, listed: np.ndarray, total: np.ndarray, count: int, lanes: Lanes) -> None:
    """Prepare ``count`` cuts, increasing ``lanes.position`` of the list of one feature, for :func:`scan_pair`."""
    running = lanes.part
    for slot in range(4):
        running[slot] = 0.0
    lane = 0
    for position in range(len(listed)):
        while lane < count and lanes.position[lane] == position:
            for slot in range(4):
                lanes.total[slot * SIDES + lane] = running[slot]
                lanes.total[slot * SIDES + ROOM + lane] = total[slot] - running[slot]
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
            for feature in range(lanes.bound.shape[2]):
                lanes.bound[side, lane, feature] = np.inf
    lanes.num_evals[0] += count


@jit
def is_wanted(lanes: Lanes, lane: int, feature: int) -> bool:
    """Whether a split of a side by a feature is wanted."""
    return lanes.known[0, lane, feature] < np.inf or lanes.known[1, lane, feature] < np.inf


@jit
def scan_pair(
    rows: Rows, feature: int, listed: np.ndarray, starts: np.ndarray, num_blocks: int, count: int, lanes: Lanes
) -> None:
    """
    Bound the splits of both sides of all open lanes by one feature, and keep those at block ends that are better.

    Parameters
    ----------
    rows
        The training rows.
    feature
        The lower feature.
    listed
        Rows of the node by increasing value of it.
    starts, num_blocks
        Its blocks, see :func:`cosolve.trees.kernels.cut_blocks`.
    count
        Number of lanes.
    lanes
        Opened by :func:`open_lanes`; ``known`` says what is wanted.
    """
    fill_table(rows, feature, listed, starts, num_blocks, count, lanes)
    rank = rows.rank[feature]
    for lane in range(count):
        for side in range(2):
            if lanes.known[side, lane, feature] < np.inf:
                k = side * ROOM + lane
                lanes.bound[side, lane, feature] = max(0.0, min(lanes.state[_ENDS + k], lanes.state[_INSIDE + k]))
                if lanes.state[_BEST + k] < lanes.best[side, lane]:
                    lanes.best[side, lane] = lanes.state[_BEST + k]
                    lanes.feature[side, lane] = feature
                    lanes.cut[side, lane] = rank[listed[starts[int(lanes.state[_AT + k]) + 1] - 1]]


@jit
def fill_table(
    rows: Rows, feature: int, listed: np.ndarray, starts: np.ndarray, num_blocks: int, count: int, lanes: Lanes
) -> None:
    """Sums of all sides by block, and what follows for splits at the ends of blocks and inside."""
    rank, sums, bins = rows.rank[feature], rows.sums, lanes.bin
    part, table, inside, state, total = lanes.part, lanes.table, lanes.inside, lanes.state, lanes.total
    strict = float(rows.min_rows)
    width = (count + 3) // 4 * 4
    for k in range(4 * SIDES):
        table[k] = 0.0
    for k in range(SIDES):
        state[_ENDS + k] = state[_INSIDE + k] = state[_BEST + k] = np.inf
        state[_AT + k] = -1.0
        state[_EARLIER + k] = 0.0
    for lane in range(count):
        total[4 * SIDES + lane] = total[4 * SIDES + ROOM + lane] = lanes.relaxed[lane]
    for block in range(num_blocks):
        # By bin, then by left side: the bins up to the lane.
        for slot in range(4):
            for lane in range(ROOM):
                part[slot * SIDES + lane] = 0.0
        for position in range(starts[block], starts[block + 1]):
            row = listed[position]
            at = np.int64(bins[row])
            part[at] += sums[row, 0]
            part[SIDES + at] += sums[row, 1]
            part[2 * SIDES + at] += sums[row, 2]
            part[3 * SIDES + at] += sums[row, 3]
        c, w, s, q = 0.0, 0.0, 0.0, 0.0
        for lane in range(count + 1):
            c += part[lane]
            w += part[SIDES + lane]
            s += part[2 * SIDES + lane]
            q += part[3 * SIDES + lane]
            part[lane] = c
            part[SIDES + lane] = w
            part[2 * SIDES + lane] = s
            part[3 * SIDES + lane] = q
        for lane in range(width):
            part[ROOM + lane] = c - part[lane]
            part[SIDES + ROOM + lane] = w - part[SIDES + lane]
            part[2 * SIDES + ROOM + lane] = s - part[2 * SIDES + lane]
            part[3 * SIDES + ROOM + lane] = q - part[3 * SIDES + lane]
        before, after = block * 4 * SIDES, (block + 1) * 4 * SIDES
        for k in range(4 * SIDES):
            table[after + k] = table[before + k] + part[k]

        first, last = listed[starts[block]], listed[starts[block + 1] - 1]
        least_inside = 1.5 if rank[first] != rank[last] else np.inf
        for side in range(2):
            for k in range(side * ROOM, side * ROOM + width):
                c, w, s = table[after + k], table[after + SIDES + k], table[after + 2 * SIDES + k]
                size, squares = total[k], total[3 * SIDES + k]
                explained = s * s / (w if w > 0.0 else 1.0)
                rest = total[2 * SIDES + k] - s
                rest = rest * rest / (total[SIDES + k] - w) if c < size else 0.0
                within = squares - part[3 * SIDES + k] - state[_EARLIER + k] - rest
                within = within if part[k] > least_inside else np.inf
                inside[block * SIDES + k] = within
                state[_INSIDE + k] = within if within < state[_INSIDE + k] else state[_INSIDE + k]
                state[_EARLIER + k] = explained
                sse = squares - explained - rest
                relaxed = total[4 * SIDES + k]
                here = sse if (c >= relaxed) & (c <= size - relaxed) else np.inf
                state[_ENDS + k] = here if here < state[_ENDS + k] else state[_ENDS + k]
                is_better = (c >= strict) & (c <= size - strict) & (sse < state[_BEST + k])
                state[_AT + k] = block if is_better else state[_AT + k]
                state[_BEST + k] = sse if is_better else state[_BEST + k]


@jit
def look_inside(
    rows: Rows,
    feature: int,
    listed: np.ndarray,
    starts: np.ndarray,
    num_blocks: int,
    side: int,
    lane: int,
    limit: float,
    lanes: Lanes,
) -> None:
    """
    Find the best split of a side by one feature that costs less than a limit, after :func:`fill_table`.

    Parameters
    ----------
    rows, feature, listed, starts, num_blocks, lanes
        As in :func:`scan_pair`.
    side, lane
        The side.
    limit
        Only splits that leave a smaller SSE are wanted.
    """
    rank, bins, table = rows.rank[feature], lanes.bin, lanes.table
    size, weight, total, squares = side_total(lanes, side, lane)
    relaxed, strict = lanes.relaxed[lane], rows.min_rows
    k = side * ROOM + lane
    best, least = lanes.best[side, lane], lanes.state[_ENDS + k]
    for block in range(num_blocks):
        bound = lanes.inside[block * SIDES + k]
        if bound >= best or bound >= limit:
            least = min(least, bound)
            continue
        before = block * 4 * SIDES + k
        c, w, s = table[before], table[before + SIDES], table[before + 2 * SIDES]
        is_new = False
        for position in range(starts[block], starts[block + 1] - 1):
            row = listed[position]
            if (bins[row] <= lane) == (side == 0):
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
