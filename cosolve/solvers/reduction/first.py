"""First solutions in milliseconds, where every binary has a value that is safe for all its rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cosolve.instances.milp import MILPInstance
from cosolve.search.covering import Covering, greedy, improve, make_covering
from cosolve.solvers.reduction.reduce import activity_bounds

#: Entries of the matrix that all rounds look at, some 5 ms, and rounds at most.
_VISITS, _MOST_ROUNDS = 500_000, 200


def first_solutions(model: MILPInstance, seed: int) -> Iterator[np.ndarray]:
    """
    Values of two solutions, greedy and after some rounds of iterated greedy: :mod:`cosolve.search.covering`.

    For set covers, set packings, knapsacks and whatever has binaries alone, each of which all rows want on the same
    side: with all of them there, as many rows as can hold do. A binary that its cost wants on the other side is one
    that a covering program has to buy.

    Parameters
    ----------
    model
        Any MILP.
    seed
        Of the rounds.

    Yields
    ------
    np.ndarray
        (num_cols,); none for other MILPs, or where a row can't hold.
    """
    found = _as_covering(model, seed)
    if found is None:
        return
    covering, columns, safe, values = found
    other = model.col_lower[columns] + model.col_upper[columns] - safe
    cost = greedy(covering)
    for rounds in (0, min(_MOST_ROUNDS, _VISITS // max(1, len(covering.rows)))):
        improve(covering, cost, rounds)
        values[columns] = np.where(covering.is_in, safe, other)
        yield values.copy()


def _as_covering(model: MILPInstance, seed: int) -> tuple[Covering, np.ndarray, np.ndarray, np.ndarray] | None:
    """The program, its columns, the safe value of each, and all values where these are at the other."""
    from scipy.sparse import csc_array

    low, high = model.col_lower, model.col_upper
    is_free = low < high
    if not (model.is_integer & (high - low == 1) & (low == np.rint(low)))[is_free].all():
        return None
    least, greatest = activity_bounds(model)
    can_exceed, can_lack = greatest > model.row_upper, least < model.row_lower
    if (can_exceed & can_lack).any():
        return None
    rows = np.flatnonzero(can_exceed | can_lack)
    sign = np.where(can_exceed[rows], -1.0, 1.0)
    matrix = csc_array(model.matrix[rows] * sign[:, None])
    column = np.repeat(np.arange(model.size), np.diff(matrix.indptr))
    wants_up, wants_down = (np.bincount(column, part, model.size) > 0 for part in (matrix.data > 0, matrix.data < 0))
    if (wants_up & wants_down & is_free).any():
        return None
    cost = -model.cost if model.maximize else model.cost
    safe = np.where(wants_up | (~wants_down & (cost < 0)), high, low)
    other = low + high - safe
    price = (safe - other) * cost
    is_bought = is_free & (price > 0)
    columns = np.flatnonzero(is_bought)
    values = np.where(is_bought, other, safe)
    side = sign * np.where(sign > 0, model.row_lower[rows], model.row_upper[rows])
    need = side - matrix @ values
    slack = np.where(model.is_integer_row[rows], 0.0, 1e-9 * np.maximum(1.0, np.abs(side)))
    part = csc_array(abs(matrix[:, columns]))
    if (need - part.sum(axis=1) > slack).any():
        return None
    return (
        make_covering(part.indptr, part.indices, part.data, price[columns], need, slack, seed),
        columns,
        safe[columns],
        values,
    )
