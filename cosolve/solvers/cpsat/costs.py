"""Costs as whole numbers, which are all that CP-SAT adds up."""

from __future__ import annotations

import numpy as np

#: Fractional costs are scaled to this largest one: a thousand of them are rounded by less than what counts as equal.
LARGEST = 1e10

#: CP-SAT takes no model whose costs, of all variables together, are more.
_MOST = 2.0**62


def whole_costs(costs: np.ndarray, is_integral: bool, terms: int) -> tuple[np.ndarray, float, float]:
    """
    Costs in whole units.

    Parameters
    ----------
    costs
        Finite, >= 0; one for each variable, of 0 and 1, in the objective.
    is_integral
        Whether they are whole numbers, which stay as they are unless their sum is too large.
    terms
        How many of them a solution adds up at most.

    Returns
    -------
    whole, unit, slack
        The costs as int64, what a unit of them is worth, and what a bound in units may be above the true one: half a
        unit each by rounding, and as much for floating point.
    """
    largest = float(costs.max(initial=0.0))
    if is_integral and float(costs.sum(dtype=np.float64)) < _MOST:
        return np.rint(costs).astype(np.int64), 1.0, 0.0
    unit = max(largest / LARGEST, 1e-300)
    return np.rint(costs / unit).astype(np.int64), unit, terms * unit
