"""
Lower bounds on unicost set covers by Lagrangian relaxation of the rows, near that of the linear relaxation.

Caprara, Fischetti and Toth (1999), "A heuristic method for the set covering problem", *Operations Research* 47(5):
730-743, section 2: any prices u >= 0 of the rows prove sum(u) + sum over columns of min(0, 1 - price of its rows).
Subgradient steps of Polyak's length; O(entries) an iteration, memory O(rows + columns).
"""

from __future__ import annotations

import math

import numpy as np

from cosolve.core.jit import jit_allocating

#: Iterations without a better bound before the steps are halved, and the factor of the last ones.
_PATIENCE, _LAST = 15, 0.005


class Lagrangian:
    """
    Prices of the rows of a set cover.

    Parameters
    ----------
    row_ptr, row_columns, column_ptr, column_rows
        The cover, CSR over rows and over columns; every row has a column.

    Attributes
    ----------
    bound
        The best bound so far, as summed.
    """

    def __init__(
        self, row_ptr: np.ndarray, row_columns: np.ndarray, column_ptr: np.ndarray, column_rows: np.ndarray
    ) -> None:
        self._cover = row_ptr, row_columns, column_ptr, column_rows
        sizes = np.diff(column_ptr)
        # A row is worth what its largest column asks for each of its rows: these prices prove their sum.
        self._prices = 1.0 / np.maximum.reduceat(sizes[row_columns], row_ptr[:-1]) if len(row_ptr) > 1 else np.empty(0)
        self.bound = float(self._prices.sum())
        self._factor, self._idle = 2.0, 0

    @property
    def proven(self) -> int:
        """No cover has fewer columns; what rounding may have added to the sum is taken off first."""
        row_ptr, _, column_ptr, _ = self._cover
        return math.ceil(self.bound * (1.0 - 2.3e-16 * (len(row_ptr) + len(column_ptr))) - 1e-6)

    @property
    def is_done(self) -> bool:
        """Whether the steps have become too short to gain anything."""
        return self._factor < _LAST or not len(self._prices)

    def iterate(self, target: float) -> None:
        """One step towards ``target``, the size of a known cover."""
        bound = _step(*self._cover, self._prices, target, self._factor)
        if bound > self.bound * (1 + 1e-5):
            self._idle = 0
        else:
            self._idle += 1
        self.bound = max(self.bound, bound)
        if self._idle == _PATIENCE:
            self._factor, self._idle = 0.5 * self._factor, 0


@jit_allocating
def _step(
    row_ptr: np.ndarray,
    row_columns: np.ndarray,
    column_ptr: np.ndarray,
    column_rows: np.ndarray,
    prices: np.ndarray,
    target: float,
    factor: float,
) -> float:
    """Bound of the prices, which move along the subgradient."""
    num_rows = len(row_ptr) - 1
    num_columns = len(column_ptr) - 1
    is_used = np.zeros(num_columns, np.bool_)
    bound = 0.0
    for r in range(num_rows):
        bound += prices[r]
    for c in range(num_columns):
        left = 1.0
        for k in range(column_ptr[c], column_ptr[c + 1]):
            left -= prices[column_rows[k]]
        if left < 0.0:
            bound += left
            is_used[c] = True
    slope = np.empty(num_rows)
    norm = 0.0
    for r in range(num_rows):
        missing = 1.0
        for k in range(row_ptr[r], row_ptr[r + 1]):
            missing -= is_used[row_columns[k]]
        # A price of 0 can't fall.
        slope[r] = missing if missing > 0.0 or prices[r] > 0.0 else 0.0
        norm += slope[r] * slope[r]
    if norm > 0.0:
        step = factor * max(target - bound, 1e-4 * target) / norm
        for r in range(num_rows):
            prices[r] = max(0.0, prices[r] + step * slope[r])
    return bound
