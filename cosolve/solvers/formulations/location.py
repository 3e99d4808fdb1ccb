"""The strong relaxation of location problems by Lagrangian multipliers, shared by cflp and cpmp."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosolve.core.instance import frozen_array
from cosolve.core.monitor import Monitor
from cosolve.search.location import ascend, price_out

#: Iterations at most, and at a time between two looks at the clock for a million pairs.
_ITERATIONS, _SLICE = 600, 10


@dataclass(frozen=True)
class Relaxation:
    """
    Near-optimal multipliers of the strong relaxation.

    Parameters
    ----------
    bound
        Lower bound of the problem.
    reduced_x, reduced_y
        (m, n) and (m,) reduced costs: a solution costs at least ``bound`` plus those of what it uses; a facility
        with a negative one costs as much when it is closed. Shares of x count only in part.
    facility, customer
        Pairs that pay at these prices: where rows x_ij <= y_i bind.
    share
        (m,) how far each facility was open on the average.
    multipliers
        (n,).
    """

    bound: float
    reduced_x: np.ndarray
    reduced_y: np.ndarray
    facility: np.ndarray
    customer: np.ndarray
    share: np.ndarray
    multipliers: np.ndarray


def relax(
    cost: np.ndarray,
    demand: np.ndarray,
    capacity: np.ndarray,
    fixed: np.ndarray,
    p: int | None,
    monitor: Monitor | None,
    upper: float | None = None,
    iterations: int = _ITERATIONS,
) -> Relaxation:
    """
    Approach the strong relaxation from below; what it has when the time is up is valid too.

    Parameters
    ----------
    cost
        (m, n) cost of all of a customer's demand.
    demand, capacity, fixed
        (n,), (m,) and (m,).
    p
        Number of facilities to open, or ``None`` for any number.
    upper
        Objective of a solution, if one is known.
    """
    m, n = cost.shape
    # One memory layout and no way to write, so that the kernels are compiled once.
    cost, demand, capacity, fixed = (frozen_array(a) for a in (cost, demand, capacity, fixed))
    count = 0 if p is None else p
    even = np.divide(fixed, capacity, out=np.zeros(m), where=capacity > 0)
    u = (cost + np.outer(even, demand)).min(axis=0)
    if p is not None:
        # A node is its own cheapest median; about as far as 1 in 2p is a fair guess of what it costs.
        near = min(m - 1, m // (2 * p) + 1)
        u = np.partition(cost, near, axis=0)[near]
    best_u, direction, share = u.copy(), np.zeros(n), np.zeros(m)
    state = np.array([2.0, 0.0, -np.inf])
    status, need = np.zeros(m, np.int8), 0 if count else least_number(capacity, float(demand.sum()))
    size = max(1, min(_SLICE, 20_000_000 // cost.size))
    for _ in range(0, iterations, size):
        guess = upper if upper is not None else 1.03 * max(state[2], float(u.sum())) + 1e-9
        ascend(
            cost, demand, capacity, fixed, count, need, status, guess, np.inf, size, state, u, direction, best_u, share
        )
        if state[0] < 1e-3 or (monitor is not None and monitor.should_stop()):
            break
        if upper is not None and state[2] >= upper - 1e-9 * abs(upper):
            break
    reduced_y, rent = np.empty(m), np.empty(m)
    bound = price_out(
        cost, demand, capacity, fixed, count, need, status, best_u, np.empty(n), reduced_y, rent, np.empty(m)
    )
    reduced = cost - best_u + np.outer(rent, demand)
    facility, customer = np.nonzero(reduced < 1e-9 * (1.0 + np.abs(best_u)))
    return Relaxation(bound - 1e-9 * abs(bound), np.maximum(reduced, 0.0), reduced_y, facility, customer, share, best_u)


def least_number(capacity: np.ndarray, total: float) -> int:
    """Fewest facilities whose capacity can meet a total demand; all of them if none can."""
    if total <= 0:
        return 0
    # Rounding must not ask for one facility too many.
    needed = 1 + int(np.searchsorted(np.cumsum(-np.sort(-capacity)), total * (1 - 1e-9)))
    return min(needed, len(capacity))


def row_unit(demand: np.ndarray, capacity: np.ndarray) -> float:
    """
    What to divide demands and capacities by in a model: 1 for the usual numbers, else a power of two, which is exact.

    Backends keep rows to an absolute 10^-6 or so: nothing would be left of smaller capacities.
    """
    largest = min(float(demand.sum()), float(capacity.max()))
    return 1.0 if largest == 0 or 1 <= largest <= 1e6 else float(2.0 ** np.floor(np.log2(largest) - 9))
