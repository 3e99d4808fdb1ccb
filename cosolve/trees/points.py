"""
Optimal trees of depth two and three for nodes whose features have few different values, by pair tables.

Rows with equal features are one point; a table (:mod:`cosolve.trees.pairs`) answers depth two. At depth three each cut
of the root needs the tables of its two sides: that of the smaller one is filled from its points, the other is the
difference to the table of the node. Both sides are then solved exactly, so the interval bound of
:mod:`cosolve.trees.spans` skips cuts between two evaluated ones.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from cosolve.core.jit import jit, jit_allocating
from cosolve.trees.kernels import COUNT, SQUARES, Rows
from cosolve.trees.merging import Merged
from cosolve.trees.pairs import (
    Cuts,
    Table,
    best_splits,
    costs_by_splits,
    explained,
    fill,
    find_tree,
    make_table,
    subtract,
)
from cosolve.trees.spans import cap

#: A table pays if the square of its cuts is at most this times rows times features.
_WORTH = 8

#: Steps (see :func:`table_steps`) that are a matter of a second.
MANY_STEPS = 1e9


class Points(NamedTuple):
    """
    Rows merged where all features agree, and scratch for the tables; one per thread.

    Parameters
    ----------
    point, values, offset, group, column, rank
        As in :class:`cosolve.trees.merging.Merged`.
    """

    point: np.ndarray
    values: np.ndarray
    offset: np.ndarray
    group: np.ndarray
    column: np.ndarray
    rank: np.ndarray
    sums: np.ndarray  # float64, (points, 4)
    members: np.ndarray  # int32, (points,): points of the node, members for short
    member_sums: np.ndarray  # float64, (points, 4): sums of the members
    chosen: np.ndarray  # int32, (points,): numbers of some members
    occupied: np.ndarray  # int32, (values of all features,): points of the node with each value
    starts: np.ndarray  # int32, (points + 1,)
    entries: np.ndarray  # int32, (points * features,)
    cuts: Cuts
    whole: Table
    part: Table
    rest: Table
    best: np.ndarray  # float64, (3, 2, cuts)


def table_steps(merged: Merged, num_rows: int, num_features: int) -> float:
    """Elementary steps, about 1 ns each, to solve depth 3 by tables with each cut tried; inf if tables don't pay."""
    num_points, num_joined = merged.values.shape
    if num_points == 0 or merged.num_cuts**2 > _WORTH * num_rows * num_features:
        return math.inf
    # A value is the most frequent one of its feature half the time, say, and pairs are counted once.
    return merged.num_cuts * (num_points * num_joined**2 / 8 + 8 * merged.num_cuts**2)


def make_points(merged: Merged) -> Points:
    """Points of all rows, with scratch."""
    num_points, num_joined = merged.values.shape
    num_cuts = merged.num_cuts
    return Points(
        merged.point,
        merged.values,
        merged.offset,
        merged.group,
        merged.column,
        merged.rank,
        np.zeros((num_points, 4)),
        np.zeros(num_points, np.int32),
        np.zeros((num_points, 4)),
        np.zeros(num_points, np.int32),
        np.zeros(merged.offset[-1], np.int32),
        np.zeros(num_points + 1, np.int32),
        np.zeros(num_points * num_joined, np.int32),
        Cuts(
            np.zeros(num_joined + 1, np.int32),
            np.zeros(num_joined, np.int32),
            np.zeros(num_cuts, np.int32),
            np.zeros(num_cuts, np.int32),
            np.zeros(num_cuts, np.int32),
        ),
        make_table(num_cuts),
        make_table(num_cuts),
        make_table(num_cuts),
        np.zeros((3, 2, num_cuts)),
    )


@jit
def open_node(points: Points, rows: Rows, listed: np.ndarray) -> int:
    """
    Gather the points and cuts of a node.

    Returns
    -------
    int
        Number of points in ``points.members``; 0 if tables don't pay for this node.
    """
    if len(points.point) == 0:
        return 0
    num_features = points.values.shape[1]
    offset, occupied, cuts = points.offset, points.occupied, points.cuts
    count = 0
    points.sums[:] = 0.0
    for row in listed:
        point = points.point[row]
        if points.sums[point, COUNT] == 0.0:
            points.members[count] = point
            count += 1
        for slot in range(4):
            points.sums[point, slot] += rows.sums[row, slot]
    occupied[:] = 0
    for k in range(count):
        for feature in range(num_features):
            occupied[offset[feature] + points.values[points.members[k], feature]] += 1

    # Afterwards ``occupied`` holds the cut of each value on an inner side, -1 for the most frequent value.
    num_cuts = 0
    for feature in range(num_features):
        begin, end = offset[feature], offset[feature + 1]
        frequent = begin + np.argmax(occupied[begin:end])
        cuts.first[feature] = cuts.turn[feature] = num_cuts
        last = -1
        for value in range(begin, end):
            if occupied[value] == 0:
                continue
            occupied[value] = -1
            if value != frequent:
                source = value if value < frequent else last
                cuts.column[num_cuts], cuts.rank[num_cuts] = points.column[source], points.rank[source]
                cuts.feature[num_cuts] = feature
                occupied[value] = num_cuts
                num_cuts += 1
            else:
                cuts.turn[feature] = num_cuts
            last = value
    cuts.first[num_features] = num_cuts
    if num_cuts * num_cuts > _WORTH * len(listed) * len(points.group):
        return 0

    size = 0
    for k in range(count):
        point = points.members[k]
        for slot in range(4):
            points.member_sums[k, slot] = points.sums[point, slot]
        points.starts[k] = size
        for feature in range(num_features):
            cut = occupied[offset[feature] + points.values[point, feature]]
            if cut >= 0:
                points.entries[size] = cut
                size += 1
    points.starts[count] = size
    return count


