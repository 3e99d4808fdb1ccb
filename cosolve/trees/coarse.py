"""A coarser view of the training data: each feature in quantile bins, for which pair tables are cheap."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cosolve.trees.depth_two import Pairs
from cosolve.trees.heuristics import greedy
from cosolve.trees.kernels import Rows
from cosolve.trees.merging import merge
from cosolve.trees.points import MANY_STEPS, make_points, table_steps

#: Cuts of all features together, about: tables of depth three then take some ten milliseconds.
_NUM_CUTS = 120


@dataclass(frozen=True)
class Coarse:
    """
    Binned ranks.

    Parameters
    ----------
    rank
        Bin of each row, int32, shape (features, rows); orders by rank are orders by bin.
    greatest
        For each feature, the greatest rank in each bin.
    """

    rank: np.ndarray
    greatest: list[np.ndarray]

    @property
    def num_bins(self) -> list[int]:
        """Bins of each feature."""
        return [len(greatest) for greatest in self.greatest]

    def refine(self, features: np.ndarray, cuts: np.ndarray) -> None:
        """Turn the cuts of a tree, bins so far, into ranks, in place."""
        for node in np.flatnonzero(features >= 0):
            cuts[node] = self.greatest[features[node]][cuts[node]]


def coarsen(rank: np.ndarray, order: np.ndarray) -> Coarse:
    """
    Put rows into bins that hold about equally many, as far as ties allow.

    Parameters
    ----------
    rank
        Dense ranks, int32, shape (features, rows).
    order
        Rows by increasing rank, shape (features, rows).
    """
    num_features, num_rows = rank.shape
    num_bins = max(3, 1 + _NUM_CUTS // num_features)
    ends = np.arange(1, num_bins + 1) * num_rows // num_bins - 1
    coarse, greatest = np.empty_like(rank), []
    for feature in range(num_features):
        last = rank[feature, order[feature, -1]]
        if last < num_bins:
            greatest.append(np.arange(last + 1))
        else:
            greatest.append(np.unique(rank[feature, order[feature, ends]]))
        coarse[feature] = np.searchsorted(greatest[-1], rank[feature])
    return Coarse(coarse, greatest)


def coarse_tree(
    rows: Rows, order: np.ndarray, depth: int, splits: int, levels: np.ndarray, pairs: Pairs, stop: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """
    Greedy tree with a look-ahead of three on quantile bins: as :func:`cosolve.trees.heuristics.greedy` returns it.

    With so many features that this would take long, the cost is inf.
    """
    coarse = coarsen(rows.rank, order)
    merged = merge(coarse.rank, coarse.num_bins)
    if table_steps(merged, order.shape[1], order.shape[0]) > MANY_STEPS:
        return math.inf, np.full(1, -1), np.zeros(1, np.int64)
    binned = rows._replace(rank=coarse.rank)
    cost, features, cuts = greedy(binned, order, depth, splits, 3, levels, pairs, make_points(merged), stop)
    coarse.refine(features, cuts)
    return cost, features, cuts
