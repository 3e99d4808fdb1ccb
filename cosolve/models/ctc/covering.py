"""MILPs that are covering programs: every binary has a value that is safe for all its rows, and must be paid for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cosolve.instances.milp import MILPInstance
from cosolve.models.ctc.rows import activity_bounds
from cosolve.search.covering import Covering, greedy, improve, make_covering

#: Entries, rows and columns that all rounds look at, some 5 ms, and rounds at most.
_VISITS, _MOST_ROUNDS = 750_000, 200


@dataclass(frozen=True)
class CoveringProgram:
    """
    The columns to be bought, and what they are for.

    Parameters
    ----------
    indptr, rows, coefs
        CSC of what each column adds to each row once it is bought, above 0.
    price
        (k,) above 0.
    need, slack
        (m,) each: what rows need, and what may be missing.
    columns
        (k,) of the MILP.
    bought
        (k,) values of columns that are bought.
    values
        (num_cols,) values of the MILP's columns while none is.
    """

    indptr: np.ndarray
    rows: np.ndarray
    coefs: np.ndarray
    price: np.ndarray
    need: np.ndarray
    slack: np.ndarray
    columns: np.ndarray
    bought: np.ndarray
    values: np.ndarray

    def search(self, seed: int) -> Covering:
        """A search that has bought nothing yet."""
        return make_covering(self.indptr, self.rows, self.coefs, self.price, self.need, self.slack, seed)

    def rounds(self, visits: int) -> int:
        """Rounds of iterated greedy that look at so many entries, rows and columns."""
        return visits // max(1, len(self.rows) + len(self.need) + len(self.price))

    def solution(self, search: Covering) -> np.ndarray:
        """(num_cols,) values of the MILP's columns."""
        out = self.values.copy()
        out[self.columns[search.is_in]] = self.bought[search.is_in]
        return out


def covering_program(model: MILPInstance) -> CoveringProgram | None:
    """
    The covering program that a MILP is; ``None`` for others, and where a row can't hold.

    Set covers and packings, knapsacks, vertex covers, independent sets, and whatever has binaries alone (or columns of
    two neighbouring whole values, or fixed ones), each of which all rows want on the same side: with all of them
    there, as many rows as can hold do. A binary that its cost wants on the other side is one to buy.
    """
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
    columns = np.flatnonzero(is_free & (price > 0))
    values = safe.copy()
    values[columns] = other[columns]
    side = sign * np.where(sign > 0, model.row_lower[rows], model.row_upper[rows])
    if not np.isfinite(side).all():
        return None
    need = side - matrix @ values
    part = csc_array(abs(matrix[:, columns]))
    total = part.sum(axis=1)
    noise = np.maximum(1e-9 * np.maximum(1.0, np.abs(side)), 1e-12 * total)
    slack = np.where(model.is_integer_row[rows], 0.0, noise)
    if (need - total > slack).any():
        return None
    return CoveringProgram(
        part.indptr, part.indices, part.data, price[columns], need, slack, columns, safe[columns], values
    )


def first_solutions(model: MILPInstance, seed: int) -> Iterator[np.ndarray]:
    """
    Values of two solutions, greedy and after some rounds of iterated greedy: :mod:`cosolve.search.covering`.

    Parameters
    ----------
    model
        Any MILP.
    seed
        Of the rounds.

    Yields
    ------
    np.ndarray
        (num_cols,); none for MILPs that are no covering programs.
    """
    program = covering_program(model)
    if program is None:
        return
    search = program.search(seed)
    cost = greedy(search)
    yield program.solution(search)
    improve(search, cost, min(_MOST_ROUNDS, program.rounds(_VISITS)))
    yield program.solution(search)
