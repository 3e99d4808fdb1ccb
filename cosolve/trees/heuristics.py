"""First trees for the exact search: greedy growth with look-ahead, pruned to the splits allowed."""

from __future__ import annotations

import numpy as np

from cosolve.trees.depth_two import Pairs
from cosolve.trees.kernels import Rows, add_up, take_side
from cosolve.trees.points import Points
from cosolve.trees.recursion import solve


def greedy(
    rows: Rows,
    order: np.ndarray,
    depth: int,
    splits: int,
    look_ahead: int,
    levels: np.ndarray,
    pairs: Pairs,
    points: Points,
    stop: np.ndarray,
) -> tuple[float, np.ndarray, np.ndarray]:
    """
    Tree grown from the top, each split the first of an optimal tree of depth ``look_ahead`` on its node.

    With a look-ahead of 1 this is CART [1]_. The price of splits counts only when the tree is pruned, so that a split
    that pays off further down is not missed.

    Parameters
    ----------
    rows
        The training rows.
    order
        All rows by increasing value, shape (features, rows).
    depth, splits
        Depth and splits that the tree may have.
    look_ahead
        Levels, at least 1.
    levels
        Room for the children of a node as in :func:`cosolve.trees.recursion.solve`, for a look-ahead beyond 2.
    pairs, points
        Scratch.
    stop
        Nonzero to give up: nodes not yet split then stay leaves.

    Returns
    -------
    (float, ndarray, ndarray)
        Cost, and features and cuts of the tree as :func:`cosolve.trees.recursion.solve` gives them.

    References
    ----------
    .. [1] Breiman, L., Friedman, J. H., Olshen, R. A., Stone, C. J. (1984). *Classification and Regression Trees*.
           Wadsworth.
    """
    free = rows._replace(penalty=0.0)
    num_features = len(order)
    features, cuts = np.full((2 << depth) - 1, -1), np.zeros((2 << depth) - 1, np.int64)
    sse = np.zeros(len(features))
    top_features, top_cuts = np.empty((2, (1 << look_ahead) - 1), np.int64)
    no_edge = np.empty((2, 1))
    everything = np.array([-1, 0, 0, 0])
    waiting = [(0, order, order.shape[1], depth)]
    while waiting:
        node, lists, size, left_depth = waiting.pop()
        sse[node] = add_up(rows, lists[0, :size], np.empty(4))
        ahead = min(look_ahead, left_depth)
        if ahead == 0 or stop[0]:
            continue
        solve(
            free, lists, size, levels, 0, ahead, (1 << ahead) - 1, free.min_rows, np.inf, np.zeros(num_features),
            pairs, points, stop, np.empty(num_features), top_features, top_cuts, everything, no_edge, no_edge,
        )  # fmt: skip
        if top_features[0] < 0:
            continue
        features[node], cuts[node] = top_features[0], top_cuts[0]
        for side in range(2):
            room = np.empty((num_features, size), np.int32)
            count = take_side(lists, size, rows.rank[features[node]], int(cuts[node]), side == 0, room)
            waiting.append((2 * node + 1 + side, room, count, left_depth - 1))
    return prune_tree(features, sse, splits, rows.penalty), features, cuts


def prune_tree(features: np.ndarray, sse: np.ndarray, splits: int, penalty: float) -> float:
    """
    Turn splits into leaves until the tree is worth its splits and has no more than allowed.

    Subtrees that cost more than a leaf go first; if too many splits are left, the weakest of those with two leaves
    goes, again and again.

    Parameters
    ----------
    features
        Complete binary tree in breadth-first order, -1 at leaves; changed in place.
    sse
        SSE of each node as a leaf.
    splits
        Most splits.
    penalty
        Price of a split.

    Returns
    -------
    float
        Cost of what is left.
    """
    cost = sse.copy()
    below = np.zeros(len(features), np.int64)
    for node in np.flatnonzero(features >= 0)[::-1]:
        left, right = 2 * node + 1, 2 * node + 2
        cost[node] = cost[left] + cost[right] + penalty
        below[node] = below[left] + below[right] + 1
        if cost[node] >= sse[node]:
            features[node], cost[node], below[node] = -1, sse[node], 0
    gain = sse - cost
    while below[0] > splits:
        twigs = np.flatnonzero(below == 1)
        weakest = int(twigs[np.argmin(gain[twigs])])
        features[weakest] = -1
        lost, node = gain[weakest], weakest
        while True:
            below[node] -= 1
            cost[node] += lost
            gain[node] -= lost
            if node == 0:
                break
            node = (node - 1) // 2
    return float(cost[0])
