"""
Local search of capacitated facility location: open, close and swap, each with the exact optimum of the supply.

For fixed open facilities the supply is a transportation problem. It is kept optimal while facilities open and
close, by shortest augmenting paths over the open facilities alone [1]_: an arc a -> b moves the customer of a that
costs least to move. A path takes O(q^2) per round of Bellman and Ford for q open facilities, plus O(n + q n / q)
for each facility on it, whose arcs are then found anew.

References
----------
.. [1] Ahuja, R. K., Magnanti, T. L., Orlin, J. B. (1993). *Network Flows*. Section 9.7.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cosolve.core.jit import jit, jit_allocating

_EPS = 1e-9


@jit
def _arcs_of(a: int, unit: np.ndarray, flow: np.ndarray, is_open: np.ndarray, arc: np.ndarray, via: np.ndarray) -> None:
    """Cheapest way to move a unit of supply from facility a to each other open one."""
    m, n = flow.shape
    arc[a, :] = np.inf
    for j in range(n):
        if flow[a, j] > 0:
            own = unit[j, a]
            for b in range(m):
                if is_open[b] and unit[j, b] - own < arc[a, b]:
                    arc[a, b] = unit[j, b] - own
                    via[a, b] = j
    arc[a, a] = np.inf


@jit
def _all_arcs(unit: np.ndarray, flow: np.ndarray, is_open: np.ndarray, arc: np.ndarray, via: np.ndarray) -> None:
    for a in range(len(is_open)):
        arc[a, :] = np.inf
        if is_open[a]:
            _arcs_of(a, unit, flow, is_open, arc, via)


@jit
def _shortest(dist: np.ndarray, before: np.ndarray, arc: np.ndarray, opened: np.ndarray) -> None:
    """
    Bellman and Ford from all facilities at their initial ``dist``.

    What counts as shorter is measured by the numbers compared: against the largest cost of the instance, which may
    stand for a way that is not there, real ones would be nothing.
    """
    q = len(opened)
    for _ in range(q):
        changed = False
        for x in range(q):
            a = opened[x]
            base = dist[a]
            if base == np.inf:
                continue
            for z in range(q):
                b = opened[z]
                new = base + arc[a, b]
                if new < dist[b] - 1e-13 * (abs(base) + abs(arc[a, b]) + abs(dist[b])):
                    dist[b] = new
                    before[b] = a
                    changed = True
        if not changed:
            return


@jit
def _push(
    end: int,
    amount: float,
    before: np.ndarray,
    unit: np.ndarray,
    flow: np.ndarray,
    is_open: np.ndarray,
    arc: np.ndarray,
    via: np.ndarray,
) -> int:
    """Move ``amount`` along the path that ends at ``end``; returns where it begins."""
    b = end
    while before[b] >= 0:
        a = before[b]
        j = via[a, b]
        held = flow[a, j]
        flow[a, j] -= amount
        if flow[a, j] < _EPS * held:
            # What rounding leaves goes along, so that no demand gets lost.
            flow[b, j] += flow[a, j]
            flow[a, j] = 0.0
        flow[b, j] += amount
        b = a
    start = b
    b = end
    while before[b] >= 0:
        _arcs_of(b, unit, flow, is_open, arc, via)
        b = before[b]
    _arcs_of(start, unit, flow, is_open, arc, via)
    return start


@jit
def _room_on_path(end: int, amount: float, before: np.ndarray, flow: np.ndarray, via: np.ndarray) -> float:
    b, steps = end, 0
    while before[b] >= 0:
        amount = min(amount, flow[before[b], via[before[b], b]])
        b = before[b]
        steps += 1
        if steps > len(before):
            return 0.0  # a cycle made by rounding
    return amount


@jit_allocating
def serve(
    j: int,
    amount: float,
    unit: np.ndarray,
    flow: np.ndarray,
    slack: np.ndarray,
    is_open: np.ndarray,
    arc: np.ndarray,
    via: np.ndarray,
) -> bool:
    """Serve ``amount`` more of customer j at least cost; False if there is no capacity left."""
    m = len(slack)
    opened = np.flatnonzero(is_open)
    if len(opened) == 0:
        return False
    # No path into a facility with room costs less than nothing, or the supply so far would not be optimal: a
    # customer whose cheapest facility has room goes there.
    cheapest = opened[0]
    for a in opened:
        if unit[j, a] < unit[j, cheapest]:
            cheapest = a
    if slack[cheapest] >= amount:
        flow[cheapest, j] += amount
        slack[cheapest] -= amount
        for b in opened:
            if b != cheapest and unit[j, b] - unit[j, cheapest] < arc[cheapest, b]:
                arc[cheapest, b] = unit[j, b] - unit[j, cheapest]
                via[cheapest, b] = j
        return True
    before = np.empty(m, np.int64)
    dist = np.empty(m)
    total = amount
    while amount > _EPS * total:
        before[:] = -1
        for a in opened:
            dist[a] = unit[j, a]
        _shortest(dist, before, arc, opened)
        end = -1
        for a in opened:
            if slack[a] > _EPS * total and (end < 0 or dist[a] < dist[end]):
                end = int(a)
        if end < 0:
            return False
        part = _room_on_path(end, min(amount, slack[end]), before, flow, via)
        if part <= 0:
            return False
        first = end
        while before[first] >= 0:
            first = int(before[first])
        flow[first, j] += part
        slack[end] -= part
        _push(end, part, before, unit, flow, is_open, arc, via)
        amount -= part
    if amount > 0:
        best = -1
        for a in opened:
            if flow[a, j] > 0 and (best < 0 or flow[a, j] > flow[best, j]):
                best = int(a)
        flow[best, j] += amount
        slack[best] -= amount
    return True


@jit
def close(
    k: int,
    unit: np.ndarray,
    flow: np.ndarray,
    slack: np.ndarray,
    capacity: np.ndarray,
    is_open: np.ndarray,
    arc: np.ndarray,
    via: np.ndarray,
) -> bool:
    """Close facility k and serve its customers from the others; False, with a broken state, if that can't be."""
    left = 0.0
    for a in range(len(slack)):
        if is_open[a] and a != k:
            left += slack[a]
    if left < capacity[k] - slack[k] - _EPS * capacity[k]:
        return False
    is_open[k] = False
    arc[k, :] = np.inf
    arc[:, k] = np.inf
    slack[k] = 0.0
    for j in range(flow.shape[1]):
        amount = flow[k, j]
        if amount > 0:
            flow[k, j] = 0.0
            if not serve(j, amount, unit, flow, slack, is_open, arc, via):
                return False
    return True


