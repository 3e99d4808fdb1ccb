"""Structural row types and the share of their points that is tight."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from cosolve.search.row_types import RowType, classify

INF = math.inf
BINARY, INTEGER, CONTINUOUS = (0.0, 1.0, True), (0.0, 5.0, True), (0.0, 9.0, False)


def classify_one(coefs, lower, upper, columns):
    """Type, strength, side and candidacy of a single row."""
    low, high, integer = (np.array(values) for values in zip(*columns, strict=True))
    n = len(coefs)
    indptr = np.array([0, n])
    sides = np.array([float(lower)]), np.array([float(upper)])
    found = classify(np.array(coefs, float), np.arange(n, dtype=np.int32), indptr, *sides, low, high, integer)
    return RowType(found.kind[0]), float(found.rho[0]), bool(found.is_upper[0]), bool(found.is_candidate[0])


def share(coefs, lower, upper, columns):
    """The definition: tight points among those allowed, by enumeration."""
    points = itertools.product(*(range(int(low), int(high) + 1) for low, high, _ in columns))
    values = [float(np.dot(coefs, point)) for point in points]
    allowed = [value for value in values if lower <= value <= upper]
    return sum(value in (lower, upper) for value in allowed) / len(allowed)


@pytest.mark.parametrize(
    ("coefs", "lower", "upper", "columns", "kind"),
    [
        ([1], -INF, 3, [INTEGER], RowType.SINGLETON),
        ([-1], -3, INF, [INTEGER], RowType.SINGLETON),
        ([1, -1], -INF, 0, [BINARY] * 2, RowType.PRECEDENCE),
        ([1, 1, 1], -INF, 1, [BINARY] * 3, RowType.SET_PACKING),
        ([-1, -1, -1], -1, INF, [BINARY] * 3, RowType.SET_PACKING),
        ([1, 1], 1, INF, [BINARY] * 2, RowType.SET_COVERING),
        ([1] * 4, 1, INF, [BINARY] * 4, RowType.SET_COVERING),
        ([1, -1, 1], 0, INF, [BINARY] * 3, RowType.SET_COVERING),
        ([1] * 5, -INF, 3, [BINARY] * 5, RowType.INVARIANT_KNAPSACK),
        ([1] * 5, 3, INF, [BINARY] * 5, RowType.INVARIANT_KNAPSACK),
        ([1, -5], -INF, 0, [INTEGER, BINARY], RowType.VARIABLE_BOUND),
    ],
)
def test_rho_is_the_share_of_tight_points(coefs, lower, upper, columns, kind):
    """Rows are ranked by it; a formula for another count would rank other rows first."""
    found, rho, _, is_candidate = classify_one(coefs, lower, upper, columns)
    assert found is kind
    assert is_candidate
    assert rho == pytest.approx(share(coefs, lower, upper, columns))


@pytest.mark.parametrize(("n", "packing", "covering"), [(2, 2 / 3, 2 / 3), (5, 5 / 6, 5 / 31), (9, 0.9, 9 / 511)])
def test_packing_is_weak_and_covering_strong(n, packing, covering):
    """n / (n + 1) and n / (2^n - 1), as published."""
    assert classify_one([1] * n, -INF, 1, [BINARY] * n)[1] == pytest.approx(packing)
    assert classify_one([1] * n, 1, INF, [BINARY] * n)[1] == pytest.approx(covering)


@pytest.mark.parametrize(
    ("coefs", "lower", "upper", "columns", "kind"),
    [
        ([3, 5, 7, 4, 6, 9, 8, 5], -INF, 23, [BINARY] * 8, RowType.KNAPSACK),
        ([3, 5, 7, 4, 6, 9, 8, 5], 26, INF, [BINARY] * 8, RowType.KNAPSACK),
        ([6, 10, 14, 8, 12, 18, 16, 10], -INF, 46, [BINARY] * 8, RowType.KNAPSACK),
        ([3, 5, 7, 4, 6, 20, 5, 5], -INF, 20, [BINARY] * 8, RowType.BIN_PACKING),
        ([2, 3, 4, 3], -INF, 30, [INTEGER] * 4, RowType.INTEGER_KNAPSACK),
    ],
)
def test_knapsacks_follow_the_normal_law(coefs, lower, upper, columns, kind):
    """No one counts the points of a knapsack of a thousand columns; for eight the estimate must be near."""
    found, rho, _, _ = classify_one(coefs, lower, upper, columns)
    assert found is kind
    assert rho == pytest.approx(share(coefs, lower, upper, columns), rel=0.35)


@pytest.mark.parametrize(
    ("coefs", "lower", "upper", "columns", "kind"),
    [
        ([1, 1], -INF, INF, [BINARY] * 2, RowType.FREE),
        ([1, 1], 1, 1, [BINARY] * 2, RowType.SET_PARTITIONING),
        ([1] * 4, 2, 2, [BINARY] * 4, RowType.CARDINALITY),
        ([2, 3], 6, 6, [INTEGER] * 2, RowType.AGGREGATION),
        ([2, 3, 4], 6, 6, [BINARY] * 3, RowType.EQUATION_KNAPSACK),
        ([2, 3, 4], 3, 6, [BINARY] * 3, RowType.GENERAL),
    ],
)
def test_rows_that_are_no_candidates(coefs, lower, upper, columns, kind):
    """An equality can't be made one, and of two sides nobody said which."""
    found, rho, _, is_candidate = classify_one(coefs, lower, upper, columns)
    assert (found, rho, is_candidate) == (kind, 1.0, False)


@pytest.mark.parametrize(
    ("coefs", "side", "columns", "is_candidate"),
    [
        ([2, 2], 3, [BINARY] * 2, False),
        ([2, -4], 3, [INTEGER, BINARY], False),
        ([1, 1, 1], 1.5, [BINARY] * 3, False),
        ([2, 3], 3, [INTEGER] * 2, True),
        ([6, 9], 3 + 1e-9, [INTEGER] * 2, True),
        ([2, 2], 3, [BINARY, CONTINUOUS], True),
        ([0.5, 0.5], 1.5, [BINARY] * 2, True),
        ([1e300, 2], 3, [INTEGER] * 2, True),
    ],
)
def test_rows_whose_divisor_misses_the_side_are_no_candidates(coefs, side, columns, is_candidate):
    """Imposed, 2 x + 2 y == 3 makes the problem infeasible, and the prediction is repaired for nothing."""
    for lower, upper in ((-INF, side), (side, INF)):
        assert classify_one(coefs, lower, upper, columns)[3] == is_candidate


def test_rows_of_continuous_columns_are_typed_and_ranked():
    """They have no points to count, yet need a place in the order."""
    found, rho, is_upper, is_candidate = classify_one([1, 1, -4], -INF, 0, [CONTINUOUS, CONTINUOUS, BINARY])
    assert (found, is_upper, is_candidate) == (RowType.MIXED_BINARY, True, True)
    assert 0 < rho < 0.2
    assert classify_one([1, 1, 2], 4, INF, [CONTINUOUS] * 3)[0] is RowType.GENERAL
    free = (-INF, INF, False)
    assert 0 < classify_one([1, 1, 2], 4, INF, [free] * 3)[1] <= 1
