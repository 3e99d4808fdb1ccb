"""
Spans: open intervals of cuts of one feature, with what is known about the sides of every cut in them.

Let opt(S) be the optimum of a child problem on the rows S. Taking rows away never makes it larger, so a cut between
two evaluated ones costs at least what the left side of the earlier one and the right side of the later one cost
together. A span keeps these two bounds for each feature that may split the child at its top: a feature whose bound,
with the best of the other side, reaches the target is struck out for all cuts of the span (after [1]_).

A bound by top feature must hold for all rows that contain S, and there a split by that feature may be one that leaves
a side of S empty. What such a tree T does to S is done by one of its subtrees, of a depth and a number of splits less
by one, and the rows of S cost as much there, so T costs at least penalty + opt(S) for depth - 1 and splits - 1. For
children of depth 1 this is no less than a leaf on S; for deeper ones each bound is capped by it (:func:`cap`). It
can't happen where every leaf is certain to keep a row of S: where the bounds count on more than one row per leaf.

If the number of splits is limited, a child may get fewer splits than it could use; a span also keeps bounds for that,
and strikes out nothing: a feature that fails with many splits on its side could do with fewer and more on the other.

All arrays below are of one side: ``top[feature]`` is a lower bound for trees that split the child by the feature,
with as many splits as the child may use (``richest``), or that make it a leaf; inf if struck out. ``fewer[splits]``
is a lower bound for trees with at most so many splits, for less than ``richest``.

References
----------
.. [1] Mazumder, R., Meng, X., Wang, H. (2022). Quant-BnB: a scalable branch-and-bound method for optimal decision
       trees with continuous features. *Proceedings of the 39th International Conference on Machine Learning*,
       15255-15277.
"""

from __future__ import annotations

import numpy as np

from cosolve.core.jit import jit


@jit
def most_splits(depth: int, splits: int) -> int:
    """Splits that a tree of a depth can use of those it may."""
    return min(splits, (1 << depth) - 1)


@jit
def least(top: np.ndarray, side: int) -> float:
    """Least bound of a side."""
    bound = np.inf
    for feature in range(top.shape[1]):
        bound = min(bound, top[side, feature])
    return bound


@jit
def cap(bounds: np.ndarray, most: float) -> None:
    """Lower what is greater than ``most``, in place."""
    for feature in range(len(bounds)):
        bounds[feature] = min(bounds[feature], most)


@jit
def split_bound(top: np.ndarray, fewer: np.ndarray, splits: int, richest: int, penalty: float) -> float:
    """Lower bound of a node that is split, from those of its children, which share ``splits`` - 1 splits."""
    least_left, least_right = least(top, 0), least(top, 1)
    if splits > 2 * richest:
        return penalty + least_left + least_right
    bound = np.inf
    for given in range(splits - 1 - richest, richest + 1):
        rest = splits - 1 - given
        left = least_left if given == richest else fewer[0, given]
        right = least_right if rest == richest else fewer[1, rest]
        bound = min(bound, left + right)
    return penalty + bound


@jit
def strike_out(top: np.ndarray, side: int, other: float, penalty: float, target: float) -> float:
    """Strike out the features of a side that can't beat the target; returns the least bound of those struck out now."""
    struck = np.inf
    for feature in range(top.shape[1]):
        bound = top[side, feature] + other + penalty
        if target <= bound < np.inf:
            struck = min(struck, bound)
            top[side, feature] = np.inf
    return struck


@jit
def prune(
    top: np.ndarray, fewer: np.ndarray, splits: int, richest: int, penalty: float, target: float
) -> tuple[bool, float]:
    """
    Drop what can't beat the target from a span, or all of it.

    Parameters
    ----------
    top
        Bounds by top feature of left and right child, shape (2, features); changed in place.
    fewer
        Bounds for fewer splits, shape (2, richest).
    splits
        Splits that the node may use, its own included.
    richest
        Splits that a child can use.
    penalty
        Price of a split.
    target
        Only trees that cost less are wanted.

    Returns
    -------
    (bool, float)
        Whether anything is left; lower bound on all that was dropped, inf if nothing was.
    """
    bound = split_bound(top, fewer, splits, richest, penalty)
    if bound >= target:
        return False, bound
    if splits <= 2 * richest:
        return True, np.inf
    dropped = strike_out(top, 0, least(top, 1), penalty, target)
    return True, min(dropped, strike_out(top, 1, least(top, 0), penalty, target))


@jit
def join_bounds(
    left_top: np.ndarray,
    left_fewer: np.ndarray,
    right_top: np.ndarray,
    right_fewer: np.ndarray,
    top: np.ndarray,
    fewer: np.ndarray,
) -> None:
    """Bounds of a span from those at its ends: the lower one's for the left child, the upper one's for the right."""
    # Loops: slices of arrays would compile to ten times the code.
    for feature in range(top.shape[1]):
        top[0, feature] = left_top[0, feature]
        top[1, feature] = right_top[1, feature]
    for splits in range(fewer.shape[1]):
        fewer[0, splits] = left_fewer[0, splits]
        fewer[1, splits] = right_fewer[1, splits]
