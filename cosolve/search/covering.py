"""
Iterated greedy for covering programs: min c y, A y >= b with y binary and A, b, c at or above 0.

Greedy takes what costs least for what it adds to rows that are not met yet [1]_ (for set covers [2]_), then lets go
of what is no longer needed, the dearest first. Again and again a part of the solution goes, and greedy mends it with
other tastes; what costs no more is kept [3]_.

References
----------
.. [1] Dobson, G. (1982). Worst-case analysis of greedy heuristics for integer programming with nonnegative data.
       *Mathematics of Operations Research* 7(4): 515-531.
.. [2] Chvátal, V. (1979). A greedy heuristic for the set-covering problem.
       *Mathematics of Operations Research* 4(3): 233-235.
.. [3] Jacobs, L. W. and Brusco, M. J. (1995). A local-search heuristic for large set-covering problems.
       *Naval Research Logistics* 42(7): 1129-1140.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cosolve.core.jit import jit
from cosolve.search.random import stream, uniform
from cosolve.search.stp_graph import heap_pop, heap_push

#: Part of a solution that goes, and how far tastes differ.
_DROPPED, _TASTE = 0.2, 0.2


class Covering(NamedTuple):
    """
    The program by columns, and a solution on its way.

    Parameters
    ----------
    indptr, rows, coefs
        CSC: (n + 1,) int64, (nnz,) int32 and float64 above 0.
    cost
        (n,) of each column, at least 0.
    dear
        (n,) columns, those of the greatest cost first.
    share
        (m,) 1 / b, 0 where b is 0.
    slack
        (m,) what may be missing: 0 where all numbers are whole.
    need
        (m,) what is missing, below 0 if there is more than needed.
    is_in, was_in
        (n,) columns of the solution, and of the one before.
    needed
        (m,) ``need`` of the one before.
    key, heap, where, taste
        (n,) of the heap: cost for each gain; column by place; place, -1 outside; factor of the cost.
    random
        (1,) a random stream.
    """

    indptr: np.ndarray
    rows: np.ndarray
    coefs: np.ndarray
    cost: np.ndarray
    dear: np.ndarray
    share: np.ndarray
    slack: np.ndarray
    need: np.ndarray
    is_in: np.ndarray
    was_in: np.ndarray
    needed: np.ndarray
    key: np.ndarray
    heap: np.ndarray
    where: np.ndarray
    taste: np.ndarray
    random: np.ndarray


def make_covering(
    indptr: np.ndarray,
    rows: np.ndarray,
    coefs: np.ndarray,
    cost: np.ndarray,
    need: np.ndarray,
    slack: np.ndarray,
    seed: int,
) -> Covering:
    """With an empty solution, and tastes that differ from seed to seed but for 0; all columns must meet every row."""
    n, m = len(cost), len(need)
    taste = 1.0 + _TASTE * np.random.default_rng(seed).random(n) if seed else np.ones(n)
    return Covering(
        indptr=indptr.astype(np.int64),
        rows=rows.astype(np.int32),
        coefs=coefs.astype(np.float64),
        cost=cost.astype(np.float64),
        dear=np.argsort(-cost, kind="stable"),
        share=np.divide(1.0, need, out=np.zeros(m), where=need > 0),
        slack=slack.astype(np.float64),
        need=need.astype(np.float64),
        is_in=np.zeros(n, np.bool_),
        was_in=np.zeros(n, np.bool_),
        needed=np.zeros(m),
        key=np.zeros(n),
        heap=np.zeros(n, np.int64),
        where=np.full(n, -1, np.int64),
        taste=taste,
        random=stream(seed),
    )


@jit
def greedy(c: Covering) -> float:
    """Meet all rows that are not met yet, and let go of what is not needed; returns what the solution costs."""
    size = 0
    for j in range(len(c.cost)):
        if not c.is_in[j]:
            gain = _gain(c, j)
            if gain > 0:
                c.key[j] = c.taste[j] * c.cost[j] / gain
                size = heap_push(c.heap, c.where, c.key, size, j)
    while size > 0:
        j = heap_pop(c.heap, c.where, c.key, size)
        size -= 1
        gain = _gain(c, j)  # others came in since its key was made, so that it may be less
        if gain <= 0:
            continue
        key = c.taste[j] * c.cost[j] / gain
        if size > 0 and key > c.key[c.heap[0]]:
            c.key[j] = key
            size = heap_push(c.heap, c.where, c.key, size, j)
        else:
            _take(c, j)
    total = 0.0
    for j in c.dear:
        if c.is_in[j]:
            if _is_needed(c, j):
                total += c.cost[j]
            else:
                _leave(c, j)
    return total


@jit
def improve(c: Covering, cost: float, rounds: int) -> float:
    """Drop a part of a greedy solution and mend it, so many times; returns the cost, which was ``cost``."""
    for _ in range(rounds):
        _copy(c.is_in, c.was_in)
        _copy(c.need, c.needed)
        for j in range(len(c.cost)):
            c.taste[j] = 1.0 + _TASTE * uniform(c.random)
            if c.is_in[j] and uniform(c.random) < _DROPPED:
                _leave(c, j)
        total = greedy(c)
        if total <= cost:
            cost = total
        else:
            _copy(c.was_in, c.is_in)
            _copy(c.needed, c.need)
    return cost


@jit
def _copy(source: np.ndarray, target: np.ndarray) -> None:
    for i in range(len(source)):
        target[i] = source[i]


@jit
def _gain(c: Covering, j: int) -> float:
    """How much of what rows need the column gives, each row's need counting as 1."""
    gain = 0.0
    for k in range(c.indptr[j], c.indptr[j + 1]):
        i = c.rows[k]
        if c.need[i] > c.slack[i]:
            gain += min(c.coefs[k], c.need[i]) * c.share[i]
    return gain


@jit
def _is_needed(c: Covering, j: int) -> bool:
    for k in range(c.indptr[j], c.indptr[j + 1]):
        i = c.rows[k]
        if c.need[i] + c.coefs[k] > c.slack[i]:
            return True
    return False


@jit
def _take(c: Covering, j: int) -> None:
    c.is_in[j] = True
    for k in range(c.indptr[j], c.indptr[j + 1]):
        c.need[c.rows[k]] -= c.coefs[k]


@jit
def _leave(c: Covering, j: int) -> None:
    c.is_in[j] = False
    for k in range(c.indptr[j], c.indptr[j + 1]):
        c.need[c.rows[k]] += c.coefs[k]
