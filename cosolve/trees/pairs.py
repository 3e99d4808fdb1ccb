"""
Pair tables: all trees of depth two on points that have few different values, from sums over pairs of cuts.

A cut of a feature parts the points into an *inner* side, the one without the most frequent value of the feature, and
the rest. The table holds, for each pair of cuts of two features, the sums over the points on the inner side of both;
those of the other three quarters follow by differences. A table takes one pass over the pairs of features of each
point, and only features that are off their most frequent value count (as with the pairs of ones in [1]_). Then every
tree of depth two is a matter of a few operations on its pair.

Sums of a set of points are (count, weight, weight * target); a set *explains* SUM^2 / WEIGHT of the sum of squares,
the rest is its squared error. Cuts of a feature are numbered by their position.

References
----------
.. [1] Demirović, E., Lukina, A., Hebrard, E., Chan, J., Bailey, J., Leckie, C., Ramamohanarao, K., Stuckey, P. J.
       (2022). MurTree: optimal decision trees via dynamic programming and search. *Journal of Machine Learning
       Research* 23(26): 1-47.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cosolve.core.jit import jit
from cosolve.trees.kernels import COUNT, SQUARES, SUM, WEIGHT


class Cuts(NamedTuple):
    """
    The cuts of a node.

    Parameters
    ----------
    first
        First cut of each feature and, at the end, the number of cuts; int32, (features + 1,).
    turn
        First cut of each feature whose inner side is the right one; int32, (features,).
    feature
        Feature of each cut, int32.
    column, rank
        What a tree is to say of each cut: a column of the data, and the greatest rank of it that goes left; int32.
    """

    first: np.ndarray
    turn: np.ndarray
    feature: np.ndarray
    column: np.ndarray
    rank: np.ndarray


class Table(NamedTuple):
    """
    Sums of one set of points over the inner sides of cuts.

    Parameters
    ----------
    total
        Of all points, with the sum of weight * target^2 as a fourth, (4,).
    single
        By cut, (3, cuts).
    pair
        By pair of cuts, the one of the lower feature first, (cuts, cuts, 4), of which the last slot is not used: four
        numbers are added in one instruction. Nothing for cuts of the same feature.
    """

    total: np.ndarray
    single: np.ndarray
    pair: np.ndarray


def make_table(num_cuts: int) -> Table:
    """Room for up to ``num_cuts`` cuts."""
    return Table(np.zeros(4), np.zeros((3, num_cuts)), np.zeros((num_cuts, num_cuts, 4)))


@jit
def fill(
    table: Table, cuts: Cuts, chosen: np.ndarray, starts: np.ndarray, entries: np.ndarray, sums: np.ndarray
) -> None:
    """
    Sum up the chosen points.

    Parameters
    ----------
    table
        Where the sums go.
    cuts
        The cuts of the node.
    chosen
        Numbers of points.
    starts, entries
        Cuts next to the value of each point, on its inner side, in increasing order: those of point i are
        ``entries[starts[i]:starts[i + 1]]``.
    sums
        Sums of each point, (points, 4).
    """
    num_cuts = cuts.first[-1]
    for slot in range(4):
        table.total[slot] = 0.0
    for cut in range(num_cuts):
        for slot in range(3):
            table.single[slot, cut] = 0.0
        for other in range(cuts.first[cuts.feature[cut] + 1], num_cuts):
            for slot in range(4):
                table.pair[cut, other, slot] = 0.0
    for point in chosen:
        count, weight, value, square = sums[point, 0], sums[point, 1], sums[point, 2], sums[point, 3]
        for slot in range(4):
            table.total[slot] += sums[point, slot]
        end = starts[point + 1]
        for k in range(starts[point], end):
            cut = entries[k]
            table.single[COUNT, cut] += count
            table.single[WEIGHT, cut] += weight
            table.single[SUM, cut] += value
            for m in range(k + 1, end):
                other = entries[m]
                table.pair[cut, other, 0] += count
                table.pair[cut, other, 1] += weight
                table.pair[cut, other, 2] += value
                table.pair[cut, other, 3] += square
    # From single values to all values on the inner side.
    for feature in range(len(cuts.turn)):
        first, turn, end = cuts.first[feature], cuts.turn[feature], cuts.first[feature + 1]
        for cut in range(first + 1, turn):
            _add(table, cut - 1, cut, end, num_cuts)
        for cut in range(end - 2, turn - 1, -1):
            _add(table, cut + 1, cut, end, num_cuts)
        if end - first > 1:
            for lower in range(first):
                for cut in range(first + 1, turn):
                    for slot in range(4):
                        table.pair[lower, cut, slot] += table.pair[lower, cut - 1, slot]
                for cut in range(end - 2, turn - 1, -1):
                    for slot in range(4):
                        table.pair[lower, cut, slot] += table.pair[lower, cut + 1, slot]


@jit
def _add(table: Table, source: int, target: int, begin: int, end: int) -> None:
    """Add what is known of one cut to another one of the same feature, with the cuts begin, ..., end - 1 of others."""
    for slot in range(3):
        table.single[slot, target] += table.single[slot, source]
    for other in range(begin, end):
        for slot in range(4):
            table.pair[target, other, slot] += table.pair[source, other, slot]


@jit
def subtract(whole: Table, part: Table, cuts: Cuts, rest: Table) -> None:
    """Table of the points that are in the whole but not in the part."""
    num_cuts = cuts.first[-1]
    for slot in range(4):
        rest.total[slot] = whole.total[slot] - part.total[slot]
    for cut in range(num_cuts):
        for slot in range(3):
            rest.single[slot, cut] = whole.single[slot, cut] - part.single[slot, cut]
        for other in range(cuts.first[cuts.feature[cut] + 1], num_cuts):
            for slot in range(4):
                rest.pair[cut, other, slot] = whole.pair[cut, other, slot] - part.pair[cut, other, slot]


@jit
def explain(count: float, weight: float, value: float, min_rows: float) -> float:
    """What a leaf explains; -inf if it has too few rows."""
    return value * value / weight if count >= min_rows else -np.inf


@jit
def left_sums(table: Table, cuts: Cuts, cut: int) -> tuple[float, float, float]:
    """Sums of the points left of a cut."""
    count, weight, value = table.single[COUNT, cut], table.single[WEIGHT, cut], table.single[SUM, cut]
    if cut >= cuts.turn[cuts.feature[cut]]:
        return table.total[COUNT] - count, table.total[WEIGHT] - weight, table.total[SUM] - value
    return count, weight, value


@jit
def best_splits(table: Table, cuts: Cuts, min_rows: float, best: np.ndarray) -> None:
    """
    What the best split of either side of every cut explains.

    Parameters
    ----------
    table
        Sums.
    cuts
        Cuts.
    min_rows
        Rows of a leaf, at least.
    best
        Result: left and right side of each cut, -inf where there is no split; (2, cuts).
    """
    num_cuts = cuts.first[-1]
    for cut in range(num_cuts):
        best[0, cut] = best[1, cut] = -np.inf
    total_count, total_weight, total_value = table.total[COUNT], table.total[WEIGHT], table.total[SUM]
    for feature in range(len(cuts.turn)):
        first, turn, end = cuts.first[feature], cuts.turn[feature], cuts.first[feature + 1]
        for cut in range(first, end):
            # The side of the cut that is the inner one.
            inner = 0 if cut < turn else 1
            count, weight, value = table.single[COUNT, cut], table.single[WEIGHT, cut], table.single[SUM, cut]
            if count < min_rows and total_count - count < min_rows:
                continue
            in_best, out_best = -np.inf, -np.inf
            for lower in range(feature + 1, len(cuts.turn)):
                for turned in range(2):
                    begin = cuts.turn[lower] if turned else cuts.first[lower]
                    stop = cuts.first[lower + 1] if turned else cuts.turn[lower]
                    for other in range(begin, stop):
                        c11 = table.pair[cut, other, COUNT]
                        c10, c01 = count - c11, table.single[COUNT, other] - c11
                        c00 = total_count - count - c01
                        w11, s11 = table.pair[cut, other, WEIGHT], table.pair[cut, other, SUM]
                        w10, s10 = weight - w11, value - s11
                        w01, s01 = table.single[WEIGHT, other] - w11, table.single[SUM, other] - s11
                        w00, s00 = total_weight - weight - w01, total_value - value - s01
                        e11, e10 = explain(c11, w11, s11, min_rows), explain(c10, w10, s10, min_rows)
                        e01, e00 = explain(c01, w01, s01, min_rows), explain(c00, w00, s00, min_rows)
                        in_best = max(in_best, e11 + e10)
                        out_best = max(out_best, e01 + e00)
                        best[turned, other] = max(best[turned, other], e11 + e01)
                        best[1 - turned, other] = max(best[1 - turned, other], e10 + e00)
            best[inner, cut] = max(best[inner, cut], in_best)
            best[1 - inner, cut] = max(best[1 - inner, cut], out_best)
        for cut in range(first, end):
            count, weight, value = left_sums(table, cuts, cut)
            here = explain(count, weight, value, min_rows)
            for later in range(cut + 1, end):
                c, w, s = left_sums(table, cuts, later)
                between = explain(c - count, w - weight, s - value, min_rows)
                beyond = explain(total_count - c, total_weight - w, total_value - s, min_rows)
                best[0, later] = max(best[0, later], here + between)
                best[1, cut] = max(best[1, cut], between + beyond)


@jit
def explained(
    table: Table, cuts: Cuts, cut: int, best: np.ndarray, splits: int, penalty: float, min_rows: float
) -> float:
    """What the best tree explains that splits first by a cut, less the price of its splits, of which it has 1 to 3."""
    count, weight, value = left_sums(table, cuts, cut)
    left = explain(count, weight, value, min_rows)
    right = explain(table.total[COUNT] - count, table.total[WEIGHT] - weight, table.total[SUM] - value, min_rows)
    split_left, split_right = best[0, cut] - penalty, best[1, cut] - penalty
    if splits >= 3:
        return max(left, split_left) + max(right, split_right) - penalty
    if splits == 2:
        return max(left + right, split_left + right, left + split_right) - penalty
    return left + right - penalty


@jit
def costs_by_splits(
    table: Table, cuts: Cuts, best: np.ndarray, penalty: float, min_rows: float, costs: np.ndarray
) -> None:
    """Squared error of the best trees with at most 0, 1, 2 and 3 splits, with the price of their splits."""
    none = explain(table.total[COUNT], table.total[WEIGHT], table.total[SUM], min_rows)
    one = two = three = none
    for cut in range(cuts.first[-1]):
        count, weight, value = left_sums(table, cuts, cut)
        left = explain(count, weight, value, min_rows)
        right = explain(table.total[COUNT] - count, table.total[WEIGHT] - weight, table.total[SUM] - value, min_rows)
        split_left, split_right = best[0, cut] - penalty, best[1, cut] - penalty
        one = max(one, left + right - penalty)
        two = max(two, max(split_left + right, left + split_right) - penalty)
        three = max(three, max(left, split_left) + max(right, split_right) - penalty)
    costs[0], costs[1], costs[2], costs[3] = none, one, max(one, two), max(one, two, three)
    for splits in range(4):
        costs[splits] = max(0.0, table.total[SQUARES] - costs[splits])


@jit
def inner_sums(table: Table, cuts: Cuts, one: int, two: int) -> tuple[float, float, float]:
    """Sums over the inner side of two cuts."""
    low, high = min(one, two), max(one, two)
    feature = cuts.feature[low]
    if feature != cuts.feature[high]:
        return table.pair[low, high, COUNT], table.pair[low, high, WEIGHT], table.pair[low, high, SUM]
    if low < cuts.turn[feature] <= high:
        return 0.0, 0.0, 0.0
    smaller = low if high < cuts.turn[feature] else high
    return table.single[COUNT, smaller], table.single[WEIGHT, smaller], table.single[SUM, smaller]


@jit
def find_split(table: Table, cuts: Cuts, cut: int, side: int, min_rows: float) -> int:
    """The cut that best splits a side of a cut, -1 if none does."""
    is_inner = side == (0 if cut < cuts.turn[cuts.feature[cut]] else 1)
    count, weight, value = table.single[COUNT, cut], table.single[WEIGHT, cut], table.single[SUM, cut]
    if not is_inner:
        count, weight, value = table.total[COUNT] - count, table.total[WEIGHT] - weight, table.total[SUM] - value
    most, at = -np.inf, -1
    for other in range(cuts.first[-1]):
        c, w, s = inner_sums(table, cuts, cut, other)
        if not is_inner:
            c, w, s = table.single[COUNT, other] - c, table.single[WEIGHT, other] - w, table.single[SUM, other] - s
        found = explain(c, w, s, min_rows) + explain(count - c, weight - w, value - s, min_rows)
        if found > most:
            most, at = found, other
    return at


@jit
def find_tree(
    table: Table,
    cuts: Cuts,
    best: np.ndarray,
    splits: int,
    penalty: float,
    min_rows: float,
    features: np.ndarray,
    ranks: np.ndarray,
) -> None:
    """Write the best tree with at most so many splits: (feature, greatest rank that goes left) breadth first."""
    features[0] = features[1] = features[2] = -1
    most = explain(table.total[COUNT], table.total[WEIGHT], table.total[SUM], min_rows)
    at = -1
    if splits >= 1:
        for cut in range(cuts.first[-1]):
            found = explained(table, cuts, cut, best, splits, penalty, min_rows)
            if found > most:
                most, at = found, cut
    if at < 0:
        return
    features[0], ranks[0] = cuts.column[at], cuts.rank[at]
    count, weight, value = left_sums(table, cuts, at)
    gain_left = best[0, at] - penalty - explain(count, weight, value, min_rows)
    count, weight, value = table.total[COUNT] - count, table.total[WEIGHT] - weight, table.total[SUM] - value
    gain_right = best[1, at] - penalty - explain(count, weight, value, min_rows)
    for side in range(2):
        gain = gain_left if side == 0 else gain_right
        is_better = gain_left >= gain_right if side == 0 else gain_right > gain_left
        if gain > 0.0 and (splits >= 3 or (splits == 2 and is_better)):
            other = find_split(table, cuts, at, side, min_rows)
            features[1 + side], ranks[1 + side] = cuts.column[other], cuts.rank[other]
