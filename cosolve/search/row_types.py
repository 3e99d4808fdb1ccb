"""
Structural types of the rows of a MILP, and how strongly each row would bind if it were made an equality.

The types are those of MIPLIB 2017 [1]_. The strength of a row is ``rho``: among the points of its own columns that
satisfy it, the share that satisfies it with equality. Making it an equality takes ``-log rho`` from the entropy of a
uniform choice, so the smaller the stronger; that is the ranking of tight rows in [2]_, with every row's own length.

References
----------
.. [1] Gleixner, A. et al. (2021). MIPLIB 2017: data-driven compilation of the 6th mixed-integer programming library.
       *Mathematical Programming Computation* 13(3): 443-490.
.. [2] Li, J. et al. (2026). Constraint matters: multi-modal representation for reducing mixed-integer linear
       programming. *ICLR*.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass

import numpy as np

from cosolve.core.jit import jit, jit_allocating

#: Least rho: a row of continuous columns is tight on a set of measure zero.
LEAST_RHO = 1e-9

#: Columns without a finite range count as this wide.
_WIDEST = 1e4

#: Larger coefficients and sides are not looked at by their divisors, which floating point may not hold.
_MOST_EXACT = 2.0**53

#: How far from a multiple of the divisor a side may lie; the judge's tolerance.
_NEAR = 1e-6


class RowType(enum.IntEnum):
    """Type of a row by its structure alone, in the order of MIPLIB 2017."""

    FREE = 0
    """No side at all, or no column."""
    SINGLETON = 1
    AGGREGATION = 2
    """Equality of two columns."""
    PRECEDENCE = 3
    """``x <= y + b`` for two columns of one kind."""
    VARIABLE_BOUND = 4
    """``s <= u x`` with a binary x."""
    SET_PARTITIONING = 5
    SET_PACKING = 6
    SET_COVERING = 7
    CARDINALITY = 8
    """Equality of binaries, ``sum x == b``."""
    INVARIANT_KNAPSACK = 9
    """``sum x <= b`` or ``sum x >= b`` of binaries."""
    EQUATION_KNAPSACK = 10
    BIN_PACKING = 11
    """Knapsack in which one binary takes all the room."""
    KNAPSACK = 12
    INTEGER_KNAPSACK = 13
    MIXED_BINARY = 14
    GENERAL = 15


@dataclass(frozen=True)
class RowTypes:
    """
    What a row is, for all rows.

    Parameters
    ----------
    kind
        (num_rows,) int8 of :class:`RowType`.
    rho
        (num_rows,) in (0, 1]; 1 for what is an equality already, or no inequality of one side.
    is_upper
        (num_rows,) whether its one finite side is the upper one.
    is_candidate
        (num_rows,) whether it could be made an equality: one finite side, at least one column, and no integer
        coefficients of integer columns whose sums all miss the side.
    """

    kind: np.ndarray
    rho: np.ndarray
    is_upper: np.ndarray
    is_candidate: np.ndarray


def classify(
    data: np.ndarray,
    indices: np.ndarray,
    indptr: np.ndarray,
    row_lower: np.ndarray,
    row_upper: np.ndarray,
    col_lower: np.ndarray,
    col_upper: np.ndarray,
    is_integer: np.ndarray,
) -> RowTypes:
    """
    Types and strengths of the rows of ``row_lower <= A x <= row_upper`` with A in CSR form; O(nnz).

    Binaries with negative coefficients are complemented first, and a row of negative coefficients changes its sign,
    so that ``-x - y >= -1`` is the set packing row that it means. Rows with two different finite sides are no
    candidates: a prediction would have to say which. Nor are integer rows like ``2 x + 2 y <= 3``, which no point
    satisfies with equality.
    """
    has_lower, has_upper = np.isfinite(row_lower), np.isfinite(row_upper)
    is_candidate = (has_lower != has_upper) & (np.diff(indptr) > 0)
    is_candidate &= _may_be_tight(data, indices, indptr, np.where(has_upper, row_upper, row_lower), is_integer)
    kind, rho = _classify(data, indices, indptr, row_lower, row_upper, col_lower, col_upper, is_integer)
    return RowTypes(kind, rho, has_upper & ~has_lower, is_candidate)


_FREE, _SINGLETON, _AGGREGATION, _PRECEDENCE, _VARIABLE_BOUND = range(5)
_PARTITIONING, _PACKING, _COVERING, _CARDINALITY, _INVARIANT = range(5, 10)
_EQUATION, _BIN_PACKING, _KNAPSACK, _INTEGER, _MIXED, _GENERAL = range(10, 16)


@jit_allocating
def _classify(
    data: np.ndarray,
    indices: np.ndarray,
    indptr: np.ndarray,
    row_lower: np.ndarray,
    row_upper: np.ndarray,
    col_lower: np.ndarray,
    col_upper: np.ndarray,
    is_integer: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    num_rows = len(row_lower)
    kind, rho = np.zeros(num_rows, np.int8), np.ones(num_rows)
    for row in range(num_rows):
        first, n = indptr[row], indptr[row + 1] - indptr[row]
        has_lower, has_upper = np.isfinite(row_lower[row]), np.isfinite(row_upper[row])
        if n == 0 or not (has_lower or has_upper):
            continue
        if has_lower and has_upper and row_lower[row] != row_upper[row]:
            kind[row] = _GENERAL
            continue
        sense = 1 if has_upper else -1  # of an inequality: <=, >=
        is_equal = has_lower and has_upper
        side = row_upper[row] if has_upper else row_lower[row]
        sign = -1.0  # whether all coefficients are negative: the row then changes its sign
        for k in range(first, first + n):
            if data[k] > 0:
                sign = 1.0
        side *= sign
        sense *= int(sign)
        integers = binaries = units = 0
        all_positive = is_whole = True
        for k in range(first, first + n):
            j, a = indices[k], sign * data[k]
            if is_integer[j]:
                integers += 1
            if is_integer[j] and col_lower[j] == 0 and col_upper[j] == 1:
                binaries += 1
                if a < 0:  # complemented
                    side -= a
                    a = -a
            units += a == 1
            all_positive &= a > 0
            is_whole &= a == np.floor(a) and a != 0 and is_integer[j]
        is_binary_row, is_unit = binaries == n, units == n
        takes_all = 0
        for k in range(first, first + n):
            takes_all += abs(data[k]) == side
        # The first that fits.
        if n == 1:
            found = _SINGLETON
        elif (
            n == 2
            and not is_equal
            and data[first] == -data[first + 1]
            and is_integer[indices[first]] == is_integer[indices[first + 1]]
        ):
            found = _PRECEDENCE
        elif is_binary_row and is_unit and side == 1:
            found = _PARTITIONING if is_equal else _PACKING if sense > 0 else _COVERING
        elif is_binary_row and is_unit:
            found = _CARDINALITY if is_equal else _INVARIANT
        elif n == 2 and is_equal:
            found = _AGGREGATION
        elif n == 2 and binaries == 1:
            found = _VARIABLE_BOUND
        elif is_binary_row and is_equal:
            found = _EQUATION
        elif is_binary_row and sense > 0 and side >= 2 and takes_all == 1:
            found = _BIN_PACKING
        elif is_binary_row:
            found = _KNAPSACK
        elif integers == n and all_positive and not is_equal:
            found = _INTEGER
        else:
            found = _MIXED if binaries else _GENERAL
        kind[row] = found
        if is_equal:
            continue
        part = slice(first, first + n)
        columns = indices[part]
        if found == _SINGLETON:
            # The values that are allowed lie between a bound of the column and the side.
            bound = col_lower[columns[0]] if sense > 0 else col_upper[columns[0]]
            value = 1 / (1 + min(_span(col_lower, col_upper, columns[0]), abs(side / abs(data[first]) - bound)))
        elif found in (_PRECEDENCE, _VARIABLE_BOUND):
            widest = 1.0
            for j in columns:
                widest = max(widest, _span(col_lower, col_upper, j))
            value = 2 / (2 + widest)
        elif is_binary_row and is_unit:
            value = _counted(n, int(np.floor(side)) if sense > 0 else n - int(np.ceil(side)))
        else:
            value = _normal(data[part], columns, sign, sense, side, is_whole, col_lower, col_upper, is_integer)
        rho[row] = min(1.0, max(LEAST_RHO, value))
    return kind, rho


@jit_allocating
def _may_be_tight(
    data: np.ndarray, indices: np.ndarray, indptr: np.ndarray, side: np.ndarray, is_integer: np.ndarray
) -> np.ndarray:
    """Whether the greatest common divisor of a row's coefficients divides its side; true where there is none."""
    found = np.ones(len(side), dtype=np.bool_)
    for row in range(len(side)):
        divisor = 0
        is_whole = abs(side[row]) < _MOST_EXACT
        for k in range(indptr[row], indptr[row + 1]):
            if not is_whole:
                break
            is_whole = is_integer[indices[k]] and data[k] == np.floor(data[k]) and abs(data[k]) < _MOST_EXACT
            if is_whole:
                rest = int(abs(data[k]))
                while rest:
                    divisor, rest = rest, divisor % rest
        if is_whole and divisor:
            found[row] = abs(side[row] - divisor * np.rint(side[row] / divisor)) <= _NEAR
    return found