@jit_allocating
def solve_points(
    points: Points,
    count: int,
    rows: Rows,
    depth: int,
    splits: int,
    target: float,
    known: np.ndarray,
    num_evals: np.ndarray,
    stop: np.ndarray,
    bounds: np.ndarray,
    features: np.ndarray,
    ranks: np.ndarray,
) -> tuple[float, float]:
    """
    Best tree of depth 2 or 3 on the node that was opened last, if it costs less than a target.

    Parameters
    ----------
    points, count
        The node, see :func:`open_node`.
    rows
        The training rows.
    depth, splits
        2 or 3, and splits that the tree may have, at least 2.
    target, known, stop, bounds, features, ranks
        As in :func:`cosolve.trees.recursion.solve`; all lower bounds are for leaves of at least one row.
    num_evals
        Counter of evaluated cuts, (1,).

    Returns
    -------
    (float, float)
        Cost of the tree found, inf if there is none below the target; lower bound.
    """
    cuts, whole, penalty = points.cuts, points.whole, rows.penalty
    strict = float(rows.min_rows)
    for k in range(count):
        points.chosen[k] = k
    fill(whole, cuts, points.chosen[:count], points.starts, points.entries, points.member_sums)
    best, loose = points.best[0], points.best[1]
    costs, loose_costs = np.empty(4), np.empty(4)
    best_splits(whole, cuts, 1.0, loose)
    costs_by_splits(whole, cuts, loose, penalty, 1.0, loose_costs)
    if strict > 1.0:
        best_splits(whole, cuts, strict, best)
        costs_by_splits(whole, cuts, best, penalty, strict, costs)
    else:
        best = loose
        costs[:] = loose_costs
    cost = np.inf
    if costs[min(splits, 3)] < target:
        cost = costs[min(splits, 3)]
        target = cost - rows.slack
        features[:] = -1
        find_tree(whole, cuts, best, splits, penalty, strict, features, ranks)

    # All columns of a joined feature get the same bounds: some of them make the same cut of this node.
    num_features = len(cuts.turn)
    promise, start = np.full(num_features, np.inf), np.zeros(num_features, np.int64)
    for cut in range(cuts.first[-1]):
        feature = cuts.feature[cut]
        value = max(0.0, whole.total[SQUARES] - explained(whole, cuts, cut, loose, splits, penalty, 1.0))
        if value < promise[feature]:
            promise[feature], start[feature] = value, cut
    if depth == 2:
        num_evals[0] += cuts.first[-1]
        for column in range(len(bounds)):
            bounds[column] = min(loose_costs[0], promise[points.group[column]])
        cap(bounds, penalty + loose_costs[1])
        return cost, loose_costs[min(splits, 3)]

    known_joined, joined = np.full(num_features, np.inf), np.full(num_features, np.inf)
    for column in range(len(bounds)):
        feature = points.group[column]
        known_joined[feature] = min(known_joined[feature], known[column])
    root = np.array([-1, 0, 0])
    for feature in np.argsort(promise):
        if known_joined[feature] >= target:
            joined[feature] = known_joined[feature]
        elif cuts.first[feature] < cuts.first[feature + 1]:
            found, joined[feature] = search_cuts(
                points, count, rows, feature, start[feature], splits, target, num_evals, stop, root
            )
            if found < target:
                cost, target = found, found - rows.slack
    if root[0] >= 0:
        write_tree(points, count, rows, root, features, ranks)
    for column in range(len(bounds)):
        bounds[column] = 0.0 if stop[0] else min(loose_costs[0], joined[points.group[column]])
    lower = bounds.min()
    cap(bounds, penalty + loose_costs[min(splits - 1, 3)])
    return cost, lower