@jit_allocating
def open_up(
    k: int,
    unit: np.ndarray,
    flow: np.ndarray,
    slack: np.ndarray,
    capacity: np.ndarray,
    is_open: np.ndarray,
    arc: np.ndarray,
    via: np.ndarray,
) -> None:
    """Open facility k and move to it what gains by that."""
    is_open[k] = True
    slack[k] = capacity[k]
    arc[k, :] = np.inf
    m, n = flow.shape
    for a in range(m):
        if is_open[a] and a != k:
            arc[a, k] = np.inf
            for j in range(n):
                if flow[a, j] > 0 and unit[j, k] - unit[j, a] < arc[a, k]:
                    arc[a, k] = unit[j, k] - unit[j, a]
                    via[a, k] = j
    opened = np.flatnonzero(is_open)
    before = np.empty(m, np.int64)
    dist = np.empty(m)
    for _ in range(20 * n):
        if slack[k] <= _EPS * capacity[k]:
            return
        before[:] = -1
        dist[:] = 0.0
        dist[k] = 1e300
        _shortest(dist, before, arc, opened)
        if before[k] < 0:
            return
        a, j = before[k], via[before[k], k]
        if dist[k] >= -1e-9 * (abs(unit[j, a]) + abs(unit[j, k])):
            return
        part = _room_on_path(k, slack[k], before, flow, via)
        if part <= 0:
            return
        slack[k] -= part
        start = _push(k, part, before, unit, flow, is_open, arc, via)
        slack[start] += part


@jit
def supply_cost(unit: np.ndarray, flow: np.ndarray, fixed: np.ndarray, is_open: np.ndarray) -> float:
    """Fixed costs and costs of supply."""
    total = 0.0
    for a in range(len(fixed)):
        if is_open[a]:
            total += fixed[a]
            for j in range(flow.shape[1]):
                if flow[a, j] > 0:
                    total += flow[a, j] * unit[j, a]
    return total


@jit_allocating
def excess(unit: np.ndarray, flow: np.ndarray, slack: np.ndarray, is_open: np.ndarray) -> float:
    """
    How much a supply costs above a bound for all supplies from the open facilities; nothing but rounding if optimal.

    The bound is that of linear programming duality at a price for the room of each facility: what an augmenting path
    that ends there saves. It holds whatever the paths leave out, as prices need only not be negative.
    """
    m, n = flow.shape
    arc, via = np.full((m, m), np.inf), np.zeros((m, m), np.int64)
    _all_arcs(unit, flow, is_open, arc, via)
    opened = np.flatnonzero(is_open)
    dist, before = np.zeros(m), np.full(m, -1)
    _shortest(dist, before, arc, opened)
    total = 0.0
    for a in opened:
        total += max(0.0, slack[a]) * -dist[a]
    for j in range(n):
        least = np.inf
        for a in opened:
            least = min(least, unit[j, a] - dist[a])
        for a in opened:
            if flow[a, j] > 0:
                total += flow[a, j] * (unit[j, a] - dist[a] - least)
    return total


@jit
def serve_some(
    first: int,
    last: int,
    unit: np.ndarray,
    demand: np.ndarray,
    flow: np.ndarray,
    slack: np.ndarray,
    is_open: np.ndarray,
    arc: np.ndarray,
    via: np.ndarray,
    at_once: bool,
) -> bool:
    """Serve customers ``first`` to ``last - 1``; with ``at_once`` wherever there is room now, not optimally."""
    for j in range(first, last):
        if demand[j] <= 0:
            continue
        if not at_once:
            if not serve(j, demand[j], unit, flow, slack, is_open, arc, via):
                return False
            continue
        left = demand[j]
        while left > 0:
            best = -1
            for a in range(len(slack)):
                if is_open[a] and slack[a] > 0 and (best < 0 or unit[j, a] < unit[j, best]):
                    best = a
            if best < 0:
                return left <= _EPS * demand[j]
            part = min(left, slack[best])
            flow[best, j] += part
            slack[best] -= part
            left -= part
    return True


