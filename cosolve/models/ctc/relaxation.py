"""The linear relaxation of a MILP, solved once: values, reduced costs, duals and slacks for the network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosolve.instances.milp import TOLERANCE, MILPInstance


@dataclass(frozen=True)
class Relaxation:
    """
    An optimum of the linear relaxation, as of a minimisation.

    Parameters
    ----------
    values, reduced_costs
        (num_cols,) each.
    activities, duals
        (num_rows,) each.
    """

    values: np.ndarray
    reduced_costs: np.ndarray
    activities: np.ndarray
    duals: np.ndarray


def solve_relaxation(instance: MILPInstance, time_limit: float = np.inf) -> Relaxation | None:
    """Solve it with HiGHS; ``None`` if it has no optimum, or time is up."""
    from scipy.optimize import linprog
    from scipy.sparse import vstack

    matrix = instance.matrix
    sign = -1.0 if instance.maximize else 1.0
    is_equal = instance.row_lower == instance.row_upper
    has_upper = np.isfinite(instance.row_upper) & ~is_equal
    has_lower = np.isfinite(instance.row_lower) & ~is_equal
    options = {} if time_limit == np.inf else {"time_limit": time_limit}
    found = linprog(
        sign * instance.cost,
        A_ub=vstack([matrix[has_upper], -matrix[has_lower]]) if (has_upper | has_lower).any() else None,
        b_ub=np.concatenate([instance.row_upper[has_upper], -instance.row_lower[has_lower]]),
        A_eq=matrix[is_equal] if is_equal.any() else None,
        b_eq=instance.row_lower[is_equal] if is_equal.any() else None,
        bounds=np.column_stack([instance.col_lower, instance.col_upper]),
        method="highs",
        options=options,
    )
    if found.status != 0:
        return None
    duals = np.zeros(len(instance.row_lower))
    split = int(has_upper.sum())
    duals[has_upper] += found.ineqlin.marginals[:split]
    duals[has_lower] -= found.ineqlin.marginals[split:]
    duals[is_equal] = found.eqlin.marginals
    return Relaxation(found.x, found.lower.marginals + found.upper.marginals, matrix @ found.x, duals)


def rounded(instance: MILPInstance, values: np.ndarray) -> np.ndarray | None:
    """
    Values with integer columns rounded to the side that no row minds [1]_; ``None`` if one has none.

    References
    ----------
    .. [1] Achterberg, T. (2007). *Constraint Integer Programming*. PhD thesis, TU Berlin, section 9.1 ("simple
           rounding").
    """
    fractional = instance.is_integer & (np.abs(values - np.rint(values)) > TOLERANCE)
    matrix = instance.matrix
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    has_upper, has_lower = np.isfinite(instance.row_upper)[row], np.isfinite(instance.row_lower)[row]
    minds_more = np.where(matrix.data > 0, has_upper, has_lower)
    minds_less = np.where(matrix.data > 0, has_lower, has_upper)
    up, down = (np.bincount(matrix.indices[minds], minlength=len(values)) == 0 for minds in (minds_more, minds_less))
    if (fractional & ~up & ~down).any():
        return None
    nearest = np.where(instance.is_integer, np.rint(values), values)
    return np.where(fractional, np.where(up, np.ceil(values), np.floor(values)), nearest)