@jit_allocating
def search_cuts(
    points: Points,
    count: int,
    rows: Rows,
    feature: int,
    start: int,
    splits: int,
    target: float,
    num_evals: np.ndarray,
    stop: np.ndarray,
    root: np.ndarray,
) -> tuple[float, float]:
    """
    Best tree of depth 3 that splits the node by one feature first, if it costs less than a target.

    Parameters
    ----------
    points, count, rows, splits, target, num_evals, stop
        As in :func:`solve_points`.
    feature, start
        The feature and the cut of it to begin with.
    root
        Result, if there is one: the cut, and the splits that are left for its sides.

    Returns
    -------
    (float, float)
        Cost of the tree, inf if there is none; lower bound for trees that begin with the feature, 0 when stopped.
    """
    cuts, penalty, strict = points.cuts, rows.penalty, float(rows.min_rows)
    first, end = cuts.first[feature], cuts.first[feature + 1]
    ends = np.empty((end - first + 1, 2), np.int64)
    sides = np.empty((end - first + 1, 2))
    costs, loose = np.empty((2, 4)), np.empty((2, 4))
    best = points.best[2]
    cost, bound = np.inf, np.inf
    ends[0, 0], ends[0, 1] = first - 1, end
    sides[0] = 0.0
    num_spans = 1
    while num_spans:
        num_spans -= 1
        low, high = ends[num_spans]
        left_bound, right_bound = sides[num_spans]
        if penalty + left_bound + right_bound >= target:
            bound = min(bound, penalty + left_bound + right_bound)
            continue
        if stop[0]:
            return cost, 0.0
        cut = start if high - low == end - first + 1 else (low + high) // 2
        num_evals[0] += 1
        part_side = fill_sides(points, count, cut)
        for side in range(2):
            table = points.part if side == part_side else points.rest
            best_splits(table, cuts, 1.0, best)
            costs_by_splits(table, cuts, best, penalty, 1.0, loose[side])
            if strict > 1.0:
                best_splits(table, cuts, strict, best)
                costs_by_splits(table, cuts, best, penalty, strict, costs[side])
            else:
                costs[side] = loose[side]
        for left in range(max(0, splits - 4), min(3, splits - 1) + 1):
            right = min(3, splits - 1 - left)
            bound = min(bound, penalty + loose[0, left] + loose[1, right])
            found = penalty + costs[0, left] + costs[1, right]
            if found < target:
                cost, target = found, found - rows.slack
                root[0], root[1], root[2] = cut, left, right
        for is_upper in range(2):
            lower_end, upper_end = (cut, high) if is_upper else (low, cut)
            if upper_end - lower_end > 1:
                ends[num_spans, 0], ends[num_spans, 1] = lower_end, upper_end
                sides[num_spans, 0] = max(left_bound, loose[0, 3]) if is_upper else left_bound
                sides[num_spans, 1] = right_bound if is_upper else max(right_bound, loose[1, 3])
                num_spans += 1
    return cost, bound


@jit
def fill_sides(points: Points, count: int, cut: int) -> int:
    """Tables of both sides of a cut: ``points.part`` of the one with fewer points, which is returned; the rest."""
    feature = points.cuts.feature[cut]
    offset = points.offset[feature]
    is_left_inner = cut < points.cuts.turn[feature]
    inner, outer = 0, count
    for k in range(count):
        at = points.occupied[offset + points.values[points.members[k], feature]]
        is_inner = 0 <= at <= cut if is_left_inner else at >= cut
        if is_inner:
            points.chosen[inner] = k
            inner += 1
        else:
            outer -= 1
            points.chosen[outer] = k
    is_inner_smaller = 2 * inner <= count
    chosen = points.chosen[:inner] if is_inner_smaller else points.chosen[inner:count]
    fill(points.part, points.cuts, chosen, points.starts, points.entries, points.member_sums)
    subtract(points.whole, points.part, points.cuts, points.rest)
    return 0 if is_left_inner == is_inner_smaller else 1


@jit_allocating
def write_tree(
    points: Points, count: int, rows: Rows, root: np.ndarray, features: np.ndarray, ranks: np.ndarray
) -> None:
    """Write the tree that :func:`search_cuts` has found, breadth first."""
    cuts, strict = points.cuts, float(rows.min_rows)
    features[:] = -1
    features[0], ranks[0] = cuts.column[root[0]], cuts.rank[root[0]]
    child_features, child_ranks = np.empty(3, np.int64), np.empty(3, np.int64)
    part_side = fill_sides(points, count, root[0])
    for side in range(2):
        table = points.part if side == part_side else points.rest
        best_splits(table, cuts, strict, points.best[2])
        find_tree(table, cuts, points.best[2], root[1 + side], rows.penalty, strict, child_features, child_ranks)
        for node, to in enumerate((1 + side, 3 + 2 * side, 4 + 2 * side)):
            features[to], ranks[to] = child_features[node], child_ranks[node]
