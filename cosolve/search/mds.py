"""Row-weighting local search for unicost set covers (RWLS)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cosolve.core.jit import jit
from cosolve.search.mis import below

# Entries of State.counts.
CHOSEN, UNCOVERED, BEST, ITERATION, TOUCHED, TABU = range(6)


class State(NamedTuple):
    """
    A set of columns that misses few rows, the best cover, and the weights.

    ``score[c]`` is the weight that a column would add, or that would be lost without it (negative).
    ``owner[r]`` is the sum of the ids of chosen columns that cover r: the id itself if there is one. ``chosen`` and
    ``open`` list columns and uncovered rows, ``place`` and ``open_place`` are their inverses.
    """

    counts: np.ndarray
    weight: np.ndarray
    covered: np.ndarray
    owner: np.ndarray
    score: np.ndarray
    moved_at: np.ndarray
    may_enter: np.ndarray
    chosen: np.ndarray
    place: np.ndarray
    open: np.ndarray
    open_place: np.ndarray
    best: np.ndarray
    touched: np.ndarray
    is_touched: np.ndarray
    random: np.ndarray


def make_state(column_ptr: np.ndarray, column_rows: np.ndarray, num_rows: int, cover: np.ndarray, seed: int) -> State:
    """State at a cover, (num_columns,) bool."""
    num_columns = len(column_ptr) - 1
    place = np.full(num_columns, -1, np.int32)
    columns = np.flatnonzero(cover)
    place[columns] = np.arange(len(columns))
    chosen = np.empty(num_columns, np.int32)
    chosen[: len(columns)] = columns
    state = State(
        counts=np.array([len(columns), 0, len(columns), 0, 0, -1], np.int64),
        weight=np.ones(num_rows, np.int64),
        covered=np.zeros(num_rows, np.int32),
        owner=np.zeros(num_rows, np.int64),
        score=np.zeros(num_columns, np.int64),
        moved_at=np.zeros(num_columns, np.int64),
        may_enter=np.ones(num_columns, np.bool_),
        chosen=chosen,
        place=place,
        open=np.empty(num_rows, np.int32),
        open_place=np.full(num_rows, -1, np.int32),
        best=cover.copy(),
        touched=np.empty(num_columns, np.int32),
        is_touched=np.zeros(num_columns, np.bool_),
        random=np.array([seed * 2 + 1], np.uint64),
    )
    _start(column_ptr, column_rows, state)
    return state


@jit
def _start(column_ptr: np.ndarray, column_rows: np.ndarray, state: State) -> None:
    for i in range(state.counts[CHOSEN]):
        c = state.chosen[i]
        for k in range(column_ptr[c], column_ptr[c + 1]):
            state.covered[column_rows[k]] += 1
            state.owner[column_rows[k]] += c
    for c in range(len(column_ptr) - 1):
        for k in range(column_ptr[c], column_ptr[c + 1]):
            r = column_rows[k]
            if state.place[c] >= 0 and state.covered[r] == 1:
                state.score[c] -= 1
            elif state.place[c] < 0 and state.covered[r] == 0:
                state.score[c] += 1
    for r in range(len(state.covered)):
        if state.covered[r] == 0:
            state.open_place[r] = state.counts[UNCOVERED]
            state.open[state.counts[UNCOVERED]] = r
            state.counts[UNCOVERED] += 1


@jit
def _touch(state: State, c: int) -> None:
    if not state.is_touched[c]:
        state.is_touched[c] = True
        state.touched[state.counts[TOUCHED]] = c
        state.counts[TOUCHED] += 1


@jit
def _leave(
    row_ptr: np.ndarray, row_columns: np.ndarray, column_ptr: np.ndarray, column_rows: np.ndarray, state: State, c: int
) -> None:
    counts, score, weight = state.counts, state.score, state.weight
    hole = state.place[c]
    counts[CHOSEN] -= 1
    last = state.chosen[counts[CHOSEN]]
    state.chosen[hole] = last
    state.place[last] = hole
    state.place[c] = -1
    score[c] = -score[c]
    for k in range(column_ptr[c], column_ptr[c + 1]):
        r = column_rows[k]
        state.covered[r] -= 1
        state.owner[r] -= c
        for j in range(row_ptr[r], row_ptr[r + 1]):
            state.may_enter[row_columns[j]] = True
        if state.covered[r] == 0:
            state.open_place[r] = counts[UNCOVERED]
            state.open[counts[UNCOVERED]] = r
            counts[UNCOVERED] += 1
            for j in range(row_ptr[r], row_ptr[r + 1]):
                if row_columns[j] != c:
                    score[row_columns[j]] += weight[r]
        elif state.covered[r] == 1:
            score[state.owner[r]] -= weight[r]
    state.may_enter[c] = False
    state.moved_at[c] = counts[ITERATION]
    _touch(state, c)


@jit
def _enter(
    row_ptr: np.ndarray, row_columns: np.ndarray, column_ptr: np.ndarray, column_rows: np.ndarray, state: State, c: int
) -> None:
    counts, score, weight = state.counts, state.score, state.weight
    state.place[c] = counts[CHOSEN]
    state.chosen[counts[CHOSEN]] = c
    counts[CHOSEN] += 1
    score[c] = -score[c]
    for k in range(column_ptr[c], column_ptr[c + 1]):
        r = column_rows[k]
        for j in range(row_ptr[r], row_ptr[r + 1]):
            state.may_enter[row_columns[j]] = True
        if state.covered[r] == 0:
            counts[UNCOVERED] -= 1
            moved = state.open[counts[UNCOVERED]]
            state.open[state.open_place[r]] = moved
            state.open_place[moved] = state.open_place[r]
            for j in range(row_ptr[r], row_ptr[r + 1]):
                if row_columns[j] != c:
                    score[row_columns[j]] -= weight[r]
        elif state.covered[r] == 1:
            score[state.owner[r]] += weight[r]
        state.covered[r] += 1
        state.owner[r] += c
    state.moved_at[c] = counts[ITERATION]
    counts[TABU] = c
    _touch(state, c)


@jit
def _cheapest(state: State, samples: int) -> int:
    """Chosen column with the least loss, the oldest of equals; among ``samples`` random ones if there are more."""
    counts = state.counts
    count = counts[CHOSEN]
    best = -1
    for i in range(min(count, samples)):
        c = state.chosen[i if count <= samples else below(state.random, count)]
        if c != counts[TABU] and (
            best < 0
            or state.score[c] > state.score[best]
            or (state.score[c] == state.score[best] and state.moved_at[c] < state.moved_at[best])
        ):
            best = c
    return best


@jit
def run(
    row_ptr: np.ndarray,
    row_columns: np.ndarray,
    column_ptr: np.ndarray,
    column_rows: np.ndarray,
    state: State,
    iterations: int,
    target: int,
    samples: int,
) -> None:
    """
    Exchange columns ``iterations`` times, or until the best cover has ``target`` columns.

    Whenever nothing is uncovered, the cover is the new best and loses a column. Then, again and again: the column
    of least loss leaves, but not the one that has just come; for a random uncovered row its best column comes that
    may (not again before a neighbour has moved); the rows left uncovered grow heavier ([1]_).

    References
    ----------
    .. [1] Gao, C., Yao, X., Weise, T., Li, J. (2015). An efficient local search heuristic with row weighting for the
           unicost set covering problem. *European Journal of Operational Research* 246(3): 750-761.
    """
    counts, score = state.counts, state.score
    for _ in range(iterations):
        while counts[UNCOVERED] == 0:
            if counts[CHOSEN] < counts[BEST]:
                counts[BEST] = counts[CHOSEN]
                for i in range(counts[TOUCHED]):
                    c = state.touched[i]
                    state.is_touched[c] = False
                    state.best[c] = state.place[c] >= 0
                counts[TOUCHED] = 0
            if counts[BEST] <= target or counts[CHOSEN] == 0:
                return
            counts[TABU] = -1
            _leave(row_ptr, row_columns, column_ptr, column_rows, state, _cheapest(state, samples))
        counts[ITERATION] += 1
        c = _cheapest(state, samples)
        if c >= 0:
            _leave(row_ptr, row_columns, column_ptr, column_rows, state, c)
        r = state.open[below(state.random, counts[UNCOVERED])]
        best = -1
        for k in range(row_ptr[r], row_ptr[r + 1]):
            c = row_columns[k]
            if state.may_enter[c] and (
                best < 0
                or score[c] > score[best]
                or (score[c] == score[best] and state.moved_at[c] < state.moved_at[best])
            ):
                best = c
        if best < 0:
            best = row_columns[row_ptr[r] + below(state.random, row_ptr[r + 1] - row_ptr[r])]
        _enter(row_ptr, row_columns, column_ptr, column_rows, state, best)
        for i in range(counts[UNCOVERED]):
            r = state.open[i]
            state.weight[r] += 1
            for k in range(row_ptr[r], row_ptr[r + 1]):
                score[row_columns[k]] += 1
    if counts[UNCOVERED] == 0 and counts[CHOSEN] < counts[BEST]:
        counts[BEST] = counts[CHOSEN]
        for i in range(counts[TOUCHED]):
            c = state.touched[i]
            state.is_touched[c] = False
            state.best[c] = state.place[c] >= 0
        counts[TOUCHED] = 0
