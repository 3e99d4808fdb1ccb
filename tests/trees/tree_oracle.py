"""Optimal trees by trying all splits: slow, short, and without a bound that could be wrong."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np


class Case(NamedTuple):
    """A small problem; ``splits`` is ``None`` for no limit."""

    X: np.ndarray
    y: np.ndarray
    weights: np.ndarray
    depth: int
    min_rows: int
    penalty: float
    splits: int | None


def total_sse(case: Case) -> float:
    return float(np.dot(case.weights, (case.y - np.average(case.y, weights=case.weights)) ** 2))


def optimum(case: Case) -> float:
    """Least weighted SSE plus penalty; a single leaf is always allowed."""
    X, y, weights, depth, min_rows, penalty, splits = case

    def leaf(rows: tuple[int, ...]) -> float:
        chosen = list(rows)
        mean = np.average(y[chosen], weights=weights[chosen])
        return float(np.dot(weights[chosen], (y[chosen] - mean) ** 2))

    @lru_cache(None)
    def best(rows: tuple[int, ...], depth: int, splits: int) -> float:
        cost = leaf(rows)
        splits = min(splits, 2**depth - 1)
        if splits == 0:
            return cost
        for feature in range(X.shape[1]):
            for value in sorted({X[row, feature] for row in rows})[:-1]:
                left = tuple(row for row in rows if X[row, feature] <= value)
                right = tuple(row for row in rows if X[row, feature] > value)
                if min(len(left), len(right)) < min_rows:
                    continue
                for given in {min(given, 2 ** (depth - 1) - 1) for given in range(splits)}:
                    sides = best(left, depth - 1, given) + best(right, depth - 1, splits - 1 - given)
                    cost = min(cost, sides + penalty)
        return cost

    return best(tuple(range(len(y))), depth, 2**depth - 1 if splits is None else splits)


def random_case(seed: int, depth: int) -> Case:
    """Small problem with ties, equal rows, weights, a penalty and limits in many combinations."""
    rng = np.random.default_rng([seed, depth])
    n = int(rng.integers(2, {1: 30, 2: 16, 3: 12, 4: 10}[depth]))
    shape = n, int(rng.integers(1, 4))
    X = rng.integers(0, int(rng.integers(2, 8)), shape).astype(float) if rng.random() < 0.6 else rng.random(shape)
    y = rng.integers(0, 5, n).astype(float) if rng.random() < 0.5 else rng.normal(size=n)
    weights = np.ones(n) if rng.random() < 0.5 else rng.integers(1, 4, n).astype(float)
    min_rows = int(rng.integers(1, 4)) if rng.random() < 0.5 else 1
    splits = None if rng.random() < 0.6 else int(rng.integers(0, 2**depth))
    case = Case(X, y, weights, depth, min_rows, 0.0, splits)
    return case if rng.random() < 0.5 else case._replace(penalty=0.1 * float(rng.random()) * total_sse(case))


def close(value: float, reference: float, unit: float) -> bool:
    """Whether both agree up to the rounding of sums of the size of ``unit``."""
    return math.isclose(value, reference, rel_tol=1e-9, abs_tol=1e-9 * unit)
