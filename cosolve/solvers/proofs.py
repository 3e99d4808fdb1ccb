"""What keeps a MILP backend from a proof, or from the model: numbers beyond its infinity or below its zero."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cosolve.instances.milp import MILPInstance

#: What backends take for infinite.
INFINITY = 1e20

#: What all dropped terms of a row may add up to: backends let rows be off by as much.
_NOISE = 1e-7

#: What costs that drown may change an objective by, as at least counts as equal for costs from 1 on.
_CHANGE = 1e-6


@dataclass(frozen=True)
class Precision:
    """
    What a backend takes for zero.

    The defaults of the spreads are what presolve of HiGHS 1.12 to 1.16 needs. Of random integer programs of six columns
    with up to 6e7 and 6e8 between coefficients it called 0.2 and 0.7 % "infeasible" or "optimal" at a wrong value, of
    56,000 with up to 6e6 none; CBC is as bad.

    Parameters
    ----------
    coefficient
        Matrix coefficients up to this size are dropped.
    cost
        Costs below this may drown in tolerances: ten times what a reduced cost may be off by.
    largest
        Matrix coefficients above this make rows infeasible by what integers may be off by.
    refused
        Models with matrix coefficients of this size and more are refused.
    spread, row_spread
        Where coefficients in rows with integer columns are so many times apart in all, and in one row, solutions may
        be lost.
    """

    coefficient: float = 1e-9
    cost: float = 1e-6
    largest: float = np.inf
    refused: float = INFINITY
    spread: float = 1e7
    row_spread: float = 1e5


def doubt(model: MILPInstance, precision: Precision) -> str:
    """Why proofs of a backend of this precision need not hold for the model; "" if nothing speaks against them."""
    sizes = np.abs(model.data)
    is_large = sizes > precision.largest
    if is_large.any():
        row = int(np.searchsorted(model.indptr, is_large.argmax(), "right")) - 1
        return f"{model.row_label(row)} has coefficients that are too large for its tolerances"
    is_dropped = sizes <= precision.coefficient
    if is_dropped.any():
        reach = np.maximum(np.abs(model.col_lower), np.abs(model.col_upper))
        rows = np.repeat(np.arange(len(model.row_lower)), np.diff(model.indptr))[is_dropped]
        terms = (sizes * reach[model.indices])[is_dropped]
        lost = np.bincount(rows, terms)
        if lost.max() > _NOISE:
            row = int(lost.argmax())
            return f"{model.row_label(row)} has coefficients that it drops, and columns wide enough for that to matter"
    column = small_cost(model, precision.cost)
    if column is not None:
        return f"{model.col_label(column)} has a cost that tolerances may hide, and is wide enough for that to matter"
    least, most = _sizes(model, precision.coefficient)
    if most.max(initial=0.0) >= precision.spread * least.min(initial=np.inf):
        spread = np.divide(most, least)
        if spread.max() >= precision.row_spread:
            return f"{model.row_label(int(spread.argmax()))} has coefficients that are too far apart for its tolerances"
    return ""


def _sizes(model: MILPInstance, dropped: float) -> tuple[np.ndarray, np.ndarray]:
    """(num_rows,) twice: sizes of the least and the largest coefficient of rows with an integer column; inf and 0."""
    rows = np.repeat(np.arange(len(model.row_lower)), np.diff(model.indptr))
    has_integer = np.zeros(len(model.row_lower), np.bool_)
    has_integer[rows[model.is_integer[model.indices]]] = True
    sizes = np.abs(model.data)
    counts = has_integer[rows] & (sizes > dropped)
    least, most = np.full(len(has_integer), np.inf), np.zeros(len(has_integer))
    np.minimum.at(least, rows[counts], sizes[counts])
    np.maximum.at(most, rows[counts], sizes[counts])
    return least, most


def small_cost(model: MILPInstance, least: float) -> int | None:
    """Where the costs below ``least`` can move the objective by more than 1e-6, the column that moves it most."""
    columns = np.flatnonzero((model.cost != 0) & (np.abs(model.cost) < least))
    change = np.abs(model.cost[columns]) * (model.col_upper - model.col_lower)[columns]
    return int(columns[change.argmax()]) if change.sum() > _CHANGE else None


def with_smaller_rows(model: MILPInstance, precision: Precision) -> tuple[MILPInstance, str]:
    """
    The model with rows that a backend refuses divided by powers of two, and which row none helps; "" if there is none.

    The least coefficient of such a row becomes about 1, or as much less as the largest needs; it must not become one
    that is dropped.
    """
    sizes = np.abs(model.data)
    if sizes.max(initial=0.0) < precision.refused:
        return model, ""
    rows = np.repeat(np.arange(len(model.row_lower)), np.diff(model.indptr))
    least, most = np.full(len(model.row_lower), np.inf), np.zeros(len(model.row_lower))
    np.minimum.at(least, rows, sizes)
    np.maximum.at(most, rows, sizes)
    is_refused = most >= precision.refused
    needed = np.frexp(most)[1] - (np.frexp(precision.refused)[1] - 1)
    exponent = np.where(is_refused, np.maximum(np.frexp(least)[1] - 1, needed), 0)
    is_hopeless = is_refused & (np.ldexp(least, -exponent) <= precision.coefficient)
    if is_hopeless.any():
        return model, model.row_label(int(is_hopeless.argmax()))
    smaller = replace(
        model,
        data=np.ldexp(model.data, -exponent[rows]),
        row_lower=np.ldexp(model.row_lower, -exponent),
        row_upper=np.ldexp(model.row_upper, -exponent),
    )
    return smaller, ""


def without_huge_limits(model: MILPInstance) -> tuple[MILPInstance, str]:
    """
    The model without finite limits of :data:`INFINITY` and more, and which row or column had one; "" if none.

    Backends take such limits for none, or for ones that nothing reaches. Of the model without them, bounds and
    "infeasible" hold for the model with them too; "unbounded" does not.
    """
    limits = {name: getattr(model, name) for name in ("row_lower", "row_upper", "col_lower", "col_upper")}
    huge = {name: np.isfinite(limit) & (np.abs(limit) >= INFINITY) for name, limit in limits.items()}
    rows, columns = huge["row_lower"] | huge["row_upper"], huge["col_lower"] | huge["col_upper"]
    if not (rows.any() or columns.any()):
        return model, ""
    first = model.row_label(int(rows.argmax())) if rows.any() else model.col_label(int(columns.argmax()))
    none = {"row_lower": -np.inf, "row_upper": np.inf, "col_lower": -np.inf, "col_upper": np.inf}
    kept: dict[str, Any] = {name: np.where(huge[name], none[name], limit) for name, limit in limits.items()}
    return replace(model, **kept), f"{first} has a limit of {INFINITY:g} or more"
