"""Mixed-integer linear programs: instance, solution, judge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cosolve.core.instance import Instance, Solution, frozen_array
from cosolve.core.jit import jit
from cosolve.core.problem import JudgeMode, Problem
from cosolve.core.verdict import Verdict, Violation

#: Absolute for integrality and for what is made of integers alone, else relative to the side or bound (at least 1).
TOLERANCE = 1e-6


@dataclass(frozen=True, eq=False, kw_only=True)
class MILPInstance(Instance):
    """
    Minimise (or maximise) ``cost @ x + offset`` subject to ``row_lower <= A x <= row_upper``, bounds, integrality.

    Parameters
    ----------
    cost, col_lower, col_upper
        (num_cols,) float64; bounds may be infinite.
    is_integer
        (num_cols,) bool.
    data, indices, indptr
        A in CSR form; shapes (nnz,), (nnz,), (num_rows + 1,). Repeated entries of a row add up.
    row_lower, row_upper
        (num_rows,) float64; may be infinite.
    offset
        Constant of the objective.
    maximize
        Whether to maximise.

    Raises
    ------
    ValueError
        If shapes do not fit, an index is out of range, or a number is NaN.
    """

    problem: ClassVar[str] = "milp"

    cost: np.ndarray
    col_lower: np.ndarray
    col_upper: np.ndarray
    is_integer: np.ndarray
    data: np.ndarray
    indices: np.ndarray
    indptr: np.ndarray
    row_lower: np.ndarray
    row_upper: np.ndarray
    offset: float = 0.0
    maximize: bool = False

    def __post_init__(self) -> None:
        for name in ("cost", "col_lower", "col_upper", "data", "row_lower", "row_upper"):
            array = frozen_array(getattr(self, name), np.float64, ndim=1, what=name)
            if np.isnan(array).any():
                raise ValueError(f"{name} must not hold NaN.")
            object.__setattr__(self, name, array)
        object.__setattr__(self, "is_integer", frozen_array(self.is_integer, np.bool_, ndim=1, what="is_integer"))
        object.__setattr__(self, "indices", frozen_array(self.indices, np.int32, ndim=1, what="indices"))
        object.__setattr__(self, "indptr", frozen_array(self.indptr, np.int64, ndim=1, what="indptr"))
        n, m = len(self.cost), len(self.row_lower)
        if not len(self.col_lower) == len(self.col_upper) == len(self.is_integer) == n:
            raise ValueError("cost, bounds and is_integer must have one entry per column.")
        if len(self.row_upper) != m or len(self.indptr) != m + 1:
            raise ValueError("row sides and indptr do not fit together.")
        if len(self.data) != len(self.indices) or self.indptr[0] != 0 or self.indptr[-1] != len(self.data):
            raise ValueError("data, indices and indptr do not fit together.")
        if (np.diff(self.indptr) < 0).any() or (
            len(self.indices) and not 0 <= self.indices.min() <= self.indices.max() < n
        ):
            raise ValueError("column indices must be in range and indptr must not decrease.")
        if not (np.isfinite(self.cost).all() and np.isfinite(self.data).all() and np.isfinite(self.offset)):
            raise ValueError("cost, matrix and offset must be finite.")

    @property
    def sense(self) -> str:  # type: ignore[override]
        """Direction of the objective: here it belongs to the instance."""
        return "max" if self.maximize else "min"

    @property
    def size(self) -> int:
        """Number of columns."""
        return len(self.cost)

    @property
    def is_integral(self) -> bool:
        """Whether every column with a cost is integer, and so is its cost."""
        used = self.cost != 0
        whole = self.cost == np.rint(self.cost)
        return bool((self.is_integer | ~used).all() and whole.all() and self.offset == round(self.offset))


@dataclass(frozen=True, eq=False, kw_only=True)
class Values(Solution):
    """
    Values of the columns.

    Parameters
    ----------
    values
        (num_cols,) float64.
    """

    problem: ClassVar[str] = "milp"

    values: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", frozen_array(self.values, np.float64, ndim=1, what="values"))


def evaluate(instance: MILPInstance, solution: Values, mode: JudgeMode = "strict") -> Verdict:
    """
    Objective, and the largest violation of integrality, bounds and rows; O(nnz).

    A value within 1e-6 of an integer stands for that integer: objective and rows are those of the rounded
    point, so that 2.9999999 times a coefficient of 1e7 is no discount. Rows of integer columns with integer
    coefficients get no relative tolerance: backends that work with one call an equality of 89,716,837 met
    when it is missed by 80.
    """
    x = solution.values
    if len(x) != instance.size:
        return Verdict(None, (Violation("wrong number of values", f"{len(x)} for {instance.size} columns"),))
    if not np.isfinite(x).all():
        column = int(np.flatnonzero(~np.isfinite(x))[0])
        return Verdict(None, (Violation("value is not finite", f"column {column}"),))
    integer = instance.is_integer
    point = np.where(integer, np.rint(x), x)
    activity, is_whole = _activities(instance.data, instance.indices, instance.indptr, point, integer)
    violations = []
    for what, where, amount, scale in (
        ("value is not integer", "column", np.abs(x - point), np.ones(len(x))),
        ("value below its bound", "column", instance.col_lower - point, _scale(instance.col_lower, integer)),
        ("value above its bound", "column", point - instance.col_upper, _scale(instance.col_upper, integer)),
        ("row below its side", "row", instance.row_lower - activity, _scale(instance.row_lower, is_whole)),
        ("row above its side", "row", activity - instance.row_upper, _scale(instance.row_upper, is_whole)),
    ):
        if len(amount):
            relative = amount / scale
            worst = int(np.argmax(relative))
            if not relative[worst] <= TOLERANCE:  # also where sums overflowed to NaN
                violations.append(Violation(what, f"{where} {worst}", float(amount[worst])))
    with np.errstate(over="ignore", invalid="ignore"):  # the result says so itself
        return Verdict(float(instance.cost @ point) + instance.offset, tuple(violations))


def _scale(side: np.ndarray, is_exact: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(side) & ~is_exact, np.maximum(1.0, np.abs(side)), 1.0)


@jit
def _activities(
    data: np.ndarray, indices: np.ndarray, indptr: np.ndarray, x: np.ndarray, is_integer: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Value of each row, and whether it is made of integers alone."""
    activity = np.zeros(len(indptr) - 1)
    is_whole = np.ones(len(indptr) - 1, dtype=np.bool_)
    for row in range(len(activity)):
        total = 0.0
        for k in range(indptr[row], indptr[row + 1]):
            total += data[k] * x[indices[k]]
            if not is_integer[indices[k]] or data[k] != np.floor(data[k]):
                is_whole[row] = False
        activity[row] = total
    return activity, is_whole


MILP = Problem("milp", "Mixed-integer linear program", MILPInstance, Values, evaluate)
