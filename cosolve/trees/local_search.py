"""
Local search on a tree: one upper split at a time, and the last two levels by the exact search.

With everything else fixed, subtrees and predictions included, the best split of a node is found in one pass over its
sorted rows: each row costs what it costs in the left subtree or what it costs in the right one. That is the step of
tree alternating optimisation [1]_, which tries all features and cuts at once where the coordinate descent of [2]_
tries them one by one. All subtrees of depth two are then solved to the optimum, and the split is kept if the whole
tree costs less.

References
----------
.. [1] Carreira-Perpiñán, M. Á., Tavallali, P. (2018). Alternating optimization of decision trees, with application to
       learning sparse oblique trees. *Advances in Neural Information Processing Systems* 31.
.. [2] Bertsimas, D., Dunn, J. (2019). *Machine Learning under a Modern Optimization Lens*. Dynamic Ideas.
"""

from __future__ import annotations

import numpy as np

from cosolve.core.jit import jit, jit_allocating
from cosolve.trees.depth_two import Pairs
from cosolve.trees.kernels import SQUARES, SUM, WEIGHT, Rows
from cosolve.trees.points import Points
from cosolve.trees.recursion import solve


def improve(
    rows: Rows,
    order: np.ndarray,
    depth: int,
    cost: float,
    features: np.ndarray,
    cuts: np.ndarray,
    pairs: Pairs,
    points: Points,
    stop: np.ndarray,
) -> float:
    """
    Improve a tree in place until no single split and no subtree of depth two can be better.

    Parameters
    ----------
    rows
        The training rows.
    order
        All rows by increasing value, shape (features, rows).
    depth
        Depth of the tree, at least 2; the number of its splits must not be limited.
    cost
        Cost of the tree.
    features, cuts
        The tree, complete, in breadth-first order as :func:`cosolve.trees.recursion.solve` gives it, with ``depth``
        levels at least.
    pairs, points
        Scratch.
    stop
        Nonzero to give up; the tree is then one of those on the way.

    Returns
    -------
    float
        Cost of the tree.
    """
    is_better = True
    while is_better and not stop[0]:
        is_better = False
        for node in range(-1, (1 << (depth - 2)) - 1):
            other_features, other_cuts = features.copy(), cuts.copy()
            if node >= 0:  # else the last two levels alone
                if features[node] < 0:
                    continue
                feature, cut = best_split(rows, order, features, cuts, node)
                if feature < 0 or (feature == features[node] and cut == cuts[node]):
                    continue
                other_features[node], other_cuts[node] = feature, cut
            found = settle(rows, order, depth, other_features, other_cuts, pairs, points, stop)
            if found < cost - rows.slack and not stop[0]:
                cost, is_better = found, True
                features[:], cuts[:] = other_features, other_cuts
    return cost


def settle(
    rows: Rows,
    order: np.ndarray,
    depth: int,
    features: np.ndarray,
    cuts: np.ndarray,
    pairs: Pairs,
    points: Points,
    stop: np.ndarray,
) -> float:
    """
    Solve all subtrees of depth two below the upper splits; see :func:`improve`.

    Returns
    -------
    float
        Cost of the tree; inf if an upper split leaves too few rows on a side, or when stopped.
    """
    num_features, num_rows = order.shape
    num_upper = (1 << (depth - 2)) - 1
    reached = reach(rows.rank, features, cuts, num_upper)
    room, no_room = np.empty((num_features, num_rows), np.int32), np.empty((1, 1, 1), np.int32)
    no_edge, everything = np.empty((2, 1)), np.array([-1, 0, 0, 0])
    low_features, low_cuts = np.empty(3, np.int64), np.empty(3, np.int64)
    cost = 0.0
    waiting = [0]
    while waiting:
        node = waiting.pop()
        if node < num_upper and features[node] >= 0:
            cost += rows.penalty
            waiting += [2 * node + 1, 2 * node + 2]
            continue
        size = take_reached(order, reached, node, room)
        if size < rows.min_rows:
            return np.inf
        found, _ = solve(
            rows, room, size, no_room, 0, 2, 3, rows.min_rows, np.inf, np.zeros(num_features), pairs, points, stop,
            np.empty(num_features), low_features, low_cuts, everything, no_edge, no_edge,
        )  # fmt: skip
        cost += found
        for at, low in ((node, 0), (2 * node + 1, 1), (2 * node + 2, 2)):
            features[at] = low_features[low] if low == 0 or low_features[0] >= 0 else -1
            cuts[at] = low_cuts[low]
        if node < num_upper:  # a leaf higher up than need be: what is below its children is not part of the tree
            for at in range(4 * node + 3, min(4 * node + 7, len(features))):
                features[at] = -1
    return np.inf if stop[0] else cost


@jit_allocating
def reach(rank: np.ndarray, features: np.ndarray, cuts: np.ndarray, num_upper: int) -> np.ndarray:
    """Node at which each row leaves the upper splits."""
    reached = np.zeros(rank.shape[1], np.int32)
    for row in range(len(reached)):
        node = 0
        while node < num_upper and features[node] >= 0:
            node = 2 * node + 1 if rank[features[node], row] <= cuts[node] else 2 * node + 2
        reached[row] = node
    return reached


@jit
def take_reached(order: np.ndarray, reached: np.ndarray, node: int, room: np.ndarray) -> int:
    """Copy the lists of the rows that reach a node, and return how many there are."""
    count = 0
    for feature in range(len(order)):
        count = 0
        for row in order[feature]:
            if reached[row] == node:
                room[feature, count] = row
                count += 1
    return count


@jit_allocating
def best_split(rows: Rows, order: np.ndarray, features: np.ndarray, cuts: np.ndarray, node: int) -> tuple[int, int]:
    """Best feature of a node and greatest rank that goes left, with both subtrees and their predictions fixed."""
    num_features, num_rows = order.shape
    weight, total = np.zeros(len(features)), np.zeros(len(features))
    is_inside = np.zeros(num_rows, np.bool_)
    for row in range(num_rows):
        at = 0
        is_inside[row] = node == 0
        while features[at] >= 0:
            at = 2 * at + 1 if rows.rank[features[at], row] <= cuts[at] else 2 * at + 2
            is_inside[row] |= at == node
        weight[at] += rows.sums[row, WEIGHT]
        total[at] += rows.sums[row, SUM]

    # Of each row inside: how much more it costs on the left than on the right.
    extra = np.zeros(num_rows)
    for row in range(num_rows):
        if is_inside[row]:
            for side in range(2):
                at = 2 * node + 1 + side
                while features[at] >= 0:
                    at = 2 * at + 1 if rows.rank[features[at], row] <= cuts[at] else 2 * at + 2
                mean = total[at] / weight[at]
                error = rows.sums[row, SQUARES] - 2 * mean * rows.sums[row, SUM] + mean * mean * rows.sums[row, WEIGHT]
                extra[row] += error if side == 0 else -error
    count = is_inside.sum()
    best, feature, cut = np.inf, -1, -1
    for candidate in range(num_features):
        rank = rows.rank[candidate]
        cost, size, last = 0.0, 0, -1
        for row in order[candidate]:
            if not is_inside[row]:
                continue
            if rank[row] != last and rows.min_rows <= size <= count - rows.min_rows and cost < best:
                best, feature, cut = cost, candidate, last
            cost += extra[row]
            size += 1
            last = rank[row]
    return feature, cut
