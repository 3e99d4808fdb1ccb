"""
Lagrangian relaxation of capacitated location problems: a bound, prices, and which facilities they favour.

The demands sum_i x_ij = 1 get multipliers u; what remains falls apart into a continuous knapsack for each facility
and one choice of facilities: of enough capacity and number (cflp), or of p (cpmp). Its best bound is that of the
strong linear relaxation with x_ij <= y_i [1]_ and a row on the number of facilities. Multipliers follow the deflected
subgradient [2]_. An iteration takes O(m n): knapsacks are filled by selection, not by sorting.

References
----------
.. [1] Cornuejols, G., Sridharan, R., Thizy, J. M. (1991). A comparison of heuristics and relaxations for the
       capacitated plant location problem. *European Journal of Operational Research* 50(3): 280-297.
.. [2] Camerini, P. M., Fratta, L., Maffioli, F. (1975). On improving relaxation methods by modified gradient
       techniques. *Mathematical Programming Study* 3: 26-34.
"""

from __future__ import annotations

import numpy as np

from cosolve.core.jit import jit, jit_allocating


@jit
def _fill(ratio: np.ndarray, items: np.ndarray, count: int, demand: np.ndarray, room: float) -> tuple[float, float]:
    """
    Fill a continuous knapsack with the smallest (negative) ratios; its value and the ratio that no longer fits.

    Quickselect on the weights; ``ratio`` and ``items`` are reordered.
    """
    lo, hi, value = 0, count, 0.0
    while hi - lo > 1:
        a, b, c = ratio[lo], ratio[(lo + hi) // 2], ratio[hi - 1]
        pivot = max(min(a, b), min(max(a, b), c))
        # Three parts: below the pivot, equal to it, above.
        low, at, high = lo, lo, hi
        weight, worth, equal = 0.0, 0.0, 0.0
        while at < high:
            r, j = ratio[at], items[at]
            if r < pivot:
                ratio[at], items[at] = ratio[low], items[low]
                ratio[low], items[low] = r, j
                weight += demand[j]
                worth += r * demand[j]
                low += 1
                at += 1
            elif r > pivot:
                high -= 1
                ratio[at], items[at] = ratio[high], items[high]
                ratio[high], items[high] = r, j
            else:
                equal += demand[j]
                at += 1
        if weight > room:
            hi = low
        elif weight + equal >= room:
            return value + worth + pivot * (room - weight), pivot
        else:
            room -= weight + equal
            value += worth + pivot * equal
            lo = high
    if hi > lo:
        part = min(room, demand[items[lo]])
        return value + ratio[lo] * part, ratio[lo]
    return value, 0.0


@jit_allocating
def _choose_number(reduced: np.ndarray, status: np.ndarray, need: int, is_exact: bool, y: np.ndarray) -> float:
    """
    Open ``need`` facilities at least (or exactly) at least cost; their cost, infinity if there are too few.

    ``reduced`` becomes what a facility costs above (if closed) or saves below (if open) that.
    """
    m = len(reduced)
    key = np.empty(m)
    forced, free = 0, 0
    total = 0.0
    for i in range(m):
        key[i] = reduced[i]
        if status[i] > 0:
            key[i] = -np.inf
            forced += 1
        elif status[i] < 0:
            key[i] = np.inf
        else:
            free += 1
    if forced + free < need or (is_exact and forced > need):
        return np.inf
    order = np.argsort(key, kind="mergesort")
    taken = forced
    while taken < forced + free and (taken < need or (not is_exact and reduced[order[taken]] <= 0)):
        taken += 1
    y[:] = 0.0
    for k in range(taken):
        y[order[k]] = 1.0
        total += reduced[order[k]]
    # Any price between the last one taken and the first one left proves the same bound, except that a row that
    # is not tight has none: each side gets the one that tells most about it.
    low, high = 0.0, 0.0
    if is_exact or taken == need:
        low = reduced[order[taken - 1]] if taken > forced else -np.inf
        high = reduced[order[taken]] if taken < forced + free else np.inf
        if not is_exact:
            low, high = max(low, 0.0), max(high, 0.0)
    for i in range(m):
        if status[i] == 0:
            price = high if y[i] > 0 else low
            reduced[i] -= price
    return total


@jit_allocating
def _choose_capacity(
    reduced: np.ndarray, status: np.ndarray, capacity: np.ndarray, missing: float, y: np.ndarray
) -> float:
    """As :func:`_choose_number` for facilities of a total capacity of ``missing``, the last one in part."""
    m = len(reduced)
    total = 0.0
    y[:] = 0.0
    slack = 1e-9 * missing
    for i in range(m):
        if status[i] > 0 or (status[i] == 0 and reduced[i] <= 0):
            y[i] = 1.0
            total += reduced[i]
            missing -= capacity[i]
    if missing <= slack:
        return total
    per_unit = np.empty(m)
    for i in range(m):
        is_free = status[i] == 0 and y[i] == 0 and capacity[i] > 0
        per_unit[i] = reduced[i] / capacity[i] if is_free else np.inf
    order = np.argsort(per_unit, kind="mergesort")
    price = 0.0
    for k in range(m):
        i = order[k]
        if missing <= slack or per_unit[i] == np.inf:
            break
        price = per_unit[i]
        y[i] = min(1.0, missing / capacity[i])
        total += y[i] * reduced[i]
        missing -= capacity[i]
    if missing > slack:
        return np.inf
    for i in range(m):
        if status[i] == 0:
            reduced[i] -= price * capacity[i]
    return total


@jit_allocating
def price_out(
    cost: np.ndarray,
    demand: np.ndarray,
    capacity: np.ndarray,
    fixed: np.ndarray,
    p: int,
    need: int,
    status: np.ndarray,
    u: np.ndarray,
    served: np.ndarray,
    reduced: np.ndarray,
    rent: np.ndarray,
    y: np.ndarray,
) -> float:
    """
    Solve the relaxed problem at multipliers ``u``; fills the arrays after it.

    Parameters
    ----------
    cost, demand, capacity, fixed
        (m, n), (n,), (m,), (m,).
    p
        Number of facilities to open, or 0 for as many as the total demand needs.
    need
        Without ``p``: number of facilities that every solution opens at least.
    status
        (m,) int8: 1 for facilities that must be open, -1 for closed ones, 0 for the others.
    u
        (n,) multipliers.
    served
        (n,) out: how much of each customer is served.
    reduced
        (m,) out: reduced cost of each facility; a solution that opens it (or closes it, where negative) costs
        at least the bound plus its absolute value. Undefined for facilities that are not free.
    rent
        (m,) out: price of a unit of its capacity, >= 0.
    y
        (m,) out: how far each facility is open.

    Returns
    -------
    float
        Lower bound on the problem; infinity if the status leaves no solution.
    """
    m, n = cost.shape
    ratio = np.empty(n)
    items = np.empty(n, np.int64)
    for i in range(m):
        rent[i] = 0.0
        reduced[i] = 0.0
        if status[i] < 0:
            continue
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
        if load > capacity[i]:
            value = 0.0
            kept = 0
            for k in range(count):
                j = items[k]
                gain = cost[i, j] - u[j]
                if demand[j] > 0:
                    items[kept] = j
                    ratio[kept] = gain / demand[j]
                    kept += 1
                else:
                    value += gain
            part, last = _fill(ratio, items, kept, demand, capacity[i])
            value += part
            rent[i] = -last
        reduced[i] = fixed[i] + value
    y[:] = 0.0
    if p > 0:
        chosen = _choose_number(reduced, status, p, True, y)
    else:
        # Enough capacity or enough facilities: the better bound of the two.
        other, other_y = reduced.copy(), np.empty(m)
        chosen = _choose_capacity(reduced, status, capacity, demand.sum(), y)
        by_number = _choose_number(other, status, need, False, other_y) if need > 0 else -np.inf
        if by_number > chosen:
            chosen = by_number
            reduced[:] = other
            y[:] = other_y
    served[:] = 0.0
    if chosen == np.inf:
        return np.inf
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
    # Large multipliers cancel out here: what rounding may have added does not count.
    return u.sum() + chosen - 1e-13 * np.abs(u).sum()


@jit_allocating
def ascend(
    cost: np.ndarray,
    demand: np.ndarray,
    capacity: np.ndarray,
    fixed: np.ndarray,
    p: int,
    need: int,
    status: np.ndarray,
    upper: float,
    cutoff: float,
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
    cost, demand, capacity, fixed, p, need
        As for :func:`price_out`.
    status
        (m,) as there; facilities get fixed here where reduced costs show that ``cutoff`` allows no other choice.
    upper
        Value of a solution, or a guess: it only scales the steps.
    cutoff
        Solutions that cost as much or more are of no interest; infinity for none. Reaching it ends the ascent.
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
        bound = price_out(cost, demand, capacity, fixed, p, need, status, u, served, reduced, rent, y)
        if bound > state[2] + 1e-7 * abs(state[2]):
            state[1] = 0.0
        else:
            state[1] += 1.0
        if bound > state[2]:
            state[2] = bound
            best_u[:] = u
        if bound >= cutoff:
            state[0] = 0.0
            return
        for i in range(m):
            if status[i] == 0:
                if bound + reduced[i] > cutoff:
                    status[i] = -1
                elif bound - reduced[i] > cutoff:
                    status[i] = 1
        if state[1] >= 12:
            state[0] *= 0.6
            state[1] = 0.0
            u[:] = best_u
            direction[:] = 0.0
            continue
        norm, violated = 0.0, 0.0
        for j in range(n):
            violated += (1.0 - served[j]) ** 2
            direction[j] = 0.3 * direction[j] + 1.0 - served[j]
            norm += direction[j] * direction[j]
        # Without a violated demand the bound is at its best; what is left of the direction must not be followed.
        if violated < 1e-12 or norm < 1e-12:
            state[0] = 0.0
            return
        step = state[0] * max(upper - bound, 1e-4 * abs(upper)) / norm
        for j in range(n):
            u[j] = max(0.0, u[j] + step * direction[j])
        for i in range(m):
            share[i] = 0.9 * share[i] + 0.1 * y[i]
