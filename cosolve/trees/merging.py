"""Preparation of data of few different values for tables: nested 0/1 columns become one feature, equal rows a point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Most cuts for which tables are used: three tables of 300 cuts take 9 MB.
MAX_CUTS = 300


@dataclass(frozen=True)
class Merged:
    """
    Points and joined features.

    Parameters
    ----------
    point
        Point of each row, int32; empty if there are more than ``MAX_CUTS`` cuts.
    values
        Value of each point and joined feature, from 0, int32, (points, joined features).
    offset
        Sum of the numbers of values of the joined features before each, int32, (joined features + 1,).
    group
        Joined feature of each feature, int32.
    column, rank
        For the cut above each value of each joined feature, from ``offset`` on: the feature that makes it, and the
        greatest rank of that feature that goes left; int32.
    """

    point: np.ndarray
    values: np.ndarray
    offset: np.ndarray
    group: np.ndarray
    column: np.ndarray
    rank: np.ndarray

    @property
    def num_cuts(self) -> int:
        """Cuts of all features together."""
        return int(self.offset[-1]) - len(self.offset) + 1


def merge(rank: np.ndarray, num_values: list[int]) -> Merged:
    """
    Join features and merge equal rows.

    Parameters
    ----------
    rank
        Dense ranks, int32, (features, rows).
    num_values
        Different values of each feature.
    """
    if sum(num_values) - len(num_values) > MAX_CUTS:
        nothing = np.empty(0, np.int32)
        return Merged(nothing, np.empty((0, 0), np.int32), np.zeros(1, np.int32), nothing, nothing, nothing)
    chains = nested([j for j, count in enumerate(num_values) if count == 2], rank)
    chains += [[j] for j, count in enumerate(num_values) if count != 2]
    group = np.empty(len(rank), np.int32)
    joined, columns, ranks, counts = [], [], [], []
    for number, chain in enumerate(chains):
        group[chain] = number
        if len(chain) > 1:
            # From the column with most ones to that with fewest: the number of ones is a value.
            joined.append(rank[chain].sum(axis=0))
            columns += [*chain, -1]
            ranks += [0] * len(chain) + [-1]
        else:
            joined.append(rank[chain[0]])
            columns += [chain[0]] * num_values[chain[0]]
            ranks += range(num_values[chain[0]])
        counts.append(num_values[chain[0]] if len(chain) == 1 else len(chain) + 1)
    point, example = number_rows(joined, counts)
    return Merged(
        point,
        np.stack([values[example] for values in joined], axis=1).astype(np.int32),
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int32),
        group,
        np.array(columns, np.int32),
        np.array(ranks, np.int32),
    )


def nested(columns: list[int], rank: np.ndarray) -> list[list[int]]:
    """
    Part 0/1 columns into chains, each with the ones of the next column among its own.

    The thresholds of one feature are such a chain: as a single feature it has the same cuts, but each row has one
    value of it instead of many ones, and the interval bound holds along it.
    """
    bits = np.packbits(rank[columns].astype(np.bool_), axis=1)
    ones = rank[columns].sum(axis=1)
    tails = np.empty((len(columns), bits.shape[1] if len(columns) else 0), np.uint8)
    chains: list[list[int]] = []
    for k in np.argsort(-ones, kind="stable"):
        fits = np.flatnonzero(~(bits[k] & ~tails[: len(chains)]).any(axis=1))
        if len(fits):
            # The tightest one: it is the most likely to be of the same feature.
            at = int(min(fits, key=lambda c: ones[columns.index(chains[c][-1])]))
            chains[at].append(columns[k])
        else:
            at = len(chains)
            chains.append([columns[k]])
        tails[at] = bits[k]
    return chains


def number_rows(columns: list[np.ndarray], num_values: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Number of each different row of a table of small numbers, int32, and one row of each."""
    key = np.zeros(len(columns[0]), np.int64)
    size = 1
    for column, count in zip(columns, num_values, strict=True):
        if size > 2**62 // count:
            different, key = np.unique(key, return_inverse=True)
            size = len(different)
        key = key * count + column
        size *= count
    _, example, point = np.unique(key, return_index=True, return_inverse=True)
    return point.astype(np.int32), example
