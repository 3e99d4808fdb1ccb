"""What is believed of a MILP before it is solved: by a network, by chance, or by a known solution."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from cosolve.core.instance import Solution
from cosolve.instances.milp import TOLERANCE, MILPInstance
from cosolve.models.ctc.rows import activity_bounds, row_types, tight
from cosolve.solvers.formulations import Formulation
from cosolve.solvers.reduction.reduce import Reduction


@dataclass(frozen=True)
class Prediction:
    """
    Beliefs about a best solution.

    Parameters
    ----------
    rows
        (num_rows,) probability that a row is tight; 0 for rows not to be imposed.
    columns
        (num_cols,) probability that a binary is 1; NaN for columns not to be held.
    """

    rows: np.ndarray
    columns: np.ndarray


@dataclass(frozen=True)
class Limits:
    """
    How much of a prediction is imposed.

    Parameters
    ----------
    rows, row_budget
        Share of the rows that may be made equalities, and how many of them may be excepted.
    columns, column_budget
        Share of the binaries that may be held near their values, and how many of them may differ.
    row_doubts, column_doubts
        Expected number of errors among the rows, and among the columns, beyond their budgets.
    """

    rows: float
    row_budget: int
    row_doubts: float
    columns: float
    column_budget: int
    column_doubts: float


def select(formulation: Formulation, prediction: Prediction, limits: Limits) -> Reduction:
    """
    The surest rows and columns, as many as the shares allow and the probabilities bear.

    The expected number of errors among those imposed, the sum of what their probabilities lack, stays within budget
    plus doubts. That makes the reduction as strong as the prediction is good, on instances of any size. A few
    errors do no harm: there are many good solutions, and the next rung is wider. Rows that columns held make tight in
    any case are left out: they would use up doubts for nothing.
    """
    is_known = np.isfinite(prediction.columns)
    certainty = np.where(is_known, np.maximum(prediction.columns, 1 - prediction.columns), 0.0)
    columns = _surest(certainty, is_known, limits.columns * is_known.sum(), limits.column_budget + limits.column_doubts)
    values = (prediction.columns[columns] > 0.5).astype(np.float64)
    is_usable = prediction.rows > 0.5
    if not limits.column_budget:
        is_usable &= ~_implied(formulation.model, columns, values)
    rows = _surest(
        prediction.rows, is_usable, limits.rows * len(prediction.rows), limits.row_budget + limits.row_doubts
    )
    return Reduction(rows, limits.row_budget, columns, values, limits.column_budget)


def _implied(model: MILPInstance, columns: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(num_rows,) rows of one finite side that are tight in all solutions with these columns at these values."""
    low, high = model.col_lower.copy(), model.col_upper.copy()
    low[columns] = high[columns] = values
    least, greatest = activity_bounds(replace(model, col_lower=low, col_upper=high))
    is_upper = np.isfinite(model.row_upper)
    return np.where(is_upper, least >= model.row_upper - TOLERANCE, greatest <= model.row_lower + TOLERANCE)


def _surest(probability: np.ndarray, is_usable: np.ndarray, most: float, doubts: float) -> np.ndarray:
    """Numbers of the most probable ones, in order."""
    order = np.argsort(-probability, kind="stable")
    order = order[is_usable[order]][: math.floor(most + 1e-9)]
    return order[: int(np.searchsorted(np.cumsum(1 - probability[order]), doubts + 1e-9, side="right"))]


def by_chance(formulation: Formulation, rng: np.random.Generator, reference: Solution | None) -> Prediction:
    """Candidate rows in random order, of those tight in a reference solution if there is one; no column."""
    model = formulation.model
    is_eligible = row_types(model).is_candidate
    if reference is not None:
        is_eligible &= tight_rows(formulation, reference)
    return _in_order(formulation, rng.permutation(np.flatnonzero(is_eligible)))


def by_oracle(formulation: Formulation, reference: Solution) -> Prediction:
    """Rows tight in a reference solution, the strongest by rho first; no column."""
    model = formulation.model
    types = row_types(model)
    is_eligible = types.is_candidate & tight_rows(formulation, reference)
    eligible = np.flatnonzero(is_eligible)
    return _in_order(formulation, eligible[np.argsort(types.rho[eligible], kind="stable")])


def _in_order(formulation: Formulation, order: np.ndarray) -> Prediction:
    """Rows as good as certain, the first a little more so than the next; no column."""
    rows = np.zeros(len(formulation.model.row_lower))
    rows[order] = 1.0 - 1e-9 * np.arange(len(order)) / max(1, len(order))
    return Prediction(rows, np.full(len(formulation.model.cost), np.nan))


def tight_rows(formulation: Formulation, solution: Solution) -> np.ndarray:
    """(num_rows,) which rows a solution meets with equality at either side."""
    if formulation.encode is None:
        raise ValueError("this formulation takes no solution, so that nothing can be learned from one.")
    values = np.asarray(formulation.encode(solution), dtype=np.float64)
    return tight(formulation.model, values[None])[0]
