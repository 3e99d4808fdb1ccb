"""Preparation of data of few different values for tables: nested 0/1 columns become one feature, equal rows a point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosolve.core.jit import jit_allocating

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
    binary = np.array([j for j, count in enumerate(num_values) if count == 2], np.int64)
    chains: list[list[int]] = []
    for column, number in zip(*nested(binary, rank), strict=True):
        if number == len(chains):
            chains.append([])
        chains[number].append(int(column))
    chains += [[j] for j, count in enumerate(num_values) if count != 2]
    group = np.empty(len(rank), np.int32)
    columns, ranks, counts = [], [], []
    for number, chain in enumerate(chains):
        group[chain] = number
        if len(chain) > 1:
            # From the column with most ones to that with fewest: the number of ones is a value.
            columns += [*chain, -1]
            ranks += [0] * len(chain) + [-1]
            counts.append(len(chain) + 1)
        else:
            columns += [chain[0]] * num_values[chain[0]]
            ranks += range(num_values[chain[0]])
            counts.append(num_values[chain[0]])
    point, values = number_rows(rank, group, len(chains))
    return Merged(
        point,
        values,
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int32),
        group,
        np.array(columns, np.int32),
        np.array(ranks, np.int32),
    )


@jit_allocating
def nested(columns: np.ndarray, rank: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """
    Part 0/1 columns into chains, each with the ones of the next column among its own.

    The thresholds of one feature are such a chain: as a single feature it has the same cuts, but each row has one
    value of it instead of many ones, and the interval bound holds along it.

    Returns
    -------
    (ndarray, ndarray)
        The columns by decreasing number of ones, and the number of the chain of each.
    """
    num_columns, num_rows = len(columns), rank.shape[1]
    words = np.zeros((num_columns, (num_rows + 63) // 64), np.uint64)
    ones = np.zeros(num_columns, np.int64)
    for k in range(num_columns):
        bits = rank[columns[k]]
        ones[k] = bits.sum()
        for number in range(words.shape[1]):
            for row in range(64 * number, min(64 * number + 64, num_rows)):
                words[k, number] |= np.uint64(bits[row]) << np.uint64(row & 63)
    order = np.argsort(-ones, kind="mergesort")
    chain = np.empty(num_columns, np.int64)
    tails = np.empty(num_columns, np.int64)
    num_chains = 0
    for number, k in enumerate(order):
        # The tightest one that has room for it: it is the most likely to be of the same feature.
        at = num_chains
        for other in range(num_chains):
            tail = tails[other]
            if at == num_chains or ones[tail] < ones[tails[at]]:
                is_nested = True
                for word in range(words.shape[1]):
                    if words[k, word] & ~words[tail, word]:
                        is_nested = False
                        break
                if is_nested:
                    at = other
        num_chains += at == num_chains
        tails[at] = k
        chain[number] = at
    return columns[order], chain


@jit_allocating
def number_rows(rank: np.ndarray, group: np.ndarray, num_joined: int) -> tuple[np.ndarray, np.ndarray]:
    """
    Point of each row, int32, and values of each point, int32, (points, joined features).

    The value of a joined feature is the sum of the ranks of its columns: the number of ones, or the only rank.
    """
    num_rows = rank.shape[1]
    joined = np.zeros((num_joined, num_rows), np.int32)
    for column in range(len(rank)):
        joined[group[column]] += rank[column]
    # Fibonacci hashing, one joined feature after the other.
    key = np.zeros(num_rows, np.uint64)
    for feature in range(num_joined):
        for row in range(num_rows):
            key[row] = (key[row] ^ np.uint64(joined[feature, row])) * np.uint64(0x9E3779B97F4A7C15)
    bits = 1
    while 1 << bits < 2 * num_rows:
        bits += 1
    slots = np.full(1 << bits, -1, np.int32)
    mask, shift = np.int64((1 << bits) - 1), np.uint64(64 - bits)
    point = np.empty(num_rows, np.int32)
    example = np.empty(num_rows, np.int32)
    count = 0
    for row in range(num_rows):
        slot = np.int64(key[row] >> shift)
        while True:
            at = slots[slot]
            if at < 0:
                slots[slot] = point[row] = count
                example[count] = row
                count += 1
                break
            is_equal = True
            for feature in range(num_joined):
                if joined[feature, row] != joined[feature, example[at]]:
                    is_equal = False
                    break
            if is_equal:
                point[row] = at
                break
            slot = (slot + 1) & mask
    values = np.empty((count, num_joined), np.int32)
    for number in range(count):
        for feature in range(num_joined):
            values[number, feature] = joined[feature, example[number]]
    return point, values