@jit
def _span(col_lower: np.ndarray, col_upper: np.ndarray, column: int) -> float:
    return min(col_upper[column] - col_lower[column], _WIDEST)


@jit
def _counted(n: int, b: int) -> float:
    """Share of the points of ``n`` binaries with sum <= b whose sum is b: C(n, b) / sum of C(n, k) for k <= b."""
    if b < 0:
        return 1.0
    if b > n:
        return 0.0
    total, term = 0.0, 1.0
    for k in range(b, -1, -1):
        total += term
        term *= k / (n - k + 1)
    return 1 / total


@jit
def _normal(
    coefs: np.ndarray,
    columns: np.ndarray,
    sign: float,
    sense: int,
    side: float,
    is_whole: bool,
    col_lower: np.ndarray,
    col_upper: np.ndarray,
    is_integer: np.ndarray,
) -> float:
    """The same share by the normal law of a sum of independent uniform columns."""
    mean = variance = 0.0
    unit = np.inf
    divisor = 0
    for k in range(len(coefs)):
        j, a = columns[k], sign * coefs[k]
        span = _span(col_lower, col_upper, j)
        if is_integer[j] and col_lower[j] == 0 and col_upper[j] == 1:
            a = abs(a)
        low = col_lower[j] if np.isfinite(col_lower[j]) else col_upper[j] - span if np.isfinite(col_upper[j]) else 0.0
        mean += a * (low + span / 2)
        variance += a * a * ((span + 1) ** 2 - 1 if is_integer[j] else span * span) / 12
        # Continuous columns are taken on a grid of a hundredth of their range.
        unit = min(unit, abs(a) * (1.0 if is_integer[j] else span / 100))
        if is_whole:
            rest = int(abs(a))
            while rest:
                divisor, rest = rest, divisor % rest
    if variance == 0:
        return 1.0
    if is_whole:
        unit = float(divisor)
    deviation = math.sqrt(variance)
    z = sense * (side - mean) / deviation
    below = 0.5 * math.erfc(-z / math.sqrt(2.0))
    if below < 1e-100:
        return 1.0
    return unit * math.exp(-z * z / 2) / (deviation * math.sqrt(2 * math.pi)) / below
