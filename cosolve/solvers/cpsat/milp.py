"""CP-SAT model of a MILP whose columns are bounded integers and whose coefficients are decimals."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from cosolve.core.errors import UnsupportedProblemError
from cosolve.core.monitor import Monitor
from cosolve.instances.milp import TOLERANCE, MILPInstance, Values, with_whole_limits
from cosolve.solvers.cpsat import Model
from cosolve.solvers.cpsat.until import until

#: Powers of ten tried to make the coefficients of a row whole.
_SCALES = tuple(10.0**k for k in range(13))

#: Largest value a scaled row may take: below 2^63 with room for CP-SAT's own sums.
_MAX_ACTIVITY = 2.0**60

#: Where a side that is farther away is put.
_FAR = 2.0 * _MAX_ACTIVITY


def build(instance: MILPInstance, monitor: Monitor | None = None) -> Model:
    """
    Rows times a power of ten that makes their coefficients whole; nothing is rounded, so that proofs hold.

    Sides and bounds move to the next whole number inside, which no solution can tell; the nearest counts as inside if
    the judge's tolerance reaches it.

    Raises
    ------
    UnsupportedProblemError
        If a column is continuous or unbounded, or a row or the objective has no whole multiple in 64 bits.
    """
    from ortools.sat.python import cp_model

    _check_columns(instance)
    instance = with_whole_limits(instance)
    lower, upper = instance.col_lower, instance.col_upper
    reach = np.maximum(np.abs(lower), np.abs(upper))
    model = cp_model.CpModel()
    if (lower > upper).any():
        model.add_bool_or([])  # no integer between the bounds
        upper = np.maximum(lower, upper)
    variables = [
        model.new_int_var(low, high, "")
        for low, high in until(
            monitor, zip(lower.astype(np.int64).tolist(), upper.astype(np.int64).tolist(), strict=True)
        )
    ]
    weighted_sum = cp_model.LinearExpr.weighted_sum
    indices = instance.indices.tolist()
    magnitude = float(reach.max(initial=0.0))
    for row in until(monitor, range(len(instance.row_lower))):
        part = slice(int(instance.indptr[row]), int(instance.indptr[row + 1]))
        values, columns = instance.data[part], instance.indices[part]
        whole, scale = _whole(values, reach[columns], instance.row_label(row))
        low, high = _sides(instance.row_lower[row], instance.row_upper[row], scale)
        sides = (side for side in (low, high) if abs(side) < _FAR)
        magnitude = max(magnitude, *map(abs, whole), *map(abs, sides))
        if low > high or (not whole and not low <= 0 <= high):
            model.add_bool_or([])
        elif whole:
            terms = [variables[column] for column in indices[part]]
            domain = cp_model.Domain(low, high)
            model.add_linear_expression_in_domain(weighted_sum(terms, whole), domain)
    costs, scale = _whole(instance.cost, reach, "the objective")
    objective = weighted_sum(variables, costs)
    if instance.maximize:
        model.maximize(objective)
    else:
        model.minimize(objective)

    def decode(values: Sequence[int]) -> Values:
        return Values(values=np.asarray(values, dtype=np.float64))

    def encode(solution: Values) -> list[int]:
        return np.rint(solution.values).astype(np.int64).tolist()

    return Model(model, variables, decode, encode, scale=1.0 / scale, offset=instance.offset, magnitude=magnitude)


def _check_columns(instance: MILPInstance) -> None:
    for is_bad, what in (
        (~instance.is_integer, "is continuous"),
        (~np.isfinite(instance.col_lower) | ~np.isfinite(instance.col_upper), "has no finite bounds"),
        (np.maximum(np.abs(instance.col_lower), np.abs(instance.col_upper)) > 2**53, "has bounds beyond 2^53"),
    ):
        if is_bad.any():
            label = instance.col_label(int(np.flatnonzero(is_bad)[0]))
            raise UnsupportedProblemError(
                f"CP-SAT takes bounded integer columns only: {label} {what}; try highs or scip."
            )


def _whole(values: np.ndarray, reach: np.ndarray, what: str) -> tuple[list[int], float]:
    """Integers and the scale s with integers / s == values, to the last bit."""
    for scale in _SCALES:
        whole = np.rint(values * scale)
        if (whole / scale == values).all():
            break
    else:
        raise UnsupportedProblemError(
            f"CP-SAT takes decimals of at most 12 places: {what} has others; try highs or scip."
        )
    if float(np.abs(whole) @ np.maximum(reach, 1.0)) > _MAX_ACTIVITY:
        raise UnsupportedProblemError(f"the numbers of {what} are too large for CP-SAT; try highs or scip.")
    return whole.astype(np.int64).tolist(), scale


def _sides(low: float, high: float, scale: float) -> tuple[int, int]:
    """Whole numbers inside, however far away."""
    return -_inside(-low, scale), _inside(high, scale)


def _inside(side: float, scale: float) -> int:
    """Largest whole number up to a scaled side; the nearest may be a little above it, by tolerance or by rounding."""
    scaled = min(max(side * scale, -_FAR), _FAR)
    nearest = round(scaled)
    return nearest if nearest - scaled <= TOLERANCE * max(scale, abs(scaled)) else math.floor(scaled)
