"""
Lagrangian relaxation of capacitated location problems: a bound, prices, and which facilities they favour.

The demands sum_i x_ij = 1 get multipliers u; what remains falls apart into a continuous knapsack for each facility
and one choice of facilities: of enough capacity (cflp), or of p (cpmp). Its best bound is that of the strong linear
relaxation with x_ij <= y_i [1]_. Multipliers follow the deflected subgradient [2]_. An iteration takes
O(m n + sorting of what knapsacks compete for).

References
----------
.. [1] Cornuejols, G., Sridharan, R., Thizy, J. M. (1991). A comparison of heuristics and relaxations for the
       capacitated plant location problem. *European Journal of Operational Research* 50(3): 280-297.
.. [2] Camerini, P. M., Fratta, L., Maffioli, F. (1975). On improving relaxation methods by modified gradient
       techniques. *Mathematical Programming Study* 3: 26-34.
"""

from __future__ import annotations

import numpy as np

from cosolve.core.jit import jit


@jit
def price_out(
    cost: np.ndarray,
    demand: np.ndarray,
    capacity: np.ndarray,
    fixed: np.ndarray,
    p: int,
    u: np.ndarray,
    served: np.ndarray,
    reduced: np.ndarray,
    rent: np.ndarray,
    y: np.ndarray,
) -> float:
    """
    Solve the relaxed problem at multipliers ``u``; fills the other arrays.

    Parameters
    ----------
    cost, demand, capacity, fixed
        (m, n), (n,), (m,), (m,).
    p
        Number of facilities to open, or 0 for as many as the total demand needs.
    u
        (n,) multipliers.
    served
        (n,) out: how much of each customer is served.
    reduced
        (m,) out: reduced cost of each facility; a solution that opens it (or closes it, where negative) costs
        at least the bound plus its absolute value.
    rent
        (m,) out: price of a unit of its capacity, >= 0.
    y
        (m,) out: how far each facility is open.

    Returns
    -------
    float
        Lower bound on the problem.
    """
    m, n = cost.shape
    ratio = np.empty(n)
    items = np.empty(n, np.int64)
    for i in range(m):
        count = 0
        load = 0.0
        value = 0.0
        for j in range(n):
            gain = cost[i, j] - u[j]
            if gain < 0:
                items[count] = j
                count += 1
                load += demand[j]
                value += gain
        rent[i] = 0.0
        if load > capacity[i]:
            for k in range(count):
                j = items[k]
                ratio[k] = (cost[i, j] - u[j]) / demand[j] if demand[j] > 0 else -np.inf
            order = np.argsort(ratio[:count], kind="mergesort")
            left = capacity[i]
            value = 0.0
            for k in range(count):
                j = items[order[k]]
                gain = cost[i, j] - u[j]
                if demand[j] <= left:
                    left -= demand[j]
                    value += gain
                else:
                    rent[i] = -ratio[order[k]]
                    value += gain * (left / demand[j])
                    break
        reduced[i] = fixed[i] + value
    bound = u.sum()
    y[:] = 0.0
    if p > 0:
        order = np.argsort(reduced, kind="mergesort")
        for k in range(p):
            y[order[k]] = 1.0
        # Any price between the last one taken and the first one left proves the same bound.
        price = reduced[order[p - 1]]
        if p < m:
            price = 0.5 * (price + reduced[order[p]])
        for k in range(p):
            bound += reduced[order[k]]
        for i in range(m):
            reduced[i] -= price
    else:
        missing = demand.sum()
        for i in range(m):
            if reduced[i] <= 0:
                y[i] = 1.0
                bound += reduced[i]
                missing -= capacity[i]
        price = 0.0
        if missing > 0:
            per_unit = np.empty(m)
            for i in range(m):
                per_unit[i] = np.inf if y[i] > 0 or capacity[i] <= 0 else reduced[i] / capacity[i]
            order = np.argsort(per_unit, kind="mergesort")
            for k in range(m):
                i = order[k]
                if missing <= 0 or per_unit[i] == np.inf:
                    break
                price = per_unit[i]
                y[i] = min(1.0, missing / capacity[i])
                bound += y[i] * reduced[i]
                missing -= capacity[i]
        for i in range(m):
            reduced[i] -= price * capacity[i]
    served[:] = 0.0
    for i in range(m):
        if y[i] <= 0:
            continue
        left = capacity[i]
        for j in range(n):
            if cost[i, j] - u[j] + rent[i] * demand[j] < -1e-12 * abs(u[j]):
                served[j] += y[i]
                left -= demand[j]
        if rent[i] > 0 and left > 0:
            # The critical customer takes what is left.
            for j in range(n):
                if demand[j] > 0 and abs(cost[i, j] - u[j] + rent[i] * demand[j]) <= 1e-12 * abs(u[j]):
                    part = min(left, demand[j])
                    served[j] += y[i] * part / demand[j]
                    left -= part
                    if left <= 0:
                        break
    return bound


@jit
def ascend(
    cost: np.ndarray,
    demand: np.ndarray,
    capacity: np.ndarray,
    fixed: np.ndarray,
    p: int,
    upper: float,
    iterations: int,
    state: np.ndarray,
    u: np.ndarray,
    direction: np.ndarray,
    best_u: np.ndarray,
    share: np.ndarray,
) -> None:
    """
    Some iterations of the deflected subgradient method, in place.

    Parameters
    ----------
    cost, demand, capacity, fixed, p
        As for :func:`price_out`.
    upper
        Value of a solution, or a guess: it only scales the steps.
    state
        (3,): step factor (start at 2), iterations without progress, best bound (start at -inf).
    u, direction, best_u
        (n,) current multipliers, direction and best multipliers.
    share
        (m,) running average of how far each facility is open.
    """
    m, n = cost.shape
    served, reduced, rent, y = np.empty(n), np.empty(m), np.empty(m), np.empty(m)
    for _ in range(iterations):
        bound = price_out(cost, demand, capacity, fixed, p, u, served, reduced, rent, y)
        if bound > state[2] + 1e-7 * abs(state[2]):
            state[1] = 0.0
        else:
            state[1] += 1.0
        if bound > state[2]:
            state[2] = bound
            best_u[:] = u
        if state[1] >= 12:
            state[0] *= 0.6
            state[1] = 0.0
            u[:] = best_u
            direction[:] = 0.0
            continue
        norm = 0.0
        for j in range(n):
            direction[j] = 0.3 * direction[j] + 1.0 - served[j]
            norm += direction[j] * direction[j]
        if norm < 1e-12:
            state[0] = 0.0
            return
        step = state[0] * max(upper - bound, 1e-4 * abs(upper)) / norm
        for j in range(n):
            u[j] = max(0.0, u[j] + step * direction[j])
        for i in range(m):
            share[i] = 0.9 * share[i] + 0.1 * y[i]
