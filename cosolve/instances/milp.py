"""Mixed-integer linear programs: instance, solution, judge."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from cosolve.core.instance import Instance, Solution, flags, frozen_array, largest, plain_zeros
from cosolve.core.jit import jit_allocating
from cosolve.core.problem import JudgeMode, Problem
from cosolve.core.verdict import Verdict, Violation

if TYPE_CHECKING:
    from scipy.sparse import csr_array

#: Absolute for integrality and for what is made of integers alone, else relative to the side or bound (at least 1).
TOLERANCE = 1e-6

#: What an index looks like at the end of a name: "flow_12_3", "c#7"; from a bracket on: "x[4,paris]", "place(a)".
_INDEX = "0123456789_.,:;#$@~[](){}"
_BRACKET = re.compile(r"(?!^)[\[({].*", re.DOTALL)


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
        A in CSR form; shapes (nnz,), (nnz,), (num_rows + 1,). Kept in its one canonical form, so that equal matrices
        are equal arrays: columns ascending within a row, repeated entries summed, zeros dropped.
    row_lower, row_upper
        (num_rows,) float64; may be infinite.
    offset
        Constant of the objective.
    maximize
        Whether to maximise.
    row_names, col_names
        One name per row or column, all different; or empty. Names are no data: the digest ignores them.

    Raises
    ------
    ValueError
        If shapes do not fit, an index is out of range, a number is NaN, or a name repeats.
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
    row_names: tuple[str, ...] = field(default=(), compare=False, repr=False)
    col_names: tuple[str, ...] = field(default=(), compare=False, repr=False)

    def __post_init__(self) -> None:
        for name in ("cost", "col_lower", "col_upper", "data", "row_lower", "row_upper"):
            array = frozen_array(getattr(self, name), np.float64, ndim=1, what=name)
            if np.isnan(array).any():
                raise ValueError(f"{name} must not hold NaN.")
            object.__setattr__(self, name, plain_zeros(array))
        object.__setattr__(self, "is_integer", flags(self.is_integer, "is_integer"))
        object.__setattr__(self, "indices", frozen_array(self.indices, np.int32, ndim=1, what="indices"))
        object.__setattr__(self, "indptr", frozen_array(self.indptr, np.int64, ndim=1, what="indptr"))
        object.__setattr__(self, "maximize", bool(flags([self.maximize], "maximize")[0]))
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
        object.__setattr__(self, "offset", float(self.offset) + 0.0)
        self._make_canonical()
        if not (np.isfinite(self.cost).all() and np.isfinite(self.data).all() and np.isfinite(self.offset)):
            raise ValueError("cost, matrix and offset must be finite.")
        for what, count in (("row_names", m), ("col_names", n)):
            object.__setattr__(self, what, _checked_names(getattr(self, what), count, what))

    def _make_canonical(self) -> None:
        from scipy.sparse import csr_array

        shape = (len(self.row_lower), len(self.cost))
        matrix = csr_array((self.data, self.indices, self.indptr), shape=shape)
        if matrix.has_canonical_format and self.data.all():
            return
        matrix = matrix.copy()
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        object.__setattr__(self, "data", frozen_array(matrix.data + 0.0))
        object.__setattr__(self, "indices", frozen_array(matrix.indices, np.int32))
        object.__setattr__(self, "indptr", frozen_array(matrix.indptr, np.int64))

    @classmethod
    def from_scipy(
        cls,
        matrix: Any,
        *,
        cost: Any,
        row_lower: Any = -np.inf,
        row_upper: Any = np.inf,
        col_lower: Any = 0.0,
        col_upper: Any = np.inf,
        is_integer: Any = False,
        **others: Any,
    ) -> Self:
        """
        Instance of a SciPy sparse matrix (or a dense one); a single number stands for all rows or columns.

        Parameters
        ----------
        matrix
            (num_rows, num_cols), in any of SciPy's formats.
        others
            ``offset``, ``maximize``, names, ``name``, ``meta``.
        """
        from scipy.sparse import csr_array

        rows = csr_array(matrix)
        if rows.ndim != 2:
            raise ValueError(f"matrix must have 2 dimensions, got {rows.ndim}.")
        m, n = rows.shape
        return cls(
            cost=_per(cost, n, "cost"),
            col_lower=_per(col_lower, n, "col_lower"),
            col_upper=_per(col_upper, n, "col_upper"),
            is_integer=_per(is_integer, n, "is_integer"),
            data=rows.data,
            indices=rows.indices,
            indptr=rows.indptr,
            row_lower=_per(row_lower, m, "row_lower"),
            row_upper=_per(row_upper, m, "row_upper"),
            **others,
        )

    @property
    def matrix(self) -> csr_array:
        """A as a SciPy array of its own."""
        from scipy.sparse import csr_array

        shape = (len(self.row_lower), len(self.cost))
        return csr_array((self.data.copy(), self.indices.copy(), self.indptr.copy()), shape=shape)

    @cached_property
    def is_integer_row(self) -> np.ndarray:
        """(num_rows,) bool: rows whose value is an integer: integer columns with integer coefficients alone."""
        is_other = ~self.is_integer[self.indices] | (self.data != np.floor(self.data))
        others = np.concatenate(([0], np.cumsum(is_other)))
        return frozen_array(others[self.indptr[1:]] == others[self.indptr[:-1]])

    @cached_property
    def row_families(self) -> tuple[str, ...]:
        """Family of each row, read off its name: "deficit_ct" of "deficit_ct_3_1"; "" without names."""
        return families(self.row_names) or ("",) * len(self.row_lower)

    @cached_property
    def col_families(self) -> tuple[str, ...]:
        """Family of each column, as for rows."""
        return families(self.col_names) or ("",) * len(self.cost)

    def row_label(self, row: int) -> str:
        """What messages call a row: its name, or "row 3" without one."""
        return f"row {self.row_names[row] if self.row_names else row}"

    def col_label(self, column: int) -> str:
        """What messages call a column: its name, or "column 3" without one."""
        return f"column {self.col_names[column] if self.col_names else column}"

    @property
    def sense(self) -> str:  # type: ignore[override]
        """Direction of the objective: here it belongs to the instance."""
        return "max" if self.maximize else "min"

    @property
    def size(self) -> int:
        """Number of columns."""
        return len(self.cost)

    @cached_property
    def is_integral(self) -> bool:
        """Whether every column with a cost is integer, and so is its cost."""
        used = self.cost != 0
        whole = self.cost == np.rint(self.cost)
        return bool((self.is_integer | ~used).all() and whole.all() and self.offset == round(self.offset))

    @cached_property
    def magnitude(self) -> float:
        """Of the largest cost."""
        return largest(self.cost)


def _per(values: Any, count: int, what: str) -> np.ndarray:
    array = np.asarray(values)
    if array.shape not in ((), (count,)):
        one = "row" if what.startswith("row") else "column"
        raise ValueError(f"{what} must be one number or {count} (one per {one}), got shape {array.shape}.")
    return np.broadcast_to(array, count)


def families(names: Iterable[str]) -> tuple[str, ...]:
    """
    Names without the indices at their ends: they are written "family_index" or "family[index]".

    Commas become semicolons: lists of families are written with commas.
    """
    return tuple(_family(name) for name in names)


def _family(name: str) -> str:
    if "[" in name or "(" in name or "{" in name:
        name = _BRACKET.sub("", name)
    return name.rstrip(_INDEX).replace(",", ";")


def _checked_names(names: Iterable[str], count: int, what: str) -> tuple[str, ...]:
    names = tuple(names)
    if not names:
        return ()
    if len(names) != count:
        raise ValueError(f"{what} must hold {count} names or none, got {len(names)}.")
    if len(set(names)) < count:
        seen: set[str] = set()
        twice = next(name for name in names if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise ValueError(f"{what} must differ, but {twice!r} comes twice.")
    return names


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


@np.errstate(over="ignore", invalid="ignore")  # the result says so itself
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
        return Verdict(None, (Violation("value is not finite", instance.col_label(column)),))
    integer = instance.is_integer
    point = np.where(integer, np.rint(x), x)
    activity = _activities(instance.data, instance.indices, instance.indptr, point)
    is_whole = instance.is_integer_row
    violations = []
    col_label, row_label = instance.col_label, instance.row_label
    for what, label, amount, side, is_exact in (
        ("value is not integer", col_label, np.abs(x - point), point, np.ones(len(x), np.bool_)),
        ("value below its bound", col_label, _below(point, instance.col_lower), instance.col_lower, integer),
        ("value above its bound", col_label, _below(-point, -instance.col_upper), instance.col_upper, integer),
        ("row below its side", row_label, _below(activity, instance.row_lower), instance.row_lower, is_whole),
        ("row above its side", row_label, _below(-activity, -instance.row_upper), instance.row_upper, is_whole),
    ):
        if len(amount):
            relative = amount / tolerance_scale(side, is_exact)
            worst = int(np.argmax(relative))
            if not relative[worst] <= TOLERANCE:  # also where sums overflowed to NaN
                violations.append(Violation(what, label(worst), float(amount[worst])))
    return Verdict(float(instance.cost @ point) + instance.offset, tuple(violations))


def _below(value: np.ndarray, side: np.ndarray) -> np.ndarray:
    """How far values are below their sides; nothing is below -inf, not even a sum that overflowed."""
    return np.where(side == -np.inf, -np.inf, side - value)


def tolerance_scale(side: np.ndarray, is_exact: np.ndarray) -> np.ndarray:
    """What :data:`TOLERANCE` is relative to: each side or bound itself, 1 where that is smaller, infinite or exact."""
    return np.where(np.isfinite(side) & ~is_exact, np.maximum(1.0, np.abs(side)), 1.0)


@jit_allocating
def _activities(data: np.ndarray, indices: np.ndarray, indptr: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Value of each row."""
    activity = np.zeros(len(indptr) - 1)
    for row in range(len(activity)):
        total = 0.0
        for k in range(indptr[row], indptr[row + 1]):
            total += data[k] * x[indices[k]]
        activity[row] = total
    return activity


def with_whole_limits(model: MILPInstance) -> MILPInstance:
    """
    The model with bounds of integer columns, and sides of rows of integers, at the integers that the judge allows.

    Backends treat those in between in ways of their own, and some of them lose solutions; none takes 2 for at most
    1.9999995, as the judge does.
    """
    columns, rows = model.is_integer, model.is_integer_row
    limits: dict[str, Any] = {
        "col_lower": _whole(model.col_lower, np.ceil, columns),
        "col_upper": _whole(model.col_upper, np.floor, columns),
        "row_lower": _whole(model.row_lower, np.ceil, rows),
        "row_upper": _whole(model.row_upper, np.floor, rows),
    }
    if all(np.array_equal(limit, getattr(model, name)) for name, limit in limits.items()):
        return model
    return replace(model, **limits)


def _whole(limits: np.ndarray, inward: np.ufunc, is_whole: np.ndarray) -> np.ndarray:
    nearest = np.rint(limits)
    with np.errstate(invalid="ignore"):  # infinite ones
        is_reached = np.abs(limits - nearest) <= TOLERANCE
    return np.where(is_whole, np.where(is_reached, nearest, inward(limits)), limits)


MILP = Problem("milp", "Mixed-integer linear program", MILPInstance, Values, evaluate)
