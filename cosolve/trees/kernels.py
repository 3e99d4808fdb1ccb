"""
Compiled ground of the interval search: sums over rows, and cuts of a node by one feature.

A node is a set of rows, given by one array per feature that lists its rows by increasing value. A *cut* of a node by
a feature is a position in that list, between two different values: the rows before it go left.

Rows enter with four numbers (``Rows.sums``): count, weight, weight times target, weight times squared target. Only a
sum of squared errors, Q - S^2 / W, is ever derived from them.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from cosolve.core.jit import jit

#: Rows in a block, at least.
MIN_BLOCK = 8

#: Slots of ``Rows.sums`` and of all sums.
COUNT, WEIGHT, SUM, SQUARES = range(4)


class Rows(NamedTuple):
    """
    The training rows and what is asked of the tree; read-only and common to all threads.

    Parameters
    ----------
    rank
        Dense rank of each row's value, int32, shape (features, rows).
    sums
        Count, weight, weight * target, weight * target^2 of each row, float64, shape (rows, 4).
    penalty
        Price of a split, in the unit of ``sums``.
    min_rows
        Rows that every leaf must have, at least.
    slack
        Improvements of at most this are rounding; without it, ties would be searched to the end.
    """

    rank: np.ndarray
    sums: np.ndarray
    penalty: float
    min_rows: int
    slack: float


@jit
def add_up(rows: Rows, listed: np.ndarray, total: np.ndarray) -> float:
    """Sum the listed rows into ``total`` and return their SSE."""
    for slot in range(4):
        total[slot] = 0.0
    for row in listed:
        for slot in range(4):
            total[slot] += rows.sums[row, slot]
    return leaf_sse(total)


@jit
def leaf_sse(total: np.ndarray) -> float:
    """SSE of a leaf with the given sums; rounding below 0 is clipped."""
    if total[COUNT] < 1.5:
        return 0.0
    return max(0.0, total[SQUARES] - total[SUM] * total[SUM] / total[WEIGHT])


@jit
def best_stump(
    rows: Rows, listed: np.ndarray, rank: np.ndarray, total: np.ndarray, min_rows: int
) -> tuple[float, int, int]:
    """
    Best split of a node by one feature.

    Parameters
    ----------
    rows
        The training rows.
    listed
        Rows of the node by increasing value of the feature.
    rank
        Ranks of the feature.
    total
        Sums of the node.
    min_rows
        Rows of either part, at least.

    Returns
    -------
    (float, int, int)
        SSE of both parts, rows that go left and greatest rank that goes left; (inf, 0, -1) if there is no split.
    """
    best, at, cut = np.inf, 0, -1
    size = len(listed)
    weight, value = 0.0, 0.0
    for position in range(1, size - min_rows + 1):
        row = listed[position - 1]
        weight += rows.sums[row, WEIGHT]
        value += rows.sums[row, SUM]
        if position >= min_rows and rank[row] != rank[listed[position]]:
            rest = total[SUM] - value
            sse = total[SQUARES] - value * value / weight - rest * rest / (total[WEIGHT] - weight)
            if sse < best:
                best, at, cut = sse, position, rank[row]
    return max(best, 0.0), at, cut


def max_blocks(num_rows: int) -> int:
    """Most blocks of a node with up to ``num_rows`` rows."""
    return min(num_rows // MIN_BLOCK, math.isqrt(num_rows)) + 2


@jit
def cut_blocks(listed: np.ndarray, rank: np.ndarray, starts: np.ndarray) -> int:
    """
    Cut a list of rows into blocks that end between different values.

    What it takes to bound a block and to look into one is balanced with blocks as long as there are many of them.

    Fills ``starts`` with the first position of each block and, after the last, the length; returns their number.
    """
    size = len(listed)
    length = max(MIN_BLOCK, int(math.sqrt(size)))
    count = 0
    start = 0
    while start < size:
        starts[count] = start
        count += 1
        end = min(start + length, size)
        if end < size and rank[listed[end - 1]] == rank[listed[end]]:
            end = after_ties(listed, rank, end)
        start = end
    starts[count] = size
    return count


@jit
def after_ties(listed: np.ndarray, rank: np.ndarray, position: int) -> int:
    """First position after ``position`` - 1 with a greater rank than there."""
    tied = rank[listed[position - 1]]
    low, high = position, len(listed)
    while low < high:
        middle = (low + high) // 2
        if rank[listed[middle]] > tied:
            high = middle
        else:
            low = middle + 1
    return low


@jit
def before_ties(listed: np.ndarray, rank: np.ndarray, position: int) -> int:
    """First position with the rank of ``position``."""
    tied = rank[listed[position]]
    low, high = 0, position
    while low < high:
        middle = (low + high) // 2
        if rank[listed[middle]] < tied:
            low = middle + 1
        else:
            high = middle
    return low


@jit
def nearest_cut(listed: np.ndarray, rank: np.ndarray, wanted: int, low: int, high: int) -> int:
    """Cut closest to position ``wanted`` with ``low`` < cut < ``high``; -1 if there is none."""
    if high - low < 2:
        return -1
    wanted = min(max(wanted, low + 1), high - 1)
    if rank[listed[wanted - 1]] != rank[listed[wanted]]:
        return wanted
    earlier = before_ties(listed, rank, wanted)
    later = after_ties(listed, rank, wanted)
    has_earlier, has_later = earlier > low, later < high
    if has_earlier and (not has_later or wanted - earlier <= later - wanted):
        return earlier
    return later if has_later else -1


@jit
def take_side(order: np.ndarray, size: int, rank: np.ndarray, cut: int, take_left: bool, target: np.ndarray) -> int:
    """
    Copy the rows on one side of a cut, list by list, and return how many there are.

    Parameters
    ----------
    order
        Lists of the node, shape (features, at least ``size``).
    size
        Rows of the node.
    rank
        Ranks of the feature that is cut.
    cut
        Greatest rank that goes left.
    take_left
        Which side.
    target
        Where the lists of that side go.
    """
    count = 0
    for feature in range(len(order)):
        count = 0
        for position in range(size):
            row = order[feature, position]
            target[feature, count] = row
            count += (rank[row] <= cut) == take_left
    return count


@jit
def sort_by(key: np.ndarray, order: np.ndarray) -> None:
    """Fill in the numbers of some keys by increasing key, ties by number."""
    for number in range(len(key)):
        at = number
        while at > 0 and key[order[at - 1]] > key[number]:
            order[at] = order[at - 1]
            at -= 1
        order[at] = number