def transport(
    unit: np.ndarray,
    demand: np.ndarray,
    capacity: np.ndarray,
    is_open: np.ndarray,
    flow: np.ndarray,
    slack: np.ndarray,
    should_stop: Callable[[], bool] | None = None,
) -> tuple[bool, bool]:
    """
    Optimal supply from the open facilities, from nothing.

    Parameters
    ----------
    unit, demand, capacity, is_open
        (n, m), (n,), (m,), (m,).
    flow, slack
        (m, n), (m,) out.
    should_stop
        Asked now and then; once it says so, the customers left go to the cheapest facilities that have room.

    Returns
    -------
    bool
        Whether all are served; False if the open capacity is too small.
    bool
        Whether that is optimal.
    """
    m, n = flow.shape
    flow[:] = 0.0
    slack[:] = np.where(is_open, capacity, 0.0)
    arc, via = np.full((m, m), np.inf), np.zeros((m, m), np.int64)
    # Some 50 ms each.
    size = max(1, 10_000_000 // max(1, int(is_open.sum()) ** 2))
    is_exact = True
    for first in range(0, n, size):
        is_exact = is_exact and not (should_stop is not None and should_stop())
        last = n if not is_exact else min(n, first + size)
        if not serve_some(first, last, unit, demand, flow, slack, is_open, arc, via, not is_exact):
            return False, is_exact
        if not is_exact:
            break
    return True, is_exact


@jit
def _try(
    drop: int,
    add: int,
    unit: np.ndarray,
    capacity: np.ndarray,
    fixed: np.ndarray,
    flow: np.ndarray,
    slack: np.ndarray,
    is_open: np.ndarray,
    arc: np.ndarray,
    via: np.ndarray,
) -> float:
    """Make a move; its new cost, or infinity."""
    if add >= 0:
        open_up(add, unit, flow, slack, capacity, is_open, arc, via)
    if drop >= 0 and not close(drop, unit, flow, slack, capacity, is_open, arc, via):
        return np.inf
    return supply_cost(unit, flow, fixed, is_open)


@jit_allocating
def improve(
    unit: np.ndarray,
    capacity: np.ndarray,
    fixed: np.ndarray,
    weight: np.ndarray,
    near: np.ndarray,
    flow: np.ndarray,
    slack: np.ndarray,
    is_open: np.ndarray,
    draws: np.ndarray,
    temperature: float,
    cost: float,
) -> float:
    """
    Try one random move per row of ``draws``; better ones stay, worse ones with Metropolis' probability.

    Parameters
    ----------
    unit
        (n, m) cost per unit, by customer.
    capacity, fixed
        (m,).
    weight
        (m,) positive: how likely a facility is tried as a new one.
    near
        (m, k) facilities to swap each one with.
    flow, slack, is_open
        (m, n), (m,), (m,) state: an optimal supply; changed in place.
    draws
        (moves, 4) uniform random numbers.
    temperature
        Loss that is accepted with probability 1/e; 0 for none.
    cost
        Cost of the state.

    Returns
    -------
    float
        Cost of the new state.
    """
    m = len(fixed)
    arc, via = np.full((m, m), np.inf), np.zeros((m, m), np.int64)
    _all_arcs(unit, flow, is_open, arc, via)
    total_weight = np.cumsum(weight)
    for draw in draws:
        opened = np.flatnonzero(is_open)
        drop, add = -1, -1
        if draw[0] < 0.6:
            drop = int(opened[min(int(draw[1] * len(opened)), len(opened) - 1)])
            add = int(near[drop, min(int(draw[2] * near.shape[1]), near.shape[1] - 1)])
            if draw[0] < 0.2:
                add = int(np.searchsorted(total_weight, draw[2] * total_weight[m - 1]))
        elif draw[0] < 0.8:
            drop = int(opened[min(int(draw[1] * len(opened)), len(opened) - 1)])
        else:
            add = int(np.searchsorted(total_weight, draw[1] * total_weight[m - 1]))
        if add >= m or (add >= 0 and is_open[add]) or (add < 0 and len(opened) == 1):
            continue
        old_flow, old_slack, old_open = flow.copy(), slack.copy(), is_open.copy()
        old_arc, old_via = arc.copy(), via.copy()
        new = _try(drop, add, unit, capacity, fixed, flow, slack, is_open, arc, via)
        loss = new - cost
        if loss < -1e-9 * abs(cost) or (temperature > 0 and loss < -temperature * np.log(max(draw[3], 1e-300))):
            cost = new
        else:
            flow[:], slack[:], is_open[:] = old_flow, old_slack, old_open
            arc[:], via[:] = old_arc, old_via
    return cost
