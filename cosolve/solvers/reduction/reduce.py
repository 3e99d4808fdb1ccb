"""A formulation with some inequalities made equalities and some binaries held near values, both up to a budget."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cosolve.models.ctc.rows import activity_bounds
from cosolve.solvers.formulations import Formulation, Rows
from cosolve.solvers.mip import with_rows

#: Largest coefficient of an exception: beyond it a backend's tolerance of 1e-7 lets an exception pass for none.
_MAX_BIG_M = 1e5


@dataclass(frozen=True)
class Reduction:
    """
    What a reduced model imposes, the surest first.

    Parameters
    ----------
    rows
        (k,) rows with one finite side that are to hold with equality.
    row_budget
        How many of them may be excepted.
    columns
        (l,) binary columns.
    values
        (l,) the value, 0 or 1, of each.
    column_budget
        How many of them may differ.
    """

    rows: np.ndarray
    row_budget: int
    columns: np.ndarray
    values: np.ndarray
    column_budget: int

    @property
    def is_empty(self) -> bool:
        """Whether nothing is imposed."""
        return len(self.rows) <= self.row_budget and len(self.columns) <= self.column_budget

    def wider(self, num_binaries: int) -> Reduction:
        """
        Without the less sure half of the rows, and with twice as many binaries free, or with half of those held.

        Whichever of the two holds more: where nearly all are held, half of them would be a leap from a model solved at
        once to one that is not solved in time. The budgets stay.
        """
        free = max(num_binaries - len(self.columns), num_binaries // 16, 1)
        rows, columns = len(self.rows) // 2, max(len(self.columns) // 2, num_binaries - 2 * free)
        return replace(self, rows=self.rows[:rows], columns=self.columns[:columns], values=self.values[:columns])


def reduce(formulation: Formulation, reduction: Reduction) -> Formulation:
    """
    The formulation with a reduction imposed; its solutions are solutions of the original, and not the other way round.

    A row ``a x <= b`` of the reduction gets ``a x >= b - M z`` with a binary z of its own and the exact
    M = b - min a x over the bounds of the columns, so that z = 1 is the original row: ``sum x >= 1 - z`` for a set
    packing row, ``sum x <= 1 + (n - 1) z`` for a set covering row. The z sum to the budget at most. Columns are held
    by the trust region ``sum |x - value| <= budget`` [1]_, which is linear for binaries. A budget of 0 makes an
    equality, and fixes columns.

    Rows whose M is infinite or beyond 1e5 can't be excepted and are left alone if there is a budget. Where
    columns are fixed, they and rows that hold for all values of the others are left out: a backend drops them as well,
    but only once it has them, and to hand over a model takes longer than to solve one of which little is left.

    References
    ----------
    .. [1] Han, Q. et al. (2023). A GNN-guided predict-and-search framework for mixed-integer linear programming.
           *ICLR*.
    """
    model = formulation.model
    n = len(model.cost)
    row_lower, row_upper = model.row_lower.copy(), model.row_upper.copy()
    col_lower, col_upper = model.col_lower.copy(), model.col_upper.copy()
    is_upper = np.isfinite(row_upper[reduction.rows])
    side = np.where(is_upper, row_upper[reduction.rows], row_lower[reduction.rows])
    pool: list[Rows] = []
    soft = np.empty(0, dtype=np.int64)
    if reduction.row_budget:
        least, greatest = activity_bounds(model)
        big_m = np.where(is_upper, side - least[reduction.rows], greatest[reduction.rows] - side)
        usable = big_m <= _MAX_BIG_M  # false for NaN too
        soft, is_upper, side, big_m = reduction.rows[usable], is_upper[usable], side[usable], big_m[usable]
        pool += _exceptions(formulation, soft, is_upper, side, big_m, reduction.row_budget)
    else:
        row_lower[reduction.rows] = row_upper[reduction.rows] = side
    if len(reduction.columns) > reduction.column_budget > 0:
        pool.append(_trust_region(reduction))
    elif not reduction.column_budget:
        col_lower[reduction.columns] = col_upper[reduction.columns] = reduction.values
    num_exceptions = len(soft)
    wider = replace(
        model,
        cost=np.append(model.cost, np.zeros(num_exceptions)),
        col_lower=np.append(col_lower, np.zeros(num_exceptions)),
        col_upper=np.append(col_upper, np.ones(num_exceptions)),
        is_integer=np.append(model.is_integer, np.ones(num_exceptions, dtype=np.bool_)),
        row_lower=row_lower,
        row_upper=row_upper,
        row_names=(),
        col_names=(),
    )

    def encode(solution: Any) -> np.ndarray:
        assert formulation.encode is not None
        x = np.asarray(formulation.encode(solution), dtype=np.float64)
        activity = model.matrix[soft] @ x if len(soft) else np.empty(0)
        return np.append(x, np.abs(activity - side[: len(soft)]) > 1e-6 * np.maximum(1.0, np.abs(side[: len(soft)])))

    separate = formulation.separate
    return _without_fixed(
        Formulation(
            with_rows(wider, pool),
            lambda x: formulation.decode(x[:n]),
            None if formulation.encode is None else encode,
            None if separate is None else lambda x: separate(x[:n]),
        )
    )


def _without_fixed(formulation: Formulation) -> Formulation:
    """Without columns whose bounds are equal, and then without rows that hold for all values of the others."""
    model, encode = formulation.model, formulation.encode
    free = np.flatnonzero(model.col_lower != model.col_upper)
    # Rows separated later would be rows of all columns.
    if len(free) in (0, model.size) or formulation.separate is not None:
        return formulation
    values = np.where(model.col_lower == model.col_upper, model.col_lower, 0.0)
    least, greatest = activity_bounds(model)
    needed = np.flatnonzero(~((least >= model.row_lower) & (greatest <= model.row_upper)))
    if not len(needed):  # backends have words of their own for models without rows
        return formulation
    matrix = model.matrix[needed]
    part, taken = matrix[:, free], matrix @ values
    rest = replace(
        model,
        cost=model.cost[free],
        offset=model.offset + float(model.cost @ values),
        col_lower=model.col_lower[free],
        col_upper=model.col_upper[free],
        is_integer=model.is_integer[free],
        data=part.data,
        indices=part.indices,
        indptr=part.indptr,
        row_lower=model.row_lower[needed] - taken,
        row_upper=model.row_upper[needed] - taken,
    )

    def widened(x: np.ndarray) -> np.ndarray:
        full = values.copy()
        full[free] = x
        return full

    return Formulation(
        rest,
        lambda x: formulation.decode(widened(x)),
        None if encode is None else lambda solution: encode(solution)[free],
    )


def _exceptions(
    formulation: Formulation, rows: np.ndarray, is_upper: np.ndarray, side: np.ndarray, big_m: np.ndarray, budget: int
) -> list[Rows]:
    """Rows ``a x + M z >= b`` or ``a x - M z <= b``, and the budget of the new binaries z."""
    if len(rows) == 0:
        return []
    n = len(formulation.model.cost)
    part = formulation.model.matrix[rows]
    z = np.arange(n, n + len(rows))
    indptr = part.indptr + np.arange(len(rows) + 1)
    ends = indptr[1:] - 1
    data, indices = np.empty(part.nnz + len(rows)), np.empty(part.nnz + len(rows), dtype=np.int64)
    own = np.ones(len(data), dtype=np.bool_)
    own[ends] = False
    data[own], indices[own] = part.data, part.indices
    data[ends], indices[ends] = np.where(is_upper, big_m, -big_m), z
    lower, upper = np.where(is_upper, side, -np.inf), np.where(is_upper, np.inf, side)
    count = np.ones(len(rows)), z, np.array([0, len(rows)]), np.array([-np.inf]), np.array([float(budget)])
    return [(data, indices, indptr, lower, upper), count]


def _trust_region(reduction: Reduction) -> Rows:
    """Sum of x where it should be 0 and of 1 - x where it should be 1."""
    signs = np.where(reduction.values > 0.5, -1.0, 1.0)
    budget = reduction.column_budget - float((signs < 0).sum())
    return signs, reduction.columns, np.array([0, len(signs)]), np.array([-np.inf]), np.array([budget])
